//! What triage decided about an alert, and for what an incident stands.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::alert::Severity;
use crate::calm::CalmKind;
use crate::stale::Changed;
use crate::text::FreeText;

/// Why an alert was closed before any search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriagedAway {
    /// The sender says the condition is over.
    Resolved,
    /// The sender holds it back by a silence or an inhibition.
    Suppressed,
    /// One of our own silences holds.
    Silenced(String),
    /// A maintenance window holds.
    Maintenance(String),
    /// Its severity is informational.
    Informational,
    /// An alert with an open incident holds it back.
    Inhibited {
        /// That incident.
        by: String,
    },
    /// Its text reports a normal state, a finished change or an announcement.
    ReportsCalm {
        /// Which of these.
        calm: CalmKind,
        /// The words that say so.
        phrase: FreeText,
    },
}

impl TriagedAway {
    /// Whether the alert is held back for a time: it is looked at again when that is over,
    /// whether its sender repeats it or not.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        matches!(self, Self::Silenced(_) | Self::Maintenance(_) | Self::Inhibited { .. })
    }
}

/// Why a person is needed although there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonNeeded {
    /// Nothing known matches.
    NoRunbook,
    /// Its severity is high, its text says all is well: no plan, but somebody looks.
    ReportsCalm {
        /// Which kind of text.
        calm: CalmKind,
        /// The words that say so.
        phrase: FreeText,
    },
    /// The matching runbook could not be bound to the alert.
    CannotBind {
        /// The runbook.
        runbook: String,
        /// Why.
        why: FreeText,
    },
    /// So many alerts came at once that they stand for one outage. No plan is made for a
    /// target out of many.
    Storm(Gathering),
    /// What the plan rested on has changed, and it could not be made anew.
    PlanStale {
        /// What has changed.
        what: BTreeSet<Changed>,
    },
    /// A source sends what cannot be read; alerts may be lost in it.
    Unreadable {
        /// The source.
        source: String,
    },
}

/// For what an incident stands besides the alert that opened it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gathering {
    /// For every further alert of one name and severity.
    SameName {
        /// The name.
        name: String,
        /// The severity.
        severity: Severity,
    },
    /// For every further alert of one severity.
    Everything {
        /// The severity.
        severity: Severity,
    },
    /// For one alert that begins and ends again and again.
    Flapping {
        /// How often it had begun within the window.
        starts: u32,
    },
}

/// What triage decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Triage {
    /// Closed, with the reason.
    Away(TriagedAway),
    /// No plan, but a person.
    Person(PersonNeeded),
    /// A runbook is to be found.
    Search,
}
