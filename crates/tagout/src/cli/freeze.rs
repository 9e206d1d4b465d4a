//! `tagout freeze`: a change freeze, under which every plan is halted.

use tagout_core::command::SharedCommand;
use tagout_core::time::{Span, Time};

use super::approvals::{Who, engine};
use super::windows::end;
use super::{Home, Outcome, print_json};
use crate::clock::now;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
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

pub(super) fn run(home: &Home, command: &Command) -> Outcome {
    let mut engine = engine(home, None)?;
    let json = match command {
        Command::On { who, reason, until, lasts, json } => {
            let until = end(now(), *until, *lasts);
            let (by, reason) = (who.person()?, reason.as_str().into());
            engine.ask_shared(SharedCommand::DeclareFreeze { by, reason, until })?;
            json
        }
        Command::Off { who, json } => {
            engine.ask_shared(SharedCommand::LiftFreeze { by: who.person()? })?;
            json
        }
    };
    let freeze = engine.journal().shared().freeze(now());
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
