//! One incident: what is the case, what is to be done, what it rests on, and how it came here.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::Deserialize;
use tagout_core::actor::{Act, Actor};
use tagout_core::alert::Alert;
use tagout_core::approval::Answer;
use tagout_core::findings::{Candidate, Findings};
use tagout_core::incident::{Case, Closure, Handover, Incident, Proposal, Stage};
use tagout_core::limits;
use tagout_core::policy::SeverityOrigin;
use tagout_core::time::Time;
use tagout_core::verdict::{Decision, Verdict};

use super::error::PageError;
use super::holds::Holds;
use super::layout::{Live, Page, Part};
use super::text::{absolute, count, cut, now, said, said_lines, when};
use super::{Reader, encoded, form, plan, quorum, review, timeline};
use crate::asks::AskError;
use crate::fault::Fault;
use crate::http::App;
use crate::http::caller::Caller;
use crate::journal::{FoldedIn, Recorded};
use crate::terminal::story;

/// Which part of the trail.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct From {
    /// From this entry of the log on.
    from: Option<u64>,
}

/// What is read of an incident for its page.
struct Seen {
    id: String,
    incident: Incident,
    history: Vec<Recorded>,
    next: Option<u64>,
    from: u64,
    folded: Option<FoldedIn>,
}

/// One incident.
pub(super) async fn show(
    Reader(caller): Reader,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    wanted: Result<Query<From>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(From { from }) = wanted.map_err(|e| PageError::Bad(e.body_text()))?;
    page(&app, &caller, id, from, None).await
}

/// The page of an incident, with why something was not taken if it was not.
pub(super) async fn page(
    app: &App,
    caller: &Caller,
    id: String,
    from: Option<u64>,
    refused: Option<AskError>,
) -> Result<Response, PageError> {
    let (now, from) = (now(), from.unwrap_or(0));
    let looked = app.writer.look(move |engine| {
        let journal = engine.journal();
        let incident = journal.load(&id)?;
        let mut history = journal.history_from(&id, from, limits::PAGE_EVENTS + 1)?;
        let next = history.get(limits::PAGE_EVENTS).map(Recorded::index);
        history.truncate(limits::PAGE_EVENTS);
        let folded = journal.overview().folded(&id).cloned();
        let seen = Seen { id, incident, history, next, from, folded };
        Ok::<_, Fault>((Holds::of(engine, now), seen))
    });
    let (holds, seen) = looked.await??;
    let Some(case) = seen.incident.case() else {
        return Err(PageError::Absent("There is no incident of this id."));
    };
    let page = Page {
        status: if refused.is_some() { StatusCode::CONFLICT } else { StatusCode::OK },
        title: &format!("{} on {}", cut(case.alert.name(), 80), cut(case.alert.subject(), 80)),
        part: Some(Part::Inbox),
        live: Live::Follows,
        reader: Some(caller),
        holds: Some(&holds),
        now,
        main: seen.main(case, caller, refused.as_ref(), now),
    };
    Ok(page.into_response())
}

impl Seen {
    fn main(&self, case: &Case, caller: &Caller, refused: Option<&AskError>, now: Time) -> Markup {
        let actor = &caller.actor;
        let proposal = self.incident.proposal();
        html! {
            p.crumb { a href="/" { "Inbox" } }
            (heading(&self.id, case, now))
            @if let Some(error) = refused { (review::not_taken(error)) }
            (self.standing(actor, now))
            @if let Some(proposal) = proposal { (self.proposal(proposal, now)) }
            (evidence(&case.alert, now))
            @if let Some(findings) = &case.findings {
                (found(findings, &case.excluded, self.incident.runbook()))
            }
            @if let Some(folded) = &self.folded { (folded_in(folded, now)) }
            (self.trail(now))
            @if matches!(self.incident, Incident::Open(..)) { (self.handling(case, caller, now)) }
            @if matches!(self.incident, Incident::Open(..)) { (self.close(caller)) }
        }
    }

    /// Where it stands, and what a reader can do about it.
    fn standing(&self, actor: &Actor, now: Time) -> Markup {
        match &self.incident {
            Incident::Absent => html! {},
            Incident::Closed(_, closure) => html! {
                section.sheet aria-labelledby="standing" {
                    h2 #standing { "Closed" }
                    p { (closed(closure)) }
                }
            },
            Incident::Open(_, stage) => self.open(stage, actor, now),
        }
    }

