//! Deliveries of known senders that nobody could read: alerts may be lost in them.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use tagout_core::digest::DeliveryDigest;
use tagout_core::limits;
use tagout_core::time::Time;

use super::error::PageError;
use super::form::{self, Posted};
use super::holds::Holds;
use super::layout::{Live, Page, Part};
use super::refused::Refused;
use super::text::{count, cut, now, said, said_lines, when};
use super::{Reader, encoded};
use crate::asks::SharedAsk;
use crate::fault::Fault;
use crate::http::App;
use crate::http::caller::Caller;
use crate::journal::Quarantined;
use crate::quarantine::KeptDelivery;

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

/// Reads one again. If all of it is about one incident, that is shown.
pub(super) async fn replay(
    State(app): State<Arc<App>>,
    Path(digest): Path<String>,
    Posted { caller, fields }: Posted,
) -> Result<Response, PageError> {
    match app.read_again(&caller, read(&digest)?).await {
        Ok((receipt, _)) => {
            let to = match receipt.incidents() {
                [one] => format!("/incidents/{}", encoded(one)),
                _ => "/deliveries".to_owned(),
            };
            Ok(Redirect::to(&to).into_response())
        }
        Err(problem) => {
            let refused = Refused::new("replay", fields, problem);
            page(&app, &caller, &digest, Some(&refused)).await
        }
    }
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
        let opened = KeptDelivery::opened(engine.journal(), digest)?;
        Ok::<_, Fault>(opened.map(|opened| (Holds::of(engine, now), opened)))
    });
    let (holds, (one, body)) = looked.await??.ok_or(PageError::Absent(GONE))?;
    let body = String::from_utf8_lossy(&app.shown(&body)).into_owned();
    let ask = SharedAsk::LiftQuarantine { delivery: digest };
    let may = caller.actor.may(ask.act());
    let main = html! {
        p.crumb { a href="/deliveries" { "Deliveries" } }
        h1 { "Delivery from " (said(&one.source)) }
        @if let Some(refused) = refused { (refused.told()) }
        section.sheet aria-labelledby="what" {
            h2 #what { "What is wrong with it" }
            p { (said_lines(&one.why)) }
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
            div.scroll tabindex="0" role="group" aria-label="The body as it is kept, without secrets" {
                pre { (said_lines(&cut(&body, limits::DELIVERY_SHOWN))) }
            }
        }
        section.sheet aria-labelledby="do" {
            h2 #do { "What to do" }
            p { "Mend its mapping, which is read anew within seconds, or its source, and start the service anew "
                "for that. Then have it read again. "
                "Its alerts are taken in as if they came now." }
            @if !one.whole { p { "Only a part of it is kept, so it cannot be read again: have it sent again." } }
            @if !may { p.hush { "A responder or a higher role deals with it." } }
            @if may {
                @if one.whole {
                    form method="post" action={ "/deliveries/" (digest) "/replay" } {
                        (form::own(caller))
                        button.primary type="submit" { "Read it again" }
                    }
                }
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
