//! Two Alertmanagers with one receiver: what comes twice is one incident and one trail.

use serde_json::{Value, json};

use super::peer::{Peer, configuration};
use super::service::{SECRET, Service};
use super::trail::incidents;

const ROUTE: &str = "group_by: [alertname]\n  group_wait: 1s\n  group_interval: 1s";

fn bearer() -> String {
    format!("{{authorization: {{type: Bearer, credentials: {SECRET}}}}}")
}

fn disk(instance: &str) -> Value {
    json!({"alertname": "CacheFull", "severity": "warning", "instance": instance,
           "environment": "test"})
}

fn state(service: &Service, id: &str) -> String {
    let incident = service.read(&format!("/v1/incidents/{id}")).is(200).json();
    incident["summary"]["state"].as_str().unwrap().to_owned()
}

#[test]
fn an_alert_that_both_of_a_pair_know_is_one_incident_that_ends_with_it() {
    let service = Service::start();
    let config = configuration(&service.address, ROUTE, &bearer());
    let one = Peer::start(&config, None);
    let two = Peer::start(&config, Some(&one.gossip));
    service.wait("the pair", |_| (one.peers() == 2 && two.peers() == 2).then_some(()));
    let alert = [disk("c-1")];
    one.fire(&alert);
    two.fire(&alert);
    let opened = service.wait("the incident", |service| {
        Some(incidents(service, "open")).filter(|open| !open.is_empty())
    });
    assert_eq!(opened.len(), 1);
    let id = opened[0]["incident"].as_str().unwrap().to_owned();
    one.resolve(&alert);
    two.resolve(&alert);
    service.wait("its end", |service| (state(service, &id) == "closed").then_some(()));
    let home = service.stop();
    assert_eq!(home.count("incident_opened"), 1);
    assert_eq!(home.count("alert_ended"), 1);
    home.assert_log_holds();
}

#[test]
fn a_split_pair_that_notifies_twice_makes_one_incident_and_one_trail() {
    let service = Service::start();
    let config = configuration(&service.address, ROUTE, &bearer());
    // Two that do not find each other notify both.
    let pair = [Peer::start(&config, None), Peer::start(&config, None)];
    let alert = [disk("c-1")];
    pair.iter().for_each(|peer| peer.fire(&alert));
    let accepted =
        r#"tagout_deliveries_total{source="am",format="alertmanager",outcome="accepted"}"#;
    let times =
        |service: &Service, least: f64| service.metric(accepted).filter(|count| *count >= least);
    service.wait("both notifications", |service| times(service, 2.0));
    let open = incidents(&service, "open");
    assert_eq!(open.len(), 1);
    let repeated = service.metric(r#"tagout_alerts_folded_total{how="repeated"}"#);
    assert!(repeated >= Some(1.0), "{repeated:?}");
    assert_eq!(service.metric(r#"tagout_incidents_opened_total{kind="own"}"#), Some(1.0));
    pair.iter().for_each(|peer| peer.resolve(&alert));
    service.wait("both ends", |service| times(service, 4.0));
    let home = service.stop();
    assert_eq!(home.count("incident_opened"), 1);
    assert_eq!(home.count("alert_ended"), 1);
}

#[test]
fn the_alerts_of_a_mixed_group_end_one_by_one() {
    let service = Service::start();
    let peer = Peer::start(&configuration(&service.address, ROUTE, &bearer()), None);
    let alerts: Vec<Value> = ["c-1", "c-2", "c-3"].map(disk).into();
    peer.fire(&alerts);
    let open = |service: &Service| -> Vec<String> {
        let mut subjects: Vec<String> = incidents(service, "open")
            .iter()
            .map(|incident| incident["subject"].as_str().unwrap().to_owned())
            .collect();
        subjects.sort();
        subjects
    };
    service.wait("three incidents", |service| (open(service).len() == 3).then_some(()));
    for left in (0..3).rev() {
        peer.resolve(&alerts[left..=left]);
        service.wait("one end", |service| (open(service).len() == left).then_some(()));
        assert_eq!(open(&service), ["c-1", "c-2", "c-3"][..left]);
    }
}
