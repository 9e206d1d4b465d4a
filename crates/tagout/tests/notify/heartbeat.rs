//! Signs of life for an outside watch.

use std::thread;
use std::time::Duration;

use super::receiver::Receiver;
use super::world::with;

fn heartbeat(url: &str, rest: &str) -> String {
    format!(
        "[[channel]]\nname = \"watch\"\nkind = \"heartbeat\"\nurl = {url:?}\ninterval = \"5s\"\n{rest}"
    )
}

#[test]
fn signs_of_life_come_while_the_service_works() {
    let receiver = Receiver::taking();
    let service = with(&heartbeat(&receiver.url("/ping/1"), "method = \"post\"\n"));
    let got = receiver.wait(2);
    assert!(got.iter().all(|one| one.method == "POST" && one.path == "/ping/1"), "{got:#?}");
    service.stop();
}

#[test]
fn a_service_that_cannot_write_its_log_gives_no_sign_of_life() {
    let receiver = Receiver::taking();
    let service = with(&heartbeat(&receiver.url("/"), ""));
    receiver.wait(1);
    let name = r#"tagout_heartbeats_total{channel="watch",outcome="withheld"}"#;
    // At the very start it may not have kept time yet.
    let at_first = service.metric(name).unwrap_or_default();
    // Another process takes the log and keeps it.
    let other = rusqlite::Connection::open(service.home.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    service.wait("silence", |service| service.metric(name).filter(|n| *n > at_first));
    let before = receiver.got().len();
    thread::sleep(Duration::from_secs(6));
    assert_eq!(receiver.got().len(), before);
    other.execute_batch("ROLLBACK").unwrap();
    receiver.wait(before + 1);
}
