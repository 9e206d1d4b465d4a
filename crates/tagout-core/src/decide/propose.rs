//! From what was found to a plan, the policy's verdict, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};

use super::look::opened;
use super::review::tallied;
use super::{Ask, Rejection};
use crate::actor::Actor;
use crate::alert::Severity;
use crate::approval::{Answer, Person, Refusal, Review, ReviewRequest, Tally};
use crate::chain::Chain;
use crate::confidence::Confidence;
use crate::deadline::ClockWait;
use crate::digest::PlanDigest;
use crate::entitlement::Approvers;
use crate::event::{Event, GrantedBy, PersonNeeded, StepOutcome, VoidReason};
use crate::findings::Findings;
use crate::incident::{Case, Incident, Proposal, Stage, StepState};
use crate::inspection::Sight;
use crate::limits;
use crate::owner::{self, FirstUse, FirstUses, SpokenFor};
use crate::parameter::Values;
use crate::plan::{Draft, Plan, PlanChange, PlannedStep, difference};
use crate::policy::{EscalationPolicy, SeverityOrigin, SeverityReading};
use crate::route::{Routed, at_least};
use crate::runbook::{Runbook, StepKind};
use crate::sandbox::Sandboxed;
use crate::stale::{Changed, in_force};
use crate::text::FreeText;
use crate::tier::Tier;
use crate::verdict::{Decision, Mode, PolicyInput, StepFacts, Verdict};

/// The search has ended: look at the system for the best candidate that does not exclude the alert
/// itself, propose it, or call a person.
pub(super) fn from_findings(ask: Ask<'_>, mut findings: Findings) -> Result<Vec<Event>, Rejection> {
    let Incident::Open(case, Stage::Searching) = ask.incident else {
        return Err(Rejection::NotDue("no search is due for this incident"));
    };
    findings.candidates.truncate(limits::CANDIDATES);
    let (excluded, choice) = chosen(ask, case, &findings);
    let mut events = vec![Event::SearchCompleted { findings, excluded }];
    let found = ask.after(&events)?;
    let Incident::Open(case, _) = &found else {
        return Err(Rejection::NotDue("the search has closed the incident"));
    };
    if let Some((_, runbook)) = choice
        && let Ok(draft) = Draft::bind(runbook, &case.alert, &PlanChange::default())
        && let Some(opened) = opened(ask, case, runbook, &draft)
    {
        events.push(opened);
        return match ask.after(&events)? {
            Incident::Open(case, Stage::Found) => proposed(ask, &case, choice, events),
            _ => ask.checked(events),
        };
    }
    proposed(ask, case, choice, events)
}

/// Everything that was to be looked at is over.
pub(super) fn after_looking(
    ask: Ask<'_>,
    case: &Case,
    events: Vec<Event>,
) -> Result<Vec<Event>, Rejection> {
    let findings = case.findings.as_ref();
    let choice = findings.and_then(|findings| chosen(ask, case, findings).1);
    proposed(ask, case, choice, events)
}

/// The runbooks that exclude the alert themselves, each with why; and the one that does not, with
/// its place among the candidates.
type Chosen<'r> = (Vec<(String, String)>, Option<(usize, &'r Runbook)>);

/// The best candidate that does not exclude the alert itself, and those before it that do.
fn chosen<'r>(ask: Ask<'r>, case: &Case, findings: &Findings) -> Chosen<'r> {
    let mut excluded = Vec::new();
    for (at, candidate) in findings.candidates.iter().enumerate() {
        if candidate.confidence < ask.rules.policy.min_match {
            break;
        }
        // Only known runbooks: a candidate the catalogue lacks is no candidate.
        let Some(runbook) = ask.rules.runbooks.get(&candidate.runbook) else { continue };
        match runbook.excludes(&case.alert) {
            Some(why) => excluded.push((runbook.id.clone(), why)),
            None => return (excluded, Some((at, runbook))),
        }
    }
    (excluded, None)
}

/// A plan of what was chosen, or a person who is called.
fn proposed(
    ask: Ask<'_>,
    case: &Case,
    choice: Option<(usize, &Runbook)>,
    mut events: Vec<Event>,
) -> Result<Vec<Event>, Rejection> {
    let Some((at, runbook)) = choice else {
        events.push(Event::PersonCalled { why: PersonNeeded::NoRunbook });
        return ask.checked(events);
    };
    match Draft::bind(runbook, &case.alert, &PlanChange::default()) {
        Ok(draft) => {
            let made = Maker { ask, case, by: None, replaces: None, undoes: false }
                .plan(runbook, draft, at);
            made.append(ask, Vec::new(), &mut events)?;
        }
        Err(error) => events.push(Event::PersonCalled {
            why: PersonNeeded::CannotBind {
                runbook: runbook.id.clone(),
                why: FreeText::from(error.to_string()),
            },
        }),
    }
    ask.checked(events)
}

