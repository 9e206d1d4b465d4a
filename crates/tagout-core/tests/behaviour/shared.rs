//! What spans incidents: budgets, the kill switch, freezes and target locks.

use std::collections::BTreeSet;

use tagout_core::command::{Command, SharedCommand};
use tagout_core::condition::{Condition, Operator};
use tagout_core::decide::{Rejection, decide_shared};
use tagout_core::digest::{CatalogueDigest, DeliveryDigest, MappingDigest};
use tagout_core::event::{Event, StepOutcome, WindowKind};
use tagout_core::incident::{Incident, Stage};
use tagout_core::limits;
use tagout_core::matcher::LabelMatcher;
use tagout_core::policy::EscalationPolicy;
use tagout_core::shared::Shared;
use tagout_core::tier::Tier;
use tagout_core::time::Span;
use tagout_core::verdict::{Decision, Mode, Rule};

use crate::house::*;

/// Two autonomous actions at medium tier within the hour.
const TWO_ACTIONS: &str =
    "default_environment = \"low\"\n[tier.medium]\nmax_autonomous_actions = 2\n";

fn spent(house: &House, mode: Mode, tier: Tier) -> u32 {
    house.shared.spent(&house.policy, mode, "everywhere", house.now)[&tier]
}

fn window(house: &House, id: String, who: &str) -> SharedCommand {
    SharedCommand::OpenWindow {
        id,
        window: WindowKind::Silence,
        matcher: LabelMatcher::default(),
        conditions: Vec::new(),
        from: house.now,
        until: house.now.after(Span::from_secs(3600)),
        by: person(who),
        reason: "".into(),
    }
}

fn opened(house: &House, id: String, who: String) -> Event {
    match decide_shared(&Shared::default(), window(house, id, &who), house.now).unwrap().pop() {
        Some(opened @ Event::WindowOpened { .. }) => opened,
        other => panic!("no window was opened: {other:?}"),
    }
}

#[test]
fn a_window_is_refused_as_covering_every_alert_only_if_its_matcher_names_no_label_either() {
    let mut house = House::new();
    let mut ask = |id: &str, matcher: &LabelMatcher| {
        let SharedCommand::OpenWindow { window, from, until, by, reason, .. } =
            window(&house, id.into(), "ana")
        else {
            unreachable!()
        };
        let (id, matcher) = (id.to_owned(), matcher.clone());
        let conditions = vec![Condition {
            label: "team".into(),
            operator: Operator::NotEqual,
            value: "x".into(),
        }];
        house.say(SharedCommand::OpenWindow {
            id,
            window,
            matcher,
            conditions,
            from,
            until,
            by,
            reason,
        })
    };
    assert!(ask("all", &LabelMatcher::default()).is_err());
    ask("db", &LabelMatcher([("instance".to_owned(), "db-*".to_owned())].into())).unwrap();
    let windows: Vec<_> = house.shared.windows(house.now).collect();
    assert!(windows.len() == 1 && windows[0].1.conditions.is_some(), "{windows:?}");
}

#[test]
fn one_person_or_poll_has_so_many_windows_open_and_not_one_more() {
    let mut house = House::new();
    for n in 0..=limits::WINDOWS_OF_ONE {
        let command = window(&house, format!("w{n}"), "ana");
        assert_eq!(house.say(command).is_ok(), n < limits::WINDOWS_OF_ONE, "{n}");
    }
    // Those of others are their own, and what has ended or was closed makes room.
    let command = window(&house, "b".into(), "ben");
    house.say(command).unwrap();
    house.say(SharedCommand::CloseWindow { id: "w0".into(), by: person("ana") }).unwrap();
    let command = window(&house, "one more".into(), "ana");
    house.say(command).unwrap();
    assert!(house.say(window(&house, "too many".into(), "ana")).is_err());
    house.wait(3600);
    let command = window(&house, "later".into(), "ana");
    house.say(command).unwrap();
}

