//! What people send by the forms of a review or an incident. Each names the plan and the mode
//! that were before them; what came of it is read on the page that follows. What is refused
//! stays on the page it came from, as it was typed.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use tagout_core::approval::Answer;
use tagout_core::digest::PlanDigest;
use tagout_core::event::Event;

use super::change::changes;
use super::error::PageError;
use super::form::{Fields, Posted};
use super::refused::Refused;
use super::{change, encoded, review};
use crate::asks::IncidentAsk;
use crate::http::App;
use crate::http::asking::mode;
use crate::http::caller::Caller;
use crate::http::problem::Problem;
use crate::journal::Recorded;

type Plan = Path<(String, String)>;

/// The forms of a review, as their pages name them.
pub(super) const ANSWER: &str = "answer";
pub(super) const GLASS: &str = "glass";
pub(super) const RESUME: &str = "resume";
pub(super) const REVOKE: &str = "revoke";
pub(super) const MODIFY: &str = "modify";

/// Approves the plan.
pub(super) async fn approve(
    State(app): State<Arc<App>>,
    plan: Plan,
    posted: Posted,
) -> Result<Response, PageError> {
    send(&app, plan, posted, ANSWER, |plan, fields| answer(plan, fields, Answer::Approve)).await
}

/// Rejects it.
pub(super) async fn reject(
    State(app): State<Arc<App>>,
    plan: Plan,
    posted: Posted,
) -> Result<Response, PageError> {
    send(&app, plan, posted, ANSWER, |plan, fields| answer(plan, fields, Answer::Reject)).await
}

fn answer(plan: PlanDigest, fields: &Fields, answer: Answer) -> Result<IncidentAsk, Problem> {
    Ok(IncidentAsk::Answer { plan, mode: mode(shown(fields))?, answer, reason: fields.reason() })
}

/// Approves alone what needs more people.
pub(super) async fn break_glass(
    State(app): State<Arc<App>>,
    plan: Plan,
    posted: Posted,
) -> Result<Response, PageError> {
    let ask = |plan, fields: &Fields| {
        Ok(IncidentAsk::BreakGlass { plan, mode: mode(shown(fields))?, reason: fields.reason() })
    };
    send(&app, plan, posted, GLASS, ask).await
}

/// Takes back a grant.
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    plan: Plan,
    posted: Posted,
) -> Result<Response, PageError> {
    send(&app, plan, posted, REVOKE, |plan, _| Ok(IncidentAsk::Revoke { plan })).await
}

/// Has a halted plan decided again.
pub(super) async fn resume(
    State(app): State<Arc<App>>,
    plan: Plan,
    posted: Posted,
) -> Result<Response, PageError> {
    let ask = |plan, fields: &Fields| Ok(IncidentAsk::ResumeHalt { plan, reason: fields.reason() });
    send(&app, plan, posted, RESUME, ask).await
}

/// Makes another plan of it.
pub(super) async fn modify(
    State(app): State<Arc<App>>,
    Path((id, plan)): Plan,
    Posted { caller, fields }: Posted,
) -> Result<Response, PageError> {
    let plan = review::digest(&plan)?;
    let ask = mode(shown(&fields)).map(|mode| IncidentAsk::Modify {
        plan,
        mode,
        change: changes(&fields),
        reason: fields.reason(),
    });
    match put(&app, &caller, &id, ask).await {
        Ok(recorded) => {
            let made = recorded.iter().find_map(|recorded| match recorded.event() {
                Event::PlanProposed { digest, .. } => Some(*digest),
                _ => None,
            });
            Ok(made.map_or_else(
                || to_incident(&id),
                |digest| Redirect::to(&review::address(&id, digest)).into_response(),
            ))
        }
        Err(problem) => {
            let refused = Refused::new(MODIFY, fields.clone(), problem);
            change::page(&app, &caller, (id, plan), &fields, Some(&refused)).await
        }
    }
}

/// The mode that was before them, as their form has it.
fn shown(fields: &Fields) -> &str {
    fields.get("mode").unwrap_or_default()
}

/// Sends what a form of a review asks for.
async fn send(
    app: &App,
    Path((id, plan)): Plan,
    Posted { caller, fields }: Posted,
    form: &'static str,
    ask: impl FnOnce(PlanDigest, &Fields) -> Result<IncidentAsk, Problem>,
) -> Result<Response, PageError> {
    let plan = review::digest(&plan)?;
    match put(app, &caller, &id, ask(plan, &fields)).await {
        Ok(_) => Ok(to_incident(&id)),
        Err(problem) => {
            let refused = Refused::new(form, fields, problem);
            review::page(app, &caller, id, plan, Some(&refused)).await
        }
    }
}

/// Asks for something about an incident, within the time that a request may take.
pub(super) async fn put(
    app: &App,
    caller: &Caller,
    id: &str,
    ask: Result<IncidentAsk, Problem>,
) -> Result<Vec<Recorded>, Problem> {
    let recorded = app.in_time(app.asks().incident(&caller.actor, id, ask?)).await??;
    Ok(recorded)
}

pub(super) fn to_incident(id: &str) -> Response {
    Redirect::to(&format!("/incidents/{}", encoded(id))).into_response()
}
