//! Is the human review real? The theater check's figures, and what they mean.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use tagout_core::oversight::{
    CEREMONIAL_LATENCY, CEREMONIAL_REJECTIONS, Figures, MINIMUM_ANSWERS, OversightReport, Rate,
    Verdict,
};

use super::error::PageError;
use super::holds::Holds;
use super::layout::{Live, Page, Part};
use super::text::{now, said};
use super::{Reader, encoded};
use crate::http::App;

/// The figures.
pub(super) async fn show(
    Reader(caller): Reader,
    State(app): State<Arc<App>>,
) -> Result<Response, PageError> {
    let now = now();
    let report = app.oversight().await;
    let report = report.map_err(|_| PageError::Busy("The log cannot be read for now.".into()))?;
    let holds = app.writer.look(move |engine| Holds::of(engine, now)).await?;
    let page = Page {
        status: StatusCode::OK,
        title: "Oversight",
        part: Some(Part::Oversight),
        live: Live::Still,
        reader: Some(&caller),
        holds: Some(&holds),
        now,
        main: main(&report),
    };
    Ok(page.into_response())
}

fn main(report: &OversightReport) -> Markup {
    html! {
        h1 { "Oversight" }
        p.lead { "People who approve everything within seconds protect nobody. This page measures, "
            "from the audit log alone, whether the review really happens." }
        section.sheet aria-labelledby="all" {
            h2 #all { "All reviews" }
            p { (verdict(&report.overall.verdict)) }
            (figures(&report.overall))
        }
        (table("By runbook", "Runbook", &report.by_runbook.iter().collect::<Vec<_>>(), true))
        (table("By reviewer", "Reviewer", &report.by_reviewer.iter().collect::<Vec<_>>(), false))
        @if !report.effectiveness.is_empty() {
            section aria-labelledby="helped" {
                h2 #helped { "Did it help?" }
                p { "Live plans that did all their steps, by what became of the alert within the "
                    "policy's time." }
                div.scroll tabindex="0" role="group" aria-label="Did it help?" {
                    table {
                        thead { tr {
                            th scope="col" { "Runbook" }
                            th.number scope="col" { "Alert ended" }
                            th.number scope="col" { "Still fired" }
                            th.number scope="col" { "Not known" }
                        } }
                        tbody { @for (runbook, helped) in &report.effectiveness {
                            tr {
                                th scope="row" { a href={ "/runbooks/" (encoded(runbook)) } { (said(runbook)) } }
                                td.number { (helped.resolved) }
                                td.number { (helped.still_firing) }
                                td.number { (helped.not_known) }
                            }
                        } }
                    }
                }
            }
        }
        section.sheet aria-labelledby="meaning" {
            h2 #meaning { "What the figures mean" }
            p { "A review is called ceremonial only where three things come together, over at "
                "least " (MINIMUM_ANSWERS) " answers:" }
            ul.plain {
                li { "half of the answers came in less than " (CEREMONIAL_LATENCY)
                    " after the plan was opened;" }
                li { "fewer than " (percent(CEREMONIAL_REJECTIONS)) " rejected the plan;" }
                li { "none changed it." }
            }
            p { "With fewer answers there is too little data: somebody who reads with care and "
                "meets only good plans would be called ceremonial too often. The intervals in "
                "brackets hold the true figure in 95 of 100 cases." }
            p { "A request that lapsed is neither an answer nor a refusal. An answer that was not "
                "taken (too late, twice, on an older plan) is not among the answers." }
        }
    }
}

fn figures(figures: &Figures) -> Markup {
    html! {
        dl.pairs {
            div { dt { "Answers" } dd { (figures.answers) ": " (figures.approvals) " approved, "
                (figures.rejections) " rejected, " (figures.modifications) " changed the plan" } }
            div { dt { "Lapsed" } dd { (figures.timeouts) " without an answer" } }
            div { dt { "Not taken" } dd { (figures.not_taken) } }
            @if let Some(latency) = &figures.latency {
                div { dt { "Median time" } dd { (latency.median)
                    @match &latency.interval {
                        Some((low, high)) => { " (" (low) " to " (high) ")" }
                        None => " (too few answers for an interval)",
                    }
                } }
            }
            @if let Some(rate) = &figures.rejection_rate {
                div { dt { "Rejected" } dd { (share(rate)) } }
            }
            @if let Some(rate) = &figures.modification_rate {
                div { dt { "Changed" } dd { (share(rate)) } }
            }
        }
    }
}

fn table(title: &str, whose: &str, all: &[(&String, &Figures)], link: bool) -> Markup {
    let id = whose.to_lowercase();
    html! {
        @if !all.is_empty() {
            section aria-labelledby=(id) {
                h2 id=(id) { (title) }
                div.scroll tabindex="0" role="group" aria-label=(title) {
                    table {
                        thead { tr {
                            th scope="col" { (whose) }
                            th.number scope="col" { "Answers" }
                            th.number scope="col" { "Rejected" }
                            th.number scope="col" { "Changed" }
                            th.number scope="col" { "Lapsed" }
                            th.number scope="col" { "Median" }
                            th scope="col" { "Finding" }
                        } }
                        tbody { @for (name, figures) in all {
                            tr {
                                th scope="row" {
                                    @if link { a href={ "/runbooks/" (encoded(name)) } { (said(name)) } }
                                    @else { (said(name)) }
                                }
                                td.number { (figures.answers) }
                                td.number { (figures.rejections) }
                                td.number { (figures.modifications) }
                                td.number { (figures.timeouts) }
                                td.number {
                                    @match &figures.latency {
                                        Some(latency) => (latency.median),
                                        None => "–",
                                    }
                                }
                                td { (verdict(&figures.verdict)) }
                            }
                        } }
                    }
                }
            }
        }
    }
}

/// What a group of reviews comes to, in words.
fn verdict(verdict: &Verdict) -> Markup {
    html! {
        @match verdict {
            Verdict::TooLittleData { have, need } => {
                "Too little data: " (have) " of " (need) " answers."
            }
            Verdict::Ceremonial { why } => {
                span.badge.decision-halt { "Ceremonial" } " " (said(&why.join("; "))) "."
            }
            Verdict::Sound => { "No sign of theater." }
        }
    }
}

fn share(rate: &Rate) -> String {
    format!("{} ({} to {})", percent(rate.basis_points), percent(rate.low), percent(rate.high))
}

fn percent(points: u64) -> String {
    format!("{}.{:02} %", points / 100, points % 100)
}