    fn open(&self, stage: &Stage, actor: &Actor, now: Time) -> Markup {
        let sheet = |class: &str, title: &str, body: Markup| {
            html! {
                section class={ "sheet " (class) } aria-labelledby="standing" {
                    h2 #standing { (title) }
                    (body)
                }
            }
        };
        match stage {
            Stage::Received | Stage::Searching | Stage::Found | Stage::Proposed(_) => sheet(
                "",
                "Being looked into",
                html! { p { "A runbook is being looked for. This takes seconds." } },
            ),
            Stage::Waiting(proposal, gate, clock) => sheet(
                "ask",
                "A plan waits for an answer",
                html! {
                    (quorum::standing(gate, now))
                    @if let Some(clock) = clock {
                        p {
                            "Silence counts as consent here: "
                            @match clock.warned_at {
                                Some(at) => {
                                    "the warning was delivered at " (absolute(at, now))
                                    ", and after " (clock.wait)
                                    " without an objection the clock grants the plan."
                                }
                                None => "only once a warning was delivered, which it was not yet.",
                            }
                        }
                    }
                    p.buttons { a.button.primary href=(self.review(proposal)) {
                        @if actor.may(Act::Review) { "Read and answer" } @else { "Read the plan" }
                    } }
                },
            ),
            Stage::Halted(proposal) => sheet(
                "stop",
                "Halted",
                html! {
                    p { "The policy halted this plan: nobody may grant it as it is. An entitled "
                        "person may have it decided again, and then people are asked at best." }
                    p.buttons { a.button href=(self.review(proposal)) { "Read the plan" } }
                },
            ),
            Stage::Granted(proposal, _) => sheet(
                "go",
                "Granted",
                html! {
                    p { "The plan is granted for " (plan::mode(proposal.plan.mode)) "." }
                    p.buttons { a.button href=(self.review(proposal)) { "Read the plan" } }
                },
            ),
            Stage::WithPeople(Handover::NoPlan(why)) => sheet(
                "ask",
                "A person is needed",
                html! { p { (said(&story::needed(why))) } p { "There is no plan to grant." } },
            ),
            Stage::WithPeople(Handover::Voided(proposal, why)) => sheet(
                "ask",
                "A person is needed",
                html! {
                    p { "The plan of " strong { (said(&proposal.plan.runbook)) }
                        " may not run any more: " (said(&story::voided(why))) "." }
                },
            ),
            Stage::Finished(proposal, outcome) => sheet(
                "go",
                "The plan has ended",
                html! {
                    p { (timeline::ended(*outcome, proposal.plan.mode)) }
                    p { "The incident closes when its alert ends, or when a person closes it." }
                },
            ),
        }
    }

    fn review(&self, proposal: &Proposal) -> String {
        review::address(&self.id, proposal.digest)
    }

    /// The plan in force or last in force, and what the policy said of it.
    fn proposal(&self, proposal: &Proposal, now: Time) -> Markup {
        let (plan, digest) = (&proposal.plan, &proposal.digest);
        html! {
            section.sheet aria-labelledby="plan" {
                h2 #plan { "Plan " (plan.number) ": " (said(&plan.title)) }
                p {
                    (plan::tier(plan.tier)) " " (plan::mode(plan.mode)) " "
                    a href={ "/runbooks/" (encoded(&plan.runbook)) } { (said(&plan.runbook)) }
                    span.hush { " · plan " a href=(self.review(proposal)) { code { (digest.short()) } } }
                }
                @if let Some(person) = &plan.requested_by {
                    p { "Asked for by " (said(person.name())) ", who cannot approve it." }
                }
                (plan::values(plan))
                (plan::steps(plan))
                p.hush { "Lapses " (when(plan.expires_at, now)) "." }
            }
            @if let Some(verdict) = &proposal.verdict { (policy(verdict)) }
        }
    }

    /// Every recorded step.
    fn trail(&self, now: Time) -> Markup {
        html! {
            section aria-labelledby="trail" {
                h2 #trail { "What happened" }
                @if self.from > 0 {
                    p { a href={ "/incidents/" (encoded(&self.id)) "#trail" } { "From the beginning" } }
                }
                (timeline::list(&self.history, now))
                @if let Some(next) = self.next {
                    p { a href={ "/incidents/" (encoded(&self.id)) "?from=" (next) "#trail" } {
                        "Later steps" } }
                }
                p { a href={ "/audit?incident=" (encoded(&self.id)) } {
                    "The entries of this incident in the audit log, with their proofs" } }
            }
        }
    }

