//! A plan as it would run: every value, every argument by itself.

use maud::{Markup, html};
use tagout_core::plan::{Plan, PlannedStep};
use tagout_core::runbook::StepKind;
use tagout_core::tier::Tier;
use tagout_core::verdict::Mode;
use tagout_core::work::Shown;

use super::text::said;

/// A tier, in a frame of its own. The word says it; the frame only finds the eye.
pub(super) fn tier(tier: Tier) -> Markup {
    html! { span.badge.{ "tier-" (tier.name()) } { (tier.name()) " tier" } }
}

/// A mode, in a frame.
pub(super) fn mode(mode: Mode) -> Markup {
    let class = match mode {
        Mode::DryRun => "mode-dry",
        Mode::Live => "mode-live",
    };
    html! { span.badge.(class) { (mode) } }
}

/// What a mode comes to. A dry-run may rehearse what changes nothing.
pub(super) const fn mode_means(mode: Mode, rehearses: bool) -> &'static str {
    match mode {
        Mode::DryRun if rehearses => {
            "No action is started: checks are run, actions by the dry-run form that they declare, \
             and the rest is shown exactly as it would run."
        }
        Mode::DryRun => "Nothing is started: each step is shown exactly as it would run.",
        Mode::Live => "The steps are really run.",
    }
}

/// What the plan acts on, with which values.
pub(super) fn values(plan: &Plan) -> Markup {
    html! {
        dl.pairs {
            div { dt { "Target" } dd { (said(&plan.target)) } }
            @for (name, value) in &plan.values {
                div { dt { (said(name)) } dd { code { (said(value)) } } }
            }
        }
    }
}

/// Every step in order, the checks before and after included.
pub(super) fn steps(plan: &Plan) -> Markup {
    let parts = [
        ("Checks before anything else", &plan.preconditions),
        ("Steps", &plan.steps),
        ("Checks afterwards", &plan.verification),
    ];
    let mut first = 1;
    html! {
        @for (title, steps) in parts {
            @if !steps.is_empty() {
                h3.part { (title) }
                ol.steps start=(first) { @for step in steps { (one(plan, step)) } }
                @let () = first += steps.len();
            }
        }
    }
}

fn one(plan: &Plan, step: &PlannedStep) -> Markup {
    html! {
        li.step {
            p.step-title {
                (kind(step.kind)) " " strong { (said(&step.title)) }
                " " span.hush { "(" (said(&step.id)) ")" }
            }
            (does(step))
            @if let Some(form) = &step.dry_run {
                p.hush { "In a dry-run, by its own form that changes nothing:" }
                (command("Dry-run form", &form.argv))
                @if !form.ok.is_empty() {
                    @let codes: Vec<_> = form.ok.iter().map(ToString::to_string).collect();
                    p.hush { "It worked if it ends with " (codes.join(" or ")) "." }
                }
            }
            @if !plan.rehearses.is_empty() {
                p { strong { "In this dry-run: " } (rehearsed(plan, step)) }
            }
            dl.pairs.small {
                @if !step.expect.is_empty() {
                    div { dt { "Expected" } dd { (said(&step.expect)) } }
                }
                @if step.kind == StepKind::Action {
                    div {
                        dt { "Undo" }
                        dd {
                            @if !step.has_undo() { "None is declared." }
                            @if !step.undo.is_empty() { (command("Undo", &step.undo)) }
                            @if let Some(work) = &step.undo_work { (asks(&work.shown())) }
                        }
                    }
                }
                @if step.kind != StepKind::Manual {
                    @if let Some(every) = step.every {
                        div { dt { "Waits" } dd { "looks each " (every) " until it holds" } }
                    }
                    div { dt { "At most" } dd { (step.timeout) ", "
                        (super::text::count(step.attempts as usize, "attempt", "attempts")) } }
                }
                div { dt { "Tier" } dd { (step.risk.name())
                    @if step.requires_approval { "; the runbook asks for a person" } } }
            }
        }
    }
}

/// What a dry-run that starts something does about a step.
fn rehearsed(plan: &Plan, step: &PlannedStep) -> &'static str {
    match (plan.unforeseen(step), step.kind) {
        (Some(why), _) => why.words(),
        (None, StepKind::Check) if step.every.is_some() => "it is run, and looks once",
        (None, StepKind::Check) => "it is run",
        (None, _) => "its dry-run form is run",
    }
}

/// What a step runs or asks, exactly; nothing of a manual one.
pub(super) fn does(step: &PlannedStep) -> Markup {
    html! {
        @if let Some(on) = &step.on {
            dl.pairs.small { div { dt { "On" } dd { code { (said(&on.to_string())) } } } }
        }
        @if !step.argv.is_empty() {
            (command("Command", &step.argv))
            (asks(&step.demands()))
        }
        @if let Some(work) = &step.work { (asks(&work.shown())) }
    }
}

/// A request, with all that is sent and what the answer has to be.
pub(super) fn asks(parts: &[Shown]) -> Markup {
    html! {
        @if !parts.is_empty() {
            dl.pairs.small {
                @for Shown { what, text } in parts {
                    div { dt { (what) } dd { code { (said(text)) } } }
                }
            }
        }
    }
}

/// What kind of step it is, in a frame.
pub(super) fn kind(kind: StepKind) -> Markup {
    let (class, word) = match kind {
        StepKind::Check => ("kind-check", "check"),
        StepKind::Action => ("kind-action", "action"),
        StepKind::Manual => ("kind-manual", "for a person"),
    };
    html! { span.badge.(class) { (word) } }
}

/// An argument vector: a list in which each argument has a frame of its own, so that nobody
/// takes two for one or one for two.
pub(super) fn command(what: &str, argv: &[String]) -> Markup {
    let words = super::text::count(argv.len(), "argument", "arguments");
    html! {
        ol.argv role="list" aria-label={ (what) ", " (words) } {
            @for argument in argv {
                li {
                    @if argument.is_empty() { span.empty { "(empty)" } }
                    @else { code { (said(argument)) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_one_class_attribute_because_browsers_ignore_a_second_one() {
        let frames = [tier(Tier::Critical), mode(Mode::Live)];
        let classes = frames.map(|frame| frame.into_string().matches("class=").count());
        assert_eq!(classes, [1, 1]);
    }
}
