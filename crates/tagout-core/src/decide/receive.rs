//! An alert comes in: open an incident, fold it into one, or end one.

use super::ended::voided;
use super::look::cut_short;
use super::step::looked;
use super::{Ask, Rejection};
use crate::alert::{Alert, AlertStatus};
use crate::digest::DeliveryDigest;
use crate::event::{Effectiveness, Event, Gathering, PersonNeeded, Triage, VoidReason};
use crate::incident::{Case, Incident, Stage};
use crate::time::Time;
use crate::triage::triage;

pub(super) fn alert(
    ask: Ask<'_>,
    alert: Alert,
    delivery: DeliveryDigest,
) -> Result<Vec<Event>, Rejection> {
    match ask.incident {
        Incident::Absent => open(ask, alert, delivery),
        Incident::Closed(..) => Err(Rejection::Closed),
        // It is open for the way back alone.
        Incident::Open(case, _) if case.way_back.is_some() => Err(Rejection::Closed),
        Incident::Open(case, _) if case.identity != alert.identity() => {
            Err(Rejection::NotDue("the alert is about another fault"))
        }
        Incident::Open(case, stage) => match alert.status {
            AlertStatus::Resolved => end(ask, (case, stage), delivery, alert.ends_at),
            AlertStatus::Firing if worse(ask, case, &alert) => worsen(ask, stage, alert, delivery),
            AlertStatus::Firing | AlertStatus::Suppressed => {
                Err(Rejection::NotDue("the incident has this alert already"))
            }
        },
    }
}

fn worse(ask: Ask<'_>, case: &Case, alert: &Alert) -> bool {
    let before = case.severity.as_ref().map(|reading| reading.severity);
    Some(ask.rules.policy.severity(alert).severity) > before
}

/// What was decided for a lower severity no longer holds: it is decided anew.
fn worsen(
    ask: Ask<'_>,
    stage: &Stage,
    alert: Alert,
    delivery: DeliveryDigest,
) -> Result<Vec<Event>, Rejection> {
    let (severity, triage) = triage(&alert, ask.shared, ask.rules.policy, ask.now);
    let mut events = cut_short(ask, "the alert came back with a higher severity");
    events.extend(voided(stage, VoidReason::AlertWorsened));
    events.push(Event::AlertWorsened { alert, delivery });
    events.push(Event::Triaged { severity, triage });
    ask.checked(events)
}

fn open(ask: Ask<'_>, alert: Alert, delivery: DeliveryDigest) -> Result<Vec<Event>, Rejection> {
    let (severity, triage) = triage(&alert, ask.shared, ask.rules.policy, ask.now);
    let identity = alert.identity();
    ask.checked(vec![
        Event::IncidentOpened { alert, identity, delivery, gathers: None },
        Event::Triaged { severity, triage },
    ])
}

/// An incident that stands for more than its alert is for people: a plan for one target out
/// of many would help nobody.
pub(super) fn gathering(
    ask: Ask<'_>,
    alert: Alert,
    delivery: DeliveryDigest,
    gathers: Gathering,
) -> Result<Vec<Event>, Rejection> {
    let triage = Triage::Person(PersonNeeded::Storm(gathers.clone()));
    for_people(ask, alert, delivery, Some(gathers), triage)
}

/// What a source sends cannot be read, so nobody knows what is lost in it.
pub(super) fn unreadable(
    ask: Ask<'_>,
    source: String,
    alert: Alert,
    delivery: DeliveryDigest,
) -> Result<Vec<Event>, Rejection> {
    for_people(ask, alert, delivery, None, Triage::Person(PersonNeeded::Unreadable { source }))
}

fn for_people(
    ask: Ask<'_>,
    alert: Alert,
    delivery: DeliveryDigest,
    gathers: Option<Gathering>,
    triage: Triage,
) -> Result<Vec<Event>, Rejection> {
    let Incident::Absent = ask.incident else {
        return Err(Rejection::NotDue("the incident is there already"));
    };
    let (severity, identity) = (ask.rules.policy.severity(&alert), alert.identity());
    ask.checked(vec![
        Event::IncidentOpened { alert, identity, delivery, gathers },
        Event::Triaged { severity, triage },
    ])
}

/// The last alert of an incident has ended.
pub(super) fn all_ended(
    ask: Ask<'_>,
    delivery: DeliveryDigest,
    ended: Option<Time>,
) -> Result<Vec<Event>, Rejection> {
    match ask.incident {
        Incident::Absent => Err(Rejection::NoSuchIncident),
        Incident::Closed(..) => Err(Rejection::Closed),
        Incident::Open(case, _) if case.way_back.is_some() => Err(Rejection::Closed),
        Incident::Open(case, stage) => end(ask, (case, stage), delivery, ended),
    }
}

fn end(
    ask: Ask<'_>,
    (case, stage): (&Case, &Stage),
    delivery: DeliveryDigest,
    ended: Option<Time>,
) -> Result<Vec<Event>, Rejection> {
    // An end that is still to come is the sender's clock, or a way to say "if I stay silent".
    let ended = ended.map(|at| at.min(ask.now));
    let mut events = cut_short(ask, "the alert ended");
    events.extend(case.awaits.as_ref().map(|awaited| {
        let in_time = ended.unwrap_or(ask.now) < awaited.until;
        let known = if in_time { Effectiveness::Resolved } else { Effectiveness::NotKnown };
        looked(awaited, known)
    }));
    // What a person rejected is to be taken back however the alert stands.
    let way_back = stage.way_back();
    if way_back.is_none() {
        events.extend(voided(stage, VoidReason::AlertEnded));
    }
    events.push(Event::AlertEnded { delivery, ended, way_back });
    ask.checked(events)
}
