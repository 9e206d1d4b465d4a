//! Faults that were found and mended, one test each.

use serde_json::json;
use tagout_core::command::Command;
use tagout_core::decide::{Rejection, decide};
use tagout_core::event::Event;
use tagout_core::tier::Tier;
use tagout_core::verdict::{Decision, Mode};

use crate::house::*;

/// A low plan whose warning was delivered and whose whole wait has passed.
fn waited_out(low_tier: &str) -> House {
    let policy = format!(
        "default_environment = \"low\"\n[clock_grant]\nrunbooks = [\"cache\"]\nwait = \"15m\"\n\
         [tier.low]\n{low_tier}\n"
    );
    let mut house = House::with(&policy, [cache()]);
    house.matched_low(ONE, "cache");
    let plan = house.plan(ONE).digest();
    house.must(ONE, Command::ConfirmClockWarning { plan });
    house.wait(15 * 60);
    house.must(ONE, Command::Tick);
    house
}

#[test]
fn actions_that_the_clock_grants_are_counted_as_taken_without_a_person() {
    let house = waited_out("min_confidence = \"never\"");
    assert!(house.is_granted(ONE));
    let spent = house.shared.spent(&house.policy, Mode::DryRun, "everywhere", house.now);
    assert_eq!(spent[&Tier::Low], 1);
}

#[test]
fn the_clock_has_no_say_where_the_budget_of_autonomous_actions_is_spent() {
    let house = waited_out("max_autonomous_actions = 0");
    assert!(house.is_waiting(ONE));
}

#[test]
fn a_granted_plan_whose_time_has_run_out_does_not_begin() {
    let mut house = House::live(OPEN, [disk()]);
    house.matched(ONE, "disk");
    house.now = house.plan(ONE).expires_at;
    assert!(matches!(house.start(ONE), Err(Rejection::Stopped(_))));
}

#[test]
fn a_tick_that_finds_nothing_to_do_copies_no_incident_however_large() {
    let mut house = House::new();
    let mut large = alert(TWO, "critical");
    large.annotations = (0..200).map(|n| (format!("a{n}"), "x".repeat(4_000).into())).collect();
    for (id, alert) in [(ONE, alert(ONE, "critical")), (TWO, large)] {
        house.receive(id, alert);
        house.find(id, &[by_key("cache", 9_900)]);
        assert!(house.is_waiting(id));
    }
    // The least of many rounds, as other work on the machine only ever adds to it.
    let rounds = |id: &str| {
        let round = || {
            let began = std::time::Instant::now();
            for _ in 0..20 {
                let incident = &house.incidents[id];
                let (shared, rules, now) = (&house.shared, house.rules(), house.now);
                let events = decide(incident, id, shared, rules, Command::Tick, now).unwrap();
                assert_eq!(events, []);
            }
            began.elapsed()
        };
        (0..50).map(|_| round()).min().unwrap()
    };
    let (small, large) = (rounds(ONE), rounds(TWO));
    assert!(large < small * 3, "{large:?} for a large one and {small:?} for a small one");
}

/// One action, then something that only a person can do.
fn with_a_manual_step() -> House {
    let mut runbook = cache();
    let manual = json!({"id": "call", "kind": "manual", "title": "Call the customer"});
    runbook["steps"].as_array_mut().unwrap().push(manual);
    let mut house = House::live(OPEN, [runbook]);
    house.matched(ONE, "cache");
    house
}

#[test]
fn a_plan_that_holds_a_step_for_a_person_asks_people() {
    assert_eq!(with_a_manual_step().decision(ONE), Decision::Escalate);
}

#[test]
fn a_step_that_only_a_person_can_do_is_never_started() {
    let mut house = with_a_manual_step();
    if house.is_waiting(ONE) {
        house.approve(ONE, "ana").unwrap();
    }
    house.step(ONE, "flush");
    let _ = house.start(ONE);
    let started = house
        .journal
        .iter()
        .any(|(_, event, _)| matches!(event, Event::StepStarted { step, .. } if step == "call"));
    assert!(!started);
}

