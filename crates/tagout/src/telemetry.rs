//! What the service tells of itself: a log on standard error, metrics, traces.
//!
//! None of them ever holds a body, the value of a header or a secret. The labels of metrics
//! come from closed sets: configured names, formats and outcomes of ours.

mod counts;
mod metrics;
mod traces;

use std::io;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{LogFormat, LogLevel, TelemetryConfig};
use crate::fault::Fault;

pub use counts::Counts;
pub use metrics::install as install_metrics;
pub use traces::{Exporter, Traces, span_id, trace_id};

/// Starts the log on standard error. Once in a process.
///
/// # Errors
/// If there is one already.
pub fn start_log(config: &TelemetryConfig) -> Result<(), Fault> {
    let level = match config.log_level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // Other crates speak of connections and headers; only what is ours is told.
    let ours = tracing_subscriber::filter::Targets::new().with_target("tagout", level);
    let registry = tracing_subscriber::registry().with(ours);
    let started = match config.log_format {
        LogFormat::Text => {
            let colour = io::IsTerminal::is_terminal(&io::stderr());
            registry.with(fmt::layer().with_writer(io::stderr).with_ansi(colour)).try_init()
        }
        LogFormat::Json => {
            let layer = fmt::layer().json().flatten_event(true).with_current_span(false);
            registry.with(layer.with_span_list(false).with_writer(io::stderr)).try_init()
        }
    };
    started.map_err(|e| Fault::new(format!("the log cannot be started: {e}")))
}
