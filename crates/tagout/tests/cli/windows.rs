//! Windows and quarantined deliveries, from the command line.

use super::home::{Home, alert};

fn decisions(home: &Home, body: &str) -> Vec<String> {
    let incidents = home.incidents(body);
    incidents.iter().map(|one| one["decision"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_window_holds_back_what_it_covers_until_it_is_closed() {
    let home = Home::new();
    home.run(&alert("QueueStuck", "warning", "first")).ok();
    let open = ["windows", "open", "db-work", "--match", "instance=c-*", "--for", "2h"];
    home.tagout(&open).done().ok();
    assert_eq!(decisions(&home, &alert("CacheFull", "critical", "c-1")), ["none"]);
    assert_eq!(decisions(&home, &alert("CacheFull", "critical", "d-1")), ["escalate"]);
    let listed = home.tagout(&["windows", "list", "--json"]).done().ok().json();
    assert_eq!(listed[0]["id"], "db-work");
    assert_eq!(listed[0]["matches"][0], "instance=\"c-*\"");
    home.tagout(&open).done().exits(2).names(&["choose another id"]);
    home.tagout(&["windows", "close", "db-work"]).done().ok();
    // Nobody has to send it again: what was held back is looked at when time passes.
    home.tagout(&["approvals", "list"]).done().ok();
    home.run(&alert("QueueStuck", "warning", "second")).ok();
    let held = home.tagout(&["approvals", "list", "--json"]).done().ok().json();
    let subjects: Vec<_> =
        held.as_array().unwrap().iter().map(|one| one["subject"].clone()).collect();
    assert!(subjects.contains(&"c-1".into()), "{subjects:?}");
    home.assert_log_holds();
}

#[test]
fn a_window_takes_the_operators_of_alertmanager_and_refuses_what_is_none() {
    let home = Home::new();
    home.run(&alert("QueueStuck", "warning", "first")).ok();
    let open = |id: &str, text: &str| {
        home.tagout(&["windows", "open", id, "--kind", "silence", "--match", text, "--for", "1h"])
            .done()
    };
    open("a", "instance=~e-[0-9]+").ok();
    assert_eq!(decisions(&home, &alert("CacheFull", "warning", "e-12")), ["none"]);
    assert_ne!(decisions(&home, &alert("CacheFull", "warning", "e-x")), ["none"]);
    open("b", "nonsense").exits(2).names(&["is no match"]);
    open("c", "instance=~(").exits(2);
    open("d", "team!=web").exits(2).names(&["every alert"]);
}
