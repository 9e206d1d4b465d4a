//! A configured sender: its name, what it sends, how it proves itself, how it is read.

use std::collections::BTreeSet;
use std::path::Path;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use tagout_core::limits;
use tagout_core::time::Time;

use crate::config::BadInput;
use crate::config::secret::{Secret, SecretReference};
use crate::signals::{self, Delivery, SignalError};

/// One `[[source]]` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// Its name: the last part of its address.
    pub name: String,
    /// What it sends.
    pub kind: SourceKind,
    /// The secrets it may prove itself by, as a bearer token. Two may be valid at once, so
    /// that one can be replaced without losing a delivery.
    pub secrets: Vec<SecretReference>,
}

impl SourceConfig {
    /// Every secret that is named.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretReference> {
        self.secrets.iter()
    }

    pub(crate) fn within(&mut self, base: &Path) {
        self.secrets.iter_mut().for_each(|secret| secret.within(base));
    }
}

/// What a source sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// Alertmanager's webhook.
    Alertmanager,
    /// Our own JSON.
    Native,
}

impl SourceKind {
    /// The word as it is written in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alertmanager => "alertmanager",
            Self::Native => "native",
        }
    }
}

/// It did not prove itself. Nothing more is told to anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sender did not prove itself")]
pub struct Unauthenticated;

/// What an authenticated body says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Alerts.
    Delivery(Delivery),
    /// Nothing that concerns incidents.
    Nothing,
}

/// A sender that is ready to be heard.
#[derive(Debug)]
pub struct Source {
    name: String,
    kind: SourceKind,
    secrets: Vec<Secret>,
}

impl Source {
    /// The sources of the configuration, with their secrets.
    ///
    /// # Errors
    /// If a name is wrong or taken, or a secret is not there.
    pub fn load_all(configs: &[SourceConfig]) -> Result<Vec<Self>, BadInput> {
        let mut names = BTreeSet::new();
        configs
            .iter()
            .map(|config| {
                if !names.insert(&config.name) {
                    return Err(BadInput(format!("two sources are named {:?}", config.name)));
                }
                Self::load(config)
            })
            .collect()
    }

    /// A source, with its secrets.
    ///
    /// # Errors
    /// If its name is no word for an address, or a secret is not there.
    pub fn load(config: &SourceConfig) -> Result<Self, BadInput> {
        let SourceConfig { name, kind, secrets } = config;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > limits::SOURCE_NAME_BYTES || !name.chars().all(plain) {
            return Err(BadInput(format!(
                "the source {name:?} needs a name of a-z, 0-9 and -, at most {} long",
                limits::SOURCE_NAME_BYTES
            )));
        }
        if secrets.is_empty() {
            return Err(BadInput(format!(
                "the source {name:?} has no secret; anybody could send alerts through it"
            )));
        }
        let secrets = secrets.iter().map(SecretReference::resolve).collect::<Result<_, _>>()?;
        Ok(Self { name: name.clone(), kind: *kind, secrets })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it sends, and how it proves itself, in words.
    #[must_use]
    pub fn describe(&self) -> String {
        let (kind, count) = (self.kind.name(), self.secrets.len());
        let tokens = if count == 1 { "a bearer token" } else { "one of several bearer tokens" };
        format!("{kind}, proved by {tokens}")
    }

    /// Whether the sender proved itself.
    ///
    /// # Errors
    /// If it did not.
    #[allow(clippy::unused_async, reason = "other kinds fetch a certificate first")]
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        _body: &[u8],
        _now: Time,
    ) -> Result<(), Unauthenticated> {
        let sent = headers.get(AUTHORIZATION).map(axum::http::HeaderValue::as_bytes);
        let token = sent.and_then(|sent| sent.strip_prefix(b"Bearer ")).unwrap_or_default();
        // All are compared, so that the time says nothing about which one is near.
        let fits = self.secrets.iter().fold(subtle::Choice::from(0), |fits, secret| {
            fits | secret.bytes().ct_eq(token)
        });
        if bool::from(fits) { Ok(()) } else { Err(Unauthenticated) }
    }

    /// What the body says.
    ///
    /// # Errors
    /// If nothing in it can be used.
    pub fn read(&self, _headers: &HeaderMap, body: &[u8]) -> Result<Message, SignalError> {
        signals::read(body).map(Message::Delivery)
    }
}
