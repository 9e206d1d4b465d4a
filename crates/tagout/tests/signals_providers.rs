//! What the providers' bodies become: the labels that name a fault, and what is no alert.

use std::path::Path;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tagout::signals::{Format, Message, Reading, SignalError, read, read_as, read_request};
use tagout_core::alert::{Alert, AlertFlaw, AlertStatus};
use tagout_core::limits;

const FIRING: AlertStatus = AlertStatus::Firing;
const RESOLVED: AlertStatus = AlertStatus::Resolved;

fn body(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/webhooks").join(name);
    std::fs::read(path).unwrap()
}

/// The readings of a body in one format.
fn readings(format: Format, body: &[u8]) -> Vec<Reading> {
    match read_as(format, body).unwrap() {
        Message::Alerts(delivery) => {
            assert_eq!(delivery.source, format);
            delivery.alerts
        }
        other => panic!("{other:?}"),
    }
}

/// The one alert of a body.
fn one(format: Format, body: &[u8]) -> Result<Alert, AlertFlaw> {
    let mut readings = readings(format, body);
    assert_eq!(readings.len(), 1);
    match readings.remove(0) {
        Reading::Alert(alert) => Ok(alert),
        Reading::Flawed { flaw, .. } => Err(flaw),
    }
}

fn recorded(format: Format, name: &str) -> Alert {
    one(format, &body(name)).unwrap()
}

/// A recorded body with one place changed.
fn changed(name: &str, pointer: &str, value: Value) -> Vec<u8> {
    let mut whole: Value = serde_json::from_slice(&body(name)).unwrap();
    *whole.pointer_mut(pointer).unwrap() = value;
    whole.to_string().into_bytes()
}

fn labels(alert: &Alert) -> Vec<(&str, &str)> {
    alert.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn annotation<'a>(alert: &'a Alert, name: &str) -> &'a str {
    alert.annotations[name].as_str()
}

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

#[test]
fn grafana_alerts_keep_their_labels_and_bring_values_and_links() {
    let readings = readings(Format::Grafana, &body("grafana_firing.json"));
    let [Reading::Alert(first), Reading::Alert(second)] = readings.as_slice() else {
        panic!("two alerts: {readings:?}")
    };
    assert_eq!((first.status, second.status), (FIRING, RESOLVED), "each its own status");
    assert_eq!(
        labels(first),
        [
            ("alertname", "VolumeFillsUp"),
            ("grafana_folder", "Storage"),
            ("instance", "files-1"),
            ("severity", "warning")
        ]
    );
    assert_eq!(first.severity.as_deref(), Some("warning"));
    assert_eq!(first.title.as_str(), "VolumeFillsUp");
    assert_eq!(
        first.message.as_str(),
        "The volume of files-1 fills up. Less than a tenth is free."
    );
    assert_eq!(first.runbook_url.as_deref(), Some("https://runbooks.example/volume-fills-up"));
    assert_eq!((first.source.as_str(), first.id.as_str()), ("grafana", "c6eadffa33fcdf37"));
    let metrics: Vec<_> = first.metrics.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(metrics, [("B", "91.25"), ("C", "1")]);
    for name in
        ["generatorURL", "silenceURL", "dashboardURL", "panelURL", "imageURL", "valueString"]
    {
        assert!(!annotation(first, name).is_empty(), "{name}");
    }
    assert_eq!(first.starts_at, Some("2026-11-30T07:51:03.157Z".parse().unwrap()));
    assert_eq!(first.ends_at, None, "the unset time of Go is none");
    assert!(second.ends_at.is_some());
    let resolved = recorded(Format::Grafana, "grafana_resolved.json");
    assert_eq!((resolved.status, resolved.identity()), (RESOLVED, first.identity()));
    let no_data = recorded(Format::Grafana, "grafana_no_data.json");
    assert_eq!((no_data.labels["rulename"].as_str(), no_data.metrics.len()), ("VolumeFillsUp", 0));
}

#[test]
fn a_rules_own_annotation_is_not_replaced_by_grafanas_link() {
    let mut whole: Value = serde_json::from_slice(&body("grafana_resolved.json")).unwrap();
    whole["alerts"][0]["annotations"]["panelURL"] = json!("mine");
    let alert = one(Format::Grafana, whole.to_string().as_bytes()).unwrap();
    assert_eq!(annotation(&alert, "panelURL"), "mine");
    for i in 0..limits::LABELS {
        whole["alerts"][0]["annotations"][i.to_string()] = json!("");
    }
    for name in ["summary", "description", "runbook_url", "panelURL"] {
        whole["alerts"][0]["annotations"].as_object_mut().unwrap().remove(name);
    }
    let full = one(Format::Grafana, whole.to_string().as_bytes()).unwrap();
    assert_eq!(full.annotations.len(), limits::LABELS, "a full set is not made too full");
}

