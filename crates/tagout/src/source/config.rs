//! A `[[source]]` of the configuration file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use axum::http::HeaderName;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tagout_core::limits;
use tagout_core::time::Span;

use super::secret::Secret;
use crate::signals::Format;

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
    /// `cloudwatch` only: the ARNs of the SNS topics that may send here.
    #[serde(default)]
    pub topics: Vec<String>,
    /// Signatures with a time: how far that may be from ours, as `5m`.
    pub tolerance: Option<String>,
    /// `grafana` only: the header with the signature, if its name was changed there.
    pub signature_header: Option<String>,
    /// `grafana` only: the header with the time of the signature, if one is configured there.
    pub timestamp_header: Option<String>,
    /// `mapped` only: the name of a shipped mapping, or the path of your own.
    pub mapping: Option<String>,
}

/// In which format a source sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Alertmanager's webhook.
    Alertmanager,
    /// CloudEvents 1.0.
    CloudEvents,
    /// AWS CloudWatch alarms through SNS.
    CloudWatch,
    /// Grafana Alerting.
    Grafana,
    /// Any JSON, read by a declared mapping.
    Mapped,
    /// Our own alert JSON.
    Native,
    /// PagerDuty's webhooks, version 3.
    PagerDuty,
    /// Sentry's integration webhooks.
    Sentry,
}

impl Kind {
    /// The format that is built in, if it is one.
    #[must_use]
    pub const fn format(self) -> Option<Format> {
        Some(match self {
            Self::Alertmanager => Format::Alertmanager,
            Self::CloudEvents => Format::CloudEvents,
            Self::CloudWatch => Format::CloudWatch,
            Self::Grafana => Format::Grafana,
            Self::Native => Format::Native,
            Self::PagerDuty => Format::PagerDuty,
            Self::Sentry => Format::Sentry,
            Self::Mapped => return None,
        })
    }

    /// Whether the provider signs what it sends.
    const fn signs(self) -> bool {
        matches!(self, Self::CloudWatch | Self::Grafana | Self::PagerDuty | Self::Sentry)
    }
}

/// How a sender proves itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// `Authorization: Bearer` and the secret.
    Bearer,
    /// `Authorization: Basic`; the secret is `user:password`.
    Basic,
    /// The provider's own signature.
    Signature,
    /// Not at all: whoever reaches the port may raise and resolve alerts.
    None,
}

/// Where a secret is. The secret itself never stands in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// In an environment variable.
    Env(String),
    /// In a file. A line break at its end is not part of the secret.
    File(PathBuf),
    /// Something else was written, which may be the secret. It was not kept.
    Misplaced,
}

impl<'de> Deserialize<'de> for SecretRef {
    /// Takes any value: an error of the TOML reader would print the line, and with it a secret
    /// that somebody wrote there. `SourceConfig::check` refuses it without showing it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reference;
        impl<'de> Visitor<'de> for Reference {
            type Value = SecretRef;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("{ env = \"NAME\" } or { file = \"path\" }")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
                let mut found = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    found.insert(key, map.next_value::<Text>()?.0);
                }
                let mut parts = found.into_iter();
                Ok(match (parts.next(), parts.next()) {
                    (Some((key, Some(name))), None) if key == "env" => SecretRef::Env(name),
                    (Some((key, Some(path))), None) if key == "file" => {
                        SecretRef::File(path.into())
                    }
                    _ => SecretRef::Misplaced,
                })
            }
            fn visit_str<E>(self, _: &str) -> Result<SecretRef, E> {
                Ok(SecretRef::Misplaced)
            }
            fn visit_i64<E>(self, _: i64) -> Result<SecretRef, E> {
                Ok(SecretRef::Misplaced)
            }
            fn visit_f64<E>(self, _: f64) -> Result<SecretRef, E> {
                Ok(SecretRef::Misplaced)
            }
            fn visit_bool<E>(self, _: bool) -> Result<SecretRef, E> {
                Ok(SecretRef::Misplaced)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<SecretRef, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(SecretRef::Misplaced)
            }
        }
        deserializer.deserialize_any(Reference)
    }
}

/// A string, or nothing if the value is something else.
struct Text(Option<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => Some(text),
            _ => None,
        }))
    }
}

impl SecretRef {
    /// Reads the secret.
    pub(crate) fn load(&self, base_dir: &Path) -> Result<Secret, String> {
        self.load_within(base_dir, limits::SECRET_BYTES)
    }

    /// As [`SecretRef::load`], of at most `most` bytes.
    pub(crate) fn load_within(&self, base_dir: &Path, most: usize) -> Result<Secret, String> {
        match self {
            Self::Env(name) => {
                let value = std::env::var_os(name).ok_or_else(|| {
                    format!("the environment variable {name} of its secret is not set")
                })?;
                Secret::within(value.into_encoded_bytes(), most)
                    .map_err(|what| format!("the secret in the environment variable {name} {what}"))
            }
            Self::File(path) => Secret::read_within(&base_dir.join(path), most),
            Self::Misplaced => Err(MISPLACED.to_owned()),
        }
    }
}

