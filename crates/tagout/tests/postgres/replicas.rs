//! Replicas join, are fenced, and pass leases on.

use std::thread;
use std::time::{Duration, Instant};

use tagout::store::membership::SIGNER;
use tagout::store::{Appender, PostgresStore, StoreError};
use tagout_core::time::Time;
use tagout_log::LogError;
use tagout_log::storage::{Storage, StoredCheckpoint};
use tagout_log::tree::Frontier;

use super::cluster::{Cluster, open, settings};
use super::log::{log, note};

/// Makes a replica dead in the eyes of the others, as a long pause of it would.
fn expire(cluster: &Cluster, database: &str, name: &str) {
    let sql = "UPDATE tagout.replicas SET expires_at = clock_timestamp() WHERE name = $1";
    assert_eq!(cluster.client(database).execute(sql, &[&name]).unwrap(), 1, "no such replica");
}

fn checkpoint(size: u8) -> StoredCheckpoint {
    let hashes: Vec<_> = (0..size).map(|n| [n; 32]).collect();
    let note = format!("note {size}\n");
    StoredCheckpoint { at: Time::from_millis(1), note, frontier: Frontier::of(&hashes) }
}

#[test]
fn members_are_those_who_joined_and_have_not_left() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    let (first, second) = (open(&cluster.url(&database), "a"), open(&cluster.url(&database), "b"));
    assert!(first.members().unwrap().is_empty(), "nobody has asked to append yet");
    let mut held = [first, second].map(|mut store| {
        store.hold().unwrap();
        store.release().unwrap();
        store
    });
    let members = held[0].members().unwrap();
    let names: Vec<_> = members.iter().map(|m| (m.name.as_str(), m.me)).collect();
    assert_eq!(names, [("a", true), ("b", false)]);
    assert!(members[0].epoch < members[1].epoch);
    // They stay members while they live, well beyond the time that one renewal lasts.
    thread::sleep(Duration::from_secs(5));
    assert_eq!(held[0].members().unwrap(), members);
    held[0].hold().unwrap();
    held[0].release().unwrap();
    let [first, second] = held;
    drop(second);
    let names: Vec<_> = first.members().unwrap().into_iter().map(|m| m.name).collect();
    assert_eq!(names, ["a"]);
}

#[test]
fn a_fenced_replica_cannot_append_until_it_has_joined_anew() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    let mut zombie = log(open(&cluster.url(&database), "zombie"));
    note(&mut zombie, "a", "one").unwrap();
    let epoch = zombie.storage().epoch().unwrap();

    // Fenced before it takes the head.
    expire(&cluster, &database, "zombie");
    let refused = note(&mut zombie, "a", "two").unwrap_err();
    assert!(matches!(&refused, LogError::Storage(StoreError::Fenced(e)) if *e == epoch));

    // Fenced while it holds the head.
    zombie.hold().unwrap();
    let epoch = zombie.storage().epoch().unwrap();
    let sql = "UPDATE tagout.replicas SET expires_at = clock_timestamp() WHERE epoch = $1";
    cluster.client(&database).execute(sql, &[&i64::try_from(epoch).unwrap()]).unwrap();
    let refused = note(&mut zombie, "a", "two").unwrap_err();
    assert!(matches!(&refused, LogError::Storage(StoreError::Fenced(e)) if *e == epoch));

    let mut other = log(open(&cluster.url(&database), "other"));
    assert_eq!(note(&mut other, "a", "three").unwrap(), 1, "something was appended by a zombie");
    // It joins under a later epoch, and sees first what it missed.
    zombie.hold().unwrap();
    assert_eq!(zombie.size(), 2);
    assert!(zombie.storage().epoch().unwrap() > epoch);
    assert_eq!(note(&mut zombie, "a", "four").unwrap(), 2);
    zombie.verify_all().unwrap();
}

#[test]
fn a_replica_that_does_not_renew_is_found_out_by_itself() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    let mut store = open(&cluster.url(&database), "a");
    store.hold().unwrap();
    store.release().unwrap();
    expire(&cluster, &database, "a");
    thread::sleep(Duration::from_secs(2));
    assert!(store.members().unwrap().is_empty(), "an expired membership was renewed");
    assert!(matches!(store.hold(), Err(StoreError::Fenced(_))));
    store.hold().unwrap();
}

