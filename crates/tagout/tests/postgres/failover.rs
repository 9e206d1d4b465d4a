//! A primary dies and a standby takes its place.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use tagout::store::postgres::Use;
use tagout::store::{PostgresStore, Standby, StoreError};
use tagout_log::{AuditLog, LogError};

use super::cluster::{Cluster, open, settings};
use super::log::{leaves, log, note};

/// Waits until a standby confirms commits.
fn wait_for_sync(primary: &Cluster) {
    let mut client = primary.client("postgres");
    let sql = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
    let end = Instant::now() + Duration::from_secs(30);
    while client.query_one(sql, &[]).unwrap().get::<_, i64>(0) == 0 {
        assert!(Instant::now() < end, "the standby does not follow");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Takes the head, joining anew if the membership lapsed meanwhile.
fn hold(log: &mut AuditLog<PostgresStore>) {
    if let Err(error) = log.hold() {
        assert!(matches!(error, LogError::Storage(StoreError::Fenced(_))), "{error}");
        log.hold().unwrap();
    }
}

fn two_hosts(first: &Cluster, second: &Cluster, database: &str) -> String {
    format!("postgres://postgres@{},{}/{database}", first.host(), second.host())
}

/// Commits wait for the standby from here on.
fn follow_synchronously(primary: &Cluster) {
    let mut client = primary.client("postgres");
    client.batch_execute("ALTER SYSTEM SET synchronous_standby_names = 'second'").unwrap();
    client.batch_execute("SELECT pg_reload_conf()").unwrap();
    wait_for_sync(primary);
}

#[test]
fn everything_that_was_acknowledged_is_on_the_standby_that_takes_over() {
    let mut primary = Cluster::start(&[]);
    let database = primary.database();
    let mut standby = primary.standby("second");
    standby.run(&[]);
    follow_synchronously(&primary);

    let url = two_hosts(&primary, &standby, &database);
    let mut log = log(open(&url, "a"));
    let promoted = AtomicBool::new(false);
    let (mut acknowledged, mut before) = (Vec::new(), 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(800));
            primary.kill();
            standby.promote();
            promoted.store(true, Ordering::Relaxed);
        });
        // Appends go on while the primary dies under them. If the standby is quick to take over,
        // not even one of them fails.
        for n in 0.. {
            let over = promoted.load(Ordering::Relaxed);
            match note(&mut log, "a", &format!("text {n}")) {
                Ok(index) => acknowledged.push((index, n)),
                Err(LogError::Storage(_)) => thread::sleep(Duration::from_millis(20)),
                Err(error) => panic!("{error}"),
            }
            if over {
                break;
            }
            before = acknowledged.len();
        }
    });
    assert!(before > 10, "only {before} appends before the promotion");
    println!("{} appends were acknowledged, {before} before the promotion", acknowledged.len());

    let recovers = "SELECT pg_is_in_recovery()";
    let row = standby.client(&database).query_one(recovers, &[]).unwrap();
    assert!(!row.get::<_, bool>(0), "the standby was not promoted");
    hold(&mut log);
    note(&mut log, "a", "after the promotion").unwrap();
    log.verify_all().unwrap();
    for (index, n) in acknowledged {
        let entry = log.entry(index).unwrap().entry;
        assert_eq!(entry.data["note"]["$text"], format!("text {n}"), "entry {index}");
    }
}

#[test]
fn a_standby_that_lagged_is_refused_when_it_is_promoted() {
    let mut primary = Cluster::start(&[]);
    let database = primary.database();
    let mut seen = log(open(&primary.url(&database), "setup"));
    note(&mut seen, "a", "on both").unwrap();
    drop(seen);
    let mut standby = primary.standby("second");
    standby.run(&["recovery_min_apply_delay=0"]);

    let url = two_hosts(&primary, &standby, &database);
    let mut log = log(open(&url, "a"));
    assert_eq!(log.size(), 1);
    // The standby stops receiving, and nobody waits for it.
    standby.stop();
    for n in 0..5 {
        note(&mut log, "a", &format!("only on the primary {n}")).unwrap();
    }
    primary.kill();
    standby.run(&[]);
    standby.promote();
    for _ in 0..2 {
        let refused = log.hold().unwrap_err();
        assert!(
            matches!(refused, LogError::Storage(StoreError::Behind { found: 1, seen: 6, .. })),
            "{refused}"
        );
    }
    // It stays refused when somebody who never saw the missing entries has written over them.
    let mut other = super::log::log(open(&url, "other"));
    for n in 0..9 {
        note(&mut other, "a", &format!("forked {n}")).unwrap();
    }
    let refused = log.hold().unwrap_err();
    assert!(matches!(refused, LogError::Storage(StoreError::Forked(6))), "{refused}");
    assert!(log.refresh().is_err());
    assert_eq!(leaves(&mut other).len(), 10);
}

