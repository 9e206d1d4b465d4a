//! A second policy evaluator, written from the words of the design and not from the first.
//!
//! It gives no reasons and shares no helper with `tagout_core::verdict`: where the two differ,
//! one of them has misread the design.

use std::collections::BTreeMap;

use tagout_core::alert::Severity;
use tagout_core::policy::{BudgetSpent, EscalationPolicy};
use tagout_core::tier::Tier;
use tagout_core::verdict::{Decision, PolicyInput};

/// The decision and the effective tier.
#[must_use]
pub fn decide(policy: &EscalationPolicy, input: &PolicyInput) -> (Decision, Tier) {
    let tier = effective_tier(policy, input);
    if input.kill_switch || input.freeze {
        return (Decision::Halt, tier);
    }
    if !input.asked_by_person && exhausted(policy, input, tier) && halts(policy, tier) {
        return (Decision::Halt, tier);
    }
    if may_proceed(policy, input, tier) {
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
            let mut programs = input.steps.iter().filter_map(|step| step.program.as_deref());
            programs.any(|program| named(pattern, program))
        });
        let target = minimum.target.as_deref().is_some_and(|pattern| named(pattern, &input.target));
        if program || target {
            at_least(minimum.tier);
        }
    }
    tier
}

fn carries(labels: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(name, pattern)| labels.get(name).is_some_and(|value| like(pattern, value)))
}

/// A pattern means a whole name or the last part of a path.
fn named(pattern: &str, name: &str) -> bool {
    like(pattern, name) || name.rsplit_once('/').is_some_and(|(_, last)| like(pattern, last))
}

/// `*` is any run of characters. By trying every way, which short patterns can afford.
fn like(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => (0..=text.len())
            .filter(|at| text.is_char_boundary(*at))
            .any(|at| like(&pattern[1..], &text[at..])),
        Some(c) => {
            text.starts_with(c) && like(&pattern[c.len_utf8()..], &text[c.len_utf8()..])
        }
    }
}

/// Whether the plan's actions no longer fit into the tier's budget. Critical has none.
fn exhausted(policy: &EscalationPolicy, input: &PolicyInput, tier: Tier) -> bool {
    let actions = input.steps.iter().filter(|step| step.is_action).count() as u64;
    let spent = u64::from(input.spent.get(&tier).copied().unwrap_or(0));
    tier != Tier::Critical && spent + actions > u64::from(policy.rules(tier).max_autonomous_actions)
}

fn halts(policy: &EscalationPolicy, tier: Tier) -> bool {
    policy.rules(tier).budget_spent == BudgetSpent::Halt
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
        && !input.steps.iter().any(|step| step.requires_approval)
        && !input.asked_by_person
        && input.target_held_by.is_none()
        && !exhausted(policy, input, tier)
}
