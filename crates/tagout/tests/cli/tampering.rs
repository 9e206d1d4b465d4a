//! Somebody changes the database with another program: checking and opening both notice.

use rusqlite::Connection;

use super::home::{Home, alert};

fn recorded() -> (Home, usize) {
    let home = Home::new();
    home.run(
        &[alert("CacheFull", "warning", "c-1"), alert("QueueStuck", "warning", "q-1")].join("\n"),
    )
    .ok();
    let entries = home.trail().len();
    (home, entries)
}

fn tamper(home: &Home, sql: &str) {
    let database = Connection::open(home.database()).unwrap();
    let changed = database.execute(sql, []).unwrap();
    assert!(changed > 0, "the tampering changed nothing: {sql}");
}

/// `audit verify` answers "it does not hold", and nothing is decided on such a log.
fn assert_noticed(home: &Home, what: &str, named: &str) {
    let out = home.tagout(&["audit", "verify"]).done();
    assert_eq!(out.code, 1, "{what}: {out:?}");
    assert!(
        out.stdout.starts_with("DOES NOT HOLD") && out.stdout.contains(named),
        "{what}: {out:?}"
    );
    let json = home.tagout(&["audit", "verify", "--json"]).done().exits(1).json();
    assert_eq!(json["holds"], false, "{what}");
    let out = home.run(&alert("CacheFull", "warning", "c-9"));
    assert_eq!(out.code, 3, "{what}: a run went on: {out:?}");
    assert!(out.stderr.contains(named), "{what}: {out:?}");
    let out = home.tagout(&["approvals", "list"]).done();
    assert_eq!(out.code, 3, "{what}: the queue was read: {out:?}");
}

#[test]
fn an_altered_entry_is_noticed() {
    let (home, _) = recorded();
    home.assert_log_holds();
    // As long as before and of the right form: only its hash tells.
    tamper(
        &home,
        "UPDATE leaves SET leaf = CAST(replace(CAST(leaf AS TEXT), '\"warning\"', '\"serious\"') AS BLOB) WHERE idx = 4",
    );
    assert_noticed(&home, "an altered leaf", "entry 4");
}

#[test]
fn an_altered_hash_is_noticed() {
    let (home, _) = recorded();
    tamper(&home, "UPDATE leaves SET hash = zeroblob(32) WHERE idx = 4");
    assert_noticed(&home, "an altered hash", "entry 4");
}

#[test]
fn an_altered_text_is_noticed() {
    let (home, _) = recorded();
    tamper(&home, "UPDATE payloads SET text = 'CacheEmpty' WHERE text = 'CacheFull'");
    assert_noticed(&home, "an altered text", "entry 2");
}

#[test]
fn entries_cut_off_the_end_are_noticed() {
    let (home, entries) = recorded();
    tamper(&home, &format!("DELETE FROM leaves WHERE idx >= {}", entries - 2));
    assert_noticed(&home, "a cut end", "damaged");
}

#[test]
fn an_entry_cut_out_of_the_middle_is_noticed() {
    let (home, _) = recorded();
    tamper(&home, "DELETE FROM leaves WHERE idx = 5");
    assert_noticed(&home, "a cut middle", "entry 5");
}

#[test]
fn two_entries_that_changed_places_are_noticed() {
    let (home, _) = recorded();
    tamper(&home, "UPDATE leaves SET idx = -1 WHERE idx = 5");
    tamper(&home, "UPDATE leaves SET idx = 5 WHERE idx = 6");
    tamper(&home, "UPDATE leaves SET idx = 6 WHERE idx = -1");
    assert_noticed(&home, "swapped entries", "entry 5");
}

#[test]
fn a_log_cut_back_together_with_its_head_is_noticed_by_its_last_signature() {
    let (home, entries) = recorded();
    let database = Connection::open(home.database()).unwrap();
    let head: (Vec<u8>, i64) = database
        .query_row("SELECT frontier, last_at FROM head", [], |r| Ok((r.get(0)?, r.get(1)?)))
        .unwrap();
    drop(database);
    home.run(&alert("CacheFull", "warning", "c-2")).ok();
    let database = Connection::open(home.database()).unwrap();
    database
        .execute("DELETE FROM leaves WHERE idx >= ?1", [i64::try_from(entries).unwrap()])
        .unwrap();
    database.execute("UPDATE head SET frontier = ?1, last_at = ?2", head).unwrap();
    drop(database);
    assert_noticed(&home, "a consistent cut", "already signed");
}

#[test]
fn an_entry_put_after_the_head_is_noticed() {
    let (home, entries) = recorded();
    tamper(
        &home,
        &format!(
            "INSERT INTO leaves SELECT {entries}, 'incident/forged', 1, leaf, hash FROM leaves WHERE idx = 3"
        ),
    );
    assert_noticed(&home, "a forged entry", "damaged");
}
