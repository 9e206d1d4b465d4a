//! A data directory that cannot be used: said clearly, before anything is recorded.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use rusqlite::Connection;

use super::home::{Home, Out, alert};

fn run(home: &Home) -> Out {
    home.run(&alert("CacheFull", "warning", "c-1"))
}

fn mode(path: impl AsRef<std::path::Path>) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_directory_that_cannot_be_made_is_a_fault_of_the_machine() {
    let home = Home::new();
    home.write("file", "");
    let args = ["--data-dir", "file/sub", "run", "--runbooks", "book"];
    let out = home.tagout(&args).stdin(alert("CacheFull", "warning", "c-1")).done();
    out.exits(3).names(&["file/sub", "Not a directory"]);
}

#[test]
fn the_directory_and_its_secrets_are_their_owners_alone() {
    let home = Home::new();
    run(&home).ok();
    assert_eq!(mode(home.data()), 0o700);
    assert_eq!(mode(home.data().join("log.key")), 0o600);
    assert_eq!(mode(home.database()), 0o600);
    let home = Home::new();
    home.tagout(&["runbooks", "search", "cache is full", "book"]).done().ok();
    assert_eq!(mode(home.data()), 0o700, "also when the first thing in it is a cache");
}

#[test]
fn the_database_of_another_program_is_refused_and_left_as_it_is() {
    let home = Home::new();
    fs::create_dir_all(home.data()).unwrap();
    let other = Connection::open(home.database()).unwrap();
    other.execute_batch("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1);").unwrap();
    drop(other);
    let before = fs::read(home.database()).unwrap();
    run(&home).exits(3).names(&["tagout.db", "another program", "another data directory"]);
    assert_eq!(fs::read(home.database()).unwrap(), before);
    assert!(!home.data().join("log.key").exists(), "a key was made beside a foreign database");
    home.tagout(&["audit", "show"]).done().exits(3).names(&["another program"]);
    assert_eq!(fs::read(home.database()).unwrap(), before);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let home = Home::new();
    let junk = "not a database\n".repeat(100);
    home.write("state/tagout/tagout.db", &junk);
    run(&home).exits(3).names(&["tagout.db", "another program"]);
    assert_eq!(fs::read_to_string(home.database()).unwrap(), junk);
}

#[test]
fn a_newer_schema_is_refused_and_left_as_it_is() {
    let home = Home::new();
    run(&home).ok();
    let entries = home.trail().len();
    let database = Connection::open(home.database()).unwrap();
    let known: i32 = database.pragma_query_value(None, "user_version", |r| r.get(0)).unwrap();
    database.pragma_update(None, "user_version", known + 1).unwrap();
    let schema = format!("schema {}", known + 1);
    run(&home).exits(3).names(&["tagout.db", &schema, "later release"]);
    database.pragma_update(None, "user_version", known).unwrap();
    drop(database);
    assert_eq!(home.trail().len(), entries);
}

#[test]
fn a_key_that_others_may_read_is_refused_before_anything_is_recorded() {
    let home = Home::new();
    run(&home).ok();
    let entries = home.trail().len();
    let key = home.data().join("log.key");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    run(&home).exits(3).names(&["log.key", "644", "chmod 600"]);
    assert_eq!(home.trail().len(), entries, "alerts were recorded under a key that cannot sign");
    home.tagout(&["audit", "export"]).done().exits(3).names(&["chmod 600"]);
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    run(&home).ok();
}

#[test]
fn a_lost_key_is_never_replaced_by_a_new_one() {
    let home = Home::new();
    run(&home).ok();
    let entries = home.trail().len();
    let (key, public) = (home.data().join("log.key"), home.data().join("log.pub"));
    fs::rename(&key, home.path("kept")).unwrap();
    run(&home).exits(3).names(&["log.key is missing", "log.pub", "restore it"]);
    assert!(!key.exists());
    // Without the public key the journal still tells that there was one.
    fs::remove_file(&public).unwrap();
    run(&home).exits(3).names(&["log.key is missing", "tagout.db", "restore it"]);
    assert!(!key.exists() && !public.exists());
    fs::rename(home.path("kept"), &key).unwrap();
    run(&home).ok();
    assert!(public.exists(), "the public key follows from the secret one");
    assert!(home.trail().len() > entries);
    home.assert_log_holds();
}

#[test]
fn the_key_of_another_log_does_not_sign_this_one() {
    let (home, other) = (Home::new(), Home::new());
    run(&home).ok();
    run(&other).ok();
    fs::copy(other.data().join("log.key"), home.data().join("log.key")).unwrap();
    run(&home).exits(3).names(&["log.checkpoint", "none of the given keys"]);
}

#[test]
fn init_makes_a_directory_that_works_and_keeps_what_a_person_edited() {
    let home = Home::new();
    home.tagout(&["init"]).done().ok();
    for name in ["log.key", "log.pub", "tagout.db", "tagout.toml", "policy.toml"] {
        assert!(home.data().join(name).exists(), "{name} is missing");
    }
    let check = home.tagout(&["config", "check"]).done().ok();
    assert!(check.stdout.contains("never goes on alone"), "{check:?}");
    home.configure();
    let edited = fs::read_to_string(home.data().join("tagout.toml")).unwrap();
    let key = fs::read(home.data().join("log.key")).unwrap();
    home.tagout(&["init"]).done().ok();
    assert_eq!(fs::read_to_string(home.data().join("tagout.toml")).unwrap(), edited);
    assert_eq!(fs::read(home.data().join("log.key")).unwrap(), key);
    let out = home.tagout(&["run", "--json"]).stdin(alert("CacheFull", "warning", "c-1")).done();
    assert_eq!(out.ok().json()["incidents"][0]["decision"], "proceed");
}
