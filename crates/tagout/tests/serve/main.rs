//! The behaviour of `tagout serve`, as a sender, a reader and an operator see it. Every test
//! starts the real binary on a free port of this machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod answers;
mod archive;
mod attacks;
mod authentication;
mod configuration;
mod deliveries;
mod documented;
mod gathered;
mod health;
#[allow(dead_code, reason = "shared with the tests of the command line")]
#[path = "../cli/home.rs"]
mod home;
#[allow(dead_code, reason = "shared with other tests of the service")]
mod http;
mod interface;
mod keys;
mod overload;
mod pages;
#[allow(dead_code, reason = "shared with the tests of two replicas")]
mod people;
mod quarantine;
mod reading;
mod reload;
mod remote;
#[allow(dead_code, reason = "shared with other tests of the service")]
mod service;
mod shutdown;
mod telemetry;
