//! An append, held against the promises event by event.

use tagout_core::digest::{EvidenceDigest, PlanDigest};
use tagout_core::event::{Event, LookOutcome, PlanOutcome};
use tagout_core::incident::Incident;
use tagout_core::verdict::{Decision, Rule};

use super::grant::{grant, granted_witness, spend};
use super::outcome::{looked, lost, voided};
use super::start::{others, started, worked_since};
use super::{Promise, Violation, Witness, keep, place};
use crate::action::Ask;
use crate::book::Book;
use crate::setting::{Given, NEVER, person};
use crate::world::{Granted, Pending, Seen, Truth, World, mark};

/// Holds an append against the promises, and writes down what it makes true.
///
/// # Errors
/// The first promise that it breaks.
pub fn append(
    book: &mut Book<'_>,
    before: &World,
    after: &mut World,
    p: &Pending,
    witness: &mut impl FnMut(Witness),
) -> Result<(), Violation> {
    let case = usize::from(p.case);
    let mut truth = before.cases[case].truth;
    said(&mut truth, p, book.setting.truth);
    let events = book.events(p.batch).to_vec();
    let mut proceeds = false;
    let given = book.setting.truth;
    for event in &events {
        match event {
            Event::LookStarted { .. } => {
                let listed = book.setting.truth.look == Some(true);
                keep!(listed, Policy, "a look that the operator does not list");
                keep!(!before.stopped, Stopped, "a look under the kill switch");
                keep!(truth.looks == 0, Policy, "more looks than the operator allows");
                truth.looks += 1;
            }
            Event::LookEnded { outcome, .. } => {
                truth.seen = match outcome {
                    LookOutcome::Held => Seen::Held,
                    LookOutcome::DidNotHold => Seen::DidNotHold,
                    LookOutcome::TimedOut | LookOutcome::NotStarted | LookOutcome::Cut => {
                        Seen::Unseen
                    }
                };
                let told = truth.seen == Seen::Unseen || truth.looks == 1;
                keep!(told, Granted, "something was seen by a look that was never started");
                witness(match truth.seen {
                    Seen::Held => Witness::LookHeld,
                    Seen::DidNotHold => Witness::LookDidNotHold,
                    Seen::Nothing | Seen::Unseen => Witness::NotSeen,
                });
            }
            Event::PlanProposed { plan, digest, .. } => {
                let rests = rests_on(book.incident(after.cases[case].incident));
                keep!(plan.evidence == rests, Granted, "a plan that hides what it rests on");
                let version = plan.number as usize - 1;
                truth.digest[version] = book.digest(*digest);
                truth.opened[version] = p.real;
                truth.made[version] = p.at;
                truth.warned = NEVER;
                truth.far &= !(1 << version);
                if let Ask::Modify { person } | Ask::Regret { person } = p.ask {
                    truth.author = person;
                    truth.over |= 1;
                }
                let back = matches!(p.ask, Ask::Regret { .. });
                let done = truth.succeeded & mark(0, 0, 1) != 0;
                keep!(!back || done, Granted, "a plan takes back what was not done");
            }
            Event::PolicyDecided { input, verdict, .. } => {
                let asked = matches!(p.ask, Ask::Modify { .. } | Ask::Regret { .. });
                keep!(
                    input.kill_switch == before.stopped && input.asked_by_person == asked,
                    Policy,
                    "the policy was asked about something that is not so"
                );
                proceeds = verdict.decision == Decision::Proceed;
                let held = book.setting.truth.look != Some(true) || truth.seen == Seen::Held;
                keep!(
                    held || !proceeds,
                    Policy,
                    "a plan proceeds whose check was not seen to hold"
                );
                let critical = proceeds && book.setting.truth.critical;
                keep!(!critical, Critical, "a critical plan proceeds on its own");
                let holds = book.verdicts_hold(p.batch);
                keep!(holds, Policy, "a recorded verdict is not what the policy says");
                if proceeds {
                    spend(book, after, p)?;
                }
                if verdict.reasons.iter().any(|r| r.rule == Rule::BlastRadius) {
                    let version = usize::from(truth.digest[1] != u32::MAX);
                    truth.far |= 1 << version;
                    let really = others(before, case).count() >= usize::from(given.targets);
                    keep!(really, Policy, "people were asked about a reach that is not so");
                    witness(Witness::ReachAsked);
                }
                if verdict.reasons.iter().any(|r| r.rule == Rule::CoolDown) {
                    witness(Witness::CooledDown);
                }
                if verdict.reasons.iter().any(|r| r.rule == Rule::Budget) {
                    witness(Witness::BudgetAsked);
                }
                if verdict.decision == Decision::Halt {
                    truth.halted |= 1 << usize::from(truth.digest[1] != u32::MAX);
                    witness(Witness::Halted);
                }
            }
            Event::GlassBroken { by, .. } => {
                let version = usize::from(truth.digest[1] != u32::MAX);
                let who = (0..3).find(|i| person(*i) == *by).unwrap_or(NEVER);
                let entitled = who != NEVER && book.setting.truth.glass & 1 << who != 0;
                keep!(entitled, Granted, "the glass was broken by somebody who may not");
                keep!(!before.stopped, Stopped, "the glass was broken under the kill switch");
                keep!(truth.halted & 1 << version == 0, Stopped, "the glass of a halted plan");
                let worked = worked_since(before, case, truth.made[version]);
                keep!(!worked, Granted, "a glass was broken in vain, for a plan that was stale");
                truth.broken[version] = who;
            }
            Event::PlanGranted { plan, mode, by } => {
                let number = book.digest(*plan);
                let version = truth.digest.iter().position(|d| *d == number);
                keep!(version.is_some(), Granted, "a grant of a plan that nobody proposed");
                let version = version.unwrap_or_default();
                keep!(*mode == book.setting.mode(), Granted, "a grant of another mode");
                keep!(truth.over & 1 << version == 0, Granted, "a grant of a plan that is over");
                let granted = grant(book, before, p, &truth, version, by, proceeds)?;
                if granted == Granted::Clock {
                    spend(book, after, p)?;
                }
                truth.granted[version] = granted;
                let broken = truth.broken[version] != NEVER;
                granted_witness(version, (granted, broken), by, witness);
            }
            Event::StepStarted { .. } if book.setting.truth.dry => {
                keep!(false, Granted, "a dry-run starts a step as if it were live");
            }
            Event::RehearsalStarted { plan, step } => {
                let number = book.digest(*plan);
                let version = truth.digest.iter().position(|d| *d == number);
                let steps = &book.setting.truth.steps;
                let place = steps.iter().position(|s| *s == Some(step.as_str()));
                keep!(book.setting.truth.dry, Granted, "a live plan is rehearsed");
                keep!(place.is_some(), Granted, "a dry-run starts an action");
                keep!(version.is_some(), Granted, "a start of something unknown");
                // What it starts is taken from the plan here, with the permit.
                let proposal = book.incident(after.cases[case].incident).proposal();
                let start = proposal.and_then(|proposal| proposal.plan.rehearsal_of(step));
                let looks = start.is_some_and(|start| harmless(&start.argv));
                keep!(looks, Granted, "a dry-run runs the command of an action");
                let start = mark(version.unwrap_or_default(), place.unwrap_or_default(), 1);
                started(book, before, p, &truth, start)?;
                truth.recorded |= start;
            }
            Event::RehearsalCut { .. } => witness(Witness::RehearsalCut),
            Event::PlanFinished { outcome: PlanOutcome::Rehearsed, .. } => {
                witness(Witness::Rehearsed);
            }
            Event::StepStarted { plan, step, attempt, .. } => {
                let number = book.digest(*plan);
                let version = truth.digest.iter().position(|d| *d == number);
                let place = place(&given, step, *attempt);
                keep!(
                    version.is_some() && place.is_some(),
                    Granted,
                    "a start of something unknown"
                );
                let (step, attempt) = place.unwrap_or_default();
                if given.pause.is_some() && (step, attempt) == (0, 2) {
                    witness(Witness::LookedAgain);
                }
                let start = mark(version.unwrap_or_default(), step, attempt);
                started(book, before, p, &truth, start)?;
                truth.recorded |= start;
                truth.touched = p.at;
            }
            Event::IncidentReopened { .. } => {
                let rejected = matches!(p.ask, Ask::Regret { .. });
                keep!(rejected, Granted, "a closed incident is opened and nobody rejected it");
                witness(Witness::OpenedAgain);
            }
            Event::AlertEnded { way_back: Some(_), .. } => witness(Witness::OutlivedItsAlert),
            Event::PlanVoided { why, .. } => voided(before, p, &mut truth, why, witness)?,
            Event::PlanFinished { outcome, .. } => {
                let closed =
                    matches!(book.incident(after.cases[case].incident), Incident::Closed(..));
                let back = *outcome == PlanOutcome::Completed;
                keep!(back || !closed, Granted, "an incident closes and nothing was taken back");
                truth.ended = p.at;
                if *outcome == PlanOutcome::Completed {
                    (truth.done, truth.looked) = (p.at, false);
                }
            }
            Event::EffectivenessRecorded { effectiveness, .. } => {
                looked(given.looks, p, &truth, *effectiveness, witness)?;
                truth.looked = true;
            }
            Event::StepLost { plan, step, attempt, .. } => {
                let start = start_of(book, &truth, plan, (step, *attempt));
                lost(before, p, &mut truth, start, witness)?;
            }
            Event::StepResolved { .. } => {
                truth.touched = p.at;
                witness(Witness::UnknownResolved);
            }
            Event::StepFinished { plan, step, attempt, .. } => {
                let start = start_of(book, &truth, plan, (step, *attempt));
                let late = truth.lost & start != 0;
                keep!(!late, Once, "an end that came too late was taken for the step's end");
                if before.former.hand.holds() == Some((p.case, start)) {
                    witness(Witness::ToldInTime);
                }
                truth.touched = p.at;
            }
            _ => {}
        }
    }
    if p.ask == Ask::Tick {
        let closed = matches!(book.incident(after.cases[case].incident), Incident::Closed(..));
        keep!(!closed, Timeout, "a time-out closed an incident");
    }
    after.cases[case].truth = truth;
    Ok(())
}

