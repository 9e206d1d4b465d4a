//! Real Alertmanagers in front of the real service, alone and in pairs: what they send twice is
//! one incident, what resolves ends, and a storm is a handful.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/daemons.rs"]
#[allow(dead_code)]
mod daemons;
#[path = "../cli/home.rs"]
#[allow(dead_code)]
mod home;
#[path = "../serve/http.rs"]
#[allow(dead_code)]
mod http;
mod outage;
mod pair;
mod peer;
mod peers;
mod proof;
#[path = "../serve/service.rs"]
#[allow(dead_code)]
mod service;
mod storm;
mod trail;
mod weather;
