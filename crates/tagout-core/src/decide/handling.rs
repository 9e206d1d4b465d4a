//! People work on an incident: acknowledge, assign, hand over, comment, snooze, merge.

use super::{Ask, Rejection, ended};
use crate::approval::Person;
use crate::event::Event;
use crate::handling::Handled;
use crate::incident::{Case, Incident, Stage};
use crate::limits;
use crate::text::FreeText;

fn open(ask: Ask<'_>) -> Result<(&Case, &Stage), Rejection> {
    match ask.incident {
        Incident::Absent => Err(Rejection::NoSuchIncident),
        Incident::Closed(..) => Err(Rejection::Closed),
        Incident::Open(case, stage) => Ok((case, stage)),
    }
}

fn given(reason: &FreeText) -> Result<(), Rejection> {
    let length = reason.as_str().trim().len();
    if length == 0 || reason.as_str().len() > limits::REASON_BYTES {
        return Err(Rejection::ReasonNeeded);
    }
    Ok(())
}

/// A person does something with the incident besides deciding about its plan.
pub(super) fn handle(ask: Ask<'_>, by: Person, what: Handled) -> Result<Vec<Event>, Rejection> {
    // What is learnt of an incident afterwards belongs to it too.
    if let (Handled::Commented { text }, Incident::Closed(..)) = (&what, ask.incident) {
        given(text)?;
        return ask.checked(vec![Event::IncidentHandled { by, what }]);
    }
    let (case, stage) = open(ask)?;
    match &what {
        Handled::Acknowledged if case.handling.acknowledged.is_some() => {
            return Err(Rejection::NotDue("somebody has acknowledged it already; assign it"));
        }
        Handled::Acknowledged => {}
        Handled::Assigned { to } if *to == case.handling.assignee => {
            return Err(Rejection::NotDue("it is assigned so already"));
        }
        Handled::Assigned { .. } => {}
        Handled::HandedOver { to, note } => {
            given(note)?;
            if *to == by {
                return Err(Rejection::NotDue("hand it over to somebody else"));
            }
        }
        Handled::Commented { text } => given(text)?,
        Handled::Snoozed { until, reason } => {
            given(reason)?;
            if *until <= ask.now || *until > ask.now.after(limits::SNOOZE) {
                return Err(Rejection::NotDue("a snooze ends within a day from now"));
            }
            // Who sleeps through the end of a request has not decided it.
            if let Stage::Waiting(proposal, ..) = stage
                && *until >= proposal.plan.expires_at
            {
                return Err(Rejection::NotDue(
                    "the request lapses before that; snooze it for a shorter time",
                ));
            }
        }
        Handled::Woken if case.handling.snoozed(ask.now).is_none() => {
            return Err(Rejection::NotDue("it is not snoozed"));
        }
        Handled::Woken => {}
    }
    ask.checked(vec![Event::IncidentHandled { by, what }])
}

/// A snooze that has come to its end, so that people are told.
pub(super) fn snooze_over(ask: Ask<'_>) -> Option<Event> {
    let over = ask.incident.case().is_some_and(|case| case.handling.oversleeps(ask.now));
    (over && matches!(ask.incident, Incident::Open(..))).then_some(Event::SnoozeEnded {})
}

/// A person makes the incident part of another one.
pub(super) fn merge(
    ask: Ask<'_>,
    into: String,
    by: Person,
    reason: FreeText,
) -> Result<Vec<Event>, Rejection> {
    let (case, stage) = open(ask)?;
    given(&reason)?;
    if into == ask.id {
        return Err(Rejection::NotDue("an incident cannot be merged into itself"));
    }
    if ask.shared.open(&into).is_none() {
        return Err(Rejection::NotDue("the incident to merge into is not open"));
    }
    if case.way_back.is_some() {
        return Err(Rejection::NotDue(
            "it is open only to take back what it did; no alert belongs to it any more",
        ));
    }
    if ask.shared.open(ask.id).is_some_and(|open| open.gathers.is_some()) {
        return Err(Rejection::NotDue(
            "it gathers further alerts; merge the other incident into this one",
        ));
    }
    let how = "the incident was merged into another one";
    let mut events = ended::by_person(ask, (case, stage), &by, how)?;
    events.push(Event::IncidentMerged { into, by, reason });
    ask.checked(events)
}

/// Another incident was merged into this one.
pub(super) fn take_in(ask: Ask<'_>, from: String, by: Person) -> Result<Vec<Event>, Rejection> {
    let (case, _) = open(ask)?;
    if case.handling.took_in.contains(&from) {
        return Err(Rejection::NotDue("it is part of this incident already"));
    }
    ask.checked(vec![Event::IncidentTookIn { from, by }])
}
