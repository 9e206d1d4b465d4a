//! People answer: quorum, denial, lapse, the clock, and the resuming of a halted plan.

use serde_json::json;
use tagout_core::approval::{Answer, Refusal};
use tagout_core::command::Command;
use tagout_core::decide::Rejection;
use tagout_core::digest::PlanDigest;
use tagout_core::event::{Event, GrantedBy, VoidReason};
use tagout_core::incident::{Grant, Handover, Incident, Stage};
use tagout_core::verdict::{Decision, Mode};

use crate::house::*;

/// An incident whose plan waits for two people.
fn waiting() -> House {
    let mut house = House::new();
    house.matched_at(ONE, "cache", "critical");
    assert!(house.is_waiting(ONE));
    house
}

fn voided_for(house: &House) -> &VoidReason {
    match house.stage(ONE) {
        Stage::WithPeople(Handover::Voided(_, why)) => why,
        other => panic!("the plan is not void: {other:?}"),
    }
}

#[test]
fn two_different_people_grant_a_critical_plan() {
    let mut house = waiting();
    house.approve(ONE, "ana").unwrap();
    assert!(house.is_waiting(ONE));
    let events = house.approve(ONE, "ben").unwrap();
    assert!(house.is_granted(ONE));
    let people = vec![person("ana"), person("ben")];
    let plan = house.plan(ONE).digest();
    let granted = Event::PlanGranted { plan, mode: Mode::DryRun, by: GrantedBy::Quorum(people) };
    assert_eq!(events.last(), Some(&granted));
}

#[test]
fn one_person_counts_once_however_often_they_answer() {
    let mut house = waiting();
    house.approve(ONE, "ana").unwrap();
    let again = house.approve(ONE, " ana ");
    assert_eq!(refusal(again), Refusal::AlreadyAnswered);
    let changed_mind = house.reject(ONE, "ana");
    assert_eq!(refusal(changed_mind), Refusal::AlreadyAnswered);
    assert!(house.is_waiting(ONE));
}

#[test]
fn one_denial_ends_it_whoever_approved_before() {
    let mut house = waiting();
    house.approve(ONE, "ana").unwrap();
    house.reject(ONE, "ben").unwrap();
    assert_eq!(voided_for(&house), &VoidReason::Rejected { by: person("ben") });
    assert!(matches!(house.approve(ONE, "cem"), Err(Rejection::NotDue(_))));
}

#[test]
fn an_answer_about_another_digest_or_mode_is_refused_and_recorded() {
    let mut house = waiting();
    let plan = house.plan(ONE).digest();
    for (plan, mode, expected) in [
        (PlanDigest::of_bytes(b"another"), Mode::DryRun, Refusal::OtherPlan),
        (plan, Mode::Live, Refusal::OtherMode),
    ] {
        let answer = Command::Answer(review("ana", Answer::Approve, plan, mode));
        let result = house.ask(ONE, answer);
        assert_eq!(refusal(result), expected);
        let (_, recorded, _) = house.journal.last().unwrap();
        let by = person("ana");
        assert_eq!(recorded, &Event::ReviewRefused { by, plan, refusal: expected });
    }
    assert_eq!(house.incidents[ONE].waiting().unwrap().1.reviews().count(), 0);
}

#[test]
fn a_reason_may_be_4096_bytes_and_not_one_more() {
    let mut house = waiting();
    let plan = house.plan(ONE).digest();
    let mut long = review("ana", Answer::Approve, plan, Mode::DryRun);
    long.reason = "x".repeat(4_097).into();
    assert_eq!(house.ask(ONE, Command::Answer(long.clone())), Err(Rejection::ReasonNeeded));
    long.reason = "x".repeat(4_096).into();
    house.ask(ONE, Command::Answer(long)).unwrap();
}

#[test]
fn an_answer_just_before_the_end_counts_and_one_at_the_end_is_too_late() {
    let mut house = waiting();
    let mut late = house.clone();
    house.wait_ms(15 * 60_000 - 1);
    house.approve(ONE, "ana").unwrap();
    late.wait(15 * 60);
    let result = late.approve(ONE, "ana");
    assert_eq!(refusal(result), Refusal::Lapsed);
}

#[test]
fn a_time_out_is_no_refusal_and_leaves_the_incident_open_with_people() {
    let mut house = waiting();
    house.approve(ONE, "ana").unwrap();
    house.wait_ms(15 * 60_000 - 1);
    let plan = house.plan(ONE).digest();
    assert_eq!(house.must(ONE, Command::Tick), [Event::LapseWarned { plan }]);
    house.wait_ms(1);
    house.must(ONE, Command::Tick);
    assert_eq!(voided_for(&house), &VoidReason::TimedOut);
    assert!(!house.is_granted(ONE));
    assert!(!house.kinds(ONE).contains(&"incident_closed".to_owned()));
    let identity = house.incidents[ONE].case().unwrap().identity;
    assert_eq!(house.shared.open_incident(identity), Some(ONE));
}

