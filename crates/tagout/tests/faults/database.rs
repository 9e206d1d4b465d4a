//! The PostgreSQL database is gone and comes back.

use std::thread;

use super::browser::{service_of, signed_in};
use super::cluster::Cluster;
use super::said::{Said, ready};
use super::service::Service;

#[test]
fn while_the_database_is_gone_nothing_is_acknowledged_and_then_it_goes_on_by_itself() {
    let mut cluster = Cluster::start(&[]);
    let url = cluster.url(&cluster.database());
    let service = Service::with("", &format!("[store]\nkind = \"postgres\"\nurl = {url:?}\n"));
    let mut said = Said::default();
    for _ in 0..10 {
        said.until_taken(&service);
    }
    cluster.stop();
    // Each waits for the database as long as it may, so they come together.
    thread::scope(|scope| {
        for n in 1..=5 {
            let mut said = Said::from(n * 1_000);
            let service = &service;
            scope.spawn(move || assert!(!said.send(service), "taken without a database"));
        }
    });
    ready(&service, false);
    assert_eq!(service.get("/livez").status, 200, "the process is not at fault");
    cluster.run(&[]);
    said.until_taken(&service);
    ready(&service, true);
    said.is_kept(&service.stop());
}

#[test]
fn a_switch_that_was_pressed_on_a_page_while_the_database_is_gone_holds_and_is_recorded() {
    let mut cluster = Cluster::start(&[]);
    let url = cluster.url(&cluster.database());
    let people = [("ana", "approver"), ("ben", "approver")];
    let service =
        service_of(&people, "", &format!("[store]\nkind = \"postgres\"\nurl = {url:?}\n"));
    let (mut ana, mut ben) = (signed_in(&service, "ana"), signed_in(&service, "ben"));
    let (csrf, bens) = (ana.csrf(), ben.csrf());
    let left = ben.clone();
    ben.sign_out().is(303);
    cluster.stop();
    let who = "who you are cannot be found out";
    thread::scope(|scope| {
        let press = |of: &super::browser::Browser, path: &'static str, csrf: &str| {
            let (mut browser, csrf) = (of.clone(), csrf.to_owned());
            let fields =
                move || browser.post(path, &[("csrf", &csrf), ("reason", "smoke")]).is(503);
            scope.spawn(fields)
        };
        let pressed = press(&ana, "/stops/halt", &csrf);
        // By what is remembered, something is stopped and nothing else is done.
        let others = [
            press(&ana, "/stops/release", &csrf),
            press(&ana, "/windows", &csrf),
            // Whoever has left stops nothing.
            press(&left, "/stops/halt", &bens),
        ];
        for other in others {
            let answer = other.join().unwrap();
            assert!(answer.body.contains(who), "{answer:?}");
        }
        let answer = pressed.join().unwrap();
        assert!(!answer.body.contains(who), "{answer:?}");
    });
    cluster.run(&[]);
    service.wait("that the switch is recorded", |service| {
        let switches = service.read("/v1/switches");
        (switches.status == 200 && switches.json()["kill_switch"] == true).then_some(())
    });
    let trail = service.stop().trail();
    let engaged: Vec<_> = trail
        .iter()
        .map(|line| &line["event"])
        .filter(|event| event["kind"] == "kill_switch_engaged")
        .collect();
    assert!(!engaged.is_empty());
    assert!(engaged.iter().all(|event| event["data"]["by"] == "ana"), "{engaged:?}");
}
