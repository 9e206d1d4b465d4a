//! How many deliveries a second the engine takes in, each durable, without a network: turns of
//! 64 deliveries of three alerts each over SQLite with `synchronous=FULL`.
//!
//! `cargo bench -p tagout --bench turns [-- DELIVERIES]`. Absolute figures say little about
//! another machine; the parts of one run can be compared with each other. Two builds compare by
//! instructions, which a busy machine does not change: run the binary under
//! `valgrind --tool=callgrind` with some thousand deliveries.

use std::sync::Arc;
use std::time::Instant;

use tagout::engine::{Engine, Wish};
use tagout::fault::Fault;
use tagout::journal::{Journal, Keep};
use tagout::matching::Search;
use tagout::signals::{self, Intake};
use tagout::store::SqliteStore;
use tagout_core::alert::Alert;
use tagout_core::findings::Findings;
use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::Catalogue;

/// The allocator that the command has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TURN: usize = 64;

struct NoSearch;

impl Search for NoSearch {
    fn find(&mut self, _: &Alert) -> Result<Findings, Fault> {
        Err(Fault::new("nothing is searched here"))
    }
}

fn body(n: usize, identities: usize) -> String {
    let alert = |k: usize| {
        let i = (n * 3 + k) % identities;
        format!(
            r#"{{"status":"firing","labels":{{"alertname":"HostHighCpuLoad","instance":"web-{i}:9100","job":"node","severity":"warning","team":"platform"}},"annotations":{{"summary":"CPU load is above 90 %","description":"The load of web-{i} has been above 90 % for 15 minutes."}},"startsAt":"2026-11-01T10:00:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus/graph","fingerprint":"{i:016x}"}}"#
        )
    };
    format!(
        r#"{{"version":"4","groupKey":"{{}}:{{}}","truncatedAlerts":0,"status":"firing","receiver":"tagout","groupLabels":{{}},"commonLabels":{{}},"commonAnnotations":{{}},"externalURL":"http://alertmanager","alerts":[{},{},{}]}}"#,
        alert(0),
        alert(1),
        alert(2)
    )
}

fn main() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = SqliteStore::open(&dir.path().join("tagout.db")).expect("a store");
    let journal = Journal::open_keeping(store, Keep::Open).expect("a journal");
    let policy = EscalationPolicy::shipped().expect("the policy");
    let runbooks = Catalogue::new(std::iter::empty()).expect("no runbooks");
    let mut engine = Engine::new(journal, policy, runbooks, NoSearch);
    engine.announce().expect("a log");
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(30_000);
    for (what, identities) in [("new identities", usize::MAX), ("of 3,000 identities", 3_000)] {
        let bodies: Vec<String> = (0..count).map(|n| body(n, identities)).collect();
        let start = Instant::now();
        let read: Vec<Wish> = bodies
            .iter()
            .map(|body| {
                let delivery = signals::read(body.as_bytes()).expect("a webhook");
                Wish::Deliver(Arc::new(Intake::Alerts { source: Some("am".into()), delivery }))
            })
            .collect();
        let parsed = start.elapsed();
        let start = Instant::now();
        for turn in read.chunks(TURN) {
            for answer in engine.grant(turn) {
                answer.expect("recorded");
            }
        }
        let recorded = start.elapsed();
        let rate = |d: std::time::Duration| (count as f64 / d.as_secs_f64()).round();
        println!(
            "{what}: parsed {} deliveries/s, recorded {} deliveries/s ({} alerts/s), {} entries",
            rate(parsed),
            rate(recorded),
            rate(recorded) * 3.0,
            engine.journal().log().size()
        );
    }
}
