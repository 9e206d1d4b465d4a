//! The engine's part in looking before a decision: leave to take a look, and what is given up.

use std::collections::BTreeSet;

use tagout_core::command::Command;
use tagout_core::digest::PlanDigest;
use tagout_core::effect::{Effect, effect};
use tagout_core::incident::{Incident, Stage};
use tagout_core::inspection::Inspected;
use tagout_log::storage::Storage;

use super::{Engine, EngineError, Wish};
use crate::journal::LookPermit;

impl<S: Storage> Engine<S> {
    /// Has looks opened that somebody takes: without this each is recorded as not started.
    #[must_use]
    pub fn looking(self) -> Self {
        Self { looks: true, ..self }
    }

    /// Records the start of an inspection's next look, and gives leave to take it: the only way to
    /// a permit. There is none if something else came of it.
    ///
    /// # Errors
    /// If nothing may start, or the log cannot be written. Then nothing was started.
    pub fn start_look(
        &mut self,
        id: &str,
        inspection: PlanDigest,
    ) -> Result<Option<LookPermit>, EngineError> {
        let command = Command::StartLook { inspection };
        Ok(self.start(Wish::Ask(id.to_owned(), command))?.looks.into_iter().next())
    }

    /// The inspections whose next look is due, with their incidents.
    pub fn looks_due(&self) -> Vec<(String, PlanDigest)> {
        let due = |(id, incident): (&str, &Incident)| match effect(incident) {
            Some(Effect::Look(inspection)) => Some((id.to_owned(), inspection)),
            _ => None,
        };
        self.journal.incidents().filter_map(due).collect()
    }

    /// Gives up each look that has begun and is of none of these inspections, those of whoever asks:
    /// nobody will tell its end, and it has changed nothing. Under the kill switch those that have
    /// not begun are given up too.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn give_up_looks(&mut self, running: &BTreeSet<PlanDigest>) -> Result<(), EngineError> {
        let halted = self.journal.shared().kill_switch;
        let given_up = |(id, incident): (&str, &Incident)| {
            let Incident::Open(case, Stage::Looking) = incident else { return None };
            let Inspected { digest, .. } = case.inspected.as_ref()?;
            let lost = !running.contains(digest) && effect(incident).is_none();
            (lost || (halted && effect(incident).is_some())).then(|| (id.to_owned(), *digest))
        };
        let all: Vec<_> = self.journal.incidents().filter_map(given_up).collect();
        for (id, inspection) in all {
            let why = if halted { "the kill switch is engaged" } else { "nobody told its end" };
            let command = Command::GiveUpLooks { inspection, all: halted, why: why.into() };
            self.wish(Wish::Ask(id, command))?;
        }
        Ok(())
    }
}
