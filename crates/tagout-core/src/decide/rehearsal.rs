//! The dry-run of a granted plan: what changes nothing is started where the operator lets it, and all
//! else is shown.

use std::collections::BTreeSet;

use super::step::{finished, granted, stale};
use super::{Ask, Rejection};
use crate::digest::PlanDigest;
use crate::event::{Event, PlanOutcome, StepOutcome};
use crate::incident::Case;
use crate::policy::EscalationPolicy;
use crate::rehearsal::{NextRehearsal, RehearsalState};
use crate::text::FreeText;
use crate::verdict::Mode;

/// Whether the operator lets dry-runs start anything.
fn lets(policy: &EscalationPolicy) -> bool {
    policy.execution.as_ref().is_some_and(|execution| execution.rehearse)
}

/// What of a dry-run plan was not started is shown exactly as it would run, and the plan ends.
pub(super) fn shown(ask: Ask<'_>) -> Result<Vec<Event>, Rejection> {
    let (proposal, grant) = granted(ask)?;
    if proposal.plan.mode != Mode::DryRun {
        return Err(Rejection::NotDue("the plan is live; it is run and not shown"));
    }
    if let Some(anew) = stale(ask, proposal, grant)? {
        return Ok(anew);
    }
    let Some(case) = ask.incident.case() else { return Err(Rejection::NoSuchIncident) };
    match case.next_rehearsal(proposal) {
        NextRehearsal::Wait => {
            return Err(Rejection::NotDue("what the dry-run has started has no recorded end yet"));
        }
        NextRehearsal::Start(_) if lets(ask.rules.policy) => {
            return Err(Rejection::NotDue("the dry-run has checks or dry-run forms left to run"));
        }
        NextRehearsal::Start(_) | NextRehearsal::Over => {}
    }
    let plan = proposal.digest;
    // Where a dry-run can find something out, it says what it could not.
    let says = lets(ask.rules.policy) || case.has_begun(proposal);
    let shown = case.only_shown(proposal).into_iter();
    let shown = shown.map(|(step, why)| (step, says.then_some(why)));
    let mut events: Vec<Event> =
        shown.map(|(step, unforeseen)| Event::StepRehearsed { plan, step, unforeseen }).collect();
    let mut end = finished(ask, proposal, PlanOutcome::Rehearsed);
    if let Event::PlanFinished { stops_at, runbook, tier, .. } = &mut end {
        *stops_at = case.would_stop_at(proposal);
        // One that was stopped makes the runbook no better known here, and has reached nothing.
        if case.was_stopped(proposal) {
            runbook.clear();
            *tier = None;
        }
    }
    events.push(end);
    ask.checked(events)
}

/// The next check or dry-run form may start, if nothing stands in its way at this very moment. It
/// changes nothing, so it neither takes the target nor waits for it.
pub(super) fn start(ask: Ask<'_>, plan: PlanDigest) -> Result<Vec<Event>, Rejection> {
    let (proposal, grant) = granted(ask)?;
    if proposal.digest != plan {
        return Err(Rejection::NotDue("the plan has changed since; nothing starts"));
    }
    if proposal.plan.mode != Mode::DryRun {
        return Err(Rejection::NotDue("the plan is live; it is no dry-run"));
    }
    if ask.shared.kill_switch {
        return Err(Rejection::Stopped("the kill switch is engaged"));
    }
    if ask.shared.frozen(ask.now) {
        return Err(Rejection::Stopped("a change freeze holds"));
    }
    let Some(case) = ask.incident.case() else { return Err(Rejection::NoSuchIncident) };
    if ask.now >= proposal.plan.expires_at && !case.has_begun(proposal) {
        return Err(Rejection::Stopped("the grant has lapsed before anything was started"));
    }
    let step = match case.next_rehearsal(proposal) {
        NextRehearsal::Start(step) => step.id.clone(),
        NextRehearsal::Wait => {
            return Err(Rejection::NotDue("what the dry-run has started has no recorded end yet"));
        }
        NextRehearsal::Over => return Err(Rejection::NotDue("nothing is left to start")),
    };
    if let Some(anew) = stale(ask, proposal, grant)? {
        return Ok(anew);
    }
    if !lets(ask.rules.policy) {
        return Err(Rejection::Stopped("[execution] rehearse is off"));
    }
    if !ask.shared.admitted(&proposal.plan.runbook, proposal.plan.runbook_digest) {
        return Err(Rejection::Stopped("the runbook is no longer admitted in this version"));
    }
    ask.checked(vec![Event::RehearsalStarted { plan, step }])
}

/// What the dry-run started ended, or nobody saw its end.
pub(super) fn ended(ask: Ask<'_>, event: Event) -> Result<Vec<Event>, Rejection> {
    let (Event::RehearsalEnded { plan, step, .. } | Event::RehearsalCut { plan, step, .. }) =
        &event
    else {
        return Err(Rejection::NotDue("this says nothing of a dry-run"));
    };
    let Some(case) = ask.incident.case() else { return Err(Rejection::NoSuchIncident) };
    match case.rehearsals.get(&(*plan, step.clone())) {
        Some(RehearsalState::Started) => ask.checked(vec![event]),
        // Whoever ran it may report its end after it was given up.
        // One that was stopped there is none that people stopped.
        Some(RehearsalState::Cut)
            if matches!(&event, Event::RehearsalEnded { outcome, .. }
                if *outcome != StepOutcome::Stopped) =>
        {
            ask.checked(vec![event])
        }
        _ => Err(Rejection::NotDue("the dry-run runs no such step")),
    }
}

/// What dry-runs have started and nobody runs any more.
pub(super) fn cut(
    case: &Case,
    running: &BTreeSet<(PlanDigest, String, u32)>,
) -> impl Iterator<Item = Event> {
    let started = case.rehearsals.iter().filter(|(_, state)| **state == RehearsalState::Started);
    let lost = started.filter(|((plan, step), _)| !running.contains(&(*plan, step.clone(), 1)));
    lost.map(|((plan, step), _)| Event::RehearsalCut {
        plan: *plan,
        step: step.clone(),
        output: FreeText::default(),
        ended: None,
    })
}
