//! Whether the process lives, whether it can take deliveries, and its metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use utoipa::ToSchema;

use super::App;
use super::caller::{Caller, Wants};
use super::problem::{Details, Problem};

/// How long the store may take to answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);
/// How old an answer of the store may be: a flood of questions must not become one of locks.
const FRESH: Duration = Duration::from_secs(1);
/// How long ago time may have passed for the service to count as working.
const WORKS: Duration = Duration::from_secs(10);
/// How long the writer may be silent. It waits up to ten seconds for a store that another
/// process holds, and that is no reason to end the process.
const SILENCE: Duration = Duration::from_secs(60);

/// Whether the store can take a delivery now.
pub trait StoreCheck: Send + Sync {
    /// Reads it and holds it for a moment; in synchronous mode, looks for the standby. It may
    /// block.
    ///
    /// # Errors
    /// What is in the way, in words for whoever runs the service; no path, no address.
    fn check(&self) -> Result<(), String>;
}

impl<F: Fn() -> Result<(), String> + Send + Sync> StoreCheck for F {
    fn check(&self) -> Result<(), String> {
        self()
    }
}

type Answer = Result<(), String>;

/// What is known of the service's own health.
pub(crate) struct Health {
    store: Arc<dyn StoreCheck>,
    last: Mutex<Last>,
    started: Instant,
    /// When the writer last answered, in milliseconds after the start.
    answered: AtomicU64,
    /// When time last passed, in milliseconds after the start and one more; 0 if it never did.
    passed: AtomicU64,
}

#[derive(Default)]
struct Last {
    answer: Option<(Instant, Answer)>,
    /// A look that has not come to an end: there is never more than one.
    pending: Option<JoinHandle<Answer>>,
}

impl Health {
    pub(crate) fn new(store: impl StoreCheck + 'static) -> Self {
        let (last, answered) = (Mutex::default(), AtomicU64::new(0));
        let passed = AtomicU64::new(0);
        Self { store: Arc::new(store), last, started: Instant::now(), answered, passed }
    }

    /// The writer answered.
    pub(crate) fn writer_answered(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.answered.store(now, Ordering::Relaxed);
    }

    fn writer_is_silent(&self) -> bool {
        let answered = Duration::from_millis(self.answered.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(answered) > SILENCE
    }

    /// Time passed: a turn at the log was taken and came to its end.
    pub(crate) fn time_passed(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.passed.store(now.saturating_add(1), Ordering::Relaxed);
    }

    /// Whether time passed within the last seconds, so that the log can be written and nothing
    /// that is due is forgotten.
    pub(crate) fn keeps_time(&self) -> bool {
        let passed = self.passed.load(Ordering::Relaxed);
        passed > 0 && self.started.elapsed().saturating_sub(Duration::from_millis(passed)) < WORKS
    }

    async fn store(&self) -> Answer {
        let mut last = self.last.lock().await;
        if let Some((at, answer)) = &last.answer
            && at.elapsed() < FRESH
        {
            return answer.clone();
        }
        let mut pending = last.pending.take().unwrap_or_else(|| {
            let store = Arc::clone(&self.store);
            tokio::task::spawn_blocking(move || store.check())
        });
        let answer = match tokio::time::timeout(PATIENCE, &mut pending).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err("the store could not be looked at".into()),
            Err(_) => {
                last.pending = Some(pending);
                Err("the store does not answer within a second".into())
            }
        };
        last.answer = Some((Instant::now(), answer.clone()));
        answer
    }
}

/// Whether the service can take deliveries, and what is in the way.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Readiness {
    /// Whether it can.
    ready: bool,
    /// What is in the way.
    failing: Vec<Note>,
    /// What is not as it should be and in nobody's way.
    degraded: Vec<Note>,
}

/// One thing that is not as it should be.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Note {
    /// What: `store`, `writer`, `service`, `reload`.
    what: &'static str,
    /// Why, in words.
    why: String,
}

/// Whether the process and its writer thread answer.
#[utoipa::path(
    get,
    path = "/livez",
    tag = "health",
    responses(
        (status = 200, description = "The process and its writer answer.", body = String),
        (status = 503, description = "The writer is gone or silent: start the process anew.",
         body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn live(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    if app.writer.is_alive() && !app.health.writer_is_silent() {
        return Ok("ok\n");
    }
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE).detail("the writer does not answer"))
}

/// Whether a delivery would be taken now.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    responses(
        (status = 200, description = "Deliveries are taken.", body = Readiness),
        (status = 503, description = "They are not; each reason is named.", body = Readiness),
    )
)]
pub(super) async fn ready(State(app): State<Arc<App>>) -> Response {
    let mut failing = Vec::new();
    if app.is_closing() {
        failing.push(Note { what: "service", why: "it is shutting down".into() });
    }
    if !app.writer.is_alive() || app.health.writer_is_silent() {
        failing.push(Note { what: "writer", why: "it does not answer".into() });
    }
    if let Err(why) = app.health.store().await {
        failing.push(Note { what: "store", why });
    }
    let degraded = app.reload.failure().into_iter();
    let degraded = degraded.map(|why| Note { what: "reload", why: why.into() }).collect();
    let ready = failing.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, failing, degraded })).into_response()
}

/// Metrics in the text format of Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "health",
    security((), ("token" = [])),
    responses(
        (status = 200, description = "Every metric.", body = String, content_type = "text/plain"),
        (status = 401, description = "A token is needed.", body = Details,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn metrics(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    if !app.metrics_open && Caller::of(&app, &headers, Wants::Any).await?.is_none() {
        return Err(Problem::unauthorized());
    }
    app.measure();
    let kind = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, app.metrics.render()))
}
