//! The real next state of something that is not so, or made into something that it is not.

use tagout_core::actor::{Actor, Role};
use tagout_core::approval::{Answer, Person, Review, ReviewRequest, Tally};
use tagout_core::deadline::ClockWait;
use tagout_core::event::{Event, GrantedBy, VoidReason};
use tagout_core::evolve::{IllegalEvent, evolve};
use tagout_core::incident::{Incident, Stage};
use tagout_core::rehearsal::RehearsalState;
use tagout_core::tier::Tier;
use tagout_core::time::{Span, Time};

use super::pretence::{asked_anyway, loosens, ownerless, reopened, retold, unowned};
use crate::bug::Bug;

/// The real next state of something that is not so, or made into something that it is not.
pub(super) fn wrong_state(
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
