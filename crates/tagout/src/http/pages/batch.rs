//! Like plans, answered together: of one runbook in one version, at one tier that is low or
//! medium, for one mode. Each is shown with all that differs, ticked by itself, answered by its
//! digest and recorded by itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::Deserialize;
use tagout_core::actor::{Act, Actor};
use tagout_core::approval::Answer;
use tagout_core::digest::{PlanDigest, RunbookDigest};
use tagout_core::incident::{Incident, Stage};
use tagout_core::limits;
use tagout_core::plan::Plan;
use tagout_core::tier::Tier;
use tagout_core::time::Time;
use tagout_core::verdict::Mode;
use tokio::task::JoinSet;

use super::error::PageError;
use super::form::{self, Fields, Posted, Reason};
use super::holds::Holds;
use super::layout::{Live, Page, Part, is_refetched};
use super::quorum::{self, Mine};
use super::refused::Refused;
use super::text::{count, cut, now, said, when};
use super::{Reader, encoded, plan, review};
use crate::asks::{BatchAsk, Batched, IncidentAsk};
use crate::engine::Engine;
use crate::http::App;
use crate::http::asking::{self, mode};
use crate::http::caller::Caller;
use crate::http::problem::Problem;
use crate::store::Store;

/// The form of the page.
const FORM: &str = "batch";
/// The highest tier at which plans are answered together.
const HIGHEST: Tier = Tier::Medium;
/// The most kinds of like plans that the inbox offers.
const OFFERED: usize = 3;

/// What like plans have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Like {
    runbook: RunbookDigest,
    tier: Tier,
    mode: Mode,
}

/// How many plans the reader could answer together, by what they have in common.
#[derive(Debug, Default)]
pub(super) struct Likes(BTreeMap<Like, (String, usize)>);

impl Likes {
    /// Counts a plan that waits for the reader.
    pub(super) fn note(&mut self, plan: &Plan) {
        // What takes another plan back is read by itself.
        if plan.tier <= HIGHEST && plan.undoes.is_none() {
            let counted = self.0.entry(Like::of(plan));
            counted.or_insert_with(|| (plan.runbook.clone(), 0)).1 += 1;
        }
    }

    /// Where there are some, the way to answer them together.
    pub(super) fn offer(&self) -> Markup {
        let mut many: Vec<_> = self.0.iter().filter(|(_, (_, plans))| *plans > 1).collect();
        many.sort_by_key(|(_, (_, plans))| std::cmp::Reverse(*plans));
        html! {
            @if !many.is_empty() {
                nav.offers aria-label="Like plans" {
                    ul.plain { @for (like, (runbook, plans)) in many.into_iter().take(OFFERED) {
                        li { a href=(like.address()) {
                            (plans) " like plans of " (said(runbook)) ", " (like.tier) " tier, "
                            (like.mode) ": read and answer them together" } }
                    } }
                }
            }
        }
    }
}

/// What an address or a form names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    runbook: String,
    tier: String,
    mode: String,
}

impl Like {
    const fn of(plan: &Plan) -> Self {
        Self { runbook: plan.runbook_digest, tier: plan.tier, mode: plan.mode }
    }

    fn read(wanted: &Wanted) -> Option<Self> {
        let (runbook, tier) = (wanted.runbook.parse().ok()?, wanted.tier.parse().ok()?);
        Some(Self { runbook, tier, mode: mode(&wanted.mode).ok()? })
    }

    fn address(&self) -> String {
        format!("/batch?runbook={}&tier={}&mode={}", self.runbook, self.tier, self.mode)
    }
}

/// Like plans that wait for the reader, those that lapse first before the others.
struct Alike {
    like: Like,
    total: usize,
    rows: Vec<Row>,
}

struct Row {
    id: String,
    alert: String,
    title: String,
    digest: PlanDigest,
    plan: Plan,
    approved: (u32, u32),
}

impl Alike {
    fn of(engine: &Engine<Store>, like: Like, actor: &Actor, now: Time) -> Self {
        let journal = engine.journal();
        let bypasses = journal.shared().bypasses();
        let mut waiting = Vec::new();
        for (id, incident) in journal.incidents() {
            let Incident::Open(case, Stage::Waiting(proposal, gate, _)) = incident else {
                continue;
            };
            if Like::of(&proposal.plan) == like
                && proposal.plan.undoes.is_none()
                && like.tier <= HIGHEST
                && !bypasses.is_ceremonial(&proposal.plan.runbook)
                && Mine::of(gate, actor, now) == Mine::Open
            {
                waiting.push((gate.request().expires_at, id, case, proposal, gate));
            }
        }
        waiting.sort_unstable_by_key(|(lapses, id, ..)| (*lapses, *id));
        let total = waiting.len();
        waiting.truncate(limits::BATCH_ROWS);
        let row = |(_, id, case, proposal, gate)| {
            let (id, case): (&str, &tagout_core::incident::Case) = (id, case);
            let proposal: &tagout_core::incident::Proposal = proposal;
            Row {
                id: id.to_owned(),
                alert: format!("{} on {}", case.alert.name(), case.alert.subject()),
                title: case.alert.title.to_string(),
                digest: proposal.digest,
                plan: proposal.plan.clone(),
                approved: quorum::figures(gate),
            }
        };
        Self { like, total, rows: waiting.into_iter().map(row).collect() }
    }
}

