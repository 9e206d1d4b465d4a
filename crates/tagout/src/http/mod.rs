//! The service's HTTP interface: deliveries in, health, metrics and the read API.
//!
//! Every answer carries the id of its request and headers that keep a browser from making more
//! of it than it is; every error is a problem (RFC 9457, [`Details`]). Nothing is open unless
//! the configuration says so: a source proves itself, a person signs in or shows a token.

mod approvals;
mod asking;
mod bodies;
pub(crate) mod caller;
pub(crate) mod connections;
mod cookie;
mod deliveries;
mod guard;
mod handling;
mod headers;
pub(crate) mod health;
mod incidents;
mod log;
mod login;
mod notices;
mod oidc;
mod openapi;
mod oversight;
mod pace;
mod page;
mod pages;
mod peer;
mod problem;
mod quarantine;
mod refusals;
mod request_id;
mod reviews;
mod runbooks;
mod slack;
mod steps;
mod switches;
mod windows;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use metrics_exporter_prometheus::PrometheusHandle;
use tagout_core::incident::Incident;
use tagout_core::limits;
use tokio::sync::{Semaphore, watch};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::oidc::Oidc;
use crate::access::sign_in::SignIn;
use crate::access::strangers::Strangers;
use crate::asks::Asks;
use crate::clock::now;
use crate::config::{ServerConfig, SessionConfig};
use crate::engine::EngineError;
use crate::fault::Fault;
use crate::journal::Journal;
use crate::notify::slack::clicks::Clicks;
use crate::reload::ReloadState;
use crate::rota::Rotas;
use crate::source::Source;
use crate::store::Store;
use crate::writer::{NotRecorded, Writer};
use deliveries::Door;
use health::Health;
use oversight::Oversight;
use pace::Stops;
use problem::Problem;
use refusals::Refusals;
use request_id::RequestIds;

pub use caller::Tokens;
pub use health::StoreCheck;
pub use openapi::document as openapi;
pub use problem::Details;

/// What every request may look at.
pub struct App {
    writer: Writer,
    asks: Asks,
    oversight: Oversight,
    doors: BTreeMap<String, Door>,
    tokens: Tokens,
    sign_in: SignIn,
    oidc: Option<Oidc>,
    strangers: Arc<Strangers>,
    stops: Stops,
    metrics_open: bool,
    config: ServerConfig,
    clicks: Arc<Clicks>,
    rotas: Arc<Rotas>,
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
    /// How many entries the log has, as open pages are told.
    entries: watch::Sender<u64>,
    /// Places for pages that are told.
    streams: Arc<Semaphore>,
    api: OpenApi,
}

