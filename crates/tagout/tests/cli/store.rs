//! The SQLite store is a storage like any other, and keeps what it was given.

use std::cell::Cell;

use tagout::store::SqliteStore;
use tagout_log::storage_conformance;

#[test]
fn the_sqlite_store_behaves_as_every_storage_must() {
    let dir = tempfile::tempdir().unwrap();
    let made = Cell::new(0);
    storage_conformance::run(|| {
        made.set(made.get() + 1);
        SqliteStore::open(&dir.path().join(format!("{}.db", made.get()))).unwrap()
    });
    assert!(made.get() > 5, "{} stores were tried", made.get());
}

#[test]
fn the_sqlite_store_keeps_everything_when_it_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tagout.db");
    storage_conformance::survives_reopening(|| SqliteStore::open(&path).unwrap());
}

#[test]
fn two_processes_over_one_sqlite_store_take_turns() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tagout.db");
    storage_conformance::takes_turns(|| SqliteStore::open(&path).unwrap());
}
