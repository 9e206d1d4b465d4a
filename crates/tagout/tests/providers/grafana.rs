//! Grafana Alerting's webhook.

use serde_json::{Value, json};
use tagout::signals::{Format, Reading, read, read_as};
use tagout_core::limits;

use crate::bodies::{FIRING, RESOLVED, annotation, body, changed, labels, one, readings, recorded};

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
