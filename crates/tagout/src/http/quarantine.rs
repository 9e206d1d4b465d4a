//! Deliveries in quarantine over the interface: what is there, what was sent, and what people do
//! about it. The pages ask here as well.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use tagout_core::decide::Rejection;
use tagout_core::digest::DeliveryDigest;
use tagout_core::limits;
use utoipa::{IntoParams, ToSchema};

use super::asking::{NotDone, Nothing, Said};
use super::caller::Caller;
use super::deliveries::{LARGE, Receipt, receipt};
use super::page::{self, NoPage, NotRead};
use super::problem::{Details, Problem};
use super::{App, unavailable, unreadable};
use crate::asks::{AskError, SharedAsk};
use crate::quarantine::KeptDelivery;
use crate::signals::Intake;

/// Which part of the quarantine.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// From this place in the log on: the last page's `next`.
    from: Option<u64>,
    /// At most so many, from 1 to 100; 100 if nobody says.
    limit: Option<usize>,
}

/// Some of what is in quarantine, in the order in which it came.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Quarantine {
    deliveries: Vec<KeptDelivery>,
    /// How many there are in all.
    total: usize,
    /// The `from` of the next page, if there is more.
    next: Option<u64>,
}

/// A delivery in quarantine, with what was sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OpenedDelivery {
    #[serde(flatten)]
    kept: KeptDelivery,
    /// What is kept of the body, at most 256 KiB, without the secrets by which its source proves
    /// itself.
    body: String,
    /// Whether `body` is in base64, because it is no text.
    base64: bool,
}

/// What came of putting one away.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PutAway {
    /// The digest of the delivery.
    delivery: String,
    /// The places in the log of what was recorded for this request.
    entries: Vec<u64>,
}

/// What came of reading one again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReadAgain {
    #[serde(flatten)]
    receipt: Receipt,
    /// The places in the log that say that it is out of quarantine.
    entries: Vec<u64>,
}

/// The deliveries in quarantine.
#[utoipa::path(
    get,
    path = "/v1/deliveries",
    tag = "deliveries",
    params(Wanted),
    security(("token" = [])),
    responses(
        (status = 200, description = "A page of them, without their bodies.", body = Quarantine),
        NotRead,
        NoPage
    )
)]
pub(super) async fn list(
    _: Caller,
    State(app): State<Arc<App>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Quarantine>, Problem> {
    let Wanted { from, limit } = page::query(wanted)?;
    let limit = page::limit(limit, limits::DELIVERY_ROWS, limits::DELIVERY_ROWS)?;
    let all = app.writer.read(KeptDelivery::all).await.map_err(unavailable)?;
    let total = all.len();
    let mut rest = all.into_iter().skip_while(|one| Some(one.entry) < from);
    let deliveries = rest.by_ref().take(limit).collect();
    let next = rest.next().map(|one| one.entry);
    Ok(Json(Quarantine { deliveries, total, next }))
}

/// One of them, with what was sent.
#[utoipa::path(
    get,
    path = "/v1/deliveries/{digest}",
    tag = "deliveries",
    params(("digest" = String, Path, description = "The whole digest of the delivery.")),
    security(("token" = [])),
    responses(
        (status = 200, description = "The delivery.", body = OpenedDelivery),
        (status = 400, description = "That is no digest.", body = Details,
         content_type = "application/problem+json"),
        (status = 404, description = "It is not in quarantine.", body = Details,
         content_type = "application/problem+json"),
        NotRead
    )
)]
pub(super) async fn show(
    _: Caller,
    State(app): State<Arc<App>>,
    Path(digest): Path<String>,
) -> Result<Json<OpenedDelivery>, Problem> {
    let (kept, body) = app.quarantined(delivery(&digest)?).await?.ok_or_else(|| {
        let detail = "no delivery of this digest is in quarantine; it may have been dealt with";
        Problem::new(StatusCode::NOT_FOUND).detail(detail)
    })?;
    let (body, base64) = match String::from_utf8(app.shown(&body)) {
        Ok(text) => (text, false),
        Err(other) => (BASE64_STANDARD.encode(other.as_bytes()), true),
    };
    Ok(Json(OpenedDelivery { kept, body, base64 }))
}

