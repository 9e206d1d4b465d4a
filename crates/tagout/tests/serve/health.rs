//! Liveness and readiness.

use std::fs;

use super::service::{Service, call};

#[test]
fn a_service_that_takes_deliveries_is_alive_and_ready() {
    let service = Service::start();
    assert_eq!(service.get("/livez").is(200).body, "ok\n");
    let (status, ready) = service.ready();
    assert_eq!((status, &ready["ready"]), (200, &true.into()), "{ready}");
    assert_eq!(ready["failing"], serde_json::json!([]));
}

#[test]
fn a_held_database_makes_it_unready_and_leaves_it_alive() {
    let service = Service::start();
    let held = rusqlite::Connection::open(service.home.database()).unwrap();
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (status, ready) = service.ready();
    assert_eq!(status, 503, "{ready}");
    assert_eq!(ready["failing"][0]["what"], "store", "{ready}");
    service.get("/livez").is(200);
    drop(held);
    service.wait("readiness", |service| (service.ready().0 == 200).then_some(()));
}

#[test]
fn a_database_that_is_gone_makes_it_unready() {
    let service = Service::start();
    let (database, away) = (service.home.database(), service.home.path("away.db"));
    fs::rename(&database, &away).unwrap();
    let ready = service.wait("unreadiness", |service| {
        let (status, ready) = service.ready();
        (status == 503).then_some(ready)
    });
    assert_eq!(ready["failing"][0]["what"], "store", "{ready}");
    let why = ready["failing"][0]["why"].as_str().unwrap();
    assert!(!why.contains('/'), "a path is told to strangers: {why}");
    // What was done to it meanwhile is found out by a new process, which checks every entry.
    fs::rename(&away, &database).unwrap();
    let home = service.kill();
    let again = call(&home);
    let service = Service::of(home, again);
    service.wait("readiness", |service| (service.ready().0 == 200).then_some(()));
}
