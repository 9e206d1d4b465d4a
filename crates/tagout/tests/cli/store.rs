//! The SQLite store is a storage like any other, and keeps what it was given.

use std::cell::Cell;
use std::fs;

use tagout::store::copy::Rows as _;
use tagout::store::{Outcome, SqliteStore, StoreError};
use tagout_core::time::Time;
use tagout_log::storage::{Storage as _, StoredCheckpoint};
use tagout_log::storage_conformance;
use tagout_log::tree::Frontier;

use super::home::{Home, alert};

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

#[test]
fn the_outbox_of_the_sqlite_store_behaves_as_every_outbox_must() {
    let dir = tempfile::tempdir().unwrap();
    let made = Cell::new(0);
    super::outbox::run(|| {
        made.set(made.get() + 1);
        SqliteStore::open(&dir.path().join(format!("{}.db", made.get()))).unwrap()
    });
    assert!(made.get() > 3, "{} stores were tried", made.get());
}

#[test]
fn a_checkpoint_smaller_than_the_stored_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(&dir.path().join("tagout.db")).unwrap();
    let checkpoint = |size: u8| StoredCheckpoint {
        at: Time::from_millis(1),
        note: format!("note {size}\n"),
        frontier: Frontier::of(&(0..size).map(|n| [n; 32]).collect::<Vec<_>>()),
    };
    store.put_checkpoint(&checkpoint(2)).unwrap();
    store.put_checkpoint(&checkpoint(2)).unwrap();
    let refused = store.put_checkpoint(&checkpoint(1));
    assert!(matches!(refused, Err(StoreError::SmallerCheckpoint { stored: 2, offered: 1 })));
    assert_eq!(store.checkpoint().unwrap(), Some(checkpoint(2)));
}

#[test]
fn a_file_of_a_later_release_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tagout.db");
    drop(SqliteStore::open(&path).unwrap());
    let file = rusqlite::Connection::open(&path).unwrap();
    file.pragma_update(None, "user_version", 1000).unwrap();
    drop(file);
    for opened in [SqliteStore::open(&path), SqliteStore::open_to_read(&path)] {
        assert!(matches!(opened, Err(StoreError::Newer { found: 1000, .. })), "{opened:?}");
    }
}

fn alerts() -> String {
    [alert("CacheFull", "warning", "c-1"), alert("QueueStuck", "warning", "q-1")].join("\n")
}

#[test]
fn a_backup_is_one_file_that_brings_the_log_back() {
    let home = Home::new();
    home.run(&alerts()).ok();
    let trail = home.trail();
    let file = home.path("tagout.backup");
    let name = file.to_str().unwrap();
    let report = home.tagout(&["store", "backup", name, "--json"]).done().ok().json();
    assert_eq!(report["entries"], report["signed"]);
    assert!(report["texts"].as_u64().unwrap() > 0, "{report}");
    assert!(!home.path("tagout.backup-wal").exists());
    let secret = fs::read(home.data().join("log.key")).unwrap();
    let bytes = fs::read(&file).unwrap();
    assert!(!bytes.windows(40).any(|part| part == &secret[secret.len() - 41..secret.len() - 1]));

    // The log goes on in place, so nothing is put over it.
    home.tagout(&["store", "restore", name]).done().exits(2).names(&["empty"]);
    for rest in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{rest}", home.database().display()));
    }
    let restored = home.tagout(&["store", "restore", name]).done().ok();
    assert!(restored.stdout.starts_with("Restored"), "{restored:?}");
    assert_eq!(fs::read(&file).unwrap(), bytes, "the backup was changed");
    assert_eq!(home.trail(), trail);
    home.assert_log_holds();
    home.run(&alerts()).ok();
    home.assert_log_holds();
}

#[test]
fn a_backup_behind_a_known_checkpoint_is_refused_and_nothing_is_restored() {
    let home = Home::new();
    home.run(&alerts()).ok();
    let early = home.path("early.backup");
    let early = early.to_str().unwrap();
    home.tagout(&["store", "backup", early]).done().ok();
    home.run(&[alert("QueueStuck", "warning", "q-2")].join("\n")).ok();
    let later = home.tagout(&["audit", "checkpoint"]).done().ok().stdout;
    home.write("later.checkpoint", later);
    for rest in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{rest}", home.database().display()));
    }
    // Known by the data directory itself,
    home.tagout(&["store", "restore", early]).done().exits(1).names(&["later backup"]);
    fs::remove_file(home.data().join("log.checkpoint")).unwrap();
    // or kept by somebody else.
    let restore = ["store", "restore", early, "--checkpoint", "later.checkpoint"];
    home.tagout(&restore).done().exits(1).names(&["later backup"]);
    assert!(!home.database().exists());
    home.tagout(&["store", "restore", early]).done().ok();
}