#[test]
fn so_many_windows_are_open_in_all_and_not_one_more() {
    let mut house = House::new();
    let all: Vec<Event> = (1..limits::WINDOWS)
        .map(|n| opened(&house, format!("w{n}"), format!("p{}", n / limits::WINDOWS_OF_ONE)))
        .collect();
    house.record("", &all);
    let command = window(&house, "the last".into(), "ana");
    house.say(command).unwrap();
    assert!(matches!(house.say(window(&house, "past".into(), "ana")), Err(Rejection::NotDue(_))));
}

#[test]
fn so_many_deliveries_of_a_source_are_quarantined_and_one_more_when_one_was_dealt_with() {
    let mut house = House::new();
    let broken = |n: usize, source: &str| SharedCommand::Quarantine {
        delivery: DeliveryDigest::of_bytes(&n.to_be_bytes()),
        source: source.into(),
        why: "no JSON".into(),
        bytes: 1,
        body: "{".into(),
        base64: false,
    };
    for n in 0..limits::QUARANTINED {
        house.say(broken(n, "am")).unwrap();
    }
    let past = limits::QUARANTINED;
    assert_eq!(house.say(broken(past, "am")), Err(Rejection::QuarantineFull("am".into())));
    // Those of another source are its own.
    house.say(broken(past + 1, "other")).unwrap();
    let (delivery, by) = (DeliveryDigest::of_bytes(&0usize.to_be_bytes()), person("ana"));
    house.say(SharedCommand::LiftQuarantine { delivery, by }).unwrap();
    house.say(broken(past, "am")).unwrap();
}

#[test]
fn a_budget_counts_actions_and_is_shared_between_incidents() {
    let mut house = House::with(TWO_ACTIONS, [cache(), disk()]);
    house.matched("a", "cache");
    assert_eq!(spent(&house, Mode::DryRun, Tier::Medium), 1);
    house.matched("b", "cache");
    assert_eq!(spent(&house, Mode::DryRun, Tier::Medium), 2);
    house.matched("c", "cache");
    assert_eq!(house.decision("c"), Decision::Escalate);
    assert_eq!(house.rules_that_spoke("c"), [Rule::Budget]);
    assert_eq!(spent(&house, Mode::DryRun, Tier::Medium), 2);
}

#[test]
fn a_plan_reserves_all_its_actions_or_none() {
    let mut house = House::with(TWO_ACTIONS, [cache(), disk()]);
    house.matched("a", "cache");
    // One is left, and this plan has two actions beside its checks.
    house.matched("b", "disk");
    assert_eq!(house.rules_that_spoke("b"), [Rule::Budget]);
    assert_eq!(house.verdict("b").reserved, 0);
    house.matched("c", "cache");
    assert_eq!(house.decision("c"), Decision::Proceed);
}

#[test]
fn checks_cost_nothing() {
    let mut looking = cache();
    looking["steps"][0]["kind"] = "check".into();
    let mut house = House::with(TWO_ACTIONS, [looking]);
    for id in ["a", "b", "c"] {
        house.matched(id, "cache");
        assert_eq!(house.decision(id), Decision::Proceed);
    }
    assert_eq!(spent(&house, Mode::DryRun, Tier::Medium), 0);
}

#[test]
fn a_budget_refills_exactly_when_its_window_has_passed() {
    let mut house = House::with(TWO_ACTIONS, [disk()]);
    house.matched("a", "disk");
    house.wait_ms(3_599_999);
    assert_eq!(spent(&house, Mode::DryRun, Tier::Medium), 2);
    house.wait_ms(1);
    assert_eq!(spent(&house, Mode::DryRun, Tier::Medium), 0);
    house.matched("b", "disk");
    assert_eq!(house.decision("b"), Decision::Proceed);
}

#[test]
fn a_jump_of_the_clock_does_not_refill_a_budget_early() {
    let mut house = House::with(TWO_ACTIONS, [disk()]);
    house.matched("a", "disk");
    // The clock says two hours later; nobody can say how many have passed.
    house.wait(7_200);
    house.jump();
    assert_eq!(spent(&house, Mode::DryRun, Tier::Medium), 2);
    house.wait(3_599);
    house.matched("b", "disk");
    assert_eq!(house.rules_that_spoke("b"), [Rule::Budget]);
    house.wait(1);
    house.matched("c", "disk");
    assert_eq!(house.decision("c"), Decision::Proceed);
}

