//! Receipts: one stream with what it rests on, verified alone; nothing in it can be changed, left
//! out or put in.

mod support;

use std::io::Cursor;

use serde_json::{Value, json};
use support::{ORIGIN, at, empty_log, keys, record, signer};
use tagout_log::receipt::{Receipt, ReceiptError, same, verify_receipt};
use tagout_log::verify::Wrong;
use tagout_log::{AuditLog, MemoryStorage, SignedCheckpoint, SignerKey, VerifierKey};

const STREAM: &str = "incident/1";

fn add(log: &mut AuditLog<MemoryStorage>, second: i64, stream: &str, data: Value) {
    log.append(&[record(second, stream, "happened", data)], &[], &[]).unwrap();
}

/// A log whose entries 1, 3, 4 and 6 are the incident's; a checkpoint over all of it.
fn log() -> (AuditLog<MemoryStorage>, SignedCheckpoint) {
    let mut log = empty_log();
    add(&mut log, 0, "shared", json!({"policy": 1}));
    add(&mut log, 1, STREAM, json!({"n": 1, "why": {"$text": "disk full"}}));
    add(&mut log, 2, "incident/2", json!({"n": 1}));
    add(&mut log, 3, STREAM, json!({"n": 2}));
    add(&mut log, 4, STREAM, json!({"n": 3}));
    add(&mut log, 5, "incident/2", json!({"n": 2}));
    add(&mut log, 6, STREAM, json!({"n": 4}));
    let checkpoint = log.checkpoint(&[&signer()], at(6)).unwrap();
    (log, checkpoint)
}

fn summary() -> Value {
    json!({"plan": "abc", "steps": 2})
}

fn receipt(last: u64) -> String {
    let (log, checkpoint) = log();
    let written = log.write_receipt(Vec::new(), (STREAM, last), &[0], &summary(), &checkpoint);
    String::from_utf8(written.unwrap()).unwrap()
}

fn verify(text: &str, keys: &[VerifierKey]) -> Result<Receipt, ReceiptError> {
    verify_receipt(Cursor::new(text), keys)
}

fn wrong(text: &str) -> Wrong {
    match verify(text, keys()) {
        Err(ReceiptError::Wrong { wrong, .. }) => *wrong,
        other => panic!("{other:?}"),
    }
}

fn without(text: &str, line: usize) -> String {
    let kept = text.split_inclusive('\n').enumerate().filter(|(n, _)| *n != line);
    kept.map(|(_, line)| line).collect()
}

#[test]
fn a_receipt_is_verified_with_the_public_key_alone() {
    let receipt = verify(&receipt(4), keys()).unwrap();
    let indexes: Vec<_> = receipt.entries.iter().map(|opened| opened.index).collect();
    assert_eq!((receipt.stream.as_str(), indexes), (STREAM, vec![1, 3, 4, 6]));
    assert_eq!(receipt.others.iter().map(|opened| opened.index).collect::<Vec<_>>(), [0]);
    assert_eq!(receipt.contents.texts, 1);
    assert!(same(&receipt.summary, &summary()));
    let stranger = SignerKey::from_seed(ORIGIN, &[9; 32]).unwrap();
    assert!(verify(&self::receipt(4), &[stranger.verifier().clone()]).is_err());
}

/// A receipt over the example log of `docs/log-format.md`, as the first release with receipts
/// wrote it.
const FIRST: &str = include_str!("data/receipt-v1.jsonl");

#[test]
fn the_first_receipt_ever_released_still_holds_and_is_written_the_same() {
    let mut log = support::example_log();
    let checkpoint = support::example_checkpoint(&mut log);
    let written = log.write_receipt(Vec::new(), (STREAM, 2), &[2], &summary(), &checkpoint);
    let written = String::from_utf8(written.unwrap()).unwrap();
    if std::env::var_os("TAGOUT_UPDATE").is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/receipt-v1.jsonl");
        std::fs::write(file, &written).unwrap();
    }
    assert_eq!(written, FIRST);
    assert_eq!(verify(FIRST, keys()).unwrap().entries.len(), 2);
}

#[test]
fn every_byte_changed_is_detected_or_shows_in_the_summary() {
    let text = receipt(4);
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let Ok(read) = verify_receipt(Cursor::new(&bytes), keys()) else { continue };
        assert!(!same(&read.summary, &summary()), "byte {at} can be changed unseen");
    }
}

#[test]
fn an_entry_left_out_of_the_middle_is_missed() {
    let text = receipt(4);
    // Header, summary, the policy's entry, and then the incident's.
    for line in [3, 4, 5] {
        assert!(matches!(wrong(&without(&text, line)), Wrong::Seq { .. }), "line {line}");
    }
    assert!(matches!(wrong(&without(&text, 7)), Wrong::Structure(_)));
    for line in [0, 1] {
        assert!(matches!(wrong(&without(&text, line)), Wrong::Form(_)), "line {line}");
    }
    // What came last can be left out: it reads as a receipt of an earlier moment, and says so.
    assert_eq!(verify(&without(&text, 6), keys()).unwrap().entries.len(), 3);
    assert_eq!(verify(&receipt(3), keys()).unwrap().entries.len(), 3);
}

#[test]
fn an_entry_of_another_log_is_refused() {
    let text = receipt(4);
    let mut other = empty_log();
    add(&mut other, 0, "shared", json!({"policy": 2}));
    add(&mut other, 1, STREAM, json!({"n": 1}));
    let checkpoint = other.checkpoint(&[&signer()], at(6)).unwrap();
    let foreign = other.write_receipt(Vec::new(), (STREAM, 1), &[0], &summary(), &checkpoint);
    let foreign = String::from_utf8(foreign.unwrap()).unwrap();
    let foreign: Vec<&str> = foreign.split_inclusive('\n').collect();
    for line in [2, 3] {
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        lines[line] = foreign[line];
        assert!(matches!(wrong(&lines.concat()), Wrong::Proof(_)), "line {line}");
    }
    // Twice, or out of order.
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let twice = [&lines[..3], &lines[2..]].concat().concat();
    assert!(matches!(wrong(&twice), Wrong::Index { .. }));
}

#[test]
fn a_receipt_follows_the_rotation_of_the_key_from_the_first_one() {
    let (mut log, _) = log();
    let second = SignerKey::from_seed(ORIGIN, &[2; 32]).unwrap();
    log.rotate_key(&signer(), &second, at(7)).unwrap();
    let checkpoint = log.checkpoint(&[&second], at(8)).unwrap();
    let written = log.write_receipt(Vec::new(), (STREAM, 4), &[0], &summary(), &checkpoint);
    let text = String::from_utf8(written.unwrap()).unwrap();
    let read = verify(&text, keys()).unwrap();
    assert_eq!(read.signed_by, [second.verifier().clone()]);
    assert_eq!(read.others.len(), 1);
    // Without the rotation nobody vouches for the new key.
    assert!(verify(&without(&text, 7), keys()).is_err());
}
