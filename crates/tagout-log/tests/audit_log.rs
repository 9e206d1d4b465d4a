//! What the log promises to whoever appends to it, reads it or erases from it.

mod support;

use serde_json::json;
use support::{at, counted_salts, empty_log, example_log, record, signer};
use tagout_log::storage::{AppendError, Batch, Head, Storage, StoredCheckpoint, TextPlace};
use tagout_log::verify::{Absent, Wrong};
use tagout_log::{AuditLog, Guard, Hash, LogError, MemoryStorage, Outgoing, Payload, SignerKey};

fn noted(second: i64, stream: &str) -> tagout_log::Record {
    record(second, stream, "noted", json!({"text": {"$text": "x"}}))
}

fn guard(stream: &str, expected: u64) -> Guard {
    Guard { stream: stream.into(), expected }
}

#[test]
fn entries_are_numbered_in_the_log_and_in_their_stream() {
    let mut log = empty_log();
    let appended = log.append(&[noted(0, "a"), noted(0, "b"), noted(1, "a")], &[], &[]).unwrap();
    let positions: Vec<_> = appended.iter().map(|a| (a.index, a.seq)).collect();
    assert_eq!(positions, [(0, 1), (1, 1), (2, 2)]);
    assert_eq!(log.append(&[noted(1, "a")], &[], &[]).unwrap()[0].seq, 3);
    assert_eq!(log.stream_version("a").unwrap(), 3);
    assert_eq!(log.stream_version("none").unwrap(), 0);
    let of_a: Vec<_> = log.stream("a", 1).unwrap().iter().map(|o| (o.index, o.entry.seq)).collect();
    assert_eq!(of_a, [(2, 2), (3, 3)]);
    assert_eq!(log.entries(1..99).unwrap().len(), 3);
    assert_eq!(log.entry(1).unwrap().entry.stream, "b");
}

#[test]
fn an_append_happens_whole_or_not_at_all() {
    let mut log = empty_log();
    log.append(&[noted(5, "a")], &[], &[]).unwrap();
    let root = log.root();
    let bad_data = record(6, "a", "noted", json!({"ratio": 0.5}));
    let refused = log.append(&[noted(6, "a"), bad_data], &[], &[]);
    assert!(matches!(refused, Err(LogError::Record { record: 1, .. })), "{refused:?}");
    let refused = log.append(&[noted(6, "a"), noted(4, "a")], &[], &[]);
    assert!(matches!(refused, Err(LogError::TimeRanBackwards { record: 1, .. })), "{refused:?}");
    let refused = log.append(&[noted(6, "b")], &[guard("b", 0), guard("a", 0)], &[]);
    assert!(matches!(refused, Err(LogError::Stale { found: 1, .. })), "{refused:?}");
    let beyond = Outgoing { record: 1, kind: "mail".into(), body: String::new() };
    assert!(matches!(log.append(&[noted(6, "a")], &[], &[beyond]), Err(LogError::Shape)));
    assert!(matches!(log.append(&[], &[], &[]), Err(LogError::Shape)));
    assert_eq!((log.size(), log.root()), (1, root));
    assert!(log.storage().outbox().is_empty());
}

#[test]
fn time_may_stand_still_and_never_runs_backwards() {
    let mut log = empty_log();
    log.append(&[noted(5, "a")], &[], &[]).unwrap();
    log.append(&[noted(5, "a")], &[], &[]).unwrap();
    let refused = log.append(&[noted(4, "a")], &[], &[]);
    assert!(matches!(refused, Err(LogError::TimeRanBackwards { last, .. }) if last == at(5)));
}

#[test]
fn work_for_later_is_kept_with_the_index_of_its_record() {
    let mut log = empty_log();
    log.append(&[noted(0, "a")], &[], &[]).unwrap();
    let work = Outgoing { record: 1, kind: "mail".into(), body: "{}".into() };
    log.append(&[noted(0, "a"), noted(0, "a")], &[], &[work]).unwrap();
    assert_eq!(log.storage().outbox()[0].index, 2);
}

#[test]
fn erasing_removes_text_and_salt_and_leaves_the_tree_as_it_was() {
    let log = example_log();
    let text = log.texts(0).unwrap()[0];
    let commitment = text.commitment;
    assert_eq!(log.storage().payload(&text).unwrap(), None);
    let gone = json!({"$erased": commitment.to_string()});
    assert_eq!(log.entry(0).unwrap().entry.data["summary"], gone);
    assert_eq!(log.entry(2).unwrap().entry.erases, [commitment]);
    let contents = log.verify_all().unwrap();
    assert_eq!((contents.entries, contents.streams, contents.texts), (3, 2, 1));
    assert_eq!(contents.absent, [Absent { index: 0, commitment, erased_by: Some(2) }]);
}

