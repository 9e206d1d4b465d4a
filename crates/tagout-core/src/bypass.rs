//! The time-boxed bypass: for a while, and for one runbook, doubt about the match does not hold
//! a low or medium plan back. It is an input of the policy and no grant: it is recorded, ends by
//! itself, spends the budget, and is named wherever it decided something.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::approval::Person;
use crate::entitlement::Entrusted;
use crate::text::FreeText;
use crate::tier::Tier;
use crate::time::{Span, Time};

/// The highest tier at which a bypass can do anything.
pub const HIGHEST: Tier = Tier::Medium;

/// Who may open a bypass, and for how long. Off unless the policy says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BypassRules {
    /// Who.
    pub who: Entrusted,
    /// The longest time from its opening to its end.
    pub longest: Span,
}

/// An open bypass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bypass {
    /// The runbook.
    pub runbook: String,
    /// The highest tier of the plans that it lets go on.
    pub tier: Tier,
    /// When it ends.
    pub until: Time,
    /// Who opened it.
    pub by: Person,
    /// Why.
    pub reason: FreeText,
}

/// What is known of bypasses and of where they are off.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bypasses {
    rules: Option<BypassRules>,
    all: BTreeMap<String, Bypass>,
    ceremonial: BTreeSet<String>,
}

impl Bypasses {
    /// Who may open one, under the policy in force.
    #[must_use]
    pub const fn rules(&self) -> Option<&BypassRules> {
        self.rules.as_ref()
    }

    /// Those that have not ended at `now`, by id, whether they do anything or not.
    pub fn open(&self, now: Time) -> impl Iterator<Item = (&str, &Bypass)> {
        let open = self.all.iter().filter(move |(_, bypass)| now < bypass.until);
        open.map(|(id, bypass)| (id.as_str(), bypass))
    }

    /// Those whose time is over at `now` and of whose end nothing is recorded.
    pub fn lapsed(&self, now: Time) -> impl Iterator<Item = &str> {
        self.all.iter().filter(move |(_, b)| now >= b.until).map(|(id, _)| id.as_str())
    }

    /// The bypass that a plan of this runbook and tier may go by at `now`. None where reviews
    /// are ceremonial, above the medium tier, or if the policy in force knows no bypass.
    #[must_use]
    pub fn of(&self, runbook: &str, tier: Tier, now: Time) -> Option<(&str, &Bypass)> {
        self.rules.as_ref()?;
        if tier > HIGHEST || self.is_ceremonial(runbook) {
            return None;
        }
        self.open(now).find(|(_, bypass)| bypass.runbook == runbook && tier <= bypass.tier)
    }

    /// Whether the theater check found that plans of this runbook are approved unread. Where
    /// it did, nothing that saves people work is on.
    #[must_use]
    pub fn is_ceremonial(&self, runbook: &str) -> bool {
        self.ceremonial.contains(runbook)
    }

    pub(crate) fn under(&mut self, rules: Option<&BypassRules>) {
        self.rules = rules.cloned();
    }

    pub(crate) fn opened(&mut self, id: &str, bypass: Bypass, at: Time) {
        self.all.retain(|_, bypass| at < bypass.until);
        self.all.insert(id.to_owned(), bypass);
    }

    pub(crate) fn closed(&mut self, id: &str) {
        self.all.remove(id);
    }

    pub(crate) fn found(&mut self, runbook: &str, ceremonial: bool) {
        if ceremonial {
            self.ceremonial.insert(runbook.to_owned());
        } else {
            self.ceremonial.remove(runbook);
        }
    }
}
