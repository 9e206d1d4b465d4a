//! A quorum with groups: distinct people, so many of each group, a person for one group only.

use tagout_core::approval::{Refusal, Tally};
use tagout_core::event::{Event, GrantedBy};
use tagout_core::incident::{Grant, Incident, Stage};
use tagout_core::policy::EscalationPolicy;

use crate::house::*;

/// Critical plans need one from on-call and one from the database team.
const BOTH: &str = "default_environment = \"low\"\n\
                    [tier.critical]\ngroups = { on-call = 1, database = 1 }\n";

fn waiting(policy: &str) -> House {
    let mut house = House::with(policy, [disk(), cache()]);
    house.receive(ONE, alert(ONE, "critical"));
    house.find(ONE, &[by_key("cache", 9_900), by_key("disk", 9_000)]);
    assert!(house.is_waiting(ONE));
    house
}

fn tally(house: &House) -> Tally {
    house.incidents[ONE].waiting().unwrap().1.tally(house.now)
}

fn missing(house: &House) -> Vec<(String, u32)> {
    house.incidents[ONE].waiting().unwrap().1.missing().into_iter().collect()
}

#[test]
fn one_of_each_group_grants_and_two_of_one_group_do_not() {
    let mut house = waiting(BOTH);
    house.approve(ONE, "ana of on-call").unwrap();
    house.approve(ONE, "ben of on-call").unwrap();
    assert!(house.is_waiting(ONE));
    assert_eq!(tally(&house), Tally::Waiting { have: 2, need: 3 });
    assert_eq!(missing(&house), [("database".to_owned(), 1)]);
    let events = house.approve(ONE, "cem of database").unwrap();
    let people = ["ana", "ben", "cem"].map(person).to_vec();
    let granted = Event::PlanGranted {
        plan: house.plan(ONE).digest(),
        mode: house.plan(ONE).mode,
        by: GrantedBy::Quorum(people),
    };
    assert_eq!(events.last(), Some(&granted));
}

#[test]
fn a_person_in_two_groups_counts_for_one_of_them() {
    let mut house = waiting(BOTH);
    house.approve(ONE, "ana of on-call, database").unwrap();
    assert_eq!(tally(&house), Tally::Waiting { have: 1, need: 2 });
    // Whichever of the two is left open, the second person takes it.
    for second in ["ben of on-call", "ben of database", "ben of database, on-call"] {
        let mut house = house.clone();
        house.approve(ONE, second).unwrap();
        assert!(house.is_granted(ONE), "{second}");
    }
    house.approve(ONE, "ben of network").unwrap();
    assert!(house.is_waiting(ONE));
}

#[test]
fn the_number_of_people_holds_beside_the_groups() {
    let three = "default_environment = \"low\"\n\
                 [tier.critical]\nquorum = 3\ngroups = { database = 1 }\n";
    let mut house = waiting(three);
    house.approve(ONE, "ana of database").unwrap();
    house.approve(ONE, "ben").unwrap();
    assert_eq!(tally(&house), Tally::Waiting { have: 2, need: 3 });
    house.approve(ONE, "cem").unwrap();
    assert!(house.is_granted(ONE));
}

#[test]
fn a_group_counts_as_it_was_when_its_member_answered() {
    let mut house = waiting(BOTH);
    house.approve(ONE, "ana of on-call").unwrap();
    // Joining a group later does not change what was said before, and nobody answers twice.
    let again = house.approve(ONE, "ana of database");
    assert_eq!(refusal(again), Refusal::AlreadyAnswered);
    assert_eq!(missing(&house), [("database".to_owned(), 1)]);
    let Some((_, Event::ReviewGiven { review }, _)) =
        house.journal.iter().find(|(_, event, _)| matches!(event, Event::ReviewGiven { .. }))
    else {
        panic!("no review is recorded");
    };
    assert_eq!(review.groups, ["on-call".to_owned()].into());
}

#[test]
fn the_groups_are_frozen_when_people_are_asked() {
    let mut house = waiting(BOTH);
    house.policy = EscalationPolicy::parse("[tier.critical]\nquorum = 1\n").unwrap();
    house.approve(ONE, "ana of on-call").unwrap();
    house.approve(ONE, "ben").unwrap();
    assert!(house.is_waiting(ONE));
}

#[test]
fn a_change_of_the_plan_keeps_the_groups_of_the_plan_it_replaces() {
    let mut house = waiting(BOTH);
    house.policy = EscalationPolicy::parse(
        "default_environment = \"low\"\n[tier.critical]\nquorum = 1\ngroups = { network = 1 }\n",
    )
    .unwrap();
    house.modify(ONE, "ana of on-call", other("disk")).unwrap();
    let groups: Vec<_> = house.plan(ONE).groups.keys().map(String::as_str).collect();
    assert_eq!(groups, ["database", "network", "on-call"]);
    assert_eq!(house.plan(ONE).quorum, 2);
}

#[test]
fn how_many_people_it_takes_counts_the_places_of_the_groups() {
    let many = BOTH.replace("database = 1", "database = 2");
    let mut house = waiting(&many);
    let gate = |house: &House| house.incidents[ONE].waiting().unwrap().1.clone();
    // The quorum alone is two, and two can never grant it.
    assert_eq!(gate(&house).request().quorum, 2);
    assert_eq!((gate(&house).request().least_people(), house.plan(ONE).least_people()), (3, 3));
    assert_eq!(gate(&house).needed(), 3);
    house.approve(ONE, "ana of network").unwrap();
    assert_eq!(gate(&house).needed(), 4);
    for who in ["ben of on-call", "cem of database", "dan of database"] {
        assert!(house.is_waiting(ONE));
        house.approve(ONE, who).unwrap();
    }
    assert!(house.is_granted(ONE));
}

#[test]
fn a_denial_ends_it_whatever_the_groups_say() {
    let mut house = waiting(BOTH);
    house.approve(ONE, "ana of on-call").unwrap();
    house.reject(ONE, "ben").unwrap();
    assert!(house.is_voided(ONE));
}

#[test]
fn a_grant_is_counted_anew_from_its_reviews() {
    let mut house = waiting(BOTH);
    house.approve(ONE, "ana of on-call").unwrap();
    house.approve(ONE, "ben of database").unwrap();
    let Incident::Open(_, Stage::Granted(_, grant @ Grant::Quorum(_))) = &house.incidents[ONE]
    else {
        panic!("people did not grant it");
    };
    assert!(grant.stands(|_| true));
    assert!(!grant.stands(|who| *who != person("ben")));
    // A third approval would not have made up for the group that is gone.
    assert!(!grant.stands(|who| *who == person("ana")));
}

#[test]
fn a_request_that_leaves_a_group_out_is_not_legal() {
    let mut house = House::with(BOTH, [cache()]);
    house.receive(ONE, alert(ONE, "critical"));
    let mut events = {
        let mut trial = house.clone();
        trial.find(ONE, &[by_key("cache", 9_900)])
    };
    let Some(Event::ReviewRequested { request, .. }) = events.last_mut() else {
        panic!("nobody was asked");
    };
    request.groups.remove("database");
    let last = events.pop().unwrap();
    house.record(ONE, &events);
    let incident = house.incidents[ONE].clone();
    assert!(tagout_core::evolve::evolve(incident, &last, house.now).is_err());
}
