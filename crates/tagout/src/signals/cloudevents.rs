//! CloudEvents 1.0 over HTTP: structured JSON, batches, and the binary mode.
//!
//! Format: <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>
//! and <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>.
//!
//! The event's data is read in one of two ways.
//!
//! Data that is an object with a `title` or `message` is **our own alert JSON**, and is read as
//! such; the event adds the labels `event_source` and `event_subject`, and fills `id` and
//! `starts_at` where the alert has none. The event's type is no label here, because senders
//! give the firing and the resolving event different types.
//!
//! **All other data** (any JSON, or text) makes this alert:
//!
//! | Alert | from |
//! |---|---|
//! | label `alertname` | `type` |
//! | labels `event_source`, `event_subject` | `source`, `subject` |
//! | title | `type` and `subject` |
//! | message | the text, or the JSON as it was sent, cut to the limit |
//! | status | `data.status` if it is firing, resolved or suppressed; else firing |
//! | severity | `data.severity` if it is a string |
//! | start or end | `time` |
//!
//! So a resolving event must have the same type, source and subject as the firing one.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;
use tagout_core::alert::{Alert, AlertFlaw, AlertStatus};
use tagout_core::limits;
use tagout_core::time::Time;

use super::fields::{self, Fields};
use super::json::{self, Document, Kind, Members};
use super::{Content, Format, Reading, SignalError, native};

/// The attributes that every event has.
const REQUIRED: [&str; 4] = ["specversion", "id", "source", "type"];

/// Whether an outermost object is a structured event.
pub(super) fn recognises(members: &Members<'_>) -> bool {
    REQUIRED
        .iter()
        .all(|name| members.values.get(*name).is_some_and(|value| Kind::of(value) == Kind::String))
        && members.values.get("specversion").is_some_and(|v| v.get().starts_with("\"1."))
}

/// Whether the first element of an array is a structured event.
pub(super) fn recognises_batch(array: &RawValue) -> bool {
    let first = json::alerts(array).ok().and_then(|values| values.first().copied());
    let members = first.and_then(|first| serde_json::from_str(first.get()).ok());
    members.is_some_and(|members| recognises(&members))
}

/// Reads a structured event, or a batch of them.
pub(super) fn read(value: &RawValue) -> Result<Content, SignalError> {
    let events = match Kind::of(value) {
        Kind::Object => vec![value],
        Kind::Array => json::alerts(value)?,
        kind => return Err(wrong(format!("the body is {kind}; an event is an object"))),
    };
    let one = |(index, event)| Reading::new(index, structured(event));
    let readings = events.into_iter().enumerate().map(one).collect();
    Ok(Content::Alerts { readings, truncated: 0 })
}

/// Whether a request carries an event in its headers.
pub(super) fn is_binary(headers: &HeaderMap) -> bool {
    headers.contains_key("ce-specversion")
}

/// Reads an event whose attributes are headers and whose data is the body.
pub(super) fn read_binary(headers: &HeaderMap, body: &[u8]) -> Result<Content, SignalError> {
    if body.len() > limits::BODY_BYTES {
        return Err(SignalError::TooLarge);
    }
    let event = Event {
        specversion: attribute(headers, "ce-specversion")?.unwrap_or_default(),
        id: attribute(headers, "ce-id")?.unwrap_or_default(),
        source: attribute(headers, "ce-source")?.unwrap_or_default(),
        kind: attribute(headers, "ce-type")?.unwrap_or_default(),
        subject: attribute(headers, "ce-subject")?,
        time: attribute(headers, "ce-time")?
            .map(|time| fields::instant("ce-time", &time))
            .transpose()
            .map_err(|flaw| wrong(flaw.to_string()))?,
    };
    event.check().map_err(|flaw| wrong(flaw.to_string()))?;
    let readings = vec![Reading::new(0, of_bytes(&event, body))];
    Ok(Content::Alerts { readings, truncated: 0 })
}

/// One header with an attribute, percent-decoded as section 3.1.3.2 of the binding says.
fn attribute(headers: &HeaderMap, name: &'static str) -> Result<Option<String>, SignalError> {
    let mut values = headers.get_all(name).iter();
    let (first, more) = (values.next(), values.next());
    let Some(value) = first else { return Ok(None) };
    if more.is_some() {
        return Err(wrong(format!("{name}: stands twice; send it once")));
    }
    let broken = || wrong(format!("{name}: is not percent-encoded UTF-8"));
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let digits = after.get(..2).and_then(|d| std::str::from_utf8(d).ok()).ok_or_else(broken)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(broken());
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| broken())?);
        rest = after.get(2..).unwrap_or_default();
    }
    let text = String::from_utf8(bytes).map_err(|_| broken())?;
    if text.contains(char::is_control) {
        return Err(wrong(format!("{name}: holds a control character; leave it out")));
    }
    Ok(Some(text))
}

/// The attributes of one event that we read.
struct Event {
    specversion: String,
    id: String,
    source: String,
    kind: String,
    subject: Option<String>,
    time: Option<Time>,
}