#[test]
fn what_is_not_there_cannot_be_erased_and_no_erasure_is_recorded() {
    let mut log = example_log();
    let gone = log.texts(0).unwrap()[0];
    let kept = log.texts(1).unwrap()[0];
    let refused = log.erase(&[kept, gone], record(9, "e", "text_erased", json!(1)), &[]);
    assert!(matches!(refused, Err(LogError::NoText(c)) if c == gone.commitment));
    assert_eq!(log.size(), 3);
    assert!(log.storage().payload(&kept).unwrap().is_some());
}

#[test]
fn a_text_lost_without_a_record_is_named_as_such() {
    let mut log = example_log();
    let text = log.texts(1).unwrap()[0];
    let commitment = text.commitment;
    log.storage_mut().lose_text(&text);
    let absent = log.verify_all().unwrap().absent;
    assert_eq!(absent[1], Absent { index: 1, commitment, erased_by: None });
}

#[test]
fn a_log_goes_on_where_it_was_left() {
    let mut log = example_log();
    support::example_checkpoint(&mut log);
    let (size, root, last) = (log.size(), log.root(), log.last_at());
    let mut log = AuditLog::open(log.into_storage(), counted_salts()).unwrap();
    assert_eq!((log.size(), log.root(), log.last_at()), (size, root, last));
    assert!(log.append(&[noted(9, "a")], &[guard("a", 0)], &[]).is_ok());
}

#[test]
fn a_log_that_someone_else_appended_to_is_read_anew() {
    let mut ours = empty_log();
    ours.append(&[noted(0, "a")], &[], &[]).unwrap();
    // The other one works on the same storage; here it hands it over.
    let mut theirs = AuditLog::open(ours.storage().clone(), counted_salts()).unwrap();
    theirs.append(&[noted(3, "b")], &[], &[]).unwrap();
    *ours.storage_mut() = theirs.into_storage();
    assert_eq!(ours.size(), 1);
    let early = ours.append(&[noted(2, "a")], &[], &[]);
    assert!(matches!(early, Err(LogError::TimeRanBackwards { last, .. }) if last == at(3)));
    let appended = ours.append(&[noted(4, "a")], &[guard("a", 1)], &[]).unwrap();
    assert_eq!((appended[0].index, appended[0].seq), (2, 2));
    ours.verify_all().unwrap();
}

#[test]
fn a_checkpoint_is_never_signed_over_less_or_over_something_else() {
    let mut log = empty_log();
    log.append(&[noted(0, "a")], &[], &[]).unwrap();
    let before = log.storage().clone();
    log.append(&[noted(1, "a")], &[], &[]).unwrap();
    log.checkpoint(&[&signer()], at(2)).unwrap();
    let signed = log.storage().checkpoint().unwrap().unwrap();
    assert_eq!(signed.at, at(2));
    log.checkpoint(&[&signer()], at(3)).unwrap();

    // Restored from before the checkpoint: refused when opened.
    let mut restored = before.clone();
    restored.put_checkpoint(&signed).unwrap();
    let refused = AuditLog::open(restored, counted_salts());
    assert!(matches!(refused, Err(LogError::Behind { size: 1, signed: 2 })), "{refused:?}");

    // Put back while it was open: refused when signing.
    let mut behind = AuditLog::open(before.clone(), counted_salts()).unwrap();
    behind.storage_mut().put_checkpoint(&signed).unwrap();
    let refused = behind.checkpoint(&[&signer()], at(3));
    assert!(matches!(refused, Err(LogError::Behind { size: 1, signed: 2 })), "{refused:?}");

    // Grown again with other entries: refused when signing.
    let mut forked = AuditLog::open(before, counted_salts()).unwrap();
    forked.append(&[noted(1, "b"), noted(1, "c")], &[], &[]).unwrap();
    forked.storage_mut().put_checkpoint(&signed).unwrap();
    let refused = forked.checkpoint(&[&signer()], at(3));
    assert!(matches!(refused, Err(LogError::Damaged { .. })), "{refused:?}");
    assert!(matches!(
        forked.verify_all(),
        Err(LogError::Damaged { index: 1, wrong: Wrong::Root { size: 2 } })
    ));
    assert_eq!(forked.storage().checkpoint().unwrap(), Some(signed));
}

