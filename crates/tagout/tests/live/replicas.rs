//! Live mode with two replicas over one PostgreSQL database: what is stopped at one ends at the
//! other, and what one that died had started is lost only when all of it has certainly ended.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use serde_json::json;

use super::cluster::Cluster;
use super::home::Home;
use super::people::Person;
use super::rehearsal;
use super::service::{Service, call, configuration};
use super::stage::{LIVE, Stage, home, lines, nap};

/// Writes a line each tenth of a second, as often as it is told, while a child of its own writes
/// others until it is ended.
const TICK: &str = r#"#!/bin/sh
file="$COUNTS/$1-$2"
echo begin >>"$file"
if [ "$3" != 0 ]; then
    (n=0; while [ $n -lt 300 ]; do sleep 0.2; echo tick >>"$file.child"; n=$((n+1)); done) &
    n=0
    while [ $n -lt "$3" ]; do sleep 0.1; echo tick >>"$file"; n=$((n+1)); done
    kill $!
fi
echo end >>"$file"
"#;

/// A page whose plans are dry-runs, since nobody names what its action starts.
const TRY: &str = r#"---
id: try
symptoms: [The host is to be tried.]
match: {alert_names: [Try]}
risk: low
reversible: true
target: "{{host}}"
timeout: 30s
parameters:
  host: {description: The host., from: labels.instance, pattern: '[a-z0-9-]+'}
  seconds: {description: How long it takes., from: labels.seconds, pattern: '[0-9.]+'}
preconditions:
  - {id: look, kind: check, title: Look, command: [count, "{{host}}", look, "{{seconds}}"]}
steps:
  - {id: act, kind: action, title: Act, command: [unnamed, "{{host}}"]}
---
# The host is to be tried
"#;

/// Two replicas that share a database, a program and the directory of its lines.
pub(crate) struct Pair {
    pub(crate) replicas: [Stage; 2],
    pub(crate) cluster: Cluster,
    pub(crate) database: String,
}

/// A service of this home, whose steps write where those of the other replica do.
pub(crate) fn start(home: Home) -> Service {
    let counts = fs::read_to_string(home.path("counts-of-both")).unwrap();
    let call = call(&home).env("COUNTS", &counts);
    Service::of(home, call)
}

impl Pair {
    pub(crate) fn live() -> Self {
        let first = home("live", LIVE);
        let program = first.write("bin/count", TICK);
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let execution = format!(
            "[execution]\nrehearse = true\nenvironment = [\"COUNTS\", \"PATH\"]\nweak_containment = true\n\
             grace = \"1s\"\n[execution.programs]\ncount = {program:?}\n"
        );
        let text = format!("mode = \"live\"\n{}", configuration("", &execution));
        first.write("state/tagout/tagout.toml", text);
        let second = home("live", LIVE);
        for home in [&first, &second] {
            home.write("book/try.md", TRY);
        }
        let pair = Self::of(first, second);
        let [first, _] = &pair.replicas;
        first.admit("rotate").is(200);
        first.admit("repair").is(200);
        first.admit("try").is(200);
        first.release();
        pair
    }

    /// Of these homes, the first of which says how both are configured but for their store.
    pub(crate) fn of(first: Home, second: Home) -> Self {
        let cluster = Cluster::start(&[]);
        let database = cluster.database();
        let url = cluster.url(&database);
        let written = fs::read_to_string(first.data().join("tagout.toml")).unwrap();
        let text = format!("{written}\n[store]\nkind = \"postgres\"\nurl = \"{url}\"\n");
        for home in [&first, &second] {
            home.write("state/tagout/tagout.toml", &text);
            home.write("counts-of-both", first.path("counts").to_str().unwrap());
        }
        let first = Stage::closed(first);
        for key in ["log.key", "log.pub"] {
            fs::copy(first.service.home.data().join(key), second.data().join(key)).unwrap();
        }
        let service = start(second);
        let (ada, ben) = (first.ada.at(&service), first.ben.at(&service));
        let second = Stage { service, ada, ben };
        Self { replicas: [first, second], cluster, database }
    }

