//! The command over PostgreSQL: everything works as over a file, and a log moves between the
//! two and comes back from a backup without a byte changed.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use tagout::store::copy::Rows;
use tagout::store::membership::{RENEWAL, SIGNER};
use tagout::store::{PostgresStore, SqliteStore};
use tagout_core::time::Time;
use tagout_log::commitment::Payload;
use tagout_log::{SignedCheckpoint, SignerKey};

use super::cluster::{Cluster, open};
use super::home::{Home, alert};
use super::log::log;
use super::service::{FIRING, SECRET, Service, call, configuration};

/// All that a store keeps of a log.
fn everything(store: &dyn Rows) -> impl PartialEq + std::fmt::Debug + use<> {
    let (head, checkpoint) = store.ends().unwrap();
    let leaves = store.leaf_rows(0..head.frontier.size()).unwrap();
    let texts: Vec<(u64, Payload)> = store.texts(0..head.frontier.size()).unwrap();
    let work = store.work(i64::MIN, 10_000).unwrap();
    assert!(!leaves.is_empty() && !texts.is_empty() && checkpoint.is_some());
    (head, checkpoint, leaves, texts, work)
}

fn alerts() -> String {
    [
        alert("CacheFull", "warning", "c-1"),
        alert("QueueStuck", "warning", "q-1"),
        alert("Unheard", "critical", "u-1"),
    ]
    .join("\n")
}

/// A home whose configuration names a database, in a variable.
fn shared(cluster: &Cluster, kind: &str) -> (Home, String) {
    let home = Home::new();
    home.configure();
    let url = cluster.url(&cluster.database());
    let file = home.write("state/tagout/database-url", &url);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(file, mode).unwrap();
    set_kind(&home, kind);
    (home, url)
}

fn set_kind(home: &Home, kind: &str) {
    home.configure();
    let path = home.data().join("tagout.toml");
    let text = fs::read_to_string(&path).unwrap();
    let store = format!("\n[store]\nkind = \"{kind}\"\nurl = {{ file = \"database-url\" }}\n");
    fs::write(path, text + &store).unwrap();
}

fn postgres(url: &str) -> PostgresStore {
    open(url, "test")
}

#[test]
fn every_command_works_over_postgres_as_over_a_file() {
    let cluster = Cluster::start(&[]);
    let (home, url) = shared(&cluster, "postgres");
    home.tagout(&["init"]).done().ok();
    let incidents = home.incidents(&alerts());
    assert_eq!(incidents.len(), 3);
    assert!(!home.database().exists(), "a file was made beside the database");
    let pending = incidents.iter().find(|i| i["state"] == "pending_review").unwrap();
    let (id, plan) = (pending["incident"].as_str().unwrap(), &pending["plan"]);
    let plan = plan.as_str().unwrap_or_else(|| panic!("{pending}"));
    home.tagout(&["approvals", "approve", id, "--plan", plan]).done().ok();
    home.tagout(&["halt", "--reason", "test"]).done().ok();
    home.tagout(&["resume", "--reason", "test"]).done().ok();
    home.tagout(&["audit", "checkpoint"]).done().ok();
    home.assert_log_holds();
    home.tagout(&["oversight"]).done().ok();
    // A second replica needs the same key, and is told so before it makes one of its own.
    let second = Home::new();
    fs::create_dir_all(second.data()).unwrap();
    for name in ["tagout.toml", "database-url"] {
        fs::copy(home.data().join(name), second.data().join(name)).unwrap();
    }
    second.run(&alerts()).exits(3).names(&["log.key"]);
    assert!(!second.data().join("log.key").exists());
    for name in ["log.key", "log.pub"] {
        fs::copy(home.data().join(name), second.data().join(name)).unwrap();
    }
    assert_eq!(second.trail(), home.trail());
    // Nobody is left behind as a member.
    assert!(postgres(&url).members().unwrap().is_empty());
}

