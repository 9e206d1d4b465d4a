//! Alerts that are asked for, from a real Alertmanager and a real Prometheus.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod alertmanager;
#[path = "../support/daemons.rs"]
mod daemons;
mod failing;
mod panics;
mod prometheus;
mod silences;
mod tagout;
