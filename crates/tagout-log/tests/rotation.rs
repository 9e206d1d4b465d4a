//! The log's key given to another: who may sign what before and after, and what no single key
//! can forge.

mod support;

use std::io::Cursor;

use serde_json::{Value, json};
use support::{ORIGIN, at, empty_log, export, record, signer};
use tagout_log::checkpoint::CheckpointError;
use tagout_log::note::Note;
use tagout_log::rotation::{FIRST_LINE, ROTATED, ROTATIONS};
use tagout_log::verify::{Report, VerifyError, Wrong, verify_export};
use tagout_log::{
    AuditLog, LogError, MemoryStorage, Rotation, SignedCheckpoint, SignerKey, VerifierKey,
};

fn key(seed: u8) -> SignerKey {
    SignerKey::from_seed(ORIGIN, &[seed; 32]).unwrap()
}

fn public(key: &SignerKey) -> Vec<VerifierKey> {
    vec![key.verifier().clone()]
}

fn entry(log: &mut AuditLog<MemoryStorage>, second: i64) {
    log.append(&[record(second, "door/1", "opened", json!({"n": second}))], &[], &[]).unwrap();
}

/// Two entries under the first key, its checkpoint, the rotation, an entry under the second.
fn rotated() -> (AuditLog<MemoryStorage>, SignedCheckpoint) {
    let mut log = empty_log();
    entry(&mut log, 0);
    entry(&mut log, 1);
    let before = log.checkpoint(&[&signer()], at(1)).unwrap();
    log.rotate_key(&signer(), &key(2), at(2)).unwrap();
    entry(&mut log, 3);
    (log, before)
}

fn verify(
    export: &str,
    keys: &[VerifierKey],
    older: &[SignedCheckpoint],
) -> Result<Report, VerifyError> {
    verify_export(Cursor::new(export), keys, older)
}

