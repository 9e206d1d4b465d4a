//! The runbooks in force.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tagout_core::runbook::{Runbook, StepKind};
use utoipa::ToSchema;

use super::caller::Caller;
use super::problem::{Details, Problem};
use super::{App, unavailable};
use crate::engine::Engine;

/// The only runbooks that can be planned.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Runbooks {
    /// The digest of all of them, as it stands in the log.
    catalogue: String,
    runbooks: Vec<RunbookView>,
}

/// A runbook in short.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunbookView {
    id: String,
    title: String,
    /// The digest of its page.
    digest: String,
    /// The tier that its author gives it.
    risk: &'static str,
    /// Whether all of it can be taken back.
    reversible: bool,
    /// Who answers for it.
    owner: Option<String>,
    /// Whether any step can be run by a machine.
    executable: bool,
    steps: Vec<StepView>,
    /// The names of its parameters.
    parameters: Vec<String>,
}

/// A step in short.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StepView {
    id: String,
    title: String,
    /// `check`, `action` or `manual`.
    #[schema(value_type = String)]
    kind: StepKind,
    /// Whether the runbook asks for a person.
    requires_approval: bool,
}

impl RunbookView {
    fn of(runbook: &Runbook) -> Self {
        let steps = runbook.steps.iter().map(|step| StepView {
            id: step.id.clone(),
            title: step.title.clone(),
            kind: step.kind,
            requires_approval: step.requires_approval,
        });
        Self {
            id: runbook.id.clone(),
            title: runbook.title.clone(),
            digest: runbook.digest.to_string(),
            risk: runbook.risk.name(),
            reversible: runbook.reversible,
            owner: runbook.owner.clone(),
            executable: runbook.is_executable(),
            steps: steps.collect(),
            parameters: runbook.parameters.keys().cloned().collect(),
        }
    }
}

/// The runbooks in force.
#[utoipa::path(
    get,
    path = "/v1/runbooks",
    tag = "runbooks",
    security(("token" = [])),
    responses(
        (status = 200, description = "All of them, by id.", body = Runbooks),
        (status = 401, description = "Who asks is not known.", body = Details,
         content_type = "application/problem+json"),
        (status = 503, description = "Too much is waiting.", body = Details,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    _: Caller,
    State(app): State<Arc<App>>,
) -> Result<Json<Runbooks>, Problem> {
    let catalogue = app.writer.look(Engine::catalogue).await.map_err(unavailable)?;
    let runbooks = catalogue.iter().map(RunbookView::of).collect();
    Ok(Json(Runbooks { catalogue: catalogue.digest().to_string(), runbooks }))
}
