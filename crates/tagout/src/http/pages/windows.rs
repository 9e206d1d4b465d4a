//! Maintenance windows and silences: alerts that nobody wants to hear of for a while.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use tagout_core::actor::Act;
use tagout_core::condition::{Condition, Operator};
use tagout_core::event::WindowKind;
use tagout_core::limits;
use tagout_core::matcher::LabelMatcher;
use tagout_core::shared::Window;
use tagout_core::time::Time;

use super::error::PageError;
use super::form::{self, Fields, Posted, Reason, lasts};
use super::holds::Holds;
use super::layout::{Live, Page, Part};
use super::refused::{Kept, Refused};
use super::text::{cut, now, said, when};
use super::{Reader, encoded};
use crate::asks::SharedAsk;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::problem::Problem;
use crate::http::switches::{end, time};
use crate::http::windows::made_id;

/// How long a window can be opened for: what is sent, and how it is said.
const LASTS: [(&str, &str); 8] = [
    ("30m", "30 minutes"),
    ("1h", "1 hour"),
    ("2h", "2 hours"),
    ("4h", "4 hours"),
    ("8h", "8 hours"),
    ("24h", "24 hours"),
    ("3d", "3 days"),
    ("7d", "7 days"),
];

/// The windows that have not ended, and the form that opens one.
pub(super) async fn show(
    Reader(caller): Reader,
    State(app): State<Arc<App>>,
) -> Result<Response, PageError> {
    page(&app, &caller, None).await
}

/// Opens one.
pub(super) async fn open(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Response, PageError> {
    let id = made_id(&app, "win");
    send(&app, posted, "open", |fields| ask(id, fields)).await
}

/// Closes one before its end.
pub(super) async fn close(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, PageError> {
    send(&app, posted, "close", |_| Ok(SharedAsk::CloseWindow { id })).await
}

async fn send(
    app: &App,
    Posted { caller, fields }: Posted,
    form: &'static str,
    ask: impl FnOnce(&Fields) -> Result<SharedAsk, Problem>,
) -> Result<Response, PageError> {
    match async { app.ask_shared(&caller, ask(&fields)?).await }.await {
        Ok(_) => Ok(Redirect::to("/windows").into_response()),
        Err(problem) => page(app, &caller, Some(&Refused::new(form, fields, problem))).await,
    }
}

fn bad(what: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST).detail(what)
}

/// What the form asks for.
fn ask(id: String, fields: &Fields) -> Result<SharedAsk, Problem> {
    let field = |name| fields.get(name).unwrap_or_default().trim();
    let window = match field("kind") {
        "maintenance" => WindowKind::Maintenance,
        "silence" => WindowKind::Silence,
        _ => return Err(bad("choose maintenance or silence")),
    };
    let (mut matcher, mut conditions) = (LabelMatcher::default(), Vec::new());
    let lines = field("match").lines().map(str::trim).filter(|line| !line.is_empty());
    for line in lines {
        match condition(line)? {
            Condition { label, operator: Operator::Equal, value } => {
                if matcher.0.insert(label, value).is_some() {
                    return Err(bad(format!("“{line}” gives this label twice")));
                }
            }
            other => conditions.push(other),
        }
    }
    if matcher.is_everything() && conditions.is_empty() {
        return Err(bad("name at least one label, as instance=db-1"));
    }
    // A browser sends what was chosen to the minute, and without a zone: the field says UTC.
    let from = match field("from") {
        "" => now(),
        chosen => time("begins", &format!("{chosen}Z"))
            .or_else(|_| time("begins", &format!("{chosen}:00Z")))?,
    };
    let until = end(from, None, Some(field("lasts")).filter(|lasts| !lasts.is_empty()))?;
    let until = until.ok_or_else(|| bad("say how long; a window has an end"))?;
    Ok(SharedAsk::OpenWindow {
        id,
        window,
        matcher,
        conditions,
        from,
        until,
        reason: fields.reason(),
    })
}

/// One line of what an alert must have.
fn condition(line: &str) -> Result<Condition, Problem> {
    let wrong = || {
        let what = "write name=value, name!=value, name=~pattern or name!~pattern";
        bad(format!("“{line}” is no condition: {what}"))
    };
    let at = line.find(['=', '!']).filter(|at| *at > 0).ok_or_else(wrong)?;
    let (label, rest) = line.split_at(at);
    let signs = [Operator::Fits, Operator::FitsNot, Operator::NotEqual, Operator::Equal];
    let found = signs.into_iter().find_map(|sign| Some((sign, rest.strip_prefix(sign.sign())?)));
    let (operator, value) = found.ok_or_else(wrong)?;
    let (label, value) = (label.trim().to_owned(), value.trim().to_owned());
    if operator == Operator::Equal && value.is_empty() {
        return Err(wrong());
    }
    Ok(Condition { label, operator, value })
}

async fn page(
    app: &App,
    caller: &Caller,
    refused: Option<&Refused>,
) -> Result<Response, PageError> {
    let now = now();
    let looked = app.writer.look(move |engine| {
        let windows = engine.journal().shared().windows(now);
        let mut windows: Vec<(String, Window)> =
            windows.map(|(id, window)| (id.to_owned(), window.clone())).collect();
        windows.sort_by_key(|(_, window)| window.until);
        windows.truncate(limits::WINDOW_ROWS + 1);
        (Holds::of(engine, now), windows)
    });
    let (holds, mut windows) = looked.await?;
    let more = windows.len() > limits::WINDOW_ROWS;
    windows.truncate(limits::WINDOW_ROWS);
    let page = Page {
        status: Refused::status(refused),
        title: "Windows",
        part: Some(Part::Windows),
        live: Live::Follows,
        reader: Some(caller),
        holds: Some(&holds),
        now,
        main: main(&windows, more, caller, refused, now),
    };
    Ok(page.into_response())
}

fn main(
    windows: &[(String, Window)],
    more: bool,
    caller: &Caller,
    refused: Option<&Refused>,
    now: Time,
) -> Markup {
    html! {
        h1 { "Windows and silences" }
        @if let Some(refused) = refused { (refused.told()) }
        p.lead { "Alerts that one covers are recorded and closed with that reason, and looked at "
            "again when it ends. Nobody is called for them meanwhile." }
        @if windows.is_empty() { p.nothing { "None is open." } }
        @else {
            ul.rows role="list" { @for (id, window) in windows {
                (row(id, window, caller, now))
            } }
            @if more { p.hush { "Those that end first are shown; "
                code { "tagout windows list" } " prints all." } }
        }
        section.sheet aria-labelledby="open" {
            h2 #open { "Open one" }
            @if caller.actor.may(Act::Quiet) { (opening(caller, Refused::kept(refused, "open"))) }
            @else {
                p.hush { "Your role (" (caller.actor.role) ") reads; a responder can open one." }
            }
        }
    }
}

fn opening(caller: &Caller, kept: Kept<'_>) -> Markup {
    let kinds = [
        ("maintenance", "Maintenance: planned work"),
        ("silence", "Silence: nobody wants to hear of it"),
    ];
    html! {
        form method="post" action="/windows" {
            (form::own(caller))
            fieldset {
                legend { "What is it?" }
                @for (kind, words) in kinds {
                    label.choice {
                        input type="radio" name="kind" value=(kind) required
                            checked[kept.or("kind", "maintenance") == kind];
                        span { (words) }
                    }
                }
            }
            div.field {
                label for="match" { "For which alerts?" }
                p.help #match-help { "One condition on each line; all must hold: "
                    code { "instance=db-*" } ", " code { "alertname=~Disk.*" } "; or, beside one "
                    "of these, " code { "team!=payments" } ", " code { "job!~test.*" } "." }
                textarea #match name="match" required maxlength="4096" spellcheck="false"
                    autocapitalize="off" aria-describedby="match-help" { "\n" (kept.get("match")) }
            }
            div.field {
                label.above for="from" { "When does it begin? (UTC; now, if empty)" }
                input #from type="datetime-local" name="from" value=(kept.get("from"));
            }
            (lasts("window-lasts", "How long?", &LASTS, kept.or("lasts", "1h")))
            (Reason {
                id: "window-reason",
                label: "Why?",
                help: None,
                required: false,
                kept: kept.get("reason"),
            })
            button type="submit" { "Open the window" }
        }
    }
}

