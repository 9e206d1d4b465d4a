//! A second policy evaluator, written from the words of the design and not from the first.
//!
//! It gives no reasons and shares no helper with `tagout_core::verdict`: where the two differ,
//! one of them has misread the design.

use std::collections::BTreeMap;

use tagout_core::alert::Severity;
use tagout_core::confidence::Confidence;
use tagout_core::inspection::Sight;
use tagout_core::policy::{BudgetSpent, EscalationPolicy};
use tagout_core::route::Route;
use tagout_core::runbook::StepKind;
use tagout_core::tier::Tier;
use tagout_core::verdict::{Decision, PolicyInput};

/// The decision and the effective tier.
#[must_use]
pub fn decide(policy: &EscalationPolicy, input: &PolicyInput) -> (Decision, Tier) {
    let tier = effective_tier(policy, input);
    if input.kill_switch || input.freeze {
        return (Decision::Halt, tier);
    }
    let spent = exhausted(policy, input, tier) || too_far(policy, input, tier);
    if !input.asked_by_person && spent && halts(policy, tier) {
        return (Decision::Halt, tier);
    }
    if may_proceed(policy, input, tier) || bypassed(policy, input, tier) {
        (Decision::Proceed, tier)
    } else {
        (Decision::Escalate, tier)
    }
}

/// "The highest of the runbook's, the step's, the alert severity's, the environment's and the
/// operator's minimum for that program, host or target"; what is unknown counts as critical.
fn effective_tier(policy: &EscalationPolicy, input: &PolicyInput) -> Tier {
    let mut tier = Tier::Low;
    let mut at_least = |other: Tier| tier = tier.max(other);
    at_least(input.risk.unwrap_or(Tier::Critical));
    // A change of a plan may make it stricter and never laxer.
    at_least(input.replaces.unwrap_or(Tier::Low));
    at_least(match input.severity.severity {
        Severity::Info => Tier::Low,
        Severity::Warning => Tier::Medium,
        Severity::Error => Tier::High,
        Severity::Critical => Tier::Critical,
    });
    let mut listed = false;
    for environment in &policy.environments {
        if carries(&input.labels, &environment.matcher.0) {
            listed = true;
            at_least(environment.floor);
        }
    }
    if !listed {
        at_least(policy.default_environment);
    }
    for step in &input.steps {
        at_least(step.risk.unwrap_or(Tier::Critical));
    }
    for minimum in &policy.minimums {
        let program = minimum.program.as_deref().is_some_and(|pattern| {
            let pattern = pattern.rsplit_once('/').map_or(pattern, |(_, last)| last);
            input.steps.iter().any(|step| step.words.iter().any(|word| like(pattern, word)))
        });
        let target = minimum.target.as_deref().is_some_and(|pattern| touches(pattern, input));
        if program || target {
            at_least(minimum.tier);
        }
    }
    tier
}

fn carries(labels: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(name, pattern)| labels.get(name).is_some_and(|value| like(pattern, value)))
}

/// Whether the plan may act on something of this name: its target, a word of a command, or
/// what the alert is labelled with; with or without a port.
fn touches(pattern: &str, input: &PolicyInput) -> bool {
    let is = |name: &str| {
        like(pattern, name) || name.split_once(':').is_some_and(|(host, _)| like(pattern, host))
    };
    is(&input.target)
        || input.labels.values().any(|value| is(value))
        || input.steps.iter().any(|step| step.words.iter().any(|word| is(word)))
}

/// `*` is any run of characters. By trying every way, which short patterns can afford.
fn like(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => (0..=text.len())
            .filter(|at| text.is_char_boundary(*at))
            .any(|at| like(&pattern[1..], &text[at..])),
        Some(c) => text.starts_with(c) && like(&pattern[c.len_utf8()..], &text[c.len_utf8()..]),
    }
}

/// Whether the plan's actions no longer fit into the tier's budget. Critical has none.
fn exhausted(policy: &EscalationPolicy, input: &PolicyInput, tier: Tier) -> bool {
    let actions = input.steps.iter().filter(|step| step.kind == StepKind::Action).count() as u64;
    let spent = u64::from(input.spent.get(&tier).copied().unwrap_or(0));
    tier != Tier::Critical && spent + actions > u64::from(policy.rules(tier).max_autonomous_actions)
}

fn halts(policy: &EscalationPolicy, tier: Tier) -> bool {
    policy.rules(tier).budget_spent == BudgetSpent::Halt
}

/// A bypass takes doubt about the match away, at low and medium tier, and nothing else.
fn bypassed(policy: &EscalationPolicy, input: &PolicyInput, tier: Tier) -> bool {
    let mut sure = input.clone();
    sure.exact_key = true;
    sure.confidence = Confidence::ONE;
    // A route that asks about low confidence asks about what was really found.
    let routed = policy.routes.iter().any(|route| route.escalate && meant(route, tier, input));
    input.bypass.is_some()
        && matches!(tier, Tier::Low | Tier::Medium)
        && !routed
        && may_proceed(policy, &sure, tier)
}

/// Whether a route is about this plan.
fn meant(route: &Route, tier: Tier, input: &PolicyInput) -> bool {
    let not = [
        route.tier_at_least.is_some_and(|least| tier < least),
        route.confidence_below.is_some_and(|limit| input.confidence >= limit),
        route.margin_below.is_some_and(|limit| input.margin >= limit),
        route.novel && !input.novel,
        route.runbook.as_deref().is_some_and(|pattern| !like(pattern, &input.runbook)),
        !carries(&input.labels, &route.matcher.0),
    ];
    !not.contains(&true)
}

/// Everything that a plan needs to go on without a person.
fn may_proceed(policy: &EscalationPolicy, input: &PolicyInput, tier: Tier) -> bool {
    let known = input.risk.is_some() && input.steps.iter().all(|step| step.risk.is_some());
    let confident =
        policy.rules(tier).min_confidence.is_some_and(|least| input.confidence >= least);
    let matched = input.exact_key || (input.calibrated && input.margin >= policy.min_margin);
    tier != Tier::Critical
        && known
        && confident
        && matched
        && !input.steps.is_empty()
        && !input.steps.iter().any(|step| step.kind == StepKind::Manual)
        && !input.steps.iter().any(|step| step.requires_approval)
        && !input.asked_by_person
        && input.target_held_by.is_none()
        && input.looks.iter().all(|look| look.seen == Sight::Held)
        && !policy.routes.iter().any(|route| route.escalate && meant(route, tier, input))
        && !exhausted(policy, input, tier)
        && !too_far(policy, input, tier)
        && !too_soon(policy, input, tier)
}

/// Whether one target more would be acted on than the tier, or a radius of the runbook, allows.
fn too_far(policy: &EscalationPolicy, input: &PolicyInput, tier: Tier) -> bool {
    let Some(reached) = &input.reached else { return false };
    let tiers = reached.tiers.get(&tier).zip(policy.rules(tier).max_targets);
    tiers.is_some_and(|(now, most)| now.saturating_add(1) > most)
        || policy.radius.iter().any(|radius| {
            let counted = reached.radii.get(&radius.runbook);
            like(&radius.runbook, &input.runbook)
                && counted.is_some_and(|now| now.saturating_add(1) > radius.max_targets)
        })
}

/// Whether the runbook was tried on the target less than the tier's cool-down ago.
fn too_soon(policy: &EscalationPolicy, input: &PolicyInput, tier: Tier) -> bool {
    match (input.tried, policy.rules(tier).cool_down) {
        (Some(ago), Some(cool_down)) => ago.millis() < cool_down.millis(),
        _ => false,
    }
}
