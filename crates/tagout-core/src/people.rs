//! Who is known: people with their role and groups, and the tokens that speak for them.
//! Event-sourced, as a part of what spans incidents. What they prove themselves by, a password
//! or a session, is no part of the log.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::actor::{Act, Actor, Role};
use crate::approval::Person;
use crate::digest::TokenDigest;
use crate::event::Event;
use crate::text::FreeText;
use crate::time::Time;

/// The name that stands for the tokens of the configuration. Nobody else can bear it.
pub const CONFIGURED: &str = "api";

/// Somebody at an identity provider: the two claims that are never given to somebody else
/// (OpenID Connect Core 1.0, section 5.7).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The provider.
    pub issuer: String,
    /// Its own name for the person.
    pub subject: String,
}

/// By what somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// A password of their own.
    Password,
    /// A secret that holds once.
    OneTimeSecret,
    /// An identity provider.
    Provider,
}

/// Why a known person was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInRefusal {
    /// What they gave is not their password.
    WrongPassword,
    /// Their one-time secret is too old.
    SecretExpired,
    /// They have no password here.
    NoPassword,
    /// They tried too often.
    TooOften,
    /// The identity provider does not name them for a role.
    NoRole,
    /// The identity provider names somebody else by a name that is taken.
    NameTaken,
}

/// A person who may do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// What they are trusted with.
    pub role: Role,
    /// The groups they speak for.
    pub groups: BTreeSet<String>,
    /// Who they are at an identity provider, if they come from one.
    pub identity: Option<Identity>,
    /// Which change of [`People`] added them. A password of a person of the same name who was
    /// removed belongs to another number.
    pub since: u64,
    /// Which change was the last of their role, groups or password. A session that began before
    /// it is over.
    pub changed: u64,
}

/// A token that speaks for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id, which is no secret.
    pub id: String,
    /// For whom.
    pub person: Person,
    /// With at most which role.
    pub role: Role,
    /// From when on it opens nothing.
    pub expires_at: Time,
    /// What it is for.
    pub note: FreeText,
}

/// Everybody who is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct People {
    changes: u64,
    known: BTreeMap<Person, Known>,
    removed: BTreeSet<Person>,
    tokens: BTreeMap<TokenDigest, Token>,
}

impl People {
    /// Whether nobody is known: nobody can sign in, and somebody is to be made.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// How many people are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Everybody, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Person, &Known)> {
        self.known.iter()
    }

    /// A person, if they are known.
    #[must_use]
    pub fn get(&self, person: &Person) -> Option<&Known> {
        self.known.get(person)
    }

    /// Who somebody at an identity provider is here.
    #[must_use]
    pub fn by_identity(&self, identity: &Identity) -> Option<&Person> {
        let found = self.known.iter().find(|(_, known)| known.identity.as_ref() == Some(identity));
        found.map(|(person, _)| person)
    }

    /// A known person as somebody who asks for something.
    #[must_use]
    pub fn actor(&self, person: &Person) -> Option<Actor> {
        let Known { role, groups, .. } = self.known.get(person)?;
        Some(Actor { person: person.clone(), role: *role, groups: groups.clone() })
    }

    /// Who shows the token of this digest at `now`, and the token. Its role is not above the
    /// person's, whatever that was when it was issued.
    #[must_use]
    pub fn bearer(&self, digest: TokenDigest, now: Time) -> Option<(Actor, &Token)> {
        let token = self.tokens.get(&digest).filter(|token| now < token.expires_at)?;
        let actor = self.actor(&token.person)?;
        Some((Actor { role: actor.role.min(token.role), ..actor }, token))
    }

    /// The tokens that open something at `now`, and those that have expired and were not
    /// forgotten yet.
    pub fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.values()
    }

    /// A token by its id.
    #[must_use]
    pub fn token(&self, id: &str) -> Option<&Token> {
        self.tokens.values().find(|token| token.id == id)
    }

    /// Whether an approval that they once gave still counts: not after they were removed, or
    /// may no longer review. Whoever was never known here answered at the data directory itself.
    #[must_use]
    pub fn trusts_to_review(&self, person: &Person) -> bool {
        match self.known.get(person) {
            Some(known) => known.role.may(Act::Review),
            None => !self.removed.contains(person),
        }
    }

    /// Whether they are the only admin, without whom nobody could say who may do what.
    #[must_use]
    pub fn is_last_admin(&self, person: &Person) -> bool {
        let admins = self.known.iter().filter(|(_, known)| known.role == Role::Admin);
        let mut admins = admins.map(|(person, _)| person);
        admins.next() == Some(person) && admins.next().is_none()
    }

    /// Takes in an event, if it is about people.
    pub(crate) fn take(&mut self, event: &Event, at: Time) {
        let number = self.changes + 1;
        match event {
            Event::PersonAdded { person, role, groups, identity, .. } => {
                let (groups, identity) = (groups.clone(), identity.clone());
                let known = Known { role: *role, groups, identity, since: number, changed: number };
                self.removed.remove(person);
                self.known.insert(person.clone(), known);
            }
            Event::PersonChanged { person, role, groups, identity, .. } => {
                let Some(known) = self.known.get_mut(person) else { return };
                known.role = *role;
                known.groups.clone_from(groups);
                known.identity.clone_from(identity);
                known.changed = number;
            }
            Event::PersonRemoved { person, .. } => {
                self.known.remove(person);
                self.removed.insert(person.clone());
                self.tokens.retain(|_, token| token.person != *person);
            }
            Event::PasswordChanged { person, .. } => {
                let Some(known) = self.known.get_mut(person) else { return };
                known.changed = number;
            }
            Event::TokenIssued { id, token, person, role, expires_at, note, .. } => {
                self.tokens.retain(|_, token| at < token.expires_at);
                let issued = Token {
                    id: id.clone(),
                    person: person.clone(),
                    role: *role,
                    expires_at: *expires_at,
                    note: note.clone(),
                };
                self.tokens.insert(*token, issued);
            }
            Event::TokenRevoked { id, .. } => self.tokens.retain(|_, token| token.id != *id),
            _ => return,
        }
        self.changes = number;
    }
}
