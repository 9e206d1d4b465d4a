//! Secrets in PostgreSQL, and on their way there and back.

use tagout::store::SqliteStore;
use tagout::store::copy::fill;
use tagout::store::secrets::{SecretKind, Secrets as _};

use super::cluster::{Cluster, open};
use super::support_vault::{keeps_secrets, secret};

#[test]
fn the_postgres_store_keeps_secrets() {
    let cluster = Cluster::start(&[]);
    keeps_secrets(&cluster.store(&cluster.database()));
}

#[test]
fn a_database_of_the_first_release_comes_to_keep_secrets() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    drop(cluster.store(&database));
    let mut client = cluster.client(&database);
    // What schema 2 added, taken away again.
    let first = "DROP TABLE tagout.secrets;
        ALTER TABLE tagout.outbox DROP COLUMN due, DROP COLUMN attempts,
            DROP COLUMN last_error, DROP COLUMN settled_at, DROP COLUMN outcome;
        UPDATE tagout.meta SET schema_version = 1";
    client.batch_execute(first).unwrap();
    keeps_secrets(&cluster.store(&database));
    let version: i32 =
        client.query_one("SELECT schema_version FROM tagout.meta", &[]).unwrap().get(0);
    assert!(version > 1);
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
