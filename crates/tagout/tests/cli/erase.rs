//! Free texts erased for good: gone from every view and file, recorded, and the log holds.

use std::fs;

use serde_json::Value;

use super::home::{Home, alert};

const SECRET: &str = "the card of Ana Perez is 4929 1111 2222 3333";

/// A home with one alert that says what it should not, and the entry that holds it.
fn home() -> (Home, String) {
    let home = Home::new();
    let mut sent: Value = serde_json::from_str(&alert("CacheFull", "warning", "c-1")).unwrap();
    sent["message"] = SECRET.into();
    home.run(&sent.to_string()).ok();
    let trail = home.trail();
    let opened = trail.iter().find(|line| line["event"]["kind"] == "incident_opened").unwrap();
    (home, opened["entry"].to_string())
}

#[test]
fn an_erased_text_is_nowhere_and_the_log_holds_and_goes_on() {
    let (home, entry) = home();
    home.write("kept", home.tagout(&["audit", "checkpoint"]).done().ok().stdout);
    assert!(home.tagout(&["audit", "show", "--json"]).done().stdout.contains(SECRET));
    let args = ["audit", "erase", &entry, "--reason", "a card number", "--as", "ana", "--json"];
    let erased = home.tagout(&args).done().ok().json();
    assert!(!erased["erased"].as_array().unwrap().is_empty());

    for file in ["tagout.db", "tagout.db-wal"] {
        let bytes = fs::read(home.data().join(file)).unwrap_or_default();
        assert!(!bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()), "{file}");
    }
    assert!(!home.tagout(&["audit", "show", "--json"]).done().ok().stdout.contains(SECRET));
    let export = home.tagout(&["audit", "export"]).done().ok().stdout;
    assert!(!export.contains(SECRET));
    assert!(export.contains("\"kind\":\"log.text_erased\"") && export.contains("a card number"));
    let args = ["audit", "verify", "--checkpoint", "kept", "--json"];
    let verified = home.tagout(&args).done().ok().json();
    let texts = erased["erased"].as_array().unwrap().len();
    assert_eq!(verified["texts_erased"], texts);
    assert_eq!(
        (&verified["texts_absent"], &verified["entries_not_signed"]),
        (&0.into(), &0.into())
    );
    home.run(&alert("CacheFull", "warning", "c-2")).ok();
    home.assert_log_holds();
    // A second time there is nothing to erase.
    let again = ["audit", "erase", &entry, "--reason", "again"];
    home.tagout(&again).done().exits(2).names(&["keeps no text"]);
}

#[test]
fn an_erasure_needs_a_reason_an_entry_and_a_text_that_is_there() {
    let (home, entry) = home();
    let before = home.tagout(&["audit", "verify", "--json"]).done().ok().json()["entries"].clone();
    home.tagout(&["audit", "erase", &entry]).done().exits(2).names(&["--reason"]);
    home.tagout(&["audit", "erase", &entry, "--reason", " "]).done().exits(2).names(&["reason"]);
    home.tagout(&["audit", "erase", "9999", "--reason", "x"]).done().exits(2).names(&["no entry"]);
    let text = "ab".repeat(32);
    let args = ["audit", "erase", &entry, "--reason", "x", "--text", &text];
    home.tagout(&args).done().exits(2).names(&["keeps no text"]);
    let after = home.tagout(&["audit", "verify", "--json"]).done().ok().json()["entries"].clone();
    assert_eq!(before, after, "nothing was recorded");
}
