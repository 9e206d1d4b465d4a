//! Routing: whom a plan is put before and what is demanded of them.

use serde_json::{Value, json};
use tagout_core::approval::ReviewRequest;
use tagout_core::command::Command;
use tagout_core::verdict::{Decision, Rule};

use crate::house::*;

/// A house in which people are always asked, with these routes.
fn asked(routes: &str, runbook: Value, severity: &str) -> House {
    let mut house = House::with(&format!("{OPEN}min_margin = 1.0\n{routes}"), [runbook, cache()]);
    house.receive(ONE, alert(ONE, severity));
    house.find(ONE, &[by_text("disk", 9_900), by_text("cache", 9_000)]);
    assert!(house.is_waiting(ONE));
    house
}

fn request(house: &House) -> &ReviewRequest {
    house.incidents[ONE].waiting().unwrap().1.request()
}

fn asks(house: &House) -> Vec<&str> {
    request(house).ask.iter().map(String::as_str).collect()
}

fn owned(owner: &str) -> Value {
    let mut runbook = disk();
    runbook["owner"] = json!(owner);
    runbook
}

/// The same plan carried through once, in another incident.
fn carry_through(house: &mut House) {
    house.approve(ONE, "ana of storage").unwrap();
    house.must(ONE, Command::Rehearse);
    house.end_of_alert(ONE);
    house.receive(TWO, alert(ONE, "warning"));
    house.find(TWO, &[by_text("disk", 9_900), by_text("cache", 9_000)]);
}

#[test]
fn each_condition_of_a_route_must_hold() {
    for (conditions, matches) in [
        ("", true),
        ("tier_at_least = \"medium\"", true),
        ("tier_at_least = \"high\"", false),
        ("confidence_below = 0.9901", true),
        ("confidence_below = 0.99", false),
        ("margin_below = 0.0901", true),
        ("margin_below = 0.09", false),
        ("runbook = \"d*\"", true),
        ("runbook = \"cache\"", false),
        ("match = { instance = \"one*\" }", true),
        ("match = { instance = \"two*\" }", false),
        ("novel = true", true),
        ("novel = true\ntier_at_least = \"high\"", false),
    ] {
        let house =
            asked(&format!("[[route]]\nask = [\"night\"]\n{conditions}\n"), disk(), "warning");
        let expected: &[&str] = if matches { &["night"] } else { &[] };
        assert_eq!(asks(&house), expected, "{conditions}");
    }
}

#[test]
fn all_routes_that_match_add_up_and_none_takes_anything_away() {
    let routes = "[[route]]\nask = [\"on-call\"]\nrequire = { database = 2, network = 1 }\n\
                  quorum = 1\n\
                  [[route]]\nask = [\"leads\"]\nrequire = { database = 1 }\nquorum = 3\n\
                  [tier.medium]\nquorum = 2\ngroups = { network = 2 }\n";
    let house = asked(routes, disk(), "warning");
    assert_eq!(asks(&house), ["leads", "on-call"]);
    let request = request(&house);
    assert_eq!(request.quorum, 3);
    assert_eq!(request.groups, [("database".to_owned(), 2), ("network".to_owned(), 2)].into());
    assert_eq!(house.plan(ONE).groups, request.groups);
}

#[test]
fn as_shipped_the_first_use_on_a_target_is_put_before_the_owner_and_the_second_is_not() {
    let mut house = asked("", owned("storage"), "warning");
    assert_eq!(asks(&house), ["storage"]);
    assert!(request(&house).groups.is_empty());
    carry_through(&mut house);
    assert!(house.plan(TWO).ask.is_empty());
    // Another target is new, and so is the real thing after a rehearsal.
    house.receive("three", alert("three", "warning"));
    house.find("three", &[by_text("disk", 9_900), by_text("cache", 9_000)]);
    assert_eq!(house.plan("three").ask, ["storage".to_owned()].into());
}

#[test]
fn a_plan_that_was_only_approved_or_failed_leaves_the_next_one_new() {
    let mut house = asked("", owned("storage"), "warning");
    house.approve(ONE, "ana").unwrap();
    assert!(!house.shared.used(house.plan(ONE).mode, "disk", "one-1"));
    house.must(ONE, Command::Rehearse);
    assert!(house.shared.used(house.plan(ONE).mode, "disk", "one-1"));
}

#[test]
fn a_required_owner_must_approve_whether_a_group_or_a_person() {
    let routes = "[[route]]\nowner = \"require\"\n";
    let mut house = asked(routes, owned("storage"), "warning");
    house.approve(ONE, "ben").unwrap();
    assert!(house.is_waiting(ONE));
    house.approve(ONE, "cem of storage").unwrap();
    assert!(house.is_granted(ONE));

    let mut house = asked(routes, owned("Cem"), "warning");
    house.approve(ONE, "ben").unwrap();
    assert!(house.is_waiting(ONE));
    house.approve(ONE, "cem").unwrap();
    assert!(house.is_granted(ONE));
}

#[test]
fn a_person_named_like_a_group_does_not_count_for_it() {
    let routes = "[[route]]\nrequire = { storage = 1 }\n";
    let mut house = asked(routes, owned("platform"), "warning");
    house.approve(ONE, "storage").unwrap();
    assert!(house.is_waiting(ONE));
}

#[test]
fn where_a_runbook_names_no_owner_nobody_stands_in_for_one() {
    let house = asked("[[route]]\nowner = \"require\"\n", disk(), "warning");
    assert!(asks(&house).is_empty());
    assert!(request(&house).groups.is_empty());
}

#[test]
fn only_a_route_that_escalates_has_people_asked_about_a_plan_that_could_go_on_alone() {
    let alone = |routes: &str| {
        let mut house = House::with(&format!("{OPEN}{routes}"), [disk()]);
        house.matched(ONE, "disk");
        house
    };
    let asks_only = alone("[[route]]\nask = [\"on-call\"]\nquorum = 2\n");
    assert_eq!(asks_only.decision(ONE), Decision::Proceed);
    let escalates = alone("[[route]]\nnovel = true\nescalate = true\n");
    assert_eq!(escalates.decision(ONE), Decision::Escalate);
    assert_eq!(escalates.rules_that_spoke(ONE), [Rule::Routed]);
    let elsewhere = alone("[[route]]\nrunbook = \"cache\"\nescalate = true\n");
    assert_eq!(elsewhere.decision(ONE), Decision::Proceed);
}

#[test]
fn a_change_keeps_whom_the_plan_before_it_was_put_before() {
    let routes = "[[route]]\nrunbook = \"disk\"\nask = [\"storage\"]\nrequire = { storage = 1 }\n\
                  [[route]]\nrunbook = \"cache\"\nask = [\"web\"]\n";
    let mut house = asked(routes, disk(), "warning");
    house.modify(ONE, "ana", other("cache")).unwrap();
    assert_eq!(asks(&house), ["storage", "web"]);
    assert_eq!(request(&house).groups, [("storage".to_owned(), 1)].into());
}
