//! What must hold of the outbox of every store.

use serde_json::json;
use tagout::store::{Outbox, Outcome, Work};
use tagout_core::time::Time;
use tagout_log::storage::Storage;
use tagout_log::{AuditLog, Outgoing, Record};

fn at(ms: i64) -> Time {
    Time::from_millis(ms)
}

/// A log with work of these kinds, left behind by one entry each.
fn filled<S: Storage>(store: S, kinds: &[&str]) -> AuditLog<S> {
    let mut log = AuditLog::open(store, || [7; 32]).unwrap();
    for kind in kinds {
        let record = Record {
            at: at(1),
            stream: "shared".into(),
            kind: "noted".into(),
            version: 1,
            data: json!({}),
        };
        let body = format!("the body of {kind}\0");
        let work = Outgoing { record: 0, kind: (*kind).into(), body };
        log.append(&[record], &[], &[work]).unwrap();
    }
    log
}

fn kinds(work: &[Work]) -> Vec<&str> {
    work.iter().map(|one| one.kind.as_str()).collect()
}

/// Tries everything that an outbox must do on stores that are empty.
pub(crate) fn run<S: Storage + Outbox>(mut store: impl FnMut() -> S) {
    work_waits_in_the_order_in_which_it_was_left(store());
    an_attempt_that_failed_is_remembered(store());
    work_that_is_over_waits_no_more(store());
    work_is_handed_on_whole_and_once(store());
    only_what_was_over_long_ago_is_removed(store());
}

fn work_waits_in_the_order_in_which_it_was_left<S: Storage + Outbox>(store: S) {
    let log = filled(store, &["a", "b", "a", "a"]);
    let store = log.storage();
    let waiting = store.waiting("a", 2).unwrap();
    assert_eq!(waiting.iter().map(|work| work.index).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(waiting[0], Work::new(waiting[0].id, 0, "a", "the body of a\0"));
    assert_eq!(kinds(&store.waiting("c", 9).unwrap()), [""; 0]);
    let latest = store.latest(i64::MAX, false, 3).unwrap();
    assert_eq!(kinds(&latest), ["a", "a", "b"]);
    let rest = store.latest(latest[2].id, false, 3).unwrap();
    assert_eq!(rest, waiting[..1]);
}

fn an_attempt_that_failed_is_remembered<S: Storage + Outbox>(store: S) {
    let mut log = filled(store, &["a", "a"]);
    let id = log.storage().waiting("a", 1).unwrap()[0].id;
    log.storage_mut().put_off(id, at(5_000), 3, "no route\0 to it").unwrap();
    let waiting = log.storage().waiting("a", 9).unwrap();
    let tried = Work {
        due: at(5_000),
        attempts: 3,
        last_error: Some("no route\0 to it".into()),
        ..Work::new(id, 0, "a", "the body of a\0")
    };
    assert_eq!(waiting[0], tried);
    assert_eq!(waiting[1].attempts, 0);
}

fn work_that_is_over_waits_no_more<S: Storage + Outbox>(store: S) {
    let mut log = filled(store, &["a", "a"]);
    let id = log.storage().waiting("a", 1).unwrap()[0].id;
    let store = log.storage_mut();
    store.settle(id, (at(9), Outcome::GivenUp), 4, Some("gone")).unwrap();
    // Too late: it is over.
    store.settle(id, (at(10), Outcome::Done), 5, None).unwrap();
    store.put_off(id, at(11), 6, "again").unwrap();
    assert_eq!(store.waiting("a", 9).unwrap().len(), 1);
    assert_eq!(store.latest(i64::MAX, false, 9).unwrap().len(), 1);
    let all = store.latest(i64::MAX, true, 9).unwrap();
    assert_eq!(all[1].settled, Some((at(9), Outcome::GivenUp)));
    assert_eq!((all[1].attempts, all[1].last_error.as_deref()), (4, Some("gone")));
}

fn work_is_handed_on_whole_and_once<S: Storage + Outbox>(store: S) {
    let mut log = filled(store, &["a", "a", "b"]);
    let waiting = log.storage().waiting("a", 9).unwrap();
    let store = log.storage_mut();
    let to = ["a:x".to_owned(), "a:y".to_owned()];
    store.hand_on(waiting[0].id, &to).unwrap();
    store.hand_on(waiting[0].id, &to).unwrap();
    // For nobody.
    store.hand_on(waiting[1].id, &[]).unwrap();
    assert_eq!(kinds(&store.latest(i64::MAX, true, 9).unwrap()), ["a:y", "a:x", "b"]);
    let x = store.waiting("a:x", 9).unwrap();
    assert_eq!(x, [Work::new(x[0].id, 0, "a:x", "the body of a\0")]);
}

fn only_what_was_over_long_ago_is_removed<S: Storage + Outbox>(store: S) {
    let mut log = filled(store, &["a", "b", "c", "d"]);
    let all = log.storage().latest(i64::MAX, true, 9).unwrap();
    let store = log.storage_mut();
    for (work, over) in all.iter().zip([10, 20, 30]) {
        store.settle(work.id, (at(over), Outcome::Done), 1, None).unwrap();
    }
    assert_eq!(store.prune(at(30), 1).unwrap(), 1);
    assert_eq!(store.prune(at(30), 9).unwrap(), 1);
    assert_eq!(store.prune(at(30), 9).unwrap(), 0);
    assert_eq!(kinds(&store.latest(i64::MAX, true, 9).unwrap()), ["b", "a"]);
}
