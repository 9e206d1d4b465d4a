//! What ran without people is reviewed by people when it is over.

use serde_json::{Value, json};
use tagout_core::afterwards::Hindsight;
use tagout_core::command::Command;
use tagout_core::decide::Rejection;
use tagout_core::digest::PlanDigest;
use tagout_core::event::{Event, StepOutcome};
use tagout_core::evolve::evolve;
use tagout_core::incident::{Closure, Incident};
use tagout_core::intake::{Folds, Place, place};
use tagout_core::need::{Need, need};
use tagout_core::plan::Plan;
use tagout_core::shared::Shared;
use tagout_core::verdict::{Decision, Mode};

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

/// What ran is over, its alert has ended, and `ana` says that it was not right.
fn opened_again(house: &mut House) -> Vec<Event> {
    house.end_of_alert(ONE);
    assert!(matches!(house.incidents[ONE], Incident::Closed(_, Closure::AlertEnded)));
    assert_eq!(house.shared.debts().live(), 1);
    let events = review(house, "ana", Hindsight::Rejected, "three were enough").unwrap();
    assert_eq!(house.shared.debts().live(), 0);
    events
}

fn open_ones(house: &House) -> Vec<&str> {
    house.shared.open_incidents().collect()
}

/// Where the alert of the incident goes if it fires now.
fn fires_again(house: &House) -> Place {
    let alert = alert(ONE, "warning");
    let folds = Folds::default();
    place(&alert, alert.identity(), &house.shared, &folds, &house.policy, house.now)
}

#[test]
fn a_rejection_opens_a_closed_incident_again_until_what_ran_is_taken_back() {
    let mut house = ran(scale());
    let done = house.plan(ONE).digest();
    let events = opened_again(&mut house);
    assert!(matches!(events[1], Event::IncidentReopened { plan } if plan == done));
    let plan = proposed(&events).expect("no plan was offered");
    assert_eq!((plan.undoes, plan.steps[0].argv.join(" ")), (Some(done), "scale web 3".into()));
    assert!(house.is_waiting(ONE) && open_ones(&house) == [ONE]);
    // Nothing of the alert is changed by it: no alert belongs to the incident any more, neither
    // its end nor a new beginning reaches it, and that has an incident of its own.
    assert!(house.shared.open(ONE).is_none());
    assert!(matches!(fires_again(&house), Place::Open(None)), "{:?}", fires_again(&house));
    let (delivery, ended) = (delivery(), None);
    let end = Command::EndAlerts { delivery, ended };
    assert!(matches!(house.ask(ONE, end), Err(Rejection::Closed)));
    house.receive(TWO, alert(ONE, "warning"));
    assert_eq!(open_ones(&house), [TWO, ONE]);
    house.end_of_alert(TWO);
    assert!(house.is_waiting(ONE) && open_ones(&house) == [ONE]);
    let (into, by) = (TWO.into(), person("ana"));
    let merge = Command::Merge { into, by, reason: "one".into() };
    assert!(matches!(house.ask(ONE, merge), Err(Rejection::NotDue(_))));
    // Others approve, it runs though no alert fires, and with it the incident closes.
    assert_eq!(refusal(house.approve(ONE, "ana")), tagout_core::approval::Refusal::OwnRequest);
    house.approve(ONE, "ben").unwrap();
    house.step(ONE, "undo-up");
    assert!(matches!(house.incidents[ONE], Incident::Closed(_, Closure::AlertEnded)));
    assert!(open_ones(&house).is_empty() && house.shared.debts().owed().is_empty());
    let kinds = house.kinds(ONE);
    assert_eq!(kinds.iter().filter(|kind| *kind == "incident_reopened").count(), 1);
    // What is read back is the same.
    let (mut read, mut shared) = (Incident::Absent, Shared::default());
    for (id, event, at) in &house.journal {
        shared = shared.after(event, id, *at);
        if id == ONE {
            read = evolve(read, event, *at).unwrap();
        }
    }
    assert!(read == house.incidents[ONE] && shared == house.shared);
}

#[test]
fn a_way_back_that_is_only_shown_takes_nothing_back_and_stays_with_people() {
    let mut house = ran(scale());
    // Live mode is off since.
    house.mode = Mode::DryRun;
    let events = opened_again(&mut house);
    assert_eq!(proposed(&events).unwrap().mode, Mode::DryRun);
    house.approve(ONE, "ben").unwrap();
    house.must(ONE, Command::Rehearse);
    assert!(house.kinds(ONE).ends_with(&["plan_finished".to_owned()]), "{:?}", house.kinds(ONE));
    assert_eq!(need(&house.incidents[ONE]), Some(Need::NoPlan));
    assert_eq!(open_ones(&house), [ONE]);
    house.must(ONE, Command::Close { by: person("ana"), reason: "taken back by hand".into() });
    assert!(open_ones(&house).is_empty());
}

