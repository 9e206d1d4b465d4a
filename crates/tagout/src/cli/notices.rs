//! `tagout notices list`: what people were told, and what could not be delivered.

use serde::Deserialize;
use tagout_core::limits;

use crate::notify::Told;
use crate::terminal::{printable, shortened};

use super::client::{Client, Server};
use super::{Failure, Home, Outcome, print_json};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the notices that wait to be delivered, the latest first.
    List {
        #[command(flatten)]
        server: Server,
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

pub(super) fn run(home: &Home, Command::List { server, all, limit, json }: &Command) -> Outcome {
    if !(1..=limits::PAGE_NOTICES).contains(limit) {
        let most = limits::PAGE_NOTICES;
        return Err(Failure::BadInput(format!("--limit must be from 1 to {most}")));
    }
    let notices = match server.client(home.chosen.is_some())? {
        Some(client) => client.notices(*all, *limit)?,
        None => {
            let store = home.existing()?.store()?;
            let notices = Told::latest(&store, i64::MAX, *all, *limit);
            notices.map_err(|e| Failure::Fault(e.to_string()))?
        }
    };
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
        let (at, topic, state) = (printable(&one.at), printable(&one.topic), printable(&one.state));
        anstream::println!(
            "{}  {at}  {state:<9}  {channel}  {topic}  {incident}",
            printable(&one.notice)
        );
        if let Some(error) = &one.last_error {
            let attempts = one.attempts;
            anstream::println!("    after {attempts} attempts: {}", shortened(error, 100));
        }
        if let Some(due) = one.due.as_ref().filter(|_| one.attempts > 0) {
            anstream::println!("    again at {}", printable(due));
        }
    }
    Ok(())
}

impl Client {
    /// The notices, the latest first.
    fn notices(&self, all: bool, limit: usize) -> Result<Vec<Told>, Failure> {
        #[derive(Deserialize)]
        struct Page {
            notices: Vec<Told>,
        }
        let query = [("all", all.to_string()), ("limit", limit.to_string())];
        self.get(&["v1", "notices"], &query).map(|Page { notices }| notices)
    }
}
