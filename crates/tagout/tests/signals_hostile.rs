//! Bytes that nobody should send: each is refused with its place, and none stops the reader.

use std::io::{self, Read};

use proptest::prelude::*;
use serde_json::json;
use tagout::signals::{
    Delivery, Format, Message, Reading, SignalError, read, read_as, read_bounded,
};
use tagout_core::alert::{Alert, AlertFlaw};
use tagout_core::limits;

const REAL: [&[u8]; 12] = [
    include_bytes!("../../../evals/webhooks/alertmanager_firing.json"),
    include_bytes!("../../../evals/webhooks/alertmanager_grouped.json"),
    include_bytes!("../../../evals/webhooks/alertmanager_resolved.json"),
    include_bytes!("fixtures/webhooks/grafana_firing.json"),
    include_bytes!("fixtures/webhooks/pagerduty_triggered.json"),
    include_bytes!("fixtures/webhooks/sns/alarm.json"),
    include_bytes!("fixtures/webhooks/sns/subscription.json"),
    include_bytes!("fixtures/webhooks/sentry_event_alert.json"),
    include_bytes!("fixtures/webhooks/sentry_issue_created.json"),
    include_bytes!("fixtures/webhooks/sentry_metric_critical.json"),
    include_bytes!("fixtures/webhooks/cloudevents_batch.json"),
    include_bytes!("fixtures/webhooks/cloudevents_alert.json"),
];

/// The one reading of a body.
fn one(body: &str) -> Result<Alert, AlertFlaw> {
    let mut delivery = read(body.as_bytes()).unwrap();
    assert_eq!(delivery.alerts.len(), 1);
    match delivery.alerts.remove(0) {
        Reading::Alert(alert) => Ok(alert),
        Reading::Flawed { flaw, .. } => Err(flaw),
    }
}

#[test]
fn an_empty_body_is_refused_with_what_to_send() {
    for nothing in ["", " \r\n\t", "\u{feff}", "\u{feff}\n"] {
        let error = read(nothing.as_bytes()).unwrap_err();
        assert_eq!(error, SignalError::Empty);
        assert!(error.to_string().contains("send an alert"));
    }
}

#[test]
fn a_body_is_read_at_the_limit_and_refused_one_byte_past_it() {
    let mut body = br#"{"title":"A"}"#.to_vec();
    body.resize(limits::BODY_BYTES, b' ');
    assert_eq!(read(&body).unwrap().alerts.len(), 1);
    body.push(b' ');
    assert_eq!(read(&body), Err(SignalError::TooLarge));
    assert!(SignalError::TooLarge.to_string().contains(&limits::BODY_BYTES.to_string()));
}

