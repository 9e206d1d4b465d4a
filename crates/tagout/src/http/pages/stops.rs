//! What stops everything and lets it go on: the kill switch and change freezes.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use tagout_core::actor::Act;
use tagout_core::time::{Span, Time};

use super::Reader;
use super::error::PageError;
use super::form::{self, Posted};
use super::holds::Holds;
use super::layout::{Live, Page};
use super::review::not_taken;
use super::text::now;
use crate::asks::{AskError, SharedAsk};
use crate::http::App;
use crate::http::caller::Caller;

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
    let reason = posted.fields.reason();
    send(&app, &posted.caller, SharedAsk::EngageKillSwitch { reason }).await
}

/// Releases it.
pub(super) async fn release(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Response, PageError> {
    let reason = posted.fields.reason();
    send(&app, &posted.caller, SharedAsk::ReleaseKillSwitch { reason }).await
}

/// Declares a change freeze.
pub(super) async fn freeze(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Response, PageError> {
    let until = match posted.fields.get("lasts").unwrap_or_default() {
        "" => None,
        span => {
            let span: Span = span.parse().map_err(|e| PageError::Bad(format!("{e}")))?;
            Some(now().after(span))
        }
    };
    let reason = posted.fields.reason();
    send(&app, &posted.caller, SharedAsk::DeclareFreeze { reason, until }).await
}

/// Lifts it.
pub(super) async fn lift(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Response, PageError> {
    send(&app, &posted.caller, SharedAsk::LiftFreeze).await
}

async fn send(app: &App, caller: &Caller, ask: SharedAsk) -> Result<Response, PageError> {
    match app.asks().shared(&caller.actor, ask).await {
        Ok(_) => Ok(Redirect::to("/stops").into_response()),
        Err(error) => page(app, caller, Some(error)).await,
    }
}

async fn page(
    app: &App,
    caller: &Caller,
    refused: Option<AskError>,
) -> Result<Response, PageError> {
    let now = now();
    let holds = app.writer.look(move |engine| Holds::of(engine, now)).await?;
    let page = Page {
        status: if refused.is_some() { StatusCode::CONFLICT } else { StatusCode::OK },
        title: "Stops",
        part: None,
        live: Live::Follows,
        reader: Some(caller),
        holds: Some(&holds),
        now,
        main: main(&holds, caller, refused.as_ref(), now),
    };
    Ok(page.into_response())
}

fn main(holds: &Holds, caller: &Caller, refused: Option<&AskError>, now: Time) -> Markup {
    html! {
        h1 { "Stop, and let go on" }
        @if let Some(error) = refused { (not_taken(error)) }
        p.lead { "Both hold for everything, at once, and for every plan that is decided while they "
            "hold. Stopping takes the role of a responder; letting go on takes an approver." }
        section.sheet aria-labelledby="switch" {
            h2 #switch { "Kill switch" }
            @if holds.kill_switch {
                (holds.kill_switch_in_words(now))
                (form(caller, Act::Resume, "/stops/release", "Why may things go on?",
                    "Release the kill switch", "", html! {}))
            } @else {
                p { "It is not engaged." }
                (form(caller, Act::Stop, "/stops/halt", "Why is everything stopped?",
                    "Engage the kill switch", "danger", html! {}))
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
                }
            } @else {
                p { "None holds." }
                (form(caller, Act::Stop, "/stops/freeze", "Why may nothing change?",
                    "Declare a change freeze", "", lasts()))
            }
        }
    }
}

fn lasts() -> Markup {
    html! {
        div.field {
            label for="lasts" { "How long?" }
            br;
            select #lasts name="lasts" {
                option value="1h" { "1 hour" }
                option value="4h" { "4 hours" }
                option value="12h" { "12 hours" }
                option value="24h" { "24 hours" }
                option value="" { "until it is lifted" }
            }
        }
    }
}

fn form(
    caller: &Caller,
    act: Act,
    action: &str,
    why: &str,
    button: &str,
    class: &str,
    more: Markup,
) -> Markup {
    let id = format!("reason{}", action.replace('/', "-"));
    html! {
        @if caller.actor.may(act) {
            form method="post" action=(action) {
                (form::own(caller))
                div.field {
                    label for=(id) { (why) }
                    textarea id=(id) name="reason" required maxlength="4096" {}
                }
                (more)
                button class=(class) type="submit" { (button) }
            }
        } @else {
            p.hush { "Your role (" (caller.actor.role) ") cannot do that; it takes the role "
                (act.least_role()) "." }
        }
    }
}