    /// Which of them leads, once one does.
    pub(crate) fn leader(&self) -> usize {
        let leads = |stage: &Stage| stage.service.metric("tagout_replica_leads") == Some(1.0);
        self.replicas[0]
            .service
            .wait("a replica that leads", |_| self.replicas.iter().position(leads))
    }

    /// Kills one of them, without ceremony.
    pub(crate) fn kill(self, which: usize) -> (Stage, (Home, Person, Person), Cluster, String) {
        let Self { replicas: [first, second], cluster, database } = self;
        let (dead, alive) = if which == 0 { (first, second) } else { (second, first) };
        (alive, dead.kill(), cluster, database)
    }
}

/// What the steps of both wrote.
pub(crate) fn written(home: &Home, host: &str, step: &str) -> Vec<String> {
    lines(home, host, step)
}

#[test]
fn what_is_stopped_at_one_ends_at_the_other_and_what_died_is_lost_only_later() {
    let pair = Pair::live();
    let leader = pair.leader();
    let (leads, follows) = (&pair.replicas[leader], &pair.replicas[1 - leader]);
    // The lines are in the home of the first.
    let counts = &pair.replicas[0];
    let begun = |host: &str| counts.until_begun(host, "one");
    let stands_still = |host: &str| {
        let before = counts.lines(host, "one").len();
        nap(500);
        assert_eq!(counts.lines(host, "one").len(), before, "it goes on");
    };
    let ended = |incident: &str| {
        let told = || follows.told(incident).contains(&"end one stopped".to_owned());
        follows.wait("that the stop is recorded", told);
    };

    // A revoke that comes to the follower.
    let incident = follows.alert("Rotate", "host-1", "200");
    begun("host-1");
    let plan = follows.ben.plan(&incident);
    let before = Instant::now();
    follows.ben.post(&plan.path("revoke"), &json!({})).is(200);
    ended(&incident);
    println!("a revoke at the other replica ended the step within {:?}", before.elapsed());
    assert!(before.elapsed() < Duration::from_secs(10));
    stands_still("host-1");

    // The kill switch at the follower.
    let incident = follows.alert("Rotate", "host-2", "200");
    begun("host-2");
    let before = Instant::now();
    follows.ben.post("/v1/halt", &json!({"reason": "wrong host"})).is(200);
    ended(&incident);
    println!("the switch at the other replica ended the step within {:?}", before.elapsed());
    assert!(before.elapsed() < Duration::from_secs(10));
    stands_still("host-2");
    leads.release();

    // The leader dies in the middle of a step, and of what a dry-run has started.
    let incident = follows.alert("Rotate", "host-3", "200");
    let tried = follows.alert("Try", "host-5", "200");
    begun("host-3");
    counts.until_begun("host-5", "look");
    let (alive, (dead, ..), _cluster, _database) = pair.kill(leader);
    let died = Instant::now();
    let unknown = || alive.steps().iter().any(|step| step["state"] == "unknown");
    while died.elapsed() < Duration::from_secs(14) {
        assert!(!unknown(), "lost after {:?}: too soon to know", died.elapsed());
        nap(500);
    }
    alive.wait("that it is lost", unknown);
    println!("it was lost {:?} after its replica had died", died.elapsed());
    assert_eq!(
        alive.told(&incident),
        ["start look", "end look succeeded", "start one", "lost one"]
    );
    let counts = if leader == 0 { &dead } else { &alive.service.home };
    assert_eq!(written(counts, "host-3", "two"), [""; 0]);
    // The dry-run goes on, and what was cut is not started again.
    alive.until(&tried, "rehearsed");
    assert_eq!(
        rehearsal::told(&alive.service.home, &tried),
        ["try look", "cut look", "shown act no_form", "plan rehearsed stops nowhere"]
    );
    let begun = written(counts, "host-5", "look").into_iter().filter(|line| line == "begin");
    assert_eq!(begun.count(), 1);
    // The one that is left starts steps.
    let next = alive.alert("Rotate", "host-4", "1");
    alive.until(&next, "completed");
    alive.service.stop().assert_log_holds();
}
