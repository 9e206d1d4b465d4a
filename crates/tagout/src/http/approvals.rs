//! What waits for people, and their answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tagout_core::approval::Answer;
use tagout_core::limits;
use tagout_core::plan::PlanChange;
use utoipa::{IntoParams, ToSchema};

use super::asking::{Done, NotDone, Nothing, OfIncident, OfPlan, Said, entries, mode, plan};
use super::caller::Caller;
use super::page::{self, NoPage, NotRead};
use super::problem::{Details, Problem};
use super::{App, unavailable};
use crate::asks::{BatchAsk, IncidentAsk};
use crate::queue::{Pending, PlanView};

/// How many incidents a page of the queue has if nobody says.
const PAGE: usize = 50;

/// Which part of the queue.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// At most so many, from 1 to 200; 50 if nobody says.
    limit: Option<usize>,
    /// Where the last page ended: its `next`.
    cursor: Option<String>,
}

/// A page of what waits for people, by incident.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Queue {
    pending: Vec<Pending>,
    /// The `cursor` of the next page, if there is more.
    next: Option<String>,
}

/// What a reviewer says of a plan.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Verdict {
    /// The mode that was before them: `dry_run` or `live`.
    mode: String,
    /// Why.
    #[serde(default)]
    reason: String,
}

/// What to change about a plan. What is not named stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    /// The mode that was before them: `dry_run` or `live`.
    mode: String,
    /// Another of the candidate runbooks.
    runbook: Option<String>,
    /// Steps to leave out.
    #[serde(default)]
    drop_steps: BTreeSet<String>,
    /// Values of parameters, within their limits.
    #[serde(default)]
    values: BTreeMap<String, String>,
    /// Why.
    #[serde(default)]
    reason: String,
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    /// In words, 1 to 4096 bytes.
    pub(super) reason: String,
}

/// What waits for people: plans to answer, and incidents that are with them without one.
#[utoipa::path(
    get,
    path = "/v1/approvals",
    tag = "approvals",
    params(Wanted),
    security(("token" = [])),
    responses(
        (status = 200, description = "A page of the queue.", body = Queue),
        NotRead,
        NoPage
    )
)]
pub(super) async fn list(
    _: Caller,
    State(app): State<Arc<App>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Queue>, Problem> {
    let Wanted { limit, cursor } = page::query(wanted)?;
    let limit = page::limit(limit, PAGE, limits::PAGE_INCIDENTS)?;
    let cursor = page::cursor(cursor)?;
    let queue = app.writer.read(move |journal| {
        // What waits is open, and all that is open is in memory.
        let all = journal.incidents_after(&cursor);
        let mut pending = all.filter_map(|(id, incident)| Pending::of(journal, id, incident));
        let page: Vec<Pending> = pending.by_ref().take(limit).collect();
        let more = pending.next().is_some();
        let next = page.last().filter(|_| more).map(|last| last.summary.incident.clone());
        Queue { pending: page, next }
    });
    Ok(Json(queue.await.map_err(unavailable)?))
}

/// The whole plan of an incident, with the digest that an answer must name.
#[utoipa::path(
    get,
    path = "/v1/incidents/{id}/plan",
    tag = "approvals",
    params(OfIncident),
    security(("token" = [])),
    responses(
        (status = 200, description = "The plan.", body = PlanView),
        (status = 404, description = "There is no such incident, or it has no plan.",
         body = Details, content_type = "application/problem+json"),
        NotRead
    )
)]
pub(super) async fn show(
    _: Caller,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<PlanView>, Problem> {
    let view = app.about(id, PlanView::of).await.map_err(unavailable)?;
    view.map(Json).ok_or_else(|| {
        let detail = "there is no incident of this id, or it has no plan now";
        Problem::new(StatusCode::NOT_FOUND).detail(detail)
    })
}

/// Approves a plan: exactly the one of this digest.
///
/// Asking again is safe and does nothing: whoever has answered is told so with 409, and a plan
/// that was decided stays decided.
#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/plans/{digest}/approve",
    tag = "approvals",
    params(OfPlan),
    request_body = Verdict,
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Done), NotDone)
)]
pub(super) async fn approve(
    State(app): State<Arc<App>>,
    Path(path): Path<(String, String)>,
    said: Said<Verdict>,
) -> Result<Json<Done>, Problem> {
    answer(&app, path, said, Answer::Approve).await
}

/// Rejects a plan: it will not run.
#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/plans/{digest}/reject",
    tag = "approvals",
    params(OfPlan),
    request_body = Verdict,
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Done), NotDone)
)]
pub(super) async fn reject(
    State(app): State<Arc<App>>,
    Path(path): Path<(String, String)>,
    said: Said<Verdict>,
) -> Result<Json<Done>, Problem> {
    answer(&app, path, said, Answer::Reject).await
}

async fn answer(
    app: &App,
    (id, digest): (String, String),
    said: Said<Verdict>,
    answer: Answer,
) -> Result<Json<Done>, Problem> {
    let Said { caller, words: Verdict { mode: word, reason } } = said;
    let (plan, mode) = (plan(&digest)?, mode(&word)?);
    let ask = IncidentAsk::Answer { plan, mode, answer, reason: reason.into() };
    app.ask(&caller, &id, ask).await.map(Json)
}

