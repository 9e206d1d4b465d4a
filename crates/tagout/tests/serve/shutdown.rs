//! How it ends.

use std::thread;
use std::time::Duration;

use super::home::alert;
use super::http::Request;
use super::service::{OWN_SECRET, Service};

#[test]
fn a_request_under_way_is_finished_and_the_log_is_signed() {
    let mut service = Service::start();
    let request = Request::new("POST", "/v1/sources/own").token(OWN_SECRET);
    let begun = request.body(alert("CacheFull", "warning", "c-1")).begin(&service.address, 10);
    service.wait("the body to be under way", |service| {
        service.metric("tagout_body_bytes_in_flight").filter(|bytes| *bytes > 0.0)
    });
    service.signal("-TERM");
    service.wait("the end to begin", |service| service.told().contains("stopping").then_some(()));
    let refused = std::net::TcpStream::connect(&service.address);
    let refused = refused.is_err() || {
        thread::sleep(Duration::from_millis(300));
        std::net::TcpStream::connect(&service.address).is_err()
    };
    assert!(refused, "it still accepts");
    let receipt = begun.finish().is(200).json();
    assert_eq!(service.ended(), Some(0), "{}", service.told());
    let trail = service.home.trail();
    assert!(trail.iter().any(|line| line["incident"] == receipt["incidents"][0]), "{receipt}");
    let verified = service.home.tagout(&["audit", "verify", "--json"]).done().ok().json();
    assert_eq!((&verified["holds"], &verified["entries_not_signed"]), (&true.into(), &0.into()));
}

#[test]
fn a_request_that_does_not_end_is_cut_off_after_the_grace() {
    let mut service = Service::with("shutdown_grace = \"200ms\"", "");
    let request = Request::new("POST", "/v1/sources/own").token(OWN_SECRET);
    let _begun = request.body(alert("CacheFull", "warning", "c-1")).begin(&service.address, 10);
    service.wait("the body to be under way", |service| {
        service.metric("tagout_body_bytes_in_flight").filter(|bytes| *bytes > 0.0)
    });
    service.signal("-INT");
    assert_eq!(service.ended(), Some(0), "{}", service.told());
    assert!(service.told().contains("cut off"), "{}", service.told());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut service = Service::with("shutdown_grace = \"60s\"\nrequest_timeout = \"60s\"", "");
    let request = Request::new("POST", "/v1/sources/own").token(OWN_SECRET);
    let _begun = request.body(alert("CacheFull", "warning", "c-1")).begin(&service.address, 10);
    service.wait("the body to be under way", |service| {
        service.metric("tagout_body_bytes_in_flight").filter(|bytes| *bytes > 0.0)
    });
    service.signal("-TERM");
    service.wait("the end to begin", |service| service.told().contains("stopping").then_some(()));
    service.signal("-TERM");
    assert_eq!(service.ended(), Some(3), "{}", service.told());
}

#[test]
fn what_a_service_left_open_the_next_one_goes_on_with() {
    let service = Service::start();
    let body = alert("QueueStuck", "warning", "q-1");
    let first = service.post("own", OWN_SECRET, body.clone()).is(200).json();
    let home = service.kill();
    let call = super::service::call(&home);
    let service = Service::of(home, call);
    let second = service.post("own", OWN_SECRET, body).is(200).json();
    assert_eq!(first["incidents"], second["incidents"]);
}
