//! The behaviour that every storage must have, as checks for its own test suite.
//!
//! A storage passes if [`run`] returns. Each check starts from an empty storage:
//!
//! ```
//! tagout_log::storage_conformance::run(tagout_log::MemoryStorage::new);
//! ```
//!
//! For a storage that outlives its value, [`survives_reopening`] checks that everything does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::json;
use tagout_core::time::Time;

use crate::audit_log::{AuditLog, LogError, Outgoing, Record};
use crate::key::SignerKey;
use crate::storage::{
    Advance, AppendError, Batch, Guard, Head, OutboxRow, Row, Storage, StoredCheckpoint, TextPlace,
};
use crate::tree::{Frontier, leaf_hash};
use crate::{Commitment, Payload};

/// Runs every check, each over a storage of its own.
///
/// # Panics
/// If a check fails; the message says which and how.
pub fn run<S: Storage>(empty: impl Fn() -> S) {
    begins_empty(empty());
    keeps_what_was_appended(empty());
    refuses_a_batch_for_another_head(empty());
    refuses_a_batch_whose_guard_does_not_hold(empty());
    guards_streams_that_the_batch_does_not_write(empty());
    answers_ranges_in_order_and_within_bounds(empty());
    numbers_streams_apart(empty());
    erases_text_and_salt_with_the_leaf_that_says_so(empty());
    removes_archived_texts_and_erases_nothing(empty());
    keeps_the_last_checkpoint(empty());
    keeps_any_name_and_text(empty());
    carries_a_log(empty());
    gives_the_place_of_order_back(empty());
    lists_streams_by_prefix_in_order(empty());
}

/// Checks that two values over one storage take turns: what the second appends while the
/// first holds the place of order waits, or is refused, and never comes in between.
/// `open` opens the same storage each time, which is empty the first time.
///
/// # Panics
/// If something came in between.
pub fn takes_turns<S: Storage + Send>(open: impl Fn() -> S + Sync) {
    let mut first = AuditLog::open(open(), counting_salts()).unwrap();
    first.append(&[record(1, "a", "one")], &[], &[]).unwrap();
    first.hold().unwrap();
    let size = first.size();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            let mut second = AuditLog::open(open(), counting_salts()).unwrap();
            second.append(&[record(3, "b", "second")], &[], &[]).map(drop)
        });
        std::thread::sleep(std::time::Duration::from_millis(200));
        first.append_after(size, &[record(2, "a", "first")], &[]).unwrap();
        second.join().unwrap().unwrap();
    });
    first.refresh().unwrap();
    let streams: Vec<_> =
        first.entries(0..3).unwrap().into_iter().map(|e| e.entry.stream).collect();
    assert_eq!(streams, ["a", "a", "b"], "an append came in between");
}

/// Checks that everything is still there when a storage is dropped and opened again.
/// `open` opens the same storage each time, which is empty the first time.
///
/// # Panics
/// If something is missing or different.
pub fn survives_reopening<S: Storage>(open: impl Fn() -> S) {
    let mut log = AuditLog::open(open(), counting_salts()).unwrap();
    log.append(&[record(1, "a", "one"), record(2, "b", "two")], &[], &[]).unwrap();
    log.checkpoint(&[&signer()], time(3)).unwrap();
    let gone = log.texts(0).unwrap();
    log.erase(&gone, record(4, "a", "erased"), &[]).unwrap();
    let (head, kept) = (log.storage().head().unwrap(), log.entries(0..3).unwrap());
    let checkpoint = log.storage().checkpoint().unwrap();
    drop(log);
    let log = AuditLog::open(open(), counting_salts()).unwrap();
    assert_eq!(log.storage().head().unwrap(), head, "the head changed");
    assert_eq!(log.entries(0..3).unwrap(), kept, "the entries changed");
    assert_eq!(log.storage().checkpoint().unwrap(), checkpoint, "the checkpoint changed");
    assert_eq!(log.storage().payload(&gone[0]).unwrap(), None, "an erased text came back");
    assert_eq!(log.verify_all().unwrap().erased(), 1);
}

