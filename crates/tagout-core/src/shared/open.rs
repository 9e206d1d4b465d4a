//! The open incidents, as far as other alerts need to know of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Shared;
use crate::alert::{Alert, Severity};
use crate::digest::AlertIdentity;
use crate::event::Gathering;
use crate::noise::InhibitRule;
use crate::sighting::{Rest, Sighting, Sightings};
use crate::time::{Span, Time};

/// An open incident, as far as other alerts need to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIncident {
    /// The fault it was opened for.
    pub identity: AlertIdentity,
    /// For what it stands besides.
    pub gathers: Option<Gathering>,
    /// How many of its alerts fire.
    pub firing: u32,
    /// When it was opened, or an alert joined it.
    pub(super) joined_at: Time,
    /// The name and labels of the alert it was opened for: it may hold others back.
    pub(super) name: Arc<str>,
    pub(super) labels: BTreeMap<String, String>,
}

impl OpenIncident {
    /// Whether it stands for an alert that begins and ends again and again.
    #[must_use]
    pub const fn flaps(&self) -> bool {
        matches!(self.gathers, Some(Gathering::Flapping { .. }))
    }

    fn takes_in(&self, name: &str, severity: Severity) -> bool {
        match &self.gathers {
            Some(Gathering::SameName { name: own, severity: of }) => own == name && *of == severity,
            Some(Gathering::Everything { severity: of }) => *of == severity,
            Some(Gathering::Flapping { .. }) | None => false,
        }
    }
}

/// An incident that something was to be done about, when it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) at: Time,
    pub(super) identity: AlertIdentity,
    pub(super) incident: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) severity: Severity,
}

impl Shared {
    /// The open incident that this fault belongs to.
    #[must_use]
    pub fn open_incident(&self, identity: AlertIdentity) -> Option<&str> {
        let incident = &self.sightings.get(identity)?.incident;
        self.open.contains_key(incident).then_some(&**incident)
    }

    /// All open incidents, also those that are open only to take back what they did.
    pub fn open_incidents(&self) -> impl Iterator<Item = &str> {
        self.open.keys().chain(&self.ways_back).map(|id| &**id)
    }

    /// An incident, if it is open and alerts belong to it.
    #[must_use]
    pub fn open(&self, incident: &str) -> Option<&OpenIncident> {
        self.open.get(incident).map(|open| &**open)
    }

    /// What is known of each alert.
    #[must_use]
    pub const fn sightings(&self) -> &Sightings {
        &self.sightings
    }

    /// Why nothing is done about an alert: what is known of it, or of the storm it was part of.
    #[must_use]
    pub fn rest(&self, seen: &Sighting) -> Rest {
        match (seen.rest, self.closed_gatherings.get(&seen.incident)) {
            (Rest::No, Some(at)) => Rest::Closed(*at),
            (rest, _) => rest,
        }
    }

    /// The open incident that gathers alerts of this name and severity, unless none has
    /// joined it for `quiet`.
    #[must_use]
    pub fn gathering(
        &self,
        name: &str,
        severity: Severity,
        quiet: Span,
        now: Time,
    ) -> Option<&str> {
        let open = self.gatherings.iter().filter_map(|id| Some((&**id, self.open(id)?)));
        open.filter(|(_, open)| now.since(open.joined_at) < quiet)
            .find(|(_, open)| open.takes_in(name, severity))
            .map(|(id, _)| id)
    }

    /// For how many alerts but this one incidents were opened within `window`: of this name and
    /// severity, and of this severity or a higher one. A storm of warnings must not hide what
    /// is worse, and one alert that comes and goes is no storm.
    #[must_use]
    pub fn opened_within(
        &self,
        identity: AlertIdentity,
        (name, severity): (&str, Severity),
        window: Span,
        now: Time,
    ) -> (usize, usize) {
        let recent = self.openings.iter().rev().take_while(|o| now.since(o.at) < window);
        let (mut same, mut all) = (BTreeSet::new(), BTreeSet::new());
        for o in recent.filter(|o| o.identity != identity && o.severity >= severity) {
            all.insert(o.identity);
            if *o.name == *name && o.severity == severity {
                same.insert(o.identity);
            }
        }
        (same.len(), all.len())
    }

    /// How many open incidents there are of alerts that flap, counted as in
    /// [`Shared::opened_within`]. They stay open, so they count however old they are.
    #[must_use]
    pub fn flapping(&self, (name, severity): (&str, Severity)) -> (usize, usize) {
        let open = self.gatherings.iter().filter_map(|id| self.open(id));
        let flapping = open.filter(|open| open.flaps()).filter_map(|open| {
            let of = self.sightings.get(open.identity)?.severity;
            (of >= severity).then_some(of == severity && *open.name == *name)
        });
        flapping.fold((0, 0), |(same, all), alike| (same + usize::from(alike), all + 1))
    }

    /// The open incident in which an alert fires.
    #[must_use]
    pub fn fires_in(&self, identity: AlertIdentity) -> Option<&Arc<str>> {
        let seen = self.sightings.get(identity).filter(|seen| seen.firing)?;
        self.open.contains_key(&seen.incident).then_some(&seen.incident)
    }

    /// The open incident that holds `alert` back under these rules. It does so while the alert
    /// that opened it fires, whatever else it has gathered.
    #[must_use]
    pub fn inhibited(&self, alert: &Alert, rules: &[InhibitRule]) -> Option<&str> {
        if rules.is_empty() {
            return None;
        }
        let holds = |open: &OpenIncident| {
            rules.iter().any(|rule| rule.holds_back(&open.labels, &alert.labels))
        };
        let mut open = self.open.iter().filter(|(_, open)| holds(open));
        open.find(|(id, open)| self.fires_in(open.identity) == Some(id)).map(|(id, _)| &**id)
    }
}