#[test]
fn a_membership_that_cannot_be_renewed_runs_out_here_before_others_take_it_for_over() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    let mut stuck = log(open(&cluster.url(&database), "stuck"));
    assert!(!stuck.storage().membership().holds(), "it is no member yet");
    note(&mut stuck, "a", "one").unwrap();
    let membership = stuck.storage().membership();
    thread::sleep(Duration::from_secs(4));
    assert!(membership.holds(), "it is renewed");
    let other = open(&cluster.url(&database), "other");
    assert_eq!(other.appenders(&[0]).unwrap(), [Appender::Member]);
    assert_eq!(stuck.storage().appenders(&[0]).unwrap(), [Appender::Me]);

    // Its renewals find no answer.
    let mut client = cluster.client(&database);
    let mut blocking = client.transaction().unwrap();
    blocking.execute("SELECT 1 FROM tagout.replicas FOR UPDATE", &[]).unwrap();
    let before = Instant::now();
    while membership.holds() {
        assert!(before.elapsed() < Duration::from_secs(4), "it does not run out by itself");
        thread::sleep(Duration::from_millis(10));
    }
    thread::sleep(Duration::from_secs(5).saturating_sub(before.elapsed()));
    blocking.rollback().unwrap();
    let [Appender::Gone(gone)] = other.appenders(&[0]).unwrap()[..] else { panic!("it lives") };
    assert_eq!(gone, stuck.storage().epoch());
    assert!(!membership.holds());

    // Given up and taken anew, it is another one.
    while note(&mut stuck, "a", "two").is_err() {}
    assert!(!membership.holds() && stuck.storage().membership().holds());
    assert_eq!(stuck.storage().appenders(&[0, 1]).unwrap(), [Appender::Gone(gone), Appender::Me]);
    let epoch = stuck.storage().epoch();
    drop(stuck);
    assert_eq!(other.appenders(&[1]).unwrap(), [Appender::Gone(epoch)], "it has left");
}

#[test]
fn a_lease_has_one_holder_and_is_taken_over_when_that_one_is_gone() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    let (first, second) = (open(&cluster.url(&database), "a"), open(&cluster.url(&database), "b"));
    assert!(first.lease(SIGNER).unwrap());
    assert!(!second.lease(SIGNER).unwrap());
    assert!(second.lease("another").unwrap(), "leases have nothing to do with one another");
    let held = |store: &PostgresStore| store.is_held_by_another(SIGNER).unwrap();
    let stranger = open(&cluster.url(&database), "c");
    assert!(held(&second) && held(&stranger), "also for one that is no member");
    assert!(!held(&first), "its holder is no other");
    assert!(!stranger.is_held_by_another("nobody's").unwrap());
    // Renewed, it stays where it is.
    for _ in 0..5 {
        thread::sleep(Duration::from_secs(1));
        assert!(first.lease(SIGNER).unwrap());
        assert!(!second.lease(SIGNER).unwrap());
    }
    let begin = Instant::now();
    while !second.lease(SIGNER).unwrap() {
        assert!(begin.elapsed() < Duration::from_secs(20), "nobody takes the lease over");
        thread::sleep(Duration::from_millis(50));
    }
    let took = begin.elapsed();
    println!("a lease that was not renewed was taken over after {took:?}");
    assert!(took < Duration::from_secs(5) && took > Duration::from_secs(1), "{took:?}");
    assert!(!first.lease(SIGNER).unwrap());
    assert!(held(&first) && !held(&second), "they have changed places");
    // One who leaves in good order is not waited for.
    drop(second);
    assert!(!held(&first) && !held(&stranger));
    assert!(first.lease(SIGNER).unwrap());
    // Nor is one who is fenced.
    let second = open(&cluster.url(&database), "b");
    assert!(!second.lease(SIGNER).unwrap());
    expire(&cluster, &database, "a");
    assert!(second.lease(SIGNER).unwrap());
    assert!(matches!(first.lease(SIGNER), Err(StoreError::Fenced(_))));
}

