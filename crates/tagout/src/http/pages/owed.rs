//! Reviews that are owed: what ran without people, or by one person alone, is looked at by
//! somebody when it is over.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use tagout_core::actor::Act;
use tagout_core::afterwards::{Debts, Hindsight, Owed};
use tagout_core::digest::PlanDigest;
use tagout_core::limits;
use tagout_core::time::Time;
use tagout_core::verdict::Mode;

use super::error::PageError;
use super::form::{self, Fields, Posted, Reason};
use super::refused::Refused;
use super::text::{cut, said, when};
use super::{encoded, handling, plan, review};
use crate::asks::IncidentAsk;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::problem::Problem;

/// The form of an incident that settles one.
const FORM: &str = "afterwards";

/// A review that is owed of a plan.
pub(super) struct Debt<'a> {
    plan: PlanDigest,
    owed: &'a Owed,
}

/// Those that an incident owes.
pub(super) fn of<'a>(debts: &'a Debts, incident: &'a str) -> impl Iterator<Item = Debt<'a>> {
    let all = debts.owed().iter().filter(move |(_, owed)| owed.incident == incident);
    all.map(|(plan, owed)| Debt { plan: *plan, owed })
}

/// A place in the list of what is owed: the glass that was broken first, then what ran live,
/// then the oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Older {
    rank: u8,
    since: i64,
    plan: PlanDigest,
}

impl Older {
    fn of(plan: PlanDigest, owed: &Owed) -> Self {
        let rank = match (&owed.not_by, owed.mode) {
            (Some(_), _) => 0,
            (None, Mode::Live) => 1,
            (None, Mode::DryRun) => 2,
        };
        Self { rank, since: owed.since.millis(), plan }
    }

    /// As it stands in an address.
    fn cursor(&self) -> String {
        format!("{}.{}.{}", self.rank, self.since, self.plan)
    }

    pub(super) fn read(cursor: &str) -> Option<Self> {
        let mut parts = cursor.splitn(3, '.');
        let (rank, since) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { rank, since, plan: parts.next()?.parse().ok()? })
    }
}

/// A page of all that is owed.
pub(super) struct Listed {
    total: usize,
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    place: Older,
    owed: Owed,
}

impl Listed {
    /// How many there are; and those that come after a place, if they are to be listed.
    pub(super) fn of(debts: &Debts, listed: Option<Option<&Older>>) -> Self {
        let owed = debts.owed();
        let total = owed.len();
        let Some(after) = listed else { return Self { total, rows: Vec::new(), next: None } };
        let all = owed.iter().map(|(plan, owed)| (Older::of(*plan, owed), owed));
        let mut places: Vec<_> = all.filter(|(place, _)| after.is_none_or(|a| place > a)).collect();
        places.sort_unstable_by_key(|(place, _)| *place);
        let more = places.len() > limits::INBOX_ROWS;
        places.truncate(limits::INBOX_ROWS);
        let next = places.last().filter(|_| more).map(|(place, _)| place.cursor());
        let row = |(place, owed): (Older, &Owed)| Row { place, owed: owed.clone() };
        Self { total, rows: places.into_iter().map(row).collect(), next }
    }

    pub(super) const fn total(&self) -> usize {
        self.total
    }

    pub(super) fn next(&self) -> Option<String> {
        self.next.clone()
    }

    /// `about` says what an incident is about, where that is known.
    pub(super) fn render(&self, about: &BTreeMap<String, String>, now: Time) -> Markup {
        html! {
            section aria-labelledby="owed" {
                h2 #owed { "Reviews that are owed" }
                p.lead { "What ran without people, or was approved by one person alone, is looked "
                    "at by somebody else when it is over." }
                @if self.rows.is_empty() { p.nothing { "None is owed." } }
                @else { ul.rows role="list" { @for row in &self.rows {
                    (row.render(about.get(&row.owed.incident), now))
                } } }
            }
        }
    }

    /// The incidents that are listed.
    pub(super) fn incidents(&self) -> Vec<String> {
        self.rows.iter().map(|row| row.owed.incident.clone()).collect()
    }
}

