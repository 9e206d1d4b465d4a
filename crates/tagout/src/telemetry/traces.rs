//! One trace per incident, made from recorded events and sent over OTLP/HTTP
//! (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>).
//!
//! The id of a trace is a digest of the incident's id, so every replica and every restart goes
//! on with the same trace. The writer only puts spans into a bounded queue; when it is full
//! they are dropped and counted.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use tagout_core::digest::sha256;
use tagout_core::event::{Event, PlanOutcome};
use tagout_core::limits;
use tagout_core::time::Time;
use tokio::sync::mpsc;

use crate::config::TelemetryConfig;
use crate::config::address::stays_here;
use crate::fault::Fault;
use crate::journal::Recorded;

/// How many spans are sent at once.
const BATCH: usize = 512;
/// How long a span waits for others before it is sent.
const DELAY: Duration = Duration::from_secs(1);
/// How long one export may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The id of an incident's trace.
#[must_use]
pub fn trace_id(incident: &str) -> [u8; 16] {
    first(sha256("tagout.trace-id.v1", &[incident.as_bytes()]))
}

/// The id of the span of one entry of the log.
#[must_use]
pub fn span_id(incident: &str, entry: u64) -> [u8; 8] {
    first(sha256("tagout.span-id.v1", &[incident.as_bytes(), &entry.to_be_bytes()]))
}

/// The span that all others of an incident are below. It needs no entry of the log to be
/// known, so that a process that did not see the incident open can go on with the trace.
fn root_id(incident: &str) -> [u8; 8] {
    first(sha256("tagout.root-span-id.v1", &[incident.as_bytes()]))
}

fn first<const N: usize>(digest: [u8; 32]) -> [u8; N] {
    let mut id = [0; N];
    id.copy_from_slice(&digest[..N]);
    id
}

/// Makes spans of what the writer recorded. Belongs to the writer's thread.
pub struct Traces {
    queue: mpsc::Sender<SpanData>,
    dropped: metrics::Counter,
    /// Incidents with a trace id below this are traced: the same ones in every process.
    below: u64,
    /// When the last event of an open incident was recorded: where its next span begins.
    last: BTreeMap<String, Time>,
    /// Those of them that are open only to take back what they did: they end with the plan that does.
    ways_back: BTreeSet<String>,
    scope: InstrumentationScope,
}

impl Traces {
    /// Takes note of a recorded event.
    pub fn observe(&mut self, recorded: &Recorded) {
        let incident = recorded.incident();
        let Some(name) = stage(recorded.event()) else { return };
        let trace = trace_id(incident);
        if incident.is_empty() || u64::from_be_bytes(first_eight(trace)) > self.below {
            return;
        }
        let at = recorded.at();
        let opened = matches!(recorded.event(), Event::IncidentOpened { .. });
        if opens_a_way_back(recorded.event()) && self.ways_back.len() < limits::TRACED_INCIDENTS {
            self.ways_back.insert(incident.to_owned());
        }
        let taken_back = is_done(recorded.event()) && self.ways_back.contains(incident);
        let began = if taken_back || ends(recorded.event()) {
            self.ways_back.remove(incident);
            self.last.remove(incident)
        } else if self.last.len() < limits::TRACED_INCIDENTS || self.last.contains_key(incident) {
            self.last.insert(incident.to_owned(), at)
        } else {
            None
        };
        let (id, parent) = if opened {
            (SpanId::from_bytes(root_id(incident)), SpanId::INVALID)
        } else {
            let id = SpanId::from_bytes(span_id(incident, recorded.index()));
            (id, SpanId::from_bytes(root_id(incident)))
        };
        let mut attributes = vec![
            KeyValue::new("tagout.incident.id", incident.to_owned()),
            KeyValue::new("tagout.log.entry", i64::try_from(recorded.index()).unwrap_or(i64::MAX)),
        ];
        attributes.extend(told(recorded.event()));
        let span = SpanData {
            span_context: SpanContext::new(
                TraceId::from_bytes(trace),
                id,
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            ),
            parent_span_id: parent,
            parent_span_is_remote: false,
            span_kind: if opened { SpanKind::Consumer } else { SpanKind::Internal },
            name: Cow::Borrowed(name),
            start_time: system(began.unwrap_or(at)),
            end_time: system(at),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: self.scope.clone(),
        };
        if self.queue.try_send(span).is_err() {
            self.dropped.increment(1);
        }
    }
}

