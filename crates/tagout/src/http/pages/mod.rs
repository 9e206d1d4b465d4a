//! The pages: what is recorded, for people to read and to answer. A page is only a reading of
//! the recorded state; whatever it asks for goes the same way as everybody's.

mod answer;
mod answers;
mod assets;
mod audit;
mod batch;
mod bypass;
mod change;
mod deliveries;
mod ended;
mod error;
mod events;
mod evidence;
mod form;
mod handling;
mod holds;
mod inbox;
mod incident;
mod layout;
mod oversight;
mod owed;
mod plan;
mod quorum;
mod refused;
mod rehearsal;
mod report;
mod review;
mod row;
mod runbooks;
mod steps;
mod stops;
mod text;
mod timeline;
mod windows;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::{get, post};
use maud::{Markup, html};
use tagout_core::encode::percent as encoded;

use super::App;
use super::caller::Caller;
use error::PageError;
use layout::{Live, Page};

/// The routes of the pages. They are no part of the API's description.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(inbox::show))
        .route("/incidents/{id}", get(incident::show))
        .route("/incidents/{id}/report", get(report::show))
        .route("/incidents/{id}/acknowledge", post(handling::acknowledge))
        .route("/incidents/{id}/assign", post(handling::assign))
        .route("/incidents/{id}/hand-over", post(handling::hand_over))
        .route("/incidents/{id}/comment", post(handling::comment))
        .route("/incidents/{id}/snooze", post(handling::snooze))
        .route("/incidents/{id}/wake", post(handling::wake))
        .route("/incidents/{id}/merge", post(handling::merge))
        .route("/incidents/{id}/close", post(handling::close))
        .route("/incidents/{id}/steps/resolve", post(steps::resolve))
        .route("/incidents/{id}/review/{plan}", get(review::show))
        .route("/incidents/{id}/review/{plan}/approve", post(answers::approve))
        .route("/incidents/{id}/review/{plan}/reject", post(answers::reject))
        .route("/incidents/{id}/review/{plan}/break-glass", post(answers::break_glass))
        .route("/incidents/{id}/review/{plan}/revoke", post(answers::revoke))
        .route("/incidents/{id}/review/{plan}/resume", post(answers::resume))
        .route("/incidents/{id}/review/{plan}/afterwards", post(owed::settle))
        .route("/incidents/{id}/review/{plan}/change", get(change::show))
        .route("/incidents/{id}/review/{plan}/modify", post(answers::modify))
        .route("/batch", get(batch::show))
        .route("/batch/approve", post(batch::approve))
        .route("/batch/reject", post(batch::reject))
        .route("/runbooks", get(runbooks::list))
        .route("/runbooks/{id}", get(runbooks::show))
        .route("/audit", get(audit::show))
        .route("/audit/checkpoint", get(audit::checkpoint))
        .route("/oversight", get(oversight::show))
        .route("/deliveries", get(deliveries::list))
        .route("/deliveries/{digest}", get(deliveries::show))
        .route("/deliveries/{digest}/replay", post(deliveries::replay))
        .route("/deliveries/{digest}/dismiss", post(deliveries::dismiss))
        .route("/stops", get(stops::show))
        .route("/stops/halt", post(stops::halt))
        .route("/stops/release", post(stops::release))
        .route("/stops/freeze", post(stops::freeze))
        .route("/stops/lift", post(stops::lift))
        .route("/stops/bypasses", post(stops::open_bypass))
        .route("/stops/bypasses/{id}/close", post(stops::close_bypass))
        .route("/windows", get(windows::show).post(windows::open))
        .route("/windows/{id}/close", post(windows::close))
        .route("/events", get(events::follow))
        .route("/assets/{name}", get(assets::show))
}

/// A page for somebody whom nobody knows yet: where they sign in.
pub(super) fn plain(title: &str, words: Option<&str>, form: &Markup) -> String {
    let main = html! {
        h1 { (title) }
        @if let Some(words) = words { p.error role="alert" { (words) } }
        div.plain-form { (form) }
    };
    let page = Page {
        status: StatusCode::OK,
        title,
        part: None,
        live: Live::Still,
        reader: None,
        holds: None,
        now: text::now(),
        main,
    };
    page.render().into_string()
}

/// A person who reads a page.
struct Reader(Caller);

impl FromRequestParts<Arc<App>> for Reader {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, PageError> {
        let caller = Caller::from_request_parts(parts, app).await;
        caller.map(Self).map_err(PageError::Stranger)
    }
}
