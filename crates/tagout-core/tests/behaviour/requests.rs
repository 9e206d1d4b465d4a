//! Steps that ask over HTTP: what a page may write, where a value may stand, and what the
//! configuration has to name before anything of it is live.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use tagout_core::endpoint::{Endpoint, Method};
use tagout_core::execution::Execution;
use tagout_core::front_matter::Flaw;
use tagout_core::job::JobSource;
use tagout_core::limits;
use tagout_core::parameter::Values;
use tagout_core::plan::Plan;
use tagout_core::query::{AlertmanagerSource, PromqlSource};
use tagout_core::request::HttpSource;
use tagout_core::tier::Tier;
use tagout_core::verdict::Mode;

use super::house::{House, ONE, OPEN, flaws};
use super::live::undoable;

fn values(value: &str) -> Values {
    [("x".to_owned(), value.to_owned())].into()
}

fn http(source: Value) -> HttpSource {
    serde_json::from_value(source).unwrap()
}

fn page(step: Value) -> Vec<Flaw> {
    flaws(&json!({"parameters": {"x": {"values": ["a"]}}, "steps": [step]}))
}

#[test]
fn what_a_request_may_not_be_is_said_with_its_field() {
    let step = |kind: &str, what: Value| {
        let mut step = json!({"id": "s", "kind": kind, "title": "t"});
        step.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
        step
    };
    let ask = |more: Value| {
        let mut http = json!({"endpoint": "one", "path": "/v1/{{x}}"});
        http.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"http": http})
    };
    let body = json!({"method": "POST", "body": {"a": ["{{x}}", 1.5, null]}});
    let holds = json!({"op": "<", "value": "0.5"});
    let promql = json!({"promql": {"endpoint": "p", "query": "up", "holds": holds}});
    let poll = json!({"path": "/j/{job}/", "every": "5s", "state": "/s", "succeeded": ["a"], "failed": ["b"]});
    let job = json!({"start": {"endpoint": "one", "method": "POST", "path": "/j"}, "id": "/id", "poll": poll});
    for good in [
        step("check", ask(json!({}))),
        step("action", ask(body)),
        step("check", promql),
        step("action", json!({"job": job})),
    ] {
        assert_eq!(page(good), []);
    }
    let both = json!({"command": ["ls"], "http": {"endpoint": "one", "path": "/"}});
    let mut two = job.clone();
    two["poll"]["path"] = json!("/j");
    for (field, bad) in [
        ("http.method", step("check", ask(json!({"method": "POST"})))),
        ("http.endpoint", step("check", ask(json!({"endpoint": "http://x"})))),
        ("http.endpoint", step("check", ask(json!({"endpoint": "{{x}}"})))),
        ("http.path", step("check", ask(json!({"path": "v1"})))),
        ("http.path", step("check", ask(json!({"path": "/v1/../x"})))),
        ("http.path", step("check", ask(json!({"path": "//host/x"})))),
        ("http.path", step("check", ask(json!({"path": "/v1?a={{x}}"})))),
        ("http.path", step("check", ask(json!({"path": "/v1/%2e%2e"})))),
        ("http.path", step("check", ask(json!({"path": "/a b"})))),
        ("http", step("check", ask(json!({"path": "/{{y}}"})))),
        ("http.query", step("check", ask(json!({"query": {"q": "select {{x}}"}})))),
        ("http.query", step("check", ask(json!({"query": {"{{x}}": "1"}})))),
        ("http.body", step("check", ask(json!({"body": {}})))),
        ("http.body", step("action", ask(json!({"method": "PUT", "body": {"a": "b {{x}}"}})))),
        ("http.body", step("action", ask(json!({"method": "PUT", "body": {"{{x}}": 1}})))),
        ("http.expect", step("check", ask(json!({"expect": {"status": [99]}})))),
        (
            "http.expect",
            step("check", ask(json!({"expect": {"json": {"pointer": "a", "equals": 1}}}))),
        ),
        (
            "http.expect",
            step("check", ask(json!({"expect": {"json": {"pointer": "/a", "equals": []}}}))),
        ),
        (
            "promql.query",
            step(
                "check",
                json!({"promql": {"endpoint": "p", "query": "up{a='{{x}}'}", "holds": "some"}}),
            ),
        ),
        (
            "promql.holds",
            step(
                "check",
                json!({"promql": {"endpoint": "p", "query": "up", "holds": {"op": "<", "value": "x"}}}),
            ),
        ),
        (
            "kind",
            step("action", json!({"promql": {"endpoint": "p", "query": "up", "holds": "some"}})),
        ),
        ("kind", step("check", json!({"job": job}))),
        ("job.poll", step("action", json!({"job": two}))),
        ("http", step("check", both)),
        ("http", step("manual", ask(json!({})))),
        ("until", step("action", json!({"command": ["ls"], "until": {"every": "5s"}}))),
        ("until.every", step("check", json!({"command": ["ls"], "until": {"every": "1ms"}}))),
        (
            "undo.http.path",
            step(
                "action",
                json!({"command": ["ls"], "undo": {"http": {"endpoint": "a", "path": "x"}}}),
            ),
        ),
    ] {
        let flaws = page(bad.clone());
        let field = format!("steps[0].{field}");
        assert!(flaws.iter().any(|flaw| flaw.field == field), "{field}: {flaws:?} of {bad}");
    }
}

