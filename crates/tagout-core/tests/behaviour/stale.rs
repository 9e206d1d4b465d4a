//! Stale context: before anything starts, what the plan rests on is looked at again.

use serde_json::json;
use tagout_core::actor::Role;
use tagout_core::command::{Command, PeopleCommand, SharedCommand};
use tagout_core::decide::Rejection;
use tagout_core::event::{Event, PersonNeeded, StepOutcome, VoidReason};
use tagout_core::evolve::evolve;
use tagout_core::incident::{Handover, Stage};
use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::Catalogue;
use tagout_core::stale::Changed;
use tagout_core::verdict::Decision;

use crate::house::*;

/// A critical plan of `cache`, granted by two people in dry-run.
fn granted() -> House {
    let mut house = House::new();
    house.matched_at(ONE, "cache", "critical");
    house.approve(ONE, "ana").unwrap();
    house.approve(ONE, "ben").unwrap();
    assert!(house.is_granted(ONE));
    house
}

fn stale_for(events: &[Event]) -> Vec<Changed> {
    match events.first() {
        Some(Event::PlanVoided { why: VoidReason::Stale { what }, .. }) => {
            what.iter().copied().collect()
        }
        other => panic!("the plan is not stale: {other:?}"),
    }
}

fn calls_a_person(events: &[Event]) -> bool {
    let stale = |why: &PersonNeeded| matches!(why, PersonNeeded::PlanStale { .. });
    matches!(events, [Event::PlanVoided { .. }, Event::PersonCalled { why }] if stale(why))
}

fn difference(events: &[Event]) -> Vec<String> {
    let found = events.iter().find_map(|event| match event {
        Event::PlanProposed { difference, .. } => Some(difference.clone()),
        _ => None,
    });
    found.expect("no plan was made")
}

#[test]
fn what_has_not_changed_is_carried_through() {
    let mut house = granted();
    house.must(ONE, Command::Rehearse);
    assert!(matches!(house.stage(ONE), Stage::Finished(..)));
}

#[test]
fn another_policy_voids_the_grant_and_people_are_asked_again() {
    let mut house = granted();
    let before = house.plan(ONE).digest();
    house.policy = EscalationPolicy::parse(&format!("{OPEN}min_margin = 0.2\n")).unwrap();
    let events = house.must(ONE, Command::Rehearse);
    assert_eq!(stale_for(&events), [Changed::Policy]);
    assert_eq!(difference(&events), ["the policy is another one now"]);
    assert!(house.is_waiting(ONE));
    assert_ne!(house.plan(ONE).digest(), before);
    assert_eq!(house.plan(ONE).number, 2);
    assert_eq!(house.incidents[ONE].waiting().unwrap().1.reviews().count(), 0);
    house.approve(ONE, "ana").unwrap();
    house.approve(ONE, "ben").unwrap();
    house.must(ONE, Command::Rehearse);
}

#[test]
fn another_page_voids_the_grant_and_its_difference_is_shown() {
    let mut house = granted();
    let mut page = cache();
    page["steps"][0]["command"] = json!(["flush", "--all", "cache-1"]);
    house.runbooks = Catalogue::new([runbook(&page)]).unwrap();
    let events = house.must(ONE, Command::Rehearse);
    assert_eq!(stale_for(&events), [Changed::Runbook]);
    assert_eq!(house.plan(ONE).steps[0].argv, ["flush", "--all", "cache-1"]);
    let difference = difference(&events);
    assert!(difference.contains(&"the runbook is another one now".to_owned()), "{difference:?}");
    assert!(difference.iter().any(|line| line.contains("--all")), "{difference:?}");
}

#[test]
fn a_plan_whose_runbook_is_gone_is_with_people() {
    let mut house = granted();
    house.runbooks = Catalogue::new([runbook(&disk())]).unwrap();
    let events = house.must(ONE, Command::Rehearse);
    assert_eq!(stale_for(&events), [Changed::Runbook]);
    assert!(house.is_voided(ONE));
    // And somebody hears of it.
    assert!(calls_a_person(&events));
    assert_eq!(house.incidents[ONE].decision(), Some(Decision::Escalate));
    let call = events.last().unwrap();
    assert!(evolve(house.incidents[ONE].clone(), call, house.now).is_ok());
    assert!(evolve(granted().incidents[ONE].clone(), call, house.now).is_err());
}

#[test]
fn a_plan_of_the_agents_own_is_decided_anew_by_the_policy() {
    let mut house = House::new();
    house.matched(ONE, "disk");
    assert_eq!(house.decision(ONE), Decision::Proceed);
    house.policy = EscalationPolicy::parse("default_environment = \"critical\"\n").unwrap();
    house.must(ONE, Command::Rehearse);
    assert_eq!(house.decision(ONE), Decision::Escalate);
    assert!(house.is_waiting(ONE));
}

#[test]
fn a_new_plan_is_never_milder_than_the_stale_one() {
    let mut house = granted();
    house.policy =
        EscalationPolicy::parse("default_environment = \"low\"\n[tier.critical]\nquorum = 1\n")
            .unwrap();
    house.must(ONE, Command::Rehearse);
    assert_eq!(house.plan(ONE).quorum, 2);
}

#[test]
fn whoever_asked_for_the_stale_plan_has_asked_for_the_new_one() {
    let mut house = House::new();
    house.matched_at(ONE, "disk", "critical");
    house.modify(ONE, "ana", value("keep", "7")).unwrap();
    house.approve(ONE, "ben").unwrap();
    house.approve(ONE, "cem").unwrap();
    house.policy = EscalationPolicy::parse(&format!("{OPEN}min_margin = 0.2\n")).unwrap();
    house.must(ONE, Command::Rehearse);
    assert_eq!(house.plan(ONE).requested_by, Some(person("ana")));
    assert_eq!(house.plan(ONE).values["keep"], "7");
    assert!(house.approve(ONE, "ana").is_err());
}

