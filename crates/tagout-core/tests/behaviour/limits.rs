//! What bounds a right runbook: how many targets, how soon again, whether it helped, and whether
//! what was to hold still holds.

use tagout_core::command::{Command, SharedCommand};
use tagout_core::event::{Effectiveness, Event, StepFinding, StepOutcome, VoidReason};
use tagout_core::evolve::{evolve, kind};
use tagout_core::handling::Handled;
use tagout_core::incident::{Incident, Stage};
use tagout_core::limits;
use tagout_core::notice::{Happened, Topic, notices};
use tagout_core::policy::EscalationPolicy;
use tagout_core::shared::Shared;
use tagout_core::stale::Changed;
use tagout_core::time::Span;
use tagout_core::verdict::{Decision, PolicyInput, Rule};

use crate::house::*;

/// Live plans go on alone at medium tier, on two targets an hour at most.
const TWO_TARGETS: &str = "default_environment = \"low\"\n";

fn live(most: &str) -> House {
    let mut house = House::live(TWO_TARGETS, [disk(), cache()]);
    let policy = format!(
        "{TWO_TARGETS}[tier.medium]\nlive = true\nmax_autonomous_actions = 100\n{most}\n\
         [tier.critical]\nlive = true\nmax_targets = 1\n"
    );
    house.policy = EscalationPolicy::parse(&policy).unwrap();
    house
}

/// A plan of `disk` on a host of its own, carried through.
fn carried_through(house: &mut House, id: &str) {
    for step in ["look", "rotate", "prune", "verify"] {
        house.step(id, step);
    }
}

fn voided_for(events: &[Event]) -> Vec<Changed> {
    match events.first() {
        Some(Event::PlanVoided { why: VoidReason::Stale { what }, .. }) => {
            what.iter().copied().collect()
        }
        other => panic!("the plan is not void: {other:?}"),
    }
}

fn said(events: &[Event]) -> Option<Effectiveness> {
    events.iter().find_map(|event| match event {
        Event::EffectivenessRecorded { effectiveness, .. } => Some(*effectiveness),
        _ => None,
    })
}

/// What is kept of it is what is read back from the journal.
fn reads_back(house: &House) {
    let mut shared = Shared::default();
    let mut incidents = std::collections::BTreeMap::<String, Incident>::new();
    for (id, event, at) in &house.journal {
        let text = serde_json::to_string(event).unwrap();
        let event: Event = serde_json::from_str(&text).unwrap();
        if !id.is_empty() {
            let before = incidents.remove(id).unwrap_or_default();
            incidents.insert(id.clone(), evolve(before, &event, *at).unwrap());
        }
        shared = shared.after(&event, id, *at);
    }
    assert_eq!(shared, house.shared);
    assert_eq!(incidents, house.incidents);
}

#[test]
fn on_as_many_targets_as_the_policy_says_plans_act_alone_and_on_one_more_people_are_asked() {
    let mut house = live("max_targets = 2");
    for id in ["a", "b"] {
        house.matched(id, "disk");
        carried_through(&mut house, id);
    }
    house.matched("c", "disk");
    assert_eq!(house.rules_that_spoke("c"), [Rule::BlastRadius]);
    assert_eq!(house.decision("c"), Decision::Escalate);
    // They were told, so their approval goes past it, and what they let counts as well.
    house.approve("c", "ana").unwrap();
    carried_through(&mut house, "c");
    // A target that counts already is no further one.
    house.wait(16 * 60);
    house.receive("a", {
        let mut over = house.incidents["a"].case().unwrap().alert.clone();
        over.status = tagout_core::alert::AlertStatus::Resolved;
        over
    });
    let mut back = alert("a", "warning");
    back.labels.insert("again".into(), "yes".into());
    house.receive("a2", back);
    house.find("a2", &[by_key("disk", 9_900)]);
    assert_eq!(house.decision("a2"), Decision::Proceed, "{:?}", house.verdict("a2"));
    // A jump of the clock makes no room; the window does.
    house.wait(45 * 60);
    house.jump();
    house.matched("d", "disk");
    assert_eq!(house.rules_that_spoke("d"), [Rule::BlastRadius]);
    house.wait(3600);
    house.matched("e", "disk");
    assert_eq!(house.decision("e"), Decision::Proceed);
    reads_back(&house);
}

