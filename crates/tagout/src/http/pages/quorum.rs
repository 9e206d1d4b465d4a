//! How far the answers to a plan have come.

use maud::{Markup, html};
use tagout_core::approval::{Answer, ApprovalGate, Tally};
use tagout_core::time::Time;

use super::incident::answered;
use super::text::{absolute, relative, said};

/// How many people have approved, how many must.
pub(super) fn figures(gate: &ApprovalGate, now: Time) -> (u32, u32) {
    let approvals = gate.reviews().filter(|(review, _)| review.answer == Answer::Approve).count();
    let approvals = u32::try_from(approvals).unwrap_or(u32::MAX);
    match gate.tally(now) {
        Tally::Waiting { have, need } => (have, need),
        _ => (approvals, gate.request().quorum.max(1)),
    }
}

/// What is asked, who has answered, and how long there is.
pub(super) fn standing(gate: &ApprovalGate, now: Time) -> Markup {
    let request = gate.request();
    let (have, need) = figures(gate, now);
    html! {
        p {
            strong { (have) " of " (need) } " approved. Without enough answers it lapses at "
            (absolute(request.expires_at, now)) ", " strong { (relative(request.expires_at, now)) }
            ", and then nothing is done."
        }
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
