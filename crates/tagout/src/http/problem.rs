//! Problem details (RFC 9457): how every error is told, without a word about our inside.

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of [`Details`].
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

/// An error on its way out. What it says is rendered when the id of the request is known.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: Option<String>,
    retry_after: Option<u32>,
    changed: Option<Box<Changed>>,
}

/// What has changed since the asker looked.
#[derive(Debug, Clone)]
struct Changed {
    plan_now: String,
    difference: Vec<String>,
}

impl Problem {
    /// A problem that says no more than its status.
    pub(super) const fn new(status: StatusCode) -> Self {
        Self { status, detail: None, retry_after: None, changed: None }
    }

    /// What went wrong and what to do, in words for the asker.
    pub(super) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// What was before the asker is not the plan any more: which one is, and in what they differ.
    pub(super) fn outdated(
        detail: impl Into<String>,
        plan_now: String,
        difference: Vec<String>,
    ) -> Self {
        let changed = Some(Box::new(Changed { plan_now, difference }));
        Self { changed, ..Self::new(StatusCode::CONFLICT).detail(detail) }
    }

    /// The sender did not prove itself. Whether there is anything at this address is not told.
    pub(super) const fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED)
    }

    /// Nothing was recorded for now; the sender is to come back after so many seconds.
    pub(super) fn come_back(detail: impl Into<String>, seconds: u32) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE).detail(detail);
        Self { retry_after: Some(seconds), ..problem }
    }

    /// Somebody asked too often, and may ask again after so many seconds.
    pub(super) fn too_often(seconds: u32) -> Self {
        let words = format!("too many changes at once; ask again in {seconds} seconds");
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS).detail(words);
        Self { retry_after: Some(seconds), ..problem }
    }

    /// The status that it is answered with.
    pub(super) const fn status(&self) -> StatusCode {
        self.status
    }

    /// What went wrong and what to do, or the name of its status if no more is said.
    pub(super) fn words(&self) -> &str {
        let words = self.detail.as_deref().or_else(|| self.status.canonical_reason());
        words.unwrap_or("it was not done")
    }

    /// In what the plan differs from the one that was before the asker, one line each.
    pub(super) fn difference(&self) -> &[String] {
        self.changed.as_ref().map_or(&[], |changed| &changed.difference)
    }

    /// As it is sent. Inside another answer it has no id of its own.
    pub(super) fn details(&self, request_id: &str) -> Details {
        Details {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            request_id: request_id.to_owned(),
            plan_now: self.changed.as_ref().map(|changed| changed.plan_now.clone()),
            difference: self.changed.as_ref().map(|changed| changed.difference.clone()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the problem that a response carries into its body. A response that is an error and
/// carries none, such as one that the router made, gets the problem of its status.
pub(super) fn render(mut response: Response, request_id: &str) -> Response {
    let told = response.headers().get(CONTENT_TYPE).is_some_and(|kind| {
        [&b"application/"[..], b"text/html"].iter().any(|told| kind.as_bytes().starts_with(told))
    });
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if is_error(response.status()) && !told => Problem::new(response.status()),
        None => return response,
    };
    let body = serde_json::to_vec(&problem.details(request_id)).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.remove(CONTENT_LENGTH);
    *response.body_mut() = Body::from(body);
    response
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// Problem details as they are sent: RFC 9457, section 3.1, and the id of the request.
#[derive(Debug, Serialize, ToSchema)]
pub struct Details {
    /// Always `about:blank`: the status says which problem it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    /// What went wrong and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The id of the request, to look for in the log.
    #[serde(skip_serializing_if = "String::is_empty")]
    request_id: String,
    /// The digest of the plan as it is now, if the one that was named is outdated.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan_now: Option<String>,
    /// In what it differs from the one that was named, one line each.
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<Vec<String>>,
}
