//! The review afterwards: what ran without people is looked at by people when it is over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::approval::Person;
use crate::digest::PlanDigest;
use crate::time::Time;
use crate::verdict::Mode;

/// What a person says of a plan that ran without people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hindsight {
    /// It was right.
    Upheld,
    /// It was not. What can be taken back is offered as a new plan.
    Rejected,
}

/// A review that is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// The incident.
    pub incident: String,
    /// What the plan ran as.
    pub mode: Mode,
    /// Since when.
    pub since: Time,
    /// Who cannot give it, because it is about them.
    pub not_by: Option<Person>,
}

/// The reviews that are owed, and the plans that will owe one when they are over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Debts {
    under_way: BTreeMap<PlanDigest, (Mode, Option<Person>)>,
    owed: BTreeMap<PlanDigest, Owed>,
}

impl Debts {
    /// The reviews that are owed, by the digest of the plan.
    #[must_use]
    pub const fn owed(&self) -> &BTreeMap<PlanDigest, Owed> {
        &self.owed
    }

    /// How many plans that really ran are not reviewed yet.
    #[must_use]
    pub fn live(&self) -> usize {
        self.owed.values().filter(|owed| owed.mode == Mode::Live).count()
    }

    /// A plan was granted without a quorum of people.
    pub(crate) fn begin(&mut self, plan: PlanDigest, mode: Mode, not_by: Option<Person>) {
        self.under_way.insert(plan, (mode, not_by));
    }

    /// A plan is over: from now on its review is owed.
    pub(crate) fn finished(&mut self, plan: PlanDigest, incident: &str, at: Time) {
        if let Some((mode, not_by)) = self.under_way.remove(&plan) {
            let owed = Owed { incident: incident.to_owned(), mode, since: at, not_by };
            self.owed.insert(plan, owed);
        }
    }

    /// A plan was voided. What it may have done before that is looked at all the same.
    pub(crate) fn voided(&mut self, plan: PlanDigest, incident: &str, ran: bool, at: Time) {
        if ran { self.finished(plan, incident, at) } else { drop(self.under_way.remove(&plan)) }
    }

    /// The review was given.
    pub(crate) fn settled(&mut self, plan: PlanDigest) {
        self.owed.remove(&plan);
    }
}
