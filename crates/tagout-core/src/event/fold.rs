//! What became of the alerts of a delivery that have no event of their own.

use serde::{Deserialize, Serialize};

use crate::alert::Severity;
use crate::digest::AlertIdentity;
use crate::text::FreeText;
use crate::time::Time;

/// An alert of a delivery that went into an incident without changing it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldedAlert {
    /// The fault it is about.
    pub identity: AlertIdentity,
    /// The incident.
    pub incident: String,
    /// What it was to it.
    pub how: Fold,
}

/// What an alert was to the incident it went into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fold {
    /// It had been delivered before.
    Repeated,
    /// It is new and belongs to what the incident stands for. The text `joined` of the event
    /// says which alert it is.
    Joined {
        /// What its severity counts as.
        severity: Severity,
        /// When it began, by the sender's clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        began: Option<Time>,
    },
    /// It has ended, at this time if the sender says so; others of the incident go on.
    Ended(Option<Time>),
    /// It fires again in an incident that is still open, or its sender says that it began
    /// anew without having said that it ended; since this time, if the sender says so.
    Returned(Option<Time>),
    /// It tells of something that was over already when it came.
    Late,
}

/// One alert of a delivery that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlawedAlert {
    /// Its place in the delivery, from 0.
    pub index: u64,
    /// What is wrong with it.
    pub flaw: FreeText,
}
