//! The key is rotated beside a running service, which takes the new one over.

use serde_json::json;

use super::home::alert;
use super::service::{OWN_SECRET, Service};

/// Takes an alert in, and gives the checkpoint over all that came of it.
fn signed(service: &Service, host: &str) -> String {
    let receipt = service.post("own", OWN_SECRET, alert("CacheFull", "warning", host)).is(200);
    service.decided(receipt.json()["incidents"][0].as_str().unwrap());
    service.wait("that all is signed", |service| {
        let last = service.read("/v1/log/checkpoint");
        let last = (last.status == 200).then(|| last.json())?;
        (last["entries"] == last["entries_now"]).then(|| last["note"].as_str().unwrap().to_owned())
    })
}

#[test]
fn a_running_service_signs_with_the_new_key_from_the_next_signature_on() {
    let mut service = Service::start();
    service.home.write("before", signed(&service, "c-1"));
    service.home.assert_log_holds();
    let rotated = service.home.tagout(&["keys", "rotate", "--json"]).done().ok().json();
    // It runs on, and what it signs now goes on from what it signed with the old one.
    service.home.write("after", signed(&service, "c-2"));
    service.home.assert_log_holds();
    service.home.tagout(&["audit", "export", "--output", "log"]).done().ok();
    for key in ["old", "new"] {
        service.home.write(key, rotated[key].as_str().unwrap());
        for kept in ["before", "after"] {
            let args = ["audit", "verify", "log", "--keys", key, "--checkpoint", kept, "--json"];
            let verified = service.home.tagout(&args).done().ok().json();
            assert_eq!(verified["signed_by"], json!([rotated["new"]]), "{key} {kept}");
        }
    }
    service.signal("-TERM");
    assert_eq!(service.ended(), Some(0), "{}", service.told());
    let verified = service.home.tagout(&["audit", "verify", "--json"]).done().ok().json();
    assert_eq!(verified["entries_not_signed"], 0);
    assert_eq!(verified["signed_by"], json!([rotated["new"]]));
}
