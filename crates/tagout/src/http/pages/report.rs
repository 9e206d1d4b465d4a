//! An incident as a document to print or keep: what it was about, each plan with who decided what
//! about it and why, what its steps did and printed, every recorded step, and where the proof is.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use tagout_core::digest::PlanDigest;
use tagout_core::event::Event;
use tagout_core::incident::{Case, Incident};
use tagout_core::limits;
use tagout_core::plan::Plan;
use tagout_core::text::FreeText;
use tagout_core::time::Time;
use tagout_core::verdict::Verdict;
use tagout_log::SignedCheckpoint;

use super::error::PageError;
use super::holds::Holds;
use super::incident::closed;
use super::layout::{Live, Page, Part};
use super::text::{count, cut, exact, now, said, said_lines};
use super::{Reader, encoded, evidence, plan, review, timeline};
use crate::fault::Fault;
use crate::http::App;
use crate::journal::Recorded;
use crate::receipt::{Account, extent};

/// What is read of an incident for its report.
struct Report {
    id: String,
    incident: Incident,
    /// Its events, as many as one document takes.
    history: Vec<Recorded>,
    /// Whether there are more.
    is_cut: bool,
    plans: Vec<Proposed>,
    checkpoint: Option<SignedCheckpoint>,
    made_at: Time,
}

/// One of its plans.
struct Proposed {
    plan: Plan,
    digest: PlanDigest,
    /// Why a person changed the one before it, and in what.
    reason: FreeText,
    difference: Vec<String>,
    /// What the policy said last.
    verdict: Option<Verdict>,
    /// What was decided about it and what became of its steps, as its receipt says it.
    account: Account,
}

/// The report.
pub(super) async fn show(
    Reader(caller): Reader,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let now = now();
    let incident = app.writer.incident(&id).await?;
    let Some(case) = incident.case() else {
        return Err(PageError::Absent("There is no incident of this id."));
    };
    let mut history = Vec::new();
    let walked = app.writer.walk(&id, |recorded| {
        if history.len() == limits::REPORT_EVENTS {
            return ControlFlow::Break(());
        }
        history.push(recorded.clone());
        ControlFlow::Continue(())
    });
    let is_cut = walked.await?.is_some();
    let plans = plans(&history)?;
    let looked = app.writer.look(move |engine| {
        Ok::<_, Fault>((Holds::of(engine, now), engine.journal().last_checkpoint()?))
    });
    let (holds, checkpoint) = looked.await??;
    let title =
        format!("Report: {} on {}", cut(case.alert.name(), 80), cut(case.alert.subject(), 80));
    let report = Report { id, incident, history, is_cut, plans, checkpoint, made_at: now };
    let page = Page {
        status: StatusCode::OK,
        title: &title,
        part: Some(Part::Inbox),
        live: Live::Still,
        reader: Some(&caller),
        holds: Some(&holds),
        now,
        main: report.main(),
    };
    Ok(page.into_response())
}

/// Every plan that an incident had, in order.
fn plans(history: &[Recorded]) -> Result<Vec<Proposed>, Fault> {
    let mut plans: Vec<Proposed> = Vec::new();
    for recorded in history {
        match recorded.event() {
            Event::PlanProposed { plan, digest, reason, difference, .. } => {
                let until = history.get(..extent(history, digest)).unwrap_or_default();
                plans.push(Proposed {
                    plan: plan.clone(),
                    digest: *digest,
                    reason: reason.clone(),
                    difference: difference.clone(),
                    verdict: None,
                    account: Account::of(until, digest).map_err(Fault::damage)?,
                });
            }
            Event::PolicyDecided { plan, verdict, .. } => {
                let made = plans.iter_mut().rev().find(|made| made.digest == *plan);
                if let Some(made) = made {
                    made.verdict = Some(verdict.clone());
                }
            }
            _ => {}
        }
    }
    Ok(plans)
}

