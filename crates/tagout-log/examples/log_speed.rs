//! Prints how fast a log in memory is appended to and checked, on one thread; how fast an export
//! is verified is told by the benchmark `verify`. Run with `cargo run --release -p tagout-log --example log_speed [entries]`.

use std::error::Error;
use std::time::Instant;

use serde_json::json;
use tagout_core::time::Time;
use tagout_log::tree::leaf_hash;
use tagout_log::{AuditLog, MemoryStorage, Record};

const START: i64 = 1_793_527_200_000;
/// Entries per incident, as a plan that was proposed, reviewed and run would have.
const PER_STREAM: u64 = 12;

fn main() -> Result<(), Box<dyn Error>> {
    let entries: u64 = std::env::args().nth(1).map_or(Ok(200_000), |n| n.parse())?;
    appending(entries)
}

fn data(n: u64) -> serde_json::Value {
    let summary = format!("Disk usage above 90% on db-primary-{:02}", n % 40);
    let summary = json!({"$text": summary});
    json!({
        "alert": {"severity": "critical", "summary": summary, "status": "firing",
            "labels": {"alertname": "HostOutOfDiskSpace", "instance": format!("db-{n}:9100")}},
        "confidence": 9120, "runbook": "disk-space-critical",
    })
}

fn counted_salts() -> impl FnMut() -> [u8; 32] + Send + 'static {
    let mut n = 0u64;
    move || {
        n += 1;
        leaf_hash(&n.to_be_bytes())
    }
}

fn appending(entries: u64) -> Result<(), Box<dyn Error>> {
    let mut log = AuditLog::open(MemoryStorage::new(), counted_salts())?;
    let begun = Instant::now();
    for n in 0..entries {
        log.append(
            &[Record {
                at: Time::from_millis(START + n as i64),
                stream: format!("incident/{}", n / PER_STREAM),
                kind: "alert_received".into(),
                version: 1,
                data: data(n),
            }],
            &[],
            &[],
        )?;
    }
    report("appended one by one, in memory", entries, begun);
    let begun = Instant::now();
    log.verify_all()?;
    report("verified where they are kept", entries, begun);
    let begun = Instant::now();
    log.inclusion_proof(entries / 3, entries)?;
    println!("{:>9.1} ms to build one inclusion proof among {entries}", millis(begun));
    Ok(())
}

fn millis(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1000.0
}

fn report(what: &str, entries: u64, begun: Instant) {
    let rate = entries as f64 / begun.elapsed().as_secs_f64();
    println!("{rate:>9.0} entries/s {what} ({entries} entries)");
}
