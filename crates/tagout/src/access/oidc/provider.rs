//! The provider's side: what it publishes, and the calls to it. Bounded in time and size, and
//! never sent elsewhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jsonwebtoken::Header;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use reqwest::header::AUTHORIZATION;
use reqwest::{RequestBuilder, Response, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tagout_core::limits;
use tokio::sync::Mutex;

use super::{OidcError, invalid};
use crate::config::{BadInput, is_safe};
use crate::notify::HttpClient;

/// How long what was published is taken to hold.
const FRESH: Duration = Duration::from_secs(3600);
/// How soon it is looked at again for a key that is not there: a provider that has just changed
/// its keys is followed, and nobody can have us ask it all the time.
const AGAIN: Duration = Duration::from_secs(30);
/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(8);

/// What a provider publishes of itself (Discovery, section 3).
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Discovered {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

impl Discovered {
    pub(super) fn authorization_endpoint(&self) -> Result<Url, OidcError> {
        address(&self.authorization_endpoint)
    }
}

/// What a code is exchanged for.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) id_token: String,
    #[serde(default)]
    pub(super) access_token: String,
}

/// What was found out, and when.
struct Known {
    at: Instant,
    discovered: Discovered,
    keys: JwkSet,
}

pub(super) struct Provider {
    issuer: String,
    client: HttpClient,
    known: Mutex<Option<Arc<Known>>>,
}

/// An address of the provider's that what is secret may go to.
fn address(text: &str) -> Result<Url, OidcError> {
    let url = Url::parse(text).ok().filter(|_| is_safe(text));
    url.ok_or_else(|| invalid("an address of the provider is not https"))
}

/// The provider cannot be asked. The error may repeat what was sent, so that stays out.
fn unreachable(error: reqwest::Error) -> OidcError {
    let error = error.without_url();
    tracing::warn!(%error, "the identity provider cannot be reached");
    OidcError::Unreachable
}

impl Provider {
    pub(super) fn new(issuer: &str) -> Result<Self, BadInput> {
        let client = HttpClient::new().map_err(|e| BadInput(format!("oidc: {e}")))?;
        Ok(Self { issuer: issuer.to_owned(), client, known: Mutex::default() })
    }

    pub(super) async fn discover(&self) -> Result<Discovered, OidcError> {
        Ok(self.known(FRESH).await?.discovered.clone())
    }

    /// What the provider publishes, not older than `age`.
    async fn known(&self, age: Duration) -> Result<Arc<Known>, OidcError> {
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.at.elapsed() < age) {
            return Ok(Arc::clone(known));
        }
        let base = self.issuer.trim_end_matches('/');
        let place = format!("{base}/.well-known/openid-configuration");
        let discovered: Discovered = get(self.client.get(address(&place)?)).await?;
        if discovered.issuer != self.issuer {
            return Err(invalid("the discovery document is another issuer's"));
        }
        let keys: JwkSet = get(self.client.get(address(&discovered.jwks_uri)?)).await?;
        let found = Arc::new(Known { at: Instant::now(), discovered, keys });
        *known = Some(Arc::clone(&found));
        Ok(found)
    }

    /// The key that a token says it is signed with. A key that is not there may be new.
    pub(super) async fn key(&self, header: &Header) -> Result<Jwk, OidcError> {
        for age in [FRESH, AGAIN] {
            if let Some(key) = find(&self.known(age).await?.keys, header) {
                return Ok(key.clone());
            }
        }
        Err(invalid("the ID token is signed with no key of the provider"))
    }

    /// Exchanges a code for tokens (Core, section 3.1.3).
    pub(super) async fn exchange(
        &self,
        client_id: &str,
        secret: Option<&[u8]>,
        form: &[(&str, &str)],
    ) -> Result<Tokens, OidcError> {
        let known = self.known(FRESH).await?;
        let methods = &known.discovered.token_endpoint_auth_methods_supported;
        let has = |name: &str| methods.iter().any(|method| method == name);
        let secret = secret.map(|secret| String::from_utf8_lossy(secret).into_owned());
        let mut form = form.to_vec();
        let request = self.client.post(address(&known.discovered.token_endpoint)?);
        // What says nothing takes the first way (Discovery, section 3).
        let request = match &secret {
            Some(secret) if methods.is_empty() || has("client_secret_basic") => {
                // Both parts are written as in a form first (RFC 6749, section 2.3.1).
                let pair = format!("{}:{}", as_in_a_form(client_id), as_in_a_form(secret));
                let mut value = reqwest::header::HeaderValue::try_from(format!(
                    "Basic {}",
                    BASE64_STANDARD.encode(pair)
                ))
                .map_err(|_| invalid("the client secret cannot be sent"))?;
                value.set_sensitive(true);
                request.header(AUTHORIZATION, value)
            }
            Some(secret) => {
                form.extend([("client_id", client_id), ("client_secret", secret.as_str())]);
                request
            }
            None => {
                form.push(("client_id", client_id));
                request
            }
        };
        let body = encoded(&form);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.timeout(PATIENCE).body(body).send().await.map_err(unreachable)?;
        if response.status().is_client_error() {
            // A code that was used before, or that is not ours.
            tracing::warn!(status = %response.status(), "the identity provider took no code");
            return Err(OidcError::Refused);
        }
        read(response).await
    }

    /// What the provider says of somebody besides, if it has a place for that.
    pub(super) async fn userinfo(
        &self,
        access: &str,
    ) -> Result<Option<Map<String, Value>>, OidcError> {
        let known = self.known(FRESH).await?;
        let Some(place) = &known.discovered.userinfo_endpoint else { return Ok(None) };
        if access.is_empty() {
            return Ok(None);
        }
        get(self.client.get(address(place)?).bearer_auth(access)).await.map(Some)
    }
}

/// The key of this id; where the token names none, the only one there is.
fn find<'k>(keys: &'k JwkSet, header: &Header) -> Option<&'k Jwk> {
    let signs = |key: &&Jwk| {
        key.common.public_key_use.as_ref().is_none_or(|of| *of == PublicKeyUse::Signature)
    };
    if let Some(id) = &header.kid {
        return keys.find(id).filter(signs);
    }
    let mut keys = keys.keys.iter().filter(signs);
    keys.next().filter(|_| keys.next().is_none())
}

/// Pairs as a form sends them (<https://url.spec.whatwg.org/#urlencoded-serializing>).
fn encoded(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn as_in_a_form(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn get<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, OidcError> {
    let request = request.timeout(PATIENCE).header("accept", "application/json");
    let response = request.send().await;
    read(response.map_err(unreachable)?).await
}

async fn read<T: DeserializeOwned>(mut response: Response) -> Result<T, OidcError> {
    if !response.status().is_success() {
        tracing::warn!(status = %response.status(), "the identity provider does not answer");
        return Err(OidcError::Unreachable);
    }
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(unreachable)? {
        if body.len() + part.len() > limits::OIDC_BYTES {
            return Err(invalid("an answer is too large"));
        }
        body.extend_from_slice(&part);
    }
    serde_json::from_slice(&body).map_err(|_| invalid("an answer cannot be read"))
}
