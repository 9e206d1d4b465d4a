//! One plan under review: what an answer covers, and the form that gives it. Opening the page
//! decides nothing; what is sent names the plan and the mode that were read.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use tagout_core::actor::Act;
use tagout_core::approval::ApprovalGate;
use tagout_core::digest::PlanDigest;
use tagout_core::event::{Event, PlanOutcome};
use tagout_core::glass::GlassRules;
use tagout_core::incident::{Handover, Incident, Stage};
use tagout_core::plan::Plan;
use tagout_core::time::Time;
use tagout_core::verdict::{Mode, Verdict};

use super::error::PageError;
use super::holds::Holds;
use super::layout::{Live, Page, Part, is_refetched};
use super::refused::Refused;
use super::steps::Steps;
use super::text::{count, cut, now, said, when};
use super::{Reader, encoded, evidence, plan, quorum};
use crate::asks::{AskError, IncidentAsk, told};
use crate::http::App;
use crate::http::caller::Caller;
use crate::needed::failure;
use crate::terminal::story;

/// A plan of an incident, and how the incident stands now.
pub(super) struct Reviewed {
    pub(super) id: String,
    pub(super) digest: PlanDigest,
    pub(super) plan: Plan,
    pub(super) incident: Incident,
    verdict: Option<Verdict>,
    /// In what it differed from the plan it took the place of.
    changed: Vec<String>,
    /// Who may break its glass, if anybody may.
    pub(super) glass: Option<GlassRules>,
    /// Whether its steps may run where not all of their processes can be held together.
    weak_containment: bool,
    /// What it waits for once it is granted.
    steps: Steps,
}

/// A plan as it was proposed, in what it differed from the one before, and what the policy said.
type Proposed = (Plan, Vec<String>, Option<Verdict>);

impl Reviewed {
    /// The plan of this digest, if it ever was a plan of this incident, with what holds.
    pub(super) async fn read(
        app: &App,
        id: String,
        digest: PlanDigest,
        now: Time,
    ) -> Result<(Holds, Self), PageError> {
        let of = id.clone();
        let looked = app.writer.look(move |engine| {
            let journal = engine.journal();
            let glass = journal.policy().and_then(|policy| policy.break_glass.clone());
            let weak = journal.policy().is_some_and(|policy| policy.allows_weak_containment());
            let incident = journal.incident(&of);
            let steps = Steps::of(journal, &of, incident);
            (Holds::of(engine, now), incident.clone(), glass, weak, steps)
        });
        let (holds, mut incident, glass, weak_containment, steps) = looked.await?;
        if incident == Incident::Absent {
            incident = app.writer.incident(&id).await?;
        }
        let first = incident.proposal().filter(|p| p.digest == digest && p.plan.number == 1);
        let proposed = match first {
            // It took no other's place, and all that is known of it is in memory.
            Some(now) => Some((now.plan.clone(), Vec::new(), now.verdict.clone())),
            None => recorded(app, &id, digest).await?,
        };
        let Some((plan, changed, verdict)) = proposed else {
            return Err(PageError::Absent("This is no plan of this incident."));
        };
        let weak_containment = weak_containment && plan.mode == Mode::Live;
        Ok((
            holds,
            Self { id, digest, plan, incident, verdict, changed, glass, weak_containment, steps },
        ))
    }

    /// Where its page is.
    pub(super) fn address(&self) -> String {
        address(&self.id, self.digest)
    }

    /// The gate in front of it, if it waits.
    pub(super) fn gate(&self) -> Option<&ApprovalGate> {
        let (proposal, gate) = self.incident.waiting()?;
        (proposal.digest == self.digest).then_some(gate)
    }
}

