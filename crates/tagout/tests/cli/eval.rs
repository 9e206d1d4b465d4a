//! `tagout eval`: its outputs, its thresholds, and what it says of files that are wrong.

use std::fs;

use serde_json::{Value, json};

use super::home::{EVALS, Home, Out, alert};

/// A scenario as a line of the file.
fn scenario(id: &str, alert: &str, expect: Value) -> String {
    let alert: Value = serde_json::from_str(alert).unwrap();
    json!({"id": id, "category": "correct_triage", "alert": alert, "expect": expect}).to_string()
}

fn right(id: &str) -> String {
    let expect = json!({"runbook": "cache-full", "decision": "proceed", "human_review": false});
    scenario(id, &alert("CacheFull", "warning", "c-1"), expect)
}

/// A person should have seen it, and it goes on alone.
fn under(id: &str) -> String {
    let expect = json!({"runbook": "cache-full", "decision": "escalate", "human_review": true});
    scenario(id, &alert("CacheFull", "warning", "c-1"), expect)
}

fn over(id: &str) -> String {
    let expect = json!({"runbook": "queue-stuck", "decision": "proceed", "human_review": false});
    scenario(id, &alert("QueueStuck", "warning", "q-1"), expect)
}

fn missed(id: &str) -> String {
    let expect = json!({"runbook": "cache-full", "decision": "escalate", "human_review": true});
    scenario(id, &alert("Unheard", "warning", "u-1"), expect)
}

fn eval(home: &Home, lines: &[String], more: &[&str]) -> Out {
    home.write("s.jsonl", lines.join("\n"));
    let args = ["eval", "--runbooks", "book", "--policy", "policy.toml", "--scenarios", "s.jsonl"];
    home.tagout(&[&args[..], more].concat()).done()
}

#[test]
fn the_json_has_every_member_of_the_contract() {
    let home = Home::new();
    let report = eval(&home, &[right("s1"), right("s2")], &["--json"]).ok().json();
    assert_eq!((&report["total"], &report["passed"]), (&json!(2), &json!(2)));
    assert_eq!(report["triage"]["accuracy"], 1.0);
    for member in ["wrong_match", "missed_match", "false_match"] {
        assert_eq!(report["triage"][member], 0, "{member}");
    }
    assert_eq!(report["escalation"], json!({"appropriate": 1.0, "over": 0, "under": 0}));
    assert_eq!(report["by_category"], json!({"correct_triage": {"total": 2, "passed": 2}}));
    assert_eq!(report["audit_complete"], true);
    assert!(report["latency_us"]["p50"].is_u64() && report["latency_us"]["p99"].is_u64());
    let case = &report["cases"][0];
    assert_eq!((&case["id"], &case["passed"]), (&json!("s1"), &json!(true)));
    assert_eq!((&case["runbook"], &case["decision"]), (&json!("cache-full"), &json!("proceed")));
    assert!(case["confidence"].as_f64().unwrap() > 0.9, "{case}");
    assert_eq!(case["human_review"], false);
}

#[test]
fn what_falls_short_of_a_threshold_is_exit_code_one_and_still_one_json_document() {
    let home = Home::new();
    let many: Vec<_> = (0..9).map(|n| right(&format!("s{n}"))).collect();
    let and = |line: String| [&many[..], &[line]].concat();
    eval(&home, &and(right("x")), &[]).ok();
    let out = eval(&home, &and(under("x")), &[]).exits(1);
    assert!(out.stdout.contains("1 under-escalations; none is acceptable"), "{out:?}");
    let report = eval(&home, &and(under("x")), &["--json"]).exits(1).json();
    assert_eq!(report["escalation"]["under"], 1);

    eval(&home, &and(over("x")), &[]).ok();
    let out = eval(&home, &and(over("x")), &["--max-over", "0.09"]).exits(1);
    assert!(out.stdout.contains("over-escalation 0.100 is above 0.090"), "{out:?}");

    eval(&home, &and(missed("x")), &[]).ok();
    let out = eval(&home, &and(missed("x")), &["--min-triage", "0.95"]).exits(1);
    assert!(out.stdout.contains("triage accuracy 0.900 is below 0.950"), "{out:?}");
    eval(&home, &[right("x")], &["--min-triage", "1.5"])
        .exits(2)
        .names(&["--min-triage", "0 to 1"]);
}

