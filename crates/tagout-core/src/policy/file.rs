//! The policy file as it is written: everything optional, nothing unknown, each rule checked.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::people::{self, BypassFile, GlassFile, RouteFile, RungFile};
use super::{
    BudgetScope, BudgetSpent, ClockRules, Environment, EscalationPolicy, Minimum, PolicyError,
    RunbookRadius, StepFailure, TierRules, TimeoutAction,
};
use crate::alert::Severity;
use crate::confidence::Confidence;
use crate::entitlement::ApproveRule;
use crate::limits;
use crate::noise::{InhibitRule, NoiseFile};
use crate::owner::FirstUse;
use crate::tier::Tier;
use crate::time::Span;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyFile {
    version: Option<u32>,
    default_severity: Option<Severity>,
    default_environment: Option<Tier>,
    min_match: Option<Number>,
    min_margin: Option<Number>,
    budget_scope: Option<BudgetScope>,
    #[serde(default)]
    severity: BTreeMap<String, Severity>,
    environment: Option<Vec<Environment>>,
    minimum: Option<Vec<Minimum>>,
    radius: Option<Vec<RadiusFile>>,
    effective_within: Option<String>,
    clock_grant: Option<ClockFile>,
    #[serde(default)]
    noise: NoiseFile,
    inhibit: Option<Vec<InhibitRule>>,
    approve: Option<Vec<ApproveRule>>,
    route: Option<Vec<RouteFile>>,
    first_use: Option<FirstUse>,
    chain: Option<Vec<RungFile>>,
    warn_before: Option<String>,
    break_glass: Option<GlassFile>,
    bypass: Option<BypassFile>,
    #[serde(default)]
    tier: TiersFile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockFile {
    runbooks: BTreeSet<String>,
    wait: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RadiusFile {
    runbook: String,
    max_targets: u32,
    window: String,
}

/// How many targets, or any number of them.
#[derive(Deserialize)]
#[serde(untagged, expecting = "write a number of targets, or \"any\"")]
enum Targets {
    Most(u32),
    Word(String),
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TiersFile {
    low: Option<TierFile>,
    medium: Option<TierFile>,
    high: Option<TierFile>,
    critical: Option<TierFile>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TierFile {
    min_confidence: Option<Number>,
    max_autonomous_actions: Option<u32>,
    window: Option<String>,
    budget_spent: Option<BudgetSpent>,
    max_targets: Option<Targets>,
    cool_down: Option<String>,
    step_failure: Option<StepFailure>,
    quorum: Option<u32>,
    groups: Option<BTreeMap<String, u32>>,
    timeout: Option<String>,
    timeout_action: Option<TimeoutAction>,
    live: Option<bool>,
}

/// A threshold as TOML has it. The shortest decimal that reads back as the same float is
/// what was written, so going through text loses nothing.
#[derive(Deserialize)]
#[serde(untagged, expecting = "write a probability such as 0.95, or \"never\" for a tier")]
pub(super) enum Number {
    Integer(i64),
    Float(f64),
    Word(String),
}

impl Number {
    pub(super) fn confidence(&self, field: &str) -> Result<Confidence, PolicyError> {
        let text = match self {
            Self::Integer(n) => n.to_string(),
            Self::Float(f) => f.to_string(),
            Self::Word(word) => word.clone(),
        };
        text.parse().map_err(|e| PolicyError(format!("{field}: {e}")))
    }
}

pub(super) fn read(text: &str) -> Result<PolicyFile, PolicyError> {
    toml::from_str(text).map_err(|e| PolicyError(e.to_string().trim_end().to_owned()))
}

impl TierFile {
    fn over(self, base: TierFile) -> TierFile {
        TierFile {
            min_confidence: self.min_confidence.or(base.min_confidence),
            max_autonomous_actions: self.max_autonomous_actions.or(base.max_autonomous_actions),
            window: self.window.or(base.window),
            budget_spent: self.budget_spent.or(base.budget_spent),
            max_targets: self.max_targets.or(base.max_targets),
            cool_down: self.cool_down.or(base.cool_down),
            step_failure: self.step_failure.or(base.step_failure),
            quorum: self.quorum.or(base.quorum),
            groups: self.groups.or(base.groups),
            timeout: self.timeout.or(base.timeout),
            timeout_action: self.timeout_action.or(base.timeout_action),
            live: self.live.or(base.live),
        }
    }

    fn finish(self, tier: Tier) -> Result<TierRules, PolicyError> {
        let field = |key: &str| format!("tier.{tier}.{key}");
        let missing = |key: &str| PolicyError(format!("{} is missing", field(key)));
        let span = |key: &str, text: Option<String>| {
            let text = text.ok_or_else(|| missing(key))?;
            match text.parse::<Span>() {
                Ok(span) if span > Span::default() => Ok(span),
                Ok(_) => Err(PolicyError(format!("{}: must be longer than zero", field(key)))),
                Err(e) => Err(PolicyError(format!("{}: {e}", field(key)))),
            }
        };
        let min_confidence = match self.min_confidence {
            Some(Number::Word(word)) if word == "never" => None,
            Some(number) => Some(number.confidence(&field("min_confidence"))?),
            None => return Err(missing("min_confidence")),
        };
        let max = self.max_autonomous_actions.ok_or_else(|| missing("max_autonomous_actions"))?;
        if tier == Tier::Critical && (min_confidence.is_some() || max > 0) {
            return Err(PolicyError(
                "tier.critical: critical never proceeds on its own; \
                 min_confidence must be \"never\" and max_autonomous_actions 0"
                    .into(),
            ));
        }
        let quorum = self.quorum.ok_or_else(|| missing("quorum"))?;
        people::in_quorum(&field("quorum"), quorum)?;
        Ok(TierRules {
            min_confidence,
            max_autonomous_actions: max,
            window: span("window", self.window)?,
            budget_spent: self.budget_spent.ok_or_else(|| missing("budget_spent"))?,
            max_targets: match self.max_targets {
                Some(Targets::Most(most)) => Some(targets(&field("max_targets"), most)?),
                Some(Targets::Word(word)) if word == "any" => None,
                Some(Targets::Word(_)) => {
                    let field = field("max_targets");
                    let what = format!("{field}: write a number of targets, or \"any\"");
                    return Err(PolicyError(what));
                }
                None => return Err(missing("max_targets")),
            },
            cool_down: length(&field("cool_down"), self.cool_down)?,
            step_failure: self.step_failure.ok_or_else(|| missing("step_failure"))?,
            quorum,
            groups: people::groups(&field("groups"), self.groups.unwrap_or_default())?,
            timeout: span("timeout", self.timeout)?,
            timeout_action: self.timeout_action.ok_or_else(|| missing("timeout_action"))?,
            live: self.live.unwrap_or(false),
        })
    }
}

impl PolicyFile {
    /// This file where it says something, `base` where it does not.
    pub(super) fn over(self, base: PolicyFile) -> PolicyFile {
        let tier = |mine: Option<TierFile>, theirs: Option<TierFile>| {
            Some(mine.unwrap_or_default().over(theirs.unwrap_or_default()))
        };
        let mut severity = base.severity;
        severity.extend(self.severity);
        PolicyFile {
            version: self.version.or(base.version),
            default_severity: self.default_severity.or(base.default_severity),
            default_environment: self.default_environment.or(base.default_environment),
            min_match: self.min_match.or(base.min_match),
            min_margin: self.min_margin.or(base.min_margin),
            budget_scope: self.budget_scope.or(base.budget_scope),
            radius: self.radius.or(base.radius),
            effective_within: self.effective_within.or(base.effective_within),
            severity,
            environment: self.environment.or(base.environment),
            minimum: self.minimum.or(base.minimum),
            clock_grant: self.clock_grant.or(base.clock_grant),
            noise: self.noise.over(base.noise),
            inhibit: self.inhibit.or(base.inhibit),
            approve: self.approve.or(base.approve),
            route: self.route.or(base.route),
            first_use: self.first_use.or(base.first_use),
            chain: self.chain.or(base.chain),
            warn_before: self.warn_before.or(base.warn_before),
            break_glass: self.break_glass.or(base.break_glass),
            bypass: self.bypass.or(base.bypass),
            tier: TiersFile {
                low: tier(self.tier.low, base.tier.low),
                medium: tier(self.tier.medium, base.tier.medium),
                high: tier(self.tier.high, base.tier.high),
                critical: tier(self.tier.critical, base.tier.critical),
            },
        }
    }

    pub(super) fn finish(self) -> Result<EscalationPolicy, PolicyError> {
        if self.version != Some(1) {
            return Err(PolicyError("version: this release reads version 1".into()));
        }
        let missing = |key: &str| PolicyError(format!("{key} is missing"));
        let threshold =
            |key: &str, number: Option<Number>| number.ok_or_else(|| missing(key))?.confidence(key);
        let minimums = self.minimum.unwrap_or_default();
        if minimums.iter().any(|m| m.program.is_some() == m.target.is_some()) {
            return Err(PolicyError("minimum: give either program or target".into()));
        }
        for (i, environment) in self.environment.iter().flatten().enumerate() {
            if environment.matcher.0.is_empty() {
                return Err(PolicyError(format!(
                    "environment[{i}].match is empty and would match every alert; \
                     name a label, or use default_environment"
                )));
            }
        }
        let mut tiers = BTreeMap::new();
        for (tier, file) in [
            (Tier::Low, self.tier.low),
            (Tier::Medium, self.tier.medium),
            (Tier::High, self.tier.high),
            (Tier::Critical, self.tier.critical),
        ] {
            tiers.insert(tier, file.unwrap_or_default().finish(tier)?);
        }
        let clock_grant = match self.clock_grant {
            Some(clock) => Some(ClockRules {
                runbooks: clock.runbooks,
                wait: clock
                    .wait
                    .parse()
                    .map_err(|e| PolicyError(format!("clock_grant.wait: {e}")))?,
            }),
            None => None,
        };
        if clock_grant.as_ref().is_some_and(|c| c.wait < Span::from_secs(60)) {
            return Err(PolicyError(
                "clock_grant.wait: people need at least a minute to object".into(),
            ));
        }
        Ok(EscalationPolicy {
            default_severity: self.default_severity.ok_or_else(|| missing("default_severity"))?,
            severity: lower_case(self.severity)?,
            default_environment: self
                .default_environment
                .ok_or_else(|| missing("default_environment"))?,
            environments: self.environment.unwrap_or_default(),
            minimums,
            min_match: threshold("min_match", self.min_match)?,
            min_margin: threshold("min_margin", self.min_margin)?,
            budget_scope: self.budget_scope.ok_or_else(|| missing("budget_scope"))?,
            radius: radii(self.radius.unwrap_or_default())?,
            effective_within: length("effective_within", self.effective_within)?,
            clock_grant,
            noise: self.noise.finish(self.inhibit.unwrap_or_default()).map_err(PolicyError)?,
            approve: people::entitled(self.approve.unwrap_or_default())?,
            routes: people::routes(self.route.unwrap_or_default())?,
            first_use: self.first_use.unwrap_or_default(),
            chain: people::rungs(self.chain.unwrap_or_default())?,
            warn_before: match self.warn_before {
                Some(before) => people::warning(&before)?,
                None => None,
            },
            break_glass: self.break_glass.map(people::glass).transpose()?,
            bypass: self.bypass.map(people::bypass).transpose()?,
            execution: None,
            inspection: None,
            tiers,
        })
    }
}

/// A length of time, of which none means that the rule is off.
fn length(field: &str, text: Option<String>) -> Result<Option<Span>, PolicyError> {
    let text = text.ok_or_else(|| PolicyError(format!("{field} is missing")))?;
    let span: Span = text.parse().map_err(|e| PolicyError(format!("{field}: {e}")))?;
    Ok((span > Span::default()).then_some(span))
}

fn targets(field: &str, most: u32) -> Result<u32, PolicyError> {
    if most > limits::TARGETS {
        let limit = limits::TARGETS;
        return Err(PolicyError(format!("{field}: at most {limit} targets; or write \"any\"")));
    }
    Ok(most)
}

fn radii(all: Vec<RadiusFile>) -> Result<Vec<RunbookRadius>, PolicyError> {
    if all.len() > limits::RADII {
        return Err(PolicyError(format!("radius: at most {} of them", limits::RADII)));
    }
    let checked = all.into_iter().enumerate().map(|(i, file)| {
        let field = |key: &str| format!("radius[{i}].{key}");
        let RadiusFile { runbook, max_targets, window } = file;
        if runbook.is_empty() {
            return Err(PolicyError(format!("{} is empty; name a runbook", field("runbook"))));
        }
        let max_targets = targets(&field("max_targets"), max_targets)?;
        let window = length(&field("window"), Some(window))?
            .ok_or_else(|| PolicyError(format!("{}: must be longer than zero", field("window"))))?;
        Ok(RunbookRadius { runbook, max_targets, window })
    });
    checked.collect()
}

fn lower_case(
    words: BTreeMap<String, Severity>,
) -> Result<BTreeMap<String, Severity>, PolicyError> {
    for word in words.keys() {
        if word.parse::<Severity>().is_ok() {
            return Err(PolicyError(format!("severity.{word}: this word has a fixed meaning")));
        }
        if *word != word.to_lowercase() {
            return Err(PolicyError(format!(
                "severity.{word}: severities are compared in lower case; write it so"
            )));
        }
    }
    Ok(words)
}
