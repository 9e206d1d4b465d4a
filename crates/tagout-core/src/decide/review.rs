//! People answer, or do not.

use super::{Ask, Rejection};
use crate::approval::{ApprovalGate, Person, Review, Tally};
use crate::digest::PlanDigest;
use crate::event::{Event, GrantedBy, VoidReason};
use crate::incident::{Incident, Proposal, Stage};
use crate::limits;
use crate::text::FreeText;

const NOT_WAITING: Rejection = Rejection::NotDue("no plan of this incident waits for people");

fn waiting(ask: Ask<'_>) -> Result<(&Proposal, &ApprovalGate), Rejection> {
    match ask.incident {
        Incident::Absent => Err(Rejection::NoSuchIncident),
        Incident::Closed(..) => Err(Rejection::Closed),
        Incident::Open(_, Stage::Waiting(proposal, gate, _)) => Ok((proposal, gate)),
        Incident::Open(..) => Err(NOT_WAITING),
    }
}

/// A request is before somebody: from now on their latency counts.
pub(super) fn shown(ask: Ask<'_>, plan: PlanDigest, to: Person) -> Result<Vec<Event>, Rejection> {
    let (proposal, _) = waiting(ask)?;
    if plan != proposal.digest {
        return Err(Rejection::NotDue("the plan has changed since; show the new one"));
    }
    ask.checked(vec![Event::RequestShown { plan, to }])
}

/// Somebody approves or rejects. A refused answer is recorded too.
pub(super) fn answer(ask: Ask<'_>, review: Review) -> Result<Vec<Event>, Rejection> {
    let (proposal, gate) = waiting(ask)?;
    if review.reason.as_str().len() > limits::REASON_BYTES {
        return Err(Rejection::ReasonNeeded);
    }
    let mut after = gate.clone();
    if let Err(refusal) = after.take(review.clone(), ask.now) {
        let record = Event::ReviewRefused {
            by: review.reviewer,
            plan: review.plan,
            refusal: refusal.clone(),
        };
        return Err(Rejection::Refused(refusal, Box::new(record)));
    }
    let plan = proposal.digest;
    let mut events = vec![Event::ReviewGiven { review: review.clone() }];
    match after.tally(ask.now) {
        Tally::Granted(grant) => events.push(Event::PlanGranted {
            plan: grant.plan(),
            mode: grant.mode(),
            by: GrantedBy::Quorum(grant.people().to_vec()),
        }),
        Tally::Denied { by } => {
            events.push(Event::PlanVoided { plan, why: VoidReason::Rejected { by } });
        }
        Tally::Waiting { .. } | Tally::TimedOut => {}
    }
    ask.checked(events)
}

/// The warning of a grant by the clock reached people: the wait begins.
pub(super) fn warned(ask: Ask<'_>, plan: PlanDigest) -> Result<Vec<Event>, Rejection> {
    match ask.incident {
        Incident::Open(_, Stage::Waiting(proposal, _, Some(clock))) if proposal.digest == plan => {
            if clock.warned_at.is_some() {
                return Err(Rejection::NotDue("the warning was already delivered"));
            }
            ask.checked(vec![Event::ClockWarningDelivered { plan }])
        }
        _ => Err(Rejection::NotDue("the clock has no say in this plan")),
    }
}

/// Time has passed: a request lapses, or the clock grants what it may.
pub(super) fn tick(ask: Ask<'_>) -> Result<Vec<Event>, Rejection> {
    let Incident::Open(_, Stage::Waiting(proposal, gate, clock)) = ask.incident else {
        return Ok(Vec::new());
    };
    let plan = proposal.digest;
    match gate.tally(ask.now) {
        Tally::TimedOut => ask.checked(vec![Event::PlanVoided { plan, why: VoidReason::TimedOut }]),
        Tally::Waiting { .. } => {
            // What would hold the plan back if it were decided now holds the clock back too.
            if ask.shared.kill_switch || ask.shared.frozen(ask.now) {
                return Ok(Vec::new());
            }
            let due = clock.as_ref().and_then(|clock| {
                let from = clock.from(ask.shared.last_jump)?;
                clock.grant(from, ask.now).map(|_| from)
            });
            match due {
                Some(waited_from) => ask.checked(vec![Event::PlanGranted {
                    plan,
                    mode: proposal.plan.mode,
                    by: GrantedBy::Clock { waited_from },
                }]),
                None => Ok(Vec::new()),
            }
        }
        Tally::Granted(_) | Tally::Denied { .. } => Ok(Vec::new()),
    }
}

/// A person takes back a grant before the next step, or objects for good while it waits.
pub(super) fn revoke(ask: Ask<'_>, by: Person, plan: PlanDigest) -> Result<Vec<Event>, Rejection> {
    match ask.incident {
        Incident::Open(
            _,
            Stage::Waiting(proposal, ..) | Stage::Halted(proposal) | Stage::Granted(proposal, _),
        ) if proposal.digest == plan => {
            ask.checked(vec![Event::PlanVoided { plan, why: VoidReason::Revoked { by } }])
        }
        _ => Err(Rejection::NotDue("there is no such plan to take back")),
    }
}

/// A person closes the incident.
pub(super) fn close(ask: Ask<'_>, by: Person, reason: FreeText) -> Result<Vec<Event>, Rejection> {
    let Incident::Open(case, stage) = ask.incident else {
        return Err(match ask.incident {
            Incident::Absent => Rejection::NoSuchIncident,
            _ => Rejection::Closed,
        });
    };
    if reason.is_empty() || reason.as_str().len() > limits::REASON_BYTES {
        return Err(Rejection::ReasonNeeded);
    }
    if case.in_flight() {
        return Err(Rejection::NotDue("a step has no recorded end; resolve it first"));
    }
    let mut events = Vec::new();
    if let Stage::Waiting(proposal, ..) | Stage::Halted(proposal) | Stage::Granted(proposal, _) =
        stage
    {
        let why = VoidReason::Revoked { by: by.clone() };
        events.push(Event::PlanVoided { plan: proposal.digest, why });
    }
    events.push(Event::IncidentClosed { by, reason });
    ask.checked(events)
}
