//! Signals: the bytes that monitoring systems send, read into alerts.
//!
//! [`read`] recognises the format and holds everything against the limits in
//! [`tagout_core::limits`]. What is wrong with a whole body is a [`SignalError`]; what is wrong
//! with one alert is a [`Reading::Flawed`] beside the good ones, which go through.
//!
//! Text for people (title, message, annotations) keeps line breaks and tabs; a carriage return
//! before a line break is dropped and every other control character becomes U+FFFD. Words for
//! machines (labels, id, source, severity, `runbook_url`) with a control character are flaws:
//! a label changed in silence would name another target. (A `runbook_url` that is an
//! Alertmanager annotation is then not taken as one, and stays an annotation.) All other characters stay as they
//! were sent, direction marks included; whoever prints them escapes them.
//!
//! A member that stands twice in an object is never read. In the outermost object it refuses
//! the body, inside one alert that alert.
//!
//! ```
//! use tagout::signals::{Reading, read};
//!
//! let delivery = read(br#"{"title": "HostOutOfDiskSpace", "severity": "Critical"}"#)?;
//! let [Reading::Alert(alert)] = delivery.alerts.as_slice() else { panic!("one alert") };
//! assert_eq!(alert.severity.as_deref(), Some("critical"));
//! # Ok::<(), tagout::signals::SignalError>(())
//! ```

mod alertmanager;
mod cloudevents;
mod cloudwatch;
mod error;
mod fields;
mod grafana;
mod intake;
mod json;
mod mapping;
mod native;
mod pagerduty;
pub mod pulled;
mod sentry;
pub(crate) mod sns;

use std::fmt;

use axum::http::HeaderMap;
use serde_json::value::RawValue;
use tagout_core::alert::{Alert, AlertFlaw};
use tagout_core::digest::DeliveryDigest;

pub use error::SignalError;
pub use intake::{Intake, Unreadable};
pub use json::read_bounded;
use json::{Document, Group, Kind, Members};
pub use mapping::{Mapping, MappingError};

/// The formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Alertmanager's webhook, version 4.
    Alertmanager,
    /// CloudEvents 1.0: structured, batched or binary.
    CloudEvents,
    /// AWS CloudWatch alarms in the envelope of Amazon SNS.
    CloudWatch,
    /// Grafana Alerting's webhook, version 1.
    Grafana,
    /// What Alertmanager's interface answers.
    AlertmanagerApi,
    /// What Prometheus's interface answers.
    PrometheusApi,
    /// Our own JSON: one alert, an array, or JSON Lines.
    Native,
    /// PagerDuty's webhooks, version 3.
    PagerDuty,
    /// Sentry's integration webhooks.
    Sentry,
    /// JSON of another sender, read by a [`Mapping`], whose name is each alert's `source`.
    Mapped,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Alertmanager,
        Self::CloudEvents,
        Self::CloudWatch,
        Self::Grafana,
        Self::Native,
        Self::PagerDuty,
        Self::Sentry,
    ];

    /// The name as it is written in files. Also the `source` of an alert that names none.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alertmanager => "alertmanager",
            Self::CloudEvents => "cloudevents",
            Self::CloudWatch => "cloudwatch",
            Self::Grafana => "grafana",
            Self::AlertmanagerApi => "alertmanager-api",
            Self::PrometheusApi => "prometheus-api",
            Self::Native => "native",
            Self::PagerDuty => "pagerduty",
            Self::Sentry => "sentry",
            Self::Mapped => "mapped",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One body, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The format it was in.
    pub source: Format,
    /// The digest of the body exactly as it arrived.
    pub digest: DeliveryDigest,
    /// Its alerts, good and flawed, in the order in which they were sent.
    pub alerts: Vec<Reading>,
    /// How many more alerts the sender says it left out of the body.
    pub truncated: u64,
}

impl Delivery {
    /// Why nothing of it can be used, if it has alerts and each of them is flawed: then it is as
    /// good as a body that could not be read, of another format perhaps.
    #[must_use]
    pub fn unusable(&self) -> Option<String> {
        let good = |reading: &Reading| matches!(reading, Reading::Alert(_));
        match self.alerts.first() {
            Some(Reading::Flawed { flaw, .. }) if !self.alerts.iter().any(good) => Some(format!(
                "it was read as {}, and none of its alerts ({}) can be used; the first: {flaw}",
                self.source,
                self.alerts.len()
            )),
            _ => None,
        }
    }
}

/// One alert of a body.
// Nearly every reading is an alert, so a box would cost an allocation each and save nothing.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// It is within the limits and says something.
    Alert(Alert),
    /// It cannot be used.
    Flawed {
        /// Its place among the alerts of the body, from 0.
        index: usize,
        /// What is wrong. For JSON Lines the field begins with the line, as `line 3: title`.
        flaw: AlertFlaw,
    },
}

impl Reading {
    fn new(index: usize, read: Result<Alert, AlertFlaw>) -> Self {
        match read.and_then(|alert| alert.check().map(|()| alert)) {
            Ok(alert) => Self::Alert(alert),
            Err(flaw) => Self::Flawed { index, flaw },
        }
    }
}

/// What one request of a sender says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// It brings alerts.
    Alerts(Delivery),
    /// The sender asks whether we want its messages.
    Handshake(Handshake),
    /// It is well formed and about something that is no alert; acknowledge it. What it is about.
    Nothing(&'static str),
}

/// A sender's question whether we want its messages. Its content is not to be trusted before
/// the sender has proven itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handshake {
    /// SNS wants a subscription to be confirmed by a GET of the URL it sent.
    SnsSubscription {
        /// The topic's ARN.
        topic: String,
        /// The URL, exactly as it was sent.
        subscribe_url: String,
    },
}