/// Looks for a plan in the trail of its incident.
async fn recorded(app: &App, id: &str, digest: PlanDigest) -> Result<Option<Proposed>, PageError> {
    let mut found: Option<Proposed> = None;
    let walked = app.writer.walk::<()>(id, |recorded| {
        match (recorded.event(), &mut found) {
            (Event::PlanProposed { plan, digest: of, difference, .. }, _) if *of == digest => {
                found = Some((plan.clone(), difference.clone(), None));
            }
            (Event::PolicyDecided { plan, verdict, .. }, Some((.., said))) if *plan == digest => {
                *said = Some(verdict.clone());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    walked.await?;
    Ok(found)
}

/// Where a plan is reviewed.
pub(super) fn address(id: &str, digest: PlanDigest) -> String {
    format!("/incidents/{}/review/{digest}", encoded(id))
}

/// The digest in an address.
pub(super) fn digest(text: &str) -> Result<PlanDigest, PageError> {
    text.parse().map_err(|_| PageError::Absent("There is no plan of this digest."))
}

/// The review.
pub(super) async fn show(
    Reader(caller): Reader,
    State(app): State<Arc<App>>,
    Path((id, plan)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let plan = digest(&plan)?;
    if is_refetched(&headers) {
        return glance(&app, &caller, id, plan).await;
    }
    // Reading begins here for somebody who may answer.
    if method == Method::GET && caller.actor.may(Act::Review) {
        let shown = app.asks().incident(&caller.actor, &id, IncidentAsk::Show { plan }).await;
        if let Err(error @ AskError::NotRecorded(_)) = shown {
            tracing::warn!(%error, "that a plan was shown could not be recorded");
        }
    }
    page(&app, &caller, id, plan, None).await
}

/// What an open page asks for whenever something is recorded: whether its buttons still hold,
/// and how far the answers have come. All of it is in memory.
pub(super) async fn glance(
    app: &App,
    caller: &Caller,
    id: String,
    plan: PlanDigest,
) -> Result<Response, PageError> {
    let now = now();
    let looked = app.writer.look(move |engine| {
        let incident = engine.journal().incident(&id);
        (Holds::of(engine, now), state(incident), tally(incident, plan))
    });
    let (holds, state, tally) = looked.await?;
    let page = Page {
        status: StatusCode::OK,
        title: "Review",
        part: Some(Part::Inbox),
        live: Live::Held,
        reader: Some(caller),
        holds: Some(&holds),
        now,
        main: html! { div #review data-state=(state) data-tally=(tally) {} },
    };
    Ok(page.into_response())
}

/// The page of a review, with why an answer was not taken if one was not.
pub(super) async fn page(
    app: &App,
    caller: &Caller,
    id: String,
    plan: PlanDigest,
    refused: Option<&Refused>,
) -> Result<Response, PageError> {
    let now = now();
    let (holds, reviewed) = Reviewed::read(app, id, plan, now).await?;
    let page = Page {
        status: Refused::status(refused),
        title: &format!("Review {} on {}", reviewed.plan.runbook, cut(&reviewed.plan.target, 80)),
        part: Some(Part::Inbox),
        live: Live::Held,
        reader: Some(caller),
        holds: Some(&holds),
        now,
        main: reviewed.main(caller, refused, now),
    };
    Ok(page.into_response())
}

/// What the buttons of an open page rest on: when it changes, they are out of use.
fn state(incident: &Incident) -> String {
    let Incident::Open(_, stage) = incident else { return "closed".to_owned() };
    let current = incident.proposal().map(|p| p.digest.to_string()).unwrap_or_default();
    let stage = match stage {
        Stage::Waiting(..) => "waits",
        Stage::Halted(_) => "halted",
        Stage::Granted(..) => "granted",
        _ => "over",
    };
    format!("{stage} {current}")
}

/// How far the answers to a plan have come, if it waits for some.
fn tally(incident: &Incident, plan: PlanDigest) -> String {
    let waiting = incident.waiting().filter(|(proposal, _)| proposal.digest == plan);
    waiting.map_or_else(String::new, |(_, gate)| {
        let (have, need) = quorum::figures(gate);
        format!("{have} of {need} approved")
    })
}

impl Reviewed {
    fn main(&self, caller: &Caller, refused: Option<&Refused>, now: Time) -> Markup {
        html! {
            p.crumb {
                a href="/" { "Inbox" } " / "
                a href={ "/incidents/" (encoded(&self.id)) } { "Incident " (said(&self.id)) }
            }
            h1 { "Review: " (said(&self.plan.runbook)) " on " (said(&cut(&self.plan.target, 120))) }
            @if let Some(refused) = refused { (refused.told()) }
            div #review data-state=(self.state()) data-tally=(self.tally()) {
                (self.standing(now))
                (self.covers(now))
                @if let Some(verdict) = &self.verdict { (evidence::policy(verdict)) }
                @if let Some(case) = self.incident.case() {
                    (evidence::alert(&case.alert, |at| when(at, now)))
                    @if let Some(findings) = &case.findings {
                        (evidence::found(findings, &case.excluded, Some(&self.plan.runbook)))
                    }
                    (evidence::looked(case, now))
                }
                (self.ask(caller, refused, now))
            }
        }
    }

    /// What the page's buttons rest on: when it changes, they are out of use.
    pub(super) fn state(&self) -> String {
        state(&self.incident)
    }

    /// How far the answers have come.
    pub(super) fn tally(&self) -> String {
        tally(&self.incident, self.digest)
    }

    /// Whether it waits, and if it is out of date, what is different now.
    fn standing(&self, now: Time) -> Markup {
        if let Some(other) = self.incident.proposal().filter(|other| other.digest != self.digest) {
            return html! {
                section.sheet.stop aria-labelledby="standing" {
                    h2 #standing { "This is not the plan any more" }
                    p { "Another plan has taken its place. This is different:" }
                    (difference(&told(&self.plan, &other.plan, Some(self.plan.mode))))
                    p.buttons { a.button.primary href=(address(&self.id, other.digest)) {
                        "Read the plan as it is now" } }
                }
            };
        }
        let sheet = |class: &str, title: &str, body: Markup| {
            html! {
                section class={ "sheet " (class) } aria-labelledby="standing" {
                    h2 #standing { (title) }
                    (body)
                }
            }
        };
        match &self.incident {
            Incident::Open(_, Stage::Waiting(_, gate, _)) => {
                sheet("ask", "It waits for an answer", quorum::standing(gate, now))
            }
            Incident::Open(_, Stage::Halted(_)) => sheet(
                "stop",
                "Halted",
                html! { p { "The policy halted it: nobody may grant this plan as it is." } },
            ),
            Incident::Open(_, Stage::Granted(..)) => sheet(
                "go",
                "Granted",
                html! { p { "It is granted for " (self.plan.mode) "." } (self.steps.goes_on()) },
            ),
            Incident::Open(_, Stage::WithPeople(Handover::Voided(_, why))) => sheet(
                "",
                "It may not run any more",
                html! { p { (said(&story::voided(why))) "." } },
            ),
            Incident::Open(case, Stage::Finished(proposal, outcome)) => sheet(
                if *outcome == PlanOutcome::Failed { "ask" } else { "go" },
                "It has ended",
                html! { p { @match failure(case, proposal.digest, Some(proposal), None) {
                    Some(how) if *outcome == PlanOutcome::Failed => (said(&sentence(&how))),
                    _ => (super::timeline::ended(*outcome, &self.plan)),
                } } },
            ),
            Incident::Closed(..) => {
                sheet("", "Closed", html! { p { "The incident is closed; nothing is to answer." } })
            }
            _ => sheet("", "Under way", html! { p { "It does not wait for an answer." } }),
        }
    }

    /// Everything that the digest covers.
    fn covers(&self, now: Time) -> Markup {
        let plan = &self.plan;
        html! {
            section.sheet aria-labelledby="covers" {
                h2 #covers { "What an answer covers" }
                p { "An answer holds for exactly this and for nothing else. If anything of it "
                    "changes, it is another plan and everybody is asked again." }
                p { (plan::tier(plan.tier)) " " (plan::mode(plan.mode)) " "
                    (plan::mode_means(plan.mode, !plan.rehearses.is_empty())) }
                @if self.weak_containment { p { strong { "Weak containment is allowed" }
                    ": where this machine grants nothing better, a process that a step starts can "
                    "get away from a stop." } }
                @if !self.changed.is_empty() {
                    h3.part { @if plan.undoes.is_some() { "What it takes back, and what it does not" }
                        @else { "What a person changed" } }
                    (difference(&self.changed))
                }
                (plan::values(plan))
                (plan::steps(plan))
                h3.part { "And" }
                dl.pairs {
                    div { dt { "Runbook" } dd {
                        a href={ "/runbooks/" (encoded(&plan.runbook)) } { (said(&plan.title)) }
                        " " code { (plan.runbook_digest.short()) }
                        @if plan.reversible { "; its author says all of it can be taken back" }
                        @else { "; its author does not say that it can be taken back" }
                        @for (n, step) in plan.steps.iter().filter(|s| s.lacks_undo()).enumerate() {
                            @if n == 0 { "; nothing is declared that takes back " } @else { ", " }
                            (said(&step.id))
                        }
                    } }
                    div { dt { "Must approve" } dd {
                        (count(plan.least_people() as usize, "person", "different people"))
                        @for (group, n) in &plan.groups { ", " (n) " of " (said(group)) }
                    } }
                    @if let Some(person) = &plan.requested_by {
                        div { dt { "Asked for by" } dd {
                            (said(person.name())) (quorum::own(self.gate(), person)) } }
                    }
                    div { dt { "Lapses" } dd { (when(plan.expires_at, now)) } }
                    div { dt { "Policy" } dd { code { (plan.policy.short()) } } }
                    div { dt { "Evidence" } dd { code { (plan.evidence.short()) }
                        span.hush { " the alert, what the search found, and what was looked at" } } }
                    div { dt { "Plan " (plan.number) } dd { code { (self.digest) } } }
                }
            }
        }
    }
}

/// What differs, one line each.
pub(super) fn difference(lines: &[String]) -> Markup {
    html! { ul.difference role="list" { @for line in lines { li { (said(line)) } } } }
}

/// Words as a sentence.
pub(super) fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    let mut sentence: String = first.chain(letters).collect();
    if !sentence.ends_with(['.', '!', '?', '”']) {
        sentence.push('.');
    }
    sentence
}
