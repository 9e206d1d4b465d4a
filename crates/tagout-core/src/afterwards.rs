//! The review afterwards: what ran without people is looked at by people when it is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::approval::Person;
use crate::digest::PlanDigest;
use crate::limits;
use crate::text::FreeText;
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

/// A broken glass of which people are to be reminded until somebody else has looked at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenGlass {
    /// The incident.
    pub incident: String,
    /// The plan.
    pub plan: PlanDigest,
    /// Who broke it.
    pub by: Person,
    /// Why.
    pub reason: FreeText,
    /// When.
    pub at: Time,
}

/// The reviews that are owed, and the plans that will owe one when they are over. Cheap to copy:
/// each part is shared until it changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Debts {
    under_way: Arc<BTreeMap<PlanDigest, (Mode, Option<Person>)>>,
    owed: Arc<BTreeMap<PlanDigest, Owed>>,
    broken: Arc<BTreeMap<PlanDigest, BrokenGlass>>,
    /// What is owed for rehearsals, oldest first: only so much of it is kept.
    rehearsed: Arc<BTreeSet<(Time, PlanDigest)>>,
}

impl Debts {
    /// The reviews that are owed, by the digest of the plan.
    #[must_use]
    pub fn owed(&self) -> &BTreeMap<PlanDigest, Owed> {
        &self.owed
    }

    /// The broken glass that nobody has reviewed yet, but for that of plans which were void
    /// before they did anything.
    pub fn broken_glass(&self) -> impl Iterator<Item = &BrokenGlass> {
        self.broken.values()
    }

    /// How many plans that really ran are not reviewed yet.
    #[must_use]
    pub fn live(&self) -> usize {
        self.owed.values().filter(|owed| owed.mode == Mode::Live).count()
    }

    /// A plan was granted without a quorum of people.
    pub(crate) fn begin(&mut self, plan: PlanDigest, mode: Mode, not_by: Option<Person>) {
        Arc::make_mut(&mut self.under_way).insert(plan, (mode, not_by));
    }

    /// Somebody broke a glass.
    pub(crate) fn broke(&mut self, broken: BrokenGlass, mode: Mode) {
        self.begin(broken.plan, mode, Some(broken.by.clone()));
        Arc::make_mut(&mut self.broken).insert(broken.plan, broken);
    }

    /// A plan is over: from now on its review is owed.
    pub(crate) fn finished(&mut self, plan: PlanDigest, incident: &str, at: Time) {
        if !self.under_way.contains_key(&plan) {
            return;
        }
        if let Some((mode, not_by)) = Arc::make_mut(&mut self.under_way).remove(&plan) {
            if mode == Mode::DryRun && not_by.is_none() {
                Arc::make_mut(&mut self.rehearsed).insert((at, plan));
            }
            let owed = Owed { incident: incident.to_owned(), mode, since: at, not_by };
            Arc::make_mut(&mut self.owed).insert(plan, owed);
            self.forget_rehearsals(at);
        }
    }

    /// A plan was voided. What it may have done before that is looked at all the same.
    pub(crate) fn voided(&mut self, plan: PlanDigest, incident: &str, ran: bool, at: Time) {
        if ran {
            self.finished(plan, incident, at);
        } else if self.under_way.contains_key(&plan) {
            Arc::make_mut(&mut self.under_way).remove(&plan);
            if self.broken.contains_key(&plan) {
                Arc::make_mut(&mut self.broken).remove(&plan);
            }
        }
    }

    /// The review was given.
    pub(crate) fn settled(&mut self, plan: PlanDigest) {
        let Some(owed) = Arc::make_mut(&mut self.owed).remove(&plan) else { return };
        if self.rehearsed.contains(&(owed.since, plan)) {
            Arc::make_mut(&mut self.rehearsed).remove(&(owed.since, plan));
        }
        if self.broken.contains_key(&plan) {
            Arc::make_mut(&mut self.broken).remove(&plan);
        }
    }

    /// A rehearsal has changed nothing: nobody owes it a look for ever. What really ran, and a
    /// broken glass, is owed until somebody gives it.
    fn forget_rehearsals(&mut self, at: Time) {
        while let Some((since, plan)) = self.rehearsed.first().copied() {
            let old = at.since(since) >= limits::REHEARSAL_OWED;
            if !old && self.rehearsed.len() <= limits::REHEARSALS_OWED {
                return;
            }
            Arc::make_mut(&mut self.rehearsed).pop_first();
            Arc::make_mut(&mut self.owed).remove(&plan);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    fn plan(n: usize) -> PlanDigest {
        PlanDigest::of_bytes(&n.to_be_bytes())
    }

    fn ran(debts: &mut Debts, n: usize, mode: Mode, not_by: Option<&str>, at: Time) {
        debts.begin(plan(n), mode, not_by.map(|name| Person::new(name).unwrap()));
        debts.finished(plan(n), "one", at);
    }

    #[test]
    fn reviews_of_rehearsals_are_owed_for_a_time_and_those_of_what_ran_until_they_are_given() {
        let mut debts = Debts::default();
        let start = Time::from_millis(0);
        ran(&mut debts, 0, Mode::Live, None, start);
        ran(&mut debts, 1, Mode::DryRun, None, start);
        ran(&mut debts, 2, Mode::DryRun, Some("ana"), start);
        let end = start.after(limits::REHEARSAL_OWED);
        let before = Time::from_millis(end.millis() - 1);
        ran(&mut debts, 3, Mode::DryRun, None, before);
        assert!(debts.owed().contains_key(&plan(1)));
        ran(&mut debts, 4, Mode::DryRun, None, end);
        assert!(!debts.owed().contains_key(&plan(1)));
        for kept in [0, 2, 3, 4] {
            assert!(debts.owed().contains_key(&plan(kept)), "{kept}");
        }
    }

    #[test]
    fn so_many_reviews_of_rehearsals_are_owed_and_one_more_takes_the_place_of_the_oldest() {
        let mut debts = Debts::default();
        let at = |n: usize| Time::from_millis(0).after(Span::from_millis(n as u64));
        for n in 0..limits::REHEARSALS_OWED {
            ran(&mut debts, n, Mode::DryRun, None, at(n));
        }
        assert!(debts.owed().contains_key(&plan(0)));
        let last = limits::REHEARSALS_OWED;
        ran(&mut debts, last, Mode::DryRun, None, at(last));
        assert_eq!(debts.owed().len(), limits::REHEARSALS_OWED);
        assert!(!debts.owed().contains_key(&plan(0)));
        assert!(debts.owed().contains_key(&plan(1)) && debts.owed().contains_key(&plan(last)));
        // What is reviewed makes room.
        debts.settled(plan(1));
        ran(&mut debts, last + 1, Mode::DryRun, None, at(last + 1));
        assert!(debts.owed().contains_key(&plan(2)));
    }

    #[test]
    fn a_copy_shares_what_is_owed_until_it_changes() {
        let mut debts = Debts::default();
        ran(&mut debts, 0, Mode::Live, None, Time::from_millis(0));
        let mark = debts.clone();
        assert!(Arc::ptr_eq(&mark.owed, &debts.owed));
        debts.settled(plan(0));
        assert!(mark.owed().contains_key(&plan(0)) && debts.owed().is_empty());
    }
}
