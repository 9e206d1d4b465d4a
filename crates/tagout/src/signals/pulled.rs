//! What Alertmanager and Prometheus answer when they are asked which alerts there are.
//!
//! Alertmanager: an array of alerts, each with a state of its own
//! (<https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>, `gettableAlert`).
//! Prometheus: the alerts under `data.alerts`
//! (<https://prometheus.io/docs/prometheus/latest/querying/api/#alerts>).

use serde_json::value::RawValue;
use tagout_core::alert::{Alert, AlertFlaw, AlertStatus};
use tagout_core::limits;

use super::fields::{self, Fields};
use super::json::{self, Kind, Members, quoted};
use super::{Reading, SignalError, alertmanager};

/// The alerts in an answer of Alertmanager's `GET /api/v2/alerts`.
///
/// # Errors
/// If it is no such answer.
pub fn alertmanager_alerts(body: &[u8]) -> Result<Vec<Reading>, SignalError> {
    let text = json::text_within(body, limits::POLLED_BYTES)?;
    let json::Document::One(list) = json::document(text)? else {
        return Err(not("is no array of alerts"));
    };
    let alerts = list_of(list, "is no array of alerts")?;
    let read = |(index, value)| Reading::new(index, alertmanager_alert(value));
    Ok(alerts.into_iter().enumerate().map(read).collect())
}

/// The firing alerts in an answer of Prometheus's `GET /api/v1/alerts`. Those that are pending
/// have not held for as long as their rule asks, and are none yet.
///
/// # Errors
/// If it is no such answer.
pub fn prometheus_alerts(body: &[u8]) -> Result<Vec<Reading>, SignalError> {
    let text = json::text_within(body, limits::POLLED_BYTES)?;
    json::document(text)?;
    let answer = json::outermost(text)?;
    let status = answer.values.get("status").map_or("absent", |status| status.get());
    if status != "\"success\"" {
        return Err(not(&format!("has the status {}", quoted(status))));
    }
    let bad = || not("has no list of alerts");
    let data = answer.values.get("data").ok_or_else(bad)?;
    let data: Members<'_> = serde_json::from_str(data.get()).map_err(|_| bad())?;
    let alerts = list_of(data.values.get("alerts").ok_or_else(bad)?, "has no list of alerts")?;
    let read = alerts.into_iter().enumerate().filter_map(|(index, value)| {
        let alert = prometheus_alert(value).transpose()?;
        Some(Reading::new(index, alert))
    });
    Ok(read.collect())
}

fn list_of<'a>(list: &'a RawValue, what: &str) -> Result<Vec<&'a RawValue>, SignalError> {
    match Kind::of(list) {
        Kind::Array => json::alerts(list),
        // A Go program writes an empty list as null.
        Kind::Null => Ok(Vec::new()),
        _ => Err(not(what)),
    }
}

fn not(what: &str) -> SignalError {
    SignalError::NoAnswer { what: what.to_owned() }
}

fn alertmanager_alert(value: &RawValue) -> Result<Alert, AlertFlaw> {
    let sent = Fields::of(value)?;
    let status = sent.object("status")?.ok_or_else(|| fields::flaw("status", "is missing"))?;
    let state = status.word("state")?.unwrap_or_default();
    let status = match state.as_str() {
        // What Alertmanager has not looked at yet, it does not hold back either.
        "active" | "unprocessed" => AlertStatus::Firing,
        "suppressed" => AlertStatus::Suppressed,
        _ => {
            let what = "is not a state; active, suppressed or unprocessed is expected";
            return Err(fields::flaw("status.state", format!("{} {what}", quoted(&state))));
        }
    };
    alertmanager::alert_of(&sent, status, sent.time("startsAt")?)
}

fn prometheus_alert(value: &RawValue) -> Result<Option<Alert>, AlertFlaw> {
    let sent = Fields::of(value)?;
    match sent.word("state")?.as_deref() {
        Some("firing") => {}
        Some("pending" | "inactive") => return Ok(None),
        other => {
            let what = "is not a state; firing, pending or inactive is expected";
            let found = quoted(other.unwrap_or_default());
            return Err(fields::flaw("state", format!("{found} {what}")));
        }
    }
    let mut alert = alertmanager::alert_of(&sent, AlertStatus::Firing, sent.time("activeAt")?)?;
    alert.source = "prometheus".to_owned();
    // Go writes infinities and what is no number as words; those are no metrics.
    if let Some(value) = sent.word("value")?.filter(|text| is_number(text)) {
        alert.metrics.insert("value".to_owned(), value);
    }
    Ok(Some(alert))
}