#[test]
fn a_plan_that_nobody_was_told_reaches_too_far_does_not_start() {
    let mut house = live("max_targets = 1");
    for id in ["a", "b"] {
        house.matched(id, "disk");
        assert!(house.is_granted(id));
    }
    house.start("a").unwrap();
    let events = house.start("b").unwrap();
    assert_eq!(voided_for(&events), [Changed::Radius]);
    assert_eq!(house.rules_that_spoke("b"), [Rule::BlastRadius]);
    house.approve("b", "ana").unwrap();
    house.start("b").unwrap();
    // People who approved before it was so are asked again as well.
    for id in ["c", "d"] {
        house.matched_at(id, "disk", "critical");
        house.approve(id, "ana").unwrap();
        house.approve(id, "ben").unwrap();
    }
    house.start("c").unwrap();
    assert_eq!(voided_for(&house.start("d").unwrap()), [Changed::Radius]);
    reads_back(&house);
}

#[test]
fn past_the_targets_the_rule_of_a_spent_budget_holds_and_a_dry_run_counts_its_own() {
    let mut house = live("max_targets = 1\nbudget_spent = \"halt\"");
    house.matched("a", "disk");
    carried_through(&mut house, "a");
    house.matched("b", "disk");
    assert_eq!(house.decision("b"), Decision::Halt);
    // Whoever resumes it has people asked, who may then go past it.
    house.resume("b", "ana", "it is the same fault").unwrap();
    assert_eq!(house.decision("b"), Decision::Escalate);
    house.mode = tagout_core::verdict::Mode::DryRun;
    house.matched("c", "disk");
    assert_eq!(house.decision("c"), Decision::Proceed);
    house.must("c", Command::Rehearse);
    house.matched("d", "disk");
    assert_eq!(house.decision("d"), Decision::Halt);
}

#[test]
fn a_radius_of_runbooks_holds_beside_that_of_the_tier() {
    let radius = "[[radius]]\nrunbook = \"di*\"\nmax_targets = 1\nwindow = \"6h\"\n";
    let mut house = live("max_targets = \"any\"");
    let policy = format!("{TWO_TARGETS}{radius}[tier.medium]\nlive = true\n");
    house.policy = EscalationPolicy::parse(&policy).unwrap();
    house.matched("a", "disk");
    carried_through(&mut house, "a");
    house.matched("b", "disk");
    assert_eq!(house.rules_that_spoke("b"), [Rule::BlastRadius]);
    house.matched("c", "cache");
    assert_eq!(house.decision("c"), Decision::Proceed);
    let many = |n: usize| radius.repeat(n);
    assert!(EscalationPolicy::parse(&many(limits::RADII)).is_ok());
    assert!(EscalationPolicy::parse(&many(limits::RADII + 1)).is_err());
    let most = |n: u32| EscalationPolicy::parse(&format!("[tier.low]\nmax_targets = {n}\n"));
    assert!(most(limits::TARGETS).is_ok() && most(limits::TARGETS + 1).is_err());
}

#[test]
fn a_runbook_that_was_tried_just_now_is_not_started_there_again_by_itself() {
    let mut house = live("");
    house.matched("a", "cache");
    house.step("a", "flush");
    house.wait(15 * 60 - 1);
    house.matched("b", "cache");
    assert_eq!(house.rules_that_spoke("b"), [Rule::CoolDown]);
    let why = &house.verdict("b").reasons[0].detail;
    assert!(why.contains("14m ago and the alert is back"), "{why}");
    // On another target, and with people, it is; and by itself when the time is over.
    house.matched("c", "disk");
    assert_eq!(house.decision("c"), Decision::Proceed);
    house.approve("b", "ana").unwrap();
    house.start("b").unwrap();
    house.finish("b", "flush", 1, StepOutcome::Failed).unwrap();
    house.start("b").unwrap();
    house.finish("b", "flush", 2, StepOutcome::Failed).unwrap();
    house.wait(14 * 60);
    house.matched("d", "cache");
    assert_eq!(house.rules_that_spoke("d"), [Rule::CoolDown], "a failure is a try too");
    house.wait(61);
    house.matched("e", "cache");
    assert_eq!(house.decision("e"), Decision::Proceed);
    reads_back(&house);
}