#[test]
fn another_version_of_grafanas_webhook_is_refused() {
    let refused = read(&changed("grafana_firing.json", "/version", json!("2"))).unwrap_err();
    assert!(refused.to_string().contains("only \"1\" is read"), "{refused}");
    for (place, value) in
        [("/truncatedAlerts", json!(-1)), ("/status", json!("odd")), ("/alerts", json!(5))]
    {
        let body = changed("grafana_firing.json", place, value);
        assert!(read_as(Format::Grafana, &body).is_err(), "{place}");
    }
}

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

#[test]
fn a_cloudwatch_alarm_is_named_by_its_account_region_and_dimensions() {
    let alarm = recorded(Format::CloudWatch, "sns/alarm.json");
    assert_eq!(
        labels(&alarm),
        [
            ("InstanceId", "i-0123456789abcdef0"),
            ("account_id", "123456789012"),
            ("alertname", "files-volume-full"),
            ("metric", "disk_used_percent"),
            ("namespace", "CWAgent"),
            ("path", "/data"),
            ("region", "eu-west-1")
        ]
    );
    assert_eq!((alarm.status, alarm.severity.as_deref()), (FIRING, None));
    assert_eq!(alarm.title.as_str(), "files-volume-full");
    let message = alarm.message.as_str();
    assert!(message.starts_with("The volume of the file server\nis nearly full.\nThreshold"));
    assert_eq!(alarm.metrics["threshold"], "90.0");
    assert_eq!(alarm.starts_at, Some("2026-12-01T09:59:59.677Z".parse().unwrap()));
    assert_eq!(
        (annotation(&alarm, "state"), annotation(&alarm, "previous_state")),
        ("ALARM", "OK")
    );

    let ok = recorded(Format::CloudWatch, "sns/ok.json");
    assert_eq!((ok.status, ok.identity()), (RESOLVED, alarm.identity()));
    assert_eq!(ok.ends_at, Some("2026-12-01T10:30:00Z".parse().unwrap()));
    let lost = recorded(Format::CloudWatch, "sns/insufficient_data.json");
    assert_eq!((lost.status, lost.identity()), (FIRING, alarm.identity()));
    assert_eq!(annotation(&lost, "state"), "INSUFFICIENT_DATA");
    let repeated = recorded(Format::CloudWatch, "sns/alarm_sha1.json");
    assert_eq!(repeated.identity(), alarm.identity(), "the reading has changed, the fault has not");
}

#[test]
fn an_alarm_on_a_band_names_the_metric_behind_it() {
    let alarm = recorded(Format::CloudWatch, "sns/anomaly.json");
    assert_eq!(alarm.labels["DBInstanceIdentifier"], "orders");
    assert_eq!(alarm.labels["metric"], "CPUUtilization");
    assert_eq!(alarm.labels["region"], "eu-west-1", "a dimension takes no label of ours");
    assert_eq!(alarm.labels["dimension_region"], "odd");
}

/// An SNS notification with `message` in it.
fn notification(message: &str) -> Vec<u8> {
    changed("sns/alarm.json", "/Message", json!(message))
}

#[test]
fn a_message_that_is_no_alarm_is_an_error_that_people_are_shown() {
    for message in
        ["the nightly report is ready", "{}", "[]", "{\"AlarmName\":\"A\"}", "\u{feff}", ""]
    {
        let refused = read_as(Format::CloudWatch, &notification(message)).unwrap_err();
        assert!(refused.to_string().contains("only alarms"), "{message}: {refused}");
    }
    let deep = format!("{{\"AlarmName\":{}", "[".repeat(limits::JSON_DEPTH));
    assert!(read_as(Format::CloudWatch, &notification(&deep)).is_err());
    let twice = r#"{"AlarmName":"A","AlarmName":"B","NewStateValue":"ALARM"}"#;
    assert!(read_as(Format::CloudWatch, &notification(twice)).is_err());
}