fn first_eight(id: [u8; 16]) -> [u8; 8] {
    let mut eight = [0; 8];
    eight.copy_from_slice(&id[..8]);
    eight
}

fn system(at: Time) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.millis()).unwrap_or(0))
}

/// The stage that an event is the end of; none for events that end none.
const fn stage(event: &Event) -> Option<&'static str> {
    Some(match event {
        Event::IncidentOpened { .. } => "delivery",
        Event::AlertWorsened { .. } => "alert worsened",
        Event::Triaged { .. } => "triage",
        Event::SearchCompleted { .. } => "search",
        Event::InspectionOpened { .. } => "inspection",
        Event::LookEnded { .. } => "look",
        Event::PersonCalled { .. } => "person called",
        Event::PlanProposed { .. } => "plan",
        Event::PolicyDecided { .. } => "policy",
        Event::ReviewRequested { .. } => "review requested",
        Event::ReviewGiven { .. } => "review",
        Event::ReviewRefused { .. } => "review refused",
        Event::PlanGranted { .. } => "grant",
        Event::PlanVoided { .. } => "plan voided",
        Event::HaltResumed { .. } => "halt resumed",
        Event::StepRehearsed { .. } => "step rehearsed",
        Event::RehearsalEnded { .. } => "rehearsal",
        Event::RehearsalCut { .. } => "rehearsal cut",
        Event::StepFinished { .. } => "step",
        Event::StepLost { .. } => "step lost",
        Event::PlanFinished { .. } => "plan finished",
        Event::EffectivenessRecorded { .. } => "effectiveness",
        Event::AlertEnded { .. } => "alert ended",
        Event::IncidentMerged { .. } => "merged",
        Event::IncidentReopened { .. } => "opened again",
        Event::IncidentClosed { .. } => "closed",
        _ => return None,
    })
}

/// Whether the incident is open from now on only to take back what it did.
const fn opens_a_way_back(event: &Event) -> bool {
    matches!(event, Event::IncidentReopened { .. } | Event::AlertEnded { way_back: Some(_), .. })
}

/// Whether every step of a plan was done.
const fn is_done(event: &Event) -> bool {
    matches!(event, Event::PlanFinished { outcome: PlanOutcome::Completed, .. })
}

/// Whether nothing more is expected of the incident.
const fn ends(event: &Event) -> bool {
    use tagout_core::event::Triage;
    matches!(
        event,
        Event::AlertEnded { way_back: None, .. }
            | Event::IncidentMerged { .. }
            | Event::IncidentClosed { .. }
            | Event::Triaged { triage: Triage::Away(_), .. }
    )
}

/// What a span says beside its place: words of ours, and no text that somebody sent.
fn told(event: &Event) -> Vec<KeyValue> {
    match event {
        Event::IncidentOpened { delivery, .. } => {
            vec![KeyValue::new("tagout.delivery.digest", delivery.to_string())]
        }
        Event::PlanProposed { plan, digest, .. } => vec![
            KeyValue::new("tagout.runbook.id", plan.runbook.clone()),
            KeyValue::new("tagout.plan.digest", digest.to_string()),
        ],
        Event::PolicyDecided { verdict, .. } => vec![
            KeyValue::new("tagout.decision", verdict.decision.to_string()),
            KeyValue::new("tagout.tier", verdict.tier.name()),
        ],
        _ => Vec::new(),
    }
}

/// Sends spans, in batches.
pub struct Exporter {
    waiting: mpsc::Receiver<SpanData>,
    exporter: SpanExporter,
    endpoint: String,
}

