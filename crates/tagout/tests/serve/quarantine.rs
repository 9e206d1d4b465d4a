//! What known senders sent and nobody could read, over the interface and from the command line.

use std::thread;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tagout_core::limits;

use super::home::alert;
use super::people::Person;
use super::service::{OWN_SECRET, SECRET, Service, call};

/// Sends a body that cannot be read; the path of its delivery.
fn quarantined(service: &Service, source: &str, secret: &str, body: impl Into<Vec<u8>>) -> String {
    let receipt = service.post(source, secret, body).is(202).json();
    format!("/v1/deliveries/{}", receipt["delivery"].as_str().unwrap())
}

fn detail(answer: &Value) -> &str {
    answer["detail"].as_str().unwrap_or_default()
}

#[test]
fn a_delivery_in_quarantine_is_read_again_by_whoever_may_once_its_source_is_mended() {
    let service = Service::start();
    let rita = Person::of(&service, "rita", "responder");
    let vera = Person::of(&service, "vera", "viewer");
    // Well formed, and not what this source is configured to send.
    let good = alert("QueueStuck", "warning", "q-7");
    let path = quarantined(&service, "am", SECRET, good.clone());
    let other = quarantined(&service, "own", OWN_SECRET, "nonsense");
    let replay = |person: &Person| person.post(&format!("{path}/replay"), &json!({}));
    let dismiss = |person: &Person| person.post(&format!("{other}/dismiss"), &json!({}));

    let listed = vera.get("/v1/deliveries").is(200).json();
    let of = |n: usize| &listed["deliveries"][n]["source"];
    assert_eq!((of(0), of(1), &listed["total"]), (&json!("am"), &json!("own"), &json!(2)));
    let page = vera.get("/v1/deliveries?limit=1").is(200).json();
    let next = page["next"].as_u64().unwrap();
    let page = vera.get(&format!("/v1/deliveries?limit=1&from={next}")).is(200).json();
    assert_eq!((&page["deliveries"][0]["source"], &page["next"]), (&json!("own"), &json!(null)));
    let shown = vera.get(&path).is(200).json();
    assert_eq!((&shown["body"], &shown["whole"]), (&json!(good), &json!(true)));

    // Whoever only reads does neither, and the attempts are recorded.
    replay(&vera).fails_with(403);
    dismiss(&vera).fails_with(403);
    let still = replay(&rita).fails_with(422).json();
    assert!(detail(&still).contains("still cannot be read"), "{still}");
    let flawed = r#"{"version": "4", "status": "firing", "alerts": [{"labels": 7}]}"#;
    let flawed = quarantined(&service, "am", SECRET, flawed);
    let still = rita.post(&format!("{flawed}/replay"), &json!({})).fails_with(422).json();
    assert!(detail(&still).contains("none of its alerts"), "{still}");
    rita.post(&format!("{flawed}/dismiss"), &json!({})).is(200);
    for path in ["/v1/deliveries?limit=0", "/v1/deliveries?limit=101", "/v1/deliveries/abc"] {
        rita.get(path).fails_with(400);
    }
    dismiss(&rita).is(200);
    let again = dismiss(&rita).fails_with(409).json();
    assert!(detail(&again).contains("no such delivery is quarantined"), "{again}");
    rita.post(&format!("{other}/replay"), &json!({})).fails_with(409);
    rita.get(&other).fails_with(404);

    // The source is mended, and two people press at once.
    let home = service.stop();
    let file = "state/tagout/tagout.toml";
    let text = std::fs::read_to_string(home.path(file)).unwrap();
    home.write(file, text.replacen("kind = \"alertmanager\"", "kind = \"native\"", 1));
    let call = call(&home);
    let service = Service::of(home, call);
    let rita = rita.at(&service);
    let answers = thread::scope(|scope| {
        let press = || rita.post(&format!("{path}/replay"), &json!({}));
        let both = [scope.spawn(press), scope.spawn(press)];
        both.map(|one| one.join().unwrap())
    });
    let mut statuses = answers.each_ref().map(|answer| answer.status);
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{answers:?}");
    let done = answers.iter().find(|answer| answer.status == 200).unwrap().json();
    assert_eq!((&done["alerts"], &done["flawed"]), (&json!(1), &json!(0)), "{done}");
    let id = done["incidents"][0].as_str().unwrap();
    service.decided(id);
    assert_eq!(rita.get("/v1/deliveries").is(200).json()["deliveries"], json!([]));

    let home = service.stop();
    let trail = home.trail();
    let opened = |line: &&Value| line["event"]["data"]["alert"]["labels"]["instance"] == "q-7";
    assert_eq!(trail.iter().filter(opened).count(), 1, "one incident of it");
    assert_eq!((home.count("quarantine_lifted"), home.count("ask_refused")), (3, 2));
    home.assert_log_holds();
}

#[test]
fn what_was_sent_is_shown_bounded_and_without_the_secret_of_its_source() {
    let service = Service::start();
    let rita = Person::of(&service, "rita", "responder");
    let hostile = format!("<script>\u{1b}[2J{{\"token\": \"{OWN_SECRET}\"}}");
    let path = quarantined(&service, "own", OWN_SECRET, hostile);
    let shown = rita.get(&path).is(200);
    assert!(!shown.body.contains(OWN_SECRET) && !shown.body.contains('\u{1b}'), "{shown:?}");
    let shown = shown.json()["body"].as_str().unwrap().to_owned();
    assert_eq!(shown, "<script>\u{1b}[2J{\"token\": \"[redacted]\"}");
    // What is no text, with the secret in its last bytes.
    let mut bytes = vec![0xff; 20];
    bytes.extend_from_slice(OWN_SECRET.as_bytes());
    let path = quarantined(&service, "own", OWN_SECRET, bytes);
    let shown = rita.get(&path).is(200).json();
    assert_eq!((&shown["base64"], &shown["bytes"]), (&json!(true), &json!(20 + OWN_SECRET.len())));
    let base64 = BASE64_STANDARD.encode([&[0xff; 20][..], b"[redacted]"].concat());
    assert_eq!(shown["body"], base64);
    // No more is kept, and then it cannot be read again.
    let kept = |length: usize| {
        let path = quarantined(&service, "own", OWN_SECRET, vec![b'x'; length]);
        let shown = rita.get(&path).is(200).json();
        let replayed = rita.post(&format!("{path}/replay"), &json!({})).fails_with(422).json();
        (shown["body"].as_str().unwrap().len(), detail(&replayed).contains("only a part"))
    };
    assert_eq!(kept(limits::QUARANTINED_BYTES), (limits::QUARANTINED_BYTES, false));
    assert_eq!(kept(limits::QUARANTINED_BYTES + 1), (limits::QUARANTINED_BYTES, true));
    service.stop().assert_log_holds();
}
