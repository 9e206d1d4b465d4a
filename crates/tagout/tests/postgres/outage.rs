//! The database goes away and comes back.

use tagout::store::StoreError;
use tagout_log::LogError;

use super::cluster::{Cluster, open};
use super::log::{leaves, log, note};

#[test]
fn while_the_database_is_gone_nothing_is_recorded_and_then_it_goes_on() {
    let mut cluster = Cluster::start(&[]);
    let database = cluster.database();
    let mut log = log(open(&cluster.url(&database), "a"));
    for n in 0..10 {
        note(&mut log, "a", &n.to_string()).unwrap();
    }
    let before = leaves(&mut log);
    log.hold().unwrap();
    cluster.stop();
    // The transaction that was open is gone with the server.
    let lost = note(&mut log, "a", "lost").unwrap_err();
    assert!(matches!(lost, LogError::Storage(_)), "{lost}");
    let gone = log.hold().unwrap_err();
    assert!(matches!(gone, LogError::Storage(StoreError::Unreachable { .. })), "{gone}");
    cluster.run(&[]);
    // The first to ask may be told that its membership lapsed meanwhile.
    if let Err(error) = log.hold() {
        assert!(matches!(error, LogError::Storage(StoreError::Fenced(_))), "{error}");
        log.hold().unwrap();
    }
    assert_eq!(note(&mut log, "a", "back").unwrap(), 10);
    assert_eq!(leaves(&mut log)[..10], before[..]);
    log.verify_all().unwrap();
}

#[test]
fn a_restart_between_two_appends_is_not_noticed() {
    let mut cluster = Cluster::start(&[]);
    let database = cluster.database();
    let mut log = log(open(&cluster.url(&database), "a"));
    note(&mut log, "a", "one").unwrap();
    cluster.stop();
    cluster.run(&[]);
    log.refresh().unwrap();
    assert_eq!(log.size(), 1);
}

#[test]
fn a_database_that_was_put_back_to_an_older_copy_is_refused() {
    let mut cluster = Cluster::start(&[]);
    let database = cluster.database();
    let mut log = log(open(&cluster.url(&database), "a"));
    note(&mut log, "a", "one").unwrap();
    let sql = "SELECT encode(frontier, 'hex') FROM tagout.head";
    let old: String = cluster.client(&database).query_one(sql, &[]).unwrap().get(0);
    note(&mut log, "a", "two").unwrap();
    let back = format!(
        "DELETE FROM tagout.leaves WHERE idx = 1;
         UPDATE tagout.head SET frontier = decode('{old}', 'hex')"
    );
    cluster.client(&database).batch_execute(&back).unwrap();
    let refused = log.refresh().unwrap_err();
    let behind = |error: &LogError<StoreError>| {
        matches!(error, LogError::Storage(StoreError::Behind { found: 1, seen: 2, .. }))
    };
    assert!(behind(&refused), "{refused}");
    // A new connection makes it no better.
    cluster.stop();
    cluster.run(&[]);
    let refused = log.hold().unwrap_err();
    assert!(behind(&refused), "{refused}");
}