#[test]
fn a_minimum_for_a_program_holds_behind_a_wrapper_too() {
    let policy = "default_environment = \"low\"\n[[minimum]]\nprogram = \"kubectl\"\n\
                  tier = \"critical\"\n";
    let mut runbook = cache();
    runbook["steps"][0]["command"] = json!(["sudo", "kubectl", "delete", "pod", "a"]);
    let mut house = House::with(policy, [runbook]);
    house.matched(ONE, "cache");
    assert_eq!(house.verdict(ONE).tier, Tier::Critical);
}

#[test]
fn a_minimum_for_a_program_holds_for_the_undo_of_a_step() {
    let policy = "default_environment = \"low\"\n[[minimum]]\nprogram = \"dropdb\"\n\
                  tier = \"critical\"\n";
    let mut runbook = cache();
    runbook["steps"][0]["undo"] = json!(["dropdb", "a"]);
    let mut house = House::with(policy, [runbook]);
    house.matched(ONE, "cache");
    assert_eq!(house.verdict(ONE).tier, Tier::Critical);
}

#[test]
fn a_candidate_that_excludes_the_alert_cannot_be_chosen_by_a_person_either() {
    let mut excluding = failover();
    excluding["not_when"] = json!([{"text": "almost full"}]);
    let mut house = House::with(OPEN, [excluding, cache()]);
    house.receive(ONE, alert(ONE, "critical"));
    house.find(ONE, &[by_key("failover", 9_900), by_key("cache", 9_500)]);
    assert_eq!(house.plan(ONE).runbook, "cache");
    assert!(house.modify(ONE, "ana", other("failover")).is_err());
}

#[test]
fn an_incident_cannot_end_while_its_plan_could_still_run() {
    let mut house = House::live(OPEN, [cache()]);
    house.matched(ONE, "cache");
    let ended = Event::AlertEnded { delivery: delivery(), ended: None, way_back: None };
    assert!(tagout_core::evolve::evolve(house.incidents[ONE].clone(), &ended, house.now).is_err());
}

#[test]
fn an_alert_that_comes_back_worse_is_decided_anew() {
    let mut house = House::with(OPEN, [cache()]);
    house.matched(ONE, "cache");
    assert!(house.is_granted(ONE));
    let worse = house.receive(ONE, alert(ONE, "critical"));
    assert!(matches!(&worse[..], [Event::PlanVoided { .. }, Event::AlertWorsened { .. }, ..]));
    house.find(ONE, &[by_key("cache", 9_900)]);
    assert_eq!(house.decision(ONE), Decision::Escalate);
    assert_eq!(house.verdict(ONE).tier, Tier::Critical);
}

#[test]
fn a_change_never_lowers_the_tier_or_the_quorum() {
    let mut house = House::with("default_environment = \"low\"\n", [failover(), cache()]);
    house.receive(ONE, alert(ONE, "warning"));
    house.find(ONE, &[by_text("failover", 9_000), by_text("cache", 8_000)]);
    let before = house.plan(ONE).clone();
    house.modify(ONE, "ana", other("cache")).unwrap();
    let after = house.plan(ONE);
    assert_eq!(after.runbook, "cache");
    assert_eq!((after.tier, after.quorum), (before.tier, before.quorum));
}

#[test]
fn one_person_in_two_spellings_is_one_person() {
    assert_eq!(person("Ana"), person("ana"));
    assert!(tagout_core::approval::Person::new("ana\u{200b}").is_err());
}

#[test]
fn a_minimum_for_a_target_holds_wherever_the_target_is_named() {
    let policy = "default_environment = \"low\"\n[[minimum]]\ntarget = \"db-1\"\n\
                  tier = \"critical\"\n";
    let mut runbook = cache();
    runbook["target"] = json!("somewhere");
    let mut house = House::with(policy, [runbook]);
    let mut named = alert(ONE, "warning");
    named.labels.insert("instance".into(), "db-1:9100".into());
    house.receive(ONE, named);
    house.find(ONE, &[by_key("cache", 9_900)]);
    assert_eq!(house.verdict(ONE).tier, Tier::Critical);
}
