//! What people do with an incident besides deciding about its plan: who looks after it, and the
//! forms by which somebody does.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use tagout_core::actor::{Act, Role};
use tagout_core::approval::Person;
use tagout_core::handling::Handled;
use tagout_core::incident::{Case, Incident};
use tagout_core::limits;
use tagout_core::people::People;
use tagout_core::time::{Span, Time};

use super::answers::{put, to_incident};
use super::error::PageError;
use super::form::{self, Fields, Posted, Reason, lasts};
use super::refused::Refused;
use super::text::{said, when};
use super::{encoded, incident};
use crate::asks::IncidentAsk;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::handling::person;
use crate::http::problem::Problem;
use crate::http::switches::end;

/// How long an incident can be snoozed by its form: what is sent, and how it is said.
const SNOOZES: [(&str, &str); 7] = [
    ("15m", "15 minutes"),
    ("30m", "30 minutes"),
    ("1h", "1 hour"),
    ("2h", "2 hours"),
    ("4h", "4 hours"),
    ("8h", "8 hours"),
    ("12h", "12 hours"),
];

/// Notes that somebody looks after the incident.
pub(super) async fn acknowledge(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, PageError> {
    send(&app, id, posted, "acknowledge", |_| Ok(IncidentAsk::Handle(Handled::Acknowledged))).await
}

/// Says whose it is.
pub(super) async fn assign(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, PageError> {
    let ask = |fields: &Fields| {
        let to = Some(to(fields)).filter(|to| !to.is_empty()).map(person).transpose()?;
        Ok(IncidentAsk::Handle(Handled::Assigned { to }))
    };
    send(&app, id, posted, "assign", ask).await
}

/// Hands it over to somebody, with how things stand.
pub(super) async fn hand_over(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, PageError> {
    let ask = |fields: &Fields| {
        let (to, note) = (person(to(fields))?, fields.reason());
        Ok(IncidentAsk::Handle(Handled::HandedOver { to, note }))
    };
    send(&app, id, posted, "hand-over", ask).await
}

/// Records what somebody says about it.
pub(super) async fn comment(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, PageError> {
    let ask =
        |fields: &Fields| Ok(IncidentAsk::Handle(Handled::Commented { text: fields.reason() }));
    send(&app, id, posted, "comment", ask).await
}

/// Has nobody reminded of it for a while.
pub(super) async fn snooze(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, PageError> {
    let ask = |fields: &Fields| {
        let until = end(super::text::now(), None, fields.get("lasts"))?.ok_or_else(|| {
            Problem::new(StatusCode::BAD_REQUEST).detail("say how long; a snooze has an end")
        })?;
        Ok(IncidentAsk::Handle(Handled::Snoozed { until, reason: fields.reason() }))
    };
    send(&app, id, posted, "snooze", ask).await
}

/// Ends that before its time.
pub(super) async fn wake(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, PageError> {
    send(&app, id, posted, "wake", |_| Ok(IncidentAsk::Handle(Handled::Woken))).await
}

/// Makes it part of another one.
pub(super) async fn merge(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, PageError> {
    let ask = |fields: &Fields| {
        let into = fields.get("into").unwrap_or_default().trim().to_owned();
        Ok(IncidentAsk::Merge { into, reason: fields.reason() })
    };
    send(&app, id, posted, "merge", ask).await
}

/// Closes it.
pub(super) async fn close(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, PageError> {
    let ask = |fields: &Fields| Ok(IncidentAsk::Close { reason: fields.reason() });
    send(&app, id, posted, "close", ask).await
}

fn to(fields: &Fields) -> &str {
    fields.get("to").unwrap_or_default().trim()
}

/// Sends what a form of an incident asks for.
pub(super) async fn send(
    app: &App,
    id: String,
    Posted { caller, fields }: Posted,
    form: &'static str,
    ask: impl FnOnce(&Fields) -> Result<IncidentAsk, Problem>,
) -> Result<Response, PageError> {
    match put(app, &caller, &id, ask(&fields)).await {
        Ok(_) => Ok(to_incident(&id)),
        Err(problem) => {
            let refused = Refused::new(form, fields, problem);
            incident::page(app, &caller, id, None, Some(&refused)).await
        }
    }
}

/// The forms of an incident, before somebody who reads it.
pub(super) struct Handles<'a> {
    pub(super) id: &'a str,
    pub(super) incident: &'a Incident,
    pub(super) case: &'a Case,
    /// Who is known.
    pub(super) people: &'a People,
    /// Open incidents that it may be a part of.
    pub(super) near: &'a [(String, String)],
    pub(super) caller: &'a Caller,
    pub(super) refused: Option<&'a Refused>,
    pub(super) now: Time,
}

impl Handles<'_> {
    /// Who looks after it, and what the reader can do.
    pub(super) fn section(&self) -> Markup {
        let is_open = matches!(self.incident, Incident::Open(..));
        let may = self.caller.actor.may(Act::Handle);
        html! {
            section.sheet aria-labelledby="handling" {
                h2 #handling { "Who looks after it" }
                (self.standing())
                @if may && is_open {
                    @if self.case.handling.acknowledged.is_none() {
                        (self.at_once("acknowledge", "I look after it"))
                    }
                    @if self.case.handling.snoozed(self.now).is_some() {
                        (self.at_once("wake", "End the snooze now"))
                    }
                    div.folds {
                        (self.folded("assign", "Assign it", self.assign()))
                        (self.folded("hand-over", "Hand it over", self.hand_over()))
                        (self.folded("comment", "Say something about it", self.comment()))
                        (self.folded("snooze", "Snooze it", self.snooze()))
                        @if self.case.way_back.is_none() {
                            (self.folded("merge", "It is part of another incident", self.merge()))
                        }
                        (self.folded("close", "It is dealt with, or needs nothing", self.close()))
                    }
                } @else if may {
                    // What is learnt of an incident afterwards belongs to it too.
                    (self.folded("comment", "Say something about it", self.comment()))
                } @else {
                    p.hush { "Your role (" (self.caller.actor.role)
                        ") reads; a responder works on incidents." }
                }
            }
        }
    }

    fn standing(&self) -> Markup {
        let handling = &self.case.handling;
        html! {
            @if self.case.way_back.is_some() {
                p { "It is open only to take back what it did. No alert belongs to it: one that fires "
                    "has an incident of its own." }
            }
            p {
                @match &handling.acknowledged {
                    Some((person, at)) => {
                        strong { (said(person.name())) } " acknowledged it at "
                        (when(*at, self.now)) "."
                    }
                    None => "Nobody has acknowledged it.",
                }
                @if let Some(person) = &handling.assignee {
                    " It is assigned to " strong { (said(person.name())) } "."
                }
                @if let Some(until) = handling.snoozed(self.now) {
                    " It is snoozed: nobody is reminded of it until " (when(until, self.now)) "."
                }
            }
            @if !handling.took_in.is_empty() {
                p {
                    "Merged into it: "
                    @for (n, id) in handling.took_in.iter().enumerate() {
                        @if n > 0 { ", " }
                        a href={ "/incidents/" (encoded(id)) } { (said(id)) }
                    }
                    "."
                }
            }
        }
    }

    fn action(&self, form: &str) -> String {
        format!("/incidents/{}/{form}", encoded(self.id))
    }

    /// A form of one button.
    fn at_once(&self, form: &str, button: &str) -> Markup {
        html! {
            form method="post" action=(self.action(form)) {
                (form::own(self.caller))
                button type="submit" { (button) }
            }
        }
    }

    /// A form behind a line that opens it; it is open where it was refused.
    fn folded(&self, form: &str, title: &str, fields: Markup) -> Markup {
        html! {
            details name="handling" open[Refused::kept(self.refused, form).is_refused()] {
                summary { (title) }
                form method="post" action=(self.action(form)) {
                    (form::own(self.caller))
                    (fields)
                }
            }
        }
    }

    fn kept(&self, form: &str, name: &str) -> &str {
        Refused::kept(self.refused, form).get(name)
    }

    fn assign(&self) -> Markup {
        let own = self.caller.actor.person.name();
        let theirs = self.case.handling.assignee.as_ref().map(Person::name);
        let first = if theirs == Some(own) { "" } else { own };
        let to = Refused::kept(self.refused, "assign").or("to", first);
        html! {
            (self.whom("assign-to", "To whom?", to, theirs.is_some().then_some("nobody")))
            button type="submit" { "Assign" }
        }
    }

    fn hand_over(&self) -> Markup {
        html! {
            (self.whom("hand-over-to", "To whom?", self.kept("hand-over", "to"), None))
            (Reason {
                id: "hand-over-note",
                label: "How do things stand?",
                help: Some("What was seen and tried, and what comes next. They are told."),
                required: true,
                kept: self.kept("hand-over", "reason"),
            })
            button type="submit" { "Hand it over" }
        }
    }

    /// A choice of those who may work on it; a field to write in where they are too many.
    fn whom(&self, id: &str, label: &str, kept: &str, nobody: Option<&str>) -> Markup {
        let all = self.people.iter().filter(|(_, known)| known.role >= Role::Responder);
        let all: Vec<&str> =
            all.map(|(person, _)| person.name()).take(limits::NAMED_PEOPLE + 1).collect();
        html! {
            div.field {
                label.above for=(id) { (label) }
                @if all.len() > limits::NAMED_PEOPLE {
                    input id=(id) name="to" value=(kept) maxlength="256" autocomplete="off"
                        autocapitalize="off" spellcheck="false" required[nobody.is_none()];
                } @else {
                    select id=(id) name="to" required[nobody.is_none()] {
                        @if let Some(nobody) = nobody { option value="" { "(" (nobody) ")" } }
                        @else { option value="" { "(choose)" } }
                        @for name in all {
                            option value=(name) selected[name == kept] { (name) }
                        }
                    }
                }
            }
        }
    }

    fn comment(&self) -> Markup {
        html! {
            (Reason {
                id: "comment",
                label: "What?",
                help: None,
                required: true,
                kept: self.kept("comment", "reason"),
            })
            button type="submit" { "Record the comment" }
        }
    }

    fn snooze(&self) -> Markup {
        let lapses = self.incident.waiting().map(|(proposal, _)| proposal.plan.expires_at);
        // It would be refused if it did not end before the plan lapses.
        let ends = |span: &str| span.parse::<Span>().ok().map(|span| self.now.after(span));
        let spans: Vec<_> = SNOOZES
            .into_iter()
            .filter(|(span, _)| lapses.is_none_or(|at| ends(span).is_some_and(|end| end < at)))
            .collect();
        html! {
            p { "Nobody is reminded of it for so long. "
                @if let Some(at) = lapses {
                    "Its plan lapses all the same, at " (when(at, self.now)) "."
                }
            }
            @if spans.is_empty() { p { "That is too soon for a snooze." } }
            @else {
                (lasts("snooze-lasts", "How long?", &spans, self.kept("snooze", "lasts")))
                (Reason {
                    id: "snooze-reason",
                    label: "Why can it wait?",
                    help: None,
                    required: true,
                    kept: self.kept("snooze", "reason"),
                })
                button type="submit" { "Snooze it" }
            }
        }
    }

    fn merge(&self) -> Markup {
        html! {
            div.field {
                label.above for="merge-into" { "Of which one?" }
                p.help #merge-into-help { "Its id. This incident is closed then, and what waits "
                    "in it becomes void." }
                input #merge-into name="into" required maxlength="256" autocomplete="off"
                    autocapitalize="off" spellcheck="false" list="near"
                    aria-describedby="merge-into-help" value=(self.kept("merge", "into"));
                datalist #near {
                    @for (id, what) in self.near { option value=(id) { (what) } }
                }
            }
            @if !self.near.is_empty() {
                details {
                    summary { "Incidents like it" }
                    ul.plain { @for (id, what) in self.near {
                        li { a href={ "/incidents/" (encoded(id)) } { (said(id)) } " " (said(what)) }
                    } }
                }
            }
            (Reason {
                id: "merge-reason",
                label: "Why do they belong together?",
                help: None,
                required: true,
                kept: self.kept("merge", "reason"),
            })
            button type="submit" { "Merge it into that one" }
        }
    }

    fn close(&self) -> Markup {
        html! {
            (Reason {
                id: "close-reason",
                label: "Why is it closed?",
                help: Some("It is recorded in your name. A plan that waits becomes void."),
                required: true,
                kept: self.kept("close", "reason"),
            })
            button type="submit" { "Close the incident" }
        }
    }
}
