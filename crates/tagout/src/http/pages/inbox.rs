//! The inbox: what waits for people, most pressing first.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::Deserialize;
use tagout_core::actor::{Act, Actor};
use tagout_core::alert::Severity;
use tagout_core::incident::{Incident, Stage};
use tagout_core::limits;
use tagout_core::need::{Need, need};
use tagout_core::time::Time;

use super::batch::Likes;
use super::error::PageError;
use super::holds::Holds;
use super::layout::{Live, Page, Part};
use super::owed::{Listed, Older};
use super::quorum::Mine;
use super::row::Row;
use super::text::{count, cut, now, said};
use super::{Reader, encoded};
use crate::engine::Engine;
use crate::http::App;
use crate::store::Store;

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
    /// Reviews that are owed of what is over.
    Owed,
}

impl Show {
    const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::Waiting, "waiting", "Waits for anyone"),
        (Self::Mine, "mine", "Waits for me"),
        (Self::Open, "open", "All open"),
        (Self::Owed, "owed", "Reviews owed"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(show, ..)| *show == self).map_or("", |(_, name, _)| name)
    }
}

/// Where an incident stands in the list: its section, then how pressing it is, then its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    section: Section,
    rank: u8,
    order: i64,
    pub(super) id: String,
}

/// The sections of the list, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    Steps,
    Plans,
    Halted,
    People,
    Others,
}

impl Section {
    const ALL: [Self; 5] = [Self::Steps, Self::Plans, Self::Halted, Self::People, Self::Others];

    const fn title(self) -> &'static str {
        match self {
            Self::Steps => "Steps that wait for somebody's word",
            Self::Plans => "Plans that wait for an answer",
            Self::Halted => "Halted: nobody may grant these as they are",
            Self::People => "A person is needed; there is no plan to grant",
            Self::Others => "Open, and waiting for nobody",
        }
    }
}

/// How far down what is snoozed stands: below all ranks.
const SNOOZED: u8 = 100;