#[test]
fn a_spent_budget_halts_at_the_high_tier() {
    let mut house = House::new();
    for id in ["a", "b"] {
        house.matched(id, "failover");
        assert_eq!(house.decision(id), Decision::Proceed);
    }
    house.matched("c", "failover");
    assert_eq!(house.decision("c"), Decision::Halt);
    assert!(matches!(house.stage("c"), Stage::Halted(_)));
    assert!(matches!(house.approve("c", "ana"), Err(Rejection::NotDue(_))));
}

#[test]
fn a_plan_that_people_ask_for_escalates_where_the_budget_would_halt_it() {
    let mut house = House::new();
    for id in ["a", "b", "c"] {
        house.matched(id, "failover");
    }
    house.resume("c", "ana", "the primary is gone").unwrap();
    assert_eq!(house.decision("c"), Decision::Escalate);
    assert_eq!(house.rules_that_spoke("c"), [Rule::Budget, Rule::AskedByPerson]);
}

#[test]
fn plans_that_people_grant_spend_nothing() {
    let mut house = House::new();
    house.matched_at(ONE, "cache", "critical");
    house.approve(ONE, "ana").unwrap();
    house.approve(ONE, "ben").unwrap();
    assert!(house.is_granted(ONE));
    assert!(Tier::ALL.iter().all(|tier| spent(&house, Mode::DryRun, *tier) == 0));
}

#[test]
fn dry_runs_and_live_plans_spend_different_budgets() {
    let mut house = House::live(OPEN, [disk()]);
    house.matched("a", "disk");
    assert_eq!(spent(&house, Mode::Live, Tier::Medium), 2);
    assert_eq!(spent(&house, Mode::DryRun, Tier::Medium), 0);
    house.mode = Mode::DryRun;
    house.matched("b", "disk");
    assert_eq!(spent(&house, Mode::Live, Tier::Medium), 2);
    assert_eq!(spent(&house, Mode::DryRun, Tier::Medium), 2);
}

#[test]
fn each_environment_has_a_budget_of_its_own_if_the_policy_says_so() {
    let policy = "default_environment = \"low\"\nbudget_scope = \"environment\"\n\
                  [[environment]]\nname = \"prod\"\nmatch = { instance = \"p*\" }\n\
                  floor = \"low\"\n[tier.medium]\nmax_autonomous_actions = 1\n";
    let mut house = House::with(policy, [cache()]);
    house.matched("p1", "cache");
    house.matched("q1", "cache");
    assert_eq!(house.decision("q1"), Decision::Proceed);
    house.matched("p2", "cache");
    assert_eq!(house.rules_that_spoke("p2"), [Rule::Budget]);
}

#[test]
fn actions_taken_elsewhere_are_charged_to_the_budget() {
    let mut house = House::with(TWO_ACTIONS, [cache()]);
    house
        .say(SharedCommand::ChargeBudget {
            tier: Tier::Medium,
            scope: "everywhere".into(),
            mode: Mode::DryRun,
            actions: 2,
            reason: "by the old agent".into(),
        })
        .unwrap();
    house.matched(ONE, "cache");
    assert_eq!(house.rules_that_spoke(ONE), [Rule::Budget]);
}

#[test]
fn the_kill_switch_halts_every_new_plan_until_it_is_released() {
    let mut house = House::new();
    house.kill_switch(true);
    house.matched("a", "cache");
    assert_eq!(house.decision("a"), Decision::Halt);
    house.resume("a", "ana", "urgent").unwrap();
    assert_eq!(house.decision("a"), Decision::Halt);
    house.kill_switch(false);
    house.matched("b", "cache");
    assert_eq!(house.decision("b"), Decision::Proceed);
}

#[test]
fn the_kill_switch_can_be_engaged_twice_and_needs_a_reason() {
    let mut house = House::new();
    house.kill_switch(true);
    house.kill_switch(true);
    house.kill_switch(false);
    assert!(!house.shared.kill_switch);
    for reason in [String::new(), "x".repeat(4_097)] {
        let engage = SharedCommand::EngageKillSwitch { by: person("ops"), reason: reason.into() };
        assert_eq!(house.say(engage), Err(Rejection::ReasonNeeded));
    }
}

