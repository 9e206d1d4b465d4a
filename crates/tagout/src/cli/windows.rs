//! `tagout windows`: maintenance windows and silences.

use clap::{Subcommand, ValueEnum};
use serde::Serialize;
use tagout_core::command::SharedCommand;
use tagout_core::condition::{Condition, Operator};
use tagout_core::event::WindowKind;
use tagout_core::matcher::LabelMatcher;
use tagout_core::time::{Span, Time};

use crate::terminal::printable;

use super::approvals::{Who, engine};
use super::{Failure, Home, Outcome, print_json};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the windows that have not ended.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Open a window: alerts that it covers are closed with that reason, and looked at again
    /// when it ends.
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
pub(super) struct OpenArgs {
    /// Its id, to close it by.
    id: String,
    /// Planned work, or somebody's decision not to hear of it.
    #[arg(long, default_value = "maintenance")]
    kind: Kind,
    /// A label that an alert must have, as NAME=VALUE (where * stands for any characters),
    /// NAME!=VALUE, NAME=~PATTERN or NAME!~PATTERN; may be given again, and all must hold.
    #[arg(long = "match", value_name = "MATCH", required = true)]
    matches: Vec<String>,
    /// How long, such as 2h.
    #[arg(long = "for", value_name = "TIME")]
    lasts: Span,
    /// When it begins, as RFC 3339 [default: now].
    #[arg(long, value_name = "TIME")]
    from: Option<Time>,
    #[command(flatten)]
    who: Who,
    /// Why.
    #[arg(long, default_value = "")]
    reason: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Maintenance,
    Silence,
}

impl From<Kind> for WindowKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Maintenance => Self::Maintenance,
            Kind::Silence => Self::Silence,
        }
    }
}

#[derive(Serialize)]
struct Shown {
    id: String,
    kind: WindowKind,
    matches: Vec<String>,
    from: Time,
    until: Time,
    by: String,
    reason: String,
}

pub(super) fn run(home: &Home, command: &Command) -> Outcome {
    match command {
        Command::List { json } => list(home, *json),
        Command::Open(args) => {
            let (matcher, conditions) = read(&args.matches)?;
            let mut engine = engine(home, None)?;
            let now = Time::from_millis(now_ms());
            let from = args.from.unwrap_or(now);
            engine.ask_shared(SharedCommand::OpenWindow {
                id: args.id.clone(),
                window: args.kind.into(),
                matcher,
                conditions,
                from,
                until: from.after(args.lasts),
                by: args.who.person()?,
                reason: args.reason.as_str().into(),
            })?;
            say(args.json, &args.id, "open", from.after(args.lasts))
        }
        Command::Close { id, who, json } => {
            let by = who.person()?;
            let mut engine = engine(home, None)?;
            engine.ask_shared(SharedCommand::CloseWindow { id: id.clone(), by })?;
            say(*json, id, "closed", Time::from_millis(now_ms()))
        }
    }
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The labels that must be equal, and what else must hold.
fn read(matches: &[String]) -> Result<(LabelMatcher, Vec<Condition>), Failure> {
    let (mut matcher, mut conditions) = (LabelMatcher::default(), Vec::new());
    for text in matches {
        let wrong = || {
            Failure::BadInput(format!(
                "{text:?} is no match; write NAME=VALUE, NAME!=VALUE, NAME=~PATTERN or NAME!~PATTERN"
            ))
        };
        let at = text.find(['=', '!']).filter(|at| *at > 0).ok_or_else(wrong)?;
        let (label, rest) = text.split_at(at);
        let operators = [Operator::Fits, Operator::FitsNot, Operator::NotEqual, Operator::Equal];
        let operator = operators.into_iter().find(|operator| rest.starts_with(operator.sign()));
        let operator = operator.ok_or_else(wrong)?;
        let value = rest.get(operator.sign().len()..).unwrap_or_default().to_owned();
        if operator == Operator::Equal && !value.is_empty() {
            if matcher.0.insert(label.to_owned(), value).is_some() {
                return Err(Failure::BadInput(format!("{label} is matched twice")));
            }
        } else {
            conditions.push(Condition { label: label.to_owned(), operator, value });
        }
    }
    Ok((matcher, conditions))
}

fn list(home: &Home, json: bool) -> Outcome {
    let journal = home.existing()?.journal()?;
    let now = Time::from_millis(now_ms());
    let windows: Vec<Shown> = journal
        .shared()
        .windows(now)
        .map(|(id, window)| {
            let equal = window.matcher.0.iter().map(|(label, value)| format!("{label}={value:?}"));
            let conditions = window.conditions.iter().flat_map(|all| all.iter());
            let mut matches: Vec<String> =
                equal.chain(conditions.map(ToString::to_string)).collect();
            if window.conditions.is_none() {
                matches.push("conditions of a later release, so it covers nothing".to_owned());
            }
            Shown {
                id: id.to_owned(),
                kind: window.kind,
                matches,
                from: window.from,
                until: window.until,
                by: window.by.name().to_owned(),
                reason: window.reason.to_string(),
            }
        })
        .collect();
    if json {
        return print_json(&windows);
    }
    if windows.is_empty() {
        anstream::println!("No window is open.");
    }
    for window in windows {
        let matches: Vec<_> = window.matches.iter().map(|text| printable(text)).collect();
        anstream::println!(
            "{}  {}  {} to {}  {}",
            printable(&window.id),
            if window.kind == WindowKind::Silence { "silence" } else { "maintenance" },
            window.from,
            window.until,
            matches.join(" ")
        );
        anstream::println!("    by {}: {}", printable(&window.by), printable(&window.reason));
    }
    Ok(())
}

fn say(json: bool, id: &str, state: &str, until: Time) -> Outcome {
    if json {
        return print_json(&serde_json::json!({"id": id, "state": state, "until": until}));
    }
    anstream::println!("Window {} is {state} (until {until}).", printable(id));
    Ok(())
}
