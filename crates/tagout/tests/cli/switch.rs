//! The kill switch, and a halted plan decided again.

use serde_json::Value;

use super::home::{Home, alert};

fn halted(home: &Home) -> Value {
    home.incidents(&alert("CacheFull", "warning", "c-0"));
    home.tagout(&["halt", "--reason", "network work", "--as", "ops"]).done().ok();
    let one = home.incidents(&alert("CacheFull", "warning", "c-1")).remove(0);
    assert_eq!(one["decision"], "halt", "{one}");
    assert_eq!(one["state"], "halted", "{one}");
    one
}

#[test]
fn what_would_proceed_is_halted_while_the_switch_is_engaged() {
    let home = Home::new();
    let one = halted(&home);
    assert!(one["reasons"].to_string().contains("kill switch"), "{one}");
    assert_eq!(home.count("plan_granted"), 1, "only the one from before");
    let file = home.data().join("halt");
    std::fs::write(&file, "").unwrap();
    let held = home.tagout(&["resume", "--reason", "done", "--as", "ops"]).done();
    held.exits(2).names(&["halt", "remove it first"]);
    std::fs::remove_file(&file).unwrap();
    home.tagout(&["resume", "--reason", "done", "--as", "ops"]).done().ok();
    let after = home.incidents(&alert("CacheFull", "warning", "c-2"));
    assert_eq!(after[0]["decision"], "proceed", "{after:?}");
    let show = home.tagout(&["audit", "show"]).done().ok();
    assert!(show.stdout.contains("kill switch engaged by ops: network work"), "{show:?}");
    assert!(show.stdout.contains("kill switch released by ops: done"), "{show:?}");
}

#[test]
fn nobody_can_approve_a_halted_plan() {
    let home = Home::new();
    let one = halted(&home);
    let (id, plan) = (one["incident"].as_str().unwrap(), one["plan"].as_str().unwrap());
    let args = ["approvals", "approve", id, "--plan", plan, "--as", "bob"];
    home.tagout(&args).done().exits(2).names(&["no plan of", "halted"]);
}

#[test]
fn a_halted_plan_that_is_resumed_asks_people_and_never_the_one_who_resumed_it() {
    let home = Home::new();
    home.configure();
    let one = halted(&home);
    let id = one["incident"].as_str().unwrap();
    home.tagout(&["resume", "--reason", "done", "--as", "ops"]).done().ok();
    let list = home.tagout(&["approvals", "list", "--json"]).done().ok().json();
    assert_eq!(list[0]["state"], "halted", "releasing the switch decides nothing again");
    let out = home.tagout(&["resume", id, "--reason", "safe now", "--as", "ops"]).done().ok();
    assert!(out.stdout.contains("waits, 0 of 1"), "{out:?}");
    let pending = home.tagout(&["approvals", "list", "--json"]).done().ok().json();
    assert_eq!(pending[0]["incident"], id, "{pending}");
    let plan = pending[0]["plan"].as_str().unwrap();
    let approve =
        |who: &str| home.tagout(&["approvals", "approve", id, "--plan", plan, "--as", who]).done();
    approve("ops").exits(2).names(&["nobody approves a plan that they asked for"]);
    approve("bob").ok();
    let show = home.tagout(&["approvals", "show", id, "--json"]).done().ok().json();
    assert_eq!(show["state"], "rehearsed", "{show}");
}

#[test]
fn resuming_while_the_switch_is_engaged_halts_again() {
    let home = Home::new();
    home.configure();
    let one = halted(&home);
    let id = one["incident"].as_str().unwrap();
    let out = home.tagout(&["resume", id, "--reason", "try", "--as", "ops"]).done().ok();
    assert!(out.stdout.contains("the policy halted the plan"), "{out:?}");
    assert_eq!(home.count("review_requested"), 0);
}

#[test]
fn resuming_without_the_runbooks_says_so_and_records_nothing() {
    let home = Home::new();
    let one = halted(&home);
    let id = one["incident"].as_str().unwrap();
    let entries = home.trail().len();
    let args = ["resume", id, "--reason", "safe now"];
    home.tagout(&args).done().exits(2).names(&["--runbooks DIR"]);
    assert_eq!(home.trail().len(), entries);
    home.tagout(&["resume", "--reason", "done"]).done().ok();
    home.tagout(&[&args[..], &["--runbooks", "book"]].concat()).done().ok();
    assert_eq!(home.count("halt_resumed"), 1);
}

#[test]
fn resuming_what_is_not_halted_is_refused() {
    let home = Home::new();
    home.configure();
    home.incidents(&alert("QueueStuck", "warning", "q-1"));
    for id in ["inc-0", home.trail().last().unwrap()["incident"].as_str().unwrap()] {
        home.tagout(&["resume", id, "--reason", "x"]).done().exits(2).names(&[id, "halted"]);
    }
    home.tagout(&["halt"]).done().exits(2).names(&["--reason"]);
    assert_eq!(home.count("kill_switch_engaged"), 0);
}
