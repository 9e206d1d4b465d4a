//! The whole life of a storm: it comes, each of its alerts is told of, it ends.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::home::Home;
use super::peer::{Peer, configuration};
use super::service::{SECRET, Service, call, configuration as of_tagout};
use super::trail::{Fates, incidents, stands_for};

/// The names that fire, and their severity.
const NAMES: [(&str, &str); 4] = [
    ("HostDown", "critical"),
    ("ProbeFailed", "error"),
    ("HighLatency", "warning"),
    ("QueueStuck", "warning"),
];
/// How many severities they have.
const SEVERITIES: usize = 3;
/// `storm_overall` as shipped: when so many incidents of a severity or a higher one were opened
/// within ten minutes, the next alert of it opens one that gathers all further ones of it. So of
/// each severity there are at most so many and the one that gathers, in whatever order they come.
const OVERALL: usize = 5;

/// So many alerts of one outage, in `clusters`.
fn alerts(count: usize, clusters: usize) -> Vec<Value> {
    let alert = |n: usize| {
        let (name, severity) = NAMES[n % NAMES.len()];
        json!({
            "alertname": name, "severity": severity, "instance": format!("node-{n:06}"),
            "cluster": format!("c{}", n / NAMES.len() % clusters),
            "job": "node", "region": "eu-west-1", "environment": "test",
        })
    };
    (0..count).map(alert).collect()
}

/// A service under the rules as shipped.
fn service(timeout: &str) -> Service {
    let home = Home::new();
    home.write(
        "policy.toml",
        "version = 1\n[[environment]]\nname = \"test\"\n\
        match = { environment = \"test\" }\nfloor = \"low\"\n",
    );
    home.write("state/tagout/tagout.toml", of_tagout(timeout, ""));
    let call = call(&home);
    Service::of(home, call)
}

fn peer(service: &Service, route: &str) -> Peer {
    let proof = format!("{{authorization: {{credentials: {SECRET}}}}}");
    Peer::start(&configuration(&service.address, route, &proof), None)
}

/// Waits until nothing is waited for any more, for minutes if need be.
fn until(service: &Service, what: &str, look: impl Fn(&Service) -> bool) {
    let end = std::time::Instant::now() + Duration::from_secs(300);
    while !look(service) {
        assert!(std::time::Instant::now() < end, "waited in vain for {what}: {}", service.told());
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// The whole life of a storm: it comes, people see a handful, it ends.
fn weather(service: Service, peer: &Peer, storm: &[Value]) -> Home {
    let began = std::time::Instant::now();
    let all = storm.len() as u64;
    peer.fire(storm);
    until(&service, "all alerts", |service| stands_for(service) == (all, all));
    let open = incidents(&service, "open");
    assert!(open.len() <= SEVERITIES * (OVERALL + 1), "{} incidents", open.len());
    let requests = open.iter().filter(|one| one["state"] == "pending_review").count();
    assert!(requests <= 10, "{requests} requests for review");
    let gathers: Vec<&Value> = open.iter().filter(|one| one["alerts"].is_object()).collect();
    // One for each name of which there were three (`storm_per_name`), one for each severity.
    assert!(gathers.len() <= NAMES.len() + SEVERITIES, "{gathers:?}");
    println!("{} incidents, {requests} requests, {} gather", open.len(), gathers.len());
    assert_eq!(told(&service, &open), named(storm), "each alert is told once, by name and subject");

    println!("came after {:?}", began.elapsed());
    peer.resolve(storm);
    until(&service, "all ends", |service| incidents(service, "open").is_empty());
    println!("ended after {:?}; memory: {}", began.elapsed(), memory(&service));
    let home = service.stop();
    home.assert_log_holds();
    let fates = Fates::of(&home);
    assert_eq!(fates.by_identity.len(), storm.len(), "every identity is in the log");
    assert_eq!(fates.taken_in_once(), storm.len(), "and was taken in once");
    home
}

fn memory(service: &Service) -> String {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap();
    status.lines().find(|line| line.starts_with("VmHWM")).unwrap().to_owned()
}

/// Every alert that the open incidents tell of, over all pages.
fn told(service: &Service, open: &[Value]) -> BTreeSet<(String, String)> {
    let mut told = BTreeSet::new();
    for incident in open {
        let id = incident["incident"].as_str().unwrap();
        let mut from = Some(0);
        while let Some(start) = from {
            let path = format!("/v1/incidents/{id}/alerts?from={start}");
            let answer = service.read(&path);
            assert_eq!(answer.status, 200, "{path}: {answer:?}: {}", service.told());
            let page = answer.json();
            for alert in page["alerts"].as_array().unwrap() {
                assert_eq!(alert["state"], "firing", "{alert}");
                let text = |name: &str| alert[name].as_str().unwrap().to_owned();
                assert!(told.insert((text("name"), text("subject"))), "twice: {alert}");
            }
            from = page["next"].as_u64();
        }
    }
    told
}

fn named(storm: &[Value]) -> BTreeSet<(String, String)> {
    let text = |alert: &Value, name: &str| alert[name].as_str().unwrap().to_owned();
    storm.iter().map(|alert| (text(alert, "alertname"), text(alert, "instance"))).collect()
}

#[test]
fn a_group_for_each_alert_is_no_other_storm() {
    let service = service("");
    let route = "group_by: ['...']\n  group_wait: 1s\n  group_interval: 2s";
    let peer = peer(&service, route);
    weather(service, &peer, &alerts(2_000, 2));
}

#[test]
fn a_storm_in_one_group_is_read_whole() {
    // With the time that a request may take left as it is: what takes longer goes on.
    let service = service("");
    let route = "group_by: [region]\n  group_wait: 10s\n  group_interval: 10s";
    let peer = peer(&service, route);
    let home = weather(service, &peer, &alerts(30_000, 3));
    assert_eq!(home.count("delivery_quarantined"), 0);
}
