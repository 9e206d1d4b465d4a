//! Too much at once, and a store that does not take anything: 503, nothing lost, and back.

use std::thread;

use super::home::alert;
use super::http::Request;
use super::service::{OWN_SECRET, Service};

/// Holds the journal as another process would that is writing.
fn hold(service: &Service) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(service.home.database()).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}

#[test]
fn a_full_queue_is_answered_503_and_the_sender_comes_through_afterwards() {
    let service = Service::with("queue = 1", "");
    let held = hold(&service);
    let answers: Vec<_> = thread::scope(|scope| {
        let posts: Vec<_> = (0..6)
            .map(|n| {
                let (service, body) = (&service, alert("CacheFull", "warning", &format!("c-{n}")));
                scope.spawn(move || service.post("own", OWN_SECRET, body))
            })
            .collect();
        posts.into_iter().map(|post| post.join().unwrap()).collect()
    });
    for answer in answers {
        let answer = answer.fails_with(503);
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
    }
    let overloaded = r#"tagout_deliveries_total{source="own",format="none",outcome="overloaded"}"#;
    drop(held);
    service.wait("room in the queue", |service| {
        let body = alert("CacheFull", "warning", "c-0");
        (service.post("own", OWN_SECRET, body).status == 200).then_some(())
    });
    assert!(service.metric(overloaded).unwrap() >= 4.0, "the queue was never full");
    let home = service.stop();
    home.assert_log_holds();
}

#[test]
fn a_store_that_cannot_write_is_no_success() {
    let service = Service::with("request_timeout = \"1s\"", "");
    let held = hold(&service);
    let body = alert("CacheFull", "warning", "c-1");
    let answer = service.post("own", OWN_SECRET, body.clone()).fails_with(503);
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    drop(held);
    service.wait("the store", |service| {
        (service.post("own", OWN_SECRET, body.clone()).status == 200).then_some(())
    });
    let home = service.stop();
    assert_eq!(home.count("incident_opened"), 1, "it was sent again and is still one incident");
}

#[test]
fn bodies_that_there_is_no_room_for_are_told_to_come_back() {
    let server = "max_body_bytes = 4096\nmax_body_bytes_in_flight = 4096";
    let service = Service::with(server, "");
    let alert = alert("CacheFull", "warning", "c-1");
    let body = format!("{}{alert}", " ".repeat(4096 - alert.len()));
    let request = Request::new("POST", "/v1/sources/own").token(OWN_SECRET);
    let slow = request.body(body).begin(&service.address, 10);
    let full = service.wait("the body to be under way", |service| {
        service.metric("tagout_body_bytes_in_flight").filter(|bytes| *bytes > 0.0)
    });
    assert!((full - 4096.0).abs() < 0.5);
    service.post("own", OWN_SECRET, alert.clone()).fails_with(503);
    slow.finish().is(200);
    service.post("own", OWN_SECRET, alert).is(200);
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for_and_not_dropped_by_the_sender() {
    let service = Service::with("request_timeout = \"300ms\"", "");
    let request = Request::new("POST", "/v1/sources/own").token(OWN_SECRET);
    let mut begun = request.body("{\"title\": \"Never whole\"}").begin(&service.address, 3);
    begun.forget_the_rest();
    begun.finish().fails_with(503);
}

#[test]
fn connections_beyond_the_limit_wait_until_one_is_closed() {
    let service = Service::with("max_connections = 2", "");
    let request = || Request::new("GET", "/livez").header("X", "y");
    let open: Vec<_> =
        (0..2).map(|_| std::net::TcpStream::connect(&service.address).unwrap()).collect();
    let waiting = request().begin(&service.address, 0);
    let (told, answered) = std::sync::mpsc::channel();
    thread::spawn(move || told.send(waiting.finish().status));
    let early = answered.recv_timeout(std::time::Duration::from_millis(500));
    assert!(early.is_err(), "a third connection was served: {early:?}");
    drop(open);
    assert_eq!(answered.recv_timeout(std::time::Duration::from_secs(30)), Ok(200));
}
