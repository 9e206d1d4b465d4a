//! What a mapping's declaration may say, and what it does with bodies, hostile ones too.

use proptest::prelude::*;
use serde_json::json;
use tagout::signals::{Delivery, Mapping, MappingError, Reading, SignalError};
use tagout_core::alert::{Alert, AlertFlaw, AlertStatus};
use tagout_core::limits;
use tagout_core::text::FreeText;

const PLAIN: &str = r#"
    name = "plain"
    title = "/title"
    id = "/id"
    message = "/message"
    runbook_url = "/page"
    starts_at = { from = "/start", as = "rfc3339" }
    ends_at = { from = "/end", as = "unix_seconds" }
    status = { from = "/state", firing = ["Bad", "worse"], resolved = ["good"], suppressed = ["muted"] }
    severity = { from = "/level", critical = ["P1"], info = ["P5"] }
    metrics.load = "/load"
    [labels]
    host = "/host"
    [[labels_from]]
    members = "/labels"
    [[ignore]]
    at = "/title"
    is = ["test"]
    begins_with = ["ping "]
"#;

fn parse(text: &str) -> Mapping {
    Mapping::parse(text).unwrap()
}

fn refused(text: &str) -> String {
    Mapping::parse(text).unwrap_err().to_string()
}

/// A mapping with a title and these lines.
fn with(lines: &str) -> Result<Mapping, MappingError> {
    Mapping::parse(&format!("name = \"m\"\ntitle = \"/title\"\n{lines}"))
}

fn one(delivery: Delivery) -> Result<Alert, AlertFlaw> {
    match delivery.alerts.as_slice() {
        [Reading::Alert(alert)] => Ok(alert.clone()),
        [Reading::Flawed { flaw, .. }] => Err(flaw.clone()),
        other => panic!("{other:?}"),
    }
}

/// The one reading of a body under a mapping with a title and these lines.
fn under(lines: &str, body: &serde_json::Value) -> Result<Alert, AlertFlaw> {
    one(with(lines).unwrap().read(body.to_string().as_bytes()).unwrap())
}

