//! A maintenance window or a silence, and those that hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Shared;
use crate::alert::Alert;
use crate::approval::Person;
use crate::condition::Conditions;
use crate::event::WindowKind;
use crate::matcher::LabelMatcher;
use crate::text::FreeText;
use crate::time::Time;

/// A maintenance window or a silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// What it is.
    pub kind: WindowKind,
    /// The alerts it covers.
    pub matcher: LabelMatcher,
    /// What else must hold for an alert that it covers. Absent if this release does not
    /// understand it; then it covers none.
    pub conditions: Option<Arc<Conditions>>,
    /// When it begins.
    pub from: Time,
    /// When it ends.
    pub until: Time,
    /// Who opened it.
    pub by: Person,
    /// Why, if somebody said so.
    pub reason: FreeText,
}

impl Window {
    /// Whether it covers alerts with these labels at `now`.
    #[must_use]
    pub fn covers(&self, labels: &BTreeMap<String, String>, now: Time) -> bool {
        self.from <= now
            && now < self.until
            && self.matcher.matches(labels)
            && self.conditions.as_ref().is_some_and(|conditions| conditions.hold(labels))
    }
}

impl Shared {
    /// The window that covers `alert` at `now`, by id.
    #[must_use]
    pub fn window(&self, alert: &Alert, now: Time) -> Option<(&str, &Window)> {
        self.windows
            .iter()
            .find(|(_, window)| window.covers(&alert.labels, now))
            .map(|(id, w)| (id.as_str(), w))
    }

    /// The windows that have not ended at `now`, by id.
    pub fn windows(&self, now: Time) -> impl Iterator<Item = (&str, &Window)> {
        let open = self.windows.iter().filter(move |(_, window)| now < window.until);
        open.map(|(id, window)| (id.as_str(), window))
    }

    /// Whether a window of this id has not ended at `now`.
    #[must_use]
    pub fn has_window(&self, id: &str, now: Time) -> bool {
        self.windows.get(id).is_some_and(|window| now < window.until)
    }
}
