//! `tagout deliveries`: what a known sender sent and nobody could read.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Subcommand;
use serde::Serialize;
use tagout_core::actor::Act;
use tagout_core::digest::DeliveryDigest;
use tagout_core::event::Event;
use tagout_core::time::Time;

use crate::asks::SharedAsk;
use crate::engine::Taken;
use crate::fault::Fault;
use crate::journal::Journal;
use crate::rota::Recorded;
use crate::signals::{self, Message};
use crate::source::Source;
use crate::store::Store;
use crate::terminal::{printable, shortened};

use super::approvals::{Who, engine_with_runbooks};
use super::place::{allowed, bring_into_force};
use super::{Failure, Home, Outcome, print_json};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the quarantined deliveries.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the body of a quarantined delivery, as it arrived.
    Show {
        /// Its digest, or its first 12 digits or more.
        delivery: String,
    },
    /// Read a quarantined delivery again, after its source or a mapping was mended.
    Replay {
        /// Its digest, or its first 12 digits or more.
        delivery: String,
        #[command(flatten)]
        who: Who,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Put a quarantined delivery away unread.
    Dismiss {
        /// Its digest, or its first 12 digits or more.
        delivery: String,
        #[command(flatten)]
        who: Who,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// A quarantined delivery.
#[derive(Serialize)]
struct Kept {
    delivery: String,
    source: String,
    at: Time,
    why: String,
    bytes: u64,
    /// Whether all of the body is kept, so that it can be read again.
    whole: bool,
    #[serde(skip)]
    digest: DeliveryDigest,
    #[serde(skip)]
    body: Vec<u8>,
}

pub(super) fn run(home: &Home, command: &Command) -> Outcome {
    match command {
        Command::List { json } => list(&kept(&home.existing()?.journal()?)?, *json),
        Command::Show { delivery } => {
            let kept = kept(&home.existing()?.journal()?)?;
            let one = named(&kept, delivery)?;
            anstream::println!(
                "{}",
                crate::terminal::printable_lines(&String::from_utf8_lossy(&one.body))
            );
            Ok(())
        }
        Command::Replay { delivery, who, json } => replay(home, delivery, who, *json),
        Command::Dismiss { delivery, who, json } => {
            let mut engine = super::approvals::engine(home, None)?;
            let kept = kept(engine.journal())?;
            let digest = named(&kept, delivery)?.digest;
            let actor =
                allowed(&mut engine, Some(&who.person()?), &Recorded::default(), Act::Quiet, None)?;
            let ask = SharedAsk::LiftQuarantine { delivery: digest };
            engine.ask_shared(ask.command(&actor))?;
            say(*json, digest, &[], "is put away unread")
        }
    }
}

fn replay(home: &Home, delivery: &str, who: &Who, json: bool) -> Outcome {
    let person = who.person()?;
    let config = home.config()?;
    let mut engine = engine_with_runbooks(home, None)?;
    let actor = allowed(&mut engine, Some(&person), &Recorded::default(), Act::Quiet, None)?;
    let kept = kept(engine.journal())?;
    let one = named(&kept, delivery)?;
    if !one.whole {
        return Err(Failure::BadInput(format!(
            "only the beginning of its {} bytes is kept, so it cannot be read again; have it sent \
             again, or dismiss it",
            one.bytes
        )));
    }
    let unreadable = |why: String| Failure::BadInput(format!("it still cannot be read: {why}"));
    // The source as it is configured now; one that is gone leaves its format to be told.
    let source = config.sources.iter().find(|source| source.name == one.source);
    let read = match source {
        Some(written) => {
            let source = Source::load(written, &config.base_dir)?;
            source.read(&axum::http::HeaderMap::new(), &one.body)
        }
        None => signals::read(&one.body).map(Message::Alerts),
    };
    let Message::Alerts(delivery) = read.map_err(|e| unreadable(e.to_string()))? else {
        return Err(unreadable("it is no alert; dismiss it".into()));
    };
    bring_into_force(&home.dir()?, &mut engine)?;
    let taken = engine.receive(&delivery)?;
    let ask = SharedAsk::LiftQuarantine { delivery: one.digest };
    engine.ask_shared(ask.command(&actor))?;
    say(json, one.digest, &taken, "was read")
}

/// The quarantined deliveries, in the order in which they came.
fn kept(journal: &Journal<Store>) -> Result<Vec<Kept>, Failure> {
    let mut kept = Vec::new();
    for recorded in journal.history(None)? {
        let Event::DeliveryQuarantined { delivery, source, why, bytes, body, base64 } =
            recorded.event()
        else {
            continue;
        };
        if !journal.shared().is_quarantined(*delivery) {
            continue;
        }
        let body = if *base64 {
            let body = BASE64_STANDARD.decode(body.as_str());
            body.map_err(|e| Fault::damage(format!("entry {}: {e}", recorded.index())))?
        } else {
            body.as_str().as_bytes().to_vec()
        };
        kept.push(Kept {
            delivery: delivery.to_string(),
            source: source.clone(),
            at: recorded.at(),
            why: why.to_string(),
            bytes: *bytes,
            // An erased body is a short text that fits no digest.
            whole: DeliveryDigest::of_bytes(&body) == *delivery,
            digest: *delivery,
            body,
        });
    }
    Ok(kept)
}

fn named<'k>(kept: &'k [Kept], delivery: &str) -> Result<&'k Kept, Failure> {
    let long_enough = delivery.len() >= 12;
    let mut fitting = kept.iter().filter(|one| long_enough && one.delivery.starts_with(delivery));
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(Failure::BadInput(format!(
            "{delivery:?} names no quarantined delivery; `tagout deliveries list` shows them, and 12 \
             digits or more are needed"
        ))),
    }
}

fn list(kept: &[Kept], json: bool) -> Outcome {
    if json {
        return print_json(&kept);
    }
    if kept.is_empty() {
        anstream::println!("No delivery is quarantined.");
    }
    for one in kept {
        let digits = one.delivery.get(..12).unwrap_or_default();
        let part = if one.whole { "" } else { ", of which the beginning is kept" };
        let source = printable(&one.source);
        anstream::println!("{digits}  {}  {source}  {} bytes{part}", one.at, one.bytes);
        anstream::println!("    {}", shortened(&one.why, 100));
    }
    Ok(())
}

fn say(json: bool, delivery: DeliveryDigest, taken: &[Taken], what: &str) -> Outcome {
    let incidents: std::collections::BTreeSet<&str> = taken
        .iter()
        .filter_map(|one| match one {
            Taken::Incident(id) => Some(id.as_str()),
            Taken::Flawed(_) => None,
        })
        .collect();
    let flawed = taken.len() - taken.iter().filter(|t| matches!(t, Taken::Incident(_))).count();
    if json {
        let delivery = delivery.to_string();
        return print_json(&serde_json::json!({
            "delivery": delivery, "incidents": incidents, "flawed": flawed
        }));
    }
    anstream::println!("Delivery {} {what}.", delivery.short());
    for id in incidents {
        anstream::println!("  {}", printable(id));
    }
    if flawed > 0 {
        anstream::println!("  {flawed} of its alerts could not be read");
    }
    Ok(())
}
