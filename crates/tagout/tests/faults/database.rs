//! The PostgreSQL database is gone and comes back.

use std::thread;

use super::cluster::Cluster;
use super::said::{Said, ready};
use super::service::Service;

#[test]
fn while_the_database_is_gone_nothing_is_acknowledged_and_then_it_goes_on_by_itself() {
    let mut cluster = Cluster::start(&[]);
    let url = cluster.url(&cluster.database());
    let service = Service::with("", &format!("[store]\nkind = \"postgres\"\nurl = {url:?}\n"));
    let mut said = Said::default();
    for _ in 0..10 {
        said.until_taken(&service);
    }
    cluster.stop();
    // Each waits for the database as long as it may, so they come together.
    thread::scope(|scope| {
        for n in 1..=5 {
            let mut said = Said::from(n * 1_000);
            let service = &service;
            scope.spawn(move || assert!(!said.send(service), "taken without a database"));
        }
    });
    ready(&service, false);
    assert_eq!(service.get("/livez").status, 200, "the process is not at fault");
    cluster.run(&[]);
    said.until_taken(&service);
    ready(&service, true);
    said.is_kept(&service.stop());
}
