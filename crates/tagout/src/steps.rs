//! The steps of live plans that have no recorded end, and those that are for a person to do: what
//! people have to look at before a plan goes on.

use serde::{Deserialize, Serialize};
use tagout_core::incident::{Case, Incident, NextStart, Stage, StepState};
use tagout_log::storage::Storage;
use utoipa::ToSchema;

use crate::journal::Journal;

/// How a step stands that is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It was started, and its end is not recorded yet.
    Running,
    /// It was started, and nobody knows what it did. Somebody has to say.
    Unknown,
    /// It is for a person to do. Somebody has to say that it is done.
    ForAPerson,
}

/// A step that is not over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenStep {
    /// The incident.
    pub incident: String,
    /// The digest of the plan.
    pub plan: String,
    /// The step's id.
    pub step: String,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// What it acts on, where the plan is still the one in force.
    pub target: Option<String>,
    /// What it does, in a line, where the plan is still the one in force.
    pub title: Option<String>,
    /// How it stands.
    pub state: Standing,
}

/// All steps that are not over.
pub fn open_steps<S: Storage>(journal: &Journal<S>) -> Vec<OpenStep> {
    journal.incidents().flat_map(|(id, incident)| of(id, incident)).collect()
}

/// Whether a plan of the incident cannot go on before a person says what a step did.
#[must_use]
pub fn waits_for_a_person(id: &str, incident: &Incident) -> bool {
    of(id, incident).iter().any(|step| step.state != Standing::Running)
}

fn of(id: &str, incident: &Incident) -> Vec<OpenStep> {
    let Some(case) = incident.case() else { return Vec::new() };
    let proposal = incident.proposal();
    let mut open = started(id, case);
    if let Incident::Open(case, Stage::Granted(proposal, _)) = incident
        && let NextStart::Step(step, attempt) = case.next_start(proposal)
        && case.is_persons(proposal, &step.id, attempt)
    {
        open.push(OpenStep {
            incident: id.to_owned(),
            plan: proposal.digest.to_string(),
            step: step.id.clone(),
            attempt,
            target: None,
            title: None,
            state: Standing::ForAPerson,
        });
    }
    for one in &mut open {
        let Some(proposal) = proposal.filter(|p| p.digest.to_string() == one.plan) else {
            continue;
        };
        one.target = Some(proposal.plan.target.clone());
        one.title = proposal.plan.step(&one.step).map(|s| s.title.clone());
    }
    open
}

fn started(id: &str, case: &Case) -> Vec<OpenStep> {
    let open = case.starts.iter().filter_map(|((plan, step, attempt), state)| {
        let state = match state {
            StepState::Started => Standing::Running,
            StepState::Unknown => Standing::Unknown,
            StepState::Ended(_) => return None,
        };
        Some(OpenStep {
            incident: id.to_owned(),
            plan: plan.to_string(),
            step: step.clone(),
            attempt: *attempt,
            target: None,
            title: None,
            state,
        })
    });
    open.collect()
}
