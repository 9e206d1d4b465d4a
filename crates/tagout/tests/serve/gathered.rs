//! What was folded into an incident, as a reader sees it; and deliveries that take many turns.

use std::collections::BTreeMap;
use std::thread;

use serde_json::{Value, json};

use super::home::{Home, alert};
use super::http::Request;
use super::service::{OWN_SECRET, Service, call, configuration};

/// A service for which the second alert of a name is a storm.
fn stormy() -> Service {
    let home = Home::new();
    home.write("policy.toml", "version = 1\n[noise]\nstorm_per_name = 1\n");
    home.write("state/tagout/tagout.toml", configuration("", ""));
    let call = call(&home);
    Service::of(home, call)
}

fn many(name: &str, numbers: std::ops::Range<usize>) -> String {
    let alerts = numbers.map(|n| alert(name, "warning", &format!("{name}-{n}")));
    alerts.collect::<Vec<_>>().join("\n")
}

/// The incident that gathers, of those with this name.
fn storm(service: &Service, name: &str) -> Value {
    let page = service.read("/v1/incidents?state=open").is(200).json();
    let all = page["incidents"].as_array().unwrap().iter();
    all.clone().find(|one| one["alert"] == name && one["alerts"].is_object()).unwrap().clone()
}

fn page(service: &Service, id: &str, query: &str) -> Value {
    service.read(&format!("/v1/incidents/{id}/alerts{query}")).is(200).json()
}

