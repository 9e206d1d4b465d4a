//! What the dry-run of a plan found: per step what was started, how it ended and what it printed,
//! and what could not be foreseen.

use maud::{Markup, html};
use tagout_core::event::{CommandEnd, Event, StepOutcome};
use tagout_core::incident::{Case, Proposal};
use tagout_core::limits;
use tagout_core::plan::PlannedStep;
use tagout_core::rehearsal::RehearsalState;
use tagout_core::runbook::StepKind;

use super::plan;
use super::text::{cut, said, said_lines};
use crate::journal::Recorded;

/// The section of an incident's page; empty for a plan whose dry-run starts nothing.
pub(super) fn section(case: &Case, proposal: &Proposal, history: &[Recorded]) -> Markup {
    let plan = &proposal.plan;
    // Before anything was started there is nothing that it found.
    if plan.rehearses.is_empty() || !case.has_begun(proposal) {
        return html! {};
    }
    let acts = plan.sequence().position(|step| step.kind == StepKind::Action);
    html! {
        section.sheet aria-labelledby="rehearsal" {
            h2 #rehearsal { "What the dry-run found" }
            @if let Some(step) = case.would_stop_at(proposal) {
                p { strong { "A live plan would have stopped at " code { (said(&step)) } "." } }
            }
            p.hush { "Checks were run, and actions by the dry-run form that they declare. No action \
                was started." }
            ol.steps {
                @for (place, step) in plan.sequence().enumerate() {
                    li.step {
                        p.step-title {
                            (plan::kind(step.kind)) " " strong { (said(&step.title)) }
                            " " span.hush { "(" (said(&step.id)) ")" }
                        }
                        (found(case, proposal, step, history))
                        @if step.kind == StepKind::Check && acts.is_some_and(|first| first < place) {
                            p.hush { "Looked at without what the actions before it do." }
                        }
                    }
                }
            }
        }
    }
}

fn found(case: &Case, proposal: &Proposal, step: &PlannedStep, history: &[Recorded]) -> Markup {
    let started = proposal.plan.rehearsal_of(&step.id);
    let state = case.rehearsals.get(&(proposal.digest, step.id.clone()));
    let Some((start, state)) = started.zip(state) else {
        let why = history.iter().find_map(|recorded| match recorded.event() {
            Event::StepRehearsed { plan, step: of, unforeseen } if *plan == proposal.digest => {
                (*of == step.id).then_some(*unforeseen).flatten()
            }
            _ => None,
        });
        // Its entry may stand on another page of the trail.
        let why = why.or_else(|| proposal.plan.unforeseen(step));
        return html! { p { (why.map_or("not run", |why| why.words())) } };
    };
    let (output, ended) = printed(proposal, &step.id, history);
    let how = match state {
        RehearsalState::Started => "runs".to_owned(),
        RehearsalState::Cut => "cut: nobody saw its end, and it changes nothing".to_owned(),
        RehearsalState::Ended(outcome) => ended_with(*outcome, ended),
    };
    let what = if step.kind == StepKind::Check { "Looked" } else { "Its own dry-run form" };
    html! {
        (plan::does(&start))
        p { (what) ": " (how) }
        @if step.every.is_some() {
            p.hush { "It looked once. A live plan looks again until it holds." }
        }
        @if output.is_empty() && !matches!(state, RehearsalState::Started) {
            p.hush { "What it printed, if anything, stands in the trail." }
        }
        @if !output.is_empty() {
            pre.output { (said_lines(&cut(output, limits::SHOWN_OUTPUT))) }
        }
    }
}

/// What a step printed, as far as this part of the trail holds it.
fn printed<'a>(
    proposal: &Proposal,
    step: &str,
    history: &'a [Recorded],
) -> (&'a str, Option<&'a CommandEnd>) {
    let of = |recorded: &'a Recorded| match recorded.event() {
        Event::RehearsalEnded { plan, step: of, output, ended, .. }
        | Event::RehearsalCut { plan, step: of, output, ended }
            if *plan == proposal.digest && of == step =>
        {
            Some((output.as_str(), ended.as_ref()))
        }
        _ => None,
    };
    history.iter().rev().find_map(of).unwrap_or_default()
}

fn ended_with(outcome: StepOutcome, ended: Option<&CommandEnd>) -> String {
    let word = match outcome {
        StepOutcome::Succeeded => "it holds",
        StepOutcome::Failed => "it failed",
        StepOutcome::TimedOut => "it took too long and was stopped",
        StepOutcome::Stopped => "it was stopped",
    };
    match ended.and_then(|ended| ended.exit_code) {
        Some(code) => format!("{word} (exit code {code})"),
        None => word.to_owned(),
    }
}
