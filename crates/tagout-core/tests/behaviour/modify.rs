//! MODIFY: another plan inside known runbooks and declared limits, granted by other people.

use serde_json::json;
use tagout_core::approval::Refusal;
use tagout_core::command::Command;
use tagout_core::decide::Rejection;
use tagout_core::digest::PlanDigest;
use tagout_core::event::{Event, GrantedBy, VoidReason};
use tagout_core::plan::{BindError, PlanChange};
use tagout_core::verdict::{Decision, Mode, Rule};

use crate::house::*;

/// A plan of `disk` that waits for one person; `cache` is the other candidate.
fn waiting() -> House {
    asked(OPEN, "warning", disk())
}

fn asked(policy: &str, severity: &str, disk: serde_json::Value) -> House {
    let mut house = House::with(policy, [disk, cache(), failover()]);
    house.receive(ONE, alert(ONE, severity));
    house.find(ONE, &[by_text("disk", 8_000), by_text("cache", 7_000)]);
    assert!(house.is_waiting(ONE));
    house
}

fn argv(house: &House) -> Vec<String> {
    house.plan(ONE).steps.iter().map(|s| s.argv.join(" ")).collect()
}

#[test]
fn a_step_can_be_left_out() {
    let mut house = waiting();
    house.modify(ONE, "ana", without(&["rotate"])).unwrap();
    assert_eq!(argv(&house), ["prune one-1"]);
    assert_eq!(house.plan(ONE).preconditions.len(), 1);
}

