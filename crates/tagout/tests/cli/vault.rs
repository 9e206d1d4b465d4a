//! What people prove themselves by is kept beside the log, and goes along where it should.

use std::fs;

use tagout::store::copy::{Rows as _, fill};
use tagout::store::secrets::{SecretKind, Secrets as _};
use tagout::store::{SqliteStore, Store};

use super::home::{Home, alert};
use super::support_vault::{keeps_secrets, secret};

/// A log of the first release, whose file had no place for secrets.
const RELEASED: &[u8] = include_bytes!("../data/journal-v1.db");

#[test]
fn the_sqlite_store_keeps_secrets() {
    let dir = tempfile::tempdir().unwrap();
    keeps_secrets(&SqliteStore::open(&dir.path().join("tagout.db")).unwrap());
}

#[test]
fn a_file_of_the_first_release_comes_to_keep_secrets_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tagout.db");
    fs::write(&path, RELEASED).unwrap();
    // Read as a backup it stays as it is, and holds none.
    let backup = SqliteStore::open_to_read(&path).unwrap();
    assert_eq!(backup.secret(SecretKind::Password, "ana").unwrap(), None);
    assert_eq!(backup.secrets(SecretKind::Password, "", 9).unwrap(), []);
    let mut copy = SqliteStore::open(&dir.path().join("copy.db")).unwrap();
    let copied = fill(&backup, &mut copy).unwrap();
    assert_eq!(copied.passwords, 0);
    // Its texts, which such a file kept by their hashes, came along, and so they do in it.
    let texts = copy.texts(0..copied.entries).unwrap();
    assert!(texts.len() > 2 && copied.texts == texts.len() as u64);
    drop(backup);
    assert_eq!(fs::read(&path).unwrap(), RELEASED);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.texts(0..copied.entries).unwrap(), texts);
    keeps_secrets(&store);
    store.put_secret(SecretKind::Password, &secret("ana", b"x", None)).unwrap();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert!(store.secret(SecretKind::Password, "ana").unwrap().is_some());
}

#[test]
fn a_backup_carries_what_passwords_are_compared_with_and_no_session() {
    let home = Home::new();
    home.run(&alert("CacheFull", "warning", "c-1")).ok();
    let put = |store: &SqliteStore| {
        store.put_secret(SecretKind::Password, &secret("ana", b"the hash", None)).unwrap();
        store.put_secret(SecretKind::Session, &secret("s", b"the session", None)).unwrap();
    };
    put(&SqliteStore::open(&home.database()).unwrap());
    let file = home.path("tagout.backup");
    let report = home.tagout(&["store", "backup", "tagout.backup", "--json"]).done().ok().json();
    assert_eq!(report["passwords"], 1);
    let bytes = fs::read(&file).unwrap();
    let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    assert!(holds(b"the hash"));
    assert!(!holds(b"the session"), "also in no free page");

    fs::remove_file(home.database()).unwrap();
    // What a store without a log holds of its own gives way.
    put(&SqliteStore::open(&home.database()).unwrap());
    let report = home.tagout(&["store", "restore", "tagout.backup", "--json"]).done().ok().json();
    assert_eq!(report["passwords"], 1);
    let store = Store::from(SqliteStore::open(&home.database()).unwrap());
    let found = |kind| store.vault().secrets(kind, "", 9).unwrap().len();
    assert_eq!([SecretKind::Password, SecretKind::Session].map(found), [1, 0]);
}
