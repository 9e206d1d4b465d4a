//! An exported log is believed only if it is exactly what was recorded and signed.

mod support;

use proptest::prelude::*;
use serde_json::json;
use support::{
    ORIGIN, at, empty_log, example_checkpoint, example_log, export, keys, record, signer,
};
use tagout_log::proof_file::ProofFile;
use tagout_log::verify::{Place, Report, VerifyError, Wrong, verify_export};
use tagout_log::{AuditLog, MemoryStorage, SignedCheckpoint, SignerKey};

fn example() -> (AuditLog<MemoryStorage>, SignedCheckpoint, String) {
    let mut log = example_log();
    let checkpoint = example_checkpoint(&mut log);
    let text = export(&log, &checkpoint);
    (log, checkpoint, text)
}

fn verify(export: impl AsRef<[u8]>) -> Result<Report, VerifyError> {
    verify_export(export.as_ref(), keys(), &[])
}

fn place(result: Result<Report, VerifyError>) -> (Place, Wrong) {
    match result {
        Err(VerifyError::Log { place, wrong }) => (place, wrong),
        other => panic!("expected trouble at some place: {other:?}"),
    }
}

#[test]
fn an_untouched_export_is_accepted_and_its_erased_text_is_named() {
    let (log, checkpoint, text) = example();
    let report = verify(&text).unwrap();
    assert_eq!(report.checkpoint, checkpoint);
    assert_eq!(report.signed_by, keys());
    assert_eq!(report.contents, log.verify_all().unwrap());
    assert_eq!((report.contents.erased(), report.contents.texts), (1, 1));
    assert_eq!((report.contents.first_at, report.contents.last_at), (Some(at(0)), Some(at(2))));
    assert!(!text.contains("Ana"));
}

#[test]
fn an_empty_log_is_exported_and_verified() {
    let mut log = empty_log();
    let checkpoint = log.checkpoint(&[&signer()], at(0)).unwrap();
    assert_eq!(verify(export(&log, &checkpoint)).unwrap().contents.entries, 0);
}

/// The bits of a byte to flip: each one, or one of them where a signature has to be checked,
/// which takes long without optimisation.
fn bits(byte: usize, signed: bool) -> std::ops::Range<usize> {
    if signed { byte % 8..byte % 8 + 1 } else { 0..8 }
}

#[test]
fn every_byte_changed_is_detected_in_the_line_where_it_is() {
    let (_, _, text) = example();
    let checkpoint_line = text.lines().count() as u64;
    let origin = text.find(ORIGIN).unwrap()..text.find(ORIGIN).unwrap() + ORIGIN.len();
    let mut flipped = text.clone().into_bytes();
    for byte in 0..flipped.len() {
        let line = 1 + text.as_bytes()[..byte].iter().filter(|b| **b == b'\n').count() as u64;
        for bit in bits(byte, line == checkpoint_line) {
            flipped[byte] ^= 1 << bit;
            let (found, wrong) = place(verify(&flipped));
            // Another name in the header is seen when the checkpoint names the right one.
            let expected = match wrong {
                Wrong::Origin { .. } if origin.contains(&byte) => checkpoint_line,
                _ => line,
            };
            assert_eq!(found.line, expected, "byte {byte}, bit {bit}: {wrong}");
            flipped[byte] ^= 1 << bit;
        }
    }
    assert!(verify(&flipped).is_ok());
}

