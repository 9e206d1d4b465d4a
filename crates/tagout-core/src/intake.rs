//! Where an alert belongs: an incident of its own, one that is open, or one that gathers what
//! a storm brings. Pure: the same state and time give the same place.

use std::sync::Arc;

use crate::alert::{Alert, AlertStatus, Severity};
use crate::digest::AlertIdentity;
use crate::event::{Fold, FoldedAlert, Gathering, Triage};
use crate::policy::EscalationPolicy;
use crate::shared::Shared;
use crate::sighting::{Rest, Sighting};
use crate::time::Time;
use crate::triage::{by_structure, triage};

/// Where an alert belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "made once and consumed")]
pub enum Place {
    /// A new incident, which may stand for more than this alert.
    Open(Option<Gathering>),
    /// The open incident about it, in which it changes something.
    Change(Arc<str>),
    /// The open incident about it, which ends with it.
    End(Arc<str>),
    /// An incident that is as it was; the delivery's record says so.
    Fold(FoldedAlert),
}

/// What is looked at.
#[derive(Clone, Copy)]
struct Intake<'a> {
    alert: &'a Alert,
    identity: AlertIdentity,
    shared: &'a Shared,
    policy: &'a EscalationPolicy,
    now: Time,
}

/// Where `alert`, whose identity is `identity`, belongs.
#[must_use]
pub fn place(
    alert: &Alert,
    identity: AlertIdentity,
    shared: &Shared,
    policy: &EscalationPolicy,
    now: Time,
) -> Place {
    let intake = Intake { alert, identity, shared, policy, now };
    match (shared.sightings().get(identity), alert.status) {
        (None, AlertStatus::Firing) => intake.anew(),
        // Nothing is known that could end or be held back: it is closed with that reason.
        (None, AlertStatus::Resolved | AlertStatus::Suppressed) => Place::Open(None),
        (Some(seen), AlertStatus::Resolved) => intake.ended(seen),
        (Some(seen), AlertStatus::Suppressed) => intake.suppressed(seen),
        (Some(seen), AlertStatus::Firing) => intake.fires(seen),
    }
}

impl Intake<'_> {
    fn fold(self, seen: &Sighting, how: Fold) -> Place {
        Place::Fold(FoldedAlert {
            identity: self.identity,
            incident: seen.incident.to_string(),
            how,
        })
    }

    /// A known alert fires.
    fn fires(self, seen: &Sighting) -> Place {
        if self.is_late(seen) {
            return self.fold(seen, Fold::Late);
        }
        let severity = self.policy.severity(self.alert).severity;
        if let Some(open) = self.shared.open(&seen.incident) {
            return match (seen.firing, severity > seen.severity) {
                (true, true) if open.identity == self.identity && open.gathers.is_none() => {
                    Place::Change(Arc::clone(&seen.incident))
                }
                // It outgrew the incident that gathers it, and gets one of its own.
                (_, true) => self.anew(),
                (true, false) => self.fold(seen, Fold::Repeated),
                (false, false) => self.fold(seen, Fold::Returned),
            };
        }
        let rest = self.shared.rest(seen);
        let cooling = rest.since().is_some_and(|at| {
            self.now.since(at) < self.policy.noise.cooldown && severity <= seen.severity
        });
        match rest {
            // A person closed it and it never stopped, or its triage would come out the same.
            Rest::Closed(_) if seen.firing && cooling => self.fold(seen, Fold::Repeated),
            Rest::Away(_) | Rest::Held(_) if cooling && seen.firing && self.triaged_away() => {
                self.fold(seen, Fold::Repeated)
            }
            _ if !seen.firing && self.flaps(seen) => {
                Place::Open(Some(Gathering::Flapping { starts: self.starts(seen) }))
            }
            _ => self.anew(),
        }
    }

    /// A firing that was sent before an end that is known already, and came after it: by a
    /// slower peer, or in the wrong order. The sender's clock compares with itself only.
    fn is_late(self, seen: &Sighting) -> bool {
        let (Some(began), Some(ended), false) = (self.alert.starts_at, seen.ended, seen.firing)
        else {
            return false;
        };
        seen.began.map_or(began <= ended, |known| began <= known)
    }

    /// How often it will have begun within the window.
    fn starts(self, seen: &Sighting) -> u32 {
        seen.starts_within(self.policy.noise.flapping.window, self.now).max(1) + 1
    }

    fn flaps(self, seen: &Sighting) -> bool {
        self.starts(seen) >= self.policy.noise.flapping.starts
    }

    fn triaged_away(self) -> bool {
        matches!(triage(self.alert, self.shared, self.policy, self.now).1, Triage::Away(_))
    }

    /// A known alert has ended.
    fn ended(self, seen: &Sighting) -> Place {
        let (fires, older) = (seen.firing, self.ends_before(seen));
        if !fires || older {
            return self.fold(seen, if older { Fold::Late } else { Fold::Repeated });
        }
        match self.shared.open(&seen.incident) {
            // A flapping alert has ended before and will again.
            Some(open) if open.flaps() || open.firing > 1 => {
                self.fold(seen, Fold::Ended(self.end()))
            }
            Some(_) => Place::End(Arc::clone(&seen.incident)),
            None => self.fold(seen, Fold::Ended(self.end())),
        }
    }

    /// An end of an earlier time that it fired.
    fn ends_before(self, seen: &Sighting) -> bool {
        match (self.alert.ends_at, seen.began) {
            (Some(ends), Some(began)) => ends < began,
            _ => false,
        }
    }

    /// When it ended: what the sender says, unless that is still to come.
    fn end(self) -> Option<Time> {
        self.alert.ends_at.map(|at| at.min(self.now))
    }

    /// Its sender holds a known alert back. What was opened for it stays open: somebody else's
    /// silence closes nobody's incident.
    fn suppressed(self, seen: &Sighting) -> Place {
        let open = self.shared.open(&seen.incident).is_some();
        let rest = self.shared.rest(seen).since();
        let cooling = rest.is_some_and(|at| self.now.since(at) < self.policy.noise.cooldown);
        if open || cooling { self.fold(seen, Fold::Repeated) } else { Place::Open(None) }
    }

    /// An alert that is new, or is to be treated so.
    fn anew(self) -> Place {
        let Self { alert, shared, policy, now, .. } = self;
        let severity = policy.severity(alert).severity;
        if by_structure(alert, severity, shared, policy, now).is_some() {
            return Place::Open(None);
        }
        let (name, storm) = (alert.name(), &policy.noise.storm);
        // Before its text is read: what a storm gathers is with people whatever it says.
        if let Some(incident) = shared.gathering(name, severity, storm.window, now) {
            let how = Fold::Joined { severity, began: alert.starts_at };
            let incident = incident.to_owned();
            return Place::Fold(FoldedAlert { identity: self.identity, incident, how });
        }
        if self.triaged_away() {
            return Place::Open(None);
        }
        let (same, all) = shared.opened_within(name, severity, storm.window, now);
        Place::Open(gathers(name, severity, same >= storm.per_name, all >= storm.overall))
    }
}

fn gathers(name: &str, severity: Severity, same: bool, all: bool) -> Option<Gathering> {
    if all {
        return Some(Gathering::Everything { severity });
    }
    same.then(|| Gathering::SameName { name: name.to_owned(), severity })
}
