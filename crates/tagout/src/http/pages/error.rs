//! A page that cannot be shown, and what to do about it.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::html;

use super::layout::{Live, Page};
use super::text::now;
use crate::engine::EngineError;
use crate::fault::Fault;
use crate::http::caller::Stranger;
use crate::writer::NotRecorded;

/// Why there is no page.
#[derive(Debug)]
pub(super) enum PageError {
    /// Nobody knows who asks: a browser is sent to sign in, and comes back here.
    Stranger(Stranger),
    /// There is nothing at this address.
    Absent(&'static str),
    /// The address or the form is not one of ours.
    Bad(String),
    /// Too much is waiting, or the service is going down.
    Busy(String),
    /// The log cannot be read.
    Unreadable,
}

impl From<NotRecorded> for PageError {
    fn from(error: NotRecorded) -> Self {
        match error {
            NotRecorded::Engine(EngineError::Fault(fault)) => fault.into(),
            error => Self::Busy(error.to_string()),
        }
    }
}

impl From<Fault> for PageError {
    fn from(fault: Fault) -> Self {
        tracing::error!(%fault, "a page cannot be read from the log");
        Self::Unreadable
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let (status, title, what) = match self {
            Self::Stranger(stranger) => return stranger.into_response(),
            Self::Absent(what) => (StatusCode::NOT_FOUND, "Not here", what.to_owned()),
            Self::Bad(what) => (StatusCode::BAD_REQUEST, "Not understood", what),
            Self::Busy(what) => (StatusCode::SERVICE_UNAVAILABLE, "Not now", what),
            Self::Unreadable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The log cannot be read",
                "Whoever runs this service finds the reason in its log. Alerts that were \
                 answered 2xx are safe in it."
                    .to_owned(),
            ),
        };
        let main = html! {
            h1 { (title) }
            p { (what) }
            p { a href="/" { "To the inbox" } }
        };
        let page = Page {
            status,
            title,
            part: None,
            live: Live::Still,
            reader: None,
            holds: None,
            now: now(),
            main,
        };
        page.into_response()
    }
}
