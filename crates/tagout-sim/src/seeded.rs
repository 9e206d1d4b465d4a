//! The real system with one bug in it: wrappers around the real functions, so that what
//! ships knows nothing of any of this.
//!
//! Most bugs can sit in what decides, in what applies, or in both; where only one of the two
//! is wrong, the other is the second lock.

mod decision;
mod pretence;
mod state;

use tagout_core::command::Command;
use tagout_core::decide::{Rejection, Rules, decide};
use tagout_core::event::Event;
use tagout_core::evolve::{IllegalEvent, evolve};
use tagout_core::incident::Incident;
use tagout_core::shared::Shared;
use tagout_core::time::Time;

use crate::bug::{Bug, Place};
use crate::system::{Stale, System};
use crate::takeover;

/// The real system with one bug in it.
#[derive(Debug, Clone, Copy)]
pub struct Seeded {
    /// What is wrong.
    pub bug: Bug,
    /// Where.
    pub place: Place,
}

impl Seeded {
    fn is(self, bug: Bug) -> bool {
        self.bug == bug
    }
}

impl System for Seeded {
    fn decide(
        &self,
        incident: &Incident,
        id: &str,
        shared: &Shared,
        rules: Rules<'_>,
        command: Command,
        now: Time,
    ) -> Result<Vec<Event>, Rejection> {
        if matches!(self.place, Place::Decide | Place::Both) {
            decision::wrong_decision(self.bug, incident, id, shared, rules, command, now)
        } else {
            decide(incident, id, shared, rules, command, now)
        }
    }

    fn evolve(
        &self,
        incident: Incident,
        event: &Event,
        at: Time,
    ) -> Result<Incident, IllegalEvent> {
        if matches!(self.place, Place::Evolve | Place::Both) {
            state::wrong_state(self.bug, incident, event, at)
        } else {
            evolve(incident, event, at)
        }
    }

    fn share(&self, shared: Shared, event: &Event, incident: &str, at: Time) -> Shared {
        if let (Event::PlanFinished { .. }, true) = (event, self.is(Bug::CoolDownIgnored)) {
            let mut forgetful = event.clone();
            if let Event::PlanFinished { runbook, .. } = &mut forgetful {
                runbook.clear();
            }
            return shared.after(&forgetful, incident, at);
        }
        let forgotten = match event {
            Event::PolicyDecided { .. } => self.is(Bug::BudgetNotCharged),
            Event::StepStarted { .. } => self.is(Bug::TargetNotTaken),
            _ => false,
        };
        if forgotten { shared } else { shared.after(event, incident, at) }
    }

    fn takes(&self, stale: Stale) -> bool {
        !stale.incident && (!stale.shared || self.is(Bug::LastUnitTwice))
    }

    fn answers_after_commit(&self) -> bool {
        !self.is(Bug::AnswerBeforeCommit)
    }

    fn starts_after_commit(&self) -> bool {
        !self.is(Bug::StartBeforeRecord)
    }

    fn records_jumps(&self) -> bool {
        !self.is(Bug::GrantAfterJump)
    }

    fn records_gaps(&self) -> bool {
        !self.is(Bug::GapForgotten)
    }

    fn spares_the_living(&self) -> bool {
        !self.is(Bug::LivingReportedLost)
    }

    fn lost_after(&self) -> u8 {
        takeover::shipped() - u8::from(self.is(Bug::LostTooSoon))
    }

    fn fenced_starts_nothing(&self) -> bool {
        !self.is(Bug::FencedStarts)
    }
}
