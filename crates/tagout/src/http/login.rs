//! Signing in and out, and another password. The pages are plain and work without scripts.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Query, Request, State};
use axum::http::header::{LOCATION, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use maud::{Markup, html};
use serde::Deserialize;
use tagout_core::encode::percent;
use tagout_core::limits;

use super::App;
use super::caller::Caller;
use super::cookie::Cookie;
use super::guard::CSRF_FIELD;
use super::problem::Problem;
use super::{oidc, pages, peer};
use crate::access::sign_in::NotIn;

/// Where people sign in.
pub(super) const PATH: &str = "/login";
/// Where they choose another password.
const PASSWORD: &str = "/password";

/// The routes. They are for browsers, so they stand in no description of the interface.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(PATH, get(show).post(sign_in))
        .route("/logout", post(sign_out))
        .route(PASSWORD, get(show_password).post(change_password))
}

/// Where somebody wanted to go.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    pub(super) next: String,
}

/// What the page sends.
#[derive(Deserialize)]
struct Given {
    name: String,
    password: String,
    /// With a secret that holds once: the password that they choose, twice.
    #[serde(default)]
    new: String,
    #[serde(default)]
    again: String,
    #[serde(default)]
    next: String,
}

/// A place of ours, and nothing that leads elsewhere: browsers take `//host`, `/\host` and what
/// has tabs or line ends in it for another place (<https://url.spec.whatwg.org/#url-parsing>).
pub(super) fn local(next: &str) -> &str {
    let plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let ours = next.starts_with('/') && !next.starts_with("//");
    if plain && ours && next.len() <= limits::NEXT_BYTES { next } else { "/" }
}

/// The page to sign in at, and where to come back to.
pub(super) fn redirect_to_sign_in(next: &str) -> Response {
    let next = local(next);
    let query = if next == "/" { String::new() } else { format!("?next={}", percent(next)) };
    redirect(&format!("{PATH}{query}"))
}

fn redirect(to: &str) -> Response {
    let to = HeaderValue::try_from(to).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response()
}

pub(super) fn page(title: &str, words: Option<&str>, form: &Markup) -> Html<String> {
    Html(pages::plain(title, words, form))
}

fn input(label: &str, name: &str, kind: &str, complete: &str, value: &str) -> Markup {
    html! {
        p { label {
            (label) br;
            input name=(name) type=(kind) autocomplete=(complete) value=(value) required;
        } }
    }
}

/// Two fields for a password that somebody chooses.
fn choose() -> Markup {
    html! {
        (input("New password", "new", "password", "new-password", ""))
        (input("New password again", "again", "password", "new-password", ""))
    }
}

/// The page to sign in at.
fn sign_in_page(
    words: Option<&str>,
    (name, next): (&str, &str),
    choosing: bool,
    elsewhere: bool,
) -> Html<String> {
    let (title, label) =
        if choosing { ("Choose a password", "One-time secret") } else { ("Sign in", "Password") };
    let next = local(next);
    let form = html! {
        form method="post" action=(PATH) {
            (input("Name", "name", "text", "username", name))
            (input(label, "password", "password", "current-password", ""))
            @if choosing { (choose()) }
            input type="hidden" name="next" value=(next);
            p { button { (title) } }
        }
        @if elsewhere {
            p { a href={ (oidc::PATH) "?next=" (percent(next)) } { "Sign in at the identity provider" } }
        }
    };
    page(title, words, &form)
}

async fn show(
    State(app): State<Arc<App>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Html<String> {
    let next = wanted.map(|Query(wanted)| wanted.next).unwrap_or_default();
    sign_in_page(None, ("", &next), false, app.oidc.is_some())
}

/// What a page says to somebody who was not let in.
pub(super) fn told(error: &NotIn) -> (StatusCode, String) {
    match error {
        NotIn::Wrong => (StatusCode::FORBIDDEN, "The name or the password is wrong.".to_owned()),
        NotIn::TooOld => (
            StatusCode::FORBIDDEN,
            "This secret is too old. An admin gives you another one: tagout users password."
                .to_owned(),
        ),
        NotIn::MustChoose => (
            StatusCode::OK,
            "This secret holds once. Type it again and choose a password of your own.".to_owned(),
        ),
        NotIn::NoRole => (
            StatusCode::FORBIDDEN,
            "The identity provider knows you, and nobody has let you in here.".to_owned(),
        ),
        NotIn::NoName => (
            StatusCode::FORBIDDEN,
            "The identity provider gives you no name that can be one here.".to_owned(),
        ),
        NotIn::NameTaken => (
            StatusCode::FORBIDDEN,
            "Somebody here has your name already. If it is you, an admin links the two: \
             tagout users change."
                .to_owned(),
        ),
        NotIn::Weak(weak) => (StatusCode::UNPROCESSABLE_ENTITY, weak.to_string()),
        NotIn::TooOften(seconds) => (
            StatusCode::TOO_MANY_REQUESTS,
            format!("Too many attempts. Try again in {seconds} seconds."),
        ),
        NotIn::Rejected(why) => (
            StatusCode::FORBIDDEN,
            format!("What the identity provider says of you cannot be so here: {why}."),
        ),
        NotIn::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Nobody can sign in just now, because nothing can be recorded. Try again in a moment."
                .to_owned(),
        ),
    }
}

