//! The pages of `tagout serve` in a real Chromium: with clicks and keys, with and without
//! JavaScript, wide and narrow, light and dark. Every test starts the real binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod attacks;
mod batch;
mod browser;
#[allow(dead_code, reason = "shared with the tests of Alertmanager")]
#[path = "../support/daemons.rs"]
mod daemons;
mod handling;
#[allow(dead_code, reason = "shared with the tests of the command line")]
#[path = "../cli/home.rs"]
mod home;
mod hostile;
#[allow(dead_code, reason = "shared with the tests of the service")]
#[path = "../serve/http.rs"]
mod http;
mod inbox;
mod live;
#[allow(dead_code, reason = "shared with the tests of live mode")]
#[path = "../live/stage.rs"]
mod lived;
mod night;
mod pages;
#[allow(dead_code, reason = "shared with the tests of the service")]
#[path = "../serve/people.rs"]
mod people;
mod report;
mod review;
#[allow(dead_code, reason = "shared with the tests of the service")]
#[path = "../serve/service.rs"]
mod service;
mod stage;
mod steps;
mod stops;
