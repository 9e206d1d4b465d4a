//! What an incident calls for next, derived from its state alone: the same answer while it
//! happens and after a restart.

use crate::digest::PlanDigest;
use crate::incident::{Case, Incident, NextStart, Stage};
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