#[test]
fn showing_a_request_decides_nothing() {
    let mut house = waiting();
    let plan = house.plan(ONE).digest();
    house.must(ONE, Command::ShowRequest { plan, to: person("ana") });
    assert!(house.is_waiting(ONE));
    assert_eq!(house.incidents[ONE].waiting().unwrap().1.reviews().count(), 0);
    let stale = Command::ShowRequest { plan: PlanDigest::of_bytes(b"x"), to: person("ana") };
    assert!(house.ask(ONE, stale).is_err());
}

#[test]
fn the_quorum_is_frozen_when_people_are_asked() {
    let mut house = waiting();
    house.policy =
        tagout_core::policy::EscalationPolicy::parse("[tier.critical]\nquorum = 1\n").unwrap();
    house.approve(ONE, "ana").unwrap();
    assert!(house.is_waiting(ONE));
}

// A halted plan.

fn halted() -> House {
    let mut house = House::new();
    house.kill_switch(true);
    house.matched(ONE, "cache");
    house.kill_switch(false);
    assert!(matches!(house.stage(ONE), Stage::Halted(_)));
    house
}

#[test]
fn nobody_can_approve_or_change_a_halted_plan() {
    let mut house = halted();
    assert!(house.approve(ONE, "ana").is_err());
    assert!(house.modify(ONE, "ana", without(&["flush"])).is_err());
    house.wait(24 * 3600);
    assert_eq!(house.must(ONE, Command::Tick), []);
}

#[test]
fn a_halted_plan_is_resumed_with_a_reason_and_then_people_are_asked() {
    let mut house = halted();
    assert_eq!(house.resume(ONE, "ana", ""), Err(Rejection::ReasonNeeded));
    let long = "x".repeat(4_097);
    assert_eq!(house.resume(ONE, "ana", &long), Err(Rejection::ReasonNeeded));
    let before = house.plan(ONE).digest();
    house.resume(ONE, "ana", "the drill is over").unwrap();
    assert_ne!(house.plan(ONE).digest(), before);
    // Nothing else stands in the way; all the same the policy does not proceed.
    assert_eq!(house.decision(ONE), Decision::Escalate);
    assert!(house.is_waiting(ONE));
}

#[test]
fn who_resumes_a_plan_cannot_approve_it() {
    let mut house = halted();
    house.resume(ONE, "ana", "the drill is over").unwrap();
    let own = house.approve(ONE, "ana");
    assert_eq!(refusal(own), Refusal::OwnRequest);
    house.approve(ONE, "ben").unwrap();
    assert!(house.is_granted(ONE));
}

#[test]
fn a_lapsed_or_changed_halted_plan_is_not_resumed() {
    let mut house = halted();
    let stale = Command::ResumeHalt {
        by: person("ana"),
        plan: PlanDigest::of_bytes(b"x"),
        reason: "go".into(),
    };
    assert!(matches!(house.ask(ONE, stale), Err(Rejection::NotDue(_))));
    house.wait(30 * 60);
    assert!(matches!(house.resume(ONE, "ana", "go"), Err(Rejection::NotDue(_))));
}

// The clock.

const CLOCK: &str = "default_environment = \"low\"\n[clock_grant]\n";

fn clock_policy() -> String {
    let runbooks = "runbooks = [\"cache\", \"failover\", \"ask\"]\nwait = \"15m\"\n";
    // Nothing proceeds at low tier, so that people are asked.
    format!("{CLOCK}{runbooks}[tier.low]\nmin_confidence = \"never\"\n")
}

fn low(runbook: &str) -> House {
    let mut irreversible = cache();
    irreversible["id"] = json!("failover");
    irreversible["reversible"] = json!(false);
    let mut unnamed = cache();
    unnamed["id"] = json!("unnamed");
    let mut asking = cache();
    asking["id"] = json!("ask");
    asking["steps"][0]["requires_approval"] = json!(true);
    let mut house = House::with(&clock_policy(), [cache(), irreversible, unnamed, asking]);
    house.matched_low(ONE, runbook);
    assert!(house.is_waiting(ONE));
    house
}

fn warn(house: &mut House) -> Result<Vec<Event>, Rejection> {
    let plan = house.plan(ONE).digest();
    house.ask(ONE, Command::ConfirmClockWarning { plan })
}

fn tick_grants(house: &mut House) -> bool {
    house.must(ONE, Command::Tick);
    let granted = house.is_granted(ONE);
    if granted {
        let Incident::Open(_, Stage::Granted(_, grant)) = &house.incidents[ONE] else {
            panic!("not granted")
        };
        assert!(matches!(grant, Grant::Clock(_)), "{grant:?}");
    }
    granted
}

#[test]
fn the_clock_grants_a_low_reversible_named_plan_when_the_whole_wait_has_passed() {
    let mut house = low("cache");
    house.wait(60);
    warn(&mut house).unwrap();
    house.wait_ms(15 * 60_000 - 1);
    assert!(!tick_grants(&mut house));
    house.wait_ms(1);
    assert!(tick_grants(&mut house));
}