#[test]
fn a_change_makes_a_new_plan_with_a_new_digest_and_says_what_differs() {
    let mut house = waiting();
    let before = house.plan(ONE).digest();
    let events = house.modify(ONE, "ana", value("keep", "7")).unwrap();
    let after = house.plan(ONE).digest();
    assert_ne!(before, after);
    assert_eq!(house.plan(ONE).number, 2);
    let voided = Event::PlanVoided { plan: before, why: VoidReason::Modified { by_plan: after } };
    assert_eq!(events[0], voided);
    match &events[1] {
        Event::PlanProposed { difference, .. } => assert_eq!(difference, &["keep: 3 -> 7"]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_approval_of_the_old_plan_does_not_carry_over() {
    let mut house = House::new();
    house.receive(ONE, alert(ONE, "critical"));
    house.find(ONE, &[by_key("disk", 9_900)]);
    house.approve(ONE, "ben").unwrap();
    house.modify(ONE, "ana", value("keep", "7")).unwrap();
    assert_eq!(house.incidents[ONE].waiting().unwrap().1.reviews().count(), 0);
    house.approve(ONE, "ben").unwrap();
    assert!(house.is_waiting(ONE));
    house.approve(ONE, "cem").unwrap();
    assert!(house.is_granted(ONE));
}

#[test]
fn a_value_at_its_limit_is_taken_and_one_past_it_refused() {
    let mut house = waiting();
    for wrong in ["0", "11", "3; reboot", "", "--all"] {
        let result = house.modify(ONE, "ana", value("keep", wrong));
        assert!(matches!(result, Err(Rejection::CannotBind(BindError::Value(_)))), "{wrong}");
    }
    house.modify(ONE, "ana", value("keep", "10")).unwrap();
    assert_eq!(argv(&house)[0], "rotate one-1 --keep=10");
}

#[test]
fn a_parameter_that_is_not_declared_is_refused() {
    let mut house = waiting();
    let result = house.modify(ONE, "ana", value("command", "reboot"));
    assert!(matches!(result, Err(Rejection::CannotBind(BindError::Value(_)))), "{result:?}");
}

#[test]
fn a_step_that_does_not_exist_cannot_be_left_out_and_one_must_remain() {
    let mut house = waiting();
    let none_such = house.modify(ONE, "ana", without(&["reboot"]));
    assert!(matches!(none_such, Err(Rejection::CannotBind(BindError::NoSuchStep(_)))));
    let nothing = house.modify(ONE, "ana", without(&["rotate", "prune"]));
    assert!(matches!(nothing, Err(Rejection::CannotBind(BindError::NothingLeft))));
}

#[test]
fn the_checks_before_and_after_cannot_be_left_out() {
    for check in ["look", "verify"] {
        let mut house = waiting();
        assert!(house.modify(ONE, "ana", without(&[check])).is_err(), "{check}");
    }
}

#[test]
fn another_candidate_can_be_chosen_and_nothing_else() {
    let mut house = waiting();
    // Known, but the search did not find it for this incident.
    let result = house.modify(ONE, "ana", other("failover"));
    assert_eq!(result, Err(Rejection::NotACandidate("failover".into())));
    let result = house.modify(ONE, "ana", other("unheard-of"));
    assert_eq!(result, Err(Rejection::NotACandidate("unheard-of".into())));
    house.modify(ONE, "ana", other("cache")).unwrap();
    assert_eq!(argv(&house), ["flush cache-1"]);
}

#[test]
fn a_change_that_changes_nothing_is_refused() {
    let mut house = waiting();
    let same = [PlanChange::default(), value("keep", "3"), value("keep", "03"), other("disk")];
    for change in same {
        assert!(matches!(house.modify(ONE, "ana", change), Err(Rejection::NotDue(_))));
    }
    assert_eq!(house.plan(ONE).number, 1);
}

#[test]
fn who_changed_a_plan_cannot_approve_it_but_can_reject_it() {
    let mut house = waiting();
    house.modify(ONE, "ana", value("keep", "7")).unwrap();
    let own = house.approve(ONE, "ana");
    assert_eq!(refusal(own), Refusal::OwnRequest);
    let mut rejected = house.clone();
    rejected.reject(ONE, "ana").unwrap();
    assert!(rejected.is_voided(ONE));
    house.approve(ONE, "ben").unwrap();
    assert!(house.is_granted(ONE));
}

#[test]
fn a_changed_plan_never_proceeds_on_its_own() {
    let mut runbook = disk();
    runbook["steps"][0]["requires_approval"] = json!(true);
    let mut house = House::with(OPEN, [runbook]);
    house.matched(ONE, "disk");
    // With the step gone, nothing but the person's wish stands in the way.
    house.modify(ONE, "ana", without(&["rotate"])).unwrap();
    assert_eq!(house.decision(ONE), Decision::Escalate);
    assert_eq!(house.rules_that_spoke(ONE), [Rule::AskedByPerson]);
}

#[test]
fn a_second_change_keeps_the_first() {
    let mut house = waiting();
    house.modify(ONE, "ana", value("keep", "7")).unwrap();
    house.modify(ONE, "ben", without(&["prune"])).unwrap();
    assert_eq!(argv(&house), ["rotate one-1 --keep=7"]);
    house.modify(ONE, "ana", value("host", "two-1")).unwrap();
    assert_eq!(argv(&house), ["rotate two-1 --keep=7"]);
    assert_eq!(house.plan(ONE).target, "two-1");
    assert_eq!(house.plan(ONE).number, 4);
}

#[test]
fn a_value_cut_out_of_a_longer_one_survives_a_change_of_another() {
    let mut runbook = disk();
    runbook["parameters"]["host"]["pattern"] = json!("https?://([a-z0-9-]+)/.*");
    let mut house = House::with(OPEN, [runbook]);
    let mut alert = alert(ONE, "critical");
    alert.labels.insert("instance".into(), "https://one-1/metrics".into());
    house.receive(ONE, alert);
    house.find(ONE, &[by_key("disk", 9_900)]);
    assert_eq!(argv(&house)[0], "rotate one-1 --keep=3");
    house.modify(ONE, "ana", value("keep", "7")).unwrap();
    assert_eq!(argv(&house)[0], "rotate one-1 --keep=7");
    house.modify(ONE, "ana", value("host", "http://two-1/")).unwrap();
    house.modify(ONE, "ana", value("keep", "8")).unwrap();
    assert_eq!(argv(&house)[0], "rotate two-1 --keep=8");
}

#[test]
fn a_value_from_an_earlier_plan_is_held_to_the_limits_of_a_page_that_has_changed() {
    let mut house = waiting();
    house.modify(ONE, "ana", value("keep", "10")).unwrap();
    let mut narrower = disk();
    narrower["parameters"]["keep"]["max"] = json!(5);
    house.runbooks = House::with(OPEN, [narrower]).runbooks;
    let result = house.modify(ONE, "ben", without(&["prune"]));
    assert!(matches!(result, Err(Rejection::CannotBind(BindError::Value(_)))), "{result:?}");
}

#[test]
fn a_change_of_a_plan_that_was_not_shown_is_refused_and_recorded() {
    let mut house = waiting();
    let plan = house.plan(ONE).digest();
    for (plan, mode, expected) in [
        (PlanDigest::of_bytes(b"x"), Mode::DryRun, Refusal::OtherPlan),
        (plan, Mode::Live, Refusal::OtherMode),
    ] {
        let change = value("keep", "7");
        let command =
            Command::Modify { by: approver("ana"), plan, mode, change, reason: "".into() };
        let result = house.ask(ONE, command);
        assert_eq!(refusal(result), expected);
        assert!(matches!(house.journal.last(), Some((_, Event::ReviewRefused { .. }, _))));
    }
    house.wait(30 * 60);
    let late = house.modify(ONE, "ana", value("keep", "7"));
    assert_eq!(refusal(late), Refusal::Lapsed);
}

// Whose MODIFY counts as their approval.

fn last(house: &House) -> &Event {
    &house.journal.last().unwrap().1
}

#[test]
fn leaving_out_actions_at_low_or_medium_tier_counts_as_approval() {
    let mut house = waiting();
    house.modify(ONE, "ana", without(&["prune"])).unwrap();
    assert!(house.is_granted(ONE));
    let by = GrantedBy::Quorum(vec![person("ana")]);
    let plan = house.plan(ONE).digest();
    assert_eq!(last(&house), &Event::PlanGranted { plan, mode: Mode::DryRun, by });
}

#[test]
fn where_two_must_approve_it_counts_as_one_of_them() {
    let two = format!("{OPEN}[tier.medium]\nquorum = 2\n");
    let mut house = asked(&two, "warning", disk());
    house.modify(ONE, "ana", without(&["prune"])).unwrap();
    assert!(house.is_waiting(ONE));
    assert_eq!(refusal(house.approve(ONE, "ana")), Refusal::AlreadyAnswered);
    house.approve(ONE, "ben").unwrap();
    assert!(house.is_granted(ONE));
}

#[test]
fn whatever_else_a_change_does_it_counts_for_nothing() {
    let both = PlanChange { values: value("keep", "1").values, ..without(&["prune"]) };
    for change in [value("keep", "1"), value("host", "two-1"), other("cache"), both] {
        let mut house = waiting();
        house.modify(ONE, "ana", change.clone()).unwrap();
        assert!(house.is_waiting(ONE), "{change:?}");
        assert_eq!(refusal(house.approve(ONE, "ana")), Refusal::OwnRequest, "{change:?}");
    }
}

#[test]
fn above_the_medium_tier_no_change_counts() {
    let mut house = asked(OPEN, "error", disk());
    house.modify(ONE, "ana", without(&["prune"])).unwrap();
    assert!(house.is_waiting(ONE));
    assert_eq!(refusal(house.approve(ONE, "ana")), Refusal::OwnRequest);
}

#[test]
fn leaving_out_a_check_or_a_step_for_a_person_counts_for_nothing() {
    for kind in ["check", "manual"] {
        let mut runbook = disk();
        runbook["steps"][0]["kind"] = json!(kind);
        if kind == "manual" {
            runbook["steps"][0].as_object_mut().unwrap().remove("command");
        }
        let mut house = asked(OPEN, "warning", runbook);
        house.modify(ONE, "ana", without(&["rotate"])).unwrap();
        assert!(house.is_waiting(ONE), "{kind}");
        assert_eq!(refusal(house.approve(ONE, "ana")), Refusal::OwnRequest, "{kind}");
    }
}

#[test]
fn what_a_person_widened_is_not_approved_by_their_leaving_out_a_step_of_it() {
    let mut house = waiting();
    house.modify(ONE, "ana", value("host", "two-1")).unwrap();
    house.modify(ONE, "ana", without(&["prune"])).unwrap();
    assert!(house.is_waiting(ONE));
    assert_eq!(refusal(house.approve(ONE, "ana")), Refusal::OwnRequest);
}

#[test]
fn somebody_who_may_not_approve_does_not_do_so_by_leaving_out_a_step() {
    let rules = format!("{OPEN}[[approve]]\ngroup = \"storage\"\n");
    let mut house = asked(&rules, "warning", disk());
    let mut entitled = house.clone();
    house.modify(ONE, "ana", without(&["prune"])).unwrap();
    assert!(house.is_waiting(ONE));
    entitled.modify(ONE, "ana of storage", without(&["prune"])).unwrap();
    assert!(entitled.is_granted(ONE));
}

#[test]
fn a_request_that_lets_an_author_approve_what_they_widened_is_not_legal() {
    let mut house = waiting();
    let mut trial = house.clone();
    let mut events = trial.modify(ONE, "ana", value("keep", "7")).unwrap();
    let Some(Event::ReviewRequested { request, .. }) = events.last_mut() else {
        panic!("nobody was asked");
    };
    request.author_counts = true;
    let last = events.pop().unwrap();
    house.record(ONE, &events);
    assert!(tagout_core::evolve::evolve(house.incidents[ONE].clone(), &last, house.now).is_err());
}

#[test]
fn choosing_another_candidate_is_recorded_as_a_label_for_calibration() {
    let mut house = waiting();
    let plan = house.plan(ONE).digest();
    let events = house.modify(ONE, "ana", other("cache")).unwrap();
    let chosen = Event::CandidateChosen {
        plan,
        proposed: "disk".into(),
        chosen: "cache".into(),
        evidence: house.incidents[ONE].case().unwrap().evidence(),
        by: person("ana"),
    };
    assert_eq!(events.first(), Some(&chosen));
    let mut same = waiting();
    same.modify(ONE, "ana", value("keep", "7")).unwrap();
    assert!(!same.kinds(ONE).contains(&"candidate_chosen".to_owned()));
}
