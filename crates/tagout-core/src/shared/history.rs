//! What was done before: which runbooks were carried through on which targets, and when a
//! target was last touched. Both are bounded, and what is forgotten counts as unknown: new, or
//! touched.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::digest::PlanDigest;
use crate::limits;
use crate::time::Time;
use crate::verdict::Mode;

/// See the module. Cheap to copy: it is shared until it changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct History {
    /// When a runbook was last carried through on a target.
    used: Arc<BTreeMap<(Mode, String, String), Time>>,
    /// When a plan of a runbook last ended on a target, carried through or not.
    ended: Arc<BTreeMap<(Mode, String, String), Time>>,
    /// Until when such ends may have been forgotten.
    ends_forgotten: Option<Time>,
    /// Which plan last touched a target, and when.
    touched: Arc<BTreeMap<String, (Time, PlanDigest)>>,
    /// Until when touches may have been forgotten.
    forgotten: Option<Time>,
}

impl History {
    pub(super) fn used(&self, mode: Mode, runbook: &str, target: &str) -> bool {
        self.used.contains_key(&(mode, runbook.to_owned(), target.to_owned()))
    }

    pub(super) fn touched_by_another(&self, target: &str, plan: PlanDigest, since: Time) -> bool {
        let touched = self.touched.get(target);
        touched.is_some_and(|(at, by)| *by != plan && *at > since)
            || (touched.is_none() && self.forgotten.is_some_and(|until| until > since))
    }

    pub(super) fn note_use(&mut self, mode: Mode, runbook: &str, target: &str, at: Time) {
        let used = Arc::make_mut(&mut self.used);
        used.insert((mode, runbook.to_owned(), target.to_owned()), at);
        if used.len() > limits::REMEMBERED_USES
            && let Some(oldest) = used.iter().min_by_key(|(_, at)| **at).map(|(key, _)| key.clone())
        {
            used.remove(&oldest);
        }
    }

    /// When a plan of the runbook may last have ended on the target.
    pub(super) fn ended(&self, mode: Mode, runbook: &str, target: &str) -> Option<Time> {
        let ended = self.ended.get(&(mode, runbook.to_owned(), target.to_owned())).copied();
        ended.or(self.ends_forgotten)
    }

    pub(super) fn note_end(&mut self, mode: Mode, runbook: &str, target: &str, at: Time) {
        let ended = Arc::make_mut(&mut self.ended);
        ended.insert((mode, runbook.to_owned(), target.to_owned()), at);
        if ended.len() > limits::REMEMBERED_ENDS
            && let Some((oldest, at)) =
                ended.iter().min_by_key(|(_, at)| **at).map(|(key, at)| (key.clone(), *at))
        {
            ended.remove(&oldest);
            self.ends_forgotten = self.ends_forgotten.max(Some(at));
        }
    }

    pub(super) fn note_touch(&mut self, target: &str, plan: PlanDigest, at: Time) {
        let touched = Arc::make_mut(&mut self.touched);
        touched.insert(target.to_owned(), (at, plan));
        if touched.len() > limits::REMEMBERED_TOUCHES
            && let Some((oldest, at)) =
                touched.iter().min_by_key(|(_, (at, _))| *at).map(|(t, (at, _))| (t.clone(), *at))
        {
            touched.remove(&oldest);
            self.forgotten = self.forgotten.max(Some(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: usize) -> Time {
        Time::from_millis(i64::try_from(n).unwrap())
    }

    #[test]
    fn the_oldest_uses_are_forgotten_and_count_as_new_again() {
        let mut history = History::default();
        let target = |n: usize| format!("host-{n}");
        for n in 0..limits::REMEMBERED_USES {
            history.note_use(Mode::Live, "disk", &target(n), at(n));
        }
        assert!(history.used(Mode::Live, "disk", &target(0)));
        history.note_use(Mode::Live, "disk", "one more", at(limits::REMEMBERED_USES));
        assert!(!history.used(Mode::Live, "disk", &target(0)));
        assert!(history.used(Mode::Live, "disk", &target(1)));
        assert!(!history.used(Mode::DryRun, "disk", &target(1)));
    }

    #[test]
    fn an_end_that_may_have_been_forgotten_counts_as_one() {
        let mut history = History::default();
        for n in 0..limits::REMEMBERED_ENDS {
            history.note_end(Mode::Live, "disk", &format!("host-{n}"), at(n));
        }
        assert_eq!(history.ended(Mode::Live, "disk", "other"), None);
        history.note_end(Mode::Live, "disk", "one more", at(limits::REMEMBERED_ENDS));
        assert_eq!(history.ended(Mode::Live, "disk", "other"), Some(at(0)));
        assert_eq!(history.ended(Mode::Live, "disk", "host-7"), Some(at(7)));
    }

    #[test]
    fn a_touch_that_may_have_been_forgotten_counts_as_one() {
        let (mut history, plan) = (History::default(), PlanDigest::of_bytes(b"p"));
        for n in 0..=limits::REMEMBERED_TOUCHES {
            history.note_touch(&format!("host-{n}"), plan, at(n));
        }
        let other = PlanDigest::of_bytes(b"q");
        let before = Time::from_millis(-1);
        assert!(history.touched_by_another("host-0", other, before));
        assert!(!history.touched_by_another("host-0", other, at(0)));
        assert!(history.touched_by_another("host-7", other, at(6)));
        assert!(!history.touched_by_another("host-7", other, at(7)));
        assert!(!history.touched_by_another("host-7", plan, at(6)));
    }
}