/// What a parser finds in a body.
enum Content {
    Alerts { readings: Vec<Reading>, truncated: u64 },
    Handshake(Handshake),
    Nothing(&'static str),
}

impl Content {
    fn of(readings: Vec<Reading>) -> Self {
        Self::Alerts { readings, truncated: 0 }
    }

    fn message(self, source: Format, body: &[u8]) -> Message {
        match self {
            Self::Alerts { readings: alerts, truncated } => {
                let digest = DeliveryDigest::of_bytes(body);
                Message::Alerts(Delivery { source, digest, alerts, truncated })
            }
            Self::Handshake(handshake) => Message::Handshake(handshake),
            Self::Nothing(what) => Message::Nothing(what),
        }
    }
}

/// Reads a body in any of the formats that can be told apart.
///
/// An object with a list `alerts` and a `version` or `receiver` is an Alertmanager webhook, and
/// with an `orgId` besides one of Grafana; PagerDuty, SNS, Sentry and CloudEvents are known by
/// members that no other format has together. All else is our own JSON.
///
/// # Errors
/// If nothing in the body can be used, or it is well formed and no alert. A flaw in one alert
/// is no error but a [`Reading`].
pub fn read(body: &[u8]) -> Result<Delivery, SignalError> {
    match read_as(recognise(body)?, body)? {
        Message::Alerts(delivery) => Ok(delivery),
        Message::Handshake(_) => Err(SignalError::NoAlert { what: "a request to subscribe" }),
        Message::Nothing(what) => Err(SignalError::NoAlert { what }),
    }
}

/// The format of a body.
fn recognise(body: &[u8]) -> Result<Format, SignalError> {
    let text = json::text(body)?;
    let Document::One(value) = json::document(text)? else { return Ok(Format::Native) };
    match Kind::of(value) {
        Kind::Object => {
            let members = json::outermost(text)?;
            // The more particular of two that share members comes first.
            let known = [
                (Format::Grafana, grafana::recognises(&members)),
                (Format::Alertmanager, alertmanager::recognises(&members)),
                (Format::PagerDuty, pagerduty::recognises(&members)),
                (Format::CloudWatch, sns::recognises(&members)),
                (Format::Sentry, sentry::recognises(&members)),
                (Format::CloudEvents, cloudevents::recognises(&members)),
            ];
            Ok(known.into_iter().find(|(_, known)| *known).map_or(Format::Native, |(f, _)| f))
        }
        Kind::Array if cloudevents::recognises_batch(value) => Ok(Format::CloudEvents),
        _ => Ok(Format::Native),
    }
}

/// Reads a body in the format that its sender is configured to use.
///
/// # Errors
/// If the body is not in that format. A flaw in one alert is no error but a [`Reading`].
pub fn read_as(format: Format, body: &[u8]) -> Result<Message, SignalError> {
    let text = json::text(body)?;
    let content = match format {
        Format::Native => match json::document(text)? {
            Document::Lines(lines) => Content::of(native::read_lines(lines)),
            Document::One(value) => native_content(text, value)?,
        },
        Format::CloudEvents => match json::document(text)? {
            Document::Lines(_) => return Err(no_object(format)),
            Document::One(value) => {
                if Kind::of(value) == Kind::Object {
                    json::outermost(text)?;
                }
                cloudevents::read(value)?
            }
        },
        Format::Alertmanager => alertmanager::read(group(format, text)?)?,
        Format::Grafana => grafana::read(group(format, text)?)?,
        Format::PagerDuty => pagerduty::read(&object(format, text)?)?,
        Format::CloudWatch => sns::read(&object(format, text)?)?,
        Format::Sentry => sentry::read(&object(format, text)?)?,
        Format::Mapped | Format::AlertmanagerApi | Format::PrometheusApi => {
            let what = "it is read where it is declared or asked for".to_owned();
            return Err(SignalError::NotOfFormat { format, what });
        }
    };
    Ok(content.message(format, body))
}

/// The members of a body that must be one object.
fn object(format: Format, text: &str) -> Result<Members<'_>, SignalError> {
    json::outermost(text).or_else(|error| match json::document(text)? {
        Document::One(value) if Kind::of(value) == Kind::Object => Err(error),
        _ => Err(no_object(format)),
    })
}

/// The outermost object of a body that must be a group of alerts.
fn group(format: Format, text: &str) -> Result<Group<'_>, SignalError> {
    match json::group(text) {
        Some(group) => Ok(group),
        None => Ok(Group { members: object(format, text)?, alerts: None }),
    }
}

fn no_object(format: Format) -> SignalError {
    SignalError::NotOfFormat { format, what: "the body is not one JSON object".to_owned() }
}

/// Reads a request. Only CloudEvents put a part of their message into headers.
///
/// # Errors
/// As [`read_as`].
pub fn read_request(
    format: Format,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Message, SignalError> {
    if format == Format::CloudEvents && cloudevents::is_binary(headers) {
        return Ok(cloudevents::read_binary(headers, body)?.message(format, body));
    }
    read_as(format, body)
}

fn native_content(text: &str, value: &RawValue) -> Result<Content, SignalError> {
    match Kind::of(value) {
        Kind::Object => {
            json::outermost(text)?;
            Ok(Content::of(native::read([value])))
        }
        Kind::Array => Ok(Content::of(native::read(json::alerts(value)?))),
        kind => Err(SignalError::WrongShape { found: kind.to_string() }),
    }
}
