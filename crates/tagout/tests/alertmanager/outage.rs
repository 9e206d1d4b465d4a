//! Tagout is down or cannot record while Alertmanager notifies: it sends again, and nothing is
//! lost.

use serde_json::json;

use super::daemons::free_port;
use super::home::Home;
use super::peer::{Peer, configuration};
use super::service::{SECRET, Service, call};
use super::trail::{Fates, incidents};

const ROUTE: &str = "group_by: [alertname]\n  group_wait: 1s\n  group_interval: 2s";

/// A home whose service listens on this port, so that it can be started again there.
fn home(port: u16) -> Home {
    let home = Home::new();
    let config = super::service::configuration("", "");
    let config = config.replace("127.0.0.1:0", &format!("127.0.0.1:{port}"));
    home.write("state/tagout/tagout.toml", config);
    home
}

fn start(home: Home) -> Service {
    let call = call(&home);
    Service::of(home, call)
}

#[test]
fn what_fires_while_tagout_is_down_or_restarts_is_delivered_when_it_is_back() {
    let port = free_port();
    let proof = format!("{{authorization: {{credentials: {SECRET}}}}}");
    let peer = Peer::start(&configuration(&format!("127.0.0.1:{port}"), ROUTE, &proof), None);
    let alert = |name: &str| json!({"alertname": name, "severity": "warning", "instance": "c-1", "environment": "test"});
    peer.fire(&[alert("FirstOfAll")]);
    let home = home(port);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while peer.failures() < 1.0 {
        assert!(std::time::Instant::now() < end, "nobody was missed: {}", peer.log());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let service = start(home);
    service.wait("the first", |service| (incidents(service, "open").len() == 1).then_some(()));
    let home = service.kill();
    let before = peer.failures();
    peer.fire(&[alert("SecondOfAll")]);
    while peer.failures() <= before {
        assert!(std::time::Instant::now() < end, "nobody was missed: {}", peer.log());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let service = start(home);
    service.wait("the second", |service| (incidents(service, "open").len() == 2).then_some(()));
    // Now it is there and cannot record: 503.
    let held = rusqlite::Connection::open(service.home.database()).unwrap();
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    let before = peer.failures();
    peer.fire(&[alert("ThirdOfAll")]);
    while peer.failures() <= before {
        assert!(std::time::Instant::now() < end, "nobody was refused: {}", peer.log());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    drop(held);
    service.wait("the third", |service| (incidents(service, "open").len() == 3).then_some(()));
    let home = service.stop();
    assert_eq!(Fates::of(&home).taken_in_once(), 3);
    assert_eq!(home.count("incident_opened"), 3);
    home.assert_log_holds();
}