impl Event {
    fn check(&self) -> Result<(), AlertFlaw> {
        if !self.specversion.starts_with("1.") {
            return Err(fields::flaw("specversion", "is not 1.0, the version that is read"));
        }
        for (name, value) in [("id", &self.id), ("source", &self.source), ("type", &self.kind)] {
            if value.is_empty() {
                return Err(fields::flaw(name, "is missing; every event has it"));
            }
        }
        Ok(())
    }

    /// Adds the labels that say where the event came from.
    fn label(&self, labels: &mut BTreeMap<String, String>) {
        labels.entry("event_source".to_owned()).or_insert_with(|| self.source.clone());
        if let Some(subject) = &self.subject {
            labels.entry("event_subject".to_owned()).or_insert_with(|| subject.clone());
        }
    }
}

fn structured(value: &RawValue) -> Result<Alert, AlertFlaw> {
    let sent = Fields::open("event", value)?;
    let word = |name: &str| sent.word(name).map(Option::unwrap_or_default);
    let event = Event {
        specversion: word("specversion")?,
        id: word("id")?,
        source: word("source")?,
        kind: word("type")?,
        subject: sent.word("subject")?,
        time: sent.time("time")?,
    };
    event.check()?;
    match (sent.get("data"), sent.text("data_base64")?) {
        (Some(_), Some(_)) => Err(fields::flaw("data", "stands beside data_base64; send one")),
        (Some(data), None) => of_json(&event, data),
        (None, Some(encoded)) => {
            let bytes = STANDARD
                .decode(encoded)
                .map_err(|_| fields::flaw("data_base64", "is not base64"))?;
            of_bytes(&event, &bytes)
        }
        (None, None) => Ok(plain(&event, "", None, AlertStatus::Firing)),
    }
}

/// Data as bytes: JSON if it is JSON, else text.
fn of_bytes(event: &Event, bytes: &[u8]) -> Result<Alert, AlertFlaw> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(plain(event, "", None, AlertStatus::Firing));
    }
    match json::text(bytes) {
        Ok(text) => match json::document(text) {
            Ok(Document::One(value)) => of_json(event, value),
            _ => Ok(plain(event, text, None, AlertStatus::Firing)),
        },
        Err(SignalError::NotUtf8 { .. }) => {
            Err(fields::flaw("data", "is neither JSON nor UTF-8 text"))
        }
        Err(error) => Err(fields::flaw("data", error.to_string())),
    }
}

fn of_json(event: &Event, data: &RawValue) -> Result<Alert, AlertFlaw> {
    match Kind::of(data) {
        Kind::String => {
            let text = fields::prose("data", data)?;
            Ok(plain(event, text.as_str(), None, AlertStatus::Firing))
        }
        Kind::Object => {
            let sent = Fields::open("data", data)?;
            let speaks = |name| sent.get(name).is_some_and(|v| Kind::of(v) == Kind::String);
            if speaks("title") || speaks("message") {
                return ours(event, data);
            }
            let status = sent.get("status").and_then(|s| fields::status("status", s).ok());
            let severity = sent.get("severity").and_then(|s| fields::word("severity", s).ok());
            let status = status.unwrap_or(AlertStatus::Firing);
            Ok(plain(event, data.get(), severity, status))
        }
        _ => Ok(plain(event, data.get(), None, AlertStatus::Firing)),
    }
}

/// Data that is our own alert JSON.
fn ours(event: &Event, data: &RawValue) -> Result<Alert, AlertFlaw> {
    let mut alert = native::alert(data)?;
    event.label(&mut alert.labels);
    if alert.id.is_empty() {
        alert.id.clone_from(&event.id);
    }
    if alert.source == Format::Native.name() {
        Format::CloudEvents.name().clone_into(&mut alert.source);
    }
    match alert.status {
        AlertStatus::Resolved => alert.ends_at = alert.ends_at.or(event.time),
        _ => alert.starts_at = alert.starts_at.or(event.time),
    }
    Ok(alert)
}

/// Data of which only little is known.
fn plain(event: &Event, text: &str, severity: Option<String>, status: AlertStatus) -> Alert {
    let mut labels = BTreeMap::from([("alertname".to_owned(), event.kind.clone())]);
    event.label(&mut labels);
    let about = event.subject.as_deref().map(|subject| format!(" {subject}")).unwrap_or_default();
    Alert {
        id: event.id.clone(),
        source: Format::CloudEvents.name().to_owned(),
        status,
        severity: severity.and_then(|word| fields::severity(&word)),
        title: fields::cut(&format!("{}{about}", event.kind), limits::VALUE_BYTES),
        message: fields::cut(text, limits::MESSAGE_BYTES),
        labels,
        annotations: BTreeMap::new(),
        metrics: BTreeMap::new(),
        starts_at: event.time.filter(|_| status != AlertStatus::Resolved),
        ends_at: fields::end(status, event.time),
        runbook_url: None,
    }
}

fn wrong(what: String) -> SignalError {
    SignalError::NotOfFormat { format: Format::CloudEvents, what }
}
