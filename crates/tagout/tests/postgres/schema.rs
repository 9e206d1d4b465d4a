//! Which databases are opened.

use tagout::store::{PostgresStore, StoreError};

use super::cluster::{Cluster, open, settings};

#[test]
fn an_older_binary_refuses_a_newer_schema() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    let url = cluster.url(&database);
    drop(open(&url, "a"));
    let mut client = cluster.client(&database);
    client.execute("UPDATE tagout.meta SET schema_version = schema_version + 1", &[]).unwrap();
    let refused = PostgresStore::open(settings(&url, "a")).unwrap_err();
    assert!(
        matches!(refused, StoreError::Newer { found, known, .. } if found == known + 1),
        "{refused}"
    );
}

#[test]
fn a_schema_of_another_program_is_left_alone() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    let mut client = cluster.client(&database);
    client.batch_execute("CREATE SCHEMA tagout; CREATE TABLE tagout.things (a int)").unwrap();
    let refused = PostgresStore::open(settings(&cluster.url(&database), "a")).unwrap_err();
    assert!(matches!(refused, StoreError::Foreign(_)), "{refused}");
    let tables = client.query("SELECT 1 FROM pg_tables WHERE schemaname = 'tagout'", &[]).unwrap();
    assert_eq!(tables.len(), 1, "tables were made");
}

#[test]
fn replicas_that_start_together_make_the_tables_once() {
    let cluster = Cluster::start(&[]);
    let url = cluster.url(&cluster.database());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| open(&url, "a"));
        }
    });
}

#[test]
fn a_user_who_owns_the_database_needs_no_other_right() {
    let cluster = Cluster::start(&[]);
    let mut client = cluster.client("postgres");
    client.batch_execute("CREATE ROLE tagout LOGIN").unwrap();
    client.batch_execute("CREATE DATABASE tagout OWNER tagout").unwrap();
    let url = format!("postgres://tagout@{}/tagout", cluster.host());
    let mut log = super::log::log(open(&url, "a"));
    super::log::note(&mut log, "a", "one").unwrap();
}

#[test]
fn a_database_that_is_not_there_is_said_to_be_missing_at_once() {
    let cluster = Cluster::start(&[]);
    let begin = std::time::Instant::now();
    let refused = PostgresStore::open(settings(&cluster.url("nowhere"), "a")).unwrap_err();
    assert!(refused.to_string().contains("nowhere"), "{refused}");
    assert!(begin.elapsed().as_secs() < 4, "it was tried again: {:?}", begin.elapsed());
}
