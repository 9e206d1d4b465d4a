//! Every place that a value can stand in, with a page that accepts any value at all: what comes out is
//! read back by whoever would read it, and has to be the page's own with one whole value in its place.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tagout::exec::remote::line::encode;
use tagout::runbooks::load_pages;
use tagout_core::alert::{Alert, AlertStatus};
use tagout_core::plan::{Draft, PlanChange, PlannedStep};
use tagout_core::runbook::Runbook;
use tagout_core::work::BoundWork;

use super::corpus;

/// A page of one step that may hold whatever the label holds.
fn page(step: &Value) -> Runbook {
    let mut step = step.clone();
    for (key, value) in [("id", "one"), ("title", "One")] {
        step[key] = json!(value);
    }
    if step.get("kind").is_none() {
        step["kind"] = json!("check");
    }
    let front = json!({
        "id": "any", "risk": "low", "target": "one",
        "parameters": {"v": {"from": "labels.v", "pattern": "(?s).+"}}, "steps": [step],
    });
    let text = format!("---\n{front}\n---\n# Any\n");
    load_pages([("any.md", text)]).unwrap().catalogue.get("any").unwrap().clone()
}

fn alert(value: &str) -> Alert {
    Alert {
        id: "one".into(),
        source: "test".into(),
        status: AlertStatus::Firing,
        severity: None,
        title: "Any".into(),
        message: Default::default(),
        labels: [("v".to_owned(), value.to_owned())].into(),
        annotations: Default::default(),
        metrics: Default::default(),
        starts_at: None,
        ends_at: None,
        runbook_url: None,
    }
}

/// What each text comes to, of those that are accepted.
fn bound(step: &Value) -> BTreeMap<String, PlannedStep> {
    let page = page(step);
    let (texts, mut all) = (corpus::all(), BTreeMap::new());
    for text in &texts {
        let draft = Draft::bind(&page, &alert(text), &PlanChange::default());
        all.extend(draft.ok().map(|draft| (text.clone(), draft.steps[0].clone())));
    }
    println!("{} of {} texts are accepted by {step}", all.len(), texts.len());
    assert!(all.len() > 100 && all.len() < texts.len(), "{} of {}", all.len(), texts.len());
    for text in all.keys() {
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
    all
}

/// As a server reads a percent-encoded text.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        assert!(byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte), "{text}");
        match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                let digits = std::str::from_utf8(&digits).unwrap().to_owned();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap());
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// What stands in the double quotes at the beginning, and what is behind them.
fn quoted(text: &str) -> (String, &str) {
    let mut chars = text.strip_prefix('"').unwrap().char_indices();
    let mut out = String::new();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (out, &text[at + 2..]),
            '\\' => {
                let escaped = chars.next().unwrap().1;
                assert!(matches!(escaped, '\\' | '"'), "{text}");
                out.push(escaped);
            }
            c => {
                assert!(!c.is_control(), "{text}");
                out.push(c);
            }
        }
    }
    panic!("the quotes are not closed: {text}");
}

#[test]
fn an_argument_is_the_value_and_another_hosts_shell_reads_the_same_arguments() {
    let command = json!(["probe", "--host={{v}}", "{{v}}", "unit/{{v}}", "last"]);
    let all = bound(&json!({"command": command}));
    let mut script = String::new();
    let mut expected = Vec::new();
    for (text, step) in &all {
        let argv = ["probe", &format!("--host={text}"), text, &format!("unit/{text}"), "last"];
        assert_eq!(step.argv, argv);
        assert!(!text.starts_with('-'), "{text}");
        for mark in ["{{", "{%", "${", "$(", "`"] {
            assert!(!text.contains(mark), "{text}");
        }
        let leaves = format!("unit/{text}").split('/').any(|part| part == "." || part == "..");
        assert!(!leaves, "{text}");
        script.push_str(&format!("printf '%s\\0' {}\n", encode(&step.argv)));
        expected.extend(argv.map(str::to_owned));
    }
    let mut shell = Command::new("/bin/sh")
        .arg("-s")
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = shell.stdin.take().unwrap();
    let writing = std::thread::spawn(move || {
        std::io::Write::write_all(&mut input, script.as_bytes()).unwrap();
    });
    let out = shell.wait_with_output().unwrap();
    writing.join().unwrap();
    let out = String::from_utf8(out.stdout).unwrap();
    let words: Vec<_> = out.strip_suffix('\0').unwrap().split('\0').collect();
    assert_eq!(words, expected);
}

