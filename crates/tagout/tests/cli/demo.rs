//! `tagout demo` where nobody can be asked: every decision is printed, nothing is approved.

use super::home::{Home, Out};

fn without_a_terminal(home: &Home, args: &[&str]) -> Out {
    home.tagout(&[&["--data-dir", "d", "demo"], args].concat()).done().ok()
}

#[test]
fn every_alert_is_told_stage_by_stage() {
    let home = Home::new();
    let out = without_a_terminal(&home, &["--non-interactive"]);
    let story = out.stdout.split("── the audit trail").next().unwrap();
    let alerts: Vec<&str> = story.split("\n  alert ").skip(1).collect();
    assert!(alerts.len() >= 12, "{} alerts are shown", alerts.len());
    let (mut searched, mut planned) = (0, 0);
    for alert in alerts {
        let has = |stage: &str| alert.contains(&format!("\n  {stage}"));
        assert!(has("received") && has("triage"), "{alert}");
        if has("search") {
            searched += 1;
            assert!(has("decision") || (has("plan") && has("policy")), "{alert}");
        } else {
            assert!(alert.contains("closed: ") || has("decision"), "{alert}");
        }
        if has("plan") {
            planned += 1;
            assert!(
                alert.contains("dry-run (") && alert.contains("\n              1. "),
                "{alert}"
            );
            assert!(has("review") || has("granted") || alert.contains("HALT"), "{alert}");
        }
    }
    assert!(searched >= 10 && planned >= 6, "{searched} searched, {planned} planned");
}

#[test]
fn nothing_is_decided_on_anyones_behalf_with_the_flag_or_without_a_terminal() {
    for args in [&["--non-interactive"][..], &[]] {
        let home = Home::new();
        let out = without_a_terminal(&home, args);
        assert!(out.stdout.contains("nobody has decided anything on their behalf"), "{out:?}");
        let trail = home.tagout(&["--data-dir", "d", "audit", "show", "--json"]).done().ok().json();
        for line in trail.as_array().unwrap() {
            let event = &line["event"];
            assert_ne!(event["kind"], "review_given", "{line}");
            if event["kind"] == "plan_granted" {
                assert_eq!(event["data"]["by"], "policy", "{line}");
            }
        }
        let list = home.tagout(&["--data-dir", "d", "approvals", "list", "--json"]).done().ok();
        let pending = list.json().as_array().unwrap().clone();
        assert!(!pending.is_empty(), "nothing waits: {list:?}");
        for one in pending {
            assert!(out.stdout.contains(one["incident"].as_str().unwrap()), "{one}");
        }
    }
}

#[test]
fn the_output_has_no_colours_when_it_is_piped() {
    let home = Home::new();
    let out = without_a_terminal(&home, &[]);
    assert!(!out.stdout.contains('\u{1b}') && !out.stderr.contains('\u{1b}'), "{out:?}");
}

#[test]
fn the_commands_that_it_prints_at_the_end_work() {
    let home = Home::new();
    let out = home.tagout(&["demo"]).done().ok();
    assert!(out.stdout.contains("── the audit trail"), "{out:?}");
    let next = out.stdout.split("── what next").nth(1).expect("it says what to do next");
    let mut ran = Vec::new();
    for line in next.lines().map(str::trim).filter(|l| l.starts_with("tagout --data-dir")) {
        let words: Vec<&str> = line
            .split(' ')
            .skip(1)
            .map(|w| w.replace("NAME", "bob"))
            .map(|w| &*Box::leak(w.into_boxed_str()))
            .collect();
        let done = home.tagout(&words).done().ok();
        ran.push(words[2..4].join(" "));
        match words[2..4] {
            ["audit", "verify"] => assert!(done.stdout.starts_with("HOLDS"), "{done:?}"),
            ["approvals", "approve"] => assert!(
                done.stdout.contains("rehearsed") || done.stdout.contains("1 of 2"),
                "{done:?}"
            ),
            _ => {}
        }
    }
    assert_eq!(ran, ["approvals show", "approvals approve", "audit verify", "audit export"]);
    assert!(home.path("log.jsonl").exists(), "the export is where the command said");
}

#[test]
fn a_directory_that_holds_a_log_is_not_used_for_a_demonstration() {
    let home = Home::new();
    home.incidents(&super::home::alert("CacheFull", "warning", "c-1"));
    let entries = home.trail().len();
    let dir = home.data().display().to_string();
    home.tagout(&["--data-dir", &dir, "demo"]).done().exits(2).names(&[&dir, "fresh directory"]);
    assert_eq!(home.trail().len(), entries);
}
