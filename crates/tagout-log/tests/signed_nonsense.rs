//! A log can be wrong although every hash, root and signature in it is right: the one who
//! wrote and signed it was wrong, or lied. The verifier sees that too.

mod support;

use serde_json::json;
use support::{ORIGIN, at, counted_salts, keys, signer};
use tagout_log::checkpoint::Checkpoint;
use tagout_log::envelope::seal;
use tagout_log::export::ExportWriter;
use tagout_log::proof::InclusionProof;
use tagout_log::proof_file::{ProofFile, ProofFileError};
use tagout_log::tree::leaf_hash;
use tagout_log::verify::{Report, VerifyError, Wrong, verify_export};
use tagout_log::{Commitment, Entry, Frontier};

fn entry(second: i64, stream: &str, seq: u64) -> Entry {
    let (stream, kind) = (stream.to_owned(), "noted".to_owned());
    let data = json!({"$text": "x"});
    Entry { at: at(second), stream, seq, kind, version: 1, data, erases: vec![] }
}

/// Writes and signs these entries at these indexes, whatever they are, and verifies them.
fn verified(entries: &[(u64, Entry)], with_texts: bool) -> Result<Report, VerifyError> {
    verified_as(entries, with_texts, entries.len() as u64)
}

/// The same with a checkpoint that claims another size.
fn verified_as(
    entries: &[(u64, Entry)],
    with_texts: bool,
    size: u64,
) -> Result<Report, VerifyError> {
    let (mut salts, mut frontier) = (counted_salts(), Frontier::new());
    let mut writer = ExportWriter::new(Vec::new(), ORIGIN).unwrap();
    for (index, entry) in entries {
        let sealed = seal(entry, *index, &mut salts).unwrap();
        frontier.append(leaf_hash(&sealed.leaf));
        let texts = if with_texts { sealed.payloads.as_slice() } else { &[] };
        writer.entry(&sealed.leaf, texts).unwrap();
    }
    let (origin, root) = (ORIGIN.to_owned(), frontier.root());
    let checkpoint = Checkpoint { origin, size, root, extensions: vec![] };
    let export = writer.finish(&checkpoint.sign(&[&signer()]).unwrap()).unwrap();
    verify_export(export.as_slice(), keys(), &[])
}

fn wrong(entries: &[(u64, Entry)]) -> (Option<u64>, Wrong) {
    match verified(entries, true) {
        Err(VerifyError::Log { place, wrong }) => (place.entry, wrong),
        other => panic!("accepted: {other:?}"),
    }
}

#[test]
fn an_index_left_out_or_repeated_is_wrong() {
    let first = (0, entry(0, "a", 1));
    assert!(verified(&[first.clone(), (1, entry(0, "a", 2))], true).is_ok());
    for index in [0, 2] {
        let found = wrong(&[first.clone(), (index, entry(0, "a", 2))]);
        assert_eq!(found, (Some(1), Wrong::Index { expected: 1, found: index }));
    }
}

#[test]
fn a_stream_number_left_out_or_repeated_is_wrong() {
    for seq in [1, 3] {
        let found = wrong(&[(0, entry(0, "a", 1)), (1, entry(0, "a", seq))]);
        let stream = "a".to_owned();
        assert_eq!(found, (Some(1), Wrong::Seq { stream, expected: 2, found: seq }));
    }
    assert!(matches!(wrong(&[(0, entry(0, "a", 2))]), (Some(0), Wrong::Seq { .. })));
}

#[test]
fn time_that_runs_backwards_is_wrong() {
    let found = wrong(&[(0, entry(1, "a", 1)), (1, entry(0, "a", 2))]);
    assert!(matches!(found, (Some(1), Wrong::Time { .. })));
}

#[test]
fn an_erasure_recorded_before_the_text_does_not_explain_why_it_is_gone() {
    // The salts are known here: the second entry's text will have this commitment.
    let later = Commitment::to("x", &[2; 32]);
    let eraser = |seq| Entry { erases: vec![later], ..entry(0, "a", seq) };
    let report = verified(&[(0, eraser(1)), (1, entry(0, "b", 1))], false).unwrap();
    assert_eq!((report.contents.absent.len(), report.contents.erased()), (2, 0));
    let after = [(0, entry(0, "a", 1)), (1, entry(0, "b", 1)), (2, eraser(2))];
    assert_eq!(verified(&after, false).unwrap().contents.erased(), 1);
}

#[test]
fn a_checkpoint_that_claims_another_size_is_wrong() {
    for signed in [0, 2] {
        let found = verified_as(&[(0, entry(0, "a", 1))], true, signed);
        let Err(VerifyError::Log { wrong, .. }) = found else { panic!("accepted: {found:?}") };
        assert_eq!(wrong, Wrong::Size { found: 1, signed });
    }
}

#[test]
fn a_proof_of_an_entry_that_claims_another_index_is_wrong() {
    let prove = |claimed| {
        let sealed = seal(&entry(0, "a", 1), claimed, &mut counted_salts()).unwrap();
        let root = leaf_hash(&sealed.leaf);
        let checkpoint = Checkpoint { origin: ORIGIN.into(), size: 1, root, extensions: vec![] };
        let checkpoint = checkpoint.sign(&[&signer()]).unwrap();
        let proof = InclusionProof { index: 0, size: 1, path: vec![] };
        ProofFile::new(&sealed.leaf, &sealed.payloads, proof, checkpoint).unwrap().verify(keys())
    };
    assert!(prove(0).is_ok());
    let wrong = Wrong::Index { expected: 0, found: 4 };
    assert_eq!(prove(4), Err(ProofFileError::Wrong(wrong)));
}
