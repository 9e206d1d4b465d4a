//! The primary of two PostgreSQL servers dies under the service.

use std::thread;
use std::time::{Duration, Instant};

use super::cluster::Cluster;
use super::said::{Said, ready};
use super::service::Service;

fn synchronous(primary: &Cluster, names: &str) {
    let mut client = primary.client("postgres");
    let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'");
    client.batch_execute(&set).unwrap();
    client.batch_execute("SELECT pg_reload_conf()").unwrap();
    if names.is_empty() {
        return;
    }
    let sql = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
    let end = Instant::now() + Duration::from_secs(30);
    while client.query_one(sql, &[]).unwrap().get::<_, i64>(0) == 0 {
        assert!(Instant::now() < end, "the standby does not follow");
        thread::sleep(Duration::from_millis(50));
    }
}

fn two_servers() -> (Cluster, Cluster, String) {
    let primary = Cluster::start(&[]);
    let database = primary.database();
    let mut standby = primary.standby("second");
    standby.run(&[]);
    synchronous(&primary, "second");
    let url = format!("postgres://postgres@{},{}/{database}", primary.host(), standby.host());
    (primary, standby, format!("[store]\nkind = \"postgres\"\nurl = {url:?}\n"))
}

#[test]
fn every_acknowledged_delivery_is_on_the_standby_that_takes_the_place_of_a_killed_primary() {
    let (mut primary, standby, rest) = two_servers();
    let service = Service::with("", &rest);
    let mut load: Vec<Said> = Vec::new();
    let promoted = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        let senders: Vec<_> = (0..4)
            .map(|n| {
                let (service, promoted) = (&service, &promoted);
                scope.spawn(move || {
                    let mut said = Said::from(n * 100_000);
                    while !promoted.load(std::sync::atomic::Ordering::Relaxed) {
                        said.send(service);
                    }
                    said
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(1_500));
        primary.kill();
        standby.promote();
        promoted.store(true, std::sync::atomic::Ordering::Relaxed);
        load.extend(senders.into_iter().map(|sender| sender.join().unwrap()));
    });
    let taken: usize = load.iter().map(|said| said.taken.len()).sum();
    let refused: usize = load.iter().map(|said| said.refused).sum();
    println!("{taken} deliveries were acknowledged and {refused} refused around the death");
    assert!(taken > 10, "only {taken} before the primary died");
    // The same process goes on with the other server.
    let mut after = Said::from(900_000);
    after.until_taken(&service);
    ready(&service, true);
    load.push(after);
    let home = service.stop();
    for said in load {
        said.is_kept(&home);
    }
}

#[test]
fn a_service_that_demands_a_standby_is_not_ready_without_one() {
    let (primary, standby, rest) = two_servers();
    let service = Service::with("", &format!("{rest}require_synchronous_standby = true\n"));
    ready(&service, true);
    let mut said = Said::default();
    said.until_taken(&service);
    synchronous(&primary, "");
    ready(&service, false);
    let why = service.ready().1["failing"].to_string();
    assert!(why.contains("synchronous"), "{why}");
    synchronous(&primary, "second");
    ready(&service, true);
    said.until_taken(&service);
    said.is_kept(&service.stop());
    drop(standby);
}