#[test]
fn what_was_recorded_before_there_were_such_limits_is_decided_as_it_was() {
    let house = {
        let mut house = live("max_targets = 1");
        house.matched("a", "disk");
        carried_through(&mut house, "a");
        house.matched("b", "disk");
        house
    };
    let input = house.journal.iter().rev().find_map(|(_, event, _)| match event {
        Event::PolicyDecided { input, .. } => Some(input.clone()),
        _ => None,
    });
    let mut old: serde_json::Value = serde_json::to_value(input.unwrap()).unwrap();
    for key in ["reached", "tried"] {
        old.as_object_mut().unwrap().remove(key);
    }
    let old: PolicyInput = serde_json::from_value(old).unwrap();
    assert_eq!(house.policy.decide(&old).decision, Decision::Proceed);
    // And an old policy, which has no such keys, knows no such limits: its digest stays.
    let mut policy = serde_json::to_value(&house.policy).unwrap();
    for tier in policy["tiers"].as_object_mut().unwrap().values_mut() {
        tier.as_object_mut().unwrap().retain(|key, _| key != "max_targets" && key != "cool_down");
    }
    policy.as_object_mut().unwrap().remove("effective_within");
    let read: EscalationPolicy = serde_json::from_value(policy.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), policy);
    assert_eq!(read.rules(tagout_core::tier::Tier::Medium).max_targets, None);
}

#[test]
fn whether_a_plan_has_helped_is_recorded_once_and_nothing_rests_on_it() {
    // Its alert ends in time.
    let mut house = live("max_targets = \"any\"");
    house.matched("a", "disk");
    carried_through(&mut house, "a");
    house.wait(10 * 60 - 1);
    let ended = house.end_of_alert("a");
    assert_eq!(said(&ended), Some(Effectiveness::Resolved));
    assert!(matches!(house.incidents["a"], Incident::Closed(..)));
    // It still fires at the end of the time: people are told, once.
    house.matched("b", "disk");
    carried_through(&mut house, "b");
    house.wait(10 * 60 - 1);
    assert_eq!(house.must("b", Command::Tick), []);
    house.wait(1);
    let events = house.must("b", Command::Tick);
    assert_eq!(said(&events), Some(Effectiveness::StillFiring));
    assert!(matches!(house.stage("b"), Stage::Finished(..)));
    let told = notices(Happened {
        event: &events[0],
        incident: "b",
        was_open: true,
        after: &house.incidents["b"],
        entry: 7,
        at: house.now,
    });
    assert_eq!(told[0].topic, Topic::DidNotHelp);
    assert_eq!(house.must("b", Command::Tick), []);
    assert_eq!(said(&house.end_of_alert("b")), None);
    // Where the clock jumped, or a person closed it, nobody can say.
    for (id, close) in [("c", false), ("d", true)] {
        house.wait(3600);
        house.matched(id, "disk");
        carried_through(&mut house, id);
        house.wait(60);
        let events = if close {
            house.must(id, Command::Close { by: person("ana"), reason: "by hand".into() })
        } else {
            house.jump();
            house.wait(600);
            house.must(id, Command::Tick)
        };
        assert_eq!(said(&events), Some(Effectiveness::NotKnown));
    }
    // A failed plan and a dry-run are not looked at.
    house.wait(3600);
    house.matched("e", "disk");
    house.start("e").unwrap();
    house.finish("e", "look", 1, StepOutcome::Failed).unwrap();
    house.wait(3600);
    assert_eq!(house.must("e", Command::Tick), []);
    reads_back(&house);
}

#[test]
fn a_plan_is_not_said_to_have_failed_to_help_before_its_time() {
    let mut house = live("");
    house.matched("a", "disk");
    carried_through(&mut house, "a");
    let plan = house.plan("a").digest();
    let early = Event::EffectivenessRecorded {
        plan,
        runbook: "disk".into(),
        target: "a-1".into(),
        effectiveness: Effectiveness::StillFiring,
    };
    assert!(evolve(house.incidents["a"].clone(), &early, house.now).is_err());
}

