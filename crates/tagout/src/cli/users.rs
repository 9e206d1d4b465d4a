//! `tagout users`: who is let in, and what they are trusted with.

use std::collections::BTreeSet;
use std::io::Read as _;

use serde::Serialize;
use tagout_core::actor::Role;
use tagout_core::approval::Person;
use tagout_core::command::{PeopleCommand, SharedCommand};
use tagout_core::limits;
use tagout_core::people::{Identity, Known};

use crate::access::password::{self, Kept};
use crate::clock::now;
use crate::engine::Engine;
use crate::store::Store;
use crate::store::secrets::SecretKind;
use crate::terminal::{STRONG, paint, printable};

use super::approvals::{Who, engine_in};
use super::{Failure, Home, Outcome, print_json};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Let somebody in. They get a secret that holds once, unless they come from an identity
    /// provider.
    Add {
        /// Their name.
        #[arg(value_name = "NAME")]
        user: String,
        /// What they are trusted with: viewer, responder, approver or admin.
        #[arg(long)]
        role: Role,
        /// A group they speak for; may be given again.
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<String>,
        #[command(flatten)]
        identity: IdentityArgs,
        #[command(flatten)]
        who: Who,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List who is let in.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Trust somebody with something else. Their sessions end.
    Change {
        /// Their name.
        #[arg(value_name = "NAME")]
        user: String,
        /// What they are trusted with from now on [default: as before].
        #[arg(long)]
        role: Option<Role>,
        /// A group they speak for from now on; may be given again [default: as before].
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<String>,
        /// They speak for no group.
        #[arg(long, conflicts_with = "groups")]
        no_groups: bool,
        #[command(flatten)]
        identity: IdentityArgs,
        #[command(flatten)]
        who: Who,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let somebody in no more. Their tokens and sessions end at once.
    Remove {
        /// Their name.
        #[arg(value_name = "NAME")]
        user: String,
        #[command(flatten)]
        who: Who,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Give somebody a new secret that holds once, in the place of their password.
    Password {
        /// Their name.
        #[arg(value_name = "NAME")]
        user: String,
        /// Read a password that holds for good from the first line of standard input instead.
        #[arg(long)]
        stdin: bool,
        #[command(flatten)]
        who: Who,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Who somebody is at an identity provider.
#[derive(Debug, clap::Args)]
pub(super) struct IdentityArgs {
    /// The issuer of the identity provider that they sign in at.
    #[arg(long, value_name = "URL", requires = "subject")]
    issuer: Option<String>,
    /// What that provider calls them: the claim `sub`.
    #[arg(long, value_name = "SUB", requires = "issuer")]
    subject: Option<String>,
}

impl IdentityArgs {
    fn identity(&self) -> Option<Identity> {
        let (issuer, subject) = self.issuer.clone().zip(self.subject.clone())?;
        Some(Identity { issuer, subject })
    }
}

/// A person as they are printed.
#[derive(Serialize)]
struct Line<'a> {
    person: &'a str,
    role: Role,
    groups: &'a BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<&'a Identity>,
    /// `own`, `one_time` or `none`.
    password: &'static str,
    /// Shown once and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    one_time_secret: Option<String>,
}

impl Line<'_> {
    fn print(&self) {
        let groups: Vec<_> = self.groups.iter().map(|group| printable(group)).collect();
        let groups = if groups.is_empty() { "no groups".to_owned() } else { groups.join(", ") };
        let proof = match (self.password, self.identity) {
            ("own", _) => "a password of their own".to_owned(),
            ("one_time", _) => "a secret that holds once".to_owned(),
            (_, Some(identity)) => {
                format!("{} at {}", printable(&identity.subject), printable(&identity.issuer))
            }
            _ => "nothing to sign in with; `tagout users password` gives it".to_owned(),
        };
        let name = paint(STRONG, printable(self.person));
        anstream::println!("{name}  {}  {groups}  ({proof})", self.role);
        if let Some(secret) = &self.one_time_secret {
            anstream::println!("  {secret}");
            anstream::println!(
                "  This is shown once. It holds for {} and for one sign-in, at which they choose \
                 a password.",
                limits::ONE_TIME_SECRET_LIFETIME
            );
        }
    }
}

pub(super) fn run(home: &Home, command: &Command) -> Outcome {
    match command {
        Command::Add { user, role, groups, identity, who, json } => {
            let (person, by) = (person(user)?, Some(who.person()?));
            let groups = groups.iter().cloned().collect();
            let identity = identity.identity();
            let mut engine = engine(home)?;
            let local = identity.is_none();
            let add =
                PeopleCommand::Add { person: person.clone(), role: *role, groups, identity, by };
            ask(&mut engine, add)?;
            let secret = if local { Some(give_one_time(&mut engine, &person)?) } else { None };
            print_one(&engine, &person, secret, *json)
        }
        Command::List { json } => list(home, *json),
        Command::Change { user, role, groups, no_groups, identity, who, json } => {
            let (person, by) = (person(user)?, Some(who.person()?));
            let mut engine = engine(home)?;
            let known = known(&engine, &person)?;
            let role = role.unwrap_or(known.role);
            let groups = match (groups.is_empty(), no_groups) {
                (false, _) => groups.iter().cloned().collect(),
                (true, true) => BTreeSet::new(),
                (true, false) => known.groups,
            };
            let identity = identity.identity().or(known.identity);
            let change =
                PeopleCommand::Change { person: person.clone(), role, groups, identity, by };
            ask(&mut engine, change)?;
            print_one(&engine, &person, None, *json)
        }
        Command::Remove { user, who, json } => {
            let (person, by) = (person(user)?, who.person()?);
            let mut engine = engine(home)?;
            ask(&mut engine, PeopleCommand::Remove { person: person.clone(), by })?;
            vault(&engine).remove_secret(SecretKind::Password, person.name())?;
            if *json {
                return print_json(&serde_json::json!({ "removed": person }));
            }
            anstream::println!("{} is let in no more.", printable(person.name()));
            Ok(())
        }
        Command::Password { user, stdin, who, json } => {
            let (person, by) = (person(user)?, Some(who.person()?));
            let mut engine = engine(home)?;
            known(&engine, &person)?;
            let secret = if *stdin {
                let password = read_password(&person)?;
                Kept::of(people(&engine), &person, &password)?.put(vault(&engine), &person)?;
                None
            } else {
                Some(give_one_time(&mut engine, &person)?)
            };
            let one_time = secret.is_some();
            let note = PeopleCommand::NotePassword { person: person.clone(), one_time, by };
            ask(&mut engine, note)?;
            print_one(&engine, &person, secret, *json)
        }
    }
}

fn list(home: &Home, json: bool) -> Outcome {
    let engine = engine(home)?;
    let people = people(&engine);
    let lines = people.iter().map(|(person, known)| line(&engine, person, known, None));
    let lines = lines.collect::<Result<Vec<_>, Failure>>()?;
    if json {
        return print_json(&lines);
    }
    if lines.is_empty() {
        anstream::println!("Nobody is let in yet; `tagout serve` makes an admin at its start.");
    }
    lines.iter().for_each(Line::print);
    Ok(())
}

fn print_one(
    engine: &Engine<Store>,
    person: &Person,
    secret: Option<String>,
    json: bool,
) -> Outcome {
    let known = known(engine, person)?;
    let line = line(engine, person, &known, secret)?;
    if json {
        return print_json(&line);
    }
    line.print();
    Ok(())
}

fn line<'a>(
    engine: &Engine<Store>,
    person: &'a Person,
    known: &'a Known,
    one_time_secret: Option<String>,
) -> Result<Line<'a>, Failure> {
    let password = match Kept::read(vault(engine), people(engine), person)? {
        Some(kept) if kept.one_time => "one_time",
        Some(_) => "own",
        None => "none",
    };
    Ok(Line {
        person: person.name(),
        role: known.role,
        groups: &known.groups,
        identity: known.identity.as_ref(),
        password,
        one_time_secret,
    })
}

