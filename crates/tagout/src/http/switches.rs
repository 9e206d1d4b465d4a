//! What stops everything, and lets it go on: the kill switch and change freezes.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tagout_core::tier::Tier;
use tagout_core::time::{Span, Time};
use utoipa::ToSchema;

use super::approvals::Why;
use super::asking::{NotDone, Nothing, Said};
use super::caller::Caller;
use super::page::NotRead;
use super::problem::Problem;
use super::windows::made_id;
use super::{App, now, unavailable};
use crate::asks::SharedAsk;

/// How the switches stand.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Switches {
    /// Whether the kill switch is engaged.
    kill_switch: bool,
    /// Whether a change freeze holds.
    freeze: bool,
    /// Until when, if that was said (RFC 3339).
    until: Option<String>,
    /// The places in the log of what was recorded for this request.
    entries: Vec<u64>,
}

/// A change freeze to declare.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Freeze {
    /// Why, 1 to 4096 bytes.
    reason: String,
    /// When it ends (RFC 3339); when it is lifted, if absent.
    until: Option<String>,
    /// How long it lasts instead, as `90m` or `2h`.
    lasts: Option<String>,
}

/// How the switches stand.
#[utoipa::path(
    get,
    path = "/v1/switches",
    tag = "switches",
    security(("token" = [])),
    responses(
        (status = 200, description = "How they stand.", body = Switches),
        NotRead
    )
)]
pub(super) async fn show(
    _: Caller,
    State(app): State<Arc<App>>,
) -> Result<Json<Switches>, Problem> {
    app.switches(Vec::new()).await
}

/// Engages the kill switch: every plan decided from now on is halted.
#[utoipa::path(
    post,
    path = "/v1/halt",
    tag = "switches",
    request_body = Why,
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Switches), NotDone)
)]
pub(super) async fn halt(
    State(app): State<Arc<App>>,
    Said { caller, words: Why { reason } }: Said<Why>,
) -> Result<Json<Switches>, Problem> {
    let ask = SharedAsk::EngageKillSwitch { reason: reason.into() };
    app.switches(app.ask_shared(&caller, ask).await?).await
}

/// Releases the kill switch.
#[utoipa::path(
    post,
    path = "/v1/resume",
    tag = "switches",
    request_body = Why,
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Switches), NotDone)
)]
pub(super) async fn resume(
    State(app): State<Arc<App>>,
    Said { caller, words: Why { reason } }: Said<Why>,
) -> Result<Json<Switches>, Problem> {
    let ask = SharedAsk::ReleaseKillSwitch { reason: reason.into() };
    app.switches(app.ask_shared(&caller, ask).await?).await
}

/// Declares a change freeze: every plan decided while it holds is halted.
#[utoipa::path(
    post,
    path = "/v1/freeze",
    tag = "switches",
    request_body = Freeze,
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Switches), NotDone)
)]
pub(super) async fn freeze(
    State(app): State<Arc<App>>,
    Said { caller, words: Freeze { reason, until, lasts } }: Said<Freeze>,
) -> Result<Json<Switches>, Problem> {
    let until = end(now(), until.as_deref(), lasts.as_deref())?;
    let ask = SharedAsk::DeclareFreeze { reason: reason.into(), until };
    app.switches(app.ask_shared(&caller, ask).await?).await
}

/// Lifts the change freeze.
#[utoipa::path(
    delete,
    path = "/v1/freeze",
    tag = "switches",
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Switches), NotDone)
)]
pub(super) async fn lift(
    State(app): State<Arc<App>>,
    Said { caller, words: Nothing {} }: Said<Nothing>,
) -> Result<Json<Switches>, Problem> {
    app.switches(app.ask_shared(&caller, SharedAsk::LiftFreeze).await?).await
}

/// A bypass to open.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Bypass {
    /// The runbook whose plans go on although their match is in doubt.
    runbook: String,
    /// The highest tier of these plans: `low` or `medium`.
    #[schema(value_type = String)]
    tier: Tier,
    /// When it ends (RFC 3339).
    until: Option<String>,
    /// How long it lasts instead, as `90m` or `2h`.
    lasts: Option<String>,
    /// Its id; one is made, if absent.
    id: Option<String>,
    /// Why, 1 to 4096 bytes.
    reason: String,
}

/// A bypass that was opened or closed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BypassDone {
    id: String,
    /// The places in the log of what was recorded for this request.
    entries: Vec<u64>,
}

/// For a while, lets plans of a runbook go on although their match is in doubt. Only for those
/// whom the policy entitles.
#[utoipa::path(
    post,
    path = "/v1/bypasses",
    tag = "switches",
    request_body = Bypass,
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = BypassDone), NotDone)
)]
pub(super) async fn open_bypass(
    State(app): State<Arc<App>>,
    Said { caller, words }: Said<Bypass>,
) -> Result<Json<BypassDone>, Problem> {
    let Bypass { runbook, tier, until, lasts, id, reason } = words;
    let until = end(now(), until.as_deref(), lasts.as_deref())?.ok_or_else(|| {
        Problem::new(StatusCode::BAD_REQUEST).detail("say when it ends: until or lasts")
    })?;
    let id = id.unwrap_or_else(|| made_id(&app, "byp"));
    let ask = SharedAsk::OpenBypass { id: id.clone(), runbook, tier, until, reason: reason.into() };
    Ok(Json(BypassDone { id, entries: app.ask_shared(&caller, ask).await? }))
}

/// Closes a bypass before its end.
#[utoipa::path(
    delete,
    path = "/v1/bypasses/{id}",
    tag = "switches",
    params(("id" = String, Path, description = "The id of the bypass.")),
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = BypassDone), NotDone)
)]
pub(super) async fn close_bypass(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Said { caller, words: Nothing {} }: Said<Nothing>,
) -> Result<Json<BypassDone>, Problem> {
    let entries = app.ask_shared(&caller, SharedAsk::CloseBypass { id: id.clone() }).await?;
    Ok(Json(BypassDone { id, entries }))
}

impl App {
    async fn switches(&self, entries: Vec<u64>) -> Result<Json<Switches>, Problem> {
        let looked = self.writer.read(|journal| {
            let shared = journal.shared();
            (shared.kill_switch, shared.freeze(now()))
        });
        let (kill_switch, freeze) = looked.await.map_err(unavailable)?;
        let until = freeze.flatten().map(|until| until.to_string());
        Ok(Json(Switches { kill_switch, freeze: freeze.is_some(), until, entries }))
    }
}

/// When something ends that begins at `from`, by one of two ways to say it.
pub(super) fn end(
    from: Time,
    until: Option<&str>,
    lasts: Option<&str>,
) -> Result<Option<Time>, Problem> {
    let bad = |what: String| Problem::new(StatusCode::BAD_REQUEST).detail(what);
    match (until, lasts) {
        (None, None) => Ok(None),
        (Some(until), None) => time("until", until).map(Some),
        (None, Some(lasts)) => {
            let span: Span = lasts.parse().map_err(|e| bad(format!("lasts: {e}")))?;
            Ok(Some(from.after(span)))
        }
        (Some(_), Some(_)) => Err(bad("give until or lasts, and not both".into())),
    }
}

/// A point in time that a body names.
pub(super) fn time(member: &str, text: &str) -> Result<Time, Problem> {
    text.parse().map_err(|e| Problem::new(StatusCode::BAD_REQUEST).detail(format!("{member}: {e}")))
}