impl Exporter {
    /// The two ends of the queue, if the configuration says where traces go.
    ///
    /// # Errors
    /// If the client cannot be made.
    pub fn new(config: &TelemetryConfig) -> Result<Option<(Traces, Self)>, Fault> {
        let Some(endpoint) = &config.otlp_endpoint else { return Ok(None) };
        let failed = |why: String| Fault::new(format!("traces cannot be sent: {why}"));
        let endpoint = full(endpoint).map_err(|e| failed(e.to_string()))?;
        let builder = reqwest::Client::builder();
        // What goes to this machine goes straight there, whatever proxy the environment names.
        let here = endpoint.parse().is_ok_and(|url| stays_here(&url));
        let builder = if here { builder.no_proxy() } else { builder };
        let client = builder
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| failed(e.to_string()))?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client(client))
            .with_endpoint(&endpoint)
            .with_timeout(PATIENCE)
            .build();
        let mut exporter = exporter.map_err(|e| failed(e.to_string()))?;
        let resource = Resource::builder_empty()
            .with_attribute(KeyValue::new("service.name", "tagout"))
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        exporter.set_resource(&resource);
        let (queue, waiting) = mpsc::channel(limits::SPANS_WAITING);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a part of all ids"
        )]
        let below = (config.sample_ratio * u64::MAX as f64) as u64;
        let traces = Traces {
            queue,
            dropped: metrics::counter!("tagout_spans_total", "outcome" => "dropped"),
            below,
            last: BTreeMap::new(),
            ways_back: BTreeSet::new(),
            scope: InstrumentationScope::builder("tagout").build(),
        };
        Ok(Some((traces, Self { waiting, exporter, endpoint })))
    }

    /// Sends until nobody makes spans any more, and then what is left.
    pub async fn run(mut self) {
        let exported = metrics::counter!("tagout_spans_total", "outcome" => "exported");
        let dropped = metrics::counter!("tagout_spans_total", "outcome" => "dropped");
        let mut batch = Vec::with_capacity(BATCH);
        let mut failing = false;
        while self.waiting.recv_many(&mut batch, BATCH).await > 0 {
            let end = tokio::time::Instant::now() + DELAY;
            while batch.len() < BATCH {
                let room = BATCH - batch.len();
                let more = self.waiting.recv_many(&mut batch, room);
                if !matches!(tokio::time::timeout_at(end, more).await, Ok(1..)) {
                    break;
                }
            }
            let count = batch.len() as u64;
            let sent = self.exporter.export(std::mem::take(&mut batch)).await;
            match &sent {
                Ok(()) => exported.increment(count),
                Err(_) => dropped.increment(count),
            }
            // Told when it changes, and not once a second for as long as it lasts.
            if sent.is_err() != failing {
                failing = sent.is_err();
                let endpoint = &self.endpoint;
                match sent {
                    Ok(()) => tracing::info!(endpoint, "traces are sent again"),
                    Err(_) => tracing::warn!(endpoint, "traces cannot be sent; they are dropped"),
                }
            }
        }
    }
}

/// An address without a path means the usual one.
fn full(endpoint: &str) -> Result<String, impl fmt::Display + use<>> {
    reqwest::Url::parse(endpoint).map(|mut url| {
        if url.path() == "/" {
            url.set_path("/v1/traces");
        }
        url.to_string()
    })
}

/// The HTTP client that the exporter sends with.
#[derive(Debug)]
struct Client(reqwest::Client);

impl HttpClient for Client {
    fn send_bytes<'a, 'f>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        'a: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let request = self.0.execute(request.try_into()?).await?;
            let status = request.status();
            Ok(Response::builder().status(status).body(request.bytes().await?)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_process_gives_an_incident_the_same_trace() {
        assert_eq!(trace_id("inc-0123456789"), trace_id("inc-0123456789"));
        assert_ne!(trace_id("inc-0123456789"), trace_id("inc-0123456788"));
        assert_ne!(span_id("inc-0123456789", 7), span_id("inc-0123456789", 8));
        assert_ne!(span_id("inc-0123456789", 0), root_id("inc-0123456789"));
    }

    #[test]
    fn an_address_without_a_path_gets_the_usual_one() {
        let full = |endpoint| full(endpoint).map_err(|e| e.to_string());
        assert_eq!(full("http://127.0.0.1:4318").unwrap(), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(full("https://otel.example/otlp").unwrap(), "https://otel.example/otlp");
        assert!(full("4318").is_err());
    }
}
