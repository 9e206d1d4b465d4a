//! `[oidc]`: an identity provider at which people sign in (OpenID Connect).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use tagout_core::actor::Role;
use tagout_core::limits;

use super::{BadInput, ServerConfig};
use crate::config::address;
use crate::source::SecretRef;

/// An identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcConfig {
    /// Who it says it is: the `issuer` of its discovery document, to the letter.
    pub issuer: String,
    /// What it calls us.
    pub client_id: String,
    /// What we prove ourselves to it by; a public client has nothing.
    pub client_secret: Option<SecretRef>,
    /// What it is asked for, besides `openid`.
    #[serde(default = "scopes")]
    pub scopes: Vec<String>,
    /// The claim that becomes a new person's name here.
    #[serde(default = "name_claim")]
    pub name_claim: String,
    /// The claim that names somebody's groups there.
    #[serde(default = "groups_claim")]
    pub groups_claim: String,
    /// What members of a group there are trusted with here; of several the most. Who is in none
    /// of them does not enter. Without any, only those enter whom an admin has linked, with the
    /// role and the groups that the admin gave.
    #[serde(default)]
    pub roles: BTreeMap<String, Role>,
    /// The groups there for which somebody speaks here, by the same name.
    #[serde(default)]
    pub groups: BTreeSet<String>,
}

fn scopes() -> Vec<String> {
    vec!["profile".to_owned()]
}

fn name_claim() -> String {
    "preferred_username".to_owned()
}

fn groups_claim() -> String {
    "groups".to_owned()
}

/// Whether this is the address of a provider that what is secret may go to: over TLS, or on
/// this machine.
pub(crate) fn is_safe(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| address::is_safe(&url))
}

impl OidcConfig {
    /// One of which nothing was said yet.
    pub(super) fn unset() -> Self {
        Self {
            issuer: String::new(),
            client_id: String::new(),
            client_secret: None,
            scopes: scopes(),
            name_claim: name_claim(),
            groups_claim: groups_claim(),
            roles: BTreeMap::new(),
            groups: BTreeSet::new(),
        }
    }

    pub(super) fn check(&self, server: &ServerConfig) -> Result<(), BadInput> {
        let wrong = |what: &str| Err(BadInput(format!("oidc.{what}")));
        if !is_safe(&self.issuer) || self.issuer.contains(['?', '#']) {
            return wrong(
                "issuer must be an https:// address without query, as the provider says it",
            );
        }
        if server.public_url.is_none() {
            return wrong("issuer is set, so server.public_url is needed: people come back to it");
        }
        if self.client_id.is_empty() || self.client_id.len() > limits::NAME_BYTES {
            return wrong("client_id must be what the provider calls this service");
        }
        if self.groups.len() > limits::GROUPS_PER_PERSON {
            return wrong("groups has more than 64 entries");
        }
        let plain = |scope: &String| {
            !scope.is_empty() && scope.bytes().all(|b| b.is_ascii_graphic() && b != b'"')
        };
        if !self.scopes.iter().all(plain) {
            return wrong("scopes must be words without spaces");
        }
        Ok(())
    }
}
