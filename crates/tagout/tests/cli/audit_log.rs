//! The exported log: checked anywhere with nothing but a list of public keys, and every kind
//! of damage is named by its place.

use std::fs;
use std::path::Path;

use super::home::{Home, Out, alert};

/// A log, its export and its public key, in a directory that knows nothing else.
struct Exported {
    home: Home,
    bytes: Vec<u8>,
}

impl Exported {
    fn new() -> Self {
        let home = Home::new();
        home.run(
            &[alert("CacheFull", "warning", "c-1"), alert("QueueStuck", "warning", "q-1")]
                .join("\n"),
        )
        .ok();
        let bytes = export(&home);
        let key = fs::read(home.data().join("log.pub")).unwrap();
        home.write("elsewhere/keys", key);
        Self { home, bytes }
    }

    /// Verifies these bytes far from the data directory.
    fn verify(&self, bytes: &[u8]) -> Out {
        self.home.write("elsewhere/log", bytes);
        self.elsewhere(&["audit", "verify", "log", "--keys", "keys"])
    }

    fn elsewhere(&self, args: &[&str]) -> Out {
        let call = self.home.tagout(args).within(&self.home.path("elsewhere"));
        call.env("HOME", "/nonexistent").env("XDG_STATE_HOME", "/nonexistent").done()
    }

    fn assert_refused_at(&self, bytes: &[u8], line: usize, what: &str) {
        let out = self.verify(bytes).exits(1);
        let place = format!("DOES NOT HOLD  line {line} (byte ");
        assert!(out.stdout.starts_with(&place), "{what}: expected line {line}: {out:?}");
    }

    fn lines(&self) -> Vec<&[u8]> {
        self.bytes.split_inclusive(|b| *b == b'\n').collect()
    }
}

fn export(home: &Home) -> Vec<u8> {
    home.tagout(&["audit", "export"]).done().ok().stdout.into_bytes()
}

fn checkpoint(home: &Home) -> String {
    home.tagout(&["audit", "checkpoint"]).done().ok().stdout
}

#[test]
fn an_export_verifies_elsewhere_with_the_key_file_alone() {
    let it = Exported::new();
    let out = it.verify(&it.bytes).ok();
    assert!(out.stdout.starts_with("HOLDS"), "{out:?}");
    let out = it.elsewhere(&["audit", "verify", "log", "--keys", "keys", "--json"]).ok().json();
    assert_eq!(out["holds"], true);
    assert_eq!(out["entries"], it.home.trail().len());
    let other = Home::new();
    other.run(&alert("CacheFull", "warning", "c-1")).ok();
    fs::copy(other.data().join("log.pub"), it.home.path("elsewhere/keys")).unwrap();
    it.verify(&it.bytes).exits(1);
    it.home.write("elsewhere/keys", "no key\n");
    it.verify(&it.bytes).exits(2).names(&["keys"]);
}