impl Report {
    fn main(&self) -> Markup {
        let Some(case) = self.incident.case() else { return html! {} };
        html! {
            div.report {
                p.crumb {
                    a href="/" { "Inbox" } " / "
                    a href={ "/incidents/" (encoded(&self.id)) } { "Incident " (said(&self.id)) }
                }
                h1 { "Incident report: " (said(&cut(case.alert.name(), 200))) }
                (self.facts(case))
                p.lead.screen { "A document to print, or to save as PDF, with your browser. It is for "
                    "reading; what proves it is named at its end." }
                (evidence::alert(&case.alert, exact))
                @if let Some(findings) = &case.findings {
                    (evidence::found(findings, &case.excluded, self.incident.runbook()))
                }
                @for made in &self.plans { (self.plan(made)) }
                @if self.plans.is_empty() { p { "No plan was ever made for it." } }
                (self.trail())
                (self.proof())
            }
        }
    }

    fn facts(&self, case: &Case) -> Markup {
        let last = self.history.last();
        html! {
            dl.pairs {
                div { dt { "Incident" } dd { code { (said(&self.id)) } } }
                div { dt { "About" } dd { (said(case.alert.subject())) } }
                @if let Some(reading) = &case.severity {
                    div { dt { "Severity" } dd { (reading.severity) } }
                }
                div { dt { "Opened" } dd { (exact(case.opened_at)) } }
                @if let Some((by, at)) = &case.handling.acknowledged {
                    div { dt { "Acknowledged" } dd { "by " (said(by.name())) ", " (exact(*at)) } }
                }
                @if let Some(person) = &case.handling.assignee {
                    div { dt { "Looked after by" } dd { (said(person.name())) } }
                }
                div { dt { "State" } dd {
                    @match &self.incident {
                        Incident::Closed(_, closure) => { "Closed. " (closed(closure)) }
                        _ => "Open when this was written.",
                    }
                } }
                @if let Some(last) = last {
                    div { dt { "Last recorded" } dd { (exact(last.at())) ", entry " (last.index()) } }
                }
                div { dt { "Written" } dd { (exact(self.made_at)) } }
            }
        }
    }

    fn plan(&self, made: &Proposed) -> Markup {
        let Proposed { plan, digest, account, .. } = made;
        let title = format!("plan-{}", plan.number);
        html! {
            section.sheet aria-labelledby=(title) {
                h2 id=(title) { "Plan " (plan.number) ": " (said(&plan.title)) }
                p { (plan::tier(plan.tier)) " " (plan::mode(plan.mode)) }
                dl.pairs {
                    div { dt { "Plan" } dd { code { (digest) } ", entry " (account.plan_entry) } }
                    div { dt { "Runbook" } dd { (said(&plan.runbook)) ", " code { (plan.runbook_digest) } } }
                    div { dt { "Policy" } dd { code { (plan.policy) } } }
                    div { dt { "Evidence" } dd { code { (plan.evidence) } } }
                    @if let Some(person) = &plan.requested_by {
                        div { dt { "Asked for by" } dd {
                            (said(person.name()))
                            @if !made.reason.is_empty() { ": “" (said(made.reason.as_str())) "”" }
                        } }
                    }
                    div { dt { "Outcome" } dd { strong { (account.outcome) } } }
                }
                @if !made.difference.is_empty() {
                    h3.part { "What a person changed" }
                    (review::difference(&made.difference))
                }
                h3.part { "What was decided" }
                (self.decisions(made))
                @if let Some(verdict) = &made.verdict {
                    h3.part { "What the policy said" }
                    ul.plain { @for reason in &verdict.reasons {
                        li { (evidence::decision(reason.decision)) " " (said(&reason.detail)) }
                    } }
                }
                h3.part { "Values" }
                (plan::values(plan))
                (plan::steps(plan))
                (self.taken(made))
            }
        }
    }

    /// Who decided what about a plan, when and why.
    fn decisions(&self, made: &Proposed) -> Markup {
        let caption = format!("Decisions about plan {}", made.plan.number);
        html! {
            div.scroll tabindex="0" role="group" aria-label=(caption) {
                table {
                    thead { tr {
                        th scope="col" { "When" }
                        th scope="col" { "Who" }
                        th scope="col" { "What" }
                        th scope="col" { "Why" }
                        th.number scope="col" { "Entry" }
                    } }
                    tbody { @for decided in &made.account.decisions {
                        @let recorded = self.entry(decided.entry);
                        tr {
                            td { @if let Some(recorded) = recorded { (exact(recorded.at())) } }
                            th scope="row" { (said(&decided.by)) }
                            td { (in_words(&decided.what)) }
                            td { @if let Some(why) = recorded.and_then(|r| why(r.event())) {
                                (said(why.as_str())) } }
                            td.number { (decided.entry) }
                        }
                    } }
                }
            }
        }
    }

