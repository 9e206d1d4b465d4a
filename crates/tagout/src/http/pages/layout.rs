//! What all pages share: the head, the way around, what holds for everything, and the foot.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use tagout_core::time::Time;

use super::assets::{ICON, SCRIPT, STYLE};
use super::form;
use super::holds::Holds;
use super::text::{absolute, said};
use crate::http::caller::Caller;

/// The parts that the navigation names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Inbox,
    Runbooks,
    Windows,
    Audit,
    Oversight,
    Deliveries,
}

impl Part {
    const ALL: [(Self, &'static str, &'static str); 6] = [
        (Self::Inbox, "/", "Inbox"),
        (Self::Runbooks, "/runbooks", "Runbooks"),
        (Self::Windows, "/windows", "Windows"),
        (Self::Audit, "/audit", "Audit"),
        (Self::Oversight, "/oversight", "Oversight"),
        (Self::Deliveries, "/deliveries", "Deliveries"),
    ];
}

/// How a page keeps up with what is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Live {
    /// It does not.
    Still,
    /// What it shows may be replaced while nobody is at it.
    Follows,
    /// What it shows is being decided on: it is never replaced, and its buttons are put out of
    /// use when it is out of date.
    Held,
}

/// The header by which our own script says that it only looks again.
const REFETCH: &str = "x-tagout-refetch";

/// Whether a page that is open only looks again, and nobody has come to read it anew.
pub(super) fn is_refetched(headers: &HeaderMap) -> bool {
    headers.contains_key(REFETCH)
}

/// A page.
pub(super) struct Page<'a> {
    pub(super) status: StatusCode,
    pub(super) title: &'a str,
    /// Which part of the navigation it belongs to.
    pub(super) part: Option<Part>,
    pub(super) live: Live,
    /// Who reads it.
    pub(super) reader: Option<&'a Caller>,
    /// What holds for everything at this moment.
    pub(super) holds: Option<&'a Holds>,
    pub(super) now: Time,
    pub(super) main: Markup,
}

impl IntoResponse for Page<'_> {
    fn into_response(self) -> Response {
        let (status, body) = (self.status, self.render().into_string());
        let html = "text/html; charset=utf-8";
        (status, [(CONTENT_TYPE, html)], body).into_response()
    }
}

impl Page<'_> {
    pub(super) fn render(&self) -> Markup {
        let live = match self.live {
            Live::Still => None,
            Live::Follows => Some("follows"),
            Live::Held => Some("held"),
        };
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (said_plain(self.title)) " · Tagout" }
                    link rel="icon" type="image/svg+xml" href=(ICON.path);
                    link rel="stylesheet" href=(STYLE.path);
                    script src=(SCRIPT.path) defer {}
                }
                body data-now=(self.now.millis()) data-live=[live]
                    data-entries=[self.holds.map(|holds| holds.entries)] {
                    a.skip href="#main" { "Skip to the content" }
                    header.top {
                        div.bar {
                            a.name href="/" { (mark()) "Tagout" }
                            @if self.reader.is_some() { (self.navigation()) }
                            @if let Some(reader) = self.reader { (who(reader)) }
                        }
                    }
                    @if let Some(holds) = self.holds { (holds.strip(self.now)) }
                    // A place that is always there, so that a notice moves nothing.
                    div #notice role="status" aria-live="polite" {}
                    main #main tabindex="-1" { (self.main) }
                    footer.foot { (self.foot()) }
                }
            }
        }
    }

    fn navigation(&self) -> Markup {
        html! {
            nav aria-label="Pages" {
                ul {
                    @for (part, href, name) in Part::ALL {
                        li {
                            @let here = (self.part == Some(part)).then_some("page");
                            a href=(href) aria-current=[here] { (name) }
                        }
                    }
                }
            }
        }
    }

    fn foot(&self) -> Markup {
        html! {
            p {
                "As recorded up to "
                @if let Some(holds) = self.holds { "entry " (holds.entries) ", " }
                (absolute(self.now, self.now)) ". "
                a href="" { "Read again" }
            }
            p.keys hidden { "Press " kbd { "?" } " for keys." }
        }
    }
}

fn who(reader: &Caller) -> Markup {
    let actor = &reader.actor;
    html! {
        div.who {
            p { span.hush { "You are " } strong { (said(actor.person.name())) }
                span.hush { " (" (actor.role) ")" } }
            @if reader.csrf().is_some() {
                form method="post" action="/logout" {
                    (form::own(reader))
                    button.link type="submit" { "Sign out" }
                }
            }
        }
    }
}

/// The tag, as a picture that says nothing more than the name beside it.
fn mark() -> Markup {
    html! { img src=(ICON.path) alt="" width="20" height="20"; }
}

/// A title cannot hold marks, so what is invisible is left as an escape in plain letters.
fn said_plain(text: &str) -> String {
    crate::terminal::printable(text)
}