/// What somebody outside said and was told is recorded.
fn said(truth: &mut Truth, p: &Pending, given: Given) {
    match p.ask {
        Ask::Receive => truth.answered = true,
        Ask::Answer { person, version, right_mode, approve } => {
            let version = usize::from(version);
            if !approve && right_mode {
                truth.denied |= 1 << version;
            } else if approve && right_mode {
                truth.approved[version] |= 1 << person;
            }
        }
        // Whoever breaks the glass of what is before them approves it with that.
        Ask::BreakGlass { person } => {
            truth.approved[usize::from(truth.digest[1] != u32::MAX)] |= 1 << person;
        }
        // To leave something out, or to hold it tighter, is to approve the rest.
        Ask::Modify { person } if given.trims => truth.approved[1] |= 1 << person,
        // What is told of a step after it was lost is not its end.
        Ask::Finish { mark, .. } if truth.lost & mark != 0 => {}
        Ask::Finish { mark, well: true } | Ask::Resolve { mark, ran: true } => {
            truth.succeeded |= mark;
            truth.lost &= !mark;
        }
        Ask::Finish { mark, well: false } | Ask::Resolve { mark, ran: false } => {
            truth.failed |= mark;
            truth.lost &= !mark;
        }
        Ask::Revoke => truth.over |= if truth.digest[1] == u32::MAX { 1 } else { 3 },
        // What somebody asked to take back is taken back however the alert stands.
        Ask::End if given.undo => truth.over |= 1,
        Ask::End => truth.over = 3,
        _ => {}
    }
}

/// Whether an argument vector is one that changes nothing, by the page as it is written down in the
/// setting and not by what was planned.
fn harmless(argv: &[String]) -> bool {
    argv.get(1).is_some_and(|word| word == "look")
        || argv.last().is_some_and(|word| word == "--dry-run")
}

/// The digest of what a plan of this incident rests on: the alert, what was found, and whatever
/// was looked at.
fn rests_on(incident: &Incident) -> EvidenceDigest {
    let case = incident.case().expect("it has a plan");
    match &case.inspected {
        Some(inspected) => EvidenceDigest::of(&(&case.alert, &case.findings, inspected)),
        None => EvidenceDigest::of(&(&case.alert, &case.findings)),
    }
    .expect("it has an encoding")
}

/// The mark of a start that an event is about; none if it is of nothing known.
fn start_of(
    book: &mut Book<'_>,
    truth: &Truth,
    plan: &PlanDigest,
    (step, attempt): (&str, u32),
) -> u8 {
    let number = book.digest(*plan);
    let version = truth.digest.iter().position(|d| *d == number);
    let place = place(&book.setting.truth, step, attempt);
    version.zip(place).map_or(0, |(version, (step, attempt))| mark(version, step, attempt))
}
