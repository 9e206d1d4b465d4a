//! The owner of a runbook: what its first use on a target demands of them, and who stands in for
//! an owner whom nobody here could speak for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::actor::{Act, Actor, Role};
use crate::approval::Person;
use crate::entitlement::Approvers;
use crate::quorum::missing;
use crate::route::at_least;
use crate::shared::Shared;

/// What the first use of a runbook on a target demands of the runbook's owner, where the page
/// names one and people are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstUse {
    /// One of them must approve.
    Require,
    /// They are asked first.
    Ask,
    /// Nothing. So it was in policies that were recorded before there was a choice.
    #[default]
    Nothing,
}

impl FirstUse {
    /// Whether it demands nothing, as if it were not written.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::Nothing
    }
}

impl fmt::Display for FirstUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Require => "its owner must be among those who approve",
            Self::Ask => "its owner is asked first",
            Self::Nothing => "nothing is demanded of its owner",
        })
    }
}

/// Who can give the approval that a first use demands of an owner, as far as people were known
/// when they were asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpokenFor {
    /// Somebody of the group, or the person.
    Owner,
    /// Nobody of them can, so an admin may stand in for them.
    Admin,
    /// No admin can either. Then nothing more is demanded; that it is the first use is told.
    Nobody,
}

impl SpokenFor {
    /// Who can, of those who are known. Whoever asked for the plan does not count, nor whom the
    /// policy does not let approve it. Who is on duty for a rota counts as one of it.
    #[must_use]
    pub fn of(owner: &str, shared: &Shared, approvers: &Approvers, by: Option<&Person>) -> Self {
        let could = could(shared, approvers, by);
        if could.iter().any(|actor| is_owner(owner, actor)) {
            Self::Owner
        } else if could.iter().any(|actor| actor.role == Role::Admin) {
            Self::Admin
        } else {
            Self::Nobody
        }
    }

    /// What it comes to, as a sentence about a plan.
    #[must_use]
    pub fn told(self, owner: &str) -> String {
        let first = "The first use of this runbook on this target";
        match self {
            Self::Owner => format!("{first}: its owner, {owner}, must approve."),
            Self::Admin => format!(
                "{first}: nobody known here can approve for its owner, {owner}, so an admin must."
            ),
            Self::Nobody => format!(
                "{first}: nobody known here is left to approve for its owner, {owner}, nor is an admin."
            ),
        }
    }
}

/// Those who are known and may approve such a plan.
fn could(shared: &Shared, approvers: &Approvers, by: Option<&Person>) -> Vec<Actor> {
    shared
        .known()
        .filter(|actor| actor.may(Act::Review) && Some(&actor.person) != by)
        .filter(|actor| approvers.admit(Some(actor.role), &actor.groups))
        .collect()
}

/// Whether the places that a first use adds to `groups` can be filled by those who are known, as well
/// as `groups` can without them.
pub(crate) fn can_fill(
    first_use: &FirstUses,
    groups: &BTreeMap<String, u32>,
    shared: &Shared,
    approvers: &Approvers,
    by: Option<&Person>,
) -> bool {
    let could = could(shared, approvers, by);
    let people: Vec<BTreeSet<&str>> = could
        .iter()
        .map(|actor| {
            let admin = actor.role == Role::Admin;
            let owned = first_use.iter().filter(|(owner, by)| {
                is_owner(owner, actor) || (admin && **by == SpokenFor::Admin)
            });
            let groups = actor.groups.iter().map(String::as_str);
            groups.chain(owned.map(|(owner, _)| owner.as_str())).collect()
        })
        .collect();
    let open = |wanted: &BTreeMap<String, u32>| missing(wanted, &people).values().sum::<u32>();
    let mut with = groups.clone();
    at_least(&mut with, &places(first_use));
    open(&with) <= open(groups)
}

fn is_owner(owner: &str, actor: &Actor) -> bool {
    actor.groups.contains(owner) || Person::new(owner).is_ok_and(|person| person == actor.person)
}

/// The owners whom a plan's first use needs, each with who speaks for them.
pub type FirstUses = BTreeMap<String, SpokenFor>;

/// Whether one of them demands an approval of its own.
#[must_use]
pub fn demands(first_use: &FirstUses) -> bool {
    first_use.values().any(|by| *by != SpokenFor::Nobody)
}

/// What a first use adds to the `groups` that must approve: one place for each owner who is
/// spoken for, and one together for all of whom an admin stands in.
pub(crate) fn places(first_use: &FirstUses) -> BTreeMap<String, u32> {
    let of = |who: SpokenFor| first_use.iter().filter(move |(_, by)| **by == who);
    of(SpokenFor::Owner)
        .chain(of(SpokenFor::Admin).take(1))
        .map(|(owner, _)| (owner.clone(), 1))
        .collect()
}
