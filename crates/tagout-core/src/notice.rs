//! A notice: what people are told of an event, and which groups of them. It says where to look
//! and holds no free text and no address: whoever sends it reads the texts as they are then, so
//! one that was erased is not sent, and finds the addresses in the configuration.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::alert::Severity;
use crate::approval::{Person, ReviewRequest};
use crate::digest::{PlanDigest, sha256, to_hex};
use crate::event::{Effectiveness, Event, GrantedBy, PlanOutcome, Triage, VoidReason};
use crate::handling::Handled;
use crate::incident::{Incident, Stage};
use crate::need::{Need, manual_step, need};
use crate::text::FreeText;
use crate::time::Time;
use crate::verdict::Decision;

/// The word that stands for everybody where groups are named.
pub const EVERYONE: &str = "everyone";

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// People are asked about a plan.
    ReviewRequested,
    /// People are asked about a plan, and their silence will count as consent. The wait begins
    /// when this notice is delivered.
    ClockWarning,
    /// Nobody has answered yet, and a request is about to lapse.
    Warned,
    /// Nobody has answered yet, and more people are asked.
    Escalated,
    /// A request was decided: approved, rejected, changed, taken back or overtaken.
    Decided,
    /// Somebody looks after an incident.
    Taken,
    /// Nobody answered in time.
    Lapsed,
    /// The policy halted a plan: nobody may grant it until an entitled person resumes it.
    Halted,
    /// A person is needed and there is no plan.
    PersonNeeded,
    /// An incident that people were told of is over.
    Closed,
    /// Nothing new may start.
    KillSwitchEngaged,
    /// Things may start again.
    KillSwitchReleased,
    /// Somebody broke the glass: they approve alone what needs more people.
    GlassBroken,
    /// For a while, doubt about the match holds plans of a runbook back no more.
    BypassGranted,
    /// That is over: its time has come, or somebody ended it before.
    BypassEnded,
    /// A live plan did all its steps, and its alert still fires.
    DidNotHelp,
}

impl Topic {
    /// All topics.
    pub const ALL: [Self; 16] = [
        Self::ReviewRequested,
        Self::ClockWarning,
        Self::Warned,
        Self::Escalated,
        Self::Decided,
        Self::Taken,
        Self::Lapsed,
        Self::Halted,
        Self::PersonNeeded,
        Self::Closed,
        Self::KillSwitchEngaged,
        Self::KillSwitchReleased,
        Self::GlassBroken,
        Self::BypassGranted,
        Self::BypassEnded,
        Self::DidNotHelp,
    ];

    /// Its name, as in files and in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReviewRequested => "review_requested",
            Self::ClockWarning => "clock_warning",
            Self::Warned => "warned",
            Self::Escalated => "escalated",
            Self::Decided => "decided",
            Self::Taken => "taken",
            Self::Lapsed => "lapsed",
            Self::Halted => "halted",
            Self::PersonNeeded => "person_needed",
            Self::Closed => "closed",
            Self::KillSwitchEngaged => "kill_switch_engaged",
            Self::KillSwitchReleased => "kill_switch_released",
            Self::GlassBroken => "glass_broken",
            Self::BypassGranted => "bypass_granted",
            Self::BypassEnded => "bypass_ended",
            Self::DidNotHelp => "did_not_help",
        }
    }

    /// Whether people are asked for an answer to a plan.
    #[must_use]
    pub const fn asks(self) -> bool {
        matches!(self, Self::ReviewRequested | Self::ClockWarning | Self::Warned | Self::Escalated)
    }

    /// Whether somebody has to do something; the others say that something was done.
    #[must_use]
    pub const fn calls(self) -> bool {
        self.asks()
            || matches!(self, Self::Lapsed | Self::Halted | Self::PersonNeeded | Self::DidNotHelp)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a request was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// Enough people approved.
    Approved,
    /// The clock granted it: nobody objected after the warning.
    ByTheClock,
    /// Somebody rejected it.
    Rejected,
    /// Somebody made another plan of it.
    Modified,
    /// Somebody took the grant back.
    Revoked,
    /// The alert changed or ended, or what the plan rested on is not so any more.
    Overtaken,
}

