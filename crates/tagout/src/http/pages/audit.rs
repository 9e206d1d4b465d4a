//! The audit log, entry by entry, each with its proof, and the checkpoint to keep.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::Deserialize;
use tagout_core::limits;
use tagout_core::time::Time;
use tagout_log::SignedCheckpoint;

use super::error::PageError;
use super::holds::Holds;
use super::layout::{Live, Page, Part};
use super::text::{absolute, count, now, relative, said};
use super::{Reader, encoded, timeline};
use crate::fault::Fault;
use crate::http::App;
use crate::journal::Recorded;

/// Which entries.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wanted {
    /// Only those of this incident.
    incident: String,
    /// From this entry on; the last ones if nobody says.
    from: Option<u64>,
}

/// A part of the log.
struct Trail {
    events: Vec<Recorded>,
    /// From which entry on.
    from: u64,
    /// Where the next part begins, if there is more.
    next: Option<u64>,
    size: u64,
    checkpoint: Option<SignedCheckpoint>,
}

/// The log.
pub(super) async fn show(
    Reader(caller): Reader,
    State(app): State<Arc<App>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(wanted) = wanted.map_err(|e| PageError::Bad(e.body_text()))?;
    if wanted.incident.len() > limits::NAME_BYTES {
        return Err(PageError::Bad("This is no id of an incident.".into()));
    }
    let now = now();
    let looked = app.writer.look(move |engine| {
        let journal = engine.journal();
        let (size, checkpoint) = (journal.log().size(), journal.last_checkpoint()?);
        let rows = limits::AUDIT_ROWS as u64;
        let trail = if wanted.incident.is_empty() {
            let from = wanted.from.unwrap_or_else(|| size.saturating_sub(rows));
            let (events, end) = journal.read_from(from, rows)?;
            Trail { events, from, next: Some(end).filter(|end| *end < size), size, checkpoint }
        } else {
            let from = wanted.from.unwrap_or(0);
            let mut events =
                journal.history_from(&wanted.incident, from, limits::AUDIT_ROWS + 1)?;
            let next = events.get(limits::AUDIT_ROWS).map(Recorded::index);
            events.truncate(limits::AUDIT_ROWS);
            Trail { events, from, next, size, checkpoint }
        };
        Ok::<_, Fault>((Holds::of(engine, now), trail, wanted))
    });
    let (holds, trail, wanted) = looked.await??;
    let page = Page {
        status: StatusCode::OK,
        title: "Audit",
        part: Some(Part::Audit),
        live: Live::Still,
        reader: Some(&caller),
        holds: Some(&holds),
        now,
        main: trail.main(&wanted, now),
    };
    Ok(page.into_response())
}

/// The checkpoint that was signed last, as a file to keep.
pub(super) async fn checkpoint(
    _: Reader,
    State(app): State<Arc<App>>,
) -> Result<Response, PageError> {
    let signed = app.writer.read(crate::journal::Journal::last_checkpoint).await??;
    let signed = signed
        .ok_or(PageError::Absent("The log was not signed yet. It is signed every ten seconds."))?;
    let name =
        format!("attachment; filename=\"tagout-checkpoint-{}.txt\"", signed.checkpoint().size);
    let kind = "text/plain; charset=utf-8".to_owned();
    Ok(([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name)], signed.to_string()).into_response())
}

impl Trail {
    fn main(&self, wanted: &Wanted, now: Time) -> Markup {
        html! {
            h1 { "Audit log" }
            p.lead { "Everything that was decided or done stands here in order, and nothing is "
                "ever taken out. The proof of an entry is a small text file that anybody can check "
                "offline, with the public key of this log and " code { "tagout audit verify" } "." }
            (self.signed())
            form.search role="search" method="get" action="/audit" {
                label for="incident" { "Entries of one incident, by its id" }
                input #incident type="search" name="incident" value=(wanted.incident)
                    maxlength="256" autocapitalize="off" spellcheck="false";
                button type="submit" { "Show" }
            }
            section aria-labelledby="entries" {
                h2 #entries {
                    "Entries"
                    @if !wanted.incident.is_empty() { " of " (said(&wanted.incident)) }
                }
                @if self.events.is_empty() { p.nothing { "There are none here." } }
                ol.rows role="list" { @for event in &self.events { (self.row(event, now)) } }
                (self.paging(wanted))
            }
        }
    }

    fn signed(&self) -> Markup {
        html! {
            section.sheet aria-labelledby="checkpoint" {
                h2 #checkpoint { "Checkpoint" }
                @match &self.checkpoint {
                    None => p { "The log was not signed yet. It is signed every ten seconds." },
                    Some(signed) => {
                        p { "The last one covers " strong { (signed.checkpoint().size) } " of "
                            (self.size) " entries. Keep it somewhere else: whoever holds one sees "
                            "if the log was ever shortened or forked." }
                        p.buttons { a.button href="/audit/checkpoint" { "Download the checkpoint" } }
                    }
                }
            }
        }
    }

    fn row(&self, recorded: &Recorded, now: Time) -> Markup {
        let index = recorded.index();
        let covered = self.checkpoint.as_ref().is_some_and(|c| index < c.checkpoint().size);
        html! {
            li.entry #{ "entry-" (index) } {
                p.said { span.mono.hush { (index) } " " (timeline::sentence(recorded.event())) }
                p.facts {
                    span.fact { (absolute(recorded.at(), now)) ", " (relative(recorded.at(), now)) }
                    @if !recorded.incident().is_empty() {
                        span.fact { a href={ "/incidents/" (encoded(recorded.incident())) } {
                            (said(recorded.incident())) } }
                    }
                    span.fact {
                        @if covered {
                            a href={ "/v1/audit/entries/" (index) "/proof" } {
                                "Proof" span.vh { " of entry " (index) } }
                        } @else { span.hush { "not signed yet" } }
                    }
                }
            }
        }
    }

    fn paging(&self, wanted: &Wanted) -> Markup {
        let rows = limits::AUDIT_ROWS as u64;
        let address = |from: u64| match wanted.incident.as_str() {
            "" => format!("/audit?from={from}"),
            id => format!("/audit?incident={}&from={from}", encoded(id)),
        };
        let earlier = (wanted.incident.is_empty() && self.from > 0)
            .then(|| address(self.from.saturating_sub(rows)));
        html! {
            @if earlier.is_some() || self.next.is_some() || self.from > 0 {
                nav.paging aria-label="Pages of the log" {
                    @if self.from > 0 { a href=(address(0)) { "First entries" } }
                    @if let Some(earlier) = &earlier { a rel="prev" href=(earlier) { "Earlier" } }
                    @if let Some(next) = self.next { a rel="next" href=(address(next)) { "Later" } }
                }
                p.hush { (count(usize::try_from(self.size).unwrap_or(usize::MAX), "entry", "entries"))
                    " in all, counted from 0." }
            }
        }
    }
}
