//! How the plan of an open incident has ended, and whether that leaves it to a person.

use maud::{Markup, html};
use tagout_core::event::{Effectiveness, PlanOutcome};
use tagout_core::incident::{Case, Proposal};
use tagout_core::time::Time;

use super::review::sentence;
use super::text::{absolute, said};
use super::timeline;
use crate::journal::Declared;
use crate::needed::{failure, taken_back};
use crate::terminal::story;

/// Where an incident stands whose plan has ended; `switch` is who engaged the kill switch, while
/// it is engaged.
pub(super) fn section(
    case: &Case,
    (proposal, outcome): (&Proposal, PlanOutcome),
    switch: Option<&Declared>,
    now: Time,
) -> Markup {
    let helped = case.helped.filter(|(plan, _)| *plan == proposal.digest).map(|(_, seen)| seen);
    let (class, title) = match (outcome, helped) {
        (PlanOutcome::Completed, _) if proposal.plan.undoes.is_some() => {
            ("ask", "A person is needed: the plan was taken back, and the alert still fires")
        }
        (PlanOutcome::Rehearsed, _)
            if case.way_back.is_some() || proposal.plan.undoes.is_some() =>
        {
            ("ask", "A person is needed: nothing was taken back")
        }
        (PlanOutcome::Failed, _) => ("ask", "A person is needed: the plan failed"),
        (_, Some(Effectiveness::StillFiring)) => {
            ("ask", "A person is needed: the plan has not helped")
        }
        _ => ("go", "The plan has ended"),
    };
    let how = failure(case, proposal.digest, Some(proposal), switch);
    html! {
        section class={ "sheet " (class) } aria-labelledby="standing" {
            h2 #standing { (title) }
            @match how.filter(|_| outcome == PlanOutcome::Failed) {
                _ if outcome == PlanOutcome::Completed && proposal.plan.undoes.is_some() => {
                    p { (said(&sentence(&taken_back(&proposal.plan)))) }
                }
                Some(how) => p { (said(&sentence(&how))) " What comes after it was not started." },
                None => p { (timeline::ended(outcome, &proposal.plan)) },
            }
            @match (helped, &case.awaits) {
                (Some(seen), _) => { p { "It was looked: " (story::helped(seen)) "." } }
                (_, Some(awaited)) if awaited.plan == proposal.digest => {
                    p { "Until " (absolute(awaited.until, now))
                        " it is looked whether the alert ends." }
                }
                _ => {}
            }
            p {
                @if case.way_back.is_none() {
                    "The incident closes when its alert ends, or when a person closes it."
                } @else {
                    "The incident closes when a person closes it."
                }
            }
        }
    }
}
