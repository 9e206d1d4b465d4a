//! PagerDuty's webhooks.

use serde_json::json;
use tagout::signals::{Format, Message, Reading, read_as};

use crate::bodies::{FIRING, RESOLVED, annotation, changed, labels, one, recorded};

#[test]
fn a_pagerduty_incident_is_named_by_its_service_and_key_and_not_by_its_title() {
    let triggered = recorded(Format::PagerDuty, "pagerduty_triggered.json");
    assert_eq!(
        labels(&triggered),
        [
            ("alertname", "PagerDutyIncident"),
            ("incident_key", "disk/files-1"),
            ("service", "PF1LES0")
        ]
    );
    assert_eq!((triggered.id.as_str(), triggered.status), ("PQ7B3K1", FIRING));
    assert_eq!(triggered.severity.as_deref(), Some("p2"));
    assert_eq!(triggered.title.as_str(), "Disk of files-1 is 91 % full");
    assert!(triggered.message.as_str().contains("417 of File service"));
    assert_eq!(triggered.starts_at, Some("2026-11-30T08:16:27Z".parse().unwrap()));
    assert_eq!(annotation(&triggered, "service_name"), "File service");
    assert_eq!(annotation(&triggered, "url"), "https://acme.pagerduty.example/incidents/PQ7B3K1");

    // The title and the priority were changed meanwhile.
    let acknowledged = recorded(Format::PagerDuty, "pagerduty_acknowledged.json");
    assert_ne!(acknowledged.title, triggered.title);
    assert_eq!((acknowledged.status, acknowledged.identity()), (FIRING, triggered.identity()));
    let resolved = recorded(Format::PagerDuty, "pagerduty_resolved.json");
    assert_eq!((resolved.status, resolved.identity()), (RESOLVED, triggered.identity()));
    assert_eq!(resolved.ends_at, Some("2026-11-30T08:45:22.169Z".parse().unwrap()));
    assert_eq!(resolved.severity.as_deref(), Some("high"), "no priority, so its urgency");
}

#[test]
fn an_incident_without_a_key_is_named_by_its_id() {
    for none in [json!(null), json!(""), json!(" ")] {
        let body = changed("pagerduty_triggered.json", "/event/data/incident_key", none);
        let alert = one(Format::PagerDuty, &body).unwrap();
        assert_eq!(alert.labels["incident_id"], "PQ7B3K1");
        assert!(!alert.labels.contains_key("incident_key"));
    }
}

#[test]
fn each_event_type_of_pagerduty_fires_resolves_or_says_nothing() {
    let said = |event_type: &str| {
        let place = "/event/event_type";
        read_as(Format::PagerDuty, &changed("pagerduty_triggered.json", place, json!(event_type)))
    };
    let status = |event_type: &str| match said(event_type) {
        Ok(Message::Alerts(delivery)) => match &delivery.alerts[..] {
            [Reading::Alert(alert)] => Some(alert.status),
            other => panic!("{other:?}"),
        },
        Ok(Message::Nothing(_)) => None,
        other => panic!("{event_type}: {other:?}"),
    };
    for firing in ["triggered", "acknowledged", "unacknowledged", "escalated", "reopened"] {
        assert_eq!(status(&format!("incident.{firing}")), Some(FIRING), "{firing}");
    }
    assert_eq!(status("incident.resolved"), Some(RESOLVED));
    for nothing in [
        "incident.annotated",
        "incident.conference_bridge.updated",
        "incident.custom_field_values.updated",
        "incident.delegated",
        "incident.incident_type.changed",
        "incident.priority_updated",
        "incident.reassigned",
        "incident.responder.added",
        "incident.responder.replied",
        "incident.service_updated",
        "incident.status_update_published",
        "incident.workflow.started",
        "incident.workflow.completed",
        "service.created",
        "service.deleted",
        "service.updated",
        "pagey.ping",
    ] {
        assert_eq!(status(nothing), None, "{nothing}");
    }
    let unknown = said("incident.exploded").unwrap_err();
    assert!(unknown.to_string().contains("incident.exploded"), "people are shown it: {unknown}");
}

#[test]
fn a_pagerduty_event_that_lacks_what_names_it_is_a_flaw() {
    for (place, field) in [("/event/data/id", "id"), ("/event/data/service/id", "id")] {
        let body = changed("pagerduty_triggered.json", place, json!(null));
        assert_eq!(one(Format::PagerDuty, &body).unwrap_err().field, field);
    }
}
