//! The steps of live plans that are not over, and what people say of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use tagout_core::event::StepFinding;
use utoipa::ToSchema;

use super::asking::{Done, NotDone, Said, plan};
use super::caller::Caller;
use super::page::NotRead;
use super::problem::Problem;
use super::{App, unavailable};
use crate::asks::IncidentAsk;
use crate::steps::{OpenStep, open_steps};

/// The steps that are not over.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Steps {
    steps: Vec<OpenStep>,
    /// Why no step starts here now, if that is so.
    stopped: Option<String>,
}

/// What somebody says of a step.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Resolution {
    /// The whole digest of the plan.
    plan: String,
    /// The step.
    step: String,
    /// Which attempt, from 1.
    attempt: u32,
    /// `ran`, `did_not_run`, or `investigating`, which leaves it unknown.
    #[schema(value_type = String)]
    finding: StepFinding,
    /// How they know, 1 to 4096 bytes.
    reason: String,
}

/// The steps of live plans that run, of which nobody knows what they did, or that are for a person.
#[utoipa::path(
    get,
    path = "/v1/steps",
    tag = "steps",
    security(("token" = [])),
    responses(
        (status = 200, description = "All of them, by incident.", body = Steps),
        NotRead,
    )
)]
pub(super) async fn list(_: Caller, State(app): State<Arc<App>>) -> Result<Json<Steps>, Problem> {
    let steps = app.writer.read(open_steps).await.map_err(unavailable)?;
    Ok(Json(Steps { steps, stopped: app.asks().stopped() }))
}

/// Says what a step did of which nobody knows, or that one which is for a person is done. With
/// that the plan goes on or ends.
#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/steps/resolve",
    tag = "steps",
    params(("id" = String, Path, description = "The id of the incident.")),
    request_body = Resolution,
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Done), NotDone)
)]
pub(super) async fn resolve(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Said { caller, words }: Said<Resolution>,
) -> Result<Json<Done>, Problem> {
    let Resolution { plan: digest, step, attempt, finding, reason } = words;
    let plan = plan(&digest)?;
    let ask = IncidentAsk::ResolveStep { plan, step, attempt, finding, reason: reason.into() };
    app.ask(&caller, &id, ask).await.map(Json)
}
