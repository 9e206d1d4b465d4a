//! The key of a log that replicas share is rotated: refused beside them, and whoever was not there
//! then signs nothing with the old one.

use std::fs;

use serde_json::json;

use super::replicas::Pair;
use super::service::{OWN_SECRET, Service};
use super::stage::{LIVE, home, nap};

fn deliver(service: &Service, host: &str) {
    let labels = json!({"alertname": "CacheFull", "instance": host, "environment": "test"});
    let alert = json!({"title": "CacheFull", "severity": "warning", "labels": labels});
    let sent = service.post("own", OWN_SECRET, alert.to_string()).is(200);
    service.decided(sent.json()["incidents"][0].as_str().unwrap());
}

#[test]
fn the_key_is_not_rotated_beside_replicas_and_one_that_was_stuck_then_signs_nothing_with_the_old() {
    let pair = Pair::of(home("dry-run", LIVE), home("dry-run", LIVE));
    let leader = pair.leader();
    let [one, two] = pair.replicas;
    let (first, second) = if leader == 0 { (one, two) } else { (two, one) };
    deliver(&first.service, "c-1");
    let old = fs::read_to_string(first.service.home.data().join("log.pub")).unwrap();

    // Beside two replicas, and beside one: each has a copy of the key that this cannot see.
    let refused = |home: &super::home::Home| {
        let said = ["works on the log with the present key", "stop every replica", "copy log.key"];
        home.tagout(&["keys", "rotate"]).done().exits(2).names(&said);
        assert!(!home.data().join("log.key.next").exists());
        assert_eq!(fs::read_to_string(home.data().join("log.pub")).unwrap(), old);
    };
    refused(&first.service.home);
    // Whoever leads signs at its end.
    let first = first.service.stop();
    let before = second.service.read("/v1/log/checkpoint").is(200).json();
    let before = before["note"].as_str().unwrap();
    refused(&first);
    assert_eq!(first.count("log.key_rotated"), 0);

    // The other is stuck for so long that it is no member: nobody can know of it.
    second.service.signal("-STOP");
    nap(4000);
    let rotated = first.tagout(&["keys", "rotate", "--json"]).done().ok().json();
    second.service.signal("-CONT");
    // It takes deliveries, and does not sign them.
    deliver(&second.service, "c-2");
    second.wait("that it cannot sign", || second.service.told().contains("any more"));
    assert!(
        second.service.told().contains("the log cannot be signed"),
        "{}",
        second.service.told()
    );
    let last = second.service.read("/v1/log/checkpoint").is(200).json();
    assert_eq!(last["note"], rotated["checkpoint"]);
    assert_ne!(last["entries"], last["entries_now"]);

    // With the new key in its directory it goes on to sign, also without a restart.
    for key in ["log.key", "log.pub"] {
        fs::copy(first.data().join(key), second.service.home.data().join(key)).unwrap();
    }
    let second = second.service.stop();
    let after = fs::read_to_string(second.data().join("log.checkpoint")).unwrap();
    let new = rotated["new"].as_str().unwrap();
    for home in [&first, &second] {
        home.assert_log_holds();
        let verified = home.tagout(&["audit", "verify", "--json"]).done().ok().json();
        assert_eq!(verified["signed_by"], json!([new]));
        assert_eq!(verified["entries_not_signed"], 0);
    }
    // It is one history: whoever has a key of it, or a checkpoint of before, sees it go on.
    second.tagout(&["audit", "export", "--output", "log"]).done().ok();
    for (name, text) in [("old", old.as_str()), ("new", new), ("before", before), ("after", &after)]
    {
        second.write(name, text);
    }
    for keys in ["old", "new"] {
        for kept in ["before", "after"] {
            let args = ["audit", "verify", "log", "--keys", keys, "--checkpoint", kept];
            second.tagout(&args).done().ok();
        }
    }
    drop(pair.cluster);
}