#[test]
fn the_kill_switch_stops_the_next_step_of_a_granted_plan() {
    let mut house = House::live(OPEN, [disk()]);
    house.matched(ONE, "disk");
    house.step(ONE, "look");
    house.kill_switch(true);
    assert!(matches!(house.start(ONE), Err(Rejection::Stopped(_))));
    house.kill_switch(false);
    house.step(ONE, "rotate");
}

#[test]
fn a_change_freeze_halts_until_its_end_and_stops_granted_plans() {
    let mut house = House::live(OPEN, [disk(), cache()]);
    house.matched("granted", "disk");
    let end = house.now.after("10m".parse().unwrap());
    house.freeze(Some(end));
    house.matched("new", "cache");
    assert_eq!(house.rules_that_spoke("new"), [Rule::ChangeFreeze]);
    assert_eq!(house.decision("new"), Decision::Halt);
    house.wait_ms(599_999);
    assert!(matches!(house.start("granted"), Err(Rejection::Stopped(_))));
    house.wait_ms(1);
    house.step("granted", "look");
}

#[test]
fn a_freeze_without_an_end_holds_until_it_is_lifted() {
    let mut house = House::new();
    house.freeze(None);
    house.wait(300 * 24 * 3600);
    house.matched("a", "cache");
    assert_eq!(house.decision("a"), Decision::Halt);
    house.say(SharedCommand::LiftFreeze { by: person("ops") }).unwrap();
    house.matched("b", "cache");
    assert_eq!(house.decision("b"), Decision::Proceed);
    assert!(house.say(SharedCommand::LiftFreeze { by: person("ops") }).is_err());
}

#[test]
fn a_second_plan_on_a_held_target_asks_people() {
    let mut house = House::live(OPEN, [cache()]);
    house.matched("a", "cache");
    house.start("a").unwrap();
    house.matched("b", "cache");
    assert_eq!(house.rules_that_spoke("b"), [Rule::TargetBusy]);
    assert!(house.verdict("b").reasons[0].detail.contains("held by a"));
}

#[test]
fn a_granted_plan_does_not_start_while_another_holds_its_target() {
    let mut house = House::live(OPEN, [cache()]);
    house.matched("a", "cache");
    house.matched("b", "cache");
    assert!(house.is_granted("b"));
    house.start("a").unwrap();
    assert!(matches!(house.start("b"), Err(Rejection::TargetBusy { holder, .. }) if holder == "a"));
    house.finish("a", "flush", 1, StepOutcome::Succeeded).unwrap();
    assert!(house.shared.lock("cache-1").is_none());
    house.step("b", "flush");
}

#[test]
fn a_target_stays_held_between_the_steps_of_its_plan() {
    let mut house = House::live(OPEN, [disk()]);
    house.matched(ONE, "disk");
    house.step(ONE, "look");
    assert_eq!(house.shared.lock("one-1").unwrap().incident, ONE);
    house.step(ONE, "rotate");
    house.step(ONE, "prune");
    house.step(ONE, "verify");
    assert!(house.shared.lock("one-1").is_none());
}

#[test]
fn a_target_stays_held_while_nobody_knows_what_its_step_did() {
    let mut house = House::live(OPEN, [cache()]);
    house.matched("a", "cache");
    house.start("a").unwrap();
    house.must("a", Command::ReportLost { running: BTreeSet::new() });
    house.revoke("a");
    house.end_of_alert("a");
    assert!(matches!(house.incidents["a"], Incident::Closed(..)));
    assert_eq!(house.shared.lock("cache-1").unwrap().incident, "a");
    house.matched("b", "cache");
    assert_eq!(house.rules_that_spoke("b"), [Rule::TargetBusy]);
}

