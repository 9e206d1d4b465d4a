//! The service's HTTP interface: deliveries in, health, metrics and the read API.
//!
//! Every answer carries the id of its request and headers that keep a browser from making
//! anything of it; every error is a problem (RFC 9457, [`Details`]). Nothing is open unless the
//! configuration says so: a source proves itself, a reader shows a token.

pub(crate) mod connections;
mod deliveries;
pub(crate) mod health;
mod incidents;
mod log;
mod openapi;
mod problem;
mod refusals;
mod request_id;
mod tokens;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{Semaphore, watch};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config::ServerConfig;
use crate::reload::ReloadState;
use crate::source::Source;
use crate::writer::{NotRecorded, Writer};
use deliveries::Door;
use health::Health;
use problem::Problem;
use refusals::Refusals;
use request_id::RequestIds;

pub use health::StoreCheck;
pub use openapi::document as openapi;
pub use problem::Details;
pub use tokens::Tokens;

/// What every request may look at.
pub struct App {
    writer: Writer,
    doors: BTreeMap<String, Door>,
    tokens: Tokens,
    metrics_open: bool,
    config: ServerConfig,
    /// Bytes of bodies that there is room for.
    room: Arc<Semaphore>,
    /// One place for a delivery that takes several turns.
    big: Arc<Semaphore>,
    refusals: Refusals,
    health: Health,
    reload: Arc<ReloadState>,
    metrics: PrometheusHandle,
    ids: RequestIds,
    closing: watch::Receiver<bool>,
    api: OpenApi,
}

/// What the service gives to its HTTP interface.
pub(crate) struct Parts {
    pub(crate) writer: Writer,
    pub(crate) sources: Vec<Source>,
    pub(crate) tokens: Tokens,
    pub(crate) metrics_open: bool,
    pub(crate) config: ServerConfig,
    pub(crate) health: Health,
    pub(crate) reload: Arc<ReloadState>,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) closing: watch::Receiver<bool>,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let Parts {
            writer,
            sources,
            tokens,
            metrics_open,
            config,
            health,
            reload,
            metrics,
            closing,
        } = parts;
        let doors = sources.into_iter().map(|source| (source.name().to_owned(), Door::new(source)));
        let doors = doors.collect();
        deliveries::describe_outcomes(&doors);
        let room = Arc::new(Semaphore::new(config.max_body_bytes_in_flight as usize));
        let big = Arc::new(Semaphore::new(1));
        let (refusals, ids, api) = (Refusals::default(), RequestIds::new(), routes().1);
        Arc::new(Self {
            writer,
            doors,
            tokens,
            metrics_open,
            config,
            room,
            big,
            refusals,
            health,
            reload,
            metrics,
            ids,
            closing,
            api,
        })
    }

    /// The health of the service, to tell it what was seen.
    pub(crate) const fn health(&self) -> &Health {
        &self.health
    }

    fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    const fn timeout(&self) -> Duration {
        Duration::from_millis(self.config.request_timeout.millis())
    }

    /// Sets the gauges that say how things are at this moment.
    fn measure(&self) {
        #[allow(clippy::cast_precision_loss, reason = "a metric is a float")]
        let set = |name: &'static str, value: usize| metrics::gauge!(name).set(value as f64);
        set("tagout_writer_queue_depth", self.writer.waiting());
        let most = self.config.max_body_bytes_in_flight as usize;
        set("tagout_body_bytes_in_flight", most.saturating_sub(self.room.available_permits()));
    }

    /// Tells the log what was not taken since the last time.
    pub(crate) fn tell_refusals(&self) {
        let Some(summary) = self.refusals.take() else { return };
        match &summary.fault {
            Some(fault) => tracing::warn!(%fault, "deliveries not taken: {summary}"),
            None => tracing::warn!("deliveries not taken: {summary}"),
        }
    }
}

/// Every route, and the description that is made with them. A route that is added in any other
/// way would be missing there.
fn routes() -> (Router<Arc<App>>, OpenApi) {
    let (router, api) = OpenApiRouter::<Arc<App>>::new()
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .routes(routes!(deliveries::receive))
        .routes(routes!(incidents::list))
        .routes(routes!(incidents::show))
        .routes(routes!(incidents::alerts))
        .routes(routes!(log::checkpoint))
        .routes(routes!(openapi::show))
        .split_for_parts();
    (router, openapi::complete(api))
}

/// The whole interface.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let panicked = |_: Box<dyn Any + Send>| {
        tracing::error!("a request met a fault of ours; the standard error has its place");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR).into_response()
    };
    routes()
        .0
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND) })
        .method_not_allowed_fallback(|| async { Problem::new(StatusCode::METHOD_NOT_ALLOWED) })
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Arc::clone(app), frame))
        .with_state(Arc::clone(app))
}

/// No browser is to make anything of an answer.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
];

/// What is common to all answers: the id of the request, the headers, the form of errors.
async fn frame(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let id = app.ids.of(request.headers());
    let told = tracing::enabled!(tracing::Level::DEBUG)
        .then(|| (request.method().clone(), request.uri().path().to_owned()));
    let response = next.run(request).await;
    let text = id.to_str().unwrap_or_default();
    if let Some((method, path)) = told {
        tracing::debug!(request_id = text, %method, path, status = response.status().as_u16());
    }
    let mut response = problem::render(response, text);
    let headers = response.headers_mut();
    headers.extend(HEADERS);
    headers.insert(request_id::HEADER, id);
    response
}

/// A reader cannot be served now.
fn unavailable(error: NotRecorded) -> Problem {
    Problem::come_back(error.to_string(), 1)
}
