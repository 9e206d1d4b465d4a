//! What must hold of the outbox of every store.

use serde_json::json;
use tagout::store::{Change, Outbox, Outcome, Work};
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

fn settle(id: i64, over: (Time, Outcome), attempts: u32, why: Option<&str>) -> Change {
    Change::Settle { id, over, attempts, why: why.map(str::to_owned) }
}

fn put_off(id: i64, due: Time, attempts: u32, why: &str) -> Change {
    Change::PutOff { id, due, attempts, why: why.to_owned() }
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
    let waiting = store.waiting("a", 0, 2).unwrap();
    assert_eq!(waiting.iter().map(|work| work.index).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(waiting[0], Work::new(waiting[0].id, 0, "a", "the body of a\0"));
    let after = store.waiting("a", waiting[0].id, 1).unwrap();
    assert_eq!(after, waiting[1..]);
    assert_eq!(kinds(&store.waiting("c", 0, 9).unwrap()), [""; 0]);
    assert_eq!(store.kinds().unwrap(), ["a", "b"]);
    let latest = store.latest(i64::MAX, false, 3).unwrap();
    assert_eq!(kinds(&latest), ["a", "a", "b"]);
    let rest = store.latest(latest[2].id, false, 3).unwrap();
    assert_eq!(rest, waiting[..1]);
}

fn an_attempt_that_failed_is_remembered<S: Storage + Outbox>(store: S) {
    let mut log = filled(store, &["a", "a"]);
    let id = log.storage().waiting("a", 0, 1).unwrap()[0].id;
    log.storage_mut().note(&[put_off(id, at(5_000), 3, "no route\0 to it")]).unwrap();
    let waiting = log.storage().waiting("a", 0, 9).unwrap();
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
    let id = log.storage().waiting("a", 0, 1).unwrap()[0].id;
    let store = log.storage_mut();
    store.note(&[settle(id, (at(9), Outcome::GivenUp), 4, Some("gone"))]).unwrap();
    // Too late: it is over.
    let late = [settle(id, (at(10), Outcome::Done), 5, None), put_off(id, at(11), 6, "again")];
    store.note(&late).unwrap();
    assert_eq!(store.waiting("a", 0, 9).unwrap().len(), 1);
    assert_eq!(store.kinds().unwrap(), ["a"]);
    assert_eq!(store.latest(i64::MAX, false, 9).unwrap().len(), 1);
    let all = store.latest(i64::MAX, true, 9).unwrap();
    assert_eq!(all[1].settled, Some((at(9), Outcome::GivenUp)));
    assert_eq!((all[1].attempts, all[1].last_error.as_deref()), (4, Some("gone")));
}

fn work_is_handed_on_whole_and_once<S: Storage + Outbox>(store: S) {
    let mut log = filled(store, &["a", "a", "b"]);
    let waiting = log.storage().waiting("a", 0, 9).unwrap();
    let store = log.storage_mut();
    let to = ["a:x".to_owned(), "a:y".to_owned()];
    let hand_on = |n: usize, kinds: &[String]| {
        let kinds = kinds.to_vec();
        Change::HandOn { id: waiting[n].id, kinds }
    };
    // The second one for nobody.
    let once = [hand_on(0, &to), hand_on(1, &[])];
    store.note(&once).unwrap();
    store.note(&once).unwrap();
    store.note(&[]).unwrap();
    assert_eq!(kinds(&store.latest(i64::MAX, true, 9).unwrap()), ["a:y", "a:x", "b"]);
    let x = store.waiting("a:x", 0, 9).unwrap();
    assert_eq!(x, [Work::new(x[0].id, 0, "a:x", "the body of a\0")]);
}

fn only_what_was_over_long_ago_is_removed<S: Storage + Outbox>(store: S) {
    let mut log = filled(store, &["a", "b", "c", "d"]);
    let all = log.storage().latest(i64::MAX, true, 9).unwrap();
    let store = log.storage_mut();
    let over = |(work, over): (&Work, i64)| settle(work.id, (at(over), Outcome::Done), 1, None);
    store.note(&all.iter().zip([10, 20, 30]).map(over).collect::<Vec<_>>()).unwrap();
    assert_eq!(store.kinds().unwrap(), ["a"]);
    assert_eq!(store.prune(at(30), 1).unwrap(), 1);
    assert_eq!(store.prune(at(30), 9).unwrap(), 1);
    assert_eq!(store.prune(at(30), 9).unwrap(), 0);
    assert_eq!(kinds(&store.latest(i64::MAX, true, 9).unwrap()), ["b", "a"]);
}

/// Tries that changes are noted whole or not at all, with one that the store cannot note.
#[allow(dead_code, reason = "not every store has such a change")]
pub(crate) fn notes_all_or_nothing<S: Storage + Outbox>(store: S, never: impl Fn(i64) -> Change) {
    let mut log = filled(store, &["a", "b"]);
    let before = log.storage().latest(i64::MAX, true, 9).unwrap();
    let over = settle(before[0].id, (at(9), Outcome::Done), 1, None);
    log.storage_mut().note(&[over.clone(), never(before[1].id)]).unwrap_err();
    assert_eq!(log.storage().latest(i64::MAX, true, 9).unwrap(), before);
    log.storage_mut().note(&[over]).unwrap();
    assert_eq!(log.storage().latest(i64::MAX, false, 9).unwrap(), before[1..]);
}
