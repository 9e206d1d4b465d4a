//! Several processes over one data directory: nothing is lost, nothing is opened twice.

use std::collections::BTreeMap;

use super::home::{Home, alert};

fn all_at_once(home: &Home, bodies: &[String]) {
    let running: Vec<_> =
        bodies.iter().map(|body| home.run_call().stdin(body.clone()).spawn()).collect();
    for one in running {
        one.done().ok();
    }
}

fn opened(home: &Home) -> BTreeMap<String, usize> {
    let mut opened = BTreeMap::new();
    for line in home.trail() {
        if line["event"]["kind"] == "incident_opened" {
            let instance = &line["event"]["data"]["alert"]["labels"]["instance"];
            *opened.entry(instance.as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    opened
}

fn assert_nothing_is_midway(home: &Home) {
    let decided = home.count("policy_decided") + home.count("person_called");
    assert_eq!(home.count("incident_opened"), decided, "an incident has no decision");
}

#[test]
fn four_processes_that_make_the_directory_together_record_all_of_their_alerts() {
    for _ in 0..3 {
        let home = Home::new();
        let body = |p: usize| {
            let alerts = (0..3).map(|n| alert("CacheFull", "critical", &format!("c-{p}-{n}")));
            alerts.collect::<Vec<_>>().join("\n")
        };
        all_at_once(&home, &(0..4).map(body).collect::<Vec<_>>());
        let opened = opened(&home);
        assert_eq!(opened.len(), 12, "{opened:?}");
        assert!(opened.values().all(|n| *n == 1), "{opened:?}");
        assert_nothing_is_midway(&home);
        home.assert_log_holds();
    }
}

#[test]
fn one_alert_sent_to_four_processes_is_one_incident() {
    for _ in 0..3 {
        let home = Home::new();
        let body = alert("QueueStuck", "warning", "q-1");
        all_at_once(&home, &vec![body; 4]);
        assert_eq!(opened(&home).into_values().collect::<Vec<_>>(), [1]);
        assert_eq!(home.repeats(), 3);
        assert_eq!(home.count("plan_proposed"), 1);
        assert_nothing_is_midway(&home);
        home.assert_log_holds();
    }
}

#[test]
fn one_budget_is_not_spent_twice_by_processes_that_ask_together() {
    let home = Home::new();
    // Each wants two actions and five are allowed: two of four go on alone.
    let bodies: Vec<_> = (0..4).map(|p| alert("CacheFull", "warning", &format!("c-{p}"))).collect();
    all_at_once(&home, &bodies);
    assert_eq!(home.count("plan_granted"), 2);
    assert_eq!(home.count("review_requested"), 2);
}

#[test]
fn two_people_who_answer_at_the_same_moment_are_both_heard() {
    let home = Home::new();
    let one = home.incidents(&alert("CacheFull", "critical", "c-1")).remove(0);
    let (id, plan) = (one["incident"].as_str().unwrap(), one["plan"].as_str().unwrap());
    let people = ["bob", "cleo"];
    let running: Vec<_> = people
        .iter()
        .map(|who| home.tagout(&["approvals", "approve", id, "--plan", plan, "--as", who]).spawn())
        .collect();
    for one in running {
        one.done().ok();
    }
    assert_eq!(home.count("review_given"), 2);
    assert_eq!(home.count("plan_granted"), 1);
}