/// Gives somebody a secret that holds once. It is in no log.
fn give_one_time(engine: &mut Engine<Store>, person: &Person) -> Result<String, Failure> {
    let secret = password::made_up()?;
    let kept = Kept::of(people(engine), person, &secret)?.one_time(now());
    kept.put(vault(engine), person)?;
    Ok(secret)
}

fn read_password(person: &Person) -> Result<String, Failure> {
    let mut text = String::new();
    let most = limits::PASSWORD_BYTES.1 as u64 + 3;
    std::io::stdin().take(most).read_to_string(&mut text)?;
    let password = text.lines().next().unwrap_or_default().to_owned();
    password::check(person, &password).map_err(|e| Failure::BadInput(e.to_string()))?;
    Ok(password)
}

/// The agent over the journal of the data directory. Unlike other commands these work before
/// anything was recorded, so that people can be there before the service starts.
pub(super) fn engine(home: &Home) -> Result<Engine<Store>, Failure> {
    let dir = home.dir()?;
    dir.store_config()?;
    if !dir.has_journal() && !dir.key_file().exists() {
        let path = dir.path().display();
        let words = format!("{path} is no data directory; `tagout init` makes one");
        return Err(Failure::BadInput(words));
    }
    engine_in(&dir, None)
}

pub(super) fn ask(engine: &mut Engine<Store>, command: PeopleCommand) -> Result<(), Failure> {
    engine.ask_shared(SharedCommand::People(command))?;
    Ok(())
}

pub(super) fn people(engine: &Engine<Store>) -> &tagout_core::people::People {
    &engine.journal().shared().people
}

fn vault(engine: &Engine<Store>) -> &dyn crate::store::secrets::Secrets {
    engine.journal().log().storage().vault()
}

pub(super) fn person(name: &str) -> Result<Person, Failure> {
    Person::new(name).map_err(|e| Failure::BadInput(e.to_string()))
}

pub(super) fn known(engine: &Engine<Store>, person: &Person) -> Result<Known, Failure> {
    let known = people(engine).get(person).cloned();
    known.ok_or_else(|| {
        let name = person.name();
        Failure::BadInput(format!("there is nobody named {name:?}; `tagout users list`"))
    })
}
