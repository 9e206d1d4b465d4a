//! `tagout deliveries`: what a known sender sent and nobody could read.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tagout_core::digest::DeliveryDigest;

use crate::asks::SharedAsk;
use crate::engine::Taken;
use crate::fault::Fault;
use crate::journal::Journal;
use crate::quarantine::KeptDelivery;
use crate::source::Source;
use crate::store::Store;
use crate::terminal::{printable, printable_lines, shortened};

use super::approvals::{Who, engine_with_runbooks};
use super::client::{Client, OLDER, Server};
use super::place::{Needs, Place, allowed, bring_into_force, duty};
use super::{Failure, Home, Outcome, print_json};

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
    /// List the quarantined deliveries.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the body of a quarantined delivery, as it is kept.
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

/// What came of reading a delivery again.
#[derive(Serialize, Deserialize)]
struct ReadAgain {
    delivery: String,
    incidents: BTreeSet<String>,
    flawed: usize,
}

/// Where deliveries are looked for.
enum Quarantine {
    Here(Box<Journal<Store>>),
    There(Client),
}

impl Quarantine {
    fn open(home: &Home, server: &Server) -> Result<Self, Failure> {
        Ok(match server.client(home.chosen.is_some())? {
            Some(client) => Self::There(client),
            None => Self::Here(Box::new(home.existing()?.journal()?)),
        })
    }

    fn all(&self) -> Result<Vec<KeptDelivery>, Failure> {
        match self {
            Self::Here(journal) => Ok(KeptDelivery::all(journal)),
            Self::There(client) => client.deliveries(),
        }
    }

    /// One of them with what was sent.
    fn opened(&self, name: &str) -> Result<(KeptDelivery, Vec<u8>), Failure> {
        let digest = named(&self.all()?, name)?;
        let opened = match self {
            Self::Here(journal) => KeptDelivery::opened(journal, digest)?,
            Self::There(client) => client.delivery(digest)?,
        };
        opened.ok_or_else(|| unknown(name))
    }
}

impl Client {
    /// All that are in quarantine.
    pub(super) fn deliveries(&self) -> Result<Vec<KeptDelivery>, Failure> {
        #[derive(Deserialize)]
        struct Page {
            deliveries: Vec<KeptDelivery>,
            next: Option<u64>,
        }
        let (mut all, mut from) = (Vec::new(), 0);
        loop {
            let page: Page = self.get(&["v1", "deliveries"], &[("from", u64::to_string(&from))])?;
            all.extend(page.deliveries);
            match page.next {
                Some(next) => from = next,
                None => return Ok(all),
            }
        }
    }

    /// One of them with what was sent, as the service shows it.
    fn delivery(&self, digest: DeliveryDigest) -> Result<Option<(KeptDelivery, Vec<u8>)>, Failure> {
        #[derive(Deserialize)]
        struct Opened {
            #[serde(flatten)]
            kept: KeptDelivery,
            body: String,
            base64: bool,
        }
        let path = ["v1", "deliveries", &digest.to_string()];
        let Some(Opened { kept, body, base64 }) = self.find(&path, &[])? else { return Ok(None) };
        let body = match base64 {
            true => BASE64_STANDARD.decode(body).map_err(|e| {
                Failure::Fault(format!("the service answers what cannot be read: {e}"))
            })?,
            false => body.into_bytes(),
        };
        Ok(Some((kept, body)))
    }

    fn read_again(&self, digest: DeliveryDigest) -> Result<ReadAgain, Failure> {
        let path = ["v1", "deliveries", &digest.to_string(), "replay"];
        let done = self.call(Method::POST, &path, &[], Some(&json!({})))?;
        done.ok_or_else(|| Failure::Fault(OLDER.into()))
    }
}

