//! Where in the log alerts joined which incident: what the state does not keep.

use std::collections::BTreeMap;

use tagout_core::event::{Event, Fold};
use tagout_core::limits;

/// Where in the log alerts joined each incident: 16 bytes for each delivery that brought some.
#[derive(Debug, Clone, Default)]
pub(crate) struct Joins {
    of: BTreeMap<String, Places>,
    /// How many places there are in all.
    places: usize,
    /// The last of them.
    newest: Option<u64>,
}

/// The places of one incident, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    /// The entry, and how many alerts had joined with it and those before it.
    pub(crate) entries: Vec<(u64, u64)>,
    /// How many alerts joined before the first entry that is still known.
    pub(crate) forgotten: u64,
}

impl Places {
    fn joined(&self) -> u64 {
        self.entries.last().map_or(self.forgotten, |(_, upto)| *upto)
    }
}

impl Joins {
    /// Takes down what an entry of the log says.
    pub(crate) fn note(&mut self, entry: u64, event: &Event) {
        let (Event::DeliveryReceived { folded, .. }
        | Event::DeliveryPartReceived { folded, .. }
        | Event::AlertsFolded { folded, .. }) = event
        else {
            return;
        };
        for one in folded.iter().filter(|one| matches!(one.how, Fold::Joined { .. })) {
            if !self.of.contains_key(&one.incident) {
                self.of.insert(one.incident.clone(), Places::default());
            }
            let Some(places) = self.of.get_mut(&one.incident) else { continue };
            let upto = places.joined() + 1;
            match places.entries.last_mut().filter(|(last, _)| *last == entry) {
                Some(last) => last.1 = upto,
                None => {
                    places.entries.push((entry, upto));
                    self.places += 1;
                    self.newest = Some(entry);
                }
            }
        }
        while self.places > limits::JOINS {
            self.forget();
        }
    }

    /// Forgets the places of the incident that nothing has joined for the longest time.
    fn forget(&mut self) {
        let known = self.of.values_mut().filter(|places| !places.entries.is_empty());
        let Some(oldest) = known.min_by_key(|places| places.entries.last().map(|last| last.0))
        else {
            return;
        };
        oldest.forgotten = oldest.joined();
        self.places -= std::mem::take(&mut oldest.entries).len();
    }

    /// Takes back what was noted of entries from `size` on: they did not become durable.
    pub(crate) fn take_back(&mut self, size: u64) {
        if self.newest.is_none_or(|newest| newest < size) {
            return;
        }
        for places in self.of.values_mut() {
            while places.entries.pop_if(|(entry, _)| *entry >= size).is_some() {
                self.places -= 1;
            }
        }
        self.of.retain(|_, places| places.joined() > 0);
        self.newest = size.checked_sub(1);
    }

    /// Where alerts joined this incident.
    pub(crate) fn of(&self, incident: &str) -> Option<&Places> {
        self.of.get(incident)
    }

    /// How many alerts joined this incident.
    pub(crate) fn joined(&self, incident: &str) -> u64 {
        self.of(incident).map_or(0, Places::joined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagout_core::alert::Severity;
    use tagout_core::digest::{AlertIdentity, DeliveryDigest};
    use tagout_core::event::FoldedAlert;

    fn joining(incident: &str, count: u8) -> Event {
        let fold = |n: u8| FoldedAlert {
            identity: AlertIdentity::of_bytes(&[n]),
            incident: incident.to_owned(),
            how: Fold::Joined { severity: Severity::Warning, began: None },
        };
        Event::AlertsFolded {
            delivery: DeliveryDigest::of_bytes(b"x"),
            folded: (0..count).map(fold).collect(),
            joined: "".into(),
        }
    }

    #[test]
    fn what_did_not_become_durable_is_taken_back() {
        let mut joins = Joins::default();
        joins.note(3, &joining("one", 2));
        joins.note(7, &joining("one", 5));
        joins.note(8, &joining("two", 1));
        assert_eq!((joins.joined("one"), joins.joined("two")), (7, 1));
        joins.take_back(7);
        assert_eq!((joins.joined("one"), joins.joined("two"), joins.places), (2, 0, 1));
        joins.note(7, &joining("one", 1));
        assert_eq!(joins.joined("one"), 3);
        joins.take_back(8);
        assert_eq!(joins.joined("one"), 3);
    }

    #[test]
    fn beyond_the_limit_the_places_of_the_oldest_incident_go_and_its_count_stays() {
        let mut joins = Joins::default();
        joins.note(0, &joining("old", 4));
        let most = u64::try_from(limits::JOINS).unwrap();
        for entry in 1..most {
            joins.note(entry, &joining("new", 1));
        }
        assert_eq!((joins.places, joins.of["old"].entries.len()), (limits::JOINS, 1));
        joins.note(most, &joining("new", 1));
        assert_eq!(joins.of["old"].entries, []);
        assert_eq!((joins.joined("old"), joins.joined("new")), (4, most));
        assert_eq!(joins.places, limits::JOINS);
    }
}
