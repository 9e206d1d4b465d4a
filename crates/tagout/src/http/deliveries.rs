//! `POST /v1/sources/{name}`: a delivery comes in. It is answered 2xx only after it is durable
//! and in the log. What cannot be taken now is answered 503 and never 429: Alertmanager sends
//! again after a 5xx and drops on every 4xx
//! (<https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use metrics::{Counter, Histogram, SharedString};
use serde::Serialize;
use tagout_core::digest::DeliveryDigest;
use tagout_core::limits;
use tagout_core::time::Time;
use tokio::time::timeout_at;
use utoipa::ToSchema;

use super::App;
use super::problem::{Details, Problem};
use super::refusals::Refusal;
use crate::engine::Taken;
use crate::signals::{Intake, Message, Unreadable};
use crate::source::Source;
use crate::writer::{NotRecorded, Writer};

/// Bodies above this many bytes are read where they hold up no other request.
const LARGE: usize = 64 << 10;
/// The name under which every source that is not configured is counted.
const OTHER: &str = "other";

/// A source and what is counted of it.
pub(super) struct Door {
    source: Source,
    name: SharedString,
    counters: Counters,
}

struct Counters {
    alerts: Counter,
    flawed: Counter,
    acknowledged: Histogram,
}

impl Door {
    pub(super) fn new(source: Source) -> Self {
        let name = SharedString::from(Arc::<str>::from(source.name()));
        let counters = Counters {
            alerts: metrics::counter!("tagout_alerts_total", "source" => name.clone()),
            flawed: metrics::counter!("tagout_alerts_flawed_total", "source" => name.clone()),
            acknowledged: metrics::histogram!(
                "tagout_acknowledge_seconds", "source" => name.clone()
            ),
        };
        Self { source, name, counters }
    }

    fn count(&self, format: &'static str, outcome: &'static str) {
        metrics::counter!(
            "tagout_deliveries_total",
            "source" => self.name.clone(), "format" => format, "outcome" => outcome
        )
        .increment(1);
    }
}

/// What came of a delivery.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Receipt {
    /// The digest of the body, as it stands in the log.
    delivery: String,
    /// How many alerts it held.
    alerts: usize,
    /// How many of them could not be read.
    flawed: usize,
    /// The incidents they belong to, the first hundred of them.
    incidents: Vec<String>,
    /// Whether the body could not be read and was set aside for people.
    quarantined: bool,
}

