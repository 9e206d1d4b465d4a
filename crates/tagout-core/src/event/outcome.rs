//! How a plan was granted, and how it and its steps ended.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::approval::Person;
use crate::digest::PlanDigest;
use crate::stale::Changed;
use crate::time::{Span, Time};

/// Why a plan may no longer run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoidReason {
    /// A reviewer rejected it.
    Rejected {
        /// Who.
        by: Person,
    },
    /// Nobody decided in time. Not a refusal.
    TimedOut,
    /// A person made another plan of it.
    Modified {
        /// The plan that takes its place.
        by_plan: PlanDigest,
    },
    /// The alert ended.
    AlertEnded,
    /// The alert came back with a higher severity.
    AlertWorsened,
    /// A person took back the grant.
    Revoked {
        /// Who.
        by: Person,
    },
    /// What it rested on has changed.
    Stale {
        /// What.
        what: BTreeSet<Changed>,
    },
}

/// Who granted a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantedBy {
    /// The policy: PROCEED.
    Policy,
    /// People.
    Quorum(Vec<Person>),
    /// The clock: a delivered warning and an uninterrupted wait.
    Clock {
        /// Since when the wait was uninterrupted.
        waited_from: Time,
        /// How many actions that starts without a person, charged to the tier's budget.
        actions: u32,
        /// Whose budget that is.
        scope: String,
    },
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// It did what it should.
    Succeeded,
    /// It did not.
    Failed,
    /// It was stopped at its time-out.
    TimedOut,
    /// It was stopped by the kill switch, a revoke or a shutdown.
    Stopped,
}

/// What a look before the decision comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookOutcome {
    /// What it checks holds.
    Held,
    /// It does not hold.
    DidNotHold,
    /// It took too long and was ended.
    TimedOut,
    /// It was not started.
    NotStarted,
    /// It was cut off, so nothing can be said. It has changed nothing.
    Cut,
}

/// How a plan ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanOutcome {
    /// Every step was shown as it would run, and no action was started.
    Rehearsed,
    /// Every step succeeded.
    Completed,
    /// A step failed.
    Failed,
}

/// Whether a plan has helped: what became of its alert after the last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effectiveness {
    /// The alert ended within the time that the policy gives.
    Resolved,
    /// It still fired at the end of that time.
    StillFiring,
    /// Nobody can say: somebody closed the incident, another plan began, or the clock jumped or
    /// nobody was there to hear of the end.
    NotKnown,
}

/// What a person found out about a step whose end nobody recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepFinding {
    /// It ran.
    Ran,
    /// It did not.
    DidNotRun,
    /// Nobody can say yet: somebody looks into it, and it stays unknown.
    Investigating,
}

/// How the command of a step ended, beside what that counts as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandEnd {
    /// The code that it ended with, if it ended by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended it, if that was not the agent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// What held its processes together; absent if it was never started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containment: Option<String>,
    /// Whether processes were left when it had ended, and had to be ended too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_behind: bool,
    /// Whether some of its processes may still be there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_gone: bool,
    /// How much of what it was held to the kernel enforced; absent if it was held to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<String>,
    /// From its start until all was over.
    pub took: Span,
}
