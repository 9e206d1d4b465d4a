//! Which targets plans have acted on, and when. Bounded; what is forgotten counts as having been on
//! every other target.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Shared;
use crate::limits;
use crate::matcher::glob;
use crate::policy::EscalationPolicy;
use crate::radius::Reached;
use crate::tier::Tier;
use crate::time::{Span, Time};
use crate::verdict::Mode;

/// A plan acted on a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Act {
    mode: Mode,
    tier: Tier,
    runbook: String,
    target: String,
}

/// See the module. Cheap to copy: it is shared until it changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Reach {
    /// When a plan last began or ended a step there.
    acts: Arc<BTreeMap<Act, Time>>,
    /// Until when acts may have been forgotten.
    forgotten: Option<Time>,
}

impl Reach {
    pub(super) fn note(
        &mut self,
        (mode, tier): (Mode, Tier),
        runbook: &str,
        target: &str,
        at: Time,
    ) {
        let (runbook, target) = (runbook.to_owned(), target.to_owned());
        let acts = Arc::make_mut(&mut self.acts);
        acts.insert(Act { mode, tier, runbook, target }, at);
        if acts.len() > limits::REMEMBERED_REACHES
            && let Some((oldest, at)) =
                acts.iter().min_by_key(|(_, at)| **at).map(|(act, at)| (act.clone(), *at))
        {
            acts.remove(&oldest);
            self.forgotten = self.forgotten.max(Some(at));
        }
    }

    /// How many targets these acts were on; none if `target` is one of them.
    fn count(
        &self,
        target: &str,
        is_one: impl Fn(&Act) -> bool,
        counts: impl Fn(&str, Time) -> bool,
    ) -> Option<u32> {
        let acts = self.acts.iter().filter(|(act, at)| is_one(act) && counts(&act.target, **at));
        let on: BTreeSet<&str> = acts.map(|(act, _)| act.target.as_str()).collect();
        if on.contains(target) {
            return None;
        }
        if self.forgotten.is_some_and(|until| counts("", until)) {
            return Some(u32::MAX);
        }
        Some(u32::try_from(on.len()).unwrap_or(u32::MAX))
    }
}

impl Shared {
    /// On how many targets plans have acted, as it counts for a plan of `runbook` on `target`.
    #[must_use]
    pub fn reached(
        &self,
        policy: &EscalationPolicy,
        mode: Mode,
        (runbook, target): (&str, &str),
        now: Time,
    ) -> Reached {
        let within = |window: Span| {
            move |on: &str, at: Time| {
                // As with budgets, a jump of the clock makes no room.
                let from = self.last_jump.map_or(at, |jump| jump.max(at));
                now < from.after(window) || (mode == Mode::Live && self.locks.contains_key(on))
            }
        };
        let of_tier = |tier: Tier| {
            let is_one = move |act: &Act| act.mode == mode && act.tier == tier;
            let count = self.reach.count(target, is_one, within(policy.rules(tier).window));
            count.map(|count| (tier, count))
        };
        let radii = policy.radii(runbook).filter_map(|radius| {
            let is_one = |act: &Act| act.mode == mode && glob(&radius.runbook, &act.runbook);
            let count = self.reach.count(target, is_one, within(radius.window));
            count.map(|count| (radius.runbook.clone(), count))
        });
        Reached {
            tiers: Tier::ALL.into_iter().filter_map(of_tier).collect(),
            radii: radii.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forgotten_counts_as_reached() {
        let mut reach = Reach::default();
        let at = |n: usize| Time::from_millis(i64::try_from(n).unwrap());
        let live = (Mode::Live, Tier::Low);
        let is_one = |act: &Act| act.mode == Mode::Live;
        for n in 0..limits::REMEMBERED_REACHES {
            reach.note(live, "disk", &format!("host-{n}"), at(n));
        }
        let most = u32::try_from(limits::REMEMBERED_REACHES).unwrap();
        assert_eq!(reach.count("new", is_one, |_, _| true), Some(most));
        assert_eq!(reach.count("host-0", is_one, |_, _| true), None);
        reach.note(live, "disk", "one more", at(limits::REMEMBERED_REACHES));
        assert_eq!(reach.count("new", is_one, |_, _| true), Some(u32::MAX));
        // Once that is too long ago, what is remembered is all there is.
        assert_eq!(reach.count("new", is_one, |_, then| then > at(0)), Some(most));
    }
}
