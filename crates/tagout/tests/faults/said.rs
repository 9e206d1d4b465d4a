//! What a service was sent and said to it, and whether it keeps its word.

use std::time::{Duration, Instant};

use super::home::{Home, alert};
use super::http::Request;
use super::service::{OWN_SECRET, Service};

/// Deliveries of alerts that are each new, and the receipts of those that were taken.
#[derive(Default)]
pub(crate) struct Said {
    sent: usize,
    /// The digests that were answered 200.
    pub(crate) taken: Vec<String>,
    /// How many were answered 503.
    pub(crate) refused: usize,
}

/// How long a fault may take to be seen, or to be over.
const PATIENCE: Duration = Duration::from_secs(60);

impl Said {
    /// With alerts that are numbered from `first`.
    pub(crate) fn from(first: usize) -> Self {
        Self { sent: first, ..Self::default() }
    }

    /// Sends an alert that nobody has heard of and says whether it was taken. Anything but 200
    /// and 503 is a failure.
    pub(crate) fn send(&mut self, service: &Service) -> bool {
        self.sent += 1;
        let body = alert("CacheFull", "warning", &format!("c-{}", self.sent));
        let answer = service.post("own", OWN_SECRET, body);
        match answer.status {
            200 => {
                self.taken.push(answer.json()["delivery"].as_str().unwrap().to_owned());
                true
            }
            _ => {
                answer.fails_with(503);
                self.refused += 1;
                false
            }
        }
    }

    /// Sends an alert to a process that may be gone: it must not be taken.
    pub(crate) fn is_not_taken(&mut self, service: &Service) {
        self.sent += 1;
        let body = alert("CacheFull", "warning", &format!("c-{}", self.sent));
        let request = Request::new("POST", "/v1/sources/own").token(OWN_SECRET).body(body);
        if let Some(answer) = request.try_send(&service.address) {
            answer.fails_with(503);
        }
    }

    /// Sends until one is refused, as fast as they are taken.
    pub(crate) fn until_refused(&mut self, service: &Service) {
        let end = Instant::now() + PATIENCE;
        while self.send(service) {
            assert!(Instant::now() < end, "waited in vain for a refusal: {}", service.told());
        }
    }

    /// Sends some, of which none is taken.
    pub(crate) fn all_refused(&mut self, service: &Service, fault: &str) {
        for _ in 0..5 {
            assert!(!self.send(service), "something was taken: {fault}");
        }
    }

    /// Sends until one is taken.
    pub(crate) fn until_taken(&mut self, service: &Service) {
        service.wait("a delivery that is taken", |service| self.send(service).then_some(()));
    }

    /// Everything that was taken is in the log, and the log holds.
    pub(crate) fn is_kept(&self, home: &Home) {
        home.assert_log_holds();
        let trail = home.trail();
        for delivery in &self.taken {
            let kept = trail.iter().any(|line| line["event"]["data"]["delivery"] == **delivery);
            assert!(kept, "{delivery} was answered 200 and is not in the log");
        }
    }
}

/// Waits until the service says that it is ready, or that it is not.
pub(crate) fn ready(service: &Service, ready: bool) {
    let status = if ready { 200 } else { 503 };
    service.wait("the readiness", |service| (service.ready().0 == status).then_some(()));
}
