//! Looking before deciding: which checks are looked at, each look and what came of it. Whatever
//! comes of them, the incident goes on to a plan: what could not be seen is told to people.

use super::propose::after_looking;
use super::{Ask, Rejection};
use crate::digest::PlanDigest;
use crate::event::{Event, LookOutcome};
use crate::incident::{Case, Incident, Stage};
use crate::inspection::{Inspected, Inspection, LookState, NotLooked, PlannedLook, planned};
use crate::limits;
use crate::plan::Draft;
use crate::runbook::Runbook;
use crate::text::FreeText;

const NO_LOOK: Rejection = Rejection::NotDue("no such look is due for this incident");

/// What is to be looked at before the draft is decided on, if the policy lets anything be looked
/// at and the page has checks that come before anything else.
pub(super) fn opened(ask: Ask<'_>, case: &Case, runbook: &Runbook, draft: &Draft) -> Option<Event> {
    let Ask { shared, now, .. } = ask;
    let rules = ask.rules.policy.inspection.as_ref()?;
    let left = (
        rules.per_incident.min(limits::LOOKS_PER_INCIDENT).saturating_sub(case.looks),
        rules.per_target.saturating_sub(shared.looked(&draft.target, rules.window, now)),
    );
    let looks = planned(rules, draft, left);
    if looks.is_empty() {
        return None;
    }
    let inspection = Inspection {
        incident: ask.id.to_owned(),
        number: case.inspections + 1,
        runbook: runbook.id.clone(),
        runbook_digest: runbook.digest,
        target: draft.target.clone(),
        looks,
        policy: ask.rules.policy.digest(),
        expires_at: now.after(limits::INSPECTION_TIME),
    };
    let digest = inspection.digest();
    Some(Event::InspectionOpened { inspection, digest })
}

fn looking(ask: Ask<'_>, digest: PlanDigest) -> Result<&Inspected, Rejection> {
    let Incident::Open(case, Stage::Looking) = ask.incident else { return Err(NO_LOOK) };
    case.inspected.as_ref().filter(|inspected| inspected.digest == digest).ok_or(NO_LOOK)
}

/// The next look may start, if nothing stands in its way at this very moment. Where something does,
/// it is over with that.
pub(super) fn start(ask: Ask<'_>, digest: PlanDigest) -> Result<Vec<Event>, Rejection> {
    let inspected = looking(ask, digest)?;
    let Inspection { target, expires_at, .. } = &inspected.inspection;
    let Ask { shared, rules, now, .. } = ask;
    let Some(look) = inspected.next() else { return Err(NO_LOOK) };
    let inspection = rules.policy.inspection.as_ref();
    // What the operator lists may have changed since it was planned.
    let listed = inspection.is_some_and(|rules| rules.lists(look));
    let lately = |window| shared.looked(target, window, now);
    let why = if shared.kill_switch {
        "the kill switch is engaged"
    } else if now >= *expires_at {
        "the time for looks is over"
    } else if !listed {
        "it is not listed any more"
    } else if inspection.is_some_and(|rules| lately(rules.window) >= rules.per_target) {
        // Another incident may have looked at it meanwhile.
        let output = NotLooked::PerTarget.to_string().into();
        let (step, outcome) = (look.step.clone(), LookOutcome::NotStarted);
        let end = Event::LookEnded { inspection: digest, step, outcome, output, ended: None };
        return gone_on(ask, vec![end]);
    } else {
        let (step, target) = (look.step.clone(), target.clone());
        return ask.checked(vec![Event::LookStarted { inspection: digest, step, target }]);
    };
    given_up(ask, digest, true, &why.into())
}

/// A look is over.
pub(super) fn finish(ask: Ask<'_>, event: Event) -> Result<Vec<Event>, Rejection> {
    let Event::LookEnded { inspection, step, .. } = &event else { return Err(NO_LOOK) };
    let inspected = looking(ask, *inspection)?;
    if inspected.running().is_none_or(|(look, _)| look.step != *step) {
        return Err(NO_LOOK);
    }
    gone_on(ask, vec![event])
}

/// The look that runs is cut off, and with `all` those that have not begun are not started.
pub(super) fn given_up(
    ask: Ask<'_>,
    digest: PlanDigest,
    all: bool,
    why: &FreeText,
) -> Result<Vec<Event>, Rejection> {
    let events = ends(looking(ask, digest)?, all, why);
    if events.is_empty() { Err(NO_LOOK) } else { gone_on(ask, events) }
}

fn ends(inspected: &Inspected, all: bool, why: &FreeText) -> Vec<Event> {
    let end = |(look, state): (&PlannedLook, &LookState)| {
        let outcome = match state {
            LookState::Running(_) => LookOutcome::Cut,
            LookState::Due if all => LookOutcome::NotStarted,
            LookState::Refused(_) | LookState::Due | LookState::Over(_) => return None,
        };
        Some(Event::LookEnded {
            inspection: inspected.digest,
            step: look.step.clone(),
            outcome,
            output: why.clone(),
            ended: None,
        })
    };
    inspected.looks().filter_map(end).collect()
}

/// The looks that must be over before something else ends or changes the incident.
pub(super) fn cut_short(ask: Ask<'_>, why: &str) -> Vec<Event> {
    let Incident::Open(case, Stage::Looking) = ask.incident else { return Vec::new() };
    case.inspected.iter().flat_map(|inspected| ends(inspected, true, &why.into())).collect()
}

/// Time has passed: looks that should long be over keep nobody waiting.
pub(super) fn overdue(ask: Ask<'_>) -> Result<Vec<Event>, Rejection> {
    let Incident::Open(case, Stage::Looking) = ask.incident else { return Ok(Vec::new()) };
    let Some(inspected) = &case.inspected else { return Ok(Vec::new()) };
    let late = inspected.running().is_some_and(|(look, since)| {
        ask.now >= since.after(look.timeout).after(limits::LOOK_PATIENCE)
    });
    let all = ask.now >= inspected.inspection.expires_at;
    if late || (all && inspected.running().is_none()) {
        return given_up(ask, inspected.digest, all, &"nobody told its end in time".into());
    }
    Ok(Vec::new())
}

/// These events, and a plan if every look is over.
fn gone_on(ask: Ask<'_>, events: Vec<Event>) -> Result<Vec<Event>, Rejection> {
    match ask.after(&events)? {
        Incident::Open(case, Stage::Found) => after_looking(ask, &case, events),
        _ => ask.checked(events),
    }
}
