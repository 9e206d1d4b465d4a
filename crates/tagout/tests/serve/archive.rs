//! Texts are archived and erased beside a running service.

use std::fs;

use serde_json::Value;

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

#[test]
fn a_text_that_is_erased_beside_the_service_is_told_no_more_and_no_file_holds_it() {
    const SECRET: &str = "the card of Ana Perez is 4929 1111 2222 3333";
    let service = Service::start();
    let mut firing: Value = serde_json::from_str(&alert("QueueStuck", "warning", "q-1")).unwrap();
    firing["message"] = SECRET.into();
    let receipt = service.post("own", OWN_SECRET, firing.to_string()).is(200).json();
    let id = receipt["incidents"][0].as_str().unwrap().to_owned();
    service.decided(&id);
    let reason = format!("as {SECRET} says");
    service.home.tagout(&["halt", "--reason", &reason]).done().ok();
    let shown = |of: &str| service.read(of).is(200).body.contains(SECRET);
    let (incident, stops) = (format!("/incidents/{id}"), "/stops");
    service.wait("both are told", |_| (shown(&incident) && shown(stops)).then_some(()));

    for kind in ["incident_opened", "kill_switch_engaged"] {
        let trail = service.home.trail();
        let entry = trail.iter().find(|line| line["event"]["kind"] == kind).unwrap();
        let entry = entry["entry"].to_string();
        service
            .home
            .tagout(&["audit", "erase", &entry, "--reason", "a slip", "--as", "admin"])
            .done()
            .ok();
    }
    service.wait("neither is", |_| (!shown(&incident) && !shown(stops)).then_some(()));
    for file in ["tagout.db", "tagout.db-wal"] {
        let bytes = fs::read(service.home.data().join(file)).unwrap();
        assert!(!bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()), "{file}");
    }
}
