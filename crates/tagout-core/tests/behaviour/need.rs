//! What an incident needs of a person, at every point where a live plan comes to rest.

use std::collections::BTreeSet;

use serde_json::json;
use tagout_core::command::Command;
use tagout_core::event::{Event, StepFinding, StepOutcome};
use tagout_core::incident::Incident;
use tagout_core::need::{Need, need};
use tagout_core::notice::{Happened, Notice, Topic, notices};
use tagout_core::verdict::{Mode, Rule};

use crate::house::*;
use crate::live::on_failure;
use crate::notices::told;

fn needs(house: &House) -> Option<Need> {
    need(&house.incidents[ONE])
}

fn says(house: &mut House, step: &str, finding: StepFinding) {
    let by = person("ana");
    let starts = &house.incidents[ONE].case().unwrap().starts;
    let plan = starts.keys().next().map_or_else(|| house.plan(ONE).digest(), |(plan, ..)| *plan);
    let (step, reason) = (step.to_owned(), "looked".into());
    house.must(ONE, Command::ResolveStep { by, plan, step, attempt: 1, finding, reason });
}

fn lost() -> House {
    let mut house = House::live(OPEN, [disk(), cache()]);
    house.matched(ONE, "cache");
    house.start(ONE).unwrap();
    assert_eq!(needs(&house), None, "a step that runs needs nobody");
    house.must(ONE, Command::ReportLost { running: BTreeSet::new() });
    house
}

#[test]
fn an_unknown_step_needs_a_person_until_somebody_says_what_it_did() {
    let mut house = lost();
    assert_eq!(needs(&house), Some(Need::UnknownStep));
    says(&mut house, "flush", StepFinding::Investigating);
    assert_eq!(needs(&house), Some(Need::UnknownStep));
    says(&mut house, "flush", StepFinding::Ran);
    assert_eq!(needs(&house), None);
}

#[test]
fn an_unknown_step_needs_a_person_also_after_its_alert_has_ended() {
    let mut house = lost();
    house.end_of_alert(ONE);
    assert!(matches!(house.incidents[ONE], Incident::Closed(..)));
    assert_eq!(needs(&house), Some(Need::UnknownStep));
    let (plan, ..) = house.incidents[ONE].case().unwrap().starts.keys().next().unwrap().clone();
    assert_eq!(house.shared.held(plan), Some("cache-1"));
    says(&mut house, "flush", StepFinding::DidNotRun);
    assert_eq!(needs(&house), None);
    assert_eq!(house.shared.held(plan), None);
}

#[test]
fn a_step_for_a_person_needs_one_and_a_plan_that_it_ends_still_does() {
    let page = json!({
        "id": "hand", "risk": "low", "match": {"alert_names": ["hand"]},
        "steps": [
            {"id": "drain", "kind": "action", "title": "Drain it", "command": ["drain", "one"]},
            {"id": "swap", "kind": "manual", "title": "Swap the disk"},
        ],
    });
    let mut house = House::live(OPEN, [page]);
    house.matched(ONE, "hand");
    assert_eq!(needs(&house), Some(Need::Answer));
    house.approve(ONE, "ana").unwrap();
    assert_eq!(needs(&house), None);
    house.step(ONE, "drain");
    assert_eq!(needs(&house), Some(Need::ManualStep));
    // Whoever is reminded when a snooze is over is reminded of it.
    let after = &house.incidents[ONE];
    let event = Event::SnoozeEnded {};
    let (was_open, entry, at) = (true, 1, house.now);
    let told = notices(Happened { event: &event, incident: ONE, was_open, after, entry, at });
    assert_eq!(told.iter().map(|told| told.topic).collect::<Vec<_>>(), [Topic::PersonNeeded]);
    says(&mut house, "swap", StepFinding::DidNotRun);
    assert_eq!(needs(&house), Some(Need::PlanFailed));
    house.end_of_alert(ONE);
    assert_eq!(needs(&house), None);
}

#[test]
fn a_plan_that_failed_was_stopped_or_ran_out_of_time_needs_a_person_and_says_by_which_step() {
    for outcome in [StepOutcome::Failed, StepOutcome::Stopped, StepOutcome::TimedOut] {
        let mut house = House::live(OPEN, [disk(), cache()]);
        house.matched(ONE, "disk");
        house.step(ONE, "look");
        house.start(ONE).unwrap();
        house.finish(ONE, "rotate", 1, outcome).unwrap();
        assert_eq!(needs(&house), Some(Need::PlanFailed), "{outcome:?}");
        let (case, plan) = (house.incidents[ONE].case().unwrap(), house.plan(ONE).digest());
        assert_eq!(case.failed_step(plan), Some(("rotate", outcome)));
    }
    // A step that succeeded at last ended nothing.
    let mut house = House::live(OPEN, [cache()]);
    house.matched(ONE, "cache");
    let plan = house.plan(ONE).digest();
    for outcome in [StepOutcome::Failed, StepOutcome::Succeeded] {
        house.start(ONE).unwrap();
        let attempt = 1 + u32::from(outcome == StepOutcome::Succeeded);
        house.finish(ONE, "flush", attempt, outcome).unwrap();
    }
    assert_eq!(house.incidents[ONE].case().unwrap().failed_step(plan), None);
    assert_eq!(needs(&house), None);
}

#[test]
fn a_plan_that_failed_and_was_taken_back_needs_a_person_until_its_alert_ends_and_people_are_told() {
    let mut house = on_failure("undo");
    assert_eq!(needs(&house), Some(Need::Answer));
    let words = house.plan(ONE).takes_back().unwrap();
    assert!(words.ends_with("which failed"), "{words}");
    house.approve(ONE, "ana").unwrap();
    house.step(ONE, "undo-grow");
    assert_eq!(needs(&house), Some(Need::TakenBack));
    let topic = |notice: &Notice| notice.topic;
    assert_eq!(told(&house).iter().map(topic).next_back(), Some(Topic::PersonNeeded));
    house.end_of_alert(ONE);
    assert_eq!(needs(&house), None);
}

#[test]
fn a_verdict_says_why_a_plan_is_a_dry_run_in_live_mode_and_nothing_where_all_is_dry() {
    let why = |house: &House| {
        let verdict = house.incidents[ONE].proposal().unwrap().verdict.clone().unwrap();
        let dry = verdict.reasons.into_iter().find(|reason| reason.rule == Rule::NotStartable);
        dry.map(|reason| reason.detail)
    };
    // Neither the tier nor the page is let.
    let mut house = House::with(OPEN, [cache()]);
    house.mode = Mode::Live;
    house.matched(ONE, "cache");
    assert_eq!(house.plan(ONE).mode, Mode::DryRun);
    let said = why(&house).unwrap();
    assert!(said.contains("no plan of") && said.contains("not admitted"), "{said}");
    // Only the tier is not.
    let mut house = House::live(OPEN, [cache()]);
    house.policy = tagout_core::policy::EscalationPolicy::parse(OPEN).unwrap();
    house.matched(ONE, "cache");
    let said = why(&house).unwrap();
    assert!(said.contains("no plan of") && !said.contains("admitted"), "{said}");
    let mut house = House::new();
    house.matched(ONE, "cache");
    assert_eq!(why(&house), None);
}
