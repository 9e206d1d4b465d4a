//! What ends with an incident: its looks, the wait for whether its plan has helped, and a plan that has
//! not ended.

use super::afterwards::is_own_doing;
use super::look::cut_short;
use super::step::looked;
use super::{Ask, Rejection};
use crate::approval::Person;
use crate::event::{Effectiveness, Event, VoidReason};
use crate::incident::{Case, Stage};

/// A person ends the incident: not while a step has no recorded end, nor before somebody else has
/// reviewed what they did alone.
pub(super) fn by_person(
    ask: Ask<'_>,
    (case, stage): (&Case, &Stage),
    by: &Person,
    how: &str,
) -> Result<Vec<Event>, Rejection> {
    if case.in_flight() {
        return Err(Rejection::NotDue("a step has no recorded end; resolve it first"));
    }
    if is_own_doing(ask, case, by) {
        return Err(Rejection::own_doing("somebody else must first review what you did alone"));
    }
    let mut events = cut_short(ask, how);
    let awaited = case.awaits.as_ref();
    events.extend(awaited.map(|awaited| looked(awaited, Effectiveness::NotKnown)));
    events.extend(voided(stage, VoidReason::Revoked { by: by.clone() }));
    Ok(events)
}

/// A plan that has not ended must not outlive what it was made for, granted or not.
pub(super) fn voided(stage: &Stage, why: VoidReason) -> Option<Event> {
    match stage {
        Stage::Waiting(proposal, ..) | Stage::Halted(proposal) | Stage::Granted(proposal, _) => {
            Some(Event::PlanVoided { plan: proposal.digest, why })
        }
        _ => None,
    }
}
