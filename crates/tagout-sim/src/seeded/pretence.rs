//! What a wrong function is told in place of what is so: an incident, a shared state or a review.

use tagout_core::approval::{ApprovalGate, Review, ReviewRequest};
use tagout_core::command::Command;
use tagout_core::event::Event;
use tagout_core::incident::{Incident, Stage};
use tagout_core::safer::Moved;
use tagout_core::shared::Shared;
use tagout_core::time::Time;

use crate::bug::Bug;

/// The incident as if no groups had been asked for, if its first reviewer is in all of them.
pub(super) fn ungrouped(incident: Incident, command: &Command) -> Incident {
    let Command::Answer(review) = command else { return incident };
    let first = incident.waiting().is_some_and(|(_, gate)| {
        let groups = &gate.request().groups;
        gate.reviews().count() == 0 && groups.keys().all(|group| review.groups.contains(group))
    });
    if first { reopened(incident, |request| request.groups.clear()) } else { incident }
}

/// The incident as if its plan were no first use.
pub(super) fn unowned(incident: Incident) -> Incident {
    reopened(incident, |request| {
        let owners = std::mem::take(&mut request.first_use);
        request.groups.retain(|group, _| !owners.contains_key(group));
    })
}

/// A halted plan as if people had been asked about it.
pub(super) fn asked_anyway(incident: Incident, at: Time) -> Incident {
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
pub(super) fn unbroken(shared: &Shared) -> Shared {
    let mut shared = shared.clone();
    shared.last_jump = None;
    shared
}

/// The review as if it were about the plan in force.
pub(super) fn retold(bug: Bug, incident: &Incident, review: &Review) -> Review {
    let Some((proposal, _)) = incident.waiting() else { return review.clone() };
    match bug {
        Bug::AnyDigest => Review { plan: proposal.digest, ..review.clone() },
        _ => Review { mode: proposal.plan.mode, ..review.clone() },
    }
}

/// The incident as if nobody had asked for its plan.
pub(super) fn ownerless(incident: Incident) -> Incident {
    reopened(incident, |request| request.requested_by = None)
}

/// The incident with another request before the same reviewers.
pub(super) fn reopened(incident: Incident, change: impl FnOnce(&mut ReviewRequest)) -> Incident {
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

/// Whether it proposes a plan in which a value has moved away from its safer side.
pub(super) fn loosens(incident: &Incident, event: &Event) -> bool {
    let (Some(old), Event::PlanProposed { plan, .. }) = (incident.proposal(), event) else {
        return false;
    };
    plan.safer.iter().any(|(name, scale)| {
        scale.moved(&old.plan.values[name], &plan.values[name]) == Some(Moved::Looser)
    })
}
