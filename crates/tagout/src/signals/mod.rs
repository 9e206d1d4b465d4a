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
mod fields;
mod intake;
mod json;
mod native;
pub mod pulled;

use std::fmt;

use serde_json::value::RawValue;
use tagout_core::alert::{Alert, AlertFlaw};
use tagout_core::digest::DeliveryDigest;
use tagout_core::limits;

pub use intake::{Intake, Unreadable};
pub use json::read_bounded;
use json::{Document, Kind};

/// The formats that [`read`] recognises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Alertmanager's webhook, version 4.
    Alertmanager,
    /// What Alertmanager's interface answers.
    AlertmanagerApi,
    /// What Prometheus's interface answers.
    PrometheusApi,
    /// Our own JSON: one alert, an array, or JSON Lines.
    Native,
}

impl Format {
    /// The name as it is written in files. Also the `source` of an alert that names none.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alertmanager => "alertmanager",
            Self::AlertmanagerApi => "alertmanager-api",
            Self::PrometheusApi => "prometheus-api",
            Self::Native => "native",
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

/// Why nothing in a body can be used: where it is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignalError {
    /// More bytes than [`limits::BODY_BYTES`].
    #[error("the input is larger than {} bytes; send it in smaller parts", limits::BODY_BYTES)]
    TooLarge,
    /// The source of the bytes failed.
    #[error("the input cannot be read: {why}")]
    Unreadable {
        /// What the operating system said.
        why: String,
    },
    /// Not UTF-8.
    #[error("the byte at offset {offset} is not UTF-8; save or send the alerts as UTF-8")]
    NotUtf8 {
        /// Bytes before the first wrong one.
        offset: usize,
    },
    /// Nothing, or nothing but white space.
    #[error("the input is empty; send an alert as JSON, such as {{\"title\": \"DiskFull\"}}")]
    Empty,
    /// Nested deeper than [`limits::JSON_DEPTH`].
    #[error(
        "line {line}, column {column}: nested more than {} levels deep; send flatter JSON",
        limits::JSON_DEPTH
    )]
    TooDeep {
        /// From 1.
        line: usize,
        /// From 1, in bytes.
        column: usize,
    },
    /// Not JSON (RFC 8259).
    #[error("line {line}, column {column}: {what}; check that the JSON is complete and valid")]
    NotJson {
        /// From 1.
        line: usize,
        /// From 1, in bytes.
        column: usize,
        /// What the parser met.
        what: String,
    },
    /// JSON, but neither an object nor an array.
    #[error("the input is {found}; send one alert as an object, an array, or one per line")]
    WrongShape {
        /// The kind of value, such as `a number`.
        found: String,
    },
    /// A member of the outermost object stands twice.
    #[error("the member {member} stands twice, so two readers may see two inputs; send it once")]
    Repeated {
        /// Its name in quotes.
        member: String,
    },
    /// More alerts than [`limits::ALERTS_PER_BODY`].
    #[error(
        "the input holds more than {} alerts; split it, or set max_alerts in the Alertmanager \
         receiver",
        limits::ALERTS_PER_BODY
    )]
    TooManyAlerts,
    /// An Alertmanager webhook of a version that is not known.
    #[error(
        "the webhook's version is {found} and only \"4\" is read; send from Alertmanager itself, \
         or send the alerts in Tagout's own JSON"
    )]
    UnknownVersion {
        /// The version as it was sent, in quotes if it was a string.
        found: String,
    },
    /// What a source that was asked answers is no list of alerts.
    #[error("the answer {what}; check the url and the kind of the source")]
    NoAnswer {
        /// What is wrong with it, as `is …` or `has …`.
        what: String,
    },
    /// A member of the Alertmanager webhook, outside its alerts, that cannot be read.
    #[error("{member}: {what}; send the webhook as Alertmanager writes it")]
    BadMember {
        /// The name of the member.
        member: &'static str,
        /// What is wrong.
        what: String,
    },
}

/// Reads a body in any of the known formats.
///
/// An object with a list `alerts` and a `version` or `receiver` is an Alertmanager webhook; all
/// else is our own JSON.
///
/// # Errors
/// If nothing in the body can be used. A flaw in one alert is no error but a [`Reading`].
pub fn read(body: &[u8]) -> Result<Delivery, SignalError> {
    let text = json::text(body)?;
    let (source, alerts, truncated) = match json::document(text)? {
        Document::One(value) => one(text, value)?,
        Document::Lines(lines) => (Format::Native, native::read_lines(lines), 0),
    };
    Ok(Delivery { source, digest: DeliveryDigest::of_bytes(body), alerts, truncated })
}

fn one(text: &str, value: &RawValue) -> Result<(Format, Vec<Reading>, u64), SignalError> {
    match Kind::of(value) {
        Kind::Object => {
            let members = json::outermost(text)?;
            if alertmanager::recognises(&members) {
                let (alerts, truncated) = alertmanager::read(&members)?;
                return Ok((Format::Alertmanager, alerts, truncated));
            }
            Ok((Format::Native, native::read([value]), 0))
        }
        Kind::Array => Ok((Format::Native, native::read(json::alerts(value)?), 0)),
        kind => Err(SignalError::WrongShape { found: kind.to_string() }),
    }
}
