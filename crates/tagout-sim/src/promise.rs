//! The promises, held against what has really happened and never against the code's own
//! bookkeeping.

use std::fmt;

use tagout_core::digest::{EvidenceDigest, PlanDigest};
use tagout_core::event::{Effectiveness, Event, GrantedBy, LookOutcome, PlanOutcome, VoidReason};
use tagout_core::incident::Incident;
use tagout_core::stale::Changed;
use tagout_core::verdict::{Decision, Rule};

use crate::action::Ask;
use crate::book::Book;
use crate::setting::{Given, NEVER, person};
use crate::world::{Granted, Hand, Pending, Seen, Truth, World, mark, unmark};

/// A promise of the design, by its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Promise {
    /// A 2xx means that the delivery is durable.
    Durable = 1,
    /// No step starts without a recorded grant of exactly that digest and mode.
    Granted = 2,
    /// Each (plan, step, attempt) starts at most once, another only after a recorded failure.
    Once = 3,
    /// When it is told to stop, nothing new starts.
    Stopped = 4,
    /// The policy alone decides what needs approval, budgets included.
    Policy = 11,
    /// Critical never proceeds on its own.
    Critical = 12,
    /// A time-out never approves, refuses or closes, and is never put off.
    Timeout = 13,
}

/// A promise that was broken, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub promise: Promise,
    /// How.
    pub what: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "promise {}: {}", self.promise as u8, self.what)
    }
}

/// Something that must be reachable, so that the promises are not kept by doing nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Witness {
    /// A process really started.
    LiveStart,
    /// The policy let a plan proceed.
    PolicyGrant,
    /// The clock granted a plan.
    ClockGrant,
    /// Two people granted a plan.
    QuorumOfTwo,
    /// The second version of a plan was granted.
    SecondVersionGranted,
    /// The second version of a plan was run.
    SecondVersionRan,
    /// A second attempt was run after a recorded failure.
    SecondAttempt,
    /// The second step was run.
    SecondStep,
    /// A start was reported as lost.
    StartLost,
    /// A person resolved an unknown start.
    UnknownResolved,
    /// A request lapsed.
    Lapsed,
    /// Somebody rejected a plan.
    Rejected,
    /// Somebody took back a granted plan.
    GrantTakenBack,
    /// The budget made the policy ask people.
    BudgetAsked,
    /// The kill switch made the policy halt.
    Halted,
    /// Somebody broke the glass and approved alone.
    GlassGrant,
    /// Somebody would have broken the glass of a stale plan, and it was made anew instead.
    GlassSpared,
    /// A granted plan was void because another had worked on its target.
    StaleVoided,
    /// A look saw that what it checks holds.
    LookHeld,
    /// A look saw that it does not.
    LookDidNotHold,
    /// A look was given up, and people are told.
    NotSeen,
    /// People were asked because a plan would act on one target too many.
    ReachAsked,
    /// A granted plan was void because another target was acted on since.
    ReachVoided,
    /// A runbook was not tried on a target again so soon without people.
    CooledDown,
    /// A check was begun again after a pause.
    LookedAgain,
    /// It was found not to hold any more.
    PreconditionGone,
    /// A plan was recorded to have helped.
    Helped,
    /// A plan was recorded not to have helped.
    DidNotHelp,
    /// A dry-run ran a check.
    CheckRun,
    /// A dry-run ran an action by its own form.
    FormRun,
    /// What a dry-run had started was reported as cut.
    RehearsalCut,
    /// A dry-run ended.
    Rehearsed,
    /// The log refused an append because the state it rested on was old.
    StaleAppend,
    /// A start of a former member was reported as lost.
    TakenOver,
    /// Whoever had been a member before told in time how what it left ended.
    ToldInTime,
    /// It told so after people were told that nobody knows.
    ToldTooLate,
    /// A replica that was taken for dead did not start what it was to start.
    FencedStartedNothing,
}

