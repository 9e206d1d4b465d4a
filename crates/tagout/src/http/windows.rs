//! Maintenance windows and silences.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tagout_core::condition::Condition;
use tagout_core::digest::{sha256, to_hex};
use tagout_core::event::WindowKind;
use tagout_core::matcher::LabelMatcher;
use tagout_core::shared::Window;
use tagout_core::time::Time;
use utoipa::ToSchema;

use super::asking::{NotDone, Nothing, Said};
use super::caller::Caller;
use super::page::NotRead;
use super::problem::Problem;
use super::switches::{end, time};
use super::{App, now, unavailable};
use crate::asks::SharedAsk;

/// The windows that have not ended.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Windows {
    windows: Vec<WindowView>,
    /// The places in the log of what was recorded for this request.
    entries: Vec<u64>,
}

/// A window, as `tagout windows list --json` prints it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WindowView {
    id: String,
    /// `maintenance` or `silence`.
    #[schema(value_type = String)]
    kind: WindowKind,
    /// The labels that an alert must have; `*` stands for any run of characters.
    #[serde(rename = "match")]
    matcher: BTreeMap<String, String>,
    /// What else must hold for an alert.
    #[schema(value_type = Vec<Object>)]
    conditions: Vec<Condition>,
    /// When it begins (RFC 3339).
    from: String,
    /// When it ends (RFC 3339).
    until: String,
    by: String,
    reason: String,
    /// Whether it has begun.
    active: bool,
}

/// A window to open.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Opening {
    /// `maintenance` or `silence`.
    #[schema(value_type = String)]
    kind: WindowKind,
    /// The labels that an alert must have; `*` stands for any run of characters.
    #[serde(rename = "match", default)]
    matcher: BTreeMap<String, String>,
    /// What else must hold, each as `{"label": …, "operator": "=~", "value": …}`; the operators
    /// are `=`, `!=`, `=~` and `!~`.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    conditions: Vec<Condition>,
    /// When it begins (RFC 3339); now, if absent.
    from: Option<String>,
    /// When it ends (RFC 3339).
    until: Option<String>,
    /// How long it lasts instead, as `90m` or `2h`.
    lasts: Option<String>,
    /// Its id; one is made, if absent.
    id: Option<String>,
    /// Why.
    #[serde(default)]
    reason: String,
}

impl WindowView {
    fn of((id, window): (&str, &Window), at: Time) -> Self {
        let conditions = window.conditions.iter().flat_map(|conditions| conditions.iter());
        Self {
            id: id.to_owned(),
            kind: window.kind,
            matcher: window.matcher.0.clone(),
            conditions: conditions.cloned().collect(),
            from: window.from.to_string(),
            until: window.until.to_string(),
            by: window.by.name().to_owned(),
            reason: window.reason.to_string(),
            active: window.from <= at,
        }
    }
}

/// The windows that have not ended.
#[utoipa::path(
    get,
    path = "/v1/windows",
    tag = "windows",
    security(("token" = [])),
    responses(
        (status = 200, description = "The windows.", body = Windows),
        NotRead
    )
)]
pub(super) async fn list(_: Caller, State(app): State<Arc<App>>) -> Result<Json<Windows>, Problem> {
    app.windows(Vec::new()).await
}

/// Opens a window.
#[utoipa::path(
    post,
    path = "/v1/windows",
    tag = "windows",
    request_body = Opening,
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Windows), NotDone)
)]
pub(super) async fn open(
    State(app): State<Arc<App>>,
    Said { caller, words }: Said<Opening>,
) -> Result<Json<Windows>, Problem> {
    let Opening { kind, matcher, conditions, from, until, lasts, id, reason } = words;
    let bad = |what: &str| Problem::new(StatusCode::BAD_REQUEST).detail(what);
    if matcher.is_empty() && conditions.is_empty() {
        return Err(bad("name at least one label in match or conditions"));
    }
    let from = from.map_or(Ok(now()), |from| time("from", &from))?;
    let until = end(from, until.as_deref(), lasts.as_deref())?;
    let until = until.ok_or_else(|| bad("say when it ends: until or lasts"))?;
    let id = id.unwrap_or_else(|| made_id(&app, "win"));
    let ask = SharedAsk::OpenWindow {
        id,
        window: kind,
        matcher: LabelMatcher(matcher),
        conditions,
        from,
        until,
        reason: reason.into(),
    };
    app.windows(app.ask_shared(&caller, ask).await?).await
}

/// Closes a window before its end.
#[utoipa::path(
    delete,
    path = "/v1/windows/{id}",
    tag = "windows",
    params(("id" = String, Path, description = "The id of the window.")),
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = Windows), NotDone)
)]
pub(super) async fn close(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Said { caller, words: Nothing {} }: Said<Nothing>,
) -> Result<Json<Windows>, Problem> {
    app.windows(app.ask_shared(&caller, SharedAsk::CloseWindow { id }).await?).await
}

impl App {
    async fn windows(&self, entries: Vec<u64>) -> Result<Json<Windows>, Problem> {
        let looked = self.writer.read(|journal| {
            let at = now();
            journal.shared().windows(at).map(|window| WindowView::of(window, at)).collect()
        });
        Ok(Json(Windows { windows: looked.await.map_err(unavailable)?, entries }))
    }
}

/// Short enough to type, and another one each time: the id of a request is.
pub(super) fn made_id(app: &App, kind: &str) -> String {
    let unique = app.ids.of(&axum::http::HeaderMap::new());
    let digest = sha256("tagout.window-id.v1", &[kind.as_bytes(), unique.as_bytes()]);
    format!("{kind}-{}", to_hex(&digest[..4]))
}
