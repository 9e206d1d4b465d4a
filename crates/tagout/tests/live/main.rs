//! Live execution, as an operator sees it: the real service starts real programs, each of which
//! leaves lines in a file. Those files, and not what the log says, tell what really ran.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod admitting;
mod apiserver;
mod asking;
#[allow(dead_code, reason = "shared with the soak of deliveries")]
#[path = "../crash/chance.rs"]
mod chance;
#[allow(dead_code, reason = "shared with the tests of the PostgreSQL store")]
#[path = "../postgres/cluster.rs"]
mod cluster;
#[allow(dead_code, reason = "shared with the tests of the polls")]
#[path = "../support/daemons.rs"]
mod daemons;
mod demands;
#[path = "../support/faketime.rs"]
mod faketime;
#[allow(dead_code, reason = "shared with the tests of the command line")]
#[path = "../cli/home.rs"]
mod home;
#[allow(dead_code, reason = "shared with the tests of the service")]
#[path = "../serve/http.rs"]
mod http;
mod keys;
mod kubectl;
mod looking;
mod looking_together;
mod lost;
mod opting_in;
#[allow(dead_code, reason = "shared with the tests of the service")]
#[path = "../serve/people.rs"]
mod people;
mod rehearsal;
mod remote;
mod replicas;
mod running;
#[allow(dead_code, reason = "shared with the tests of the service")]
#[path = "../serve/service.rs"]
mod service;
mod signed;
mod soak;
mod soak_replicas;
#[allow(dead_code, reason = "shared with the tests of the executor")]
#[path = "../exec/sshd.rs"]
mod sshd;
mod stage;
mod stopping;
mod succeeding;
mod system_calls;
