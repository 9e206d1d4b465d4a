//! One plan under review: what an answer covers, and the form that gives it. Opening the page
//! decides nothing; what is sent names the plan and the mode that were read.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use tagout_core::actor::Act;
use tagout_core::approval::ApprovalGate;
use tagout_core::digest::PlanDigest;
use tagout_core::event::Event;
use tagout_core::glass::GlassRules;
use tagout_core::incident::{Handover, Incident, Stage};
use tagout_core::plan::Plan;
use tagout_core::time::Time;
use tagout_core::verdict::Verdict;

use super::error::PageError;
use super::holds::Holds;
use super::layout::{Live, Page, Part, is_refetched};
use super::text::{count, cut, now, said, when};
use super::{Reader, encoded, form, incident, plan, quorum};
use crate::asks::{AskError, IncidentAsk, told};
use crate::fault::Fault;
use crate::http::App;
use crate::http::caller::Caller;
use crate::journal::Journal;
use crate::store::Store;
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
    glass: Option<GlassRules>,
}

impl Reviewed {
    /// The plan of this digest, if it ever was a plan of this incident.
    pub(super) fn read(
        journal: &Journal<Store>,
        id: String,
        digest: PlanDigest,
    ) -> Result<Option<Self>, Fault> {
        let incident = journal.load(&id)?;
        let (mut proposed, mut verdict) = (None, None);
        for recorded in journal.history(Some(&id))? {
            match recorded.event() {
                Event::PlanProposed { plan, digest: of, difference, .. } if *of == digest => {
                    proposed = Some((plan.clone(), difference.clone()));
                }
                Event::PolicyDecided { plan, verdict: said, .. } if *plan == digest => {
                    verdict = Some(said.clone());
                }
                _ => {}
            }
        }
        let Some((plan, changed)) = proposed else { return Ok(None) };
        let glass = journal.policy().and_then(|policy| policy.break_glass.clone());
        Ok(Some(Self { id, digest, plan, incident, verdict, changed, glass }))
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
    // Reading begins here for somebody who may answer, unless the page only looks again.
    if method == Method::GET && !is_refetched(&headers) && caller.actor.may(Act::Review) {
        let shown = app.asks().incident(&caller.actor, &id, IncidentAsk::Show { plan }).await;
        if let Err(error @ AskError::NotRecorded(_)) = shown {
            tracing::warn!(%error, "that a plan was shown could not be recorded");
        }
    }
    page(&app, &caller, id, plan, None).await
}

/// The page of a review, with why an answer was not taken if one was not.
pub(super) async fn page(
    app: &App,
    caller: &Caller,
    id: String,
    plan: PlanDigest,
    refused: Option<AskError>,
) -> Result<Response, PageError> {
    let now = now();
    let looked = app.writer.look(move |engine| {
        let reviewed = Reviewed::read(engine.journal(), id, plan)?;
        Ok::<_, Fault>((Holds::of(engine, now), reviewed))
    });
    let (holds, reviewed) = looked.await??;
    let reviewed = reviewed.ok_or(PageError::Absent("This is no plan of this incident."))?;
    let status = match &refused {
        None => StatusCode::OK,
        Some(AskError::NotAllowed { .. }) => StatusCode::FORBIDDEN,
        Some(AskError::NotRecorded(_)) => StatusCode::SERVICE_UNAVAILABLE,
        Some(_) => StatusCode::CONFLICT,
    };
    let page = Page {
        status,
        title: &format!("Review {} on {}", reviewed.plan.runbook, cut(&reviewed.plan.target, 80)),
        part: Some(Part::Inbox),
        live: Live::Held,
        reader: Some(caller),
        holds: Some(&holds),
        now,
        main: reviewed.main(caller, refused.as_ref(), now),
    };
    Ok(page.into_response())
}

impl Reviewed {
    fn main(&self, caller: &Caller, refused: Option<&AskError>, now: Time) -> Markup {
        html! {
            p.crumb {
                a href="/" { "Inbox" } " / "
                a href={ "/incidents/" (encoded(&self.id)) } { "Incident " (said(&self.id)) }
            }
            h1 { "Review: " (said(&self.plan.runbook)) " on " (said(&cut(&self.plan.target, 120))) }
            @if let Some(error) = refused { (not_taken(error)) }
            div #review data-state=(self.state()) data-tally=(self.tally(now)) {
                (self.standing(now))
                (self.covers(now))
                @if let Some(verdict) = &self.verdict { (incident::policy(verdict)) }
                @if let Some(case) = self.incident.case() {
                    (incident::evidence(&case.alert, now))
                    @if let Some(findings) = &case.findings {
                        (incident::found(findings, &case.excluded, Some(&self.plan.runbook)))
                    }
                }
                (self.ask(caller, now))
            }
        }
    }

