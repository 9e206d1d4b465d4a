//! The steps of an incident that wait for somebody's word, with the form that gives it; and what a
//! granted plan waits for. Opening the page decides nothing: the form names plan, step and attempt.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use tagout_core::actor::Act;
use tagout_core::event::StepFinding;
use tagout_core::incident::{Incident, Stage};
use tagout_log::storage::Storage;

use super::error::PageError;
use super::form::{self, Fields, Posted, Reason};
use super::handling::send;
use super::refused::Refused;
use super::text::said;
use super::{encoded, review};
use crate::asks::IncidentAsk;
use crate::held::HeldBy;
use crate::http::App;
use crate::http::asking::plan;
use crate::http::caller::Caller;
use crate::http::problem::Problem;
use crate::journal::Journal;
use crate::steps::{self, OpenStep, Standing};

/// The form, as its page names it.
const FORM: &str = "resolve";

/// What can be said of a step: what is sent, how it is said, and what comes of it.
type Word = (StepFinding, &'static str, &'static str);

const UNKNOWN: [Word; 3] = [
    (StepFinding::Ran, "It ran, and did what it should", "It counts as a success."),
    (
        StepFinding::DidNotRun,
        "It did not run, or did not do what it should",
        "It counts as a failure.",
    ),
    (StepFinding::Investigating, "Nobody can say yet; I look into it", "It stays unknown."),
];

const MANUAL: [Word; 2] = [
    (StepFinding::Ran, "It is done", "The plan goes on."),
    (StepFinding::DidNotRun, "It was not done", "The plan ends as failed."),
];

/// How the steps of an incident stand that are not over.
#[derive(Default)]
pub(super) struct Steps {
    open: Vec<OpenStep>,
    held: Option<HeldBy>,
}

impl Steps {
    pub(super) fn of<S: Storage>(journal: &Journal<S>, id: &str, incident: &Incident) -> Self {
        let open = steps::of(journal.shared(), id, incident);
        Self { open, held: HeldBy::of(journal, incident) }
    }

    /// Those that wait for somebody's word, each with its form.
    pub(super) fn forms(
        &self,
        incident: &Incident,
        caller: &Caller,
        refused: Option<&Refused>,
    ) -> Markup {
        let waiting = self.open.iter().filter(|step| step.state != Standing::Running);
        html! {
            @for (n, step) in waiting.enumerate() {
                (Asked { n, step, incident, caller, refused }.section())
            }
        }
    }

    /// What a granted plan waits for, or what of it runs.
    pub(super) fn goes_on(&self) -> Markup {
        html! {
            @if let Some(held) = &self.held {
                p {
                    "It waits for " strong { (said(&held.target)) } ", held by "
                    a href={ "/incidents/" (encoded(&held.incident)) } { (said(&held.incident)) }
                    ": " (said(&held.how())) "."
                }
            }
            @for step in &self.open {
                p { @match step.state {
                    Standing::Running => { "Step " strong { (said(&step.step)) } " runs." }
                    Standing::Unknown => {
                        "It goes no further before somebody has said what step "
                        strong { (said(&step.step)) } " did."
                    }
                    Standing::ForAPerson => {
                        "It goes no further before somebody has done step "
                        strong { (said(&step.step)) } "."
                    }
                } }
            }
        }
    }
}

/// One step before somebody who may know what it did.
struct Asked<'a> {
    n: usize,
    step: &'a OpenStep,
    incident: &'a Incident,
    caller: &'a Caller,
    refused: Option<&'a Refused>,
}

