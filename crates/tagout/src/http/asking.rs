//! Requests that do something: who asks, what they say, and how a refusal is told.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tagout_core::approval::Refusal;
use tagout_core::decide::Rejection;
use tagout_core::digest::PlanDigest;
use tagout_core::limits;
use tagout_core::verdict::Mode;
use tokio::time::timeout;
use utoipa::{IntoResponses, ToSchema};

use super::caller::{Caller, Stranger};
use super::problem::{Details, Problem};
use super::{App, bodies};
use crate::asks::{AskError, IncidentAsk, SharedAsk};
use crate::engine::EngineError;
use crate::journal::Recorded;
use crate::queue::Request as Asked;
use crate::summary::Summary;
use crate::writer::NotRecorded;

/// Somebody who asks, and what they say.
pub(super) struct Said<T> {
    pub(super) caller: Caller,
    pub(super) words: T,
}

/// Nothing needs to be said.
#[derive(Debug, Default, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Said<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let caller =
            Caller::from_request_parts(&mut parts, app).await.map_err(
                |stranger| match stranger {
                    Stranger::Problem(problem) => problem,
                    Stranger::SignIn(_) => Problem::unauthorized(),
                },
            )?;
        let body = bodies::whole(app, body, limits::ASK_BYTES).await?;
        // No form of another site can send this kind of body without the browser asking first.
        if !(body.is_empty() || is_json(&parts.headers)) {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
                .detail("send JSON, and say so in content-type"));
        }
        let text: &[u8] = if body.is_empty() { b"{}" } else { &body };
        let words = serde_json::from_slice(text).map_err(|error| {
            Problem::new(StatusCode::BAD_REQUEST).detail(format!("the body: {error}"))
        })?;
        Ok(Self { caller, words })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// What came of an ask about an incident.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Done {
    /// The places in the log of what was recorded for it.
    entries: Vec<u64>,
    /// The incident as it is now.
    incident: Summary,
    /// What is asked of people now, if somebody still is.
    request: Option<Asked>,
}

/// How every ask may fail.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "read by the description of the interface alone")]
pub(super) enum NotDone {
    /// The request cannot be read.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(#[to_schema] Details),
    /// Who asks is not known.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(#[to_schema] Details),
    /// They may not: their role does not let them, nobody approves what they asked for, or the
    /// policy lets others. The attempt is recorded.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(#[to_schema] Details),
    /// There is no such thing.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(#[to_schema] Details),
    /// Things are not any more as the asker saw them: the plan has changed (with `plan_now` and
    /// `difference`), was decided or has lapsed, or they have answered already.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(#[to_schema] Details),
    /// The body did not arrive in time.
    #[response(status = 408, content_type = "application/problem+json")]
    TooSlow(#[to_schema] Details),
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(#[to_schema] Details),
    /// The body is no JSON.
    #[response(status = 415, content_type = "application/problem+json")]
    NotJson(#[to_schema] Details),
    /// The rules say no; `detail` says what to do.
    #[response(status = 422, content_type = "application/problem+json")]
    Rejected(#[to_schema] Details),
    /// They ask too often; `retry-after` says when to ask again.
    #[response(status = 429, content_type = "application/problem+json")]
    TooOften(#[to_schema] Details),
    /// Nothing was recorded for now; ask again.
    #[response(status = 503, content_type = "application/problem+json")]
    NotRecorded(#[to_schema] Details),
}

impl App {
    /// Asks for something about an incident, and says how it stands then.
    pub(super) async fn ask(
        &self,
        caller: &Caller,
        id: &str,
        ask: IncidentAsk,
    ) -> Result<Done, Problem> {
        let asked = self.in_time(self.asks.incident(&caller.actor, id, ask)).await?;
        let recorded = asked?;
        let state = self.about(id.to_owned(), |journal, id, incident| {
            Summary::among(journal, id, incident).map(|summary| (summary, Asked::of(incident)))
        });
        let (incident, request) = state
            .await
            .map_err(super::unavailable)?
            .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND))?;
        Ok(Done { entries: entries(&recorded), incident, request })
    }

    /// Asks for something about what spans incidents; the places in the log of what was recorded.
    pub(super) async fn ask_shared(
        &self,
        caller: &Caller,
        ask: SharedAsk,
    ) -> Result<Vec<u64>, Problem> {
        let recorded = self.in_time(self.asks.shared(&caller.actor, ask)).await??;
        Ok(entries(&recorded))
    }

    pub(super) async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, Problem> {
        timeout(self.timeout(), work).await.map_err(|_| {
            let detail = "it took too long; look whether it was recorded before you ask again";
            Problem::come_back(detail, 1)
        })
    }
}

pub(super) fn entries(recorded: &[Recorded]) -> Vec<u64> {
    recorded.iter().map(Recorded::index).collect()
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        let words = error.to_string();
        match error {
            AskError::NotAllowed { .. } => Self::new(StatusCode::FORBIDDEN).detail(words),
            AskError::Outdated { plan_now, difference } => {
                Self::outdated(words, plan_now.to_string(), difference)
            }
            AskError::NoBatch(_) | AskError::Unknown(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY).detail(words)
            }
            AskError::Answered { .. } => Self::new(StatusCode::CONFLICT).detail(words),
            AskError::Rejected(rejection) => Self::new(status(&rejection)).detail(words),
            AskError::NotRecorded(NotRecorded::Engine(EngineError::Fault(fault))) => {
                tracing::error!(%fault, "an ask could not be recorded");
                Self::come_back("it could not be recorded for now; ask again", 5)
            }
            AskError::NotRecorded(_) => Self::come_back(words, 1),
        }
    }
}

/// The status of a rejection: whose fault it is, and whether asking again can help.
const fn status(rejection: &Rejection) -> StatusCode {
    match rejection {
        Rejection::NoSuchIncident => StatusCode::NOT_FOUND,
        Rejection::Refused(Refusal::OwnRequest | Refusal::NotEntitled | Refusal::OneByOne, _)
        | Rejection::NotLet { .. } => StatusCode::FORBIDDEN,
        Rejection::Refused(..)
        | Rejection::Closed
        | Rejection::NotDue(_)
        | Rejection::Stopped(_)
        | Rejection::TargetBusy { .. } => StatusCode::CONFLICT,
        Rejection::Illegal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// The whole digest of a plan in a path.
pub(super) fn plan(digest: &str) -> Result<PlanDigest, Problem> {
    digest.parse().map_err(|_| {
        let detail = "give the whole digest of the plan: 64 hexadecimal digits";
        Problem::new(StatusCode::BAD_REQUEST).detail(detail)
    })
}

/// A mode as it stands in plans (`dry_run`) or as people write it (`dry-run`).
pub(super) fn mode(word: &str) -> Result<Mode, Problem> {
    match word {
        "dry_run" | "dry-run" => Ok(Mode::DryRun),
        "live" => Ok(Mode::Live),
        _ => Err(Problem::new(StatusCode::BAD_REQUEST).detail("mode must be dry_run or live")),
    }
}
