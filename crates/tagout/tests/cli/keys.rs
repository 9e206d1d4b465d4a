//! The signing key given to another: what verifies afterwards, what is refused, and what an
//! interruption leaves behind.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use super::home::{Home, alert};

fn home() -> Home {
    let home = Home::new();
    home.run(&alert("CacheFull", "warning", "c-1")).ok();
    home
}

fn file(home: &Home, name: &str) -> String {
    fs::read_to_string(home.data().join(name)).unwrap()
}

fn export(home: &Home, name: &str) {
    home.tagout(&["audit", "export", "--output", name]).done().ok();
}

#[test]
fn a_log_whose_key_was_rotated_verifies_from_the_first_key_alone() {
    let home = home();
    let (old_secret, first) = (file(&home, "log.key"), file(&home, "log.pub"));
    home.write("first", &first);
    home.write("kept", home.tagout(&["audit", "checkpoint"]).done().ok().stdout);

    let rotated = home.tagout(&["keys", "rotate", "--json"]).done().ok().json();
    assert_eq!(rotated["old"], first.trim());
    assert_eq!(rotated["resumed"], false);
    home.write("new-checkpoint", rotated["checkpoint"].as_str().unwrap());
    assert_ne!(file(&home, "log.key"), old_secret);
    assert_eq!(fs::metadata(home.data().join("log.key")).unwrap().mode() & 0o777, 0o600);
    assert!(!home.data().join("log.key.next").exists());
    for entry in fs::read_dir(home.data()).unwrap().map(Result::unwrap) {
        let bytes = fs::read(entry.path()).unwrap_or_default();
        let holds = bytes.windows(old_secret.len()).any(|part| part == old_secret.as_bytes());
        assert!(!holds, "{} still holds the old key", entry.path().display());
    }

    // It goes on under the new key.
    home.run(&alert("CacheFull", "warning", "c-2")).ok();
    home.assert_log_holds();
    export(&home, "log");
    for kept in ["kept", "new-checkpoint"] {
        let args = ["audit", "verify", "log", "--keys", "first", "--checkpoint", kept, "--json"];
        let verified = home.tagout(&args).done().ok().json();
        assert_eq!(verified["signed_by"], serde_json::json!([rotated["new"]]));
        assert_eq!(verified["keys"], serde_json::json!([rotated["old"], rotated["new"]]));
    }
    // The keys that are handed out verify the log and the proof of an entry.
    home.write("proof", home.tagout(&["audit", "prove", "0"]).done().ok().stdout);
    home.tagout(&["audit", "verify", "proof"]).done().ok();

    let shown = home.tagout(&["keys", "show"]).done().ok().stdout;
    assert_eq!(shown, file(&home, "log.pub"));
    let keys = home.tagout(&["keys", "show", "--json"]).done().ok().json();
    assert_eq!(keys["keys"][0]["key"], first.trim());
    assert_eq!(keys["keys"][0]["until_entry"], rotated["entry"]);
    assert_eq!(
        (&keys["keys"][1]["from_entry"], &keys["keys"][1]["until_entry"]),
        (&rotated["entry"], &serde_json::Value::Null)
    );
}

#[test]
fn a_key_is_rotated_again_and_again() {
    let home = home();
    home.write("first", file(&home, "log.pub"));
    for n in 0..3 {
        home.tagout(&["keys", "rotate"]).done().ok();
        home.run(&alert("CacheFull", "warning", &format!("d-{n}"))).ok();
    }
    export(&home, "log");
    let told = home.tagout(&["audit", "verify", "log", "--keys", "first"]).done().ok().stdout;
    assert!(told.contains("the key was rotated 3 times"), "{told}");
    home.assert_log_holds();
}

#[test]
fn the_old_key_signs_nothing_after_the_rotation() {
    let home = home();
    let (old, old_public) = (file(&home, "log.key"), file(&home, "log.pub"));
    home.tagout(&["keys", "rotate"]).done().ok();
    // Somebody puts the old key back, as from a backup of before.
    let key = home.data().join("log.key");
    fs::write(&key, &old).unwrap();
    fs::write(home.data().join("log.pub"), old_public).unwrap();
    let out = home.tagout(&["audit", "checkpoint"]).done().exits(3);
    out.names(&["does not sign this log any more", "tagout keys rotate"]);
    home.run(&alert("CacheFull", "warning", "c-2")).exits(3).names(&["any more"]);
    // What was recorded is well, and it cannot rotate either.
    home.assert_log_holds();
    home.tagout(&["keys", "rotate"]).done().exits(3).names(&["any more"]);
}

#[test]
fn a_rotation_that_was_interrupted_is_finished_and_no_key_is_lost() {
    let names = ["log.key", "log.pub", "log.checkpoint"];
    let home = home();
    let before = names.map(|name| file(&home, name));
    home.tagout(&["keys", "rotate"]).done().ok();
    let (entries, new) =
        (home.tagout(&["audit", "verify", "--json"]).done().ok().json(), file(&home, "log.key"));

    // As if it had been killed after the log took the new key in, and before any file changed.
    fs::rename(home.data().join("log.key"), home.data().join("log.key.next")).unwrap();
    for (name, text) in names.iter().zip(&before) {
        home.write(&format!("state/tagout/{name}"), text);
    }
    fs::set_permissions(
        home.data().join("log.key"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    home.tagout(&["audit", "checkpoint"]).done().exits(3).names(&["tagout keys rotate"]);
    let finished = home.tagout(&["keys", "rotate", "--json"]).done().ok().json();
    assert_eq!(finished["resumed"], true);
    assert_eq!(file(&home, "log.key"), new);
    let now = home.tagout(&["audit", "verify", "--json"]).done().ok().json();
    assert_eq!((&now["entries"], &now["keys"]), (&entries["entries"], &entries["keys"]));
}

#[test]
fn a_rotation_that_was_interrupted_before_the_log_knew_takes_the_same_key() {
    let home = home();
    // A key of this log's name that nobody has recorded yet.
    let own = file(&home, "log.key");
    let name = own.strip_prefix("PRIVATE+KEY+").unwrap().split('+').next().unwrap();
    let next = tagout_log::SignerKey::from_seed(name, &[9; 32]).unwrap();
    let path = home.write("state/tagout/log.key.next", next.to_secret_text());
    home.tagout(&["keys", "rotate"]).done().exits(3).names(&["chmod 600"]);
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let rotated = home.tagout(&["keys", "rotate", "--json"]).done().ok().json();
    assert_eq!(rotated["new"], next.verifier().to_string());
    assert_eq!(rotated["resumed"], false);
    home.assert_log_holds();
}
