//! An archive is believed only if it is exactly what was recorded and signed.

mod support;

use serde_json::json;
use support::{ORIGIN, at, empty_log, keys, record, signer};
use tagout_core::limits::ARCHIVE_ENTRIES;
use tagout_log::archive::{ARCHIVED, ARCHIVES, ArchiveError, Archived, Report, verify_archive};
use tagout_log::storage::TextPlace;
use tagout_log::verify::{Place, Wrong};
use tagout_log::{AuditLog, MemoryStorage, Record, SignedCheckpoint};

/// A log of seven entries with a text each and its checkpoint.
fn example() -> (AuditLog<MemoryStorage>, SignedCheckpoint) {
    let mut log = empty_log();
    for n in 0..7 {
        let data = json!({"note": {"$text": format!("text {n} of Ana")}});
        log.append(&[record(n, "incident/1", "noted", data)], &[], &[]).unwrap();
    }
    let checkpoint = log.checkpoint(&[&signer()], at(8)).unwrap();
    (log, checkpoint)
}

fn written(log: &AuditLog<MemoryStorage>, entries: &[u64], signed: &SignedCheckpoint) -> String {
    String::from_utf8(log.write_archive(Vec::new(), entries, signed).unwrap()).unwrap()
}

fn place(bytes: impl AsRef<[u8]>) -> (Place, Wrong) {
    match verify_archive(bytes.as_ref(), keys()) {
        Err(ArchiveError::Wrong { place, wrong }) => (place, wrong),
        other => panic!("expected trouble at some place: {other:?}"),
    }
}

fn archived() -> Archived {
    Archived { file: "some.archive".into(), sha256: [7; 32], entries: 2, texts: 2 }
}

fn entry() -> Record {
    record(9, ARCHIVES, ARCHIVED, archived().to_data())
}

/// Where the texts that an archive holds are in its log.
fn places(log: &AuditLog<MemoryStorage>, report: &Report) -> Vec<TextPlace> {
    let texts = report.leaves.iter().flat_map(|(index, _)| log.texts(*index).unwrap());
    texts.filter(|text| report.commitments.contains(&text.commitment)).collect()
}

#[test]
fn texts_leave_the_log_for_an_archive_and_both_hold() {
    let (mut log, checkpoint) = example();
    let text = written(&log, &[1, 6], &checkpoint);
    let report = verify_archive(text.as_bytes(), keys()).unwrap();
    assert_eq!((report.entries, report.texts), (2, 2));
    assert_eq!((&report.checkpoint, report.signed_by.as_slice()), (&checkpoint, keys()));
    assert_eq!(report.leaves.iter().map(|leaf| leaf.0).collect::<Vec<_>>(), [1, 6]);
    assert!(text.contains("text 1 of Ana") && !text.contains("text 2 of Ana"));

    let root = log.root();
    log.archive(&places(&log, &report), entry(), &[]).unwrap();
    let contents = log.verify_all().unwrap();
    assert_eq!((contents.entries, contents.texts, contents.absent.len()), (8, 5, 2));
    assert_eq!((contents.erased(), contents.archives), (0, vec![archived()]));
    log.extends(checkpoint.checkpoint()).unwrap();
    assert_eq!(checkpoint.checkpoint().root, root);
    // The archive needs nothing of the log, and the log nothing of the archive.
    assert_eq!(verify_archive(text.as_bytes(), keys()).unwrap(), report);
    let again = log.archive(&places(&log, &report), entry(), &[]);
    assert!(again.is_err(), "texts were archived twice");
    assert_eq!(log.size(), 8);
}

#[test]
fn an_export_names_the_archives() {
    let (mut log, checkpoint) = example();
    let text = written(&log, &[1, 6], &checkpoint);
    let report = verify_archive(text.as_bytes(), keys()).unwrap();
    log.archive(&places(&log, &report), entry(), &[]).unwrap();
    let checkpoint = log.checkpoint(&[&signer()], at(10)).unwrap();
    let export = support::export(&log, &checkpoint);
    let report = tagout_log::verify::verify_export(export.as_bytes(), keys(), &[]).unwrap();
    assert_eq!(report.contents.archives, [archived()]);
}

