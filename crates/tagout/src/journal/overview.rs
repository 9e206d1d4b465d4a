//! What people look for that the state does not keep: who threw the kill switch or declared a
//! freeze and why, what is wrong with what is quarantined, and how much was folded into each open
//! incident. It follows the events that are durable, and decides nothing.

use std::collections::{BTreeMap, VecDeque};

use tagout_core::approval::Person;
use tagout_core::digest::DeliveryDigest;
use tagout_core::event::{Event, Fold, FoldedAlert};
use tagout_core::limits;
use tagout_core::shared::Shared;
use tagout_core::text::FreeText;
use tagout_core::time::Time;

use super::Recorded;

/// Somebody did something that holds until it is taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Who.
    pub by: Person,
    /// Why.
    pub reason: FreeText,
    /// When.
    pub at: Time,
    /// Where it stands in the log.
    pub entry: u64,
}

/// A delivery that could not be read and is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Where it stands in the log.
    pub entry: u64,
    /// When it came.
    pub at: Time,
    /// Who sent it.
    pub source: String,
    /// What is wrong with it.
    pub why: FreeText,
    /// How long it was, in bytes.
    pub bytes: u64,
}

/// What went into an incident without changing it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoldedIn {
    /// Alerts that had been delivered before.
    pub repeated: u64,
    /// Alerts that were gathered with others.
    pub joined: u64,
    /// Alerts that ended while others of the incident went on.
    pub ended: u64,
    /// Alerts that fired again.
    pub returned: u64,
    /// Alerts that were over when they came.
    pub late: u64,
    /// When the last of them came, and where that stands in the log.
    pub last: Option<(Time, u64)>,
    /// The alerts that joined last, newest first: name and what it is about.
    pub latest: VecDeque<(Time, String, String)>,
}

/// What people look for that the state does not keep.
#[derive(Debug, Clone, Default)]
pub struct Overview {
    /// Who engaged the kill switch, while it is engaged.
    pub kill_switch: Option<Declared>,
    /// Who declared the change freeze that was declared last, until it is lifted.
    pub freeze: Option<Declared>,
    quarantined: BTreeMap<DeliveryDigest, Quarantined>,
    folded: BTreeMap<String, FoldedIn>,
    /// Where the admission of each runbook stands in the log, the last one.
    admitted: BTreeMap<String, u64>,
}

impl Overview {
    /// The quarantined deliveries, latest first.
    #[must_use]
    pub fn quarantined(&self) -> Vec<(DeliveryDigest, &Quarantined)> {
        let mut all: Vec<_> = self.quarantined.iter().map(|(digest, one)| (*digest, one)).collect();
        all.sort_by_key(|(_, one)| std::cmp::Reverse(one.entry));
        all
    }

    /// Where the last admission of a runbook stands in the log.
    #[must_use]
    pub fn admitted(&self, runbook: &str) -> Option<u64> {
        self.admitted.get(runbook).copied()
    }

    /// What went into an open incident.
    #[must_use]
    pub fn folded(&self, incident: &str) -> Option<&FoldedIn> {
        self.folded.get(incident)
    }

    /// Takes in an event that is durable; `shared` is the state after it.
    pub(super) fn note(&mut self, recorded: &Recorded, shared: &Shared) {
        let Recorded { index: entry, at, incident, event } = recorded;
        let (entry, at) = (*entry, *at);
        let declared = |by: &Person, reason: &FreeText| {
            Some(Declared { by: by.clone(), reason: reason.clone(), at, entry })
        };
        match event {
            Event::KillSwitchEngaged { by, reason } => self.kill_switch = declared(by, reason),
            Event::KillSwitchReleased { .. } => self.kill_switch = None,
            Event::RunbookAdmitted { runbook, .. } => {
                self.admitted.insert(runbook.clone(), entry);
            }
            Event::FreezeDeclared { by, reason, .. } => self.freeze = declared(by, reason),
            Event::FreezeLifted { .. } => self.freeze = None,
            Event::DeliveryQuarantined { delivery, source, why, bytes, .. } => {
                let (source, why) = (source.clone(), why.clone());
                let kept = Quarantined { entry, at, source, why, bytes: *bytes };
                self.quarantined.insert(*delivery, kept);
            }
            Event::QuarantineLifted { delivery, .. } => drop(self.quarantined.remove(delivery)),
            Event::DeliveryReceived { folded, joined, .. }
            | Event::DeliveryPartReceived { folded, joined, .. }
            | Event::AlertsFolded { folded, joined, .. } => {
                self.fold(folded, joined, (at, entry), shared);
            }
            Event::AlertRepeated { .. } if shared.open(incident).is_some() => {
                let folded = self.folded.entry(incident.clone()).or_default();
                folded.repeated += 1;
                folded.last = Some((at, entry));
            }
            _ => {}
        }
        // Nothing is kept of what is closed, whatever closed it: its trail has it.
        if !incident.is_empty() && shared.open(incident).is_none() {
            self.folded.remove(incident);
        }
    }

    /// Takes an event in again of which texts were erased since.
    pub(super) fn tell_anew(&mut self, recorded: &Recorded) {
        let anew = |declared: &mut Option<Declared>, reason: &FreeText| {
            if let Some(one) = declared.as_mut().filter(|one| one.entry == recorded.index) {
                one.reason = reason.clone();
            }
        };
        match &recorded.event {
            Event::KillSwitchEngaged { reason, .. } => anew(&mut self.kill_switch, reason),
            Event::FreezeDeclared { reason, .. } => anew(&mut self.freeze, reason),
            Event::DeliveryQuarantined { delivery, why, .. } => {
                if let Some(one) = self.quarantined.get_mut(delivery) {
                    one.why = why.clone();
                }
            }
            Event::DeliveryReceived { folded, .. }
            | Event::DeliveryPartReceived { folded, .. }
            | Event::AlertsFolded { folded, .. } => {
                // Which of the latest came with it is not kept, so all of them go.
                for FoldedAlert { incident, .. } in folded {
                    if let Some(into) = self.folded.get_mut(incident) {
                        into.latest.clear();
                    }
                }
            }
            _ => {}
        }
    }

    fn fold(
        &mut self,
        folded: &[FoldedAlert],
        joined: &FreeText,
        (at, entry): (Time, u64),
        shared: &Shared,
    ) {
        // One line for each that joined, in order; none if the text was erased.
        let mut names = joined.as_str().lines();
        for FoldedAlert { incident, how, .. } in folded {
            let line = matches!(how, Fold::Joined { .. }).then(|| names.next()).flatten();
            if shared.open(incident).is_none() {
                continue;
            }
            let into = self.folded.entry(incident.clone()).or_default();
            into.last = Some((at, entry));
            match how {
                Fold::Repeated => into.repeated += 1,
                Fold::Joined { .. } => {
                    into.joined += 1;
                    let (name, subject) =
                        line.and_then(|line| line.split_once('\t')).unwrap_or_default();
                    into.latest.push_front((at, name.to_owned(), subject.to_owned()));
                    into.latest.truncate(limits::LATEST_JOINED);
                }
                Fold::Ended(_) => into.ended += 1,
                Fold::Returned(_) => into.returned += 1,
                Fold::Late => into.late += 1,
            }
        }
    }
}
