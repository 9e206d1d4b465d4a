//! Who asks: whoever shows a bearer token. Every route that is not open to everybody takes a
//! [`Caller`], so that what they may do is held against one table.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use subtle::{Choice, ConstantTimeEq as _};
use tagout_core::actor::{Act, Actor, Role};
use tagout_core::approval::Person;
use tagout_core::digest::sha256;
use tagout_core::limits;

use super::App;
use super::problem::Problem;
use crate::config::BadInput;
use crate::source::SecretRef;

/// Whoever shows a token of `[api] tokens`: these belong to no person.
const CONFIGURED: &str = "api";

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
}

impl Caller {
    /// The caller of a request with these headers, if they prove who they are.
    pub(super) fn of(app: &App, headers: &HeaderMap) -> Option<Self> {
        let token = bearer(headers)?;
        let person = Person::new(CONFIGURED).ok().filter(|_| app.tokens.open(token))?;
        let actor = Actor { person, role: Role::Viewer, groups: BTreeSet::new() };
        Some(Self { actor, via: Via::Token { id: CONFIGURED.to_owned() } })
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let caller = Self::of(app, &parts.headers);
        caller.filter(|caller| caller.actor.may(Act::Read)).ok_or_else(Problem::unauthorized)
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