impl Asked<'_> {
    fn section(&self) -> Markup {
        let Self { n, step, incident, caller, .. } = *self;
        let id = format!("step-{n}");
        let manual = step.state == Standing::ForAPerson;
        // Of a plan that is over, nothing goes on with what somebody says.
        let in_force = matches!(incident, Incident::Open(_, Stage::Granted(proposal, _))
            if proposal.digest.to_string() == step.plan);
        html! {
            section.sheet.ask aria-labelledby=(id) {
                h2 id=(id) {
                    @if manual { "A person is needed: do step " (said(&step.step)) }
                    @else { "A person is needed: nobody knows what step " (said(&step.step)) " did" }
                }
                p {
                    @if let Some(title) = &step.title { strong { (said(title)) } }
                    @else { "Step " strong { (said(&step.step)) } }
                    @if let Some(target) = &step.target { " on " strong { (said(target)) } }
                    @if step.attempt > 1 { ", attempt " (step.attempt) }
                    ". "
                    @if let Ok(plan) = step.plan.parse() {
                        a href=(review::address(&step.incident, plan)) { "Read the plan" }
                    }
                }
                @if manual {
                    p { "The plan waits until somebody has done it and says so." }
                } @else {
                    p { "It was started, and its end is not known. It never runs again by itself, "
                        @if let Some(target) = &step.target {
                            "and until somebody says what it did no other plan starts on "
                            (said(target)) ". "
                        } @else { "and the plan goes no further. " }
                        "Look at the system first." }
                }
                @if caller.actor.may(Act::Resume) { (self.form(manual, in_force)) }
                @else {
                    p.hush { "Your role (" (caller.actor.role) ") cannot say it; it takes the role "
                        (Act::Resume.least_role()) "." }
                }
            }
        }
    }

    fn form(&self, manual: bool, in_force: bool) -> Markup {
        let Self { n, step, caller, .. } = *self;
        let words: &[Word] = if manual { &MANUAL } else { &UNKNOWN };
        let kept = Refused::kept(self.refused, FORM).of("step", &step.step);
        let kept = kept.of("plan", &step.plan);
        html! {
            form method="post" action={ "/incidents/" (encoded(&step.incident)) "/steps/resolve" } {
                (form::own(caller))
                input type="hidden" name="plan" value=(step.plan);
                input type="hidden" name="step" value=(step.step);
                input type="hidden" name="attempt" value=(step.attempt);
                fieldset {
                    legend { @if manual { "How did it go?" } @else { "Say what it did" } }
                    @for (finding, title, comes) in words {
                        label.choice {
                            input type="radio" name="finding" value=(word(*finding)) required
                                checked[kept.get("finding") == word(*finding)];
                            span { (title) ". "
                                span.hush { (comes)
                                    @if in_force { (goes_on(*finding, manual)) } } }
                        }
                    }
                    @if !manual && !in_force {
                        p.hush { "Its plan is over: nothing more of it starts. With one of the first "
                            "two its target is let go." }
                    }
                }
                (Reason {
                    id: &format!("step-reason-{n}"),
                    label: "How do you know?",
                    help: Some("Recorded in your name."),
                    required: true,
                    kept: kept.get("reason"),
                })
                div.buttons { button.primary type="submit" { "Record it" } }
            }
        }
    }
}

/// What comes of a word on an unknown step besides, where its plan is in force.
const fn goes_on(finding: StepFinding, manual: bool) -> &'static str {
    match finding {
        _ if manual => "",
        StepFinding::Ran => " The plan goes on.",
        StepFinding::DidNotRun => {
            " If the page allows another attempt it is started; otherwise the plan ends."
        }
        StepFinding::Investigating => "",
    }
}

/// A finding as a form sends it.
const fn word(finding: StepFinding) -> &'static str {
    match finding {
        StepFinding::Ran => "ran",
        StepFinding::DidNotRun => "did_not_run",
        StepFinding::Investigating => "investigating",
    }
}

/// Takes somebody's word on a step.
pub(super) async fn resolve(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, PageError> {
    send(&app, id, posted, FORM, ask).await
}

fn ask(fields: &Fields) -> Result<IncidentAsk, Problem> {
    let field = |name| fields.get(name).unwrap_or_default();
    let bad = |words: &'static str| Problem::new(StatusCode::BAD_REQUEST).detail(words);
    let all = [StepFinding::Ran, StepFinding::DidNotRun, StepFinding::Investigating];
    let finding = all.into_iter().find(|finding| word(*finding) == field("finding"));
    Ok(IncidentAsk::ResolveStep {
        plan: plan(field("plan"))?,
        step: field("step").to_owned(),
        attempt: field("attempt").parse().map_err(|_| bad("which attempt it was is no number"))?,
        finding: finding.ok_or_else(|| bad("choose one: what did the step do?"))?,
        reason: fields.reason(),
    })
}
