//! Signing in at an identity provider: OpenID Connect Core 1.0, the authorization code flow
//! with PKCE (RFC 7636), after discovery (OpenID Connect Discovery 1.0).

mod claims;
mod provider;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tagout_core::actor::Role;
use tagout_core::limits;
use tagout_core::people::Identity;

use crate::config::{BadInput, OidcConfig};
use crate::fault::Fault;
use crate::source::Secret;
use claims::Claims;
use provider::Provider;

/// Where the provider sends people back to.
pub const CALLBACK: &str = "/login/oidc/callback";

/// Why somebody was not let in through the provider, in words for them. What a provider says is
/// told to the log of the service alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OidcError {
    /// The answer belongs to no sign-in that this browser began.
    #[error("this sign-in began in another browser, or too long ago; begin anew")]
    Unexpected,
    /// The provider let nobody in.
    #[error("the identity provider did not let you in")]
    Refused,
    /// The provider cannot be asked.
    #[error("the identity provider cannot be reached just now; try again in a moment")]
    Unreachable,
    /// What the provider answered does not hold.
    #[error("what the identity provider answered does not hold, so nobody was let in")]
    Invalid(&'static str),
}

/// A sign-in under way, as the browser that began it keeps it. Nothing here is secret to that
/// browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnderWay {
    state: String,
    nonce: String,
    verifier: String,
    /// Where they wanted to go.
    pub next: String,
}

impl UnderWay {
    fn new(next: &str) -> Result<Self, Fault> {
        let random = || {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes)
                .map_err(|e| Fault::new(format!("no random bytes: {e}")))
                .map(|()| BASE64_URL_SAFE_NO_PAD.encode(bytes))
        };
        let (state, nonce, verifier) = (random()?, random()?, random()?);
        Ok(Self { state, nonce, verifier, next: next.to_owned() })
    }

    /// As the value of a cookie.
    #[must_use]
    pub fn to_cookie(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// From the value of a cookie.
    #[must_use]
    pub fn from_cookie(value: &str) -> Option<Self> {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(value).ok()?).ok()
    }

    /// The code challenge of method S256 (RFC 7636, section 4.2).
    fn challenge(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.as_bytes()))
    }
}

/// What the provider sends a browser back with.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Answer {
    code: Option<String>,
    state: Option<String>,
    /// The issuer, so that one provider's answer is not taken for another's (RFC 9207).
    iss: Option<String>,
    error: Option<String>,
}

/// Somebody whom the provider vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// Who they are there.
    pub identity: Identity,
    /// The name for a new person here, if the provider has one.
    pub name: Option<String>,
    /// Their role and groups here, if the provider decides on these. Without a role they do not
    /// enter.
    pub may: Option<(Option<Role>, BTreeSet<String>)>,
}

/// The identity provider, and us as its client.
pub struct Oidc {
    config: OidcConfig,
    secret: Option<Secret>,
    redirect_uri: String,
    provider: Provider,
}

impl Oidc {
    /// A client of the configured provider, at which people come back to `origin`.
    ///
    /// # Errors
    /// If the secret is not there.
    pub fn new(
        config: &OidcConfig,
        origin: &str,
        base_dir: &std::path::Path,
    ) -> Result<Self, BadInput> {
        let named = |what: String| BadInput(format!("oidc.client_secret: {what}"));
        let secret = config.client_secret.as_ref().map(|secret| secret.load(base_dir));
        let secret = secret.transpose().map_err(named)?;
        let provider = Provider::new(&config.issuer)?;
        let redirect_uri = format!("{origin}{CALLBACK}");
        Ok(Self { config: config.clone(), secret, redirect_uri, provider })
    }

    /// Begins a sign-in: what the browser is to keep, and where it is to go.
    ///
    /// # Errors
    /// If the provider cannot be found out about.
    pub async fn begin(&self, next: &str) -> Result<(UnderWay, Url), OidcError> {
        let found = self.provider.discover().await?;
        let under_way = UnderWay::new(next).map_err(|error| {
            tracing::error!(%error, "nobody can sign in");
            OidcError::Unreachable
        })?;
        let mut url = found.authorization_endpoint()?;
        let scopes = std::iter::once("openid").chain(self.config.scopes.iter().map(String::as_str));
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", &scopes.collect::<Vec<_>>().join(" "))
            .append_pair("state", &under_way.state)
            .append_pair("nonce", &under_way.nonce)
            .append_pair("code_challenge", &under_way.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok((under_way, url))
    }

    /// Ends a sign-in: whom the provider vouches for.
    ///
    /// # Errors
    /// [`OidcError`]. A code is given to the provider only once the state fits.
    pub async fn end(
        &self,
        under_way: Option<&UnderWay>,
        answer: &Answer,
    ) -> Result<Vouched, OidcError> {
        let under_way = under_way.ok_or(OidcError::Unexpected)?;
        let state = answer.state.as_deref().unwrap_or_default();
        if !bool::from(state.as_bytes().ct_eq(under_way.state.as_bytes())) {
            return Err(OidcError::Unexpected);
        }
        if answer.iss.as_ref().is_some_and(|iss| *iss != self.config.issuer) {
            return Err(invalid("the answer is another issuer's"));
        }
        let code = match (&answer.code, &answer.error) {
            (Some(code), None) => code,
            _ => return Err(OidcError::Refused),
        };
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", &under_way.verifier),
        ];
        let secret = self.secret.as_ref().map(Secret::bytes);
        let tokens = self.provider.exchange(&self.config.client_id, secret, &form).await?;
        let claims = self.verified(&tokens.id_token, &under_way.nonce).await?;
        self.vouched(claims, &tokens.access_token).await
    }

    /// The claims of an ID token, if it holds: its signature, its issuer, its audience, its
    /// end, and that it was made for this sign-in (Core, section 3.1.3.7).
    async fn verified(&self, token: &str, nonce: &str) -> Result<Claims, OidcError> {
        let header = claims::header(token)?;
        let key = self.provider.key(&header).await?;
        let claims = claims::verify(token, &header, &key, &self.config)?;
        claims.belongs_to(nonce)?;
        Ok(claims)
    }

    async fn vouched(&self, mut claims: Claims, access: &str) -> Result<Vouched, OidcError> {
        let decides = !self.config.roles.is_empty();
        let named = |claims: &Claims| claims.list(&self.config.groups_claim);
        if decides && named(&claims).is_none() {
            // Many providers tell groups here alone.
            if let Some(more) = self.provider.userinfo(access).await? {
                claims.add(more)?;
            }
        }
        let there = named(&claims).unwrap_or_default();
        let may = decides.then(|| {
            let role = there.iter().filter_map(|group| self.config.roles.get(group)).max();
            let here = there.intersection(&self.config.groups).cloned().collect();
            (role.copied(), here)
        });
        let name = claims.text(&self.config.name_claim);
        let name = name.filter(|name| name.len() <= limits::NAME_BYTES);
        let identity = Identity { issuer: self.config.issuer.clone(), subject: claims.subject() };
        Ok(Vouched { identity, name, may })
    }
}

/// Tells the log of the service what does not hold.
fn invalid(what: &'static str) -> OidcError {
    tracing::warn!(what, "an answer of the identity provider was refused");
    OidcError::Invalid(what)
}
