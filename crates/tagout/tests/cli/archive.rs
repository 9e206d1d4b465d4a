//! Texts of old closed incidents move into files; log and files hold, together and alone.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::home::{Home, alert};

/// A log with one closed incident and one that waits for people.
fn home() -> Home {
    let home = Home::new();
    let firing = alert("CacheFull", "warning", "c-1");
    home.run(&[&firing, alert("QueueStuck", "warning", "q-1").as_str()].join("\n")).ok();
    home.run(&firing.replacen('{', r#"{"status":"resolved","#, 1)).ok();
    fs::create_dir(home.path("archives")).unwrap();
    home
}

fn archive(home: &Home, older_than: &str) -> Vec<Value> {
    let args = ["store", "archive", "--older-than", older_than, "--to", "archives", "--json"];
    home.tagout(&args).done().ok().json()["files"].as_array().unwrap().clone()
}

fn files(home: &Home) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(home.path("archives")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn verify(home: &Home, archives: &[&str]) -> Value {
    let mut args = vec!["audit", "verify", "--json"];
    archives.iter().for_each(|path| args.extend(["--archive", path]));
    home.tagout(&args).done().ok().json()
}

/// The trail of an incident.
fn incident(home: &Home, name: &str) -> String {
    let trail = home.trail();
    let opened = trail
        .iter()
        .find(|line| line["event"]["kind"] == "incident_opened" && line.to_string().contains(name));
    let id = opened.unwrap()["incident"].as_str().unwrap();
    home.tagout(&["audit", "show", id, "--json"]).done().ok().stdout
}

#[test]
fn texts_of_a_closed_incident_move_into_a_file_and_log_and_file_hold() {
    let home = home();
    let kept = home.tagout(&["audit", "checkpoint"]).done().ok().stdout;
    home.write("kept", kept);
    let (before, trail) = (verify(&home, &[]), home.trail());
    let open = incident(&home, "q-1");
    assert!(!incident(&home, "c-1").contains("$erased"));

    let written = archive(&home, "0s");
    assert_eq!(written.len(), 1);
    let [file] = files(&home).try_into().unwrap();
    let name = file.to_str().unwrap();
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&file).unwrap());
    assert_eq!(mode & 0o777, 0o600, "others may read the texts");
    let texts = written[0]["texts"].as_u64().unwrap();
    assert!(texts > 0);

    let after = verify(&home, &[]);
    assert_eq!(after["texts_archived"], texts);
    assert_eq!((&after["texts_absent"], &after["texts_erased"]), (&0.into(), &0.into()));
    let present = before["texts_present"].as_u64().unwrap() - texts;
    assert_eq!(after["texts_present"], present);
    // One entry more, which says where the texts are, and signed.
    assert_eq!(after["entries"].as_u64().unwrap(), before["entries"].as_u64().unwrap() + 1);
    assert_eq!(after["entries_not_signed"], 0);
    assert_eq!(after["archives"][0]["file"], file.file_name().unwrap().to_str().unwrap());
    assert_eq!(after["archives"][0]["sha256"], written[0]["sha256"]);
    assert_eq!(after["archives"][0]["verified"], false);
    assert_eq!(verify(&home, &[name])["archives"][0]["verified"], true);
    home.tagout(&["audit", "verify", "--checkpoint", "kept"]).done().ok();
    let told = home.tagout(&["audit", "verify"]).done().ok().stdout;
    assert!(told.contains(&format!("{texts} archived, 0 absent")), "{told}");

    // The open incident is as it was; the closed one is still there, without its texts.
    assert_eq!(incident(&home, "q-1"), open);
    assert!(incident(&home, "c-1").contains("$erased"));
    assert_eq!(home.trail().len(), trail.len());

    // An export speaks of the archive, and holds with it far from here.
    home.tagout(&["audit", "export", "--output", "whole"]).done().ok();
    home.tagout(&["audit", "verify", "whole", "--archive", name]).done().ok();

    // A second run finds nothing, and the log goes on.
    assert_eq!(archive(&home, "0s"), [] as [Value; 0]);
    assert_eq!((verify(&home, &[]), files(&home).len()), (after, 1));
    home.run(&alert("CacheFull", "warning", "c-2")).ok();
    home.assert_log_holds();
    verify(&home, &[name]);
}

#[test]
fn an_archive_is_verified_alone_with_the_public_key_and_nothing_else() {
    let home = home();
    let texts = archive(&home, "0s")[0]["texts"].clone();
    let [file] = files(&home).try_into().unwrap();
    let name = file.to_str().unwrap();
    let key = fs::read(home.data().join("log.pub")).unwrap();
    let stranger = Home::new();
    stranger.write("log.pub", key);
    let verify = |args: &[&str]| {
        let call = ["audit", "verify", name, "--keys", "log.pub"];
        stranger.tagout(&[&call, args].concat()).done()
    };
    let told = verify(&["--json"]).ok().json();
    assert_eq!((&told["holds"], &told["texts_present"]), (&true.into(), &texts));
    assert!(told["of_entries"].as_u64().unwrap() > told["entries"].as_u64().unwrap(), "{told}");
    let told = verify(&[]).ok().stdout;
    assert!(told.starts_with("HOLDS") && told.contains("an archive"), "{told}");
    stranger.assert_untouched();
    // It cannot say whether a log goes on from anything.
    let kept = fs::read(home.data().join("log.checkpoint")).unwrap();
    stranger.write("kept", kept);
    verify(&["--checkpoint", "kept"]).exits(2).names(&["archive", "export"]);
    // A word of it changed.
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("CacheFull", "CacheFine", 1)).unwrap();
    assert!(verify(&[]).exits(1).stdout.starts_with("DOES NOT HOLD"));
}

