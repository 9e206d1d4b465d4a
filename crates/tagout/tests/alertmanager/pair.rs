//! Two Alertmanagers of one cluster with one receiver.

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
