//! From what was found to a plan, or to a person who is called.

use super::look::opened;
use super::maker::Maker;
use super::{Ask, Rejection};
use crate::event::{Event, PersonNeeded};
use crate::findings::Findings;
use crate::incident::{Case, Incident, Stage};
use crate::limits;
use crate::plan::{Draft, PlanChange};
use crate::runbook::Runbook;
use crate::text::FreeText;

/// The search has ended: look at the system for the best candidate that does not exclude the alert
/// itself, propose it, or call a person.
pub(super) fn from_findings(ask: Ask<'_>, mut findings: Findings) -> Result<Vec<Event>, Rejection> {
    let Incident::Open(case, Stage::Searching) = ask.incident else {
        return Err(Rejection::NotDue("no search is due for this incident"));
    };
    findings.candidates.truncate(limits::CANDIDATES);
    let (excluded, choice) = chosen(ask, case, &findings);
    let mut events = vec![Event::SearchCompleted { findings, excluded }];
    let found = ask.after(&events)?;
    let Incident::Open(case, _) = &found else {
        return Err(Rejection::NotDue("the search has closed the incident"));
    };
    if let Some((_, runbook)) = choice
        && let Ok(draft) = Draft::bind(runbook, &case.alert, &PlanChange::default())
        && let Some(opened) = opened(ask, case, runbook, &draft)
    {
        events.push(opened);
        return match ask.after(&events)? {
            Incident::Open(case, Stage::Found) => proposed(ask, &case, choice, events),
            _ => ask.checked(events),
        };
    }
    proposed(ask, case, choice, events)
}

/// Everything that was to be looked at is over.
pub(super) fn after_looking(
    ask: Ask<'_>,
    case: &Case,
    events: Vec<Event>,
) -> Result<Vec<Event>, Rejection> {
    let findings = case.findings.as_ref();
    let choice = findings.and_then(|findings| chosen(ask, case, findings).1);
    proposed(ask, case, choice, events)
}

/// The runbooks that exclude the alert themselves, each with why; and the one that does not, with
/// its place among the candidates.
type Chosen<'r> = (Vec<(String, String)>, Option<(usize, &'r Runbook)>);

/// The best candidate that does not exclude the alert itself, and those before it that do.
fn chosen<'r>(ask: Ask<'r>, case: &Case, findings: &Findings) -> Chosen<'r> {
    let mut excluded = Vec::new();
    for (at, candidate) in findings.candidates.iter().enumerate() {
        if candidate.confidence < ask.rules.policy.min_match {
            break;
        }
        // Only known runbooks: a candidate the catalogue lacks is no candidate.
        let Some(runbook) = ask.rules.runbooks.get(&candidate.runbook) else { continue };
        match runbook.excludes(&case.alert) {
            Some(why) => excluded.push((runbook.id.clone(), why)),
            None => return (excluded, Some((at, runbook))),
        }
    }
    (excluded, None)
}

/// A plan of what was chosen, or a person who is called.
fn proposed(
    ask: Ask<'_>,
    case: &Case,
    choice: Option<(usize, &Runbook)>,
    mut events: Vec<Event>,
) -> Result<Vec<Event>, Rejection> {
    let Some((at, runbook)) = choice else {
        events.push(Event::PersonCalled { why: PersonNeeded::NoRunbook });
        return ask.checked(events);
    };
    match Draft::bind(runbook, &case.alert, &PlanChange::default()) {
        Ok(draft) => {
            let made = Maker { ask, case, by: None, replaces: None, undoes: false }
                .plan(runbook, draft, at);
            made.append(ask, Vec::new(), &mut events)?;
        }
        Err(error) => events.push(Event::PersonCalled {
            why: PersonNeeded::CannotBind {
                runbook: runbook.id.clone(),
                why: FreeText::from(error.to_string()),
            },
        }),
    }
    ask.checked(events)
}
