//! From a bound draft to a plan under the rules of this moment: its mode, its tier, what the policy is
//! asked about it, and whom it needs.

use std::collections::{BTreeMap, BTreeSet};

use super::Ask;
use super::made::Made;
use crate::alert::Severity;
use crate::approval::Person;
use crate::chain::Chain;
use crate::confidence::Confidence;
use crate::entitlement::Approvers;
use crate::incident::Case;
use crate::owner::{self, FirstUse, FirstUses, SpokenFor};
use crate::plan::{Draft, Plan};
use crate::policy::{EscalationPolicy, SeverityOrigin, SeverityReading};
use crate::route::{Routed, at_least};
use crate::runbook::{Runbook, StepKind};
use crate::text::FreeText;
use crate::tier::Tier;
use crate::verdict::{Mode, PolicyInput, StepFacts};

/// For which incident a plan is made, and in whose name.
pub(super) struct Maker<'a> {
    pub(super) ask: Ask<'a>,
    pub(super) case: &'a Case,
    pub(super) by: Option<Person>,
    /// The plan that this one takes the place of: it may only become stricter.
    pub(super) replaces: Option<&'a Plan>,
    /// Whether it takes another one back: that reaches no further, and is no second try.
    pub(super) undoes: bool,
}

impl Maker<'_> {
    pub(super) fn plan(&self, runbook: &Runbook, draft: Draft, at: usize) -> Made {
        let Ask { rules, shared, now, .. } = self.ask;
        // What the configuration lets be started is part of what it says about live mode.
        let execution = rules.policy.execution.as_ref();
        let bound = execution.map_or_else(|| Ok(draft.clone()), |e| e.bound(&runbook.id, &draft));
        // A minimum holds for a program by the name in the page, by its path and by each
        // other name of that path alike.
        let mut facts = draft.facts();
        for (facts, bound) in facts.iter_mut().zip(bound.iter().flat_map(Draft::facts)) {
            facts.words.extend(bound.words);
        }
        if let Some(execution) = execution {
            let Draft { preconditions, steps, verification, .. } = &draft;
            let all = preconditions.iter().chain(steps).chain(verification);
            for (facts, step) in facts.iter_mut().zip(all) {
                facts.words.extend(execution.names(step));
                facts.risk = facts.risk.map(|risk| risk.max(execution.least(step).unwrap_or(risk)));
            }
        }
        // The mode depends on the tier and the tier on the steps alone, so it is found first.
        let probe = self.input(runbook, (&draft.target, &facts), at, Mode::DryRun);
        let (tier, _) = rules.policy.tier(&probe);
        let tier_rules = rules.policy.rules(tier);
        let admitted = shared.admitted(&runbook.id, runbook.digest);
        let mode = match rules.mode {
            Mode::Live if tier_rules.live && admitted && bound.is_ok() => Mode::Live,
            _ => Mode::DryRun,
        };
        let mut input = self.input(runbook, (&draft.target, &facts), at, mode);
        if rules.mode == Mode::Live {
            let unnamed = bound.as_ref().err().map(String::as_str);
            input.not_startable = dry_since(tier, tier_rules.live, admitted, unnamed);
        }
        let (draft, rehearses) = match (mode, bound, execution) {
            (Mode::Live, Ok(bound), _) => (bound, BTreeSet::new()),
            // A dry-run starts nothing of a page that nobody has admitted, not even to look.
            (Mode::DryRun, _, Some(execution)) if execution.rehearse && admitted => {
                execution.rehearsed(&runbook.id, &draft)
            }
            _ => (draft, BTreeSet::new()),
        };
        let bypass = shared.bypasses().of(&runbook.id, tier, now);
        input.bypass = bypass.map(|(id, _)| id.to_owned());
        let verdict = rules.policy.decide(&input);
        let labels = &self.case.alert.labels;
        let Routed { ask, groups: routed, quorum, .. } = rules.policy.routed(tier, &input);
        let mut groups = tier_rules.groups.clone();
        at_least(&mut groups, &routed);
        let (mut ask, mut quorum) = (ask, quorum.max(tier_rules.quorum));
        let mut approvers = Approvers::under(&rules.policy.approve, tier, &runbook.id, labels);
        if let Some(earlier) = self.replaces {
            approvers = approvers.and(&earlier.approvers);
        }
        let first_use = self.first_use(runbook, input.novel, &approvers);
        if input.novel && rules.policy.first_use != FirstUse::Nothing {
            ask.extend(runbook.owner.clone());
        }
        let first_use = self.fillable(first_use, &groups, &approvers);
        at_least(&mut groups, &owner::places(&first_use));
        if let Some(earlier) = self.replaces {
            // A place for an owner whom nobody can speak for now would stay empty for good.
            let mut earlier_groups = earlier.groups.clone();
            earlier_groups.retain(|group, _| {
                !earlier.first_use.contains_key(group) || groups.contains_key(group)
            });
            at_least(&mut groups, &earlier_groups);
            ask.extend(earlier.ask.iter().cloned());
            quorum = quorum.max(earlier.quorum);
        }
        let EscalationPolicy { chain, warn_before, .. } = rules.policy;
        let chain = Chain::of(chain, *warn_before, tier, tier_rules.timeout);
        let mut plan = Plan {
            incident: self.ask.id.to_owned(),
            number: self.case.plans + 1,
            mode,
            runbook: runbook.id.clone(),
            title: runbook.title.clone(),
            runbook_digest: runbook.digest,
            reversible: runbook.reversible,
            target: draft.target,
            values: draft.values,
            safer: runbook.scales(),
            preconditions: draft.preconditions,
            steps: draft.steps,
            verification: draft.verification,
            tier,
            quorum,
            groups,
            approvers,
            owner: runbook.owner.clone(),
            first_use,
            ask,
            chain,
            expires_at: now.after(tier_rules.timeout),
            policy: verdict.policy,
            evidence: self.case.evidence(),
            requested_by: self.by.clone(),
            undoes: None,
            rehearses,
        };
        let may: BTreeSet<String> = plan.rehearses.clone();
        plan.rehearses = may.into_iter().filter(|id| plan.may_rehearse(id)).collect();
        Made { plan, input, verdict, reason: FreeText::default(), author_counts: false }
    }

    /// The owners whom the plan's first use needs: its own runbook's, and those whom the plan
    /// before it needed.
    fn first_use(&self, runbook: &Runbook, novel: bool, approvers: &Approvers) -> FirstUses {
        let Ask { rules, shared, .. } = self.ask;
        let own = runbook.owner.iter();
        let own = own.filter(|_| novel && rules.policy.first_use == FirstUse::Require);
        let earlier = self.replaces.into_iter().flat_map(|plan| plan.first_use.keys());
        let spoken_for = |owner: &String| {
            let by = SpokenFor::of(owner, shared, approvers, self.by.as_ref());
            (owner.clone(), by)
        };
        own.chain(earlier).map(spoken_for).collect()
    }

    /// The same, if the owners' places can be filled beside those of the `groups`, by distinct people.
    /// A place that nobody is left for would have every first use lapse.
    fn fillable(
        &self,
        first_use: FirstUses,
        groups: &BTreeMap<String, u32>,
        approvers: &Approvers,
    ) -> FirstUses {
        match owner::can_fill(&first_use, groups, self.ask.shared, approvers, self.by.as_ref()) {
            true => first_use,
            false => first_use.into_keys().map(|owner| (owner, SpokenFor::Nobody)).collect(),
        }
    }

    fn input(
        &self,
        runbook: &Runbook,
        (target, steps): (&str, &[StepFacts]),
        at: usize,
        mode: Mode,
    ) -> PolicyInput {
        let Ask { rules, shared, now, .. } = self.ask;
        let findings = self.case.findings.as_ref();
        let candidate = findings.and_then(|f| f.candidates.get(at));
        let labels = self.case.alert.labels.clone();
        let scope = rules.policy.scope(&labels);
        let holder = shared.lock(target).filter(|lock| lock.incident != self.ask.id);
        PolicyInput {
            mode,
            risk: Some(runbook.risk),
            severity: self.case.severity.clone().unwrap_or(SeverityReading {
                severity: Severity::Critical,
                origin: SeverityOrigin::Absent,
            }),
            spent: shared.spent(rules.policy, mode, &scope, now),
            labels,
            target: target.to_owned(),
            steps: steps.to_vec(),
            replaces: self.replaces.map(|plan| plan.tier),
            confidence: candidate.map_or(Confidence::ZERO, |c| c.confidence),
            margin: findings.map_or(Confidence::ZERO, |f| f.margin(at)),
            exact_key: candidate.is_some_and(|c| c.key.is_some()),
            calibrated: findings.is_some_and(|f| f.calibrated),
            kill_switch: shared.kill_switch,
            freeze: shared.frozen(now),
            target_held_by: holder.map(|lock| lock.incident.clone()),
            asked_by_person: self.by.is_some(),
            runbook: runbook.id.clone(),
            owner: runbook.owner.clone(),
            novel: !shared.used(mode, &runbook.id, target),
            bypass: None,
            looks: self.case.inspected.as_ref().map_or_else(Vec::new, |inspected| {
                inspected.facts(runbook, steps.iter().map(|step| step.id.as_str()))
            }),
            reached: (!self.undoes && steps.iter().any(|s| s.kind == StepKind::Action))
                .then(|| shared.reached(rules.policy, mode, (&runbook.id, target), now)),
            tried: shared.tried(mode, &runbook.id, target, now).filter(|_| !self.undoes),
            not_startable: None,
        }
    }
}

/// Why a plan is a dry-run where the configuration is in live mode, if it is one: all of it.
fn dry_since(tier: Tier, live: bool, admitted: bool, unnamed: Option<&str>) -> Option<String> {
    let tier = (!live).then(|| format!("the policy lets no plan of {tier} tier run live"));
    let page = (!admitted).then(|| "the page is not admitted in this version".to_owned());
    let all = [tier, page, unnamed.map(str::to_owned)];
    let all: Vec<String> = all.into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join("; "))
}
