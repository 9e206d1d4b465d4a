//! The escalation policy: one validated TOML file, read into integers.

mod file;
mod people;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::alert::{Alert, Severity};
use crate::bypass::BypassRules;
use crate::chain::Rung;
use crate::confidence::Confidence;
use crate::digest::PolicyDigest;
use crate::entitlement::ApproveRule;
use crate::execution::Execution;
use crate::glass::GlassRules;
use crate::inspection::InspectionRules;
use crate::limits;
use crate::matcher::{LabelMatcher, glob};
use crate::noise::NoiseRules;
use crate::owner::FirstUse;
use crate::route::Route;
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
    /// On how many targets plans of this tier may act within the window, whoever granted them;
    /// `None`: any number. A policy recorded before there was such a limit has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_targets: Option<u32>,
    /// How long after a plan of a runbook has ended on a target the runbook is not started there
    /// again without a person; `None`: no time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cool_down: Option<Span>,
    /// What happens after a failed step.
    pub step_failure: StepFailure,
    /// How many people must approve.
    pub quorum: u32,
    /// How many of each group must be among them. Whoever is in two groups counts for one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, u32>,
    /// How long a request waits for an answer.
    pub timeout: Span,
    /// What happens then.
    pub timeout_action: TimeoutAction,
    /// Whether plans of this tier may run live at all.
    pub live: bool,
}

/// On how many targets runbooks may act within a window, beside what their tier allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunbookRadius {
    /// The runbooks that share it; `*` stands for any characters.
    pub runbook: String,
    /// How many targets.
    pub max_targets: u32,
    /// The window in which they count.
    pub window: Span,
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
    /// On how many targets some runbooks may act. All that match hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub radius: Vec<RunbookRadius>,
    /// For how long after a live plan has done its work its alert may still fire before the plan
    /// counts as one that did not help; `None`: nobody looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_within: Option<Span>,
    /// When silence counts as consent; `None`: never.
    pub clock_grant: Option<ClockRules>,
    /// The rules against noise. A policy recorded by release 0.1 has none and gets the shipped.
    #[serde(default)]
    pub noise: NoiseRules,
    /// Who may approve what. With none, any approver may approve anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approve: Vec<ApproveRule>,
    /// Who is asked about what, and what is demanded of them. All that match add up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// What the first use of a runbook on a target demands of its owner.
    #[serde(default, skip_serializing_if = "FirstUse::is_nothing")]
    pub first_use: FirstUse,
    /// Who else is asked while nobody answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<Rung>,
    /// How long before a request lapses people are warned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn_before: Option<Span>,
    /// Who may approve alone what needs more people; `None`: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<GlassRules>,
    /// Who may let a runbook go on without people for a while; `None`: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bypass: Option<BypassRules>,
    /// What may be executed, as the service's configuration says; `None`: nothing is said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<Execution>,
    /// What may be looked at before a decision, as the service's configuration says; `None`:
    /// nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inspection: Option<InspectionRules>,
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

    /// The policy with what the configuration lets be executed, and its minimums for programs.
    #[must_use]
    pub fn with_execution(
        mut self,
        execution: Execution,
        minimums: impl IntoIterator<Item = (String, Tier)>,
    ) -> Self {
        self.execution = Some(execution);
        self.minimums.extend(minimums.into_iter().map(|(program, tier)| Minimum {
            program: Some(program),
            target: None,
            tier,
        }));
        self
    }

    /// Whether the operator lets steps run where not all of their processes can be held together.
    #[must_use]
    pub fn allows_weak_containment(&self) -> bool {
        self.execution.as_ref().is_some_and(|execution| execution.weak_containment)
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
            max_targets: Some(0),
            cool_down: Some(Span::MAX),
            step_failure: StepFailure::Stop,
            quorum: limits::QUORUM,
            groups: BTreeMap::new(),
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

    /// The radii that hold for a runbook.
    pub(crate) fn radii(&self, runbook: &str) -> impl Iterator<Item = &RunbookRadius> {
        self.radius.iter().filter(move |radius| glob(&radius.runbook, runbook))
    }

    /// The highest of the operator's minimums for a program among these words.
    pub(crate) fn program_minimum(&self, words: &BTreeSet<String>) -> Option<&Minimum> {
        let named = |m: &&Minimum| {
            let pattern = m.program.as_deref().map(last_part);
            pattern.is_some_and(|pattern| words.iter().any(|word| glob(pattern, word)))
        };
        self.minimums.iter().filter(named).max_by_key(|m| m.tier)
    }

    /// The highest of the operator's minimums for a target among these names.
    pub(crate) fn target_minimum(&self, names: &BTreeSet<&str>) -> Option<&Minimum> {
        let named = |m: &&Minimum| {
            m.target.as_deref().is_some_and(|p| names.iter().any(|name| glob(p, name)))
        };
        self.minimums.iter().filter(named).max_by_key(|m| m.tier)
    }
}

/// A program without its directory.
pub(crate) fn last_part(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// A policy could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PolicyError(pub String);
