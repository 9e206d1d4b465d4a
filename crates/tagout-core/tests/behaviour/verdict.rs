//! The verdict: effective tier, thresholds, margins, and the rules that nobody can talk out.

use serde_json::{Value, json};
use tagout_core::alert::Severity;
use tagout_core::event::Event;
use tagout_core::policy::{SeverityOrigin, SeverityReading};
use tagout_core::runbook::StepKind;
use tagout_core::tier::Tier;
use tagout_core::verdict::{Decision, Mode, PolicyInput, Rule, StepFacts};
use tagout_core::{confidence::Confidence, policy::EscalationPolicy};

use crate::house::*;

/// Sets one member of a runbook's first action.
fn with_step(mut runbook: Value, member: &str, value: Value) -> Value {
    runbook["steps"][0][member] = value;
    runbook
}

fn with(mut runbook: Value, member: &str, value: Value) -> Value {
    runbook[member] = value;
    runbook
}

fn tier_of(policy: &str, runbook: Value, severity: &str) -> (Tier, String) {
    let mut house = House::with(policy, [runbook]);
    house.matched_at(ONE, "cache", severity);
    (house.verdict(ONE).tier, house.verdict(ONE).tier_from.clone())
}

#[test]
fn each_source_alone_sets_the_effective_tier_and_is_named() {
    let high = |policy: &str, runbook, severity, from: &str| {
        assert_eq!(tier_of(policy, runbook, severity), (Tier::High, from.to_owned()));
    };
    high(OPEN, with(cache(), "risk", json!("high")), "warning", "the runbook's risk");
    high(OPEN, with_step(cache(), "risk", json!("high")), "warning", "step flush");
    high(OPEN, cache(), "error", "severity error");
    high("", cache(), "warning", "environment unlisted");
    let named = "default_environment = \"low\"\n[[environment]]\nname = \"prod\"\n\
                 match = { instance = \"one-*\" }\nfloor = \"high\"\n";
    high(named, cache(), "warning", "environment prod");
    let program = "default_environment = \"low\"\n[[minimum]]\nprogram = \"flush\"\n\
                   tier = \"high\"\n";
    high(program, cache(), "warning", "the minimum for program flush");
    let target = "default_environment = \"low\"\n[[minimum]]\ntarget = \"cache-*\"\n\
                  tier = \"high\"\n";
    high(target, cache(), "warning", "the minimum for target cache-*");
}

#[test]
fn with_no_source_above_it_the_severity_sets_the_tier() {
    assert_eq!(tier_of(OPEN, cache(), "warning"), (Tier::Medium, "severity warning".into()));
    assert_eq!(tier_of(OPEN, cache(), "critical"), (Tier::Critical, "severity critical".into()));
}

#[test]
fn a_runbook_never_lowers_what_the_operator_demands() {
    let low = with(cache(), "risk", json!("low"));
    assert_eq!(tier_of("", low, "warning").0, Tier::High);
}

#[test]
fn a_minimum_for_a_program_holds_wherever_the_program_lies() {
    let policy = "default_environment = \"low\"\n[[minimum]]\nprogram = \"flush\"\n\
                  tier = \"critical\"\n";
    let runbook = with_step(cache(), "command", json!(["/usr/local/bin/flush", "cache-1"]));
    assert_eq!(tier_of(policy, runbook, "warning").0, Tier::Critical);
}

#[test]
fn of_several_matching_environments_the_highest_floor_holds() {
    let policy = "[[environment]]\nname = \"a\"\nmatch = { instance = \"one-1\" }\nfloor = \"low\"\n\
                  [[environment]]\nname = \"b\"\nmatch = { instance = \"*\" }\nfloor = \"critical\"\n";
    assert_eq!(tier_of(policy, cache(), "warning"), (Tier::Critical, "environment b".into()));
}

/// A plan that nothing stands in the way of, at `tier`.
fn input(tier: Tier) -> PolicyInput {
    let step = StepFacts {
        id: "flush".into(),
        risk: Some(tier),
        words: ["flush".to_owned()].into(),
        kind: StepKind::Action,
        requires_approval: false,
    };
    PolicyInput {
        mode: Mode::DryRun,
        risk: Some(tier),
        severity: SeverityReading { severity: Severity::Info, origin: SeverityOrigin::Sent },
        labels: Default::default(),
        target: "cache-1".into(),
        steps: vec![step],
        replaces: None,
        confidence: Confidence::ONE,
        margin: Confidence::ONE,
        exact_key: true,
        calibrated: true,
        spent: Default::default(),
        kill_switch: false,
        freeze: false,
        target_held_by: None,
        asked_by_person: false,
        runbook: "flush".into(),
        owner: None,
        novel: false,
        bypass: None,
        looks: Vec::new(),
        reached: None,
        tried: None,
        not_startable: None,
    }
}

fn open_policy() -> EscalationPolicy {
    EscalationPolicy::parse(OPEN).unwrap()
}

fn spoke(input: &PolicyInput) -> (Decision, Vec<Rule>) {
    let verdict = open_policy().decide(input);
    (verdict.decision, verdict.reasons.iter().map(|r| r.rule).collect())
}