#[test]
fn an_export_cut_off_anywhere_is_refused() {
    let (_, _, text) = example();
    for end in 0..text.len() {
        assert!(verify(&text.as_bytes()[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn a_line_left_out_repeated_or_moved_is_named() {
    let (_, _, text) = example();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for n in 0..lines.len() {
        let left_out = [&lines[..n], &lines[n + 1..]].concat().concat();
        let expected = if n + 1 == lines.len() { n } else { n + 1 };
        let (found, _) = place(verify(left_out));
        assert!([expected, n + 1].contains(&(found.line as usize)), "{n} left out: {found}");

        let repeated = [&lines[..=n], &lines[n..]].concat().concat();
        assert_eq!(place(verify(repeated)).0.line as usize, n + 2, "{n} repeated");

        if n > 0 {
            let mut moved = lines.clone();
            moved.swap(n - 1, n);
            assert_eq!(place(verify(moved.concat())).0.line as usize, n, "{n} moved");
        }
    }
}

#[test]
fn a_leaf_exchanged_together_with_its_hash_is_caught_by_the_root() {
    let (_, _, text) = example();
    let line = text.lines().nth(2).unwrap();
    let leaf = line.split_once("\"leaf\":").unwrap().1.split_once(",\"payloads\"").unwrap().0;
    let forged_leaf = leaf.replace("approve", "reject");
    let hash =
        |leaf: &str| tagout_core::digest::to_hex(&tagout_log::tree::leaf_hash(leaf.as_bytes()));
    let forged = text.replace(leaf, &forged_leaf).replace(&hash(leaf), &hash(&forged_leaf));
    let (found, wrong) = place(verify(forged));
    assert_eq!((found.line, wrong), (5, Wrong::Root { size: 3 }));
}

#[test]
fn a_checkpoint_by_anyone_else_is_refused() {
    let (_, _, text) = example();
    let other = SignerKey::from_seed(ORIGIN, &[9; 32]).unwrap();
    let refused = verify_export(text.as_bytes(), &[other.verifier().clone()], &[]);
    assert!(matches!(place(refused).1, Wrong::Checkpoint(_)));
    assert!(verify_export(text.as_bytes(), &[], &[]).is_err());
    let both = [other.verifier().clone(), keys()[0].clone()];
    assert!(verify_export(text.as_bytes(), &both, &[]).is_ok());
}

#[test]
fn a_text_left_out_of_a_copy_is_named_and_is_no_error() {
    let (mut log, checkpoint, _) = example();
    let text = log.texts(1).unwrap()[0];
    log.storage_mut().lose_text(&text);
    let report = verify(export(&log, &checkpoint)).unwrap();
    assert_eq!((report.contents.absent.len(), report.contents.erased()), (2, 1));
    assert_eq!(report.contents.absent[1].commitment, text.commitment);
}

#[test]
fn a_text_where_it_does_not_belong_is_refused() {
    let (_, _, text) = example();
    let start = text.find("{\"commitment\"").unwrap();
    let payload = &text[start..text[start..].find('}').unwrap() + start + 1];
    let stray = text.replacen("\"payloads\":[]", &format!("\"payloads\":[{payload}]"), 1);
    let (found, wrong) = place(verify(stray));
    assert!(matches!((found.line, wrong), (2, Wrong::StrayText(_))));
    let twice = text.replace(payload, &format!("{payload},{payload}"));
    assert!(matches!(place(verify(twice)).1, Wrong::StrayText(_)));
}

#[test]
fn a_log_that_shrank_or_forked_is_seen_by_whoever_holds_an_older_checkpoint() {
    let noted = |stream: &str| record(0, stream, "noted", json!(1));
    let mut log = empty_log();
    log.append(&[noted("a"), noted("b")], &[], &[]).unwrap();
    let early = log.storage().clone();
    let two = log.checkpoint(&[&signer()], at(0)).unwrap();
    log.append(&[noted("c")], &[], &[]).unwrap();
    let three = log.checkpoint(&[&signer()], at(0)).unwrap();
    let older = [three.clone(), two.clone()];
    let text = export(&log, &three);
    assert!(verify_export(text.as_bytes(), keys(), &older).is_ok());

    // Shrunk: properly signed over two entries by the same key.
    let shrunk = export(&log, &two);
    match verify_export(shrunk.as_bytes(), keys(), &older) {
        Err(VerifyError::Older { size: 3, wrong: Wrong::Size { found: 2, signed: 3 } }) => {}
        other => panic!("{other:?}"),
    }
    // Forked: another third entry, properly signed by a key that forgot what it signed.
    let mut fork = AuditLog::open(early, support::counted_salts()).unwrap();
    fork.append(&[noted("d"), noted("e")], &[], &[]).unwrap();
    let four = fork.checkpoint(&[&signer()], at(0)).unwrap();
    match verify_export(export(&fork, &four).as_bytes(), keys(), &older) {
        Err(VerifyError::Older { size: 3, wrong: Wrong::Root { size: 3 } }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_older_checkpoint_counts_only_if_this_log_signed_it() {
    let (_, checkpoint, text) = example();
    let forged = checkpoint.to_string().replace("\n3\n", "\n2\n");
    let forged = SignedCheckpoint::parse(&forged).unwrap();
    let refused = verify_export(text.as_bytes(), keys(), &[forged]);
    assert!(matches!(refused, Err(VerifyError::Older { wrong: Wrong::Checkpoint(_), .. })));

    let other = SignerKey::from_seed("example.org/other", &[2; 32]).unwrap();
    let mut other_log = example_log();
    let of_other = other_log.checkpoint(&[&other], at(3)).unwrap();
    let listed = [keys()[0].clone(), other.verifier().clone()];
    let refused = verify_export(text.as_bytes(), &listed, &[of_other]);
    assert!(matches!(refused, Err(VerifyError::Older { wrong: Wrong::Origin { .. }, .. })));
}

#[test]
fn a_line_longer_than_any_entry_is_refused_without_reading_it_all() {
    let (_, _, text) = example();
    let header = text.lines().next().unwrap();
    let endless = format!("{header}\n").into_bytes();
    let endless =
        std::io::BufReader::new(std::io::Read::chain(endless.as_slice(), std::io::repeat(b'x')));
    let (found, wrong) = place(verify_export(endless, keys(), &[]));
    assert_eq!((found.line, found.entry), (2, Some(0)));
    assert_eq!(wrong, Wrong::Structure("the line is longer than 32 MiB"));
}

#[test]
fn an_export_of_a_later_version_is_named_as_such() {
    let (_, _, text) = example();
    let later = text.replacen("\"v\":1}\n", "\"v\":2}\n", 1);
    assert!(place(verify(later)).1.to_string().contains("newer release"));
}

#[test]
fn each_entry_is_proved_by_one_file_and_a_key() {
    let (log, checkpoint, _) = example();
    for index in 0..3 {
        let file = log.prove(index, &checkpoint).unwrap().to_string();
        let proved = file.parse::<ProofFile>().unwrap().verify(keys()).unwrap();
        assert_eq!(proved.opened, log.entry(index).unwrap());
        assert_eq!(proved.checkpoint, checkpoint);
        assert_eq!(proved.contents.absent.len(), usize::from(index == 0));
    }
}

#[test]
fn every_byte_changed_in_a_proof_file_is_detected() {
    let (log, checkpoint, _) = example();
    let mut file = log.prove(1, &checkpoint).unwrap().to_string().into_bytes();
    let holds = |file: &[u8]| {
        let text = std::str::from_utf8(file).ok()?;
        text.parse::<ProofFile>().ok()?.verify(keys()).ok()
    };
    assert!(holds(&file).is_some());
    let signed = file.len() - checkpoint.to_string().len();
    for byte in 0..file.len() {
        for bit in bits(byte, byte >= signed) {
            file[byte] ^= 1 << bit;
            assert!(holds(&file).is_none(), "byte {byte}, bit {bit}");
            file[byte] ^= 1 << bit;
        }
    }
}

#[test]
fn a_proof_for_another_entry_or_another_checkpoint_is_refused() {
    let (mut log, checkpoint, _) = example();
    let file = |index| log.prove(index, &checkpoint).unwrap().to_string();
    let [of_0, of_1] = [file(0), file(1)];
    let part = |text: &str, n: usize| text.lines().nth(n).unwrap().to_owned();
    let exchanged = of_0.replace(&part(&of_0, 1), &part(&of_1, 1));
    assert!(exchanged.parse::<ProofFile>().unwrap().verify(keys()).is_err());
    log.append(&[record(5, "a", "noted", json!(1))], &[], &[]).unwrap();
    let newer = log.checkpoint(&[&signer()], at(6)).unwrap();
    let exchanged = of_0.replace(&checkpoint.to_string(), &newer.to_string());
    assert_ne!(exchanged, of_0);
    assert!(exchanged.parse::<ProofFile>().unwrap().verify(keys()).is_err());
    // The older checkpoint still proves its entries against itself.
    assert!(log.prove(1, &checkpoint).unwrap().verify(keys()).is_ok());
}

static EXAMPLE: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| example().2);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn no_bytes_make_the_verifier_fail_otherwise_than_with_an_answer(
        at in any::<prop::sample::Index>(), len in 0usize..40, put in "\\PC{0,40}"
    ) {
        let mut bytes = EXAMPLE.clone().into_bytes();
        let start = at.index(bytes.len());
        let end = (start + len).min(bytes.len());
        let before = bytes.splice(start..end, put.bytes()).collect::<Vec<_>>();
        let changed = before != put.as_bytes();
        prop_assert_eq!(verify(&bytes).is_err(), changed);
    }
}
