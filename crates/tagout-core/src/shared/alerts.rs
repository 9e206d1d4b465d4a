//! Which alert belongs to which incident, after each event that says so.

use std::sync::Arc;

use super::{OpenIncident, Opening, Shared};
use crate::alert::{Alert, AlertStatus, Severity};
use crate::digest::AlertIdentity;
use crate::event::{Fold, FoldedAlert, Gathering, Triage};
use crate::limits;
use crate::sighting::{Rest, Sighting};
use crate::time::Time;

impl Shared {
    pub(super) fn opened(
        &mut self,
        incident: &str,
        alert: &Alert,
        identity: AlertIdentity,
        gathers: Option<&Gathering>,
        at: Time,
    ) {
        let incident: Arc<str> = incident.into();
        // What its sender hides holds all the same.
        let firing = alert.status != AlertStatus::Resolved;
        let ended = alert.ends_at.filter(|_| !firing).map(|end| end.min(at));
        self.leave(identity, &incident);
        let mut seen = Sighting {
            incident: Arc::clone(&incident),
            firing,
            // Known with the triage that follows.
            severity: Severity::Info,
            began: past(alert.starts_at, at),
            ended,
            last: at,
            repeats: 0,
            rest: Rest::No,
            starts: Vec::new(),
            first: at,
        };
        if let Some(before) = self.sightings.get(identity) {
            (seen.first, seen.repeats) = (before.first, before.repeats);
            seen.ended = before.ended.max(ended);
            seen.starts.clone_from(&before.starts);
            if firing && !before.firing {
                seen.begins_again(at);
            }
        }
        self.sightings.put(identity, seen);
        let name: Arc<str> = alert.name().into();
        let open = OpenIncident {
            identity,
            gathers: gathers.cloned(),
            firing: u32::from(firing),
            joined_at: at,
            name: Arc::clone(&name),
            labels: alert.labels.clone(),
        };
        if gathers.is_some() {
            self.gatherings.insert(Arc::clone(&incident));
        }
        let severity = Severity::Info;
        let id = Arc::clone(&incident);
        self.openings.push_back(Opening { at, identity, incident: id, name, severity });
        if self.openings.len() > limits::OPENINGS {
            self.openings.pop_front();
        }
        self.open.insert(incident, Arc::new(open));
    }

    pub(super) fn triaged(
        &mut self,
        incident: &str,
        severity: Severity,
        triage: &Triage,
        at: Time,
    ) {
        let Some(identity) = self.open(incident).map(|open| open.identity) else { return };
        self.sightings.change(identity, |seen| (seen.severity, seen.last) = (severity, at));
        let Triage::Away(why) = triage else {
            if let Some(opening) = self.openings.back_mut().filter(|o| *o.incident == *incident) {
                opening.severity = severity;
            }
            return;
        };
        // Nothing was to be done about it, so it is no part of a storm.
        if self.openings.back().is_some_and(|o| *o.incident == *incident) {
            self.openings.pop_back();
        }
        let rest = if why.is_held() { Rest::Held(at) } else { Rest::Away(at) };
        self.closed(incident, |seen| seen.rest = rest, at);
    }

    /// The incident is open no more.
    pub(super) fn closed(&mut self, incident: &str, change: impl FnOnce(&mut Sighting), at: Time) {
        let Some((id, open)) = self.open.remove_entry(incident) else { return };
        // An alert may have outgrown this incident and belong to another by now.
        let own = self.sightings.get(open.identity).is_some_and(|seen| *seen.incident == *id);
        if own {
            self.sightings.change(open.identity, change);
        }
        if self.gatherings.remove(incident) {
            self.closed_gatherings.insert(id, at);
        }
    }

