//! What is read from the bytes that monitoring systems send.

use std::io::{self, Read};

use proptest::prelude::*;
use serde_json::{Value, json};
use tagout::signals::{Delivery, Format, Reading, SignalError, read, read_bounded};
use tagout_core::alert::{Alert, AlertFlaw, AlertStatus};
use tagout_core::digest::DeliveryDigest;
use tagout_core::limits;

const FIRING: &[u8] = include_bytes!("../../../evals/webhooks/alertmanager_firing.json");
const GROUPED: &[u8] = include_bytes!("../../../evals/webhooks/alertmanager_grouped.json");
const RESOLVED: &[u8] = include_bytes!("../../../evals/webhooks/alertmanager_resolved.json");

fn good(delivery: &Delivery) -> Vec<&Alert> {
    let alerts = delivery.alerts.iter();
    alerts.filter_map(|r| if let Reading::Alert(a) = r { Some(a) } else { None }).collect()
}

fn flaws(delivery: &Delivery) -> Vec<(usize, &AlertFlaw)> {
    let alerts = delivery.alerts.iter();
    alerts
        .filter_map(|r| {
            if let Reading::Flawed { index, flaw } = r { Some((*index, flaw)) } else { None }
        })
        .collect()
}

/// The one good alert in a body.
fn alert(body: &str) -> Alert {
    let delivery = read(body.as_bytes()).unwrap();
    match delivery.alerts.as_slice() {
        [Reading::Alert(alert)] => alert.clone(),
        other => panic!("{body} gave {other:?}"),
    }
}

/// The one flaw in a body.
fn flaw(body: &str) -> AlertFlaw {
    let delivery = read(body.as_bytes()).unwrap();
    match delivery.alerts.as_slice() {
        [Reading::Flawed { index: 0, flaw }] => flaw.clone(),
        other => panic!("{body} gave {other:?}"),
    }
}

/// A webhook of these alerts, as Alertmanager writes it.
fn webhook(alerts: &Value) -> String {
    json!({"receiver": "r", "status": "firing", "version": "4", "truncatedAlerts": 0, "alerts": alerts})
        .to_string()
}

/// A webhook of one alert with these labels and annotations.
fn webhook_of(labels: &Value, annotations: &Value) -> String {
    webhook(&json!([{"status": "firing", "labels": labels, "annotations": annotations}]))
}

#[test]
fn a_real_firing_webhook_is_read_field_by_field() {
    let delivery = read(FIRING).unwrap();
    assert_eq!((delivery.source, delivery.truncated), (Format::Alertmanager, 0));
    assert_eq!(delivery.digest, DeliveryDigest::of_bytes(FIRING));
    assert_eq!(flaws(&delivery), []);
    let [alert] = good(&delivery)[..] else { panic!("one alert") };
    assert_eq!(alert.id, "7440de58ac24b970");
    assert_eq!(alert.source, "alertmanager");
    assert_eq!(alert.status, AlertStatus::Firing);
    assert_eq!(alert.severity.as_deref(), Some("critical"));
    assert_eq!(alert.title.as_str(), "DiskFull");
    assert_eq!(alert.message.as_str(), "Disk 97% full on db-1");
    assert_eq!(alert.labels["instance"], "db-1:9100");
    assert_eq!(alert.labels.len(), 5);
    assert_eq!(alert.annotations["summary"].as_str(), "Disk 97% full on db-1");
    assert_eq!(alert.starts_at, Some("2026-11-23T04:20:52Z".parse().unwrap()));
    assert_eq!(alert.ends_at, None, "the year 1 is Go's unset time");
    assert_eq!(alert.runbook_url.as_deref(), Some("https://runbooks.example/disk-full"));
    assert!(alert.metrics.is_empty());
}

#[test]
fn a_real_group_of_three_gives_three_alerts_with_three_identities() {
    let delivery = read(GROUPED).unwrap();
    let alerts = good(&delivery);
    let instances: Vec<_> = alerts.iter().map(|a| a.labels["instance"].as_str()).collect();
    assert_eq!(instances, ["db-1:9100", "db-2:9100", "db-3:9100"]);
    assert_ne!(alerts[0].identity(), alerts[1].identity());
    assert!(alerts.iter().all(|a| a.status == AlertStatus::Firing));
}