#[test]
fn every_byte_changed_is_detected_in_the_line_where_it_is() {
    let (log, checkpoint) = example();
    let text = written(&log, &[2, 6], &checkpoint);
    let last = text.lines().count() as u64;
    let origin = text.find(ORIGIN).unwrap()..text.find(ORIGIN).unwrap() + ORIGIN.len();
    let mut flipped = text.clone().into_bytes();
    for byte in 0..flipped.len() {
        let line = 1 + text.as_bytes()[..byte].iter().filter(|b| **b == b'\n').count() as u64;
        // One bit of each byte where a signature is checked, which takes long in a test build.
        let begins = text.as_bytes()[..byte].iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
        let slow = line == last || text[begins..byte].contains("\"proof\":[\"");
        for bit in if slow { byte % 8..byte % 8 + 1 } else { 0..8 } {
            flipped[byte] ^= 1 << bit;
            let (found, wrong) = place(&flipped);
            let expected = match wrong {
                Wrong::Origin { .. } if origin.contains(&byte) => last,
                _ => line,
            };
            assert_eq!(found.line, expected, "byte {byte}, bit {bit}: {wrong}");
            flipped[byte] ^= 1 << bit;
        }
    }
    assert!(verify_archive(flipped.as_slice(), keys()).is_ok());
}

#[test]
fn a_line_left_out_repeated_or_moved_and_a_cut_are_refused_unless_a_whole_entry_is_left_out() {
    let (log, checkpoint) = example();
    let text = written(&log, &[0, 3, 5], &checkpoint);
    for end in (0..text.len()).step_by(7) {
        assert!(verify_archive(&text.as_bytes()[..end], keys()).is_err(), "cut at {end}");
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for n in 0..lines.len() {
        let repeated = [&lines[..=n], &lines[n..]].concat().concat();
        assert_eq!(place(repeated).0.line, n as u64 + 2, "{n} repeated");
        if n + 1 < lines.len() {
            let mut moved = lines.clone();
            moved.swap(n, n + 1);
            assert!(verify_archive(moved.concat().as_bytes(), keys()).is_err(), "{n} moved");
        }
        let left_out = [&lines[..n], &lines[n + 1..]].concat().concat();
        let result = verify_archive(left_out.as_bytes(), keys());
        // That an entry is missing is seen by the SHA-256 and the count that the log records.
        let inner = n > 0 && n + 1 < lines.len();
        assert_eq!(result.map(|report| report.entries).ok(), inner.then_some(2), "{n} left out");
    }
}

#[test]
fn an_archive_of_another_key_or_without_texts_is_refused() {
    let (mut log, checkpoint) = example();
    let text = written(&log, &[0], &checkpoint);
    let other = tagout_log::SignerKey::from_seed(ORIGIN, &[9; 32]).unwrap();
    assert!(verify_archive(text.as_bytes(), &[other.verifier().clone()]).is_err());
    assert!(matches!(place(written(&log, &[], &checkpoint)).1, Wrong::Structure(_)));
    let gone = log.texts(0).unwrap();
    log.archive(&gone, entry(), &[]).unwrap();
    let (found, wrong) = place(written(&log, &[0], &checkpoint));
    assert!(matches!(wrong, Wrong::Structure(_)) && found.line == 2, "{found}: {wrong}");
}

#[test]
fn an_archive_has_at_most_so_many_entries() {
    let mut log = AuditLog::open(MemoryStorage::new(), {
        let mut n = 0u64;
        move || {
            n += 1;
            let mut salt = [0; 32];
            salt[..8].copy_from_slice(&n.to_le_bytes());
            salt
        }
    })
    .unwrap();
    let one = record(0, "a", "noted", json!({"note": {"$text": "x"}}));
    log.append(&vec![one; ARCHIVE_ENTRIES + 1], &[], &[]).unwrap();
    let checkpoint = log.checkpoint(&[&signer()], at(1)).unwrap();
    let all: Vec<u64> = (0..=ARCHIVE_ENTRIES as u64).collect();
    let full = written(&log, &all[1..], &checkpoint);
    let report = verify_archive(full.as_bytes(), keys()).unwrap();
    assert_eq!(report.entries, ARCHIVE_ENTRIES as u64);
    let (found, _) = place(written(&log, &all, &checkpoint));
    assert_eq!(found.line, ARCHIVE_ENTRIES as u64 + 2);
}