const MISPLACED: &str = "a secret never stands in the configuration: write secrets = [{ env = \
     \"NAME\" }] or secrets = [{ file = \"path\" }], and if one stood here, change it at the sender";

impl SourceConfig {
    /// Holds the configuration against itself.
    pub(super) fn check(&self) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty()
            || self.name.len() > limits::SOURCE_NAME_BYTES
            || !self.name.chars().all(plain)
            || self.name.starts_with('-')
        {
            return Err(format!(
                "its name must be 1 to {} small letters, digits and hyphens, and not begin with a \
                 hyphen",
                limits::SOURCE_NAME_BYTES
            ));
        }
        let auth = self.checked_auth()?;
        if self.secrets.contains(&SecretRef::Misplaced) {
            return Err(MISPLACED.to_owned());
        }
        let sns = self.kind == Kind::CloudWatch && auth == Auth::Signature;
        self.check_secrets(auth, sns)?;
        self.check_topics(sns)?;
        if self.tolerance()?.is_some() && !sns && self.timestamp_header.is_none() {
            return Err("tolerance is for signatures that carry a time: those of cloudwatch, and \
                        those of grafana with timestamp_header"
                .to_owned());
        }
        let signed_by_grafana = self.kind == Kind::Grafana && auth == Auth::Signature;
        for (key, header) in [
            ("signature_header", &self.signature_header),
            ("timestamp_header", &self.timestamp_header),
        ] {
            let Some(header) = header else { continue };
            if !signed_by_grafana {
                return Err(format!("{key} is only for grafana with auth = \"signature\""));
            }
            if HeaderName::from_bytes(header.as_bytes()).is_err() {
                return Err(format!("{key} is no name of an HTTP header"));
            }
        }
        if (self.kind == Kind::Mapped) != self.mapping.is_some() {
            return Err(
                "kind \"mapped\" goes with mapping = \"…\", the name of a shipped mapping \
                        or the path of your own; no other kind has one"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// How the sender proves itself, if its kind can do that.
    pub(super) fn checked_auth(&self) -> Result<Auth, String> {
        let kind = self.kind;
        match self.auth {
            None => {
                let best = if kind.signs() { "signature" } else { "bearer" };
                Err(format!(
                    "it has no auth, so anybody could raise and resolve its alerts: write auth = \
                     \"{best}\" (or, if you mean that, auth = \"none\")"
                ))
            }
            Some(Auth::Signature) if !kind.signs() => Err(format!(
                "senders of kind {kind:?} sign nothing: write auth = \"bearer\" or \"basic\""
            )),
            Some(Auth::Bearer | Auth::Basic) if kind == Kind::CloudWatch => {
                Err("SNS proves itself by its signature: write auth = \"signature\" and topics"
                    .to_owned())
            }
            Some(auth) => Ok(auth),
        }
    }

    fn check_secrets(&self, auth: Auth, sns: bool) -> Result<(), String> {
        let wanted = auth != Auth::None && !sns;
        if !wanted && !self.secrets.is_empty() {
            return Err("its secrets would not be used; remove them, or change auth".to_owned());
        }
        if wanted && self.secrets.is_empty() {
            return Err("it has no secrets: write secrets = [{ env = \"NAME\" }] or secrets = \
                        [{ file = \"path\" }]"
                .to_owned());
        }
        if self.secrets.len() > limits::SOURCE_SECRETS {
            return Err(format!(
                "it has {} secrets and at most {} may be valid at once, the old and the new one",
                self.secrets.len(),
                limits::SOURCE_SECRETS
            ));
        }
        Ok(())
    }

    fn check_topics(&self, sns: bool) -> Result<(), String> {
        if !sns {
            return if self.topics.is_empty() {
                Ok(())
            } else {
                Err("topics are only for cloudwatch with auth = \"signature\"".to_owned())
            };
        }
        if self.topics.is_empty() || self.topics.len() > limits::SOURCE_TOPICS {
            return Err(format!(
                "it needs 1 to {} topics, because every AWS customer's topics carry good \
                 signatures: write topics = [\"arn:aws:sns:eu-west-1:123456789012:alarms\"]",
                limits::SOURCE_TOPICS
            ));
        }
        let wrong = self.topics.iter().find(|topic| {
            let mut parts = topic.split(':');
            parts.next() != Some("arn") || parts.nth(1) != Some("sns") || parts.count() != 3
        });
        match wrong {
            Some(topic) => Err(format!("{topic:?} is no ARN of an SNS topic")),
            None => Ok(()),
        }
    }

    /// The tolerance, if one is written.
    pub(super) fn tolerance(&self) -> Result<Option<Span>, String> {
        let Some(text) = &self.tolerance else { return Ok(None) };
        let span: Span = text.parse().map_err(|e| format!("tolerance: {e}"))?;
        if span == Span::default() || span > limits::LONGEST_TOLERANCE {
            return Err(format!(
                "tolerance must be more than 0s and at most {}",
                limits::LONGEST_TOLERANCE
            ));
        }
        Ok(Some(span))
    }
}
