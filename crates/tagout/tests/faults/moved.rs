//! The file of the SQLite store is moved away or replaced under the service.

use std::fs;

use super::home::Home;
use super::said::{Said, ready};
use super::service::{Service, call};

/// What the service tells when it sees it.
const TOLD: &str = "it was moved, removed or replaced";

fn seen(service: &Service) {
    ready(service, false);
    let why = service.ready().1["failing"].to_string();
    assert!(why.contains("moved, removed or replaced"), "{why}");
    service.wait("the fault in the log", |service| service.told().contains(TOLD).then_some(()));
}

/// A new service over what an earlier one left, which keeps what that one said.
fn goes_on(home: Home, mut said: Said) {
    let call = call(&home);
    let service = Service::of(home, call);
    said.until_taken(&service);
    ready(&service, true);
    said.is_kept(&service.stop());
}

#[test]
fn nothing_is_acknowledged_into_a_file_that_was_moved_away() {
    let service = Service::start();
    let mut said = Said::default();
    said.until_taken(&service);
    let (database, away) = (service.home.database(), service.home.path("away.db"));
    fs::rename(&database, &away).unwrap();
    said.all_refused(&service, "the file was moved away");
    seen(&service);
    // What happened to it meanwhile is not known: all of it is checked at the next start.
    fs::rename(&away, &database).unwrap();
    said.all_refused(&service, "the file was moved away and back");
    goes_on(service.kill(), said);
}

#[test]
fn nothing_is_acknowledged_beside_a_file_that_was_put_in_the_place_of_the_log() {
    let service = Service::start();
    let mut said = Said::default();
    said.until_taken(&service);
    let (database, away) = (service.home.database(), service.home.path("away.db"));
    let copy = service.home.path("copy.db");
    service.home.tagout(&["store", "backup", copy.to_str().unwrap()]).done().ok();
    fs::rename(&database, &away).unwrap();
    fs::rename(&copy, &database).unwrap();
    said.all_refused(&service, "another file is in the place of the log");
    seen(&service);
    // The probe did no harm to the one that was moved away.
    fs::rename(&away, &database).unwrap();
    goes_on(service.kill(), said);
}

#[test]
fn nothing_is_acknowledged_any_more_when_another_file_was_opened_in_the_place_of_the_log() {
    let service = Service::start();
    let mut said = Said::default();
    said.until_taken(&service);
    let (database, away) = (service.home.database(), service.home.path("away.db"));
    let copy = service.home.path("copy.db");
    service.home.tagout(&["store", "backup", copy.to_str().unwrap()]).done().ok();
    fs::rename(&database, &away).unwrap();
    fs::rename(&copy, &database).unwrap();
    said.all_refused(&service, "another file is in the place of the log");
    // Whoever opens it takes the write-ahead log of the service for its own and writes into it.
    let halt = ["halt", "--reason", "to see what is here", "--as", "ops"];
    service.home.tagout(&halt).done().ok();
    fs::rename(&away, &database).unwrap();
    said.all_refused(&service, "another process wrote into its write-ahead log");
    seen(&service);
    service.kill();
}
