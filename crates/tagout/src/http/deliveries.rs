//! `POST /v1/sources/{name}`: a delivery comes in. It is answered 2xx only after it is durable
//! and in the log. What cannot be taken now is answered 503 and never 429: Alertmanager sends
//! again after a 5xx and drops on every 4xx
//! (<https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt as _;
use metrics::{Counter, Histogram, SharedString};
use serde::Serialize;
use tagout_core::decide::Rejection;
use tagout_core::digest::{DeliveryDigest, DeliveryHash};
use tagout_core::limits;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout_at;
use utoipa::ToSchema;

use super::App;
use super::problem::{Details, Problem};
use super::refusals::Refusal;
use crate::clock::now;
use crate::engine::{EngineError, Taken};
use crate::signals::{Intake, Message, Unreadable};
use crate::source::Source;
use crate::writer::{NotRecorded, Writer};

/// Bodies above this many bytes are read where they hold up no other request.
pub(super) const LARGE: usize = 64 << 10;
/// The name under which every source that is not configured is counted.
const OTHER: &str = "other";

/// A source and what is counted of it.
pub(super) struct Door {
    source: Source,
    name: SharedString,
    counters: Counters,
}

struct Counters {
    /// Deliveries in the source's own format that were recorded: nearly all of them.
    accepted: Counter,
    alerts: Counter,
    flawed: Counter,
    acknowledged: Histogram,
}

impl Receipt {
    /// The incidents that the alerts belong to, the first hundred of them.
    pub(super) fn incidents(&self) -> &[String] {
        &self.incidents
    }
}

impl Door {
    pub(super) fn new(source: Source) -> Self {
        let name = SharedString::from(Arc::<str>::from(source.name()));
        let counters = Counters {
            accepted: deliveries_total(&name, source.format().name(), "accepted"),
            alerts: metrics::counter!("tagout_alerts_total", "source" => name.clone()),
            flawed: metrics::counter!("tagout_alerts_flawed_total", "source" => name.clone()),
            acknowledged: metrics::histogram!(
                "tagout_acknowledge_seconds", "source" => name.clone()
            ),
        };
        Self { source, name, counters }
    }

    pub(super) const fn source(&self) -> &Source {
        &self.source
    }

    fn count(&self, format: &'static str, outcome: &'static str) {
        deliveries_total(&self.name, format, outcome).increment(1);
    }
}

