//! How often each target was looked at before a decision, to bound it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::limits;
use crate::time::{Span, Time};

/// See the module. Cheap to copy: it is shared until it changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Looked(Arc<BTreeMap<String, VecDeque<Time>>>);

impl Looked {
    pub(super) fn note(&mut self, target: &str, at: Time) {
        let all = Arc::make_mut(&mut self.0);
        let of = all.entry(target.to_owned()).or_default();
        of.push_back(at);
        // No limit is higher than what is remembered.
        if of.len() > limits::LOOKS_PER_TARGET as usize {
            of.pop_front();
        }
        if all.len() > limits::LOOKED_TARGETS
            && let Some(oldest) =
                all.iter().min_by_key(|(_, of)| of.back()).map(|(target, _)| target.clone())
        {
            all.remove(&oldest);
        }
    }

    /// How often within `window` before `now`. A jump of the clock never makes room early.
    pub(super) fn within(
        &self,
        target: &str,
        window: Span,
        last_jump: Option<Time>,
        now: Time,
    ) -> u32 {
        let counts = |at: &&Time| now < last_jump.map_or(**at, |jump| jump.max(**at)).after(window);
        let of = self.0.get(target).into_iter().flatten();
        u32::try_from(of.filter(counts).count()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: usize) -> Time {
        Time::from_millis(i64::try_from(n).unwrap())
    }

    #[test]
    fn looks_are_counted_within_the_window_and_a_jump_makes_no_room() {
        let mut looked = Looked::default();
        let (window, target) = (Span::from_millis(10), "db-1");
        looked.note(target, at(0));
        looked.note(target, at(5));
        assert_eq!(looked.within(target, window, None, at(9)), 2);
        assert_eq!(looked.within(target, window, None, at(10)), 1);
        assert_eq!(looked.within(target, window, Some(at(8)), at(17)), 2);
        assert_eq!(looked.within("db-2", window, None, at(9)), 0);
    }

    #[test]
    fn the_target_that_was_not_looked_at_for_longest_is_forgotten_first() {
        let mut looked = Looked::default();
        for n in 0..limits::LOOKED_TARGETS {
            looked.note(&n.to_string(), at(n));
        }
        assert_eq!(looked.within("0", Span::MAX, None, at(limits::LOOKED_TARGETS)), 1);
        looked.note("one more", at(limits::LOOKED_TARGETS));
        assert_eq!(looked.within("0", Span::MAX, None, at(limits::LOOKED_TARGETS)), 0);
        assert_eq!(looked.within("1", Span::MAX, None, at(limits::LOOKED_TARGETS)), 1);
    }

    #[test]
    fn as_many_looks_at_one_target_are_remembered_as_any_limit_can_ask_for() {
        let mut looked = Looked::default();
        (0..=limits::LOOKS_PER_TARGET).for_each(|_| looked.note("db-1", at(0)));
        assert_eq!(looked.within("db-1", Span::MAX, None, at(1)), limits::LOOKS_PER_TARGET);
    }
}