fn plain(body: &str) -> Result<Alert, AlertFlaw> {
    one(parse(PLAIN).read(body.as_bytes()).unwrap())
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_keys_there_are() {
    for (text, key, line) in [
        ("name = \"m\"\ntitel = \"/t\"", "titel", "line 2"),
        ("name = \"m\"\ntitle = { pointer = \"/t\" }", "pointer", "line 2"),
        ("name = \"m\"\ntitle = \"/t\"\n[status]\nfrom = \"/s\"\nfring = []", "fring", "line 5"),
        ("name = \"m\"\ntitle = \"/t\"\n[[labels_from]]\nmember = \"/l\"", "member", "line 4"),
        ("name = \"m\"\ntitle = \"/t\"\n[[ignore]]\nat = \"/t\"\nare = []", "are", "line 5"),
    ] {
        let error = refused(text);
        assert!(error.contains(key) && error.contains(line), "{error}");
        assert!(error.contains("expected"), "no word of what is accepted: {error}");
    }
}

#[test]
fn a_declaration_that_breaks_a_rule_is_refused_with_the_key_and_the_fix() {
    for (lines, key, fix) in [
        ("id = \"key\"", "id", "\"/key\""),
        ("id = \"/a~b\"", "id", "~0"),
        ("id = { first = [] }", "id", "exactly one"),
        ("id = { constant = \"a\", template = \"{/b}\" }", "id", "exactly one"),
        ("id = { first = [{ first = [\"/a\"] }] }", "id", "one list"),
        ("id = { constant = \"a\", with = \",\" }", "id", "join"),
        ("id = { template = \"{/a\" }", "id", "brace"),
        ("id = { template = \"a}\" }", "id", "brace"),
        ("id = { template = \"a\" }", "id", "constant"),
        ("id = { template = \"{a}\" }", "id", "\"/a\""),
        ("each = \"alerts\"", "each", "\"/alerts\""),
        ("labels.a = \"a\"", "labels.a", "constant"),
        ("metrics.a = \"a\"", "metrics.a", "\"/a\""),
        ("status = { from = \"/s\", resolved = [\"ok\"] }", "status.firing", "list"),
        ("status = { from = \"/s\", firing = [\"A\"], resolved = [\"a \"] }", "status", "twice"),
        ("severity = { from = \"/s\", info = [\" \"] }", "severity", "empty"),
        ("labels_from = [{ prefix = \"a\" }]", "labels_from[0]", "exactly one"),
        ("labels_from = [{ members = \"/a\", tags = \"/b\" }]", "labels_from[0]", "exactly one"),
        ("labels_from = [{ members = \"/a\", split = \"=\" }]", "labels_from[0]", "tags"),
        ("labels_from = [{ tags = \"/a\", name = \"/n\" }]", "labels_from[0]", "pairs"),
        ("labels_from = [{ tags = \"/a\", separator = \"\" }]", "labels_from[0]", "empty"),
        ("ignore = [{ at = \"/a\" }]", "ignore[0]", "begins_with"),
        ("ignore = [{ at = \"/a\", begins_with = [\"\"] }]", "ignore[0]", "every alert"),
    ] {
        let error = with(lines).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{key}: ")), "{lines}: {error}");
        assert!(error.contains(fix), "{lines}: {error}");
    }
    assert!(refused("name = \"m\"").contains("title"));
    assert!(refused("name = \"My Tool\"\ntitle = \"/t\"").starts_with("name: "));
}

#[test]
fn a_declaration_is_read_at_its_limits_and_refused_one_past_them() {
    let padded = |bytes: usize| {
        let text = "name = \"m\"\ntitle = \"/t\"\n#";
        format!("{text}{}", "x".repeat(bytes - text.len()))
    };
    assert!(Mapping::parse(&padded(limits::MAPPING_BYTES)).is_ok());
    assert!(refused(&padded(limits::MAPPING_BYTES + 1)).contains("65536"));
    let places = |n: usize| format!("id = {{ template = \"{}\" }}", "{/a}".repeat(n - 1));
    assert!(with(&places(limits::MAPPING_PLACES)).is_ok());
    assert!(with(&places(limits::MAPPING_PLACES + 1)).unwrap_err().to_string().contains("257"));
    let labels = |n: usize| {
        (0..n).map(|i| format!("labels.l{i} = {{ constant = \"x\" }}\n")).collect::<String>()
    };
    assert!(with(&labels(limits::LABELS)).is_ok());
    assert!(with(&labels(limits::LABELS + 1)).unwrap_err().to_string().contains("labels"));
}

#[test]
fn a_body_is_read_field_by_field() {
    let alert = plain(
        r#"{"title": "T", "id": 7, "message": "M", "page": "https://a.example", "host": "db-1",
            "start": "2026-11-01T10:00:00+01:00", "end": "1793527200.5", "state": "GOOD",
            "level": "p1", "load": "0.50", "labels": {"a": true, "b": null, "c": " "}}"#,
    )
    .unwrap();
    assert_eq!((alert.id.as_str(), alert.source.as_str()), ("7", "plain"));
    assert_eq!((alert.title.as_str(), alert.message.as_str()), ("T", "M"));
    assert_eq!(alert.status, AlertStatus::Resolved);
    assert_eq!(alert.severity.as_deref(), Some("critical"));
    assert_eq!(alert.runbook_url.as_deref(), Some("https://a.example"));
    assert_eq!(alert.starts_at, Some("2026-11-01T09:00:00Z".parse().unwrap()));
    assert_eq!(alert.ends_at, Some("2026-11-01T10:00:00.500Z".parse().unwrap()));
    assert_eq!(alert.metrics["load"], "0.50", "a number keeps its spelling");
    let labels: Vec<_> = alert.labels.iter().collect();
    let (a, host) = (("a".to_owned(), "true".to_owned()), ("host".to_owned(), "db-1".to_owned()));
    assert_eq!(labels, [(&a.0, &a.1), (&host.0, &host.1)], "null and blank are no labels");
}

