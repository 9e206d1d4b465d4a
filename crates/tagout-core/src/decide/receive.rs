//! An alert comes in: open an incident, fold it into one, or end one.

use super::{Ask, Rejection};
use crate::alert::{Alert, AlertStatus};
use crate::digest::DeliveryDigest;
use crate::event::{Event, VoidReason};
use crate::incident::{Incident, Stage};
use crate::triage::triage;

pub(super) fn alert(
    ask: Ask<'_>,
    alert: Alert,
    delivery: DeliveryDigest,
) -> Result<Vec<Event>, Rejection> {
    match ask.incident {
        Incident::Absent => open(ask, alert, delivery),
        Incident::Closed(..) => Err(Rejection::Closed),
        Incident::Open(case, _) if case.identity != alert.identity() => {
            Err(Rejection::NotDue("the alert is about another fault"))
        }
        Incident::Open(_, stage) => match alert.status {
            AlertStatus::Firing | AlertStatus::Suppressed => {
                ask.checked(vec![Event::AlertRepeated { delivery }])
            }
            AlertStatus::Resolved => end(ask, stage, delivery),
        },
    }
}

fn open(ask: Ask<'_>, alert: Alert, delivery: DeliveryDigest) -> Result<Vec<Event>, Rejection> {
    let (severity, triage) = triage(&alert, ask.shared, ask.rules.policy, ask.now);
    let identity = alert.identity();
    ask.checked(vec![
        Event::IncidentOpened { alert, identity, delivery },
        Event::Triaged { severity, triage },
    ])
}

fn end(ask: Ask<'_>, stage: &Stage, delivery: DeliveryDigest) -> Result<Vec<Event>, Rejection> {
    let mut events = Vec::new();
    // A plan that has not ended must not outlive its alert, granted or not.
    if let Stage::Waiting(proposal, ..) | Stage::Halted(proposal) | Stage::Granted(proposal, _) =
        stage
    {
        events.push(Event::PlanVoided { plan: proposal.digest, why: VoidReason::AlertEnded });
    }
    events.push(Event::AlertEnded { delivery });
    ask.checked(events)
}