#[test]
fn only_the_signer_keeps_a_checkpoint_and_never_a_smaller_one() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    let mut first = open(&cluster.url(&database), "a");
    let mut second = open(&cluster.url(&database), "b");
    first.put_checkpoint(&checkpoint(2)).unwrap();
    let refused = second.put_checkpoint(&checkpoint(3));
    assert!(matches!(&refused, Err(StoreError::NotSigner(name)) if name == "a"), "{refused:?}");
    let smaller = first.put_checkpoint(&checkpoint(1));
    assert!(matches!(smaller, Err(StoreError::SmallerCheckpoint { stored: 2, offered: 1 })));
    expire(&cluster, &database, "a");
    second.put_checkpoint(&checkpoint(3)).unwrap();
    assert!(matches!(first.put_checkpoint(&checkpoint(4)), Err(StoreError::Fenced(_))));
    assert!(matches!(first.put_checkpoint(&checkpoint(4)), Err(StoreError::NotSigner(_))));
    assert_eq!(second.checkpoint().unwrap(), Some(checkpoint(3)));
}

#[test]
fn a_replica_with_another_key_is_refused() {
    let cluster = Cluster::start(&[]);
    let url = cluster.url(&cluster.database());
    let with = |key: &str| {
        let log_key = Some(key.to_owned());
        PostgresStore::open(tagout::store::postgres::Use { log_key, ..settings(&url, "a") })
    };
    with("key+1").unwrap();
    with("key+1").unwrap();
    let refused = with("key+2").unwrap_err();
    assert!(matches!(refused, StoreError::OtherKey { .. }), "{refused}");
    assert!(refused.to_string().contains("log.key"), "{refused}");
}

#[test]
fn after_a_rotation_only_a_replica_that_has_the_new_key_is_taken() {
    let cluster = Cluster::start(&[]);
    let url = cluster.url(&cluster.database());
    let with = |keys: &[&str]| {
        let mut keys = keys.iter().map(|key| (*key).to_owned());
        let (log_key, former_keys) = (keys.next(), keys.collect());
        let settings = settings(&url, "a");
        PostgresStore::open(tagout::store::postgres::Use { log_key, former_keys, ..settings })
    };
    with(&["key+1"]).unwrap();
    // An interrupted rotation: the files name the new key, the database still the old one.
    let rotating = with(&["key+2", "key+1"]).unwrap();
    rotating.put_log_key("key+2").unwrap();
    with(&["key+2", "key+1"]).unwrap();
    assert!(matches!(with(&["key+1"]), Err(StoreError::OtherKey { .. })));
}

#[test]
fn a_replica_that_is_stuck_with_the_head_loses_it() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    let mut stuck = log(open(&cluster.url(&database), "stuck"));
    stuck.hold().unwrap();
    let begin = Instant::now();
    let mut other = log(open(&cluster.url(&database), "other"));
    other.hold().unwrap();
    let waited = begin.elapsed();
    println!("the head of a stuck replica was had after {waited:?}");
    assert!(waited > Duration::from_secs(1), "it was not locked");
    assert_eq!(note(&mut other, "a", "went on").unwrap(), 0);
    note(&mut stuck, "a", "too late").unwrap_err();
    stuck.hold().unwrap();
    assert_eq!(note(&mut stuck, "a", "in turn").unwrap(), 1);
}

#[test]
fn whoever_waited_for_the_head_while_the_log_was_moved_appends_nothing() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    let mut late = log(open(&cluster.url(&database), "late"));
    assert_eq!(note(&mut late, "a", "before").unwrap(), 0);

    let mut mover = open(&cluster.url(&database), "mover");
    mover.hold().unwrap();
    let refused = thread::scope(|scope| {
        let waiting = scope.spawn(|| note(&mut late, "a", "after").unwrap_err());
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        let mut client = cluster.client(&database);
        while client.query_one(waits, &[]).unwrap().get::<_, i64>(0) == 0 {
            thread::sleep(Duration::from_millis(5));
        }
        mover.mark_moved("to another place").unwrap();
        waiting.join().unwrap()
    });
    assert!(matches!(&refused, LogError::Storage(StoreError::Moved(_))), "{refused}");
    let size: i64 = cluster
        .client(&database)
        .query_one("SELECT count(*) FROM tagout.leaves", &[])
        .unwrap()
        .get(0);
    assert_eq!(size, 1);
}
