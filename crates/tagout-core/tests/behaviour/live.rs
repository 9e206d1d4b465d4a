//! The steps of a live plan: in order, at most once, and never again by themselves.

use serde_json::json;
use tagout_core::command::{Command, SharedCommand};
use tagout_core::decide::Rejection;
use tagout_core::digest::{PlanDigest, RunbookDigest};
use tagout_core::event::{Event, PlanOutcome, StepOutcome};
use tagout_core::evolve::evolve;
use tagout_core::incident::{Incident, Stage};
use tagout_core::policy::EscalationPolicy;
use tagout_core::verdict::Mode;

use crate::house::*;

pub(super) fn live(runbook: &str) -> House {
    let mut house = House::live(OPEN, [disk(), cache(), failover()]);
    house.matched(ONE, runbook);
    assert!(house.is_granted(ONE));
    assert_eq!(house.plan(ONE).mode, Mode::Live);
    house
}

pub(super) fn started(events: &[Event]) -> (&str, u32) {
    match events {
        [Event::StepStarted { step, attempt, .. }] => (step, *attempt),
        other => panic!("no start: {other:?}"),
    }
}

pub(super) fn outcome(house: &House) -> PlanOutcome {
    match house.stage(ONE) {
        Stage::Finished(_, outcome) => *outcome,
        other => panic!("the plan has not ended: {other:?}"),
    }
}

#[test]
fn steps_start_in_order_the_checks_before_and_after_included() {
    let mut house = live("disk");
    for step in ["look", "rotate", "prune", "verify"] {
        let events = house.start(ONE).unwrap();
        assert_eq!(started(&events), (step, 1));
        house.finish(ONE, step, 1, StepOutcome::Succeeded).unwrap();
    }
    assert_eq!(outcome(&house), PlanOutcome::Completed);
    assert!(house.start(ONE).is_err());
}

#[test]
fn nothing_starts_while_a_step_is_running() {
    let mut house = live("disk");
    house.start(ONE).unwrap();
    assert!(matches!(house.start(ONE), Err(Rejection::NotDue(_))));
}

#[test]
fn nothing_of_a_dry_run_ever_starts() {
    let mut house = House::new();
    house.matched(ONE, "disk");
    assert!(matches!(house.start(ONE), Err(Rejection::NotDue(_))));
}

#[test]
fn a_live_plan_is_not_rehearsed() {
    let mut house = live("disk");
    assert!(matches!(house.ask(ONE, Command::Rehearse), Err(Rejection::NotDue(_))));
}

#[test]
fn nothing_starts_for_another_digest_than_the_granted_one() {
    let mut house = live("disk");
    let other = Command::StartStep { plan: PlanDigest::of_bytes(b"x") };
    assert!(matches!(house.ask(ONE, other), Err(Rejection::NotDue(_))));
}

#[test]
fn nothing_starts_before_people_have_granted_it() {
    let mut house = House::live(OPEN, [cache()]);
    house.matched_at(ONE, "cache", "critical");
    assert!(house.start(ONE).is_err());
    house.approve(ONE, "ana").unwrap();
    assert!(house.start(ONE).is_err());
    house.approve(ONE, "ben").unwrap();
    house.start(ONE).unwrap();
}

#[test]
fn another_attempt_needs_a_recorded_failure_and_their_number_is_bounded() {
    let mut house = live("cache");
    house.start(ONE).unwrap();
    assert!(house.start(ONE).is_err());
    house.finish(ONE, "flush", 1, StepOutcome::Failed).unwrap();
    let again = house.start(ONE).unwrap();
    assert_eq!(started(&again), ("flush", 2));
    house.finish(ONE, "flush", 2, StepOutcome::TimedOut).unwrap();
    assert_eq!(outcome(&house), PlanOutcome::Failed);
}

#[test]
fn a_step_without_further_attempts_ends_the_plan_when_it_fails() {
    let mut house = live("disk");
    house.start(ONE).unwrap();
    house.finish(ONE, "look", 1, StepOutcome::Failed).unwrap();
    assert_eq!(outcome(&house), PlanOutcome::Failed);
    assert!(house.start(ONE).is_err());
}

#[test]
fn a_step_that_was_stopped_is_not_tried_again() {
    let mut house = live("cache");
    house.start(ONE).unwrap();
    house.finish(ONE, "flush", 1, StepOutcome::Stopped).unwrap();
    assert_eq!(outcome(&house), PlanOutcome::Failed);
}

#[test]
fn an_end_is_recorded_once_and_only_for_what_was_started() {
    let mut house = live("cache");
    assert!(house.finish(ONE, "flush", 1, StepOutcome::Succeeded).is_err());
    house.start(ONE).unwrap();
    assert!(house.finish(ONE, "flush", 2, StepOutcome::Succeeded).is_err());
    assert!(house.finish(ONE, "other", 1, StepOutcome::Succeeded).is_err());
    house.finish(ONE, "flush", 1, StepOutcome::Failed).unwrap();
    assert!(house.finish(ONE, "flush", 1, StepOutcome::Succeeded).is_err());
}

#[test]
fn the_end_of_a_running_step_is_recorded_even_after_the_alert_has_ended() {
    let mut house = live("cache");
    let plan = house.plan(ONE).digest();
    house.start(ONE).unwrap();
    house.end_of_alert(ONE);
    assert!(matches!(house.incidents[ONE], Incident::Closed(..)));
    assert!(house.shared.lock("cache-1").is_some());
    let (step, outcome) = ("flush".to_owned(), StepOutcome::Succeeded);
    let end =
        Command::FinishStep { plan, step, attempt: 1, outcome, output: "".into(), ended: None };
    house.must(ONE, end);
    assert!(house.shared.lock("cache-1").is_none());
}