fn time(ms: i64) -> Time {
    Time::from_millis(1_793_520_000_000 + ms)
}

fn signer() -> SignerKey {
    SignerKey::from_seed("example.org/log", &[7; 32]).unwrap()
}

fn counting_salts() -> impl FnMut() -> [u8; 32] + Send + 'static {
    let mut n = 0u64;
    move || {
        n += 1;
        let mut salt = [0; 32];
        salt[..8].copy_from_slice(&n.to_be_bytes());
        salt
    }
}

fn record(ms: i64, stream: &str, text: &str) -> Record {
    let (stream, kind) = (stream.to_owned(), "noted".to_owned());
    Record { at: time(ms), stream, kind, version: 1, data: json!({"note": {"$text": text}}) }
}

fn lists_streams_by_prefix_in_order<S: Storage>(storage: S) {
    let mut log = AuditLog::open(storage, counting_salts()).unwrap();
    for (n, stream) in (0..).zip(["b/2", "a/1", "b/1", "b/2", "b0", "b/10", "B/1"]) {
        log.append(&[record(n, stream, "x")], &[], &[]).unwrap();
    }
    let streams = |after: &str, limit| log.storage().streams("b/", after, limit).unwrap();
    assert_eq!(streams("", 10), ["b/1", "b/10", "b/2"], "the streams are wrong");
    assert_eq!(streams("b/1", 1), ["b/10"], "the page is wrong");
    assert_eq!(streams("b/2", 10), Vec::<String>::new(), "nothing comes after the last");
}

fn gives_the_place_of_order_back<S: Storage>(storage: S) {
    let mut log = AuditLog::open(storage, counting_salts()).unwrap();
    log.hold().unwrap();
    log.release().unwrap();
    log.hold().unwrap();
    log.append(&[record(1, "a", "one")], &[], &[]).unwrap();
    log.hold().unwrap();
    let late = log.append_after(0, &[record(2, "a", "two")], &[]);
    assert!(matches!(late, Err(LogError::HeadMoved { .. })), "a stale append was taken");
    log.release().unwrap();
    log.append(&[record(2, "a", "two")], &[], &[]).unwrap();
    assert_eq!(log.size(), 2, "a refused append was kept");
}

/// A row whose leaf is any bytes: a storage does not look into leaves.
fn row(index: u64, stream: &str, seq: u64) -> Row {
    let leaf = format!("leaf {index}").into_bytes();
    let text = format!("text {index}");
    let salt = [index as u8; 32];
    let payload = Payload { commitment: Commitment::to(&text, &salt), salt, text };
    let leaf_hash = leaf_hash(&leaf);
    Row { index, stream: stream.to_owned(), seq, leaf, leaf_hash, payloads: vec![payload] }
}

/// Where a text of such a row is.
fn place(index: u64, payload: &Payload) -> TextPlace {
    TextPlace { index, commitment: payload.commitment }
}

/// Where the text of such a row is.
fn text(index: u64) -> TextPlace {
    place(index, &row(index, "a", 1).payloads[0])
}

/// Appends rows as [`AuditLog`] would, under these guards.
fn append<S: Storage>(
    storage: &mut S,
    first_index: u64,
    rows: &[Row],
    guards: &[(&str, u64)],
    outbox: &[OutboxRow],
    erase: &[TextPlace],
) -> Result<(), AppendError<S::Error>> {
    let mut frontier = storage.head().unwrap().frontier;
    let mut advances: Vec<Advance> = Vec::new();
    for row in rows {
        frontier.append(row.leaf_hash);
        advances.retain(|advance| advance.stream != row.stream);
        advances.push(Advance { stream: row.stream.clone(), version: row.seq });
    }
    let guard = |(stream, expected): &(&str, u64)| Guard {
        stream: (*stream).to_owned(),
        expected: *expected,
    };
    storage.append(&Batch {
        guards: &guards.iter().map(guard).collect::<Vec<_>>(),
        advances: &advances,
        first_index,
        rows,
        frontier: &frontier,
        last_at: time(i64::try_from(first_index).unwrap() + 1),
        outbox,
        erase,
        archive: &[],
    })
}

