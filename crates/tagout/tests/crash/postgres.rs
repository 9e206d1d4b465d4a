//! Over PostgreSQL: one service, and two that share a database.

use std::fs;
use std::time::{Duration, Instant};

use super::cluster::Cluster;
use super::cycles::{Counts, cycles, home, one_service, start};
use super::home::Home;
use super::load::Load;
use super::random::Random;
use super::service::Service;

/// Within what time a replica takes over from one that died. Promised, so asserted.
const TAKEOVER: Duration = Duration::from_secs(5);

fn store(cluster: &Cluster, database: &str) -> String {
    format!("[store]\nkind = \"postgres\"\nurl = {:?}\n", cluster.url(database))
}

#[test]
fn a_service_over_postgresql_that_is_killed_loses_nothing_it_acknowledged() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    one_service("postgres", &store(&cluster, &database));
}

/// Waits until a replica leads and says how long that took.
fn leads(service: &Service, since: Instant) -> Duration {
    service.wait("a leader", |service| {
        (service.metric("tagout_replica_leads") == Some(1.0)).then_some(())
    });
    since.elapsed()
}

/// The same key for a second replica.
fn copy_keys(from: &Home, to: &Home) {
    for name in ["log.key", "log.pub"] {
        fs::copy(from.data().join(name), to.data().join(name)).unwrap();
    }
}

#[test]
fn a_replica_that_is_killed_is_taken_over_by_the_other_within_five_seconds() {
    let cluster = Cluster::start(&[]);
    let rest = store(&cluster, &cluster.database());
    let (seed, cycles) = (Random::seed(), cycles().div_ceil(4));
    println!("two replicas: seed {seed}, {cycles} cycles");
    let (mut random, mut load) = (Random::new(seed), Load::new(seed));
    let mut counts = Counts::default();
    let mut first = start(home(&rest), &mut counts);
    let second = home(&rest);
    copy_keys(&first.home, &second);
    let mut second = start(second, &mut counts);
    let (mut takeovers, mut back) = (Vec::new(), Duration::ZERO);
    for _ in 0..cycles {
        let (mut dying, mut staying) = (first, second);
        let led = |service: &Service| service.metric("tagout_replica_leads") == Some(1.0);
        // The first time the one that leads, then one or the other.
        if (takeovers.is_empty() && led(&staying)) || (!takeovers.is_empty() && random.percent(50))
        {
            std::mem::swap(&mut dying, &mut staying);
        }
        let led = led(&dying);
        let addresses = [dying.address.clone(), staying.address.clone()];
        let after = random.milliseconds(20, 700);
        let mut killed = None;
        let kill = || {
            std::thread::sleep(after);
            let home = dying.kill();
            killed = Some((home, Instant::now()));
        };
        let left = Some(staying.address.as_str());
        let met = load.run(&addresses, kill, left, Duration::from_millis(500));
        counts.add(&met);
        back = back.max(met.back.unwrap_or_default());
        let (home, at) = killed.unwrap();
        let took = leads(&staying, at);
        if led {
            takeovers.push(took);
        }
        load.acknowledged.check(&staying.home);
        (first, second) = (start(home, &mut counts), staying);
    }
    let incidents = load.acknowledged.check(&first.home);
    for service in [first, second] {
        service.stop().assert_log_holds();
    }
    counts.tell("postgres, two replicas", seed, &load, incidents);
    let worst = takeovers.iter().max().copied().unwrap_or_default();
    println!(
        "MEASURED takeover: {} leaders killed, the other led after {:.1} s at most; the first \
         acknowledgement after a kill came after {:.2} s at most",
        takeovers.len(),
        worst.as_secs_f64(),
        back.as_secs_f64(),
    );
    assert!(!takeovers.is_empty(), "no leader was killed");
    assert!(worst <= TAKEOVER, "taken over after {worst:?}");
    assert!(back <= TAKEOVER, "deliveries were taken again after {back:?}");
}
