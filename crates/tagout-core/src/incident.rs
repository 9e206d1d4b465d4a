//! The states of one incident, as one enum with data.

use std::collections::BTreeMap;

use crate::alert::Alert;
use crate::approval::{ApprovalGate, Person, QuorumGrant};
use crate::deadline::{ClockGrant, ClockWait};
use crate::digest::{AlertIdentity, CatalogueDigest, DeliveryDigest, EvidenceDigest, PlanDigest};
use crate::event::{PersonNeeded, PlanOutcome, StepOutcome, TriagedAway, VoidReason};
use crate::findings::Findings;
use crate::handling::Handling;
use crate::plan::{Plan, PlannedStep};
use crate::policy::SeverityReading;
use crate::rehearsal::RehearsalState;
use crate::runbook::StepKind;
use crate::text::FreeText;
use crate::time::Time;
use crate::verdict::{Decision, Mode, PolicyGrant, Verdict};

/// One incident, from its first alert to its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(clippy::large_enum_variant, reason = "an incident is nearly always open or closed")]
pub enum Incident {
    /// Nothing is recorded.
    #[default]
    Absent,
    /// Something is still to be done, by the agent or by people.
    Open(Case, Stage),
    /// Nothing is left to do.
    Closed(Case, Closure),
}

/// What is known of an incident at every stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The alert that opened it.
    pub alert: Alert,
    /// The fault it is about.
    pub identity: AlertIdentity,
    /// The delivery it came with.
    pub delivery: DeliveryDigest,
    /// When it was opened.
    pub opened_at: Time,
    /// How often the alert was delivered again.
    pub repeats: u32,
    /// What its severity counts as.
    pub severity: Option<SeverityReading>,
    /// What the search found.
    pub findings: Option<Findings>,
    /// Candidates that exclude the alert themselves, and why.
    pub excluded: Vec<(String, String)>,
    /// What was decided last, and which runbook had matched; kept when the incident closes.
    pub decided: Option<(Decision, Option<String>)>,
    /// How many plans were made.
    pub plans: u32,
    /// What people did with it besides deciding.
    pub handling: Handling,
    /// The plan whose review afterwards asked for it to be taken back.
    pub regretted: Option<PlanDigest>,
    /// Every start that was ever recorded, and how it ended. Promise 3 rests on this.
    pub starts: BTreeMap<(PlanDigest, String, u32), StepState>,
    /// What dry-runs started, and how it ended. It changes nothing, and each is started once.
    pub rehearsals: BTreeMap<(PlanDigest, String), RehearsalState>,
}

/// What is known of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// Started, no end recorded.
    Started,
    /// Started, and nobody can say what it did.
    Unknown,
    /// Ended.
    Ended(StepOutcome),
}

/// What an open incident waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "stages are moved and not stored in bulk")]
pub enum Stage {
    /// Triage.
    Received,
    /// The search.
    Searching,
    /// A plan.
    Found,
    /// The policy's verdict, or what follows from it.
    Proposed(Proposal),
    /// People, or the clock.
    Waiting(Proposal, ApprovalGate, Option<ClockWait>),
    /// An entitled person: nobody may grant this plan.
    Halted(Proposal),
    /// The next step of a granted plan.
    Granted(Proposal, Grant),
    /// A person; there is no plan that could run.
    WithPeople(Handover),
    /// The alert's end; the plan has done what it could.
    Finished(Proposal, PlanOutcome),
}

/// A plan and what the policy said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The plan.
    pub plan: Plan,
    /// Its digest.
    pub digest: PlanDigest,
    /// The verdict, once there is one.
    pub verdict: Option<Verdict>,
    /// When it was made.
    pub made_at: Time,
    /// The set of runbooks it was made from, if that is recorded.
    pub catalogue: Option<CatalogueDigest>,
    /// Whether it is a plan of the agent's own from which a person only left out actions, at
    /// low or medium tier.
    pub trimmed: bool,
}

/// Why an incident is with people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "moved once")]
pub enum Handover {
    /// There never was a plan.
    NoPlan(PersonNeeded),
    /// The plan there was may no longer run.
    Voided(Proposal, VoidReason),
}

/// A grant has three forms and no fourth. Each can be made only by what it is named after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// The policy said PROCEED.
    Policy(PolicyGrant),
    /// Enough people approved.
    Quorum(QuorumGrant),
    /// Nobody objected after a delivered warning.
    Clock(ClockGrant),
}

