//! The real service, killed at random moments under load: whatever it answered 2xx is in the
//! log, nothing is there twice, and it goes on by itself. `TAGOUT_SOAK_CYCLES` says how many
//! kills, `TAGOUT_SOAK_SEED` repeats the choices of an earlier run.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code, reason = "shared with the tests of the store")]
#[path = "../postgres/cluster.rs"]
mod cluster;
mod cycles;
mod evidence;
#[allow(dead_code, reason = "shared with the tests of the command line")]
#[path = "../cli/home.rs"]
mod home;
#[allow(dead_code, reason = "shared with the tests of the service")]
#[path = "../serve/http.rs"]
mod http;
mod load;
mod memory;
mod postgres;
mod random;
mod sender;
#[allow(dead_code, reason = "shared with the tests of the service")]
#[path = "../serve/service.rs"]
mod service;
mod sqlite;
