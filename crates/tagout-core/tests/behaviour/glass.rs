//! Breaking the glass: one entitled person approves alone, seldom, with a reason, and somebody
//! else looks at it afterwards.

use tagout_core::afterwards::Hindsight;
use tagout_core::approval::{Refusal, Tally};
use tagout_core::command::Command;
use tagout_core::decide::Rejection;
use tagout_core::digest::PlanDigest;
use tagout_core::event::{Event, GrantedBy, NotLet, StepOutcome};
use tagout_core::evolve::evolve;
use tagout_core::incident::Stage;
use tagout_core::policy::EscalationPolicy;
use tagout_core::verdict::Mode;

use crate::house::*;

const GLASS: &str = "default_environment = \"low\"\n\
                     [break_glass]\npeople = [\"ana\"]\ngroups = [\"leads\"]\n\
                     max_per_window = 2\nwindow = \"1h\"\n\
                     [tier.critical]\ngroups = { on-call = 1, database = 1 }\n";

fn waiting() -> House {
    let mut house = House::with(GLASS, [disk(), cache()]);
    house.matched_at(ONE, "disk", "critical");
    assert!(house.is_waiting(ONE));
    house
}

fn break_glass(house: &mut House, id: &str, who: &str) -> Result<Vec<Event>, Rejection> {
    let (plan, mode) = (house.plan(id).digest(), house.plan(id).mode);
    let reason = "alone, and the shop is down".into();
    house.ask(id, Command::BreakGlass { by: approver(who), plan, mode, reason })
}

#[test]
fn an_entitled_person_approves_alone_and_all_of_it_is_recorded() {
    let mut house = waiting();
    let events = break_glass(&mut house, ONE, "ana").unwrap();
    assert!(house.is_granted(ONE));
    let (plan, by) = (house.plan(ONE).digest(), person("ana"));
    let reason = "alone, and the shop is down".into();
    assert_eq!(events[0], Event::GlassBroken { plan, mode: Mode::DryRun, by, reason });
    assert!(
        matches!(&events[1], Event::ReviewGiven { review } if review.reviewer == person("ana"))
    );
    let by = GrantedBy::Quorum(vec![person("ana")]);
    assert_eq!(events[2], Event::PlanGranted { plan, mode: Mode::DryRun, by });
}

#[test]
fn a_group_may_be_entitled_and_nobody_else_is() {
    let mut house = waiting();
    let refused = break_glass(&mut house, ONE, "ben of on-call");
    assert_eq!(refusal(refused), Refusal::NotEntitled);
    assert!(matches!(house.journal.last(), Some((_, Event::ReviewRefused { .. }, _))));
    break_glass(&mut house, ONE, "ben of leads").unwrap();
    assert!(house.is_granted(ONE));
}

#[test]
fn without_rules_nobody_breaks_any_glass() {
    let mut house = House::new();
    house.matched_at(ONE, "cache", "critical");
    assert!(matches!(break_glass(&mut house, ONE, "ana"), Err(Rejection::NotDue(_))));
}

#[test]
fn it_may_be_a_plan_that_they_asked_for_or_had_approved_before() {
    let mut house = waiting();
    house.approve(ONE, "ana of on-call").unwrap();
    let mut before = house.clone();
    break_glass(&mut before, ONE, "ana").unwrap();
    assert!(before.is_granted(ONE));
    house.modify(ONE, "ana", value("keep", "7")).unwrap();
    assert_eq!(refusal(house.approve(ONE, "ana")), Refusal::OwnRequest);
    break_glass(&mut house, ONE, "ana").unwrap();
    assert!(house.is_granted(ONE));
}