#[test]
fn what_is_not_old_enough_stays() {
    let home = home();
    let before = verify(&home, &[]);
    assert_eq!(archive(&home, "90d"), [] as [Value; 0]);
    assert_eq!((verify(&home, &[]), files(&home).len()), (before, 0));
    let nowhere = ["store", "archive", "--older-than", "0s", "--to", "nowhere"];
    home.tagout(&nowhere).done().exits(2).names(&["nowhere"]);
    let long = ["store", "archive", "--older-than", "ages", "--to", "archives"];
    home.tagout(&long).done().exits(2);
}

#[test]
fn a_run_that_ended_between_file_and_removal_is_taken_up_with_the_same_file() {
    let home = home();
    home.tagout(&["audit", "checkpoint"]).done().ok();
    home.tagout(&["store", "backup", "before"]).done().ok();
    let checkpoint = fs::read(home.data().join("log.checkpoint")).unwrap();
    let first = archive(&home, "0s");
    let bytes = fs::read(&files(&home)[0]).unwrap();
    // As it was before the removal, with the file already there.
    for rest in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{rest}", home.database().display()));
    }
    fs::write(home.data().join("log.checkpoint"), checkpoint).unwrap();
    home.tagout(&["store", "restore", "before"]).done().ok();
    let name = files(&home)[0].to_str().unwrap().to_owned();
    // Until then it is no archive that the log records.
    let out = home.tagout(&["audit", "verify", "--archive", &name]).done().exits(1);
    assert!(out.stdout.contains("records no archive"), "{out:?}");
    assert_eq!(archive(&home, "0s"), first);
    assert_eq!(files(&home).len(), 1);
    assert_eq!(fs::read(&files(&home)[0]).unwrap(), bytes);
    verify(&home, &[&name]);
}

#[test]
fn a_broken_file_in_the_place_of_the_archive_is_left_alone() {
    let home = home();
    let first = archive(&home, "0s")[0]["file"].as_str().unwrap().to_owned();
    let other = self::home();
    let name = PathBuf::from(&first).file_name().unwrap().to_str().unwrap().to_owned();
    other.write(&format!("archives/{name}"), "cut off");
    let second = archive(&other, "0s")[0]["file"].as_str().unwrap().to_owned();
    assert_ne!(PathBuf::from(&second).file_name().unwrap().to_str().unwrap(), name);
    assert_eq!(fs::read(other.path(&format!("archives/{name}"))).unwrap(), b"cut off");
    verify(&other, &[&second]);
}

#[test]
fn an_archive_that_was_changed_or_is_another_logs_does_not_fit() {
    let home = home();
    let second = alert("CacheFull", "warning", "c-2");
    home.run(&second).ok();
    home.run(&second.replacen('{', r#"{"status":"resolved","#, 1)).ok();
    archive(&home, "0s");
    let file = files(&home)[0].clone();
    let text = fs::read_to_string(&file).unwrap();
    let out = |text: &str, what: &str| {
        home.write("archives/changed", text);
        let args = ["audit", "verify", "--archive", "archives/changed"];
        let out = home.tagout(&args).done().exits(1);
        assert!(out.stdout.starts_with("DOES NOT HOLD  archives/changed"), "{what}: {out:?}");
        out.stdout
    };
    assert!(out(&text.replacen("CacheFull", "CacheFuII", 1), "changed").contains("line 2"));
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    out(&lines[..lines.len() - 1].concat(), "cut");
    // What verifies alone and lacks an entry is not what was recorded.
    let lacking = [&lines[..1], &lines[2..]].concat().concat();
    assert!(lines.len() > 3, "the archive holds a single entry");
    assert!(out(&lacking, "an entry is left out").contains("records no archive"));
    let other = self::home();
    archive(&other, "0s");
    out(&fs::read_to_string(&files(&other)[0]).unwrap(), "of another log");
}