#[test]
fn an_append_that_the_standby_did_not_confirm_is_not_acknowledged() {
    let primary = Cluster::start(&[]);
    let database = primary.database();
    let mut standby = primary.standby("second");
    standby.run(&[]);
    follow_synchronously(&primary);
    let mut log = log(open(&primary.url(&database), "a"));
    note(&mut log, "a", "on both").unwrap();
    standby.stop();
    // The server waits for ever here; whoever asks does not.
    let refused = note(&mut log, "a", "on the primary only").unwrap_err();
    assert!(matches!(refused, LogError::Storage(StoreError::Uncertain(_))), "{refused}");
    // As long as it waits, nobody else gets a place in the order, and nobody sees the entry.
    let waits = log.hold().unwrap_err().to_string();
    assert!(waits.contains("lock timeout"), "{waits}");
    log.refresh().unwrap();
    assert_eq!(log.size(), 1);

    // A server whose wait is ended by hand says "committed", with a warning.
    let cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity
                  WHERE wait_event = 'SyncRep'";
    let mut client = primary.client("postgres");
    assert!(client.query_one(cancel, &[]).unwrap().get::<_, i64>(0) > 0);
    // Its membership was not renewed meanwhile: that waits for the standby as well.
    let (enough, told) = channel::<()>();
    let canceller = thread::spawn(move || {
        while told.recv_timeout(Duration::from_millis(50)) == Err(RecvTimeoutError::Timeout) {
            client.query_one(cancel, &[]).unwrap();
        }
    });
    hold(&mut log);
    let refused = note(&mut log, "a", "on the primary only").unwrap_err();
    drop(enough);
    canceller.join().unwrap();
    assert!(
        matches!(&refused, LogError::Storage(StoreError::Uncertain(why)) if why.contains("standby")),
        "{refused}"
    );

    standby.run(&[]);
    wait_for_sync(&primary);
    hold(&mut log);
    assert_eq!(note(&mut log, "a", "on both again").unwrap(), 3);
    log.verify_all().unwrap();
    assert_eq!(log.stream_version("a").unwrap(), 4);
}

#[test]
fn a_required_standby_is_watched() {
    let primary = Cluster::start(&[]);
    let database = primary.database();
    let required = |user: &str| {
        let url = format!("postgres://{user}@{}/{database}", primary.host());
        PostgresStore::open(Use { require_synchronous_standby: true, ..settings(&url, "a") })
    };
    open(&primary.url(&database), "setup");
    let refused = required("postgres").unwrap_err();
    assert!(matches!(refused, StoreError::NoStandby(_)), "{refused}");

    let mut standby = primary.standby("second");
    standby.run(&[]);
    follow_synchronously(&primary);
    let store = required("postgres").unwrap();
    assert_eq!(store.synchronous_standby().unwrap(), Standby::InSync(1));

    // A user who may not see the standbys is told what is missing.
    let mut client = primary.client(&database);
    client
        .batch_execute(
            "CREATE ROLE plain LOGIN; GRANT USAGE ON SCHEMA tagout TO plain;
             GRANT ALL ON ALL TABLES IN SCHEMA tagout TO plain",
        )
        .unwrap();
    let plain = required("plain").unwrap();
    let hidden = plain.synchronous_standby().unwrap();
    assert!(matches!(&hidden, Standby::Missing(what) if what.contains("pg_monitor")), "{hidden:?}");
    client.batch_execute("GRANT pg_monitor TO plain").unwrap();
    assert_eq!(required("plain").unwrap().synchronous_standby().unwrap(), Standby::InSync(1));

    standby.stop();
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let state = store.synchronous_standby().unwrap();
        if let Standby::Missing(what) = &state {
            assert!(what.contains("standby") && !state.is_ready());
            break;
        }
        assert!(Instant::now() < end, "{state:?}");
        thread::sleep(Duration::from_millis(50));
    }
}