/// A person makes another plan of the proposed one. It stays inside known runbooks and
/// declared limits, and people grant it: never the policy, and never its own author.
pub(super) fn modified(
    ask: Ask<'_>,
    by: Actor,
    (plan, mode): (PlanDigest, Mode),
    change: &PlanChange,
    reason: FreeText,
) -> Result<Vec<Event>, Rejection> {
    let Incident::Open(case, Stage::Waiting(proposal, gate, _)) = ask.incident else {
        return Err(Rejection::NotDue("no plan of this incident waits for people"));
    };
    let refusal = match gate.tally(ask.now) {
        Tally::Waiting { .. } if plan != proposal.digest => Some(Refusal::OtherPlan),
        Tally::Waiting { .. } if mode != proposal.plan.mode => Some(Refusal::OtherMode),
        Tally::Waiting { .. } => None,
        Tally::TimedOut => Some(Refusal::Lapsed),
        _ => Some(Refusal::Decided),
    };
    if let Some(refusal) = refusal {
        let by = by.person;
        let record = Event::ReviewRefused { by, plan, refusal: refusal.clone() };
        return Err(Rejection::Refused(refusal, Box::new(record)));
    }
    if reason.as_str().len() > limits::REASON_BYTES {
        return Err(Rejection::ReasonNeeded);
    }
    let mut made = rebound(ask, case, proposal, change, by.person.clone())?;
    if same_work(&made.plan, &proposal.plan) {
        return Err(Rejection::NotDue("the change changes nothing; approve or reject the plan"));
    }
    made.reason = reason.clone();
    let mut events = Vec::new();
    if made.plan.runbook != proposal.plan.runbook {
        events.push(Event::CandidateChosen {
            plan,
            proposed: proposal.plan.runbook.clone(),
            chosen: made.plan.runbook.clone(),
            evidence: proposal.plan.evidence,
            by: by.person.clone(),
        });
    }
    let seen = (made.plan.digest(), made.plan.mode);
    let own = Review::by(by, Answer::Approve, seen, reason);
    made.author_counts = made.plan.approvers.include(&own) && is_as_bound_now(ask, case, proposal);
    made.replace(ask, proposal, &mut events)?;
    let asked = matches!(events.last(), Some(Event::ReviewRequested { request, .. }) if request.author_counts);
    if asked {
        events.push(Event::ReviewGiven { review: own });
    }
    tallied(ask, events)
}

/// An entitled person has a halted plan decided again. At best people are then asked.
pub(super) fn resumed(
    ask: Ask<'_>,
    by: Person,
    plan: PlanDigest,
    reason: FreeText,
) -> Result<Vec<Event>, Rejection> {
    let Incident::Open(case, Stage::Halted(proposal)) = ask.incident else {
        return Err(Rejection::NotDue("no plan of this incident is halted"));
    };
    if plan != proposal.digest {
        return Err(Rejection::NotDue("the plan has changed since it was shown; read it again"));
    }
    if ask.now >= proposal.plan.expires_at {
        return Err(Rejection::NotDue(
            "the halted plan has lapsed; close the incident with `tagout approvals close`",
        ));
    }
    if reason.is_empty() || reason.as_str().len() > limits::REASON_BYTES {
        return Err(Rejection::ReasonNeeded);
    }
    // Bound anew and owned by the one who resumes it, so that somebody else must approve.
    let made = rebound(ask, case, proposal, &PlanChange::default(), by.clone())?;
    let mut events = vec![Event::HaltResumed { plan, by, reason }];
    made.replace(ask, proposal, &mut events)?;
    ask.checked(events)
}

/// The plan made anew under the rules of this moment, because what it rested on has changed.
/// If that is not possible, or something of it was started, people are called to it. Nor is it made
/// anew for an alert that is over, or from other runbooks than those in force: it would be
/// stale at once.
pub(super) fn anew(
    ask: Ask<'_>,
    case: &Case,
    proposal: &Proposal,
    what: BTreeSet<Changed>,
) -> Result<Vec<Event>, Rejection> {
    let mut lines: Vec<String> = what.iter().map(ToString::to_string).collect();
    let left = case.has_started(proposal)
        || proposal.plan.undoes.is_some()
        || what.contains(&Changed::Alert)
        || !in_force(ask.shared, ask.rules.runbooks);
    let why = VoidReason::Stale { what: what.clone() };
    let mut events = vec![Event::PlanVoided { plan: proposal.digest, why }];
    let by = proposal.plan.requested_by.clone();
    let again = || bound_again(ask, case, proposal, &PlanChange::default(), by).ok();
    if let Some(made) = (!left).then(again).flatten() {
        lines.extend(difference(&proposal.plan, &made.plan));
        made.append(ask, lines, &mut events)?;
    } else {
        events.push(Event::PersonCalled { why: PersonNeeded::PlanStale { what } });
    }
    ask.checked(events)
}

