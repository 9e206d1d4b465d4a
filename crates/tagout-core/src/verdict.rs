//! What the policy says about one plan: PROCEED, ESCALATE or HALT, with every reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::bypass;
use crate::confidence::Confidence;
use crate::digest::PolicyDigest;
use crate::inspection::{LookFact, Sight};
use crate::policy::{BudgetScope, BudgetSpent, EscalationPolicy, SeverityReading};
use crate::radius::Reached;
use crate::runbook::StepKind;
use crate::tier::Tier;
use crate::time::Span;

/// The three answers, strictest last: where rules disagree, the strictest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The plan may go on without a person.
    Proceed,
    /// People may grant it.
    Escalate,
    /// Nobody may grant this plan.
    Halt,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Proceed => "PROCEED",
            Self::Escalate => "ESCALATE",
            Self::Halt => "HALT",
        })
    }
}

/// Whether a plan's actions really start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nothing starts; each step is shown as it would run.
    DryRun,
    /// Steps run.
    Live,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DryRun => "dry-run",
            Self::Live => "live",
        })
    }
}

/// A word that is no mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("mode must be dry_run or live")]
pub struct UnknownMode;

impl FromStr for Mode {
    type Err = UnknownMode;

    /// As it stands in plans (`dry_run`) or as people write it (`dry-run`).
    fn from_str(word: &str) -> Result<Self, UnknownMode> {
        match word {
            "dry_run" | "dry-run" => Ok(Self::DryRun),
            "live" => Ok(Self::Live),
            _ => Err(UnknownMode),
        }
    }
}

/// What the policy needs to know of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFacts {
    /// The step's name.
    pub id: String,
    /// The tier that the runbook gives it; `None` if it could not be read.
    pub risk: Option<Tier>,
    /// Every word of what it runs and of what takes it back, without directories: a program
    /// behind a wrapper such as `sudo` is among them, and so is each name that the configuration
    /// has for what is started.
    pub words: BTreeSet<String>,
    /// Whether it looks, changes something, or is a person's.
    pub kind: StepKind,
    /// Whether the runbook asks for a person.
    pub requires_approval: bool,
}

/// Everything a decision rests on. Recorded with the decision, so that it can be repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyInput {
    /// What the plan would be run as.
    pub mode: Mode,
    /// The tier that the runbook gives itself; `None` if it could not be read.
    pub risk: Option<Tier>,
    /// The alert's severity.
    pub severity: SeverityReading,
    /// The alert's labels, from which the environment is found.
    pub labels: BTreeMap<String, String>,
    /// What the plan acts on.
    pub target: String,
    /// Every step, the checks before and after included.
    pub steps: Vec<StepFacts>,
    /// The tier of the plan that this one takes the place of: a change never lowers it.
    pub replaces: Option<Tier>,
    /// How probable it is that the runbook is the right one.
    pub confidence: Confidence,
    /// Its lead over the runner-up.
    pub margin: Confidence,
    /// Whether a declared exact key made the match.
    pub exact_key: bool,
    /// Whether the confidence was calibrated on this very set of runbooks.
    pub calibrated: bool,
    /// Autonomous actions already counted in the window of each tier, in this mode and scope.
    pub spent: BTreeMap<Tier, u32>,
    /// Whether the kill switch is engaged.
    pub kill_switch: bool,
    /// Whether a change freeze holds.
    pub freeze: bool,
    /// Who else holds the target, if anyone.
    pub target_held_by: Option<String>,
    /// Whether the plan was asked for by a person: a MODIFY, or a resumed HALT.
    pub asked_by_person: bool,
    /// The runbook. Release 0.1 did not record it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub runbook: String,
    /// Who answers for the runbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Whether the runbook was never carried through on this target in this mode, as far as
    /// is remembered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub novel: bool,
    /// The bypass that the plan may go by, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bypass: Option<String>,
    /// What is known of the checks that were to be looked at before the decision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looks: Vec<LookFact>,
    /// On how many targets plans have acted, if this one acts on one. Absent where that was not
    /// recorded yet, and then no radius has a say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Reached>,
    /// How long ago a plan of this runbook ended on this target in this mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<Span>,
    /// Why the plan is a dry-run where the configuration is in live mode: its tier, its page, or
    /// what of it may not be started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_startable: Option<String>,
}

