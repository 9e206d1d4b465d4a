//! What people send by the forms of a review or an incident. Each names the plan and the mode
//! that were before them; what came of it is read on the page that follows.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use tagout_core::approval::Answer;
use tagout_core::event::Event;
use tagout_core::handling::Handled;
use tagout_core::verdict::Mode;

use super::change::changes;
use super::error::PageError;
use super::form::{Fields, Posted};
use super::{change, encoded, incident, review};
use crate::asks::IncidentAsk;
use crate::http::App;
use crate::http::caller::Caller;

type Plan = Path<(String, String)>;

/// The mode that was before them.
pub(super) fn mode(fields: &Fields) -> Result<Mode, PageError> {
    let word = fields.get("mode").unwrap_or_default();
    [Mode::DryRun, Mode::Live]
        .into_iter()
        .find(|mode| mode.to_string() == word)
        .ok_or_else(|| PageError::Bad("The form does not say which mode was shown.".into()))
}

pub(super) async fn approve(
    State(app): State<Arc<App>>,
    plan: Plan,
    posted: Posted,
) -> Result<Response, PageError> {
    answer(&app, plan, posted, Answer::Approve).await
}

pub(super) async fn reject(
    State(app): State<Arc<App>>,
    plan: Plan,
    posted: Posted,
) -> Result<Response, PageError> {
    answer(&app, plan, posted, Answer::Reject).await
}

async fn answer(
    app: &App,
    Path((id, plan)): Plan,
    Posted { caller, fields }: Posted,
    answer: Answer,
) -> Result<Response, PageError> {
    let (plan, mode) = (review::digest(&plan)?, mode(&fields)?);
    let ask = IncidentAsk::Answer { plan, mode, answer, reason: fields.reason() };
    match app.asks().incident(&caller.actor, &id, ask).await {
        Ok(_) => Ok(to_incident(&id)),
        Err(error) => review::page(app, &caller, id, plan, Some(error)).await,
    }
}

/// Approves alone what needs more people.
pub(super) async fn break_glass(
    State(app): State<Arc<App>>,
    Path((id, plan)): Plan,
    Posted { caller, fields }: Posted,
) -> Result<Response, PageError> {
    let (plan, mode) = (review::digest(&plan)?, mode(&fields)?);
    let ask = IncidentAsk::BreakGlass { plan, mode, reason: fields.reason() };
    match app.asks().incident(&caller.actor, &id, ask).await {
        Ok(_) => Ok(to_incident(&id)),
        Err(error) => review::page(&app, &caller, id, plan, Some(error)).await,
    }
}

/// Takes back a grant.
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    Path((id, plan)): Plan,
    Posted { caller, .. }: Posted,
) -> Result<Response, PageError> {
    let plan = review::digest(&plan)?;
    match app.asks().incident(&caller.actor, &id, IncidentAsk::Revoke { plan }).await {
        Ok(_) => Ok(to_incident(&id)),
        Err(error) => review::page(&app, &caller, id, plan, Some(error)).await,
    }
}

/// Has a halted plan decided again.
pub(super) async fn resume(
    State(app): State<Arc<App>>,
    Path((id, plan)): Plan,
    Posted { caller, fields }: Posted,
) -> Result<Response, PageError> {
    let plan = review::digest(&plan)?;
    let ask = IncidentAsk::ResumeHalt { plan, reason: fields.reason() };
    match app.asks().incident(&caller.actor, &id, ask).await {
        Ok(_) => Ok(to_incident(&id)),
        Err(error) => review::page(&app, &caller, id, plan, Some(error)).await,
    }
}

/// Makes another plan of it.
pub(super) async fn modify(
    State(app): State<Arc<App>>,
    Path((id, plan)): Plan,
    Posted { caller, fields }: Posted,
) -> Result<Response, PageError> {
    let (plan, mode) = (review::digest(&plan)?, mode(&fields)?);
    let ask = IncidentAsk::Modify { plan, mode, change: changes(&fields), reason: fields.reason() };
    match app.asks().incident(&caller.actor, &id, ask).await {
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
        Err(error) => change::page(&app, &caller, (id, plan), &fields, Some(error)).await,
    }
}

/// Notes that somebody looks after the incident.
pub(super) async fn acknowledge(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Posted { caller, .. }: Posted,
) -> Result<Response, PageError> {
    handle(&app, id, &caller, IncidentAsk::Handle(Handled::Acknowledged)).await
}

/// Records what somebody says about it.
pub(super) async fn comment(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Posted { caller, fields }: Posted,
) -> Result<Response, PageError> {
    let text = fields.reason();
    handle(&app, id, &caller, IncidentAsk::Handle(Handled::Commented { text })).await
}

/// Closes the incident.
pub(super) async fn close(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Posted { caller, fields }: Posted,
) -> Result<Response, PageError> {
    handle(&app, id, &caller, IncidentAsk::Close { reason: fields.reason() }).await
}

async fn handle(
    app: &App,
    id: String,
    caller: &Caller,
    ask: IncidentAsk,
) -> Result<Response, PageError> {
    match app.asks().incident(&caller.actor, &id, ask).await {
        Ok(_) => Ok(to_incident(&id)),
        Err(error) => incident::page(app, caller, id, None, Some(error)).await,
    }
}

fn to_incident(id: &str) -> Response {
    Redirect::to(&format!("/incidents/{}", encoded(id))).into_response()
}