#[test]
fn where_another_replica_signs_its_checkpoint_is_waited_for_and_kept() {
    let cluster = Cluster::start(&[]);
    let (home, url) = shared(&cluster, "postgres");
    home.run(&alerts()).ok();
    let key = fs::read_to_string(home.data().join("log.key")).unwrap();
    let signer = SignerKey::from_secret_text(key.trim()).unwrap();
    let mut other = log(open(&url, "signer"));
    assert!(other.storage().lease(SIGNER).unwrap());
    let run = home.run_call().stdin(alert("QueueStuck", "warning", "q-2")).spawn();
    let stop = AtomicBool::new(false);
    let out = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                other.checkpoint(&[&signer], Time::from_millis(0)).unwrap();
                std::thread::sleep(RENEWAL / 2);
            }
        });
        let out = run.done();
        stop.store(true, Ordering::Relaxed);
        out
    });
    let report = out.ok().json();
    let kept = fs::read_to_string(home.data().join("log.checkpoint")).unwrap();
    let kept = SignedCheckpoint::parse(&kept).unwrap();
    assert_eq!(report["log"]["entries"], kept.checkpoint().size);
    kept.verify(std::slice::from_ref(signer.verifier())).unwrap();
}

#[test]
fn a_password_in_the_configuration_is_refused() {
    let home = Home::new();
    home.configure();
    let path = home.data().join("tagout.toml");
    let text = fs::read_to_string(&path).unwrap();
    let url = "postgres://u:hunter2@localhost/x";
    fs::write(&path, format!("{text}\n[store]\nkind = \"postgres\"\nurl = \"{url}\"\n")).unwrap();
    for args in [&["audit", "show"][..], &["run"], &["config", "check"]] {
        let out = home.tagout(args).done().exits(2).names(&["password", "tagout.toml"]);
        assert!(!out.stderr.contains("hunter2"), "{out:?}");
    }
}

#[test]
fn a_log_moves_to_postgres_and_back_without_a_byte_changed() {
    let cluster = Cluster::start(&[]);
    let (home, url) = shared(&cluster, "sqlite");
    home.run(&alerts()).ok();
    let proof = home.tagout(&["audit", "prove", "0"]).done().ok().stdout;
    let proof = home.write("proof.txt", proof);
    let checkpoint = home.tagout(&["audit", "checkpoint"]).done().ok().stdout;
    let checkpoint = home.write("old.checkpoint", checkpoint);
    let (proof, checkpoint) = (proof.to_str().unwrap(), checkpoint.to_str().unwrap());
    let before = everything(&SqliteStore::open(&home.database()).unwrap());

    let moved = home.tagout(&["store", "migrate", "--to", "postgres", "--json"]).done().ok().json();
    assert!(moved["entries"].as_u64().unwrap() > 10, "{moved}");
    assert_eq!(moved["signed"], moved["entries"]);
    assert!(!home.database().exists(), "the log could go on in the old file");
    assert_eq!(everything(&postgres(&url)), before);
    set_kind(&home, "postgres");
    let holds = |home: &Home| {
        home.tagout(&["audit", "verify", "--checkpoint", checkpoint]).done().ok();
        home.tagout(&["audit", "verify", proof]).done().ok();
    };
    holds(&home);
    home.run(&alerts()).ok();

    let before = everything(&postgres(&url));
    home.tagout(&["store", "migrate", "--to", "sqlite"]).done().ok();
    assert_eq!(everything(&SqliteStore::open(&home.database()).unwrap()), before);
    // The database says that the log is elsewhere now.
    home.tagout(&["audit", "show"]).done().exits(3).names(&["moved"]);
    set_kind(&home, "sqlite");
    holds(&home);
    home.run(&alerts()).ok();
    home.assert_log_holds();
}

#[test]
fn a_migration_into_a_store_that_has_a_log_is_refused() {
    let cluster = Cluster::start(&[]);
    let (home, url) = shared(&cluster, "sqlite");
    home.run(&alerts()).ok();
    set_kind(&home, "postgres");
    home.run(&alerts()).exits(3).names(&["does not go on"]);
    fs::remove_file(home.data().join("log.checkpoint")).unwrap();
    home.run(&alerts()).ok();
    let before = everything(&postgres(&url));
    // The file does not go on from what was signed over the database,
    let migrate = || home.tagout(&["store", "migrate", "--from", "sqlite"]).done();
    migrate().exits(1).names(&["signed before"]);
    // and if nothing is known of that, the database still has a log in it.
    fs::remove_file(home.data().join("log.checkpoint")).unwrap();
    migrate().exits(2).names(&["empty"]);
    home.tagout(&["store", "migrate", "--from", "postgres"]).done().exits(2);
    assert_eq!(everything(&postgres(&url)), before);
    assert!(home.database().exists());
}