impl Grant {
    /// Whether it still stands if people who are not `trusted` any more do not count. What
    /// the policy or the clock granted rests on nobody.
    #[must_use]
    pub fn stands(&self, trusted: impl Fn(&Person) -> bool) -> bool {
        match self {
            Self::Policy(_) | Self::Clock(_) => true,
            Self::Quorum(grant) => grant.stands(trusted),
        }
    }
}

/// Why an incident is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closure {
    /// Triage closed it before any search.
    TriagedAway(TriagedAway),
    /// The alert ended.
    AlertEnded,
    /// A person closed it.
    ByPerson(FreeText),
    /// A person made it part of another one.
    Merged(String),
}

impl Incident {
    /// What is known at every stage.
    #[must_use]
    pub const fn case(&self) -> Option<&Case> {
        match self {
            Self::Absent => None,
            Self::Open(case, _) | Self::Closed(case, _) => Some(case),
        }
    }

    /// The plan in force or last in force.
    #[must_use]
    pub const fn proposal(&self) -> Option<&Proposal> {
        match self {
            Self::Open(
                _,
                Stage::Proposed(p)
                | Stage::Waiting(p, ..)
                | Stage::Halted(p)
                | Stage::Granted(p, _)
                | Stage::Finished(p, _)
                | Stage::WithPeople(Handover::Voided(p, _)),
            ) => Some(p),
            _ => None,
        }
    }

    /// What was decided about the incident last: the plan's verdict, or ESCALATE where a person
    /// is needed without a plan; `None` if it was triaged away or nothing is decided yet.
    #[must_use]
    pub fn decision(&self) -> Option<Decision> {
        self.case()?.decided.as_ref().map(|(decision, _)| *decision)
    }

    /// The runbook that had matched when that was decided.
    #[must_use]
    pub fn runbook(&self) -> Option<&str> {
        self.case()?.decided.as_ref()?.1.as_deref()
    }

    /// The request that waits for people, if one does.
    #[must_use]
    pub const fn waiting(&self) -> Option<(&Proposal, &ApprovalGate)> {
        match self {
            Self::Open(_, Stage::Waiting(proposal, gate, _)) => Some((proposal, gate)),
            _ => None,
        }
    }
}

impl Case {
    /// What the plans of this incident rest on.
    #[must_use]
    pub fn evidence(&self) -> EvidenceDigest {
        // Alert and findings hold no floats, so they always have an encoding.
        EvidenceDigest::of(&(&self.alert, &self.findings))
            .unwrap_or_else(|_| EvidenceDigest::of_bytes(&[]))
    }

    /// The next start that promise 3 allows for this plan, if there is one: the first step
    /// that has not succeeded, once more only after a recorded, finished failure.
    #[must_use]
    pub fn next_start<'p>(&self, proposal: &'p Proposal) -> NextStart<'p> {
        for step in proposal.plan.sequence() {
            let mut attempt = 1;
            loop {
                let key = (proposal.digest, step.id.clone(), attempt);
                match self.starts.get(&key) {
                    None if attempt <= step.attempts => return NextStart::Step(step, attempt),
                    None => return NextStart::Failed,
                    Some(StepState::Started | StepState::Unknown) => return NextStart::Wait,
                    Some(StepState::Ended(StepOutcome::Succeeded)) => break,
                    Some(StepState::Ended(StepOutcome::Stopped)) => return NextStart::Failed,
                    Some(StepState::Ended(StepOutcome::Failed | StepOutcome::TimedOut)) => {
                        attempt += 1;
                    }
                }
            }
        }
        NextStart::Done
    }

    /// Whether this step is the next one, and a person's to do.
    #[must_use]
    pub fn is_persons(&self, proposal: &Proposal, step: &str, attempt: u32) -> bool {
        proposal.plan.mode == Mode::Live
            && matches!(
                self.next_start(proposal),
                NextStart::Step(next, number)
                    if next.kind == StepKind::Manual && next.id == step && number == attempt
            )
    }

    /// Whether any step of this plan was ever started.
    #[must_use]
    pub fn has_started(&self, proposal: &Proposal) -> bool {
        self.starts.keys().any(|(plan, ..)| *plan == proposal.digest)
    }

    /// Whether a start of this incident has no recorded end.
    #[must_use]
    pub fn in_flight(&self) -> bool {
        self.starts.values().any(|s| matches!(s, StepState::Started | StepState::Unknown))
    }
}

/// What may be started next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStart<'p> {
    /// This step, as this attempt.
    Step(&'p PlannedStep, u32),
    /// Nothing: the end of a start is not recorded.
    Wait,
    /// Nothing: a step failed for good.
    Failed,
    /// Nothing: all steps succeeded.
    Done,
}