#[test]
fn a_log_signs_under_one_name_and_with_as_many_keys_as_it_is_given() {
    let mut log = example_log();
    let (old, new) = (signer(), SignerKey::from_seed(support::ORIGIN, &[2; 32]).unwrap());
    let checkpoint = log.checkpoint(&[&old, &new], at(3)).unwrap();
    for key in [&old, &new] {
        assert!(checkpoint.verify(std::slice::from_ref(key.verifier())).is_ok());
    }
    let other = SignerKey::from_seed("example.org/other", &[1; 32]).unwrap();
    let refused = log.checkpoint(&[&other], at(4));
    assert!(matches!(refused, Err(LogError::OtherOrigin { .. })), "{refused:?}");
    assert!(log.checkpoint(&[], at(4)).is_err());
}

#[test]
fn what_was_read_ahead_of_a_signature_is_signed_and_nothing_else() {
    let mut log = empty_log();
    for second in 0..10 {
        log.append(&[noted(second, "a")], &[], &[]).unwrap();
    }
    assert_eq!(log.read_ahead(4).unwrap(), 6);
    log.append(&[noted(10, "a")], &[], &[]).unwrap();
    assert_eq!(log.read_ahead(4).unwrap(), 3);
    let signed = log.checkpoint(&[&signer()], at(11)).unwrap();
    assert_eq!((signed.checkpoint().size, signed.checkpoint().root), (11, log.root()));
    assert_eq!(log.read_ahead(4).unwrap(), 0);
    log.verify_all().unwrap();

    // What was read of a log that then became another one is not believed.
    log.append(&[noted(12, "a"), noted(13, "a")], &[], &[]).unwrap();
    assert_eq!(log.read_ahead(1).unwrap(), 1);
    let mut other = empty_log();
    other.append(&[noted(0, "b"), noted(1, "b"), noted(2, "b")], &[], &[]).unwrap();
    *log.storage_mut() = other.into_storage();
    let signed = log.checkpoint(&[&signer()], at(14)).unwrap();
    assert_eq!(signed.checkpoint().size, 3);
    log.verify_all().unwrap();
}

#[test]
fn a_log_knows_whether_it_extends_a_checkpoint_that_someone_kept() {
    let mut log = empty_log();
    log.append(&[noted(0, "a")], &[], &[]).unwrap();
    let older = log.checkpoint(&[&signer()], at(0)).unwrap().checkpoint().clone();
    log.append(&[noted(0, "a"), noted(0, "a")], &[], &[]).unwrap();
    let newer = log.checkpoint(&[&signer()], at(0)).unwrap().checkpoint().clone();
    assert!(log.extends(&older).is_ok());
    log.consistency_proof(1, 3).unwrap().verify(&older.root, &newer.root).unwrap();

    let mut other = empty_log();
    other.append(&[noted(0, "b")], &[], &[]).unwrap();
    assert!(matches!(other.extends(&older), Err(LogError::Damaged { .. })));
    assert!(matches!(other.extends(&newer), Err(LogError::Behind { size: 1, signed: 3 })));
}

#[test]
fn no_proof_is_given_against_the_checkpoint_of_another_log() {
    let mut other = empty_log();
    other.append(&[noted(0, "a"), noted(0, "a")], &[], &[]).unwrap();
    let of_other = other.checkpoint(&[&signer()], at(0)).unwrap();
    let refused = example_log().prove(1, &of_other);
    assert!(matches!(refused, Err(LogError::Damaged { wrong: Wrong::Proof(_), .. })));
}

#[test]
fn proofs_beyond_the_log_are_refused() {
    let mut log = example_log();
    let checkpoint = support::example_checkpoint(&mut log);
    assert!(matches!(log.inclusion_proof(3, 3), Err(LogError::NoEntry { .. })));
    assert!(matches!(log.inclusion_proof(0, 4), Err(LogError::NoEntry { .. })));
    assert!(matches!(log.consistency_proof(3, 2), Err(LogError::NoEntry { .. })));
    assert!(matches!(log.prove(3, &checkpoint), Err(LogError::NoEntry { .. })));
    assert!(matches!(log.entry(3), Err(LogError::NoEntry { index: 3, size: 3 })));
}