/// Two incidents with a granted live plan each, on the same target.
fn rivals() -> House {
    let mut house = House::live(OPEN, [cache()]);
    for id in [ONE, TWO] {
        house.matched_at(id, "cache", "critical");
        house.approve(id, "ana").unwrap();
        house.approve(id, "ben").unwrap();
        assert!(house.is_granted(id));
    }
    house.wait(1);
    house
}

#[test]
fn a_target_that_another_plan_has_worked_on_voids_the_plan_before_it_starts() {
    let mut house = rivals();
    house.start(ONE).unwrap();
    // While the other runs, waiting is enough.
    assert!(matches!(house.start(TWO), Err(Rejection::TargetBusy { .. })));
    house.wait(1);
    house.finish(ONE, "flush", 1, StepOutcome::Succeeded).unwrap();
    let events = house.start(TWO).unwrap();
    assert_eq!(stale_for(&events), [Changed::Target]);
    assert!(house.is_waiting(TWO));
    house.approve(TWO, "ana").unwrap();
    house.approve(TWO, "ben").unwrap();
    house.start(TWO).unwrap();
}

#[test]
fn a_plan_is_not_stale_for_what_it_did_itself() {
    let mut house = House::live(OPEN, [disk()]);
    house.matched_at(ONE, "disk", "critical");
    house.approve(ONE, "ana").unwrap();
    house.approve(ONE, "ben").unwrap();
    for step in ["look", "rotate", "prune", "verify"] {
        house.wait(30);
        house.step(ONE, step);
    }
    assert!(matches!(house.stage(ONE), Stage::Finished(..)));
}

#[test]
fn a_plan_of_which_something_was_started_is_not_made_anew_but_left_with_people() {
    let mut house = House::live(OPEN, [disk()]);
    house.matched_at(ONE, "disk", "critical");
    house.approve(ONE, "ana").unwrap();
    house.approve(ONE, "ben").unwrap();
    house.step(ONE, "look");
    let mut text = serde_json::to_value(&house.policy).unwrap();
    text["min_margin"] = json!(2_000);
    house.policy = serde_json::from_value(text).unwrap();
    let events = house.start(ONE).unwrap();
    assert_eq!(stale_for(&events), [Changed::Policy]);
    assert_eq!(events.len(), 2);
    assert!(matches!(
        house.stage(ONE),
        Stage::WithPeople(Handover::Voided(_, VoidReason::Stale { .. }))
    ));
}

#[test]
fn an_approval_of_somebody_who_was_removed_or_may_no_longer_review_does_not_count() {
    let say = |house: &mut House, command: PeopleCommand| {
        house.say(SharedCommand::People(command)).unwrap();
    };
    let add = |name: &str, role: Role| PeopleCommand::Add {
        person: person(name),
        role,
        groups: Default::default(),
        identity: None,
        by: None,
    };
    let removed = PeopleCommand::Remove { person: person("ben"), by: person("root") };
    let demoted = PeopleCommand::Change {
        person: person("ben"),
        role: Role::Responder,
        groups: Default::default(),
        identity: None,
        by: None,
    };
    for change in [removed, demoted] {
        let mut house = House::new();
        say(&mut house, add("root", Role::Admin));
        say(&mut house, add("ben", Role::Approver));
        house.matched_at(ONE, "cache", "critical");
        house.approve(ONE, "ana").unwrap();
        house.approve(ONE, "ben").unwrap();
        say(&mut house, change);
        let events = house.must(ONE, Command::Rehearse);
        assert_eq!(stale_for(&events), [Changed::Approvers]);
        assert!(house.is_waiting(ONE));
    }
}

/// As [`granted`], with the runbooks on record as a service has them.
fn granted_on_record() -> House {
    let mut house = House::new();
    announce(&mut house);
    house.matched_at(ONE, "cache", "critical");
    house.approve(ONE, "ana").unwrap();
    house.approve(ONE, "ben").unwrap();
    house
}

fn announce(house: &mut House) {
    let (digest, runbooks) = (house.runbooks.digest(), house.runbooks.len() as u64);
    house.say(SharedCommand::LoadCatalogue { digest, runbooks }).unwrap();
}

#[test]
fn whoever_works_without_the_runbooks_goes_by_the_record() {
    let mut house = granted_on_record();
    house.runbooks = Catalogue::new([]).unwrap();
    let mut unchanged = house.clone();
    unchanged.must(ONE, Command::Rehearse);
    assert!(matches!(unchanged.stage(ONE), Stage::Finished(..)));
    // Others have come into force, and nothing can be made of those at hand.
    let mut changed = granted_on_record();
    changed.runbooks = Catalogue::new([runbook(&disk())]).unwrap();
    announce(&mut changed);
    changed.runbooks = Catalogue::new([]).unwrap();
    let events = changed.must(ONE, Command::Rehearse);
    assert_eq!(stale_for(&events), [Changed::Runbook]);
    assert!(calls_a_person(&events));
}

#[test]
fn what_is_made_anew_is_never_stale_at_once() {
    let mut house = House::new();
    announce(&mut house);
    house.matched(ONE, "disk");
    assert!(house.is_granted(ONE));
    // This replica still holds the old pages; another has put new ones into force.
    let old = house.runbooks.clone();
    house.runbooks = Catalogue::new([runbook(&disk())]).unwrap();
    announce(&mut house);
    house.runbooks = old;
    house.must(ONE, Command::Rehearse);
    assert!(house.is_voided(ONE));
}
