//! The steps of a granted plan: shown, started, ended, lost and resolved.

use std::collections::BTreeSet;

use super::replace::anew;
use super::undo::undoing;
use super::{Ask, Rejection, rehearsal};
use crate::digest::PlanDigest;
use crate::event::{
    Effectiveness, Event, PersonNeeded, PlanOutcome, StepFinding, StepOutcome, VoidReason,
};
use crate::incident::{Awaited, Case, Grant, Incident, NextStart, Proposal, Stage, StepState};
use crate::limits;
use crate::plan::{Plan, PlannedStep, again};
use crate::policy::StepFailure;
use crate::runbook::StepKind;
use crate::stale::{Changed, changed};
use crate::text::FreeText;
use crate::verdict::Mode;

const NOT_GRANTED: Rejection = Rejection::NotDue("no plan of this incident is granted");

pub(super) fn granted(ask: Ask<'_>) -> Result<(&Proposal, &Grant), Rejection> {
    match ask.incident {
        Incident::Open(_, Stage::Granted(proposal, grant)) => Ok((proposal, grant)),
        _ => Err(NOT_GRANTED),
    }
}

/// What comes of a plan if something it rests on has changed since it was made: it is void, and
/// made anew if that is possible. Looked at before every start: whatever paused the plan, it
/// goes on only where it left off.
pub(super) fn stale(
    ask: Ask<'_>,
    proposal: &Proposal,
    grant: &Grant,
) -> Result<Option<Vec<Event>>, Rejection> {
    let Ask { id, shared, rules, .. } = ask;
    let what = changed((proposal, grant), id, shared, (rules.policy, rules.runbooks), ask.now);
    match ask.incident.case() {
        Some(case) if !what.is_empty() => anew(ask, case, proposal, what).map(Some),
        _ => Ok(None),
    }
}

pub(super) fn finished(ask: Ask<'_>, proposal: &Proposal, outcome: PlanOutcome) -> Event {
    let Plan { target, runbook, undoes, .. } = &proposal.plan;
    // Taking something back is no use of the runbook that could make another less new, and is
    // not meant to end the alert.
    let undoes = undoes.is_some();
    let runbook = if undoes { String::new() } else { runbook.clone() };
    let shown = outcome == PlanOutcome::Rehearsed && proposal.plan.actions() > 0;
    let within = ask.rules.policy.effective_within;
    let looks = within.filter(|_| outcome == PlanOutcome::Completed && !undoes);
    Event::PlanFinished {
        plan: proposal.digest,
        outcome,
        target: target.clone(),
        runbook,
        stops_at: None,
        tier: shown.then_some(proposal.plan.tier),
        look_until: looks.map(|within| ask.now.after(within)),
    }
}

/// The next step of a live plan may start, if nothing stands in its way at this very moment.
pub(super) fn start(ask: Ask<'_>, plan: PlanDigest) -> Result<Vec<Event>, Rejection> {
    let (proposal, grant) = granted(ask)?;
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
    let next = case.next_start(proposal);
    if let NextStart::Step(..) | NextStart::Again(..) = next
        && let Some(anew) = stale(ask, proposal, grant)?
    {
        return Ok(anew);
    }
    let mut events: Vec<Event> = overtaken(case, plan).into_iter().collect();
    let (step, name, attempt) = match next {
        NextStart::Step(step, _) if step.kind == StepKind::Manual => {
            return Err(Rejection::NotDue(
                "the next step is a person's; there is nothing to start",
            ));
        }
        NextStart::Step(step, attempt) => (step, step.id.clone(), attempt),
        NextStart::Again(step, name, attempt) => (step, name, attempt),
        NextStart::Wait => {
            return Err(Rejection::NotDue("a step has no recorded end; resolve it first"));
        }
        NextStart::Failed | NextStart::Changed | NextStart::Done => {
            return Err(Rejection::NotDue("no step is left"));
        }
    };
    let (step, attempt) = match looked_at_again(ask, case, proposal, (step, attempt)) {
        Some((begun, check)) => {
            events.push(begun);
            (check, 1)
        }
        None => (name, attempt),
    };
    let acts = proposal.plan.actions() > 0;
    events.push(Event::StepStarted {
        plan,
        step,
        attempt,
        target: target.clone(),
        tier: acts.then_some(proposal.plan.tier),
        runbook: if acts { proposal.plan.runbook.clone() } else { String::new() },
    });
    ask.checked(events)
}

/// Another plan begins: whether the last one has helped cannot be told apart any more.
fn overtaken(case: &Case, plan: PlanDigest) -> Option<Event> {
    let awaited = case.awaits.as_ref().filter(|awaited| awaited.plan != plan)?;
    Some(looked(awaited, Effectiveness::NotKnown))
}

/// What is recorded of whether a plan has helped.
pub(super) fn looked(awaited: &Awaited, effectiveness: Effectiveness) -> Event {
    let Awaited { plan, runbook, target, .. } = awaited.clone();
    Event::EffectivenessRecorded { plan, runbook, target, effectiveness }
}