    /// Who looks after it, and the forms by which somebody does.
    fn handling(&self, case: &Case, caller: &Caller, now: Time) -> Markup {
        let handling = &case.handling;
        let action = |what: &str| format!("/incidents/{}/{what}", encoded(&self.id));
        html! {
            section.sheet aria-labelledby="handling" {
                h2 #handling { "Who looks after it" }
                p {
                    @match &handling.acknowledged {
                        Some((person, at)) => {
                            strong { (said(person.name())) } " acknowledged it at " (when(*at, now)) "."
                        }
                        None => "Nobody has acknowledged it.",
                    }
                    @if let Some(person) = &handling.assignee {
                        " It is assigned to " strong { (said(person.name())) } "."
                    }
                    @if let Some(until) = handling.snoozed(now) {
                        " Nobody is reminded of it until " (when(until, now)) "."
                    }
                }
                @if caller.actor.may(Act::Handle) {
                    @if handling.acknowledged.is_none() {
                        form method="post" action=(action("acknowledge")) {
                            (form::own(caller))
                            button type="submit" { "I look after it" }
                        }
                    }
                    details {
                        summary { "Say something about it" }
                        form method="post" action=(action("comment")) {
                            (form::own(caller))
                            div.field {
                                label for="comment" { "What?" }
                                textarea #comment name="reason" required maxlength="4096" {}
                            }
                            button type="submit" { "Record the comment" }
                        }
                    }
                }
            }
        }
    }

    /// The form that closes it. It asks for a reason, so no single key or click does it.
    fn close(&self, caller: &Caller) -> Markup {
        let actor = &caller.actor;
        html! {
            section.sheet aria-labelledby="close" {
                h2 #close { "Close this incident" }
                @if actor.may(Act::Handle) {
                    details {
                        summary { "It is dealt with, or needs nothing" }
                        form method="post" action={ "/incidents/" (encoded(&self.id)) "/close" } {
                            (form::own(caller))
                            div.field {
                                label for="close-reason" { "Why is it closed?" }
                                p.help #close-help {
                                    "It is recorded in your name. A plan that waits becomes void." }
                                textarea #close-reason name="reason" required maxlength="4096"
                                    aria-describedby="close-help" {}
                            }
                            button type="submit" { "Close the incident" }
                        }
                    }
                } @else {
                    p { "Your role (" (actor.role) ") reads; a responder can close it." }
                }
            }
        }
    }
}

fn heading(id: &str, case: &Case, now: Time) -> Markup {
    let alert = &case.alert;
    html! {
        h1 { (said(&cut(alert.name(), 200))) }
        p.facts {
            @if alert.subject() != alert.name() {
                span.fact { "on " strong { (said(&cut(alert.subject(), 200))) } }
            }
            @if let Some(reading) = &case.severity {
                span.fact {
                    "Severity " strong { (reading.severity) }
                    @match &reading.origin {
                        SeverityOrigin::Sent => {}
                        SeverityOrigin::Mapped(word) => { " (sent as “" (said(word)) "”)" }
                        SeverityOrigin::Unmapped(word) => {
                            " (“" (said(word)) "” is in no table and counts as critical)"
                        }
                        SeverityOrigin::Absent => " (none was sent)",
                    }
                }
            }
            span.fact { span.hush { "Opened " } (when(case.opened_at, now)) }
            span.fact.hush { code { (said(id)) } }
        }
    }
}

fn closed(closure: &Closure) -> Markup {
    html! {
        @match closure {
            Closure::TriagedAway(why) => {
                "Nothing was to be done: " (said(&story::away(why))) "."
            }
            Closure::AlertEnded => "Its alert ended.",
            Closure::Merged(into) => {
                "A person made it part of "
                a href={ "/incidents/" (encoded(into)) } { (said(into)) } "."
            }
            Closure::ByPerson(reason) => { "A person closed it: “" (said(reason.as_str())) "”" }
        }
    }
}

/// What the alert says, all of it: it is what everything rests on.
pub(super) fn evidence(alert: &Alert, now: Time) -> Markup {
    html! {
        section.sheet aria-labelledby="evidence" {
            h2 #evidence { "What the alert says" }
            @if !alert.title.is_empty() { p { strong { (said(alert.title.as_str())) } } }
            @if !alert.message.is_empty() { p { (said_lines(alert.message.as_str())) } }
            dl.pairs {
                div { dt { "Sent by" } dd { (said(&alert.source)) } }
                @if let Some(at) = alert.starts_at {
                    div { dt { "Began" } dd { (when(at, now)) span.hush { " by the sender's clock" } } }
                }
                @if let Some(url) = &alert.runbook_url {
                    // Not a link: whoever writes alerts must not lead a tired person anywhere.
                    div { dt { "Names as its page" } dd { code { (said(url)) } } }
                }
            }
            (table("Labels", alert.labels.iter().map(|(name, value)| (&**name, &**value))))
            (table("Annotations", alert.annotations.iter().map(|(n, v)| (&**n, v.as_str()))))
            (table("Figures", alert.metrics.iter().map(|(name, value)| (&**name, &**value))))
        }
    }
}