#[test]
fn the_junit_file_is_well_formed_and_names_each_case_and_failure() {
    let home = Home::new();
    let odd = "s<&>\"'\u{1}]]> ü";
    let lines = [right("s1"), under(odd)];
    eval(&home, &lines, &["--junit", "r.xml"]).exits(1);
    let xml = fs::read_to_string(home.path("r.xml")).unwrap();
    let tags = well_formed(&xml).unwrap_or_else(|e| panic!("{e}: {xml}"));
    assert_eq!(tags, ["testsuites", "testsuite", "testcase", "testcase", "failure"]);
    assert!(xml.contains("tests=\"2\" failures=\"1\""), "{xml}");
    assert!(xml.contains("name=\"s&lt;&amp;&gt;&quot;"), "{xml}");
    for broken in
        ["<a>", "<a b=\"&\"/>", "<a b=\"<\"/>", "<a b=c/>", "<a></b>", "<a/><b/>", "<a>\u{1}</a>"]
    {
        assert!(well_formed(broken).is_err(), "the check itself takes {broken:?}");
    }
}

/// Whether this is an XML document, as far as one with tags and attributes can be wrong; the
/// names of its elements in order.
fn well_formed(xml: &str) -> Result<Vec<String>, String> {
    if let Some(c) = xml.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r')) {
        return Err(format!("{c:?} is no character of XML"));
    }
    let body = match xml.strip_prefix("<?xml ") {
        Some(rest) => rest.split_once("?>").ok_or("the declaration does not end")?.1,
        None => xml,
    };
    let (mut open, mut names, mut roots): (Vec<String>, Vec<String>, _) =
        (Vec::new(), Vec::new(), 0);
    let mut rest = body;
    while let Some((text, tail)) = rest.split_once('<') {
        if text.contains('&') || text.contains('>') || (open.is_empty() && !text.trim().is_empty())
        {
            return Err(format!("stray text {text:?}"));
        }
        let (tag, tail) = tail.split_once('>').ok_or("a tag does not end")?;
        rest = tail;
        if let Some(name) = tag.strip_prefix('/') {
            match open.pop() {
                Some(opened) if opened == name => continue,
                opened => return Err(format!("{opened:?} is closed by {name:?}")),
            }
        }
        let (tag, empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        while !attributes.trim().is_empty() {
            let (key, tail) = attributes.split_once("=\"").ok_or("an attribute has no value")?;
            let (value, tail) = tail.split_once('"').ok_or("a value does not end")?;
            let mut pieces = value.split('&').skip(1);
            let entity =
                |p: &str| ["lt;", "gt;", "amp;", "quot;", "apos;"].iter().any(|e| p.starts_with(e));
            if key.trim().contains(' ') || value.contains('<') || !pieces.all(entity) {
                return Err(format!("attribute {key:?} is {value:?}"));
            }
            attributes = tail;
        }
        roots += usize::from(open.is_empty());
        names.push(name.to_owned());
        if !empty {
            open.push(name.to_owned());
        }
    }
    if !open.is_empty() || roots != 1 || !rest.trim().is_empty() {
        return Err(format!("{open:?} stay open, {roots} roots"));
    }
    Ok(names)
}

#[test]
fn a_scenario_that_is_wrong_is_named_by_file_and_line() {
    let home = Home::new();
    let bad = |line: String| eval(&home, &[right("s1"), String::new(), line], &[]).exits(2);
    bad("{".into()).names(&["s.jsonl:3"]);
    bad(right("s1")).names(&["s.jsonl:3", "\"s1\"", "twice"]);
    bad(right("s2").replace("correct_triage", "corect")).names(&[
        "s.jsonl:3",
        "corect",
        "correct_triage",
    ]);
    bad(right("s2").replace("\"decision\":\"proceed\"", "\"decision\":\"go\""))
        .names(&["s.jsonl:3", "go"]);
    let no_text = json!({"severity": "warning"}).to_string();
    bad(scenario("s2", &no_text, json!({"runbook": null}))).names(&["s.jsonl:3", "alert", "title"]);
    eval(&home, &[String::new()], &[]).exits(2).names(&["s.jsonl", "no scenario"]);
    home.tagout(&["eval", "--scenarios", "none.jsonl"]).done().exits(2).names(&["none.jsonl"]);
}

