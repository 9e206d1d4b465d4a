//! A real Alertmanager, alone or with peers: Debian's `prometheus-alertmanager`, on free ports of
//! the loopback and in a directory of its own. A machine without it fails these tests.

use std::fs::{self, File};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::Request;

/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many alerts are posted at once.
const CHUNK: usize = 5_000;

/// A port of which nobody knew a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

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
    child: Child,
    dir: TempDir,
    address: String,
    /// Where its peers find it.
    pub(crate) gossip: String,
}

impl Peer {
    /// Starts one, which joins `peer` if there is one.
    pub(crate) fn start(configuration: &str, peer: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("alertmanager.yml"), configuration).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let gossip = format!("127.0.0.1:{}", free_port());
        let log = File::create(dir.path().join("log")).unwrap();
        let mut command = Command::new("prometheus-alertmanager");
        command
            .args(["--config.file=alertmanager.yml", "--storage.path=data"])
            .args(["--log.level=debug", "--cluster.peer-timeout=1s", "--cluster.settle-timeout=2s"])
            .args(["--cluster.gossip-interval=50ms", "--cluster.pushpull-interval=2s"])
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--cluster.listen-address={gossip}"))
            .arg(format!("--cluster.advertise-address={gossip}"))
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        if let Some(peer) = peer {
            command.arg(format!("--cluster.peer={peer}"));
        }
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("prometheus-alertmanager: {error}; install the Debian package, or run ./check")
        });
        let mut one = Self { child, dir, address, gossip };
        let end = Instant::now() + PATIENCE;
        while !one.is_ready() {
            assert!(one.child.try_wait().unwrap().is_none(), "it ended: {}", one.log());
            assert!(Instant::now() < end, "it is not ready: {}", one.log());
            thread::sleep(Duration::from_millis(50));
        }
        one
    }

    fn is_ready(&self) -> bool {
        std::net::TcpStream::connect(&self.address).is_ok()
            && Request::new("GET", "/-/ready").send(&self.address).status == 200
    }

    /// What it told.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap()
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

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
