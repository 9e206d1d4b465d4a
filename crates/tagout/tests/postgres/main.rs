//! The PostgreSQL store against a real server: each test starts one, and none outlives its test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod cluster;
mod conformance;
mod failover;
#[path = "../cli/home.rs"]
#[allow(dead_code)]
mod home;
#[allow(dead_code, reason = "shared with the tests of the service")]
#[path = "../serve/http.rs"]
mod http;
mod log;
mod moving;
mod outage;
#[path = "../support/outbox.rs"]
mod outbox;
mod replicas;
mod schema;
#[allow(dead_code, reason = "shared with the tests of the service")]
#[path = "../serve/service.rs"]
mod service;
#[path = "../support/vault.rs"]
mod support_vault;
mod tls;
mod vault;
