//! `tagout tokens`: what programs prove themselves by, in the name of a person.

use serde::Serialize;
use tagout_core::actor::Role;
use tagout_core::command::PeopleCommand;
use tagout_core::digest::TokenDigest;
use tagout_core::people::Token;
use tagout_core::time::{Span, Time};

use crate::access::token;
use crate::clock::now;
use crate::terminal::{QUIET, STRONG, paint, printable};

use super::approvals::Who;
use super::users::{ask, engine, people, person};
use super::{Home, Outcome, print_json};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a token that speaks for somebody. It is shown once.
    Issue {
        /// For whom.
        #[arg(value_name = "NAME")]
        user: String,
        /// With at most which role: viewer, responder, approver or admin.
        #[arg(long, default_value = "viewer")]
        role: Role,
        /// How long it holds; at most a year.
        #[arg(long = "for", value_name = "SPAN", default_value = "90d")]
        lasts: Span,
        /// What it is for.
        #[arg(long, default_value = "")]
        note: String,
        #[command(flatten)]
        who: Who,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the tokens that hold.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let a token open nothing any more, at once.
    Revoke {
        /// Its id, as listed.
        id: String,
        #[command(flatten)]
        who: Who,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// A token as it is printed.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    person: &'a str,
    role: Role,
    expires_at: Time,
    note: &'a str,
    /// Shown once and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

impl<'a> Line<'a> {
    fn of(token: &'a Token) -> Self {
        let Token { id, person, role, expires_at, note } = token;
        let (person, role, expires_at) = (person.name(), *role, *expires_at);
        Self { id, person, role, expires_at, note: note.as_str(), token: None }
    }

    fn print(&self) {
        let note = if self.note.is_empty() { "no note" } else { self.note };
        anstream::println!(
            "{}  speaks for {} as {} until {}  {}",
            paint(STRONG, printable(self.id)),
            printable(self.person),
            self.role,
            self.expires_at,
            paint(QUIET, printable(note))
        );
        if let Some(token) = self.token {
            anstream::println!("  {token}");
            anstream::println!("  This is shown once; only its digest is kept.");
        }
    }
}

pub(super) fn run(home: &Home, command: &Command) -> Outcome {
    match command {
        Command::Issue { user, role, lasts, note, who, json } => {
            let (person, by) = (person(user)?, who.person()?);
            let mut engine = engine(home)?;
            let (id, secret) = token::made_up()?;
            let issue = PeopleCommand::IssueToken {
                id: id.clone(),
                token: TokenDigest::of_bytes(secret.as_bytes()),
                person,
                role: *role,
                expires_at: now().after(*lasts),
                note: note.as_str().into(),
                by,
            };
            ask(&mut engine, issue)?;
            let Some(issued) = people(&engine).token(&id) else { return Ok(()) };
            let line = Line { token: Some(&secret), ..Line::of(issued) };
            if *json {
                return print_json(&line);
            }
            line.print();
            Ok(())
        }
        Command::List { json } => {
            let engine = engine(home)?;
            let now = now();
            let live = people(&engine).tokens().filter(|token| now < token.expires_at);
            let mut lines: Vec<_> = live.map(Line::of).collect();
            lines.sort_by_key(|line| (line.person, line.expires_at));
            if *json {
                return print_json(&lines);
            }
            if lines.is_empty() {
                anstream::println!("No token holds.");
            }
            lines.iter().for_each(Line::print);
            Ok(())
        }
        Command::Revoke { id, who, json } => {
            let by = who.person()?;
            let mut engine = engine(home)?;
            ask(&mut engine, PeopleCommand::RevokeToken { id: id.clone(), by })?;
            if *json {
                return print_json(&serde_json::json!({ "revoked": id }));
            }
            anstream::println!("{} opens nothing any more.", printable(id));
            Ok(())
        }
    }
}
