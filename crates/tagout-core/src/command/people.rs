//! What may be asked about people and their tokens.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::Role;
use crate::approval::Person;
use crate::digest::TokenDigest;
use crate::people::{Identity, Proof, SignInRefusal};
use crate::text::FreeText;
use crate::time::Time;

/// What may be asked about people. Where nobody is named as the asker, it is the service
/// itself: at its first start, or because an identity provider says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeopleCommand {
    /// Let somebody in.
    Add {
        /// Whom.
        person: Person,
        /// What they are trusted with.
        role: Role,
        /// The groups they speak for.
        groups: BTreeSet<String>,
        /// Who they are at an identity provider.
        identity: Option<Identity>,
        /// By whom.
        by: Option<Person>,
    },
    /// Trust somebody with something else. What does not change is given again.
    Change {
        /// Whom.
        person: Person,
        /// What they are trusted with from now on.
        role: Role,
        /// The groups they speak for from now on.
        groups: BTreeSet<String>,
        /// Who they are at an identity provider.
        identity: Option<Identity>,
        /// By whom.
        by: Option<Person>,
    },
    /// Let somebody in no more. Their tokens and sessions end with that.
    Remove {
        /// Whom.
        person: Person,
        /// By whom.
        by: Person,
    },
    /// Note that somebody has another password, or a one-time secret in its place. Their
    /// sessions end with that.
    NotePassword {
        /// Who.
        person: Person,
        /// Whether it holds once.
        one_time: bool,
        /// By whom.
        by: Option<Person>,
    },
    /// Let a token speak for somebody.
    IssueToken {
        /// Its id.
        id: String,
        /// The digest of the token itself.
        token: TokenDigest,
        /// For whom.
        person: Person,
        /// With at most which role.
        role: Role,
        /// From when on it opens nothing.
        expires_at: Time,
        /// What it is for.
        note: FreeText,
        /// By whom.
        by: Person,
    },
    /// Let a token open nothing any more.
    RevokeToken {
        /// Its id.
        id: String,
        /// By whom.
        by: Person,
    },
    /// Note that somebody came in.
    NoteSignIn {
        /// Who.
        person: Person,
        /// By what they proved it.
        proof: Proof,
        /// From where, as far as is known.
        from: FreeText,
    },
    /// Note that a known person, or somebody in their name, was not let in.
    NoteRefusedSignIn {
        /// In whose name.
        person: Person,
        /// Why.
        why: SignInRefusal,
        /// From where, as far as is known.
        from: FreeText,
        /// How many more there were since the last one that was noted.
        more: u64,
    },
    /// Note how many nameless attempts were refused.
    NoteStrangers {
        /// Since when.
        since: Time,
        /// How many, by what was refused.
        counts: BTreeMap<String, u64>,
    },
}
