//! `tagout oversight`: the theater check over what was recorded.

use super::home::{Home, alert};

#[test]
fn a_fresh_log_is_too_little_data_and_no_verdict() {
    let home = Home::new();
    home.run(&alert("QueueStuck", "warning", "q-1")).ok();
    let out = home.tagout(&["oversight"]).done().ok();
    assert!(out.stdout.contains("All reviews  too little data: 0 of "), "{out:?}");
    assert!(!out.stdout.contains("CEREMONIAL"), "{out:?}");
}

#[test]
fn three_fast_approvals_are_too_little_data_and_are_counted() {
    let home = Home::new();
    for n in 0..3 {
        let one = home.incidents(&alert("QueueStuck", "warning", &format!("q-{n}"))).remove(0);
        let (id, plan) = (one["incident"].as_str().unwrap(), one["plan"].as_str().unwrap());
        home.tagout(&["approvals", "show", id]).done().ok();
        home.tagout(&["approvals", "approve", id, "--plan", plan]).done().ok();
    }
    let out = home.tagout(&["oversight"]).done().ok();
    assert!(out.stdout.contains("All reviews  too little data: 3 of "), "{out:?}");
    assert!(out.stdout.contains("3 answers: 3 approved, 0 rejected, 0 modified"), "{out:?}");
    assert!(
        out.stdout.contains("Reviewer ana") && out.stdout.contains("Runbook queue-stuck"),
        "{out:?}"
    );
    let json = home.tagout(&["oversight", "--json"]).done().ok().json();
    assert_eq!(json["overall"]["approvals"], 3, "{json}");
}
