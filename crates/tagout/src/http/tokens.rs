//! The bearer tokens that open the read API.

use std::path::Path;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use subtle::{Choice, ConstantTimeEq as _};
use tagout_core::digest::sha256;
use tagout_core::limits;

use super::App;
use super::problem::Problem;
use crate::config::BadInput;
use crate::source::SecretRef;

/// Tokens, kept as digests: what is compared has one length, and no token lies in memory.
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

    /// Whether these headers hold one of them.
    pub(super) fn open(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get(AUTHORIZATION).map(axum::http::HeaderValue::as_bytes);
        let Some(token) = sent.and_then(|sent| sent.strip_prefix(b"Bearer ")) else { return false };
        let token = digest(token);
        let fits = self.0.iter().fold(Choice::from(0), |fits, known| fits | known.ct_eq(&token));
        fits.into()
    }
}

fn digest(token: &[u8]) -> [u8; 32] {
    sha256("tagout.api-token.v1", &[token])
}

/// Somebody who may read what is recorded.
pub(super) struct Reader;

impl FromRequestParts<Arc<App>> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        if app.tokens.open(&parts.headers) { Ok(Self) } else { Err(Problem::unauthorized()) }
    }
}
