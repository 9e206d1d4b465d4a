//! Two evaluators, written apart, agree; and stricter facts never make a looser decision.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tagout_core::alert::Severity;
use tagout_core::confidence::Confidence;
use tagout_core::policy::{EscalationPolicy, SeverityOrigin, SeverityReading};
use tagout_core::radius::Reached;
use tagout_core::runbook::StepKind;
use tagout_core::tier::Tier;
use tagout_core::time::Span;
use tagout_core::verdict::{Decision, Mode, PolicyInput, StepFacts};
use tagout_sim::naive;

const SEVERITIES: [Severity; 4] =
    [Severity::Info, Severity::Warning, Severity::Error, Severity::Critical];
const RISKS: [Option<Tier>; 5] =
    [Some(Tier::Low), Some(Tier::Medium), Some(Tier::High), Some(Tier::Critical), None];

/// Environments and minimums that every policy of these tests has.
const COMMON: &str = "default_environment = \"low\"\nmin_margin = 0.1\n\
    [[environment]]\nname = \"staging\"\nmatch = { env = \"stag*\" }\nfloor = \"low\"\n\
    [[environment]]\nname = \"prod\"\nmatch = { env = \"*prod*\" }\nfloor = \"high\"\n\
    [[environment]]\nname = \"eu\"\nmatch = { region = \"eu\", env = \"*\" }\nfloor = \"medium\"\n\
    [[minimum]]\nprogram = \"kube*\"\ntier = \"medium\"\n\
    [[minimum]]\ntarget = \"db-*\"\ntier = \"high\"\n\
    [[minimum]]\nprogram = \"/opt/wipe\"\ntier = \"critical\"\n";

fn step(program: &str, risk: Option<Tier>, kind: StepKind, requires_approval: bool) -> StepFacts {
    let words = ["sudo", program, "web:80"].map(str::to_owned).into();
    StepFacts { id: "s".into(), risk, words, kind, requires_approval }
}

fn reading(severity: Severity) -> SeverityReading {
    SeverityReading { severity, origin: SeverityOrigin::Sent }
}

