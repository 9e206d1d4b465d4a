//! MODIFY: what a person changes about a plan, and what would come of it, before it is sent.
//! The preview is decided by the same rules as the change itself, and leaves no trace.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use tagout_core::actor::Act;
use tagout_core::digest::PlanDigest;
use tagout_core::event::Event;
use tagout_core::parameter::Values;
use tagout_core::plan::{Plan, PlanChange};
use tagout_core::runbook::Runbook;
use tagout_core::time::Time;

use super::error::PageError;
use super::form::{self, Fields, Reason};
use super::layout::{Live, Page, Part, is_refetched};
use super::refused::Refused;
use super::review::{self, Reviewed};
use super::text::{count, cut, now, said};
use super::{Reader, encoded, evidence, plan};
use crate::asks::{AskError, IncidentAsk};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::problem::Problem;

/// What a form asks to change. A value that is left as it was is no change.
pub(super) fn changes(fields: &Fields) -> PlanChange {
    let runbook = fields.get("use").filter(|id| !id.is_empty()).map(str::to_owned);
    if runbook.is_some() {
        // Another runbook has steps and values of its own.
        return PlanChange { runbook, ..PlanChange::default() };
    }
    let was = |name: &str| fields.get(&format!("was.{name}")).map(str::to_owned);
    let values: Values = fields
        .beginning("set.")
        .filter(|(name, value)| was(name).as_deref() != Some(value.trim()))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    PlanChange {
        runbook: None,
        drop_steps: fields.all("drop").map(str::to_owned).collect(),
        values,
    }
}

/// The form, and what would come of what stands in the address.
pub(super) async fn show(
    Reader(caller): Reader,
    State(app): State<Arc<App>>,
    Path((id, plan)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let plan = review::digest(&plan)?;
    if is_refetched(&headers) {
        return review::glance(&app, &caller, id, plan).await;
    }
    let fields = Fields::read(uri.query().unwrap_or_default().as_bytes());
    page(&app, &caller, (id, plan), &fields, None).await
}

/// What would come of a change.
enum Preview {
    /// Nothing was asked for yet.
    None,
    /// This.
    Events(Vec<Event>),
    /// It is not possible.
    Refused(Problem),
}

pub(super) async fn page(
    app: &App,
    caller: &Caller,
    (id, digest): (String, PlanDigest),
    fields: &Fields,
    refused: Option<&Refused>,
) -> Result<Response, PageError> {
    let now = now();
    let (holds, reviewed) = Reviewed::read(app, id.clone(), digest, now).await?;
    let runbook = reviewed.plan.runbook.clone();
    let runbook = app.writer.look(move |engine| engine.runbooks().get(&runbook).cloned()).await?;
    let change = changes(fields);
    let preview = if refused.is_some() || change == PlanChange::default() {
        Preview::None
    } else {
        let (plan, mode, reason) = (digest, reviewed.plan.mode, fields.reason());
        let ask = IncidentAsk::Modify { plan, mode, change, reason };
        match app.asks().preview(&caller.actor, &id, ask).await {
            Ok(events) => Preview::Events(events),
            Err(AskError::NotRecorded(error)) => return Err(error.into()),
            Err(error) => Preview::Refused(error.into()),
        }
    };
    let form = Form { reviewed: &reviewed, runbook: runbook.as_ref(), fields, caller };
    let page = Page {
        status: Refused::status(refused),
        title: &format!("Change {} on {}", reviewed.plan.runbook, cut(&reviewed.plan.target, 80)),
        part: Some(Part::Inbox),
        live: Live::Held,
        reader: Some(caller),
        holds: Some(&holds),
        now,
        main: form.main(&preview, refused, now),
    };
    Ok(page.into_response())
}

struct Form<'a> {
    reviewed: &'a Reviewed,
    runbook: Option<&'a Runbook>,
    fields: &'a Fields,
    caller: &'a Caller,
}

