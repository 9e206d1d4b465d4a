//! Who may approve what: the rules of the policy, frozen into the plan.

use tagout_core::actor::{Actor, Role};
use tagout_core::approval::{Answer, Refusal, Review};
use tagout_core::command::Command;
use tagout_core::event::Event;
use tagout_core::policy::EscalationPolicy;

use crate::house::*;

fn waiting(rules: &str, severity: &str) -> House {
    let mut house = House::with(&format!("{OPEN}min_margin = 1.0\n{rules}"), [disk(), cache()]);
    house.receive(ONE, alert(ONE, severity));
    house.find(ONE, &[by_text("disk", 9_900), by_text("cache", 9_800)]);
    assert!(house.is_waiting(ONE));
    house
}

/// Whether an approval of these people is taken, one after the other, each on its own.
fn taken(house: &House, people: &[&str]) -> Vec<bool> {
    let one = |who: &&str| match house.clone().approve(ONE, who) {
        Ok(_) => true,
        result => {
            assert_eq!(refusal(result), Refusal::NotEntitled);
            false
        }
    };
    people.iter().map(one).collect()
}

#[test]
fn with_no_rule_any_approver_may_approve() {
    assert_eq!(taken(&waiting("", "warning"), &["ana", "ben of network"]), [true, true]);
}

#[test]
fn with_rules_nobody_may_approve_what_no_rule_gives_them() {
    let group = "[[approve]]\ngroup = \"database\"\n";
    let people = ["ana", "ben of network", "cem of network, database"];
    assert_eq!(taken(&waiting(group, "warning"), &people), [false, false, true]);
    let elsewhere = "[[approve]]\nrunbook = \"db/*\"\n";
    assert_eq!(taken(&waiting(elsewhere, "warning"), &people), [false, false, false]);
}

#[test]
fn each_part_of_a_rule_must_cover_the_plan() {
    for (rule, severity, covered) in [
        ("tier_at_most = \"medium\"", "warning", true),
        ("tier_at_most = \"medium\"", "error", false),
        ("runbook = \"di*\"", "warning", true),
        ("runbook = \"cache\"", "warning", false),
        ("match = { instance = \"one-*\" }", "warning", true),
        ("match = { instance = \"two-*\" }", "warning", false),
        ("tier_at_most = \"high\"\nrunbook = \"cache\"", "warning", false),
    ] {
        let house = waiting(&format!("[[approve]]\n{rule}\n"), severity);
        assert_eq!(taken(&house, &["ana"]), [covered], "{rule} at {severity}");
    }
}

#[test]
fn a_further_rule_lets_more_people_approve_and_never_fewer() {
    let rules = "[[approve]]\ngroup = \"database\"\n[[approve]]\nrole = \"admin\"\n";
    let house = waiting(rules, "warning");
    assert_eq!(taken(&house, &["ana", "ben of database"]), [false, true]);
    let (plan, mode) = (house.plan(ONE).digest(), house.plan(ONE).mode);
    let admin = Actor::new(person("root"), Role::Admin);
    let answer = Review::by(admin, Answer::Approve, (plan, mode), "".into());
    assert!(house.clone().ask(ONE, Command::Answer(answer)).is_ok());
}

#[test]
fn a_refused_approval_is_recorded_and_counts_nothing() {
    let mut house = waiting("[[approve]]\ngroup = \"database\"\n", "warning");
    assert_eq!(refusal(house.approve(ONE, "ana")), Refusal::NotEntitled);
    let (by, plan) = (person("ana"), house.plan(ONE).digest());
    let refused = Event::ReviewRefused { by, plan, refusal: Refusal::NotEntitled };
    assert_eq!(house.journal.last().map(|(_, event, _)| event), Some(&refused));
    assert_eq!(house.incidents[ONE].waiting().unwrap().1.reviews().count(), 0);
}

#[test]
fn whoever_reviews_may_reject_what_they_may_not_approve() {
    let mut house = waiting("[[approve]]\ngroup = \"database\"\n", "warning");
    house.reject(ONE, "ana").unwrap();
    assert!(house.is_voided(ONE));
}

#[test]
fn who_may_approve_is_frozen_when_people_are_asked() {
    let mut house = waiting("[[approve]]\ngroup = \"database\"\n", "warning");
    house.policy = EscalationPolicy::parse(OPEN).unwrap();
    assert_eq!(refusal(house.approve(ONE, "ana")), Refusal::NotEntitled);
}

#[test]
fn a_change_to_another_runbook_needs_whoever_may_approve_both() {
    let rules = "[[approve]]\nrunbook = \"disk\"\ngroup = \"storage\"\n\
                 [[approve]]\nrunbook = \"cache\"\ngroup = \"web\"\n";
    let mut house = waiting(rules, "warning");
    house.modify(ONE, "ana", other("cache")).unwrap();
    let people = ["ben of web", "cem of storage", "dan of storage, web"];
    assert_eq!(taken(&house, &people), [false, false, true]);
    assert_eq!(house.plan(ONE).approvers.to_string(), "storage, and web");
}