#[test]
fn what_came_to_nothing_stays_with_people_who_close_it() {
    let mut house = ran(scale());
    opened_again(&mut house);
    house.reject(ONE, "ben").unwrap();
    assert!(house.is_voided(ONE) && open_ones(&house) == [ONE]);
    house.must(ONE, Command::Close { by: person("ben"), reason: "it stays".into() });
    assert!(matches!(house.incidents[ONE], Incident::Closed(_, Closure::ByPerson(_))));
    assert!(open_ones(&house).is_empty());
    let mut house = ran(scale());
    opened_again(&mut house);
    house.approve(ONE, "ben").unwrap();
    house.start(ONE).unwrap();
    house.finish(ONE, "undo-up", 1, StepOutcome::Failed).unwrap();
    assert_eq!(need(&house.incidents[ONE]), Some(Need::PlanFailed));
    assert_eq!(open_ones(&house), [ONE]);
}

#[test]
fn the_end_of_the_alert_does_not_end_what_a_person_asked_to_take_back() {
    for approved in [false, true] {
        let mut house = ran(scale());
        review(&mut house, "ana", Hindsight::Rejected, "three were enough").unwrap();
        if approved {
            house.approve(ONE, "ben").unwrap();
            house.start(ONE).unwrap();
        }
        house.end_of_alert(ONE);
        assert!(house.shared.open(ONE).is_none() && open_ones(&house) == [ONE]);
        assert!(matches!(fires_again(&house), Place::Open(None)));
        if !approved {
            house.approve(ONE, "ben").unwrap();
            house.start(ONE).unwrap();
        }
        house.finish(ONE, "undo-up", 1, StepOutcome::Succeeded).unwrap();
        assert!(matches!(house.incidents[ONE], Incident::Closed(_, Closure::AlertEnded)));
        assert!(open_ones(&house).is_empty());
    }
}

#[test]
fn nothing_is_opened_again_where_nothing_can_be_taken_back() {
    let mut irreversible = scale();
    irreversible["steps"][0].as_object_mut().unwrap().remove("undo");
    let mut house = ran(irreversible);
    assert_eq!(opened_again(&mut house).len(), 1);
    assert!(matches!(house.incidents[ONE], Incident::Closed(..)) && open_ones(&house).is_empty());
    // A dry-run has changed nothing.
    let mut house = House::with(OPEN, [scale()]);
    house.matched(ONE, "scale");
    house.must(ONE, Command::Rehearse);
    house.end_of_alert(ONE);
    let events = review(&mut house, "ana", Hindsight::Rejected, "three were enough").unwrap();
    assert_eq!(events.len(), 1);
    assert!(open_ones(&house).is_empty());
}

#[test]
fn an_incident_is_opened_again_once_and_only_for_what_was_rejected() {
    let mut house = ran(scale());
    let done = house.plan(ONE).digest();
    let reopened = |plan| Event::IncidentReopened { plan };
    let (at, open) = (house.now, house.incidents[ONE].clone());
    assert!(evolve(open, &reopened(done), at).is_err(), "it is open");
    house.end_of_alert(ONE);
    let closed = house.incidents[ONE].clone();
    assert!(evolve(closed.clone(), &reopened(done), at).is_err(), "nobody has rejected it");
    let by = person("ana");
    let rejected = |plan| Event::ReviewedAfterwards {
        plan,
        by: by.clone(),
        hindsight: Hindsight::Rejected,
        reason: "no".into(),
    };
    let other = PlanDigest::of_bytes(b"other");
    let of_other = evolve(closed.clone(), &rejected(other), at).unwrap();
    assert!(evolve(of_other.clone(), &reopened(done), at).is_err(), "another was rejected");
    assert!(evolve(of_other, &reopened(other), at).is_err(), "another ran");
    let once = evolve(closed, &rejected(done), at).unwrap();
    let once = evolve(once, &reopened(done), at).unwrap();
    assert!(evolve(once.clone(), &reopened(done), at).is_err(), "it is open already");
    let ended = |way_back| Event::AlertEnded { delivery: delivery(), ended: None, way_back };
    for event in [ended(None), ended(Some(done))] {
        assert!(evolve(once.clone(), &event, at).is_err(), "no alert belongs to it");
    }
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