    /// The incident is part of another one: its alerts belong there from now on.
    pub(super) fn merged(&mut self, incident: &str, into: &str, at: Time) {
        let Some((into, _)) = self.open.get_key_value(into) else { return };
        let into = Arc::clone(into);
        let firing = self.sightings.move_all(incident, &into, at);
        self.change_open(&into, |open| open.firing = open.firing.saturating_add(firing));
        self.open.remove(incident);
        self.gatherings.remove(incident);
    }

    pub(super) fn change_open(&mut self, incident: &str, change: impl FnOnce(&mut OpenIncident)) {
        if let Some(open) = self.open.get_mut(incident) {
            change(Arc::make_mut(open));
        }
    }

    pub(super) fn fold(&mut self, folded: &FoldedAlert, at: Time) {
        let FoldedAlert { identity, incident, how } = folded;
        let fired = || self.sightings.get(*identity).is_some_and(|seen| seen.firing);
        match how {
            Fold::Repeated => self.sightings.change(*identity, |seen| {
                (seen.last, seen.repeats) = (at, seen.repeats.saturating_add(1));
            }),
            // What is taken for late must not put off the time when it counts.
            Fold::Late if !fired() => {}
            Fold::Late => self.sightings.change(*identity, |seen| seen.last = at),
            Fold::Ended(end) => {
                let fired = fired();
                self.sightings.change(*identity, |seen| {
                    (seen.firing, seen.ended, seen.last) = (false, seen.ended.max(*end), at);
                    if let Rest::Away(_) | Rest::Held(_) = seen.rest {
                        seen.rest = Rest::Closed(at);
                    }
                });
                if fired {
                    self.change_open(incident, |open| open.firing = open.firing.saturating_sub(1));
                }
            }
            Fold::Returned(began) => {
                let fired = fired();
                self.sightings.change(*identity, |seen| {
                    if seen.firing {
                        seen.repeats = seen.repeats.saturating_add(1);
                    } else {
                        seen.begins_again(at);
                    }
                    (seen.firing, seen.began, seen.last) = (true, past(*began, at), at);
                });
                if !fired {
                    self.change_open(incident, |open| open.firing = open.firing.saturating_add(1));
                }
            }
            Fold::Joined { severity, began } => {
                self.join(*identity, incident, (*severity, past(*began, at)), at);
            }
        }
    }

    fn join(
        &mut self,
        identity: AlertIdentity,
        incident: &str,
        (severity, began): (Severity, Option<Time>),
        at: Time,
    ) {
        // One name in memory for all that a storm brings.
        let Some((id, _)) = self.open.get_key_value(incident) else { return };
        let incident = Arc::clone(id);
        let mut seen = Sighting {
            incident: Arc::clone(&incident),
            firing: true,
            severity,
            began,
            ended: None,
            last: at,
            repeats: 0,
            rest: Rest::No,
            starts: Vec::new(),
            first: at,
        };
        let mut counted = false;
        // Of most that a storm brings nothing is known.
        if let Some(before) = self.sightings.get(identity) {
            (seen.first, seen.repeats, seen.ended) = (before.first, before.repeats, before.ended);
            seen.starts.clone_from(&before.starts);
            if !before.firing {
                seen.begins_again(at);
            }
            counted = before.firing && before.incident == incident;
            self.leave(identity, &incident);
        }
        self.sightings.put(identity, seen);
        self.change_open(&incident, |open| {
            open.joined_at = at;
            open.firing = open.firing.saturating_add(u32::from(!counted));
        });
    }

    /// An alert goes to another incident than the one in which it fires.
    fn leave(&mut self, identity: AlertIdentity, to: &str) {
        if let Some(from) = self.fires_in(identity).filter(|from| ***from != *to).cloned() {
            self.change_open(&from, |open| open.firing = open.firing.saturating_sub(1));
        }
    }
}

/// When an alert began, as far as that can be: Alertmanager puts the beginning of an alert that
/// was given none at its end, an hour ahead, and no end that comes before then must count as
/// one of an earlier time.
fn past(began: Option<Time>, at: Time) -> Option<Time> {
    began.map(|began| began.min(at))
}
