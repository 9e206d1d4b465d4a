//! The headers of every answer: a browser makes nothing of what is for programs, and of a page
//! only what is our own.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

const fn value(text: &'static str) -> HeaderValue {
    HeaderValue::from_static(text)
}

const COMMON: [(HeaderName, HeaderValue); 4] = [
    (X_CONTENT_TYPE_OPTIONS, value("nosniff")),
    (X_FRAME_OPTIONS, value("DENY")),
    (HeaderName::from_static("cross-origin-opener-policy"), value("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), value("same-origin")),
];

/// For what is no page.
const DATA: [(HeaderName, HeaderValue); 2] = [
    (REFERRER_POLICY, value("no-referrer")),
    (
        CONTENT_SECURITY_POLICY,
        value("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ),
];

/// For a page: styles, scripts, pictures and requests of our own, and of nobody else. With
/// `same-origin` our own forms say where they come from, which `no-referrer` would hide from
/// ourselves (<https://fetch.spec.whatwg.org/#append-a-request-origin-header>).
const PAGE: [(HeaderName, HeaderValue); 2] = [
    (REFERRER_POLICY, value("same-origin")),
    (
        CONTENT_SECURITY_POLICY,
        value(
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
             font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'",
        ),
    ),
];

/// A browser that was here over TLS comes back over TLS alone, for a year.
const TLS: HeaderValue = value("max-age=31536000");

/// Adds them.
pub(super) fn add(headers: &mut HeaderMap, encrypted: bool) {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let page = kind.is_some_and(|kind| kind.starts_with(b"text/html"));
    headers.extend(COMMON);
    headers.extend(if page { PAGE } else { DATA });
    // What never changes, a style sheet say, may be kept and says so itself.
    headers.entry(CACHE_CONTROL).or_insert(value("no-store"));
    if encrypted {
        headers.insert(STRICT_TRANSPORT_SECURITY, TLS);
    }
}
