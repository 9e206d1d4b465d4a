//! What every request that only reads has in common: which page of what is many it asks for, and
//! how it may fail.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::StatusCode;
use tagout_core::limits;
use utoipa::IntoResponses;

use super::problem::{Details, Problem};

/// How every reading may fail.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "read by the description of the interface alone")]
pub(super) enum NotRead {
    /// Who asks is not known.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(#[to_schema] Details),
    /// Too much is waiting, or the log cannot be read.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(#[to_schema] Details),
}

/// How a reading of a page may fail besides.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "read by the description of the interface alone")]
pub(super) enum NoPage {
    /// The query is not one.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(#[to_schema] Details),
}

/// What a query says.
pub(super) fn query<T>(asked: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    asked.map(|Query(asked)| asked).map_err(|e| bad(e.body_text()))
}

/// How many a page is to have: what was asked for, or `usual`; from 1 to `most`.
pub(super) fn limit(asked: Option<usize>, usual: usize, most: usize) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(usual);
    if (1..=most).contains(&limit) {
        return Ok(limit);
    }
    Err(bad(format!("limit must be from 1 to {most}")))
}

/// Where the page before ended; nowhere for the first one.
pub(super) fn cursor(asked: Option<String>) -> Result<String, Problem> {
    let cursor = asked.unwrap_or_default();
    if cursor.len() > limits::NAME_BYTES {
        return Err(bad("cursor is not one of ours"));
    }
    Ok(cursor)
}

/// The query is not one.
pub(super) fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST).detail(detail)
}