#[test]
fn as_many_alerts_as_the_limit_are_read_and_one_more_is_refused() {
    let entry = r#"{"title":"A"}"#;
    let labelled = r#"{"labels":{"alertname":"A"}}"#;
    let webhook = |alerts: String| format!(r#"{{"version":"4","alerts":[{alerts}]}}"#);
    let array = |alerts: String| format!("[{alerts}]");
    let bodies = |n: usize| {
        let listed = |entry: &str| vec![entry; n].join(",");
        [array(listed(entry)), vec![entry; n].join("\n"), webhook(listed(labelled))]
    };
    for body in bodies(limits::ALERTS_PER_BODY) {
        let readings = read(body.as_bytes()).unwrap().alerts;
        assert_eq!(readings.len(), limits::ALERTS_PER_BODY);
        assert!(readings.iter().all(|r| matches!(r, Reading::Alert(_))));
    }
    for body in bodies(limits::ALERTS_PER_BODY + 1) {
        assert_eq!(read(body.as_bytes()), Err(SignalError::TooManyAlerts));
    }
}

#[test]
fn nesting_is_read_at_the_limit_and_refused_one_level_past_it() {
    let nested = |depth: usize| {
        format!(r#"{{"title":"A","x":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1))
    };
    assert!(one(&nested(limits::JSON_DEPTH)).is_ok());
    let error = read(nested(limits::JSON_DEPTH + 1).as_bytes()).unwrap_err();
    assert_eq!(error, SignalError::TooDeep { line: 1, column: 17 + limits::JSON_DEPTH });
    for open in ["[", "{\"a\":", "\n["] {
        let error = read(open.repeat(100_000).as_bytes()).unwrap_err();
        assert!(matches!(error, SignalError::TooDeep { .. }), "{error}");
    }
    let brackets_in_text = json!({"title": format!("\\\"{}", "[".repeat(100))}).to_string();
    assert!(one(&brackets_in_text).is_ok(), "brackets inside a string are text");
}

#[test]
fn a_byte_that_is_not_utf_8_is_named_by_its_offset() {
    let error = read(b"{\"title\":\"\xff\"}").unwrap_err();
    assert_eq!(error, SignalError::NotUtf8 { offset: 10 });
    assert!(error.to_string().contains("10"));
    assert_eq!(read(b"\xff\xfe{\0}\0"), Err(SignalError::NotUtf8 { offset: 0 }));
}

#[test]
fn broken_json_is_refused_with_its_line_and_column() {
    for (body, line, column) in [
        ("{\"title\":\"A\",}", 1, 14),
        ("{\n\"title\": x}", 2, 10),
        ("{\"title\":\"A\"", 1, 12),
        ("{\"title\":\"A\"} x", 1, 15),
        ("{\n\"title\":\"A\"}\n{\"title\":\"B\"}", 3, 1),
        ("{\"title\":\"A\"}{\"title\":\"B\"}", 1, 14),
        ("{\"title\":\"A\"}\nx", 2, 1),
        ("{\"title\":01}", 1, 11),
        ("nul", 1, 3),
    ] {
        match read(body.as_bytes()).unwrap_err() {
            SignalError::NotJson { line: l, column: c, .. } => {
                assert_eq!((l, c), (line, column), "{body:?}");
            }
            other => panic!("{body:?} gave {other:?}"),
        }
    }
}

#[test]
fn json_that_is_neither_an_object_nor_an_array_is_refused_by_its_kind() {
    for (body, found) in
        [("5", "a number"), ("\"x\"", "a string"), ("null", "null"), ("true", "a boolean")]
    {
        let error = read(body.as_bytes()).unwrap_err();
        assert_eq!(error, SignalError::WrongShape { found: found.to_owned() });
    }
}

#[test]
fn a_member_that_stands_twice_is_refused_however_it_is_spelled() {
    for body in [
        r#"{"title":"A","title":"B"}"#,
        r#"{"title":"A","t\u0069tle":"B"}"#,
        r#"{"version":"4","alerts":[],"alerts":[]}"#,
    ] {
        let error = read(body.as_bytes()).unwrap_err();
        assert!(matches!(error, SignalError::Repeated { .. }), "{body}: {error}");
    }
    let twice_inside = r#"{"title":"A","labels":{"instance":"a","instance":"b"}}"#;
    assert_eq!(one(twice_inside).unwrap_err().field, "labels");
    let in_an_array = r#"[{"title":"A","title":"A"}]"#;
    assert_eq!(one(in_an_array).unwrap_err().field, "alert");
    let in_a_webhook = r#"{"version":"4","alerts":[{"labels":{"a":"1","a":"2"}}]}"#;
    assert_eq!(one(in_a_webhook).unwrap_err().field, "labels");
}

#[test]
fn half_a_surrogate_pair_is_a_flaw_and_in_the_outermost_name_an_error() {
    let value = one(r#"{"title":"\ud800"}"#).unwrap_err();
    assert_eq!(value.field, "title");
    assert!(!value.what.contains("line"), "the slice's own line says nothing: {}", value.what);
    let inner = one(r#"[{"\ud800":1}]"#).unwrap_err();
    assert_eq!(inner.field, "alert");
    assert!(!inner.what.contains("line"), "{}", inner.what);
    let name = read(br#"{"\ud800":1}"#).unwrap_err();
    assert!(matches!(name, SignalError::NotJson { line: 1, .. }), "{name}");
}

#[test]
fn what_cannot_be_opened_in_a_list_is_flawed_and_the_alerts_beside_it_are_read() {
    let good = r#"{"labels":{"alertname":"A"}}"#;
    for bad in [
        "null",
        "1e999",
        r#""text""#,
        "[]",
        r#"{"\ud800":1}"#,
        r#"{"labels":{"alertname":"A"},"labels":{"alertname":"B"}}"#,
    ] {
        let body = format!(r#"{{"version":"4","alerts":[{good},{bad},{good}]}}"#);
        let alerts = read(body.as_bytes()).unwrap().alerts;
        let [Reading::Alert(_), Reading::Flawed { index: 1, flaw }, Reading::Alert(_)] = &*alerts
        else {
            panic!("{bad}: {alerts:?}")
        };
        assert_eq!(flaw.field, "alert", "{bad}: {flaw}");
    }
}

#[test]
fn each_length_is_read_at_its_limit_and_flawed_one_past_it() {
    let body = |field: &str, length: usize| {
        let text = "x".repeat(length);
        let mut body = json!({"message": "M"});
        match field.split_once('.') {
            Some((set, _)) => body[set] = json!({"a": text}),
            None => body[field] = json!(text),
        }
        body.to_string()
    };
    for (field, limit) in [
        ("id", limits::NAME_BYTES),
        ("source", limits::NAME_BYTES),
        ("severity", limits::NAME_BYTES),
        ("title", limits::VALUE_BYTES),
        ("message", limits::MESSAGE_BYTES),
        ("runbook_url", limits::VALUE_BYTES),
        ("labels.a", limits::VALUE_BYTES),
        ("annotations.a", limits::VALUE_BYTES),
    ] {
        assert!(one(&body(field, limit)).is_ok(), "{field}");
        assert_eq!(one(&body(field, limit + 1)).unwrap_err().field, field);
    }
    let labels = |n: usize| {
        let labels: serde_json::Map<_, _> = (0..n).map(|i| (i.to_string(), json!(""))).collect();
        json!({"title": "A", "labels": labels}).to_string()
    };
    assert!(one(&labels(limits::LABELS)).is_ok());
    assert_eq!(one(&labels(limits::LABELS + 1)).unwrap_err().field, "labels");
}

#[test]
fn control_characters_are_made_harmless_in_prose_and_refused_in_words() {
    let prose =
        one(&json!({"title": "a\u{1b}[31m\0b", "message": "one\r\ntwo\tx\r\u{85}\u{7f}"})
            .to_string());
    let prose = prose.unwrap();
    assert_eq!(prose.title.as_str(), "a\u{fffd}[31m\u{fffd}b");
    assert_eq!(prose.message.as_str(), "one\ntwo\tx\u{fffd}\u{fffd}\u{fffd}");
    let marks = one(&json!({"title": "a\u{202e}b", "labels": {"l": "\u{200f}"}}).to_string());
    let marks = marks.unwrap();
    assert_eq!((marks.title.as_str(), marks.labels["l"].as_str()), ("a\u{202e}b", "\u{200f}"));
    for field in ["id", "source", "severity", "runbook_url"] {
        let body = json!({"title": "A", field: "a\u{1b}b"}).to_string();
        let flaw = one(&body).unwrap_err();
        assert_eq!(flaw.field, field);
        assert!(flaw.what.contains("U+001B"), "{}", flaw.what);
    }
    for label in ["a\nb", "a\tb", "\0"] {
        let body = json!({"title": "A", "labels": {"l": label}}).to_string();
        assert_eq!(one(&body).unwrap_err().field, "labels.l");
        let body = json!({"title": "A", "labels": {label: "v"}}).to_string();
        assert!(one(&body).unwrap_err().field.starts_with("labels."));
    }
}

#[test]
fn a_message_about_bad_input_neither_floods_nor_steers_a_terminal() {
    let long = format!("\u{1b}[2J\u{202e}{}", "x".repeat(1_000_000));
    for body in [
        json!({"title": "A", "starts_at": long}),
        json!({"title": "A", "status": long}),
        json!({"title": "A", "labels": {&long: []}}),
        json!({"title": "A", "labels": {"a\u{1b}[2J\u{202e}": "x"}}),
        json!({"title": "A", "annotations": {"a\u{1b}[2J\u{202e}": "x"}}),
        json!({"title": "A", "metrics": {&long: "x"}}),
    ] {
        let shown = one(&body.to_string()).unwrap_err().to_string();
        assert!(shown.len() < 1_000, "{} bytes", shown.len());
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
    }
    let twice = format!("{{{0}:1,{0}:1}}", json!(long));
    let version = json!({"alerts": [], "version": long}).to_string();
    for body in [twice, version] {
        let shown = read(body.as_bytes()).unwrap_err().to_string();
        assert!(shown.len() < 1_000 && !shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
    }
}

#[test]
fn a_source_that_fails_is_an_error_and_not_an_empty_body() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("disk on fire"))
        }
    }
    let error = read_bounded(Broken).unwrap_err();
    assert!(error.to_string().contains("disk on fire"), "{error}");
}

/// Whatever is read holds to the limits, in whichever format.
fn reads_safely(body: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(delivery) = read(body) {
        holds_limits(&delivery)?;
    }
    for format in Format::ALL {
        if let Ok(Message::Alerts(delivery)) = read_as(format, body) {
            prop_assert_eq!(delivery.source, format);
            holds_limits(&delivery)?;
        }
    }
    Ok(())
}

fn holds_limits(delivery: &Delivery) -> Result<(), TestCaseError> {
    prop_assert!(delivery.alerts.len() <= limits::ALERTS_PER_BODY);
    for (place, reading) in delivery.alerts.iter().enumerate() {
        match reading {
            Reading::Alert(alert) => prop_assert_eq!(alert.check(), Ok(())),
            Reading::Flawed { index, .. } => prop_assert_eq!(*index, place),
        }
    }
    Ok(())
}

const TOKENS: [&str; 18] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\n",
    "\\ud800",
    "1e999",
    "null",
    "\"4\"",
    "\"title\":",
    "\"alerts\":[",
    "\"version\":\"4\",",
    "\"labels\":{",
    "\"a\"",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn arbitrary_bytes_never_stop_the_reader(body in prop::collection::vec(any::<u8>(), 0..300)) {
        reads_safely(&body)?;
    }

    #[test]
    fn arbitrary_json_like_text_never_stops_the_reader(
        tokens in prop::collection::vec(prop::sample::select(&TOKENS[..]), 0..40),
    ) {
        reads_safely(tokens.concat().as_bytes())?;
    }

    #[test]
    fn real_bodies_with_damage_never_stop_the_reader(
        which in 0..REAL.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..6),
    ) {
        let mut body = REAL[which].to_vec();
        for (at, byte, kind) in damage {
            let at = at.index(body.len().max(1));
            match kind {
                0 if at < body.len() => body[at] = byte,
                1 => body.insert(at, byte),
                2 if at < body.len() => drop(body.remove(at)),
                3 => body.truncate(at),
                _ => {}
            }
        }
        reads_safely(&body)?;
    }
}
