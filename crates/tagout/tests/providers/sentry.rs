//! Sentry's webhooks.

use serde_json::json;
use tagout::signals::{Format, read_as};
use tagout_core::alert::AlertStatus;
use tagout_core::limits;

use crate::bodies::{FIRING, RESOLVED, annotation, changed, labels, one, recorded};

#[test]
fn an_issue_of_sentry_has_one_name_whichever_webhook_tells_of_it() {
    let alerted = recorded(Format::Sentry, "sentry_event_alert.json");
    assert_eq!(
        labels(&alerted),
        [("alertname", "SentryIssue"), ("issue_id", "4417"), ("project_id", "7")]
    );
    assert_eq!((alerted.status, alerted.severity.as_deref()), (FIRING, Some("error")));
    assert_eq!(alerted.title.as_str(), "TimeoutError: the bank did not answer in 30 s");
    assert_eq!(alerted.message.as_str(), "Alert rule: Payments fail");
    assert_eq!(annotation(&alerted, "culprit"), "checkout.views in pay");
    assert!(annotation(&alerted, "url").contains("/issues/4417/"));
    assert_eq!(alerted.starts_at, Some("2026-11-30T08:06:17.677Z".parse().unwrap()));
    for (name, status) in [
        ("sentry_issue_created.json", FIRING),
        ("sentry_issue_resolved.json", RESOLVED),
        ("sentry_issue_archived.json", AlertStatus::Suppressed),
    ] {
        let issue = recorded(Format::Sentry, name);
        assert_ne!(issue.title, alerted.title, "a number in it has changed");
        assert_eq!((issue.status, issue.identity()), (status, alerted.identity()), "{name}");
        assert_eq!(issue.id, "4417");
    }
    for (action, status) in [("unresolved", FIRING), ("ignored", AlertStatus::Suppressed)] {
        let body = changed("sentry_issue_created.json", "/action", json!(action));
        assert_eq!(one(Format::Sentry, &body).unwrap().status, status, "{action}");
    }
}

#[test]
fn a_metric_alert_of_sentry_is_named_by_its_rule() {
    let critical = recorded(Format::Sentry, "sentry_metric_critical.json");
    assert_eq!(
        labels(&critical),
        [("alertname", "Too many errors in checkout"), ("project", "checkout"), ("rule_id", "71")]
    );
    assert_eq!((critical.status, critical.severity.as_deref()), (FIRING, Some("critical")));
    assert_eq!(critical.title.as_str(), "Critical: Too many errors in checkout");
    assert_eq!(critical.message.as_str(), "1200 events in the last 10 minutes");
    let warning = recorded(Format::Sentry, "sentry_metric_warning.json");
    assert_eq!(
        (warning.severity.as_deref(), warning.identity()),
        (Some("warning"), critical.identity())
    );
    let resolved = recorded(Format::Sentry, "sentry_metric_resolved.json");
    assert_eq!((resolved.status, resolved.identity()), (RESOLVED, critical.identity()));
    assert_eq!(resolved.ends_at, Some("2026-11-30T08:56:00Z".parse().unwrap()));
    let many = changed(
        "sentry_metric_critical.json",
        "/data/metric_alert/alert_rule/projects",
        json!(["a", "b"]),
    );
    assert!(!one(Format::Sentry, &many).unwrap().labels.contains_key("project"));
}

#[test]
fn what_sentry_does_not_document_is_an_error_that_people_are_shown() {
    for (name, place, value) in [
        ("sentry_issue_created.json", "/action", json!("exploded")),
        ("sentry_metric_critical.json", "/action", json!("exploded")),
        ("sentry_event_alert.json", "/action", json!("exploded")),
        ("sentry_event_alert.json", "/data", json!({"new": 1})),
        ("sentry_event_alert.json", "/data", json!(null)),
        ("sentry_event_alert.json", "/data/event", json!("text")),
    ] {
        let refused = read_as(Format::Sentry, &changed(name, place, value)).unwrap_err();
        assert!(refused.to_string().contains("sentry"), "{name}: {refused}");
    }
    let nameless = changed("sentry_event_alert.json", "/data/event/issue_id", json!(null));
    assert_eq!(one(Format::Sentry, &nameless).unwrap_err().field, "data.event.issue_id");
    let title = json!("x".repeat(limits::VALUE_BYTES + 1));
    let long = changed("sentry_event_alert.json", "/data/event/title", title);
    assert!(one(Format::Sentry, &long).unwrap().title.as_str().ends_with('…'));
}