/// The proposed plan bound anew with a person's change, under the rules of this moment.
fn rebound(
    ask: Ask<'_>,
    case: &Case,
    proposal: &Proposal,
    change: &PlanChange,
    by: Person,
) -> Result<Made, Rejection> {
    bound_again(ask, case, proposal, change, Some(by))
}

fn bound_again(
    ask: Ask<'_>,
    case: &Case,
    proposal: &Proposal,
    change: &PlanChange,
    by: Option<Person>,
) -> Result<Made, Rejection> {
    // Bound anew it would do once more what it is to take back.
    if proposal.plan.undoes.is_some() {
        return Err(Rejection::NotDue(
            "a plan that takes another one back is approved or rejected as it is",
        ));
    }
    let id = change.runbook.as_deref().unwrap_or(&proposal.plan.runbook);
    let found = case.findings.as_ref().and_then(|findings| {
        findings.candidates.iter().position(|candidate| candidate.runbook == id)
    });
    let (Some(at), Some(runbook)) = (found, ask.rules.runbooks.get(id)) else {
        return Err(Rejection::NotACandidate(id.to_owned()));
    };
    if let Some(why) = runbook.excludes(&case.alert) {
        return Err(Rejection::Excluded(id.to_owned(), why));
    }
    // A change on top of an earlier one keeps it: values and left-out steps carry over.
    let mut whole = change.clone();
    let mut kept_values = Values::new();
    if id == proposal.plan.runbook {
        if runbook.digest == proposal.plan.runbook_digest {
            kept_values.clone_from(&proposal.plan.values);
        } else {
            // The page has changed since, and its limits with it: they are asked again.
            for (name, value) in &proposal.plan.values {
                whole.values.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        let kept: Vec<_> = proposal.plan.steps.iter().map(|s| s.id.as_str()).collect();
        let left_out = runbook.steps.iter().filter(|s| !kept.contains(&s.id.as_str()));
        whole.drop_steps.extend(left_out.map(|s| s.id.clone()));
    }
    let draft = Draft::rebind(runbook, &case.alert, &whole, &kept_values)?;
    Ok(Maker { ask, case, by, replaces: Some(&proposal.plan), undoes: false }
        .plan(runbook, draft, at))
}

/// What a finished plan did, taken back in the opposite order: a plan of its own, which the
/// policy decides about and others approve. Nothing if no step says how to take it back, or if
/// the runbook is no longer the one it ran from.
pub(super) fn undoing(
    ask: Ask<'_>,
    case: &Case,
    done: &Proposal,
    by: Option<Person>,
    events: &mut Vec<Event>,
) -> Result<(), Rejection> {
    let Proposal { plan, digest, .. } = done;
    let succeeded = |step: &&PlannedStep| {
        (1..=step.attempts).any(|attempt| {
            let start = (*digest, step.id.clone(), attempt);
            case.starts.get(&start) == Some(&StepState::Ended(StepOutcome::Succeeded))
        })
    };
    let undone = plan.steps.iter().rev().filter(|step| step.has_undo()).filter(succeeded);
    let runbook = ask.rules.runbooks.get(&plan.runbook);
    let Some(runbook) = runbook.filter(|r| r.digest == plan.runbook_digest) else {
        return Ok(());
    };
    // What the page demands holds for the way back, also where the way there was held to the same
    // because of its program.
    let sandboxes = |step: &PlannedStep| {
        let of_page = runbook.all().find(|one| one.id == step.id);
        let named = of_page.and_then(|one| one.sandbox.as_deref()).map(Sandboxed::named);
        named.into_iter().collect()
    };
    let back = |step: &PlannedStep| PlannedStep { sandboxes: sandboxes(step), ..step.reversed() };
    let steps: Vec<PlannedStep> = undone.map(back).collect();
    if steps.is_empty() {
        return Ok(());
    }
    let draft = Draft {
        target: plan.target.clone(),
        values: plan.values.clone(),
        preconditions: Vec::new(),
        steps,
        verification: Vec::new(),
    };
    let candidates = case.findings.as_ref().map(|findings| findings.candidates.as_slice());
    let at = candidates.unwrap_or_default().iter().position(|c| c.runbook == runbook.id);
    let at = at.unwrap_or(usize::MAX);
    let maker = Maker { ask, case, by, replaces: Some(plan), undoes: true };
    let mut made = maker.plan(runbook, draft, at);
    made.plan.undoes = Some(*digest);
    made.append(ask, vec![format!("takes back plan {}", digest.short())], events)
}

/// Whether the rules of this moment would bind the plan to the very same work, so that whatever
/// differs in a plan that takes its place is the change of the person who asked for that.
fn is_as_bound_now(ask: Ask<'_>, case: &Case, proposal: &Proposal) -> bool {
    bound_again(ask, case, proposal, &PlanChange::default(), None)
        .is_ok_and(|again| same_work(&again.plan, &proposal.plan))
}

fn same_work(a: &Plan, b: &Plan) -> bool {
    a.runbook == b.runbook && a.target == b.target && a.sequence().eq(b.sequence())
}

/// A plan, what the policy was asked about it, and what it said.
struct Made {
    plan: Plan,
    input: PolicyInput,
    verdict: Verdict,
    /// Why a person asked for it.
    reason: FreeText,
    /// Whether its author may approve such a plan, should asking for it count.
    author_counts: bool,
}

impl Made {
    fn append(
        self,
        ask: Ask<'_>,
        difference: Vec<String>,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let (plan, digest) = (self.plan.clone(), self.plan.digest());
        let reason = self.reason.clone();
        let catalogue = Some(ask.rules.runbooks.digest());
        events.push(Event::PlanProposed { plan, digest, difference, reason, catalogue });
        let trimmed = ask.after(events)?.proposal().is_some_and(|proposal| proposal.trimmed);
        self.follow(ask, trimmed, events);
        Ok(())
    }

    /// The plan in the place of an earlier one.
    fn replace(
        self,
        ask: Ask<'_>,
        earlier: &Proposal,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let why = VoidReason::Modified { by_plan: self.plan.digest() };
        events.push(Event::PlanVoided { plan: earlier.digest, why });
        let lines = difference(&earlier.plan, &self.plan);
        self.append(ask, lines, events)
    }

    /// The verdict, and what follows from it.
    fn follow(self, ask: Ask<'_>, trimmed: bool, events: &mut Vec<Event>) {
        let Self { plan, input, verdict, author_counts, .. } = self;
        let (digest, decision) = (plan.digest(), verdict.decision);
        let in_doubt = input.looks.iter().any(|look| look.seen != Sight::Held);
        events.push(Event::PolicyDecided { plan: digest, input, verdict });
        match decision {
            Decision::Proceed => events.push(Event::PlanGranted {
                plan: digest,
                mode: plan.mode,
                by: GrantedBy::Policy,
            }),
            Decision::Escalate => {
                // Silence never stands in for the person that a step, the plan's author, a first
                // use or a check that does not hold needs.
                let person_needed = plan.requested_by.is_some()
                    || owner::demands(&plan.first_use)
                    || ask.shared.bypasses().is_ceremonial(&plan.runbook)
                    || plan.sequence().any(|s| s.requires_approval)
                    || in_doubt;
                let clock = ClockWait::allowed(
                    ask.rules.policy,
                    digest,
                    plan.tier,
                    plan.reversible,
                    &plan.runbook,
                )
                .filter(|_| !person_needed);
                let request = ReviewRequest {
                    plan: digest,
                    mode: plan.mode,
                    tier: plan.tier,
                    quorum: plan.quorum,
                    groups: plan.groups,
                    approvers: plan.approvers,
                    owner: plan.owner,
                    first_use: plan.first_use,
                    ask: plan.ask,
                    chain: plan.chain,
                    requested_by: plan.requested_by,
                    author_counts: trimmed && author_counts,
                    opened_at: ask.now,
                    expires_at: plan.expires_at,
                };
                events.push(Event::ReviewRequested { request, clock });
            }
            Decision::Halt => {}
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

struct Maker<'a> {
    ask: Ask<'a>,
    case: &'a Case,
    by: Option<Person>,
    /// The plan that this one takes the place of: it may only become stricter.
    replaces: Option<&'a Plan>,
    /// Whether it takes another one back: that reaches no further, and is no second try.
    undoes: bool,
}

impl Maker<'_> {
    fn plan(&self, runbook: &Runbook, draft: Draft, at: usize) -> Made {
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
