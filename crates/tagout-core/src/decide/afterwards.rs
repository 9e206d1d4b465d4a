//! People look afterwards at what ran without them, and may ask for it to be taken back.

use super::undo::undoing;
use super::{Ask, Rejection};
use crate::afterwards::Hindsight;
use crate::approval::Person;
use crate::digest::PlanDigest;
use crate::event::{Event, PlanOutcome};
use crate::incident::{Case, Closure, Incident, Stage};
use crate::limits;
use crate::text::FreeText;

/// Whether the incident is about what somebody did alone, and nobody else has looked at that yet.
pub(super) fn is_own_doing(ask: Ask<'_>, case: &Case, by: &Person) -> bool {
    let debts = ask.shared.debts();
    let mut owed = debts.owed().values();
    let mut broken = debts.broken_glass().filter(|b| b.incident == ask.id && b.by == *by);
    owed.any(|o| o.incident == ask.id && o.not_by.as_ref() == Some(by))
        || broken.any(|b| case.starts.keys().any(|(plan, ..)| *plan == b.plan))
}

/// A person says whether what ran without people was right. If it was not, what can be taken
/// back of it is offered as a plan, which others must approve.
pub(super) fn review(
    ask: Ask<'_>,
    by: Person,
    plan: PlanDigest,
    hindsight: Hindsight,
    reason: FreeText,
) -> Result<Vec<Event>, Rejection> {
    let Some(owed) = ask.shared.debts().owed().get(&plan).filter(|o| o.incident == ask.id) else {
        return Err(Rejection::NotDue("no review of this plan is owed"));
    };
    if owed.not_by.as_ref() == Some(&by) {
        return Err(Rejection::own_doing("somebody else must review what you did alone"));
    }
    let said = reason.as_str().trim().len();
    if reason.as_str().len() > limits::REASON_BYTES
        || (hindsight == Hindsight::Rejected && said == 0)
    {
        return Err(Rejection::ReasonNeeded);
    }
    let mut events = vec![Event::ReviewedAfterwards { plan, by: by.clone(), hindsight, reason }];
    if hindsight == Hindsight::Upheld {
        return ask.checked(events);
    }
    match ask.incident {
        Incident::Open(case, Stage::Finished(done, outcome))
            if done.digest == plan && *outcome != PlanOutcome::Rehearsed =>
        {
            undoing(ask, case, done, Some(by), &mut events)?;
        }
        Incident::Closed(case, Closure::AlertEnded | Closure::ByPerson(_)) => {
            let ran = case.ran.as_deref().filter(|(done, _)| done.digest == plan);
            if let Some((done, _)) = ran {
                events.push(Event::IncidentReopened { plan });
                let before = events.len();
                undoing(ask, case, done, Some(by), &mut events)?;
                // Open again it would wait for nothing.
                if events.len() == before {
                    events.pop();
                }
            }
        }
        _ => {}
    }
    ask.checked(events)
}
