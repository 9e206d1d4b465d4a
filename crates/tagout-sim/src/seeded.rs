//! The real system with one bug in it: wrappers around the real functions, so that what
//! ships knows nothing of any of this.
//!
//! Most bugs can sit in what decides, in what applies, or in both; where only one of the two
//! is wrong, the other is the second lock.

use tagout_core::actor::{Actor, Role};
use tagout_core::approval::{Answer, ApprovalGate, Person, Review, ReviewRequest, Tally};
use tagout_core::command::Command;
use tagout_core::deadline::ClockWait;
use tagout_core::decide::{Rejection, Rules, decide};
use tagout_core::event::{Event, GrantedBy, VoidReason};
use tagout_core::evolve::{IllegalEvent, evolve};
use tagout_core::incident::{Handover, Incident, NextStart, Stage, StepState};
use tagout_core::plan::PlannedStep;
use tagout_core::rehearsal::RehearsalState;
use tagout_core::runbook::StepKind;
use tagout_core::safer::Moved;
use tagout_core::shared::Shared;
use tagout_core::tier::Tier;
use tagout_core::time::{Span, Time};
use tagout_core::verdict::{Decision, Mode, Reason, Rule};

use crate::bug::{Bug, Place};
use crate::system::{Stale, System};
use crate::takeover;

/// The real system with one bug in it.
#[derive(Debug, Clone, Copy)]
pub struct Seeded {
    /// What is wrong.
    pub bug: Bug,
    /// Where.
    pub place: Place,
}

impl Seeded {
    fn is(self, bug: Bug) -> bool {
        self.bug == bug
    }
}

impl System for Seeded {
    fn decide(
        &self,
        incident: &Incident,
        id: &str,
        shared: &Shared,
        rules: Rules<'_>,
        command: Command,
        now: Time,
    ) -> Result<Vec<Event>, Rejection> {
        if matches!(self.place, Place::Decide | Place::Both) {
            wrong_decision(self.bug, incident, id, shared, rules, command, now)
        } else {
            decide(incident, id, shared, rules, command, now)
        }
    }

    fn evolve(
        &self,
        incident: Incident,
        event: &Event,
        at: Time,
    ) -> Result<Incident, IllegalEvent> {
        if matches!(self.place, Place::Evolve | Place::Both) {
            wrong_state(self.bug, incident, event, at)
        } else {
            evolve(incident, event, at)
        }
    }

    fn share(&self, shared: Shared, event: &Event, incident: &str, at: Time) -> Shared {
        if let (Event::PlanFinished { .. }, true) = (event, self.is(Bug::CoolDownIgnored)) {
            let mut forgetful = event.clone();
            if let Event::PlanFinished { runbook, .. } = &mut forgetful {
                runbook.clear();
            }
            return shared.after(&forgetful, incident, at);
        }
        let forgotten = match event {
            Event::PolicyDecided { .. } => self.is(Bug::BudgetNotCharged),
            Event::StepStarted { .. } => self.is(Bug::TargetNotTaken),
            _ => false,
        };
        if forgotten { shared } else { shared.after(event, incident, at) }
    }

    fn takes(&self, stale: Stale) -> bool {
        !stale.incident && (!stale.shared || self.is(Bug::LastUnitTwice))
    }

    fn answers_after_commit(&self) -> bool {
        !self.is(Bug::AnswerBeforeCommit)
    }

    fn starts_after_commit(&self) -> bool {
        !self.is(Bug::StartBeforeRecord)
    }

    fn records_jumps(&self) -> bool {
        !self.is(Bug::GrantAfterJump)
    }

    fn records_gaps(&self) -> bool {
        !self.is(Bug::GapForgotten)
    }

    fn spares_the_living(&self) -> bool {
        !self.is(Bug::LivingReportedLost)
    }

    fn lost_after(&self) -> u8 {
        takeover::shipped() - u8::from(self.is(Bug::LostTooSoon))
    }

    fn fenced_starts_nothing(&self) -> bool {
        !self.is(Bug::FencedStarts)
    }
}

