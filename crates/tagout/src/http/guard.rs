//! What changes something must come from a page of ours: the check of every such request that
//! a browser makes by itself with what it keeps. A request that shows a token in a header is
//! made by somebody who has it, and needs no such check.

use std::sync::Arc;

use axum::Form;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use subtle::ConstantTimeEq as _;
use tagout_core::limits;

use super::cookie::Cookie;
use super::problem::Problem;
use super::{App, bodies, login};
use crate::access::session;

/// How a request came about, as browsers say it: <https://www.w3.org/TR/fetch-metadata/>.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Where a script puts what proves that it is ours.
const CSRF_HEADER: HeaderName = HeaderName::from_static("x-csrf-token");
/// The field in which a form has it.
pub(crate) const CSRF_FIELD: &str = "csrf";

/// Refuses what another page has a browser do.
pub(super) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if request.method().is_safe() || request.headers().contains_key(AUTHORIZATION) {
        return next.run(request).await;
    }
    let shown = Cookie::Session.shown(&app.config, request.headers());
    let signs_in = request.uri().path().starts_with(login::PATH);
    if shown.is_none() && !signs_in {
        // Nobody acts by this; who must prove themselves does so in other ways.
        return next.run(request).await;
    }
    let origin = app.config.public_url.as_ref().map(|url| url.origin());
    if !is_same_origin(request.headers(), origin) {
        return refused("this came from a page that is not ours; open ours and try there");
    }
    let Some(shown) = shown.filter(|_| !signs_in) else { return next.run(request).await };
    let expected = session::csrf(&shown);
    let fits = |given: &str| bool::from(given.as_bytes().ct_eq(expected.as_bytes()));
    if let Some(given) = request.headers().get(CSRF_HEADER) {
        if given.to_str().is_ok_and(fits) {
            return next.run(request).await;
        }
        return refused(OLD);
    }
    let (parts, body) = request.into_parts();
    let body = match bodies::whole(&app, body, limits::FORM_BYTES).await {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    let given = field(&parts, body.clone()).await;
    if !given.as_deref().is_some_and(fits) {
        return refused(OLD);
    }
    next.run(Request::from_parts(parts, Body::from(body))).await
}

const OLD: &str = "this page is older than your sign-in; load it again and try there";

fn refused(words: &str) -> Response {
    Problem::new(StatusCode::FORBIDDEN).detail(words).into_response()
}

/// The one field of a form that proves where it came from.
async fn field(parts: &Parts, body: Bytes) -> Option<String> {
    let request = Request::from_parts(parts.clone(), Body::from(body));
    let form = Form::<Vec<(String, String)>>::from_request(request, &()).await.ok()?;
    let mut found = form.0.into_iter().filter(|(name, _)| name == CSRF_FIELD);
    let (_, value) = found.next()?;
    found.next().is_none().then_some(value)
}

/// Whether a browser says that a page of ours made the request. What says nothing is no
/// browser of today; of a session it needs the token all the same.
fn is_same_origin(headers: &HeaderMap, ours: Option<&str>) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text(SEC_FETCH_SITE)
        && site != "same-origin"
        && site != "none"
    {
        return false;
    }
    let Some(origin) = text(ORIGIN) else { return true };
    if ours.is_some_and(|ours| origin == ours) {
        return true;
    }
    let host = text(HOST).unwrap_or_default();
    let plain = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    // A proxy may put another host there; then the configuration says which is ours.
    ours.is_none() && !host.is_empty() && plain == Some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(pairs: &[(HeaderName, &str)], ours: Option<&str>) -> bool {
        let headers = pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap()));
        is_same_origin(&headers.collect(), ours)
    }

    #[test]
    fn only_what_a_page_of_ours_makes_is_taken_for_ours() {
        let host = (HOST, "127.0.0.1:9480");
        let from = |origin: &str, ours| same(&[host.clone(), (ORIGIN, origin)], ours);
        assert!(from("http://127.0.0.1:9480", None));
        for other in ["http://127.0.0.1", "http://evil.example", "null", "", "127.0.0.1:9480"] {
            assert!(!from(other, None), "{other}");
        }
        let ours = Some("https://tagout.example");
        assert!(from("https://tagout.example", ours));
        for other in ["http://tagout.example", "http://127.0.0.1:9480", "null"] {
            assert!(!from(other, ours), "{other}");
        }
        for (site, ok) in [
            ("same-origin", true),
            ("none", true),
            ("same-site", false),
            ("cross-site", false),
            ("", false),
        ] {
            assert_eq!(same(&[host.clone(), (SEC_FETCH_SITE, site)], None), ok, "{site}");
        }
        let both = [host.clone(), (SEC_FETCH_SITE, "same-origin"), (ORIGIN, "http://evil.example")];
        assert!(!same(&both, None));
        assert!(same(&[host], None));
    }
}
