//! The cycles: start, load, kill, start again.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::{Duration, Instant};

use super::cluster::Cluster;
use super::home::Home;
use super::ledger::audit;
use super::load::{Dice, senders};
use super::service::{Service, call, configuration};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    number("TAGOUT_SOAK_SEED", now.as_nanos() as u64)
}

fn home(rest: &str) -> Home {
    let home = Home::new();
    home.write("state/tagout/tagout.toml", configuration("", rest));
    home
}

fn postgres(cluster: &Cluster) -> String {
    let (dir, database) = (cluster.dir().display(), cluster.database());
    let url = format!("postgresql://postgres@/{database}?host={dir}");
    format!("[store]\nkind = \"postgres\"\nurl = \"{url}\"\n")
}

/// A life that was cut short has signed nothing of what it wrote last.
fn sign_and_verify(home: &Home) {
    home.tagout(&["audit", "checkpoint"]).done().ok();
    home.assert_log_holds();
}

/// What a soak came to, as it is kept in docs/measurements.md.
fn report(store: &str, seed: u64, cycles: u64, bit: u64, acknowledged: usize, incidents: usize) {
    println!(
        "soak | {store} | seed {seed} | {cycles} kills, {bit} hit a request under way | \
         {acknowledged} acknowledged, 0 lost | {incidents} incidents, 0 doubled | log verifies"
    );
}

fn soak(store: &str, rest: &str) {
    let (seed, cycles) = (seed(), number("TAGOUT_SOAK_CYCLES", 25));
    println!("TAGOUT_SOAK_SEED={seed}");
    let (mut dice, names) = (Dice::new(seed), Arc::new(AtomicU64::new(0)));
    let (mut home, mut acknowledged, mut bit) = (home(rest), Vec::new(), 0);
    for cycle in 0..cycles {
        let made = call(&home);
        let service = Service::of(home, made);
        let senders = senders(std::slice::from_ref(&service.address), &mut dice, &names);
        thread::sleep(Duration::from_millis(20 + dice.throw(280)));
        home = service.kill();
        for sender in senders {
            let seen = sender.join().unwrap();
            acknowledged.extend(seen.acknowledged);
            bit += seen.waiting;
        }
        if cycle % 10 == 9 {
            sign_and_verify(&home);
        }
    }
    assert!(bit > 0, "no kill hit a request under way");
    assert!(!acknowledged.is_empty(), "nothing was acknowledged");
    // A last life, which signs what the others left.
    let made = call(&home);
    let home = Service::of(home, made).stop();
    home.assert_log_holds();
    let found = audit(&home.trail(), &acknowledged);
    assert_eq!((&found.lost[..], &found.doubled[..]), (&[][..], &[][..]), "seed {seed}");
    report(store, seed, cycles, bit, acknowledged.len(), found.incidents);
}

#[test]
fn no_acknowledged_delivery_is_lost_and_no_incident_doubled_over_sqlite() {
    soak("SQLite", "");
}

#[test]
fn no_acknowledged_delivery_is_lost_and_no_incident_doubled_over_postgresql() {
    let cluster = Cluster::start(&[]);
    soak("PostgreSQL", &postgres(&cluster));
}

#[test]
fn a_replica_that_is_killed_is_taken_over_within_five_seconds_and_nothing_is_lost() {
    let cluster = Cluster::start(&[]);
    let rest = postgres(&cluster);
    let (seed, cycles) = (seed(), number("TAGOUT_SOAK_CYCLES", 25).div_ceil(5));
    println!("TAGOUT_SOAK_SEED={seed}");
    let (mut dice, names) = (Dice::new(seed), Arc::new(AtomicU64::new(0)));
    let first = home(&rest);
    let second = home(&rest);
    // Replicas of one log have one key.
    let made = call(&first);
    let first = Service::of(first, made);
    for file in ["log.key", "log.pub"] {
        let key = fs::read(first.home.data().join(file)).unwrap();
        let path = second.write(&format!("state/tagout/{file}"), &key);
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let made = call(&second);
    let mut replicas = vec![first, Service::of(second, made)];
    let (mut acknowledged, mut bit, mut slowest) = (Vec::new(), 0, Duration::ZERO);
    for _ in 0..cycles {
        let addresses: Vec<_> = replicas.iter().map(|r| r.address.clone()).collect();
        let senders = senders(&addresses, &mut dice, &names);
        thread::sleep(Duration::from_millis(200 + dice.throw(800)));
        let leads = |service: &Service| service.metric("tagout_replica_leads") == Some(1.0);
        // The one that leads, because that is the one to be taken over from.
        let killed = usize::from(!leads(&replicas[0]));
        let home = replicas.remove(killed).kill();
        let gone = Instant::now();
        replicas[0].wait("the other to lead", |service| leads(service).then_some(()));
        slowest = slowest.max(gone.elapsed());
        assert!(gone.elapsed() < Duration::from_secs(5), "taken over after {:?}", gone.elapsed());
        let made = call(&home);
        // The sender of the one that lives goes on until it is stopped.
        let living = replicas.remove(0);
        let other = living.kill();
        for sender in senders {
            let seen = sender.join().unwrap();
            acknowledged.extend(seen.acknowledged);
            bit += seen.waiting;
        }
        let again = call(&other);
        replicas = vec![Service::of(home, made), Service::of(other, again)];
    }
    assert!(bit > 0, "no kill hit a request under way");
    drop(replicas.remove(0).stop());
    let home = replicas.remove(0).stop();
    sign_and_verify(&home);
    let found = audit(&home.trail(), &acknowledged);
    assert_eq!((&found.lost[..], &found.doubled[..]), (&[][..], &[][..]), "seed {seed}");
    report("PostgreSQL, 2 replicas", seed, cycles * 2, bit, acknowledged.len(), found.incidents);
    println!("taken over after {slowest:?} at most");
}
