//! Without a recorded start nothing runs, and with one it runs once.

use tagout::exec::{End, Executor, Stop};
use tagout_core::command::Command;
use tagout_core::digest::PlanDigest;
use tagout_core::event::{Event, StepOutcome};

use crate::house::{House, permit};
use crate::world::{order, settings};

#[test]
fn a_permit_comes_out_of_the_commit_of_a_start_and_of_nothing_else() {
    let mut house = House::new();
    let (recorded, permits) = house.start();
    assert!(matches!(recorded[0].event(), Event::StepStarted { .. }));
    let [permit] = &permits[..] else { panic!("{permits:?}") };
    assert_eq!((permit.plan(), permit.step(), permit.attempt()), (house.plan(), "flush", 1));
    assert_eq!((permit.incident(), permit.target()), ("one", "cache-1"));
    assert_eq!(permit.entry(), recorded[0].index());
    let finish = Command::FinishStep {
        plan: house.plan(),
        step: "flush".into(),
        attempt: 1,
        outcome: StepOutcome::Failed,
        output: "".into(),
        ended: None,
    };
    let (_, permits) = house.ask(finish);
    assert!(permits.is_empty(), "{permits:?}");
    let (_, permits) = house.start();
    assert_eq!(permits[0].attempt(), 2);
}

#[test]
fn an_order_for_another_step_or_plan_than_the_permits_is_not_started() {
    let executor = Executor::open(settings()).unwrap();
    let trace = tempfile::NamedTempFile::new().unwrap();
    let touch = |change: fn(&mut tagout::exec::Order)| {
        let permit = permit();
        let script = format!("echo ran >>{}", trace.path().display());
        let mut order = order(&permit, &script, &[]);
        change(&mut order);
        executor.run(permit, order, Stop::new()).end
    };
    let not_started = |end| assert!(matches!(end, End::NotStarted { .. }), "{end:?}");
    not_started(touch(|order| order.step = "another".into()));
    not_started(touch(|order| order.plan = PlanDigest::of_bytes(b"another")));
    assert_eq!(std::fs::read(trace.path()).unwrap(), b"");
    // The same order as it should be leaves its trace.
    assert_eq!(touch(|_| ()), End::Exited { code: 0 });
    assert_eq!(std::fs::read(trace.path()).unwrap(), b"ran\n");
}
