//! `POST /v1/slack/interactions`: a click on a message in Slack. It is answered before it is
//! decided, because Slack waits for three seconds only
//! (<https://docs.slack.dev/interactivity/handling-user-interaction#acknowledgment_response>).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use tagout_core::limits;

use super::problem::{Details, Problem};
use super::{App, bodies, peer};
use crate::clock::now;
use crate::notify::slack::clicks::{NotTaken, Taken};
use crate::notify::slack::signature::{SIGNATURE, Signed, TIMESTAMP};

/// Takes a click on a message in Slack.
#[utoipa::path(
    post,
    path = "/v1/slack/interactions",
    tag = "channels",
    request_body(
        content = Vec<u8>, content_type = "application/x-www-form-urlencoded",
        description = "An interaction as Slack sends it, with its signature."
    ),
    security(("slack" = [])),
    responses(
        (status = 200, description = "Taken. What comes of it is told in Slack."),
        (status = 400, description = "It cannot be read.", body = Details,
         content_type = "application/problem+json"),
        (status = 401, description = "It is not Slack's.", body = Details,
         content_type = "application/problem+json"),
        (status = 408, description = "The body did not arrive in time.", body = Details,
         content_type = "application/problem+json"),
        (status = 413, description = "Larger than any click.", body = Details,
         content_type = "application/problem+json"),
        (status = 429, description = "Too many of one user, or too many that are not Slack's.",
         body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Too much at once; click again.", body = Details,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn interact(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let (parts, body) = request.into_parts();
    let most = limits::INTERACTION_BYTES;
    let room = u32::try_from(most).unwrap_or(u32::MAX);
    let room = room.min(app.config.max_body_bytes_in_flight);
    let overloaded = || Problem::come_back("too much at once; click again in a moment", 1);
    let _room = app.room.try_acquire_many(room).map_err(|_| overloaded())?;
    let from = peer::address(&parts.extensions, &parts.headers, &app.config.proxies);
    let body = bodies::whole(&app, body, most).await?;
    let (Some(timestamp), Some(signature)) =
        (one(&parts.headers, TIMESTAMP), one(&parts.headers, SIGNATURE))
    else {
        return Err(forged(&app, from));
    };
    let signed = Signed { timestamp, signature, body: &body };
    match app.clicks.take(&signed, now()) {
        Ok(Taken::Good) => Ok(StatusCode::OK),
        Ok(Taken::Unknown) => {
            app.strangers.note("clicks: a user of Slack whom nobody knows");
            Ok(StatusCode::OK)
        }
        Err(NotTaken::Unsigned) => Err(forged(&app, from)),
        Err(NotTaken::Unreadable(why)) => {
            app.strangers.note("clicks: signed by Slack and not readable");
            Err(Problem::new(StatusCode::BAD_REQUEST).detail(why.to_string()))
        }
        Err(NotTaken::TooOften(wait)) => {
            app.strangers.note("clicks: too many of one user");
            Err(too_often(wait))
        }
        Err(NotTaken::Overloaded) => Err(overloaded()),
    }
}

/// What is told of a request that Slack has not signed. It is counted in the log.
fn forged(app: &App, from: IpAddr) -> Problem {
    app.strangers.note("clicks: not signed by Slack");
    app.clicks.forged(from).map_or_else(too_often, |()| Problem::unauthorized())
}

fn too_often(wait: Duration) -> Problem {
    Problem::too_often(u32::try_from(wait.as_secs().saturating_add(1)).unwrap_or(u32::MAX))
}

/// The one value of a header.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}