fn base() -> PolicyInput {
    PolicyInput {
        mode: Mode::Live,
        risk: Some(Tier::Low),
        severity: reading(Severity::Info),
        labels: BTreeMap::new(),
        target: "web-1".into(),
        steps: vec![step("systemctl", Some(Tier::Low), StepKind::Action, false)],
        confidence: Confidence::ONE,
        margin: Confidence::ONE,
        exact_key: true,
        calibrated: true,
        spent: Tier::ALL.map(|tier| (tier, 0)).into(),
        replaces: None,
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

fn agree(policy: &EscalationPolicy, input: &PolicyInput) -> Decision {
    let verdict = policy.decide(input);
    let second = naive::decide(policy, input);
    assert_eq!((verdict.decision, verdict.tier), second, "{verdict:#?}\n{input:#?}");
    verdict.decision
}

#[test]
fn both_evaluators_agree_on_the_product_of_everything_the_shipped_policy_looks_at() {
    let policy = EscalationPolicy::parse(COMMON).expect("a policy");
    let environments = [vec![], vec![("env", "staging")], vec![("env", "prod"), ("region", "eu")]];
    let steps = [
        vec![],
        vec![step("systemctl", Some(Tier::Low), StepKind::Action, false)],
        vec![step("kubectl", Some(Tier::Low), StepKind::Check, true)],
        vec![
            step("ls", None, StepKind::Action, false),
            step("ls", Some(Tier::Low), StepKind::Action, false),
        ],
    ];
    let mut counts = BTreeMap::new();
    for severity in SEVERITIES {
        for risk in RISKS {
            for labels in &environments {
                for steps in &steps {
                    for (confidence, spent) in [(7_999, 0), (8_999, 2), (9_500, 1), (9_500, 10)] {
                        for bits in 0..128u32 {
                            let bit = |n: u32| bits >> n & 1 == 1;
                            let labels = labels.iter().map(|(k, v)| (k.to_string(), v.to_string()));
                            let input = PolicyInput {
                                risk,
                                severity: reading(severity),
                                labels: labels.collect(),
                                steps: steps.clone(),
                                confidence: Confidence::from_basis_points(confidence),
                                margin: Confidence::from_basis_points(if bit(0) {
                                    1_000
                                } else {
                                    999
                                }),
                                exact_key: bit(1),
                                calibrated: bit(2),
                                spent: Tier::ALL.map(|tier| (tier, spent)).into(),
                                kill_switch: bit(3),
                                freeze: bit(4),
                                target_held_by: bit(5).then(|| "inc-9".to_owned()),
                                asked_by_person: bit(6),
                                ..base()
                            };
                            *counts.entry(agree(&policy, &input)).or_insert(0u32) += 1;
                        }
                    }
                }
            }
        }
    }
    println!("{} inputs: {counts:?}", counts.values().sum::<u32>());
    assert_eq!(counts.values().sum::<u32>(), 4 * 5 * 3 * 4 * 4 * 128);
    for decision in [Decision::Proceed, Decision::Escalate, Decision::Halt] {
        assert!(counts.get(&decision).is_some_and(|n| *n > 50), "{decision}: {counts:?}");
    }
}

/// One tier's rules, as TOML.
fn tier_rules(name: &'static str) -> impl Strategy<Value = String> {
    let confidence = prop_oneof![
        Just("\"never\"".to_owned()),
        (0u32..=100).prop_map(|percent| format!("{:.2}", f64::from(percent) / 100.0)),
    ];
    let spent = prop_oneof![Just("halt"), Just("escalate")];
    let targets = prop_oneof![Just("\"any\""), Just("0"), Just("2")];
    let cool_down = prop_oneof![Just("0s"), Just("1m"), Just("1h")];
    (confidence, 0u32..4, spent, targets, cool_down).prop_map(
        move |(confidence, max, spent, targets, cool_down)| {
            format!(
                "[tier.{name}]\nmin_confidence = {confidence}\nmax_autonomous_actions = {max}\n\
                 budget_spent = \"{spent}\"\nmax_targets = {targets}\ncool_down = \"{cool_down}\"\n"
            )
        },
    )
}

/// Routes that have people asked, each about something else.
fn routes() -> impl Strategy<Value = String> {
    let one = proptest::sample::select(vec![
        "tier_at_least = \"medium\"",
        "tier_at_least = \"high\"\nnovel = true",
        "confidence_below = 0.5",
        "margin_below = 0.05\nmatch = { env = \"prod\" }",
        "novel = true\nrunbook = \"fl*\"",
        "runbook = \"other\"",
    ]);
    proptest::collection::vec(one, 0..3).prop_map(|all| {
        all.iter().map(|when| format!("[[route]]\nescalate = true\n{when}\n")).collect()
    })
}

/// Radii of runbooks, some of which are about others.
fn radii() -> impl Strategy<Value = String> {
    let pattern = proptest::sample::select(vec!["flush", "fl*", "other"]);
    proptest::collection::btree_map(pattern, 0u32..4, 0..3).prop_map(|all| {
        all.iter()
            .map(|(runbook, most)| {
                format!(
                    "[[radius]]\nrunbook = \"{runbook}\"\nmax_targets = {most}\nwindow = \"1h\"\n"
                )
            })
            .collect()
    })
}

fn policies() -> impl Strategy<Value = EscalationPolicy> {
    (tier_rules("low"), tier_rules("medium"), tier_rules("high"), routes(), radii()).prop_map(
        |(low, medium, high, routes, radii)| {
            let text = format!("{COMMON}{routes}{radii}{low}{medium}{high}");
            EscalationPolicy::parse(&text).expect("a policy")
        },
    )
}

/// Policies whose higher tiers never ask for less.
fn rising_policies() -> impl Strategy<Value = EscalationPolicy> {
    let tiers = proptest::array::uniform3((0u32..=100, 0u32..4));
    tiers.prop_map(|tiers| {
        let mut least = tiers.map(|(percent, _)| percent);
        let mut most = tiers.map(|(_, most)| most);
        least.sort_unstable();
        most.sort_unstable_by(|a, b| b.cmp(a));
        let names = ["low", "medium", "high"].into_iter().zip(least).zip(most);
        let text = names.map(|((name, percent), most)| {
            let least = f64::from(percent) / 100.0;
            format!("[tier.{name}]\nmin_confidence = {least:.2}\nmax_autonomous_actions = {most}\n")
        });
        EscalationPolicy::parse(&format!("{COMMON}{}", text.collect::<String>())).expect("a policy")
    })
}

fn steps() -> impl Strategy<Value = Vec<StepFacts>> {
    let program = prop_oneof![Just("systemctl"), Just("kubectl"), Just("ls"), Just("wipe"),];
    let kind = prop_oneof![
        4 => Just(StepKind::Action),
        4 => Just(StepKind::Check),
        1 => Just(StepKind::Manual),
    ];
    let one = (program, proptest::sample::select(RISKS.to_vec()), kind, 0u8..8)
        .prop_map(|(program, risk, kind, approval)| step(program, risk, kind, approval == 0));
    proptest::collection::vec(one, 0..4)
}

fn inputs() -> impl Strategy<Value = PolicyInput> {
    let labels = proptest::collection::btree_map(
        proptest::sample::select(vec!["env".to_owned(), "region".to_owned()]),
        proptest::sample::select(vec!["prod".to_owned(), "staging".to_owned(), "eu".to_owned()]),
        0..3,
    );
    let facts = (
        proptest::sample::select(RISKS.to_vec()),
        proptest::sample::select(SEVERITIES.to_vec()),
        labels,
        proptest::sample::select(vec!["web-1", "db-1", "rack/db-2"]),
        steps(),
    );
    let figures = (0u16..=10_000, 0u16..=2_000, proptest::array::uniform4(0u32..5));
    let flags =
        (any::<bool>(), any::<bool>(), 0u8..8, 0u8..8, 0u8..4, 0u8..4, 0u8..4, 0u8..2, 0u8..3);
    let tier = proptest::sample::select(Tier::ALL.to_vec());
    let reached = (
        proptest::collection::btree_map(tier, 0u32..4, 0..4),
        proptest::collection::btree_map(
            proptest::sample::select(vec!["flush".to_owned(), "fl*".to_owned()]),
            0u32..4,
            0..3,
        ),
    );
    let reached = reached.prop_map(|(tiers, radii)| Reached { tiers, radii });
    let done = (
        proptest::option::of(reached),
        proptest::option::of((0u64..7_200).prop_map(Span::from_secs)),
    );
    (facts, figures, flags, done).prop_map(|(facts, figures, flags, (reached, tried))| {
        let (risk, severity, labels, target, steps) = facts;
        PolicyInput {
            risk,
            severity: reading(severity),
            labels,
            target: target.into(),
            steps,
            confidence: Confidence::from_basis_points(figures.0),
            margin: Confidence::from_basis_points(figures.1),
            spent: Tier::ALL.into_iter().zip(figures.2).collect(),
            exact_key: flags.0,
            calibrated: flags.1,
            kill_switch: flags.2 == 0,
            freeze: flags.3 == 0,
            target_held_by: (flags.4 == 0).then(|| "inc-9".to_owned()),
            asked_by_person: flags.5 == 0,
            replaces: (flags.6 == 0).then_some(Tier::Medium),
            novel: flags.7 == 0,
            bypass: (flags.8 == 0).then(|| "b1".to_owned()),
            reached,
            tried,
            ..base()
        }
    })
}

/// Whether a higher tier of this policy never asks for less: a higher threshold, and no more
/// left of its budget. Budgets are counted per tier, so without this a raised tier may find
/// room where the lower one had none.
fn ordered(policy: &EscalationPolicy, input: &PolicyInput) -> bool {
    let left = |tier: Tier| {
        let spent = input.spent.get(&tier).copied().unwrap_or(0);
        policy.rules(tier).max_autonomous_actions.saturating_sub(spent)
    };
    let least =
        |tier: Tier| policy.rules(tier).min_confidence.map_or(u16::MAX, |c| c.basis_points());
    [Tier::Low, Tier::Medium, Tier::High]
        .windows(2)
        .all(|pair| left(pair[0]) >= left(pair[1]) && least(pair[0]) <= least(pair[1]))
}

fn raised(tier: Option<Tier>) -> Option<Tier> {
    match tier {
        Some(Tier::Low) => Some(Tier::Medium),
        Some(Tier::Medium) => Some(Tier::High),
        Some(Tier::High) => Some(Tier::Critical),
        Some(Tier::Critical) | None => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_evaluators_agree_under_any_policy(policy in policies(), input in inputs()) {
        agree(&policy, &input);
    }

    #[test]
    fn critical_never_proceeds_at_any_confidence(policy in policies(), mut input in inputs()) {
        input.confidence = Confidence::ONE;
        input.severity = reading(Severity::Critical);
        prop_assert_ne!(policy.decide(&input).decision, Decision::Proceed);
        prop_assert_eq!(policy.decide(&input).grant(), None);
    }

    #[test]
    fn a_bypass_never_lets_anything_through_above_medium_tier_or_past_halt(
        policy in policies(), mut input in inputs(),
    ) {
        input.bypass = None;
        let without = policy.decide(&input);
        input.bypass = Some("b1".to_owned());
        let with = policy.decide(&input);
        prop_assert_eq!(with.tier, without.tier);
        if with.tier > Tier::Medium || without.decision == Decision::Halt {
            prop_assert_eq!(with.decision, without.decision);
        }
        prop_assert!(with.decision <= without.decision);
    }

    #[test]
    fn less_confidence_never_loosens(policy in policies(), input in inputs(), less in 0u16..=10_000) {
        let mut lower = input.clone();
        lower.confidence = Confidence::from_basis_points(input.confidence.basis_points().min(less));
        prop_assert!(policy.decide(&lower).decision >= policy.decide(&input).decision);
    }

    #[test]
    fn a_smaller_lead_never_loosens(policy in policies(), input in inputs(), less in 0u16..=2_000) {
        let mut lower = input.clone();
        lower.margin = Confidence::from_basis_points(input.margin.basis_points().min(less));
        prop_assert!(policy.decide(&lower).decision >= policy.decide(&input).decision);
    }

    #[test]
    fn more_spent_never_loosens(policy in policies(), input in inputs(), more in 1u32..4, at in 0usize..4) {
        let mut spent = input.clone();
        *spent.spent.entry(Tier::ALL[at]).or_default() += more;
        prop_assert!(policy.decide(&spent).decision >= policy.decide(&input).decision);
    }

    #[test]
    fn further_targets_and_a_later_try_never_loosen(
        policy in policies(), input in inputs(), more in 1u32..4, less in 0u64..7_200,
    ) {
        let before = policy.decide(&input).decision;
        let mut further = input.clone();
        if let Some(reached) = &mut further.reached {
            reached.tiers.values_mut().chain(reached.radii.values_mut()).for_each(|n| *n += more);
        }
        let less = Span::from_secs(less);
        let tried = Some(input.tried.map_or(less, |ago| ago.min(less)));
        for stricter in [further, PolicyInput { tried, ..input.clone() }] {
            prop_assert!(policy.decide(&stricter).decision >= before);
        }
    }

    #[test]
    fn a_switch_a_freeze_a_taken_target_a_weaker_match_or_a_manual_step_never_loosens(policy in policies(), input in inputs()) {
        let before = policy.decide(&input).decision;
        let held = Some("inc-9".to_owned());
        let by_hand = [step("walk over", Some(Tier::Low), StepKind::Manual, false)];
        for stricter in [
            PolicyInput { kill_switch: true, ..input.clone() },
            PolicyInput { freeze: true, ..input.clone() },
            PolicyInput { target_held_by: held, ..input.clone() },
            PolicyInput { exact_key: false, ..input.clone() },
            PolicyInput { calibrated: false, ..input.clone() },
            PolicyInput { steps: [&input.steps[..], &by_hand].concat(), ..input.clone() },
        ] {
            prop_assert!(policy.decide(&stricter).decision >= before);
        }
    }

    #[test]
    fn another_step_and_a_step_that_asks_for_a_person_never_loosen(
        policy in policies(), mut input in inputs(), place in 0usize..4,
    ) {
        if input.steps.is_empty() {
            input.steps = base().steps;
        }
        let before = policy.decide(&input).decision;
        let mut asking = input.clone();
        let place = place % asking.steps.len();
        asking.steps[place].requires_approval = true;
        prop_assert!(policy.decide(&asking).decision >= before);
        input.steps.push(step("systemctl", Some(Tier::Low), StepKind::Action, false));
        prop_assert!(policy.decide(&input).decision >= before);
    }

    #[test]
    fn a_higher_risk_severity_or_environment_never_lowers_the_tier_and_never_lets_a_plan_through(
        policy in rising_policies(), mut input in inputs(), spent in 0u32..3,
    ) {
        input.spent = Tier::ALL.map(|tier| (tier, spent)).into();
        let tiers = Tier::ALL.map(|tier| (tier, spent)).into();
        input.reached = Some(Reached { tiers, ..Reached::default() });
        prop_assert!(ordered(&policy, &input));
        let before = policy.decide(&input);
        let mut labels = input.labels.clone();
        labels.insert("env".into(), "prod".into());
        let mut all = vec![
            PolicyInput { risk: raised(input.risk), ..input.clone() },
            PolicyInput { severity: reading(Severity::Critical), ..input.clone() },
            PolicyInput { labels, ..input.clone() },
        ];
        if input.severity.severity < Severity::Error {
            all.push(PolicyInput { severity: reading(Severity::Error), ..input.clone() });
        }
        if let Some(first) = input.steps.first() {
            let mut steps = input.steps.clone();
            steps[0] = StepFacts { risk: raised(first.risk), ..first.clone() };
            all.push(PolicyInput { steps, ..input.clone() });
        }
        for higher in all {
            let after = policy.decide(&higher);
            prop_assert!(after.tier >= before.tier);
            if before.decision != Decision::Proceed {
                prop_assert_ne!(after.decision, Decision::Proceed, "{:#?}", before.reasons);
            }
        }
    }
}
