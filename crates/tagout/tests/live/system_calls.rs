//! System calls of the service fail while it takes deliveries and runs plans: strace answers them
//! with an error in the kernel's place, only for its own files. What is answered 200 is in the log,
//! no step runs without its recorded start or twice, and it goes on by itself.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::home::Home;
use super::service::OWN_SECRET;
use super::stage::{Stage, nap, told};

/// A fault: calls, the error they are answered with, and which of each thread's calls, as strace
/// has it (<https://strace.io>, `-e inject`).
const FAULTS: [(&str, &str, &str); 6] = [
    ("pwrite64,write", "ENOSPC", "1+"),
    ("pwrite64,write", "EIO", "1+"),
    ("pwrite64", "EIO", "7+9"),
    ("fsync,fdatasync", "EIO", "1+"),
    ("fsync,fdatasync", "ENOSPC", "2+3"),
    (RENAME, "EIO", "1+"),
];

/// How the signed checkpoint takes its place beside the log, every ten seconds.
const RENAME: &str = "rename,renameat,renameat2";

/// Steps of a plan that leave a file.
const STEPS: [&str; 4] = ["look", "one", "two", "verify"];

/// A fault that goes on.
struct Injection {
    strace: Child,
    output: PathBuf,
}

impl Injection {
    fn start(stage: &Stage, name: &str, (calls, error, when): (&str, &str, &str)) -> Self {
        let output = stage.service.home.path(name);
        let state = stage.service.home.path("state/tagout");
        let mut strace = Command::new("strace");
        strace.args(["-qq", "-p", &writer(stage.service.pid()), "-o"]).arg(&output);
        strace.args(["-e", &format!("trace={calls}")]);
        strace.args(["-e", &format!("inject={calls}:error={error}:when={when}")]);
        let beside = format!("log.checkpoint.{}.new", stage.service.pid());
        for file in ["tagout.db", "tagout.db-wal", &beside] {
            strace.arg("-P").arg(state.join(file));
        }
        let said = File::create(stage.service.home.path("strace")).unwrap();
        let strace = strace.stdout(Stdio::null()).stderr(said).spawn().expect("strace is needed");
        Self { strace, output }
    }

    /// Lets go of the service, and says how many calls were answered with the error.
    fn end(mut self, stage: &Stage) -> usize {
        let pid = self.strace.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.strace.wait().unwrap();
        let said = fs::read_to_string(stage.service.home.path("strace")).unwrap();
        assert!(!said.contains("ptrace"), "strace has to be let: {said}");
        fs::read_to_string(self.output).unwrap().matches("(INJECTED)").count()
    }
}

/// The one thread that writes the log. What the service starts is not traced.
fn writer(pid: u32) -> String {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let mut threads = threads.map(|thread| thread.unwrap().path());
    let writer = threads.find(|thread| {
        fs::read_to_string(thread.join("comm")).is_ok_and(|name| name.trim() == "writer")
    });
    writer.unwrap().file_name().unwrap().to_str().unwrap().to_owned()
}

/// Sends an alert whose steps take a moment. The delivery's digest, if it was taken.
fn send(stage: &Stage, host: &str) -> Option<String> {
    let labels = json!({
        "alertname": "Rotate", "instance": host, "environment": "test", "seconds": "0.2",
    });
    let alert = json!({"title": "Rotate", "severity": "warning", "labels": labels}).to_string();
    let answer = stage.service.post("own", OWN_SECRET, alert);
    match answer.status {
        200 => Some(answer.json()["delivery"].as_str().unwrap().to_owned()),
        _ => {
            answer.fails_with(503);
            None
        }
    }
}

fn written(home: &Home, host: &str, step: &str) -> Vec<String> {
    super::stage::lines(home, host, step)
}

#[test]
fn a_system_call_that_fails_loses_nothing_and_starts_nothing_twice() {
    let mut stage = Stage::live();
    let mut taken = BTreeSet::new();
    let mut refused = 0;
    for (n, fault) in FAULTS.into_iter().enumerate() {
        // One plan is under way when the fault comes.
        taken.insert(send(&stage, &format!("before-{n}")).expect("nothing fails yet"));
        stage.until_begun(&format!("before-{n}"), "one");
        let injection = Injection::start(&stage, &format!("strace-{n}"), fault);
        for sent in 0..8 {
            match send(&stage, &format!("during-{n}-{sent}")) {
                Some(delivery) => drop(taken.insert(delivery)),
                None => refused += 1,
            }
            nap(100);
        }
        if fault.0 == RENAME {
            stage.wait("a signature", || stage.service.told().contains("cannot be signed"));
        }
        let injected = injection.end(&stage);
        println!("{fault:?}: {injected} calls failed, {refused} deliveries refused so far");
        assert!(injected > 0, "{fault:?} never happened");
        assert!(stage.service.is_running(), "{fault:?} ended it: {}", stage.service.told());
        stage.wait("a delivery that is taken again", || {
            let delivery = send(&stage, &format!("after-{n}"));
            delivery.is_some_and(|delivery| taken.insert(delivery))
        });
    }
    assert!(refused > 0, "no delivery met a fault");
    stage.wait("a signature again", || stage.service.told().contains("is signed again"));
    let home = settle(stage);
    holds(&home, &taken);
}

/// States of incidents whose plan does not go on.
const OVER: [&str; 3] = ["completed", "failed", "with_people"];

/// Waits until no plan goes on, and stops the service.
fn settle(stage: Stage) -> Home {
    stage.wait("the end of all plans", || {
        let open = stage.service.read("/v1/incidents?limit=200").is(200).json();
        let states = open["incidents"].as_array().unwrap().iter();
        let states: Vec<_> = states.map(|one| one["state"].as_str().unwrap()).collect();
        !states.is_empty() && states.iter().all(|state| OVER.contains(state))
    });
    stage.service.stop()
}

/// The verdict, by the log and by what the steps wrote.
fn holds(home: &Home, taken: &BTreeSet<String>) {
    home.assert_log_holds();
    let trail = home.trail();
    let logged: BTreeSet<_> =
        trail.iter().filter_map(|line| line["event"]["data"]["delivery"].as_str()).collect();
    let lost: Vec<_> = taken.iter().filter(|one| !logged.contains(one.as_str())).collect();
    assert!(lost.is_empty(), "answered 200 and lost: {lost:?}");
    let mut plans = 0;
    for line in trail.iter().filter(|line| line["event"]["kind"] == "plan_proposed") {
        let host = line["event"]["data"]["plan"]["target"].as_str().unwrap();
        let told = told(home, line["incident"].as_str().unwrap());
        plans += 1;
        for step in STEPS {
            let count = |what: &str| told.iter().filter(|said| said.starts_with(what)).count();
            let (starts, ends) = (count(&format!("start {step}")), count(&format!("end {step} ")));
            assert!(starts <= 1, "{host}: {step} was started more than once: {told:?}");
            assert_eq!(starts, ends, "{host}: nothing was killed, so {step} has its end: {told:?}");
            let lines = written(home, host, step);
            let begun = lines.iter().filter(|line| *line == "begin").count();
            assert!(begun <= starts, "{host}: {step} ran without a recorded start: {lines:?}");
            assert!(!lines.iter().any(|line| line == "survived"), "{host}: {step}: {lines:?}");
            if told.contains(&format!("end {step} succeeded")) {
                assert_eq!(lines, ["begin", "end"], "{host}: {step}");
            }
        }
    }
    assert!(plans >= FAULTS.len(), "only {plans} plans");
}