    /// What became of the steps of a plan, and what they printed.
    fn taken(&self, made: &Proposed) -> Markup {
        html! {
            @if !made.account.steps.is_empty() {
                h3.part { "What became of the steps" }
                ul.plain { @for taken in &made.account.steps {
                    @let recorded = self.entry(taken.entry);
                    li {
                        strong { (said(&taken.step)) } ": " (in_words(taken.what))
                        @if taken.attempt > 1 { ", attempt " (taken.attempt) }
                        @if let Some(recorded) = recorded {
                            span.hush { " · " (exact(recorded.at())) ", entry " (taken.entry) }
                            (timeline::printed(recorded.event(), recorded.index()))
                        }
                    }
                } }
            }
        }
    }

    fn entry(&self, entry: u64) -> Option<&Recorded> {
        let at = self.history.binary_search_by_key(&entry, Recorded::index).ok()?;
        self.history.get(at)
    }

    /// Every recorded step.
    fn trail(&self) -> Markup {
        html! {
            section aria-labelledby="trail" {
                h2 #trail { "What happened" }
                ol.timeline role="list" { @for recorded in &self.history {
                    li {
                        p.said { (timeline::sentence(recorded.event())) }
                        @for line in timeline::more(recorded.event()) { p.more { (said(&line)) } }
                        p.at { (exact(recorded.at())) " · entry " (recorded.index()) }
                    }
                } }
                @if self.is_cut {
                    p { strong { "There is more than one document takes." } " The first "
                        (count(limits::REPORT_EVENTS, "entry", "entries"))
                        " are above; the command below writes all of them." }
                }
            }
        }
    }

    /// Where what proves all of this is found.
    fn proof(&self) -> Markup {
        let id = encoded(&self.id);
        let last = self.history.last().map(Recorded::index);
        html! {
            section.sheet aria-labelledby="proof" {
                h2 #proof { "The proof" }
                @if let (Some(first), Some(last)) = (self.history.first(), last) {
                    p { "Everything above stands in the audit log, between its entries "
                        (first.index()) " and " (last) "." }
                }
                @match &self.checkpoint {
                    Some(signed) if last.is_some_and(|last| last < signed.checkpoint().size) => {
                        p { "This signed checkpoint covers all of it. Whoever has the public key of "
                            "the log can check the receipt of a plan against it, offline, with "
                            code { "tagout audit verify" } "." }
                    }
                    Some(_) => p { "This was the last signed checkpoint when the report was written; it does "
                        "not cover the last entries yet. The log is signed every ten seconds." },
                    None => p { "The log was not signed yet. It is signed every ten seconds." },
                }
                @if let Some(signed) = &self.checkpoint { pre.output { (said_lines(&signed.to_string())) } }
                @if !self.plans.is_empty() {
                    h3.part { "Receipts" }
                    ul.plain { @for made in &self.plans { li {
                        a href={ "/v1/incidents/" (id) "/receipt?plan=" (made.digest) } {
                            "Receipt of plan " (made.plan.number) } ", "
                        code { "tagout-" (made.digest.short()) ".receipt" }
                    } } }
                }
                p { "The same as Markdown, all of it: "
                    code { "tagout audit export --format markdown --incident " (said(&self.id)) } }
            }
        }
    }
}

/// A word of a receipt as people read it.
fn in_words(word: &str) -> String {
    match word.strip_prefix("voided_") {
        Some(why) => format!("void: {}", why.replace('_', " ")),
        None => word.replace('_', " "),
    }
}

/// Why somebody decided as they did, if they said so.
fn why(event: &Event) -> Option<&FreeText> {
    let why = match event {
        Event::ReviewGiven { review } => &review.reason,
        Event::GlassBroken { reason, .. }
        | Event::HaltResumed { reason, .. }
        | Event::StepResolved { reason, .. }
        | Event::ReviewedAfterwards { reason, .. } => reason,
        _ => return None,
    };
    (!why.is_empty()).then_some(why)
}