impl Row {
    fn render(&self, about: Option<&String>, now: Time) -> Markup {
        let Self { place, owed } = self;
        html! {
            li.row data-key=(place.plan) {
                h3 {
                    a href={ "/incidents/" (encoded(&owed.incident)) } {
                        @match about {
                            Some(about) => (said(&cut(about, 120))),
                            None => { "Incident " (said(&owed.incident)) }
                        }
                    }
                }
                p.facts {
                    span.fact { (plan::mode(owed.mode)) }
                    span.fact { span.hush { "Over since " } (when(owed.since, now)) }
                    span.fact.hush { (said(&owed.incident)) }
                }
                p.what {
                    @match &owed.not_by {
                        Some(person) => { strong { "Glass broken" } " by " (said(person.name()))
                            "; somebody else must review it." }
                        None => "It went on without people.",
                    }
                }
            }
        }
    }
}

/// Takes what somebody says afterwards.
pub(super) async fn settle(
    State(app): State<Arc<App>>,
    Path((id, plan)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    let plan = review::digest(&plan)?;
    let ask = |fields: &Fields| {
        let hindsight = match fields.get("hindsight") {
            Some("upheld") => Hindsight::Upheld,
            Some("rejected") => Hindsight::Rejected,
            _ => {
                let detail = "say whether it was right: choose one of the two";
                return Err(Problem::new(StatusCode::BAD_REQUEST).detail(detail));
            }
        };
        Ok(IncidentAsk::ReviewAfterwards { plan, hindsight, reason: fields.reason() })
    };
    handling::send(&app, id, posted, FORM, ask).await
}

impl Debt<'_> {
    /// The form that settles it; `open`: whether its incident is.
    pub(super) fn form(
        &self,
        caller: &Caller,
        refused: Option<&Refused>,
        open: bool,
        now: Time,
    ) -> Markup {
        let Self { plan, owed } = self;
        let no = match (owed.mode, open) {
            (Mode::Live, true) => "No. What can be taken back is offered as a new plan.",
            (Mode::Live, false) => {
                "No. The incident is opened again with a plan for what can be taken back, if anything can."
            }
            (Mode::DryRun, _) => "No. It was a dry-run, so there is nothing to take back.",
        };
        let address = review::address(&owed.incident, *plan);
        let kept = Refused::kept(refused, FORM).of("plan", &plan.to_string());
        let id = |what: &str| format!("{what}-{}", plan.short());
        html! {
            section.sheet.ask aria-labelledby=(id("owed")) {
                h2 id=(id("owed")) { "A review afterwards is owed" }
                p {
                    (plan::mode(owed.mode)) " "
                    @match &owed.not_by {
                        Some(person) => { strong { (said(person.name())) }
                            " broke the glass and approved it alone. It was over at " }
                        None => "It went on without people. It was over at ",
                    }
                    (when(owed.since, now)) ". "
                    a href=(address) { "Read the plan as it was" }
                }
                @if owed.not_by.as_ref() == Some(&caller.actor.person) {
                    p { "You did this alone, so somebody else must review it." }
                } @else if !caller.actor.may(Act::Review) {
                    p { "Your role (" (caller.actor.role) ") reads; an approver reviews it." }
                } @else {
                    form method="post" action={ (address) "/afterwards" } {
                        (form::own(caller))
                        input type="hidden" name="plan" value=(plan);
                        fieldset {
                            legend { "Was it right to do this?" }
                            (choice("upheld", "Yes. I would have approved it.", kept.has("hindsight", "upheld")))
                            (choice("rejected", no, kept.has("hindsight", "rejected")))
                        }
                        (Reason {
                            id: &id("owed-reason"),
                            label: "Why?",
                            help: Some("A “No” needs a reason. It is recorded in your name."),
                            required: false,
                            kept: kept.get("reason"),
                        })
                        button type="submit" { "Record this review" }
                    }
                }
            }
        }
    }
}

fn choice(value: &str, words: &str, checked: bool) -> Markup {
    html! {
        label.choice {
            input type="radio" name="hindsight" value=(value) required checked[checked];
            span { (words) }
        }
    }
}