#[test]
fn a_path_and_a_query_hold_one_encoded_value_and_a_body_one_string() {
    let endpoint = "one";
    let http = json!({
        "endpoint": endpoint, "method": "POST", "path": "/v1/x/{{v}}/restart",
        "query": {"why": "{{v}}", "a": "1"}, "body": {"worker": "{{v}}", "force": true},
    });
    for (text, step) in bound(&json!({"kind": "action", "http": http})) {
        let Some(BoundWork::Http(request)) = &step.work else { panic!("{step:?}") };
        let (path, query) = request.target.split_once('?').unwrap();
        let parts: Vec<_> = path.split('/').collect();
        assert_eq!((parts.len(), parts[0], parts[1], parts[2]), (5, "", "v1", "x"), "{path}");
        assert_eq!(parts[4], "restart");
        assert!(parts[3] != "." && parts[3] != ".." && !text.contains(['/', '\\', '%']), "{path}");
        assert_eq!(decoded(parts[3]), text);
        let pairs: Vec<_> = query.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
        assert_eq!((pairs.len(), pairs[0]), (2, ("a", "1")));
        assert_eq!((pairs[1].0, decoded(pairs[1].1)), ("why", text.clone()));
        let body: Value = serde_json::from_str(request.body.as_deref().unwrap()).unwrap();
        assert_eq!(body, json!({"worker": text, "force": true}));
        assert!(request.base.is_empty(), "no value is an address: {request:?}");
    }
}

#[test]
fn a_query_and_a_matcher_hold_one_literal() {
    let query = r#"up{job="web", instance="{{v}}"} == 1"#;
    let promql = json!({"endpoint": "one", "query": query, "holds": "some"});
    for (text, step) in bound(&json!({"promql": promql})) {
        let Some(BoundWork::Promql(promql)) = &step.work else { panic!("{step:?}") };
        let rest = promql.query.strip_prefix(r#"up{job="web", instance="#).unwrap();
        assert_eq!(quoted(rest), (text, "} == 1"));
    }
    let query = r#"up{instance=~"{{v}}:[0-9]+"} == 1"#;
    let promql = json!({"endpoint": "one", "query": query, "holds": "some"});
    for (text, step) in bound(&json!({"promql": promql})) {
        let Some(BoundWork::Promql(promql)) = &step.work else { panic!("{step:?}") };
        let (pattern, rest) = quoted(promql.query.strip_prefix("up{instance=~").unwrap());
        assert_eq!(rest, "} == 1");
        let mut plain = String::new();
        let mut chars = pattern.strip_suffix(":[0-9]+").unwrap().chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => plain.push(chars.next().unwrap()),
                c => {
                    assert!(!".+*?()|[]{}^$".contains(c), "{pattern}");
                    plain.push(c);
                }
            }
        }
        assert_eq!(plain, text);
    }
    let filter = json!([r#"severity="critical""#, r#"instance="{{v}}""#]);
    let alertmanager = json!({"endpoint": "one", "filter": filter, "holds": "none"});
    for (text, step) in bound(&json!({"alertmanager": alertmanager})) {
        let Some(BoundWork::Alertmanager(query)) = &step.work else { panic!("{step:?}") };
        assert_eq!(query.filter.len(), 2);
        let rest = query.filter[1].strip_prefix("instance=").unwrap();
        assert_eq!(quoted(rest), (text, ""));
        let (_, sent) = query.request.target.split_once('?').unwrap();
        let sent = sent.split('&').filter_map(|pair| pair.strip_prefix("filter="));
        assert_eq!(sent.map(decoded).collect::<Vec<_>>(), query.filter);
    }
}

#[test]
fn a_host_is_only_ever_a_name_and_a_job_starts_with_one_string() {
    let on = json!({"command": ["probe", "x"], "on": "{{v}}"});
    for (text, step) in bound(&on) {
        // It is looked up as it is; nothing says yet where it is.
        let on = step.on.as_ref().unwrap();
        assert_eq!((&on.host, &on.reached), (&text, &None));
        assert_eq!(step.argv, ["probe", "x"]);
    }
    let job = json!({
        "start": {"endpoint": "one", "method": "POST", "path": "/jobs", "body": {"of": "{{v}}"}},
        "id": "/id",
        "poll": {"path": "/jobs/{job}", "every": "5s", "state": "/s", "succeeded": ["a"], "failed": ["b"]},
    });
    for (text, step) in bound(&json!({"kind": "action", "job": job})) {
        let Some(BoundWork::Job(job)) = &step.work else { panic!("{step:?}") };
        assert_eq!((&*job.start.target, &*job.path), ("/jobs", "/jobs/{job}"));
        let body: Value = serde_json::from_str(job.start.body.as_deref().unwrap()).unwrap();
        assert_eq!(body, json!({"of": text}));
    }
}
