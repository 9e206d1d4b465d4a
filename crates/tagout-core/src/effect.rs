//! What an incident calls for next, derived from its state alone: the same answer while it
//! happens and after a restart.

use std::collections::BTreeSet;

use crate::digest::PlanDigest;
use crate::event::VoidReason;
use crate::incident::{Case, Handover, Incident, NextStart, Stage};
use crate::rehearsal::NextRehearsal;
use crate::runbook::StepKind;
use crate::verdict::Mode;

/// Work that the agent owes an incident. Waiting for people or for time is no work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Find a runbook and record what was found.
    Search,
    /// Take the next look of this inspection.
    Look(PlanDigest),
    /// Show every step of a granted dry-run plan of which nothing was started.
    Rehearse,
    /// Start this dry-run plan's next check or dry-run form.
    StartRehearsal(PlanDigest),
    /// Start this plan's next step.
    StartStep(PlanDigest),
}

/// What the incident calls for, if anything.
#[must_use]
pub fn effect(incident: &Incident) -> Option<Effect> {
    let Incident::Open(case, stage) = incident else { return None };
    match stage {
        Stage::Searching => Some(Effect::Search),
        Stage::Looking => {
            let inspected = case.inspected.as_ref()?;
            inspected.next().map(|_| Effect::Look(inspected.digest))
        }
        Stage::Granted(proposal, _) => match proposal.plan.mode {
            Mode::DryRun => match case.next_rehearsal(proposal) {
                NextRehearsal::Start(_) => Some(Effect::StartRehearsal(proposal.digest)),
                NextRehearsal::Wait => None,
                NextRehearsal::Over => Some(Effect::Rehearse),
            },
            Mode::Live => startable(case, stage).map(Effect::StartStep),
        },
        _ => None,
    }
}

fn startable(case: &Case, stage: &Stage) -> Option<PlanDigest> {
    let Stage::Granted(proposal, _) = stage else { return None };
    match case.next_start(proposal) {
        NextStart::Step(step, _) if step.kind != StepKind::Manual => Some(proposal.digest),
        NextStart::Again(..) => Some(proposal.digest),
        _ => None,
    }
}

/// The plans of an incident that run somewhere though somebody, at whichever replica, has taken them
/// back: also where another one has come in their place since the last look. None comes in the
/// place of a plan that is not void or over.
#[must_use]
pub fn taken_back(incident: &Incident, running: &BTreeSet<PlanDigest>) -> Vec<PlanDigest> {
    let (case, stage) = match incident {
        Incident::Open(case, stage) => (case, stage),
        // Whoever closed it ends what its dry-run looks at.
        Incident::Closed(case, _) => {
            let looked_at = case.rehearsals.keys().map(|(plan, _)| *plan);
            return looked_at.filter(|plan| running.contains(plan)).collect();
        }
        Incident::Absent => return Vec::new(),
    };
    let voided = match stage {
        Stage::WithPeople(Handover::Voided(proposal, VoidReason::Revoked { .. })) => {
            Some(proposal.digest)
        }
        _ => None,
    };
    let in_force = incident.proposal().map(|proposal| proposal.digest);
    let started = case.starts.keys().map(|(plan, ..)| *plan);
    let started = started.chain(case.rehearsals.keys().map(|(plan, _)| *plan));
    let replaced = started.filter(|plan| in_force.is_some_and(|in_force| in_force != *plan));
    voided.into_iter().chain(replaced).filter(|plan| running.contains(plan)).collect()
}
