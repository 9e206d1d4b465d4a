//! The inbox: what waits for people, most pressing first.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::Deserialize;
use tagout_core::actor::{Act, Actor};
use tagout_core::alert::Severity;
use tagout_core::approval::Answer;
use tagout_core::event::PlanOutcome;
use tagout_core::incident::{Handover, Incident, Stage};
use tagout_core::limits;
use tagout_core::tier::Tier;
use tagout_core::time::Time;
use tagout_core::verdict::Mode;

use super::error::PageError;
use super::holds::Holds;
use super::layout::{Live, Page, Part};
use super::quorum::{self, Mine};
use super::text::{absolute, count, cut, now, relative, said, when};
use super::{Reader, encoded, plan};
use crate::engine::Engine;
use crate::http::App;
use crate::store::Store;
use crate::terminal::story;

/// Which part of the inbox.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wanted {
    show: Show,
    /// Only incidents whose id, alert, subject or runbook holds this.
    q: String,
    /// Where the last page ended.
    after: String,
}

/// Whose.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Show {
    /// What waits for anybody.
    #[default]
    Waiting,
    /// What the reader could answer.
    Mine,
    /// Every open incident.
    Open,
}

impl Show {
    const ALL: [(Self, &'static str, &'static str); 3] = [
        (Self::Waiting, "waiting", "Waits for anyone"),
        (Self::Mine, "mine", "Waits for me"),
        (Self::Open, "open", "All open"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(show, ..)| *show == self).map_or("", |(_, name, _)| name)
    }
}

/// Where an incident stands in the list: its section, then how pressing it is, then its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    section: Section,
    rank: u8,
    order: i64,
    id: String,
}

/// The sections of the list, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    Plans,
    Halted,
    People,
    Others,
}

impl Section {
    const ALL: [Self; 4] = [Self::Plans, Self::Halted, Self::People, Self::Others];

    const fn title(self) -> &'static str {
        match self {
            Self::Plans => "Plans that wait for an answer",
            Self::Halted => "Halted: nobody may grant these as they are",
            Self::People => "A person is needed; there is no plan to grant",
            Self::Others => "Open, and waiting for nobody",
        }
    }
}

impl Place {
    /// `None` for what is closed.
    fn of(id: &str, incident: &Incident) -> Option<(Section, u8, i64)> {
        let Incident::Open(case, stage) = incident else { return None };
        let opened = case.opened_at.millis();
        Some(match stage {
            Stage::Waiting(proposal, ..) => (Section::Plans, 0, proposal.plan.expires_at.millis()),
            Stage::Halted(proposal) => (Section::Halted, 0, proposal.plan.expires_at.millis()),
            Stage::WithPeople(_) => {
                let severity = case.severity.as_ref().map_or(Severity::Critical, |s| s.severity);
                let rank = match severity {
                    Severity::Critical => 0,
                    Severity::Error => 1,
                    Severity::Warning => 2,
                    Severity::Info => 3,
                };
                (Section::People, rank, opened)
            }
            _ => (Section::Others, 0, opened),
        })
        .filter(|_| !id.is_empty())
    }

    /// As it stands in an address.
    fn cursor(&self) -> String {
        let section = Section::ALL.iter().position(|s| *s == self.section).unwrap_or(0);
        format!("{section}.{}.{}.{}", self.rank, self.order, self.id)
    }

    fn read(cursor: &str) -> Option<Self> {
        let mut parts = cursor.splitn(4, '.');
        let section = *Section::ALL.get(parts.next()?.parse::<usize>().ok()?)?;
        let (rank, order) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { section, rank, order, id: parts.next()?.to_owned() })
    }
}

/// One line of the list.
struct Row {
    place: Place,
    alert: String,
    subject: String,
    severity: Option<Severity>,
    opened_at: Time,
    what: What,
}

