//! The states of one incident, as one enum with data.

use std::collections::BTreeMap;

use crate::alert::Alert;
use crate::approval::{ApprovalGate, Person, QuorumGrant};
use crate::deadline::{ClockGrant, ClockWait};
use crate::digest::{AlertIdentity, CatalogueDigest, DeliveryDigest, EvidenceDigest, PlanDigest};
use crate::event::{
    Effectiveness, PersonNeeded, PlanOutcome, StepOutcome, TriagedAway, VoidReason,
};
use crate::findings::Findings;
use crate::handling::Handling;
use crate::inspection::{Inspected, LookState};
use crate::limits;
use crate::plan::{Plan, PlannedStep, again};
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
    /// Nothing is left to do, unless a review afterwards asks for what ran to be taken back.
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
    /// What was looked at before the decision, if anything was to be.
    pub inspected: Option<Inspected>,
    /// How many inspections there were.
    pub inspections: u32,
    /// How many looks were started.
    pub looks: u32,
    /// What was decided last, and which runbook had matched; kept when the incident closes.
    pub decided: Option<(Decision, Option<String>)>,
    /// How many plans were made.
    pub plans: u32,
    /// What people did with it besides deciding.
    pub handling: Handling,
    /// The plan whose review afterwards asked for it to be taken back.
    pub regretted: Option<PlanDigest>,
    /// The live plan that had ended last when the incident closed: it can still be taken back.
    pub ran: Option<Box<(Proposal, PlanOutcome)>>,
    /// Set where the incident is open for nothing but to take back what it did: as what it closes
    /// when that is over. No alert belongs to it.
    pub way_back: Option<Closure>,
    /// The live plan that did all its steps and of which it is not yet known whether it helped.
    pub awaits: Option<Awaited>,
    /// What was seen of the last plan that did all its steps.
    pub helped: Option<(PlanDigest, Effectiveness)>,
    /// How often the checks before the first step of a plan were begun again.
    pub rounds: BTreeMap<PlanDigest, u32>,
    /// When a step of a plan last ended.
    pub moved: Option<(PlanDigest, Time)>,
    /// Every start that was ever recorded, and how it ended. Promise 3 rests on this.
    pub starts: BTreeMap<(PlanDigest, String, u32), StepState>,
    /// What dry-runs started, and how it ended. It changes nothing, and each is started once.
    pub rehearsals: BTreeMap<(PlanDigest, String), RehearsalState>,
}

/// A plan that did all its steps: has it helped?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    /// The plan.
    pub plan: PlanDigest,
    /// Of which runbook it was.
    pub runbook: String,
    /// What it acted on.
    pub target: String,
    /// When it ended.
    pub since: Time,
    /// Until when its alert may still fire.
    pub until: Time,
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
    /// The end of a look at the system, before a plan is made.
    Looking,
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
    /// Whether it is a plan of the agent's own from which a person only left out actions or of
    /// which they moved values to their safer side, at low or medium tier.
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

impl Stage {
    /// The plan that is not over and takes back what a person rejected afterwards.
    #[must_use]
    pub fn way_back(&self) -> Option<PlanDigest> {
        let (Self::Waiting(proposal, ..) | Self::Halted(proposal) | Self::Granted(proposal, _)) =
            self
        else {
            return None;
        };
        let Plan { undoes, requested_by, .. } = &proposal.plan;
        (undoes.is_some() && requested_by.is_some()).then_some(proposal.digest)
    }
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
        // Alert, findings and looks hold no floats, so they always have an encoding.
        match &self.inspected {
            None => EvidenceDigest::of(&(&self.alert, &self.findings)),
            Some(inspected) => EvidenceDigest::of(&(&self.alert, &self.findings, inspected)),
        }
        .unwrap_or_else(|_| EvidenceDigest::of_bytes(&[]))
    }

    /// Whether a text of what its plans rest on was erased, so that its digest cannot be computed
    /// any more.
    #[must_use]
    pub(crate) fn evidence_erased(&self) -> bool {
        let Alert { title, message, annotations, .. } = &self.alert;
        let looks = self.inspected.iter().flat_map(Inspected::looks);
        let outputs = looks.filter_map(|(_, state)| match state {
            LookState::Over(seen) => Some(&seen.output),
            _ => None,
        });
        let texts = [title, message].into_iter().chain(annotations.values()).chain(outputs);
        texts.into_iter().any(|text| matches!(text, FreeText::Erased(_)))
    }

    /// The next start that promise 3 allows for this plan, if there is one: the first step
    /// that has not succeeded, once more only after a recorded, finished failure. Where the checks
    /// before the first step were begun again, those of the last round come first.
    #[must_use]
    pub fn next_start<'p>(&self, proposal: &'p Proposal) -> NextStart<'p> {
        let Plan { preconditions, steps, verification, .. } = &proposal.plan;
        let round = self.rounds.get(&proposal.digest).copied();
        let first = if round.is_none() { preconditions.as_slice() } else { &[] };
        if let Some(round) = round {
            for step in preconditions {
                let name = again(&step.id, round);
                match self.next_attempt(proposal.digest, &name, step.attempts) {
                    Attempt::Due(attempt) => return NextStart::Again(step, name, attempt),
                    Attempt::Running => return NextStart::Wait,
                    Attempt::Succeeded => {}
                    Attempt::Stopped => return NextStart::Failed,
                    Attempt::Failed => return NextStart::Changed,
                }
            }
        }
        for step in first.iter().chain(steps).chain(verification) {
            match self.next_attempt(proposal.digest, &step.id, step.attempts) {
                Attempt::Due(attempt) => return NextStart::Step(step, attempt),
                Attempt::Running => return NextStart::Wait,
                Attempt::Succeeded => {}
                Attempt::Stopped | Attempt::Failed => return NextStart::Failed,
            }
        }
        NextStart::Done
    }

    fn next_attempt(&self, plan: PlanDigest, step: &str, most: u32) -> Attempt {
        let mut attempt = 1;
        loop {
            match self.starts.get(&(plan, step.to_owned(), attempt)) {
                None if attempt <= most => return Attempt::Due(attempt),
                None => return Attempt::Failed,
                Some(StepState::Started | StepState::Unknown) => return Attempt::Running,
                Some(StepState::Ended(StepOutcome::Succeeded)) => return Attempt::Succeeded,
                Some(StepState::Ended(StepOutcome::Stopped)) => return Attempt::Stopped,
                Some(StepState::Ended(StepOutcome::Failed | StepOutcome::TimedOut)) => {
                    attempt += 1;
                }
            }
        }
    }

    /// Whether so much time has passed since the agent last did something of this plan that what
    /// was to hold before its first step is looked at again. What a person did is no such thing:
    /// nobody looked while they did it.
    #[must_use]
    pub fn has_paused(&self, plan: PlanDigest, last_jump: Option<Time>, now: Time) -> bool {
        self.moved.is_some_and(|(of, at)| {
            of == plan && (now.since(at) >= limits::PAUSE || last_jump.is_some_and(|j| j > at))
        })
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

/// How the attempts of a step stand.
enum Attempt {
    Due(u32),
    Running,
    Succeeded,
    Stopped,
    Failed,
}

/// What may be started next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStart<'p> {
    /// This step, as this attempt.
    Step(&'p PlannedStep, u32),
    /// This check once more, under this name, as this attempt.
    Again(&'p PlannedStep, String, u32),
    /// Nothing: the end of a start is not recorded.
    Wait,
    /// Nothing: a step failed for good.
    Failed,
    /// Nothing: what was to hold before the first step holds no more.
    Changed,
    /// Nothing: all steps succeeded.
    Done,
}