/// What the service gives to its HTTP interface.
pub(crate) struct Parts {
    pub(crate) writer: Writer,
    pub(crate) sources: Vec<Source>,
    pub(crate) tokens: Tokens,
    pub(crate) metrics_open: bool,
    pub(crate) config: ServerConfig,
    pub(crate) clicks: Arc<Clicks>,
    pub(crate) rotas: Arc<Rotas>,
    pub(crate) asks: Asks,
    pub(crate) session: SessionConfig,
    pub(crate) oidc: Option<Oidc>,
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
            clicks,
            rotas,
            asks,
            session,
            oidc,
            health,
            reload,
            metrics,
            closing,
        } = parts;
        let strangers = Arc::new(Strangers::default());
        let sign_in = SignIn::new(writer.clone(), Arc::clone(&strangers), session);
        let doors = sources.into_iter().map(|source| (source.name().to_owned(), Door::new(source)));
        let doors = doors.collect();
        deliveries::describe_outcomes(&doors);
        let room = Arc::new(Semaphore::new(config.max_body_bytes_in_flight as usize));
        let big = Arc::new(Semaphore::new(1));
        let (refusals, ids, api) = (Refusals::default(), RequestIds::new(), routes().1);
        Arc::new(Self {
            asks,
            oversight: Oversight::default(),
            writer,
            doors,
            tokens,
            sign_in,
            oidc,
            strangers,
            stops: Stops::default(),
            metrics_open,
            config,
            clicks,
            rotas,
            room,
            big,
            refusals,
            health,
            reload,
            metrics,
            ids,
            closing,
            entries: watch::Sender::new(0),
            streams: Arc::new(Semaphore::new(limits::EVENT_STREAMS)),
            api,
        })
    }

    /// Where people's asks go in.
    pub(crate) const fn asks(&self) -> &Asks {
        &self.asks
    }

    /// The health of the service, to tell it what was seen.
    pub(crate) const fn health(&self) -> &Health {
        &self.health
    }

    /// Tells open pages how many entries the log has.
    pub(crate) fn tell_entries(&self, entries: u64) {
        self.entries.send_if_modified(|known| std::mem::replace(known, entries) != entries);
    }

    fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    const fn timeout(&self) -> Duration {
        Duration::from_millis(self.config.request_timeout.millis())
    }

    /// An incident as `tell` tells it, whether it is kept in memory or read from its history.
    async fn about<T: Send + 'static>(
        &self,
        id: String,
        tell: impl FnOnce(&Journal<Store>, &str, &Incident) -> T + Send + 'static,
    ) -> Result<T, NotRecorded> {
        let incident = self.writer.incident(&id).await?;
        self.writer.read(move |journal| tell(journal, &id, &incident)).await
    }

    /// Sets the gauges that say how things are at this moment.
    fn measure(&self) {
        #[allow(clippy::cast_precision_loss, reason = "a metric is a float")]
        let set = |name: &'static str, value: usize| metrics::gauge!(name).set(value as f64);
        set("tagout_writer_queue_depth", self.writer.waiting());
        let most = self.config.max_body_bytes_in_flight as usize;
        set("tagout_body_bytes_in_flight", most.saturating_sub(self.room.available_permits()));
    }

    /// Records how many nameless attempts were refused since the last time.
    pub(crate) async fn record_strangers(&self) {
        let Some(command) = self.strangers.take() else { return };
        if let Err(error) = self.sign_in.ask(command.clone()).await {
            tracing::warn!(%error, "refused attempts could not be recorded");
            self.strangers.put_back(command);
        }
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
        .routes(routes!(quarantine::list))
        .routes(routes!(quarantine::show))
        .routes(routes!(quarantine::dismiss))
        .routes(routes!(quarantine::replay))
        .routes(routes!(incidents::list))
        .routes(routes!(incidents::show))
        .routes(routes!(approvals::list))
        .routes(routes!(approvals::batch))
        .routes(routes!(approvals::show))
        .routes(routes!(approvals::approve))
        .routes(routes!(approvals::reject))
        .routes(routes!(approvals::modify))
        .routes(routes!(approvals::break_glass))
        .routes(routes!(approvals::revoke))
        .routes(routes!(approvals::resume))
        .routes(routes!(approvals::shown))
        .routes(routes!(approvals::close))
        .routes(routes!(handling::acknowledge))
        .routes(routes!(handling::assign))
        .routes(routes!(handling::hand_over))
        .routes(routes!(handling::comment))
        .routes(routes!(handling::snooze))
        .routes(routes!(handling::wake))
        .routes(routes!(handling::merge))
        .routes(routes!(handling::hindsight))
        .routes(routes!(reviews::owed))
        .routes(routes!(switches::show))
        .routes(routes!(switches::halt))
        .routes(routes!(switches::resume))
        .routes(routes!(switches::freeze, switches::lift))
        .routes(routes!(windows::list, windows::open))
        .routes(routes!(windows::close))
        .routes(routes!(switches::open_bypass))
        .routes(routes!(switches::close_bypass))
        .routes(routes!(oversight::show))
        .routes(routes!(runbooks::list))
        .routes(routes!(runbooks::admission))
        .routes(routes!(runbooks::admit))
        .routes(routes!(steps::list))
        .routes(routes!(steps::resolve))
        .routes(routes!(incidents::alerts))
        .routes(routes!(log::checkpoint))
        .routes(routes!(notices::list))
        .routes(routes!(slack::interact))
        .routes(routes!(log::prove))
        .routes(routes!(log::receipt))
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
    let forms = login::routes().merge(oidc::routes()).merge(pages::routes());
    routes()
        .0
        .merge(forms.layer(from_fn_with_state(Arc::clone(app), bodies::forms)))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND) })
        .method_not_allowed_fallback(|| async { Problem::new(StatusCode::METHOD_NOT_ALLOWED) })
        .layer(from_fn_with_state(Arc::clone(app), guard::guard))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Arc::clone(app), frame))
        .with_state(Arc::clone(app))
}

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
    let added = response.headers_mut();
    headers::add(added, app.config.is_encrypted());
    added.insert(request_id::HEADER, id);
    response
}

/// A reader cannot be served now.
fn unavailable(error: NotRecorded) -> Problem {
    match error {
        NotRecorded::Engine(EngineError::Fault(fault)) => unreadable(fault),
        error => Problem::come_back(error.to_string(), 1),
    }
}

/// The log cannot be read: told in the log of the process, and not to whoever asked.
#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn unreadable(fault: Fault) -> Problem {
    tracing::error!(%fault, "the log cannot be read");
    Problem::come_back("the log cannot be read for now", 5)
}