pub(super) fn run(home: &Home, Args { server, command }: &Args) -> Outcome {
    match command {
        Command::List { json } => list(&Quarantine::open(home, server)?.all()?, *json),
        Command::Show { delivery } => {
            let (_, body) = Quarantine::open(home, server)?.opened(delivery)?;
            anstream::println!("{}", printable_lines(&String::from_utf8_lossy(&body)));
            Ok(())
        }
        Command::Replay { delivery, who, json } => {
            let read = match server.client(home.chosen.is_some())? {
                Some(_) if who.is_named() => return Err(Who::named_at_a_service()),
                Some(client) => client.read_again(named(&client.deliveries()?, delivery)?)?,
                None => replay(home, delivery, who)?,
            };
            say_read(&read, *json)
        }
        Command::Dismiss { delivery, who, json } => {
            let mut place = Place::open(home, server, who, Needs::Answers)?;
            let digest = named(&place.deliveries()?, delivery)?;
            place.ask_shared(SharedAsk::LiftQuarantine { delivery: digest })?;
            if *json {
                let delivery = digest.to_string();
                return print_json(&json!({ "delivery": delivery, "incidents": [], "flawed": 0 }));
            }
            anstream::println!("Delivery {} is put away unread.", digest.short());
            Ok(())
        }
    }
}

fn replay(home: &Home, name: &str, who: &Who) -> Result<ReadAgain, Failure> {
    let person = who.person()?;
    let config = home.config()?;
    let mut engine = engine_with_runbooks(home, None)?;
    let digest = named(&KeptDelivery::all(engine.journal()), name)?;
    let ask = SharedAsk::LiftQuarantine { delivery: digest };
    let duty = duty(home, &engine);
    let actor = allowed(&mut engine, Some(&person), &duty, ask.act(), None)?;
    let opened = KeptDelivery::opened(engine.journal(), digest)?;
    let (kept, body) = opened.ok_or_else(|| unknown(name))?;
    let source = config.sources.iter().find(|source| source.name == kept.source);
    let source = source.map(|source| Source::load(source, &config.base_dir)).transpose()?;
    let delivery = kept.read_again(source.as_ref(), &body);
    let delivery = delivery.map_err(|why| Failure::BadInput(why.to_string()))?;
    bring_into_force(&home.dir()?, &mut engine)?;
    let taken = engine.receive(&delivery)?;
    engine.ask_shared(ask.command(&actor))?;
    let flawed = taken.iter().filter(|one| matches!(one, Taken::Flawed(_))).count();
    let incidents = taken.into_iter().filter_map(|one| match one {
        Taken::Incident(id) => Some(id),
        Taken::Flawed(_) => None,
    });
    Ok(ReadAgain { delivery: kept.delivery, incidents: incidents.collect(), flawed })
}

/// The digest of the one whose name this is, or begins so.
fn named(kept: &[KeptDelivery], name: &str) -> Result<DeliveryDigest, Failure> {
    let long_enough = name.len() >= 12;
    let mut fitting = kept.iter().filter(|one| long_enough && one.delivery.starts_with(name));
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => one.delivery.parse().map_err(|_| {
            Failure::from(Fault::new("the service answers what is no digest".to_owned()))
        }),
        _ => Err(unknown(name)),
    }
}

fn unknown(name: &str) -> Failure {
    Failure::BadInput(format!(
        "{name:?} names no quarantined delivery; `tagout deliveries list` shows them, and 12 digits \
         or more are needed"
    ))
}

fn list(kept: &[KeptDelivery], json: bool) -> Outcome {
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

fn say_read(read: &ReadAgain, json: bool) -> Outcome {
    if json {
        return print_json(read);
    }
    let digits = read.delivery.get(..12).unwrap_or(&read.delivery);
    anstream::println!("Delivery {digits} was read.");
    for id in &read.incidents {
        anstream::println!("  {}", printable(id));
    }
    if read.flawed > 0 {
        anstream::println!("  {} of its alerts could not be read", read.flawed);
    }
    Ok(())
}