#[test]
fn a_real_resolved_group_has_ended_and_keeps_the_identities_it_fired_under() {
    let (fired, resolved) = (read(GROUPED).unwrap(), read(RESOLVED).unwrap());
    let end = "2026-11-23T04:20:58Z".parse().unwrap();
    assert_eq!(good(&resolved).len(), 3);
    for (before, after) in good(&fired).into_iter().zip(good(&resolved)) {
        assert_eq!(after.status, AlertStatus::Resolved);
        assert_eq!(after.ends_at, Some(end));
        assert_eq!(before.identity(), after.identity());
    }
}

#[test]
fn in_a_mixed_group_each_alert_has_its_own_status() {
    let labels = json!({"alertname": "A"});
    let delivery = read(
        webhook(&json!([
            {"status": "resolved", "labels": labels, "endsAt": "2026-11-23T04:20:58Z"},
            {"status": "firing", "labels": labels},
            {"labels": labels},
        ]))
        .as_bytes(),
    )
    .unwrap();
    let status: Vec<_> = good(&delivery).iter().map(|a| a.status).collect();
    assert_eq!(status, [AlertStatus::Resolved, AlertStatus::Firing, AlertStatus::Firing]);
}

#[test]
fn an_alert_without_a_status_takes_that_of_its_group() {
    let body = webhook(&json!([{"labels": {"alertname": "A"}}]));
    assert_eq!(alert(&body).status, AlertStatus::Firing);
    assert_eq!(alert(&body.replace("firing", "resolved")).status, AlertStatus::Resolved);
}

#[test]
fn only_a_resolved_alert_has_an_end() {
    for (status, sent, ended) in [
        ("firing", "2999-01-01T00:00:00Z", false),
        ("firing", "2001-01-01T00:00:00Z", false),
        ("resolved", "2001-01-01T00:00:00Z", true),
        ("resolved", "0001-12-31T23:59:59.999Z", false),
        ("resolved", "0002-01-01T00:00:00Z", true),
    ] {
        let labels = json!({"alertname": "A"});
        let body = webhook(&json!([{"status": status, "labels": labels, "endsAt": sent}]));
        assert_eq!(alert(&body).ends_at.is_some(), ended, "{status} {sent}");
        let body = json!({"title": "A", "status": status, "ends_at": sent}).to_string();
        assert_eq!(alert(&body).ends_at.is_some(), ended, "own JSON, {status} {sent}");
    }
}