impl Place {
    /// `None` for what is closed and needs nobody.
    fn of(incident: &Incident, now: Time) -> Option<(Section, u8, i64)> {
        let need = need(incident);
        let is_open = matches!(incident, Incident::Open(..));
        let case = incident.case().filter(|_| is_open || need.is_some())?;
        let opened = case.opened_at.millis();
        let lapses = incident.proposal().map_or(opened, |p| p.plan.expires_at.millis());
        let severity = case.severity.as_ref().map_or(Severity::Critical, |s| s.severity);
        let by_severity = match severity {
            Severity::Critical => 0,
            Severity::Error => 1,
            Severity::Warning => 2,
            Severity::Info => 3,
        };
        let (section, rank, order) = match need {
            Some(Need::UnknownStep | Need::ManualStep) => (Section::Steps, by_severity, opened),
            Some(Need::Answer) => (Section::Plans, 0, lapses),
            Some(Need::Halted) => (Section::Halted, 0, lapses),
            Some(Need::NoPlan | Need::PlanFailed | Need::TakenBack | Need::DidNotHelp) => {
                (Section::People, by_severity, opened)
            }
            None => (Section::Others, 0, opened),
        };
        // What is snoozed stands below what is not.
        let snoozed = if case.handling.snoozed(now).is_some() { SNOOZED } else { 0 };
        Some((section, rank + snoozed, order))
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

/// Where the last page ended.
enum After {
    Nothing,
    Place(Place),
    /// In the list of owed reviews.
    Debt(Option<Older>),
}

impl After {
    /// `None` if the address names no place.
    fn read(wanted: &Wanted) -> Option<Self> {
        Some(match (wanted.show, wanted.after.as_str()) {
            (Show::Owed, "") => Self::Debt(None),
            (Show::Owed, cursor) => Self::Debt(Some(Older::read(cursor)?)),
            (_, "") => Self::Nothing,
            (_, cursor) => Self::Place(Place::read(cursor)?),
        })
    }
}

/// A part of the list, with what is counted over all of it.
struct List {
    rows: Vec<Row>,
    counts: [usize; 5],
    mine: usize,
    /// Plans that can be answered together.
    likes: Likes,
    /// Reviews that are owed of what is over, and what the incidents are about that are open.
    owed: Listed,
    about: BTreeMap<String, String>,
    next: Option<String>,
}

impl List {
    fn of(
        engine: &Engine<Store>,
        wanted: &Wanted,
        after: &After,
        actor: &Actor,
        now: Time,
    ) -> Self {
        let after_debt = if let After::Debt(debt) = after { debt.as_ref() } else { None };
        let debts = engine.journal().shared().debts();
        let owed = Listed::of(debts, (wanted.show == Show::Owed).then_some(after_debt));
        let about = |id: String| {
            let alert = &engine.journal().incident(&id).case()?.alert;
            let about = format!("{} on {}", alert.name(), alert.subject());
            Some((id, about))
        };
        let about = owed.incidents().into_iter().filter_map(about).collect();
        let after = if let After::Place(place) = after { Some(place) } else { None };
        let bypasses = engine.journal().shared().bypasses();
        let mut likes = Likes::default();
        let needle = wanted.q.trim().to_lowercase();
        let mut counts = [0; 5];
        let mut mine = 0;
        let mut places = Vec::new();
        for (id, incident) in engine.journal().incidents() {
            let Some((section, rank, order)) = Place::of(incident, now) else { continue };
            if let Some(count) = counts.get_mut(section as usize) {
                *count += 1;
            }
            let may_say = section == Section::Steps && actor.may(Act::Resume);
            let is_mine = may_say
                | match incident {
                    Incident::Open(_, Stage::Waiting(proposal, gate, _)) => {
                        let is_mine = Mine::of(gate, actor, now) == Mine::Open;
                        if is_mine && !bypasses.is_ceremonial(&proposal.plan.runbook) {
                            likes.note(&proposal.plan);
                        }
                        is_mine
                    }
                    Incident::Open(_, Stage::Halted(_)) => actor.may(Act::Resume),
                    _ => section == Section::People && actor.may(Act::Handle),
                };
            mine += usize::from(is_mine);
            let shown = match wanted.show {
                Show::Waiting => section != Section::Others,
                Show::Mine => is_mine,
                Show::Open => true,
                Show::Owed => false,
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
                Row::of(place, engine.journal(), actor, now)
            })
            .collect();
        let next = rows.last().filter(|_| more).map(|row| row.place.cursor());
        let next = next.or_else(|| owed.next());
        Self { rows, counts, mine, likes, owed, about, next }
    }
}

/// Whether an incident has to do with what somebody looks for.
fn holds(id: &str, incident: &Incident, needle: &str) -> bool {
    let Some(case) = incident.case() else { return false };
    let texts = [id, case.alert.name(), case.alert.subject(), incident.runbook().unwrap_or("")];
    texts.into_iter().any(|text| text.to_lowercase().contains(needle))
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
    let after = After::read(&wanted).ok_or_else(|| {
        PageError::Bad("the address names no place in the list; begin at its first page".into())
    })?;
    let (now, actor) = (now(), caller.actor.clone());
    let looked = app.writer.look(move |engine| {
        let list = List::of(engine, &wanted, &after, &actor, now);
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
    let [steps, plans, halted, people, others] = list.counts;
    html! {
        h1 { "Inbox" }
        p.lead {
            (count(plans, "plan waits", "plans wait")) " for an answer, "
            (count(steps + halted + people, "incident needs", "incidents need")) " a person, "
            (count(others, "other is", "others are")) " open."
        }
        (views(list, wanted))
        @if matches!(wanted.show, Show::Waiting | Show::Mine) && wanted.after.is_empty() {
            (list.likes.offer())
        }
        @if wanted.show == Show::Owed { (list.owed.render(&list.about, now)) }
        @for section in Section::ALL {
            @let rows: Vec<_> = list.rows.iter().filter(|r| r.place.section == section).collect();
            @if !rows.is_empty() {
                section aria-labelledby=(section_id(section)) {
                    h2 id=(section_id(section)) { (section.title()) }
                    ul.rows role="list" { @for row in rows { (row.render(now)) } }
                }
            }
        }
        @if list.rows.is_empty() && wanted.show != Show::Owed { (nothing(wanted)) }
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
                                @if show == Show::Owed { " (" (list.owed.total()) ")" }
                            }
                        }
                    }
                }
            }
            @if wanted.show != Show::Owed { form.search role="search" method="get" action="/" {
                input type="hidden" name="show" value=(wanted.show.name());
                label for="q" { "Alert, target, runbook or id" }
                input #q type="search" name="q" value=(wanted.q) maxlength="256";
                button type="submit" { "Find" }
            } }
        }
    }
}

fn nothing(wanted: &Wanted) -> Markup {
    html! {
        p.nothing {
            @if !wanted.q.trim().is_empty() {
                "Nothing in this list has to do with “" (said(&cut(&wanted.q, 80))) "”. "
                "An incident that gathers alerts is found by its first one only. "
                @if wanted.show == Show::Open {
                    "What is closed is found by its id in the " a href="/audit" { "audit log" } ". "
                } @else {
                    a href={ "/?show=open&q=" (encoded(&wanted.q)) } { "Look among all open ones" } " · "
                }
                a href={ "/?show=" (wanted.show.name()) } { "Show the whole list" }
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
