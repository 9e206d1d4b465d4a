//! The time-boxed bypass, batches, and what is off where plans are approved unread.

use tagout_core::actor::{Actor, Role};
use tagout_core::approval::{Answer, Refusal};
use tagout_core::command::{Command, SharedCommand};
use tagout_core::decide::Rejection;
use tagout_core::event::{Event, NotLet};
use tagout_core::tier::Tier;
use tagout_core::time::Span;
use tagout_core::verdict::{Decision, Rule};

use crate::house::*;

const BYPASS: &str =
    "default_environment = \"low\"\n[bypass]\ngroups = [\"leads\"]\nlongest = \"8h\"\n";

fn house(policy: &str) -> House {
    let mut house = House::with(policy, [disk(), cache(), failover()]);
    let policy = house.policy.clone();
    house.say(SharedCommand::LoadPolicy(policy)).unwrap();
    house
}

fn bypass(house: &House, runbook: &str, tier: Tier, hours: u64, who: &str) -> SharedCommand {
    SharedCommand::OpenBypass {
        id: "b1".into(),
        runbook: runbook.into(),
        tier,
        until: house.now.after(Span::from_secs(hours * 3600)),
        by: approver(who),
        reason: "the provider's storm of false matches".into(),
    }
}

/// A house with an open bypass for `disk` up to medium tier.
fn open() -> House {
    let mut house = house(BYPASS);
    let command = bypass(&house, "disk", Tier::Medium, 8, "ana of leads");
    house.say(command).unwrap();
    house
}

/// A match in doubt: no exact key, and the runner-up close behind.
fn doubtful(house: &mut House, id: &str, severity: &str) {
    house.receive(id, alert(id, severity));
    house.find(id, &[by_text("disk", 8_000), by_text("cache", 7_900)]);
}

#[test]
fn while_it_is_open_doubt_does_not_hold_a_medium_plan_back_and_the_event_names_it() {
    let mut house = open();
    doubtful(&mut house, ONE, "warning");
    assert_eq!(house.decision(ONE), Decision::Proceed);
    assert_eq!(house.rules_that_spoke(ONE), [Rule::Confidence, Rule::Margin, Rule::Bypass]);
    assert_eq!(house.verdict(ONE).reserved, 2);
    let named = house.journal.iter().any(|(_, event, _)| {
        matches!(event, Event::PolicyDecided { input, .. } if input.bypass.as_deref() == Some("b1"))
    });
    assert!(named);
}

#[test]
fn it_ends_by_itself_when_it_is_closed_and_with_the_policy_that_knew_it() {
    let mut late = open();
    late.wait(8 * 3600);
    doubtful(&mut late, ONE, "warning");
    assert_eq!(late.decision(ONE), Decision::Escalate);

    let mut closed = open();
    closed.say(SharedCommand::CloseBypass { id: "b1".into(), by: person("ben") }).unwrap();
    doubtful(&mut closed, ONE, "warning");
    assert_eq!(closed.decision(ONE), Decision::Escalate);
    let again = SharedCommand::CloseBypass { id: "b1".into(), by: person("ben") };
    assert!(closed.say(again).is_err());

    let mut other = open();
    other.policy = tagout_core::policy::EscalationPolicy::parse(OPEN).unwrap();
    other.say(SharedCommand::LoadPolicy(other.policy.clone())).unwrap();
    doubtful(&mut other, ONE, "warning");
    assert_eq!(other.decision(ONE), Decision::Escalate);
}

#[test]
fn never_above_the_medium_tier_never_past_halt_and_never_for_another_runbook() {
    for severity in ["error", "critical"] {
        let mut house = open();
        doubtful(&mut house, ONE, severity);
        assert_eq!(house.decision(ONE), Decision::Escalate, "{severity}");
    }
    let mut halted = open();
    halted.kill_switch(true);
    doubtful(&mut halted, ONE, "warning");
    assert_eq!(halted.decision(ONE), Decision::Halt);
    let mut other = open();
    other.receive(ONE, alert(ONE, "warning"));
    other.find(ONE, &[by_text("cache", 8_000), by_text("disk", 7_900)]);
    assert_eq!(other.decision(ONE), Decision::Escalate);
}

#[test]
fn it_takes_nothing_away_but_doubt() {
    // The budget of five holds two plans of two actions and not a third.
    let mut house = open();
    for (id, expected) in
        [("a", Decision::Proceed), ("b", Decision::Proceed), ("c", Decision::Escalate)]
    {
        doubtful(&mut house, id, "warning");
        assert_eq!(house.decision(id), expected, "{id}");
    }
    // What a person asked for is for people.
    let mut asked = open();
    asked.receive(ONE, alert(ONE, "error"));
    asked.find(ONE, &[by_text("disk", 8_000), by_text("cache", 7_900)]);
    asked.modify(ONE, "ana", value("keep", "7")).unwrap();
    assert_eq!(asked.decision(ONE), Decision::Escalate);
    // A tier that never proceeds never does.
    let never = format!("{BYPASS}[tier.medium]\nmin_confidence = \"never\"\n");
    let mut never = self::house(&never);
    let command = bypass(&never, "disk", Tier::Medium, 1, "ana of leads");
    never.say(command).unwrap();
    doubtful(&mut never, ONE, "warning");
    assert_eq!(never.decision(ONE), Decision::Escalate);
    // Nor does a route that has people asked give way.
    let routed = format!("{BYPASS}[[route]]\nnovel = true\nescalate = true\n");
    let mut routed = self::house(&routed);
    let command = bypass(&routed, "disk", Tier::Medium, 1, "ana of leads");
    routed.say(command).unwrap();
    doubtful(&mut routed, ONE, "warning");
    assert_eq!(routed.decision(ONE), Decision::Escalate);
}