#[test]
fn a_backup_of_postgres_is_restored_into_either_store() {
    let cluster = Cluster::start(&[]);
    let (home, url) = shared(&cluster, "postgres");
    home.run(&alerts()).ok();
    let early = home.path("early.backup").display().to_string();
    home.tagout(&["store", "backup", &early]).done().ok();
    home.run(&[alert("QueueStuck", "warning", "q-2")].join("\n")).ok();
    let late = home.path("late.backup").display().to_string();
    let report = home.tagout(&["store", "backup", &late, "--json"]).done().ok().json();
    assert_eq!(report["entries"].as_u64().unwrap(), home.trail().len() as u64);
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&late).unwrap());
    assert_eq!(mode & 0o777, 0o600, "others may read the texts");
    let whole = everything(&postgres(&url));
    assert_eq!(everything(&SqliteStore::open_to_read(late.as_ref()).unwrap()), whole);
    home.tagout(&["store", "backup", &late]).done().exits(2).names(&["exists"]);

    // A store with a log in it takes no backup.
    home.tagout(&["store", "restore", &late]).done().exits(2).names(&["empty"]);
    // Nor does an empty one take a backup behind what was signed.
    let fresh = cluster.url(&cluster.database());
    fs::write(home.data().join("database-url"), &fresh).unwrap();
    home.tagout(&["store", "restore", &early]).done().exits(1).names(&["later backup"]);
    let restored = home.tagout(&["store", "restore", &late, "--json"]).done().ok().json();
    assert_eq!(restored["entries"], report["entries"]);
    assert_eq!(everything(&postgres(&fresh)), whole);
    home.assert_log_holds();

    set_kind(&home, "sqlite");
    home.tagout(&["store", "restore", &late]).done().ok();
    assert_eq!(everything(&SqliteStore::open(&home.database()).unwrap()), whole);
    home.assert_log_holds();
}

#[test]
fn a_backup_is_whole_while_others_append() {
    let cluster = Cluster::start(&[]);
    let (home, _) = shared(&cluster, "postgres");
    home.run(&alerts()).ok();
    let running: Vec<_> = (0..3)
        .map(|n| home.run_call().stdin(alert("QueueStuck", "warning", &format!("q-{n}"))).spawn())
        .collect();
    let mut sizes = Vec::new();
    for n in 0..4 {
        let file = home.path(&format!("{n}.backup")).display().to_string();
        let report: Value = home.tagout(&["store", "backup", &file, "--json"]).done().ok().json();
        sizes.push(report["entries"].as_u64().unwrap());
    }
    for run in running {
        run.done().ok();
    }
    assert!(sizes.is_sorted(), "{sizes:?}");
    home.assert_log_holds();
}

