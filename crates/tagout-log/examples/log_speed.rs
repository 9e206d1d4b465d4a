//! Prints how fast a log is appended to and how fast an export is verified, on one thread.
//! Run with `cargo run --release -p tagout-log --example log_speed [entries]`.

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::time::Instant;

use serde_json::json;
use tagout_core::time::Time;
use tagout_log::checkpoint::Checkpoint;
use tagout_log::envelope::{Entry, seal};
use tagout_log::export::ExportWriter;
use tagout_log::tree::leaf_hash;
use tagout_log::verify::verify_export;
use tagout_log::{AuditLog, Frontier, MemoryStorage, Record, SignerKey};

const START: i64 = 1_793_527_200_000;
/// Entries per incident, as a plan that was proposed, reviewed and run would have.
const PER_STREAM: u64 = 12;

fn main() -> Result<(), Box<dyn Error>> {
    let entries: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |n| n.parse())?;
    appending(entries.min(200_000))?;
    for texts in [true, false] {
        verifying(entries, texts)?;
    }
    Ok(())
}

fn data(n: u64, texts: bool) -> serde_json::Value {
    let summary = format!("Disk usage above 90% on db-primary-{:02}", n % 40);
    let summary = if texts { json!({"$text": summary}) } else { json!(summary) };
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
                data: data(n, true),
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

fn verifying(entries: u64, texts: bool) -> Result<(), Box<dyn Error>> {
    let path = std::env::temp_dir().join(format!("log_speed.{}.jsonl", std::process::id()));
    let key = SignerKey::from_seed("example.org/log", &[1; 32])?;
    let mut writer = ExportWriter::new(BufWriter::new(File::create(&path)?), key.name())?;
    let (mut salts, mut frontier) = (counted_salts(), Frontier::new());
    for n in 0..entries {
        let entry = Entry {
            at: Time::from_millis(START + n as i64),
            stream: format!("incident/{}", n / PER_STREAM),
            seq: n % PER_STREAM + 1,
            kind: "alert_received".into(),
            version: 1,
            data: data(n, texts),
            erases: vec![],
        };
        let sealed = seal(&entry, n, &mut salts)?;
        frontier.append(leaf_hash(&sealed.leaf));
        writer.entry(&sealed.leaf, &sealed.payloads)?;
    }
    let checkpoint = Checkpoint {
        origin: key.name().to_owned(),
        size: entries,
        root: frontier.root(),
        extensions: vec![],
    };
    writer.finish(&checkpoint.sign(&[&key])?)?.flush()?;
    let bytes = std::fs::metadata(&path)?.len();
    let begun = Instant::now();
    let input = BufReader::with_capacity(1 << 20, File::open(&path)?);
    let found = verify_export(input, &[key.verifier().clone()], &[]);
    let what = format!(
        "verified from an export, {} bytes per entry, {} text each",
        bytes / entries.max(1),
        u8::from(texts)
    );
    report(&what, entries, begun);
    std::fs::remove_file(&path)?;
    found?;
    Ok(())
}

fn millis(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1000.0
}

fn report(what: &str, entries: u64, begun: Instant) {
    let rate = entries as f64 / begun.elapsed().as_secs_f64();
    println!("{rate:>9.0} entries/s {what} ({entries} entries)");
}