/// All that a storage shows, to see that nothing changed.
fn all<S: Storage>(storage: &S) -> impl PartialEq + std::fmt::Debug + use<S> {
    let head = storage.head().unwrap();
    (
        storage.leaves(0..100).unwrap(),
        storage.leaf_hashes(0..100).unwrap(),
        ["a", "b", "c"]
            .map(|s| (storage.stream_version(s).unwrap(), storage.stream(s, 0).unwrap())),
        (0..9).map(|i| storage.payload(&text(i)).unwrap()).collect::<Vec<_>>(),
        head,
    )
}

fn begins_empty<S: Storage>(storage: S) {
    assert_eq!(storage.head().unwrap(), Head::default());
    assert_eq!(storage.leaf(0).unwrap(), None);
    assert!(storage.leaves(0..10).unwrap().is_empty());
    assert!(storage.leaf_hashes(0..10).unwrap().is_empty());
    assert_eq!(storage.stream_version("a").unwrap(), 0);
    assert!(storage.stream("a", 0).unwrap().is_empty());
    assert_eq!(storage.payload(&text(0)).unwrap(), None);
    assert_eq!(storage.checkpoint().unwrap(), None);
}

fn keeps_what_was_appended<S: Storage>(mut storage: S) {
    let rows = [row(0, "a", 1), row(1, "b", 1), row(2, "a", 2)];
    let work = OutboxRow { index: 1, kind: "mail".into(), body: "{}".into() };
    append(&mut storage, 0, &rows, &[("a", 0)], &[work], &[]).unwrap();
    let head = storage.head().unwrap();
    assert_eq!(head.frontier, Frontier::of(&rows.clone().map(|row| row.leaf_hash)));
    assert_eq!(head.last_at, Some(time(1)));
    for row in &rows {
        assert_eq!(storage.leaf(row.index).unwrap().as_ref(), Some(&row.leaf));
        let payload = &row.payloads[0];
        assert_eq!(storage.payload(&text(row.index)).unwrap().as_ref(), Some(payload));
    }
    assert_eq!(storage.leaf(3).unwrap(), None);
    assert_eq!(storage.stream_version("a").unwrap(), 2);
    assert_eq!(storage.stream_version("b").unwrap(), 1);
}

fn refuses_a_batch_for_another_head<S: Storage>(mut storage: S) {
    append(&mut storage, 0, &[row(0, "a", 1)], &[], &[], &[]).unwrap();
    let before = all(&storage);
    for first_index in [0, 2] {
        // The guard does not hold either: the head comes first, so that a caller whose view is
        // old reads again before it is told that it lost a race.
        let rows = [row(first_index, "b", 1)];
        let refused = append(&mut storage, first_index, &rows, &[("a", 9)], &[], &[]);
        assert!(matches!(refused, Err(AppendError::HeadMoved)), "{refused:?}");
        assert_eq!(all(&storage), before, "a refused batch left something behind");
    }
}

fn refuses_a_batch_whose_guard_does_not_hold<S: Storage>(mut storage: S) {
    append(&mut storage, 0, &[row(0, "a", 1)], &[], &[], &[]).unwrap();
    let before = all(&storage);
    let erase = text(0);
    let work = OutboxRow { index: 1, kind: "mail".into(), body: "{}".into() };
    for expected in [0, 2] {
        let rows = [row(1, "a", 2)];
        let guards = [("c", 0), ("a", expected)];
        let refused =
            append(&mut storage, 1, &rows, &guards, std::slice::from_ref(&work), &[erase]);
        match refused {
            Err(AppendError::Stale { stream, expected: e, found }) => {
                assert_eq!((stream.as_str(), e, found), ("a", expected, 1));
            }
            other => panic!("a stale guard was answered with {other:?}"),
        }
        assert_eq!(all(&storage), before, "a refused batch left something behind");
    }
}

