//! Signing in at an identity provider: the way there and back.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{LOCATION, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use maud::html;
use tagout_core::actor::Role;
use tagout_core::approval::Person;
use tagout_core::command::PeopleCommand;
use tagout_core::people::{Proof, SignInRefusal};
use tagout_core::time::Span;

use super::App;
use super::cookie::Cookie;
use super::login::{Address, Wanted, local, page, signed_in, told};
use super::problem::Problem;
use crate::access::oidc::{Answer, CALLBACK, Oidc, OidcError, UnderWay, Vouched};
use crate::access::sign_in::NotIn;

/// Where a browser begins.
pub(super) const PATH: &str = "/login/oidc";
/// How long a browser may take at the provider.
const UNDER_WAY: Span = Span::from_secs(600);

/// The routes, for browsers.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route(PATH, get(begin)).route(CALLBACK, get(end))
}

fn provider(app: &App) -> Result<&Oidc, Problem> {
    app.oidc.as_ref().ok_or_else(|| Problem::new(StatusCode::NOT_FOUND))
}

async fn begin(
    State(app): State<Arc<App>>,
    Address(from): Address,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let oidc = provider(&app)?;
    let next = wanted.map(|Query(wanted)| wanted.next).unwrap_or_default();
    if let Err(error) = app.sign_in.take_address(from) {
        return Ok(refused(&app, &error));
    }
    let begun = oidc.begin(local(&next)).await;
    // Nothing was tried yet: what counts is the answer.
    app.sign_in.give_back_address(from);
    let (under_way, url) = match begun {
        Ok(begun) => begun,
        Err(error) => return Ok(failed(&app, &error)),
    };
    let to = HeaderValue::try_from(url.as_str())
        .map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR))?;
    let keep = Cookie::UnderWay.set(&app.config, &under_way.to_cookie(), UNDER_WAY);
    Ok((StatusCode::SEE_OTHER, [(LOCATION, to), (SET_COOKIE, keep)]).into_response())
}

async fn end(
    State(app): State<Arc<App>>,
    Address(from): Address,
    headers: HeaderMap,
    answer: Result<Query<Answer>, QueryRejection>,
) -> Result<Response, Problem> {
    let oidc = provider(&app)?;
    if let Err(error) = app.sign_in.take_address(from) {
        return Ok(refused(&app, &error));
    }
    let kept = Cookie::UnderWay.shown(&app.config, &headers);
    let under_way = kept.as_deref().and_then(UnderWay::from_cookie);
    let answer = answer.map(|Query(answer)| answer).unwrap_or_default();
    let vouched = match oidc.end(under_way.as_ref(), &answer).await {
        Ok(vouched) => vouched,
        // What is the provider's fault is no try of anybody's.
        Err(error @ OidcError::Unreachable) => {
            app.sign_in.give_back_address(from);
            return Ok(failed(&app, &error));
        }
        Err(error) => {
            app.strangers.note("sign-in: an answer of the identity provider that does not hold");
            return Ok(failed(&app, &error));
        }
    };
    let person = match admitted(&app, vouched, from).await {
        Ok(person) => person,
        Err(error) => return Ok(refused(&app, &error)),
    };
    let mut response = match app.sign_in.begin(&person, Proof::Provider, from).await {
        Ok(shown) => {
            app.sign_in.give_back_address(from);
            let next = under_way.map(|under_way| under_way.next).unwrap_or_default();
            signed_in(&app, &headers, &shown, &next).await
        }
        Err(error) => return Ok(refused(&app, &error)),
    };
    // A sign-in ends once.
    response.headers_mut().append(SET_COOKIE, Cookie::UnderWay.forget(&app.config));
    Ok(response)
}

/// Who this is here: somebody known by what never changes at the provider, or somebody new
/// under a name that nobody has. They have the role and the groups that the provider names, if
/// it is the one to name them.
async fn admitted(app: &App, vouched: Vouched, from: IpAddr) -> Result<Person, NotIn> {
    let Vouched { identity, name, may } = vouched;
    let people = app.writer.people();
    let known = people.by_identity(&identity).cloned();
    let refuse = async |person: Option<&Person>, why: SignInRefusal, error: NotIn| {
        app.sign_in.refuse(person, why, from).await;
        Err(error)
    };
    let identity = Some(identity);
    match (known, may) {
        (Some(person), None) => Ok(person),
        (None, None) => refuse(None, SignInRefusal::NoRole, NotIn::NoRole).await,
        (known, Some((None, _))) => {
            if let Some(person) = &known {
                app.sign_in.put_out(person).await?;
            }
            refuse(known.as_ref(), SignInRefusal::NoRole, NotIn::NoRole).await
        }
        (Some(person), Some((Some(role), groups))) => {
            let change =
                PeopleCommand::Change { person: person.clone(), role, groups, identity, by: None };
            app.sign_in.note(change).await?;
            Ok(person)
        }
        (None, Some((Some(role), groups))) => {
            let name = name.ok_or(NotIn::NoName)?;
            let person = Person::new(&name).map_err(|_| NotIn::NoName)?;
            if people.get(&person).is_some() {
                // Whoever has this name signs in otherwise. The provider's word for a name is
                // not enough to become them.
                return refuse(Some(&person), SignInRefusal::NameTaken, NotIn::NameTaken).await;
            }
            add(app, person, (role, groups), identity).await
        }
    }
}

async fn add(
    app: &App,
    person: Person,
    (role, groups): (Role, BTreeSet<String>),
    identity: Option<tagout_core::people::Identity>,
) -> Result<Person, NotIn> {
    let add = PeopleCommand::Add { person: person.clone(), role, groups, identity, by: None };
    app.sign_in.note(add).await?;
    Ok(person)
}

fn failed(app: &App, error: &OidcError) -> Response {
    let status = match error {
        OidcError::Unreachable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::FORBIDDEN,
    };
    answered(app, status, &error.to_string())
}

fn refused(app: &App, error: &NotIn) -> Response {
    let (status, words) = told(error);
    let mut response = answered(app, status, &words);
    if let NotIn::TooOften(seconds) = error {
        response.headers_mut().insert(RETRY_AFTER, (*seconds).into());
    }
    response
}

/// A page that says why, and where to begin anew. What was under way is over.
fn answered(app: &App, status: StatusCode, words: &str) -> Response {
    let again = html! { p { a href=(super::login::PATH) { "Sign in" } } };
    let mut response = (status, page("Not signed in", Some(words), &again)).into_response();
    response.headers_mut().append(SET_COOKIE, Cookie::UnderWay.forget(&app.config));
    response
}
