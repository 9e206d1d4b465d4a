//! Stopping is at once, for the whole tree, and waits for nothing.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::service::OWN_SECRET;
use super::stage::{Stage, nap};

/// A plan whose first step runs for long.
fn under_way() -> (Stage, String) {
    under_way_for("20")
}

fn under_way_for(seconds: &str) -> (Stage, String) {
    let stage = Stage::live();
    let incident = stage.alert("Rotate", "host-1", seconds);
    stage.until_begun("host-1", "one");
    (stage, incident)
}

/// The step was stopped with all that it had started, and nothing came after it.
fn was_stopped(stage: &Stage, incident: &str, before: Instant) {
    stage.wait("that the stop is recorded", || {
        stage.told(incident).contains(&"end one stopped".to_owned())
    });
    assert!(before.elapsed() < Duration::from_secs(15), "it took {:?}", before.elapsed());
    // What outlives its parent writes a line after five seconds.
    nap(6000);
    assert_eq!(stage.lines("host-1", "one"), ["begin"]);
    assert_eq!(stage.lines("host-1", "two"), [""; 0]);
    let told = stage.told(incident);
    assert!(!told.iter().any(|line| line.contains("start two")), "{told:?}");
}

fn is_engaged(stage: &Stage) -> bool {
    stage.ben.get("/v1/switches").is(200).json()["kill_switch"] == true
}

#[test]
fn the_kill_switch_in_the_middle_of_a_plan_stops_the_whole_tree() {
    let (stage, incident) = under_way();
    let before = Instant::now();
    stage.ben.post("/v1/halt", &json!({"reason": "wrong host"})).is(200);
    was_stopped(&stage, &incident, before);
    stage.until(&incident, "failed");
    assert_eq!(stage.service.home.count("kill_switch_engaged"), 2);
    // It waits for somebody, and says by whom and how far it was stopped.
    let queue = stage.ben.get("/v1/approvals").is(200).json();
    let needed = &queue["pending"][0]["needs_person"];
    assert_eq!(needed["kind"], "plan_failed", "{queue}");
    let why = needed["why"].as_str().unwrap();
    assert!(why.contains("step one was stopped by ben partway; look at the system"), "{why}");
    let page = stage.ben.get(&format!("/incidents/{incident}")).is(200).body;
    assert!(page.contains("was stopped by ben partway"), "{page}");
    stage.service.stop().assert_log_holds();
}

#[test]
fn the_kill_switch_of_another_process_stops_it_too() {
    let (stage, incident) = under_way();
    let before = Instant::now();
    stage.service.home.tagout(&["halt", "--as", "ben", "--reason", "wrong"]).done().ok();
    was_stopped(&stage, &incident, before);
}

#[test]
fn a_file_in_the_data_directory_stops_it_and_holds_until_it_is_gone() {
    let (stage, incident) = under_way();
    let before = Instant::now();
    let file = stage.service.home.data().join("halt");
    fs::write(&file, "").unwrap();
    was_stopped(&stage, &incident, before);
    stage.wait("that it is recorded", || is_engaged(&stage));
    let engaged = stage.service.home.trail();
    let last = engaged.iter().rfind(|line| line["event"]["kind"] == "kill_switch_engaged").unwrap();
    assert!(last["event"]["data"]["reason"].to_string().contains("the file halt"), "{last}");
    // It cannot be released while the file is there, and nothing starts.
    let held = stage.ada.post("/v1/resume", &json!({"reason": "over"})).is(409);
    assert!(held.json()["detail"].to_string().contains("remove the file"), "{held:?}");
    let next = stage.alert("Rotate", "host-2", "0");
    nap(1000);
    assert_eq!(stage.lines("host-2", "look"), [""; 0], "{}", stage.state(&next));
    fs::remove_file(&file).unwrap();
    stage.release();
    let last = stage.alert("Rotate", "host-3", "0");
    stage.until(&last, "completed");
}

#[test]
fn a_signal_stops_it() {
    let (stage, incident) = under_way();
    let before = Instant::now();
    stage.service.signal("-USR1");
    was_stopped(&stage, &incident, before);
    stage.wait("that it is recorded", || is_engaged(&stage));
}

