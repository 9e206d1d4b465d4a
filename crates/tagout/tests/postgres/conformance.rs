//! The PostgreSQL store is a storage like any other, and keeps what it was given.

use std::sync::Mutex;

use tagout_log::storage_conformance;

use super::cluster::Cluster;
use super::log::{leaves, log, note};

#[test]
fn the_postgres_store_behaves_as_every_storage_must() {
    let cluster = Cluster::start(&[]);
    storage_conformance::run(|| cluster.store(&cluster.database()));
}

#[test]
fn the_outbox_of_the_postgres_store_behaves_as_every_outbox_must() {
    let cluster = Cluster::start(&[]);
    super::outbox::run(|| cluster.store(&cluster.database()));
}

#[test]
fn what_becomes_of_work_is_noted_whole_or_not_at_all() {
    let cluster = Cluster::start(&[]);
    // The database keeps no NUL in the kind of work.
    let never = |id| tagout::store::Change::HandOn { id, kinds: vec!["x\0".into()] };
    super::outbox::notes_all_or_nothing(cluster.store(&cluster.database()), never);
}

#[test]
fn the_postgres_store_keeps_everything_when_it_is_opened_again() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    storage_conformance::survives_reopening(|| cluster.store(&database));
}

#[test]
fn two_replicas_over_one_database_take_turns() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    storage_conformance::takes_turns(|| cluster.store(&database));
}

#[test]
fn what_many_replicas_append_at_once_is_one_log_without_gaps() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    let indexes = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for replica in 0..4 {
            let (cluster, database, indexes) = (&cluster, &database, &indexes);
            scope.spawn(move || {
                let mut log = log(cluster.store(database));
                for n in 0..25 {
                    // Half of the streams are shared, half are each replica's own.
                    let stream = if n % 2 == 0 { "shared" } else { &format!("own-{replica}") };
                    log.hold().unwrap();
                    let index = note(&mut log, stream, &format!("{replica}-{n}")).unwrap();
                    indexes.lock().unwrap().push(index);
                }
            });
        }
    });
    let mut indexes = indexes.into_inner().unwrap();
    indexes.sort_unstable();
    assert_eq!(indexes, (0..100).collect::<Vec<_>>());
    let mut log = log(cluster.store(&database));
    log.verify_all().unwrap();
    assert_eq!(leaves(&mut log).len(), 100);
    assert_eq!(log.stream_version("shared").unwrap(), 52);
    let work = cluster.client(&database).query_one("SELECT count(*) FROM tagout.outbox", &[]);
    assert_eq!(work.unwrap().get::<_, i64>(0), 100);
}

#[test]
fn replicas_record_by_the_clock_of_the_database() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    let mut log = log(cluster.store(&database));
    let ours = || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        i64::try_from(now.as_millis()).unwrap()
    };
    let before = ours();
    let now = log.hold().unwrap().expect("the database tells the time").millis();
    // It is the same machine here, so the two clocks are one.
    assert!((before..=ours()).contains(&now), "{now}");
    log.release().unwrap();
}