#[test]
fn the_clock_never_grants_without_a_delivered_warning() {
    let mut house = low("cache");
    house.wait(59 * 60);
    assert!(!tick_grants(&mut house));
}

#[test]
fn a_second_warning_does_not_start_the_wait_again() {
    let mut house = low("cache");
    warn(&mut house).unwrap();
    assert!(warn(&mut house).is_err());
}

#[test]
fn the_clock_has_no_say_in_irreversible_or_unnamed_plans() {
    for runbook in ["failover", "unnamed"] {
        let mut house = low(runbook);
        assert!(warn(&mut house).is_err(), "{runbook}");
        house.wait(30 * 60);
        assert!(!tick_grants(&mut house), "{runbook}");
    }
}

#[test]
fn the_clock_has_no_say_above_the_low_tier() {
    let mut house = House::with(&clock_policy(), [cache()]);
    house.matched_at(ONE, "cache", "critical");
    assert!(warn(&mut house).is_err());
}

#[test]
fn the_clock_has_no_say_where_a_step_requires_a_persons_approval() {
    let mut house = low("ask");
    assert!(warn(&mut house).is_err());
}

#[test]
fn the_clock_has_no_say_in_a_plan_that_a_person_asked_for() {
    let mut runbook = cache();
    runbook["parameters"] = json!({"n": {"default": "1", "min": 1, "max": 9}});
    runbook["steps"][0]["command"] = json!(["flush", "cache-1", "--n={{n}}"]);
    let mut house = House::with(&clock_policy(), [runbook]);
    house.matched_low(ONE, "cache");
    house.modify(ONE, "ana", value("n", "2")).unwrap();
    // Silence would let ana's own plan through although she cannot approve it.
    assert!(warn(&mut house).is_err());
}

#[test]
fn a_jump_of_the_clock_starts_the_wait_anew() {
    let mut house = low("cache");
    warn(&mut house).unwrap();
    house.wait(14 * 60);
    house.jump();
    house.wait(15 * 60 - 1);
    assert!(!tick_grants(&mut house));
    house.wait(1);
    assert!(tick_grants(&mut house));
}

#[test]
fn the_kill_switch_and_a_freeze_hold_the_clock_back() {
    let mut house = low("cache");
    warn(&mut house).unwrap();
    house.wait(20 * 60);
    house.kill_switch(true);
    assert!(!tick_grants(&mut house));
    house.kill_switch(false);
    house.freeze(None);
    assert!(!tick_grants(&mut house));
}

#[test]
fn an_objection_ends_the_clocks_wait() {
    let mut house = low("cache");
    warn(&mut house).unwrap();
    house.reject(ONE, "ana").unwrap();
    house.wait(20 * 60);
    assert!(!tick_grants(&mut house));
    assert_eq!(voided_for(&house), &VoidReason::Rejected { by: person("ana") });
}

#[test]
fn the_clock_never_grants_once_the_request_has_lapsed() {
    let mut house = low("cache");
    house.wait(50 * 60);
    warn(&mut house).unwrap();
    house.wait(15 * 60);
    assert!(!tick_grants(&mut house));
    assert_eq!(voided_for(&house), &VoidReason::TimedOut);
}

// The end of the alert, and the close.

#[test]
fn the_end_of_the_alert_voids_a_plan_that_waits_is_halted_or_is_granted() {
    let mut granted = House::new();
    granted.matched(ONE, "cache");
    for mut house in [waiting(), halted(), granted] {
        let plan = house.plan(ONE).digest();
        let events = house.end_of_alert(ONE);
        let voided = Event::PlanVoided { plan, why: VoidReason::AlertEnded };
        assert_eq!(events.first(), Some(&voided));
        assert!(matches!(house.incidents[ONE], Incident::Closed(..)));
        assert!(house.approve_closed().is_err());
    }
}

#[test]
fn the_end_of_the_alert_closes_an_incident_without_a_plan() {
    let mut house = House::new();
    house.receive(ONE, alert(ONE, "warning"));
    assert_eq!(house.end_of_alert(ONE).len(), 1);
    assert!(matches!(house.incidents[ONE], Incident::Closed(..)));
}

#[test]
fn a_person_closes_an_incident_with_a_reason_and_its_plan_is_void() {
    let mut house = waiting();
    let close = |reason: &str| Command::Close { by: person("ana"), reason: reason.into() };
    assert_eq!(house.ask(ONE, close("")), Err(Rejection::ReasonNeeded));
    let events = house.must(ONE, close("a false alarm"));
    assert!(matches!(events[0], Event::PlanVoided { .. }));
    assert!(matches!(house.incidents[ONE], Incident::Closed(..)));
    assert_eq!(house.ask(ONE, close("again")), Err(Rejection::Closed));
    assert_eq!(house.ask("nobody", close("x")), Err(Rejection::NoSuchIncident));
}

impl House {
    fn approve_closed(&mut self) -> Result<Vec<Event>, Rejection> {
        let plan = PlanDigest::of_bytes(b"any");
        self.ask(ONE, Command::Answer(review("ana", Answer::Approve, plan, Mode::DryRun)))
    }
}
