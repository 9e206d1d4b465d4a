//! What ran without people is reviewed by people when it is over.

use serde_json::{Value, json};
use tagout_core::afterwards::Hindsight;
use tagout_core::command::Command;
use tagout_core::decide::Rejection;
use tagout_core::event::{Event, StepOutcome};
use tagout_core::incident::Incident;
use tagout_core::plan::Plan;
use tagout_core::verdict::Decision;

use crate::house::*;

/// Two actions, the first of which can be taken back.
fn scale() -> Value {
    json!({
        "id": "scale", "risk": "low", "reversible": true, "target": "web",
        "steps": [
            {"id": "up", "kind": "action", "title": "Add a replica",
             "command": ["scale", "web", "4"], "undo": ["scale", "web", "3"]},
            {"id": "drain", "kind": "action", "title": "Drain",
             "command": ["drain", "web"]},
        ],
    })
}

/// A plan that the policy let run, up to its end.
fn ran(runbook: Value) -> House {
    let mut house = House::live(OPEN, [runbook]);
    house.matched(ONE, "scale");
    assert_eq!(house.decision(ONE), Decision::Proceed);
    house.step(ONE, "up");
    house.step(ONE, "drain");
    house
}

fn review(
    house: &mut House,
    who: &str,
    hindsight: Hindsight,
    reason: &str,
) -> Result<Vec<Event>, Rejection> {
    let plan = *house.shared.debts().owed().keys().next().expect("no review is owed");
    let (by, reason) = (person(who), reason.into());
    house.ask(ONE, Command::ReviewAfterwards { by, plan, hindsight, reason })
}

fn proposed(events: &[Event]) -> Option<&Plan> {
    events.iter().find_map(|event| match event {
        Event::PlanProposed { plan, .. } => Some(plan),
        _ => None,
    })
}

#[test]
fn a_plan_that_ran_without_people_owes_a_review_once_it_is_over() {
    let mut house = House::live(OPEN, [scale()]);
    house.matched(ONE, "scale");
    assert!(house.shared.debts().owed().is_empty());
    house.step(ONE, "up");
    house.step(ONE, "drain");
    assert_eq!(house.shared.debts().live(), 1);
    review(&mut house, "ana", Hindsight::Upheld, "").unwrap();
    assert_eq!(house.shared.debts().live(), 0);
}

#[test]
fn a_plan_that_people_approved_owes_none() {
    let mut house = House::live(OPEN, [scale()]);
    house.matched_at(ONE, "scale", "critical");
    house.approve(ONE, "ana").unwrap();
    house.approve(ONE, "ben").unwrap();
    house.step(ONE, "up");
    house.step(ONE, "drain");
    assert!(house.shared.debts().owed().is_empty());
}

#[test]
fn what_was_stopped_midway_owes_a_review_of_what_it_did() {
    let mut house = House::live(OPEN, [scale()]);
    house.matched(ONE, "scale");
    house.step(ONE, "up");
    house.revoke(ONE);
    assert_eq!(house.shared.debts().live(), 1);
}

#[test]
fn what_was_stopped_before_it_did_anything_owes_none() {
    let mut house = House::live(OPEN, [scale()]);
    house.matched(ONE, "scale");
    house.revoke(ONE);
    assert!(house.shared.debts().owed().is_empty());
}

#[test]
fn a_rejection_needs_a_reason() {
    let mut house = ran(scale());
    assert!(matches!(
        review(&mut house, "ana", Hindsight::Rejected, " "),
        Err(Rejection::ReasonNeeded)
    ));
}

#[test]
fn a_rejection_offers_to_take_back_what_can_be_taken_back_and_others_must_approve() {
    let mut house = ran(scale());
    let done = house.plan(ONE).digest();
    let events = review(&mut house, "ana", Hindsight::Rejected, "three were enough").unwrap();
    let plan = proposed(&events).expect("no plan was offered");
    assert_eq!(plan.undoes, Some(done));
    let commands: Vec<_> = plan.steps.iter().map(|step| step.argv.join(" ")).collect();
    assert_eq!(commands, ["scale web 3"]);
    // What stays as it is, is said of the plan that takes the rest back.
    let difference = events.iter().find_map(|event| match event {
        Event::PlanProposed { difference, .. } => Some(difference),
        _ => None,
    });
    assert_eq!(
        difference.unwrap()[1..],
        ["does not take back drain (Drain): it was done, and no undo is declared"]
    );
    assert_eq!(house.decision(ONE), Decision::Escalate);
    assert!(house.is_waiting(ONE));
    assert_eq!(refusal(house.approve(ONE, "ana")), tagout_core::approval::Refusal::OwnRequest);
    house.approve(ONE, "ben").unwrap();
    house.step(ONE, "undo-up");
    assert!(house.shared.debts().owed().is_empty());
}

#[test]
fn only_what_succeeded_is_taken_back() {
    let mut house = House::live(OPEN, [scale()]);
    house.matched(ONE, "scale");
    house.start(ONE).unwrap();
    house.finish(ONE, "up", 1, StepOutcome::Failed).unwrap();
    let events = review(&mut house, "ana", Hindsight::Rejected, "it made it worse").unwrap();
    assert!(proposed(&events).is_none());
}

#[test]
fn a_plan_that_takes_another_back_is_not_changed_into_doing_it_again() {
    let mut house = ran(scale());
    review(&mut house, "ana", Hindsight::Rejected, "three were enough").unwrap();
    assert!(house.modify(ONE, "ben", other("scale")).is_err());
    assert!(house.is_waiting(ONE));
}

#[test]
fn nothing_is_offered_when_the_runbook_is_no_longer_the_one_that_ran() {
    let mut house = ran(scale());
    let mut changed = scale();
    changed["steps"][0]["undo"] = json!(["scale", "web", "0"]);
    house.runbooks = tagout_core::runbook::Catalogue::new([runbook(&changed)]).unwrap();
    let events = review(&mut house, "ana", Hindsight::Rejected, "three were enough").unwrap();
    assert!(proposed(&events).is_none());
}

#[test]
fn the_review_of_a_closed_incident_is_still_owed_and_can_be_given() {
    let mut house = ran(scale());
    house.end_of_alert(ONE);
    assert!(matches!(house.incidents[ONE], Incident::Closed(..)));
    assert_eq!(house.shared.debts().live(), 1);
    review(&mut house, "ana", Hindsight::Rejected, "three were enough").unwrap();
    assert_eq!(house.shared.debts().live(), 0);
}

#[test]
fn no_review_is_given_twice_or_for_a_plan_that_owes_none() {
    let mut house = ran(scale());
    let plan = house.plan(ONE).digest();
    review(&mut house, "ana", Hindsight::Upheld, "").unwrap();
    let (by, hindsight, reason) = (person("ben"), Hindsight::Upheld, "".into());
    let again = Command::ReviewAfterwards { by, plan, hindsight, reason };
    assert!(matches!(house.ask(ONE, again), Err(Rejection::NotDue(_))));
}
