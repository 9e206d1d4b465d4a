//! How often people may change something. What stops something is paced by nothing but the same
//! stop of the same person: neither what else they do, nor what others at the same address do,
//! keeps anybody from it.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::extract::MatchedPath;
use axum::http::Method;
use axum::http::request::Parts;
use tagout_core::approval::Person;
use tagout_core::digest::sha256;
use tagout_core::limits;

use super::App;
use super::problem::Problem;
use crate::access::rates::{Rate, RateLimit};

/// How often one person may make the same stop: each is recorded, also one that changes nothing.
const STOPS: Rate = Rate { burst: 20, pause: Duration::from_secs(1) };

/// The stops that were made lately, by who made them and a digest of what was stopped.
#[derive(Debug)]
pub(super) struct Stops(RateLimit<(Person, [u8; 32])>);

impl Default for Stops {
    fn default() -> Self {
        Self(RateLimit::new(STOPS, limits::RATES))
    }
}

impl App {
    /// Takes one change of a known person at an address.
    pub(super) fn pace(&self, person: &Person, from: IpAddr, parts: &Parts) -> Result<(), Problem> {
        if !is_stop(parts) {
            return self.sign_in.pace(person, from).map_err(Problem::too_often);
        }
        let what = sha256("tagout.stop.v1", &[parts.uri.path().as_bytes()]);
        self.stops.0.take(&(person.clone(), what), Instant::now()).map_err(|wait| {
            Problem::too_often(u32::try_from(wait.as_secs().saturating_add(1)).unwrap_or(u32::MAX))
        })
    }
}

/// Whether this route stops something or takes back what lets it go on.
pub(super) fn is_stop(parts: &Parts) -> bool {
    let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    match parts.method {
        Method::POST => [
            "/v1/halt",
            "/v1/freeze",
            "/v1/incidents/{id}/plans/{digest}/revoke",
            "/stops/halt",
            "/stops/freeze",
            "/stops/bypasses/{id}/close",
            "/incidents/{id}/review/{plan}/revoke",
        ]
        .contains(&route),
        Method::DELETE => route == "/v1/bypasses/{id}",
        _ => false,
    }
}
