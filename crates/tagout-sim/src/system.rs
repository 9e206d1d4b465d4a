//! The system under exploration: the real core and the rules of the engine around it, each
//! a method, so that a seeded bug can wrap one of them and leave the rest as it ships.

use tagout_core::command::{Command, SharedCommand};
use tagout_core::decide::{Rejection, Rules, decide, decide_shared};
use tagout_core::event::Event;
use tagout_core::evolve::{IllegalEvent, evolve};
use tagout_core::incident::Incident;
use tagout_core::shared::Shared;
use tagout_core::time::Time;

/// What has changed since a decision was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Stale {
    /// Something was appended to the same incident, or anything at a later time.
    pub incident: bool,
    /// Something was appended that changes what incidents share.
    pub shared: bool,
}

/// What is explored. The default of every method is what ships, or what the engine owes.
pub trait System {
    /// What a command comes to.
    ///
    /// # Errors
    /// As [`decide`].
    fn decide(
        &self,
        incident: &Incident,
        id: &str,
        shared: &Shared,
        rules: Rules<'_>,
        command: Command,
        now: Time,
    ) -> Result<Vec<Event>, Rejection> {
        decide(incident, id, shared, rules, command, now)
    }

    /// What a command about the shared state comes to.
    ///
    /// # Errors
    /// As [`decide_shared`].
    fn decide_shared(
        &self,
        shared: &Shared,
        command: SharedCommand,
        now: Time,
    ) -> Result<Vec<Event>, Rejection> {
        decide_shared(shared, command, now)
    }

    /// The incident after an event.
    ///
    /// # Errors
    /// As [`evolve`].
    fn evolve(
        &self,
        incident: Incident,
        event: &Event,
        at: Time,
    ) -> Result<Incident, IllegalEvent> {
        evolve(incident, event, at)
    }

    /// The shared state after an event.
    fn share(&self, shared: Shared, event: &Event, incident: &str, at: Time) -> Shared {
        shared.after(event, incident, at)
    }

    /// Whether the log takes events that were decided on a state this old.
    fn takes(&self, stale: Stale) -> bool {
        stale == Stale::default()
    }

    /// Whether the sender is answered only after the events are durable.
    fn answers_after_commit(&self) -> bool {
        true
    }

    /// Whether a process is started only after its start is durable.
    fn starts_after_commit(&self) -> bool {
        true
    }

    /// Whether a running replica records a jump of the clock before anything else.
    fn records_jumps(&self) -> bool {
        true
    }

    /// Whether a replica that comes back records the time in which nobody was there as a
    /// jump, before anything else.
    fn records_gaps(&self) -> bool {
        true
    }

    /// Whether a replica that comes back reports only starts that no living replica holds.
    fn spares_the_living(&self) -> bool {
        true
    }

    /// For how many moments a replica must have seen the membership of another to be over before
    /// what that had started counts as lost.
    fn lost_after(&self) -> u8 {
        crate::takeover::shipped()
    }

    /// Whether a replica whose membership was over starts nothing that it was to start under it.
    fn fenced_starts_nothing(&self) -> bool {
        true
    }
}

/// The system as it ships.
#[derive(Debug, Clone, Copy, Default)]
pub struct Real;

impl System for Real {}