/// What an incident waits for.
enum What {
    Plan(Waiting),
    Halted { runbook: String, tier: Tier },
    Person(String),
    Other(&'static str),
}

struct Waiting {
    runbook: String,
    target: String,
    mode: Mode,
    tier: Tier,
    approved: (u32, u32),
    expires_at: Time,
    mine: Mine,
}

/// A part of the list, with what is counted over all of it.
struct List {
    rows: Vec<Row>,
    counts: [usize; 4],
    mine: usize,
    next: Option<String>,
}

impl List {
    fn of(
        engine: &Engine<Store>,
        wanted: &Wanted,
        after: Option<&Place>,
        actor: &Actor,
        now: Time,
    ) -> Self {
        let needle = wanted.q.trim().to_lowercase();
        let mut counts = [0; 4];
        let mut mine = 0;
        let mut places = Vec::new();
        for (id, incident) in engine.journal().incidents() {
            let Some((section, rank, order)) = Place::of(id, incident) else { continue };
            if let Some(count) = counts.get_mut(section as usize) {
                *count += 1;
            }
            let is_mine = match incident {
                Incident::Open(_, Stage::Waiting(_, gate, _)) => {
                    Mine::of(gate, actor, now) == Mine::Open
                }
                Incident::Open(_, Stage::Halted(_)) => actor.may(Act::Resume),
                Incident::Open(_, Stage::WithPeople(_)) => actor.may(Act::Handle),
                _ => false,
            };
            mine += usize::from(is_mine);
            let shown = match wanted.show {
                Show::Waiting => section != Section::Others,
                Show::Mine => is_mine,
                Show::Open => true,
            };
            if !shown || !(needle.is_empty() || holds(id, incident, &needle)) {
                continue;
            }
            let comes = |after: &Place| {
                (section, rank, order, id) > (after.section, after.rank, after.order, &*after.id)
            };
            if after.is_none_or(comes) {
                places.push((section, rank, order, id));
            }
        }
        let more = places.len() > limits::INBOX_ROWS;
        if more {
            places.select_nth_unstable(limits::INBOX_ROWS);
            places.truncate(limits::INBOX_ROWS);
        }
        places.sort_unstable();
        let rows: Vec<Row> = places
            .into_iter()
            .filter_map(|(section, rank, order, id)| {
                let place = Place { section, rank, order, id: id.to_owned() };
                Row::of(place, engine.journal().incident(id), actor, now)
            })
            .collect();
        let next = rows.last().filter(|_| more).map(|row| row.place.cursor());
        Self { rows, counts, mine, next }
    }
}

/// Whether an incident has to do with what somebody looks for.
fn holds(id: &str, incident: &Incident, needle: &str) -> bool {
    let Some(case) = incident.case() else { return false };
    let texts = [id, case.alert.name(), case.alert.subject(), incident.runbook().unwrap_or("")];
    texts.into_iter().any(|text| text.to_lowercase().contains(needle))
}

impl Row {
    fn of(place: Place, incident: &Incident, actor: &Actor, now: Time) -> Option<Self> {
        let Incident::Open(case, stage) = incident else { return None };
        let what = match stage {
            Stage::Waiting(proposal, gate, _) => What::Plan(Waiting {
                runbook: proposal.plan.runbook.clone(),
                target: proposal.plan.target.clone(),
                mode: proposal.plan.mode,
                tier: proposal.plan.tier,
                approved: quorum::figures(gate, now),
                expires_at: gate.request().expires_at,
                mine: Mine::of(gate, actor, now),
            }),
            Stage::Halted(proposal) => {
                What::Halted { runbook: proposal.plan.runbook.clone(), tier: proposal.plan.tier }
            }
            Stage::WithPeople(Handover::NoPlan(why)) => What::Person(story::needed(why)),
            Stage::WithPeople(Handover::Voided(proposal, why)) => {
                What::Person(format!("{}: {}", proposal.plan.runbook, story::voided(why)))
            }
            Stage::Received | Stage::Searching | Stage::Found | Stage::Proposed(_) => {
                What::Other("being looked into")
            }
            Stage::Granted(..) => What::Other("granted"),
            Stage::Finished(_, PlanOutcome::Rehearsed) => What::Other("every step was shown"),
            Stage::Finished(_, PlanOutcome::Completed) => What::Other("every step was done"),
            Stage::Finished(_, PlanOutcome::Failed) => What::Other("a step failed"),
        };
        Some(Self {
            place,
            alert: case.alert.name().to_owned(),
            subject: case.alert.subject().to_owned(),
            severity: case.severity.as_ref().map(|reading| reading.severity),
            opened_at: case.opened_at,
            what,
        })
    }
}

/// The inbox.
pub(super) async fn show(
    Reader(caller): Reader,
    State(app): State<Arc<App>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(wanted) = wanted.map_err(|e| PageError::Bad(e.body_text()))?;
    if wanted.q.len() > limits::NAME_BYTES || wanted.after.len() > 2 * limits::NAME_BYTES {
        return Err(PageError::Bad("what is looked for is too long".into()));
    }
    let after = match wanted.after.as_str() {
        "" => None,
        cursor => Some(Place::read(cursor).ok_or_else(|| {
            PageError::Bad("the address names no place in the list; begin at its first page".into())
        })?),
    };
    let (now, actor) = (now(), caller.actor.clone());
    let looked = app.writer.look(move |engine| {
        let list = List::of(engine, &wanted, after.as_ref(), &actor, now);
        (Holds::of(engine, now), list, wanted)
    });
    let (holds, list, wanted) = looked.await?;
    let page = Page {
        status: StatusCode::OK,
        title: "Inbox",
        part: Some(Part::Inbox),
        live: Live::Follows,
        reader: Some(&caller),
        holds: Some(&holds),
        now,
        main: main(&list, &wanted, now),
    };
    Ok(page.into_response())
}

fn main(list: &List, wanted: &Wanted, now: Time) -> Markup {
    let [plans, halted, people, others] = list.counts;
    html! {
        h1 { "Inbox" }
        p.lead {
            (count(plans, "plan waits", "plans wait")) " for an answer, "
            (count(halted + people, "incident needs", "incidents need")) " a person, "
            (count(others, "other is", "others are")) " open."
        }
        (views(list, wanted))
        @for section in Section::ALL {
            @let rows: Vec<_> = list.rows.iter().filter(|r| r.place.section == section).collect();
            @if !rows.is_empty() {
                section aria-labelledby=(section_id(section)) {
                    h2 id=(section_id(section)) { (section.title()) }
                    ul.rows role="list" { @for row in rows { (row.render(now)) } }
                }
            }
        }
        @if list.rows.is_empty() { (nothing(wanted)) }
        @if !wanted.after.is_empty() || list.next.is_some() {
            nav.paging aria-label="Pages of the list" {
                @if !wanted.after.is_empty() { a href=(address(wanted, None)) { "First page" } }
                @if let Some(next) = &list.next {
                    a rel="next" href=(address(wanted, Some(next))) { "Next page" }
                }
            }
        }
    }
}

fn section_id(section: Section) -> String {
    format!("section-{}", section as usize)
}

/// Which part is shown, and a search that needs no JavaScript.
fn views(list: &List, wanted: &Wanted) -> Markup {
    html! {
        div.views {
            nav aria-label="Parts of the inbox" {
                ul.tabs role="list" {
                    @for (show, name, title) in Show::ALL {
                        @let here = (wanted.show == show).then_some("true");
                        li {
                            a href={ "/?show=" (name) } aria-current=[here] {
                                (title)
                                @if show == Show::Mine { " (" (list.mine) ")" }
                            }
                        }
                    }
                }
            }
            form.search role="search" method="get" action="/" {
                input type="hidden" name="show" value=(wanted.show.name());
                label for="q" { "Alert, target, runbook or id" }
                input #q type="search" name="q" value=(wanted.q) maxlength="256";
                button type="submit" { "Find" }
            }
        }
    }
}

fn nothing(wanted: &Wanted) -> Markup {
    html! {
        p.nothing {
            @if !wanted.q.trim().is_empty() {
                "Nothing here has to do with “" (said(&cut(&wanted.q, 80))) "”. "
                a href={ "/?show=" (wanted.show.name()) } { "Show all" }
            } @else if wanted.after.is_empty() {
                "Nothing waits. New alerts appear here as soon as they are recorded."
            } @else {
                "Nothing is left on this page."
            }
        }
    }
}

fn address(wanted: &Wanted, after: Option<&str>) -> String {
    let mut address = format!("/?show={}", wanted.show.name());
    for (name, value) in [("q", Some(wanted.q.as_str())), ("after", after)] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let value = encoded(value);
            address.push_str(&format!("&{name}={value}"));
        }
    }
    address
}