impl PolicyInput {
    /// How many steps change something. A further attempt of one is no further action: only
    /// idempotent steps may have one.
    fn actions(&self) -> u32 {
        let actions = self.steps.iter().filter(|s| s.kind == StepKind::Action).count();
        u32::try_from(actions).unwrap_or(u32::MAX)
    }

    /// Everything the plan might act on: its target, what its commands name, and what the alert
    /// is labelled with; each also without a port.
    fn reach(&self) -> BTreeSet<&str> {
        let words = self.steps.iter().flat_map(|step| &step.words);
        let named = words.chain(self.labels.values()).map(String::as_str).chain([&*self.target]);
        named.flat_map(|name| [name, name.split(':').next().unwrap_or(name)]).collect()
    }
}

impl Verdict {
    /// Whether both decide the same for the same rules; wording may differ between releases.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        let rules = |verdict: &Self| -> Vec<_> {
            verdict.reasons.iter().map(|r| (r.rule, r.decision)).collect()
        };
        (self.decision, self.tier, self.reserved, &self.scope)
            == (other.decision, other.tier, other.reserved, &other.scope)
            && rules(self) == rules(other)
    }
}

/// The rule behind a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The kill switch is engaged.
    KillSwitch,
    /// A change freeze holds.
    ChangeFreeze,
    /// Something the decision needs is missing.
    MissingInput,
    /// Critical never proceeds on its own.
    CriticalTier,
    /// The confidence is below the tier's threshold.
    Confidence,
    /// The confidence was not calibrated on these runbooks and no exact key matched.
    Uncalibrated,
    /// The runner-up is too close.
    Margin,
    /// The tier's budget of autonomous actions would be exceeded.
    Budget,
    /// The plan would act on more targets than the policy allows.
    BlastRadius,
    /// The runbook was tried on this target a short time ago.
    CoolDown,
    /// A step asks for a person.
    StepRequiresApproval,
    /// A step is for a person to do.
    PersonStep,
    /// There is nothing a machine could run.
    NothingExecutable,
    /// Another plan holds the target.
    TargetBusy,
    /// A person asked for this plan, so people grant it.
    AskedByPerson,
    /// A route of the policy has people asked.
    Routed,
    /// A bypass lets the plan go on although the match is in doubt.
    Bypass,
    /// A check of the runbook's own does not hold.
    CheckDoesNotHold,
    /// A check was to be looked at, and nothing was seen.
    NotSeen,
    /// The plan is a dry-run where the configuration is in live mode: for its tier, for its page,
    /// or since something of it may not be started.
    NotStartable,
    /// No rule stands in the way.
    WithinPolicy,
}

/// One reason of a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule.
    pub rule: Rule,
    /// What this rule alone would decide.
    pub decision: Decision,
    /// Why, in words and figures.
    pub detail: String,
}

/// What the policy says about one plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The strictest of all reasons, unless a bypass lets the plan go on.
    pub decision: Decision,
    /// The effective tier.
    pub tier: Tier,
    /// What set the tier.
    pub tier_from: String,
    /// Every rule that spoke, in a fixed order.
    pub reasons: Vec<Reason>,
    /// How many actions a PROCEED reserves from the budget.
    pub reserved: u32,
    /// Whose budget that is.
    pub scope: String,
    /// The policy that decided.
    pub policy: PolicyDigest,
}

/// Proof that the policy itself lets a plan proceed. Made by [`EscalationPolicy::decide`]'s
/// verdict and by nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyGrant(());

impl Verdict {
    /// The grant, if the verdict is PROCEED.
    #[must_use]
    pub fn grant(&self) -> Option<PolicyGrant> {
        // The tier is asked again: a recorded verdict that says otherwise grants nothing.
        let bypassed = self.reasons.iter().any(|reason| reason.rule == Rule::Bypass);
        (self.decision == Decision::Proceed
            && self.tier != Tier::Critical
            && (!bypassed || self.tier <= bypass::HIGHEST))
            .then_some(PolicyGrant(()))
    }
}

