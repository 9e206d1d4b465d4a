//! The read API over incidents.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tagout_core::limits;
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::problem::{Details, Problem};
use super::{App, unavailable, unreadable};
use crate::engine::EngineError;
use crate::fault::Fault;
use crate::gathered::{Gathered, gathered};
use crate::journal::Recorded;
use crate::summary::{STATES, Summary};
use crate::writer::{NotRecorded, Writer};

/// All incidents that are not closed.
const OPEN: &str = "open";
/// How many incidents a page has if nobody says.
const PAGE: usize = 50;

/// Which incidents, and how many.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Only those in this state, such as `pending_review`; `open` for all that are not closed.
    state: Option<String>,
    /// At most so many, from 1 to 200; 50 if nobody says.
    limit: Option<usize>,
    /// Where the last page ended: its `next`.
    cursor: Option<String>,
}

/// Which part of an incident's history.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct From {
    /// From this place in the log on: the last page's `next`.
    from: Option<u64>,
}

/// Some incidents, by id.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IncidentPage {
    incidents: Vec<Summary>,
    /// The `cursor` of the next page, if there may be more. A page may be short and have one.
    next: Option<String>,
}

/// An incident with what is recorded of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IncidentDetail {
    summary: Summary,
    history: Vec<Entry>,
    /// The `from` of the next page of the history, if there is more.
    next: Option<u64>,
}

/// One event with its place in the log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Entry {
    /// Its place in the log, from 0.
    entry: u64,
    /// When it was recorded (RFC 3339).
    at: String,
    /// Its kind and data, as in `tagout audit show --json`.
    #[schema(value_type = Object)]
    event: Value,
}

impl Entry {
    fn of(recorded: &Recorded) -> Option<Self> {
        let (entry, at) = (recorded.index(), recorded.at().to_string());
        Some(Self { entry, at, event: serde_json::to_value(recorded.event()).ok()? })
    }
}

