//! The key is rotated beside a running service, which takes the new one over.

use serde_json::json;

use super::home::alert;
use super::service::{OWN_SECRET, Service};

fn deliver(service: &Service, host: &str) {
    let receipt = service.post("own", OWN_SECRET, alert("CacheFull", "warning", host)).is(200);
    service.decided(receipt.json()["incidents"][0].as_str().unwrap());
}

#[test]
fn a_running_service_signs_with_the_new_key_from_the_next_signature_on() {
    let mut service = Service::start();
    deliver(&service, "c-1");
    let before = service.home.tagout(&["audit", "checkpoint"]).done().ok().stdout;
    service.home.write("before", before);
    service.home.assert_log_holds();
    let rotated = service.home.tagout(&["keys", "rotate", "--json"]).done().ok().json();
    deliver(&service, "c-2");
    service.home.assert_log_holds();
    // The same process signs at its end, and that goes on from what was signed with the old key.
    service.signal("-TERM");
    assert_eq!(service.ended(), Some(0), "{}", service.told());
    let verified = service.home.tagout(&["audit", "verify", "--json"]).done().ok().json();
    assert_eq!(verified["entries_not_signed"], 0);
    assert_eq!(verified["signed_by"], json!([rotated["new"]]));
    service.home.write("after", service.home.tagout(&["audit", "checkpoint"]).done().ok().stdout);
    service.home.tagout(&["audit", "export", "--output", "log"]).done().ok();
    for key in ["old", "new"] {
        service.home.write(key, rotated[key].as_str().unwrap());
        for kept in ["before", "after"] {
            let args = ["audit", "verify", "log", "--keys", key, "--checkpoint", kept, "--json"];
            let verified = service.home.tagout(&args).done().ok().json();
            assert_eq!(verified["signed_by"], json!([rotated["new"]]), "{key} {kept}");
        }
    }
}
