//! Before whom a plan was put: recorded the first time, and not at each look at a page.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tagout_core::approval::Person;
use tagout_core::digest::PlanDigest;
use tagout_core::limits;

/// What was shown to whom. It may forget: then it is recorded once more, and the first time
/// counts.
#[derive(Debug, Default)]
pub(super) struct Shown(Mutex<BTreeSet<(String, PlanDigest, Person)>>);

impl Shown {
    pub(super) fn knows(&self, incident: &str, plan: PlanDigest, to: &Person) -> bool {
        let shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.contains(&(incident.to_owned(), plan, to.clone()))
    }

    pub(super) fn remember(&self, incident: &str, plan: PlanDigest, to: &Person) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.len() >= limits::SHOWN_REQUESTS {
            shown.clear();
        }
        shown.insert((incident.to_owned(), plan, to.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_remembered_for_the_one_it_was_shown_to_until_there_are_too_many() {
        let shown = Shown::default();
        let (ana, bob) = (Person::new("ana").unwrap(), Person::new("bob").unwrap());
        let plan = |n: usize| PlanDigest::of_bytes(&n.to_be_bytes());
        shown.remember("inc-1", plan(0), &ana);
        assert!(shown.knows("inc-1", plan(0), &ana));
        assert!(!shown.knows("inc-1", plan(0), &bob));
        for n in 1..limits::SHOWN_REQUESTS {
            shown.remember("inc-1", plan(n), &ana);
        }
        assert!(shown.knows("inc-1", plan(0), &ana));
        shown.remember("inc-1", plan(limits::SHOWN_REQUESTS), &ana);
        assert!(!shown.knows("inc-1", plan(0), &ana));
    }
}
