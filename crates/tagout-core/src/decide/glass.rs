//! Somebody entitled approves alone what needs more people.

use super::replace::anew;
use super::review::{tallied, waiting};
use super::{Ask, Rejection};
use crate::actor::Actor;
use crate::approval::{Answer, Refusal, Review, Tally};
use crate::digest::PlanDigest;
use crate::event::Event;
use crate::incident::{Incident, Stage};
use crate::limits;
use crate::stale::moved_on;
use crate::text::FreeText;
use crate::verdict::Mode;

/// Breaks the glass of a waiting plan, and approves it; or makes the plan anew if what it rested
/// on has changed.
pub(super) fn broken(
    ask: Ask<'_>,
    by: Actor,
    (plan, mode): (PlanDigest, Mode),
    reason: FreeText,
) -> Result<Vec<Event>, Rejection> {
    if let Incident::Open(_, Stage::Halted(_)) = ask.incident {
        return Err(Rejection::NotDue("the plan is halted; no glass can be broken past HALT"));
    }
    let (proposal, gate) = waiting(ask)?;
    let Some(case) = ask.incident.case() else { return Err(Rejection::NoSuchIncident) };
    let Some(rules) = &ask.rules.policy.break_glass else {
        return Err(Rejection::NotDue("the policy has no [break_glass]; nobody approves alone"));
    };
    let refusal = match gate.tally(ask.now) {
        Tally::TimedOut => Some(Refusal::Lapsed),
        Tally::Granted(_) | Tally::Denied { .. } => Some(Refusal::Decided),
        Tally::Waiting { .. } if plan != proposal.digest => Some(Refusal::OtherPlan),
        Tally::Waiting { .. } if mode != proposal.plan.mode => Some(Refusal::OtherMode),
        Tally::Waiting { .. } if !rules.who.includes(&by) => Some(Refusal::NotEntitled),
        Tally::Waiting { .. } => None,
    };
    if let Some(refusal) = refusal {
        let record = Event::ReviewRefused { by: by.person, plan, refusal: refusal.clone() };
        return Err(Rejection::Refused(refusal, Box::new(record)));
    }
    if ask.shared.kill_switch {
        return Err(Rejection::Stopped("the kill switch is engaged"));
    }
    if ask.shared.frozen(ask.now) {
        return Err(Rejection::Stopped("a change freeze holds"));
    }
    if reason.as_str().trim().is_empty() || reason.as_str().len() > limits::REASON_BYTES {
        return Err(Rejection::ReasonNeeded);
    }
    if ask.shared.glass_broken(rules.window, ask.now) >= rules.max_per_window {
        return Err(Rejection::NotDue(
            "the glass was broken as often as the policy allows for now; find a second person",
        ));
    }
    // A grant of what is stale would start nothing, and the glass would be broken in vain: the
    // plan is made anew, to be read before anybody answers for it alone.
    let Ask { id, shared, rules: now, .. } = ask;
    let what = moved_on(proposal, id, shared, (now.policy, now.runbooks), ask.now);
    if !what.is_empty() {
        return anew(ask, case, proposal, what);
    }
    let answered = gate.reviews().any(|(review, _)| review.reviewer == by.person);
    let mut events =
        vec![Event::GlassBroken { plan, mode, by: by.person.clone(), reason: reason.clone() }];
    if !answered {
        let review = Review::by(by, Answer::Approve, (plan, mode), reason);
        events.push(Event::ReviewGiven { review });
    }
    tallied(ask, events)
}
