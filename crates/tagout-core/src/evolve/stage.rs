//! What an event does to a proposed plan: decided, asked about, answered, granted.

use super::{closed, found, settle_rehearsal, settle_start};
use crate::approval::{ApprovalGate, ReviewRequest, Tally};
use crate::chain::Due;
use crate::deadline::ClockWait;
use crate::digest::PlanDigest;
use crate::event::{Event, GrantedBy, PlanOutcome, VoidReason};
use crate::incident::{
    Awaited, Case, Grant, Handover, Incident, NextStart, Proposal, Stage, StepState,
};
use crate::owner;
use crate::plan::Plan;
use crate::rehearsal::{NextRehearsal, RehearsalState};
use crate::safer::only_tightens;
use crate::tier::Tier;
use crate::time::Time;
use crate::verdict::{Decision, Mode, Verdict};

/// Whether a plan is one of the agent's own of which a person has only left actions out or moved
/// values to their safer side, at a tier where that counts as the person's approval.
pub(super) fn trims(old: &Plan, new: &Plan) -> bool {
    old.requested_by.is_none() && new.tier <= Tier::Medium && only_tightens(old, new)
}

/// A grant, a start or an answer must be about this very plan in this very mode.
pub(super) fn covers(
    proposal: &Proposal,
    plan: PlanDigest,
    mode: Mode,
) -> Result<(), &'static str> {
    if plan != proposal.digest {
        return Err("it is about another plan");
    }
    if mode != proposal.plan.mode {
        return Err("it is about another mode");
    }
    Ok(())
}

pub(super) fn decided(
    proposal: Proposal,
    plan: PlanDigest,
    mode: Mode,
    verdict: &Verdict,
) -> Result<Stage, &'static str> {
    covers(&proposal, plan, mode)?;
    if proposal.verdict.is_some() {
        return Err("the policy has already decided");
    }
    if verdict.tier != proposal.plan.tier {
        return Err("the plan was made for another tier");
    }
    let decision = verdict.decision;
    let proposal = Proposal { verdict: Some(verdict.clone()), ..proposal };
    Ok(if decision == Decision::Halt { Stage::Halted(proposal) } else { Stage::Proposed(proposal) })
}

pub(super) fn asked(
    proposal: Proposal,
    request: &ReviewRequest,
    clock: Option<&ClockWait>,
) -> Result<Stage, &'static str> {
    covers(&proposal, request.plan, request.mode)?;
    if proposal.verdict.as_ref().map(|v| v.decision) != Some(Decision::Escalate) {
        return Err("the policy did not say ESCALATE");
    }
    let plan = &proposal.plan;
    if request.quorum < plan.quorum
        || request.expires_at > plan.expires_at
        || request.groups != plan.groups
        || request.approvers != plan.approvers
        || request.owner != plan.owner
        || request.first_use != plan.first_use
        || request.ask != plan.ask
        || request.chain != plan.chain
    {
        return Err("it asks for less than the plan demands");
    }
    if request.requested_by != proposal.plan.requested_by {
        return Err("it hides who asked for the plan");
    }
    if request.author_counts && !proposal.trimmed {
        return Err("nobody approves what they asked for");
    }
    if clock.is_some_and(|c| c.plan != proposal.digest) {
        return Err("the wait is about another plan");
    }
    let silence_may_do = plan.tier == Tier::Low
        && plan.reversible
        && plan.requested_by.is_none()
        && !owner::demands(&plan.first_use);
    if clock.is_some() && !silence_may_do {
        return Err("the clock has no say in such a plan");
    }
    if clock.is_some_and(|c| c.warned_at.is_some()) {
        return Err("nobody can have been warned before they were asked");
    }
    let gate = ApprovalGate::open(request.clone());
    Ok(Stage::Waiting(proposal, gate, clock.cloned()))
}