impl Form<'_> {
    fn main(&self, preview: &Preview, refused: Option<&Refused>, now: Time) -> Markup {
        let Reviewed { plan, .. } = self.reviewed;
        let may = self.caller.actor.may(Act::Review) && self.reviewed.gate().is_some();
        html! {
            p.crumb {
                a href="/" { "Inbox" } " / "
                a href={ "/incidents/" (encoded(&self.reviewed.id)) } {
                    "Incident " (said(&self.reviewed.id)) }
                " / " a href=(self.reviewed.address()) { "Review" }
            }
            h1 { "Change: " (said(&plan.runbook)) " on " (said(&cut(&plan.target, 120))) }
            @if let Some(refused) = refused { (refused.told()) }
            p.lead { "A change makes another plan. It stays inside known runbooks and their "
                "limits, and the policy is asked again and can only become stricter. Nothing is "
                "sent before you have seen the difference." }
            div #review data-state=(self.reviewed.state()) data-tally=(self.reviewed.tally()) {
                @match preview {
                    Preview::None => {}
                    Preview::Refused(problem) => {
                        section.sheet.stop #preview aria-labelledby="preview-title" {
                            h2 #preview-title { "This change is not possible" }
                            p.error { (said(&review::sentence(problem.words()))) }
                        }
                    }
                    Preview::Events(events) => (self.preview(events, now)),
                }
                @if may { (self.form()) }
                @else { p { "This plan does not wait for an answer of yours. "
                    a href=(self.reviewed.address()) { "Back to the review" } } }
            }
        }
    }

    /// What would come of it, and the one button that sends it.
    fn preview(&self, events: &[Event], now: Time) -> Markup {
        let made = events.iter().find_map(|event| match event {
            Event::PlanProposed { plan, difference, .. } => Some((plan, difference)),
            _ => None,
        });
        let verdict = events.iter().find_map(|event| match event {
            Event::PolicyDecided { verdict, .. } => Some(verdict),
            _ => None,
        });
        let Some((made, difference)) = made else { return html! {} };
        let counts = events.iter().any(|event| matches!(event, Event::ReviewGiven { .. }));
        let mode = self.reviewed.plan.mode;
        html! {
            section.sheet.ask #preview aria-labelledby="preview-title" {
                h2 #preview-title { "The difference" }
                (review::difference(difference))
                p { "The new plan has "
                    (count(made.steps.len(), "step", "steps")) ", lapses "
                    (super::text::when(made.expires_at, now)) " and is "
                    (plan::tier(made.tier)) ". "
                    (count(made.least_people() as usize, "person", "different people"))
                    " must approve it. "
                    @if counts { "Your change counts as your approval." }
                    @else { "It is your plan, so somebody else must: a change counts as your "
                        "approval only where all it does is leave actions out or move values to "
                        "their safer side, at low or medium tier." } }
                form method="post" action={ (self.reviewed.address()) "/modify" }
                    data-decides="yes" {
                    (form::own(self.caller))
                    input type="hidden" name="mode" value=(mode);
                    (self.carried())
                    (Reason {
                        id: "reason",
                        label: "Why?",
                        help: Some("For those who must approve it."),
                        required: false,
                        kept: self.fields.get("reason").unwrap_or_default(),
                    })
                    div.buttons {
                        button.primary type="submit" { "Send this change (" (mode) ")" }
                    }
                }
                details {
                    summary { "The whole new plan" }
                    (plan::values(made))
                    (plan::steps(made))
                }
            }
            @if let Some(verdict) = verdict { (evidence::policy(verdict)) }
        }
    }

    /// The change that was previewed, to be sent as it was.
    fn carried(&self) -> Markup {
        let change = changes(self.fields);
        html! {
            @if let Some(runbook) = &change.runbook {
                input type="hidden" name="use" value=(runbook);
            }
            @for step in &change.drop_steps { input type="hidden" name="drop" value=(step); }
            @for (name, value) in &change.values {
                input type="hidden" name={ "set." (name) } value=(value);
            }
        }
    }

    fn form(&self) -> Markup {
        let plan = &self.reviewed.plan;
        html! {
            form.sheet method="get" action={ (self.reviewed.address()) "/change" } {
                fieldset {
                    legend { "Leave out steps" }
                    @for step in &plan.steps {
                        @let dropped = self.fields.all("drop").any(|id| id == step.id);
                        label.choice {
                            input type="checkbox" name="drop" value=(step.id) checked[dropped];
                            span { "Leave out " strong { (said(&step.title)) }
                                span.hush { " (" (said(&step.id)) ")" } }
                        }
                    }
                }
                @if !plan.values.is_empty() {
                    fieldset {
                        legend { "Use other values" }
                        @for (name, value) in &plan.values { (self.value(plan, name, value)) }
                    }
                }
                (self.others(plan))
                div.buttons { button type="submit" { "Show the difference" } }
            }
        }
    }

    fn value(&self, _: &Plan, name: &str, value: &str) -> Markup {
        let field = format!("set.{name}");
        let now = self.fields.get(&field).unwrap_or(value);
        let parameter = self.runbook.and_then(|runbook| runbook.parameters.get(name));
        let help = format!("{field}-help");
        html! {
            div.field {
                label for=(field) { (said(name)) }
                @if let Some(parameter) = parameter {
                    p.help id=(help) {
                        (said(&parameter.description)) " Allowed: "
                        (said(&parameter.describe())) "."
                    }
                }
                input type="hidden" name={ "was." (name) } value=(value);
                @match parameter.and_then(|parameter| parameter.values.as_ref()) {
                    Some(values) => {
                        select id=(field) name=(field) aria-describedby=(help) {
                            @for one in values {
                                option value=(one) selected[one == now] { (one) }
                            }
                        }
                    }
                    None => {
                        input id=(field) name=(field) value=(now) maxlength="256"
                            autocomplete="off" autocapitalize="off" spellcheck="false"
                            aria-describedby=[parameter.map(|_| &help)];
                    }
                }
            }
        }
    }

    /// The other candidates that the search found.
    fn others(&self, plan: &Plan) -> Markup {
        let findings = self.reviewed.incident.case().and_then(|case| case.findings.as_ref());
        let others = findings.into_iter().flat_map(|findings| &findings.candidates);
        let others: Vec<_> = others.filter(|one| one.runbook != plan.runbook).collect();
        let chosen = self.fields.get("use").unwrap_or_default();
        html! {
            @if !others.is_empty() {
                fieldset {
                    legend { "Or choose another candidate" }
                    p.help { "That also teaches: it is recorded which runbook was the right one. "
                        "Its own steps and values take the place of those above." }
                    label.choice {
                        input type="radio" name="use" value="" checked[chosen.is_empty()];
                        span { "Stay with " strong { (said(&plan.runbook)) } }
                    }
                    @for one in others {
                        label.choice {
                            input type="radio" name="use" value=(one.runbook)
                                checked[chosen == one.runbook];
                            span { strong { (said(&one.runbook)) }
                                span.hush { " confidence " (one.confidence) } }
                        }
                    }
                }
            }
        }
    }
}
