//! The escalation policy: one validated TOML file, read into integers.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::alert::{Alert, Severity};
use crate::confidence::Confidence;
use crate::digest::PolicyDigest;
use crate::limits;
use crate::matcher::{LabelMatcher, glob};
use crate::tier::Tier;
use crate::time::Span;

/// The policy that is used where none is given.
pub const SHIPPED: &str = include_str!("../policy/shipped.toml");

/// What happens to a plan that would exceed its tier's budget of autonomous actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetSpent {
    /// People are asked.
    Escalate,
    /// Nobody may grant the plan; an entitled person may resume it with a reason.
    Halt,
}

/// What happens after a step of a running plan has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepFailure {
    /// The plan ends there.
    Stop,
    /// The steps that were done are taken back, as a new plan.
    Undo,
    /// People are asked what to do.
    Ask,
}

/// What happens when nobody has answered in time. There is no value that approves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeoutAction {
    /// The plan is void; the incident stays open with people.
    HandOver,
}

/// Whose actions share one budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetScope {
    /// All of them.
    Everywhere,
    /// Those in one environment.
    Environment,
}

/// The rules of one tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierRules {
    /// The least confidence at which a plan proceeds on its own; `None`: never.
    pub min_confidence: Option<Confidence>,
    /// How many action steps may be started without a person within the window.
    pub max_autonomous_actions: u32,
    /// The window in which they count.
    pub window: Span,
    /// What happens to a plan that would exceed that.
    pub budget_spent: BudgetSpent,
    /// What happens after a failed step.
    pub step_failure: StepFailure,
    /// How many people must approve.
    pub quorum: u32,
    /// How long a request waits for an answer.
    pub timeout: Span,
    /// What happens then.
    pub timeout_action: TimeoutAction,
    /// Whether plans of this tier may run live at all.
    pub live: bool,
}

/// Which alerts belong to an environment, and the least tier there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// The labels of its alerts.
    #[serde(rename = "match")]
    pub matcher: LabelMatcher,
    /// The least tier of a plan there.
    pub floor: Tier,
}

/// The operator's minimum for a program or a target, which no runbook can lower.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Minimum {
    /// A program's name or path; `*` stands for any characters.
    pub program: Option<String>,
    /// A target; `*` stands for any characters.
    pub target: Option<String>,
    /// The least tier of a plan that uses it.
    pub tier: Tier,
}

/// When silence after a warning counts as consent (promise 2). Low tier and reversible only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockRules {
    /// The runbooks for which it may.
    pub runbooks: BTreeSet<String>,
    /// How long after the delivered warning.
    pub wait: Span,
}

/// How the severity of an alert was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeverityReading {
    /// What it counts as.
    pub severity: Severity,
    /// Why.
    pub origin: SeverityOrigin,
}

/// Where a severity comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeverityOrigin {
    /// The sender used one of our four words.
    Sent,
    /// The policy's table maps the sender's word.
    Mapped(String),
    /// The sender's word is in no table, so it counts as critical.
    Unmapped(String),
    /// The sender said nothing; the policy's default holds.
    Absent,
}

/// Who may do what without a person, as decided by the operator.
///
/// Values in, values out: see [`EscalationPolicy::decide`].
///
/// ```
/// use tagout_core::policy::EscalationPolicy;
/// use tagout_core::tier::Tier;
///
/// let policy = EscalationPolicy::parse("[tier.low]\nmax_autonomous_actions = 3\n").unwrap();
/// assert_eq!(policy.rules(Tier::Low).max_autonomous_actions, 3);
/// // What the file leaves out is as shipped.
/// assert_eq!(policy.rules(Tier::Critical).max_autonomous_actions, 0);
/// // A typo is an error and not a default.
/// assert!(EscalationPolicy::parse("[tier.hgih]\nquorum = 2\n").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscalationPolicy {
    /// The severity of an alert that names none.
    pub default_severity: Severity,
    /// What other severity words mean.
    pub severity: BTreeMap<String, Severity>,
    /// The least tier of a plan whose alert matches no environment.
    pub default_environment: Tier,
    /// The environments, in the order in which they are tried. All that match count.
    pub environments: Vec<Environment>,
    /// The operator's minimums.
    pub minimums: Vec<Minimum>,
    /// The least confidence at which a runbook is proposed at all.
    pub min_match: Confidence,
    /// The least lead over the runner-up at which a plan proceeds on its own.
    pub min_margin: Confidence,
    /// Whose actions share one budget.
    pub budget_scope: BudgetScope,
    /// When silence counts as consent; `None`: never.
    pub clock_grant: Option<ClockRules>,
    tiers: BTreeMap<Tier, TierRules>,
}