/// A storage that shows something else than what was put in.
struct Tampered {
    inner: MemoryStorage,
    how: &'static str,
}

impl Tampered {
    fn is(&self, how: &str) -> bool {
        self.how == how
    }
}

type Answer<T> = Result<T, std::convert::Infallible>;

impl Storage for Tampered {
    type Error = std::convert::Infallible;

    fn head(&self) -> Answer<Head> {
        let mut head = self.inner.head()?;
        if self.is("head of another tree") {
            head.frontier = tagout_log::Frontier::of(&[[0; 32]; 3]);
        }
        if self.is("head of another time") {
            head.last_at = Some(at(77));
        }
        Ok(head)
    }
    fn stream_version(&self, stream: &str) -> Answer<u64> {
        Ok(self.inner.stream_version(stream)? + u64::from(self.is("stream version")))
    }
    fn append(&mut self, batch: &Batch<'_>) -> Result<(), AppendError<Self::Error>> {
        if self.is("always a step ahead") {
            return Err(AppendError::HeadMoved);
        }
        self.inner.append(batch)
    }
    fn leaf(&self, index: u64) -> Answer<Option<Vec<u8>>> {
        let index = if self.is("an entry too many") { index.min(2) } else { index };
        self.inner.leaf(if self.is("the last entry exchanged") { index.min(1) } else { index })
    }
    fn leaves(&self, range: std::ops::Range<u64>) -> Answer<Vec<Vec<u8>>> {
        let mut leaves = self.inner.leaves(range)?;
        if self.is("a changed leaf") {
            leaves[1] =
                String::from_utf8(leaves[1].clone()).unwrap().replace("approve", "reject ").into();
        }
        if self.is("two leaves swapped") {
            leaves.swap(0, 1);
        }
        Ok(leaves)
    }
    fn leaf_hashes(&self, range: std::ops::Range<u64>) -> Answer<Vec<Hash>> {
        let mut hashes = self.inner.leaf_hashes(range)?;
        if self.is("two leaves swapped") {
            hashes.swap(0, 1);
        }
        Ok(hashes)
    }
    fn streams(&self, prefix: &str, after: &str, limit: usize) -> Answer<Vec<String>> {
        self.inner.streams(prefix, after, limit)
    }
    fn stream(&self, stream: &str, after: u64) -> Answer<Vec<u64>> {
        self.inner.stream(stream, after + u64::from(self.is("a stream without its first entry")))
    }
    fn payload(&self, place: &TextPlace) -> Answer<Option<Payload>> {
        let payload = self.inner.payload(place)?;
        Ok(match (payload, self.how) {
            (Some(payload), "a changed text") => Some(Payload { text: "y".into(), ..payload }),
            (None, "an erased text") => {
                let (text, salt) = ("disk of Ana full".into(), [1; 32]);
                Some(Payload { commitment: place.commitment, salt, text })
            }
            (payload, _) => payload,
        })
    }
    fn checkpoint(&self) -> Answer<Option<StoredCheckpoint>> {
        self.inner.checkpoint()
    }
    fn put_checkpoint(&mut self, checkpoint: &StoredCheckpoint) -> Answer<()> {
        self.inner.put_checkpoint(checkpoint)
    }
}

#[test]
fn whatever_was_changed_in_the_storage_is_found_and_named() {
    let found = |how| {
        let tampered = Tampered { inner: example_log().into_storage(), how };
        AuditLog::open(tampered, counted_salts()).and_then(|log| log.verify_all())
    };
    assert!(found("nothing").is_ok());
    for (how, index) in [
        ("head of another tree", 3),
        ("head of another time", 2),
        ("stream version", 3),
        ("a stream without its first entry", 3),
        ("an entry too many", 2),
        ("the last entry exchanged", 2),
        ("a changed leaf", 1),
        ("two leaves swapped", 0),
        ("a changed text", 1),
        ("an erased text", 2),
    ] {
        match found(how) {
            Err(LogError::Damaged { index: at, .. }) => assert_eq!(at, index, "{how}"),
            other => panic!("{how}: {other:?}"),
        }
    }
}

#[test]
fn an_append_that_others_keep_overtaking_gives_up_and_says_so() {
    let ahead = Tampered { inner: example_log().into_storage(), how: "always a step ahead" };
    let mut log = AuditLog::open(ahead, counted_salts()).unwrap();
    assert!(matches!(log.append(&[noted(9, "a")], &[], &[]), Err(LogError::Busy)));
}