    /// What the page's buttons rest on: when it changes, they are out of use.
    pub(super) fn state(&self) -> String {
        let current = self.incident.proposal().map(|p| p.digest.to_string()).unwrap_or_default();
        let stage = match &self.incident {
            Incident::Open(_, Stage::Waiting(..)) => "waits",
            Incident::Open(_, Stage::Halted(_)) => "halted",
            Incident::Open(_, Stage::Granted(..)) => "granted",
            Incident::Open(..) => "over",
            _ => "closed",
        };
        format!("{stage} {current}")
    }

    /// How far the answers have come.
    fn tally(&self, now: Time) -> String {
        self.gate().map_or_else(String::new, |gate| {
            let (have, need) = quorum::figures(gate, now);
            format!("{have} of {need} approved")
        })
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
            Incident::Open(_, Stage::Granted(..)) => {
                sheet("go", "Granted", html! { p { "It is granted for " (self.plan.mode) "." } })
            }
            Incident::Open(_, Stage::WithPeople(Handover::Voided(_, why))) => sheet(
                "",
                "It may not run any more",
                html! { p { (said(&story::voided(why))) "." } },
            ),
            Incident::Open(_, Stage::Finished(_, outcome)) => sheet(
                "go",
                "It has ended",
                html! { p { (super::timeline::ended(*outcome, self.plan.mode)) } },
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
                    (plan::mode_means(plan.mode)) }
                @if !self.changed.is_empty() {
                    h3.part { "What a person changed" }
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
                    } }
                    div { dt { "Must approve" } dd {
                        (count(plan.quorum as usize, "person", "different people"))
                        @for (group, n) in &plan.groups { ", " (n) " of " (said(group)) }
                    } }
                    @if let Some(person) = &plan.requested_by {
                        div { dt { "Asked for by" } dd { (said(person.name())) ", who cannot approve it" } }
                    }
                    div { dt { "Lapses" } dd { (when(plan.expires_at, now)) } }
                    div { dt { "Policy" } dd { code { (plan.policy.short()) } } }
                    div { dt { "Evidence" } dd { code { (plan.evidence.short()) }
                        span.hush { " the alert and what the search found" } } }
                    div { dt { "Plan " (plan.number) } dd { code { (self.digest) } } }
                }
            }
        }
    }

    /// What the reader can do.
    fn ask(&self, caller: &Caller, now: Time) -> Markup {
        let current = self.incident.proposal().is_some_and(|p| p.digest == self.digest);
        match &self.incident {
            Incident::Open(_, Stage::Waiting(_, gate, _)) if current => {
                html! { (self.answer(gate, caller, now)) (self.break_glass(gate, caller, now)) }
            }
            Incident::Open(_, Stage::Halted(_)) if current => self.resume(caller),
            Incident::Open(_, Stage::Granted(..)) if current => self.revoke(caller),
            _ => html! {},
        }
    }

    fn answer(&self, gate: &ApprovalGate, caller: &Caller, now: Time) -> Markup {
        let actor = &caller.actor;
        let mode = self.plan.mode;
        let given = gate.reviews().find(|(review, _)| review.reviewer == actor.person);
        let own = self.plan.requested_by.as_ref() == Some(&actor.person);
        html! {
            section.sheet.ask aria-labelledby="answer" {
                h2 #answer { "Your answer" }
                @if let Some((review, at)) = given {
                    p { "You " (incident::answered(review.answer)) " this plan at "
                        (when(at, now)) ". One person, one answer." }
                } @else if !actor.may(Act::Review) {
                    p { "Your role (" (actor.role) ") reads plans; an approver answers them." }
                } @else {
                    @if own { p { "You asked for this plan, so somebody else must approve it. "
                        "You can reject it." } }
                    form method="post" action={ (self.address()) "/approve" } data-decides="yes" {
                        (form::own(caller))
                        input type="hidden" name="mode" value=(mode);
                        div.field {
                            label for="reason" { "Why?" }
                            p.help #reason-help { "Recorded with your name, for whoever reads the "
                                "log later. A rejection without a reason helps nobody." }
                            textarea #reason name="reason" maxlength="4096"
                                aria-describedby="reason-help" {}
                        }
                        div.buttons {
                            @if !own { button.primary type="submit" { "Approve for " (mode) } }
                            button.danger type="submit" formaction={ (self.address()) "/reject" } {
                                "Reject" }
                            a.button href={ (self.address()) "/change" } { "Change the plan…" }
                        }
                    }
                }
            }
        }
    }

    /// For the lone engineer: approving alone what needs more people.
    fn break_glass(&self, gate: &ApprovalGate, caller: &Caller, now: Time) -> Markup {
        let actor = &caller.actor;
        let entitled = self.glass.as_ref().is_some_and(|rules| rules.who.includes(actor));
        let (_, need) = quorum::figures(gate, now);
        let more = need > 1 || !gate.request().groups.is_empty();
        if !(entitled && more && actor.may(Act::BreakGlass)) {
            return html! {};
        }
        html! {
            section.sheet.stop aria-labelledby="glass" {
                h2 #glass { "Nobody else is there?" }
                details {
                    summary { "Break the glass: approve alone" }
                    p { "Everybody who could approve is told, every page says so, and somebody "
                        "else must review it afterwards. It is rare by a limit of the policy." }
                    form method="post" action={ (self.address()) "/break-glass" } data-decides="yes" {
                        (form::own(caller))
                        input type="hidden" name="mode" value=(self.plan.mode);
                        div.field {
                            label for="glass-reason" { "Why can it not wait for a second person?" }
                            textarea #glass-reason name="reason" required maxlength="4096" {}
                        }
                        button.danger type="submit" {
                            "Break the glass and approve for " (self.plan.mode) }
                    }
                }
            }
        }
    }

    fn resume(&self, caller: &Caller) -> Markup {
        html! {
            section.sheet aria-labelledby="answer" {
                h2 #answer { "Have it decided again" }
                @if caller.actor.may(Act::Resume) {
                    p { "The policy is asked again. At best, people are then asked; somebody else "
                        "than you must approve." }
                    form method="post" action={ (self.address()) "/resume" } data-decides="yes" {
                        (form::own(caller))
                        div.field {
                            label for="reason" { "Why may it go on?" }
                            textarea #reason name="reason" required maxlength="4096" {}
                        }
                        div.buttons { button type="submit" { "Decide again for " (self.plan.mode) } }
                    }
                } @else {
                    p { "Your role (" (caller.actor.role) ") cannot do that; an approver can." }
                }
            }
        }
    }

    fn revoke(&self, caller: &Caller) -> Markup {
        html! {
            section.sheet aria-labelledby="answer" {
                h2 #answer { "Take it back" }
                @if caller.actor.may(Act::Stop) {
                    p { "The plan becomes void before its next step." }
                    form method="post" action={ (self.address()) "/revoke" } data-decides="yes" {
                        (form::own(caller))
                        label.choice { input type="checkbox" name="sure" value="yes" required;
                            "Yes, this plan must not go on" }
                        div.buttons { button.danger type="submit" { "Take back the grant" } }
                    }
                } @else {
                    p { "Your role (" (caller.actor.role) ") reads; a responder can stop it." }
                }
            }
        }
    }
}

/// What differs, one line each.
pub(super) fn difference(lines: &[String]) -> Markup {
    html! { ul.difference role="list" { @for line in lines { li { (said(line)) } } } }
}

/// Why nothing came of what somebody sent.
pub(super) fn not_taken(error: &AskError) -> Markup {
    html! {
        section.sheet.stop role="alert" {
            h2 { "Not taken: nothing was decided" }
            p { (said(&sentence(&error.to_string()))) }
            @if let AskError::Outdated { difference: lines, .. } = error { (difference(lines)) }
        }
    }
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
