//! A plan in the place of another: changed by a person, decided again after a HALT, or made anew
//! because what it rested on has changed.

use std::collections::BTreeSet;

use super::made::Made;
use super::maker::Maker;
use super::review::tallied;
use super::{Ask, Rejection};
use crate::actor::Actor;
use crate::approval::{Answer, Person, Refusal, Review, Tally};
use crate::digest::PlanDigest;
use crate::event::{Event, PersonNeeded, VoidReason};
use crate::incident::{Case, Incident, Proposal, Stage};
use crate::limits;
use crate::parameter::Values;
use crate::plan::{Draft, Plan, PlanChange, difference};
use crate::stale::{Changed, in_force};
use crate::text::FreeText;
use crate::verdict::Mode;

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

/// Whether the rules of this moment would bind the plan to the very same work, so that whatever
/// differs in a plan that takes its place is the change of the person who asked for that.
fn is_as_bound_now(ask: Ask<'_>, case: &Case, proposal: &Proposal) -> bool {
    bound_again(ask, case, proposal, &PlanChange::default(), None)
        .is_ok_and(|again| same_work(&again.plan, &proposal.plan))
}

fn same_work(a: &Plan, b: &Plan) -> bool {
    a.runbook == b.runbook && a.target == b.target && a.sequence().eq(b.sequence())
}
