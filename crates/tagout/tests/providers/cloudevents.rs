//! CloudEvents: structured, batched and binary.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tagout::signals::{Format, Message, Reading, SignalError, read_as, read_request};
use tagout_core::limits;

use crate::bodies::{FIRING, RESOLVED, body, changed, labels, one, readings, recorded};

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
