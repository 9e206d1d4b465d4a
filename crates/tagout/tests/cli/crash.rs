//! `kill -9` at any moment: the log holds, what a reader sees is whole, and the next run
//! brings every incident to its decision.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::thread;
use std::time::Duration;

use super::home::{Call, Home, alert};

const SIGKILL: i32 = 9;

/// A number below `limit` that is another at each call.
fn random(limit: u64) -> u64 {
    RandomState::new().hash_one(limit) % limit
}

/// What a killed process had told before it was killed.
fn killed_after(call: Call, lines: usize, further: Duration) -> Vec<String> {
    let mut running = call.spawn();
    let mut story = BufReader::new(running.0.stdout.take().unwrap()).lines();
    let told = story.by_ref().take(lines).map(Result::unwrap).collect();
    thread::sleep(further);
    running.0.kill().unwrap();
    let status = running.0.wait().unwrap();
    assert_eq!(status.signal(), Some(SIGKILL), "the kill hit no running process: {status:?}");
    told
}

/// The kinds of events of each incident that the log shows, in order.
fn incidents(home: &Home) -> BTreeMap<String, Vec<String>> {
    let mut incidents: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in home.trail() {
        if let Some(id) = line["incident"].as_str() {
            let kind = line["event"]["kind"].as_str().unwrap();
            incidents.entry(id.to_owned()).or_default().push(kind.to_owned());
        }
    }
    incidents
}

fn is_midway(events: &[String]) -> bool {
    !events.iter().any(|e| e == "policy_decided" || e == "person_called")
}

#[test]
fn a_run_that_is_killed_at_any_moment_leaves_a_whole_log_and_the_next_run_completes_it() {
    let home = Home::new();
    home.run(&alert("QueueStuck", "warning", "first")).ok();
    let (mut before, mut midway, mut kills) = (0, 0, 0);
    for round in 0..15 {
        let alerts: Vec<_> =
            (0..400).map(|n| alert("CacheFull", "critical", &format!("c-{round}-{n}"))).collect();
        let call = home
            .tagout(&["run", "--runbooks", "book", "--policy", "policy.toml"])
            .stdin(alerts.join("\n"));
        let lines = usize::try_from(1 + random(120)).unwrap();
        killed_after(call, lines, Duration::from_micros(random(30_000)));
        kills += 1;

        home.assert_log_holds();
        let incidents = incidents(&home);
        for (id, events) in &incidents {
            assert!(events.len() >= 2, "{id} shows half of its first append: {events:?}");
            assert_eq!(events[..2], ["incident_opened", "triaged"], "{id}");
        }
        assert!(incidents.len() >= before, "incidents were lost");
        before = incidents.len();
        midway += incidents.values().filter(|events| is_midway(events)).count();
    }
    assert_eq!(kills, 15);
    assert!(before > 15, "the runs got too little done to be killed at: {before} incidents");
    assert!(midway > 0, "no kill left an incident midway, so recovery was not tried");

    home.run(&alert("QueueStuck", "warning", "last")).ok();
    for (id, events) in incidents(&home) {
        assert!(!is_midway(&events), "{id} was not brought to its decision: {events:?}");
        let decisions = events.iter().filter(|e| *e == "policy_decided").count();
        assert_eq!(decisions, 1, "{id} was decided again: {events:?}");
    }
    home.assert_log_holds();
}

#[test]
fn an_incident_that_a_kill_left_before_its_search_is_completed_by_the_next_run() {
    let home = Home::new();
    home.run(&alert("QueueStuck", "warning", "first")).ok();
    let mut midway = Vec::new();
    // All are opened in one append and searched for one by one, each told when it is done.
    for round in 0..20 {
        let call = home.tagout(&["run", "--runbooks", "book", "--policy", "policy.toml"]);
        let body: Vec<_> =
            (0..30).map(|n| alert("CacheFull", "critical", &format!("c-{round}-{n}"))).collect();
        let told = killed_after(call.stdin(body.join("\n")), 4, Duration::ZERO);
        assert!(told.iter().any(|line| line.contains("received")), "{told:?}");
        midway =
            incidents(&home).into_iter().filter(|(_, e)| is_midway(e)).map(|(id, _)| id).collect();
        if !midway.is_empty() {
            break;
        }
    }
    assert!(!midway.is_empty(), "no kill came before a search");
    home.run(&alert("QueueStuck", "warning", "last")).ok();
    let after = incidents(&home);
    for id in midway {
        assert!(!is_midway(&after[&id]), "{id} is still without a decision");
    }
}

#[test]
fn a_kill_while_the_directory_is_made_stops_no_later_run() {
    for _ in 0..12 {
        let home = Home::new();
        let call = home.run_call().stdin(alert("CacheFull", "warning", "c-1"));
        killed_after(call, 0, Duration::from_micros(random(25_000)));
        home.run(&alert("CacheFull", "warning", "c-1")).ok();
        home.assert_log_holds();
    }
}
