//! Texts are archived beside a running service.

use std::fs;

use super::home::alert;
use super::service::{OWN_SECRET, Service};

#[test]
fn texts_are_archived_while_the_service_records() {
    let mut service = Service::start();
    let firing = alert("CacheFull", "warning", "c-1");
    let receipt = service.post("own", OWN_SECRET, firing.as_str()).is(200).json();
    let id = receipt["incidents"][0].as_str().unwrap().to_owned();
    service.decided(&id);
    let over = firing.replacen('{', r#"{"status":"resolved","#, 1);
    service.post("own", OWN_SECRET, over).is(200);
    fs::create_dir(service.home.path("archives")).unwrap();
    let run = ["store", "archive", "--older-than", "0s", "--to", "archives", "--json"];
    let report = service.home.tagout(&run).done().ok().json();
    let file = report["files"][0]["file"].as_str().unwrap_or_else(|| panic!("{report}")).to_owned();
    // It goes on, with the same alert too, and still shows the incident.
    let again = service.post("own", OWN_SECRET, firing.as_str()).is(200).json();
    service.decided(again["incidents"][0].as_str().unwrap());
    service.read(&format!("/v1/incidents/{id}")).is(200);
    service.signal("-TERM");
    assert_eq!(service.ended(), Some(0), "{}", service.told());
    let verify = ["audit", "verify", "--json", "--archive", &file];
    let verified = service.home.tagout(&verify).done().ok().json();
    assert_eq!(
        (&verified["texts_absent"], &verified["entries_not_signed"]),
        (&0.into(), &0.into())
    );
    assert_eq!(verified["texts_archived"], report["files"][0]["texts"]);
}
