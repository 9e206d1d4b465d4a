//! A step of which nobody knows what it did, or that is a person's to do: what people say of it, and
//! nothing goes on before.

use std::collections::BTreeSet;

use serde_json::json;
use tagout_core::command::Command;
use tagout_core::decide::Rejection;
use tagout_core::event::{CommandEnd, Event, PlanOutcome, StepFinding, StepOutcome};
use tagout_core::incident::Stage;
use tagout_core::time::Span;

use crate::house::*;
use crate::live::{live, outcome, started};

fn resolve(house: &mut House, step: &str, finding: StepFinding) -> Result<Vec<Event>, Rejection> {
    let (plan, step) = (house.plan(ONE).digest(), step.to_owned());
    let by = person("ana");
    house.ask(
        ONE,
        Command::ResolveStep { by, plan, step, attempt: 1, finding, reason: "looked".into() },
    )
}

#[test]
fn a_step_whose_end_nobody_saw_is_unknown_and_blocks_the_plan() {
    let mut house = live("cache");
    house.start(ONE).unwrap();
    let lost = house.must(ONE, Command::ReportLost { running: BTreeSet::new() });
    assert!(matches!(&lost[..], [Event::StepLost { .. }]), "{lost:?}");
    assert!(house.start(ONE).is_err());
    assert_eq!(house.must(ONE, Command::ReportLost { running: BTreeSet::new() }), []);
}

#[test]
fn a_person_who_says_that_it_ran_lets_the_plan_go_on() {
    let mut house = live("disk");
    house.start(ONE).unwrap();
    house.must(ONE, Command::ReportLost { running: BTreeSet::new() });
    resolve(&mut house, "look", StepFinding::Ran).unwrap();
    let next = house.start(ONE).unwrap();
    assert_eq!(started(&next), ("rotate", 1));
}

#[test]
fn a_person_who_says_that_it_did_not_run_allows_another_attempt_only_if_one_is_left() {
    let mut house = live("cache");
    house.start(ONE).unwrap();
    house.must(ONE, Command::ReportLost { running: BTreeSet::new() });
    resolve(&mut house, "flush", StepFinding::DidNotRun).unwrap();
    let again = house.start(ONE).unwrap();
    assert_eq!(started(&again), ("flush", 2));

    let mut house = live("failover");
    house.start(ONE).unwrap();
    house.must(ONE, Command::ReportLost { running: BTreeSet::new() });
    resolve(&mut house, "promote", StepFinding::DidNotRun).unwrap();
    assert_eq!(outcome(&house), PlanOutcome::Failed);
}

#[test]
fn only_an_unknown_step_can_be_resolved_and_only_once() {
    let mut house = live("cache");
    assert!(resolve(&mut house, "flush", StepFinding::Ran).is_err());
    house.start(ONE).unwrap();
    assert!(resolve(&mut house, "flush", StepFinding::Ran).is_err());
    house.must(ONE, Command::ReportLost { running: BTreeSet::new() });
    resolve(&mut house, "flush", StepFinding::Ran).unwrap();
    assert!(resolve(&mut house, "flush", StepFinding::DidNotRun).is_err());
}

#[test]
fn an_incident_is_not_closed_while_a_step_has_no_recorded_end() {
    let mut house = live("cache");
    house.start(ONE).unwrap();
    let close = || Command::Close { by: person("ana"), reason: "done".into() };
    assert!(matches!(house.ask(ONE, close()), Err(Rejection::NotDue(_))));
    house.must(ONE, Command::ReportLost { running: BTreeSet::new() });
    assert!(matches!(house.ask(ONE, close()), Err(Rejection::NotDue(_))));
    resolve(&mut house, "flush", StepFinding::Ran).unwrap();
    house.must(ONE, close());
}

fn by_hand() -> House {
    let page = json!({
        "id": "hand", "risk": "low", "match": {"alert_names": ["hand"]},
        "steps": [
            {"id": "drain", "kind": "action", "title": "Drain it", "command": ["drain", "one"]},
            {"id": "swap", "kind": "manual", "title": "Swap the disk"},
            {"id": "fill", "kind": "action", "title": "Fill it", "command": ["fill", "one"]},
        ],
    });
    let mut house = House::live(OPEN, [page]);
    house.matched(ONE, "hand");
    house.approve(ONE, "ana").unwrap();
    house.step(ONE, "drain");
    house
}

