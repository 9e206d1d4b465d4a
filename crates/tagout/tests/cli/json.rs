//! `--json`: one document on standard output and nothing beside it.

use serde_json::Value;

use super::home::{Home, alert};

fn printed(home: &Home, args: &[&str]) -> Value {
    home.tagout(args).done().ok().json()
}

fn home_with_one_that_waits() -> (Home, Value) {
    let home = Home::new();
    home.configure();
    home.run(&alert("QueueStuck", "warning", "q-1")).ok();
    let list = printed(&home, &["approvals", "list", "--json"]);
    (home, list[0].clone())
}

#[test]
fn every_command_that_prints_a_result_prints_one_document_on_request() {
    let (home, waiting) = home_with_one_that_waits();
    let id = waiting["incident"].as_str().unwrap();
    let plan = waiting["plan"].as_str().unwrap();
    assert_eq!(printed(&home, &["approvals", "show", id, "--json"])["state"], "pending_review");
    assert!(printed(&home, &["config", "check", "--json"])["policy"].is_object());
    assert_eq!(printed(&home, &["init", "--json"])["made"]["log.key"], false);
    assert!(printed(&home, &["audit", "show", "--json"]).is_array());
    assert!(printed(&home, &["audit", "checkpoint", "--json"])["note"].is_string());
    assert_eq!(printed(&home, &["audit", "verify", "--json"])["holds"], true);
    assert!(printed(&home, &["oversight", "--json"])["overall"].is_object());
    assert!(printed(&home, &["runbooks", "list", "book", "--json"]).is_array());
    assert!(printed(&home, &["runbooks", "lint", "book", "--json"]).is_array());
    let reject = ["approvals", "reject", id, "--plan", plan, "--reason", "no", "--json"];
    assert_eq!(printed(&home, &reject)["state"], "with_people");
    let close = ["approvals", "close", id, "--reason", "mended by hand", "--json"];
    assert_eq!(printed(&home, &close)["state"], "closed");
    let halt = printed(&home, &["halt", "--reason", "stop", "--json"]);
    assert_eq!(halt["kill_switch"], true);
    let resume = printed(&home, &["resume", "--reason", "go on", "--json"]);
    assert_eq!(resume["kill_switch"], false);
}

#[test]
fn the_kill_switch_and_a_refusal_work_while_the_configuration_is_broken() {
    let (home, waiting) = home_with_one_that_waits();
    let id = waiting["incident"].as_str().unwrap();
    let plan = waiting["plan"].as_str().unwrap();
    std::fs::write(home.data().join("tagout.toml"), "runbooks = [broken").unwrap();
    home.tagout(&["halt", "--reason", "stop"]).done().ok();
    home.tagout(&["approvals", "reject", id, "--plan", plan]).done().ok();
    assert_eq!(home.count("kill_switch_engaged"), 1);
}
