//! A configured sender: its name, what it sends, how it proves itself, how it is read.

mod secret;

use std::path::Path;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use serde::Deserialize;
use subtle::{Choice, ConstantTimeEq as _};
use tagout_core::limits;
use tagout_core::time::Time;

pub use secret::{Secret, SecretRef};

use crate::config::BadInput;
use crate::signals::{self, Format, Handshake, Message, SignalError};

/// One configured sender, as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// Small letters, digits and hyphens; the last part of the URL to post to.
    pub name: String,
    /// In which format it sends.
    pub kind: Kind,
    /// How it proves itself. There is no default.
    pub auth: Option<Auth>,
    /// One secret, or two while the sender changes over.
    #[serde(default)]
    pub secrets: Vec<SecretRef>,
}

/// In which format a source sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Alertmanager's webhook.
    Alertmanager,
    /// Our own alert JSON.
    Native,
}

/// How a sender proves itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// `Authorization: Bearer` and the secret.
    Bearer,
}

/// Why a request is not taken as the configured sender's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// The proof fits none of the secrets.
    #[error("the token fits no secret of this source; compare the secret on both sides")]
    Mismatch,
}

impl Unauthenticated {
    /// Whether the sender should try again: nothing is known against it.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        false
    }

    /// One word for a label of a metric.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Mismatch => "mismatch",
        }
    }
}

/// Why a handshake was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotConfirmed {
    /// It asks for something that is not done.
    #[error("the subscription is not confirmed: {0}")]
    Refused(String),
}

/// A sender that may bring alerts.
#[derive(Debug)]
pub struct Source {
    name: String,
    format: Format,
    secrets: Vec<Secret>,
}

/// That a request's sender has proven itself. Made by [`Source::authenticate`] only.
#[derive(Debug)]
pub struct Proof(());

impl Source {
    /// Makes a source from its configuration and reads its secrets. Relative paths of secret
    /// files are relative to `base_dir`.
    ///
    /// # Errors
    /// If its name is no word for an address, it has no proof, or a secret is not there.
    pub fn load(config: &SourceConfig, base_dir: &Path) -> Result<Self, BadInput> {
        let SourceConfig { name, kind, auth, secrets } = config;
        let named = |what: String| BadInput(format!("source {name:?}: {what}"));
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > limits::SOURCE_NAME_BYTES || !name.chars().all(plain) {
            let most = limits::SOURCE_NAME_BYTES;
            return Err(named(format!("its name must be 1 to {most} of a-z, 0-9 and -")));
        }
        if auth.is_none() || secrets.is_empty() {
            let how = "write auth = \"bearer\" and secrets = [{ env = \"NAME\" }]";
            return Err(named(format!("anybody could raise its alerts: {how}")));
        }
        let secrets = secrets.iter().map(|secret| secret.load(base_dir)).collect::<Result<_, _>>();
        let format = match kind {
            Kind::Alertmanager => Format::Alertmanager,
            Kind::Native => Format::Native,
        };
        Ok(Self { name: name.clone(), format, secrets: secrets.map_err(named)? })
    }

    /// Its name, as it stands in the URL.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The format in which it sends.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Whether the request comes from the sender that is configured.
    ///
    /// # Errors
    /// If it does not.
    #[allow(clippy::unused_async, reason = "other kinds fetch a certificate first")]
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        _body: &[u8],
        _now: Time,
    ) -> Result<Proof, Unauthenticated> {
        let sent = headers.get(AUTHORIZATION).map(axum::http::HeaderValue::as_bytes);
        let token = sent.and_then(|sent| sent.strip_prefix(b"Bearer ")).unwrap_or_default();
        // All are compared, so that the time says nothing about which one is near.
        let fits = |fits, secret: &Secret| fits | secret.bytes().ct_eq(token);
        let fits = self.secrets.iter().fold(Choice::from(0), fits);
        if fits.into() { Ok(Proof(())) } else { Err(Unauthenticated::Mismatch) }
    }

    /// What the request says. Reading proves nothing: ask [`Source::authenticate`] first.
    ///
    /// # Errors
    /// If nothing in it can be used.
    pub fn read(&self, _headers: &HeaderMap, body: &[u8]) -> Result<Message, SignalError> {
        signals::read(body).map(Message::Alerts)
    }

    /// Answers a handshake of a sender that has proven itself.
    ///
    /// # Errors
    /// If its kind has none.
    #[allow(clippy::unused_async, reason = "other kinds ask their provider")]
    pub async fn confirm(&self, _: &Handshake, _: &Proof) -> Result<(), NotConfirmed> {
        Err(NotConfirmed::Refused("this kind of source has no handshake".into()))
    }
}
