//! Two replicas on one database, of which one is killed while both take deliveries.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::account::Account;
use super::chance::{Chance, seed};
use super::cluster::Cluster;
use super::cycles::{home, postgres, start};
use super::load::{Aim, Load, SENDERS};
use super::service::Service;

/// How soon the other one leads.
const TAKES_OVER_WITHIN: Duration = Duration::from_secs(5);
const ROUNDS: u64 = 4;

fn leads(service: &Service) -> bool {
    service.metric("tagout_replica_leads") == Some(1.0)
}

/// How long it took until this one led.
fn leads_after(service: &Service, begin: Instant) -> Duration {
    service.wait("that it leads", |service| leads(service).then(|| begin.elapsed()))
}

#[test]
fn of_two_replicas_the_one_that_is_left_leads_and_nothing_is_lost() {
    let seed = seed();
    let cluster = Cluster::start(&[]);
    let store = postgres(&cluster, &cluster.database());
    let first = start(home(&store));
    let other = home(&store);
    for key in ["log.key", "log.pub"] {
        fs::copy(first.home.data().join(key), other.data().join(key)).unwrap();
    }
    let mut replicas = vec![first, start(other)];
    let (load, mut account) = (Load::default(), Account::default());
    let (mut bit, mut leaders) = (0, 0);
    for round in 1..=ROUNDS {
        replicas[0].wait("a leader", |_| replicas.iter().any(leads).then_some(()));
        let leader = usize::from(leads(&replicas[1]));
        let mut chance = Chance::new(seed, round);
        // The last round kills the leader, whatever was drawn before.
        let victim = match round {
            ROUNDS => leader,
            _ => usize::from(chance.within(0, 2) == 1),
        };
        leaders += u64::from(victim == leader);
        let aims = [0, 1].map(|n: usize| Aim::at(&replicas[n].address));
        let enough = AtomicBool::new(false);
        let after = chance.within(100, 400);
        let home = thread::scope(|scope| {
            for sender in 0..SENDERS {
                let chance = Chance::new(seed, round << 8 | (sender + 1));
                let aim = &aims[usize::from(sender % 2 == 1)];
                let (load, enough) = (&load, &enough);
                scope.spawn(move || load.send(chance, aim, enough));
            }
            thread::sleep(Duration::from_millis(after));
            let killed = replicas.remove(victim);
            aims[victim].killed.store(true, Ordering::SeqCst);
            let begin = Instant::now();
            let home = killed.kill();
            let took = leads_after(&replicas[0], begin);
            let what = if victim == leader { "the leader" } else { "the follower" };
            println!("round {round}: {what} was killed; the other leads after {took:?}");
            // The senders of the one that is left go on for a while.
            thread::sleep(Duration::from_millis(200));
            enough.store(true, Ordering::SeqCst);
            assert!(took < TAKES_OVER_WITHIN, "{took:?}");
            home
        });
        bit += u64::from(aims[victim].was_bitten());
        account.add(load.receipts());
        home.assert_log_holds();
        let found = account.audit(&home);
        assert!(found.lost.is_empty(), "acknowledged and lost: {:#?}", found.lost);
        assert!(found.duplicated.is_empty(), "opened twice: {:#?}", found.duplicated);
        replicas.push(start(home));
    }
    println!(
        "| postgresql, two replicas | {seed} | {ROUNDS} kills, {leaders} of the leader | {bit} bit \
         | {} acknowledged | 0 lost | 0 duplicated | {} answered 503 |",
        account.acknowledged(),
        load.refused()
    );
    assert!(bit > 0, "no kill hit while a delivery was unanswered");
}
