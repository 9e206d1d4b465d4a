//! How fast an exported log is verified, as `tagout audit verify FILE` does it: form, leaf hashes,
//! texts, tree and signature. Run with `cargo bench -p tagout-log --bench verify [-- entries]`.

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use tagout_core::time::Time;
use tagout_log::checkpoint::Checkpoint;
use tagout_log::envelope::{Entry, seal};
use tagout_log::export::ExportWriter;
use tagout_log::tree::leaf_hash;
use tagout_log::verify::verify_export;
use tagout_log::{Frontier, SignerKey};

const START: i64 = 1_793_527_200_000;
/// Entries per incident, as a plan that was proposed, reviewed and run would have.
const PER_STREAM: u64 = 12;
/// How often each file is verified; the median is told.
const RUNS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench`.
    let entries = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(1_000_000);
    let path = std::env::temp_dir().join(format!("tagout-bench-verify.{}", std::process::id()));
    let measured = [false, true].iter().try_for_each(|texts| measure(&path, entries, *texts));
    std::fs::remove_file(&path)?;
    measured?;
    println!("{:>9} MiB at most in memory", most_memory_kib() / 1024);
    Ok(())
}

fn measure(path: &Path, entries: u64, texts: bool) -> Result<(), Box<dyn Error>> {
    let key = SignerKey::from_seed("example.org/log", &[1; 32])?;
    write(path, entries, texts, &key)?;
    let bytes = std::fs::metadata(path)?.len();
    let keys = [key.verifier().clone()];
    let mut took = Vec::new();
    for _ in 0..RUNS {
        let begun = Instant::now();
        let report = verify_export(BufReader::new(File::open(path)?), &keys, &[])?;
        took.push(begun.elapsed());
        if report.contents.entries != entries {
            return Err("it did not read all of them".into());
        }
    }
    took.sort_unstable();
    let rate = |took: &Duration| entries as f64 / took.as_secs_f64();
    println!(
        "{:>9.0} entries/s verified from an export ({:.0} to {:.0} in {RUNS} runs; {entries} \
         entries of {} bytes, {} text each)",
        took.get(RUNS / 2).map_or(0.0, rate),
        took.last().map_or(0.0, rate),
        took.first().map_or(0.0, rate),
        bytes / entries.max(1),
        if texts { "one" } else { "no" },
    );
    Ok(())
}

fn write(path: &Path, entries: u64, texts: bool, key: &SignerKey) -> Result<(), Box<dyn Error>> {
    let mut writer = ExportWriter::new(BufWriter::new(File::create(path)?), key.name())?;
    let mut frontier = Frontier::new();
    let mut n = 0u64;
    let mut salts = move || {
        n += 1;
        leaf_hash(&n.to_be_bytes())
    };
    for n in 0..entries {
        let summary = format!("Disk usage above 90% on db-primary-{:02}", n % 40);
        let summary = if texts { json!({"$text": summary}) } else { json!(summary) };
        let data = json!({
            "alert": {"severity": "critical", "summary": summary, "status": "firing",
                "labels": {"alertname": "HostOutOfDiskSpace", "instance": format!("db-{n}:9100")}},
            "confidence": 9120, "runbook": "disk-space-critical",
        });
        let entry = Entry {
            at: Time::from_millis(START + i64::try_from(n)?),
            stream: format!("incident/{}", n / PER_STREAM),
            seq: n % PER_STREAM + 1,
            kind: "alert_received".into(),
            version: 1,
            data,
            erases: vec![],
        };
        let sealed = seal(&entry, n, &mut salts)?;
        frontier.append(leaf_hash(&sealed.leaf));
        writer.entry(&sealed.leaf, &sealed.payloads)?;
    }
    let (origin, root) = (key.name().to_owned(), frontier.root());
    let checkpoint = Checkpoint { origin, size: entries, root, extensions: vec![] };
    writer.finish(&checkpoint.sign(&[key])?)?.flush()?;
    Ok(())
}

/// The largest resident set so far, in KiB; 0 where the system does not tell.
fn most_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
