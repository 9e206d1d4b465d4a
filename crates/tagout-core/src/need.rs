//! What an incident needs of a person, from its state alone, so that the queue, the pages and
//! the interface call people to the same incidents.

use serde::{Deserialize, Serialize};

use crate::digest::PlanDigest;
use crate::event::{Effectiveness, PlanOutcome, StepOutcome};
use crate::incident::{Case, Incident, NextStart, Stage, StepState};
use crate::plan::PlannedStep;

/// What a person has to do before anything goes on, the most pressing first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Say what a step did of which nobody knows. Also where the incident is closed: its target
    /// stays held until then.
    UnknownStep,
    /// Do a step, and say that it is done.
    ManualStep,
    /// Answer a plan.
    Answer,
    /// Look at a plan that the policy halted.
    Halted,
    /// Look at the incident: there is no plan that could run.
    NoPlan,
    /// Look at the system: a step of the plan failed for good.
    PlanFailed,
    /// Look at the system: what failed, or what a person rejected afterwards, was taken back, and
    /// the alert still fires.
    TakenBack,
    /// Look at the system: every step was done, and the alert still fires.
    DidNotHelp,
}

/// What the incident needs of a person, if anything.
#[must_use]
pub fn need(incident: &Incident) -> Option<Need> {
    if incident.case()?.is_unknown() {
        return Some(Need::UnknownStep);
    }
    let Incident::Open(case, stage) = incident else { return None };
    match stage {
        Stage::Waiting(..) => Some(Need::Answer),
        Stage::Halted(_) => Some(Need::Halted),
        Stage::WithPeople(_) => Some(Need::NoPlan),
        Stage::Granted(..) => manual_step(incident).map(|_| Need::ManualStep),
        Stage::Finished(_, PlanOutcome::Failed) => Some(Need::PlanFailed),
        // Had it closed the incident, it would not be open: its alert has not ended.
        Stage::Finished(proposal, PlanOutcome::Completed) if proposal.plan.undoes.is_some() => {
            Some(Need::TakenBack)
        }
        Stage::Finished(proposal, PlanOutcome::Completed) => {
            let seen = case.helped == Some((proposal.digest, Effectiveness::StillFiring));
            seen.then_some(Need::DidNotHelp)
        }
        // A way back that was only shown takes nothing back.
        Stage::Finished(proposal, PlanOutcome::Rehearsed) => {
            let back = case.way_back.is_some() || proposal.plan.undoes.is_some();
            back.then_some(Need::NoPlan)
        }
        Stage::Received | Stage::Searching | Stage::Found | Stage::Looking | Stage::Proposed(_) => {
            None
        }
    }
}

/// The step of the granted live plan that is the next one and a person's to do, and as which
/// attempt.
#[must_use]
pub fn manual_step(incident: &Incident) -> Option<(&PlannedStep, u32)> {
    let Incident::Open(case, Stage::Granted(proposal, _)) = incident else { return None };
    match case.next_start(proposal) {
        NextStart::Step(step, attempt) => {
            case.is_persons(proposal, &step.id, attempt).then_some((step, attempt))
        }
        NextStart::Again(..)
        | NextStart::Wait
        | NextStart::Failed
        | NextStart::Changed
        | NextStart::Done => None,
    }
}

impl Case {
    /// Whether a start of this incident has no recorded end, and nobody can say what it did.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.starts.values().any(|state| *state == StepState::Unknown)
    }

    /// The step that ended a plan: the one whose last attempt ended and did not succeed, with how
    /// it ended.
    #[must_use]
    pub fn failed_step(&self, plan: PlanDigest) -> Option<(&str, StepOutcome)> {
        let mut failed: Option<(&str, StepOutcome)> = None;
        // Attempts of one step stand beside one another, the last one last.
        for ((of, step, _), state) in &self.starts {
            match state {
                StepState::Ended(outcome) if *of == plan => match outcome {
                    StepOutcome::Succeeded => failed = failed.filter(|(name, _)| name != step),
                    outcome => {
                        if failed.is_none_or(|(name, _)| name == step) {
                            failed = Some((step, *outcome));
                        }
                    }
                },
                _ => {}
            }
        }
        failed
    }
}
