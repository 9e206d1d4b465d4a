//! `tagout notices list`: what people were told, and what could not be delivered.

use tagout_core::limits;

use crate::notify::Told;
use crate::terminal::{printable, shortened};

use super::{Failure, Home, Outcome, print_json};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the notices that wait to be delivered, the latest first.
    List {
        /// Those that are over as well: delivered, given up, overtaken.
        #[arg(long)]
        all: bool,
        /// At most so many.
        #[arg(long, default_value_t = 50, value_name = "NUMBER")]
        limit: usize,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(home: &Home, Command::List { all, limit, json }: &Command) -> Outcome {
    if !(1..=limits::PAGE_NOTICES).contains(limit) {
        let most = limits::PAGE_NOTICES;
        return Err(Failure::BadInput(format!("--limit must be from 1 to {most}")));
    }
    let store = home.existing()?.store()?;
    let notices = Told::latest(&store, i64::MAX, *all, *limit);
    let notices = notices.map_err(|e| Failure::Fault(e.to_string()))?;
    if *json {
        return print_json(&notices);
    }
    if notices.is_empty() {
        let what = if *all { "No notice is kept." } else { "No notice waits to be delivered." };
        anstream::println!("{what}");
    }
    for one in &notices {
        let channel = one.channel.as_deref().map_or_else(|| "-".to_owned(), printable);
        let incident = one.incident.as_deref().map(printable).unwrap_or_default();
        let (at, topic, state) = (&one.at, &one.topic, one.state);
        anstream::println!("{}  {at}  {state:<9}  {channel}  {topic}  {incident}", one.notice);
        if let Some(error) = &one.last_error {
            let attempts = one.attempts;
            anstream::println!("    after {attempts} attempts: {}", shortened(error, 100));
        }
        if let Some(due) = one.due.as_ref().filter(|_| one.attempts > 0) {
            anstream::println!("    again at {due}");
        }
    }
    Ok(())
}