#[test]
fn the_scenarios_context_counts() {
    let home = Home::new();
    let with = |context: Value, expect: Value| {
        let mut line: Value = serde_json::from_str(&right("s1")).unwrap();
        line["context"] = context;
        line["expect"] = expect;
        line.to_string()
    };
    let escalate = json!({"runbook": "cache-full", "decision": "escalate", "human_review": true});
    let spent = with(json!({"autonomous_actions_taken": 5}), escalate);
    eval(&home, &[spent], &[]).ok();
    let none = json!({"runbook": null, "decision": "none", "human_review": false});
    eval(&home, &[with(json!({"maintenance": true}), none.clone())], &[]).ok();
    let unknown = with(json!({"maintenence": true}), none);
    eval(&home, &[unknown], &[]).exits(2).names(&["s.jsonl:1", "maintenence"]);
}

#[test]
fn nothing_is_written_into_the_data_directory() {
    let home = Home::new();
    eval(&home, &[right("s1")], &[]).ok();
    home.assert_untouched();
}

#[test]
fn the_retrieval_evaluation_prints_the_contracts_json() {
    let home = Home::new();
    let read = |name: &str, rows: usize| -> String {
        let text = fs::read_to_string(format!("{EVALS}/retrieval/{name}")).unwrap();
        text.lines().take(rows).collect::<Vec<_>>().join("\n")
    };
    let corpus = read("corpus.jsonl", 12);
    home.write("c.jsonl", &corpus);
    let known = |row: &&str| {
        let row: Value = serde_json::from_str(row).unwrap();
        row["expected"].as_str().is_some_and(|id| corpus.contains(id))
    };
    let queries = read("queries.jsonl", 40);
    let queries: Vec<&str> = queries.lines().filter(known).collect();
    assert!(queries.len() >= 3, "{} queries", queries.len());
    home.write("q.jsonl", queries.join("\n"));
    home.write("n.jsonl", read("no_runbook_near.jsonl", 4));
    let args = ["eval", "retrieval", "--corpus", "c.jsonl", "--queries", "q.jsonl", "n.jsonl"];
    let json = home.tagout(&[&args[..], &["--json"]].concat()).done().ok().json();
    assert_eq!(json["queries"], queries.len() + 4);
    assert_eq!(json["with_runbook"], queries.len());
    assert_eq!(json["without_runbook"], 4);
    for figure in ["recall_at_1", "recall_at_3", "mrr"] {
        assert!((0.0..=1.0).contains(&json[figure].as_f64().unwrap()), "{figure}: {json}");
    }
    for (group, figure) in [
        ("no_match", "auroc"),
        ("no_match", "coverage_at_95_precision"),
        ("calibration", "ece"),
        ("calibration", "brier"),
    ] {
        assert!(json[group][figure].is_number(), "{group}.{figure}: {json}");
    }
    assert!(json["latency_us"]["p50"].is_number() && json["latency_us"]["p99"].is_number());
    let first = &json["results"][0];
    assert!(first["top"][0]["id"].is_string() && first["top"][0]["score"].is_number(), "{first}");
    assert!(first["confidence"].is_number() && first["matched"].is_boolean(), "{first}");
    assert_eq!(json["recall_at_1"], 1.0, "alert names are exact keys");
    let text = home
        .tagout(&[&args[..], &["--mode", "prose", "--no-keys", "--json"]].concat())
        .done()
        .ok()
        .json();
    assert_ne!(json["results"], text["results"], "modes and keys make a difference");
    home.assert_untouched();
}

#[test]
fn retrieval_files_that_are_wrong_are_named_by_file_and_line() {
    let home = Home::new();
    home.write("c.jsonl", "{\"id\":\"a\",\"title\":\"A\",\"symptoms\":\"a\",\"text\":\"a\"}\n{\n");
    home.write("q.jsonl", "{\"id\":\"q\",\"summary\":\"a\",\"expected\":null}\n");
    let args = ["eval", "retrieval", "--corpus", "c.jsonl", "--queries", "q.jsonl"];
    home.tagout(&args).done().exits(2).names(&["c.jsonl", "2"]);
    home.tagout(&["eval", "retrieval", "--corpus", "c.jsonl"])
        .done()
        .exits(2)
        .names(&["--queries"]);
}