impl Row {
    fn render(&self, now: Time) -> Markup {
        let href = format!("/incidents/{}", encoded(&self.place.id));
        html! {
            li.row data-key=(self.place.id) {
                h3 {
                    a href=(href) {
                        (said(&cut(&self.alert, 120)))
                        @if self.subject != self.alert {
                            span.on { " on " } (said(&cut(&self.subject, 120)))
                        }
                    }
                }
                p.facts {
                    @if let Some(severity) = self.severity {
                        span.fact { span.hush { "Severity " } (severity) }
                    }
                    span.fact { span.hush { "Opened " } (when(self.opened_at, now)) }
                    span.fact.hush { (said(&self.place.id)) }
                }
                (self.what.render(now))
            }
        }
    }
}

impl What {
    fn render(&self, now: Time) -> Markup {
        match self {
            Self::Plan(waiting) => waiting.render(now),
            Self::Halted { runbook, tier } => html! {
                p.what {
                    (plan::tier(*tier)) " " strong { (said(runbook)) }
                    ": the policy halted this plan. An entitled person may have it decided again."
                }
            },
            Self::Person(why) => html! { p.what { (said(&cut(why, 240))) } },
            Self::Other(state) => html! { p.what { (state) } },
        }
    }
}

impl Waiting {
    fn render(&self, now: Time) -> Markup {
        html! {
            p.what {
                (plan::tier(self.tier)) " " (plan::mode(self.mode)) " "
                strong { (said(&self.runbook)) } " on " (said(&cut(&self.target, 120)))
            }
            p.facts {
                span.fact { (self.approved.0) " of " (self.approved.1) " approved" }
                span.fact {
                    span.hush { "Lapses " } (absolute(self.expires_at, now)) ", "
                    strong { (relative(self.expires_at, now)) }
                }
                span.fact {
                    @match self.mine {
                        Mine::Open => strong { "Waits for you" },
                        Mine::Answered(Answer::Approve) => "You approved",
                        Mine::Answered(Answer::Reject) => "You rejected",
                        Mine::Own => "You asked for it; somebody else must approve",
                        Mine::Others => "The policy lets others approve it",
                        Mine::Not => "Waits for an approver",
                        Mine::Over => "Decided, or lapsed",
                    }
                }
            }
        }
    }
}
