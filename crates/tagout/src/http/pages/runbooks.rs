//! The runbooks in force: the only steps that can ever be planned.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use tagout_core::limits;
use tagout_core::runbook::{Catalogue, Exclusion, Runbook, Step, StepKind};
use tagout_core::work::Work;

use super::error::PageError;
use super::holds::Holds;
use super::layout::{Live, Page, Part};
use super::text::{count, cut, now, said};
use super::{Reader, encoded, plan};
use crate::http::App;

/// All of them.
pub(super) async fn list(
    Reader(caller): Reader,
    State(app): State<Arc<App>>,
) -> Result<Response, PageError> {
    let now = now();
    let looked = app.writer.look(move |engine| (Holds::of(engine, now), engine.catalogue()));
    let (holds, catalogue) = looked.await?;
    let page = Page {
        status: StatusCode::OK,
        title: "Runbooks",
        part: Some(Part::Runbooks),
        live: Live::Still,
        reader: Some(&caller),
        holds: Some(&holds),
        now,
        main: all(&catalogue),
    };
    Ok(page.into_response())
}

fn all(catalogue: &Catalogue) -> Markup {
    let more = catalogue.len().saturating_sub(limits::RUNBOOK_ROWS);
    html! {
        h1 { "Runbooks" }
        p.lead {
            (count(catalogue.len(), "runbook is", "runbooks are")) " in force ("
            code { (catalogue.digest().short()) }
            "). Nothing that is not a step of one of them can be planned, whoever asks."
        }
        ul.rows role="list" {
            @for runbook in catalogue.iter().take(limits::RUNBOOK_ROWS) {
                li.row {
                    h2.row-title { a href={ "/runbooks/" (encoded(&runbook.id)) } { (said(&runbook.title)) } }
                    p.facts {
                        span.fact { code { (said(&runbook.id)) } }
                        span.fact { (plan::tier(runbook.risk)) }
                        span.fact { (count(runbook.steps.len(), "step", "steps"))
                            @if !runbook.is_executable() { ", all for people" } }
                        @if let Some(owner) = &runbook.owner {
                            span.fact { span.hush { "Answers for it: " } (said(owner)) }
                        }
                    }
                    @if let Some(symptom) = runbook.symptoms.first() {
                        p.what { (said(&cut(symptom, 200))) }
                    }
                }
            }
        }
        @if more > 0 {
            p { (count(more, "more is", "more are"))
                " not shown here; find one by name with " code { "tagout runbooks search" } "." }
        }
    }
}

/// One of them.
pub(super) async fn show(
    Reader(caller): Reader,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let now = now();
    let looked = app.writer.look(move |engine| {
        let runbook = engine.runbooks().get(&id).cloned();
        let admitted =
            runbook.as_ref().is_some_and(|r| engine.journal().shared().admitted(&r.id, r.digest));
        (Holds::of(engine, now), runbook, admitted)
    });
    let (holds, runbook, admitted) = looked.await?;
    let runbook = runbook.ok_or(PageError::Absent(
        "No runbook of this id is in force. It may have been renamed or taken away since; the \
         audit log has every plan that was made of it.",
    ))?;
    let page = Page {
        status: StatusCode::OK,
        title: &cut(&runbook.title, 80),
        part: Some(Part::Runbooks),
        live: Live::Still,
        reader: Some(&caller),
        holds: Some(&holds),
        now,
        main: one(&runbook, admitted),
    };
    Ok(page.into_response())
}

