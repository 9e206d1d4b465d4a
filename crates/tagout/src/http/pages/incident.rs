//! One incident: what is the case, what is to be done, what it rests on, and how it came here.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::Deserialize;
use tagout_core::actor::{Act, Actor};
use tagout_core::afterwards::Debts;
use tagout_core::approval::Answer;
use tagout_core::incident::{Case, Closure, Handover, Incident, Proposal, Stage};
use tagout_core::limits;
use tagout_core::policy::SeverityOrigin;
use tagout_core::time::Time;

use super::error::PageError;
use super::handling::Handles;
use super::holds::Holds;
use super::layout::{Live, Page, Part};
use super::refused::Refused;
use super::steps::Steps;
use super::text::{absolute, cut, now, said, when};
use super::{Reader, encoded, ended, evidence, owed, plan, quorum, rehearsal, review, timeline};
use crate::fault::Fault;
use crate::http::App;
use crate::http::caller::Caller;
use crate::journal::{Declared, FoldedIn, Recorded};
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
    /// What ran without people, and nobody has looked at yet.
    debts: Debts,
    /// Open incidents that it may be a part of.
    near: Vec<(String, String)>,
    /// The steps that are not over, and what a granted plan waits for.
    steps: Steps,
    /// Who engaged the kill switch, while it is engaged.
    stopped: Option<Declared>,
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
    refused: Option<&Refused>,
) -> Result<Response, PageError> {
    let (now, from) = (now(), from.unwrap_or(0));
    let of = id.clone();
    let looked = app.writer.look(move |engine| {
        let journal = engine.journal();
        let incident = journal.incident(&of).clone();
        let mut history = journal.history_from(&of, from, limits::PAGE_EVENTS + 1)?;
        let next = history.get(limits::PAGE_EVENTS).map(Recorded::index);
        history.truncate(limits::PAGE_EVENTS);
        let folded = journal.overview().folded(&of).cloned();
        let debts = journal.shared().debts().clone();
        let near = near(journal.incidents(), &of, &incident);
        let steps = Steps::of(journal, &of, &incident);
        let stopped = journal.overview().kill_switch.clone();
        let seen =
            Seen { id: of, incident, history, next, from, folded, debts, near, steps, stopped };
        Ok::<_, Fault>((Holds::of(engine, now), seen))
    });
    let (holds, mut seen) = looked.await??;
    if seen.incident == Incident::Absent {
        // Nothing can happen in it any more, or there is none.
        seen.incident = app.writer.incident(&id).await?;
    }
    let Some(case) = seen.incident.case() else {
        return Err(PageError::Absent("There is no incident of this id."));
    };
    let people = app.writer.people();
    let handles = Handles {
        id: &seen.id,
        incident: &seen.incident,
        case,
        people: &people,
        near: &seen.near,
        caller,
        refused,
        now,
    };
    let page = Page {
        status: Refused::status(refused),
        title: &format!("{} on {}", cut(case.alert.name(), 80), cut(case.alert.subject(), 80)),
        part: Some(Part::Inbox),
        live: Live::Follows,
        reader: Some(caller),
        holds: Some(&holds),
        now,
        main: seen.main(case, &handles),
    };
    Ok(page.into_response())
}

/// Open incidents with the same alert or about the same thing, at most as many as are shown.
fn near<'a>(
    all: impl Iterator<Item = (&'a str, &'a Incident)>,
    id: &str,
    incident: &Incident,
) -> Vec<(String, String)> {
    let Incident::Open(ours, _) = incident else { return Vec::new() };
    let alike = |case: &Case| {
        case.alert.name() == ours.alert.name() || case.alert.subject() == ours.alert.subject()
    };
    all.filter(|(other, _)| *other != id)
        .filter_map(|(other, incident)| match incident {
            Incident::Open(case, _) if alike(case) => {
                let what = format!("{} on {}", case.alert.name(), case.alert.subject());
                Some((other.to_owned(), cut(&what, 120)))
            }
            _ => None,
        })
        .take(limits::NEAR_INCIDENTS)
        .collect()
}

impl Seen {
    fn main(&self, case: &Case, handles: &Handles<'_>) -> Markup {
        let &Handles { caller, refused, now, .. } = handles;
        let proposal = self.incident.proposal();
        html! {
            p.crumb { a href="/" { "Inbox" } }
            (heading(&self.id, case, now))
            @if let Some(refused) = refused { (refused.told()) }
            (self.steps.forms(&self.incident, caller, refused))
            (self.standing(&caller.actor, now))
            @let open = matches!(self.incident, Incident::Open(..));
            @for debt in owed::of(&self.debts, &self.id) { (debt.form(caller, refused, open, now)) }
            (handles.section())
            @if let Some(proposal) = proposal {
                (rehearsal::section(case, proposal, &self.history))
                (self.proposal(proposal, now))
            }
            (evidence::alert(&case.alert, |at| when(at, now)))
            @if let Some(findings) = &case.findings {
                (evidence::found(findings, &case.excluded, self.incident.runbook()))
            }
            (evidence::looked(case, now))
            @if let Some(folded) = &self.folded { (evidence::folded_in(folded, now)) }
            (self.trail(now))
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
            Incident::Open(case, stage) => self.open(case, stage, actor, now),
        }
    }

    fn open(&self, case: &Case, stage: &Stage, actor: &Actor, now: Time) -> Markup {
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
            Stage::Looking => sheet(
                "",
                "Being looked at",
                html! { p { "Checks of the runbook are looked at before a plan is made. This takes "
                "seconds, and changes nothing." } },
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
                    (self.steps.goes_on())
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
            Stage::Finished(proposal, outcome) => {
                ended::section(case, (proposal, *outcome), self.stopped.as_ref(), now)
            }
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
                @if let Some(words) = plan.takes_back() { p { strong { "It " (said(&words)) "." } } }
                @if let Some(person) = &plan.requested_by {
                    @let gate = self.incident.waiting().map(|(_, gate)| gate);
                    p { "Asked for by " (said(person.name())) (quorum::own(gate, person)) "." }
                }
                (plan::values(plan))
                (plan::steps(plan))
                p.hush { "Lapses " (when(plan.expires_at, now)) "." }
            }
            @if let Some(verdict) = &proposal.verdict { (evidence::policy(verdict)) }
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
                p {
                    a href={ "/incidents/" (encoded(&self.id)) "/report" } { "Report to print" }
                    @if self.incident.proposal().is_some() {
                        " · " a href={ "/v1/incidents/" (encoded(&self.id)) "/receipt" } {
                            "Receipt of the plan, to check offline" }
                    }
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

pub(super) fn closed(closure: &Closure) -> Markup {
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

/// Whether this person's answer is among those given, in words for them.
pub(super) fn answered(answer: Answer) -> &'static str {
    match answer {
        Answer::Approve => "approved",
        Answer::Reject => "rejected",
    }
}
