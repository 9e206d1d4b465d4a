//! The steps of a granted plan: shown, started, ended, lost and resolved.

use super::{Ask, Rejection};
use crate::approval::Person;
use crate::digest::PlanDigest;
use crate::event::{Event, PlanOutcome, StepFinding, StepOutcome};
use crate::incident::{Incident, NextStart, Proposal, Stage, StepState};
use crate::runbook::StepKind;
use crate::text::FreeText;
use crate::verdict::Mode;

const NOT_GRANTED: Rejection = Rejection::NotDue("no plan of this incident is granted");

/// The granted plan, if the grant holds when its reviews are counted anew.
fn granted(ask: Ask<'_>) -> Result<&Proposal, Rejection> {
    match ask.incident {
        Incident::Open(_, Stage::Granted(_, grant)) if !grant.stands(|_| true) => {
            Err(Rejection::Stopped("the reviews no longer add up to the grant"))
        }
        Incident::Open(_, Stage::Granted(proposal, _)) => Ok(proposal),
        _ => Err(NOT_GRANTED),
    }
}

/// Every step of a dry-run plan is shown exactly as it would run.
pub(super) fn rehearse(ask: Ask<'_>) -> Result<Vec<Event>, Rejection> {
    let proposal = granted(ask)?;
    if proposal.plan.mode != Mode::DryRun {
        return Err(Rejection::NotDue("the plan is live; it is run and not shown"));
    }
    let plan = proposal.digest;
    let mut events: Vec<Event> = proposal
        .plan
        .sequence()
        .map(|step| Event::StepRehearsed { plan, step: step.id.clone() })
        .collect();
    events.push(finished(proposal, PlanOutcome::Rehearsed));
    ask.checked(events)
}

fn finished(proposal: &Proposal, outcome: PlanOutcome) -> Event {
    let target = proposal.plan.target.clone();
    Event::PlanFinished { plan: proposal.digest, outcome, target }
}

/// The next step of a live plan may start, if nothing stands in its way at this very moment.
pub(super) fn start(ask: Ask<'_>, plan: PlanDigest) -> Result<Vec<Event>, Rejection> {
    let proposal = granted(ask)?;
    if proposal.digest != plan {
        return Err(Rejection::NotDue("the plan has changed since; nothing starts"));
    }
    if proposal.plan.mode != Mode::Live {
        return Err(Rejection::NotDue("the plan is a dry-run; nothing starts"));
    }
    if ask.shared.kill_switch {
        return Err(Rejection::Stopped("the kill switch is engaged"));
    }
    if ask.shared.frozen(ask.now) {
        return Err(Rejection::Stopped("a change freeze holds"));
    }
    // What made the plan live must still hold, all three parts of it.
    if ask.rules.mode != Mode::Live || !ask.rules.policy.rules(proposal.plan.tier).live {
        return Err(Rejection::Stopped("live mode is off, by configuration or for this tier"));
    }
    if !ask.shared.admitted(&proposal.plan.runbook, proposal.plan.runbook_digest) {
        return Err(Rejection::Stopped("the runbook is no longer admitted in this version"));
    }
    let target = &proposal.plan.target;
    if let Some(lock) = ask.shared.lock(target)
        && lock.plan != plan
    {
        let (target, holder) = (target.clone(), lock.incident.clone());
        return Err(Rejection::TargetBusy { target, holder });
    }
    let Some(case) = ask.incident.case() else { return Err(Rejection::NoSuchIncident) };
    if ask.now >= proposal.plan.expires_at && !case.has_started(proposal) {
        return Err(Rejection::Stopped("the grant has lapsed before anything was started"));
    }
    match case.next_start(proposal) {
        NextStart::Step(step, _) if step.kind == StepKind::Manual => {
            Err(Rejection::NotDue("the next step is a person's; there is nothing to start"))
        }
        NextStart::Step(step, attempt) => ask.checked(vec![Event::StepStarted {
            plan,
            step: step.id.clone(),
            attempt,
            target: target.clone(),
        }]),
        NextStart::Wait => Err(Rejection::NotDue("a step has no recorded end; resolve it first")),
        NextStart::Failed | NextStart::Done => Err(Rejection::NotDue("no step is left")),
    }
}

/// A step ended; so may the plan.
pub(super) fn finish(
    ask: Ask<'_>,
    plan: PlanDigest,
    step: String,
    attempt: u32,
    outcome: StepOutcome,
    output: FreeText,
) -> Result<Vec<Event>, Rejection> {
    let event = Event::StepFinished { plan, step, attempt, outcome, output };
    with_the_plans_end(ask, event)
}

/// Nobody recorded how these starts ended: say so, and never start them again by itself.
pub(super) fn lost(ask: Ask<'_>) -> Result<Vec<Event>, Rejection> {
    let Some(case) = ask.incident.case() else { return Err(Rejection::NoSuchIncident) };
    let lost = case
        .starts
        .iter()
        .filter(|(_, state)| **state == StepState::Started)
        .map(|((plan, step, attempt), _)| Event::StepLost {
            plan: *plan,
            step: step.clone(),
            attempt: *attempt,
        })
        .collect();
    ask.checked(lost)
}

/// A person says what an unknown step did.
pub(super) fn resolve(
    ask: Ask<'_>,
    by: Person,
    plan: PlanDigest,
    step: String,
    attempt: u32,
    finding: StepFinding,
) -> Result<Vec<Event>, Rejection> {
    let unknown =
        ask.incident.case().and_then(|case| case.starts.get(&(plan, step.clone(), attempt)));
    if unknown != Some(&StepState::Unknown) {
        return Err(Rejection::NotDue("the end of this step is not in doubt"));
    }
    with_the_plans_end(ask, Event::StepResolved { plan, step, attempt, by, finding })
}

fn with_the_plans_end(ask: Ask<'_>, event: Event) -> Result<Vec<Event>, Rejection> {
    let mut events = vec![event];
    if let Incident::Open(case, Stage::Granted(proposal, _)) = ask.after(&events)? {
        match case.next_start(&proposal) {
            NextStart::Done => events.push(finished(&proposal, PlanOutcome::Completed)),
            NextStart::Failed => events.push(finished(&proposal, PlanOutcome::Failed)),
            NextStart::Step(..) | NextStart::Wait => {}
        }
    }
    ask.checked(events)
}
