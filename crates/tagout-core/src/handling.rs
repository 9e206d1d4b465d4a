//! What people do with an incident besides deciding about its plan: who saw it, whose it is,
//! what they said, and until when nobody is to be reminded.

use serde::{Deserialize, Serialize};

use crate::approval::Person;
use crate::text::FreeText;
use crate::time::Time;

/// Something that a person did with an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handled {
    /// They have seen it and look after it.
    Acknowledged,
    /// It is somebody's from now on, or nobody's.
    Assigned {
        /// Whose.
        to: Option<Person>,
    },
    /// It is somebody else's from now on, who is told how things stand.
    HandedOver {
        /// Whose.
        to: Person,
        /// How things stand.
        note: FreeText,
    },
    /// They said something.
    Commented {
        /// What.
        text: FreeText,
    },
    /// Nobody is reminded of it until then, or until something changes. What waits for an answer
    /// lapses all the same.
    Snoozed {
        /// Until when.
        until: Time,
        /// Why.
        reason: FreeText,
    },
    /// The snooze is over before its end.
    Woken,
}

/// Where the handling of an incident stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Handling {
    /// Who first said that they look after it, and when.
    pub acknowledged: Option<(Person, Time)>,
    /// Whose it is.
    pub assignee: Option<Person>,
    /// How many comments there are.
    pub comments: u32,
    /// Until when nobody is reminded.
    snoozed_until: Option<Time>,
    /// When the last snooze was over.
    quiet_until: Option<Time>,
    /// The incidents that were merged into this one.
    pub took_in: Vec<String>,
}

impl Handling {
    /// Until when nobody is reminded of it, if that is still to come at `now`.
    #[must_use]
    pub fn snoozed(&self, now: Time) -> Option<Time> {
        self.snoozed_until.filter(|until| now < *until)
    }

    /// When a snooze ends whose end is not recorded yet, whatever the time.
    #[must_use]
    pub const fn wakes_at(&self) -> Option<Time> {
        self.snoozed_until
    }

    /// Whether a snooze has come to its end at `now` and nobody was told yet.
    #[must_use]
    pub fn oversleeps(&self, now: Time) -> bool {
        self.snoozed_until.is_some_and(|until| now >= until)
    }

    /// When the last snooze was over, or will be.
    #[must_use]
    pub fn quiet_until(&self) -> Option<Time> {
        self.quiet_until.max(self.snoozed_until)
    }

    /// Ends a snooze: its time is over, or the incident is no longer what it was.
    pub(crate) fn wake(&mut self, at: Time) {
        if let Some(until) = self.snoozed_until.take() {
            self.quiet_until = Some(until.min(at));
        }
    }

    /// Takes in what `by` did.
    pub(crate) fn after(&mut self, what: &Handled, by: &Person, at: Time) {
        match what {
            Handled::Acknowledged => {
                self.acknowledged.get_or_insert_with(|| (by.clone(), at));
            }
            Handled::Assigned { to } => self.assignee.clone_from(to),
            Handled::HandedOver { to, .. } => self.assignee = Some(to.clone()),
            Handled::Commented { .. } => self.comments = self.comments.saturating_add(1),
            Handled::Snoozed { until, .. } => self.snoozed_until = Some(*until),
            Handled::Woken => self.wake(at),
        }
    }
}
