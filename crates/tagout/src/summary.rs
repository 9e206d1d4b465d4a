//! An incident in short: what was decided, on what, and what it waits for. The JSON that
//! commands print.

use serde::de::{Error as _, IntoDeserializer as _};
use serde::{Deserialize, Deserializer, Serialize};
use tagout_core::event::{PlanOutcome, TriagedAway};
use tagout_core::incident::{Case, Closure, Handover, Incident, Stage};
use tagout_core::tier::Tier;
use tagout_core::verdict::Decision;
use tagout_log::storage::Storage;

use crate::gathered::{AlertCounts, counts};
use crate::held::HeldBy;
use crate::journal::Journal;
use crate::needed::Needed;

/// Every state that an incident in short may be in.
pub const STATES: [&str; 9] = [
    "in_progress",
    "pending_review",
    "halted",
    "granted",
    "with_people",
    "rehearsed",
    "completed",
    "failed",
    "closed",
];

/// A word out of a known set.
type Word = &'static str;

/// An incident in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Summary {
    /// Its id.
    pub incident: String,
    /// The alert's name.
    pub alert: String,
    /// What the alert is about.
    pub subject: String,
    /// `proceed`, `escalate`, `halt`, or `none` for what was triaged away.
    #[serde(deserialize_with = "known")]
    #[schema(value_type = String)]
    pub decision: Word,
    /// The runbook, if one matched.
    pub runbook: Option<String>,
    /// The recorded confidence, as a fraction of 1.
    pub confidence: Option<f64>,
    /// The effective tier of the plan.
    #[serde(deserialize_with = "known_or_none")]
    #[schema(value_type = Option<String>)]
    pub tier: Option<Word>,
    /// Whether a person must see it before anything with an effect happens.
    pub human_review: bool,
    /// Where it stands: `pending_review`, `halted`, `with_people`, `rehearsed`, `closed`, …
    #[serde(deserialize_with = "known")]
    #[schema(value_type = String)]
    pub state: Word,
    /// Every reason, in words.
    pub reasons: Vec<String>,
    /// The digest of the plan, if there is one.
    pub plan: Option<String>,
    /// Where its plan takes another one back: which, and whether that failed or was rejected, in
    /// words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes_back: Option<String>,
    /// How many alerts it stands for, if it gathers those of a storm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerts: Option<AlertCounts>,
    /// What a person has to do before anything goes on, and why; absent if nobody has to. Unlike
    /// `human_review`, which is about the decision, this is about how things stand now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs_person: Option<Needed>,
    /// Who holds the target of its granted plan, which waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<HeldBy>,
}

impl Summary {
    /// The incident in short; `None` if nothing is recorded of it.
    #[must_use]
    pub fn of(id: &str, incident: &Incident) -> Option<Self> {
        let case = incident.case()?;
        let proposal = incident.proposal();
        let verdict = proposal.and_then(|p| p.verdict.as_ref());
        let runbook = incident.runbook().map(str::to_owned);
        let decision = incident.decision();
        let confidence = runbook.as_ref().and_then(|id| {
            let candidates = &case.findings.as_ref()?.candidates;
            candidates.iter().find(|c| c.runbook == *id).map(|c| c.confidence.as_fraction())
        });
        Some(Self {
            incident: id.to_owned(),
            alert: case.alert.name().to_owned(),
            subject: case.alert.subject().to_owned(),
            decision: match decision {
                None => "none",
                Some(Decision::Proceed) => "proceed",
                Some(Decision::Escalate) => "escalate",
                Some(Decision::Halt) => "halt",
            },
            runbook,
            confidence,
            tier: proposal.map(|p| p.plan.tier.name()),
            human_review: decision.is_some_and(|d| d != Decision::Proceed),
            state: state(incident),
            reasons: match verdict {
                Some(verdict) => verdict.reasons.iter().map(|r| r.detail.clone()).collect(),
                None => vec![reason(incident, case)],
            },
            plan: proposal.map(|p| p.digest.to_string()),
            takes_back: proposal.and_then(|p| p.plan.takes_back()),
            alerts: None,
            needs_person: None,
            held_by: None,
        })
    }