pub(super) fn waiting(
    proposal: Proposal,
    mut gate: ApprovalGate,
    clock: Option<ClockWait>,
    event: &Event,
    at: Time,
) -> Result<Stage, &'static str> {
    match event {
        Event::RequestShown { plan, .. } if *plan == proposal.digest => {
            Ok(Stage::Waiting(proposal, gate, clock))
        }
        Event::ReviewGiven { review } => {
            gate.take(review.clone(), at).map_err(|_| "the gate does not take this review")?;
            Ok(Stage::Waiting(proposal, gate, clock))
        }
        Event::GlassBroken { plan, mode, by, .. } => {
            covers(&proposal, *plan, *mode)?;
            let broken = gate.break_glass(by.clone(), at);
            broken.map_err(|_| "the request is no longer open")?;
            Ok(Stage::Waiting(proposal, gate, clock))
        }
        Event::RequestEscalated { plan, rung, to } if *plan == proposal.digest => {
            let next = u32::try_from(gate.climbed().rungs).unwrap_or(u32::MAX).saturating_add(1);
            match gate.due(at) {
                Some(Due::Rung(due)) if due.ask == *to && *rung == next => gate.climb(true),
                _ => return Err("this rung is not due"),
            }
            Ok(Stage::Waiting(proposal, gate, clock))
        }
        Event::LapseWarned { plan } if *plan == proposal.digest => {
            if gate.due(at) != Some(Due::Warning) {
                return Err("no warning is due");
            }
            gate.climb(false);
            Ok(Stage::Waiting(proposal, gate, clock))
        }
        Event::ClockWarningDelivered { plan } if *plan == proposal.digest => {
            let clock = clock.ok_or("the clock has no say in this plan")?;
            Ok(Stage::Waiting(proposal, gate, Some(ClockWait { warned_at: Some(at), ..clock })))
        }
        Event::PlanGranted { plan, mode, by } => {
            covers(&proposal, *plan, *mode)?;
            let grant = match by {
                GrantedBy::Quorum(people) => match gate.tally(at) {
                    Tally::Granted(grant) if grant.people() == people => Grant::Quorum(grant),
                    _ => return Err("the reviews do not add up to a grant"),
                },
                GrantedBy::Clock { waited_from, .. } => {
                    let Tally::Waiting { .. } = gate.tally(at) else {
                        return Err("the request is no longer open");
                    };
                    let clock = clock.ok_or("the clock has no say in this plan")?;
                    let grant = clock.grant(*waited_from, at);
                    Grant::Clock(grant.ok_or("the wait is not over")?)
                }
                GrantedBy::Policy => return Err("the policy asked for people"),
            };
            Ok(Stage::Granted(proposal, grant))
        }
        Event::PlanVoided { plan, why } if *plan == proposal.digest => {
            let holds = match why {
                VoidReason::Rejected { by } => {
                    matches!(gate.tally(at), Tally::Denied { by: who } if who == *by)
                }
                VoidReason::TimedOut => gate.tally(at) == Tally::TimedOut,
                VoidReason::Modified { .. }
                | VoidReason::AlertEnded
                | VoidReason::AlertWorsened
                | VoidReason::Revoked { .. }
                | VoidReason::Stale { .. } => true,
            };
            if !holds {
                return Err("the reviews do not add up to that");
            }
            Ok(Stage::WithPeople(Handover::Voided(proposal, why.clone())))
        }
        _ => Err("people are still being asked"),
    }
}

