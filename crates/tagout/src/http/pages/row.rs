//! One line of the inbox: an incident, and what it waits for.

use maud::{Markup, html};
use tagout_core::actor::Actor;
use tagout_core::alert::Severity;
use tagout_core::approval::{Answer, Person};
use tagout_core::event::PlanOutcome;
use tagout_core::incident::{Case, Incident, Stage};
use tagout_core::need::Need;
use tagout_core::tier::Tier;
use tagout_core::time::Time;
use tagout_core::verdict::Mode;
use tagout_log::storage::Storage;

use super::inbox::Place;
use super::quorum::{self, Mine};
use super::review::sentence;
use super::text::{absolute, count, cut, relative, said, when};
use super::{encoded, plan};
use crate::gathered::counts;
use crate::held::HeldBy;
use crate::journal::Journal;
use crate::needed::Needed;

/// One line of the list.
pub(super) struct Row {
    pub(super) place: Place,
    alert: String,
    subject: String,
    /// How many more alerts it stands for.
    more: usize,
    severity: Option<Severity>,
    opened_at: Time,
    /// Until when nobody is reminded of it.
    snoozed: Option<Time>,
    /// Who looks after it.
    whose: Option<String>,
    /// Which step waits for somebody's word, in words.
    step: Option<String>,
    what: What,
}

/// What an incident waits for.
enum What {
    Plan(Waiting),
    Halted { runbook: String, tier: Tier },
    Person(String),
    Other(String),
    Nothing,
}

struct Waiting {
    runbook: String,
    target: String,
    takes_back: Option<String>,
    mode: Mode,
    tier: Tier,
    approved: (u32, u32),
    expires_at: Time,
    mine: Mine,
}

impl Row {
    pub(super) fn of<S: Storage>(
        place: Place,
        journal: &Journal<S>,
        actor: &Actor,
        now: Time,
    ) -> Option<Self> {
        let incident = journal.incident(&place.id);
        let case = incident.case()?;
        let needed = Needed::of(journal, &place.id, incident);
        let closed = matches!(incident, Incident::Closed(..)).then_some(" The incident is closed.");
        let step = needed.as_ref().filter(|needed| is_step(needed.kind));
        let step = step.map(|needed| format!("{}{}", sentence(&needed.why), closed.unwrap_or("")));
        let what = match (incident, needed) {
            (Incident::Open(_, Stage::Waiting(proposal, gate, _)), _) => What::Plan(Waiting {
                runbook: proposal.plan.runbook.clone(),
                target: proposal.plan.target.clone(),
                takes_back: proposal.plan.takes_back(),
                mode: proposal.plan.mode,
                tier: proposal.plan.tier,
                approved: quorum::figures(gate),
                expires_at: gate.request().expires_at,
                mine: Mine::of(gate, actor, now),
            }),
            (Incident::Open(_, Stage::Halted(proposal)), _) => {
                What::Halted { runbook: proposal.plan.runbook.clone(), tier: proposal.plan.tier }
            }
            (_, Some(needed)) => match step {
                Some(_) => What::Nothing,
                None => What::Person(needed.why),
            },
            (Incident::Open(_, stage), None) => What::Other(on_its_own(stage, journal, incident)),
            (Incident::Absent | Incident::Closed(..), None) => return None,
        };
        let more = counts(journal, &place.id).map_or(0, |all| all.total.saturating_sub(1));
        let more = usize::try_from(more).unwrap_or(usize::MAX);
        Some(Self {
            place,
            alert: case.alert.name().to_owned(),
            subject: case.alert.subject().to_owned(),
            more,
            severity: case.severity.as_ref().map(|reading| reading.severity),
            opened_at: case.opened_at,
            snoozed: case.handling.snoozed(now),
            whose: whose(case),
            step,
            what,
        })
    }
}

impl Row {
    pub(super) fn render(&self, now: Time) -> Markup {
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
                    @if self.more > 0 {
                        span.on { " and " (count(self.more, "more alert", "more alerts")) }
                    }
                }
                p.facts {
                    @if let Some(severity) = self.severity {
                        span.fact { span.hush { "Severity " } (severity) }
                    }
                    span.fact { span.hush { "Opened " } (when(self.opened_at, now)) }
                    span.fact.hush { (said(&self.place.id)) }
                    @if let Some(name) = &self.whose { span.fact { "With " strong { (said(name)) } } }
                    @if let Some(until) = self.snoozed {
                        span.fact { strong { "Snoozed" } " until " (when(until, now)) }
                    }
                }
                @if let Some(step) = &self.step { p.what { strong { (said(&cut(step, 240))) } } }
                (self.what.render(now))
            }
        }
    }
}

/// Whether a step waits for somebody's word.
const fn is_step(need: Need) -> bool {
    matches!(need, Need::UnknownStep | Need::ManualStep)
}

/// How an incident stands that needs nobody.
fn on_its_own<S: Storage>(stage: &Stage, journal: &Journal<S>, incident: &Incident) -> String {
    let held = HeldBy::of(journal, incident);
    let words = match stage {
        Stage::Looking => "being looked at",
        Stage::Received | Stage::Searching | Stage::Found | Stage::Proposed(_) => {
            "being looked into"
        }
        Stage::Granted(..) => "granted",
        Stage::Finished(_, PlanOutcome::Rehearsed) => "every step was shown",
        Stage::Finished(_, PlanOutcome::Completed) => "every step was done",
        Stage::Finished(_, PlanOutcome::Failed) => "a step failed",
        Stage::Waiting(..) | Stage::Halted(_) | Stage::WithPeople(_) => "with people",
    };
    held.map_or_else(|| words.to_owned(), |held| format!("{words}; {}", held.words()))
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
            Self::Other(state) => html! { p.what { (said(&cut(state, 240))) } },
            Self::Nothing => html! {},
        }
    }
}

impl Waiting {
    fn render(&self, now: Time) -> Markup {
        html! {
            p.what {
                (plan::tier(self.tier)) " " (plan::mode(self.mode)) " "
                strong { (said(&self.runbook)) } " on " (said(&cut(&self.target, 120)))
                @if let Some(words) = &self.takes_back { ": " (said(&cut(words, 120))) }
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

/// Who looks after an incident: whose it is, or who has acknowledged it.
fn whose(case: &Case) -> Option<String> {
    let handling = &case.handling;
    let acknowledged = handling.acknowledged.as_ref().map(|(person, _)| person);
    handling.assignee.as_ref().or(acknowledged).map(Person::name).map(str::to_owned)
}
