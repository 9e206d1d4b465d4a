//! The steps of live plans that have no recorded end, and those that are for a person to do: what
//! people have to look at before a plan goes on.

use serde::{Deserialize, Serialize};
use tagout_core::digest::PlanDigest;
use tagout_core::incident::{Case, Incident, Stage, StepState};
use tagout_core::need::manual_step;
use tagout_core::shared::Shared;
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
    /// What it acts on, where the plan is still the one in force or holds it.
    pub target: Option<String>,
    /// What it does, in a line, where the plan is still the one in force.
    pub title: Option<String>,
    /// How it stands.
    pub state: Standing,
}

impl OpenStep {
    /// How it stands, in a clause.
    #[must_use]
    pub fn stands(&self) -> String {
        match self.state {
            Standing::Running => format!("its step {} runs", self.step),
            Standing::Unknown => format!("nobody knows what its step {} did", self.step),
            Standing::ForAPerson => format!("its step {} is for a person to do", self.step),
        }
    }
}

/// All steps that are not over.
pub fn open_steps<S: Storage>(journal: &Journal<S>) -> Vec<OpenStep> {
    journal.incidents().flat_map(|(id, incident)| of(journal.shared(), id, incident)).collect()
}

/// The steps of one incident that are not over.
#[must_use]
pub fn of(shared: &Shared, id: &str, incident: &Incident) -> Vec<OpenStep> {
    let Some(case) = incident.case() else { return Vec::new() };
    let mut open = started(shared, id, case);
    if let Incident::Open(_, Stage::Granted(proposal, _)) = incident
        && let Some((step, attempt)) = manual_step(incident)
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
    // Nearly every incident has none, and all of them are asked.
    let Some(proposal) = incident.proposal().filter(|_| !open.is_empty()) else { return open };
    let digest = proposal.digest.to_string();
    for one in open.iter_mut().filter(|one| one.plan == digest) {
        one.target = Some(proposal.plan.target.clone());
        one.title = proposal.plan.step(&one.step).map(|s| s.title.clone());
    }
    open
}

fn started(shared: &Shared, id: &str, case: &Case) -> Vec<OpenStep> {
    let held = |plan: &PlanDigest| shared.held(*plan).map(str::to_owned);
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
            target: held(plan),
            title: None,
            state,
        })
    });
    open.collect()
}
