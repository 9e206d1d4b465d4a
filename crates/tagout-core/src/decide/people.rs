//! Commands about people and their tokens.

use std::collections::BTreeSet;

use super::Rejection;
use crate::actor::Role;
use crate::approval::Person;
use crate::command::PeopleCommand;
use crate::event::Event;
use crate::limits;
use crate::people::{CONFIGURED, Identity, People};
use crate::text::{FreeText, is_invisible};
use crate::time::Time;

pub(super) fn decide(
    people: &People,
    command: PeopleCommand,
    now: Time,
) -> Result<Vec<Event>, Rejection> {
    let event = match command {
        PeopleCommand::Add { person, role, groups, identity, by } => {
            if people.get(&person).is_some() {
                return Err(Rejection::NotDue(
                    "there is a person of this name; `tagout users change` changes what they may",
                ));
            }
            if person.name() == CONFIGURED {
                return Err(Rejection::NotDue(
                    "this name stands for the tokens of the configuration; choose another",
                ));
            }
            if people.len() >= limits::PEOPLE {
                return Err(Rejection::NotDue("no more people can be known; remove some"));
            }
            check_groups(&groups)?;
            check_identity(people, &person, identity.as_ref())?;
            Event::PersonAdded { person, role, groups, identity, by }
        }
        PeopleCommand::Change { person, role, groups, identity, by } => {
            let Some(known) = people.get(&person) else { return Err(UNKNOWN) };
            if (known.role, &known.groups, &known.identity) == (role, &groups, &identity) {
                return Ok(Vec::new());
            }
            if role != Role::Admin {
                keep_an_admin(people, &person)?;
            }
            check_groups(&groups)?;
            check_identity(people, &person, identity.as_ref())?;
            Event::PersonChanged { person, role, groups, identity, by }
        }
        PeopleCommand::Remove { person, by } => {
            people.get(&person).ok_or(UNKNOWN)?;
            keep_an_admin(people, &person)?;
            Event::PersonRemoved { person, by }
        }
        PeopleCommand::NotePassword { person, one_time, by } => {
            people.get(&person).ok_or(UNKNOWN)?;
            Event::PasswordChanged { person, one_time, by }
        }
        PeopleCommand::IssueToken { id, token, person, role, expires_at, note, by } => {
            let known = people.get(&person).ok_or(UNKNOWN)?;
            if role > known.role {
                return Err(Rejection::NotDue(
                    "a token cannot be trusted with more than the person it speaks for",
                ));
            }
            if expires_at <= now || expires_at > now.after(limits::TOKEN_LIFETIME) {
                return Err(Rejection::NotDue("a token holds for at most a year from now"));
            }
            let live = people.tokens().filter(|t| t.person == person && now < t.expires_at);
            if live.count() >= limits::TOKENS_PER_PERSON {
                return Err(Rejection::NotDue(
                    "this person has as many tokens as anybody may have; revoke some",
                ));
            }
            if people.token(&id).is_some() || people.bearer(token, now).is_some() {
                return Err(Rejection::NotDue("there is such a token already"));
            }
            if !is_name(&id) || note.as_str().len() > limits::NAME_BYTES {
                return Err(Rejection::NotDue("a token's id and note have at most 256 bytes"));
            }
            Event::TokenIssued { id, token, person, role, expires_at, note, by }
        }
        PeopleCommand::RevokeToken { id, by } => {
            if people.token(&id).is_none() {
                return Err(Rejection::NotDue(
                    "there is no such token; `tagout tokens list` shows those that hold",
                ));
            }
            Event::TokenRevoked { id, by }
        }
        PeopleCommand::NoteSignIn { person, proof, from } => {
            people.get(&person).ok_or(UNKNOWN)?;
            Event::SignedIn { person, proof, from: shortened(from) }
        }
        PeopleCommand::NoteRefusedSignIn { person, why, from, more } => {
            people.get(&person).ok_or(UNKNOWN)?;
            Event::SignInRefused { person, why, from: shortened(from), more }
        }
        PeopleCommand::NoteStrangers { since, mut counts } => {
            counts.retain(|_, count| *count > 0);
            if counts.is_empty() {
                return Ok(Vec::new());
            }
            // Whoever is refused must not be able to make an entry of any size.
            while counts.len() > limits::STRANGER_COUNTS {
                let Some((_, count)) = counts.pop_first() else { break };
                let others = counts.entry("~others".to_owned()).or_default();
                *others = others.saturating_add(count);
            }
            Event::StrangersRefused { since, counts }
        }
    };
    Ok(vec![event])
}

const UNKNOWN: Rejection =
    Rejection::NotDue("there is no person of this name; `tagout users list` shows who there is");

fn keep_an_admin(people: &People, person: &Person) -> Result<(), Rejection> {
    if people.is_last_admin(person) {
        return Err(Rejection::NotDue("this is the last admin; make somebody else an admin first"));
    }
    Ok(())
}

fn check_groups(groups: &BTreeSet<String>) -> Result<(), Rejection> {
    if groups.len() > limits::GROUPS_PER_PERSON || !groups.iter().all(|group| is_name(group)) {
        return Err(Rejection::NotDue(
            "a person has at most 64 groups, each a name of 1 to 256 bytes without spaces at \
             its ends and without control or invisible characters",
        ));
    }
    Ok(())
}

fn check_identity(
    people: &People,
    person: &Person,
    identity: Option<&Identity>,
) -> Result<(), Rejection> {
    let Some(identity) = identity else { return Ok(()) };
    if people.by_identity(identity).is_some_and(|other| other != person) {
        return Err(Rejection::NotDue("somebody else is this subject of the identity provider"));
    }
    if !is_name(&identity.issuer) || !is_name(&identity.subject) {
        return Err(Rejection::NotDue(
            "an issuer and a subject have 1 to 256 bytes without control characters",
        ));
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let unseen = |c: char| c.is_control() || is_invisible(c);
    (1..=limits::NAME_BYTES).contains(&name.len())
        && name.trim() == name
        && !name.chars().any(unseen)
}

/// Where somebody came from is what they or a proxy say, so it may be anything.
fn shortened(from: FreeText) -> FreeText {
    match from {
        FreeText::Present(text) if text.len() > limits::NAME_BYTES => {
            FreeText::Present(text.chars().take(limits::NAME_BYTES / 4).collect())
        }
        from => from,
    }
}
