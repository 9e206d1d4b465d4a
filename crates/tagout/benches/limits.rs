//! The limits the product sets itself, measured: size of the binary, start to first decision,
//! and memory, with a hundred runbooks. `cargo bench -p tagout --bench limits` prints a table.
//! Absolute times say little on a shared machine; run it beside what you compare with.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_tagout");
const CORPUS: &str = include_str!("../../../evals/retrieval/corpus.jsonl");
const RUNBOOKS: usize = 100;
const RUNS: usize = 5;
const ALERT: &str = r#"{"title":"KubePodCrashLooping","severity":"warning",
    "message":"Pod default/web-0 is restarting 5 times every 10 minutes",
    "labels":{"namespace":"default","pod":"web-0"}}"#;

fn main() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let runbooks = dir.path().join("runbooks");
    fs::create_dir(&runbooks).expect("a directory for runbooks");
    for (n, line) in CORPUS.lines().take(RUNBOOKS).enumerate() {
        let page: Value = serde_json::from_str(line).expect("a corpus row");
        let text = page["text"].as_str().expect("a page");
        fs::write(runbooks.join(format!("page-{n:03}.md")), text).expect("a page");
    }
    let size = fs::metadata(BINARY).expect("the binary").len();
    println!("{:<44} {:>10}  {:>10}", "", "measured", "limit");
    row("binary with weights (MB)", size as f64 / 1e6, "80");

    for (what, fresh) in [("no vectors cached", true), ("vectors cached", false)] {
        let mut times = Vec::new();
        let mut peak = 0;
        for n in 0..RUNS {
            let state =
                dir.path().join(if fresh { format!("state-{n}") } else { "state-0".into() });
            let (time, memory) = decide_once(&runbooks, &state);
            times.push(time);
            peak = peak.max(memory);
        }
        times.sort();
        let median = times[RUNS / 2].as_secs_f64() * 1e3;
        row(&format!("start to decision, {what}: median (ms)"), median, "1000");
        row(&format!("peak resident memory, {what} (MB)"), peak as f64 / 1e3, "250");
    }
}

fn row(what: &str, value: f64, limit: &str) {
    println!("{what:<44} {value:>10.1}  {limit:>10}");
}

/// One whole process from start to exit, with one alert: its time, and its peak memory in kB.
fn decide_once(runbooks: &Path, state: &Path) -> (Duration, u64) {
    let start = Instant::now();
    let mut child = Command::new(BINARY)
        .args(["run", "--json", "--runbooks"])
        .arg(runbooks)
        .arg("--data-dir")
        .arg(state)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    child.stdin.take().expect("a pipe").write_all(ALERT.as_bytes()).expect("the alert is taken");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        if let Some(line) = fs::read_to_string(&status).ok().as_deref().and_then(high_water) {
            peak = peak.max(line);
        }
        if let Some(exit) = child.try_wait().expect("the process can be waited for") {
            assert!(exit.success(), "the run failed");
            return (start.elapsed(), peak);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
