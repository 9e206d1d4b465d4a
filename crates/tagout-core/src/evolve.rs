//! How an event changes an incident. The one path for what happens now and for what is read
//! back from the log, and a second lock on every promise: an event that breaks one is illegal
//! here, whoever decided it.

mod stage;

use crate::afterwards::Hindsight;
use crate::digest::PlanDigest;
use crate::event::{
    Effectiveness, Event, GrantedBy, LookOutcome, PersonNeeded, PlanOutcome, StepFinding,
    StepOutcome, Triage, VoidReason,
};
use crate::handling::{Handled, Handling};
use crate::incident::{Case, Closure, Grant, Handover, Incident, Proposal, Stage, StepState};
use crate::inspection::{Inspected, LookState, Seen};
use crate::limits;
use crate::rehearsal::RehearsalState;
use crate::text::FreeText;
use crate::time::Time;
use crate::verdict::{Decision, Verdict};
use stage::{asked, covers, decided, granted, trims, waiting};

/// An event that cannot follow what was recorded before it. In a log this means damage or
/// tampering; in a running agent, a fault of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot follow: {why}")]
pub struct IllegalEvent {
    /// The kind of event.
    pub event: String,
    /// What it breaks.
    pub why: &'static str,
}

/// The incident after `event`, recorded at `at`.
///
/// # Errors
/// If the event cannot follow.
pub fn evolve(incident: Incident, event: &Event, at: Time) -> Result<Incident, IllegalEvent> {
    let next = match incident {
        Incident::Absent => open(event, at),
        Incident::Open(case, stage) => advance(case, stage, event, at).map(|mut next| {
            if let Incident::Open(case, _) = &mut next
                && stirs(event)
            {
                case.handling.wake(at);
            }
            next
        }),
        Incident::Closed(case, closure) => match event {
            // A late repeat or end of the alert changes nothing any more.
            Event::AlertRepeated { .. }
            | Event::AlertEnded { .. }
            | Event::ReviewRefused { .. }
            | Event::NoticeDelivered { .. }
            | Event::NoticeGivenUp { .. } => Ok(Incident::Closed(case, closure)),
            // The recorded end of a start is never lost, not even after the close.
            Event::StepFinished { .. } | Event::StepLost { .. } | Event::StepResolved { .. } => {
                settle_start(case, event).map(|case| Incident::Closed(case, closure))
            }
            Event::RehearsalEnded { .. } | Event::RehearsalCut { .. } => {
                settle_rehearsal(case, event).map(|case| Incident::Closed(case, closure))
            }
            Event::ReviewedAfterwards { plan, hindsight, .. } => {
                let mut case = case;
                case.regretted = (*hindsight == Hindsight::Rejected).then_some(*plan);
                Ok(Incident::Closed(case, closure))
            }
            Event::IncidentReopened { plan } => opened_again(case, closure, *plan),
            Event::IncidentHandled { by, what: what @ Handled::Commented { .. } } => {
                let mut case = case;
                case.handling.after(what, by, at);
                Ok(Incident::Closed(case, closure))
            }
            _ => Err("the incident is closed"),
        },
    };
    next.map_err(|why| IllegalEvent { event: kind(event), why })
}

/// The kind of an event as it is written in the log.
#[must_use]
pub fn kind(event: &Event) -> String {
    let value = serde_json::to_value(event).unwrap_or_default();
    value.get("kind").and_then(|k| k.as_str()).unwrap_or("event").to_owned()
}

/// Whether an event changes what there is to do: nobody sleeps through that.
const fn stirs(event: &Event) -> bool {
    matches!(
        event,
        Event::AlertWorsened { .. }
            | Event::PersonCalled { .. }
            | Event::PlanProposed { .. }
            | Event::ReviewGiven { .. }
            | Event::GlassBroken { .. }
            | Event::PlanGranted { .. }
            | Event::PlanVoided { .. }
            | Event::HaltResumed { .. }
            | Event::StepLost { .. }
            | Event::PlanFinished { .. }
            | Event::ReviewedAfterwards { .. }
            | Event::IncidentTookIn { .. }
    )
}