pub(super) fn granted(
    case: Case,
    proposal: Proposal,
    grant: Grant,
    event: &Event,
    at: Time,
) -> Result<Incident, &'static str> {
    let mut case = case;
    let stage = match event {
        Event::StepRehearsed { plan, step, .. } => {
            covers(&proposal, *plan, Mode::DryRun)?;
            if case.rehearsals.contains_key(&(*plan, step.clone())) {
                return Err("something of the step was started");
            }
            Stage::Granted(proposal, grant)
        }
        Event::RehearsalStarted { plan, step } => {
            covers(&proposal, *plan, Mode::DryRun)?;
            if !grant.stands(|_| true) {
                return Err("the reviews do not add up to the grant");
            }
            // What it starts is never what an action runs: no such step is ever the next one.
            match case.next_rehearsal(&proposal) {
                NextRehearsal::Start(next) if next.id == *step => {}
                _ => return Err("this is not what the dry-run starts next"),
            }
            case.rehearsals.insert((*plan, step.clone()), RehearsalState::Started);
            Stage::Granted(proposal, grant)
        }
        Event::RehearsalEnded { .. } | Event::RehearsalCut { .. } => {
            case = settle_rehearsal(case, event)?;
            Stage::Granted(proposal, grant)
        }
        Event::PreconditionsBegunAgain { plan, round } => {
            covers(&proposal, *plan, Mode::Live)?;
            let due =
                matches!(case.next_start(&proposal), NextStart::Step(..) | NextStart::Again(..));
            let next = case.rounds.get(plan).map_or(2, |round| round.saturating_add(1));
            if !due || *round != next || proposal.plan.preconditions.is_empty() {
                return Err("these checks are not due");
            }
            if !case.has_started(&proposal) {
                return Err("nothing was looked at before");
            }
            case.rounds.insert(*plan, *round);
            Stage::Granted(proposal, grant)
        }
        Event::StepStarted { plan, step, attempt, target, .. } => {
            covers(&proposal, *plan, Mode::Live)?;
            if *target != proposal.plan.target {
                return Err("the start is on another target");
            }
            if !grant.stands(|_| true) {
                return Err("the reviews do not add up to the grant");
            }
            match case.next_start(&proposal) {
                NextStart::Step(next, number) if next.id == *step && number == *attempt => {}
                NextStart::Again(_, name, number) if name == *step && number == *attempt => {}
                _ => return Err("this start is not the next one"),
            }
            case.starts.insert((*plan, step.clone(), *attempt), StepState::Started);
            case.moved = Some((*plan, at));
            Stage::Granted(proposal, grant)
        }
        Event::StepResolved { plan, step, attempt, finding, .. }
            if *plan == proposal.digest && case.is_persons(&proposal, step, *attempt) =>
        {
            let outcome = found(*finding).ok_or("nothing is said of a step that nobody started")?;
            case.starts.insert((*plan, step.clone(), *attempt), StepState::Ended(outcome));
            Stage::Granted(proposal, grant)
        }
        Event::StepFinished { .. } | Event::StepLost { .. } | Event::StepResolved { .. } => {
            case = settle_start(case, event)?;
            if let Event::StepFinished { plan, .. } = event {
                case.moved = Some((*plan, at));
            }
            Stage::Granted(proposal, grant)
        }
        Event::PlanFinished { plan, outcome, target, runbook, look_until, stops_at, .. }
            if *plan == proposal.digest =>
        {
            let holds = match outcome {
                PlanOutcome::Rehearsed => {
                    proposal.plan.mode == Mode::DryRun
                        && case.next_rehearsal(&proposal) != NextRehearsal::Wait
                        && *stops_at == case.would_stop_at(&proposal)
                }
                PlanOutcome::Completed => case.next_start(&proposal) == NextStart::Done,
                PlanOutcome::Failed => case.next_start(&proposal) == NextStart::Failed,
            };
            if !holds || (look_until.is_some() && *outcome != PlanOutcome::Completed) {
                return Err("the steps do not add up to that");
            }
            if let Some(until) = *look_until {
                let (runbook, target) = (runbook.clone(), target.clone());
                case.awaits = Some(Awaited { plan: *plan, runbook, target, since: at, until });
            }
            // What has taken nothing back, failed or only shown, is for people to look at.
            if *outcome == PlanOutcome::Completed
                && let Some(closure) = case.way_back.take()
            {
                return Ok(closed(case, Stage::Finished(proposal, *outcome), closure));
            }
            Stage::Finished(proposal, *outcome)
        }
        Event::PlanVoided { plan, why } if *plan == proposal.digest => {
            Stage::WithPeople(Handover::Voided(proposal, why.clone()))
        }
        _ => return Err("the plan is already granted"),
    };
    Ok(Incident::Open(case, stage))
}
