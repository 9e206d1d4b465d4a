//! How people are told, as the receivers see it: each test starts the real binary and a receiver
//! of its own on this machine, which holds what comes against the published format.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod checkpoints;
mod configuration;
mod delivery;
mod email;
mod heartbeat;
#[allow(dead_code, reason = "shared with the tests of the command line")]
#[path = "../cli/home.rs"]
mod home;
#[allow(dead_code, reason = "shared with the tests of the service")]
#[path = "../serve/http.rs"]
mod http;
mod paging;
#[allow(dead_code, reason = "shared with the tests of the service")]
#[path = "../serve/people.rs"]
mod people;
mod receiver;
mod rota;
#[allow(dead_code, reason = "shared with the tests of the service")]
#[path = "../serve/service.rs"]
mod service;
mod slack;
#[allow(dead_code, reason = "shared with the tests of live mode")]
#[path = "../live/stage.rs"]
mod stage;
mod world;
