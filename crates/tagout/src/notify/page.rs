//! What a notice is to a paging service, which keeps one alert for each incident.

use tagout_core::notice::{Notice, Topic};

/// What is done with the alert there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// Somebody is woken.
    Open,
    /// Somebody is at it: nobody else needs to be woken.
    Take,
    /// It is over.
    End,
}

impl Page {
    /// What a notice asks for.
    pub(crate) const fn of(notice: &Notice) -> Self {
        match notice.topic {
            Topic::ReviewRequested
            | Topic::ClockWarning
            | Topic::Warned
            | Topic::Escalated
            | Topic::Lapsed
            | Topic::Halted
            | Topic::PersonNeeded
            | Topic::KillSwitchEngaged
            | Topic::GlassBroken => Self::Open,
            Topic::Decided | Topic::Taken => Self::Take,
            Topic::Closed | Topic::KillSwitchReleased => Self::End,
        }
    }
}

/// What the alert is called there: the incident's id, the same for all of its notices.
pub(crate) fn key(notice: &Notice) -> &str {
    if notice.incident.is_empty() { "tagout-kill-switch" } else { &notice.incident }
}