fn open(event: &Event, at: Time) -> Result<Incident, &'static str> {
    let Event::IncidentOpened { alert, identity, delivery, .. } = event else {
        return Err("there is no such incident");
    };
    // Without its text an alert's identity can no longer be computed; the recorded one holds.
    let erased = [&alert.title, &alert.message].iter().any(|t| matches!(t, FreeText::Erased(_)));
    if !erased && alert.identity() != *identity {
        return Err("the identity is not the alert's");
    }
    let case = Case {
        alert: alert.clone(),
        identity: *identity,
        delivery: *delivery,
        opened_at: at,
        repeats: 0,
        severity: None,
        findings: None,
        excluded: Vec::new(),
        inspected: None,
        inspections: 0,
        looks: 0,
        decided: None,
        plans: 0,
        handling: Handling::default(),
        regretted: None,
        ran: None,
        way_back: None,
        awaits: None,
        helped: None,
        rounds: Default::default(),
        moved: None,
        starts: Default::default(),
        rehearsals: Default::default(),
    };
    Ok(Incident::Open(case, Stage::Received))
}

/// A closed incident whose plan is to be taken back is open for that.
fn opened_again(
    mut case: Case,
    closure: Closure,
    plan: PlanDigest,
) -> Result<Incident, &'static str> {
    if !matches!(closure, Closure::AlertEnded | Closure::ByPerson(_)) {
        return Err("the incident was not closed after a plan of its own");
    }
    if case.regretted != Some(plan) {
        return Err("nobody has rejected this plan afterwards");
    }
    match case.ran.take().map(|ran| *ran) {
        Some((done, outcome)) if done.digest == plan => {
            case.way_back = Some(closure);
            Ok(Incident::Open(case, Stage::Finished(done, outcome)))
        }
        _ => Err("no such plan had ended when the incident closed"),
    }
}

/// The incident is closed. What really ran is kept: a review afterwards may ask for it back.
fn closed(mut case: Case, stage: Stage, closure: Closure) -> Incident {
    case.ran = match stage {
        Stage::Finished(done, outcome) if outcome != PlanOutcome::Rehearsed => {
            Some(Box::new((done, outcome)))
        }
        _ => None,
    };
    case.way_back = None;
    Incident::Closed(case, closure)
}