/// What people are told of one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The same however often and by whichever replica it is sent, and that of no other notice.
    pub id: String,
    /// What it is about.
    pub topic: Topic,
    /// The incident; empty for what spans incidents.
    pub incident: String,
    /// The plan, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanDigest>,
    /// The groups and rotas that it is for; everybody if there are none.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub audiences: BTreeSet<String>,
    /// What the incident's severity counts as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// How it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settled>,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<Person>,
    /// When it happened.
    pub at: Time,
    /// The entry of the log that it tells of, from 0.
    pub entry: u64,
}

impl Notice {
    /// Whether nobody has to be told any more: what it asks for is done or past.
    #[must_use]
    pub fn is_overtaken(&self, incident: &Incident) -> bool {
        let closed = matches!(incident, Incident::Closed(..));
        match self.topic {
            topic if topic.asks() => {
                incident.waiting().is_none_or(|(proposal, _)| self.plan != Some(proposal.digest))
            }
            Topic::Halted => !matches!(
                incident,
                Incident::Open(_, Stage::Halted(proposal)) if self.plan == Some(proposal.digest)
            ),
            // What a step did that nobody knows has to be said also of an incident that has ended.
            Topic::PersonNeeded => closed && need(incident) != Some(Need::UnknownStep),
            Topic::Lapsed | Topic::DidNotHelp => closed,
            _ => false,
        }
    }
}

/// An event with its place in the log, and the incident around it.
#[derive(Debug, Clone, Copy)]
pub struct Happened<'a> {
    /// What happened.
    pub event: &'a Event,
    /// The incident's id; empty for what spans incidents.
    pub incident: &'a str,
    /// Whether the incident was open before.
    pub was_open: bool,
    /// The incident afterwards.
    pub after: &'a Incident,
    /// The place in the log, from 0.
    pub entry: u64,
    /// When it was recorded.
    pub at: Time,
}

