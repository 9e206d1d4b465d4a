//! One process, killed again and again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::account::Account;
use super::chance::{Chance, cycles, seed};
use super::cluster::Cluster;
use super::home::{Home, POLICY};
use super::load::{Aim, Load, SENDERS};
use super::service::{Service, call, configuration};

/// After how many kills the whole log is read and held against the receipts.
const AUDIT_EVERY: u64 = 5;

/// After how many incidents of a severity for each kill what comes is gathered: about half of
/// the run.
const STORM_PER_CYCLE: u64 = 4;

/// A home whose service keeps its log in this store (a section of the configuration).
pub(crate) fn home(store: &str) -> Home {
    let home = Home::new();
    home.write("state/tagout/tagout.toml", configuration("", store));
    // Enough for a storm before the run is over: what it gathers must not be lost either.
    let storm = format!("storm_overall = {}", STORM_PER_CYCLE * cycles());
    home.write("policy.toml", POLICY.replace("storm_overall = 1000", &storm));
    home
}

/// The section for a database of a cluster.
pub(crate) fn postgres(cluster: &Cluster, database: &str) -> String {
    format!("[store]\nkind = \"postgres\"\nurl = \"{}\"\n", cluster.url(database))
}

/// A service of this home.
pub(crate) fn start(home: Home) -> Service {
    let call = call(&home);
    Service::of(home, call)
}

/// Kills the service under load again and again, and holds the log against the receipts.
fn soak(store: &str, mut home: Home) {
    let (seed, cycles) = (seed(), cycles());
    let (load, mut account) = (Load::default(), Account::default());
    let (mut bit, mut lost, mut duplicated) = (0, Vec::new(), Vec::new());
    for cycle in 1..=cycles {
        let service = start(home);
        let aim = Aim::at(&service.address);
        let enough = AtomicBool::new(false);
        let after = Chance::new(seed, cycle).within(20, 400);
        home = thread::scope(|scope| {
            for sender in 1..=SENDERS {
                let chance = Chance::new(seed, cycle << 8 | sender);
                let (load, aim, enough) = (&load, &aim, &enough);
                scope.spawn(move || load.send(chance, aim, enough));
            }
            thread::sleep(Duration::from_millis(after));
            aim.killed.store(true, Ordering::SeqCst);
            let home = service.kill();
            enough.store(true, Ordering::SeqCst);
            home
        });
        bit += u64::from(aim.was_bitten());
        account.add(load.receipts());
        home.assert_log_holds();
        if cycle % AUDIT_EVERY == 0 || cycle == cycles {
            let found = account.audit(&home);
            (lost, duplicated) = (found.lost, found.duplicated);
            if !lost.is_empty() || !duplicated.is_empty() {
                println!("cycle {cycle}: lost {lost:#?}, duplicated {duplicated:#?}");
                break;
            }
        }
    }
    println!("{} deliveries were answered 503 and sent again", load.refused());
    println!(
        "| commit | date | store | seed | cycles | kills that bit | acknowledged | lost | duplicated |"
    );
    println!(
        "| | | {store} | {seed} | {cycles} | {bit} | {} | {} | {} |",
        account.acknowledged(),
        lost.len(),
        duplicated.len()
    );
    assert!(lost.is_empty(), "acknowledged and lost: {lost:#?}");
    assert!(duplicated.is_empty(), "opened twice: {duplicated:#?}");
    assert!(bit > 0, "no kill hit while a delivery was unanswered");
    assert!(account.acknowledged() > 0, "nothing was acknowledged");
    // What is left takes deliveries as before.
    start(home).stop();
}

#[test]
fn no_acknowledged_delivery_is_lost_over_sqlite() {
    soak("sqlite", home(""));
}

#[test]
fn no_acknowledged_delivery_is_lost_over_postgresql() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    soak("postgresql", home(&postgres(&cluster, &database)));
}
