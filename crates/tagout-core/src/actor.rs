//! Somebody who asks for something: who they are, what they may do, and for which groups they
//! speak. Every channel (page, command, message, API) makes one, and all are held to the same
//! table.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::approval::Person;

/// What a person is trusted with. Each role may do all that those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Works on incidents and may stop anything.
    Responder,
    /// Answers for plans, as far as the policy's rules let them.
    Approver,
    /// Says who may do what.
    Admin,
}

impl Role {
    /// All roles, least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Responder, Self::Approver, Self::Admin];

    /// Its name, as in files and in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Responder => "responder",
            Self::Approver => "approver",
            Self::Admin => "admin",
        }
    }

    /// Whether it lets somebody do it.
    #[must_use]
    pub fn may(self, act: Act) -> bool {
        self >= act.least_role()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no role {0:?}; use viewer, responder, approver or admin")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(word: &str) -> Result<Self, UnknownRole> {
        let named = Self::ALL.into_iter().find(|role| role.name() == word);
        named.ok_or_else(|| UnknownRole(word.to_owned()))
    }
}

/// What somebody asks to do, as far as it matters for whether they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// See what is recorded.
    Read,
    /// Stop something: engage the kill switch, take back a grant, declare a freeze.
    Stop,
    /// Work on an incident: acknowledge, assign, comment, merge, hand over, snooze, close.
    Handle,
    /// Keep alerts quiet: open and close windows, deal with quarantined deliveries.
    Quiet,
    /// Approve, reject or modify a plan; review afterwards what ran on its own.
    Review,
    /// Let go on what was stopped: resume a halted plan, release the kill switch, lift a freeze.
    Resume,
    /// Approve alone what needs more people. The policy names who is entitled besides.
    BreakGlass,
    /// Let a runbook pass without people for a time. The policy names who is entitled besides.
    Bypass,
    /// Admit a version of a runbook to live mode.
    Admit,
    /// Say who may do what: people, tokens.
    Administer,
}

impl Act {
    /// Its name, as in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Stop => "stop",
            Self::Handle => "handle",
            Self::Quiet => "quiet",
            Self::Review => "review",
            Self::Resume => "resume",
            Self::BreakGlass => "break_glass",
            Self::Bypass => "bypass",
            Self::Admit => "admit",
            Self::Administer => "administer",
        }
    }

    /// The least role that may do it.
    #[must_use]
    pub const fn least_role(self) -> Role {
        match self {
            Self::Read => Role::Viewer,
            Self::Stop | Self::Handle | Self::Quiet => Role::Responder,
            Self::Review | Self::Resume | Self::BreakGlass | Self::Bypass => Role::Approver,
            Self::Admit | Self::Administer => Role::Admin,
        }
    }
}

/// Somebody who asks for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Who.
    pub person: Person,
    /// What they are trusted with.
    pub role: Role,
    /// For which groups they speak at this moment: those they belong to, and the rotas they
    /// are on duty for.
    pub groups: BTreeSet<String>,
}

impl Actor {
    /// Somebody with a role and no group.
    #[must_use]
    pub const fn new(person: Person, role: Role) -> Self {
        Self { person, role, groups: BTreeSet::new() }
    }

    /// Whether their role lets them do it. The policy may ask for more.
    ///
    /// ```
    /// use tagout_core::actor::{Act, Actor, Role};
    /// use tagout_core::approval::Person;
    ///
    /// let person = Person::new("ana").unwrap();
    /// let ana = Actor { person, role: Role::Responder, groups: Default::default() };
    /// assert!(ana.may(Act::Stop));
    /// assert!(!ana.may(Act::Review));
    /// ```
    #[must_use]
    pub fn may(&self, act: Act) -> bool {
        self.role.may(act)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_may_let_something_go_on_may_also_stop_it() {
        for role in Role::ALL.into_iter().filter(|role| *role >= Act::Resume.least_role()) {
            assert!(role >= Act::Stop.least_role());
        }
        assert!(Act::Stop.least_role() < Act::Resume.least_role());
    }

    #[test]
    fn a_role_is_read_by_its_name_and_by_nothing_else() {
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
        }
        assert!("Admin".parse::<Role>().is_err());
        assert!("root".parse::<Role>().is_err());
    }
}
