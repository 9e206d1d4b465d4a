//! The read API over notices: what people were told, through which channel, and what could not
//! be delivered.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use tagout_core::limits;
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::page;
use super::problem::{Details, Problem};
use super::{App, unavailable};
use crate::notify::Told;

/// How many notices a page has if nobody says.
const PAGE: usize = 50;

/// Which notices, and how many.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Those that are over as well, for as long as they are kept; only those that wait if not.
    #[serde(default)]
    all: bool,
    /// At most so many, from 1 to 200; 50 if nobody says.
    limit: Option<usize>,
    /// Those before this place in the outbox: the last page's `next`.
    before: Option<i64>,
}

/// Some notices, the latest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NoticePage {
    notices: Vec<Told>,
    /// The `before` of the next page, if there may be more.
    next: Option<i64>,
}

/// What people were told, a page at a time.
#[utoipa::path(
    get,
    path = "/v1/notices",
    tag = "channels",
    params(Wanted),
    security(("token" = [])),
    responses(
        (status = 200, description = "A page of notices.", body = NoticePage),
        (status = 400, description = "The query is not one.", body = Details,
         content_type = "application/problem+json"),
        (status = 401, description = "A token is needed.", body = Details,
         content_type = "application/problem+json"),
        (status = 503, description = "Too much is waiting, or the outbox cannot be read.",
         body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    _: Caller,
    State(app): State<Arc<App>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<NoticePage>, Problem> {
    let Wanted { all, limit, before } = page::query(wanted)?;
    let limit = page::limit(limit, PAGE, limits::PAGE_NOTICES)?;
    let before = before.unwrap_or(i64::MAX);
    let read = app.writer.read(move |journal| {
        Told::latest(journal.log().storage(), before, all, limit).map_err(|e| e.to_string())
    });
    let notices = read.await.map_err(unavailable)?.map_err(|error| {
        tracing::error!(error, "the outbox cannot be read");
        Problem::come_back("the outbox cannot be read for now", 5)
    })?;
    let next = notices.last().map(|last| last.number).filter(|_| notices.len() == limit);
    Ok(Json(NoticePage { notices, next }))
}
