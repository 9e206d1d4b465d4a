//! Recorded bodies, read.

use std::path::Path;

use serde_json::Value;
use tagout::signals::{Format, Message, Reading, read_as};
use tagout_core::alert::{Alert, AlertFlaw, AlertStatus};

pub(crate) const FIRING: AlertStatus = AlertStatus::Firing;
pub(crate) const RESOLVED: AlertStatus = AlertStatus::Resolved;

pub(crate) fn body(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/webhooks").join(name);
    std::fs::read(path).unwrap()
}

/// The readings of a body in one format.
pub(crate) fn readings(format: Format, body: &[u8]) -> Vec<Reading> {
    match read_as(format, body).unwrap() {
        Message::Alerts(delivery) => {
            assert_eq!(delivery.source, format);
            delivery.alerts
        }
        other => panic!("{other:?}"),
    }
}

/// The one alert of a body.
pub(crate) fn one(format: Format, body: &[u8]) -> Result<Alert, AlertFlaw> {
    let mut readings = readings(format, body);
    assert_eq!(readings.len(), 1);
    match readings.remove(0) {
        Reading::Alert(alert) => Ok(alert),
        Reading::Flawed { flaw, .. } => Err(flaw),
    }
}

pub(crate) fn recorded(format: Format, name: &str) -> Alert {
    one(format, &body(name)).unwrap()
}

/// A recorded body with one place changed.
pub(crate) fn changed(name: &str, pointer: &str, value: Value) -> Vec<u8> {
    let mut whole: Value = serde_json::from_slice(&body(name)).unwrap();
    *whole.pointer_mut(pointer).unwrap() = value;
    whole.to_string().into_bytes()
}

pub(crate) fn labels(alert: &Alert) -> Vec<(&str, &str)> {
    alert.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

pub(crate) fn annotation<'a>(alert: &'a Alert, name: &str) -> &'a str {
    alert.annotations[name].as_str()
}