#[test]
fn only_whoever_the_policy_names_opens_one_and_only_within_its_limits() {
    let mut house = house(BYPASS);
    // Who is not named has tried what they may not; that is more than a mistake.
    let command = bypass(&house, "disk", Tier::Medium, 8, "ana");
    assert!(matches!(house.say(command), Err(Rejection::NotLet { why: NotLet::Policy, .. })));
    let refused = [
        bypass(&house, "disk", Tier::High, 8, "ana of leads"),
        bypass(&house, "disk", Tier::Medium, 9, "ana of leads"),
        bypass(&house, "disk", Tier::Medium, 0, "ana of leads"),
    ];
    for command in refused {
        assert!(matches!(house.say(command.clone()), Err(Rejection::NotDue(_))), "{command:?}");
    }
    let command = bypass(&house, "disk", Tier::Low, 8, "ana of leads");
    house.say(command.clone()).unwrap();
    assert!(house.say(command).is_err());
    let mut closed = self::house(OPEN);
    let command = bypass(&closed, "disk", Tier::Low, 1, "ana of leads");
    assert!(closed.say(command).is_err());
}

#[test]
fn so_many_may_be_open_and_not_one_more() {
    let mut house = house(BYPASS);
    for n in 0..=64 {
        let SharedCommand::OpenBypass { runbook, tier, until, by, reason, .. } =
            bypass(&house, "disk", Tier::Low, 8, "ana of leads")
        else {
            unreachable!()
        };
        let id = format!("b{n}");
        let opened = house.say(SharedCommand::OpenBypass { id, runbook, tier, until, by, reason });
        assert_eq!(opened.is_ok(), n < 64, "{n}");
    }
}

// Where plans are approved unread.

fn ceremonial(house: &mut House, ceremonial: bool) {
    let command = SharedCommand::FindOversight { runbook: "disk".into(), ceremonial };
    house.say(command).unwrap();
}

#[test]
fn a_finding_is_recorded_when_it_changes_and_only_then() {
    let mut house = open();
    ceremonial(&mut house, true);
    let before = house.journal.len();
    ceremonial(&mut house, true);
    assert_eq!(house.journal.len(), before);
    ceremonial(&mut house, false);
    assert_eq!(house.journal.len(), before + 1);
}

#[test]
fn there_is_no_bypass_where_plans_are_approved_unread() {
    let mut house = open();
    ceremonial(&mut house, true);
    doubtful(&mut house, ONE, "warning");
    assert_eq!(house.decision(ONE), Decision::Escalate);
    house.say(SharedCommand::CloseBypass { id: "b1".into(), by: person("ben") }).unwrap();
    let command = bypass(&house, "disk", Tier::Low, 1, "ana of leads");
    assert!(house.say(command.clone()).is_err());
    ceremonial(&mut house, false);
    house.say(command).unwrap();
}

fn batched(house: &mut House, batch: &str) -> Result<Vec<Event>, Rejection> {
    let plan = house.plan(ONE).clone();
    let mut answer = review("ben", Answer::Approve, plan.digest(), plan.mode);
    answer.batch = Some(batch.into());
    house.ask(ONE, Command::Answer(answer))
}

#[test]
fn answers_in_a_batch_say_so_and_are_refused_where_plans_are_approved_unread() {
    let mut house = house(OPEN);
    doubtful(&mut house, ONE, "warning");
    let mut unread = house.clone();
    let events = batched(&mut house, "batch-1").unwrap();
    let Event::ReviewGiven { review } = &events[0] else { panic!("{events:?}") };
    assert_eq!(review.batch.as_deref(), Some("batch-1"));
    ceremonial(&mut unread, true);
    assert_eq!(refusal(batched(&mut unread, "batch-1")), Refusal::OneByOne);
    unread.approve(ONE, "ben").unwrap();
}

#[test]
fn the_id_of_a_batch_is_held_to_its_limit() {
    let mut house = house(OPEN);
    doubtful(&mut house, ONE, "warning");
    assert!(batched(&mut house.clone(), "").is_err());
    assert!(batched(&mut house.clone(), &"x".repeat(257)).is_err());
    batched(&mut house, &"x".repeat(256)).unwrap();
}

#[test]
fn the_clock_has_no_say_where_plans_are_approved_unread() {
    let clock = format!(
        "{OPEN}[clock_grant]\nrunbooks = [\"disk\"]\nwait = \"10m\"\n\
         [tier.low]\nmin_confidence = \"never\"\n"
    );
    let waiting = |found_before: bool| {
        let mut house = house(&clock);
        if found_before {
            ceremonial(&mut house, true);
        }
        house.matched_low(ONE, "disk");
        let plan = house.plan(ONE).digest();
        let warned = house.ask(ONE, Command::ConfirmClockWarning { plan });
        (house, warned)
    };
    assert!(waiting(true).1.is_err());
    let (mut house, warned) = waiting(false);
    warned.unwrap();
    ceremonial(&mut house, true);
    house.wait(10 * 60);
    house.must(ONE, Command::Tick);
    assert!(house.is_waiting(ONE));
    ceremonial(&mut house, false);
    house.must(ONE, Command::Tick);
    assert!(house.is_granted(ONE));
}

#[test]
fn a_role_alone_opens_no_bypass() {
    let mut house = house(BYPASS);
    let SharedCommand::OpenBypass { id, runbook, tier, until, reason, .. } =
        bypass(&house, "disk", Tier::Low, 1, "ana")
    else {
        unreachable!()
    };
    let by = Actor::new(person("root"), Role::Admin);
    let command = SharedCommand::OpenBypass { id, runbook, tier, until, by, reason };
    assert!(house.say(command).is_err());
}