#[test]
fn an_alarm_with_little_in_it_is_still_an_alarm() {
    let little = json!({"AlarmName": "A", "NewStateValue": "ALARM", "Region": "EU (Ireland)"});
    let alarm = one(Format::CloudWatch, &notification(&little.to_string())).unwrap();
    assert_eq!(labels(&alarm), [("alertname", "A"), ("region", "EU (Ireland)")]);
    for (member, value, field) in [
        ("NewStateValue", json!("PANIC"), "NewStateValue"),
        ("AlarmName", json!(5), "AlarmName"),
        ("StateChangeTime", json!("yesterday"), "StateChangeTime"),
        ("Trigger", json!([]), "Trigger"),
        ("AlarmName", json!("x".repeat(limits::VALUE_BYTES + 1)), "title"),
    ] {
        let mut wrong = little.clone();
        wrong[member] = value;
        let flaw = one(Format::CloudWatch, &notification(&wrong.to_string())).unwrap_err();
        assert_eq!(flaw.field, field);
    }
    let mut long = little;
    long["AlarmDescription"] = json!("ä".repeat(limits::MESSAGE_BYTES));
    let cut = one(Format::CloudWatch, &notification(&long.to_string())).unwrap();
    assert!(
        cut.message.as_str().ends_with('…') && cut.message.as_str().len() <= limits::MESSAGE_BYTES
    );
}

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

#[test]
fn an_event_with_data_of_its_own_is_named_by_type_source_and_subject() {
    let event = recorded(Format::CloudEvents, "cloudevents_structured.json");
    assert_eq!(
        labels(&event),
        [
            ("alertname", "example.volume.full"),
            ("event_source", "/monitors/files"),
            ("event_subject", "files-1")
        ]
    );
    assert_eq!((event.status, event.severity.as_deref()), (FIRING, Some("warning")));
    assert_eq!(event.title.as_str(), "example.volume.full files-1");
    assert!(event.message.as_str().contains("91.25"));
    assert_eq!((event.id.as_str(), event.source.as_str()), ("A234-1234-1234", "cloudevents"));
    let data = json!({"status": "resolved", "used_percent": 40});
    let resolved =
        one(Format::CloudEvents, &changed("cloudevents_structured.json", "/data", data)).unwrap();
    assert_eq!((resolved.status, resolved.identity()), (RESOLVED, event.identity()));
    assert_eq!(resolved.ends_at, Some("2026-11-30T08:31:00Z".parse().unwrap()));
    for data in [json!("text"), json!(5), json!([1]), json!({}), json!(null)] {
        let body = changed("cloudevents_structured.json", "/data", data.clone());
        let alert = one(Format::CloudEvents, &body).unwrap();
        assert_eq!((alert.status, alert.identity()), (FIRING, event.identity()), "{data}");
    }
}

#[test]
fn an_event_with_our_own_alert_in_it_is_that_alert() {
    let alert = recorded(Format::CloudEvents, "cloudevents_alert.json");
    assert_eq!(
        labels(&alert),
        [
            ("alertname", "VolumeFillsUp"),
            ("event_source", "/monitors/files"),
            ("instance", "files-1")
        ]
    );
    assert_eq!((alert.id.as_str(), alert.severity.as_deref()), ("B1", Some("warning")));
    assert_eq!(alert.starts_at, Some("2026-11-30T08:31:00Z".parse().unwrap()));
    let mut over: Value = serde_json::from_slice(&body("cloudevents_alert.json")).unwrap();
    over["type"] = json!("example.alert.over");
    over["data"]["status"] = json!("resolved");
    let over = one(Format::CloudEvents, over.to_string().as_bytes()).unwrap();
    assert_eq!((over.status, over.identity()), (RESOLVED, alert.identity()), "another type");
}

#[test]
fn a_batch_brings_its_good_events_and_names_the_others() {
    let readings = readings(Format::CloudEvents, &body("cloudevents_batch.json"));
    let [Reading::Alert(first), Reading::Alert(second), Reading::Flawed { index: 2, flaw }] =
        readings.as_slice()
    else {
        panic!("{readings:?}")
    };
    assert_eq!((first.labels["event_subject"].as_str(), first.status), ("files-1", FIRING));
    assert_eq!((second.status, second.message.as_str()), (RESOLVED, "{\"status\":\"resolved\"}"));
    assert_eq!(flaw.field, "id");
}

