//! The chain of escalation and the warning before a lapse: more people are asked, once each,
//! and nothing is decided by it.

use tagout_core::approval::Answer;
use tagout_core::command::Command;
use tagout_core::event::Event;
use tagout_core::evolve::evolve;

use crate::house::*;

/// A critical plan waits for 15 minutes; others are asked after 3 and after 6.
const CHAIN: &str = "default_environment = \"low\"\nwarn_before = \"5m\"\n\
                     [[chain]]\nafter = \"6m\"\nask = [\"everyone\"]\n\
                     [[chain]]\nafter = \"3m\"\nask = [\"secondary\"]\n";

fn waiting() -> House {
    let mut house = House::with(CHAIN, [cache()]);
    house.matched_at(ONE, "cache", "critical");
    assert!(house.is_waiting(ONE));
    house
}

fn rung(house: &House, rung: u32, to: &str) -> Event {
    let plan = house.plan(ONE).digest();
    Event::RequestEscalated { plan, rung, to: [to.to_owned()].into() }
}

#[test]
fn while_nobody_decides_more_people_are_asked_each_at_their_time_and_once() {
    let mut house = waiting();
    house.wait_ms(3 * 60_000 - 1);
    assert_eq!(house.must(ONE, Command::Tick), []);
    house.wait_ms(1);
    assert_eq!(house.must(ONE, Command::Tick), [rung(&house, 1, "secondary")]);
    assert_eq!(house.must(ONE, Command::Tick), []);
    house.wait(3 * 60);
    assert_eq!(house.must(ONE, Command::Tick), [rung(&house, 2, "everyone")]);
    house.wait(60);
    assert_eq!(house.must(ONE, Command::Tick), []);
}

#[test]
fn after_a_long_absence_all_that_is_due_is_done_in_order() {
    let mut house = waiting();
    house.wait(14 * 60);
    let plan = house.plan(ONE).digest();
    let expected =
        [rung(&house, 1, "secondary"), rung(&house, 2, "everyone"), Event::LapseWarned { plan }];
    assert_eq!(house.must(ONE, Command::Tick), expected);
    assert_eq!(house.must(ONE, Command::Tick), []);
}

#[test]
fn a_request_that_has_lapsed_is_neither_escalated_nor_warned_of() {
    let mut house = waiting();
    house.wait(15 * 60);
    house.must(ONE, Command::Tick);
    assert!(house.is_voided(ONE));
    let kinds = house.kinds(ONE);
    assert!(!kinds.iter().any(|kind| kind == "request_escalated" || kind == "lapse_warned"));
}

#[test]
fn whoever_rereads_the_journal_asks_nobody_a_second_time() {
    let mut house = waiting();
    house.wait(4 * 60);
    house.must(ONE, Command::Tick);
    let mut restarted = House::with(CHAIN, [cache()]);
    for (id, event, at) in house.journal.clone() {
        restarted.now = at;
        restarted.record(&id, &[event]);
    }
    restarted.now = house.now;
    assert_eq!(restarted.must(ONE, Command::Tick), []);
    restarted.wait(2 * 60);
    assert_eq!(restarted.must(ONE, Command::Tick), [rung(&house, 2, "everyone")]);
}

#[test]
fn a_rung_that_is_not_due_or_asks_somebody_else_is_not_legal() {
    let mut house = waiting();
    let early = evolve(house.incidents[ONE].clone(), &rung(&house, 1, "secondary"), house.now);
    assert!(early.is_err());
    house.wait(4 * 60);
    for wrong in [rung(&house, 2, "everyone"), rung(&house, 1, "everyone")] {
        assert!(evolve(house.incidents[ONE].clone(), &wrong, house.now).is_err(), "{wrong:?}");
    }
    let plan = house.plan(ONE).digest();
    let warned = Event::LapseWarned { plan };
    assert!(evolve(house.incidents[ONE].clone(), &warned, house.now).is_err());
    house.must(ONE, Command::Tick);
    let again = evolve(house.incidents[ONE].clone(), &rung(&house, 1, "secondary"), house.now);
    assert!(again.is_err());
}

#[test]
fn asking_more_people_changes_nothing_about_who_decides_or_until_when() {
    let mut house = waiting();
    let before = house.incidents[ONE].waiting().unwrap().1.request().clone();
    house.wait(14 * 60);
    house.must(ONE, Command::Tick);
    let gate = house.incidents[ONE].waiting().unwrap().1;
    assert_eq!(gate.request(), &before);
    assert_eq!(gate.reviews().count(), 0);
    house.answer(ONE, "ana", Answer::Approve).unwrap();
    house.answer(ONE, "ben", Answer::Approve).unwrap();
    assert!(house.is_granted(ONE));
}

#[test]
fn the_chain_is_frozen_when_people_are_first_asked() {
    let mut house = waiting();
    house.policy = tagout_core::policy::EscalationPolicy::parse(OPEN).unwrap();
    house.wait(3 * 60);
    assert_eq!(house.must(ONE, Command::Tick), [rung(&house, 1, "secondary")]);
}
