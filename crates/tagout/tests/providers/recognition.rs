//! Which format a body is in, and what is no alert.

use serde_json::json;
use tagout::signals::{Format, Message, SignalError, read, read_as};

use crate::bodies::{body, readings};

#[test]
fn each_format_is_known_by_its_body() {
    for (name, format) in [
        ("grafana_firing.json", Format::Grafana),
        ("grafana_no_data.json", Format::Grafana),
        ("pagerduty_triggered.json", Format::PagerDuty),
        ("sns/alarm.json", Format::CloudWatch),
        ("sentry_event_alert.json", Format::Sentry),
        ("sentry_issue_created.json", Format::Sentry),
        ("sentry_metric_critical.json", Format::Sentry),
        ("cloudevents_structured.json", Format::CloudEvents),
        ("cloudevents_batch.json", Format::CloudEvents),
        ("../../../../../evals/webhooks/alertmanager_firing.json", Format::Alertmanager),
    ] {
        let delivery = read(&body(name)).unwrap();
        assert_eq!(delivery.source, format, "{name}");
        assert_eq!(delivery.alerts, readings(format, &body(name)), "{name}");
    }
}

#[test]
fn our_own_json_is_taken_for_nobody_elses() {
    for body in [
        json!({"title": "A", "event": {"a": 1}}),
        json!({"title": "A", "action": "x", "data": {}}),
        json!({"title": "A", "Type": "Notification", "Message": "M"}),
        json!({"title": "A", "id": "1", "source": "s", "type": "t"}),
        json!({"title": "A", "orgId": 1}),
        json!([{"title": "A", "id": "1", "source": "s"}]),
    ] {
        assert_eq!(read(body.to_string().as_bytes()).unwrap().source, Format::Native, "{body}");
    }
}

#[test]
fn what_is_no_alert_is_acknowledged_and_makes_none() {
    for (name, format) in [
        ("pagerduty_ping.json", Format::PagerDuty),
        ("pagerduty_annotated.json", Format::PagerDuty),
        ("pagerduty_published.json", Format::PagerDuty),
        ("sentry_installation.json", Format::Sentry),
        ("sentry_comment.json", Format::Sentry),
        ("sentry_issue_assigned.json", Format::Sentry),
        ("sns/unsubscribed.json", Format::CloudWatch),
    ] {
        assert!(matches!(read_as(format, &body(name)), Ok(Message::Nothing(_))), "{name}");
        let refused = read(&body(name)).unwrap_err();
        assert!(matches!(refused, SignalError::NoAlert { .. }), "{name}: {refused}");
    }
    let asked = read_as(Format::CloudWatch, &body("sns/subscription.json"));
    assert!(matches!(asked, Ok(Message::Handshake(_))));
    assert!(read(&body("sns/subscription.json")).is_err());
}

#[test]
fn a_body_in_another_format_than_configured_is_refused_by_name() {
    for name in [
        "grafana_firing.json",
        "pagerduty_triggered.json",
        "sns/alarm.json",
        "sentry_issue_created.json",
    ] {
        for format in [
            Format::Alertmanager,
            Format::Grafana,
            Format::PagerDuty,
            Format::CloudWatch,
            Format::Sentry,
        ] {
            let known = read(&body(name)).unwrap().source;
            if format == known {
                continue;
            }
            let refused = read_as(format, &body(name)).unwrap_err().to_string();
            let own = refused.contains(format.name()) || refused.contains("Alertmanager");
            assert!(own, "{name} as {format}: {refused}");
        }
    }
    for format in Format::ALL {
        for nothing in [&b""[..], b" ", b"\xff", b"5", b"{", b"null"] {
            assert!(read_as(format, nothing).is_err(), "{format} {nothing:?}");
        }
    }
}
