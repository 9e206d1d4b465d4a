//! The real decision about something that is not so, or made into something that it is not.

use tagout_core::approval::{Answer, Person, Review, Tally};
use tagout_core::command::Command;
use tagout_core::deadline::ClockWait;
use tagout_core::decide::{Rejection, Rules, decide};
use tagout_core::event::{Event, GrantedBy, StepOutcome};
use tagout_core::incident::{Handover, Incident, NextStart, Stage, StepState};
use tagout_core::plan::PlannedStep;
use tagout_core::runbook::StepKind;
use tagout_core::shared::Shared;
use tagout_core::tier::Tier;
use tagout_core::time::{Span, Time};
use tagout_core::verdict::{Decision, Mode, Reason, Rule};

use super::pretence::{loosens, ownerless, retold, unbroken, ungrouped, unowned};
use crate::bug::Bug;

/// The real decision about something that is not so, or made into something that it is not.
pub(super) fn wrong_decision(
    bug: Bug,
    incident: &Incident,
    id: &str,
    shared: &Shared,
    rules: Rules<'_>,
    command: Command,
    now: Time,
) -> Result<Vec<Event>, Rejection> {
    let real = |incident: &Incident, shared: &Shared, command: Command| {
        decide(incident, id, shared, rules, command, now)
    };
    let waiting = incident.waiting();
    match (bug, command) {
        (Bug::AnyDigest | Bug::AnyMode, Command::Answer(given)) if waiting.is_some() => {
            let taken = Command::Answer(retold(bug, incident, &given));
            let mut events = real(incident, shared, taken)?;
            for event in &mut events {
                if let Event::ReviewGiven { review } = event {
                    *review = given.clone();
                }
            }
            Ok(events)
        }
        (Bug::LooseningCounts, command @ Command::Modify { .. }) => {
            let mut events = real(incident, shared, command)?;
            if events.iter().any(|event| loosens(incident, event)) {
                events.iter_mut().for_each(|event| wrong_request(bug, event, now));
            }
            Ok(events)
        }
        (Bug::SelfApproval, command) => real(&ownerless(incident.clone()), shared, command),
        (Bug::PersonForTwoGroups, command @ Command::Answer(_)) => {
            real(&ungrouped(incident.clone(), &command), shared, command)
        }
        (Bug::OwnerForgotten, command @ Command::Answer(_)) => {
            real(&unowned(incident.clone()), shared, command)
        }
        (Bug::GlassPastHalt, Command::BreakGlass { by, plan, mode, reason }) => match incident {
            Incident::Open(_, Stage::Halted(_))
                if !shared.kill_switch
                    && rules.policy.break_glass.as_ref().is_some_and(|r| r.who.includes(&by)) =>
            {
                let people = vec![by.person.clone()];
                let broken = Event::GlassBroken {
                    plan,
                    mode,
                    by: by.person.clone(),
                    reason: reason.clone(),
                };
                let review = Review::by(by, Answer::Approve, (plan, mode), reason);
                let by = GrantedBy::Quorum(people);
                Ok(vec![
                    broken,
                    Event::ReviewGiven { review },
                    Event::PlanGranted { plan, mode, by },
                ])
            }
            _ => real(incident, shared, Command::BreakGlass { by, plan, mode, reason }),
        },
        (Bug::GlassInVain, command @ Command::BreakGlass { .. }) => {
            let mut fresh = incident.clone();
            if let Incident::Open(_, Stage::Waiting(proposal, ..)) = &mut fresh {
                proposal.made_at = now;
            }
            real(&fresh, shared, command)
        }
        (Bug::StaleStarted, Command::StartStep { plan }) => {
            let mut fresh = incident.clone();
            if let Incident::Open(_, Stage::Granted(proposal, _)) = &mut fresh {
                proposal.made_at = now;
            }
            real(&fresh, shared, Command::StartStep { plan })
        }
        (Bug::RadiusIgnored, Command::StartStep { plan }) => {
            let mut told = incident.clone();
            if let Incident::Open(_, Stage::Granted(proposal, _)) = &mut told
                && let Some(verdict) = &mut proposal.verdict
            {
                let (rule, decision) = (Rule::BlastRadius, Decision::Escalate);
                verdict.reasons.push(Reason { rule, decision, detail: String::new() });
            }
            real(&told, shared, Command::StartStep { plan })
        }
        (Bug::PauseIgnored, Command::StartStep { plan }) => {
            let mut busy = incident.clone();
            if let Incident::Open(case, _) = &mut busy {
                case.moved = None;
            }
            real(&busy, shared, Command::StartStep { plan })
        }
        (Bug::LateEndTaken, command @ Command::FinishStep { .. }) => {
            let mut running = incident.clone();
            if let Incident::Open(case, _) = &mut running {
                let unknown = case.starts.values_mut().filter(|s| **s == StepState::Unknown);
                unknown.for_each(|state| *state = StepState::Started);
            }
            real(&running, shared, command)
        }
        (Bug::TakesBackFailed, command @ Command::ReviewAfterwards { .. }) => {
            let mut done = incident.clone();
            if let Incident::Open(case, _) | Incident::Closed(case, _) = &mut done {
                let succeeded = StepState::Ended(StepOutcome::Succeeded);
                case.starts.values_mut().for_each(|state| *state = succeeded);
            }
            real(&done, shared, command)
        }
        (Bug::BypassAtHighTier, command @ Command::RecordFindings { .. }) => {
            let mut events = real(incident, shared, command)?;
            if events.iter().any(
                |e| matches!(e, Event::PolicyDecided { verdict, .. } if verdict.tier == Tier::High),
            ) {
                events = let_through(events);
            }
            for event in &mut events {
                if let Event::PolicyDecided { verdict, .. } = event
                    && verdict.tier == Tier::High
                {
                    let (rule, decision) = (Rule::Bypass, Decision::Proceed);
                    verdict.reasons.push(Reason { rule, decision, detail: String::new() });
                }
            }
            Ok(events)
        }
        (Bug::UnlistedLooked, command @ Command::RecordFindings { .. }) => {
            let mut events = real(incident, shared, command)?;
            if let Some(Event::InspectionOpened { inspection, digest }) = events.get_mut(1) {
                inspection.looks.iter_mut().for_each(|look| look.refused = None);
                *digest = inspection.digest();
                events.truncate(2);
            }
            Ok(events)
        }
        (Bug::UnlistedLooked, Command::StartLook { inspection }) => {
            let inspected = incident.case().and_then(|case| case.inspected.as_ref());
            match inspected.and_then(|inspected| Some((inspected, inspected.next()?))) {
                Some((inspected, look)) => {
                    let (step, target) = (look.step.clone(), inspected.inspection.target.clone());
                    Ok(vec![Event::LookStarted { inspection, step, target }])
                }
                None => Err(Rejection::NotDue("no look is due")),
            }
        }
        (Bug::EvidenceForgotten, command) => {
            let events = real(incident, shared, command)?;
            Ok(blind(incident, events))
        }
        (Bug::RejectionTurned, Command::Answer(review)) => {
            real(incident, shared, Command::Answer(Review { answer: Answer::Approve, ..review }))
        }
        (Bug::OnePersonTwice, Command::Answer(review)) => {
            let known = waiting.is_some_and(|(_, gate)| {
                gate.reviews().any(|(earlier, _)| earlier.reviewer == review.reviewer)
            });
            let alias = format!("{}@elsewhere", review.reviewer);
            let reviewer = if known { Person::new(&alias).ok() } else { None };
            let reviewer = reviewer.unwrap_or(review.reviewer);
            real(incident, shared, Command::Answer(Review { reviewer, ..review }))
        }
        (Bug::RestartAfterCrash, Command::StartStep { plan }) => {
            let mut before = incident.clone();
            if let Incident::Open(case, _) = &mut before {
                case.starts.retain(|_, state| matches!(state, StepState::Ended(_)));
            }
            real(&before, shared, Command::StartStep { plan })
        }
        (Bug::RevokeIgnored, Command::StartStep { plan }) => match incident {
            Incident::Open(case, Stage::WithPeople(Handover::Voided(proposal, _))) => {
                let NextStart::Step(step, attempt) = case.next_start(proposal) else {
                    return Err(Rejection::NotDue("no step is left"));
                };
                let (step, target) = (step.id.clone(), proposal.plan.target.clone());
                let (tier, runbook) = (None, String::new());
                Ok(vec![Event::StepStarted { plan, step, attempt, target, tier, runbook }])
            }
            _ => real(incident, shared, Command::StartStep { plan }),
        },
        (Bug::KillSwitchIgnored, Command::StartStep { plan }) => {
            let mut open = shared.clone();
            open.kill_switch = false;
            real(incident, &open, Command::StartStep { plan })
        }
        (Bug::ActionInDryRun, Command::StartRehearsal { plan }) => match incident {
            Incident::Open(case, Stage::Granted(proposal, _)) => {
                let acts =
                    |step: &&PlannedStep| step.kind == StepKind::Action && step.dry_run.is_none();
                let step = proposal.plan.sequence().find(acts);
                match step {
                    Some(step) if !case.rehearsals.contains_key(&(plan, step.id.clone())) => {
                        Ok(vec![Event::RehearsalStarted { plan, step: step.id.clone() }])
                    }
                    _ => real(incident, shared, Command::StartRehearsal { plan }),
                }
            }
            _ => real(incident, shared, Command::StartRehearsal { plan }),
        },
        (Bug::JumpIgnored, Command::Tick) => real(incident, &unbroken(shared), Command::Tick),
        (Bug::BudgetRefilled, command @ Command::RecordFindings { .. }) => {
            real(incident, &unbroken(shared), command)
        }
        (Bug::TimeoutApproves, Command::Tick) => match waiting {
            Some((proposal, gate)) if gate.tally(now) == Tally::TimedOut => {
                let by =
                    GrantedBy::Quorum(gate.reviews().map(|(r, _)| r.reviewer.clone()).collect());
                Ok(vec![Event::PlanGranted { plan: proposal.digest, mode: Mode::Live, by }])
            }
            _ => real(incident, shared, Command::Tick),
        },
        (Bug::CriticalByClock, Command::Tick) => match incident {
            Incident::Open(_, Stage::Waiting(proposal, _, Some(clock))) => {
                let Some(waited_from) = clock.warned_at else { return Ok(Vec::new()) };
                let (actions, scope) = (0, "everywhere".into());
                let by = GrantedBy::Clock { waited_from, actions, scope };
                Ok(vec![Event::PlanGranted { plan: proposal.digest, mode: Mode::Live, by }])
            }
            _ => real(incident, shared, Command::Tick),
        },
        (
            Bug::CriticalProceeds | Bug::PolicyOverruled,
            command @ Command::RecordFindings { .. },
        ) => real(incident, shared, command).map(let_through),
        (_, command) => {
            let mut events = real(incident, shared, command)?;
            events.iter_mut().for_each(|event| wrong_request(bug, event, now));
            Ok(events)
        }
    }
}

