//! Who holds a target: one plan at a time works on it.

use super::Shared;
use crate::digest::PlanDigest;
use crate::tier::Tier;

/// Who holds a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The incident.
    pub incident: String,
    /// The plan.
    pub plan: PlanDigest,
    /// At which tier and by which runbook it acts on the target, if it does more than look.
    pub(super) acts: Option<(Tier, String)>,
    /// Whether a start has no recorded end.
    pub(super) in_flight: bool,
    /// Whether the plan is over, so that the lock goes with the last recorded end.
    pub(super) closing: bool,
}

impl Shared {
    /// Who holds `target`.
    #[must_use]
    pub fn lock(&self, target: &str) -> Option<&Lock> {
        self.locks.get(target)
    }

    /// What `plan` holds, if it holds something.
    #[must_use]
    pub fn held(&self, plan: PlanDigest) -> Option<&str> {
        let held = self.locks.iter().find(|(_, lock)| lock.plan == plan);
        held.map(|(target, _)| target.as_str())
    }

    /// Changes the lock of `plan` and drops it once the plan is over and nothing is in flight.
    pub(super) fn settle(&mut self, plan: PlanDigest, change: impl Fn(&mut Lock)) {
        self.locks.values_mut().filter(|lock| lock.plan == plan).for_each(change);
        self.locks.retain(|_, lock| !lock.closing || lock.in_flight);
    }
}
