//! The end of a step that is told after the step was given up as lost.

use std::collections::BTreeSet;

use tagout_core::command::Command;
use tagout_core::event::{Event, StepFinding, StepOutcome};
use tagout_core::evolve::evolve;
use tagout_core::text::FreeText;

use crate::house::*;

/// A live plan whose first step was given up as lost.
fn lost() -> House {
    let mut house = House::live(OPEN, [disk()]);
    house.matched(ONE, "disk");
    house.start(ONE).unwrap();
    house.must(ONE, Command::ReportLost { running: BTreeSet::new() });
    house
}

fn resolve(house: &mut House, finding: StepFinding) {
    let (plan, step, by) = (house.plan(ONE).digest(), "look".to_owned(), person("ana"));
    let reason = "looked".into();
    house.must(ONE, Command::ResolveStep { by, plan, step, attempt: 1, finding, reason });
}

#[test]
fn it_settles_nothing_and_is_kept_for_the_people_who_say_what_the_step_did() {
    let mut house = lost();
    let told = house.finish(ONE, "look", 1, StepOutcome::Succeeded).unwrap();
    let [Event::StepLost { output, .. }] = &told[..] else { panic!("{told:?}") };
    assert!(output.as_str().ends_with("it succeeded"), "{output}");
    // The plan waits for a person, also while they look into it.
    assert!(house.start(ONE).is_err());
    resolve(&mut house, StepFinding::Investigating);
    house.finish(ONE, "look", 1, StepOutcome::Failed).unwrap();
    assert!(house.start(ONE).is_err());
    resolve(&mut house, StepFinding::Ran);
    let said = house.finish(ONE, "look", 1, StepOutcome::Failed);
    assert!(said.is_err(), "a person has said it: {said:?}");
    let next = house.start(ONE).unwrap();
    assert!(matches!(&next[..], [Event::StepStarted { step, .. }] if step == "rotate"), "{next:?}");
}

#[test]
fn a_log_in_which_it_was_taken_for_the_steps_end_still_opens() {
    let house = lost();
    let incident = house.incidents[ONE].clone();
    let (plan, step) = (house.plan(ONE).digest(), "look".to_owned());
    let (outcome, output) = (StepOutcome::Succeeded, FreeText::default());
    let ended = Event::StepFinished { plan, step, attempt: 1, outcome, output, ended: None };
    let after = evolve(incident, &ended, house.now).unwrap();
    assert!(!after.case().unwrap().in_flight());
}
