//! The read API over the log.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Caller;
use super::problem::{Details, Problem};
use super::{App, unavailable};

/// The checkpoint that was signed last.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LogCheckpoint {
    /// How many entries it covers.
    entries: u64,
    /// How many entries the log has by now.
    entries_now: u64,
    /// The signed note: <https://c2sp.org/tlog-checkpoint>. Keep it, and nobody can shorten the
    /// log unseen.
    note: String,
}

/// The checkpoint that was signed last.
#[utoipa::path(
    get,
    path = "/v1/log/checkpoint",
    tag = "log",
    security(("token" = [])),
    responses(
        (status = 200, description = "The checkpoint.", body = LogCheckpoint),
        (status = 401, description = "A token is needed.", body = Details,
         content_type = "application/problem+json"),
        (status = 404, description = "The log was not signed yet.", body = Details,
         content_type = "application/problem+json"),
        (status = 503, description = "Too much is waiting, or the log cannot be read.",
         body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn checkpoint(
    _: Caller,
    State(app): State<Arc<App>>,
) -> Result<Json<LogCheckpoint>, Problem> {
    let read = app.writer.read(|journal| (journal.last_checkpoint(), journal.log().size()));
    let (signed, entries_now) = read.await.map_err(unavailable)?;
    let signed = signed.map_err(|fault| {
        tracing::error!(%fault, "the checkpoint cannot be read");
        Problem::come_back("the log cannot be read for now", 5)
    })?;
    let signed = signed.ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND).detail("the log was not signed yet; ask in a minute")
    })?;
    let (entries, note) = (signed.checkpoint().size, signed.to_string());
    Ok(Json(LogCheckpoint { entries, entries_now, note }))
}