impl EscalationPolicy {
    /// The effective tier and what set it: the highest of the runbook's, each step's, the
    /// severity's, the environment's and the operator's minimums.
    #[must_use]
    pub fn tier(&self, input: &PolicyInput) -> (Tier, String) {
        let unknown = |tier: Option<Tier>| tier.unwrap_or(Tier::Critical);
        let (environment, floor) = self.environment(&input.labels);
        let severity = input.severity.severity;
        let mut candidates = vec![
            (unknown(input.risk), "the runbook's risk".to_owned()),
            (severity.floor(), format!("severity {severity}")),
            (floor, format!("environment {environment}")),
        ];
        if let Some(tier) = input.replaces {
            candidates.push((tier, "the plan it replaces".to_owned()));
        }
        for step in &input.steps {
            candidates.push((unknown(step.risk), format!("step {}", step.id)));
            if let Some(minimum) = self.program_minimum(&step.words) {
                let program = minimum.program.as_deref().unwrap_or_default();
                candidates.push((minimum.tier, format!("the minimum for program {program}")));
            }
        }
        if let Some(minimum) = self.target_minimum(&input.reach()) {
            let target = minimum.target.as_deref().unwrap_or_default();
            candidates.push((minimum.tier, format!("the minimum for target {target}")));
        }
        candidates
            .into_iter()
            .reduce(|a, b| if b.0 > a.0 { b } else { a })
            .unwrap_or((Tier::Critical, "nothing known".into()))
    }

    /// Whose budget of autonomous actions an alert with these labels draws on.
    #[must_use]
    pub fn scope(&self, labels: &BTreeMap<String, String>) -> String {
        match self.budget_scope {
            BudgetScope::Everywhere => "everywhere".into(),
            BudgetScope::Environment => self.environment(labels).0.to_owned(),
        }
    }