fn row(id: &str, window: &Window, caller: &Caller, now: Time) -> Markup {
    let kind = match window.kind {
        WindowKind::Maintenance => "Maintenance",
        WindowKind::Silence => "Silence",
    };
    let labels = window.matcher.0.iter().map(|(name, value)| format!("{name}={value}"));
    let conditions = window.conditions.iter().flat_map(|all| all.iter()).map(ToString::to_string);
    html! {
        li.row {
            h2 { (kind) }
            p.what { @for condition in labels.chain(conditions) { code { (said(&condition)) } " " } }
            p.facts {
                @if window.from > now { span.fact { strong { "Begins " } (when(window.from, now)) } }
                span.fact { span.hush { "Ends " } (when(window.until, now)) }
                span.fact { "by " strong { (said(window.by.name())) } }
                span.fact.hush { (said(id)) }
            }
            @if !window.reason.is_empty() { p { "“" (said(&cut(window.reason.as_str(), 400))) "”" } }
            @if caller.actor.may(Act::Quiet) {
                form method="post" action={ "/windows/" (encoded(id)) "/close" } {
                    (form::own(caller))
                    button type="submit" { "Close it now" span.vh { ": " (said(id)) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_covers_what_its_lines_say_and_anything_else_is_refused_with_the_line() {
        let read = |text: &str| ask("win-1".into(), &Fields::read(text.as_bytes()));
        let whole = "kind=silence&lasts=1h&from=2026-11-27T03%3A00\
                     &match=instance%3Ddb-*%0D%0A%0D%0A+job!~test.%2A";
        let SharedAsk::OpenWindow { window, matcher, conditions, from, until, .. } =
            read(whole).unwrap()
        else {
            panic!("it opens no window")
        };
        assert_eq!(window, WindowKind::Silence);
        assert_eq!(matcher.0, [("instance".to_owned(), "db-*".to_owned())].into());
        assert_eq!(conditions[0].to_string(), "job!~\"test.*\"");
        assert_eq!(from.to_string(), "2026-11-27T03:00:00.000Z");
        assert_eq!(until.since(from).to_string(), "1h");
        for (form, what) in [
            ("kind=other&lasts=1h&match=a%3Db", "choose maintenance or silence"),
            ("kind=silence&lasts=1h&match=", "name at least one label"),
            ("kind=silence&lasts=1h&match=a%3D", "“a=” is no condition: write name=value"),
            ("kind=silence&lasts=1h&match=a%3Db%0Aa%3Dc", "“a=c” gives this label twice"),
            ("kind=silence&lasts=&match=a%3Db", "a window has an end"),
            ("kind=silence&lasts=soon&match=a%3Db", "lasts"),
            ("kind=silence&lasts=1h&match=a%3Db&from=noon", "begins"),
        ] {
            let problem = read(form).unwrap_err();
            assert!(problem.words().contains(what), "{form}: {}", problem.words());
        }
    }
}