fn table<'a>(title: &str, pairs: impl ExactSizeIterator<Item = (&'a str, &'a str)>) -> Markup {
    html! {
        @if pairs.len() > 0 {
            h3.part { (title) }
            dl.pairs { @for (name, value) in pairs {
                div { dt { (said(name)) } dd { (said_lines(value)) } }
            } }
        }
    }
}

/// What the search found, and how sure it is.
pub(super) fn found(
    findings: &Findings,
    excluded: &[(String, String)],
    chosen: Option<&str>,
) -> Markup {
    html! {
        section.sheet aria-labelledby="found" {
            h2 #found { "Why this runbook" }
            @if findings.candidates.is_empty() { p { "The search found nothing near." } }
            @else {
                p.hush {
                    "The confidence is how probable it is that the runbook is the right one, "
                    @if findings.calibrated { "as measured on this very set of runbooks." }
                    @else { "as measured on another set of runbooks: where no exact key matched, "
                        "a person decides." }
                }
                div.scroll tabindex="0" role="group" aria-label="Candidates" {
                    table {
                        thead { tr {
                            th scope="col" { "Runbook" }
                            th.number scope="col" { "Confidence" }
                            th scope="col" { "Because" }
                        } }
                        tbody { @for candidate in &findings.candidates {
                            (row(candidate, chosen == Some(&candidate.runbook)))
                        } }
                    }
                }
            }
            @for (runbook, why) in excluded {
                p { "Left out " strong { (said(runbook)) } ": " (said(why)) "." }
            }
        }
    }
}

fn row(candidate: &Candidate, chosen: bool) -> Markup {
    html! {
        tr {
            th scope="row" {
                a href={ "/runbooks/" (encoded(&candidate.runbook)) } { (said(&candidate.runbook)) }
                @if chosen { span.hush { " (chosen)" } }
            }
            td.number { (candidate.confidence) }
            td {
                @match candidate.key {
                    Some(key) => (key.describe()),
                    None if candidate.matched_terms.is_empty() => "by meaning",
                    None => {
                        @let terms: Vec<_> = candidate.matched_terms.iter().take(8).cloned().collect();
                        "shared words: " (said(&terms.join(", ")))
                    }
                }
            }
        }
    }
}

/// What the policy said, with every reason.
pub(super) fn policy(verdict: &Verdict) -> Markup {
    html! {
        section.sheet aria-labelledby="policy" {
            h2 #policy { "What the policy said" }
            p { (decision(verdict.decision)) " at " (plan::tier(verdict.tier))
                ", set by " (said(&verdict.tier_from)) "." }
            ul.plain { @for reason in &verdict.reasons {
                li { (decision(reason.decision)) " " (said(&reason.detail)) }
            } }
            p.hush { "Policy " code { (verdict.policy.short()) } ". The strictest reason holds." }
        }
    }
}

/// A decision in a frame.
pub(super) fn decision(decision: Decision) -> Markup {
    let class = match decision {
        Decision::Proceed => "decision-proceed",
        Decision::Escalate => "decision-escalate",
        Decision::Halt => "decision-halt",
    };
    html! { span.badge class=(class) { (decision) } }
}

fn folded_in(folded: &FoldedIn, now: Time) -> Markup {
    let counts = [
        (folded.repeated, "delivered again"),
        (folded.joined, "gathered here with it"),
        (folded.ended, "ended while others went on"),
        (folded.returned, "fired again"),
        (folded.late, "over already when it came"),
    ];
    html! {
        section.sheet aria-labelledby="folded" {
            h2 #folded { "What was folded into it" }
            ul.plain { @for (n, what) in counts {
                @if n > 0 {
                    li { (count(usize::try_from(n).unwrap_or(usize::MAX), "alert", "alerts")) ", " (what) }
                }
            } }
            @if let Some((at, entry)) = folded.last {
                p { "The last one came " (when(at, now)) ", in "
                    a href={ "/audit?from=" (entry) } { "entry " (entry) } "." }
            }
            @if !folded.latest.is_empty() {
                h3.part { "Gathered last" }
                ul.plain { @for (at, name, subject) in &folded.latest {
                    li { (absolute(*at, now)) " " strong { (said(&cut(name, 120))) } " "
                        (said(&cut(subject, 120))) }
                } }
            }
        }
    }
}

/// Whether this person's answer is among those given, in words for them.
pub(super) fn answered(answer: Answer) -> &'static str {
    match answer {
        Answer::Approve => "approved",
        Answer::Reject => "rejected",
    }
}
