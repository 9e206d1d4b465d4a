//! What a provider says of somebody, and whether it holds.

use std::collections::BTreeSet;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;
use tagout_core::limits;

use super::{OidcError, invalid};
use crate::config::OidcConfig;

/// The signatures that are taken: by a key that only the provider has. None that is made with a
/// shared secret, and above all not none.
const ALGORITHMS: [Algorithm; 8] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
];

/// How far the provider's clock may be from ours, in seconds.
const LEEWAY: u64 = 60;

/// The header of an ID token, if it is signed in a way that is taken.
pub(super) fn header(token: &str) -> Result<Header, OidcError> {
    let header = jsonwebtoken::decode_header(token);
    let header = header.map_err(|_| invalid("the ID token is none, or not signed"))?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(invalid("the ID token is signed in a way that is not taken"));
    }
    Ok(header)
}

/// The claims of an ID token that holds.
pub(super) fn verify(
    token: &str,
    header: &Header,
    key: &Jwk,
    config: &OidcConfig,
) -> Result<Claims, OidcError> {
    let fits = key.common.key_algorithm.is_none_or(|of| of.to_string() == algorithm(header.alg));
    if !fits {
        return Err(invalid("the key is for another kind of signature"));
    }
    let key = DecodingKey::from_jwk(key).map_err(|_| invalid("the key cannot be used"))?;
    // One algorithm: the one that the header named and that the key is for.
    let mut validation = Validation::new(header.alg);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    validation.set_issuer(&[&config.issuer]);
    validation.set_audience(&[&config.client_id]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let decoded = jsonwebtoken::decode::<Map<String, Value>>(token, &key, &validation);
    let claims = Claims(decoded.map_err(|error| invalid(words(&error)))?.claims);
    claims.check(&config.client_id)?;
    Ok(claims)
}

fn algorithm(of: Algorithm) -> String {
    format!("{of:?}")
}

fn words(error: &jsonwebtoken::errors::Error) -> &'static str {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidSignature => "the signature of the ID token is wrong",
        ErrorKind::ExpiredSignature => "the ID token has expired",
        ErrorKind::InvalidIssuer => "the ID token is another issuer's",
        ErrorKind::InvalidAudience => "the ID token is for somebody else",
        ErrorKind::ImmatureSignature => "the ID token does not hold yet",
        ErrorKind::MissingRequiredClaim(_) => "the ID token lacks a claim",
        _ => "the ID token cannot be read",
    }
}

/// What is said of somebody.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claims(Map<String, Value>);

impl Claims {
    fn check(&self, client_id: &str) -> Result<(), OidcError> {
        let subject = self.subject();
        // Core, section 2: at most 255 characters of ASCII.
        if !(1..=255).contains(&subject.len()) || !subject.is_ascii() {
            return Err(invalid("the subject is none"));
        }
        let others = self.0.get("aud").and_then(Value::as_array).is_some_and(|aud| aud.len() > 1);
        let party = self.0.get("azp");
        if party.is_some_and(|azp| azp != client_id) || (others && party.is_none()) {
            return Err(invalid("the ID token was asked for by somebody else"));
        }
        Ok(())
    }

    /// Whether it was made for the sign-in of this nonce.
    pub(super) fn belongs_to(&self, nonce: &str) -> Result<(), OidcError> {
        let said = self.text("nonce").unwrap_or_default();
        if !bool::from(said.as_bytes().ct_eq(nonce.as_bytes())) {
            return Err(invalid("the ID token was made for another sign-in"));
        }
        Ok(())
    }

    /// Adds what the provider says elsewhere, if it is about the same person (Core, section
    /// 5.3.2). What the ID token says stands.
    pub(super) fn add(&mut self, more: Map<String, Value>) -> Result<(), OidcError> {
        if more.get("sub").and_then(Value::as_str) != Some(&self.subject()) {
            return Err(invalid("the user information is about somebody else"));
        }
        for (name, value) in more {
            self.0.entry(name).or_insert(value);
        }
        Ok(())
    }

    pub(super) fn subject(&self) -> String {
        self.text("sub").unwrap_or_default()
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).and_then(Value::as_str).map(str::to_owned)
    }

    /// A claim that is a list of texts, or one text.
    pub(super) fn list(&self, name: &str) -> Option<BTreeSet<String>> {
        match self.0.get(name)? {
            Value::String(one) => Some(BTreeSet::from([one.clone()])),
            Value::Array(many) => {
                let texts = many.iter().filter_map(Value::as_str).map(str::to_owned);
                Some(texts.take(limits::OIDC_GROUPS).collect())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_groups_are_looked_through_as_the_limit_says_and_no_more() {
        for (number, kept) in [(0, limits::OIDC_GROUPS), (1, limits::OIDC_GROUPS)] {
            let groups: Vec<Value> =
                (0..limits::OIDC_GROUPS + number).map(|n| format!("g{n}").into()).collect();
            let claims = Claims([("groups".to_owned(), groups.into())].into_iter().collect());
            assert_eq!(claims.list("groups").unwrap().len(), kept, "{number} more");
        }
    }
}
