//! What a finished plan did, taken back.

use super::afterwards::stays;
use super::maker::Maker;
use super::{Ask, Rejection};
use crate::approval::Person;
use crate::event::{Event, StepOutcome};
use crate::incident::{Case, Proposal, StepState};
use crate::plan::{Draft, PlannedStep};
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
    let succeeded = |step: &&PlannedStep| {
        (1..=step.attempts).any(|attempt| {
            let start = (*digest, step.id.clone(), attempt);
            case.starts.get(&start) == Some(&StepState::Ended(StepOutcome::Succeeded))
        })
    };
    let undone = plan.steps.iter().rev().filter(|step| step.has_undo()).filter(succeeded);
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