#[test]
fn texts_are_archived_out_of_postgres_and_what_is_left_moves_to_a_file() {
    let cluster = Cluster::start(&[]);
    let (home, url) = shared(&cluster, "postgres");
    home.run(&alerts()).ok();
    home.run(&alert("CacheFull", "warning", "c-1").replacen('{', r#"{"status":"resolved","#, 1))
        .ok();
    fs::create_dir(home.path("archives")).unwrap();
    let texts = |store: &dyn Rows| store.texts(0..10_000).unwrap().len() as u64;
    let (before, store) = (texts(&postgres(&url)), postgres(&url));
    let run = ["store", "archive", "--older-than", "0s", "--to", "archives", "--json"];
    let report = home.tagout(&run).done().ok().json();
    let written = &report["files"][0];
    let archived = written["texts"].as_u64().unwrap();
    assert!(archived > 0, "{report}");
    assert_eq!(texts(&store), before - archived);
    let file = written["file"].as_str().unwrap();
    let verify = ["audit", "verify", "--json", "--archive", file];
    let verified = home.tagout(&verify).done().ok().json();
    assert_eq!(verified["texts_archived"], archived);
    assert_eq!(verified["texts_absent"], 0);
    let again = home.tagout(&run).done().ok().json();
    assert_eq!(again["files"].as_array().unwrap().len(), 0);
    home.tagout(&["store", "migrate", "--to", "sqlite"]).done().ok();
    set_kind(&home, "sqlite");
    assert_eq!(home.tagout(&verify).done().ok().json(), verified);
}

#[test]
fn a_log_is_not_moved_away_from_under_a_service_and_nothing_acknowledged_is_lost() {
    let cluster = Cluster::start(&[]);
    let url = cluster.url(&cluster.database());
    let home = Home::new();
    let store = "[store]\nkind = \"sqlite\"\nurl = { file = \"database-url\" }\n";
    home.write("state/tagout/tagout.toml", configuration("", store));
    let file = home.write("state/tagout/database-url", &url);
    fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let serve = call(&home);
    let service = Service::of(home, serve);
    service.post("am", SECRET, FIRING).is(200);
    let migrate = |home: &Home| home.tagout(&["store", "migrate", "--to", "postgres"]).done();
    migrate(&service.home).exits(2).names(&["a service", "stop it"]);
    assert_eq!(postgres(&url).ends().unwrap().0.frontier.size(), 0, "something was copied");
    // The service never noticed.
    let later = FIRING.replace("DiskFull", "SomethingElse");
    service.post("am", SECRET, later).is(200);
    let home = service.stop();
    // Nor from under any other process, whether it works at the moment or not.
    let idle = SqliteStore::open(&home.database()).unwrap();
    migrate(&home).exits(2).names(&["another process", "tagout.db"]);
    assert_eq!(postgres(&url).ends().unwrap().0.frontier.size(), 0, "something was copied");
    drop(idle);

    let before = everything(&SqliteStore::open(&home.database()).unwrap());
    migrate(&home).ok();
    assert_eq!(everything(&postgres(&url)), before);
    assert!(!home.database().exists());
}

#[test]
fn until_the_new_kind_is_configured_every_command_says_that_the_log_has_moved() {
    let cluster = Cluster::start(&[]);
    let (home, _) = shared(&cluster, "sqlite");
    home.run(&alerts()).ok();
    home.tagout(&["store", "migrate", "--to", "postgres"]).done().ok();
    let says = |args: &[&str], code: i32| {
        let out = home.tagout(args).done().exits(code);
        let out = out.names(&["was moved", "tagout.db.moved", "kind = \"postgres\"", "[store]"]);
        assert!(!out.stderr.contains("backup") && !out.stderr.contains("makes one"), "{out:?}");
    };
    says(&["audit", "verify"], 2);
    says(&["store", "backup", "b.db"], 2);
    says(&["serve"], 3);
    says(&["users", "list"], 3);
    // Not even without a checkpoint is another log begun.
    fs::remove_file(home.data().join("log.checkpoint")).unwrap();
    says(&["serve"], 3);
    home.run(&alerts()).exits(3).names(&["was moved"]);
    assert!(!home.database().exists(), "a second log was begun");
    set_kind(&home, "postgres");
    home.assert_log_holds();
}

#[test]
fn every_command_finds_the_store_that_the_environment_names() {
    let cluster = Cluster::start(&[]);
    let url = cluster.url(&cluster.database());
    let home = Home::new();
    home.configure();
    let tagout = |args: &[&str]| {
        let call = home.tagout(args).env("TAGOUT_STORE_KIND", "postgres");
        call.env("TAGOUT_STORE_URL", &url).done()
    };
    tagout(&["init"]).ok();
    // A log without an entry is no success to bring home.
    tagout(&["store", "backup", "empty.db"]).exits(2).names(&["no entry"]);
    assert!(!home.path("empty.db").exists());
    tagout(&["users", "add", "ana", "--role", "admin", "--as", "ana"]).ok();
    assert!(!home.database().exists(), "a file was made beside the database");
    assert!(postgres(&url).ends().unwrap().0.frontier.size() > 0);
    let backup = tagout(&["store", "backup", "some.db", "--json"]).ok().json();
    assert!(backup["entries"].as_u64().unwrap() > 0, "{backup}");
    let checked = tagout(&["config", "check", "--json"]).ok().json();
    assert_eq!(checked["store"]["kind"], "postgres");
    let place = checked["store"]["place"].as_str().unwrap();
    assert!(url.ends_with(place.rsplit('/').next().unwrap()), "{place} is not in {url}");
    // Where the kind stands alone, nothing else is opened in its place.
    let alone = |args: &[&str]| home.tagout(args).env("TAGOUT_STORE_KIND", "postgres").done();
    alone(&["store", "backup", "v.db"]).exits(2).names(&["TAGOUT_STORE_URL"]);
    alone(&["users", "list"]).exits(2);
    alone(&["config", "check"]).exits(2).names(&["TAGOUT_STORE_URL"]);
    // The demonstration is not brought into the log of the house.
    let before = postgres(&url).ends().unwrap().0.frontier.size();
    tagout(&["demo", "--non-interactive"]).ok();
    assert_eq!(postgres(&url).ends().unwrap().0.frontier.size(), before);
}