#[test]
fn a_revoke_stops_what_runs_of_its_plan_and_of_no_other() {
    let (stage, incident) = under_way();
    let other = stage.alert("Rotate", "host-2", "3");
    stage.until_begun("host-2", "one");
    let before = Instant::now();
    let plan = stage.ben.plan(&incident);
    stage.ben.post(&plan.path("revoke"), &json!({})).is(200);
    was_stopped(&stage, &incident, before);
    stage.until(&other, "completed");
}

#[test]
fn a_stop_does_not_wait_for_a_log_that_cannot_be_written() {
    let (stage, incident) = under_way();
    let before = Instant::now();
    let database = rusqlite::Connection::open(stage.service.home.database()).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    fs::write(stage.service.home.data().join("halt"), "").unwrap();
    nap(6000);
    // The child that outlives its parent would have written by now.
    assert_eq!(stage.lines("host-1", "one"), ["begin"]);
    database.execute_batch("ROLLBACK").unwrap();
    stage.wait("that the stop is recorded", || {
        stage.told(&incident).contains(&"end one stopped".to_owned())
    });
    assert!(before.elapsed() < Duration::from_secs(60));
    stage.wait("that the kill switch is recorded", || is_engaged(&stage));
}

#[test]
fn no_step_starts_while_the_log_cannot_be_written() {
    let stage = Stage::live();
    let incident = stage.alert("Rotate", "host-1", "1");
    stage.until_begun("host-1", "one");
    let database = rusqlite::Connection::open(stage.service.home.database()).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    stage.wait("the end of what runs", || stage.lines("host-1", "one").len() > 1);
    nap(3000);
    assert_eq!(stage.lines("host-1", "two"), [""; 0]);
    database.execute_batch("ROLLBACK").unwrap();
    drop(database);
    stage.wait("the plan's end", || ["completed", "failed"].contains(&&*stage.state(&incident)));
    for step in ["one", "two", "verify"] {
        let begun = stage.lines("host-1", step).iter().filter(|line| *line == "begin").count();
        assert!(begun <= 1, "{step} began {begun} times");
    }
    stage.service.stop().assert_log_holds();
}

#[test]
fn a_stop_of_the_service_lets_a_short_step_end_and_starts_no_further_one() {
    let stage = Stage::live();
    let incident = stage.alert("Rotate", "host-1", "2");
    stage.until_begun("host-1", "one");
    let home = stage.service.stop();
    let told = super::stage::told(&home, &incident);
    assert_eq!(told.last().unwrap(), "end one succeeded", "{told:?}");
    assert_eq!(super::stage::lines(&home, "host-1", "one"), ["begin", "end"]);
    assert_eq!(super::stage::lines(&home, "host-1", "two"), [""; 0]);
    home.assert_log_holds();
}

#[test]
fn the_file_stops_what_runs_while_the_writer_waits_for_the_log() {
    let (stage, incident) = under_way_for("4");
    let database = rusqlite::Connection::open(stage.service.home.database()).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let alert = json!({"title": "Rotate", "severity": "warning"}).to_string();
    thread::scope(|scope| {
        // The writer waits for the log with this one; whatever it answers.
        scope.spawn(|| stage.service.post("own", OWN_SECRET, alert));
        nap(1000);
        fs::write(stage.service.home.data().join("halt"), "").unwrap();
        nap(4500);
        let lines = stage.lines("host-1", "one");
        database.execute_batch("ROLLBACK").unwrap();
        assert_eq!(lines, ["begin"]);
    });
    stage.wait("that the stop is recorded", || {
        stage.told(&incident).contains(&"end one stopped".to_owned())
    });
}

#[test]
fn a_signal_stops_what_runs_while_the_service_goes_down() {
    let (mut stage, incident) = under_way_for("4");
    stage.service.signal("-TERM");
    nap(500);
    stage.service.signal("-USR1");
    assert_eq!(stage.service.ended(), Some(0), "{}", stage.service.told());
    let told = super::stage::told(&stage.service.home, &incident);
    assert_eq!(told[told.len() - 2..], ["end one stopped", "plan failed"], "{told:?}");
    assert_eq!(super::stage::lines(&stage.service.home, "host-1", "one"), ["begin"]);
}
