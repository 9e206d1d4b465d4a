//! `kill -9` of `tagout serve` at random moments under load: what was answered 200 is in the
//! log, no fault has two open incidents, and the log verifies. `TAGOUT_SOAK_CYCLES` says how
//! often (25 unless set), `TAGOUT_SOAK_SEED` repeats the choices of an earlier run.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod account;
mod chance;
#[allow(dead_code, reason = "shared with the tests of the PostgreSQL store")]
#[path = "../postgres/cluster.rs"]
mod cluster;
mod cycles;
mod deciding;
#[allow(dead_code, reason = "shared with the tests of the command line")]
#[path = "../cli/home.rs"]
mod home;
#[allow(dead_code, reason = "shared with the tests of the service")]
#[path = "../serve/http.rs"]
mod http;
mod load;
mod outage;
#[allow(dead_code, reason = "shared with the tests of the service")]
#[path = "../serve/people.rs"]
mod people;
mod replicas;
mod rules;
#[allow(dead_code, reason = "shared with the tests of the service")]
#[path = "../serve/service.rs"]
mod service;