#[test]
fn a_step_for_a_person_is_done_when_somebody_says_so_and_then_the_plan_goes_on() {
    let mut house = by_hand();
    assert!(matches!(house.start(ONE), Err(Rejection::NotDue(_))));
    assert!(resolve(&mut house, "fill", StepFinding::Ran).is_err());
    assert!(resolve(&mut house, "swap", StepFinding::Investigating).is_err());
    resolve(&mut house, "swap", StepFinding::Ran).unwrap();
    assert!(resolve(&mut house, "swap", StepFinding::Ran).is_err());
    let next = house.start(ONE).unwrap();
    assert_eq!(started(&next), ("fill", 1));
}

#[test]
fn a_step_for_a_person_that_they_could_not_do_ends_the_plan() {
    let mut house = by_hand();
    resolve(&mut house, "swap", StepFinding::DidNotRun).unwrap();
    assert_eq!(outcome(&house), PlanOutcome::Failed);
}

#[test]
fn an_unknown_step_that_somebody_looks_into_stays_unknown_and_its_target_held() {
    let mut house = live("cache");
    house.start(ONE).unwrap();
    house.must(ONE, Command::ReportLost { running: BTreeSet::new() });
    resolve(&mut house, "flush", StepFinding::Investigating).unwrap();
    assert!(house.start(ONE).is_err());
    assert!(house.shared.lock("cache-1").is_some_and(|lock| lock.incident == ONE));
    resolve(&mut house, "flush", StepFinding::Ran).unwrap();
    assert!(house.shared.lock("cache-1").is_none());
}

#[test]
fn a_step_whose_processes_may_go_on_is_unknown_and_keeps_what_is_known_of_it() {
    let mut house = live("cache");
    let plan = house.plan(ONE).digest();
    house.start(ONE).unwrap();
    let ended = CommandEnd {
        exit_code: Some(0),
        signal: None,
        containment: Some("weak containment".into()),
        left_behind: true,
        not_gone: true,
        sandbox: None,
        took: Span::from_secs(1),
    };
    let unknown = || Command::ReportUnknown {
        plan,
        step: "flush".into(),
        attempt: 1,
        output: "done".into(),
        ended: Some(ended.clone()),
    };
    let events = house.must(ONE, unknown());
    let [Event::StepLost { output, ended: Some(kept), .. }] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((output.as_str(), kept), ("done", &ended));
    assert!(matches!(house.ask(ONE, unknown()), Err(Rejection::NotDue(_))));
    assert!(matches!(house.start(ONE), Err(Rejection::NotDue(_))), "it must be resolved first");
}

#[test]
fn what_still_runs_where_it_is_asked_is_not_lost() {
    let mut house = live("cache");
    let plan = house.plan(ONE).digest();
    house.start(ONE).unwrap();
    let running: BTreeSet<_> = [(plan, "flush".to_owned(), 1)].into();
    assert_eq!(house.must(ONE, Command::ReportLost { running }), []);
}

#[test]
fn a_resolution_needs_a_reason() {
    let mut house = live("cache");
    house.start(ONE).unwrap();
    house.must(ONE, Command::ReportLost { running: BTreeSet::new() });
    let (plan, by, step) = (house.plan(ONE).digest(), person("ana"), "flush".to_owned());
    let finding = StepFinding::Ran;
    let ask = Command::ResolveStep { by, plan, step, attempt: 1, finding, reason: "".into() };
    assert_eq!(house.ask(ONE, ask), Err(Rejection::ReasonNeeded));
}

#[test]
fn how_a_step_ended_is_recorded_also_while_people_are_asked_about_the_plan_after_it() {
    for lost in [false, true] {
        let mut house = live("disk");
        house.start(ONE).unwrap();
        let plan = house.plan(ONE).digest();
        house.receive(ONE, alert(ONE, "critical"));
        house.find(ONE, &[by_key("disk", 9_900)]);
        assert!(matches!(house.stage(ONE), Stage::Waiting(..)), "{:?}", house.stage(ONE));
        assert_ne!(house.plan(ONE).digest(), plan);
        let step = || "look".to_owned();
        if lost {
            let running = BTreeSet::new();
            house.must(ONE, Command::ReportLost { running });
            let (by, reason) = (person("ana"), "looked".into());
            let finding = StepFinding::Ran;
            let said = Command::ResolveStep { by, plan, step: step(), attempt: 1, finding, reason };
            house.must(ONE, said);
        } else {
            let (outcome, output) = (StepOutcome::Stopped, "half of it".into());
            let end = Command::FinishStep {
                plan,
                step: step(),
                attempt: 1,
                outcome,
                output,
                ended: None,
            };
            house.must(ONE, end);
        }
        assert!(matches!(house.stage(ONE), Stage::Waiting(..)));
    }
}
