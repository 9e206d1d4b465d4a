//! The database is stopped at once and started again under a service that takes deliveries.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::account::Account;
use super::chance::{Chance, seed};
use super::cluster::Cluster;
use super::cycles::{home, postgres, start};
use super::home::alert;
use super::load::{Aim, Load, SENDERS};
use super::service::OWN_SECRET;

const ROUNDS: u64 = 2;

#[test]
fn a_database_that_stops_and_starts_again_is_answered_503_meanwhile_and_loses_nothing() {
    let seed = seed();
    let mut cluster = Cluster::start(&[]);
    let database = cluster.database();
    let service = start(home(&postgres(&cluster, &database)));
    let (load, enough) = (Load::default(), AtomicBool::new(false));
    let aim = Aim::at(&service.address);
    thread::scope(|scope| {
        for sender in 1..=SENDERS {
            let chance = Chance::new(seed, sender);
            let (load, aim, enough) = (&load, &aim, &enough);
            scope.spawn(move || load.send(chance, aim, enough));
        }
        for round in 1..=ROUNDS {
            let after = Chance::new(seed, round << 8).within(100, 500);
            thread::sleep(Duration::from_millis(after));
            cluster.stop();
            let body = alert("CacheFull", "warning", &format!("while-gone-{round}"));
            service.post("own", OWN_SECRET, body.clone()).fails_with(503);
            service.get("/livez").is(200);
            service.wait("that it is not ready", |s| (s.ready().0 == 503).then_some(()));
            cluster.run(&[]);
            let begin = Instant::now();
            service.wait("that it takes deliveries again", |service| {
                let taken = service.post("own", OWN_SECRET, body.clone()).status == 200;
                taken.then_some(())
            });
            service.wait("that it is ready", |s| (s.ready().0 == 200).then_some(()));
            println!("round {round}: it took deliveries again after {:?}", begin.elapsed());
        }
        enough.store(true, Ordering::SeqCst);
    });
    let mut account = Account::default();
    account.add(load.receipts());
    println!(
        "{} acknowledged, {} answered 503 and sent again",
        account.acknowledged(),
        load.refused()
    );
    assert!(load.refused() > 0 && account.acknowledged() > 0, "nothing was under way");
    let home = service.stop();
    home.assert_log_holds();
    let found = account.audit(&home);
    assert!(found.lost.is_empty(), "acknowledged and lost: {:#?}", found.lost);
    assert!(found.duplicated.is_empty(), "opened twice: {:#?}", found.duplicated);
}
