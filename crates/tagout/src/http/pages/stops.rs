//! What stops everything and lets it go on: the kill switch and change freezes. And what lets
//! some plans go on with less: bypasses.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use tagout_core::actor::Act;
use tagout_core::time::Time;

use super::bypass::Bypasses;
use super::error::PageError;
use super::form::{self, Fields, Posted, Reason, lasts};
use super::holds::Holds;
use super::layout::{Live, Page};
use super::refused::Refused;
use super::text::now;
use super::{Reader, bypass};
use crate::asks::SharedAsk;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::problem::Problem;
use crate::http::switches::end;
use crate::http::windows::made_id;

/// How long a freeze can be declared for: what is sent, and how it is said.
const FREEZES: [(&str, &str); 7] = [
    ("1h", "1 hour"),
    ("4h", "4 hours"),
    ("12h", "12 hours"),
    ("24h", "24 hours"),
    ("3d", "3 days"),
    ("7d", "7 days"),
    ("", "until it is lifted"),
];

/// What holds, and the forms that change it.
pub(super) async fn show(
    Reader(caller): Reader,
    State(app): State<Arc<App>>,
) -> Result<Response, PageError> {
    page(&app, &caller, None).await
}

/// Engages the kill switch.
pub(super) async fn halt(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Response, PageError> {
    let ask = |fields: &Fields| Ok(SharedAsk::EngageKillSwitch { reason: fields.reason() });
    send(&app, posted, "halt", ask).await
}

/// Releases it.
pub(super) async fn release(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Response, PageError> {
    let ask = |fields: &Fields| Ok(SharedAsk::ReleaseKillSwitch { reason: fields.reason() });
    send(&app, posted, "release", ask).await
}

/// Declares a change freeze.
pub(super) async fn freeze(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Response, PageError> {
    let ask = |fields: &Fields| {
        let until = end(now(), None, fields.get("lasts").filter(|lasts| !lasts.is_empty()))?;
        Ok(SharedAsk::DeclareFreeze { reason: fields.reason(), until })
    };
    send(&app, posted, "freeze", ask).await
}

/// Lifts it.
pub(super) async fn lift(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Response, PageError> {
    send(&app, posted, "lift", |_| Ok(SharedAsk::LiftFreeze)).await
}

/// Opens a bypass.
pub(super) async fn open_bypass(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Response, PageError> {
    let id = made_id(&app, "byp");
    send(&app, posted, bypass::FORM, |fields| bypass::ask(id, fields)).await
}

/// Closes a bypass before its end.
pub(super) async fn close_bypass(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, PageError> {
    send(&app, posted, "close-bypass", |_| Ok(SharedAsk::CloseBypass { id })).await
}

async fn send(
    app: &App,
    Posted { caller, fields }: Posted,
    form: &'static str,
    ask: impl FnOnce(&Fields) -> Result<SharedAsk, Problem>,
) -> Result<Response, PageError> {
    match async { app.ask_shared(&caller, ask(&fields)?).await }.await {
        Ok(_) => Ok(Redirect::to("/stops").into_response()),
        Err(problem) => page(app, &caller, Some(&Refused::new(form, fields, problem))).await,
    }
}

async fn page(
    app: &App,
    caller: &Caller,
    refused: Option<&Refused>,
) -> Result<Response, PageError> {
    let now = now();
    let looked = app.writer.look(move |engine| (Holds::of(engine, now), Bypasses::of(engine, now)));
    let (holds, bypasses) = looked.await?;
    let stops = Stops { holds: &holds, caller, refused, now };
    let page = Page {
        status: Refused::status(refused),
        title: "Stops",
        part: None,
        live: Live::Follows,
        reader: Some(caller),
        holds: Some(&holds),
        now,
        main: stops.main(&bypasses),
    };
    Ok(page.into_response())
}

/// What holds, before somebody who may change it or not.
struct Stops<'a> {
    holds: &'a Holds,
    caller: &'a Caller,
    refused: Option<&'a Refused>,
    now: Time,
}

/// One form: what it is called, where it goes, what it asks and what its button says.
struct Form<'a> {
    form: &'a str,
    act: Act,
    why: &'a str,
    button: &'a str,
    class: &'a str,
}

impl Stops<'_> {
    fn main(&self, bypasses: &Bypasses) -> Markup {
        let &Self { holds, caller, refused, now } = self;
        html! {
            h1 { "Stop, and let go on" }
            @if let Some(refused) = refused { (refused.told()) }
            p.lead { "The switch and a freeze hold for everything, at once, and for every plan that "
                "is decided while they hold. Stopping takes the role of a responder; letting go on "
                "takes an approver." }
            section.sheet aria-labelledby="switch" {
                h2 #switch { "Kill switch" }
                @if holds.kill_switch {
                    (holds.kill_switch_in_words(now))
                    (self.form(&Form {
                        form: "release",
                        act: Act::Resume,
                        why: "Why may things go on?",
                        button: "Release the kill switch",
                        class: "",
                    }, html! {}))
                } @else {
                    p { "It is not engaged. Engaging it ends every step that runs, at once, with all "
                        "that it started, and nothing starts before it is released. What a step that "
                        "was cut short has done, nobody saw." }
                    (self.form(&Form {
                        form: "halt",
                        act: Act::Stop,
                        why: "Why is everything stopped?",
                        button: "Engage the kill switch",
                        class: "danger",
                    }, html! {}))
                }
            }
            section.sheet aria-labelledby="freeze" {
                h2 #freeze { "Change freeze" }
                @if holds.freeze.is_some() {
                    (holds.freeze_in_words(now))
                    @if caller.actor.may(Act::Resume) {
                        form method="post" action="/stops/lift" {
                            (form::own(caller))
                            label.choice { input type="checkbox" name="sure" value="yes" required;
                                "Changes may be made again" }
                            button type="submit" { "Lift the freeze" }
                        }
                    } @else { (self.cannot(Act::Resume)) }
                } @else {
                    p { "None holds. While one does nothing new starts; a step that runs may end." }
                    (self.form(&Form {
                        form: "freeze",
                        act: Act::Stop,
                        why: "Why may nothing change?",
                        button: "Declare a change freeze",
                        class: "",
                    }, lasts("lasts", "How long?", &FREEZES,
                        Refused::kept(refused, "freeze").or("lasts", "1h"))))
                }
            }
            (bypasses.section(caller, refused, now))
            p { "To keep single alerts quiet instead, open a "
                a href="/windows" { "maintenance window or a silence" } "." }
        }
    }

    fn form(&self, form: &Form<'_>, more: Markup) -> Markup {
        let &Form { form, act, why, button, class } = form;
        html! {
            @if self.caller.actor.may(act) {
                form method="post" action={ "/stops/" (form) } {
                    (form::own(self.caller))
                    (Reason {
                        id: &format!("reason-stops-{form}"),
                        label: why,
                        help: None,
                        required: true,
                        kept: Refused::kept(self.refused, form).get("reason"),
                    })
                    (more)
                    button class=(class) type="submit" { (button) }
                }
            } @else { (self.cannot(act)) }
        }
    }

    fn cannot(&self, act: Act) -> Markup {
        html! {
            p.hush { "Your role (" (self.caller.actor.role) ") cannot do that; it takes the role "
                (act.least_role()) "." }
        }
    }
}