/// The real decision about something that is not so, or made into something that it is not.
fn wrong_decision(
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

/// The incident as if no groups had been asked for, if its first reviewer is in all of them.
fn ungrouped(incident: Incident, command: &Command) -> Incident {
    let Command::Answer(review) = command else { return incident };
    let first = incident.waiting().is_some_and(|(_, gate)| {
        let groups = &gate.request().groups;
        gate.reviews().count() == 0 && groups.keys().all(|group| review.groups.contains(group))
    });
    if first { reopened(incident, |request| request.groups.clear()) } else { incident }
}

/// The incident as if its plan were no first use.
fn unowned(incident: Incident) -> Incident {
    reopened(incident, |request| {
        let owners = std::mem::take(&mut request.first_use);
        request.groups.retain(|group, _| !owners.contains_key(group));
    })
}

/// A halted plan as if people had been asked about it.
fn asked_anyway(incident: Incident, at: Time) -> Incident {
    let Incident::Open(case, Stage::Halted(proposal)) = incident else { return incident };
    let plan = proposal.plan.clone();
    let gate = ApprovalGate::open(ReviewRequest {
        plan: proposal.digest,
        mode: plan.mode,
        tier: plan.tier,
        quorum: plan.quorum,
        groups: plan.groups,
        approvers: plan.approvers,
        owner: plan.owner,
        first_use: plan.first_use,
        ask: plan.ask,
        chain: plan.chain,
        requested_by: plan.requested_by,
        author_counts: false,
        opened_at: at,
        expires_at: plan.expires_at,
    });
    Incident::Open(case, Stage::Waiting(proposal, gate, None))
}

/// The shared state as if the clock had never jumped.
fn unbroken(shared: &Shared) -> Shared {
    let mut shared = shared.clone();
    shared.last_jump = None;
    shared
}

/// The review as if it were about the plan in force.
fn retold(bug: Bug, incident: &Incident, review: &Review) -> Review {
    let Some((proposal, _)) = incident.waiting() else { return review.clone() };
    match bug {
        Bug::AnyDigest => Review { plan: proposal.digest, ..review.clone() },
        _ => Review { mode: proposal.plan.mode, ..review.clone() },
    }
}

/// The incident as if nobody had asked for its plan.
fn ownerless(incident: Incident) -> Incident {
    reopened(incident, |request| request.requested_by = None)
}

/// The incident with another request before the same reviewers.
fn reopened(
    incident: Incident,
    change: impl FnOnce(&mut tagout_core::approval::ReviewRequest),
) -> Incident {
    let Incident::Open(case, Stage::Waiting(proposal, gate, clock)) = incident else {
        return incident;
    };
    let mut request = gate.request().clone();
    change(&mut request);
    let mut anew = ApprovalGate::open(request);
    for (review, at) in gate.reviews() {
        // What was taken once is taken again: the change only widens what is accepted.
        let _ = anew.take(review.clone(), at);
    }
    Incident::Open(case, Stage::Waiting(proposal, anew, clock))
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

/// Whether it proposes a plan in which a value has moved away from its safer side.
fn loosens(incident: &Incident, event: &Event) -> bool {
    let (Some(old), Event::PlanProposed { plan, .. }) = (incident.proposal(), event) else {
        return false;
    };
    plan.safer.iter().any(|(name, scale)| {
        scale.moved(&old.plan.values[name], &plan.values[name]) == Some(Moved::Looser)
    })
}

/// The real next state of something that is not so, or made into something that it is not.
fn wrong_state(
    bug: Bug,
    incident: Incident,
    event: &Event,
    at: Time,
) -> Result<Incident, IllegalEvent> {
    match (bug, event) {
        (Bug::AnyDigest | Bug::AnyMode, Event::ReviewGiven { review }) => {
            let review = retold(bug, &incident, review);
            evolve(incident, &Event::ReviewGiven { review }, at)
        }
        (Bug::EvidenceForgotten, Event::PlanProposed { .. }) => {
            let mut unseen = incident;
            let Incident::Open(case, _) = &mut unseen else { return evolve(unseen, event, at) };
            let inspected = case.inspected.take();
            let mut after = evolve(unseen, event, at)?;
            if let Incident::Open(case, _) = &mut after {
                case.inspected = inspected;
            }
            Ok(after)
        }
        (Bug::PersonForTwoGroups, Event::PlanGranted { .. }) => {
            evolve(reopened(incident, |request| request.groups.clear()), event, at)
        }
        (Bug::OwnerForgotten, Event::PlanGranted { .. }) => evolve(unowned(incident), event, at),
        (Bug::GlassPastHalt, Event::GlassBroken { .. }) => {
            evolve(asked_anyway(incident, at), event, at)
        }
        (Bug::WideningCounts, Event::ReviewRequested { request, clock }) => {
            let counts = request.author_counts;
            let request = ReviewRequest { author_counts: false, ..request.clone() };
            let asked = Event::ReviewRequested { request, clock: clock.clone() };
            let after = evolve(incident, &asked, at)?;
            Ok(reopened(after, |request| request.author_counts = counts))
        }
        (Bug::LooseningCounts, Event::PlanProposed { .. }) => {
            let loosened = loosens(&incident, event);
            let mut after = evolve(incident, event, at)?;
            if let Incident::Open(_, Stage::Proposed(proposal)) = &mut after {
                proposal.trimmed |= loosened;
            }
            Ok(after)
        }
        (Bug::SelfApproval, Event::ReviewRequested { .. }) => {
            evolve(incident, event, at).map(ownerless)
        }
        (Bug::ActionInDryRun, Event::RehearsalStarted { plan, step }) => {
            let mut after = incident;
            if let Incident::Open(case, Stage::Granted(..)) = &mut after {
                case.rehearsals.insert((*plan, step.clone()), RehearsalState::Started);
            }
            Ok(after)
        }
        (Bug::RestartAfterCrash, Event::StepLost { plan, step, attempt, .. }) => {
            let mut after = evolve(incident, event, at)?;
            if let Incident::Open(case, _) = &mut after {
                case.starts.remove(&(*plan, step.clone(), *attempt));
            }
            Ok(after)
        }
        (Bug::RevokeIgnored, Event::PlanVoided { why: VoidReason::Revoked { .. }, .. }) => {
            Ok(incident)
        }
        (Bug::TimeoutApproves, Event::PlanGranted { plan, mode, by: GrantedBy::Quorum(_) }) => {
            let nobody = Person::new("nobody").expect("a name");
            let far = at.after(Span::MAX);
            let mut widened = reopened(incident, |request| {
                (request.quorum, request.expires_at) = (1, far);
            });
            if let Incident::Open(_, Stage::Waiting(proposal, gate, _)) = &mut widened {
                let (by, seen) =
                    (Actor::new(nobody, Role::Approver), (proposal.digest, proposal.plan.mode));
                let review = Review::by(by, Answer::Approve, seen, "".into());
                let _ = gate.take(review, at);
                if let Tally::Granted(grant) = gate.tally(at) {
                    let by = GrantedBy::Quorum(grant.people().to_vec());
                    let event = Event::PlanGranted { plan: *plan, mode: *mode, by };
                    return evolve(widened, &event, at);
                }
            }
            evolve(widened, event, at)
        }
        (Bug::BypassAtHighTier, Event::PlanGranted { by: GrantedBy::Policy, .. }) => {
            let mut lowered = incident;
            if let Incident::Open(_, Stage::Proposed(proposal)) = &mut lowered
                && let Some(verdict) = &mut proposal.verdict
            {
                verdict.tier = Tier::Medium;
            }
            evolve(lowered, event, at)
        }
        (Bug::CriticalProceeds, Event::PlanGranted { by: GrantedBy::Policy, .. }) => {
            let mut lowered = incident;
            if let Incident::Open(_, Stage::Proposed(proposal)) = &mut lowered
                && let Some(verdict) = &mut proposal.verdict
            {
                verdict.tier = Tier::High;
            }
            evolve(lowered, event, at)
        }
        (
            Bug::LapsePutOff | Bug::NoWarning | Bug::CriticalByClock,
            Event::ReviewRequested { request, .. },
        ) => {
            // What the real code would refuse is left out first and put back in after it.
            let mut request = request.clone();
            if let Some(proposal) = incident.proposal() {
                request.expires_at = request.expires_at.min(proposal.plan.expires_at);
            }
            let opened_at = request.opened_at;
            let after = evolve(incident, &Event::ReviewRequested { request, clock: None }, at)?;
            Ok(widened(bug, after, event, opened_at))
        }
        _ => evolve(incident, event, at),
    }
}

/// The waiting incident with more than its request may promise.
fn widened(bug: Bug, incident: Incident, event: &Event, opened: Time) -> Incident {
    let Event::ReviewRequested { clock: asked, .. } = event else { return incident };
    let incident = match bug {
        Bug::LapsePutOff => reopened(incident, |request| {
            request.expires_at = request.expires_at.after(Span::from_secs(600));
        }),
        _ => incident,
    };
    let Incident::Open(case, Stage::Waiting(proposal, gate, _)) = incident else {
        return incident;
    };
    let plan = proposal.digest;
    let clock = match bug {
        Bug::NoWarning => {
            asked.as_ref().map(|clock| ClockWait { warned_at: Some(opened), ..clock.clone() })
        }
        Bug::CriticalByClock => {
            Some(ClockWait { plan, wait: Span::from_secs(60), warned_at: Some(opened) })
        }
        _ => asked.clone(),
    };
    Incident::Open(case, Stage::Waiting(proposal, gate, clock))
}