fn deliveries_total(source: &SharedString, format: &'static str, outcome: &'static str) -> Counter {
    metrics::counter!(
        "tagout_deliveries_total",
        "source" => source.clone(), "format" => format, "outcome" => outcome
    )
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
    let source = door.map_or(SharedString::const_str(OTHER), |door| door.name.clone());
    deliveries_total(&source, "none", refused.name()).increment(1);
    if let Refusal::Unauthenticated(reason) = refused {
        app.strangers.note(&format!("deliveries to {source}: {reason}"));
    }
    app.refusals.note(&source, refused);
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
    let announced = length(&headers);
    let length = announced.unwrap_or(app.config.max_body_bytes);
    let end = (arrived + app.timeout()).into();
    let is_read = length <= app.config.max_body_bytes;
    let kept = u32::try_from(limits::QUARANTINED_BYTES).unwrap_or(u32::MAX);
    let needed = if is_read { length } else { kept.min(app.config.max_body_bytes) };
    let room = Arc::clone(&app.room).try_acquire_many_owned(needed);
    let room = room.map_err(|_| Refusal::Overloaded)?;
    if !is_read {
        return set_aside(app, door, &headers, (Vec::new(), body), room, end).await;
    }
    let mut rest = body;
    let mut body = Vec::with_capacity(announced.unwrap_or(0) as usize);
    while let Some(data) = next(&mut rest, end).await? {
        body.extend_from_slice(&data);
        if body.len() > app.config.max_body_bytes as usize {
            return set_aside(app, door, &headers, (body, rest), room, end).await;
        }
    }
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
    let mut in_place_of_kept = None;
    let intake = match read {
        Ok(Message::Alerts(delivery)) => {
            let unusable = delivery.unusable();
            let read = Intake::Alerts { source: Some(door.source.name().to_owned()), delivery };
            match unusable {
                None => read,
                Some(why) => {
                    let kept = Unreadable::new(door.source.name(), &body, why);
                    in_place_of_kept = Some(read);
                    Intake::Quarantined(kept)
                }
            }
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
    answered(app, door, (intake, in_place_of_kept), room, end).await
}

/// Has it recorded. That goes on when the sender is told that it took too long: a delivery that
/// takes many turns would otherwise begin anew each time it is sent again, and never end. What is
/// given in place of a delivery to keep is taken if no more of its source are kept.
async fn answered(
    app: &App,
    door: &Door,
    (intake, in_place_of_kept): (Intake, Option<Intake>),
    room: OwnedSemaphorePermit,
    end: tokio::time::Instant,
) -> Result<Response, Refusal> {
    let alerts = match &intake {
        Intake::Alerts { delivery, .. } => Some(delivery.alerts.len()),
        Intake::Quarantined(_) => None,
    };
    // What the writer has been given is recorded, whoever waits for it. Nearly every delivery is
    // given to it in one piece, and needs no task of its own that gives it the next one.
    if alerts.is_some_and(|alerts| alerts <= limits::ALERTS_PER_TURN) {
        let recorded = timeout_at(end, record(&app.writer, intake, Some(room))).await;
        return told(app, door, recorded.map_err(|_| Refusal::TimedOut)?);
    }
    // One big delivery after the other. Sent again while it is still being recorded, it waits for
    // its turn or is sent once more: otherwise each time would add as much work as the first.
    let big = match alerts {
        Some(_) => {
            let place = timeout_at(end, Arc::clone(&app.big).acquire_owned()).await;
            Some(place.map_err(|_| Refusal::TimedOut)?.map_err(|_| Refusal::Closing)?)
        }
        None => None,
    };
    let writer = app.writer.clone();
    let recording = tokio::spawn(async move {
        let mut recorded = record(&writer, intake, None).await;
        // What was read is not refused for want of a place to keep it.
        if let (
            Err(NotRecorded::Engine(EngineError::Rejected(Rejection::QuarantineFull(_)))),
            Some(read),
        ) = (&recorded, in_place_of_kept)
        {
            recorded = record(&writer, read, None).await;
        }
        drop((room, big));
        recorded
    });
    let recorded = timeout_at(end, recording).await.map_err(|_| Refusal::TimedOut)?;
    told(app, door, recorded.map_err(|_| Refusal::NotRecorded)?)
}

/// Counts what came of a delivery, and tells its sender.
fn told(
    app: &App,
    door: &Door,
    recorded: Result<Receipt, NotRecorded>,
) -> Result<Response, Refusal> {
    let receipt = recorded.map_err(|error| not_recorded(app, &error))?;
    door.counters.alerts.increment(receipt.alerts as u64);
    door.counters.flawed.increment(receipt.flawed as u64);
    let status = if receipt.quarantined {
        door.count("none", "quarantined");
        StatusCode::ACCEPTED
    } else {
        door.counters.accepted.increment(1);
        StatusCode::OK
    };
    Ok((status, Json(receipt)).into_response())
}

/// A body that is larger than anything that is read. A sender whose headers prove it is told
/// that it was taken, and people are called to it: told otherwise, Alertmanager would drop the
/// notification and nobody would know. Its beginning is kept.
async fn set_aside(
    app: &App,
    door: Option<&Door>,
    headers: &HeaderMap,
    (mut beginning, mut rest): (Vec<u8>, Body),
    room: OwnedSemaphorePermit,
    end: tokio::time::Instant,
) -> Result<Response, Refusal> {
    let door = door.filter(|door| door.source.is_proved_by(headers)).ok_or(Refusal::TooLarge)?;
    let (mut bytes, mut hash) = (beginning.len() as u64, DeliveryHash::default());
    hash.update(&beginning);
    beginning.truncate(limits::QUARANTINED_BYTES);
    // A sender that is cut off while it sends never sees the answer, so all of it is taken; what
    // is announced is not waited for without end.
    while let Some(data) = next(&mut rest, end).await? {
        bytes += data.len() as u64;
        hash.update(&data);
        let kept = limits::QUARANTINED_BYTES.saturating_sub(beginning.len()).min(data.len());
        beginning.extend_from_slice(data.get(..kept).unwrap_or_default());
    }
    let most = app.config.max_body_bytes;
    let why = format!(
        "the body is larger than the {most} bytes of server.max_body_bytes, so none of its \
         alerts were read; have the sender send smaller ones, or raise that (up to {} bytes are \
         read)",
        limits::BODY_BYTES
    );
    let digest = hash.finish();
    let unreadable =
        Unreadable { bytes, digest, ..Unreadable::new(door.source.name(), &beginning, why) };
    answered(app, door, (Intake::Quarantined(unreadable), None), room, end).await
}

/// The next bytes of a body; `None` at its end.
async fn next(body: &mut Body, end: tokio::time::Instant) -> Result<Option<Bytes>, Refusal> {
    loop {
        let frame = timeout_at(end, body.frame()).await.map_err(|_| Refusal::TimedOut)?;
        let Some(frame) = frame else { return Ok(None) };
        // What is no data are trailers.
        if let Ok(data) = frame.map_err(|_| Refusal::Malformed)?.into_data() {
            return Ok(Some(data));
        }
    }
}

/// The length that the sender announces, if it does.
fn length(headers: &HeaderMap) -> Option<u32> {
    let length = headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse::<u64>().ok()?;
    Some(u32::try_from(length).unwrap_or(u32::MAX))
}

/// Has the writer record what came in. `room`: what its body takes.
async fn record(
    writer: &Writer,
    intake: Intake,
    room: Option<OwnedSemaphorePermit>,
) -> Result<Receipt, NotRecorded> {
    let (digest, alerts) = match &intake {
        Intake::Alerts { delivery, .. } => (delivery.digest, delivery.alerts.len()),
        Intake::Quarantined(unreadable) => (unreadable.digest, 0),
    };
    let quarantined = matches!(intake, Intake::Quarantined(_));
    // Kept until the answer, so that what was made here is not taken apart by the writer, whom
    // everybody waits for.
    let intake = Arc::new(intake);
    let taken = writer.deliver_from(Arc::clone(&intake), room).await?;
    Ok(Receipt { quarantined, ..receipt(digest, alerts, taken) })
}

pub(super) fn receipt(digest: DeliveryDigest, alerts: usize, taken: Vec<Taken>) -> Receipt {
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
            deliveries_total(&name, "none", refusal.name()).absolute(0);
        }
    }
}
