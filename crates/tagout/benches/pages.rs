//! What a reader waits for at ten thousand open incidents: the inbox, a part of it, a search in
//! it, and one incident, each as a whole answer of the real service over a kept connection.
//!
//! `cargo bench -p tagout --bench pages`. The limits are 50 ms to the first byte and 150 kB.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tagout::engine::Engine;
use tagout::fault::Fault;
use tagout::journal::{Journal, Keep};
use tagout::matching::Search;
use tagout::runbooks;
use tagout::signals;
use tagout::store::SqliteStore;
use tagout_core::alert::Alert;
use tagout_core::confidence::Confidence;
use tagout_core::digest::{CatalogueDigest, SearchDigest};
use tagout_core::findings::{Candidate, ExactKey, Findings};
use tagout_core::policy::EscalationPolicy;

const INCIDENTS: usize = 10_000;
const ASKS: usize = 200;
const TOKEN: &str = "a-token-for-readers";

/// More incidents than any policy lets come at once are made in parts, a second apart.
const PART: usize = 900;
const POLICY: &str = "version = 1\n[noise]\nstorm_window = \"1s\"\nstorm_per_name = 1000\n\
                      storm_overall = 1000\n";

const RUNBOOK: &str = r#"---
id: queue-stuck
symptoms: [Messages pile up because no consumer takes them from the queue.]
match: {alert_names: [QueueStuck]}
risk: low
target: "{{host}}"
parameters:
  host: {description: The broker., from: labels.instance, pattern: '[a-z0-9-]+'}
steps:
  - {id: depth, kind: check, title: Show depth, command: [queuectl, --host, "{{host}}", depth]}
  - {id: restart, kind: action, title: Restart, command: [queuectl, --host, "{{host}}", restart], requires_approval: true}
---
# Queue is stuck
"#;

/// Finds the one runbook at once: what is measured is not the search.
struct Known;

impl Search for Known {
    fn find(&mut self, alert: &Alert) -> Result<Findings, Fault> {
        let digest = SearchDigest::of_bytes(&[]);
        let candidate = Candidate {
            runbook: "queue-stuck".into(),
            confidence: Confidence::from_basis_points(9_926),
            key: Some(ExactKey::AlertName),
            matched_terms: vec!["queue".into()],
            similarity: 0,
        };
        // Every third incident is with people, without a plan.
        let fits = !alert.subject().len().is_multiple_of(3);
        Ok(Findings {
            candidates: if fits { vec![candidate] } else { Vec::new() },
            calibrated: false,
            catalogue: CatalogueDigest::of_bytes(&[]),
            model: digest,
            index: digest,
            calibration: digest,
        })
    }
}

fn main() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    fs::create_dir_all(dir.path().join("book")).expect("a directory");
    fs::write(dir.path().join("book/queue.md"), RUNBOOK).expect("a runbook");
    fs::write(dir.path().join("policy.toml"), POLICY).expect("a policy");
    let init = tagout(&data).arg("init").stdout(Stdio::null()).status();
    assert!(init.expect("the binary").success());
    let config = "runbooks = \"../book\"\npolicy = \"../policy.toml\"\n[server]\n\
                  listen = \"127.0.0.1:0\"\n[api]\ntokens = [{ env = \"READERS\" }]\n";
    fs::write(data.join("tagout.toml"), config).expect("a configuration");
    let incident = fill(dir.path(), &data);
    let service = Service::start(&data);
    // What a start does once, the first signature over all of it, is not what readers wait for.
    std::thread::sleep(Duration::from_secs(15));
    println!("{:<34} {:>10} {:>10} {:>10} {:>10}", "", "median ms", "p99 ms", "most ms", "kB");
    for (what, path) in [
        ("inbox", "/".to_owned()),
        ("inbox, all open", "/?show=open".to_owned()),
        ("inbox, a search", "/?q=q-99".to_owned()),
        ("one incident", format!("/incidents/{incident}")),
        ("audit log, its end", "/audit".to_owned()),
    ] {
        service.measure(what, &path);
    }
}

/// Makes the incidents with the engine itself; the id of one.
fn fill(dir: &Path, data: &Path) -> String {
    let store = SqliteStore::open(&data.join("tagout.db")).expect("a store");
    let journal = Journal::open_keeping(store, Keep::Open).expect("a journal");
    let policy = EscalationPolicy::parse(POLICY).expect("a policy");
    let catalogue = runbooks::load(&dir.join("book")).expect("a book").catalogue;
    let mut engine = Engine::new(journal, policy, catalogue, Known);
    engine.announce().expect("a log");
    for part in (0..INCIDENTS).collect::<Vec<_>>().chunks(PART) {
        let start = Instant::now();
        let alert = |n: &usize| {
            serde_json::json!({
                "title": "QueueStuck", "severity": "warning",
                "message": "no consumer takes messages for 15 minutes",
                "labels": {"alertname": "QueueStuck", "instance": format!("q-{n}"), "team": "mail"},
            })
        };
        let body = serde_json::Value::from(part.iter().map(alert).collect::<Vec<_>>());
        let delivery = signals::read(body.to_string().as_bytes()).expect("alerts");
        engine.receive(&delivery).expect("recorded");
        std::thread::sleep(Duration::from_millis(1_100).saturating_sub(start.elapsed()));
    }
    let open = engine.journal().shared().open_incidents().count();
    assert_eq!(open, INCIDENTS, "a storm swallowed some");
    let mut waiting = engine.journal().incidents().filter(|(_, one)| one.waiting().is_some());
    waiting.next().expect("one waits").0.to_owned()
}

fn tagout(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagout"));
    command.arg("--data-dir").arg(data).env("READERS", TOKEN);
    command
}

struct Service {
    child: Child,
    address: String,
}

impl Service {
    fn start(data: &Path) -> Self {
        let mut child = tagout(data).arg("serve").stderr(Stdio::piped()).spawn().expect("it");
        let mut lines = BufReader::new(child.stderr.take().expect("its words")).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("http://").map(|(_, at)| at.trim().to_owned()));
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address: address.expect("it listens") }
    }

    fn measure(&self, what: &str, path: &str) {
        let stream = TcpStream::connect(&self.address).expect("a connection");
        stream.set_nodelay(true).expect("an option");
        let mut reader = BufReader::new(stream.try_clone().expect("a connection"));
        let mut stream = stream;
        let (mut times, mut bytes) = (Vec::new(), 0);
        for _ in 0..ASKS {
            let start = Instant::now();
            let head = format!(
                "GET {path} HTTP/1.1\r\nHost: tagout\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).expect("sent");
            let mut line = String::new();
            reader.read_line(&mut line).expect("an answer");
            times.push(start.elapsed());
            assert!(line.contains(" 200 "), "{path}: {line}");
            let mut length = 0;
            loop {
                line.clear();
                reader.read_line(&mut line).expect("a header");
                if line == "\r\n" {
                    break;
                }
                let lower = line.to_lowercase();
                if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            bytes = length;
        }
        times.sort();
        let ms = |at: usize| times[at].as_secs_f64() * 1e3;
        println!(
            "{what:<34} {:>10.1} {:>10.1} {:>10.1} {:>10.1}",
            ms(ASKS / 2),
            ms(ASKS * 99 / 100),
            ms(ASKS - 1),
            bytes as f64 / 1e3
        );
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
