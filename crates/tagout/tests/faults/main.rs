//! The real service while what it stands on fails: a full disk, one that can only be read, a
//! database that is gone or another, a clock that jumps, a primary that dies. Nothing is
//! acknowledged that is not durable, and it goes on by itself when the fault is over.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code, reason = "shared with the tests of who gets in")]
#[path = "../access/browser.rs"]
mod browser;
#[allow(dead_code, reason = "shared with the tests that kill the service")]
#[path = "../crash/chance.rs"]
mod chance;
mod clock;
#[allow(dead_code, reason = "shared with the tests of the store")]
#[path = "../postgres/cluster.rs"]
mod cluster;
mod database;
mod disk;
#[path = "../support/faketime.rs"]
mod faketime;
#[allow(dead_code, reason = "shared with the tests of the command line")]
#[path = "../cli/home.rs"]
mod home;
#[allow(dead_code, reason = "shared with the tests of the service")]
#[path = "../serve/http.rs"]
mod http;
mod memory;
mod moved;
#[allow(dead_code, reason = "shared with the tests of the service")]
#[path = "../serve/people.rs"]
mod people;
mod said;
#[allow(dead_code, reason = "shared with the tests of the service")]
#[path = "../serve/service.rs"]
mod service;
#[allow(dead_code, reason = "shared with the tests of live mode")]
#[path = "../live/stage.rs"]
mod stage;
mod standby;
mod steps;
