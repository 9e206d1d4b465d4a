//! The runbooks in force.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tagout_core::runbook::{Runbook, StepKind};
use utoipa::ToSchema;

use super::asking::{NotDone, Said, entries};
use super::caller::Caller;
use super::page::NotRead;
use super::problem::{Details, Problem};
use super::{App, unavailable, unreadable};
use crate::admission::Admission;
use crate::engine::Engine;
use crate::fault::Fault;

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

/// A version of a runbook to admit.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Admit {
    /// The digest of the page that was read.
    digest: String,
}

/// A version of a runbook that was admitted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Admitted {
    runbook: String,
    digest: String,
    /// The places in the log of what was recorded for this request.
    entries: Vec<u64>,
}

/// What somebody has to see who is to admit a runbook to live mode: its digest, and in what it
/// differs from the version that was admitted last.
#[utoipa::path(
    get,
    path = "/v1/runbooks/{id}/admission",
    tag = "runbooks",
    params(("id" = String, Path, description = "The id of the runbook; a slash in it as %2F.")),
    security(("token" = [])),
    responses(
        (status = 200, description = "How it stands.", body = Admission),
        (status = 404, description = "There is no such runbook.", body = Details,
         content_type = "application/problem+json"),
        NotRead,
    )
)]
pub(super) async fn admission(
    _: Caller,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Admission>, Problem> {
    let look = app.writer.look(move |engine| {
        let found = Admission::of(engine, &id)?;
        Ok::<_, Fault>(found.map(|admission| admission.in_mode(engine.mode())))
    });
    let found = look.await.map_err(unavailable)?.map_err(unreadable)?;
    found.map(Json).ok_or_else(|| Problem::new(StatusCode::NOT_FOUND))
}

/// Admits exactly this version of a runbook to live mode.
#[utoipa::path(
    post,
    path = "/v1/runbooks/{id}/admit",
    tag = "runbooks",
    params(("id" = String, Path, description = "The id of the runbook; a slash in it as %2F.")),
    request_body = Admit,
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Admitted), NotDone)
)]
pub(super) async fn admit(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Said { caller, words: Admit { digest } }: Said<Admit>,
) -> Result<Json<Admitted>, Problem> {
    let parsed = digest.parse().map_err(|_| {
        let detail = "give the whole digest of the page: 64 hexadecimal digits";
        Problem::new(StatusCode::BAD_REQUEST).detail(detail)
    })?;
    let recorded = app.in_time(app.asks().admit(&caller.actor, &id, parsed)).await??;
    Ok(Json(Admitted { runbook: id, digest, entries: entries(&recorded) }))
}

/// The runbooks in force.
#[utoipa::path(
    get,
    path = "/v1/runbooks",
    tag = "runbooks",
    security(("token" = [])),
    responses(
        (status = 200, description = "All of them, by id.", body = Runbooks),
        NotRead
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
