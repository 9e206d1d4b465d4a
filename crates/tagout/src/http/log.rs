//! The read API over the log.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::problem::{Details, Problem};
use super::{App, unavailable, unreadable};
use crate::journal::NoReceipt;

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
    let signed = signed.map_err(unreadable)?;
    let signed = signed.ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND).detail("the log was not signed yet; ask in a minute")
    })?;
    let (entries, note) = (signed.checkpoint().size, signed.to_string());
    Ok(Json(LogCheckpoint { entries, entries_now, note }))
}

/// The proof of one entry, as a text file that is checked offline by `tagout audit verify`: the
/// entry with its texts, its place, and the way from it to a signed checkpoint.
#[utoipa::path(
    get,
    path = "/v1/audit/entries/{n}/proof",
    tag = "log",
    params(("n" = u64, Path, description = "The place of the entry in the log, from 0.")),
    security(("token" = [])),
    responses(
        (status = 200, description = "The proof (C2SP tlog-proof).", body = String,
         content_type = "text/plain"),
        (status = 400, description = "The place is no number.", body = Details,
         content_type = "application/problem+json"),
        (status = 401, description = "Who asks is not known.", body = Details,
         content_type = "application/problem+json"),
        (status = 404, description = "The log has no such entry.", body = Details,
         content_type = "application/problem+json"),
        (status = 503, description = "It is not signed yet, which takes some seconds; or the log \
         cannot be read.", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn prove(
    _: Caller,
    State(app): State<Arc<App>>,
    Path(n): Path<u64>,
) -> Result<Response, Problem> {
    let proved = app.writer.read(move |journal| {
        if n >= journal.log().size() {
            let detail = "the log has no entry at this place";
            return Ok(Err(Problem::new(StatusCode::NOT_FOUND).detail(detail)));
        }
        match journal.last_checkpoint()? {
            Some(checkpoint) if n < checkpoint.checkpoint().size => {
                journal.prove(n, &checkpoint).map(|proof| Ok(proof.to_string()))
            }
            _ => Ok(Err(Problem::come_back("the entry is not signed yet; ask again", 10))),
        }
    });
    let proof = proved.await.map_err(unavailable)?.map_err(unreadable)??;
    let name = format!("attachment; filename=\"tagout-entry-{n}.proof\"");
    let kind = "text/plain; charset=utf-8".to_owned();
    Ok(([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name)], proof).into_response())
}

/// Which plan of an incident.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// The beginning of the plan's digest; the incident's last plan if nobody says.
    plan: Option<String>,
}

/// The receipt of a plan, as a text file that is checked offline by `tagout audit verify`: who
/// decided what about it on which evidence and what became of each step, with the proofs.
#[utoipa::path(
    get,
    path = "/v1/incidents/{id}/receipt",
    tag = "log",
    params(("id" = String, Path, description = "The id of the incident."), Which),
    security(("token" = [])),
    responses(
        (status = 200, description = "The receipt (docs/log-format.md).", body = String,
         content_type = "application/jsonl"),
        (status = 400, description = "The query is not one.", body = Details,
         content_type = "application/problem+json"),
        (status = 401, description = "Who asks is not known.", body = Details,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such incident, or no such plan of it.",
         body = Details, content_type = "application/problem+json"),
        (status = 503, description = "It is not signed yet, which takes some seconds; or the log \
         cannot be read.", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn receipt(
    _: Caller,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Which { plan }) =
        which.map_err(|e| Problem::new(StatusCode::BAD_REQUEST).detail(e.body_text()))?;
    let not_signed = || Problem::come_back("it is not signed yet; ask again", 10);
    let written = app.writer.read(move |journal| {
        let Some(checkpoint) = journal.last_checkpoint()? else { return Ok(Err(not_signed())) };
        let mut bytes = Vec::new();
        match journal.write_receipt(&mut bytes, (&id, plan.as_deref()), &checkpoint) {
            Ok(account) => Ok(Ok((bytes, account.plan.short()))),
            Err(NoReceipt::Unknown(what)) => {
                Ok(Err(Problem::new(StatusCode::NOT_FOUND).detail(what)))
            }
            Err(NoReceipt::NotSigned) => Ok(Err(not_signed())),
            Err(NoReceipt::Fault(fault)) => Err(fault),
        }
    });
    let (bytes, plan) = written.await.map_err(unavailable)?.map_err(unreadable)??;
    let name = format!("attachment; filename=\"tagout-{plan}.receipt\"");
    let kind = "application/jsonl".to_owned();
    Ok(([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name)], bytes).into_response())
}
