//! A real Alertmanager and a real Prometheus to test against, each on a free port of the
//! loopback, in a directory of its own. They are Debian's `prometheus-alertmanager` and
//! `prometheus`; a machine without them fails these tests.

use std::fs::{self, File};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `look` finds something.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A port that is free at this moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A client for the interfaces of both.
pub(crate) fn client() -> reqwest::Client {
    tagout::tls::install();
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap()
}

/// A process that ends with its owner.
struct Daemon(Child);

impl Daemon {
    fn start(program: &str, args: &[String], dir: &TempDir) -> Self {
        let log = File::create(dir.path().join("log")).unwrap();
        let child = Command::new(program)
            .args(args)
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        Self(child.unwrap_or_else(|e| panic!("{program}: {e}; install Debian's package of it")))
    }

    async fn ready(&mut self, url: &str, dir: &TempDir) {
        let client = client();
        let start = Instant::now();
        loop {
            let answer = client.get(format!("{url}/-/ready")).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            let log = || fs::read_to_string(dir.path().join("log")).unwrap();
            assert!(self.0.try_wait().unwrap().is_none(), "it ended: {}", log());
            assert!(start.elapsed() < PATIENCE, "it is not ready: {}", log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A running Alertmanager.
pub(crate) struct Alertmanager {
    daemon: Option<Daemon>,
    dir: TempDir,
    port: u16,
    /// How it meets its peers; alone if there is nothing here.
    cluster: Vec<String>,
    client: reqwest::Client,
}

impl Alertmanager {
    /// Starts one under this configuration.
    pub(crate) async fn start(config: &str) -> Self {
        Self::start_with(config, Vec::new()).await
    }

    #[allow(dead_code, reason = "for those that test pairs")]
    /// Starts one that its peers find at `gossip`, and that joins `peer` if there is one.
    pub(crate) async fn start_among(config: &str, gossip: &str, peer: Option<&str>) -> Self {
        let mut cluster = vec![
            format!("--cluster.listen-address={gossip}"),
            format!("--cluster.advertise-address={gossip}"),
            "--cluster.peer-timeout=1s".to_owned(),
            "--cluster.settle-timeout=2s".to_owned(),
            "--cluster.gossip-interval=50ms".to_owned(),
            "--cluster.pushpull-interval=2s".to_owned(),
        ];
        cluster.extend(peer.map(|peer| format!("--cluster.peer={peer}")));
        Self::start_with(config, cluster).await
    }

    async fn start_with(config: &str, cluster: Vec<String>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("alertmanager.yml"), config).unwrap();
        let mut one = Self { daemon: None, dir, port: free_port(), cluster, client: client() };
        one.begin().await;
        one
    }

    async fn begin(&mut self) {
        let mut args = vec![
            "--config.file=alertmanager.yml".to_owned(),
            "--storage.path=data".to_owned(),
            format!("--web.listen-address=127.0.0.1:{}", self.port),
        ];
        if self.cluster.is_empty() {
            args.push("--cluster.listen-address=".to_owned());
        }
        args.extend(self.cluster.iter().cloned());
        let mut daemon = Daemon::start("prometheus-alertmanager", &args, &self.dir);
        daemon.ready(&self.url(), &self.dir).await;
        self.daemon = Some(daemon);
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    #[allow(dead_code, reason = "for those that test pairs")]
    /// What it told.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    /// Its host and port, as a Prometheus names its target.
    pub(crate) fn target(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Ends it, as a crash does.
    pub(crate) fn stop(&mut self) {
        self.daemon = None;
    }

    /// Starts it again on its port, with what it had stored.
    pub(crate) async fn again(&mut self) {
        self.stop();
        self.begin().await;
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}/api/v2/{path}", self.url());
        let ask = self.client.post(url).header("Content-Type", "application/json");
        let answer = ask.body(body.to_string()).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{status}: {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Has these alerts fire, each a set of labels, for an hour.
    pub(crate) async fn fire(&self, alerts: &[Value]) {
        let ends = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
        self.alerts(alerts, ends).await;
    }

    /// Has these alerts end now.
    pub(crate) async fn resolve(&self, alerts: &[Value]) {
        self.alerts(alerts, jiff::Timestamp::now()).await;
    }

    async fn alerts(&self, alerts: &[Value], ends: jiff::Timestamp) {
        let alert = |labels: &Value| {
            let annotations = json!({"summary": "something is wrong"});
            json!({"labels": labels, "annotations": annotations, "endsAt": ends.to_string()})
        };
        let alerts: Vec<Value> = alerts.iter().map(alert).collect();
        self.post("alerts", &Value::from(alerts)).await;
    }

    /// The alerts that it names.
    pub(crate) async fn named(&self) -> Vec<Value> {
        let answer = self.client.get(format!("{}/api/v2/alerts", self.url())).send().await;
        let text = answer.unwrap().text().await.unwrap();
        serde_json::from_str::<Value>(&text).unwrap().as_array().unwrap().clone()
    }

    /// Makes a silence of these matchers for an hour; its id.
    pub(crate) async fn silence(&self, matchers: Value) -> String {
        let now = jiff::Timestamp::now();
        let ends = now + jiff::SignedDuration::from_hours(1);
        let silence = json!({
            "matchers": matchers, "startsAt": now.to_string(), "endsAt": ends.to_string(),
            "createdBy": "ana", "comment": "planned work",
        });
        self.post("silences", &silence).await["silenceID"].as_str().unwrap().to_owned()
    }

    /// Ends a silence.
    pub(crate) async fn expire(&self, silence: &str) {
        let url = format!("{}/api/v2/silence/{silence}", self.url());
        assert!(self.client.delete(url).send().await.unwrap().status().is_success());
    }
}

/// A running Prometheus.
pub(crate) struct Prometheus {
    _daemon: Daemon,
    dir: TempDir,
    port: u16,
    client: reqwest::Client,
}

impl Prometheus {
    /// Starts one with these rules (a group's list, as YAML), that evaluates them each second
    /// and sends to `alertmanager`, with `external` as its external labels.
    pub(crate) async fn start(rules: &str, alertmanager: Option<&str>, external: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = format!(
            "global:\n  evaluation_interval: 1s\n  external_labels: {external}\n\
             rule_files: [rules.yml]\n"
        );
        if let Some(target) = alertmanager {
            config.push_str(&format!(
                "alerting:\n  alertmanagers:\n  - static_configs:\n    - targets: ['{target}']\n"
            ));
        }
        fs::write(dir.path().join("prometheus.yml"), config).unwrap();
        write_rules(&dir, rules);
        let port = free_port();
        let args = [
            "--config.file=prometheus.yml".to_owned(),
            "--storage.tsdb.path=data".to_owned(),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--web.enable-lifecycle".to_owned(),
            // What is sent before it has found its Alertmanager is lost until it is sent again.
            "--rules.alert.resend-delay=1s".to_owned(),
        ];
        let mut daemon = Daemon::start("prometheus", &args, &dir);
        daemon.ready(&format!("http://127.0.0.1:{port}"), &dir).await;
        Self { _daemon: daemon, dir, port, client: client() }
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Puts other rules in the place of the present ones.
    pub(crate) async fn rules(&self, rules: &str) {
        write_rules(&self.dir, rules);
        let answer = self.client.post(format!("{}/-/reload", self.url())).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }
}

fn write_rules(dir: &TempDir, rules: &str) {
    let text = format!("groups:\n- name: one\n  rules: {rules}\n");
    fs::write(dir.path().join("rules.yml"), text).unwrap();
}
