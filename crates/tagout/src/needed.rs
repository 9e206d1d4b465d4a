//! Why a person is needed in an incident, in words that every channel uses.

use serde::{Deserialize, Serialize};
use tagout_core::digest::PlanDigest;
use tagout_core::event::{PlanOutcome, StepOutcome};
use tagout_core::incident::{Case, Handover, Incident, Proposal, Stage};
use tagout_core::need::{Need, need};
use tagout_core::plan::Plan;
use tagout_core::runbook::StepKind;
use tagout_core::time::Span;
use tagout_log::storage::Storage;
use utoipa::ToSchema;

use crate::journal::{Declared, Journal};
use crate::steps::{self, Standing};
use crate::terminal::{printable, story};

/// How far apart the end of a step and the engaging of the kill switch are at most where the one
/// came of the other; a stop lets a step end politely first.
const AT_ONCE: Span = Span::from_millis(60_000);

/// Why a person is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Needed {
    /// `unknown_step`, `manual_step`, `answer`, `halted`, `no_plan`, `plan_failed`,
    /// `taken_back` or `did_not_help`.
    #[schema(value_type = String)]
    pub kind: Need,
    /// In words, without a full stop.
    pub why: String,
}

impl Needed {
    /// Why a person is needed in an incident, if one is.
    #[must_use]
    pub fn of<S: Storage>(journal: &Journal<S>, id: &str, incident: &Incident) -> Option<Self> {
        let kind = need(incident)?;
        let step = |state: Standing| {
            steps::of(journal.shared(), id, incident).into_iter().find(|step| step.state == state)
        };
        let why = match (kind, incident) {
            (Need::UnknownStep, _) => step(Standing::Unknown).map(|step| {
                let on = step.target.as_deref().map(printable);
                let on = on.map_or(String::new(), |target| format!(" on {target}"));
                format!("nobody knows what step {} did{on}; somebody has to say", step.step)
            }),
            (Need::ManualStep, _) => step(Standing::ForAPerson).map(|step| {
                let title = step.title.as_deref().map(printable);
                let title = title.map_or(String::new(), |title| format!(": {title}"));
                format!("step {} is for a person to do{title}", step.step)
            }),
            (_, Incident::Open(case, stage)) => {
                open(case, stage, journal.overview().kill_switch.as_ref())
            }
            _ => None,
        };
        Some(Self { kind, why: why.unwrap_or_default() })
    }
}

fn open(case: &Case, stage: &Stage, switch: Option<&Declared>) -> Option<String> {
    Some(match stage {
        Stage::Waiting(..) => "a plan waits for an answer".into(),
        Stage::Halted(_) => "the policy halted the plan; nobody may grant it as it is".into(),
        Stage::WithPeople(Handover::NoPlan(why)) => story::needed(why),
        Stage::WithPeople(Handover::Voided(proposal, why)) => {
            format!("{}: {}", printable(&proposal.plan.runbook), story::voided(why))
        }
        Stage::Finished(proposal, PlanOutcome::Failed) => {
            let how = failure(case, proposal.digest, Some(proposal), switch)?;
            format!("the plan of {} failed: {how}", printable(&proposal.plan.runbook))
        }
        Stage::Finished(_, PlanOutcome::Rehearsed) => {
            "nothing was taken back: the way back was a dry-run, and only shown".into()
        }
        Stage::Finished(proposal, PlanOutcome::Completed) if proposal.plan.undoes.is_some() => {
            taken_back(&proposal.plan)
        }
        Stage::Finished(proposal, PlanOutcome::Completed) => {
            let runbook = printable(&proposal.plan.runbook);
            format!("every step of {runbook} was done, and the alert still fires")
        }
        _ => return None,
    })
}

/// How things stand once a plan was taken back and the alert still fires.
#[must_use]
pub fn taken_back(plan: &Plan) -> String {
    let runbook = printable(&plan.runbook);
    let what = match &plan.requested_by {
        None => format!("the plan of {runbook} failed and was taken back"),
        Some(by) => format!("what {} rejected of {runbook} was taken back", printable(by.name())),
    };
    format!("{what}; the alert still fires, and nothing more is tried")
}

/// How the step ended that ended a plan, with who stopped it if somebody did; `switch` is who
/// engaged the kill switch, while it is engaged. The kind of the step is known while the plan is.
#[must_use]
pub fn failure(
    case: &Case,
    plan: PlanDigest,
    proposal: Option<&Proposal>,
    switch: Option<&Declared>,
) -> Option<String> {
    let (step, outcome) = case.failed_step(plan)?;
    let proposal = proposal.filter(|proposal| proposal.digest == plan);
    let kind = proposal.and_then(|proposal| proposal.plan.step(step)).map(|step| step.kind);
    // A step can be stopped for other reasons, and the switch be engaged later.
    let ended_at = case.moved.as_ref().filter(|(of, _)| *of == plan).map(|(_, at)| *at);
    let near =
        |by: &&Declared| ended_at.is_some_and(|at| at.since(by.at).max(by.at.since(at)) <= AT_ONCE);
    Some(ended(step, outcome, kind, switch.filter(near)))
}

/// How a step ended that did not succeed. What an action did before it was cut short, nobody saw.
fn ended(
    step: &str,
    outcome: StepOutcome,
    kind: Option<StepKind>,
    stopped: Option<&Declared>,
) -> String {
    let step = printable(step);
    // A check changes nothing, however far it came.
    let look = if kind == Some(StepKind::Check) { "" } else { " partway; look at the system" };
    match outcome {
        StepOutcome::Succeeded => format!("step {step} succeeded"),
        StepOutcome::Failed if kind == Some(StepKind::Manual) => {
            format!("step {step} was not done, by a person's word")
        }
        StepOutcome::Failed => format!("step {step} failed"),
        StepOutcome::TimedOut => format!("step {step} ran out of time{look}"),
        StepOutcome::Stopped => match stopped {
            Some(by) => format!("step {step} was stopped by {}{look}", printable(by.by.name())),
            None => format!("step {step} was stopped{look}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cut_short_is_not_said_to_have_failed_and_a_check_changes_nothing() {
        let ended = |outcome, kind| ended("swap", outcome, Some(kind), None);
        for (outcome, kind, words) in [
            (StepOutcome::Failed, StepKind::Action, "step swap failed"),
            (StepOutcome::Failed, StepKind::Manual, "step swap was not done, by a person's word"),
            (
                StepOutcome::TimedOut,
                StepKind::Action,
                "step swap ran out of time partway; look at the system",
            ),
            (StepOutcome::TimedOut, StepKind::Check, "step swap ran out of time"),
            (
                StepOutcome::Stopped,
                StepKind::Action,
                "step swap was stopped partway; look at the system",
            ),
        ] {
            assert_eq!(ended(outcome, kind), words);
        }
    }
}