fn is_number(text: &str) -> bool {
    text.trim() == text
        && text.len() <= 64
        && serde_json::from_str::<serde_json::Number>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(readings: Vec<Reading>) -> Alert {
        match <[Reading; 1]>::try_from(readings) {
            Ok([Reading::Alert(alert)]) => alert,
            other => panic!("{other:?}"),
        }
    }

    const PULLED: &str = r#"[{"annotations":{"summary":"s"},"endsAt":"2026-11-01T10:04:00.000Z",
        "fingerprint":"7e1c","receivers":[{"name":"web"}],"startsAt":"2026-11-01T10:00:00.000Z",
        "status":{"inhibitedBy":[],"silencedBy":[],"state":"active"},
        "updatedAt":"2026-11-01T10:00:01.000Z","generatorURL":"http://p/graph",
        "labels":{"alertname":"Down","severity":"critical","instance":"a"}}]"#;

    #[test]
    fn what_alertmanager_holds_back_is_suppressed_and_all_else_fires() {
        let with = |state: &str| PULLED.replace("active", state);
        let status = |state| only(alertmanager_alerts(with(state).as_bytes()).unwrap()).status;
        assert_eq!(status("active"), AlertStatus::Firing);
        assert_eq!(status("unprocessed"), AlertStatus::Firing);
        assert_eq!(status("suppressed"), AlertStatus::Suppressed);
        let other = alertmanager_alerts(with("asleep").as_bytes()).unwrap();
        assert!(matches!(&other[..], [Reading::Flawed { .. }]), "{other:?}");
    }

    #[test]
    fn an_alert_that_is_asked_for_is_the_one_that_a_webhook_brings() {
        let pulled = only(alertmanager_alerts(PULLED.as_bytes()).unwrap());
        let pushed = r#"{"version":"4","status":"firing","receiver":"web","alerts":[{
            "status":"firing","labels":{"alertname":"Down","severity":"critical","instance":"a"},
            "annotations":{"summary":"s"},"startsAt":"2026-11-01T10:00:00Z",
            "endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://p/graph","fingerprint":"7e1c"}]}"#;
        let pushed = only(crate::signals::read(pushed.as_bytes()).unwrap().alerts);
        assert_eq!(pulled, pushed);
        assert_eq!(pulled.ends_at, None, "the end that is foreseen is no end");
    }

    #[test]
    fn of_the_alerts_of_prometheus_only_those_that_fire_are_read() {
        let alert = |state: &str, value: &str| {
            format!(
                r#"{{"labels":{{"alertname":"{state}","severity":"warning"}},"annotations":{{}},
                "state":"{state}","activeAt":"2026-11-01T10:00:00.1Z","value":"{value}"}}"#
            )
        };
        let answer = |alerts: &[String]| {
            let alerts = alerts.join(",");
            format!(r#"{{"status":"success","data":{{"alerts":[{alerts}]}}}}"#)
        };
        let three =
            answer(&[alert("pending", "1"), alert("firing", "1e+00"), alert("inactive", "0")]);
        let alert_read = only(prometheus_alerts(three.as_bytes()).unwrap());
        assert_eq!((alert_read.name(), alert_read.source.as_str()), ("firing", "prometheus"));
        assert_eq!(alert_read.metrics["value"], "1e+00");
        assert_eq!(alert_read.starts_at, Some("2026-11-01T10:00:00.1Z".parse().unwrap()));
        for word in ["NaN", "+Inf", "-Inf"] {
            let one = answer(&[alert("firing", word)]);
            assert!(only(prometheus_alerts(one.as_bytes()).unwrap()).metrics.is_empty(), "{word}");
        }
    }

    #[test]
    fn what_is_no_answer_of_such_an_interface_is_an_error_and_not_an_empty_list() {
        for body in ["", "{}", "\"x\"", "<html>", r#"{"alerts":[]}"#, "[]\n[]"] {
            assert!(alertmanager_alerts(body.as_bytes()).is_err(), "{body}");
        }
        assert_eq!(alertmanager_alerts(b"[]").unwrap(), []);
        for body in [
            "",
            "[]",
            "{}",
            r#"{"status":"error","error":"x"}"#,
            r#"{"status":"success"}"#,
            r#"{"status":"success","data":{}}"#,
            r#"{"status":"success","data":{"alerts":{}}}"#,
        ] {
            assert!(prometheus_alerts(body.as_bytes()).is_err(), "{body}");
        }
        let none = br#"{"status":"success","data":{"alerts":[]}}"#;
        assert_eq!(prometheus_alerts(none).unwrap(), []);
    }

    #[test]
    fn an_answer_is_read_up_to_its_limit_and_not_one_byte_past_it() {
        let padded = |n: usize| format!("[]{}", " ".repeat(n - 2));
        assert!(alertmanager_alerts(padded(limits::POLLED_BYTES).as_bytes()).is_ok());
        let long = alertmanager_alerts(padded(limits::POLLED_BYTES + 1).as_bytes());
        assert_eq!(long, Err(SignalError::TooLarge));
        let many = |n: usize| format!("[{}]", vec!["{}"; n].join(","));
        assert!(alertmanager_alerts(many(limits::ALERTS_PER_BODY).as_bytes()).is_ok());
        let many = alertmanager_alerts(many(limits::ALERTS_PER_BODY + 1).as_bytes());
        assert_eq!(many, Err(SignalError::TooManyAlerts));
    }
}
