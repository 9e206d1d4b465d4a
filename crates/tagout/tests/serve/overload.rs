//! Too much at once, and a store that does not take anything: 503, nothing lost, and back.

use std::io::{Read as _, Write as _};
use std::thread;
use std::time::{Duration, Instant};

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
fn what_is_still_to_be_recorded_takes_its_room_after_its_sender_was_told_to_come_back() {
    let server = "request_timeout = \"1s\"\nmax_body_bytes = 4096\n\
                  max_body_bytes_in_flight = 4096";
    let service = Service::with(server, "");
    let alert = alert("CacheFull", "warning", "c-1");
    let body = format!("{}{alert}", " ".repeat(4096 - alert.len()));
    let held = hold(&service);
    service.post("own", OWN_SECRET, body).fails_with(503);
    let taken = service.metric("tagout_body_bytes_in_flight").unwrap();
    assert!((taken - 4096.0).abs() < 0.5, "{taken} bytes are under way");
    drop(held);
    service.wait("its room", |service| {
        service.metric("tagout_body_bytes_in_flight").filter(|bytes| *bytes < 0.5)
    });
    assert_eq!(service.stop().count("incident_opened"), 1, "it was recorded all the same");
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
    let early = answered.recv_timeout(Duration::from_millis(500));
    assert!(early.is_err(), "a third connection was served: {early:?}");
    drop(open);
    assert_eq!(answered.recv_timeout(Duration::from_secs(30)), Ok(200));
}

/// A connection that had its answer and that its owner keeps open.
fn kept(service: &Service) -> std::net::TcpStream {
    let mut stream = std::net::TcpStream::connect(&service.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: tagout\r\n\r\n").unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    stream
}

#[test]
fn connections_that_are_only_kept_open_make_room_for_those_that_wait() {
    let service = Service::with("max_connections = 3", "");
    let _kept: Vec<_> = (0..3).map(|_| kept(&service)).collect();
    let start = Instant::now();
    for _ in 0..5 {
        Request::new("GET", "/livez").send(&service.address).is(200);
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn a_connection_is_closed_and_not_cut_off_when_its_place_is_needed() {
    let service = Service::with("max_connections = 3", "");
    let mut kept = kept(&service);
    let two = || std::net::TcpStream::connect(&service.address).unwrap();
    // Neither asks for anything; both may be about to.
    let _new = [two(), two()];
    let mut rest = String::new();
    kept.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("\r\n\r\n"), "it had its answer whole: {rest}");
    Request::new("GET", "/livez").send(&service.address).is(200);
}

#[test]
fn nobody_holds_the_service_by_announcing_bodies_and_sending_none() {
    let server = "request_timeout = \"1s\"\nmax_connections = 12";
    let service = Service::with(server, "");
    let form = |path: &str| {
        Request::new("POST", path).header("Content-Type", "application/x-www-form-urlencoded")
    };
    let made_up = |path: &str| form(path).header("Cookie", "tagout=made-up");
    let requests = [
        form("/login"),
        form("/login").header("Cookie", "tagout=made-up"),
        form("/logout"),
        made_up("/incidents/inc-1/close"),
        made_up("/stops/halt"),
        // What proves a form is made of the cookie, so whoever makes up the one makes the other.
        made_up("/stops/halt").header("X-Csrf-Token", &tagout::access::session::csrf("made-up")),
        form("/stops/halt").token("made-up"),
        form("/stops/halt"),
        made_up("/v1/halt"),
        made_up("/v1/halt").header("X-Csrf-Token", &tagout::access::session::csrf("made-up")),
        made_up("/v1/sources/own"),
        made_up("/no/such/place"),
    ];
    let start = Instant::now();
    let held: Vec<_> = requests
        .into_iter()
        .map(|request| {
            let mut held = request.body(vec![b'a'; 1_000]).begin(&service.address, 3);
            held.forget_the_rest();
            held
        })
        .collect();
    Request::new("GET", "/livez").send(&service.address).is(200);
    for held in held {
        let status = held.finish().status;
        assert!([401, 403, 404, 408].contains(&status), "{status}");
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}