#[test]
fn a_revoked_grant_starts_nothing_more() {
    let mut house = live("disk");
    house.step(ONE, "look");
    house.revoke(ONE);
    assert!(house.is_voided(ONE));
    assert!(house.start(ONE).is_err());
}

#[test]
fn a_plan_stops_when_another_version_of_its_runbook_is_admitted() {
    let mut house = live("disk");
    house.step(ONE, "look");
    let (digest, by) = (RunbookDigest::of_bytes(b"another version"), person("ops"));
    house
        .say(SharedCommand::AdmitRunbook {
            runbook: "disk".into(),
            digest,
            by,
            page: "".into(),
            author: None,
        })
        .unwrap();
    assert!(matches!(house.start(ONE), Err(Rejection::Stopped(_))));
}

#[test]
fn a_plan_stops_when_the_configuration_is_set_back_to_dry_run() {
    let mut house = live("disk");
    house.step(ONE, "look");
    house.mode = Mode::DryRun;
    assert!(matches!(house.start(ONE), Err(Rejection::Stopped(_))));
}

#[test]
fn a_plan_stops_when_the_policy_no_longer_lets_its_tier_run_live() {
    let mut house = live("disk");
    house.step(ONE, "look");
    house.policy = EscalationPolicy::parse(OPEN).unwrap();
    assert!(matches!(house.start(ONE), Err(Rejection::Stopped(_))));
}

#[test]
fn a_start_that_skips_ahead_or_names_another_target_is_illegal_whoever_decided_it() {
    let house = live("disk");
    let plan = house.plan(ONE).digest();
    let start = |step: &str, attempt, target: &str| Event::StepStarted {
        plan,
        step: step.into(),
        attempt,
        target: target.into(),
        tier: None,
        runbook: String::new(),
    };
    let legal = |event: &Event| evolve(house.incidents[ONE].clone(), event, house.now).is_ok();
    assert!(legal(&start("look", 1, "one-1")));
    assert!(!legal(&start("rotate", 1, "one-1")));
    assert!(!legal(&start("look", 2, "one-1")));
    assert!(!legal(&start("look", 1, "two-1")));
}

#[test]
fn a_check_that_fails_before_the_first_step_keeps_every_action_from_starting() {
    let mut house = live("disk");
    house.start(ONE).unwrap();
    house.finish(ONE, "look", 1, StepOutcome::Failed).unwrap();
    let actions = house.kinds(ONE).iter().filter(|kind| *kind == "step_started").count();
    assert_eq!(actions, 1);
}

#[test]
fn a_declared_number_of_attempts_is_part_of_the_plan() {
    let mut more = cache();
    more["steps"][0]["attempts"] = json!(3);
    let mut house = House::live(OPEN, [more]);
    house.matched(ONE, "cache");
    assert_eq!(house.plan(ONE).steps[0].attempts, 3);
}

pub(super) fn undoable() -> serde_json::Value {
    json!({
        "id": "undoable", "risk": "medium", "match": {"alert_names": ["undoable"]},
        "steps": [
            {"id": "grow", "kind": "action", "title": "Grow it", "command": ["grow", "one"],
             "undo": ["shrink", "one"]},
            {"id": "move", "kind": "action", "title": "Move it", "command": ["move", "one"]},
        ],
    })
}

pub(super) fn on_failure(rule: &str) -> House {
    let policy = format!("{OPEN}[tier.medium]\nlive = true\nstep_failure = \"{rule}\"\n");
    let mut house = House::live(OPEN, [undoable()]);
    house.policy = EscalationPolicy::parse(&policy).unwrap();
    house.matched(ONE, "undoable");
    assert_eq!(house.plan(ONE).mode, Mode::Live);
    house.step(ONE, "grow");
    house.start(ONE).unwrap();
    house.finish(ONE, "move", 1, StepOutcome::Failed).unwrap();
    house
}

#[test]
fn a_failed_step_ends_the_plan_where_the_tier_says_stop_or_ask() {
    for rule in ["stop", "ask"] {
        assert_eq!(outcome(&on_failure(rule)), PlanOutcome::Failed);
    }
}

#[test]
fn a_failed_step_has_what_was_done_taken_back_where_the_tier_says_undo_and_people_are_asked() {
    let mut house = on_failure("undo");
    let Stage::Waiting(proposal, ..) = house.stage(ONE) else {
        panic!("nobody is asked: {:?}", house.stage(ONE));
    };
    let plan = proposal.plan.clone();
    assert!(plan.undoes.is_some() && plan.requested_by.is_none());
    assert_eq!(plan.steps.iter().map(|s| s.argv.clone()).collect::<Vec<_>>(), [["shrink", "one"]]);
    house.approve(ONE, "ana").unwrap();
    assert!(house.is_granted(ONE));
    house.start(ONE).unwrap();
    // Where taking back fails too, nothing more is made of it.
    house.finish(ONE, "undo-grow", 1, StepOutcome::Failed).unwrap();
    assert_eq!(outcome(&house), PlanOutcome::Failed);
}

#[test]
fn the_first_start_of_live_mode_engages_the_kill_switch_and_no_later_one_does() {
    let mut house = House::live(OPEN, [cache()]);
    let begin = || SharedCommand::BeginLiveMode { by: person("tagout") };
    let begun = house.say(begin()).unwrap();
    assert!(
        matches!(&begun[..], [Event::LiveModeBegun { .. }, Event::KillSwitchEngaged { .. }]),
        "{begun:?}"
    );
    assert!(house.shared.kill_switch);
    let release = SharedCommand::ReleaseKillSwitch { by: person("ana"), reason: "read it".into() };
    house.say(release).unwrap();
    assert_eq!(house.say(begin()).unwrap(), []);
    assert!(!house.shared.kill_switch);
}