#[test]
fn a_threshold_is_met_exactly_and_missed_by_a_hundredth_of_a_percent() {
    for (tier, least) in [(Tier::Low, 8_000), (Tier::Medium, 9_000), (Tier::High, 9_500)] {
        let mut at = input(tier);
        at.confidence = Confidence::from_basis_points(least);
        assert_eq!(spoke(&at), (Decision::Proceed, vec![Rule::WithinPolicy]), "{tier}");
        at.confidence = Confidence::from_basis_points(least - 1);
        assert_eq!(spoke(&at), (Decision::Escalate, vec![Rule::Confidence]), "{tier}");
    }
}

#[test]
fn critical_never_proceeds_at_any_confidence() {
    assert_eq!(spoke(&input(Tier::Critical)), (Decision::Escalate, vec![Rule::CriticalTier]));
}

#[test]
fn a_recorded_verdict_that_says_proceed_at_critical_grants_nothing() {
    let mut verdict = open_policy().decide(&input(Tier::Critical));
    verdict.decision = Decision::Proceed;
    assert!(verdict.grant().is_none());
    verdict.tier = Tier::High;
    assert!(verdict.grant().is_some());
}

#[test]
fn without_an_exact_key_only_calibrated_confidence_proceeds() {
    let mut text = input(Tier::Medium);
    text.exact_key = false;
    assert_eq!(spoke(&text).0, Decision::Proceed);
    text.calibrated = false;
    assert_eq!(spoke(&text), (Decision::Escalate, vec![Rule::Uncalibrated]));
    text.exact_key = true;
    assert_eq!(spoke(&text).0, Decision::Proceed);
}

#[test]
fn the_lead_over_the_runner_up_is_enough_exactly_at_the_margin() {
    let mut text = input(Tier::Medium);
    text.exact_key = false;
    text.margin = Confidence::from_basis_points(1_000);
    assert_eq!(spoke(&text).0, Decision::Proceed);
    text.margin = Confidence::from_basis_points(999);
    assert_eq!(spoke(&text), (Decision::Escalate, vec![Rule::Margin]));
}

#[test]
fn an_unknown_risk_counts_as_critical_and_is_named() {
    let mut of_runbook = input(Tier::Low);
    of_runbook.risk = None;
    let mut of_step = input(Tier::Low);
    of_step.steps[0].risk = None;
    for input in [of_runbook, of_step] {
        assert_eq!(open_policy().decide(&input).tier, Tier::Critical);
        let rules = vec![Rule::MissingInput, Rule::CriticalTier];
        assert_eq!(spoke(&input), (Decision::Escalate, rules));
    }
}

#[test]
fn a_step_that_requires_approval_asks_people_at_any_confidence() {
    let mut house = House::with(OPEN, [with_step(cache(), "requires_approval", json!(true))]);
    house.matched(ONE, "cache");
    assert_eq!(house.decision(ONE), Decision::Escalate);
    assert_eq!(house.rules_that_spoke(ONE), [Rule::StepRequiresApproval]);
    assert!(house.is_waiting(ONE));
}

#[test]
fn a_page_with_only_manual_steps_is_proposed_to_a_person() {
    let mut house = House::with(OPEN, [json!({"id": "page", "risk": "low"})]);
    house.matched(ONE, "page");
    assert_eq!(house.decision(ONE), Decision::Escalate);
    assert_eq!(house.rules_that_spoke(ONE), [Rule::NothingExecutable]);
}

#[test]
fn a_target_that_another_plan_holds_asks_people() {
    let mut held = input(Tier::Low);
    held.target_held_by = Some("another".into());
    assert_eq!(spoke(&held), (Decision::Escalate, vec![Rule::TargetBusy]));
}

#[test]
fn every_rule_that_speaks_is_listed_and_the_strictest_holds() {
    let mut all = input(Tier::High);
    all.kill_switch = true;
    all.freeze = true;
    all.exact_key = false;
    all.calibrated = false;
    all.margin = Confidence::ZERO;
    all.confidence = Confidence::ZERO;
    all.steps[0].requires_approval = true;
    all.target_held_by = Some("another".into());
    all.spent = [(Tier::High, 2)].into();
    let (decision, rules) = spoke(&all);
    assert_eq!(decision, Decision::Halt);
    assert_eq!(
        rules,
        [
            Rule::KillSwitch,
            Rule::ChangeFreeze,
            Rule::Confidence,
            Rule::Uncalibrated,
            Rule::Margin,
            Rule::StepRequiresApproval,
            Rule::TargetBusy,
            Rule::Budget,
        ]
    );
}

#[test]
fn one_input_has_one_verdict_byte_for_byte() {
    let bytes = || serde_json::to_vec(&open_policy().decide(&input(Tier::High))).unwrap();
    assert_eq!(bytes(), bytes());
}

#[test]
fn a_recorded_decision_can_be_repeated_from_its_recorded_input() {
    let mut house = House::new();
    house.matched(ONE, "disk");
    let (input, verdict) = house
        .journal
        .iter()
        .find_map(|(_, event, _)| match event {
            Event::PolicyDecided { input, verdict, .. } => Some((input, verdict)),
            _ => None,
        })
        .unwrap();
    assert_eq!(&house.policy.decide(input), verdict);
    let read: PolicyInput = serde_json::from_str(&serde_json::to_string(input).unwrap()).unwrap();
    assert_eq!(&house.policy.decide(&read), verdict);
}