/// What people are told of an event: nothing of most of them.
#[must_use]
pub fn notices(happened: Happened<'_>) -> Vec<Notice> {
    let one = |topic: Topic, plan: Option<PlanDigest>| vec![notice(happened, topic, plan)];
    match happened.event {
        Event::ReviewRequested { request, clock } => {
            let topic = if clock.is_some() { Topic::ClockWarning } else { Topic::ReviewRequested };
            let audiences = asked(request);
            vec![Notice { audiences, ..notice(happened, topic, Some(request.plan)) }]
        }
        Event::RequestEscalated { plan, to, .. } => {
            let audiences = named(to.iter());
            vec![Notice { audiences, ..notice(happened, Topic::Escalated, Some(*plan)) }]
        }
        Event::LapseWarned { plan } => {
            let request = happened.after.waiting().map(|(_, gate)| gate.request());
            let audiences = request.map(asked).unwrap_or_default();
            vec![Notice { audiences, ..notice(happened, Topic::Warned, Some(*plan)) }]
        }
        Event::PlanGranted { plan, by, .. } => {
            let mut told = match by {
                // The policy let it go on without people.
                GrantedBy::Policy => Vec::new(),
                GrantedBy::Quorum(people) => settled(happened, *plan, Settled::Approved, people),
                GrantedBy::Clock { .. } => settled(happened, *plan, Settled::ByTheClock, &[]),
            };
            if manual_step(happened.after).is_some() {
                told.push(notice(happened, Topic::PersonNeeded, Some(*plan)));
            }
            told
        }
        // Only a person can say what it did, or what is to be done now.
        Event::StepLost { plan, .. }
        | Event::PlanFinished { plan, outcome: PlanOutcome::Failed, .. } => {
            one(Topic::PersonNeeded, Some(*plan))
        }
        // What failed is as it was before, and its alert has not ended.
        Event::PlanFinished { plan, .. } if need(happened.after) == Some(Need::TakenBack) => {
            one(Topic::PersonNeeded, Some(*plan))
        }
        // With it the incident was closed that was open to take something back.
        Event::PlanFinished { .. } if matches!(happened.after, Incident::Closed(..)) => {
            one(Topic::Closed, None)
        }
        Event::StepFinished { plan, .. } if manual_step(happened.after).is_some() => {
            one(Topic::PersonNeeded, Some(*plan))
        }
        Event::PlanVoided { plan, why } => match why {
            VoidReason::TimedOut => one(Topic::Lapsed, Some(*plan)),
            VoidReason::Rejected { by } => {
                settled(happened, *plan, Settled::Rejected, std::slice::from_ref(by))
            }
            VoidReason::Revoked { by } => {
                settled(happened, *plan, Settled::Revoked, std::slice::from_ref(by))
            }
            VoidReason::Modified { .. } => settled(happened, *plan, Settled::Modified, &[]),
            VoidReason::AlertEnded | VoidReason::AlertWorsened | VoidReason::Stale { .. } => {
                settled(happened, *plan, Settled::Overtaken, &[])
            }
        },
        Event::PolicyDecided { plan, verdict, .. } if verdict.decision == Decision::Halt => {
            one(Topic::Halted, Some(*plan))
        }
        Event::Triaged { triage: Triage::Person(_), .. } | Event::PersonCalled { .. } => {
            one(Topic::PersonNeeded, None)
        }
        Event::AlertEnded { way_back: None, .. }
            if happened.was_open && was_told(happened.after) =>
        {
            one(Topic::Closed, None)
        }
        Event::IncidentClosed { by, .. } | Event::IncidentMerged { by, .. }
            if was_told(happened.after) =>
        {
            vec![Notice { by: vec![by.clone()], ..notice(happened, Topic::Closed, None) }]
        }
        Event::IncidentHandled { by, what } if happened.was_open => {
            let whose = match what {
                Handled::Acknowledged => by,
                Handled::HandedOver { to, .. } | Handled::Assigned { to: Some(to) } => to,
                Handled::Assigned { to: None }
                | Handled::Commented { .. }
                | Handled::Snoozed { .. }
                | Handled::Woken => return Vec::new(),
            };
            vec![Notice { by: vec![whose.clone()], ..notice(happened, Topic::Taken, None) }]
        }
        Event::SnoozeEnded {} if happened.was_open => still_open(happened),
        // To everybody: it is meant to be seen while it can still be taken back.
        Event::GlassBroken { plan, by, .. } => {
            let by = vec![by.clone()];
            vec![Notice { by, ..notice(happened, Topic::GlassBroken, Some(*plan)) }]
        }
        Event::KillSwitchEngaged { by, .. } => {
            let by = vec![by.clone()];
            vec![Notice { by, ..notice(happened, Topic::KillSwitchEngaged, None) }]
        }
        // To everybody as well: fewer people are asked meanwhile.
        Event::BypassOpened { by, .. } => {
            let by = vec![by.clone()];
            vec![Notice { by, ..notice(happened, Topic::BypassGranted, None) }]
        }
        Event::BypassClosed { by, .. } => {
            let by = vec![by.clone()];
            vec![Notice { by, ..notice(happened, Topic::BypassEnded, None) }]
        }
        Event::BypassLapsed { .. } => one(Topic::BypassEnded, None),
        Event::EffectivenessRecorded {
            plan, effectiveness: Effectiveness::StillFiring, ..
        } => one(Topic::DidNotHelp, Some(*plan)),
        Event::KillSwitchReleased { by, .. } => {
            let by = vec![by.clone()];
            vec![Notice { by, ..notice(happened, Topic::KillSwitchReleased, None) }]
        }
        _ => Vec::new(),
    }
}

/// Who is asked by a request: those whom it says to ask and the groups of which it needs
/// somebody; everybody if it names nobody.
fn asked(request: &ReviewRequest) -> BTreeSet<String> {
    named(request.groups.keys().chain(&request.ask))
}

