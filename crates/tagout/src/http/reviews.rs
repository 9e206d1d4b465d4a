//! The reviews afterwards that are owed: of what ran without people, and of broken glass.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tagout_core::afterwards::{Debts, Owed};
use tagout_core::limits;
use tagout_core::verdict::Mode;
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::problem::{Details, Problem};
use super::{App, unavailable};

/// How many.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// At most so many, from 1 to 500; 500 if nobody says.
    limit: Option<usize>,
}

/// The reviews that are owed: of what really ran before those of rehearsals, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OwedReviews {
    owed: Vec<OwedReview>,
    /// How many there are in all.
    total: usize,
}

/// A review that is owed. It is given by `POST /v1/incidents/{id}/plans/{digest}/hindsight`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OwedReview {
    /// The id of the incident.
    incident: String,
    /// The whole digest of the plan that ran.
    plan: String,
    /// What it ran as: `dry-run` or `live`.
    mode: String,
    /// Since when it is owed (RFC 3339).
    since: String,
    /// Who cannot give it, because it is about what they did alone.
    not_by: Option<String>,
}

impl OwedReviews {
    fn of(debts: &Debts, limit: usize) -> Self {
        let mut owed: Vec<_> = debts.owed().iter().collect();
        owed.sort_by_key(|(plan, owed)| (owed.mode != Mode::Live, owed.since, **plan));
        let one = |(plan, owed): (_, &Owed)| OwedReview {
            incident: owed.incident.clone(),
            plan: ToString::to_string(plan),
            mode: owed.mode.to_string(),
            since: owed.since.to_string(),
            not_by: owed.not_by.as_ref().map(|person| person.name().to_owned()),
        };
        let total = owed.len();
        Self { owed: owed.into_iter().take(limit).map(one).collect(), total }
    }
}

/// The reviews that are owed.
#[utoipa::path(
    get,
    path = "/v1/reviews/owed",
    tag = "approvals",
    params(Wanted),
    security(("token" = [])),
    responses(
        (status = 200, description = "They, the most pressing first.", body = OwedReviews),
        (status = 400, description = "The query is not one.", body = Details,
         content_type = "application/problem+json"),
        (status = 401, description = "Who asks is not known.", body = Details,
         content_type = "application/problem+json"),
        (status = 503, description = "Too much is waiting.", body = Details,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn owed(
    _: Caller,
    State(app): State<Arc<App>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<OwedReviews>, Problem> {
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST).detail(detail);
    let Query(Wanted { limit }) = wanted.map_err(|e| bad(e.body_text()))?;
    let limit = limit.unwrap_or(limits::PAGE_OWED);
    if !(1..=limits::PAGE_OWED).contains(&limit) {
        return Err(bad(format!("limit must be from 1 to {}", limits::PAGE_OWED)));
    }
    // A copy of the debts is cheap, and what is made of them is nobody's wait.
    let debts = app.writer.read(|journal| journal.shared().debts().clone());
    Ok(Json(OwedReviews::of(&debts.await.map_err(unavailable)?, limit)))
}
