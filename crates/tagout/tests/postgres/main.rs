//! The PostgreSQL store against a real server: each test starts one, and none outlives its test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod cluster;
mod conformance;
mod failover;
#[path = "../cli/home.rs"]
#[allow(dead_code)]
mod home;
mod log;
mod moving;
mod outage;
#[path = "../support/outbox.rs"]
mod outbox;
mod replicas;
mod schema;
#[path = "../support/vault.rs"]
mod support_vault;
mod tls;
mod vault;
