//! Secrets that stand in the `Authorization` header as they are: Bearer and Basic.
//!
//! Formats: <https://www.rfc-editor.org/rfc/rfc6750#section-2.1> and
//! <https://www.rfc-editor.org/rfc/rfc7617#section-2>.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::secret::Secret;
use super::signature::one;
use super::unauthenticated::Unauthenticated;

/// `Authorization: Bearer` with one of the secrets.
pub(super) fn bearer(headers: &HeaderMap, secrets: &[Secret]) -> Result<(), Unauthenticated> {
    let sent = credentials(headers, "Bearer")?;
    known(sent, secrets, "bearer token")
}

/// `Authorization: Basic` with one of the secrets, each of which is `user:password`.
pub(super) fn basic(headers: &HeaderMap, secrets: &[Secret]) -> Result<(), Unauthenticated> {
    let sent = credentials(headers, "Basic")?;
    let sent =
        STANDARD.decode(sent).map_err(|_| malformed("the user and password are not base64"))?;
    known(&sent, secrets, "user and password")
}

fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Result<&'a [u8], Unauthenticated> {
    let value = one(headers, AUTHORIZATION.as_str())?;
    let (sent, rest) = value.split_at_checked(scheme.len()).unwrap_or((value, &[]));
    match rest.strip_prefix(b" ") {
        Some(rest) if sent.eq_ignore_ascii_case(scheme.as_bytes()) => Ok(rest.trim_ascii()),
        _ => Err(malformed(&format!("is not of the scheme {scheme}"))),
    }
}

fn malformed(what: &str) -> Unauthenticated {
    Unauthenticated::Malformed { place: "authorization".to_owned(), what: what.to_owned() }
}

/// Compares digests, so that not even the length of a secret shows in the time it takes.
fn known(sent: &[u8], secrets: &[Secret], proof: &'static str) -> Result<(), Unauthenticated> {
    let sent = Sha256::digest(sent);
    let mut fits = Choice::from(0);
    for secret in secrets {
        fits |= sent.ct_eq(&Sha256::digest(secret.bytes()));
    }
    if fits.into() { Ok(()) } else { Err(Unauthenticated::Mismatch { proof }) }
}
