//! How far the answers to a plan have come, and what the reader has to do with it.

use maud::{Markup, html};
use tagout_core::actor::{Act, Actor};
use tagout_core::approval::{Answer, ApprovalGate, Person, Refusal, Review, Tally};
use tagout_core::time::Time;

use super::incident::answered;
use super::text::{absolute, relative, said};

/// How many people have approved, and how many it takes in all, those of its groups among them.
pub(super) fn figures(gate: &ApprovalGate) -> (u32, u32) {
    let approvals = gate.reviews().filter(|(review, _)| review.answer == Answer::Approve).count();
    (u32::try_from(approvals).unwrap_or(u32::MAX), gate.needed())
}

/// What is asked, who has answered, and how long there is.
pub(super) fn standing(gate: &ApprovalGate, now: Time) -> Markup {
    let request = gate.request();
    let (have, need) = figures(gate);
    html! {
        p {
            strong { (have) " of " (need) } " approved"
            @for (n, (group, still)) in gate.missing().iter().enumerate() {
                (if n == 0 { "; still missing " } else { ", " }) (still) " of " (said(group))
            }
            ". Without enough answers it lapses at "
            (absolute(request.expires_at, now)) ", " strong { (relative(request.expires_at, now)) }
            ", and then nothing is done."
        }
        @for (owner, by) in &request.first_use { p { (said(&by.told(owner))) } }
        @if gate.reviews().next().is_some() {
            ul.plain { @for (review, at) in gate.reviews() {
                li {
                    strong { (said(review.reviewer.name())) } " " (answered(review.answer)) " at "
                    (absolute(at, now))
                    @if !review.reason.is_empty() { ": “" (said(review.reason.as_str())) "”" }
                }
            } }
        }
    }
}

/// What a person's having asked for the plan means for their approval; nothing where nobody is
/// asked any more.
pub(super) fn own(gate: Option<&ApprovalGate>, author: &Person) -> &'static str {
    match gate {
        Some(gate) if !gate.may_count(author) => ", who cannot approve it",
        Some(gate) if gate.request().author_counts => ", which counts as their approval",
        _ => "",
    }
}

/// What the reader has to do with a plan that waits, as its gate would take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mine {
    /// They may approve.
    Open,
    /// They have answered.
    Answered(Answer),
    /// They asked for it, so somebody else must approve; they may reject.
    Own,
    /// The policy lets others approve; they may reject.
    Others,
    /// Their role does not answer for plans.
    Not,
    /// Nobody may any more.
    Over,
}

impl Mine {
    pub(super) fn of(gate: &ApprovalGate, actor: &Actor, now: Time) -> Self {
        let theirs = gate.reviews().find(|(review, _)| review.reviewer == actor.person);
        if let Some((review, _)) = theirs {
            return Self::Answered(review.answer);
        }
        if !actor.may(Act::Review) {
            return Self::Not;
        }
        match gate.consider(&approval(gate, actor), now) {
            Ok(()) => Self::Open,
            Err(Refusal::OwnRequest) => Self::Own,
            Err(Refusal::NotEntitled) => Self::Others,
            Err(_) => Self::Over,
        }
    }
}

/// Whether the actor's approval would be enough by itself, so that no glass need be broken.
pub(super) fn suffices(gate: &ApprovalGate, actor: &Actor, now: Time) -> bool {
    let mut gate = gate.clone();
    let taken = gate.take(approval(&gate, actor), now);
    taken.is_ok() && matches!(gate.tally(now), Tally::Granted(_))
}

fn approval(gate: &ApprovalGate, actor: &Actor) -> Review {
    let request = gate.request();
    Review::by(actor.clone(), Answer::Approve, (request.plan, request.mode), "".into())
}