fn guards_streams_that_the_batch_does_not_write<S: Storage>(mut storage: S) {
    append(&mut storage, 0, &[row(0, "a", 1)], &[("b", 0)], &[], &[]).unwrap();
    append(&mut storage, 1, &[row(1, "b", 1)], &[("a", 1), ("c", 0)], &[], &[]).unwrap();
    let refused = append(&mut storage, 2, &[row(2, "b", 2)], &[("c", 1)], &[], &[]);
    assert!(matches!(refused, Err(AppendError::Stale { .. })), "{refused:?}");
    assert_eq!(storage.stream_version("c").unwrap(), 0, "a guard made a stream");
}

fn answers_ranges_in_order_and_within_bounds<S: Storage>(mut storage: S) {
    let rows: Vec<Row> = (0..20).map(|i| row(i, "a", i + 1)).collect();
    append(&mut storage, 0, &rows, &[], &[], &[]).unwrap();
    for (from, to) in [(0, 20), (0, 0), (3, 7), (19, 20), (15, 99), (20, 30), (50, 60)] {
        let wanted = rows.iter().filter(|row| (from..to).contains(&row.index));
        let leaves: Vec<_> = wanted.clone().map(|row| row.leaf.clone()).collect();
        let hashes: Vec<_> = wanted.map(|row| row.leaf_hash).collect();
        assert_eq!(storage.leaves(from..to).unwrap(), leaves, "{from}..{to}");
        assert_eq!(storage.leaf_hashes(from..to).unwrap(), hashes, "{from}..{to}");
    }
    for after in [0, 1, 19, 20, 25] {
        let wanted: Vec<u64> = (after..20).collect();
        assert_eq!(storage.stream("a", after).unwrap(), wanted, "after {after}");
    }
}

fn numbers_streams_apart<S: Storage>(mut storage: S) {
    // Names that a careless query or key would take for one another.
    let names = ["a", "A", "a/1", "a%", "a_", "ä", "a'", "b"];
    for (index, name) in (0..).zip(names) {
        assert_eq!(storage.stream_version(name).unwrap(), 0, "{name}");
        append(&mut storage, index, &[row(index, name, 1)], &[(name, 0)], &[], &[]).unwrap();
    }
    for (index, name) in (0..).zip(names) {
        assert_eq!(storage.stream_version(name).unwrap(), 1, "{name}");
        assert_eq!(storage.stream(name, 0).unwrap(), [index], "{name}");
    }
}

fn erases_text_and_salt_with_the_leaf_that_says_so<S: Storage>(mut storage: S) {
    append(&mut storage, 0, &[row(0, "a", 1), row(1, "a", 2)], &[], &[], &[]).unwrap();
    let [gone, kept] = [0, 1].map(text);
    append(&mut storage, 2, &[row(2, "a", 3)], &[], &[], &[gone]).unwrap();
    assert_eq!(storage.payload(&gone).unwrap(), None);
    assert!(storage.payload(&kept).unwrap().is_some());
    assert_eq!(storage.leaf(0).unwrap(), Some(row(0, "a", 1).leaf), "the leaf must stay");
}

