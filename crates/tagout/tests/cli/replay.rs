//! `tagout replay`: what another policy would have decided.

use serde_json::json;

use super::home::{Home, POLICY, alert};

fn with_history() -> Home {
    let home = Home::new();
    let alerts = [
        alert("CacheFull", "warning", "c-1"),
        alert("QueueStuck", "warning", "q-1"),
        alert("CacheFull", "critical", "c-2"),
        alert("SomethingElse", "warning", "x-1"),
    ];
    home.run(&alerts.join("\n")).ok();
    home
}

#[test]
fn the_same_policy_decides_the_same() {
    let home = with_history();
    let report = home.tagout(&["replay", "--policy", "policy.toml", "--json"]).done().ok().json();
    assert_eq!(report["decisions"], 3, "{report}");
    assert_eq!(report["differences"], json!([]));
    assert_eq!(report["not_repeated"], json!([]));
    let out = home.tagout(&["replay", "--policy", "policy.toml"]).done().ok();
    assert!(out.stdout.contains("3 decisions, 0 would differ"), "{out:?}");
}

#[test]
fn a_stricter_policy_shows_exactly_the_decisions_that_would_differ() {
    let home = with_history();
    let entries = home.trail().len();
    home.write("strict.toml", format!("{POLICY}[tier.medium]\nmin_confidence = 1.0\n"));
    let report = home.tagout(&["replay", "--policy", "strict.toml", "--json"]).done().ok().json();
    let differences = report["differences"].as_array().unwrap();
    assert_eq!(differences.len(), 1, "{report}");
    assert_eq!(differences[0]["recorded"]["decision"], "proceed");
    assert_eq!(differences[0]["under_this_policy"]["decision"], "escalate");
    let opened =
        home.trail().into_iter().find(|l| l["event"]["kind"] == "incident_opened").unwrap();
    assert_eq!(differences[0]["incident"], opened["incident"], "it is the first alert's");
    let out = home.tagout(&["replay", "--policy", "strict.toml"]).done().ok();
    assert!(out.stdout.contains("PROCEED medium tier -> ESCALATE medium tier"), "{out:?}");
    assert!(out.stdout.contains("1 would differ"), "{out:?}");
    assert_eq!(home.trail().len(), entries, "a replay records nothing");
}

#[test]
fn a_laxer_policy_shows_what_it_would_let_go_and_critical_is_never_among_it() {
    let home = with_history();
    let strict = format!("{POLICY}[tier.medium]\nmin_confidence = 1.0\n");
    home.write("policy.toml", strict);
    home.run(
        &[alert("CacheFull", "warning", "c-3"), alert("CacheFull", "critical", "c-4")].join("\n"),
    )
    .ok();
    home.write("lax.toml", POLICY);
    let report = home.tagout(&["replay", "--policy", "lax.toml", "--json"]).done().ok().json();
    let differences = report["differences"].as_array().unwrap();
    assert_eq!(differences.len(), 1, "{report}");
    assert_eq!(differences[0]["under_this_policy"]["decision"], "proceed");
}

#[test]
fn a_policy_that_is_wrong_is_refused() {
    let home = with_history();
    home.write("wrong.toml", "version = 1\nmin_mach = 0.5\n");
    let out = home.tagout(&["replay", "--policy", "wrong.toml"]).done();
    out.exits(2).names(&["wrong.toml", "min_mach", "min_match"]);
}

#[test]
fn the_least_tier_that_the_configuration_gives_a_program_counts() {
    let home = Home::new();
    home.configure();
    let path = home.data().join("tagout.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let least = "[execution.programs]\ncachectl = { path = \"/bin/true\", tier = \"high\" }\n";
    std::fs::write(&path, text + least).unwrap();
    home.run(&alert("CacheFull", "warning", "c-1")).ok();
    let decided = home.trail().into_iter().find(|l| l["event"]["kind"] == "policy_decided");
    assert_eq!(decided.unwrap()["event"]["data"]["verdict"]["tier"], "high");
    let report = home.tagout(&["replay", "--policy", "policy.toml", "--json"]).done().ok().json();
    assert_eq!((&report["decisions"], &report["differences"]), (&json!(1), &json!([])));
}
