//! `tagout freeze`: a change freeze, under which every plan is halted.

use tagout_core::time::{Span, Time};

use crate::asks::SharedAsk;

use super::approvals::Who;
use super::client::Server;
use super::place::{Needs, Place};
use super::windows::end;
use super::{Home, Outcome, print_json};
use crate::clock::now;

/// While `tagout serve` runs, ask it with --server: it knows you by your token.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Declare a change freeze.
    On {
        #[command(flatten)]
        who: Who,
        /// Why.
        #[arg(long)]
        reason: String,
        /// When it ends, as 2026-11-01T10:00:00Z [default: when it is lifted].
        #[arg(long, value_name = "TIME", conflicts_with = "lasts")]
        until: Option<Time>,
        /// How long it lasts, as 90m or 2h.
        #[arg(long = "for", value_name = "SPAN")]
        lasts: Option<Span>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Lift the change freeze.
    Off {
        #[command(flatten)]
        who: Who,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(home: &Home, Args { server, command }: &Args) -> Outcome {
    let (who, ask, json) = match command {
        Command::On { who, reason, until, lasts, json } => {
            let until = end(now(), *until, *lasts);
            (who, SharedAsk::DeclareFreeze { reason: reason.as_str().into(), until }, json)
        }
        Command::Off { who, json } => (who, SharedAsk::LiftFreeze, json),
    };
    let mut place = Place::open(home, server, who, Needs::Answers)?;
    place.ask_shared(ask)?;
    let freeze = place.freeze(now())?;
    if *json {
        return print_json(&serde_json::json!({
            "freeze": freeze.is_some(),
            "until": freeze.flatten(),
        }));
    }
    match freeze {
        Some(Some(until)) => anstream::println!("A change freeze holds until {until}."),
        Some(None) => anstream::println!("A change freeze holds until it is lifted."),
        None => anstream::println!("No change freeze holds."),
    }
    Ok(())
}