    /// As [`Summary::of`], with how the incident stands among all others: how many alerts it
    /// stands for, what it needs of a person, and who holds its target.
    #[must_use]
    pub fn among<S: Storage>(journal: &Journal<S>, id: &str, incident: &Incident) -> Option<Self> {
        Some(Self {
            alerts: counts(journal, id),
            needs_person: Needed::of(journal, id, incident),
            held_by: HeldBy::of(journal, incident),
            ..Self::of(id, incident)?
        })
    }
}

fn known<'de, D: Deserializer<'de>>(from: D) -> Result<Word, D::Error> {
    let told = String::deserialize(from)?;
    let decisions = ["none", "proceed", "escalate", "halt"];
    let mut known = STATES.into_iter().chain(decisions).chain(Tier::ALL.map(Tier::name));
    known.find(|word| *word == told).ok_or_else(|| {
        D::Error::custom(format!("{told:?} is not known; the service is of another release"))
    })
}

fn known_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Word>, D::Error> {
    match Option::<String>::deserialize(from)? {
        Some(told) => known(told.into_deserializer()).map(Some),
        None => Ok(None),
    }
}

fn state(incident: &Incident) -> &'static str {
    match incident {
        Incident::Absent => "absent",
        Incident::Closed(..) => "closed",
        Incident::Open(_, stage) => match stage {
            Stage::Received
            | Stage::Searching
            | Stage::Found
            | Stage::Looking
            | Stage::Proposed(_) => "in_progress",
            Stage::Waiting(..) => "pending_review",
            Stage::Halted(_) => "halted",
            Stage::Granted(..) => "granted",
            Stage::WithPeople(_) => "with_people",
            Stage::Finished(_, PlanOutcome::Rehearsed) => "rehearsed",
            Stage::Finished(_, PlanOutcome::Completed) => "completed",
            Stage::Finished(_, PlanOutcome::Failed) => "failed",
        },
    }
}

fn reason(incident: &Incident, case: &Case) -> String {
    use tagout_core::event::{Gathering, PersonNeeded};
    match incident {
        Incident::Closed(_, Closure::TriagedAway(why)) => match why {
            TriagedAway::Resolved => "resolved".into(),
            TriagedAway::Suppressed => "suppressed by the sender".into(),
            TriagedAway::Silenced(id) => format!("silence {id}"),
            TriagedAway::Maintenance(id) => format!("maintenance window {id}"),
            TriagedAway::Inhibited { by } => format!("held back by {by}"),
            TriagedAway::Informational => "informational severity".into(),
            TriagedAway::ReportsCalm { phrase, .. } => format!("its text says “{phrase}”"),
        },
        Incident::Closed(_, Closure::AlertEnded) => "the alert ended".into(),
        Incident::Closed(_, Closure::Merged(into)) => format!("merged into {into}"),
        Incident::Closed(_, Closure::ByPerson(reason)) => format!("closed by a person: {reason}"),
        Incident::Open(_, Stage::WithPeople(Handover::NoPlan(why))) => match why {
            PersonNeeded::NoRunbook => "no known runbook fits".into(),
            PersonNeeded::ReportsCalm { phrase, .. } => {
                format!("its text says “{phrase}” and its severity asks for a person")
            }
            PersonNeeded::CannotBind { why, .. } => why.to_string(),
            PersonNeeded::Storm(Gathering::Flapping { starts }) => {
                format!("it flaps: it has begun {starts} times")
            }
            PersonNeeded::Storm(Gathering::SameName { name, severity }) => {
                format!("a storm: it stands for every further {name} at {severity} severity")
            }
            PersonNeeded::Storm(Gathering::Everything { severity }) => {
                format!("a storm: it stands for every further alert at {severity} severity")
            }
            PersonNeeded::PlanStale { .. } => "what the plan rested on has changed".into(),
            PersonNeeded::Unreadable { source } => {
                format!("{source} sends what cannot be read; see `tagout deliveries list`")
            }
        },
        _ => format!("in progress since {}", case.opened_at),
    }
}