fn removes_archived_texts_and_erases_nothing<S: Storage>(storage: S) {
    let mut log = AuditLog::open(storage, counting_salts()).unwrap();
    log.append(&[record(0, "a", "one"), record(0, "a", "two"), record(0, "b", "x")], &[], &[])
        .unwrap();
    let [gone, kept] = [1, 0].map(|n| log.texts(n).unwrap());
    let before = (log.leaf(1).unwrap(), log.storage().head().unwrap());
    let archived =
        || Record { kind: "log.archived".into(), data: json!({}), ..record(1, "log", "") };
    let stale = Guard { stream: "a".into(), expected: 1 };
    let refused = log.archive(&gone, archived(), &[stale]);
    assert!(matches!(refused, Err(LogError::Stale { .. })), "{refused:?}");
    assert!(log.storage().payload(&gone[0]).unwrap().is_some(), "a refused batch removed a text");
    assert_eq!(log.storage().head().unwrap(), before.1);
    let now = Guard { stream: "a".into(), expected: 2 };
    log.archive(&gone, archived(), &[now]).unwrap();
    assert_eq!(log.storage().payload(&gone[0]).unwrap(), None, "an archived text is still here");
    assert!(log.storage().payload(&kept[0]).unwrap().is_some());
    assert_eq!(log.leaf(1).unwrap(), before.0, "the leaf must stay");
    let again = log.archive(&gone, archived(), &[]);
    assert!(matches!(again, Err(LogError::NoText(_))), "{again:?}");
    let contents = log.verify_all().unwrap();
    assert_eq!((contents.entries, contents.absent.len(), contents.erased()), (4, 1, 0));
}

fn keeps_the_last_checkpoint<S: Storage>(mut storage: S) {
    for size in 1..=2u8 {
        let hashes: Vec<_> = (0..size).map(|i| leaf_hash(&[i])).collect();
        let (at, frontier) = (time(i64::from(size)), Frontier::of(&hashes));
        let checkpoint = StoredCheckpoint { at, note: format!("note {size}\n"), frontier };
        storage.put_checkpoint(&checkpoint).unwrap();
        assert_eq!(storage.checkpoint().unwrap(), Some(checkpoint));
    }
}

fn keeps_any_name_and_text<S: Storage>(mut storage: S) {
    let mut any = row(0, "inc/\u{1f600} \u{fb33}", 1);
    any.leaf = (0..=255).collect();
    any.leaf_hash = leaf_hash(&any.leaf);
    any.payloads = ["", "\0", "\u{10ffff}\r\n'\"\\", &"x".repeat(100_000)]
        .map(|text| Payload {
            commitment: Commitment::to(text, &[255; 32]),
            salt: [255; 32],
            text: text.to_owned(),
        })
        .to_vec();
    append(&mut storage, 0, std::slice::from_ref(&any), &[], &[], &[]).unwrap();
    assert_eq!(storage.leaf(0).unwrap().as_ref(), Some(&any.leaf));
    assert_eq!(storage.stream(&any.stream, 0).unwrap(), [0]);
    for payload in &any.payloads {
        assert_eq!(storage.payload(&place(0, payload)).unwrap().as_ref(), Some(payload));
    }
}

fn carries_a_log<S: Storage>(storage: S) {
    let mut log = AuditLog::open(storage, counting_salts()).unwrap();
    let guard = |expected| Guard { stream: "a".into(), expected };
    let work = Outgoing { record: 0, kind: "mail".into(), body: "{}".into() };
    for n in 0..40 {
        log.append(&[record(n, "a", "x"), record(n, "b", "y")], &[], std::slice::from_ref(&work))
            .unwrap();
    }
    let stale = log.append(&[record(50, "a", "z")], &[guard(39)], &[]);
    assert!(matches!(stale, Err(LogError::Stale { found: 40, .. })), "{stale:?}");
    log.append(&[record(50, "a", "z")], &[guard(40)], &[]).unwrap();
    let gone = log.texts(7).unwrap();
    log.erase(&gone, record(51, "a", "on request"), &[]).unwrap();
    let checkpoint = log.checkpoint(&[&signer()], time(52)).unwrap();
    assert_eq!(log.verify_all().unwrap().erased(), 1);
    let export = log.export(Vec::new(), &checkpoint).unwrap();
    let keys = [signer().verifier().clone()];
    let report = crate::verify::verify_export(export.as_slice(), &keys, &[]).unwrap();
    assert_eq!((report.contents.entries, report.contents.erased()), (82, 1));
    log.prove(81, &checkpoint).unwrap().verify(&keys).unwrap();
    log.inclusion_proof(3, 82).unwrap();
    log.consistency_proof(5, 82).unwrap();
}