#[test]
fn severity_is_one_lower_case_word_or_absent() {
    let labelled =
        |word: &str| alert(&webhook_of(&json!({"alertname": "A", "severity": word}), &json!({})));
    assert_eq!(labelled(" Critical ").severity.as_deref(), Some("critical"));
    assert_eq!(labelled(" Critical ").labels["severity"], " Critical ", "the label stays");
    assert_eq!(labelled("  ").severity, None);
    assert_eq!(alert(r#"{"title":"A","severity":"WARNING"}"#).severity.as_deref(), Some("warning"));
    let from_label = alert(r#"{"title":"A","labels":{"severity":"Error"}}"#);
    assert_eq!(from_label.severity.as_deref(), Some("error"));
    let both = alert(r#"{"title":"A","severity":"info","labels":{"severity":"error"}}"#);
    assert_eq!(both.severity.as_deref(), Some("info"));
    assert_eq!(alert(r#"{"title":"A","severity":null}"#).severity, None);
}

#[test]
fn a_foreign_severity_word_is_kept_as_a_label_and_one_of_ours_is_not() {
    let foreign = alert(r#"{"title":"A","severity":"P1"}"#);
    assert_eq!(foreign.severity.as_deref(), Some("p1"));
    assert_eq!(foreign.labels["severity"], "P1");
    assert!(alert(r#"{"title":"A","severity":"Critical"}"#).labels.is_empty());
    let mut labels: Value = json!({});
    for i in 0..limits::LABELS {
        labels[i.to_string()] = json!("");
    }
    let full = alert(&json!({"title": "A", "severity": "P1", "labels": labels}).to_string());
    assert_eq!(full.labels.len(), limits::LABELS, "a full set is not made too full");
}

#[test]
fn title_and_message_come_from_name_summary_and_description() {
    let read = |labels: Value, annotations: Value| {
        let alert = alert(&webhook_of(&labels, &annotations));
        (alert.title.to_string(), alert.message.to_string())
    };
    let pair = |title: &str, message: &str| (title.to_owned(), message.to_owned());
    let named = json!({"alertname": "A"});
    let both = json!({"summary": "Full", "description": "97 % used"});
    assert_eq!(read(named.clone(), both), pair("A", "Full. 97 % used"));
    let stopped = json!({"summary": "Full.", "description": "97 % used"});
    assert_eq!(read(named.clone(), stopped), pair("A", "Full. 97 % used"));
    let same = json!({"summary": "Full", "description": " Full\n"});
    assert_eq!(read(named.clone(), same), pair("A", "Full"));
    assert_eq!(read(named.clone(), json!({"description": "D"})), pair("A", "D"));
    assert_eq!(read(named.clone(), json!({"message": "M"})), pair("A", "M"));
    assert_eq!(read(named, json!({"message": "M", "summary": "S"})), pair("A", "S"));
    assert_eq!(read(json!({}), json!({"summary": "S"})), pair("S", "S"));
}

#[test]
fn a_flawed_alert_is_named_and_the_ones_beside_it_go_through() {
    let ok = json!({"labels": {"alertname": "A"}});
    let delivery = read(
        webhook(&json!([
            ok, {"status": "firing"}, {"labels": {"alertname": 5}}, ok, "text",
            {"labels": {"alertname": "A"}, "status": "melting"},
            {"labels": {"alertname": "A"}, "startsAt": "yesterday"},
            {"labels": {}},
            {"labels": {"alertname": "A"}, "annotations": {"summary": []}},
        ]))
        .as_bytes(),
    )
    .unwrap();
    assert_eq!(good(&delivery).len(), 2);
    let named: Vec<_> = flaws(&delivery).iter().map(|(i, f)| (*i, f.field.as_str())).collect();
    let expected = [
        (1, "labels"),
        (2, "labels.alertname"),
        (4, "alert"),
        (5, "status"),
        (6, "startsAt"),
        (7, "title"),
        (8, "annotations.summary"),
    ];
    assert_eq!(named, expected);
}

#[test]
fn what_alertmanager_left_out_is_reported() {
    let body = webhook(&json!([])).replace("\"truncatedAlerts\":0", "\"truncatedAlerts\":7");
    assert_eq!(read(body.as_bytes()).unwrap().truncated, 7);
    let body = body.replace(":7", ":-7");
    let error = read(body.as_bytes()).unwrap_err();
    assert!(matches!(error, SignalError::BadMember { member: "truncatedAlerts", .. }), "{error}");
}

#[test]
fn another_version_of_the_webhook_is_refused_with_what_to_do() {
    let body = webhook(&json!([]));
    for (version, shown) in [("\"1\"", "is \"1\" and"), ("4", "is 4 and"), ("null", "is null and")]
    {
        let body = body.replace("\"version\":\"4\"", &format!("\"version\":{version}"));
        let error = read(body.as_bytes()).unwrap_err();
        assert!(matches!(error, SignalError::UnknownVersion { .. }), "{error}");
        assert!(error.to_string().contains(shown) && error.to_string().contains("send"), "{error}");
    }
    let none = read(br#"{"receiver":"r","alerts":[]}"#).unwrap_err();
    assert!(none.to_string().contains("absent"), "{none}");
}

#[test]
fn an_empty_webhook_may_write_its_list_as_null() {
    for alerts in [json!([]), Value::Null] {
        let delivery = read(webhook(&alerts).as_bytes()).unwrap();
        assert_eq!((delivery.source, delivery.alerts), (Format::Alertmanager, vec![]));
    }
}

#[test]
fn unknown_members_are_ignored_wherever_they_stand() {
    let plain = alert(r#"{"title":"A"}"#);
    assert_eq!(alert(r#"{"title":"A","x":{"y":[1e999,{"z":null}]}}"#), plain);
    let mut body: Value = serde_json::from_slice(FIRING).unwrap();
    body["new"] = json!([{}]);
    body["alerts"][0]["new"] = json!({"a": 1});
    assert_eq!(read(body.to_string().as_bytes()).unwrap().alerts, read(FIRING).unwrap().alerts);
}

#[test]
fn an_address_with_a_line_break_at_its_end_is_one_and_with_a_break_inside_is_none() {
    let url = |url: &str| {
        let annotations = json!({"runbook_url": url});
        alert(&webhook_of(&json!({"alertname": "A"}), &annotations)).runbook_url
    };
    assert_eq!(url("https://a.example/x\n").as_deref(), Some("https://a.example/x"));
    assert_eq!(url("https://a.example/\nx"), None);
    assert_eq!(url("https://a.example/\u{1b}x"), None);
    assert_eq!(url(" "), None);
}

#[test]
fn the_example_of_the_contract_is_read_field_by_field() {
    let alert = alert(
        r#"{"id":"inc01","source":"prometheus","severity":"critical","status":"firing",
 "title":"HostOutOfDiskSpace","message":"Disk usage above 90% on db-primary-01",
 "labels":{"instance":"db-primary-01"},"annotations":{},"metrics":{"disk_used_percent":91.5},
 "starts_at":"2026-11-01T10:00:00Z","ends_at":null,"runbook_url":null}"#,
    );
    assert_eq!((alert.id.as_str(), alert.source.as_str()), ("inc01", "prometheus"));
    assert_eq!(alert.severity.as_deref(), Some("critical"));
    assert_eq!(alert.status, AlertStatus::Firing);
    assert_eq!(alert.title.as_str(), "HostOutOfDiskSpace");
    assert_eq!(alert.message.as_str(), "Disk usage above 90% on db-primary-01");
    assert_eq!(alert.labels["instance"], "db-primary-01");
    assert_eq!(alert.metrics["disk_used_percent"], "91.5");
    assert_eq!(alert.starts_at, Some("2026-11-01T10:00:00Z".parse().unwrap()));
    assert_eq!((alert.ends_at, alert.runbook_url), (None, None));
}

#[test]
fn title_or_message_alone_is_enough_and_neither_is_too_little() {
    let message = alert(r#"{"message":"M","title":null,"labels":null,"metrics":null}"#);
    assert_eq!(message.message.as_str(), "M");
    assert_eq!((message.source.as_str(), message.id.as_str()), ("native", ""));
    assert_eq!(alert(r#"{"title":"T"}"#).status, AlertStatus::Firing);
    for nothing in ["{}", r#"{"title":"  ","message":"\n"}"#, r#"{"id":"1"}"#] {
        assert_eq!(flaw(nothing).field, "title", "{nothing}");
    }
}

#[test]
fn numbers_keep_the_spelling_in_which_they_were_sent() {
    let longest = "9".repeat(64);
    for number in ["91.50", "1E5", "-0", "1e999", "123456789012345678901234567890", &longest] {
        let body = format!(r#"{{"title":"A","metrics":{{"m":{number},"none":null}}}}"#);
        let metrics = alert(&body).metrics;
        assert_eq!(metrics["m"], number);
        assert_eq!(metrics.len(), 1);
    }
    for refused in ["\"91.5\"", "true", "[1]", &"9".repeat(65)] {
        let body = format!(r#"{{"title":"A","metrics":{{"m":{refused}}}}}"#);
        assert_eq!(flaw(&body).field, "metrics.m", "{refused}");
    }
}

#[test]
fn label_values_of_our_own_json_are_strings_numbers_or_booleans() {
    let labels = alert(r#"{"title":"A","labels":{"s":"x","n":5.0,"b":true,"none":null}}"#).labels;
    let labels: Vec<_> = labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(labels, [("b", "true"), ("n", "5.0"), ("s", "x")]);
    for nested in ["{}", "[]"] {
        let body = format!(r#"{{"title":"A","labels":{{"l":{nested}}}}}"#);
        assert_eq!(flaw(&body).field, "labels.l");
        let body = format!(r#"{{"title":"A","annotations":{{"l":{nested}}}}}"#);
        assert_eq!(flaw(&body).field, "annotations.l");
    }
}

#[test]
fn an_object_an_array_and_lines_of_the_same_alerts_read_the_same() {
    let (a, b) = (r#"{"title":"A"}"#, r#"{"title":"B"}"#);
    assert_eq!(read(a.as_bytes()).unwrap().alerts.len(), 1);
    let array = read(format!("[{a},\n{b}]").as_bytes()).unwrap();
    for lines in
        [format!("{a}\n{b}"), format!("\n{a}\r\n \n{b}\n\n"), format!("\u{feff}{a}\n{b}\n")]
    {
        let lines = read(lines.as_bytes()).unwrap();
        assert_eq!((lines.source, &lines.alerts), (Format::Native, &array.alerts));
    }
    assert_eq!(good(&array).len(), 2);
    assert_eq!(read(b"[]").unwrap().alerts, []);
}

#[test]
fn in_json_lines_every_fault_names_its_line() {
    let delivery = read(b"{\"title\":\"A\"}\n\n{\"title\":5}\n{\"title\":\"B\"}\n[]").unwrap();
    assert_eq!(good(&delivery).len(), 2);
    let named: Vec<_> = flaws(&delivery).iter().map(|(i, f)| (*i, f.field.as_str())).collect();
    assert_eq!(named, [(1, "line 3: title"), (3, "line 5: alert")]);
    let error = read(b"{\"title\":\"A\"}\n\n{\"title\":}\n").unwrap_err();
    assert!(error.to_string().starts_with("line 3, column 10: "), "{error}");
}

#[test]
fn a_byte_order_mark_is_ignored_and_still_in_the_digest() {
    let body = "\u{feff}{\"title\":\"A\"}";
    let delivery = read(body.as_bytes()).unwrap();
    assert_eq!(good(&delivery).len(), 1);
    assert_eq!(delivery.digest, DeliveryDigest::of_bytes(body.as_bytes()));
}

/// The alert in our own JSON, as the contract writes it.
fn spelled(alert: &Alert) -> String {
    let mut value = serde_json::to_value(alert).unwrap();
    value["title"] = json!(alert.title.as_str());
    value["message"] = json!(alert.message.as_str());
    for (name, text) in &alert.annotations {
        value["annotations"][name] = json!(text.as_str());
    }
    for (name, number) in &alert.metrics {
        value["metrics"][name] = serde_json::from_str(number).unwrap();
    }
    value.to_string()
}

proptest! {
    #[test]
    fn a_good_alert_written_in_our_own_json_reads_back_the_same(
        title in "[a-zA-Z][^\\p{Cc}]{0,30}", message in "[^\\p{Cc}]{0,30}\n\t?\\PC{0,9}x",
        labels in prop::collection::btree_map("[a-z]{1,9}", "[^\\p{Cc}]{0,20}", 0..6),
        number in any::<i32>(), severity in "(info|warning|error|critical)",
        resolved in any::<bool>(), starts in 0_i64..4_000_000_000_000,
    ) {
        use tagout_core::time::Time;
        let start = Time::from_millis(starts);
        let before = Alert {
            id: "1".into(), source: "s".into(), severity: Some(severity),
            status: if resolved { AlertStatus::Resolved } else { AlertStatus::Firing },
            title: title.into(), message: message.as_str().into(), labels,
            annotations: [("a".to_owned(), message.into())].into(),
            metrics: [("m".to_owned(), number.to_string())].into(),
            starts_at: Some(start), ends_at: resolved.then_some(start),
            runbook_url: Some("https://a.example".into()),
        };
        prop_assert_eq!(alert(&spelled(&before)), before);
    }
}

/// Counts the bytes taken from an endless source.
struct Counted<R>(R, usize);

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let taken = self.0.read(buffer)?;
        self.1 += taken;
        Ok(taken)
    }
}

#[test]
fn a_source_of_200_mb_is_refused_after_one_byte_past_the_limit() {
    let mut source = Counted(io::repeat(b' ').take(200_000_000), 0);
    assert_eq!(read_bounded(&mut source), Err(SignalError::TooLarge));
    assert_eq!(source.1, limits::BODY_BYTES + 1);
    let exact = io::repeat(b' ').take(limits::BODY_BYTES as u64);
    assert_eq!(read_bounded(exact).map(|body| body.len()), Ok(limits::BODY_BYTES));
}