fn answered(error: &NotIn, page: impl FnOnce(&str) -> Html<String>) -> Response {
    let (status, words) = told(error);
    let mut response = (status, page(&words)).into_response();
    let wait = match error {
        NotIn::TooOften(seconds) => *seconds,
        NotIn::Unavailable => 5,
        _ => return response,
    };
    response.headers_mut().insert(RETRY_AFTER, wait.into());
    response
}

fn form<T>(form: Result<Form<T>, FormRejection>) -> Result<T, Problem> {
    let Form(given) = form.map_err(|_| {
        Problem::new(StatusCode::BAD_REQUEST).detail("this is not what the page sends")
    })?;
    Ok(given)
}

/// Where a request comes from.
pub(super) struct Address(pub(super) IpAddr);

impl axum::extract::FromRequestParts<Arc<App>> for Address {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        app: &Arc<App>,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self(peer::address(&parts.extensions, &parts.headers, &app.config.proxies)))
    }
}

async fn sign_in(
    State(app): State<Arc<App>>,
    Address(from): Address,
    headers: HeaderMap,
    given: Result<Form<Given>, FormRejection>,
) -> Result<Response, Problem> {
    let Given { name, password, new, again, next } = form(given)?;
    let choosing = !new.is_empty() || !again.is_empty();
    if new != again {
        let words = "The two new passwords differ.";
        let page = sign_in_page(Some(words), (&name, &next), true, false);
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let chosen = choosing.then_some(new);
    match app.sign_in.by_password(&name, password, chosen, from).await {
        Ok(shown) => Ok(signed_in(&app, &headers, &shown, &next).await),
        Err(error) => {
            let again = choosing || error == NotIn::MustChoose;
            let elsewhere = app.oidc.is_some() && !again;
            let page = |words: &str| sign_in_page(Some(words), (&name, &next), again, elsewhere);
            Ok(answered(&error, page))
        }
    }
}

/// Sends somebody who signed in where they wanted to go, with a session of their own: one that
/// their browser had before ends.
pub(super) async fn signed_in(app: &App, headers: &HeaderMap, shown: &str, next: &str) -> Response {
    if let Some(before) = Cookie::Session.shown(&app.config, headers) {
        // If it cannot be ended now, it is one more of theirs that ends by itself.
        let _ = app.sign_in.end(&before).await;
    }
    let mut response = redirect(local(next));
    let lasts = app.sign_in.lifetimes().lifetime;
    response.headers_mut().append(SET_COOKIE, Cookie::Session.set(&app.config, shown, lasts));
    response
}

/// Ends the session, whoever's it is.
async fn sign_out(State(app): State<Arc<App>>, request: Request) -> Response {
    let shown = Cookie::Session.shown(&app.config, request.headers());
    if let Some(shown) = shown
        && app.sign_in.end(&shown).await.is_err()
    {
        let words = "nothing can be recorded just now, so you are still signed in";
        return Problem::come_back(words, 5).into_response();
    }
    let mut response = redirect(PATH);
    response.headers_mut().append(SET_COOKIE, Cookie::Session.forget(&app.config));
    response
}

/// What the page for another password sends.
#[derive(Deserialize)]
struct Change {
    password: String,
    new: String,
    again: String,
}

fn password_page(words: Option<&str>, csrf: &str) -> Html<String> {
    let form = html! {
        form method="post" action=(PASSWORD) {
            (input("Password", "password", "password", "current-password", ""))
            (choose())
            input type="hidden" name=(CSRF_FIELD) value=(csrf);
            p { button { "Change it" } }
        }
    };
    page("Change your password", words, &form)
}

/// A password is changed by whoever is there, and not by a program with a token.
fn csrf(caller: &Caller) -> Result<&str, Problem> {
    let words = "sign in to change a password";
    caller.csrf().ok_or_else(|| Problem::new(StatusCode::FORBIDDEN).detail(words))
}

async fn show_password(caller: Caller) -> Result<Html<String>, Problem> {
    Ok(password_page(None, csrf(&caller)?))
}

async fn change_password(
    caller: Caller,
    State(app): State<Arc<App>>,
    Address(from): Address,
    headers: HeaderMap,
    change: Result<Form<Change>, FormRejection>,
) -> Result<Response, Problem> {
    let csrf = csrf(&caller)?;
    let Change { password, new, again } = form(change)?;
    if new != again {
        let page = password_page(Some("The two new passwords differ."), csrf);
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    match app.sign_in.change_password(&caller.actor.person, password, new, from).await {
        Ok(shown) => Ok(signed_in(&app, &headers, &shown, "/").await),
        Err(error) => Ok(answered(&error, |words| password_page(Some(words), csrf))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_back_leads_to_a_place_of_ours_and_nowhere_else() {
        let longest = format!("/{}", "a".repeat(limits::NEXT_BYTES - 1));
        for ours in ["/", "/incidents/inc-1?tab=plan#steps", "/a//b", longest.as_str()] {
            assert_eq!(local(ours), ours);
        }
        let too_long = format!("{longest}a");
        for elsewhere in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            " /x",
            "javascript:alert(1)",
            "evil.example",
            "/%0a\r\nSet-Cookie: a=b",
            "/é",
            too_long.as_str(),
        ] {
            assert_eq!(local(elsewhere), "/", "{elsewhere:?}");
        }
    }

    #[test]
    fn what_somebody_typed_is_text_on_the_page() {
        let Html(page) = sign_in_page(Some("<b>"), ("\"><script>", "/'\"<x>"), false, true);
        for raw in ["<b>", "<script>", "<x>", "'\"<"] {
            assert!(!page.contains(raw), "{raw}: {page}");
        }
    }
}