#[test]
fn after_a_pause_what_was_to_hold_is_looked_at_again_before_anything_else_starts() {
    let mut house = live("");
    house.matched("a", "disk");
    house.step("a", "look");
    house.wait(limits::PAUSE.millis() / 1000 - 1);
    house.step("a", "rotate");
    house.kill_switch(true);
    house.wait(limits::PAUSE.millis() / 1000);
    house.kill_switch(false);
    let events = house.start("a").unwrap();
    let kinds: Vec<_> = events.iter().map(kind).collect();
    assert_eq!(kinds, ["preconditions_begun_again", "step_started"]);
    assert!(matches!(&events[1], Event::StepStarted { step, attempt: 1, .. } if step == "look@2"));
    assert_eq!(house.plan("a").step("look@2").unwrap().argv, ["df", "a-1"]);
    assert!(house.start("a").is_err());
    house.finish("a", "look@2", 1, StepOutcome::Succeeded).unwrap();
    // Once is enough, and what has succeeded is not done again.
    house.step("a", "prune");
    house.step("a", "verify");
    assert!(matches!(house.stage("a"), Stage::Finished(..)));
    reads_back(&house);
}

#[test]
fn what_holds_no_more_after_a_pause_voids_the_plan_and_calls_people() {
    for unknown in [false, true] {
        let mut house = live("");
        house.matched("a", "disk");
        house.step("a", "look");
        house.wait(3600);
        house.start("a").unwrap();
        let events = if unknown {
            house.must("a", Command::ReportLost { running: Default::default() });
            let plan = house.plan("a").digest();
            house.must(
                "a",
                Command::ResolveStep {
                    by: person("ana"),
                    plan,
                    step: "look@2".into(),
                    attempt: 1,
                    finding: StepFinding::DidNotRun,
                    reason: "the host is gone".into(),
                },
            )
        } else {
            house.finish("a", "look@2", 1, StepOutcome::Failed).unwrap()
        };
        assert_eq!(voided_for(&events[1..]), [Changed::Preconditions]);
        assert_eq!(kind(events.last().unwrap()), "person_called");
        assert!(house.is_voided("a"));
        assert!(house.start("a").is_err());
        assert!(house.shared.lock("a-1").is_none());
        reads_back(&house);
    }
}

#[test]
fn a_bypass_that_runs_out_is_told_once() {
    let mut house = House::with("[bypass]\npeople = [\"ana\"]\nlongest = \"1h\"\n", [cache()]);
    house.say(SharedCommand::LoadPolicy(house.policy.clone())).unwrap();
    let until = house.now.after(Span::from_secs(60));
    let open = SharedCommand::OpenBypass {
        id: "b1".into(),
        runbook: "cache".into(),
        tier: tagout_core::tier::Tier::Medium,
        until,
        by: approver("ana"),
        reason: "a bad night".into(),
    };
    house.say(open).unwrap();
    assert_eq!(house.say(SharedCommand::LapseBypasses).unwrap(), []);
    house.wait(60);
    let events = house.say(SharedCommand::LapseBypasses).unwrap();
    assert_eq!(events, [Event::BypassLapsed { id: "b1".into() }]);
    let told = notices(Happened {
        event: &events[0],
        incident: "",
        was_open: false,
        after: &Incident::Absent,
        entry: 1,
        at: house.now,
    });
    assert_eq!(told[0].topic, Topic::BypassEnded);
    assert_eq!(house.say(SharedCommand::LapseBypasses).unwrap(), []);
    reads_back(&house);
}

#[test]
fn the_clock_grants_nothing_that_is_snoozed_and_waits_anew_after_that() {
    let policy = "default_environment = \"low\"\n[clock_grant]\nrunbooks = [\"cache\"]\n\
                  wait = \"15m\"\n[tier.low]\nmin_confidence = \"never\"\n";
    let mut house = House::with(policy, [cache()]);
    house.matched_low(ONE, "cache");
    let plan = house.plan(ONE).digest();
    house.must(ONE, Command::ConfirmClockWarning { plan });
    let until = house.now.after(Span::from_secs(20 * 60));
    let what = Handled::Snoozed { until, reason: "lunch".into() };
    house.must(ONE, Command::Handle { by: person("ana"), what });
    for minutes in [15, 5, 14] {
        house.wait(minutes * 60);
        house.must(ONE, Command::Tick);
        assert!(house.is_waiting(ONE), "after {minutes} more");
    }
    house.wait(60);
    house.must(ONE, Command::Tick);
    assert!(house.is_granted(ONE));
}