#[test]
fn an_export_into_a_file_is_the_same_and_leaves_nothing_beside_it() {
    let it = Exported::new();
    it.home.tagout(&["audit", "export", "--output", "elsewhere/whole"]).done().ok();
    assert_eq!(fs::read(it.home.path("elsewhere/whole")).unwrap(), it.bytes);
    let mut names: Vec<_> = fs::read_dir(it.home.path("elsewhere"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["keys", "whole"]);
}

#[test]
fn a_flipped_byte_is_found_in_its_line_wherever_it_is() {
    let it = Exported::new();
    let body_ends = it.bytes.iter().rposition(|b| *b == b'\n').unwrap();
    let mut tried = 0;
    for at in (0..body_ends).step_by(it.bytes.len() / 60) {
        if it.bytes[at] == b'\n' {
            continue;
        }
        let mut bytes = it.bytes.clone();
        bytes[at] ^= 1;
        let line = bytes[..at].iter().filter(|b| **b == b'\n').count() + 1;
        it.assert_refused_at(&bytes, line, &format!("byte {at} flipped"));
        tried += 1;
    }
    assert!(tried >= 50, "{tried} bytes were tried");
}

#[test]
fn a_byte_that_is_no_longer_utf8_is_found_in_its_line() {
    let it = Exported::new();
    for (line, start) in [(1, 5), (3, it.lines()[..2].concat().len() + 40)] {
        let mut bytes = it.bytes.clone();
        bytes[start] = 0xff;
        it.assert_refused_at(&bytes, line, "0xff");
    }
}

#[test]
fn a_removed_line_is_found_where_it_is_missing() {
    let it = Exported::new();
    let lines = it.lines();
    for gone in 0..lines.len() {
        let kept: Vec<_> = lines.iter().enumerate().filter(|(n, _)| *n != gone).collect();
        let bytes: Vec<u8> = kept.iter().flat_map(|(_, line)| line.iter().copied()).collect();
        let out = it.verify(&bytes).exits(1);
        let place = format!("line {} (", gone + 1);
        assert!(out.stdout.contains(&place), "line {} removed: {out:?}", gone + 1);
    }
}

#[test]
fn swapped_lines_are_found_at_the_first_of_them() {
    let it = Exported::new();
    let count = it.lines().len();
    for (a, b) in [(0, 1), (1, 2), (2, count - 2), (count - 2, count - 1)] {
        let mut lines = it.lines();
        lines.swap(a, b);
        it.assert_refused_at(&lines.concat(), a + 1, &format!("lines {a} and {b} swapped"));
    }
}

#[test]
fn a_repeated_line_and_text_after_the_end_are_found() {
    let it = Exported::new();
    let mut lines = it.lines();
    lines.insert(3, lines[2]);
    it.assert_refused_at(&lines.concat(), 4, "line 3 twice");
    let after = [&it.bytes[..], b"{}\n"].concat();
    it.assert_refused_at(&after, it.lines().len() + 1, "text after the end");
}

#[test]
fn a_truncated_export_is_found_wherever_it_was_cut() {
    let it = Exported::new();
    let lines = it.lines();
    for keep in 0..lines.len() {
        // Between two lines, and in the middle of one.
        let whole = lines[..keep].concat();
        it.assert_refused_at(&whole, keep + 1, &format!("cut after {keep} lines"));
        let inside = [&whole[..], &lines[keep][..lines[keep].len() / 2]].concat();
        it.assert_refused_at(&inside, keep + 1, &format!("cut within line {}", keep + 1));
    }
}

#[test]
fn the_proof_of_every_entry_verifies_and_no_altered_one_does() {
    let it = Exported::new();
    let entries = it.home.trail().len();
    for entry in 0..entries {
        let proof = it.home.tagout(&["audit", "prove", &entry.to_string()]).done().ok().stdout;
        let out = it.verify(proof.as_bytes()).ok();
        assert!(out.stdout.starts_with("HOLDS  1 entries"), "{out:?}");
        let other =
            proof.replace(&format!("\nindex {entry}\n"), &format!("\nindex {}\n", entry + 1));
        assert_ne!(other, proof);
        it.verify(other.as_bytes()).exits(1);
        let mut bytes = proof.into_bytes();
        let at = bytes.len() * (entry + 1) / (entries + 2);
        bytes[at] ^= 1;
        it.verify(&bytes).exits(1);
    }
    it.home
        .tagout(&["audit", "prove", &entries.to_string()])
        .done()
        .exits(2)
        .names(&["counted from 0"]);
}

#[test]
fn a_proof_is_not_held_against_a_checkpoint_in_silence() {
    let it = Exported::new();
    let proof = it.home.tagout(&["audit", "prove", "1"]).done().ok().stdout;
    it.home.write("elsewhere/proof", proof);
    it.home.write("elsewhere/old", checkpoint(&it.home));
    let args = ["audit", "verify", "proof", "--keys", "keys", "--checkpoint", "old"];
    it.elsewhere(&args).exits(2).names(&["proof", "export"]);
}

#[test]
fn a_checkpoint_that_was_kept_holds_against_a_later_export_and_not_against_another_logs() {
    let it = Exported::new();
    it.home.write("elsewhere/old", checkpoint(&it.home));
    it.home.run(&alert("CacheFull", "warning", "c-2")).ok();
    it.home.write("elsewhere/log", export(&it.home));
    let args = ["audit", "verify", "log", "--keys", "keys", "--checkpoint", "old"];
    it.elsewhere(&args).ok();

    let other = Home::new();
    other.run(&alert("CacheFull", "warning", "c-1")).ok();
    it.home.write("elsewhere/log", export(&other));
    let both = [
        fs::read_to_string(it.home.data().join("log.pub")).unwrap(),
        fs::read_to_string(other.data().join("log.pub")).unwrap(),
    ];
    it.home.write("elsewhere/keys", both.concat());
    it.elsewhere(&["audit", "verify", "log", "--keys", "keys"]).ok();
    let out = it.elsewhere(&args).exits(1);
    assert!(out.stdout.contains("the older checkpoint of size"), "{out:?}");
}

#[test]
fn a_log_that_was_put_back_to_an_old_copy_does_not_hold_against_the_kept_checkpoint() {
    let home = Home::new();
    home.run(&alert("CacheFull", "warning", "c-1")).ok();
    fs::copy(home.database(), home.path("copy")).unwrap();
    home.run(&alert("CacheFull", "warning", "c-2")).ok();
    home.write("kept", checkpoint(&home));
    home.tagout(&["audit", "verify", "--checkpoint", "kept"]).done().ok();
    put_back(&home.path("copy"), &home.database());
    let out = home.tagout(&["audit", "verify"]).done().exits(1);
    assert!(out.stdout.contains("rolled back"), "{out:?}");
    home.run(&alert("CacheFull", "warning", "c-3")).exits(3).names(&["rolled back"]);
    // Whoever takes away what lies beside the database too is caught by what was kept elsewhere.
    fs::remove_file(home.data().join("log.checkpoint")).unwrap();
    home.assert_log_holds();
    let out = home.tagout(&["audit", "verify", "--checkpoint", "kept"]).done().exits(1);
    assert!(
        out.stdout.contains("DOES NOT HOLD") && out.stdout.contains("older checkpoint"),
        "{out:?}"
    );
}

fn put_back(copy: &Path, database: &Path) {
    for tail in ["-wal", "-shm"] {
        let mut path = database.as_os_str().to_owned();
        path.push(tail);
        drop(fs::remove_file(path));
    }
    fs::copy(copy, database).unwrap();
}

#[test]
fn the_key_that_is_shown_is_the_one_in_the_file() {
    let it = Exported::new();
    let shown = it.home.tagout(&["keys", "show"]).done().ok().stdout;
    assert_eq!(shown, fs::read_to_string(it.home.data().join("log.pub")).unwrap());
}

#[test]
fn a_proof_says_which_entry_it_proves() {
    let home = Home::new();
    home.run(&alert("QueueStuck", "warning", "q-1")).ok();
    let trail = home.trail();
    let of = |kind: &str| trail.iter().find(|line| line["event"]["kind"] == kind).unwrap();
    let key = std::fs::read(home.data().join("log.pub")).unwrap();
    let stranger = Home::new();
    stranger.write("log.pub", key);
    for line in [of("incident_opened"), &trail[0]] {
        let entry = line["entry"].to_string();
        let proof = home.tagout(&["audit", "prove", &entry]).done().ok().stdout;
        stranger.write("proof", proof);
        let verify = ["audit", "verify", "proof", "--keys", "log.pub"];
        let told = stranger.tagout(&[&verify[..], &["--json"]].concat()).done().ok().json();
        let proved = &told["proved"];
        for (ours, theirs) in [("entry", "entry"), ("at", "at"), ("incident", "incident")] {
            assert_eq!(proved[ours], line[theirs], "{told}");
        }
        assert_eq!(told["of_entries"], trail.len());
        let said = stranger.tagout(&verify).done().ok().stdout;
        let at = line["at"].as_str().unwrap();
        assert!(said.contains(&format!("entry {entry} of a log of {}", trail.len())), "{said}");
        assert!(said.contains(at) && said.contains(proved["kind"].as_str().unwrap()), "{said}");
        let incident = line["incident"].as_str().map(|id| format!("of incident {id}"));
        assert!(said.contains(incident.as_deref().unwrap_or("of no incident")), "{said}");
    }
    assert!(of("incident_opened")["incident"].is_string() && trail[0]["incident"].is_null());
}