fn one(runbook: &Runbook, admitted: bool) -> Markup {
    html! {
        p.crumb { a href="/runbooks" { "Runbooks" } }
        h1 { (said(&runbook.title)) }
        p.facts {
            span.fact { code { (said(&runbook.id)) } }
            span.fact { (plan::tier(runbook.risk)) " by its author" }
            span.fact { "page " code { (runbook.digest.short()) } }
        }
        section.sheet aria-labelledby="for" {
            h2 #for { "What it is for" }
            ul.plain { @for symptom in &runbook.symptoms { li { (said(symptom)) } } }
            (matches(runbook))
        }
        section.sheet aria-labelledby="rules" {
            h2 #rules { "What holds for it" }
            dl.pairs {
                div { dt { "Answers for it" } dd {
                    @match &runbook.owner { Some(owner) => (said(owner)), None => "nobody is named" }
                } }
                div { dt { "Can be taken back" } dd {
                    @if runbook.reversible { "yes, all of it, says its author" } @else { "not declared" }
                } }
                div { dt { "Live mode" } dd {
                    @if admitted { "this version is admitted" }
                    @else { "this version is not admitted; it is dry-run only" }
                } }
                @if let Some(target) = &runbook.target {
                    div { dt { "Acts on" } dd { code { (said(&target.to_string())) } } }
                }
            }
        }
        @if !runbook.parameters.is_empty() {
            section.sheet aria-labelledby="parameters" {
                h2 #parameters { "Values it may hold" }
                dl.pairs { @for (name, parameter) in &runbook.parameters {
                    div { dt { code { (said(name)) } } dd {
                        (said(&parameter.description)) " " (said(&parameter.describe()))
                        @if let Some(from) = &parameter.from { "; from " code { (said(from)) } }
                        @if let Some(default) = &parameter.default {
                            "; " code { (said(default)) } " if nothing is said"
                        }
                    } }
                } }
            }
        }
        section.sheet aria-labelledby="steps" {
            h2 #steps { "Steps" }
            (steps("Checks before anything else", &runbook.preconditions))
            (steps("In order", &runbook.steps))
            (steps("Checks afterwards", &runbook.verification))
        }
    }
}

/// The alerts it is for, and those it is not for.
fn matches(runbook: &Runbook) -> Markup {
    let keys = &runbook.keys;
    html! {
        dl.pairs {
            @if !keys.alert_names.is_empty() {
                div { dt { "Alert names" } dd { (said(&keys.alert_names.join(", "))) } }
            }
            @if !keys.runbook_urls.is_empty() {
                div { dt { "Page addresses" } dd { (said(&keys.runbook_urls.join(", "))) } }
            }
            @for labels in &keys.labels {
                @let pairs: Vec<_> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
                div { dt { "Labels" } dd { (said(&pairs.join(", "))) } }
            }
            @for exclusion in &runbook.not_when {
                div { dt { "Not for" } dd {
                    @match exclusion {
                        Exclusion::Text(text) => { "alerts that say “" (said(text)) "”" }
                        Exclusion::Labels(matcher) => {
                            @let pairs: Vec<_> =
                                matcher.0.iter().map(|(k, v)| format!("{k}={v}")).collect();
                            "alerts labelled " (said(&pairs.join(", ")))
                        }
                    }
                } }
            }
        }
    }
}

fn steps(title: &str, steps: &[Step]) -> Markup {
    html! {
        @if !steps.is_empty() {
            h3.part { (title) }
            ol.steps { @for step in steps {
                li.step {
                    p.step-title {
                        (plan::kind(step.kind)) " " strong { (said(&step.title)) }
                        " " span.hush { "(" (said(&step.id)) ")" }
                    }
                    @if let Some(on) = &step.on {
                        dl.pairs.small {
                            div { dt { "On" } dd { code { (said(on.source())) } } }
                        }
                    }
                    @if let Some(work) = &step.work { (template("Command", work)) }
                    (plan::asks(&step.demands()))
                    dl.pairs.small {
                        @if !step.expect.is_empty() {
                            div { dt { "Expected" } dd { (said(&step.expect)) } }
                        }
                        @if step.kind == StepKind::Action {
                            div { dt { "Undo" } dd {
                                @match &step.undo {
                                    Some(undo) => (template("Undo", undo)),
                                    None => "None is declared.",
                                }
                            } }
                            div { dt { "In a dry-run" } dd {
                                @match &step.dry_run {
                                    Some(form) => (template("Dry-run form", &form.work)),
                                    None => "Its effect cannot be foreseen.",
                                }
                            } }
                        }
                        @if step.requires_approval {
                            div { dt { "People" } dd { "it always asks for a person" } }
                        }
                    }
                }
            } }
        }
    }
}

fn template(what: &str, work: &Work) -> Markup {
    match work {
        Work::Command(command) => {
            let arguments: Vec<String> = command.arguments().map(str::to_owned).collect();
            plan::command(what, &arguments)
        }
        other => plan::asks(&other.shown()),
    }
}