fn wrong(export: &str, keys: &[VerifierKey]) -> Wrong {
    match verify(export, keys, &[]) {
        Err(VerifyError::Log { wrong, .. }) => wrong,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_export_is_verified_from_the_first_key_alone_from_the_last_or_from_both() {
    let (mut log, before) = rotated();
    let after = log.checkpoint(&[&key(2)], at(4)).unwrap();
    log.verify_all().unwrap();
    let text = export(&log, &after);
    let (first, last) = (public(&signer()), public(&key(2)));
    for keys in [first.clone(), last.clone(), [first, last.clone()].concat()] {
        let report = verify(&text, &keys, std::slice::from_ref(&before)).unwrap();
        assert_eq!(report.signed_by, last);
        assert_eq!(report.contents.keys.keys(), [signer().verifier(), key(2).verifier()]);
    }
    let strange = wrong(&text, &public(&key(9)));
    assert!(
        matches!(strange, Wrong::Checkpoint(CheckpointError::StrangeKeys { .. })),
        "{strange:?}"
    );
}

#[test]
fn keys_are_followed_over_many_rotations() {
    let mut log = empty_log();
    for n in 1..6 {
        entry(&mut log, i64::from(n));
        log.rotate_key(&key(n), &key(n + 1), at(i64::from(n))).unwrap();
    }
    let signed = log.checkpoint(&[&key(6)], at(9)).unwrap();
    let text = export(&log, &signed);
    for n in 1..=6 {
        assert!(verify(&text, &public(&key(n)), &[]).is_ok(), "from key {n}");
    }
    let report = verify(&text, &public(&key(1)), &[]).unwrap();
    let indexes: Vec<_> = report.contents.keys.rotations().iter().map(|r| r.index).collect();
    assert_eq!(indexes, [1, 3, 5, 7, 9]);
}

#[test]
fn a_key_that_was_given_up_signs_nothing_more() {
    let (mut log, _) = rotated();
    let refused = log.checkpoint(&[&signer()], at(4));
    assert!(matches!(refused, Err(LogError::NotInForce { .. })), "{refused:?}");
    let again = log.rotate_key(&signer(), &key(3), at(4));
    assert!(matches!(again, Err(LogError::NotInForce { .. })), "{again:?}");
    // The new key cannot give the log back to it either.
    let back = log.rotate_key(&key(2), &signer(), at(4));
    assert!(matches!(back, Err(LogError::Rotation(_))), "{back:?}");

    // Somebody who has the old key signs the tree all the same.
    let size = log.size();
    let (origin, root) = (ORIGIN.to_owned(), log.root());
    let checkpoint = tagout_log::Checkpoint { origin, size, root, extensions: vec![] };
    let by_old = checkpoint.sign(&[&signer()]).unwrap();
    let text = export(&log, &by_old);
    for keys in [public(&signer()), [public(&signer()), public(&key(2))].concat()] {
        let refused = wrong(&text, &keys);
        let given_up = matches!(refused, Wrong::Checkpoint(CheckpointError::GivenUp { .. }));
        assert!(given_up, "{refused:?}");
    }
}

#[test]
fn an_older_checkpoint_counts_only_by_the_key_of_its_time() {
    let (mut log, before) = rotated();
    let after = log.checkpoint(&[&key(2)], at(4)).unwrap();
    let text = export(&log, &after);
    let keys = [public(&signer()), public(&key(2))].concat();
    let too_early = before.checkpoint().clone().sign(&[&key(2)]).unwrap();
    let refused = verify(&text, &keys, &[too_early]);
    assert!(
        matches!(
            refused,
            Err(VerifyError::Older {
                size: 2,
                wrong: Wrong::Checkpoint(CheckpointError::GivenUp { .. })
            })
        ),
        "{refused:?}"
    );
}

/// The log with an entry of its own making in the place of the rotation.
fn forged(data: Value) -> String {
    let mut log = empty_log();
    entry(&mut log, 0);
    entry(&mut log, 1);
    log.append(&[record(2, ROTATIONS, ROTATED, data)], &[], &[]).unwrap();
    entry(&mut log, 3);
    assert!(matches!(
        log.verify_all(),
        Err(LogError::Damaged { index: 2, wrong: Wrong::Rotation(_) })
    ));
    let (origin, size, root) = (ORIGIN.to_owned(), log.size(), log.root());
    let checkpoint = tagout_log::Checkpoint { origin, size, root, extensions: vec![] };
    let signed = checkpoint.sign(&[&key(2), &signer()]).unwrap();
    export(&log, &signed)
}

fn text(log: &AuditLog<MemoryStorage>, size: u64) -> String {
    let rotation = Rotation::sign(&signer(), &key(2), size, log.root()).unwrap();
    let note = rotation.to_data()["note"].as_str().unwrap().to_owned();
    Note::parse(&note).unwrap().text().to_owned()
}

#[test]
fn a_rotation_that_only_one_of_both_keys_signed_is_refused() {
    let mut log = empty_log();
    entry(&mut log, 0);
    entry(&mut log, 1);
    let text = text(&log, 2);
    assert!(text.starts_with(FIRST_LINE));
    let keys = [public(&signer()), public(&key(2))].concat();
    let (old, new, third) = (signer(), key(2), key(3));
    for signers in [vec![&old], vec![&new], vec![&new, &third], vec![&third]] {
        let note = Note::sign(&text, &signers).unwrap().to_string();
        let refused = wrong(&forged(json!({"note": note})), &keys);
        assert!(matches!(refused, Wrong::Rotation(_)), "{refused:?}");
    }
    // And what both have signed is accepted when it is made in the same way.
    let note = Note::sign(&text, &[&new, &old]).unwrap().to_string();
    let both = json!({"note": note});
    log.append(&[record(2, ROTATIONS, ROTATED, both)], &[], &[]).unwrap();
    log.verify_all().unwrap();
}

#[test]
fn a_rotation_of_another_place_another_log_or_another_form_is_refused() {
    let mut log = empty_log();
    entry(&mut log, 0);
    entry(&mut log, 1);
    let keys = public(&signer());
    let elsewhere = text(&log, 1);
    entry(&mut log, 7);
    let other_tree = text(&log, 2);
    for text in [&elsewhere, &other_tree] {
        let note = Note::sign(text, &[&signer(), &key(2)]).unwrap().to_string();
        let refused = wrong(&forged(json!({"note": note})), &keys);
        assert!(matches!(refused, Wrong::Rotation(_)), "{refused:?}");
    }
    for data in [json!({}), json!({"note": "x"}), json!({"note": 1}), json!([]), json!(null)] {
        assert!(matches!(wrong(&forged(data), &keys), Wrong::Rotation(_)));
    }
    let other = SignerKey::from_seed("example.org/other", &[2; 32]).unwrap();
    assert!(Rotation::sign(&signer(), &other, 2, [0; 32]).is_err());
    assert!(Rotation::sign(&signer(), &signer(), 2, [0; 32]).is_err());
}

#[test]
fn no_byte_of_a_rotation_can_be_changed() {
    let (mut log, _) = rotated();
    let after = log.checkpoint(&[&key(2)], at(4)).unwrap();
    let text = export(&log, &after);
    let start: usize = text.split_inclusive('\n').take(3).map(str::len).sum();
    let line = text.lines().nth(3).unwrap();
    assert!(line.contains(ROTATED));
    for at in start..start + line.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let verified = verify_export(Cursor::new(&bytes), &public(&signer()), &[]);
        assert!(verified.is_err(), "byte {at}");
    }
}

#[test]
fn a_rotation_that_nothing_was_signed_after_is_signed_on_by_the_new_key() {
    let (mut log, before) = rotated();
    // The checkpoint that is kept is still one of the old key.
    let signed = log.checkpoint(&[&key(2)], at(4)).unwrap();
    assert_eq!(signed.checkpoint().size, 4);
    assert!(before.verify(&public(&key(2))).is_err());
}
