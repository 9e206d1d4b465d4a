//! Nameless attempts that were refused, counted: a stranger who tries for ever costs one entry
//! of the log a minute.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tagout_core::command::PeopleCommand;
use tagout_core::time::Time;

use crate::clock::now;

/// What was refused since somebody last looked.
#[derive(Debug)]
pub struct Strangers(Mutex<(Time, BTreeMap<String, u64>)>);

impl Default for Strangers {
    fn default() -> Self {
        Self(Mutex::new((now(), BTreeMap::new())))
    }
}

impl Strangers {
    /// Counts one. `what` is one of a closed set, and nothing that the stranger says.
    pub fn note(&self, what: &str) {
        self.add(what, 1);
    }

    fn add(&self, what: &str, more: u64) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match noted.1.get_mut(what) {
            Some(count) => *count = count.saturating_add(more),
            None => drop(noted.1.insert(what.to_owned(), more)),
        }
    }

    /// Takes the counts away, as they are to be recorded; `None` if there is nothing to say.
    pub fn take(&self) -> Option<PeopleCommand> {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, counts) = std::mem::replace(&mut *noted, (now(), BTreeMap::new()));
        (!counts.is_empty()).then_some(PeopleCommand::NoteStrangers { since, counts })
    }

    /// Puts back what could not be recorded.
    pub fn put_back(&self, command: PeopleCommand) {
        let PeopleCommand::NoteStrangers { since, counts } = command else { return };
        counts.iter().for_each(|(what, count)| self.add(what, *count));
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.0 = noted.0.min(since);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_tries_are_one_line_and_none_is_lost_when_nothing_can_be_recorded() {
        let strangers = Strangers::default();
        assert_eq!(strangers.take(), None);
        for _ in 0..1_000_000 {
            strangers.note("an unknown token");
        }
        let taken = strangers.take().unwrap();
        strangers.note("an unknown token");
        strangers.put_back(taken);
        let Some(PeopleCommand::NoteStrangers { counts, .. }) = strangers.take() else { panic!() };
        assert_eq!(counts, BTreeMap::from([("an unknown token".to_owned(), 1_000_001)]));
        assert_eq!(strangers.take(), None);
    }
}
