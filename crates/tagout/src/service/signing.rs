//! The signature over the log: every few seconds while it grows, and at the end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tagout_log::SignerKey;
use tokio::time::{MissedTickBehavior, interval};

use crate::contact::Contact;
use crate::data_dir::DataDir;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::store::Store;
use crate::writer::{NotRecorded, Writer};

/// How often the log is signed, if it grew.
const SIGNING: Duration = Duration::from_secs(10);
/// How often what grew is read for that.
const READING: Duration = Duration::from_secs(1);
/// How many entries are read for it in one turn: a few milliseconds in which nobody is answered.
const READ_PER_TURN: u64 = 2_048;

/// Signs the log every few seconds, if it grew and this replica leads.
pub(super) async fn sign_now_and_then(
    writer: Writer,
    (dir, signer, contact): (DataDir, Arc<SignerKey>, Arc<Contact>),
) {
    let mut ticks = interval(READING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    let mut due = Instant::now();
    loop {
        ticks.tick().await;
        if !contact.leads() {
            continue;
        }
        // In small parts, or everybody would wait for the signature over a busy ten seconds. If it
        // fails, so does signing, which says why.
        while Instant::now() < due && matches!(read_ahead(&writer).await, Ok(Ok(1..))) {}
        if Instant::now() < due {
            continue;
        }
        due = Instant::now() + SIGNING;
        let (dir, signer) = (dir.clone(), Arc::clone(&signer));
        let signed = writer.turn(move |engine| sign(engine, &dir, &signer)).await;
        let signed = signed.map_err(|e| e.to_string()).and_then(|s| s.map_err(|e| e.to_string()));
        if signed.is_err() != failing {
            failing = signed.is_err();
            match signed {
                Ok(_) => tracing::info!("the log is signed again"),
                Err(error) => tracing::error!(error, "the log cannot be signed"),
            }
        }
    }
}

/// Reads a part of what is to be signed next. Says how much is left.
async fn read_ahead(writer: &Writer) -> Result<Result<u64, Fault>, NotRecorded> {
    writer.turn(|engine| engine.journal_mut().read_ahead(READ_PER_TURN)).await
}

/// Signs the log, unless the last checkpoint covers all of it. Says how many entries it has.
#[allow(clippy::cast_precision_loss, reason = "a metric is a float")]
fn sign(engine: &mut Engine<Store>, dir: &DataDir, signer: &SignerKey) -> Result<u64, Fault> {
    let size = engine.journal().log().size();
    let last = engine.journal().last_checkpoint()?;
    if last.is_none_or(|last| last.checkpoint().size < size) {
        let chain = engine.journal().key_chain()?;
        // Rotated beside us: the file holds the key that is in force now.
        let given_up = chain.in_force(u64::MAX).is_some_and(|key| key != signer.verifier());
        let taken_over = if given_up { Some(dir.signer()?) } else { None };
        dir.sign(engine.journal_mut(), taken_over.as_ref().unwrap_or(signer))?;
    }
    metrics::gauge!("tagout_log_entries_signed").set(size as f64);
    Ok(size)
}

/// Signs the log as it is to stay. The replica that leads does; another one leaves that to it.
pub(super) async fn sign_at_the_end(
    writer: &Writer,
    dir: DataDir,
    signer: Arc<SignerKey>,
    leads: bool,
) -> Result<u64, String> {
    let last = writer.last(move |engine| match leads {
        true => sign(engine, &dir, &signer),
        false => Ok(engine.journal().log().size()),
    });
    last.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
}