#[test]
fn a_word_for_the_state_counts_in_any_case_and_an_unknown_or_missing_one_is_a_flaw() {
    for (state, status) in [
        ("bad", AlertStatus::Firing),
        (" WORSE ", AlertStatus::Firing),
        ("muted", AlertStatus::Suppressed),
    ] {
        let alert = plain(&json!({"title": "T", "state": state}).to_string()).unwrap();
        assert_eq!(alert.status, status);
    }
    for body in [json!({"title": "T", "state": "odd"}), json!({"title": "T"})] {
        assert_eq!(plain(&body.to_string()).unwrap_err().field, "status");
    }
    assert_eq!(under("", &json!({"title": "T"})).unwrap().status, AlertStatus::Firing);
}

#[test]
fn a_severity_outside_the_table_is_kept_for_the_policy() {
    let alert = plain(r#"{"title": "T", "state": "bad", "level": "Purple"}"#).unwrap();
    assert_eq!(alert.severity.as_deref(), Some("purple"));
    assert!(alert.labels.is_empty(), "a severity that changes must not change the identity");
}

#[test]
fn only_a_resolved_alert_has_ended() {
    let alert = plain(r#"{"title": "T", "state": "bad", "end": 1793527200}"#).unwrap();
    assert_eq!(alert.ends_at, None);
}

#[test]
fn the_unset_time_of_a_sender_is_no_time_and_a_broken_one_a_flaw() {
    let lines = "starts_at = { from = \"/at\", as = \"unix_milliseconds\" }";
    for unset in [json!(0), json!("0"), json!(null), json!(" ")] {
        assert_eq!(under(lines, &json!({"title": "T", "at": unset})).unwrap().starts_at, None);
    }
    for broken in [json!("soon"), json!(1e30), json!(true), json!({}), json!("9".repeat(30))] {
        let flaw = under(lines, &json!({"title": "T", "at": broken})).unwrap_err();
        assert_eq!(flaw.field, "starts_at");
    }
    let lines = "starts_at = { from = \"/at\", as = \"rfc3339\" }";
    let unset = under(lines, &json!({"title": "T", "at": "0001-01-01T00:00:00Z"})).unwrap();
    assert_eq!(unset.starts_at, None);
    assert!(under(lines, &json!({"title": "T", "at": "2026.11.01 10:00"})).is_err());
}

#[test]
fn alerts_are_taken_from_where_the_declaration_says() {
    let mapping = with("each = \"/a~1b/0\"\nlabels.group = \"body:/group\"").unwrap();
    let body = json!({"group": "g", "a/b": [[{"title": "A"}, 5, {"title": "B"}]]});
    let delivery = mapping.read(body.to_string().as_bytes()).unwrap();
    let [Reading::Alert(a), Reading::Flawed { index: 1, flaw }, Reading::Alert(b)] =
        delivery.alerts.as_slice()
    else {
        panic!("{delivery:?}")
    };
    assert_eq!((a.title.as_str(), b.title.as_str()), ("A", "B"));
    assert_eq!(a.labels["group"], "g");
    assert_eq!(flaw.field, "alert");
    for (body, why) in [
        (json!({"group": "g"}), "is missing"),
        (json!({"a/b": [null]}), "is missing"),
        (json!({"a/b": [{"title": "A"}]}), "is an object"),
    ] {
        let error = mapping.read(body.to_string().as_bytes()).unwrap_err();
        assert!(matches!(error, SignalError::Unmapped { .. }), "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn without_a_place_for_alerts_the_body_is_one_alert_or_a_list_of_them() {
    let mapping = with("").unwrap();
    assert_eq!(mapping.read(br#"{"title": "A"}"#).unwrap().alerts.len(), 1);
    assert_eq!(mapping.read(br#"[{"title": "A"}, {"title": "B"}]"#).unwrap().alerts.len(), 2);
    assert_eq!(mapping.read(b"[]").unwrap().alerts, []);
    let lines = mapping.read(b"{\"title\": \"A\"}\n{\"title\": \"B\"}").unwrap_err();
    assert!(matches!(lines, SignalError::Unmapped { .. }), "{lines}");
    assert!(matches!(mapping.read(b"5"), Err(SignalError::WrongShape { .. })));
}

#[test]
fn what_is_ignored_gives_no_alert_and_still_counts_in_the_index() {
    let mapping = parse(PLAIN);
    let body = br#"[{"title": "test"}, {"title": "ping 1"}, {"title": "T"}]"#;
    let delivery = mapping.read(body).unwrap();
    let [Reading::Flawed { index: 2, .. }] = delivery.alerts.as_slice() else { panic!() };
}

#[test]
fn the_first_text_that_is_there_is_taken_and_a_template_needs_all_its_places() {
    let lines = "absent = [\"n/a\"]\nid = { first = [\"/a\", { template = \"{{{/b}}}-{/c}\" }, { constant = \"z\" }] }";
    for (body, id) in [
        (json!({"title": "T", "a": "1", "b": "2", "c": "3"}), "1"),
        (json!({"title": "T", "a": "", "b": "2", "c": 3}), "{2}-3"),
        (json!({"title": "T", "a": "n/a", "b": "2", "c": 3}), "{2}-3"),
        (json!({"title": "T", "a": null, "b": "2"}), "z"),
    ] {
        assert_eq!(under(lines, &body).unwrap().id, id, "{body}");
    }
    let wrong = under(lines, &json!({"title": "T", "a": {}})).unwrap_err();
    assert_eq!(wrong.field, "id", "an object is not text, even where another place follows");
}

#[test]
fn tags_become_labels_whatever_their_order() {
    let lines = "labels.env = \"/env\"\nlabels_from = [{ tags = \"/tags\", separator = \",\", except = [\"x_*\"] }]";
    let tags = |tags: serde_json::Value| {
        under(lines, &json!({"title": "T", "env": "prod", "tags": tags})).unwrap().labels
    };
    let listed = tags(json!(["env:dev", "role:b", "role:a", "monitor", "x_1:y", "url:a:b", null]));
    let expected = [("env", "prod"), ("monitor", "true"), ("role", "a,b"), ("url", "a:b")];
    let expected = expected.map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(listed, expected.into());
    assert_eq!(listed, tags(json!("role:a, url:a:b , env:dev,monitor,role:b,,x_1:z")));
    let flaw = under(lines, &json!({"title": "T", "tags": {"a": 1}})).unwrap_err();
    assert_eq!(flaw.field, "labels");
}

#[test]
fn pairs_and_members_become_labels_within_the_patterns_given() {
    let lines = "labels_from = [
        { pairs = \"/list\", name = \"/k\", value = \"/v/0\", prefix = \"p_\" },
        { members = \"/object\", only = [\"team\", \"s*\"] },
    ]";
    let body = json!({
        "title": "T", "list": [{"k": "a", "v": [1]}, {"k": "b"}, {"k": "team", "v": ["x"]}],
        "object": {"team": "db", "site": "eu", "other": {"deep": 1}},
    });
    let labels = under(lines, &body).unwrap().labels;
    let expected = [("p_a", "1"), ("p_team", "x"), ("site", "eu"), ("team", "db")];
    let expected = expected.map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(labels, expected.into(), "what is not taken may have any shape");
    let nameless = under(lines, &json!({"title": "T", "list": [{"v": [1]}]})).unwrap_err();
    assert!(nameless.what.contains("/k"), "{nameless}");
}

#[test]
fn a_list_is_joined_into_one_text() {
    let lines = "annotations.hosts = { join = \"/hosts\", with = \" + \" }";
    let alert = under(lines, &json!({"title": "T", "hosts": ["a", null, 2, ""]})).unwrap();
    assert_eq!(alert.annotations["hosts"], FreeText::from("a + 2"));
    assert!(under(lines, &json!({"title": "T", "hosts": []})).unwrap().annotations.is_empty());
    for wrong in [json!("a"), json!([{}])] {
        let flaw = under(lines, &json!({"title": "T", "hosts": wrong})).unwrap_err();
        assert_eq!(flaw.field, "annotations.hosts");
    }
}

#[test]
fn a_member_that_stands_twice_is_never_read() {
    let whole = parse(PLAIN).read(br#"{"title": "A", "title": "B", "state": "bad"}"#);
    assert!(matches!(whole, Err(SignalError::Repeated { .. })), "{whole:?}");
    let inside = plain(r#"{"title": "A", "state": "bad", "labels": {"a": 1, "a": 2}}"#);
    assert_eq!(inside.unwrap_err().field, "labels");
    let listed = plain(r#"[{"title": "A", "state": "bad", "state": "good"}]"#);
    assert!(listed.unwrap_err().what.contains("twice"));
    let around = with("each = \"/a/b\"").unwrap();
    let around = around.read(br#"{"a": {"b": [], "b": [{"title": "A"}]}}"#).unwrap_err();
    assert!(around.to_string().contains("twice"), "{around}");
}

#[test]
fn control_characters_are_refused_in_words_and_made_harmless_in_prose() {
    let dirty =
        |field: &str| plain(&json!({"title": "T", "state": "bad", field: "a\u{1b}b"}).to_string());
    for (member, field) in
        [("id", "id"), ("page", "runbook_url"), ("host", "labels.host"), ("level", "severity")]
    {
        let flaw = dirty(member).unwrap_err();
        assert_eq!(flaw.field, field);
        assert!(flaw.what.contains("U+001B"), "{flaw}");
    }
    assert_eq!(dirty("message").unwrap().message.as_str(), "a\u{fffd}b");
    let label = plain(&json!({"title": "T", "state": "bad", "labels": {"a\n": 1}}).to_string());
    assert!(label.unwrap_err().field.starts_with("labels."));
}

#[test]
fn a_metric_that_is_no_number_is_a_flaw() {
    for wrong in [json!("high"), json!(true), json!("[1]"), json!([1]), json!("0x10")] {
        let body = json!({"title": "T", "state": "bad", "load": wrong}).to_string();
        assert_eq!(plain(&body).unwrap_err().field, "metrics.load", "{body}");
    }
}

#[test]
fn a_body_meets_the_limits_of_every_format() {
    let mapping = with("each = \"/a\"").unwrap();
    let listed = |n: usize| format!("{{\"a\":[{}]}}", vec![r#"{"title":"A"}"#; n].join(","));
    let full = mapping.read(listed(limits::ALERTS_PER_BODY).as_bytes()).unwrap();
    assert_eq!(full.alerts.len(), limits::ALERTS_PER_BODY);
    let more = mapping.read(listed(limits::ALERTS_PER_BODY + 1).as_bytes());
    assert!(more.is_err(), "{more:?}");
    let mut body = br#"{"a":[{"title":"A"}]}"#.to_vec();
    body.resize(limits::BODY_BYTES, b' ');
    assert!(mapping.read(&body).is_ok());
    body.push(b' ');
    assert_eq!(mapping.read(&body), Err(SignalError::TooLarge));
    let nested = |depth: usize| {
        let inner = depth - 1;
        format!("{{\"title\":\"T\",\"x\":{}{}}}", "[".repeat(inner), "]".repeat(inner))
    };
    let deep = with("").unwrap();
    assert!(deep.read(nested(limits::JSON_DEPTH).as_bytes()).is_ok());
    let error = deep.read(nested(limits::JSON_DEPTH + 1).as_bytes()).unwrap_err();
    assert!(matches!(error, SignalError::TooDeep { .. }), "{error}");
}

#[test]
fn a_message_about_bad_input_neither_floods_nor_steers_a_terminal() {
    let long = format!("\u{1b}[2J\u{202e}{}", "x".repeat(100_000));
    for body in [
        json!({"title": "T", "state": long}),
        json!({"title": "T", "state": "bad", "start": long}),
        json!({"title": "T", "state": "bad", "load": long}),
        json!({"title": "T", "state": "bad", "labels": {&long: []}}),
    ] {
        let shown = plain(&body.to_string()).unwrap_err().to_string();
        assert!(shown.len() < 1_000, "{} bytes", shown.len());
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
    }
}

/// Any JSON, with the members that the mappings look for.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let names = prop::sample::select(vec![
        "title",
        "state",
        "labels",
        "alerts",
        "incident",
        "data",
        "essentials",
        "alert",
        "tags",
        "scope",
        "action",
        "0",
        "",
        "a/b",
    ]);
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        "\\PC{0,12}".prop_map(|s| json!(s)),
        prop::sample::select(vec!["bad", "open", "Create", "Fired", "a:b,c"])
            .prop_map(|s| json!(s)),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|list| json!(list)),
            prop::collection::btree_map(names.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|object| json!(object)),
        ]
    })
}

/// Pieces from which declarations are made, right and wrong.
const LINES: [&str; 20] = [
    "name = \"m\"\n",
    "title = \"/title\"\n",
    "message = { join = \"/tags\" }\n",
    "each = \"/alerts\"\n",
    "each = \"\"\n",
    "absent = [\"null\", \"\"]\n",
    "id = { first = [\"/title\", { template = \"{/state}{body:/data}\" }] }\n",
    "id = { template = \"{{\" }\n",
    "starts_at = { from = \"/data\", as = \"unix\" }\n",
    "status = { from = \"/state\", firing = [\"bad\"] }\n",
    "severity = { from = \"/state\" }\n",
    "metrics.n = \"/data/0\"\n",
    "[labels]\n",
    "a = \"/title\"\n",
    "[[labels_from]]\n",
    "members = \"/labels\"\n",
    "tags = \"/tags\"\nseparator = \",\"\n",
    "pairs = \"/alerts\"\n",
    "[[ignore]]\nat = \"/state\"\n",
    "is = [\"test\"]\n",
];

/// Whatever is read holds to the limits.
fn reads_safely(mapping: &Mapping, body: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(delivery) = mapping.read(body) {
        for reading in &delivery.alerts {
            if let Reading::Alert(alert) = reading {
                prop_assert_eq!(alert.check(), Ok(()));
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn arbitrary_json_never_stops_a_shipped_mapping(body in any_json()) {
        let body = body.to_string();
        for name in Mapping::shipped_names() {
            reads_safely(&parse(Mapping::shipped(name).unwrap()), body.as_bytes())?;
        }
    }

    #[test]
    fn arbitrary_declarations_are_refused_or_read_any_body_safely(
        lines in prop::collection::vec(prop::sample::select(&LINES[..]), 0..14), body in any_json(),
    ) {
        let declared = format!("name = \"m\"\ntitle = \"/title\"\n{}", lines.concat());
        for text in [lines.concat(), declared] {
            if let Ok(mapping) = Mapping::parse(&text) {
                reads_safely(&mapping, body.to_string().as_bytes())?;
            }
        }
    }

    #[test]
    fn arbitrary_text_is_no_declaration_that_panics(text in "[\\PC\n]{0,200}") {
        if let Ok(mapping) = Mapping::parse(&text) {
            reads_safely(&mapping, b"{}")?;
        }
    }
}
