//! A real Alertmanager, alone and in pairs, that notifies the real service.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code, reason = "shared with the tests of the command line")]
#[path = "../cli/home.rs"]
mod home;
#[allow(dead_code, reason = "shared with the tests of the service")]
#[path = "../serve/http.rs"]
mod http;
mod outage;
mod pair;
mod peer;
mod proof;
#[allow(dead_code, reason = "shared with the tests of the service")]
#[path = "../serve/service.rs"]
mod service;
mod storm;
mod trail;