/// Makes another plan of it, which then waits for its own answers.
#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/plans/{digest}/modify",
    tag = "approvals",
    params(OfPlan),
    request_body = Change,
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Done), NotDone)
)]
pub(super) async fn modify(
    State(app): State<Arc<App>>,
    Path((id, digest)): Path<(String, String)>,
    said: Said<Change>,
) -> Result<Json<Done>, Problem> {
    let Said { caller, words: Change { mode: word, runbook, drop_steps, values, reason } } = said;
    let (plan, mode) = (plan(&digest)?, mode(&word)?);
    let change = PlanChange { runbook, drop_steps, values };
    if change == PlanChange::default() {
        let detail = "nothing to change: give runbook, drop_steps or values";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY).detail(detail));
    }
    let ask = IncidentAsk::Modify { plan, mode, change, reason: reason.into() };
    app.ask(&caller, &id, ask).await.map(Json)
}

/// Approves alone what needs more people. Only for those whom the policy entitles; everybody who
/// may approve is told, and a review afterwards is owed.
#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/plans/{digest}/break-glass",
    tag = "approvals",
    params(OfPlan),
    request_body = Verdict,
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Done), NotDone)
)]
pub(super) async fn break_glass(
    State(app): State<Arc<App>>,
    Path((id, digest)): Path<(String, String)>,
    Said { caller, words: Verdict { mode: word, reason } }: Said<Verdict>,
) -> Result<Json<Done>, Problem> {
    let (plan, mode) = (plan(&digest)?, mode(&word)?);
    let ask = IncidentAsk::BreakGlass { plan, mode, reason: reason.into() };
    app.ask(&caller, &id, ask).await.map(Json)
}

/// Takes back a grant before the next step, or objects to a plan for good.
#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/plans/{digest}/revoke",
    tag = "approvals",
    params(OfPlan),
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Done), NotDone)
)]
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    Path((id, digest)): Path<(String, String)>,
    Said { caller, words: Nothing {} }: Said<Nothing>,
) -> Result<Json<Done>, Problem> {
    let plan = plan(&digest)?;
    app.ask(&caller, &id, IncidentAsk::Revoke { plan }).await.map(Json)
}

/// Has a halted plan decided again; at best people are then asked.
#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/plans/{digest}/resume",
    tag = "approvals",
    params(OfPlan),
    request_body = Why,
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Done), NotDone)
)]
pub(super) async fn resume(
    State(app): State<Arc<App>>,
    Path((id, digest)): Path<(String, String)>,
    Said { caller, words: Why { reason } }: Said<Why>,
) -> Result<Json<Done>, Problem> {
    let ask = IncidentAsk::ResumeHalt { plan: plan(&digest)?, reason: reason.into() };
    app.ask(&caller, &id, ask).await.map(Json)
}

/// Notes that a plan is before the one who asks: their time to answer runs from here. For
/// programs that put plans before people; reading a plan over this interface notes nothing.
#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/plans/{digest}/shown",
    tag = "approvals",
    params(OfPlan),
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Done), NotDone)
)]
pub(super) async fn shown(
    State(app): State<Arc<App>>,
    Path((id, digest)): Path<(String, String)>,
    Said { caller, words: Nothing {} }: Said<Nothing>,
) -> Result<Json<Done>, Problem> {
    let plan = plan(&digest)?;
    app.ask(&caller, &id, IncidentAsk::Show { plan }).await.map(Json)
}

/// Closes an incident that people have dealt with.
#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/close",
    tag = "incidents",
    params(OfIncident),
    request_body = Why,
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Done), NotDone)
)]
pub(super) async fn close(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Said { caller, words: Why { reason } }: Said<Why>,
) -> Result<Json<Done>, Problem> {
    app.ask(&caller, &id, IncidentAsk::Close { reason: reason.into() }).await.map(Json)
}

/// One answer to many like plans.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Batch {
    /// `approve` or `reject`.
    #[schema(value_type = String)]
    answer: Answer,
    /// The mode that was before them: `dry_run` or `live`.
    mode: String,
    /// Why; it stands in the record of each.
    reason: String,
    /// The plans, at most 50.
    plans: Vec<Named>,
}

/// A plan of an incident.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    /// The id of the incident.
    incident: String,
    /// The whole digest of the plan that was read.
    plan: String,
}

/// What came of a batch, in its order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatchDone {
    results: Vec<OneDone>,
}

/// What came of one plan of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OneDone {
    incident: String,
    /// Whether the answer was taken.
    taken: bool,
    /// The places in the log of what was recorded for it.
    entries: Vec<u64>,
    /// Why it was not taken: what the answer to this plan alone would have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Details>,
}

/// Gives one answer to many like plans: of one runbook in one version, at one tier, which is low
/// or medium. A plan that takes another back is answered by itself. Each is recorded by itself;
/// one that is refused does not hold up the others.
#[utoipa::path(
    post,
    path = "/v1/approvals/batch",
    tag = "approvals",
    request_body = Batch,
    security(("token" = [])),
    responses(
        (status = 200, description = "What came of each, in the order of the request.",
         body = BatchDone),
        NotDone
    )
)]
pub(super) async fn batch(
    State(app): State<Arc<App>>,
    said: Said<Batch>,
) -> Result<Json<BatchDone>, Problem> {
    let Said { caller, words: Batch { answer, mode: word, reason, plans } } = said;
    let named = |one: Named| Ok((one.incident, plan(&one.plan)?));
    let plans = plans.into_iter().map(named).collect::<Result<_, Problem>>()?;
    let batch = BatchAsk { plans, mode: mode(&word)?, answer, reason: reason.into() };
    let done = app.in_time(app.asks.batch(&caller.actor, batch)).await??;
    let results = done.into_iter().map(|(incident, came)| match came {
        Ok(recorded) => {
            OneDone { incident, taken: true, entries: entries(&recorded), problem: None }
        }
        Err(error) => {
            let problem = Some(Problem::from(error).details(""));
            OneDone { incident, taken: false, entries: Vec::new(), problem }
        }
    });
    Ok(Json(BatchDone { results: results.collect() }))
}