impl EscalationPolicy {
    /// Reads a policy file. What it leaves out is as in [`SHIPPED`].
    ///
    /// # Errors
    /// If it is too large, is not TOML, has a key or tier we do not know, or breaks a rule.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if text.len() > limits::POLICY_BYTES {
            return Err(PolicyError(format!(
                "the policy is {} bytes long; the limit is {}",
                text.len(),
                limits::POLICY_BYTES
            )));
        }
        let shipped = file::read(SHIPPED)?;
        file::read(text)?.over(shipped).finish()
    }

    /// The policy that is used where none is given.
    ///
    /// # Errors
    /// Never in a released build: a test reads it.
    pub fn shipped() -> Result<Self, PolicyError> {
        Self::parse(SHIPPED)
    }

    /// The rules of a tier.
    #[must_use]
    pub fn rules(&self, tier: Tier) -> &TierRules {
        // `finish` fills in all four; should one be missing all the same, nothing proceeds.
        static CLOSED: TierRules = TierRules {
            min_confidence: None,
            max_autonomous_actions: 0,
            window: Span::MAX,
            budget_spent: BudgetSpent::Halt,
            step_failure: StepFailure::Stop,
            quorum: limits::QUORUM,
            timeout: Span::from_secs(3600),
            timeout_action: TimeoutAction::HandOver,
            live: false,
        };
        self.tiers.get(&tier).unwrap_or(&CLOSED)
    }

    /// Identifies the policy by its meaning: white space and comments do not count.
    #[must_use]
    pub fn digest(&self) -> PolicyDigest {
        // A policy holds no floats and no large integers, so it always has an encoding.
        PolicyDigest::of(self).unwrap_or_else(|_| PolicyDigest::of_bytes(&[]))
    }

    /// What the alert's severity word means.
    #[must_use]
    pub fn severity(&self, alert: &Alert) -> SeverityReading {
        let Some(word) = alert.severity.as_deref().filter(|word| !word.is_empty()) else {
            return SeverityReading {
                severity: self.default_severity,
                origin: SeverityOrigin::Absent,
            };
        };
        if let Ok(severity) = word.parse() {
            return SeverityReading { severity, origin: SeverityOrigin::Sent };
        }
        match self.severity.get(word) {
            Some(severity) => SeverityReading {
                severity: *severity,
                origin: SeverityOrigin::Mapped(word.to_owned()),
            },
            None => SeverityReading {
                severity: Severity::Critical,
                origin: SeverityOrigin::Unmapped(word.to_owned()),
            },
        }
    }

    /// The environment that `labels` belong to: its name and floor. If several match, the
    /// highest floor holds.
    #[must_use]
    pub fn environment(&self, labels: &BTreeMap<String, String>) -> (&str, Tier) {
        self.environments
            .iter()
            .filter(|e| e.matcher.matches(labels))
            .map(|e| (e.name.as_str(), e.floor))
            .reduce(|a, b| if b.1 > a.1 { b } else { a })
            .unwrap_or(("unlisted", self.default_environment))
    }

    /// The operator's minimums that hold for this program or target.
    pub(crate) fn minimum(&self, program: Option<&str>, target: Option<&str>) -> Option<&Minimum> {
        let is = |pattern: &Option<String>, name: Option<&str>| match (pattern, name) {
            (Some(pattern), Some(name)) => {
                glob(pattern, name) || glob(pattern, name.rsplit('/').next().unwrap_or(name))
            }
            _ => false,
        };
        self.minimums
            .iter()
            .filter(|m| is(&m.program, program) || is(&m.target, target))
            .max_by_key(|m| m.tier)
    }
}

/// A policy could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PolicyError(pub String);

/// The file as it is written; everything optional, nothing unknown.
mod file {
    use super::*;

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
        clock_grant: Option<ClockFile>,
        #[serde(default)]
        tier: TiersFile,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct ClockFile {
        runbooks: BTreeSet<String>,
        wait: String,
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
        step_failure: Option<StepFailure>,
        quorum: Option<u32>,
        timeout: Option<String>,
        timeout_action: Option<TimeoutAction>,
        live: Option<bool>,
    }

    /// A threshold as TOML has it. The shortest decimal that reads back as the same float is
    /// what was written, so going through text loses nothing.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Integer(i64),
        Float(f64),
        Word(String),
    }

    impl Number {
        fn confidence(&self, field: &str) -> Result<Confidence, PolicyError> {
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
                step_failure: self.step_failure.or(base.step_failure),
                quorum: self.quorum.or(base.quorum),
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
            let max =
                self.max_autonomous_actions.ok_or_else(|| missing("max_autonomous_actions"))?;
            if tier == Tier::Critical && (min_confidence.is_some() || max > 0) {
                return Err(PolicyError(
                    "tier.critical: critical never proceeds on its own; \
                     min_confidence must be \"never\" and max_autonomous_actions 0"
                        .into(),
                ));
            }
            let quorum = self.quorum.ok_or_else(|| missing("quorum"))?;
            if quorum == 0 || quorum > limits::QUORUM {
                return Err(PolicyError(format!(
                    "{}: {quorum} is out of range; use 1 to {}",
                    field("quorum"),
                    limits::QUORUM
                )));
            }
            Ok(TierRules {
                min_confidence,
                max_autonomous_actions: max,
                window: span("window", self.window)?,
                budget_spent: self.budget_spent.ok_or_else(|| missing("budget_spent"))?,
                step_failure: self.step_failure.ok_or_else(|| missing("step_failure"))?,
                quorum,
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
                severity,
                environment: self.environment.or(base.environment),
                minimum: self.minimum.or(base.minimum),
                clock_grant: self.clock_grant.or(base.clock_grant),
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
            let threshold = |key: &str, number: Option<Number>| {
                number.ok_or_else(|| missing(key))?.confidence(key)
            };
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
                default_severity: self
                    .default_severity
                    .ok_or_else(|| missing("default_severity"))?,
                severity: lower_case(self.severity)?,
                default_environment: self
                    .default_environment
                    .ok_or_else(|| missing("default_environment"))?,
                environments: self.environment.unwrap_or_default(),
                minimums,
                min_match: threshold("min_match", self.min_match)?,
                min_margin: threshold("min_margin", self.min_margin)?,
                budget_scope: self.budget_scope.ok_or_else(|| missing("budget_scope"))?,
                clock_grant,
                tiers,
            })
        }
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
}