/// Incidents, a page at a time.
#[utoipa::path(
    get,
    path = "/v1/incidents",
    tag = "incidents",
    params(Wanted),
    security(("token" = [])),
    responses(
        (status = 200, description = "A page of incidents.", body = IncidentPage),
        (status = 400, description = "The query is not one.", body = Details,
         content_type = "application/problem+json"),
        (status = 401, description = "A token is needed.", body = Details,
         content_type = "application/problem+json"),
        (status = 503, description = "Too much is waiting.", body = Details,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    _: Caller,
    State(app): State<Arc<App>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<IncidentPage>, Problem> {
    let Query(wanted) = wanted.map_err(|e| bad(e.body_text()))?;
    let limit = wanted.limit.unwrap_or(PAGE);
    if !(1..=limits::PAGE_INCIDENTS).contains(&limit) {
        return Err(bad(format!("limit must be from 1 to {}", limits::PAGE_INCIDENTS)));
    }
    if let Some(state) = wanted.state.as_deref()
        && state != OPEN
        && !STATES.contains(&state)
    {
        return Err(bad(format!("state must be {OPEN} or one of: {}", STATES.join(", "))));
    }
    let cursor = wanted.cursor.unwrap_or_default();
    if cursor.len() > limits::NAME_BYTES {
        return Err(bad("cursor is not one of ours"));
    }
    page(&app.writer, wanted.state, cursor, limit).await.map(Json).map_err(unavailable)
}

/// A page of incidents. Those that are closed are read from the log, so what is looked at is
/// bounded as well as what is shown.
async fn page(
    writer: &Writer,
    state: Option<String>,
    cursor: String,
    limit: usize,
) -> Result<IncidentPage, NotRecorded> {
    let in_memory = state.as_ref().is_some_and(|state| state != "closed");
    let ids = writer.read(move |journal| {
        if in_memory {
            let open = journal.incidents_after(&cursor).map(|(id, _)| id.to_owned());
            return Ok(open.take(limits::PAGE_SCAN).collect());
        }
        journal.ids_after(&cursor, limits::PAGE_SCAN)
    });
    let ids = ids.await?.map_err(EngineError::from)?;
    let fits = |summary: &Summary| {
        state.as_ref().is_none_or(|state| {
            state == summary.state || (state == OPEN && summary.state != "closed")
        })
    };
    let (incidents, seen) = writer.summaries(&ids, limit, fits).await?;
    let more = incidents.len() == limit || seen == limits::PAGE_SCAN;
    let next = seen.checked_sub(1).filter(|_| more).and_then(|last| ids.get(last)).cloned();
    Ok(IncidentPage { incidents, next })
}

/// One incident with its recorded history.
#[utoipa::path(
    get,
    path = "/v1/incidents/{id}",
    tag = "incidents",
    params(("id" = String, Path, description = "The id of the incident."), From),
    security(("token" = [])),
    responses(
        (status = 200, description = "The incident.", body = IncidentDetail),
        (status = 400, description = "The query is not one.", body = Details,
         content_type = "application/problem+json"),
        (status = 401, description = "A token is needed.", body = Details,
         content_type = "application/problem+json"),
        (status = 404, description = "There is none of this id.", body = Details,
         content_type = "application/problem+json"),
        (status = 503, description = "Too much is waiting, or the log cannot be read.",
         body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    _: Caller,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    wanted: Result<Query<From>, QueryRejection>,
) -> Result<Json<IncidentDetail>, Problem> {
    let Query(From { from }) = wanted.map_err(|e| bad(e.body_text()))?;
    let found = app.about(id, move |journal, id, incident| {
        let Some(summary) = Summary::among(journal, id, incident) else { return Ok(None) };
        let history = journal.history_from(id, from.unwrap_or(0), limits::PAGE_EVENTS + 1)?;
        Ok::<_, Fault>(Some((summary, history)))
    });
    let found = found.await.map_err(unavailable)?.map_err(unreadable)?;
    let (summary, mut history) = found.ok_or_else(unknown)?;
    let next = history.get(limits::PAGE_EVENTS).map(Recorded::index);
    history.truncate(limits::PAGE_EVENTS);
    let history = history.iter().filter_map(Entry::of).collect();
    Ok(Json(IncidentDetail { summary, history, next }))
}

/// Which of an incident's alerts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// From the alert with this number on, counted from 0: the last page's `next`.
    from: Option<u64>,
    /// At most so many, from 1 to 500; 500 if nobody says.
    limit: Option<usize>,
}

/// What was folded into one incident.
#[utoipa::path(
    get,
    path = "/v1/incidents/{id}/alerts",
    tag = "incidents",
    params(("id" = String, Path, description = "The id of the incident."), Which),
    security(("token" = [])),
    responses(
        (status = 200, description = "The alerts that belong or belonged to it, in the order in \
         which they came.", body = Gathered),
        (status = 400, description = "The query is not one.", body = Details,
         content_type = "application/problem+json"),
        (status = 401, description = "A token is needed.", body = Details,
         content_type = "application/problem+json"),
        (status = 404, description = "There is none of this id.", body = Details,
         content_type = "application/problem+json"),
        (status = 503, description = "Too much is waiting, or the log cannot be read.",
         body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn alerts(
    _: Caller,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Gathered>, Problem> {
    let Query(Which { from, limit }) = which.map_err(|e| bad(e.body_text()))?;
    let limit = limit.unwrap_or(limits::PAGE_ALERTS);
    if !(1..=limits::PAGE_ALERTS).contains(&limit) {
        return Err(bad(format!("limit must be from 1 to {}", limits::PAGE_ALERTS)));
    }
    let found = app.writer.read(move |journal| gathered(journal, &id, from.unwrap_or(0), limit));
    let found = found.await.map_err(unavailable)?.map_err(unreadable)?;
    found.map(Json).ok_or_else(unknown)
}

fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND).detail("there is no incident of this id")
}

fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST).detail(detail)
}
