//! The service is killed at random moments under load, again and again, over both stores. What
//! it had acknowledged is in the log, nothing is opened twice, and the log verifies.
//!
//! `TAGOUT_SOAK_CYCLES` says how often (25 if it is not set), `TAGOUT_SOAK_SEED` repeats a run.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../postgres/cluster.rs"]
#[allow(dead_code)]
mod cluster;
#[path = "../cli/home.rs"]
#[allow(dead_code)]
mod home;
#[path = "../serve/http.rs"]
#[allow(dead_code)]
mod http;
mod ledger;
mod load;
#[path = "../serve/service.rs"]
#[allow(dead_code)]
mod service;
mod soak;
