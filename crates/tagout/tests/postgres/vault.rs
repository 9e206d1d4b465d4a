//! Secrets in PostgreSQL, and on their way there and back.

use std::fs;

use tagout::store::copy::{Rows as _, fill};
use tagout::store::secrets::{SecretKind, Secrets as _};
use tagout::store::{Appender, SqliteStore};

use super::cluster::{Cluster, open};
use super::support_vault::{keeps_secrets, secret};

/// A log of the first release.
const RELEASED: &[u8] = include_bytes!("../data/journal-v1.db");

#[test]
fn the_postgres_store_keeps_secrets() {
    let cluster = Cluster::start(&[]);
    keeps_secrets(&cluster.store(&cluster.database()));
}

#[test]
fn a_database_of_the_first_release_keeps_its_texts_and_comes_to_keep_secrets() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("from.db"), RELEASED).unwrap();
    let file = SqliteStore::open(&dir.path().join("from.db")).unwrap();
    let texts = file.texts(0..1_000).unwrap();
    assert_eq!(fill(&file, &mut cluster.store(&database)).unwrap().texts, texts.len() as u64);
    assert!(texts.len() > 2, "{}", texts.len());
    let mut client = cluster.client(&database);
    // What schemas 2 to 4 brought, taken away again, and a text that no entry speaks of.
    let first = "CREATE TABLE tagout.before (
            commitment BYTEA PRIMARY KEY, salt BYTEA NOT NULL, text BYTEA NOT NULL);
        INSERT INTO tagout.before SELECT commitment, salt, text FROM tagout.payloads;
        INSERT INTO tagout.before VALUES ('\\x00', '\\x00', '\\x00');
        DROP TABLE tagout.payloads;
        ALTER TABLE tagout.before RENAME TO payloads;
        DROP TABLE tagout.secrets;
        ALTER TABLE tagout.outbox DROP COLUMN due, DROP COLUMN attempts,
            DROP COLUMN last_error, DROP COLUMN settled_at, DROP COLUMN outcome;
        ALTER TABLE tagout.leaves DROP COLUMN epoch;
        UPDATE tagout.meta SET schema_version = 1";
    client.batch_execute(first).unwrap();
    let store = cluster.store(&database);
    assert_eq!(store.texts(0..1_000).unwrap(), texts);
    keeps_secrets(&store);
    let version: i32 =
        client.query_one("SELECT schema_version FROM tagout.meta", &[]).unwrap().get(0);
    assert!(version > 1);
    drop(store);
    // Of entries from before version 4 nobody knows who appended them.
    let third = "ALTER TABLE tagout.leaves DROP COLUMN epoch;
        UPDATE tagout.meta SET schema_version = 3";
    client.batch_execute(third).unwrap();
    let store = cluster.store(&database);
    assert_eq!(store.texts(0..1_000).unwrap(), texts);
    assert_eq!(store.appenders(&[0]).unwrap(), [Appender::Gone(None)]);
}

#[test]
fn a_moved_log_takes_passwords_along_and_leaves_sessions_behind() {
    let cluster = Cluster::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let file = SqliteStore::open(&dir.path().join("from.db")).unwrap();
    file.put_secret(SecretKind::Password, &secret("ana", b"hash", None)).unwrap();
    file.put_secret(SecretKind::Session, &secret("s", b"session", None)).unwrap();
    let mut database = open(&cluster.url(&cluster.database()), "a");
    database.put_secret(SecretKind::Password, &secret("of another log", b"hash", None)).unwrap();
    assert_eq!(fill(&file, &mut database).unwrap().passwords, 1);
    let mut back = SqliteStore::open(&dir.path().join("back.db")).unwrap();
    assert_eq!(fill(&database, &mut back).unwrap().passwords, 1);
    for store in [&database as &dyn tagout::store::secrets::Secrets, &back] {
        let passwords = store.secrets(SecretKind::Password, "", 9).unwrap();
        assert_eq!(passwords, [secret("ana", b"hash", None)]);
        assert_eq!(store.secret(SecretKind::Session, "s").unwrap(), None);
    }
}
