//! Maintenance windows, silences and change freezes, as a person opens and closes them.

use serde_json::{Value, json};

use super::home::{Home, Out, alert};

fn open(home: &Home, args: &[&str]) -> Out {
    let all = [&["windows", "open", "--json", "--as", "Ops"], args].concat();
    home.tagout(&all).done()
}

fn list(home: &Home) -> Value {
    home.tagout(&["windows", "list", "--json"]).done().ok().json()
}

/// How an alert of this host ends up.
fn state(home: &Home, host: &str) -> String {
    let one = home.incidents(&alert("CacheFull", "warning", host)).remove(0);
    one["state"].as_str().unwrap().to_owned()
}

fn begun() -> Home {
    let home = Home::new();
    home.run(&alert("QueueStuck", "warning", "q-1")).ok();
    home
}

#[test]
fn a_window_closes_the_alerts_it_covers_and_no_others_until_it_is_closed() {
    let home = begun();
    let args = ["--kind", "maintenance", "--match", "instance=db-*", "--for", "2h"];
    let opened = open(&home, &[&args[..], &["--id", "w1", "--reason", "upgrade"]].concat());
    let opened = opened.ok().json();
    assert_eq!(opened["id"], "w1");
    assert_eq!(opened["match"], json!({"instance": "db-*"}));
    assert_eq!((opened["by"].as_str(), opened["active"].as_bool()), (Some("ops"), Some(true)));
    assert_eq!(list(&home), json!([opened]));
    let words = home.tagout(&["windows", "list"]).done().ok();
    assert!(words.stdout.contains("upgrade"), "{words:?}");
    assert_eq!(state(&home, "db-1"), "closed");
    assert_eq!(state(&home, "web-1"), "rehearsed");
    home.tagout(&["windows", "close", "w1", "--as", "ops"]).done().ok();
    assert_eq!(list(&home), json!([]));
    assert_eq!(state(&home, "db-2"), "rehearsed");
    home.tagout(&["windows", "close", "w1"]).done().exits(2).names(&["no window of this id"]);
    home.assert_log_holds();
}

#[test]
fn a_window_may_have_conditions_of_every_kind() {
    let home = begun();
    let matches = ["instance=~web-[0-9]+", "instance!=web-2", "environment=test", "team!~x.*"];
    let mut args = vec!["--kind", "silence", "--for", "1h"];
    args.extend(matches.iter().flat_map(|text| ["--match", text]));
    let opened = open(&home, &args).ok().json();
    assert_eq!(opened["conditions"].as_array().unwrap().len(), 3);
    assert!(opened["id"].as_str().unwrap().starts_with("win-"), "{opened}");
    assert_eq!(state(&home, "web-1"), "closed");
    assert_eq!(state(&home, "web-2"), "rehearsed");
}

#[test]
fn a_window_that_begins_later_is_listed_and_closes_nothing_yet() {
    let home = begun();
    let args = ["--kind", "silence", "--match", "environment=test", "--from"];
    let times = ["2999-01-01T00:00:00Z", "--until", "2999-01-02T00:00:00Z"];
    let opened = open(&home, &[&args[..], &times[..]].concat()).ok().json();
    assert_eq!(opened["active"], false);
    assert_eq!(list(&home).as_array().unwrap().len(), 1);
    assert_eq!(state(&home, "web-1"), "rehearsed");
}

#[test]
fn a_window_that_cannot_be_as_it_is_asked_for_is_refused() {
    let home = begun();
    let entries = home.trail().len();
    let silence = ["--kind", "silence", "--for", "1h", "--match"];
    for (text, part) in [
        ("instance", "name=value"),
        ("=x", "name=value"),
        ("instance=", "name=value"),
        ("instance~x", "name=value"),
        ("instance=~(", "not understood"),
        ("instance=~(?i)web", "read otherwise"),
        ("instance=~.*", "cover every alert"),
    ] {
        open(&home, &[&silence[..], &[text]].concat()).exits(2).names(&[part]);
    }
    let twice = [&silence[..], &["a=b", "--match", "a=c"]].concat();
    open(&home, &twice).exits(2).names(&["given twice"]);
    open(&home, &["--kind", "silence", "--match", "a=b"]).exits(2).names(&["--until"]);
    open(&home, &["--kind", "silence", "--for", "1h"]).exits(2).names(&["--match"]);
    let past = ["--kind", "silence", "--match", "a=b", "--until", "2020-01-01T00:00:00Z"];
    open(&home, &past).exits(2).names(&["end before it begins"]);
    assert_eq!(home.trail().len(), entries);
    open(&home, &[&silence[..], &["a=b", "--id", "w1"]].concat()).ok();
    open(&home, &[&silence[..], &["a=b", "--id", "w1"]].concat()).exits(2).names(&["another id"]);
}

#[test]
fn under_a_change_freeze_plans_are_halted() {
    let home = begun();
    let args = ["freeze", "on", "--reason", "year's end", "--for", "2h", "--json", "--as", "ops"];
    let on = home.tagout(&args).done().ok().json();
    assert_eq!(on["freeze"], true);
    assert!(on["until"].is_string(), "{on}");
    assert_eq!(state(&home, "web-1"), "halted");
    let off = home.tagout(&["freeze", "off", "--json", "--as", "ops"]).done().ok().json();
    assert_eq!(off, json!({"freeze": false, "until": null}));
    assert_eq!(state(&home, "web-2"), "rehearsed");
    home.tagout(&["freeze", "off"]).done().exits(2).names(&["no change freeze"]);
    home.tagout(&["freeze", "on"]).done().exits(2).names(&["--reason"]);
}
