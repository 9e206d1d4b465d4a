//! `tagout windows`: maintenance windows and silences, under which alerts are closed with that
//! reason and looked at again when it is over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tagout_core::condition::{Condition, Operator};
use tagout_core::digest::{sha256, to_hex};
use tagout_core::event::WindowKind;
use tagout_core::matcher::LabelMatcher;
use tagout_core::shared::Window;
use tagout_core::time::{Span, Time};

use crate::asks::SharedAsk;
use crate::clock::now;
use crate::terminal::{QUIET, STRONG, paint, printable};

use super::approvals::Who;
use super::client::Server;
use super::place::{Needs, Place};
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
    /// List the windows that have not ended.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Open a window.
    Open(OpenArgs),
    /// Close a window before its end.
    Close {
        /// Its id.
        id: String,
        #[command(flatten)]
        who: Who,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, clap::Args)]
struct OpenArgs {
    /// What it is: planned work, or somebody's decision not to hear of it.
    #[arg(long, value_enum)]
    kind: Kind,
    /// A label of the alerts that it covers: `name=value`, where `*` stands for any run of
    /// characters, `name!=value`, `name=~pattern` or `name!~pattern`; all of them must hold.
    #[arg(long = "match", value_name = "MATCH", required = true)]
    matches: Vec<String>,
    /// When it begins, as 2026-11-01T10:00:00Z [default: now].
    #[arg(long, value_name = "TIME")]
    from: Option<Time>,
    /// When it ends.
    #[arg(long, value_name = "TIME", conflicts_with = "lasts", required_unless_present = "lasts")]
    until: Option<Time>,
    /// How long it lasts, as 90m or 2h.
    #[arg(long = "for", value_name = "SPAN")]
    lasts: Option<Span>,
    /// Its id [default: one is made].
    #[arg(long)]
    id: Option<String>,
    /// Why.
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    who: Who,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    Maintenance,
    Silence,
}

/// A window as it is printed, and as a service tells it.
#[derive(Serialize, Deserialize)]
pub(super) struct Line {
    id: String,
    kind: WindowKind,
    #[serde(rename = "match")]
    matcher: BTreeMap<String, String>,
    conditions: Vec<Condition>,
    from: Time,
    until: Time,
    by: String,
    reason: String,
    /// Whether it has begun.
    active: bool,
}

impl Line {
    pub(super) fn of((id, window): (&str, &Window), at: Time) -> Self {
        let conditions = window.conditions.iter().flat_map(|conditions| conditions.iter());
        Self {
            id: id.to_owned(),
            kind: window.kind,
            matcher: window.matcher.0.clone(),
            conditions: conditions.cloned().collect(),
            from: window.from,
            until: window.until,
            by: window.by.name().to_owned(),
            reason: window.reason.to_string(),
            active: window.from <= at,
        }
    }

    fn print(&self) {
        let labels = self.matcher.iter().map(|(name, value)| format!("{name}={value:?}"));
        let all: Vec<_> = labels.chain(self.conditions.iter().map(ToString::to_string)).collect();
        let kind = match self.kind {
            WindowKind::Maintenance => "maintenance",
            WindowKind::Silence => "silence",
        };
        anstream::println!(
            "{}  {kind} {} from {} until {}",
            paint(STRONG, printable(&self.id)),
            printable(&all.join(", ")),
            self.from,
            self.until
        );
        let reason = if self.reason.is_empty() { "no reason given" } else { &self.reason };
        let line = format!("by {}: {}", printable(&self.by), printable(reason));
        anstream::println!("  {}", paint(QUIET, line));
    }
}

pub(super) fn run(home: &Home, Args { server, command }: &Args) -> Outcome {
    match command {
        Command::List { json } => list(home, server, *json),
        Command::Open(args) => open(home, server, args),
        Command::Close { id, who, json } => {
            let mut place = Place::open(home, server, who, Needs::Answers)?;
            place.ask_shared(SharedAsk::CloseWindow { id: id.clone() })?;
            if *json {
                return print_json(&serde_json::json!({ "closed": id }));
            }
            anstream::println!("{} is closed.", printable(id));
            Ok(())
        }
    }
}

fn list(home: &Home, server: &Server, json: bool) -> Outcome {
    let lines = Place::open(home, server, &Who::nobody(), Needs::Answers)?.windows(now())?;
    if json {
        return print_json(&lines);
    }
    if lines.is_empty() {
        anstream::println!("No window is open.");
    }
    lines.iter().for_each(Line::print);
    Ok(())
}

fn open(home: &Home, server: &Server, args: &OpenArgs) -> Outcome {
    let (mut matcher, mut conditions) = (LabelMatcher::default(), Vec::new());
    for text in &args.matches {
        match condition(text)? {
            Condition { label, operator: Operator::Equal, value } => {
                if matcher.0.insert(label, value).is_some() {
                    let what = format!("--match {text}: this label is given twice");
                    return Err(Failure::BadInput(what));
                }
            }
            other => conditions.push(other),
        }
    }
    let at = now();
    let from = args.from.unwrap_or(at);
    // One of the two is there, says the command line.
    let until = end(from, args.until, args.lasts).unwrap_or(from);
    let id = args.id.clone().unwrap_or_else(|| made_id(args, at));
    let window = match args.kind {
        Kind::Maintenance => WindowKind::Maintenance,
        Kind::Silence => WindowKind::Silence,
    };
    let reason = args.reason.as_str().into();
    let asked = id.clone();
    let ask = SharedAsk::OpenWindow { id, window, matcher, conditions, from, until, reason };
    let mut place = Place::open(home, server, &args.who, Needs::Answers)?;
    place.ask_shared(ask)?;
    let opened = place.windows(from)?.into_iter().find(|line| line.id == asked);
    let Some(line) = opened else { return Ok(()) };
    if args.json {
        return print_json(&line);
    }
    line.print();
    Ok(())
}

/// What `--match` says.
fn condition(text: &str) -> Result<Condition, Failure> {
    let wrong = || {
        let what = "give name=value, name!=value, name=~pattern or name!~pattern";
        Failure::BadInput(format!("--match {text}: {what}"))
    };
    let at = text.find(['=', '!']).filter(|at| *at > 0).ok_or_else(wrong)?;
    let (label, rest) = text.split_at(at);
    let signs = [Operator::Fits, Operator::FitsNot, Operator::NotEqual, Operator::Equal];
    let found = signs.into_iter().find_map(|sign| Some((sign, rest.strip_prefix(sign.sign())?)));
    let (operator, value) = found.ok_or_else(wrong)?;
    if operator == Operator::Equal && value.is_empty() {
        return Err(wrong());
    }
    Ok(Condition { label: label.to_owned(), operator, value: value.to_owned() })
}

/// Short enough to type, and another one each time.
fn made_id(args: &OpenArgs, at: Time) -> String {
    let seed = format!("{:?} {at} {}", args.matches, std::process::id());
    format!("win-{}", to_hex(&sha256("tagout.window-id.v1", &[seed.as_bytes()])[..4]))
}

/// When something ends that begins at `from`.
pub(super) fn end(from: Time, until: Option<Time>, lasts: Option<Span>) -> Option<Time> {
    until.or_else(|| lasts.map(|span| from.after(span)))
}