#[test]
fn a_policy_and_a_catalogue_that_are_in_force_are_not_loaded_twice() {
    let mut house = House::new();
    let load = SharedCommand::LoadPolicy(house.policy.clone());
    assert_eq!(house.say(load.clone()).unwrap().len(), 1);
    assert_eq!(house.say(load).unwrap().len(), 0);
    let load = SharedCommand::LoadCatalogue { digest: house.runbooks.digest(), runbooks: 3 };
    assert_eq!(house.say(load.clone()).unwrap().len(), 1);
    assert_eq!(house.say(load).unwrap().len(), 0);
}

#[test]
fn what_comes_into_force_names_what_it_takes_the_place_of() {
    let mut house = House::new();
    let first = house.policy.clone();
    let second = EscalationPolicy::parse("default_severity = \"error\"\n").unwrap();
    assert_ne!(first.digest(), second.digest());
    let mut replaced = Vec::new();
    for policy in [&first, &second, &first] {
        let events = house.say(SharedCommand::LoadPolicy(policy.clone())).unwrap();
        let [Event::PolicyLoaded { previous, .. }] = &events[..] else { panic!("{events:?}") };
        replaced.push(*previous);
    }
    assert_eq!(replaced, [None, Some(first.digest()), Some(second.digest())]);

    let digest = CatalogueDigest::of_bytes;
    let mut replaced = Vec::new();
    for bytes in [b"one", b"two"] {
        let load = SharedCommand::LoadCatalogue { digest: digest(bytes), runbooks: 1 };
        let events = house.say(load).unwrap();
        let [Event::CatalogueLoaded { previous, .. }] = &events[..] else { panic!("{events:?}") };
        replaced.push(*previous);
    }
    assert_eq!(replaced, [None, Some(digest(b"one"))]);

    // Of each source its own.
    let digest = MappingDigest::of_bytes;
    let mut replaced = Vec::new();
    for (source, text) in [("one", "a"), ("other", "a"), ("one", "b"), ("one", "b"), ("one", "a")] {
        let digest = digest(text.as_bytes());
        let events = house.say(SharedCommand::LoadMapping { source: source.into(), digest });
        let previous = |event: &Event| match event {
            Event::MappingLoaded { previous, .. } => *previous,
            _ => panic!("{event:?}"),
        };
        replaced.push(events.unwrap().iter().map(previous).collect::<Vec<_>>());
        assert_eq!(house.shared.mapping(source), Some(digest));
    }
    let (a, b) = (Some(digest(b"a")), Some(digest(b"b")));
    assert_eq!(replaced, [vec![None], vec![None], vec![a], vec![], vec![b]]);

    // What goes names what was in force, once, and leaves that of others alone.
    let withdraw = || SharedCommand::WithdrawMapping { source: "one".into() };
    let events = house.say(withdraw()).unwrap();
    let [Event::MappingWithdrawn { source, previous }] = &events[..] else { panic!("{events:?}") };
    assert_eq!((source.as_str(), Some(*previous)), ("one", a));
    assert_eq!((house.shared.mapping("one"), house.shared.mapping("other")), (None, a));
    assert!(house.say(withdraw()).unwrap().is_empty());
}

#[test]
fn the_first_policy_of_a_log_is_written_as_before() {
    let mut house = House::new();
    let events = house.say(SharedCommand::LoadPolicy(house.policy.clone())).unwrap();
    let written = serde_json::to_value(&events[0]).unwrap();
    let members: Vec<_> = written["data"].as_object().unwrap().keys().collect();
    assert_eq!(members, ["digest", "policy"]);
}

#[test]
fn every_event_that_changes_the_shared_state_raises_its_version_by_one() {
    let mut house = House::live(OPEN, [cache(), failover()]);
    house.matched("a", "cache");
    house.step("a", "flush");
    house.matched_at("b", "failover", "critical");
    house.approve("b", "ana").unwrap();
    house.end_of_alert("b");
    house.kill_switch(true);
    let mut shared = tagout_core::shared::Shared::default();
    for (id, event, at) in &house.journal {
        let before = shared.clone();
        shared = shared.after(event, id, *at);
        if event.touches_shared() {
            assert_eq!(shared.version, before.version + 1);
        } else {
            assert_eq!(shared, before);
        }
    }
    assert_eq!(shared, house.shared);
}