macro_rules! keep {
    ($holds:expr, $promise:ident, $what:expr) => {
        if !$holds {
            return Err(Violation { promise: Promise::$promise, what: $what });
        }
    };
}

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
    said(&mut truth, p, book.setting.truth.trims);
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
                if let Ask::Modify { person } = p.ask {
                    truth.author = person;
                    truth.over |= 1;
                }
            }
            Event::PolicyDecided { input, verdict, .. } => {
                let asked = matches!(p.ask, Ask::Modify { .. });
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
                let looks = start.is_some_and(|start| harmless(&start.step().argv));
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
            Event::PlanVoided { why, .. } => voided(before, p, &mut truth, why, witness)?,
            Event::PlanFinished { outcome, .. } => {
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

/// Which step a start is of, and as which attempt. A check that is begun again counts as its
/// second attempt.
#[must_use]
pub fn place(given: &Given, step: &str, attempt: u32) -> Option<(usize, u32)> {
    let (id, attempt) = match step.split_once('@') {
        Some((id, "2")) if given.pause.is_some() && attempt == 1 => (id, 2),
        Some(_) => return None,
        None => (step, attempt),
    };
    given.steps.iter().position(|s| *s == Some(id)).map(|at| (at, attempt))
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

/// People are told that nobody knows what a step did: nobody can be running it any more, or they
/// would be told of something that is still to come.
fn lost(
    before: &World,
    p: &Pending,
    truth: &mut Truth,
    start: u8,
    witness: &mut impl FnMut(Witness),
) -> Result<(), Violation> {
    let runs = |hand: Hand| matches!(hand, Hand::Running { case, mark } if (case, mark) == (p.case, start));
    let hands = before.replicas.iter().map(|r| r.hand).chain([before.former.hand]);
    keep!(!hands.into_iter().any(runs), Once, "a step is unknown while it runs");
    witness(match p.ask {
        Ask::Finish { .. } => Witness::ToldTooLate,
        Ask::GiveUp { .. } => Witness::TakenOver,
        _ => Witness::StartLost,
    });
    truth.lost |= start;
    Ok(())
}

/// The incidents but this one of which something was really recorded as started.
fn others(before: &World, case: usize) -> impl Iterator<Item = &Truth> {
    let all = before.cases.iter().enumerate().filter(move |(other, _)| *other != case);
    all.map(|(_, c)| &c.truth).filter(|truth| truth.recorded != 0)
}

/// Whether a plan has helped is said once, and as it was seen.
fn looked(
    looks: u8,
    p: &Pending,
    truth: &Truth,
    effectiveness: Effectiveness,
    witness: &mut impl FnMut(Witness),
) -> Result<(), Violation> {
    keep!(looks != NEVER && truth.done != NEVER && !truth.looked, Timeout, "nobody waits for it");
    let over = p.at >= truth.done.saturating_add(looks);
    match effectiveness {
        Effectiveness::Resolved => {
            keep!(p.ask == Ask::End && !over, Timeout, "a plan helped whose alert did not end");
            witness(Witness::Helped);
        }
        Effectiveness::StillFiring => {
            keep!(p.ask == Ask::Tick && over, Timeout, "a plan is given up before its time");
            witness(Witness::DidNotHelp);
        }
        Effectiveness::NotKnown => {}
    }
    Ok(())
}

/// What somebody outside said and was told is recorded.
fn said(truth: &mut Truth, p: &Pending, trims: bool) {
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
        Ask::Modify { person } if trims => truth.approved[1] |= 1 << person,
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
        Ask::End => truth.over = 3,
        _ => {}
    }
}

/// What starts without a person must fit into what is really left of the budget.
fn spend(book: &Book<'_>, after: &mut World, p: &Pending) -> Result<(), Violation> {
    let given = book.setting.truth;
    let counts = |at: u8| at != NEVER && p.real < at.saturating_add(given.window);
    for _ in 0..given.actions {
        let counted = after.spent.iter().filter(|at| counts(**at)).count();
        keep!(counted < usize::from(given.budget), Policy, "more actions than the budget holds");
        // What no longer counts makes room; later times never count less than earlier ones.
        let slot = after.spent.iter().position(|at| !counts(*at));
        after.spent[slot.unwrap_or_default()] = p.real;
    }
    after.spent.sort_unstable();
    Ok(())
}

/// A grant has three forms and no fourth.
fn grant(
    book: &Book<'_>,
    before: &World,
    p: &Pending,
    truth: &Truth,
    version: usize,
    by: &GrantedBy,
    proceeds: bool,
) -> Result<Granted, Violation> {
    let given = book.setting.truth;
    let in_time = p.real < truth.opened[version].saturating_add(given.timeout);
    match by {
        GrantedBy::Policy => {
            keep!(!given.critical, Critical, "a critical plan was granted by the policy");
            keep!(proceeds, Granted, "a grant by a policy that did not say PROCEED");
            let ended = before.cases.iter().map(|c| c.truth.ended).filter(|at| *at != NEVER);
            let cools = |ended: u8| p.at < ended.saturating_add(given.cool_down);
            let soon = given.targets == NEVER && ended.into_iter().any(cools);
            keep!(!soon, Policy, "a runbook is tried on a target again by itself too soon");
            if let Some((until, cases)) = given.bypass {
                let open = p.at < until && cases & 1 << p.case != 0;
                keep!(open, Policy, "a plan in doubt went on without a bypass for it");
            }
            Ok(Granted::Policy)
        }
        GrantedBy::Quorum(people) => {
            keep!(p.ask != Ask::Tick, Timeout, "a time-out approved");
            keep!(in_time, Timeout, "an approval after the request had lapsed");
            keep!(truth.denied & 1 << version == 0, Granted, "a grant over somebody's rejection");
            let own = version == 1 && truth.author != NEVER;
            let author = if own && !given.trims { 1 << truth.author } else { 0 };
            let alone = truth.broken[version];
            let broken = if alone == NEVER { 0 } else { truth.approved[version] & 1 << alone };
            let sound = truth.approved[version] & !author | broken;
            keep!(
                broken != 0 || sound.count_ones() >= given.quorum,
                Granted,
                "fewer people than the quorum approved this plan in this mode"
            );
            keep!(
                broken != 0 || given.groups.is_none_or(|groups| both(groups, sound)),
                Granted,
                "not one of each group approved, each for one group only"
            );
            let owners = given.owners[version];
            keep!(
                broken != 0 || owners == 0 || sound & owners != 0,
                Granted,
                "a first use without its owner, or who stands in for them"
            );
            let named =
                people.iter().all(|name| (0..8).any(|i| sound & 1 << i != 0 && person(i) == *name));
            keep!(named, Granted, "a grant in the name of somebody who did not give it");
            Ok(Granted::People)
        }
        GrantedBy::Clock { .. } => {
            keep!(!given.critical, Critical, "a critical plan was granted by the clock");
            keep!(given.wait != NEVER, Granted, "a grant by a clock that has no say");
            keep!(truth.warned != NEVER, Granted, "a grant by the clock without a warning");
            keep!(p.waited, Granted, "a grant by the clock after a wait with a gap");
            keep!(in_time, Timeout, "a grant by the clock after the request had lapsed");
            keep!(truth.denied & 1 << version == 0, Granted, "a grant over somebody's rejection");
            keep!(!before.stopped, Stopped, "a grant by the clock under the kill switch");
            Ok(Granted::Clock)
        }
    }
}

/// Whether two different people among these stand for the two groups.
fn both(groups: [u8; 3], people: u8) -> bool {
    let is = |who: usize, group: u8| people & 1 << who != 0 && groups[who] & group != 0;
    (0..3).any(|one| is(one, 0b01) && (0..3).any(|other| other != one && is(other, 0b10)))
}

/// A start needs a grant, its turn, and a free target, and nobody who stopped it.
fn started(
    book: &Book<'_>,
    before: &World,
    p: &Pending,
    truth: &Truth,
    start: u8,
) -> Result<(), Violation> {
    let (version, step, attempt) = unmark(start);
    let case = usize::from(p.case);
    keep!(truth.granted[version] != Granted::No, Granted, "a start without a grant");
    keep!(truth.over & 1 << version == 0, Granted, "a start of a plan that was taken back");
    keep!(!before.stopped, Stopped, "a start under the kill switch");
    keep!(truth.recorded & start == 0, Once, "the same start twice");
    let failed = |attempt| truth.failed & mark(version, step, attempt) != 0;
    let given = book.setting.truth;
    let again = given.pause.is_some() && step == 0 && attempt == 2;
    let next = again || attempt == 1 || failed(attempt - 1);
    keep!(next, Once, "another attempt without a recorded failure");
    // A check looks for itself; what follows one that was made before a pause does not know.
    let rested = given.pause.is_some_and(|pause| p.at >= truth.touched.saturating_add(pause));
    let looks = given.pause.is_some() && step == 0;
    keep!(looks || !rested, Granted, "a step after a pause, and nobody has looked again");
    let known = !again && truth.recorded & mark(version, 0, 2) != 0 && given.pause.is_some();
    keep!(
        !known || truth.succeeded & mark(version, 0, 2) != 0,
        Granted,
        "a step although what was to hold holds no more"
    );
    if given.targets != NEVER && truth.recorded == 0 {
        let told = truth.granted[version] == Granted::People && truth.far & 1 << version != 0;
        let far = others(before, case).count() >= usize::from(given.targets);
        keep!(told || !far, Policy, "one target more than may be acted on, and nobody was told");
    }
    let done = |step| (1..=2).any(|n| truth.succeeded & mark(version, step, n) != 0);
    // A dry-run goes on whatever came of what it has started.
    let begun_before = |step| truth.recorded & mark(version, step, 1) != 0;
    let done = |step| if book.setting.truth.dry { begun_before(step) } else { done(step) };
    keep!((0..step).all(done), Granted, "a step before the one before it has succeeded");
    let lapsed = p.real >= truth.opened[version].saturating_add(book.setting.truth.timeout);
    let begun = truth.recorded & (0b1111 << (version * 4)) != 0;
    keep!(begun || !lapsed, Timeout, "a first start after the grant had lapsed");
    let same = given.targets == NEVER;
    let worked = same && worked_since(before, case, truth.made[version]);
    keep!(!worked, Granted, "a start on a target that another plan has worked on since");
    let ended = |t: &Truth| t.recorded & !(t.failed | t.succeeded) == 0;
    let free = before.cases.iter().enumerate().all(|(other, c)| other == case || ended(&c.truth));
    keep!(
        free || !same,
        Once,
        "a start on a target where another plan's start has no recorded end"
    );
    Ok(())
}

/// Whether a plan of another incident has worked on the target since `made`.
fn worked_since(before: &World, case: usize, made: u8) -> bool {
    before
        .cases
        .iter()
        .enumerate()
        .any(|(other, c)| other != case && c.truth.recorded != 0 && c.truth.touched > made)
}

fn voided(
    before: &World,
    p: &Pending,
    truth: &mut Truth,
    why: &VoidReason,
    witness: &mut impl FnMut(Witness),
) -> Result<(), Violation> {
    let version = usize::from(truth.digest[1] != u32::MAX);
    match why {
        VoidReason::TimedOut => {
            keep!(p.ask == Ask::Tick, Timeout, "a lapse that is no time-out");
            truth.over |= 1 << version;
            witness(Witness::Lapsed);
        }
        VoidReason::Rejected { .. } => {
            let said_no = matches!(p.ask, Ask::Answer { approve: false, .. });
            keep!(said_no, Timeout, "a refusal that nobody gave");
            witness(Witness::Rejected);
        }
        VoidReason::Revoked { .. } => {
            if before.cases[usize::from(p.case)].truth.granted[version] != Granted::No {
                witness(Witness::GrantTakenBack);
            }
        }
        VoidReason::Stale { what } => {
            let alone = matches!(p.ask, Ask::BreakGlass { .. });
            let looked = p.ask == Ask::Start || alone || what.contains(&Changed::Preconditions);
            if what.contains(&Changed::Preconditions) {
                truth.over |= 1 << version;
                witness(Witness::PreconditionGone);
                return Ok(());
            }
            if what.contains(&Changed::Radius) {
                witness(Witness::ReachVoided);
            }
            keep!(looked, Granted, "a plan is stale although nothing was to come of it");
            truth.over |= 1 << version;
            witness(if alone { Witness::GlassSpared } else { Witness::StaleVoided });
        }
        VoidReason::Modified { .. } | VoidReason::AlertEnded | VoidReason::AlertWorsened => {}
    }
    Ok(())
}

fn granted_witness(
    version: usize,
    (granted, broken): (Granted, bool),
    by: &GrantedBy,
    witness: &mut impl FnMut(Witness),
) {
    match granted {
        Granted::Policy => witness(Witness::PolicyGrant),
        Granted::Clock => witness(Witness::ClockGrant),
        Granted::People if broken => witness(Witness::GlassGrant),
        Granted::People if matches!(by, GrantedBy::Quorum(p) if p.len() == 2) => {
            witness(Witness::QuorumOfTwo);
        }
        Granted::People | Granted::No => {}
    }
    if version == 1 {
        witness(Witness::SecondVersionGranted);
    }
}

/// Holds the real start of a process against the promises.
///
/// # Errors
/// The first promise that it breaks.
pub fn run(
    book: &Book<'_>,
    world: &World,
    (case, start): (u8, u8),
    fenced: bool,
    witness: &mut impl FnMut(Witness),
) -> Result<(), Violation> {
    keep!(!fenced, Once, "a process of a replica that others took for dead");
    let truth = &world.cases[usize::from(case)].truth;
    let (version, step, attempt) = unmark(start);
    keep!(truth.recorded & start != 0, Granted, "a process whose start is not durable");
    keep!(truth.granted[version] != Granted::No, Granted, "a process without a grant");
    keep!(truth.ran & start == 0, Once, "the same process twice");
    let people = truth.granted[version] == Granted::People;
    keep!(people || !book.setting.truth.critical, Critical, "a critical process without people");
    let hands = world.replicas.iter().map(|r| r.hand).chain([world.former.hand]);
    let running = hands.filter(|hand| matches!(hand, Hand::Running { .. })).count();
    let same = book.setting.truth.targets == NEVER;
    keep!(running == 0 || !same, Once, "two processes on one target at once");
    if book.setting.truth.dry {
        witness(if step == 1 { Witness::FormRun } else { Witness::CheckRun });
        return Ok(());
    }
    witness(Witness::LiveStart);
    if version == 1 {
        witness(Witness::SecondVersionRan);
    }
    if attempt == 2 && book.setting.truth.pause.is_none() {
        witness(Witness::SecondAttempt);
    }
    if step == 1 {
        witness(Witness::SecondStep);
    }
    Ok(())
}

/// What must hold in every state, whatever led to it.
///
/// # Errors
/// The first promise that is broken.
pub fn state(book: &Book<'_>, world: &World) -> Result<(), Violation> {
    for case in &world.cases[..book.setting.alerts.len()] {
        let durable = *book.incident(case.incident) != Incident::Absent;
        keep!(!case.truth.answered || durable, Durable, "a 2xx for what is not durable");
    }
    Ok(())
}