fn advance(
    mut case: Case,
    stage: Stage,
    event: &Event,
    at: Time,
) -> Result<Incident, &'static str> {
    if let Event::AlertEnded { way_back: Some(plan), .. } = event
        && case.way_back.is_none()
        && stage.way_back() == Some(*plan)
    {
        case.way_back = Some(Closure::AlertEnded);
        return Ok(Incident::Open(case, stage));
    }
    let stage = match (stage, event) {
        // What people were told changes nothing of what they are told of.
        (stage, Event::NoticeDelivered { .. } | Event::NoticeGivenUp { .. }) => stage,
        (stage, Event::AlertRepeated { .. }) => {
            case.repeats = case.repeats.saturating_add(1);
            stage
        }
        (
            _,
            Event::AlertWorsened { .. } | Event::AlertEnded { .. } | Event::IncidentMerged { .. },
        ) if case.way_back.is_some() => return Err("no alert belongs to the incident any more"),
        (_, Event::AlertEnded { way_back: Some(_), .. }) => {
            return Err("no such plan takes back what a person rejected");
        }
        (
            Stage::Waiting(..) | Stage::Halted(_) | Stage::Granted(..),
            Event::AlertWorsened { .. }
            | Event::AlertEnded { .. }
            | Event::IncidentMerged { .. }
            | Event::IncidentClosed { .. },
        ) => return Err("a plan of the incident could still run"),
        (
            Stage::Looking,
            Event::AlertWorsened { .. }
            | Event::AlertEnded { .. }
            | Event::IncidentMerged { .. }
            | Event::IncidentClosed { .. },
        ) => return Err("a look has no recorded end"),
        (_, Event::AlertWorsened { alert, .. }) => {
            case.alert = alert.clone();
            case.repeats = case.repeats.saturating_add(1);
            (case.findings, case.inspected, case.decided) = (None, None, None);
            case.excluded.clear();
            Stage::Received
        }
        (stage, Event::AlertEnded { .. }) => return Ok(closed(case, stage, Closure::AlertEnded)),
        (stage, Event::IncidentClosed { reason, .. }) => {
            return Ok(closed(case, stage, Closure::ByPerson(reason.clone())));
        }
        (_, Event::IncidentMerged { into, .. }) => {
            return Ok(Incident::Closed(case, Closure::Merged(into.clone())));
        }
        (stage, Event::ReviewRefused { .. }) => stage,
        (stage, Event::IncidentHandled { by, what }) => {
            case.handling.after(what, by, at);
            stage
        }
        // Recorded by earlier releases also where something had ended the snooze before.
        (stage, Event::SnoozeEnded {}) if case.handling.snoozed(at).is_none() => {
            case.handling.wake(at);
            stage
        }
        (stage, Event::EffectivenessRecorded { plan, effectiveness, .. }) => {
            let awaited = case.awaits.take().filter(|awaited| awaited.plan == *plan);
            let awaited = awaited.ok_or("nobody waits to see whether this plan has helped")?;
            if *effectiveness == Effectiveness::StillFiring && at < awaited.until {
                return Err("the alert has time left to end");
            }
            case.helped = Some((*plan, *effectiveness));
            stage
        }
        (stage, Event::IncidentTookIn { from, .. }) => {
            case.handling.took_in.push(from.clone());
            stage
        }
        (stage, Event::ReviewedAfterwards { plan, hindsight, .. }) => {
            case.regretted = (*hindsight == Hindsight::Rejected).then_some(*plan);
            stage
        }

        (Stage::Received, Event::Triaged { severity, triage }) => {
            case.severity = Some(severity.clone());
            match triage {
                Triage::Away(why) => {
                    return Ok(Incident::Closed(case, Closure::TriagedAway(why.clone())));
                }
                Triage::Person(why) => {
                    case.decided = Some((Decision::Escalate, None));
                    Stage::WithPeople(Handover::NoPlan(why.clone()))
                }
                Triage::Search => Stage::Searching,
            }
        }
        (Stage::Searching, Event::SearchCompleted { findings, excluded }) => {
            case.findings = Some(findings.clone());
            case.excluded.clone_from(excluded);
            Stage::Found
        }
        (Stage::Found, Event::InspectionOpened { inspection, digest }) => {
            if inspection.digest() != *digest {
                return Err("the digest is not the inspection's");
            }
            if inspection.number != case.inspections + 1 {
                return Err("the inspection is out of order");
            }
            let due = inspection.looks.iter().filter(|look| look.refused.is_none()).count();
            let due = u32::try_from(due).unwrap_or(u32::MAX);
            if case.looks.saturating_add(due) > limits::LOOKS_PER_INCIDENT {
                return Err("the incident has more looks than any may have");
            }
            case.inspections = inspection.number;
            looking(case.inspected.insert(Inspected::begin(inspection.clone(), *digest)))
        }
        (Stage::Looking, Event::LookStarted { inspection, step, target }) => {
            let Some(inspected) = case.inspected.as_mut().filter(|i| i.digest == *inspection)
            else {
                return Err("it is about another inspection");
            };
            if *target != inspected.inspection.target {
                return Err("the look is at another target");
            }
            if at >= inspected.inspection.expires_at {
                return Err("the time for looks is over");
            }
            if inspected.next().is_none_or(|next| next.step != *step) {
                return Err("this look is not the next one");
            }
            if let Some(state) = inspected.state_mut(step) {
                *state = LookState::Running(at);
            }
            case.looks = case.looks.saturating_add(1);
            Stage::Looking
        }
        (Stage::Looking, Event::LookEnded { inspection, step, outcome, output, ended }) => {
            let inspected = case.inspected.as_mut().filter(|i| i.digest == *inspection);
            let inspected = inspected.ok_or("it is about another inspection")?;
            let state = inspected.state_mut(step).ok_or("there is no such look")?;
            match state {
                LookState::Running(_) => {}
                LookState::Due if *outcome == LookOutcome::NotStarted => {}
                _ => return Err("no such look runs"),
            }
            let (outcome, output, ended) = (*outcome, output.clone(), ended.clone());
            *state = LookState::Over(Seen { outcome, output, ended, at });
            looking(inspected)
        }
        (Stage::Found, Event::PersonCalled { why }) => {
            let runbook = match why {
                PersonNeeded::CannotBind { runbook, .. } => Some(runbook.clone()),
                _ => None,
            };
            case.decided = Some((Decision::Escalate, runbook));
            Stage::WithPeople(Handover::NoPlan(why.clone()))
        }
        (
            Stage::WithPeople(Handover::Voided(old, why @ VoidReason::Stale { .. })),
            Event::PersonCalled { why: PersonNeeded::PlanStale { .. } },
        ) => {
            case.decided = Some((Decision::Escalate, Some(old.plan.runbook.clone())));
            Stage::WithPeople(Handover::Voided(old, why))
        }
        (stage, Event::PlanProposed { plan, digest, catalogue, .. }) => {
            let replaced = match &stage {
                Stage::Found => None,
                // What a MODIFY replaces was voided in the same append.
                Stage::WithPeople(Handover::Voided(old, VoidReason::Modified { by_plan }))
                    if by_plan == digest =>
                {
                    Some(&old.plan)
                }
                // What was stale before anything of it was started is made anew.
                Stage::WithPeople(Handover::Voided(old, VoidReason::Stale { .. }))
                    if !case.has_started(old) && plan.requested_by == old.plan.requested_by =>
                {
                    None
                }
                // What ran is to be taken back, because a person said so.
                Stage::Finished(done, _)
                    if plan.undoes == Some(done.digest)
                        && case.regretted == Some(done.digest)
                        && plan.requested_by.is_some() =>
                {
                    None
                }
                // A step failed, and the tier has what was done taken back.
                Stage::Finished(done, PlanOutcome::Failed)
                    if plan.undoes == Some(done.digest)
                        && done.plan.undoes.is_none()
                        && plan.requested_by.is_none()
                        && plan.sequence().all(|step| step.requires_approval) =>
                {
                    None
                }
                _ => return Err("no plan is due"),
            };
            if plan.digest() != *digest {
                return Err("the digest is not the plan's");
            }
            if plan.number != case.plans + 1 {
                return Err("the plan is out of order");
            }
            // What people are shown of the system is what their approval binds.
            if case.inspected.is_some()
                && plan.evidence != case.evidence()
                && !case.evidence_erased()
            {
                return Err("the plan does not rest on what was seen");
            }
            case.plans = plan.number;
            case.regretted = None;
            let trimmed = replaced.is_some_and(|old| trims(old, plan));
            Stage::Proposed(Proposal {
                plan: plan.clone(),
                digest: *digest,
                verdict: None,
                made_at: at,
                catalogue: *catalogue,
                trimmed,
            })
        }
        (Stage::Proposed(proposal), Event::PolicyDecided { plan, input, verdict }) => {
            case.decided = Some((verdict.decision, Some(proposal.plan.runbook.clone())));
            decided(proposal, *plan, input.mode, verdict)?
        }
        (Stage::Proposed(proposal), Event::ReviewRequested { request, clock }) => {
            asked(proposal, request, clock.as_ref())?
        }
        (Stage::Proposed(proposal), Event::PlanGranted { plan, mode, by: GrantedBy::Policy }) => {
            covers(&proposal, *plan, *mode)?;
            let grant = proposal.verdict.as_ref().and_then(Verdict::grant);
            let grant = grant.ok_or("the policy did not say PROCEED")?;
            Stage::Granted(proposal, Grant::Policy(grant))
        }
        (
            Stage::Waiting(proposal, gate, clock),
            Event::CandidateChosen { plan, proposed, chosen, evidence, .. },
        ) => {
            let known = case.findings.iter().flat_map(|f| &f.candidates);
            let legal = *plan == proposal.digest
                && *proposed == proposal.plan.runbook
                && proposed != chosen
                && *evidence == proposal.plan.evidence
                && known.into_iter().any(|candidate| candidate.runbook == *chosen);
            if !legal {
                return Err("no such choice was before anybody");
            }
            Stage::Waiting(proposal, gate, clock)
        }
        (Stage::Granted(proposal, grant), event) => {
            return granted(case, proposal, grant, event, at);
        }
        // How what an earlier plan started has ended is recorded whatever people are asked by now.
        (
            stage,
            Event::StepFinished { .. } | Event::StepLost { .. } | Event::StepResolved { .. },
        ) => {
            case = settle_start(case, event)?;
            stage
        }
        (stage, Event::RehearsalEnded { .. } | Event::RehearsalCut { .. }) => {
            case = settle_rehearsal(case, event)?;
            stage
        }
        (Stage::Waiting(proposal, gate, clock), event) => {
            waiting(proposal, gate, clock, event, at)?
        }
        (Stage::Halted(proposal), Event::HaltResumed { plan, .. }) if *plan == proposal.digest => {
            Stage::Halted(proposal)
        }
        (Stage::Halted(proposal), Event::PlanVoided { plan, why }) if *plan == proposal.digest => {
            Stage::WithPeople(Handover::Voided(proposal, why.clone()))
        }
        _ => return Err("the incident is not at the stage for it"),
    };
    Ok(Incident::Open(case, stage))
}

