//! A real Alertmanager, alone or with peers, to which alerts are posted as Prometheus does.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::daemons::{Alertmanager, free_port};
use super::http::Request;
use super::peers::block_on;

/// How many alerts are posted at once.
const CHUNK: usize = 5_000;

/// The configuration of one that notifies Tagout at `address`. `route` and `proof` are lines of
/// YAML in braces: how it groups, and what it proves itself by.
pub(crate) fn configuration(address: &str, route: &str, proof: &str) -> String {
    format!(
        "route:\n  receiver: tagout\n  {route}\nreceivers:\n- name: tagout\n  webhook_configs:\n  \
         - url: http://{address}/v1/sources/am\n    send_resolved: true\n    \
         http_config: {proof}\n"
    )
}

/// A running Alertmanager.
pub(crate) struct Peer {
    alertmanager: Alertmanager,
    address: String,
    /// Where its peers find it.
    pub(crate) gossip: String,
}

impl Peer {
    /// Starts one, which joins `peer` if there is one.
    pub(crate) fn start(configuration: &str, peer: Option<&str>) -> Self {
        let gossip = format!("127.0.0.1:{}", free_port());
        let started = Alertmanager::start_among(configuration, &gossip, peer);
        let alertmanager = block_on(started);
        Self { address: alertmanager.target(), alertmanager, gossip }
    }

    /// What it told.
    pub(crate) fn log(&self) -> String {
        self.alertmanager.log()
    }

    /// How many of its cluster it knows, itself included.
    pub(crate) fn peers(&self) -> usize {
        let status = Request::new("GET", "/api/v2/status").send(&self.address).is(200).json();
        status["cluster"]["peers"].as_array().map_or(0, Vec::len)
    }

    /// How many notifications it sent without success.
    pub(crate) fn failures(&self) -> f64 {
        let metrics = Request::new("GET", "/metrics").send(&self.address).is(200).body;
        let name = "alertmanager_notification_requests_failed_total{integration=\"webhook\"}";
        let line = metrics.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Has these alerts fire, each a set of labels, for an hour.
    pub(crate) fn fire(&self, labels: &[Value]) {
        self.post(labels, jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1));
    }

    /// Has these alerts end now.
    pub(crate) fn resolve(&self, labels: &[Value]) {
        self.post(labels, jiff::Timestamp::now());
    }

    fn post(&self, labels: &[Value], ends: jiff::Timestamp) {
        // As Prometheus does: the same beginning in all that it sends to all of them.
        static BEGAN: OnceLock<jiff::Timestamp> = OnceLock::new();
        let began = BEGAN.get_or_init(jiff::Timestamp::now).to_string();
        for chunk in labels.chunks(CHUNK) {
            let alert = |labels: &Value| {
                json!({
                    "labels": labels, "startsAt": began, "endsAt": ends.to_string(),
                    "annotations": {"summary": format!("{} is down", labels["instance"])},
                    "generatorURL": "http://prometheus.example/graph",
                })
            };
            let alerts: Vec<Value> = chunk.iter().map(alert).collect();
            let request = Request::new("POST", "/api/v2/alerts");
            let request = request.header("Content-Type", "application/json");
            request.body(Value::from(alerts).to_string()).send(&self.address).is(200);
        }
    }
}
