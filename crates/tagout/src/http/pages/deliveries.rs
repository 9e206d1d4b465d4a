//! Deliveries of known senders that nobody could read: alerts may be lost in them.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use maud::{Markup, html};
use tagout_core::actor::Act;
use tagout_core::digest::DeliveryDigest;
use tagout_core::event::Event;
use tagout_core::limits;
use tagout_core::time::Time;

use super::Reader;
use super::error::PageError;
use super::form::{self, Posted};
use super::holds::Holds;
use super::layout::{Live, Page, Part};
use super::refused::Refused;
use super::text::{count, cut, now, said, said_lines, when};
use crate::asks::SharedAsk;
use crate::fault::Fault;
use crate::http::App;
use crate::http::caller::Caller;
use crate::journal::Quarantined;

/// All that are quarantined, latest first.
pub(super) async fn list(
    Reader(caller): Reader,
    State(app): State<Arc<App>>,
) -> Result<Response, PageError> {
    let now = now();
    let looked = app.writer.look(move |engine| {
        let overview = engine.journal().overview();
        let all = overview.quarantined();
        let total = all.len();
        let shown = all.into_iter().take(limits::DELIVERY_ROWS);
        let shown: Vec<_> = shown.map(|(digest, one)| (digest, one.clone())).collect();
        (Holds::of(engine, now), shown, total)
    });
    let (holds, shown, total) = looked.await?;
    let page = Page {
        status: StatusCode::OK,
        title: "Deliveries",
        part: Some(Part::Deliveries),
        live: Live::Follows,
        reader: Some(&caller),
        holds: Some(&holds),
        now,
        main: all(&shown, total, now),
    };
    Ok(page.into_response())
}

fn all(shown: &[(DeliveryDigest, Quarantined)], total: usize, now: Time) -> Markup {
    html! {
        h1 { "Deliveries in quarantine" }
        p.lead { "Their senders proved who they are, and what they sent could not be read. Each is "
            "kept whole or in part, so that it can be read again after the fault is mended." }
        @if shown.is_empty() { p.nothing { "None. Everything that was sent could be read." } }
        @else {
            p { (count(total, "delivery", "deliveries"))
                @if total > shown.len() { ", of which the latest " (shown.len()) " are shown" } "." }
        }
        ul.rows role="list" { @for (digest, one) in shown {
            li.row {
                h2.row-title { a href={ "/deliveries/" (digest) } { "From " (said(&one.source)) } }
                p.facts {
                    span.fact { (when(one.at, now)) }
                    span.fact { (one.bytes) " bytes" }
                    span.fact { code { (digest.short()) } }
                }
                p.what { (said(&cut(one.why.as_str(), 240))) }
            }
        } }
    }
}

/// One of them, with what was sent.
pub(super) async fn show(
    Reader(caller): Reader,
    State(app): State<Arc<App>>,
    Path(digest): Path<String>,
) -> Result<Response, PageError> {
    page(&app, &caller, &digest, None).await
}

/// Puts one away unread.
pub(super) async fn dismiss(
    State(app): State<Arc<App>>,
    Path(digest): Path<String>,
    Posted { caller, fields }: Posted,
) -> Result<Response, PageError> {
    let delivery = read(&digest)?;
    match app.ask_shared(&caller, SharedAsk::LiftQuarantine { delivery }).await {
        Ok(_) => Ok(Redirect::to("/deliveries").into_response()),
        Err(problem) => {
            let refused = Refused::new("dismiss", fields, problem);
            page(&app, &caller, &digest, Some(&refused)).await
        }
    }
}

fn read(digest: &str) -> Result<DeliveryDigest, PageError> {
    digest.parse().map_err(|_| PageError::Absent(GONE))
}

const GONE: &str = "No delivery of this digest is in quarantine; it may have been dealt with.";

async fn page(
    app: &App,
    caller: &Caller,
    digest: &str,
    refused: Option<&Refused>,
) -> Result<Response, PageError> {
    let (now, digest) = (now(), read(digest)?);
    let looked = app.writer.look(move |engine| {
        let journal = engine.journal();
        let kept = journal.overview().quarantined();
        let one = kept.into_iter().find(|(one, _)| *one == digest).map(|(_, one)| one.clone());
        let Some(one) = one else { return Ok(None) };
        let (events, _) = journal.read_from(one.entry, 1)?;
        let body = events.into_iter().next().and_then(|recorded| match recorded.event() {
            Event::DeliveryQuarantined { body, base64, .. } => Some((body.clone(), *base64)),
            _ => None,
        });
        Ok::<_, Fault>(Some((Holds::of(engine, now), one, body)))
    });
    let (holds, one, body) = looked.await??.ok_or(PageError::Absent(GONE))?;
    let body = body.map_or_else(String::new, |(body, base64)| {
        if base64 {
            let bytes = BASE64_STANDARD.decode(body.as_str()).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        } else {
            body.as_str().to_owned()
        }
    });
    let may = caller.actor.may(Act::Quiet);
    let main = html! {
        p.crumb { a href="/deliveries" { "Deliveries" } }
        h1 { "Delivery from " (said(&one.source)) }
        @if let Some(refused) = refused { (refused.told()) }
        section.sheet aria-labelledby="what" {
            h2 #what { "What is wrong with it" }
            p { (said_lines(one.why.as_str())) }
            dl.pairs {
                div { dt { "Came" } dd { (when(one.at, now)) } }
                div { dt { "Length" } dd { (one.bytes) " bytes" } }
                div { dt { "Digest" } dd { code { (digest) } } }
                div { dt { "In the log" } dd { a href={ "/audit?from=" (one.entry) } {
                    "entry " (one.entry) } } }
            }
        }
        section.sheet aria-labelledby="body" {
            h2 #body { "What was sent" }
            @if body.chars().count() > limits::DELIVERY_SHOWN {
                p.hush { "Its beginning; " code { "tagout deliveries show " (digest.short()) }
                    " prints all that is kept." }
            }
            div.scroll tabindex="0" role="group" aria-label="The body as it arrived" {
                pre { (said_lines(&cut(&body, limits::DELIVERY_SHOWN))) }
            }
        }
        section.sheet aria-labelledby="do" {
            h2 #do { "What to do" }
            p { "Mend the source or its mapping, then have it read again: "
                code { "tagout deliveries replay " (digest.short()) } }
            @if may {
                details {
                    summary { "Or put it away unread" }
                    form method="post" action={ "/deliveries/" (digest) "/dismiss" } {
                        (form::own(caller))
                        label.choice { input type="checkbox" name="sure" value="yes" required;
                            "No alert is lost in it, or it does not matter any more" }
                        button type="submit" { "Put it away" }
                    }
                }
            }
        }
    };
    let page = Page {
        status: Refused::status(refused),
        title: &format!("Delivery from {}", cut(&one.source, 80)),
        part: Some(Part::Deliveries),
        live: Live::Still,
        reader: Some(caller),
        holds: Some(&holds),
        now,
        main,
    };
    Ok(page.into_response())
}
