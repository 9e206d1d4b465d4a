//! An event with its place in the log, and the form in which an entry of the log holds it.

use serde_json::Value;
use tagout_core::event::Event;
use tagout_core::time::Time;
use tagout_log::{Opened, Record};

use super::INCIDENT_PREFIX;
use crate::fault::Fault;

/// The stream of what spans incidents.
pub(super) const SHARED_STREAM: &str = "shared";
/// The version of the events' data that this release writes.
pub(super) const EVENT_VERSION: u16 = 1;

/// An event that is durable in the log. Only [`super::Turn::commit`] and reading give one out;
/// the permit to start a step ([`super::StepPermit`]) comes from the former alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub(super) index: u64,
    pub(super) at: Time,
    pub(super) incident: String,
    pub(super) event: Event,
}

impl Recorded {
    /// Its place in the log, from 0.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// When it was recorded.
    #[must_use]
    pub const fn at(&self) -> Time {
        self.at
    }

    /// The incident it belongs to; empty for what spans incidents.
    #[must_use]
    pub fn incident(&self) -> &str {
        &self.incident
    }

    /// What happened.
    #[must_use]
    pub const fn event(&self) -> &Event {
        &self.event
    }
}

pub(super) fn encode(recorded: &Recorded) -> Result<Record, Fault> {
    let Recorded { at, incident, event, .. } = recorded;
    let at = *at;
    let unwritable = |why: String| Fault::new(format!("an event cannot be written: {why}"));
    let mut value = serde_json::to_value(event).map_err(|e| unwritable(e.to_string()))?;
    let mut member = |name: &str| value.get_mut(name).map(Value::take);
    let (Some(Value::String(kind)), Some(data)) = (member("kind"), member("data")) else {
        return Err(unwritable("it has no kind".into()));
    };
    Ok(Record {
        at,
        stream: if incident.is_empty() {
            SHARED_STREAM.to_owned()
        } else {
            format!("{INCIDENT_PREFIX}{incident}")
        },
        kind,
        version: EVENT_VERSION,
        data,
    })
}

/// The event of an entry; none for entries that the log keeps about itself.
pub(crate) fn decode(opened: Opened) -> Result<Option<Recorded>, Fault> {
    let Opened { index, entry } = opened;
    if entry.kind.starts_with("log.") {
        return Ok(None);
    }
    let unreadable = |why: String| {
        Fault::new(format!(
            "entry {index} of the log ({}, version {}) cannot be read: {why}; \
             it may be of a later release",
            entry.kind, entry.version
        ))
    };
    if entry.version > EVENT_VERSION {
        return Err(unreadable(format!("this release knows version {EVENT_VERSION}")));
    }
    let value = serde_json::json!({"kind": entry.kind, "data": entry.data});
    let event = serde_json::from_value(value).map_err(|e| unreadable(e.to_string()))?;
    let incident = entry.stream.strip_prefix(INCIDENT_PREFIX).unwrap_or_default().to_owned();
    Ok(Some(Recorded { index, at: entry.at, incident, event }))
}
