//! The file of the SQLite store is moved away or replaced under the service.

use std::fs;

use super::said::{Said, ready};
use super::service::Service;

#[test]
fn nothing_is_acknowledged_into_a_file_that_was_moved_away_and_it_goes_on_when_it_is_back() {
    let service = Service::start();
    let mut said = Said::default();
    said.until_taken(&service);
    let (database, away) = (service.home.database(), service.home.path("away.db"));
    fs::rename(&database, &away).unwrap();
    for _ in 0..5 {
        assert!(!said.send(&service), "taken into a file that was moved away");
    }
    ready(&service, false);
    fs::rename(&away, &database).unwrap();
    said.until_taken(&service);
    ready(&service, true);
    said.is_kept(&service.stop());
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
    for _ in 0..5 {
        assert!(!said.send(&service), "taken although another file is in the place of the log");
    }
    ready(&service, false);
    let told = service.told();
    assert!(told.contains("moved away or replaced"), "{told}");
    fs::rename(&away, &database).unwrap();
    said.until_taken(&service);
    ready(&service, true);
    said.is_kept(&service.stop());
}
