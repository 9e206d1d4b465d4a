//! The page that describes the format shows the bytes that the code writes, for ever.

mod support;

use support::{counted_salts, example_checkpoint, example_log, export, keys, signer};
use tagout_core::digest::to_hex;
use tagout_log::proof_file::ProofFile;
use tagout_log::storage::Storage;
use tagout_log::tree::root_of;
use tagout_log::verify::verify_export;
use tagout_log::{Commitment, SignerKey, VerifierKey};

const PAGE: &str = include_str!("../../../docs/log-format.md");

/// The block of the page under this name.
fn shown(name: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("<!-- vector: {name} -->\n```text\n")).unwrap();
    rest.split_once("```\n").unwrap().0
}

fn lines(items: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    items.into_iter().map(|item| item.as_ref().to_owned() + "\n").collect()
}

#[test]
fn the_page_shows_exactly_what_is_written() {
    let mut log = example_log();
    let checkpoint = example_checkpoint(&mut log);
    let leaves = log.storage().leaves(0..3).unwrap();
    let hashes = log.storage().leaf_hashes(0..3).unwrap();
    let vectors = [
        ("private key", lines([signer().to_secret_text()])),
        ("public key", lines([signer().verifier().to_string()])),
        ("commitment", lines([Commitment::to("disk of Ana full", &[1; 32]).to_string()])),
        ("leaves", lines(leaves.iter().map(|leaf| std::str::from_utf8(leaf).unwrap()))),
        ("leaf hashes", lines(hashes.iter().map(|hash| to_hex(hash)))),
        ("roots", lines((0..=3).map(|size| to_hex(&root_of(&hashes[..size]))))),
        (
            "consistency 1 to 3",
            lines(log.consistency_proof(1, 3).unwrap().path.iter().map(|hash| to_hex(hash))),
        ),
        ("checkpoint", checkpoint.to_string()),
        ("export", export(&log, &checkpoint)),
        ("proof", log.prove(1, &checkpoint).unwrap().to_string()),
    ];
    for (name, written) in &vectors {
        assert_eq!(shown(name), written, "{name}");
    }
    assert_eq!(PAGE.matches("<!-- vector: ").count(), vectors.len());
    assert_eq!(counted_salts()(), [1; 32]);
}

#[test]
fn the_export_and_the_proof_on_the_page_verify_with_the_key_on_the_page() {
    let keys = VerifierKey::list(shown("public key")).unwrap();
    let report = verify_export(shown("export").as_bytes(), &keys, &[]).unwrap();
    assert_eq!((report.contents.entries, report.contents.erased()), (3, 1));
    let proved = shown("proof").parse::<ProofFile>().unwrap().verify(&keys).unwrap();
    assert_eq!(proved.opened.entry.data["reason"]["$text"], "known \"noise\"\n");
    let private = SignerKey::from_secret_text(shown("private key")).unwrap();
    assert_eq!(private.verifier(), &keys[0]);
    assert_eq!(keys, support::keys());
}

#[test]
fn the_first_log_ever_released_still_opens() {
    // A copy of the export as version 1 wrote it. It is never written anew.
    let kept = include_bytes!("data/log-v1.jsonl");
    let report = verify_export(kept.as_slice(), keys(), &[]).unwrap();
    assert_eq!(report.contents.entries, 3);
}