#[test]
fn a_reason_must_be_typed_and_the_plan_be_the_one_that_was_read() {
    let mut house = waiting();
    let (plan, mode) = (house.plan(ONE).digest(), Mode::DryRun);
    for reason in ["", "  \n", &"x".repeat(4_097)] {
        let by = approver("ana");
        let asked = house.ask(ONE, Command::BreakGlass { by, plan, mode, reason: reason.into() });
        assert_eq!(asked, Err(Rejection::ReasonNeeded));
    }
    for (plan, mode, expected) in [
        (PlanDigest::of_bytes(b"x"), mode, Refusal::OtherPlan),
        (plan, Mode::Live, Refusal::OtherMode),
    ] {
        let by = approver("ana");
        let asked = house.ask(ONE, Command::BreakGlass { by, plan, mode, reason: "now".into() });
        assert_eq!(refusal(asked), expected);
    }
}

#[test]
fn never_past_halt_nor_under_the_kill_switch_or_a_freeze() {
    let mut halted = House::with(GLASS, [disk()]);
    halted.kill_switch(true);
    halted.matched_at(ONE, "disk", "critical");
    assert!(matches!(break_glass(&mut halted, ONE, "ana"), Err(Rejection::NotDue(_))));
    halted.kill_switch(false);
    assert!(matches!(break_glass(&mut halted, ONE, "ana"), Err(Rejection::NotDue(_))));
    let broken = Event::GlassBroken {
        plan: halted.plan(ONE).digest(),
        mode: Mode::DryRun,
        by: person("ana"),
        reason: "now".into(),
    };
    assert!(evolve(halted.incidents[ONE].clone(), &broken, halted.now).is_err());

    let mut house = waiting();
    house.kill_switch(true);
    assert!(matches!(break_glass(&mut house, ONE, "ana"), Err(Rejection::Stopped(_))));
    house.kill_switch(false);
    house.freeze(None);
    assert!(matches!(break_glass(&mut house, ONE, "ana"), Err(Rejection::Stopped(_))));
}

#[test]
fn a_rejection_or_a_lapse_ends_the_plan_for_whoever_would_break_its_glass_too() {
    let mut house = waiting();
    house.reject(ONE, "ben").unwrap();
    assert!(matches!(break_glass(&mut house, ONE, "ana"), Err(Rejection::NotDue(_))));
    let mut late = waiting();
    late.wait(15 * 60);
    assert_eq!(refusal(break_glass(&mut late, ONE, "ana")), Refusal::Lapsed);
}

#[test]
fn a_glass_is_not_broken_in_vain_for_a_stale_plan_it_is_made_anew_to_be_read() {
    let mut house = waiting();
    let before = house.plan(ONE).digest();
    house.policy = EscalationPolicy::parse(&format!("{GLASS}quorum = 3\n")).unwrap();
    let events = break_glass(&mut house, ONE, "ana").unwrap();
    assert!(!events.iter().any(|event| matches!(event, Event::GlassBroken { .. })), "{events:#?}");
    assert!(house.is_waiting(ONE));
    assert_ne!(house.plan(ONE).digest(), before);
    assert_eq!(house.shared.debts().broken_glass().count(), 0);
    // Read anew, it is broken and holds.
    break_glass(&mut house, ONE, "ana").unwrap();
    let broken: Vec<_> = house.shared.debts().broken_glass().collect();
    assert_eq!((broken.len(), &broken[0].by, &*broken[0].incident), (1, &person("ana"), ONE));
    house.must(ONE, Command::Rehearse);
    assert!(matches!(house.stage(ONE), Stage::Finished(..)));
    assert_eq!(house.shared.debts().broken_glass().count(), 1);
}

#[test]
fn a_broken_glass_is_spoken_of_until_it_is_reviewed_or_its_plan_is_void_without_having_run() {
    let mut void = waiting();
    break_glass(&mut void, ONE, "ana").unwrap();
    assert_eq!(void.shared.debts().broken_glass().count(), 1);
    void.revoke(ONE);
    assert_eq!(void.shared.debts().broken_glass().count(), 0);

    let mut ran = waiting();
    break_glass(&mut ran, ONE, "ana").unwrap();
    ran.must(ONE, Command::Rehearse);
    let (plan, by) = (ran.plan(ONE).digest(), person("ben"));
    let (hindsight, reason) = (Hindsight::Upheld, "".into());
    ran.must(ONE, Command::ReviewAfterwards { by, plan, hindsight, reason });
    assert_eq!(ran.shared.debts().broken_glass().count(), 0);
}

