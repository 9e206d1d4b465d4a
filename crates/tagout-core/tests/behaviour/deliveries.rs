//! Deliveries as the engine takes them in: each alert is placed, decided and recorded, and the
//! folds are recorded with the delivery.

use tagout_core::alert::{Alert, AlertStatus};
use tagout_core::command::{Command, SharedCommand};
use tagout_core::digest::DeliveryDigest;
use tagout_core::event::{Event, Fold, FoldedAlert, TriagedAway, WindowKind};
use tagout_core::incident::{Closure, Incident};
use tagout_core::intake::{Folds, Place, place};
use tagout_core::matcher::LabelMatcher;
use tagout_core::time::{Span, Time};
use tagout_core::triage::by_structure;

use crate::house::*;

impl House {
    /// Takes in a delivery, and says into which incident each of its alerts went.
    pub(crate) fn deliver(&mut self, alerts: &[Alert]) -> Vec<String> {
        let digest = DeliveryDigest::of_bytes(&self.journal.len().to_be_bytes());
        let mut folds = Folds::default();
        let mut into = Vec::new();
        for alert in alerts {
            into.push(self.take_in(alert, digest, &mut folds));
        }
        self.say(SharedCommand::RecordDelivery {
            delivery: digest,
            format: "test".into(),
            alerts: alerts.len() as u64,
            flawed: Vec::new(),
            truncated: 0,
            folded: folds.take(),
            joined: "".into(),
        })
        .unwrap();
        self.end_emptied(digest, &folds);
        into
    }

    fn take_in(&mut self, alert: &Alert, delivery: DeliveryDigest, folds: &mut Folds) -> String {
        let identity = alert.identity();
        if folds.must_come_first(identity) {
            let (folded, joined) = (folds.take(), "".into());
            self.say(SharedCommand::FoldAlerts { delivery, folded, joined }).unwrap();
        }
        let alert = alert.clone();
        match place(&alert, identity, &self.shared, folds, &self.policy, self.now) {
            Place::Open(gathers) => {
                folds.leaves(identity, &self.shared);
                let id = format!("inc-{}", self.incidents.len());
                let command = match gathers {
                    Some(gathers) => Command::OpenGathering { alert, delivery, gathers },
                    None => Command::ReceiveAlert { alert, delivery },
                };
                self.must(&id, command);
                id
            }
            Place::Change(id) => {
                self.must(&id, Command::ReceiveAlert { alert, delivery });
                id.to_string()
            }
            Place::End(id) => {
                let own = self.shared.open(&id).unwrap().identity;
                let ended = alert.ends_at.map(|at| at.min(self.now));
                self.must(&id, Command::EndAlerts { delivery, ended });
                if own != identity {
                    let (incident, how) = (id.to_string(), Fold::Ended(ended));
                    folds.push(FoldedAlert { identity, incident, how }, &self.shared);
                }
                id.to_string()
            }
            Place::Fold(fold) => {
                let id = fold.incident.clone();
                folds.push(fold, &self.shared);
                id
            }
        }
    }

    fn end_emptied(&mut self, delivery: DeliveryDigest, folds: &Folds) {
        for id in folds.emptied(&self.shared) {
            self.must(&id, Command::EndAlerts { delivery, ended: None });
        }
    }

    /// One alert in a delivery of its own.
    pub(crate) fn hear(&mut self, alert: &Alert) -> String {
        self.deliver(std::slice::from_ref(alert)).remove(0)
    }

    /// Looks again at what is held back.
    pub(crate) fn look_again(&mut self) {
        let held: Vec<_> = self.shared.sightings().held().iter().copied().collect();
        for identity in held {
            let seen = self.shared.sightings().get(identity).unwrap();
            let case = self.incidents[&*seen.incident].case().unwrap().clone();
            let severity = self.policy.severity(&case.alert).severity;
            let holds = by_structure(&case.alert, severity, &self.shared, &self.policy, self.now);
            if !holds.is_some_and(|why| why.is_held()) {
                let mut folds = Folds::default();
                self.take_in(&case.alert, case.delivery, &mut folds);
                let (folded, joined, delivery) = (folds.take(), "".into(), case.delivery);
                self.say(SharedCommand::FoldAlerts { delivery, folded, joined }).unwrap();
                self.end_emptied(case.delivery, &folds);
            }
        }
    }

    pub(crate) fn close(&mut self, id: &str) {
        self.must(id, Command::Close { by: person("ana"), reason: "known".into() });
    }

    pub(crate) fn open_window(&mut self, label: (&str, &str), seconds: u64) {
        let (from, until) = (self.now, self.now.after(Span::from_secs(seconds)));
        let matcher = LabelMatcher([(label.0.into(), label.1.into())].into());
        self.say(SharedCommand::OpenWindow {
            id: format!("w{}", self.journal.len()),
            window: WindowKind::Maintenance,
            matcher,
            conditions: Vec::new(),
            from,
            until,
            by: person("ops"),
            reason: "".into(),
        })
        .unwrap();
    }

    /// How many incidents are open.
    pub(crate) fn open(&self) -> usize {
        self.shared.open_incidents().count()
    }

    /// How many incidents ever called for people: all that were not triaged away.
    pub(crate) fn for_people(&self) -> usize {
        let away = |i: &&Incident| matches!(i, Incident::Closed(_, Closure::TriagedAway(_)));
        self.incidents.values().filter(|i| !away(i)).count()
    }

    pub(crate) fn is_closed(&self, id: &str) -> bool {
        matches!(self.incidents[id], Incident::Closed(..))
    }

    /// Why triage closed an incident.
    pub(crate) fn away(&self, id: &str) -> &TriagedAway {
        match &self.incidents[id] {
            Incident::Closed(_, Closure::TriagedAway(why)) => why,
            other => panic!("it was not triaged away: {other:?}"),
        }
    }

    /// What the folds of the last delivery said.
    pub(crate) fn folds(&self) -> Vec<Fold> {
        let last = self.journal.iter().rev().find_map(|(_, event, _)| match event {
            Event::DeliveryReceived { folded, .. } => Some(folded),
            _ => None,
        });
        last.unwrap().iter().map(|f| f.how.clone()).collect()
    }
}

/// An alert of this name about this host.
pub(crate) fn named(name: &str, host: &str, severity: &str) -> Alert {
    let mut alert = alert(ONE, severity);
    alert.title = name.into();
    alert.labels.insert("instance".into(), host.into());
    alert
}

/// The same alert, begun then.
pub(crate) fn begun(alert: &Alert, at: Time) -> Alert {
    Alert { starts_at: Some(at), ..alert.clone() }
}

/// The end of the alert, then if somebody says so.
pub(crate) fn ended(alert: &Alert, at: Option<Time>) -> Alert {
    Alert { status: AlertStatus::Resolved, ends_at: at, ..alert.clone() }
}

/// The same alert at another severity.
pub(crate) fn at_severity(alert: &Alert, severity: &str) -> Alert {
    Alert { severity: Some(severity.into()), ..alert.clone() }
}
