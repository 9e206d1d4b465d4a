//! `tagout run`: alerts in every form that is read, over any directory of runbooks.

use std::fs;

use serde_json::{Value, json};

use super::home::{EVALS, Home, alert};

fn only(report: &Value) -> &Value {
    let incidents = report["incidents"].as_array().unwrap();
    assert_eq!(incidents.len(), 1, "{report}");
    &incidents[0]
}

#[test]
fn an_alert_is_read_from_a_file_and_from_standard_input_alike() {
    let text = alert("CacheFull", "warning", "c-1");
    let mut seen = Vec::new();
    for from_file in [true, false] {
        let home = Home::new();
        home.write("alert.json", &text);
        let args = ["run", "--json", "--runbooks", "book", "--policy", "policy.toml"];
        let out = match from_file {
            true => home.tagout(&[&args[..], &["--alerts", "alert.json"]].concat()).done(),
            false => {
                home.tagout(&[&args[..], &["--alerts", "-"]].concat()).stdin(text.clone()).done()
            }
        };
        let report = out.ok().json();
        let one = only(&report);
        assert_eq!(one["decision"], "proceed", "{one}");
        assert_eq!(one["state"], "rehearsed", "{one}");
        assert_eq!(one["human_review"], false, "{one}");
        assert_eq!(one["runbook"], "cache-full", "{one}");
        seen.push(one["reasons"].clone());
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn json_lines_are_one_alert_each() {
    let home = Home::new();
    let lines = [
        alert("CacheFull", "warning", "c-1"),
        String::new(),
        alert("QueueStuck", "warning", "q-1"),
    ];
    let incidents = home.incidents(&lines.join("\n"));
    let decisions: Vec<_> = incidents.iter().map(|i| (&i["alert"], &i["decision"])).collect();
    assert_eq!(
        decisions,
        [(&json!("CacheFull"), &json!("proceed")), (&json!("QueueStuck"), &json!("escalate"))]
    );
}

#[test]
fn a_body_that_alertmanager_posted_is_read_as_it_is() {
    let home = Home::new();
    let body = fs::read_to_string(format!("{EVALS}/webhooks/alertmanager_grouped.json")).unwrap();
    let sent: Value = serde_json::from_str(&body).unwrap();
    let incidents = home.incidents(&body);
    assert_eq!(incidents.len(), sent["alerts"].as_array().unwrap().len());
    for one in &incidents {
        assert_eq!(one["decision"], "escalate", "no runbook of this book fits: {one}");
        assert_eq!(one["runbook"], Value::Null, "{one}");
        assert_eq!(one["human_review"], true, "{one}");
    }
    assert!(home.trail().iter().any(|l| l["event"]["data"]["format"] == "alertmanager"));
}

#[test]
fn plain_pages_that_nobody_wrote_for_this_are_proposed_to_people_step_by_step() {
    let home = Home::new();
    let corpus = fs::read_to_string(format!("{EVALS}/retrieval/corpus.jsonl")).unwrap();
    let mut names = Vec::new();
    for row in corpus.lines().take(24) {
        let row: Value = serde_json::from_str(row).unwrap();
        let name = row["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        home.write(&format!("pages/{name}.md"), row["text"].as_str().unwrap());
        names.push(name);
    }
    let alerts: Vec<_> =
        names.iter().step_by(5).map(|name| alert(name, "warning", "host-1")).collect();
    let out =
        home.tagout(&["run", "--json", "--runbooks", "pages"]).stdin(alerts.join("\n")).done().ok();
    let report = out.json();
    let incidents = report["incidents"].as_array().unwrap();
    assert_eq!(incidents.len(), alerts.len());
    for (one, name) in incidents.iter().zip(names.iter().step_by(5)) {
        assert_eq!(one["runbook"], name.as_str(), "{one}");
        assert_eq!(one["decision"], "escalate", "{one}");
        assert_eq!(one["human_review"], true, "{one}");
        let id = one["incident"].as_str().unwrap();
        let shown = home.tagout(&["approvals", "show", id, "--json"]).done().ok().json();
        let steps = shown["plan"]["steps"].as_array().unwrap();
        assert!(!steps.is_empty(), "{shown}");
        assert!(steps.iter().all(|step| step["kind"] == "manual"), "{shown}");
    }
    assert_eq!(home.count("plan_granted"), 0);
}

#[test]
fn with_json_standard_output_is_one_document_and_nothing_else() {
    let home = Home::new();
    let out = home.run(&alert("CacheFull", "warning", "c-1")).ok();
    let report = out.json();
    for member in ["incidents", "flawed", "log"] {
        assert!(report.get(member).is_some(), "{member} is missing: {report}");
    }
    assert!(out.stderr.contains("new signing key"), "the rest is on standard error: {out:?}");
    let commands: [&[&str]; 6] = [
        &["approvals", "list", "--json"],
        &["audit", "show", "--json"],
        &["audit", "verify", "--json"],
        &["oversight", "--json"],
        &["replay", "--policy", "policy.toml", "--json"],
        &["runbooks", "list", "book", "--json"],
    ];
    for command in commands {
        home.tagout(command).done().ok().json();
    }
}

#[test]
fn a_flawed_alert_is_reported_and_the_good_ones_beside_it_are_processed() {
    let lines = [
        alert("CacheFull", "warning", "c-1"),
        r#"{"severity":"critical"}"#.to_owned(),
        alert("QueueStuck", "warning", "q-1"),
    ];
    let home = Home::new();
    // An alert without a decision is no success: the exit code says so.
    let report = home.run(&lines.join("\n")).exits(2).json();
    assert_eq!(report["incidents"].as_array().unwrap().len(), 2, "{report}");
    let flawed = report["flawed"].as_array().unwrap();
    assert_eq!(flawed.len(), 1, "{report}");
    assert_eq!(flawed[0]["index"], 1);
    assert!(flawed[0]["flaw"].as_str().unwrap().starts_with("line 2: "), "{report}");
    assert!(home.trail().iter().any(|l| {
        l["event"]["kind"] == "delivery_received" && l["event"]["data"]["flawed"][0]["index"] == 1
    }));

    let home = Home::new();
    let args = ["run", "--runbooks", "book", "--policy", "policy.toml"];
    let out = home.tagout(&args).stdin(lines.join("\n")).done().exits(2);
    assert!(out.stdout.contains("alert 1 was not read: line 2: "), "{out:?}");
    home.run(&lines[1]).exits(2).names(&["alerts could not be read"]);
}

#[test]
fn a_second_run_folds_the_repeat_into_its_incident_and_a_third_ends_it() {
    let home = Home::new();
    let firing = alert("QueueStuck", "warning", "q-1");
    let first = home.incidents(&firing);
    let second = home.incidents(&firing);
    assert_eq!(first[0]["incident"], second[0]["incident"]);
    assert_eq!(home.count("incident_opened"), 1);
    assert_eq!(home.repeats(), 1);
    assert_eq!(home.count("plan_proposed"), 1, "a repeat makes no second plan");
    let resolved = firing.replacen('{', r#"{"status":"resolved","#, 1);
    let third = home.incidents(&resolved);
    assert_eq!(third[0]["incident"], first[0]["incident"]);
    assert_eq!(third[0]["state"], "closed");
    let list = home.tagout(&["approvals", "list", "--json"]).done().ok().json();
    assert_eq!(list, json!([]), "the plan does not outlive its alert");
    let fourth = home.incidents(&firing);
    assert_ne!(fourth[0]["incident"], first[0]["incident"], "a new fault is a new incident");
    home.assert_log_holds();
}

#[test]
fn triage_closes_what_needs_nobody_and_says_why() {
    let home = Home::new();
    let incidents = home.incidents(&alert("CacheFull", "info", "c-1"));
    assert_eq!(incidents[0]["decision"], "none");
    assert_eq!(incidents[0]["state"], "closed");
    assert_eq!(incidents[0]["human_review"], false);
    assert_eq!(incidents[0]["reasons"], json!(["informational severity"]));
    assert_eq!(home.count("search_completed"), 0, "nothing is searched for it");
}

#[test]
fn the_budget_is_counted_across_incidents_and_runs() {
    let home = Home::new();
    // Two actions each, five allowed at the medium tier: the third asks.
    let decisions: Vec<_> = (1..=3)
        .map(|n| {
            home.incidents(&alert("CacheFull", "warning", &format!("c-{n}")))[0]["decision"].clone()
        })
        .collect();
    assert_eq!(decisions, [json!("proceed"), json!("proceed"), json!("escalate")]);
}

#[test]
fn a_reader_that_goes_away_early_is_no_crash() {
    let home = Home::new();
    let lines: Vec<_> = (0..40).map(|n| alert("CacheFull", "warning", &format!("c-{n}"))).collect();
    home.incidents(&lines.join("\n"));
    let line = format!(
        "'{}' audit show --json | head -c 1; echo ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_tagout")
    );
    let out = home.program("bash", &["-c", &line]).done().ok();
    assert!(!out.stderr.contains("panicked"), "{out:?}");
    assert!(!out.stdout.contains("101"), "{out:?}");
}