/// Puts a delivery away unread.
#[utoipa::path(
    post,
    path = "/v1/deliveries/{digest}/dismiss",
    tag = "deliveries",
    params(("digest" = String, Path, description = "The whole digest of the delivery.")),
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = PutAway), NotDone)
)]
pub(super) async fn dismiss(
    State(app): State<Arc<App>>,
    Path(digest): Path<String>,
    Said { caller, words: Nothing {} }: Said<Nothing>,
) -> Result<Json<PutAway>, Problem> {
    let delivery = delivery(&digest)?;
    let entries = app.ask_shared(&caller, SharedAsk::LiftQuarantine { delivery }).await?;
    Ok(Json(PutAway { delivery: digest, entries }))
}

/// Reads a delivery again, after its source was mended: its alerts are taken in as if they came
/// now. Those that came by another way meanwhile are repeats.
#[utoipa::path(
    post,
    path = "/v1/deliveries/{digest}/replay",
    tag = "deliveries",
    params(("digest" = String, Path, description = "The whole digest of the delivery.")),
    security(("token" = [])),
    responses((status = 200, description = "Durable and in the log.", body = ReadAgain), NotDone)
)]
pub(super) async fn replay(
    State(app): State<Arc<App>>,
    Path(digest): Path<String>,
    Said { caller, words: Nothing {} }: Said<Nothing>,
) -> Result<Json<ReadAgain>, Problem> {
    let (receipt, entries) = app.read_again(&caller, delivery(&digest)?).await?;
    Ok(Json(ReadAgain { receipt, entries }))
}

/// The whole digest of a delivery in a path.
fn delivery(digest: &str) -> Result<DeliveryDigest, Problem> {
    digest.parse().map_err(|_| {
        let detail = "give the whole digest of the delivery: 64 hexadecimal digits";
        Problem::new(StatusCode::BAD_REQUEST).detail(detail)
    })
}

impl App {
    /// A delivery that is in quarantine, with what is kept of its body.
    pub(super) async fn quarantined(
        &self,
        delivery: DeliveryDigest,
    ) -> Result<Option<(KeptDelivery, Vec<u8>)>, Problem> {
        let look = self.writer.read(move |journal| KeptDelivery::opened(journal, delivery));
        look.await.map_err(unavailable)?.map_err(unreadable)
    }

    /// A body as people may see it. What a source that is gone proved itself by is no secret of
    /// this service any more.
    pub(super) fn shown(&self, body: &[u8]) -> Vec<u8> {
        let doors = self.doors.values();
        doors.fold(body.to_vec(), |shown, door| door.source().shown(&shown))
    }

    /// Reads a delivery again for somebody who may, takes in its alerts, and then lets it out of
    /// quarantine. If it ends in between, it is still there, and reading it again makes repeats.
    pub(super) async fn read_again(
        &self,
        caller: &Caller,
        delivery: DeliveryDigest,
    ) -> Result<(Receipt, Vec<u64>), Problem> {
        let ask = SharedAsk::LiftQuarantine { delivery };
        self.asks.allow(&caller.actor, ask.act(), None).await?;
        let Some((kept, body)) = self.quarantined(delivery).await? else {
            // One that comes in just now is not let out unread.
            return Err(
                AskError::Rejected(Rejection::NotDue("no such delivery is quarantined")).into()
            );
        };
        let source = self.doors.get(&kept.source).map(super::deliveries::Door::source);
        let read = || kept.read_again(source, &body);
        let read = if body.len() > LARGE { tokio::task::block_in_place(read) } else { read() };
        let read = read.map_err(|why| {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY).detail(why.to_string())
        })?;
        let alerts = read.alerts.len();
        let intake = Intake::Alerts { source: Some(kept.source), delivery: read };
        let taken = self.in_time(self.writer.deliver(Arc::new(intake))).await?;
        let taken = taken.map_err(AskError::from)?;
        let entries = self.ask_shared(caller, ask).await?;
        Ok((receipt(delivery, alerts, taken), entries))
    }
}