/// Takes in a delivery of a configured source.
#[utoipa::path(
    post,
    path = "/v1/sources/{name}",
    tag = "deliveries",
    params(("name" = String, Path, description = "The name of the source.")),
    request_body(
        content = Vec<u8>, content_type = "application/json",
        description = "The body as the source sends it, with the proof that its kind demands."
    ),
    security(("source" = [])),
    responses(
        (status = 200, description = "Durable and in the log.", body = Receipt),
        (status = 204, description = "Nothing that concerns incidents, or a handshake that was answered."),
        (status = 202, description = "It cannot be read; it is in the log, set aside for people.",
         body = Receipt),
        (status = 400, description = "The body did not arrive whole.", body = Details,
         content_type = "application/problem+json"),
        (status = 401, description = "The sender did not prove itself, or there is no such source.",
         body = Details, content_type = "application/problem+json"),
        (status = 413, description = "Larger than anything that is read.", body = Details,
         content_type = "application/problem+json"),
        (status = 415, description = "Compressed; send it plain.", body = Details,
         content_type = "application/problem+json"),
        (status = 503, description = "Not recorded; send it again.", body = Details,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn receive(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let arrived = Instant::now();
    let door = app.doors.get(&name);
    let refused = match take(&app, door, request, arrived).await {
        Ok(response) => {
            if let Some(door) = door {
                door.counters.acknowledged.record(arrived.elapsed());
            }
            return response;
        }
        Err(refused) => refused,
    };
    let source = door.map_or(OTHER, |door| door.source.name());
    let outcome = refused.name();
    metrics::counter!(
        "tagout_deliveries_total",
        "source" => door.map_or(SharedString::const_str(OTHER), |door| door.name.clone()),
        "format" => "none", "outcome" => outcome
    )
    .increment(1);
    app.refusals.note(source, refused);
    answer(&app, refused)
}

async fn take(
    app: &App,
    door: Option<&Door>,
    request: Request,
    arrived: Instant,
) -> Result<Response, Refusal> {
    if app.is_closing() {
        return Err(Refusal::Closing);
    }
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    if headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(Refusal::Compressed);
    }
    // Admission first: nothing is read that there is no room for.
    let length = length(&headers).unwrap_or(app.config.max_body_bytes);
    if length > app.config.max_body_bytes {
        return Err(Refusal::TooLarge);
    }
    let _room = app.room.try_acquire_many(length).map_err(|_| Refusal::Overloaded)?;
    let end = (arrived + app.timeout()).into();
    let body = match timeout_at(end, to_bytes(body, app.config.max_body_bytes as usize)).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) => return Err(unread(error)),
        Err(_) => return Err(Refusal::TimedOut),
    };
    // An unknown name is answered as late and in the same words as a wrong secret.
    let door = door.ok_or(Refusal::Unauthenticated("unknown source"))?;
    let proved = timeout_at(end, door.source.authenticate(&headers, &body, now())).await;
    let proof = proved.map_err(|_| Refusal::TimedOut)?.map_err(|error| {
        if error.is_temporary() {
            return Refusal::Unverifiable;
        }
        Refusal::Unauthenticated(error.reason())
    })?;

    let read = if body.len() > LARGE {
        tokio::task::block_in_place(|| door.source.read(&headers, &body))
    } else {
        door.source.read(&headers, &body)
    };
    let intake = match read {
        Ok(Message::Alerts(delivery)) => {
            Intake::Alerts { source: Some(door.source.name().to_owned()), delivery }
        }
        Ok(Message::Nothing(_)) => {
            door.count("none", "nothing");
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        Ok(Message::Handshake(handshake)) => {
            let confirmed = timeout_at(end, door.source.confirm(&handshake, &proof)).await;
            confirmed.map_err(|_| Refusal::TimedOut)?.map_err(|error| {
                app.refusals.fault(error.to_string());
                Refusal::Unconfirmed
            })?;
            door.count("none", "handshake");
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        Err(error) => Intake::Quarantined(Unreadable::new(door.source.name(), &body, error)),
    };
    drop(body);
    let recorded = timeout_at(end, record(&app.writer, intake)).await;
    let recorded = recorded.map_err(|_| Refusal::TimedOut)?;
    let (receipt, format) = recorded.map_err(|error| not_recorded(app, &error))?;
    door.counters.alerts.increment(receipt.alerts as u64);
    door.counters.flawed.increment(receipt.flawed as u64);
    door.count(format, if receipt.quarantined { "quarantined" } else { "accepted" });
    let status = if receipt.quarantined { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok((status, Json(receipt)).into_response())
}

/// The length that the sender announces, if it does.
fn length(headers: &HeaderMap) -> Option<u32> {
    let length = headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse::<u64>().ok()?;
    Some(u32::try_from(length).unwrap_or(u32::MAX))
}

fn unread(error: axum::Error) -> Refusal {
    let error = error.into_inner();
    let too_large = error.downcast_ref::<http_body_util::LengthLimitError>().is_some();
    if too_large { Refusal::TooLarge } else { Refusal::Malformed }
}

pub(super) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Has the writer record what came in.
async fn record(writer: &Writer, intake: Intake) -> Result<(Receipt, &'static str), NotRecorded> {
    let (digest, alerts, format) = match &intake {
        Intake::Alerts { delivery, .. } => {
            (delivery.digest, delivery.alerts.len(), delivery.source.name())
        }
        Intake::Quarantined(unreadable) => (unreadable.digest, 0, "none"),
    };
    let quarantined = matches!(intake, Intake::Quarantined(_));
    let taken = writer.deliver(Arc::new(intake)).await?;
    Ok((Receipt { quarantined, ..receipt(digest, alerts, taken) }, format))
}

fn receipt(digest: DeliveryDigest, alerts: usize, taken: Vec<Taken>) -> Receipt {
    let mut incidents = BTreeMap::new();
    let mut flawed = 0;
    for one in taken {
        match one {
            Taken::Incident(id) if incidents.len() < limits::ANSWERED_INCIDENTS => {
                incidents.entry(id).or_insert(());
            }
            Taken::Incident(_) => {}
            Taken::Flawed(_) => flawed += 1,
        }
    }
    let incidents = incidents.into_keys().collect();
    Receipt { delivery: digest.to_string(), alerts, flawed, incidents, quarantined: false }
}

fn not_recorded(app: &App, error: &NotRecorded) -> Refusal {
    match error {
        NotRecorded::Overloaded => Refusal::Overloaded,
        NotRecorded::Closing => Refusal::Closing,
        NotRecorded::Engine(error) => {
            app.refusals.fault(error.to_string());
            Refusal::NotRecorded
        }
    }
}

fn answer(app: &App, refused: Refusal) -> Response {
    let problem = match refused {
        Refusal::Unauthenticated(_) => Problem::unauthorized(),
        Refusal::Unverifiable | Refusal::Unconfirmed => {
            Problem::come_back("your provider could not be asked for now; send it again", 5)
        }
        Refusal::Overloaded => {
            Problem::come_back("too much is waiting to be recorded; send it again", 1)
        }
        Refusal::NotRecorded => {
            Problem::come_back("it could not be recorded for now; send it again", 5)
        }
        Refusal::TimedOut => Problem::come_back("it took too long; send it again", 1),
        Refusal::Closing => Problem::come_back("the service is shutting down; send it again", 5),
        Refusal::TooLarge => Problem::new(StatusCode::PAYLOAD_TOO_LARGE).detail(format!(
            "the body is larger than {} bytes; send it in smaller parts",
            app.config.max_body_bytes
        )),
        Refusal::Malformed => {
            Problem::new(StatusCode::BAD_REQUEST).detail("the body did not arrive whole")
        }
        Refusal::Compressed => {
            let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE);
            let problem = problem.detail("the body is compressed; send it plain");
            return ([(ACCEPT_ENCODING, "identity")], problem).into_response();
        }
    };
    problem.into_response()
}

/// Names the outcomes that a scrape may find, so that all of them are there from the start.
pub(super) fn describe_outcomes(doors: &BTreeMap<String, Door>) {
    for refusal in Refusal::ALL {
        for name in doors.values().map(|door| door.name.clone()).chain([OTHER.into()]) {
            metrics::counter!(
                "tagout_deliveries_total",
                "source" => name, "format" => "none", "outcome" => refusal.name()
            )
            .absolute(0);
        }
    }
}