#[test]
fn a_value_stands_only_in_the_double_quotes_of_a_label_matcher() {
    let query = |query: &str| {
        serde_json::from_value::<PromqlSource>(
            json!({"endpoint": "p", "query": query, "holds": "some"}),
        )
        .unwrap()
        .check()
        .is_ok()
    };
    for good in [
        r#"up{a="{{x}}"}"#,
        r#"up{a!="b-{{x}}", c=~"{{x}}.*"} # it's "#,
        r#"up{b='"', a !~ "{{x}}"} > 1"#,
        r#"sum(rate(up{a="\"{{x}}"}[5m]))"#,
    ] {
        assert!(query(good), "{good}");
    }
    for bad in [
        "{{x}}",
        "up{a={{x}}}",
        "up{a='{{x}}'}",
        "up{a=`{{x}}`}",
        r#"up{"{{x}}"="a"}"#,
        r#"up{a="\{{x}}"}"#,
        r#"label_replace(up, "a", "{{x}}", "b", "c")"#,
        r#"up{a="b"} # "{{x}}""#,
        r#"up{a="b"#,
        "",
    ] {
        assert!(!query(bad), "{bad}");
    }
}

/// The tokens of a query as far as they matter here: what stands outside of literals, and what each
/// literal says. It is read apart from the encoder.
fn literals(query: &str) -> Option<(String, Vec<String>)> {
    let (mut code, mut found) = (String::new(), Vec::new());
    let mut chars = query.chars();
    while let Some(c) = chars.next() {
        code.push(c);
        if c != '"' {
            continue;
        }
        let mut text = String::new();
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => text.push(match chars.next()? {
                    c @ ('\\' | '"') => c,
                    _ => return None,
                }),
                c => text.push(c),
            }
        }
        code.push('"');
        found.push(text);
    }
    Some((code, found))
}

