//! `tagout audit erase`: free texts of an entry removed for good, and a record of it.

use tagout_core::actor::Role;
use tagout_core::approval::Person;
use tagout_core::limits;
use tagout_core::text::FreeText;
use tagout_log::Commitment;

use crate::cli::approvals::Who;
use crate::cli::{Failure, Home, Outcome, print_json};
use crate::journal::{Erasure, Journal};
use crate::store::Store;

use super::open;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The entry's number, as `tagout audit show` prints it.
    entry: u64,
    /// Why: it is recorded.
    #[arg(long)]
    reason: String,
    /// Only this text, by its commitment, which `tagout audit prove` shows. May be given again
    /// [default: every text of the entry].
    #[arg(long, value_name = "HEX")]
    text: Vec<Commitment>,
    #[command(flatten)]
    who: Who,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(home: &Home, args: &Args) -> Outcome {
    let by = args.who.person()?;
    let reason = args.reason.trim();
    if reason.is_empty() || reason.len() > limits::REASON_BYTES {
        let most = limits::REASON_BYTES;
        return Err(Failure::BadInput(format!("the reason must have 1 to {most} bytes")));
    }
    let (dir, mut journal, signer) = open(home)?;
    allowed(&journal, &by)?;
    if args.entry >= journal.log().size() {
        return Err(Failure::BadInput(format!(
            "there is no entry {}; the log has {} entries, counted from 0",
            args.entry,
            journal.log().size()
        )));
    }
    let kept = journal.texts_of(args.entry)?;
    if let Some(strange) = args.text.iter().find(|text| !kept.contains(text)) {
        return Err(Failure::BadInput(format!(
            "entry {} keeps no text {strange}; it may be erased or archived already",
            args.entry
        )));
    }
    if kept.is_empty() {
        return Err(Failure::BadInput(format!(
            "entry {} keeps no text; what was archived goes with the archive's file",
            args.entry
        )));
    }
    let texts = if args.text.is_empty() { &kept } else { &args.text };
    let erasure = Erasure { by, reason: FreeText::from(reason) };
    let recorded = journal.erase(args.entry, texts, &erasure)?;
    // What says that the texts are gone is signed as well.
    dir.sign(&mut journal, &signer)?;
    if let Store::Sqlite(store) = journal.log().storage()
        && !store.empty_write_ahead_log()?
    {
        anstream::eprintln!(
            "tagout: the texts are erased, but tagout.db-wal could not be emptied now and may \
             still hold their bytes until nothing uses the log."
        );
    }
    if args.json {
        let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
        return print_json(&serde_json::json!({
            "entry": args.entry, "erased": texts, "recorded_in": recorded,
        }));
    }
    anstream::println!(
        "Erased {} texts of entry {}; entry {recorded} records it. Backups, exports and receipts \
         from before still hold them.",
        texts.len(),
        args.entry
    );
    Ok(())
}

/// Where people are known to the log, an admin erases.
fn allowed(journal: &Journal<Store>, by: &Person) -> Outcome {
    let people = &journal.shared().people;
    if people.is_empty() || people.actor(by).is_some_and(|actor| actor.role == Role::Admin) {
        return Ok(());
    }
    Err(Failure::BadInput(format!("{by} may not erase texts; an admin may (--as NAME)")))
}
