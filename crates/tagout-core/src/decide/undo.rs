//! What a finished plan did, taken back.

use super::maker::Maker;
use super::{Ask, Rejection};
use crate::approval::Person;
use crate::digest::PlanDigest;
use crate::event::{Event, StepOutcome};
use crate::incident::{Case, Proposal, StepState};
use crate::plan::{Draft, PlannedStep};
use crate::runbook::StepKind;
use crate::sandbox::Sandboxed;

/// What a finished plan did, taken back in the opposite order: a plan of its own, which the
/// policy decides about and others approve. Nothing if no step says how to take it back, or if
/// the runbook is no longer the one it ran from.
pub(super) fn undoing(
    ask: Ask<'_>,
    case: &Case,
    done: &Proposal,
    by: Option<Person>,
    events: &mut Vec<Event>,
) -> Result<(), Rejection> {
    let Proposal { plan, digest, .. } = done;
    let undone = plan.steps.iter().rev().filter(|step| step.has_undo());
    let undone = undone.filter(|step| states(step, case, *digest).any(has_succeeded));
    let runbook = ask.rules.runbooks.get(&plan.runbook);
    let Some(runbook) = runbook.filter(|r| r.digest == plan.runbook_digest) else {
        return Ok(());
    };
    // What the page demands holds for the way back, also where the way there was held to the same
    // because of its program.
    let sandboxes = |step: &PlannedStep| {
        let of_page = runbook.all().find(|one| one.id == step.id);
        let named = of_page.and_then(|one| one.sandbox.as_deref()).map(Sandboxed::named);
        named.into_iter().collect()
    };
    let back = |step: &PlannedStep| PlannedStep { sandboxes: sandboxes(step), ..step.reversed() };
    let steps: Vec<PlannedStep> = undone.map(back).collect();
    if steps.is_empty() {
        return Ok(());
    }
    let draft = Draft {
        target: plan.target.clone(),
        values: plan.values.clone(),
        preconditions: Vec::new(),
        steps,
        verification: Vec::new(),
    };
    let candidates = case.findings.as_ref().map(|findings| findings.candidates.as_slice());
    let at = candidates.unwrap_or_default().iter().position(|c| c.runbook == runbook.id);
    let at = at.unwrap_or(usize::MAX);
    let maker = Maker { ask, case, by, replaces: Some(plan), undoes: true };
    let mut made = maker.plan(runbook, draft, at);
    made.plan.undoes = Some(*digest);
    let mut told = vec![format!("takes back plan {}", digest.short())];
    told.extend(plan.steps.iter().filter_map(|step| stays(step, case, *digest)));
    made.append(ask, told, events)
}

/// What became of each start of a step.
fn states(step: &PlannedStep, case: &Case, plan: PlanDigest) -> impl Iterator<Item = StepState> {
    let attempts = 1..=step.attempts;
    attempts.filter_map(move |n| case.starts.get(&(plan, step.id.clone(), n)).copied())
}

fn has_succeeded(state: StepState) -> bool {
    state == StepState::Ended(StepOutcome::Succeeded)
}

/// What a plan that takes another back leaves as it is, in words; `None` where the step is taken
/// back, or was never started.
fn stays(step: &PlannedStep, case: &Case, plan: PlanDigest) -> Option<String> {
    if step.kind == StepKind::Check || states(step, case, plan).next().is_none() {
        return None;
    }
    let succeeded = states(step, case, plan).any(has_succeeded);
    let why = match (succeeded, step.has_undo()) {
        (true, true) => return None,
        (true, false) => "it was done, and no undo is declared",
        // A person said that it was not done.
        (false, _) if step.kind == StepKind::Manual => return None,
        (false, _) => "it did not succeed; look at what it did",
    };
    Some(format!("does not take back {} ({}): {why}", step.id, step.title))
}
