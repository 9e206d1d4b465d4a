//! A home of its own for each test: the binary, a fresh state directory, a small book of
//! runbooks and alerts that fit them.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const EVALS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../evals");

/// Goes on alone in the test environment: low risk, two actions, a declared alert name.
pub(crate) const CACHE: &str = r#"---
id: cache-full
symptoms: [The cache evicts live keys because its memory is full.]
match: {alert_names: [CacheFull]}
risk: low
reversible: true
target: "{{host}}"
timeout: 60s
parameters:
  host: {description: The cache host., from: labels.instance, pattern: '[a-z0-9-]+'}
  keep: {description: How many thousand keys stay., default: "100", min: 10, max: 1000, safer: higher}
steps:
  - {id: look, kind: check, title: Show memory, command: [cachectl, --host, "{{host}}", memory]}
  - {id: trim, kind: action, title: Trim, command: [cachectl, --host, "{{host}}", trim, "{{keep}}"]}
  - {id: warm, kind: action, title: Warm, command: [cachectl, --host, "{{host}}", warm]}
---
# Cache is full
"#;

/// Asks one person, whatever the policy says: a step requires approval.
pub(crate) const QUEUE: &str = r#"---
id: queue-stuck
symptoms: [Messages pile up because no consumer takes them from the queue.]
match: {alert_names: [QueueStuck]}
risk: low
reversible: true
target: "{{host}}"
timeout: 60s
parameters:
  host: {description: The broker., from: labels.instance, pattern: '[a-z0-9-]+'}
steps:
  - {id: depth, kind: check, title: Show depth, command: [queuectl, --host, "{{host}}", depth]}
  - {id: restart, kind: action, title: Restart, command: [queuectl, --host, "{{host}}", restart], requires_approval: true}
---
# Queue is stuck
"#;

/// Alerts by the hundred are no storm here: most tests want an incident for each.
pub(crate) const POLICY: &str = r#"version = 1
[noise]
storm_per_name = 1000
storm_overall = 1000
[[environment]]
name = "test"
match = { environment = "test" }
floor = "low"
"#;

/// One test's world.
pub(crate) struct Home {
    dir: TempDir,
}

impl Home {
    /// A home with a book of two runbooks and a policy that knows the environment `test`.
    pub(crate) fn new() -> Self {
        let home = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir_all(home.path("tmp")).unwrap();
        home.write("book/cache.md", CACHE);
        home.write("book/queue.md", QUEUE);
        home.write("policy.toml", POLICY);
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The data directory that is used when nobody names one.
    pub(crate) fn data(&self) -> PathBuf {
        self.path("state/tagout")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.data().join("tagout.db")
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Has `tagout` know the book and the policy without being told at each call.
    pub(crate) fn configure(&self) {
        let (book, policy) = (self.path("book"), self.path("policy.toml"));
        let text = format!("runbooks = {book:?}\npolicy = {policy:?}\n");
        self.write("state/tagout/tagout.toml", text);
    }

    pub(crate) fn tagout(&self, args: &[&str]) -> Call {
        self.program(env!("CARGO_BIN_EXE_tagout"), args)
    }

    pub(crate) fn program(&self, program: &str, args: &[&str]) -> Call {
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("XDG_STATE_HOME", self.path("state"))
            .env("TMPDIR", self.path("tmp"))
            .env("TERM", "xterm")
            .env("USER", "ana")
            .current_dir(self.dir.path());
        Call { command, stdin: Vec::new() }
    }

    /// `tagout run` over these alerts with the book and its policy.
    pub(crate) fn run(&self, alerts: &str) -> Out {
        self.run_call().stdin(alerts).done()
    }

    pub(crate) fn run_call(&self) -> Call {
        self.tagout(&["run", "--json", "--runbooks", "book", "--policy", "policy.toml"])
    }

    /// As [`Home::run`], and the incidents that came of it.
    pub(crate) fn incidents(&self, alerts: &str) -> Vec<Value> {
        let report = self.run(alerts).ok().json();
        report["incidents"].as_array().unwrap().clone()
    }

    /// The events of the log: entry, incident and event of each.
    pub(crate) fn trail(&self) -> Vec<Value> {
        self.tagout(&["audit", "show", "--json"]).done().ok().json().as_array().unwrap().clone()
    }

    /// How many entries of the log are of this kind.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.trail().iter().filter(|line| line["event"]["kind"] == kind).count()
    }

    /// How many alerts were folded into incidents as delivered before.
    pub(crate) fn repeats(&self) -> usize {
        let folded = |line: &Value| {
            let folded = line["event"]["data"]["folded"].as_array().cloned().unwrap_or_default();
            folded.iter().filter(|f| f["how"] == "repeated").count()
        };
        self.trail().iter().map(folded).sum()
    }

    pub(crate) fn assert_log_holds(&self) {
        let out = self.tagout(&["audit", "verify"]).done();
        assert_eq!(out.code, 0, "{out:?}");
        assert!(out.stdout.starts_with("HOLDS"), "{out:?}");
    }

    /// Nothing was written, not even the directory.
    pub(crate) fn assert_untouched(&self) {
        assert!(!self.path("state").exists(), "something was written into the state directory");
    }
}

/// An alert of the test environment.
pub(crate) fn alert(name: &str, severity: &str, instance: &str) -> String {
    let labels = json!({"alertname": name, "instance": instance, "environment": "test"});
    json!({"title": name, "severity": severity, "labels": labels}).to_string()
}

/// A call of the binary, not yet made.
pub(crate) struct Call {
    command: Command,
    stdin: Vec<u8>,
}

impl Call {
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn within(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    pub(crate) fn spawn(mut self) -> Running {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let bytes = self.stdin;
        // A process that stops reading early closes the pipe; that is its right.
        thread::spawn(move || drop(pipe.write_all(&bytes)));
        Running(child)
    }

    pub(crate) fn done(self) -> Out {
        self.spawn().done()
    }
}

/// A call under way.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn done(self) -> Out {
        let Output { status, stdout, stderr } = self.0.wait_with_output().unwrap();
        Out {
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8(stdout).expect("standard output is UTF-8"),
            stderr: String::from_utf8(stderr).expect("standard error is UTF-8"),
        }
    }
}

/// What a call came to.
#[derive(Debug)]
pub(crate) struct Out {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Out {
    pub(crate) fn ok(self) -> Self {
        self.exits(0)
    }

    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// Standard error names each of these.
    pub(crate) fn names(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is missing: {self:?}");
        }
        self
    }

    /// Standard output is one JSON document and nothing else.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}
