//! The key is rotated beside a running service, which takes the new one over.

use super::home::alert;
use super::service::{OWN_SECRET, Service};

#[test]
fn a_running_service_signs_with_the_new_key_from_the_next_signature_on() {
    let mut service = Service::start();
    let receipt = service.post("own", OWN_SECRET, alert("CacheFull", "warning", "c-1")).is(200);
    service.decided(receipt.json()["incidents"][0].as_str().unwrap());
    let rotated = service.home.tagout(&["keys", "rotate", "--json"]).done().ok().json();
    let receipt = service.post("own", OWN_SECRET, alert("CacheFull", "warning", "c-2")).is(200);
    service.decided(receipt.json()["incidents"][0].as_str().unwrap());
    service.signal("-TERM");
    assert_eq!(service.ended(), Some(0), "{}", service.told());
    let verified = service.home.tagout(&["audit", "verify", "--json"]).done().ok().json();
    assert_eq!(verified["entries_not_signed"], 0);
    assert_eq!(verified["signed_by"], serde_json::json!([rotated["new"]]));
}
