//! What people do with an incident besides deciding about its plan.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use tagout_core::afterwards::Hindsight;
use tagout_core::approval::Person;
use tagout_core::handling::Handled;
use utoipa::ToSchema;

use super::asking::{Done, NotDone, Nothing, Said, plan};
use super::problem::Problem;
use super::switches::end;
use super::{App, now};
use crate::asks::IncidentAsk;

/// Whose an incident is from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Assignment {
    /// The name of somebody who is known; nobody's, if absent.
    to: Option<String>,
}

/// To whom an incident goes, and how things stand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HandOver {
    /// The name of somebody who is known.
    to: String,
    /// How things stand.
    note: String,
}

/// Something said.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Comment {
    /// What.
    text: String,
}

/// Until when nobody is to be reminded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Snooze {
    /// Until when (RFC 3339).
    until: Option<String>,
    /// For how long instead, as `90m` or `2h`.
    lasts: Option<String>,
    /// Why.
    reason: String,
}

/// Of which incident this one becomes a part.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Merging {
    /// The id of the other one.
    into: String,
    /// Why.
    reason: String,
}

/// What a person says afterwards of a plan that ran without people.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Afterwards {
    /// `upheld` or `rejected`.
    #[schema(value_type = String)]
    hindsight: Hindsight,
    /// Why.
    #[serde(default)]
    reason: String,
}

/// Says that somebody has seen the incident and looks after it.
#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/acknowledge",
    tag = "incidents",
    params(("id" = String, Path, description = "The id of the incident.")),
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Done), NotDone)
)]
pub(super) async fn acknowledge(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Said { caller, words: Nothing {} }: Said<Nothing>,
) -> Result<Json<Done>, Problem> {
    app.ask(&caller, &id, IncidentAsk::Handle(Handled::Acknowledged)).await.map(Json)
}

/// Says whose the incident is.
#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/assign",
    tag = "incidents",
    params(("id" = String, Path, description = "The id of the incident.")),
    request_body = Assignment,
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Done), NotDone)
)]
pub(super) async fn assign(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Said { caller, words: Assignment { to } }: Said<Assignment>,
) -> Result<Json<Done>, Problem> {
    let to = to.as_deref().map(person).transpose()?;
    app.ask(&caller, &id, IncidentAsk::Handle(Handled::Assigned { to })).await.map(Json)
}

/// Hands the incident over to somebody else, who is told how things stand.
#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/hand-over",
    tag = "incidents",
    params(("id" = String, Path, description = "The id of the incident.")),
    request_body = HandOver,
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Done), NotDone)
)]
pub(super) async fn hand_over(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Said { caller, words: HandOver { to, note } }: Said<HandOver>,
) -> Result<Json<Done>, Problem> {
    let handed = Handled::HandedOver { to: person(&to)?, note: note.into() };
    app.ask(&caller, &id, IncidentAsk::Handle(handed)).await.map(Json)
}

/// Says something about the incident.
#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/comment",
    tag = "incidents",
    params(("id" = String, Path, description = "The id of the incident.")),
    request_body = Comment,
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Done), NotDone)
)]
pub(super) async fn comment(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Said { caller, words: Comment { text } }: Said<Comment>,
) -> Result<Json<Done>, Problem> {
    let said = Handled::Commented { text: text.into() };
    app.ask(&caller, &id, IncidentAsk::Handle(said)).await.map(Json)
}

/// Has nobody reminded of the incident for a while. What waits for an answer lapses all the same.
#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/snooze",
    tag = "incidents",
    params(("id" = String, Path, description = "The id of the incident.")),
    request_body = Snooze,
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Done), NotDone)
)]
pub(super) async fn snooze(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Said { caller, words: Snooze { until, lasts, reason } }: Said<Snooze>,
) -> Result<Json<Done>, Problem> {
    let until = end(now(), until.as_deref(), lasts.as_deref())?.ok_or_else(|| {
        Problem::new(StatusCode::BAD_REQUEST).detail("say when it ends: until or lasts")
    })?;
    let snoozed = Handled::Snoozed { until, reason: reason.into() };
    app.ask(&caller, &id, IncidentAsk::Handle(snoozed)).await.map(Json)
}

/// Ends a snooze before its time.
#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/wake",
    tag = "incidents",
    params(("id" = String, Path, description = "The id of the incident.")),
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Done), NotDone)
)]
pub(super) async fn wake(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Said { caller, words: Nothing {} }: Said<Nothing>,
) -> Result<Json<Done>, Problem> {
    app.ask(&caller, &id, IncidentAsk::Handle(Handled::Woken)).await.map(Json)
}

/// Makes the incident part of another one.
#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/merge",
    tag = "incidents",
    params(("id" = String, Path, description = "The id of the incident.")),
    request_body = Merging,
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Done), NotDone)
)]
pub(super) async fn merge(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Said { caller, words: Merging { into, reason } }: Said<Merging>,
) -> Result<Json<Done>, Problem> {
    app.ask(&caller, &id, IncidentAsk::Merge { into, reason: reason.into() }).await.map(Json)
}

/// Reviews afterwards what ran without people. A rejection offers the way back as a new plan.
#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/plans/{digest}/hindsight",
    tag = "approvals",
    params(
        ("id" = String, Path, description = "The id of the incident."),
        ("digest" = String, Path, description = "The whole digest of the plan that ran."),
    ),
    request_body = Afterwards,
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Done), NotDone)
)]
pub(super) async fn hindsight(
    State(app): State<Arc<App>>,
    Path((id, digest)): Path<(String, String)>,
    Said { caller, words: Afterwards { hindsight, reason } }: Said<Afterwards>,
) -> Result<Json<Done>, Problem> {
    let plan = plan(&digest)?;
    let ask = IncidentAsk::ReviewAfterwards { plan, hindsight, reason: reason.into() };
    app.ask(&caller, &id, ask).await.map(Json)
}

/// A person by name.
pub(super) fn person(name: &str) -> Result<Person, Problem> {
    Person::new(name).map_err(|e| Problem::new(StatusCode::BAD_REQUEST).detail(format!("to: {e}")))
}
