//! People answer, or do not.

use super::handling::snooze_over;
use super::look::overdue;
use super::step::looked;
use super::{Ask, Rejection, ended};
use crate::approval::{ApprovalGate, Person, Refusal, Review, Tally};
use crate::chain::Due;
use crate::deadline::ClockWait;
use crate::digest::PlanDigest;
use crate::event::{Effectiveness, Event, GrantedBy, VoidReason};
use crate::incident::{Incident, Proposal, Stage};
use crate::limits;
use crate::plan::Plan;
use crate::text::FreeText;

const NOT_WAITING: Rejection = Rejection::NotDue("no plan of this incident waits for people");

pub(super) fn waiting(ask: Ask<'_>) -> Result<(&Proposal, &ApprovalGate), Rejection> {
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
    if review.batch.as_ref().is_some_and(|id| id.is_empty() || id.len() > limits::NAME_BYTES) {
        return Err(Rejection::NotDue("a batch's id has 1 to 256 bytes"));
    }
    let unread = ask.shared.bypasses().is_ceremonial(&proposal.plan.runbook);
    let considered = match gate.consider(&review, ask.now) {
        Ok(()) if unread && review.batch.is_some() => Err(Refusal::OneByOne),
        considered => considered,
    };
    if let Err(refusal) = considered {
        let record = Event::ReviewRefused {
            by: review.reviewer,
            plan: review.plan,
            refusal: refusal.clone(),
        };
        return Err(Rejection::Refused(refusal, Box::new(record)));
    }
    tallied(ask, vec![Event::ReviewGiven { review }])
}

/// These events, and what the reviews add up to after them.
pub(super) fn tallied(ask: Ask<'_>, mut events: Vec<Event>) -> Result<Vec<Event>, Rejection> {
    if let Incident::Open(_, Stage::Waiting(proposal, gate, _)) = ask.after(&events)? {
        match gate.tally(ask.now) {
            Tally::Granted(grant) => events.push(Event::PlanGranted {
                plan: grant.plan(),
                mode: grant.mode(),
                by: GrantedBy::Quorum(grant.people().to_vec()),
            }),
            Tally::Denied { by } => {
                let why = VoidReason::Rejected { by };
                events.push(Event::PlanVoided { plan: proposal.digest, why });
            }
            Tally::Waiting { .. } | Tally::TimedOut => {}
        }
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

/// Time has passed: a request or an unused grant lapses, or the clock grants what it may.
pub(super) fn tick(ask: Ask<'_>) -> Result<Vec<Event>, Rejection> {
    let mut events: Vec<Event> = snooze_over(ask).into_iter().collect();
    events.extend(due(ask)?);
    events.extend(helped(ask));
    ask.checked(events)
}

/// Whether a plan has helped, once its alert had the time to end. Where the clock jumped in between,
/// or nobody was there to hear of the end, nobody can say.
fn helped(ask: Ask<'_>) -> Option<Event> {
    let Incident::Open(case, _) = ask.incident else { return None };
    let awaited = case.awaits.as_ref().filter(|awaited| ask.now >= awaited.until)?;
    let unheard = ask.shared.last_jump.is_some_and(|jump| jump > awaited.since);
    let seen = if unheard { Effectiveness::NotKnown } else { Effectiveness::StillFiring };
    Some(looked(awaited, seen))
}

fn due(ask: Ask<'_>) -> Result<Vec<Event>, Rejection> {
    match ask.incident {
        Incident::Open(case, Stage::Waiting(proposal, gate, clock)) => match gate.tally(ask.now) {
            Tally::TimedOut => lapse(ask, proposal),
            Tally::Waiting { .. } => {
                // What is due in the meantime is made up for when the snooze is over, which is
                // before the request lapses.
                let quiet = case.handling.snoozed(ask.now).is_some();
                let mut events = Vec::new();
                if !quiet {
                    events = climbed(ask, proposal, gate);
                    events.extend(by_the_clock(ask, proposal, clock.as_ref()));
                }
                ask.checked(events)
            }
            Tally::Granted(_) | Tally::Denied { .. } => Ok(Vec::new()),
        },
        Incident::Open(case, Stage::Granted(proposal, _))
            if ask.now >= proposal.plan.expires_at && !case.has_begun(proposal) =>
        {
            lapse(ask, proposal)
        }
        _ => overdue(ask),
    }
}

fn lapse(ask: Ask<'_>, proposal: &Proposal) -> Result<Vec<Event>, Rejection> {
    let plan = proposal.digest;
    ask.checked(vec![Event::PlanVoided { plan, why: VoidReason::TimedOut }])
}

/// Everything that the request's chain of escalation calls for by now.
fn climbed(ask: Ask<'_>, proposal: &Proposal, gate: &ApprovalGate) -> Vec<Event> {
    if gate.due(ask.now).is_none() {
        return Vec::new();
    }
    let (plan, mut gate, mut events) = (proposal.digest, gate.clone(), Vec::new());
    while let Some(due) = gate.due(ask.now) {
        let rung = match due {
            Due::Rung(rung) => {
                let number = u32::try_from(gate.climbed().rungs).unwrap_or(u32::MAX);
                let (rung, to) = (number.saturating_add(1), rung.ask.clone());
                events.push(Event::RequestEscalated { plan, rung, to });
                true
            }
            Due::Warning => {
                events.push(Event::LapseWarned { plan });
                false
            }
        };
        gate.climb(rung);
    }
    events
}

fn by_the_clock(ask: Ask<'_>, proposal: &Proposal, clock: Option<&ClockWait>) -> Option<Event> {
    let Ask { shared, now, rules, .. } = ask;
    // What would hold the plan back if it were decided now holds the clock back too.
    let unread = shared.bypasses().is_ceremonial(&proposal.plan.runbook);
    if shared.kill_switch || shared.frozen(now) || unread {
        return None;
    }
    let clock = clock?;
    let case = ask.incident.case()?;
    // Whoever was not to be reminded could not object either: after that the wait begins anew.
    let broken = shared.last_jump.max(case.handling.quiet_until());
    let waited_from = clock.from(broken)?;
    clock.grant(waited_from, now)?;
    let Plan { tier, mode, .. } = proposal.plan;
    let scope = rules.policy.scope(&case.alert.labels);
    let actions = proposal.plan.actions();
    let spent = shared.spent(rules.policy, mode, &scope, now).get(&tier).copied();
    let after = spent.unwrap_or(u32::MAX).saturating_add(actions);
    if after > rules.policy.rules(tier).max_autonomous_actions {
        return None;
    }
    let Plan { runbook, target, .. } = &proposal.plan;
    let reached = shared.reached(rules.policy, mode, (runbook, target), now);
    let tried = shared.tried(mode, runbook, target, now);
    if (actions > 0 && rules.policy.past_radius(tier, runbook, &reached).is_some())
        || rules.policy.cools_down(tier, tried).is_some()
    {
        return None;
    }
    let by = GrantedBy::Clock { waited_from, actions, scope };
    Some(Event::PlanGranted { plan: proposal.digest, mode, by })
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
    let mut events = ended::by_person(ask, (case, stage), &by, "the incident was closed")?;
    events.push(Event::IncidentClosed { by, reason });
    ask.checked(events)
}
