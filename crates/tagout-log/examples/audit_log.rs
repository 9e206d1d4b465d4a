//! The audit log alone, behind a program that has nothing to do with runbooks: who opened
//! which door. Run with `cargo run -p tagout-log --example audit_log`.

use serde_json::json;
use tagout_core::time::Time;
use tagout_log::verify::verify_export;
use tagout_log::{AuditLog, Guard, LogError, MemoryStorage, Record, SignerKey};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A real program takes salts and the key's seed from the operating system's randomness
    // and times from a clock. Here they are made up, so that the output is always the same.
    let mut counter = 0u8;
    let salts = move || {
        counter += 1;
        [counter; 32]
    };
    let key = SignerKey::from_seed("example.org/doors", &[42; 32])?;
    let record = |minute: &str, kind: &str, data| Record {
        at: format!("2026-11-01T10:{minute}:00Z").parse::<Time>().unwrap_or(Time::from_millis(0)),
        stream: "door/1".into(),
        kind: kind.into(),
        version: 1,
        data,
    };

    // What is free text goes in as {"$text": …}: it can be erased later.
    let mut log = AuditLog::open(MemoryStorage::new(), salts)?;
    let opened = json!({"by": "u-17", "said": {"$text": "Ana here, delivery for Ben"}});
    log.append(&[record("00", "opened", opened)], &[], &[])?;
    log.append(&[record("05", "closed", json!({"by": "u-17"}))], &[], &[])?;

    // Two people decide on what they saw of a stream; the one who comes second has to look again.
    let seen = Guard { stream: "door/1".into(), expected: log.stream_version("door/1")? };
    log.append(&[record("07", "locked", json!({"by": "u-3"}))], std::slice::from_ref(&seen), &[])?;
    match log.append(&[record("08", "opened", json!({"by": "u-9"}))], &[seen], &[]) {
        Err(LogError::Stale { found, .. }) => println!("too late: the door is at version {found}"),
        other => println!("unexpected: {other:?}"),
    }

    // A checkpoint goes to someone outside, who can then tell if the log is ever changed.
    let first = log.checkpoint(&[&key], "2026-11-01T10:10:00Z".parse()?)?;
    println!("\na checkpoint:\n{first}");

    // The text goes, the tree stays.
    let texts = log.texts(0)?;
    log.erase(&texts, record("11", "text_erased", json!({"by": "privacy office"})), &[])?;
    println!("entry 0 is now {}", log.entry(0)?.entry.data);

    // Anyone with the public key can check an exported log, and that it extends the checkpoint.
    let last = log.checkpoint(&[&key], "2026-11-01T10:12:00Z".parse()?)?;
    let export = log.export(Vec::new(), &last)?;
    let keys = [key.verifier().clone()];
    let report = verify_export(export.as_slice(), &keys, &[first])?;
    println!(
        "\nverified with {}: {} entries, {} text there, {} erased",
        key.verifier(),
        report.contents.entries,
        report.contents.texts,
        report.contents.erased()
    );

    // Or one entry alone, from one small file.
    println!("\nthe proof of entry 2:\n{}", log.prove(2, &last)?);
    Ok(())
}
