//! Why nothing came of an ask.

use tagout_core::actor::{Act, Role};
use tagout_core::approval::{Answer, Person};
use tagout_core::decide::Rejection;
use tagout_core::digest::PlanDigest;
use tagout_core::time::Time;

use crate::fault::Fault;
use crate::writer::NotRecorded;

/// Why nothing came of an ask, with what to do about it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AskError {
    /// The role does not let them. The attempt is recorded.
    #[error("the role {role} does not let you do this; it takes {} or more", act.least_role())]
    NotAllowed {
        /// What was asked.
        act: Act,
        /// The role.
        role: Role,
    },
    /// What was before them is not the plan any more.
    #[error("the plan has changed since it was shown; read it again")]
    Outdated {
        /// The plan as it is now.
        plan_now: PlanDigest,
        /// In what it differs from the one they saw, one line each; never empty.
        difference: Vec<String>,
    },
    /// They have answered already. That answer holds, and nothing was recorded but the attempt.
    #[error("you have answered this plan already, with {answer:?} at {at}; that answer holds")]
    Answered {
        /// Their answer.
        answer: Answer,
        /// When it was recorded.
        at: Time,
    },
    /// An incident was to go to somebody who is not known.
    #[error("nobody of the name {} is known; `tagout users list` names everybody who is", _0.name())]
    Unknown(Person),
    /// What was named cannot be answered at once.
    #[error("{0}")]
    NoBatch(String),
    /// The rules say no.
    #[error(transparent)]
    Rejected(Rejection),
    /// Nothing could be recorded for now.
    #[error(transparent)]
    NotRecorded(#[from] NotRecorded),
}

impl AskError {
    /// What to say to whoever approved a plan that was stale.
    pub(crate) const fn overtaken() -> &'static str {
        "what the plan rested on had changed: it was made anew, and the approval does not count for \
         it; read it again"
    }

    /// The log could not be read.
    pub(super) fn fault(fault: Fault) -> Self {
        Self::NotRecorded(NotRecorded::Engine(fault.into()))
    }
}