#[test]
fn what_is_no_backup_or_was_altered_is_not_restored() {
    let home = Home::new();
    home.run(&alerts()).ok();
    let file = home.path("tagout.backup");
    let name = file.to_str().unwrap();
    home.tagout(&["store", "backup", name]).done().ok();
    let fresh = Home::new();
    fresh.write("text", "not a database");
    fresh.tagout(&["store", "restore", "text"]).done().exits(2);
    fresh.tagout(&["store", "restore", "nowhere"]).done().exits(2).names(&["nowhere"]);
    fresh.tagout(&["store", "backup", "file"]).done().exits(2).names(&["holds no log"]);
    let backup = rusqlite::Connection::open(&file).unwrap();
    let sql = "UPDATE leaves SET leaf = CAST(replace(leaf, '20', '21') AS BLOB) WHERE idx = 3";
    assert_eq!(backup.execute(sql, []).unwrap(), 1);
    drop(backup);
    fresh.tagout(&["store", "restore", name]).done().exits(1).names(&["damaged"]);
    assert!(!fresh.database().exists());
}

#[test]
fn a_copy_has_the_outbox_and_its_numbers() {
    use tagout::store::copy::{LeafRow, Work, count, fill};
    use tagout_log::storage::Head;
    use tagout_log::tree::leaf_hash;

    let dir = tempfile::tempdir().unwrap();
    let mut from = SqliteStore::open(&dir.path().join("from.db")).unwrap();
    let row = |index: u64| {
        let leaf = format!("leaf {index}").into_bytes();
        LeafRow { index, stream: "a".into(), seq: index + 1, hash: leaf_hash(&leaf), leaf }
    };
    let rows: Vec<_> = (0..2500).map(row).collect();
    let work = |id| Work {
        due: Time::from_millis(9),
        attempts: 2,
        last_error: Some("no route".into()),
        settled: (id == 70).then_some((Time::from_millis(10), Outcome::GivenUp)),
        ..Work::new(id, 1, "mail", "{}")
    };
    let frontier = Frontier::of(&rows.iter().map(|row| row.hash).collect::<Vec<_>>());
    let head = Head { frontier, last_at: Some(Time::from_millis(7)) };
    from.begin_fill().unwrap();
    from.put_leaves(&rows).unwrap();
    from.put_work(&[work(3), work(70)]).unwrap();
    from.end_fill(&head, None).unwrap();
    let mut to = SqliteStore::open(&dir.path().join("to.db")).unwrap();
    let copied = fill(&from, &mut to).unwrap();
    assert_eq!((copied.entries, copied.work), (2500, 2));
    assert_eq!(count(&to).unwrap(), copied);
    assert_eq!(to.leaf_rows(0..9999).unwrap(), rows);
    assert_eq!(to.work(i64::MIN, 9).unwrap(), [work(3), work(70)]);
    assert_eq!(to.ends().unwrap(), (head, None));
    assert!(matches!(fill(&from, &mut to), Err(StoreError::NotEmpty)));
}

#[test]
fn whoever_restores_without_the_keys_is_told_what_is_missing_and_what_to_do() {
    let home = Home::new();
    home.run(&alerts()).ok();
    home.tagout(&["store", "backup", "b.db"]).done().ok();
    let backup = fs::read(home.path("b.db")).unwrap();
    let fresh = Home::new();
    fresh.write("b.db", backup);
    let restored = fresh.tagout(&["store", "restore", "b.db"]).done().ok();
    restored.names(&["log.key", "log.pub", "missing", "copy", "were not checked"]);
    for name in ["log.key", "log.pub"] {
        fs::copy(home.data().join(name), fresh.data().join(name)).unwrap();
    }
    fresh.assert_log_holds();
    // With the keys there is nothing to say.
    fs::remove_file(fresh.database()).unwrap();
    let restored = fresh.tagout(&["store", "restore", "b.db"]).done().ok();
    assert!(!restored.stderr.contains("missing"), "{restored:?}");
}