/// What people are told when a snooze is over: what they would have been reminded of.
fn still_open(happened: Happened<'_>) -> Vec<Notice> {
    let Incident::Open(_, stage) = happened.after else { return Vec::new() };
    match stage {
        Stage::Waiting(proposal, gate, _) => {
            let request = gate.request();
            let reached = request.chain.rungs.iter().take(gate.climbed().rungs);
            let all: Vec<BTreeSet<String>> = std::iter::once(asked(request))
                .chain(reached.map(|rung| named(rung.ask.iter())))
                .collect();
            // Whoever is everybody stays that, whoever else was asked.
            let everybody = all.iter().any(BTreeSet::is_empty);
            let audiences =
                if everybody { BTreeSet::new() } else { all.into_iter().flatten().collect() };
            let plan = Some(proposal.digest);
            vec![Notice { audiences, ..notice(happened, Topic::ReviewRequested, plan) }]
        }
        Stage::Halted(proposal) => vec![notice(happened, Topic::Halted, Some(proposal.digest))],
        Stage::WithPeople(_) | Stage::Finished(..) => {
            vec![notice(happened, Topic::PersonNeeded, None)]
        }
        Stage::Granted(proposal, _) => match need(happened.after) {
            Some(_) => vec![notice(happened, Topic::PersonNeeded, Some(proposal.digest))],
            None => Vec::new(),
        },
        Stage::Received | Stage::Searching | Stage::Found | Stage::Looking | Stage::Proposed(_) => {
            Vec::new()
        }
    }
}

/// These groups and rotas; none, which is everybody, if one of them is [`EVERYONE`].
fn named<'n>(names: impl Iterator<Item = &'n String>) -> BTreeSet<String> {
    let names: BTreeSet<String> = names.cloned().collect();
    if names.contains(EVERYONE) { BTreeSet::new() } else { names }
}

fn notice(happened: Happened<'_>, topic: Topic, plan: Option<PlanDigest>) -> Notice {
    let Happened { incident, after, entry, at, .. } = happened;
    let severity = after.case().and_then(|case| case.severity.as_ref());
    let id = sha256(
        "tagout.notice-id.v1",
        &[
            incident.as_bytes(),
            &entry.to_be_bytes(),
            &at.millis().to_be_bytes(),
            topic.name().as_bytes(),
        ],
    );
    Notice {
        id: format!("ntc-{}", to_hex(id.first_chunk::<8>().unwrap_or(&[0; 8]))),
        topic,
        incident: incident.to_owned(),
        plan,
        audiences: BTreeSet::new(),
        severity: severity.map(|reading| reading.severity),
        settled: None,
        by: Vec::new(),
        at,
        entry,
    }
}

fn settled(happened: Happened<'_>, plan: PlanDigest, how: Settled, by: &[Person]) -> Vec<Notice> {
    let of = notice(happened, Topic::Decided, Some(plan));
    vec![Notice { settled: Some(how), by: by.to_vec(), ..of }]
}

/// Whether people may have been told of an incident: something was decided about it. Those
/// that triage closed are over before anybody hears of them.
fn was_told(incident: &Incident) -> bool {
    incident.case().is_some_and(|case| case.plans > 0 || case.decided.is_some())
}

/// What came of a notice on one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeReport {
    /// The notice.
    pub notice: String,
    /// What it was about.
    pub topic: Topic,
    /// The channel, by its name in the configuration.
    pub channel: String,
    /// The plan, if it was about one.
    pub plan: Option<PlanDigest>,
    /// How often it was sent.
    pub attempts: u32,
    /// Whether it arrived, or that it was given up.
    pub arrival: Arrival,
}

/// Whether a notice arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// The channel took it, and named it so if it names what it takes; may be empty.
    Delivered {
        /// The name, such as the time stamp of a message, by which it can be changed later.
        receipt: FreeText,
    },
    /// It is not sent any more.
    GivenUp {
        /// What came of the last attempt.
        why: FreeText,
    },
}

impl NoticeReport {
    /// The event that records it.
    #[must_use]
    pub fn into_event(self) -> Event {
        let Self { notice, topic, channel, plan, attempts, arrival } = self;
        match arrival {
            Arrival::Delivered { receipt } => {
                Event::NoticeDelivered { notice, topic, channel, plan, attempts, receipt }
            }
            Arrival::GivenUp { why } => {
                Event::NoticeGivenUp { notice, topic, channel, plan, attempts, why }
            }
        }
    }
}