/// Like plans, with the form that answers those that are ticked.
pub(super) async fn show(
    Reader(caller): Reader,
    State(app): State<Arc<App>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let Query(wanted) = wanted.map_err(|e| PageError::Bad(e.body_text()))?;
    let like = Like::read(&wanted).ok_or(PageError::Absent("No plans are named like this."))?;
    let reads = method == Method::GET && !is_refetched(&headers);
    page(&app, &caller, like, None, reads).await
}

/// Approves those that are ticked.
pub(super) async fn approve(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Response, PageError> {
    send(&app, posted, Answer::Approve).await
}

/// Rejects them.
pub(super) async fn reject(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Response, PageError> {
    send(&app, posted, Answer::Reject).await
}

async fn send(
    app: &App,
    Posted { caller, fields }: Posted,
    answer: Answer,
) -> Result<Response, PageError> {
    let field = |name| fields.get(name).unwrap_or_default().to_owned();
    let wanted = Wanted { runbook: field("runbook"), tier: field("tier"), mode: field("mode") };
    let like = Like::read(&wanted).ok_or(PageError::Absent("No plans are named like this."))?;
    match put(app, &caller, like, answer, &fields).await {
        Ok(batched) => told(app, &caller, like, answer, batched).await,
        Err(problem) => {
            let refused = Refused::new(FORM, fields, problem);
            page(app, &caller, like, Some(&refused), false).await
        }
    }
}

async fn put(
    app: &App,
    caller: &Caller,
    like: Like,
    answer: Answer,
    fields: &Fields,
) -> Result<Batched, Problem> {
    let bad = |what: &str| Problem::new(StatusCode::UNPROCESSABLE_ENTITY).detail(what);
    let ticked = |text: &str| {
        let (digest, id) = text.split_once(' ').ok_or_else(|| bad("a plan is not named whole"))?;
        Ok((id.to_owned(), asking::plan(digest)?))
    };
    let plans = fields.all("plan").map(ticked).collect::<Result<Vec<_>, Problem>>()?;
    if plans.is_empty() {
        return Err(bad("tick the plans that you have read; none is ticked"));
    }
    let batch = BatchAsk { plans, mode: like.mode, answer, reason: fields.reason() };
    Ok(app.in_time(app.asks().batch(&caller.actor, batch)).await??)
}

async fn page(
    app: &App,
    caller: &Caller,
    like: Like,
    refused: Option<&Refused>,
    reads: bool,
) -> Result<Response, PageError> {
    let (now, actor) = (now(), caller.actor.clone());
    let looked = app
        .writer
        .look(move |engine| (Holds::of(engine, now), Alike::of(engine, like, &actor, now)));
    let (holds, alike) = looked.await?;
    if reads && caller.actor.may(Act::Review) {
        alike.put_before(app, &caller.actor).await;
    }
    let page = Page {
        status: Refused::status(refused),
        title: "Like plans",
        part: Some(Part::Inbox),
        live: Live::Held,
        reader: Some(caller),
        holds: Some(&holds),
        now,
        main: alike.main(caller, refused, now),
    };
    Ok(page.into_response())
}

impl Alike {
    /// Records that these plans are before somebody: reading begins here.
    async fn put_before(&self, app: &App, actor: &Actor) {
        let mut all = JoinSet::new();
        for row in &self.rows {
            let (asks, actor, id) = (app.asks().clone(), actor.clone(), row.id.clone());
            let ask = IncidentAsk::Show { plan: row.digest };
            all.spawn(async move { asks.incident(&actor, &id, ask).await.is_ok() });
        }
        // One that was decided meanwhile says so when it is answered.
        drop(all.join_all().await);
    }

    fn main(&self, caller: &Caller, refused: Option<&Refused>, now: Time) -> Markup {
        let Like { runbook, tier, mode } = self.like;
        let kept = Refused::kept(refused, FORM);
        html! {
            p.crumb { a href="/" { "Inbox" } }
            h1 { "Like plans"
                @if let Some(first) = self.rows.first() { " of " (said(&first.plan.runbook)) } }
            @if let Some(refused) = refused { (refused.told()) }
            // What is answered here is held against its digest one by one; none holds up others.
            div #review data-state="each" data-tally="" {
                @if self.rows.is_empty() {
                    p.nothing { "None waits for an answer of yours any more. "
                        a href="/" { "To the inbox" } }
                } @else {
                    p.lead {
                        (count(self.total, "plan", "plans")) " of one runbook in one version. "
                        @if self.total > self.rows.len() {
                            "The " (self.rows.len()) " that lapse first are here; the others come "
                            "after them. "
                        }
                        "Read each, and tick those that your answer is for. Each is answered and "
                        "recorded by itself."
                    }
                    @let rehearses = self.rows.iter().any(|row| !row.plan.rehearses.is_empty());
                    p {
                        (plan::tier(tier)) " " (plan::mode(mode)) " "
                        (plan::mode_means(mode, rehearses))
                    }
                    form method="post" action="/batch/approve" data-decides="yes" {
                        (form::own(caller))
                        input type="hidden" name="runbook" value=(runbook);
                        input type="hidden" name="tier" value=(tier);
                        input type="hidden" name="mode" value=(mode);
                        ul.rows role="list" { @for row in &self.rows {
                            @let named = format!("{} {}", row.digest, row.id);
                            (row.render(&named, kept.has("plan", &named), now))
                        } }
                        (Reason {
                            id: "reason",
                            label: "Why?",
                            help: Some("It stands in the record of each, with your name."),
                            required: true,
                            kept: kept.get("reason"),
                        })
                        div.buttons {
                            button.primary type="submit" { "Approve the ticked for " (mode) }
                            button.danger type="submit" formaction="/batch/reject" {
                                "Reject the ticked" }
                        }
                    }
                }
            }
        }
    }
}

impl Row {
    fn render(&self, named: &str, ticked: bool, now: Time) -> Markup {
        let Self { id, alert, title, digest, plan, approved } = self;
        html! {
            li.pick {
                label.choice {
                    input type="checkbox" name="plan" value=(named) checked[ticked];
                    span { strong { (said(&cut(alert, 200))) } }
                }
                div.under {
                    @if !title.is_empty() && !alert.starts_with(title.as_str()) {
                        p { (said(&cut(title, 240))) }
                    }
                    p.facts {
                        span.fact { (approved.0) " of " (approved.1) " approved" }
                        span.fact { span.hush { "Lapses " } (when(plan.expires_at, now)) }
                        span.fact { a href=(review::address(id, *digest)) { "Read all of it" }
                            span.vh { " for " (said(&cut(alert, 200))) } }
                    }
                    dl.pairs.small {
                        div { dt { "Target" } dd { (said(&plan.target)) } }
                        @for (name, value) in &plan.values {
                            div { dt { (said(name)) } dd { code { (said(value)) } } }
                        }
                    }
                    @for step in plan.preconditions.iter().chain(&plan.steps).chain(&plan.verification) {
                        p.step-title { (plan::kind(step.kind)) " " (said(&step.title)) }
                        (plan::does(step))
                    }
                }
            }
        }
    }
}

/// What came of each.
async fn told(
    app: &App,
    caller: &Caller,
    like: Like,
    answer: Answer,
    batched: Batched,
) -> Result<Response, PageError> {
    let now = now();
    let ids: Vec<String> = batched.iter().map(|(id, _)| id.clone()).collect();
    let looked = app.writer.look(move |engine| {
        let about = |id: &String| match engine.journal().incident(id).case() {
            Some(case) => format!("{} on {}", case.alert.name(), case.alert.subject()),
            None => format!("Incident {id}"),
        };
        (Holds::of(engine, now), ids.iter().map(about).collect::<Vec<_>>())
    });
    let (holds, about) = looked.await?;
    let taken = batched.iter().filter(|(_, came)| came.is_ok()).count();
    let not = batched.len() - taken;
    let mut lead = count(taken, "answer was taken", "answers were taken");
    if not > 0 {
        let _ = write!(lead, ", {}", count(not, "was not", "were not"));
    }
    let main = html! {
        p.crumb { a href="/" { "Inbox" } }
        h1 { "What came of it" }
        p.lead role="status" { (lead) "." }
        ul.rows role="list" { @for ((id, came), about) in batched.into_iter().zip(&about) {
            li.row {
                h3 { a href={ "/incidents/" (encoded(&id)) } { (said(&cut(about, 200))) } }
                p.what { @match came {
                    Ok(_) => { "You " (super::incident::answered(answer)) " its plan." }
                    Err(error) => {
                        strong { "Not taken: " }
                        (said(&review::sentence(Problem::from(error).words())))
                    }
                } }
            }
        } }
        p.buttons {
            a.button href=(like.address()) { "More like these" }
            a.button href="/" { "To the inbox" }
        }
    };
    let page = Page {
        status: StatusCode::OK,
        title: "What came of it",
        part: Some(Part::Inbox),
        live: Live::Still,
        reader: Some(caller),
        holds: Some(&holds),
        now,
        main,
    };
    Ok(page.into_response())
}