/// After a pause, what was to hold before the first step is looked at again before anything else
/// of the plan starts: that this begins, and the name of the first check. A check that has failed
/// and is tried again is looked at with that.
fn looked_at_again(
    ask: Ask<'_>,
    case: &Case,
    proposal: &Proposal,
    (next, attempt): (&PlannedStep, u32),
) -> Option<(Event, String)> {
    let Proposal { plan: of, digest: plan, .. } = proposal;
    let first = of.preconditions.first()?;
    let tried_again = attempt > 1 && of.preconditions.iter().any(|check| check.id == next.id);
    if tried_again || !case.has_paused(*plan, ask.shared.last_jump, ask.now) {
        return None;
    }
    let round = case.rounds.get(plan).map_or(2, |round| round.saturating_add(1));
    Some((Event::PreconditionsBegunAgain { plan: *plan, round }, again(&first.id, round)))
}

/// Nobody recorded how these starts ended: say so, and never start them again by itself.
pub(super) fn lost(
    ask: Ask<'_>,
    running: &BTreeSet<(PlanDigest, String, u32)>,
) -> Result<Vec<Event>, Rejection> {
    let Some(case) = ask.incident.case() else { return Err(Rejection::NoSuchIncident) };
    let lost = case
        .starts
        .iter()
        .filter(|(start, state)| **state == StepState::Started && !running.contains(start))
        .map(|((plan, step, attempt), _)| Event::StepLost {
            plan: *plan,
            step: step.clone(),
            attempt: *attempt,
            output: FreeText::default(),
            ended: None,
        });
    ask.checked(lost.chain(rehearsal::cut(case, running)).collect())
}

/// Whoever ran a step says how it ended. After it was given up as lost that settles nothing:
/// people were told that nobody knows and may be at work on the target, so it is recorded for
/// them, and they say what the step did.
pub(super) fn ended(ask: Ask<'_>, event: Event) -> Result<Vec<Event>, Rejection> {
    let Event::StepFinished { plan, step, attempt, outcome, output, ended } = &event else {
        return Err(Rejection::NotDue("this ends no step"));
    };
    let start = (*plan, step.clone(), *attempt);
    let state = ask.incident.case().and_then(|case| case.starts.get(&start));
    if state != Some(&StepState::Unknown) {
        return with_the_plans_end(ask, event);
    }
    let outcome = match outcome {
        StepOutcome::Succeeded => "it succeeded",
        StepOutcome::Failed => "it failed",
        StepOutcome::TimedOut => "it ran out of time",
        StepOutcome::Stopped => "it was stopped",
    };
    let late = format!("told only after it was given up as lost: {outcome}\n{output}");
    let (plan, step, attempt) = start;
    let (output, ended) = (FreeText::from(late.trim_end()), ended.clone());
    ask.checked(vec![Event::StepLost { plan, step, attempt, output, ended }])
}

/// Whoever ran a step cannot say how it ended.
pub(super) fn unknown(ask: Ask<'_>, event: Event) -> Result<Vec<Event>, Rejection> {
    let Event::StepLost { plan, step, attempt, .. } = &event else {
        return Err(Rejection::NotDue("this says nothing of a step"));
    };
    let Some(case) = ask.incident.case() else { return Err(Rejection::NoSuchIncident) };
    if case.starts.get(&(*plan, step.clone(), *attempt)) != Some(&StepState::Started) {
        return Err(Rejection::NotDue("no such step runs"));
    }
    ask.checked(vec![event])
}

/// A person says what an unknown step did, or what came of a step that was theirs to do.
pub(super) fn resolve(ask: Ask<'_>, event: Event) -> Result<Vec<Event>, Rejection> {
    let Event::StepResolved { plan, step, attempt, finding, reason, .. } = &event else {
        return Err(Rejection::NotDue("this resolves nothing"));
    };
    if reason.is_empty() || reason.as_str().len() > limits::REASON_BYTES {
        return Err(Rejection::ReasonNeeded);
    }
    let state =
        ask.incident.case().and_then(|case| case.starts.get(&(*plan, step.clone(), *attempt)));
    let theirs = match ask.incident {
        Incident::Open(case, Stage::Granted(proposal, _)) => {
            proposal.digest == *plan && case.is_persons(proposal, step, *attempt)
        }
        _ => false,
    };
    if state != Some(&StepState::Unknown) && !(theirs && *finding != StepFinding::Investigating) {
        return Err(Rejection::NotDue(
            "the end of this step is not in doubt, and it is not a person's that is due",
        ));
    }
    with_the_plans_end(ask, event)
}

/// A step ended; so may the plan. If it failed, the tier's rule says what follows.
pub(super) fn with_the_plans_end(ask: Ask<'_>, event: Event) -> Result<Vec<Event>, Rejection> {
    let mut events = vec![event];
    if let Incident::Open(case, Stage::Granted(proposal, _)) = ask.after(&events)? {
        match case.next_start(&proposal) {
            NextStart::Done => events.push(finished(ask, &proposal, PlanOutcome::Completed)),
            NextStart::Changed => {
                let what = BTreeSet::from([Changed::Preconditions]);
                let why = VoidReason::Stale { what: what.clone() };
                events.push(Event::PlanVoided { plan: proposal.digest, why });
                events.push(Event::PersonCalled { why: PersonNeeded::PlanStale { what } });
            }
            NextStart::Failed => {
                events.push(finished(ask, &proposal, PlanOutcome::Failed));
                let rule = ask.rules.policy.rules(proposal.plan.tier).step_failure;
                // What fails to take something back is for people to look at.
                if rule == StepFailure::Undo && proposal.plan.undoes.is_none() {
                    undoing(ask, &case, &proposal, None, &mut events)?;
                }
            }
            NextStart::Step(..) | NextStart::Again(..) | NextStart::Wait => {}
        }
    }
    ask.checked(events)
}
