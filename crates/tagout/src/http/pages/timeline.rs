//! The trail of an incident in plain words: every recorded step, oldest first.

use maud::{Markup, html};
use tagout_core::event::{Event, PlanOutcome};
use tagout_core::limits;
use tagout_core::plan::Plan;
use tagout_core::time::Time;

use super::incident::answered;
use super::text::{absolute, count, cut, relative, said, said_lines};
use crate::journal::Recorded;
use crate::terminal::printed::output;
use crate::terminal::story;

/// The steps as a list.
pub(super) fn list(history: &[Recorded], now: Time) -> Markup {
    html! {
        ol.timeline role="list" { @for recorded in history { (one(recorded, now)) } }
    }
}

fn one(recorded: &Recorded, now: Time) -> Markup {
    let at = recorded.at();
    html! {
        li {
            p.said { (sentence(recorded.event())) }
            @for line in more(recorded.event()) { p.more { (said(&line)) } }
            (printed(recorded.event(), recorded.index()))
            p.at {
                (absolute(at, now)) ", " (relative(at, now)) " · "
                a href={ "/audit?from=" (recorded.index()) } { "entry " (recorded.index()) }
            }
        }
    }
}

/// What happened, in a sentence.
pub(super) fn sentence(event: &Event) -> Markup {
    let line = match event {
        Event::IncidentOpened { alert, .. } => {
            format!("The alert {} on {} opened it", alert.name(), alert.subject())
        }
        Event::SearchCompleted { findings, .. } => match findings.candidates.first() {
            Some(best) => format!("The search found {} at {}", best.runbook, best.confidence),
            None => "The search found nothing near".into(),
        },
        Event::PlanProposed { plan, .. } => {
            format!("Plan {}: {} on {}", plan.number, plan.runbook, plan.target)
        }
        Event::ReviewRequested { request, .. } => {
            let people = count(request.least_people() as usize, "person", "different people");
            let groups: Vec<_> =
                request.groups.iter().map(|(group, n)| format!(", {n} of {group}")).collect();
            format!("People were asked: {people} must approve{}", groups.concat())
        }
        Event::ReviewGiven { review } => {
            format!("{} {} the plan", review.reviewer, answered(review.answer))
        }
        Event::StepRehearsed { step, unforeseen: None, .. } => {
            format!("Dry-run: step {step} was shown and not started")
        }
        Event::PlanFinished { outcome: PlanOutcome::Rehearsed, stops_at: None, .. } => {
            "Dry-run: every step was shown, no action was started".into()
        }
        Event::PlanFinished { outcome: PlanOutcome::Rehearsed, stops_at: Some(step), .. } => {
            format!("Dry-run: no action was started; a live plan would have stopped at {step}")
        }
        event => story::line(event),
    };
    let mut letters = line.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    said(&first.chain(letters).collect::<String>())
}

/// What a command printed, as much as fits a page.
pub(super) fn printed(event: &Event, entry: u64) -> Markup {
    let output = output(event);
    let shown = cut(output, limits::SHOWN_OUTPUT);
    html! {
        @if !shown.is_empty() { pre.output { (said_lines(&shown)) } }
        @if output.chars().nth(limits::SHOWN_OUTPUT).is_some() {
            p.more { "All of it is in entry " (entry) "." }
        }
    }
}

/// What else is to be said of it.
pub(super) fn more(event: &Event) -> Vec<String> {
    match event {
        Event::ReviewGiven { review } if !review.reason.is_empty() => {
            vec![format!("“{}”", review.reason)]
        }
        Event::FreezeDeclared { reason, .. } => vec![format!("“{reason}”")],
        Event::SearchCompleted { findings, excluded } => {
            let others = findings.candidates.iter().skip(1).take(2);
            let mut lines: Vec<String> =
                others.map(|c| format!("then {} at {}", c.runbook, c.confidence)).collect();
            lines.extend(excluded.iter().map(|(id, why)| format!("left out {id}: {why}")));
            lines
        }
        Event::PlanProposed { difference, reason, .. } => {
            let why = (!reason.is_empty()).then(|| format!("“{reason}”"));
            difference.iter().cloned().chain(why).collect()
        }
        _ => Vec::new(),
    }
}

/// How a plan ended.
pub(super) fn ended(outcome: PlanOutcome, plan: &Plan) -> &'static str {
    match outcome {
        PlanOutcome::Rehearsed if plan.rehearses.is_empty() && plan.actions() > 0 => {
            "Dry-run: every step was shown as it would run, and nothing was started. What its \
             actions would have done could not be foreseen."
        }
        PlanOutcome::Rehearsed if plan.rehearses.is_empty() => {
            "Dry-run: every step was shown as it would run, and nothing was started."
        }
        PlanOutcome::Rehearsed => {
            "Dry-run: what changes nothing was run, the rest was shown as it would run, and no \
             action was started."
        }
        PlanOutcome::Completed => "Every step succeeded.",
        PlanOutcome::Failed => "A step failed; the rest was not started.",
    }
}

#[cfg(test)]
mod tests {
    use tagout_core::digest::PlanDigest;
    use tagout_core::event::StepOutcome;

    use super::*;

    #[test]
    fn so_much_of_what_a_step_printed_is_shown_and_for_one_more_the_page_says_where_it_is() {
        let page = |length: usize| {
            let event = Event::StepFinished {
                plan: PlanDigest::of_bytes(b"plan"),
                step: "look".into(),
                attempt: 1,
                outcome: StepOutcome::Succeeded,
                output: "ä".repeat(length).into(),
                ended: None,
            };
            let page = printed(&event, 7).into_string();
            (page.matches('ä').count(), page.contains("All of it is in entry 7"))
        };
        let most = limits::SHOWN_OUTPUT;
        assert_eq!(page(most), (most, false));
        assert_eq!(page(most + 1), (most, true));
    }
}