/// The stage of an inspection that has come so far.
fn looking(inspected: &Inspected) -> Stage {
    if inspected.is_over() { Stage::Found } else { Stage::Looking }
}

/// Writes down how a start ended, or that nobody knows.
fn settle_start(mut case: Case, event: &Event) -> Result<Case, &'static str> {
    use StepState::{Ended, Started, Unknown};
    let (key, from, to): (_, &[StepState], _) = match event {
        Event::StepFinished { plan, step, attempt, outcome, .. } => {
            // After it was given up as lost only logs of before take it for its end: now it is
            // recorded as a word about what stays unknown.
            ((*plan, step.clone(), *attempt), &[Started, Unknown], Ended(*outcome))
        }
        Event::StepLost { plan, step, attempt, .. } => {
            ((*plan, step.clone(), *attempt), &[Started, Unknown], Unknown)
        }
        Event::StepResolved { plan, step, attempt, finding, .. } => {
            let after = found(*finding).map_or(Unknown, Ended);
            ((*plan, step.clone(), *attempt), &[Unknown], after)
        }
        _ => return Err("it says nothing about a start"),
    };
    match case.starts.get_mut(&key) {
        Some(state) if from.contains(state) => *state = to,
        _ => return Err("there is no such start to settle"),
    }
    Ok(case)
}

/// Writes down how something that a dry-run started ended, or that nobody saw it.
fn settle_rehearsal(mut case: Case, event: &Event) -> Result<Case, &'static str> {
    use RehearsalState::{Cut, Ended, Started};
    let (key, from, to): (_, &[RehearsalState], _) = match event {
        Event::RehearsalEnded { plan, step, outcome, .. } => {
            ((*plan, step.clone()), &[Started, Cut], Ended(*outcome))
        }
        Event::RehearsalCut { plan, step, .. } => ((*plan, step.clone()), &[Started], Cut),
        _ => return Err("it says nothing about a dry-run"),
    };
    match case.rehearsals.get_mut(&key) {
        Some(state) if from.contains(state) => *state = to,
        _ => return Err("the dry-run has started no such step"),
    }
    Ok(case)
}

/// What a person's finding counts as; nothing yet while they look into it.
const fn found(finding: StepFinding) -> Option<StepOutcome> {
    match finding {
        StepFinding::Ran => Some(StepOutcome::Succeeded),
        StepFinding::DidNotRun => Some(StepOutcome::Failed),
        StepFinding::Investigating => None,
    }
}