fn hostile() -> impl Strategy<Value = String> {
    let marks = prop::sample::select(vec![
        "/",
        "\\",
        "\"",
        "'",
        "`",
        "..",
        ".",
        "%",
        "%2f",
        "?",
        "#",
        "&",
        "=",
        ";",
        "+",
        " ",
        "{",
        "}",
        "{{x}}",
        "[",
        "]",
        "(",
        ")",
        "|",
        "*",
        "^",
        "$",
        ",",
        ":",
        "@",
        "\n",
        "\r",
        "\0",
        "\t",
        "ä",
        "\u{202e}",
        "a",
        "job-job-job",
        "{job}",
        "\\\"",
        "~",
        "!",
    ]);
    prop::collection::vec(marks, 0..8).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_value_changes_the_path_the_query_or_the_json_of_a_request(value in hostile()) {
        let source = http(json!({
            "endpoint": "one", "method": "POST", "path": "/v1/{{x}}/a-{{x}}/",
            "query": {"q": "{{x}}", "r": "b"}, "body": {"a": "{{x}}", "b": ["{{x}}", 1]},
        }));
        let Ok(bound) = source.check().unwrap().bind(&values(&value)) else { return Ok(()) };
        let (path, query) = bound.target.split_once('?').unwrap();
        let parts: Vec<_> = path.split('/').collect();
        prop_assert_eq!(parts.len(), 5);
        prop_assert!(parts[1] == "v1" && parts[4].is_empty() && parts[3].starts_with("a-"));
        prop_assert!(!parts.contains(&"..") && !parts.contains(&".") && !parts[2].is_empty());
        let plain = |c: char| c.is_ascii_graphic() && !"\"<>\\^`{|}#".contains(c);
        prop_assert!(bound.target.chars().all(plain));
        let pairs: Vec<_> = query.split('&').collect();
        prop_assert_eq!(pairs.len(), 2);
        prop_assert!(pairs[0].starts_with("q=") && pairs[0].matches('=').count() == 1 && pairs[1] == "r=b");
        let body: Value = serde_json::from_str(bound.body.as_ref().unwrap()).unwrap();
        prop_assert_eq!(body, json!({"a": value, "b": [value, 1]}));
        prop_assert!(!value.contains('/') && !value.chars().any(char::is_control));
    }

    #[test]
    fn no_value_changes_a_query_or_a_matcher(value in hostile()) {
        let source: PromqlSource = serde_json::from_value(json!({
            "endpoint": "p", "query": r#"up{a="{{x}}", b=~"c{{x}}"} == 1"#, "holds": "none",
        })).unwrap();
        if let Ok(bound) = source.check().unwrap().bind(&values(&value)) {
            let (code, texts) = literals(&bound.query).unwrap();
            prop_assert_eq!(code, r#"up{a="", b=~""} == 1"#);
            prop_assert_eq!(&texts[0], &value);
            let pattern = regex_lite::Regex::new(&format!("^(?:{})$", texts[1])).unwrap();
            let (same, longer) = (format!("c{value}"), format!("c{value}x"));
            prop_assert!(pattern.is_match(&same) && !pattern.is_match(&longer));
        }
        let source: AlertmanagerSource = serde_json::from_value(json!({
            "endpoint": "p", "filter": [r#"a="{{x}}""#, "b=c"], "holds": "none",
        })).unwrap();
        if let Ok(bound) = source.check().unwrap().bind(&values(&value)) {
            prop_assert_eq!(literals(&bound.filter[0]).unwrap(), (r#"a="""#.to_owned(), vec![value]));
            prop_assert_eq!(bound.request.target.matches("filter=").count(), 2);
            prop_assert_eq!(bound.request.target.matches('&').count(), 1);
        }
    }

    #[test]
    fn no_value_and_no_id_changes_where_a_job_is_asked(value in hostile(), id in hostile()) {
        let source: JobSource = serde_json::from_value(json!({
            "start": {"endpoint": "one", "method": "POST", "path": "/jobs"}, "id": "/id",
            "poll": {"path": "/of/{{x}}/{job}", "every": "5s", "state": "/s",
                     "succeeded": ["a"], "failed": ["b"]},
        })).unwrap();
        let Ok(bound) = source.check().unwrap().bind(&values(&value)) else { return Ok(()) };
        let Ok(look) = bound.look(&id) else { return Ok(()) };
        let parts: Vec<_> = look.target.split('/').collect();
        prop_assert_eq!(parts.len(), 4);
        prop_assert!(parts[1] == "of" && !parts.contains(&"..") && !parts.contains(&"."));
    }
}

#[test]
fn a_job_that_is_asked_by_post_has_its_id_in_one_string_of_the_body() {
    let source = |path: &str, body: Value| -> JobSource {
        serde_json::from_value(json!({
            "start": {"endpoint": "one", "method": "POST", "path": "/Start"}, "id": "/id",
            "poll": {"path": path, "body": body, "every": "5s", "state": "/s",
                     "succeeded": ["a"], "failed": ["b"]},
        }))
        .unwrap()
    };
    let job = source("/Get", json!({"Id": "{job}", "On": "{{x}}"})).check().unwrap();
    let bound = job.bind(&[("x".to_owned(), "web-1".to_owned())].into()).unwrap();
    assert_eq!(bound.polled_by(), Method::Post);
    let look = bound.look("a\"/}{job}").unwrap();
    assert_eq!((look.method, look.target.as_str()), (Method::Post, "/Get"));
    let body: Value = serde_json::from_str(&look.body.unwrap()).unwrap();
    assert_eq!(body, json!({"Id": "a\"/}{job}", "On": "web-1"}));
    // A value is never taken for the id, and neither it nor a control character gets through.
    assert!(job.bind(&[("x".to_owned(), "{job}".to_owned())].into()).is_err());
    assert!(bound.look("a\n").is_err() && bound.look(&"a".repeat(limits::VALUE_BYTES)).is_ok());
    assert!(bound.look(&"a".repeat(limits::VALUE_BYTES + 1)).is_err());
    // The id may stand in the path beside a body all the same.
    let job = source("/Get/{job}", json!({"On": "x"})).check().unwrap();
    let look = job.bind(&[].into()).unwrap().look("a b").unwrap();
    assert_eq!((look.target.as_str(), look.body.as_deref()), ("/Get/a%20b", Some(r#"{"On":"x"}"#)));
    for (path, body) in [
        ("/Get", json!({"On": "x"})),
        ("/{job}", json!({"Id": "{job}"})),
        ("/Get", json!({"Id": "{job}", "Again": "{job}"})),
        ("/Get", json!({"Id": "x{job}"})),
        ("/Get", json!({"{job}": "x"})),
        ("/Get", json!({"Id": "{job}", "On": "a{{x}}"})),
    ] {
        assert!(source(path, body.clone()).check().is_err(), "{path} {body}");
    }
}

#[test]
fn what_is_too_long_is_refused_one_byte_past_the_limit() {
    let target = |n: usize| {
        let path = format!("/{}", "a".repeat(n - 2));
        http(json!({"endpoint": "one", "path": format!("{path}{{{{x}}}}")}))
            .check()
            .and_then(|t| t.bind(&values("b")).map_err(|e| vec![("path", e)]))
    };
    // What is written is bounded as well, and the place is longer than the value in it.
    assert!(target(limits::TARGET_BYTES - 4).is_ok() && target(limits::TARGET_BYTES - 3).is_err());
    let body = |n: usize| {
        http(json!({"endpoint": "one", "method": "POST", "path": "/", "body": "a".repeat(n - 2)}))
            .check()
            .unwrap()
            .bind(&values("b"))
    };
    assert!(body(limits::REQUEST_BODY_BYTES).is_ok());
    assert!(body(limits::REQUEST_BODY_BYTES + 1).is_err());
    let query = |n: usize| {
        let query: BTreeMap<_, _> = (0..n).map(|i| (format!("q{i}"), "a")).collect();
        http(json!({"endpoint": "one", "path": "/", "query": query})).check()
    };
    assert!(query(limits::QUERY_ENTRIES).is_ok() && query(limits::QUERY_ENTRIES + 1).is_err());
    let states = |n: u16| {
        let status: Vec<_> = (200..200 + n).collect();
        http(json!({"endpoint": "one", "path": "/", "expect": {"status": status}})).check()
    };
    let most = u16::try_from(limits::EXPECTED_ANSWERS).unwrap();
    assert!(states(most).is_ok() && states(most + 1).is_err());
}

/// The plan of a page whose second action is this, with these methods at the endpoint `pay`.
fn plan_with(methods: &[(Method, Tier)]) -> Plan {
    let mut page = undoable();
    let step = page["steps"][1].as_object_mut().unwrap();
    step.remove("command");
    step.insert("http".into(), json!({"endpoint": "pay", "method": "POST", "path": "/v1/restart"}));
    let undo = json!({"http": {"endpoint": "pay", "method": "DELETE", "path": "/v1/restart"}});
    step.insert("undo".into(), undo);
    let mut house = House::live(OPEN, [page]);
    let programs = [("grow", "/opt/grow"), ("shrink", "/opt/shrink")];
    let programs = programs.map(|(name, path)| (name.to_owned(), path.to_owned()));
    let methods: BTreeMap<Method, Tier> = methods.iter().copied().collect();
    let least: Vec<_> = methods
        .iter()
        .map(|(method, tier)| (tagout_core::endpoint::word(*method, "pay"), *tier))
        .collect();
    let pay = Endpoint { url: "https://pay.example".into(), methods, aws: false };
    let execution = Execution {
        programs: programs.into(),
        endpoints: [("pay".to_owned(), pay)].into(),
        ..Execution::default()
    };
    house.policy = house.policy.clone().with_execution(execution, least);
    house.matched(ONE, "undoable");
    house.plan(ONE).clone()
}

#[test]
fn a_live_plan_names_the_address_and_a_method_has_its_least_tier_also_for_taking_back() {
    let plan = plan_with(&[(Method::Post, Tier::Low), (Method::Delete, Tier::Low)]);
    assert_eq!((plan.mode, plan.tier), (Mode::Live, Tier::Medium));
    let line = plan.steps[1].line();
    assert_eq!(line, "POST https://pay.example/v1/restart");
    let undo = plan.steps[1].undo_work.as_ref().unwrap();
    assert_eq!(undo.line(), "DELETE https://pay.example/v1/restart");
    let plan = plan_with(&[(Method::Post, Tier::High), (Method::Delete, Tier::Low)]);
    assert_eq!(plan.tier, Tier::High);
    let plan = plan_with(&[(Method::Post, Tier::Low), (Method::Delete, Tier::Critical)]);
    assert_eq!(plan.tier, Tier::Critical);
}

#[test]
fn a_plan_with_a_method_or_an_endpoint_that_is_not_allowed_is_a_dry_run_without_an_address() {
    for methods in [&[(Method::Post, Tier::Low)][..], &[(Method::Get, Tier::Low)], &[]] {
        let plan = plan_with(methods);
        assert_eq!(plan.mode, Mode::DryRun, "{methods:?}");
        assert_eq!(plan.steps[1].line(), "POST {pay}/v1/restart");
    }
}

/// The plan of a page whose action is this work at a service of AWS, and what its page asks that the
/// service does not take.
fn at_aws(work: &Value) -> (House, Vec<String>) {
    let page = json!({
        "id": "job", "risk": "low", "reversible": true, "target": "shared-1",
        "parameters": {"host": {"from": "labels.instance", "pattern": "[A-Za-z0-9.-]+"}},
        "steps": [{"id": "restart", "kind": "action", "title": "Restart", "job": work}],
    });
    let mut house = House::live(OPEN, [page]);
    let (url, methods) = ("https://ssm.example".to_owned(), [(Method::Post, Tier::Low)].into());
    let ssm = Endpoint { url, methods, aws: true };
    let endpoints = [("ssm".to_owned(), ssm)].into();
    let execution = Execution { endpoints, ..Execution::default() };
    house.policy = house.policy.clone().with_execution(execution, []);
    let execution = house.policy.execution.as_ref().unwrap();
    let untaken = execution.untaken(house.runbooks.get("job").unwrap());
    house.matched(ONE, "job");
    (house, untaken.into_iter().collect())
}

#[test]
fn what_names_no_operation_of_aws_is_known_with_the_page_or_with_the_plan_and_not_when_it_runs() {
    let job = |start: &str, poll: &str, body: Value| {
        let states = json!({"state": "/Status", "succeeded": ["Success"], "failed": ["Failed"]});
        let mut asked = json!({"path": poll, "body": body, "every": "1s"});
        asked.as_object_mut().unwrap().extend(states.as_object().unwrap().clone());
        let start = json!({"endpoint": "ssm", "method": "POST", "path": start, "body": {}});
        json!({"start": start, "id": "/Command/CommandId", "poll": asked})
    };
    let id = || json!({"CommandId": "{job}"});
    let (house, untaken) = at_aws(&job("/AmazonSSM.SendCommand", "/AmazonSSM.GetCommand", id()));
    assert_eq!((house.plan(ONE).mode, untaken), (Mode::Live, vec![]));
    // Of a path with a place in it the page alone does not tell.
    for (work, wrong, known) in [
        (job("/v1/restart", "/AmazonSSM.GetCommand", id()), "/v1/restart", true),
        (job("/AmazonSSM.SendCommand", "/AmazonSSM/x", id()), "/AmazonSSM/x", true),
        (job("/{{host}}", "/AmazonSSM.GetCommand", id()), "/one-1", false),
        (job("/AmazonSSM.SendCommand", "/jobs/{job}", json!({})), "/jobs/{job}", true),
    ] {
        let (house, untaken) = at_aws(&work);
        let plan = house.plan(ONE);
        assert_eq!(plan.mode, Mode::DryRun, "{wrong}");
        assert!(!plan.steps[0].line().contains("https://"), "{}", plan.steps[0].line());
        assert_eq!(untaken.len(), usize::from(known), "{untaken:?}");
        assert!(untaken.iter().all(|line| line.contains(&format!("{wrong} names no operation"))));
    }
}