    /// PROCEED, ESCALATE or HALT. A pure function: the same input under the same policy has
    /// the same verdict, byte for byte.
    ///
    /// Every rule is asked and the strictest answer holds.
    #[must_use]
    pub fn decide(&self, input: &PolicyInput) -> Verdict {
        let (tier, tier_from) = self.tier(input);
        let rules = self.rules(tier);
        let actions = input.actions();
        let mut reasons = Vec::new();
        let mut say = |rule, decision, detail: String| {
            reasons.push(Reason { rule, decision, detail });
        };

        if input.kill_switch {
            say(Rule::KillSwitch, Decision::Halt, "the kill switch is engaged".into());
        }
        if input.freeze {
            say(Rule::ChangeFreeze, Decision::Halt, "a change freeze holds".into());
        }
        if input.risk.is_none() || input.steps.iter().any(|s| s.risk.is_none()) {
            let detail = "a risk tier is unknown and counts as critical";
            say(Rule::MissingInput, Decision::Escalate, detail.into());
        }
        if tier == Tier::Critical {
            let detail = format!("critical tier ({tier_from}) never proceeds on its own");
            say(Rule::CriticalTier, Decision::Escalate, detail);
        }
        match rules.min_confidence {
            None if tier == Tier::Critical => {}
            None => {
                let detail = format!("{tier} tier never proceeds under this policy");
                say(Rule::Confidence, Decision::Escalate, detail);
            }
            Some(least) if input.confidence < least => {
                let detail =
                    format!("confidence {} is below {least} for {tier} tier", input.confidence);
                say(Rule::Confidence, Decision::Escalate, detail);
            }
            Some(_) => {}
        }
        if !input.exact_key {
            if !input.calibrated {
                let detail = "no exact key matched, and confidence was not calibrated on these \
                              runbooks";
                say(Rule::Uncalibrated, Decision::Escalate, detail.into());
            }
            if input.margin < self.min_margin {
                let detail = format!(
                    "the runner-up is {} behind; at least {} is needed",
                    input.margin, self.min_margin
                );
                say(Rule::Margin, Decision::Escalate, detail);
            }
        }
        for step in input.steps.iter().filter(|s| s.requires_approval) {
            let detail = format!("step {} requires approval", step.id);
            say(Rule::StepRequiresApproval, Decision::Escalate, detail);
        }
        let people = input.steps.iter().filter(|s| s.kind == StepKind::Manual);
        if people.clone().count() == input.steps.len() {
            let detail = "the runbook has only steps for people";
            say(Rule::NothingExecutable, Decision::Escalate, detail.into());
        } else {
            for step in people {
                let detail = format!("step {} is for a person", step.id);
                say(Rule::PersonStep, Decision::Escalate, detail);
            }
        }
        for LookFact { step, seen, why } in &input.looks {
            match seen {
                Sight::Held => {}
                Sight::DidNotHold => {
                    let detail = format!("check {step} does not hold");
                    say(Rule::CheckDoesNotHold, Decision::Escalate, detail);
                }
                Sight::Unseen => {
                    let detail = format!("check {step} could not be looked at: {why}");
                    say(Rule::NotSeen, Decision::Escalate, detail);
                }
            }
        }
        if let Some(holder) = &input.target_held_by {
            let detail = format!("{} is held by {holder}", input.target);
            say(Rule::TargetBusy, Decision::Escalate, detail);
        }
        let spent = input.spent.get(&tier).copied().unwrap_or(0);
        if spent.saturating_add(actions) > rules.max_autonomous_actions && tier != Tier::Critical {
            // A plan that people asked for is theirs to grant: the budget limits autonomy only.
            let decision = match rules.budget_spent {
                BudgetSpent::Halt if !input.asked_by_person => Decision::Halt,
                _ => Decision::Escalate,
            };
            let detail = format!(
                "{spent} of {} autonomous actions in {} are spent at {tier} tier; this plan has \
                 {actions}",
                rules.max_autonomous_actions, rules.window
            );
            say(Rule::Budget, decision, detail);
        }
        if let Some(reached) = &input.reached
            && let Some(detail) = self.past_radius(tier, &input.runbook, reached)
        {
            let decision = match rules.budget_spent {
                BudgetSpent::Halt if !input.asked_by_person => Decision::Halt,
                _ => Decision::Escalate,
            };
            say(Rule::BlastRadius, decision, detail);
        }
        if let Some((ago, cool_down)) = input.tried.zip(self.cools_down(tier, input.tried)) {
            let detail = format!(
                "{} has been tried on {} {} ago and the alert is back; it is not started again \
                 by itself within {cool_down}",
                input.runbook,
                input.target,
                ago.rounded()
            );
            say(Rule::CoolDown, Decision::Escalate, detail);
        }
        if input.asked_by_person {
            let detail = "a person asked for this plan, so people grant it";
            say(Rule::AskedByPerson, Decision::Escalate, detail.into());
        }
        if self.routed(tier, input).escalate {
            let detail = if input.novel {
                "a route has people asked; the first use on this target"
            } else {
                "a route has people asked"
            };
            say(Rule::Routed, Decision::Escalate, detail.into());
        }
        if reasons.is_empty() {
            let detail = format!(
                "confidence {} at {tier} tier ({tier_from}), {spent} of {} autonomous actions spent",
                input.confidence, rules.max_autonomous_actions
            );
            reasons.push(Reason { rule: Rule::WithinPolicy, decision: Decision::Proceed, detail });
        }
        let mut decision = reasons.iter().map(|r| r.decision).max().unwrap_or(Decision::Escalate);
        // Only doubt about the match, and never what somebody asked for: the budget, a step, a
        // route, a tier that never proceeds.
        let doubt =
            |r: &Reason| matches!(r.rule, Rule::Confidence | Rule::Uncalibrated | Rule::Margin);
        if let Some(bypass) = &input.bypass
            && tier <= bypass::HIGHEST
            && rules.min_confidence.is_some()
            && decision == Decision::Escalate
            && reasons.iter().all(doubt)
        {
            decision = Decision::Proceed;
            let detail = format!("bypass {bypass} lets it go on all the same");
            reasons.push(Reason { rule: Rule::Bypass, decision, detail });
        }
        if let Some(what) = &input.not_startable {
            let detail = format!("a dry-run: {what}");
            let rule = Rule::NotStartable;
            reasons.push(Reason { rule, decision: Decision::Proceed, detail });
        }
        Verdict {
            decision,
            tier,
            tier_from,
            reasons,
            reserved: if decision == Decision::Proceed { actions } else { 0 },
            scope: self.scope(&input.labels),
            policy: self.digest(),
        }
    }
}
