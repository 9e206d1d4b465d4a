//! Small logs for the tests.

use serde_json::json;
use tagout::store::PostgresStore;
use tagout_core::time::Time;
use tagout_log::storage::Storage;
use tagout_log::{AuditLog, LogError, Outgoing, Record};

/// A log over a store, opened as it was at one moment.
pub(crate) fn log(store: PostgresStore) -> AuditLog<PostgresStore> {
    store.pin().unwrap();
    let log = AuditLog::open(store, salt).unwrap();
    log.storage().unpin();
    log
}

fn salt() -> [u8; 32] {
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).unwrap();
    salt
}

pub(crate) fn record(stream: &str, text: &str) -> Record {
    let (stream, kind) = (stream.to_owned(), "noted".to_owned());
    let at = Time::from_millis(1_793_520_000_000);
    Record { at, stream, kind, version: 1, data: json!({ "note": { "$text": text } }) }
}

/// Appends one record with one piece of work. Returns its index.
pub(crate) fn note<S: Storage>(
    log: &mut AuditLog<S>,
    stream: &str,
    text: &str,
) -> Result<u64, LogError<S::Error>> {
    let work = Outgoing { record: 0, kind: "mail".into(), body: format!("{{\"to\":\"{text}\"}}") };
    let appended = log.append(&[record(stream, text)], &[], &[work])?;
    Ok(appended[0].index)
}

/// All leaves of a log.
pub(crate) fn leaves<S: Storage>(log: &mut AuditLog<S>) -> Vec<Vec<u8>> {
    log.refresh().unwrap();
    log.storage().leaves(0..log.size()).unwrap()
}
