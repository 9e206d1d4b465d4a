//! The reviews afterwards that are owed: of what ran without people, and of broken glass.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use tagout_core::afterwards::{Debts, Owed};
use tagout_core::limits;
use tagout_core::verdict::Mode;
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::page::{self, NoPage, NotRead};
use super::problem::Problem;
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
        NotRead,
        NoPage
    )
)]
pub(super) async fn owed(
    _: Caller,
    State(app): State<Arc<App>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<OwedReviews>, Problem> {
    let Wanted { limit } = page::query(wanted)?;
    let limit = page::limit(limit, limits::PAGE_OWED, limits::PAGE_OWED)?;
    // A copy of the debts is cheap, and what is made of them is nobody's wait.
    let debts = app.writer.read(|journal| journal.shared().debts().clone());
    Ok(Json(OwedReviews::of(&debts.await.map_err(unavailable)?, limit)))
}
