//! Refused asks of people who are known: the first of each minute are recorded one by one,
//! the rest is counted, so that nobody fills the log.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tagout_core::actor::Act;
use tagout_core::approval::Person;
use tagout_core::event::RefusedAsks;
use tagout_core::limits;
use tagout_core::time::Time;

use crate::clock::now;

const WINDOW: Duration = Duration::from_millis(limits::REFUSED_ASKS_WINDOW.millis());

/// What was refused lately.
#[derive(Debug, Default)]
pub(super) struct RefusedLately(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// How many of a person were recorded, since when.
    recorded: BTreeMap<Person, (Instant, u32)>,
    /// How often a person was refused beyond that.
    counted: BTreeMap<(Person, Act), u64>,
    since: Option<Time>,
}

impl RefusedLately {
    /// Whether no more of this person is recorded one by one for now.
    pub(super) fn is_full(&self, person: &Person) -> bool {
        let counts = self.counts();
        counts.recorded.get(person).is_some_and(|(since, recorded)| {
            since.elapsed() < WINDOW && *recorded >= limits::REFUSED_ASKS
        })
    }

    /// Takes one of the places of this person; `false` if none is left for now.
    pub(super) fn take_place(&self, person: &Person) -> bool {
        let mut counts = self.counts();
        counts.recorded.retain(|_, (since, _)| since.elapsed() < WINDOW);
        let (_, recorded) =
            counts.recorded.entry(person.clone()).or_insert_with(|| (Instant::now(), 0));
        let free = *recorded < limits::REFUSED_ASKS;
        *recorded = recorded.saturating_add(1);
        free
    }

    /// Counts one that is not recorded by itself.
    pub(super) fn count(&self, person: &Person, act: Act) {
        let mut counts = self.counts();
        counts.since.get_or_insert_with(now);
        *counts.counted.entry((person.clone(), act)).or_default() += 1;
    }

    /// Takes away what was counted, as much of it as one event holds; `None` if nothing was.
    pub(super) fn drain(&self) -> Option<(Vec<RefusedAsks>, Time)> {
        let mut counts = self.counts();
        let since = counts.since?;
        let mut refused = Vec::new();
        while refused.len() < limits::REFUSED_ASKS_PER_EVENT {
            let Some(((by, act), times)) = counts.counted.pop_first() else { break };
            refused.push(RefusedAsks { by, act, times });
        }
        if counts.counted.is_empty() {
            counts.since = None;
        }
        (!refused.is_empty()).then_some((refused, since))
    }

    /// Puts back what could not be recorded.
    pub(super) fn put_back(&self, refused: &[RefusedAsks], since: Time) {
        let mut counts = self.counts();
        counts.since = Some(counts.since.map_or(since, |later| later.min(since)));
        for RefusedAsks { by, act, times } in refused {
            *counts.counted.entry((by.clone(), *act)).or_default() += times;
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str) -> Person {
        Person::new(name).unwrap()
    }

    #[test]
    fn the_first_of_a_minute_have_a_place_and_the_next_one_has_none() {
        let (lately, ana) = (RefusedLately::default(), person("ana"));
        for _ in 0..limits::REFUSED_ASKS {
            assert!(!lately.is_full(&ana));
            assert!(lately.take_place(&ana));
        }
        assert!(lately.is_full(&ana));
        assert!(!lately.take_place(&ana));
        assert!(lately.take_place(&person("bob")), "another one's places are their own");
    }

    #[test]
    fn what_was_counted_is_told_once_and_not_lost_when_it_cannot_be_recorded() {
        let (lately, ana) = (RefusedLately::default(), person("ana"));
        assert_eq!(lately.drain(), None);
        for _ in 0..1_000 {
            lately.count(&ana, Act::Review);
        }
        let (refused, since) = lately.drain().unwrap();
        assert_eq!(refused, [RefusedAsks { by: ana, act: Act::Review, times: 1_000 }]);
        assert_eq!(lately.drain(), None);
        lately.put_back(&refused, since);
        assert_eq!(lately.drain(), Some((refused, since)));
    }

    #[test]
    fn one_event_holds_so_many_lines_and_the_next_one_the_rest() {
        let lately = RefusedLately::default();
        for n in 0..=limits::REFUSED_ASKS_PER_EVENT {
            lately.count(&person(&format!("p{n}")), Act::Stop);
        }
        assert_eq!(lately.drain().unwrap().0.len(), limits::REFUSED_ASKS_PER_EVENT);
        assert_eq!(lately.drain().unwrap().0.len(), 1);
    }
}