#[test]
fn every_alert_that_was_folded_into_an_incident_is_listed_page_by_page() {
    let service = stormy();
    // Two storms in one delivery: each alert is told where it belongs.
    let both = format!("{}\n{}", many("Disk", 0..6), many("Net", 0..5));
    service.post("own", OWN_SECRET, both).is(200);
    service.post("own", OWN_SECRET, many("Disk", 6..9)).is(200);
    let disk = storm(&service, "Disk");
    assert_eq!(disk["alerts"], json!({"firing": 8, "total": 8}));
    let id = disk["incident"].as_str().unwrap().to_owned();
    for limit in [1, 3, 4, 8, 500] {
        let (mut subjects, mut from) = (Vec::new(), Some(0));
        while let Some(start) = from {
            let page = page(&service, &id, &format!("?from={start}&limit={limit}"));
            let alerts = page["alerts"].as_array().unwrap();
            assert!(alerts.len() <= limit, "{page}");
            for (place, alert) in alerts.iter().enumerate() {
                let first = start == 0 && place == 0;
                assert_eq!(alert["how"], if first { "opened" } else { "joined" });
                assert_eq!((&alert["name"], &alert["state"]), (&"Disk".into(), &"firing".into()));
                subjects.push(alert["subject"].as_str().unwrap().to_owned());
            }
            from = page["next"].as_u64();
        }
        let expected: Vec<String> = (1..9).map(|n| format!("Disk-{n}")).collect();
        assert_eq!(subjects, expected, "with a limit of {limit}");
    }
    let metric = |name: &str| service.metric(name);
    assert_eq!(metric(r#"tagout_alerts_folded_total{how="joined"}"#), Some(7.0 + 3.0));
    assert_eq!(metric(r#"tagout_incidents_opened_total{kind="storm_name"}"#), Some(2.0));
    assert_eq!(metric(r#"tagout_incidents_opened_total{kind="own"}"#), Some(2.0));
    let ended = alert("Disk", "warning", "Disk-4").replacen('{', "{\"status\": \"resolved\",", 1);
    service.post("own", OWN_SECRET, ended).is(200);
    service.post("own", OWN_SECRET, many("Disk", 5..6)).is(200);
    let now = page(&service, &id, "");
    assert_eq!(now["counts"], json!({"firing": 7, "total": 8}));
    assert_eq!(
        (&now["alerts"][3]["state"], &now["alerts"][4]["repeats"]),
        (&"ended".into(), &1.into())
    );
    let shown = service.read(&format!("/incidents/{id}")).is(200).body;
    for part in [
        "What was folded into it",
        "7 alerts, gathered here with it",
        "1 alert, ended while others went on",
        "1 alert, delivered again",
        "Disk-8",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    for wrong in ["?limit=0", "?limit=501", "?from=-1", "?what=1"] {
        service.read(&format!("/v1/incidents/{id}/alerts{wrong}")).fails_with(400);
    }
    service.read("/v1/incidents/inc-none/alerts").fails_with(404);

    let home = service.stop();
    let shown = home.tagout(&["approvals", "show", &id]).done().ok().stdout;
    assert!(shown.contains("It stands for 8 alerts, 7 of which fire"), "{shown}");
    assert!(shown.contains("Disk-8"), "{shown}");
    // After a restart it is told the same: it comes from the log.
    let call = call(&home);
    let service = Service::of(home, call);
    assert_eq!(page(&service, &id, ""), now);
}

#[test]
fn a_delivery_of_several_turns_is_recorded_whole_and_once() {
    let service = Service::with("request_timeout = \"120s\"", "");
    let count = 2 * tagout_core::limits::ALERTS_PER_TURN + 1;
    let alerts = (0..count).map(|n| alert("CacheFull", "info", &format!("c-{n}")));
    let mut lines: Vec<String> = alerts.collect();
    lines[3] = "{\"severity\": \"warning\"}".to_owned();
    let body = lines.join("\n");
    let receipt = service.post("own", OWN_SECRET, body.clone()).is(200).json();
    assert_eq!((&receipt["alerts"], &receipt["flawed"]), (&count.into(), &1.into()));
    service.post("own", OWN_SECRET, body).is(200);
    let home = service.stop();
    let trail = home.trail();
    let of = |kind: &str| -> Vec<&Value> {
        let events = trail.iter().map(|line| &line["event"]);
        events.filter(|event| event["kind"] == kind).map(|event| &event["data"]).collect()
    };
    // All that can be read, and one for people about the one that cannot.
    assert_eq!(of("incident_opened").len(), count);
    let received = of("delivery_received");
    assert_eq!(received.len(), 2);
    for one in received {
        assert_eq!((&one["alerts"], &one["flawed"][0]["index"]), (&count.into(), &3.into()));
    }
    home.assert_log_holds();
}

/// Alerts that nothing is searched for, and that take many turns.
fn long(count: usize) -> String {
    let alerts = (0..count).map(|n| alert("CacheFull", "info", &format!("c-{n}")));
    alerts.collect::<Vec<_>>().join("\n")
}

/// How many entries the log of a running service holds.
fn entries(service: &Service) -> i64 {
    let log = rusqlite::Connection::open(service.home.database()).unwrap();
    log.query_row("SELECT count(*) FROM leaves", [], |row| row.get(0)).unwrap()
}

/// How often each alert was taken in.
fn taken_in(trail: &[Value]) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    let opened = trail.iter().filter(|line| line["event"]["kind"] == "incident_opened");
    for line in opened {
        let identity = line["event"]["data"]["identity"].as_str().unwrap().to_owned();
        *times.entry(identity).or_default() += 1;
    }
    times
}

#[test]
fn a_service_killed_in_the_middle_of_a_big_delivery_says_no_2xx_and_what_is_sent_again_is_one_trail()
 {
    let count = 9_000;
    let service = Service::with("request_timeout = \"120s\"", "");
    let before = entries(&service);
    let address = service.address.clone();
    let sent = thread::spawn(move || {
        let request = Request::new("POST", "/v1/sources/own").token(OWN_SECRET);
        request.body(long(count)).send(&address).status
    });
    service.wait("a part", |service| (entries(service) > before).then_some(()));
    let home = service.kill();
    // The connection ends without an answer.
    assert!(sent.join().is_err(), "it was answered before all of it was durable");
    assert_eq!(home.count("delivery_received"), 0);
    assert!(home.count("delivery_part_received") >= 1);
    let call = call(&home);
    let service = Service::of(home, call);
    let mut answer = service.post("own", OWN_SECRET, long(count));
    while answer.status == 503 {
        answer = service.post("own", OWN_SECRET, long(count));
    }
    answer.is(200);
    let home = service.stop();
    let taken = taken_in(&home.trail());
    assert_eq!(taken.len(), count);
    assert!(taken.values().all(|times| *times == 1));
    assert_eq!(home.count("delivery_received"), 1);
    home.assert_log_holds();
}

#[test]
fn a_big_delivery_that_takes_too_long_goes_on_and_sent_again_is_not_recorded_beside_itself() {
    let count = 6_000;
    let service = Service::with("request_timeout = \"500ms\"", "");
    let senders: Vec<_> = (0..5)
        .map(|_| {
            let address = service.address.clone();
            thread::spawn(move || {
                let request = Request::new("POST", "/v1/sources/own").token(OWN_SECRET);
                request.body(long(count)).send(&address).status
            })
        })
        .collect();
    // The first is being recorded, and the others are told to send again meanwhile.
    senders.into_iter().for_each(|sender| assert_eq!(sender.join().unwrap(), 503));
    service.wait("its end", |service| {
        service.metric("tagout_body_bytes_in_flight").filter(|bytes| *bytes == 0.0)
    });
    let home = service.stop();
    assert_eq!(home.count("delivery_received"), 1);
    assert_eq!(taken_in(&home.trail()).len(), count);
    home.assert_log_holds();
}

#[test]
fn a_big_delivery_that_nobody_waits_for_any_more_ends_with_the_service_and_the_log_is_signed() {
    let mut service = Service::with("request_timeout = \"1s\"\nshutdown_grace = \"1s\"", "");
    service.post("own", OWN_SECRET, long(40_000)).fails_with(503);
    service.signal("-TERM");
    assert_eq!(service.ended(), Some(0), "{}", service.told());
    let verified = service.home.tagout(&["audit", "verify", "--json"]).done().ok().json();
    assert_eq!((&verified["holds"], &verified["entries_not_signed"]), (&true.into(), &0.into()));
    assert_eq!(service.home.count("delivery_received"), 0);
    assert!(service.home.count("delivery_part_received") >= 1);
}
