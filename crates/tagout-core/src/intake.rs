//! Where an alert belongs: an incident of its own, one that is open, or one that gathers what
//! a storm brings. Pure: the same state and time give the same place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::alert::{Alert, AlertStatus};
use crate::digest::AlertIdentity;
use crate::event::{Fold, FoldedAlert, Gathering, Triage};
use crate::limits;
use crate::policy::EscalationPolicy;
use crate::shared::{OpenIncident, Shared};
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

/// The folds of a delivery that no event says yet: one event says many of them. What else the
/// delivery holds is placed as if it did.
#[derive(Debug, Clone, Default)]
pub struct Folds {
    all: Vec<FoldedAlert>,
    /// The alerts whose next place depends on that event.
    changed: BTreeSet<AlertIdentity>,
    /// How many more or fewer alerts of an incident fire after it.
    firing: BTreeMap<String, i64>,
    /// The incidents that an alert has left for another one.
    left: BTreeSet<String>,
}

impl Folds {
    /// Takes in one more, placed in `shared`.
    pub fn push(&mut self, folded: FoldedAlert, shared: &Shared) {
        let (identity, incident) = (folded.identity, &folded.incident);
        let belongs = || {
            let seen = shared.sightings().get(identity)?;
            shared.open(&seen.incident).is_some().then_some(seen)
        };
        let mut count = |incident: &str, by: i64| {
            *self.firing.entry(incident.to_owned()).or_default() += by;
        };
        match folded.how {
            Fold::Repeated | Fold::Late => {}
            Fold::Ended(_) => {
                if let Some(from) = belongs().filter(|seen| seen.firing) {
                    count(&from.incident, -1);
                }
                self.changed.insert(identity);
            }
            Fold::Returned(_) | Fold::Joined { .. } => {
                let (here, elsewhere) = match belongs() {
                    Some(seen) if *seen.incident == **incident => (Some(seen), None),
                    elsewhere => (None, elsewhere),
                };
                if !here.is_some_and(|seen| seen.firing) {
                    count(incident, 1);
                }
                if let Some(from) = elsewhere {
                    if from.firing {
                        count(&from.incident, -1);
                    }
                    self.left.insert(from.incident.to_string());
                }
                self.changed.insert(identity);
            }
        }
        self.all.push(folded);
    }

    /// Notes that an alert which may belong to an open incident is about to open one of its own.
    pub fn leaves(&mut self, identity: AlertIdentity, shared: &Shared) {
        self.left.extend(shared.open_incident(identity).map(str::to_owned));
    }

    /// Whether what there is so far must be recorded before this alert can be placed: it stands
    /// in the same delivery a second time.
    #[must_use]
    pub fn must_come_first(&self, identity: AlertIdentity) -> bool {
        self.changed.contains(&identity)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Takes them out, to be recorded.
    pub fn take(&mut self) -> Vec<FoldedAlert> {
        self.changed.clear();
        self.firing.clear();
        std::mem::take(&mut self.all)
    }

    /// The incidents, left by an alert of this delivery, in which none fires any more. Due
    /// once everything is recorded; each is to be told [`crate::command::Command::EndAlerts`].
    #[must_use]
    pub fn emptied(&self, shared: &Shared) -> Vec<String> {
        let empty = |id: &&String| shared.open(id).is_some_and(|open| open.firing == 0);
        self.left.iter().filter(empty).cloned().collect()
    }

    /// How many alerts of an open incident fire, these included.
    fn firing(&self, id: &str, open: &OpenIncident) -> i64 {
        i64::from(open.firing) + self.firing.get(id).copied().unwrap_or_default()
    }
}

/// What is looked at.
#[derive(Clone, Copy)]
struct Intake<'a> {
    alert: &'a Alert,
    identity: AlertIdentity,
    shared: &'a Shared,
    folds: &'a Folds,
    policy: &'a EscalationPolicy,
    now: Time,
}

/// Where `alert`, whose identity is `identity`, belongs, after what the same delivery has
/// brought so far.
#[must_use]
pub fn place(
    alert: &Alert,
    identity: AlertIdentity,
    shared: &Shared,
    folds: &Folds,
    policy: &EscalationPolicy,
    now: Time,
) -> Place {
    let intake = Intake { alert, identity, shared, folds, policy, now };
    match (shared.sightings().get(identity), alert.status) {
        (None, AlertStatus::Firing) => intake.anew(None),
        // Nothing is known that could end or be held back: it is closed with that reason.
        (None, AlertStatus::Resolved | AlertStatus::Suppressed) => Place::Open(None),
        (Some(seen), AlertStatus::Resolved) => intake.ended(seen),
        (Some(seen), AlertStatus::Suppressed) => intake.suppressed(seen),
        (Some(seen), AlertStatus::Firing) => intake.fires(seen),
    }
}

