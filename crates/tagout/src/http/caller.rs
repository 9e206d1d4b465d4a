//! Who asks: whoever shows a bearer token, or is signed in. Every route that is not open to everybody takes a
//! [`Caller`], so that what they may do is held against one table.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, AUTHORIZATION};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use subtle::{Choice, ConstantTimeEq as _};
use tagout_core::actor::{Act, Actor, Role};
use tagout_core::approval::Person;
use tagout_core::digest::sha256;
use tagout_core::limits;
use tagout_core::people::CONFIGURED;

use super::App;
use super::cookie::Cookie;
use super::pace::is_stop;
use super::problem::Problem;
use super::{login, peer};
use crate::access::{session, token};
use crate::clock::now;
use crate::config::BadInput;
use crate::source::SecretRef;

/// Somebody who asks for something, and how they proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Who, and what they are trusted with.
    pub(crate) actor: Actor,
    /// How they proved it.
    pub(crate) via: Via,
}

/// How a caller proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Via {
    /// By a bearer token.
    Token {
        /// Its id, which is no secret.
        id: String,
    },
    /// By a session: they signed in, and their browser shows it.
    Session {
        /// What proves that a form or a script came from a page of this session.
        csrf: String,
    },
}

/// What a request is for, as far as it matters for how its session is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    /// It stops something, and does not wait for a store that is away.
    Stop,
    /// Anything else.
    Any,
}

impl Caller {
    /// What a form or a script of this session proves by that it is ours; nothing for a token,
    /// which needs no such proof. See [`super::guard`].
    pub(crate) fn csrf(&self) -> Option<&str> {
        match &self.via {
            Via::Session { csrf } => Some(csrf),
            Via::Token { .. } => None,
        }
    }

    /// The caller of a request with these headers, if they prove who they are. A token in a
    /// header goes before what a browser keeps: whoever has both means the token.
    pub(super) async fn of(
        app: &App,
        headers: &HeaderMap,
        wants: Wants,
    ) -> Result<Option<Self>, Problem> {
        if headers.contains_key(AUTHORIZATION) {
            let caller = bearer(headers).and_then(|token| Self::by_token(app, token));
            if caller.is_none() {
                app.strangers.note("the API: an unknown token");
            }
            return Ok(caller);
        }
        let Some(shown) = Cookie::Session.shown(&app.config, headers) else { return Ok(None) };
        let found = match wants {
            Wants::Stop => app.sign_in.session_that_stops(&shown).await,
            Wants::Any => app.sign_in.session(&shown).await,
        };
        let actor =
            found.map_err(|_| Problem::come_back("who you are cannot be found out just now", 5))?;
        let via = Via::Session { csrf: session::csrf(&shown) };
        Ok(actor.map(|actor| Self { actor, via }))
    }

    fn by_token(app: &App, token: &[u8]) -> Option<Self> {
        if let Some(digest) = token::digest(token)
            && let Some((actor, token)) = app.writer.people().bearer(digest, now())
        {
            return Some(Self { actor, via: Via::Token { id: token.id.clone() } });
        }
        let person = Person::new(CONFIGURED).ok().filter(|_| app.tokens.open(token))?;
        let actor = Actor { person, role: Role::Viewer, groups: BTreeSet::new() };
        Some(Self { actor, via: Via::Token { id: CONFIGURED.to_owned() } })
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Stranger;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Stranger> {
        let wants = if is_stop(parts) { Wants::Stop } else { Wants::Any };
        let caller = Self::of(app, &parts.headers, wants).await.map_err(Stranger::Problem)?;
        let Some(mut caller) = caller.filter(|caller| caller.actor.may(Act::Read)) else {
            return Err(Stranger::of(parts));
        };
        // Whoever is on duty speaks for their rota.
        let on_duty = app.rotas.groups_of(&caller.actor.person, now());
        caller.actor.groups.extend(on_duty);
        if !parts.method.is_safe() {
            let from = peer::address(&parts.extensions, &parts.headers, &app.config.proxies);
            app.pace(&caller.actor.person, from, parts).map_err(Stranger::Problem)?;
        }
        Ok(caller)
    }
}

/// Somebody who did not prove who they are, or cannot be served.
#[derive(Debug)]
pub(crate) enum Stranger {
    /// They are told so.
    Problem(Problem),
    /// A browser that is sent to where one signs in, and from there back to this place.
    SignIn(String),
}

impl Stranger {
    /// A browser that wanted a page signs in; everybody else is told what is missing.
    fn of(parts: &Parts) -> Self {
        let accepts = parts.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
        let page = accepts.is_some_and(|accepts| accepts.contains("text/html"))
            && !parts.uri.path().starts_with("/v1/")
            && !parts.headers.contains_key(AUTHORIZATION);
        if !page {
            return Self::Problem(Problem::unauthorized());
        }
        let back = parts.uri.path_and_query().filter(|_| parts.method.is_safe());
        Self::SignIn(back.map_or_else(|| "/".to_owned(), ToString::to_string))
    }
}

impl From<Problem> for Stranger {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for Stranger {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::SignIn(back) => login::redirect_to_sign_in(&back),
        }
    }
}

/// The bearer token that a request shows (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(AUTHORIZATION)?.as_bytes().strip_prefix(b"Bearer ")
}

/// The tokens of the configuration, kept as digests: what is compared has one length, and no
/// token lies in memory.
pub struct Tokens(Vec<[u8; 32]>);

impl Tokens {
    /// The tokens that the configuration names.
    ///
    /// # Errors
    /// If one is not there or too short to be a secret.
    pub fn load(references: &[SecretRef], base_dir: &Path) -> Result<Self, BadInput> {
        let named = |what: String| BadInput(format!("api.tokens: {what}"));
        let load = |reference: &SecretRef| {
            let token = reference.load(base_dir).map_err(named)?;
            if token.bytes().len() < limits::API_TOKEN_BYTES {
                let least = limits::API_TOKEN_BYTES;
                return Err(named(format!(
                    "a token is shorter than {least} bytes; make a longer one"
                )));
            }
            Ok(digest(token.bytes()))
        };
        references.iter().map(load).collect::<Result<_, _>>().map(Self)
    }

    /// Whether this is one of them.
    fn open(&self, token: &[u8]) -> bool {
        let token = digest(token);
        let fits = self.0.iter().fold(Choice::from(0), |fits, known| fits | known.ct_eq(&token));
        fits.into()
    }
}

fn digest(token: &[u8]) -> [u8; 32] {
    sha256("tagout.api-token.v1", &[token])
}
