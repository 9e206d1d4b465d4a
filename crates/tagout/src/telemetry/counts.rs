//! Counts of what becomes of alerts, from the events as they are recorded: how often one was
//! folded into an incident and how, and how many incidents were opened and for what. Each event
//! is counted by the replica that recorded it.

use metrics::Counter;
use tagout_core::event::{Event, Fold, Gathering, PersonNeeded, Triage};

use crate::journal::Recorded;

/// How an alert may be folded into an incident.
const HOW: [&str; 5] = ["repeated", "joined", "ended", "returned", "late"];
/// What an incident may be opened for.
const KINDS: [&str; 5] = ["own", "storm_name", "storm_all", "flapping", "unreadable"];

/// The counters, looked up once.
pub struct Counts {
    folded: [Counter; 5],
    opened: [Counter; 5],
    /// The incident that was opened last, and for what as far as its opening says.
    last: Option<(String, usize)>,
}

impl Default for Counts {
    fn default() -> Self {
        let folded = |how| metrics::counter!("tagout_alerts_folded_total", "how" => how);
        let opened = |kind| metrics::counter!("tagout_incidents_opened_total", "kind" => kind);
        Self { folded: HOW.map(folded), opened: KINDS.map(opened), last: None }
    }
}

impl Counts {
    /// Counts what one event says.
    pub fn observe(&mut self, recorded: &Recorded) {
        match recorded.event() {
            Event::DeliveryReceived { folded, .. }
            | Event::DeliveryPartReceived { folded, .. }
            | Event::AlertsFolded { folded, .. } => {
                for one in folded {
                    let how = match one.how {
                        Fold::Repeated => 0,
                        Fold::Joined { .. } => 1,
                        Fold::Ended(_) => 2,
                        Fold::Returned(_) => 3,
                        Fold::Late => 4,
                    };
                    count(&self.folded, how);
                }
            }
            Event::IncidentOpened { gathers, .. } => {
                let kind = match gathers {
                    None => 0,
                    Some(Gathering::SameName { .. }) => 1,
                    Some(Gathering::Everything { .. }) => 2,
                    Some(Gathering::Flapping { .. }) => 3,
                };
                self.last = Some((recorded.incident().to_owned(), kind));
            }
            // Only its triage says that it is about a sender that cannot be read.
            Event::Triaged { triage, .. } => {
                let opened = self.last.take_if(|(id, _)| id == recorded.incident());
                let Some((_, kind)) = opened else { return };
                let unreadable = matches!(triage, Triage::Person(PersonNeeded::Unreadable { .. }));
                count(&self.opened, if unreadable { 4 } else { kind });
            }
            _ => {}
        }
    }
}

fn count(counters: &[Counter; 5], place: usize) {
    if let Some(counter) = counters.get(place) {
        counter.increment(1);
    }
}
