//! What waits for people, in the form in which every channel tells it: the queue, and one plan
//! as it is put before somebody.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tagout_core::approval::{Answer, ApprovalGate};
use tagout_core::incident::{Incident, Proposal};
use tagout_core::need::need;
use tagout_core::plan::Plan;
use tagout_core::verdict::Mode;
use tagout_log::storage::Storage;

use crate::journal::Journal;
use crate::looks::Look;
use crate::summary::Summary;

/// An incident that waits for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Pending {
    /// The incident in short.
    #[serde(flatten)]
    pub summary: Summary,
    /// What is asked of people; nothing where an incident is theirs without a plan to grant.
    #[serde(flatten)]
    pub request: Option<Request>,
    /// Until when nobody is reminded of it, unless something changes (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<String>,
}

/// What is asked of people, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Request {
    /// What the plan would be run as: `dry-run` or `live`.
    pub mode: String,
    /// How many different people must approve.
    pub quorum: u32,
    /// How many of each group must be among them.
    #[serde(default)]
    pub groups: BTreeMap<String, u32>,
    /// How many people it takes in all: those who have approved, and the fewest that would do
    /// besides, so many of each group among them.
    #[serde(default)]
    pub needed: u32,
    /// How many have answered.
    pub approvals: usize,
    /// How many of each group must still approve.
    #[serde(default)]
    pub missing: BTreeMap<String, u32>,
    /// Where it is the first use of the runbook on its target: what that demands of the runbook's
    /// owner, or of who stands in for them, in a sentence for each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first_use: Vec<String>,
    /// When it was asked (RFC 3339).
    pub opened_at: String,
    /// When it lapses (RFC 3339).
    pub expires_at: String,
    /// Who asked for the plan, if a person did. They cannot approve it; where all that they did was
    /// leave actions out of a low or medium plan, or move values to their safer side, having asked
    /// counts as their approval.
    pub requested_by: Option<String>,
    /// Who has approved so far.
    pub approved_by: Vec<String>,
}

/// A plan as it is put before somebody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PlanView {
    /// The incident in short.
    pub summary: Summary,
    /// What an answer must name.
    pub plan_digest: String,
    /// The whole plan: every argument vector, every value, every limit.
    #[schema(value_type = Object)]
    pub plan: Plan,
    /// The runbooks that the search found, best first; a change may use another one of them.
    pub candidates: Vec<String>,
    /// The checks that were to be looked at before the decision, and what was seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looks: Vec<Look>,
    /// Whether its steps may run where a process that one of them starts can get away from a stop.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub weak_containment: bool,
    /// What is asked of people, if the plan waits for them.
    pub request: Option<Request>,
}

impl Pending {
    /// The incident, if it waits for people: for an answer, for a word on a step, or for a look
    /// at what no plan has mended.
    #[must_use]
    pub fn of<S: Storage>(journal: &Journal<S>, id: &str, incident: &Incident) -> Option<Self> {
        // What is closed waits too while nobody knows what a step of it did.
        need(incident)?;
        let summary = Summary::among(journal, id, incident)?;
        let wakes_at = incident.case().and_then(|case| case.handling.wakes_at());
        let snoozed_until = wakes_at.map(|until| until.to_string());
        Some(Self { summary, request: Request::of(incident), snoozed_until })
    }
}

impl Request {
    /// What is asked about an incident; `None` if nobody is asked.
    #[must_use]
    pub fn of(incident: &Incident) -> Option<Self> {
        incident.waiting().map(|(proposal, gate)| Self::open(proposal, gate))
    }

    fn open(proposal: &Proposal, gate: &ApprovalGate) -> Self {
        let request = gate.request();
        let approvals = gate.reviews().filter(|(review, _)| review.answer == Answer::Approve);
        Self {
            mode: proposal.plan.mode.to_string(),
            quorum: request.quorum,
            groups: request.groups.clone(),
            needed: gate.needed(),
            missing: gate.missing(),
            approvals: gate.reviews().count(),
            first_use: request.first_use.iter().map(|(owner, by)| by.told(owner)).collect(),
            opened_at: request.opened_at.to_string(),
            expires_at: request.expires_at.to_string(),
            requested_by: request.requested_by.as_ref().map(|person| person.name().to_owned()),
            approved_by: approvals.map(|(review, _)| review.reviewer.name().to_owned()).collect(),
        }
    }
}

impl PlanView {
    /// The plan in force, or last in force, of an incident that is not closed.
    #[must_use]
    pub fn of<S: Storage>(journal: &Journal<S>, id: &str, incident: &Incident) -> Option<Self> {
        let (summary, proposal) = (Summary::among(journal, id, incident)?, incident.proposal()?);
        let findings = incident.case().and_then(|case| case.findings.as_ref());
        let candidates = findings.map_or(&[][..], |findings| &findings.candidates);
        Some(Self {
            summary,
            plan_digest: proposal.digest.to_string(),
            plan: proposal.plan.clone(),
            candidates: candidates.iter().map(|candidate| candidate.runbook.clone()).collect(),
            looks: incident.case().map(Look::all).unwrap_or_default(),
            weak_containment: proposal.plan.mode == Mode::Live
                && journal.policy().is_some_and(|policy| policy.allows_weak_containment()),
            request: Request::of(incident),
        })
    }
}
