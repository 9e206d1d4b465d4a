//! One alert, two Alertmanagers; a group whose alerts end one by one; a service that is away.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::daemons::{Alertmanager, free_port};
use super::home::Home;
use super::service::{SECRET, Service, call, configuration};

/// An Alertmanager that notifies `address` at once, by groups of these labels.
pub(crate) fn receiver(address: &str, group_by: &str, more: &str) -> String {
    format!(
        "route:\n  receiver: tagout\n  group_by: [{group_by}]\n  group_wait: 1s\n  \
         group_interval: 1s\n  repeat_interval: 1h\nreceivers:\n  - name: tagout\n    \
         webhook_configs:\n      - url: http://{address}/v1/sources/am\n        send_resolved: true\n{more}        \
         http_config:\n          authorization:\n            credentials: {SECRET}\n"
    )
}

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

fn labels(instance: &str) -> Value {
    json!({"alertname": "QueueStuck", "severity": "warning", "environment": "test",
           "instance": instance})
}

fn incidents(service: &Service, state: &str) -> Vec<Value> {
    let path = format!("/v1/incidents?state={state}&limit=200");
    service.read(&path).is(200).json()["incidents"].as_array().unwrap().clone()
}

fn deliveries(service: &Service) -> f64 {
    let name = r#"tagout_deliveries_total{source="am",format="alertmanager",outcome="accepted"}"#;
    service.metric(name).unwrap_or(0.0)
}

#[test]
fn the_same_alert_from_two_alertmanagers_is_one_incident_and_its_resolve_ends_it() {
    let service = Service::start();
    block_on(async {
        // They do not know each other, as peers whose link is cut: both notify.
        let config = receiver(&service.address, "alertname", "");
        let peers = [Alertmanager::start(&config).await, Alertmanager::start(&config).await];
        for peer in &peers {
            peer.fire(&[labels("q-1")]).await;
        }
        service.wait("both to notify", |service| (deliveries(service) >= 2.0).then_some(()));
        assert_eq!(incidents(&service, "open").len(), 1);
        for peer in &peers {
            peer.resolve(&[labels("q-1")]).await;
        }
        service.wait("both resolves", |service| (deliveries(service) >= 4.0).then_some(()));
        assert_eq!(incidents(&service, "open").len(), 0);
    });
    let home = service.stop();
    assert_eq!(home.count("incident_opened"), 1);
    assert_eq!(home.count("alert_ended"), 1);
    home.assert_log_holds();
}

#[test]
fn a_group_ends_alert_by_alert() {
    let service = Service::start();
    block_on(async {
        let alertmanager = Alertmanager::start(&receiver(&service.address, "alertname", "")).await;
        alertmanager.fire(&[labels("q-1"), labels("q-2")]).await;
        let open =
            |service: &Service, n: usize| (incidents(service, "open").len() == n).then_some(());
        service.wait("two incidents", |service| open(service, 2));
        alertmanager.resolve(&[labels("q-1")]).await;
        service.wait("one to end", |service| open(service, 1));
        assert_eq!(incidents(&service, "open")[0]["subject"], "q-2");
        alertmanager.resolve(&[labels("q-2")]).await;
        service.wait("the other to end", |service| open(service, 0));
    });
    service.stop().assert_log_holds();
}

#[test]
fn what_fires_while_the_service_is_away_arrives_when_it_is_back() {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let home = Home::new();
    let text = configuration("", "").replace("127.0.0.1:0", &address);
    home.write("state/tagout/tagout.toml", text);
    block_on(async {
        let alertmanager = Alertmanager::start(&receiver(&address, "alertname", "")).await;
        alertmanager.fire(&[labels("q-1")]).await;
        // It has tried in vain by now, and will again.
        let tried = Instant::now();
        while tried.elapsed() < Duration::from_secs(3) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let made = call(&home);
        let service = Service::of(home, made);
        service.wait("the alert", |service| (incidents(service, "open").len() == 1).then_some(()));
        service.stop().assert_log_holds();
    });
}
