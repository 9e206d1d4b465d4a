//! The behaviour of the `tagout` command, its data directory and its store, as a person, a
//! script or a build server sees it. Every test starts the real binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod approvals;
mod archive;
mod audit_log;
mod bad_data_dir;
mod bad_input;
mod crash;
mod demo;
mod demo_terminal;
mod eighty_columns;
mod erase;
mod eval;
mod exports;
mod home;
mod hostile_text;
mod json;
mod keys;
#[path = "../support/outbox.rs"]
mod outbox;
mod oversight;
mod parallel;
mod receipt;
mod released;
mod replay;
mod run;
mod secrets;
mod store;
#[path = "../support/vault.rs"]
mod support_vault;
mod switch;
mod tampering;
mod terminal;
mod users;
mod vault;
mod windows;
