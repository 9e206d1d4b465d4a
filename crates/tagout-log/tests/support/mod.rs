//! A small log whose every byte is fixed: keys, salts and times are given.
#![allow(dead_code)] // not every test uses everything

use std::sync::LazyLock;

use serde_json::{Value, json};
use tagout_core::time::Time;
use tagout_log::{AuditLog, MemoryStorage, Record, SignedCheckpoint, SignerKey, VerifierKey};

pub(crate) const ORIGIN: &str = "example.org/log";

pub(crate) fn signer() -> SignerKey {
    SignerKey::from_seed(ORIGIN, &[1; 32]).unwrap()
}

/// Deriving a public key is slow where tests are built without optimisation.
static KEYS: LazyLock<[VerifierKey; 1]> = LazyLock::new(|| [signer().verifier().clone()]);

pub(crate) fn keys() -> &'static [VerifierKey] {
    KEYS.as_slice()
}

/// Salts of 32 equal bytes: 01, 02, 03 and so on. Fit for examples, and for nothing else.
pub(crate) fn counted_salts() -> impl FnMut() -> [u8; 32] + Send + 'static {
    let mut n = 0;
    move || {
        n += 1;
        [n; 32]
    }
}

/// `second` seconds after 2026-11-01T10:00:00Z.
pub(crate) fn at(second: i64) -> Time {
    Time::from_millis(1_793_527_200_000 + second * 1000)
}

pub(crate) fn record(second: i64, stream: &str, kind: &str, data: Value) -> Record {
    let (stream, kind) = (stream.to_owned(), kind.to_owned());
    Record { at: at(second), stream, kind, version: 1, data }
}

pub(crate) fn empty_log() -> AuditLog<MemoryStorage> {
    AuditLog::open(MemoryStorage::new(), counted_salts()).unwrap()
}

/// The log of the examples in `docs/log-format.md`: an alert, a review, an erasure.
pub(crate) fn example_log() -> AuditLog<MemoryStorage> {
    let mut log = empty_log();
    let alert = json!({"labels": {"host": "db-1"}, "summary": {"$text": "disk of Ana full"}});
    log.append(&[record(0, "incident/1", "alert_received", alert)], &[], &[]).unwrap();
    let review = json!({"answer": "approve", "reason": {"$text": "known \"noise\"\n"}});
    log.append(&[record(1, "incident/1", "reviewed", review)], &[], &[]).unwrap();
    let erased = log.texts(0).unwrap();
    let erasure = json!({"by": "ops"});
    log.erase(&erased, record(2, "erasures", "text_erased", erasure), &[]).unwrap();
    log
}

pub(crate) fn example_checkpoint(log: &mut AuditLog<MemoryStorage>) -> SignedCheckpoint {
    log.checkpoint(&[&signer()], at(3)).unwrap()
}

pub(crate) fn export(log: &AuditLog<MemoryStorage>, checkpoint: &SignedCheckpoint) -> String {
    String::from_utf8(log.export(Vec::new(), checkpoint).unwrap()).unwrap()
}