#[test]
fn whoever_broke_the_glass_does_not_get_rid_of_it_by_merging_or_closing_midway() {
    let rules = GLASS.split("[tier.critical]").next().unwrap();
    let mut house = House::live(rules, [disk()]);
    house.matched_at(ONE, "disk", "critical");
    house.matched_at(TWO, "disk", "critical");
    break_glass(&mut house, ONE, "ana").unwrap();
    let merge = |who: &str| Command::Merge {
        into: TWO.into(),
        by: person(who),
        reason: "the same outage".into(),
    };
    let close = |who: &str| Command::Close { by: person(who), reason: "done".into() };
    let own = |asked| matches!(asked, Err(Rejection::NotLet { why: NotLet::OwnDoing, .. }));
    // Nothing has run: there is nothing to look at.
    assert!(house.clone().ask(ONE, close("ana")).is_ok());
    house.step(ONE, "look");
    assert!(own(house.ask(ONE, close("ana"))));
    assert!(own(house.ask(ONE, merge("ana"))));
    for step in ["rotate", "prune", "verify"] {
        house.step(ONE, step);
    }
    assert!(own(house.ask(ONE, close("ana"))));
    assert!(own(house.ask(ONE, merge("ana"))));
    house.must(ONE, merge("ben"));
}

#[test]
fn it_is_done_only_so_often_within_the_window_and_a_jump_makes_no_room() {
    let mut house = House::with(GLASS, [disk()]);
    for n in 0..2 {
        let id = format!("i{n}");
        house.matched_at(&id, "disk", "critical");
        break_glass(&mut house, &id, "ana").unwrap();
    }
    house.matched_at(ONE, "disk", "critical");
    assert!(matches!(break_glass(&mut house, ONE, "ana"), Err(Rejection::NotDue(_))));
    let mut later = house.clone();
    house.wait(3600);
    house.matched_at(TWO, "disk", "critical");
    break_glass(&mut house, TWO, "ana").unwrap();
    later.wait(3600);
    later.jump();
    later.matched_at(TWO, "disk", "critical");
    assert!(matches!(break_glass(&mut later, TWO, "ana"), Err(Rejection::NotDue(_))));
}

#[test]
fn breaking_the_glass_of_one_plan_opens_no_other() {
    let mut house = waiting();
    house.matched_at(TWO, "disk", "critical");
    break_glass(&mut house, ONE, "ana").unwrap();
    let gate = house.incidents[TWO].waiting().unwrap().1;
    assert!(matches!(gate.tally(house.now), Tally::Waiting { have: 0, need: 2 }));
}

#[test]
fn somebody_else_reviews_it_before_its_author_can_close_the_incident() {
    let rules = GLASS.split("[tier.critical]").next().unwrap();
    let mut house = House::live(rules, [cache()]);
    house.matched_at(ONE, "cache", "critical");
    break_glass(&mut house, ONE, "ana").unwrap();
    house.start(ONE).unwrap();
    house.finish(ONE, "flush", 1, StepOutcome::Succeeded).unwrap();
    let plan = house.plan(ONE).digest();
    assert_eq!(house.shared.debts().live(), 1);
    let close = |who: &str| Command::Close { by: person(who), reason: "done".into() };
    let own = |asked| matches!(asked, Err(Rejection::NotLet { why: NotLet::OwnDoing, .. }));
    assert!(own(house.ask(ONE, close("ana"))));
    let review = |who: &str| Command::ReviewAfterwards {
        by: person(who),
        plan,
        hindsight: Hindsight::Upheld,
        reason: "it was right".into(),
    };
    assert!(own(house.ask(ONE, review("ana"))));
    house.must(ONE, review("ben"));
    house.must(ONE, close("ana"));
}