/// The events with a plan that rests on nothing that was seen.
fn blind(incident: &Incident, mut events: Vec<Event>) -> Vec<Event> {
    let Some(case) = incident.case() else { return events };
    let mut unseen = case.clone();
    unseen.inspected = None;
    let mut forged = None;
    for event in &mut events {
        match (event, forged) {
            (Event::PlanProposed { plan, digest, .. }, _) => {
                plan.evidence = unseen.evidence();
                *digest = plan.digest();
                forged = Some(*digest);
            }
            (Event::PolicyDecided { plan, .. } | Event::PlanGranted { plan, .. }, Some(digest)) => {
                *plan = digest
            }
            (Event::ReviewRequested { request, .. }, Some(digest)) => request.plan = digest,
            _ => {}
        }
    }
    events
}

/// PROCEED in place of ESCALATE.
fn let_through(events: Vec<Event>) -> Vec<Event> {
    let change = |event| match event {
        Event::PolicyDecided { plan, input, mut verdict } => {
            if verdict.decision == Decision::Escalate {
                verdict.decision = Decision::Proceed;
                verdict.reserved = 1;
            }
            Event::PolicyDecided { plan, input, verdict }
        }
        Event::ReviewRequested { request, .. } => {
            Event::PlanGranted { plan: request.plan, mode: request.mode, by: GrantedBy::Policy }
        }
        event => event,
    };
    events.into_iter().map(change).collect()
}

/// A request that promises what it must not.
fn wrong_request(bug: Bug, event: &mut Event, now: Time) {
    let Event::ReviewRequested { request, clock } = event else { return };
    match bug {
        Bug::LapsePutOff => request.expires_at = request.expires_at.after(Span::from_secs(600)),
        Bug::WideningCounts | Bug::LooseningCounts => {
            request.author_counts = request.requested_by.is_some()
        }
        Bug::NoWarning => {
            if let Some(clock) = clock {
                clock.warned_at = Some(now);
            }
        }
        Bug::CriticalByClock => {
            let (plan, wait) = (request.plan, Span::from_secs(60));
            *clock = Some(ClockWait { plan, wait, warned_at: Some(now) });
        }
        _ => {}
    }
}