/// The fold of one more fault of a source that sends what cannot be read; `None`: a person is
/// called. All that it sends wrong goes into one incident. After a person closed that, what they
/// could have seen is silent for the cool-down; a body that was `kept` since is news.
#[must_use]
pub fn fold_unreadable(
    identity: AlertIdentity,
    kept: bool,
    shared: &Shared,
    policy: &EscalationPolicy,
    now: Time,
) -> Option<FoldedAlert> {
    let seen = shared.sightings().get(identity)?;
    let rest = shared.rest(seen).since();
    let cooling = rest.is_some_and(|at| now.since(at) < policy.noise.cooldown);
    let folds = (cooling && !kept) || shared.open(&seen.incident).is_some();
    let incident = seen.incident.to_string();
    folds.then_some(FoldedAlert { identity, incident, how: Fold::Repeated })
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
                (_, true) => self.anew(None),
                (true, false) if !self.began_anew(seen) => self.fold(seen, Fold::Repeated),
                (_, false) => self.fold(seen, Fold::Returned(self.alert.starts_at)),
            };
        }
        let rest = self.shared.rest(seen);
        let cooling = rest.since().is_some_and(|at| {
            self.now.since(at) < self.policy.noise.cooldown && severity <= seen.severity
        });
        match rest {
            // A person closed it and it never stopped, or its triage would come out the same.
            Rest::Closed(_) if seen.firing && cooling => self.fold(seen, Fold::Repeated),
            Rest::Away(_) if seen.firing && cooling && self.triaged_away(false) => {
                self.fold(seen, Fold::Repeated)
            }
            Rest::Held(_) if seen.firing && cooling && self.triaged_away(true) => {
                self.fold(seen, Fold::Repeated)
            }
            _ => self.anew(self.flapping(seen)),
        }
    }

    /// A firing that was sent before an end that is known already, and came after it: by a
    /// slower peer, or in the wrong order. The sender's clock compares with itself only. It
    /// is believed for a while only: a sender that lost sight of a fault may report its end,
    /// find it again, and say with good reason that it began before.
    fn is_late(self, seen: &Sighting) -> bool {
        let (Some(began), false) = (self.alert.starts_at, seen.firing) else { return false };
        let overtaken = seen.began.is_some_and(|known| began <= known)
            || seen.ended.is_some_and(|ended| began < ended);
        overtaken && self.now.since(seen.last) < limits::LATE
    }

    /// Its sender says that it ended in between, though no end was heard of.
    fn began_anew(self, seen: &Sighting) -> bool {
        // A beginning that is still to come says nothing.
        let began = self.alert.starts_at.filter(|began| *began <= self.now);
        matches!((began, seen.began), (Some(began), Some(known)) if began > known)
    }

    /// Whether it begins again so often within the window that it flaps.
    fn flapping(self, seen: &Sighting) -> Option<Gathering> {
        let rules = &self.policy.noise.flapping;
        let starts = seen.starts_within(rules.window, self.now) + 1;
        (!seen.firing && starts >= rules.starts).then_some(Gathering::Flapping { starts })
    }

    /// Whether triage would close it now, and for a reason of the kind that is looked at again
    /// or not. What is held back must not count as put away, or nobody looks again.
    fn triaged_away(self, held: bool) -> bool {
        let triage = triage(self.alert, self.shared, self.policy, self.now).1;
        matches!(triage, Triage::Away(why) if why.is_held() == held)
    }

    /// A known alert has ended.
    fn ended(self, seen: &Sighting) -> Place {
        if self.ends_before(seen) {
            return self.fold(seen, Fold::Late);
        }
        if !seen.firing {
            // The firing that it ends may still be on its way.
            let news = self.end().is_some() && self.end() > seen.ended;
            return self.fold(seen, if news { Fold::Ended(self.end()) } else { Fold::Repeated });
        }
        match self.shared.open(&seen.incident) {
            // A flapping alert has ended before and will again.
            Some(open) if open.flaps() || self.folds.firing(&seen.incident, open) > 1 => {
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
        if !open && !cooling {
            return Place::Open(None);
        }
        // It says nothing new of an end that is known.
        self.fold(seen, if seen.firing { Fold::Repeated } else { Fold::Late })
    }

    /// An alert that is new, or is to be treated so; it may flap.
    fn anew(self, flapping: Option<Gathering>) -> Place {
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
        // Structure does not; its text may.
        if self.triaged_away(false) {
            return Place::Open(None);
        }
        let kind = (name, severity);
        let (mut same, mut all) = shared.opened_within(self.identity, kind, storm.window, now);
        if flapping.is_some() {
            let (flap_same, flap_all) = shared.flapping(kind);
            (same, all) = (same.max(flap_same), all.max(flap_all));
        }
        let reached = |count: usize, limit: u32| count as u64 >= u64::from(limit);
        // Many alerts that flap are a storm before they are anything else.
        Place::Open(if reached(all, storm.overall) {
            Some(Gathering::Everything { severity })
        } else if reached(same, storm.per_name) {
            Some(Gathering::SameName { name: name.to_owned(), severity })
        } else {
            flapping
        })
    }
}