#[test]
fn an_event_that_is_none_is_a_flaw_with_its_attribute() {
    for (place, value, field) in [
        ("/specversion", json!("0.3"), "specversion"),
        ("/id", json!(""), "id"),
        ("/source", json!(5), "source"),
        ("/type", json!(null), "type"),
        ("/time", json!("noon"), "time"),
        ("/subject", json!("a\nb"), "subject"),
    ] {
        let body = changed("cloudevents_structured.json", place, value);
        assert_eq!(one(Format::CloudEvents, &body).unwrap_err().field, field);
    }
    let both = changed("cloudevents_structured.json", "/datacontenttype", json!("x"));
    let both = String::from_utf8(both).unwrap().replacen('{', "{\"data_base64\":\"e30=\",", 1);
    assert_eq!(one(Format::CloudEvents, both.as_bytes()).unwrap_err().field, "data");
}

/// An event in the binary mode.
fn binary(pairs: &[(&str, &str)], body: &[u8]) -> Result<Message, SignalError> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    read_request(Format::CloudEvents, &headers, body)
}

const BINARY: [(&str, &str); 5] = [
    ("ce-specversion", "1.0"),
    ("ce-id", "1"),
    ("ce-source", "/monitors/files"),
    ("ce-type", "example.volume.full"),
    ("ce-subject", "files-1"),
];

#[test]
fn the_binary_mode_says_the_same_as_the_structured_one() {
    let structured = recorded(Format::CloudEvents, "cloudevents_structured.json");
    let one = |body: &[u8]| match binary(&BINARY, body) {
        Ok(Message::Alerts(mut delivery)) => delivery.alerts.remove(0),
        other => panic!("{other:?}"),
    };
    for data in [&br#"{"status":"resolved"}"#[..], b"it is full", b"", b" ", b"[1]", b"{} {}"] {
        let Reading::Alert(alert) = one(data) else { panic!("{data:?}") };
        assert_eq!(alert.identity(), structured.identity(), "{data:?}");
    }
    let Reading::Alert(ours) = one(br#"{"title":"T","labels":{"a":"b"}}"#) else { panic!() };
    assert_eq!(
        labels(&ours),
        [("a", "b"), ("event_source", "/monitors/files"), ("event_subject", "files-1")]
    );
    let Reading::Flawed { flaw, .. } = one(b"\xff\xfe") else { panic!("no text") };
    assert_eq!(flaw.field, "data");
    let deep = "[".repeat(limits::JSON_DEPTH + 1);
    assert!(matches!(one(deep.as_bytes()), Reading::Flawed { .. }));
}

#[test]
fn attributes_in_headers_are_percent_decoded_or_refused() {
    let with = |name: &'static str, value: &'static str| {
        let mut pairs: Vec<_> = BINARY.into_iter().filter(|(n, _)| *n != name).collect();
        pairs.push((name, value));
        binary(&pairs, b"x")
    };
    let Ok(Message::Alerts(delivery)) = with("ce-subject", "Gr%C3%BC%C3%9fe%20%22x%22%25") else {
        panic!("decoded")
    };
    let Reading::Alert(alert) = &delivery.alerts[0] else { panic!("an alert") };
    assert_eq!(alert.labels["event_subject"], "Grüße \"x\"%");
    for (name, value) in [
        ("ce-subject", "%"),
        ("ce-subject", "%4"),
        ("ce-subject", "%+1"),
        ("ce-subject", "%zz"),
        ("ce-subject", "%ff"),
        ("ce-subject", "%0a"),
        ("ce-id", ""),
        ("ce-specversion", "0.3"),
        ("ce-time", "noon"),
    ] {
        assert!(with(name, value).is_err(), "{name}: {value}");
    }
    let twice: Vec<_> = BINARY.into_iter().chain([("ce-id", "2")]).collect();
    assert!(binary(&twice, b"x").is_err());
    let too_large = vec![b'x'; limits::BODY_BYTES + 1];
    assert_eq!(binary(&BINARY, &too_large), Err(SignalError::TooLarge));
    assert!(binary(&BINARY, &too_large[1..]).is_ok());
}

#[test]
fn as_many_events_as_the_limit_are_read_and_one_more_is_refused() {
    let event = r#"{"specversion":"1.0","id":"1","source":"s","type":"t"}"#;
    let batch = |n: usize| format!("[{}]", vec![event; n].join(","));
    let full = readings(Format::CloudEvents, batch(limits::ALERTS_PER_BODY).as_bytes());
    assert_eq!(full.len(), limits::ALERTS_PER_BODY);
    let over = read_as(Format::CloudEvents, batch(limits::ALERTS_PER_BODY + 1).as_bytes());
    assert_eq!(over, Err(SignalError::TooManyAlerts));
}
