//! What people may ask, over a writer and a real store: roles, refused attempts, outdated plans.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod freshness;
mod histories;
#[allow(dead_code, reason = "shared with the tests of the command line")]
#[path = "../cli/home.rs"]
mod home;
mod house;
mod refused;
