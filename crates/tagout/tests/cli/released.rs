//! Every released log opens for ever (promise 14). `data/journal-v1.db` was written by the first
//! release and is never written again; `data/journal-v1.json` is what it says.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;
use tagout::journal::Journal;
use tagout::store::SqliteStore;
use tagout::summary::Summary;
use tagout_core::event::Event;

const JOURNAL: &[u8] = include_bytes!("../data/journal-v1.db");
const SAYS: &str = include_str!("../data/journal-v1.json");

fn opened(dir: &tempfile::TempDir) -> Journal<SqliteStore> {
    let file = dir.path().join("tagout.db");
    fs::write(&file, JOURNAL).unwrap();
    Journal::open(SqliteStore::open(&file).unwrap()).unwrap()
}

#[test]
fn the_journal_of_the_first_release_opens_and_says_what_it_said() {
    let dir = tempfile::tempdir().unwrap();
    let journal = opened(&dir);
    assert!(journal.verifies());
    let incidents: BTreeMap<&str, Summary> = journal
        .incidents()
        .filter_map(|(id, incident)| Some((id, Summary::of(id, incident)?)))
        .collect();
    let said = serde_json::to_value(&incidents).unwrap();
    if std::env::var_os("TAGOUT_UPDATE").is_some() {
        let text = serde_json::to_string_pretty(&said).unwrap() + "\n";
        fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/journal-v1.json"), text)
            .unwrap();
    }
    assert_eq!(said, serde_json::from_str::<Value>(SAYS).unwrap());
}

#[test]
fn every_decision_in_it_comes_out_the_same_when_its_policy_is_asked_again() {
    let dir = tempfile::tempdir().unwrap();
    let journal = opened(&dir);
    let mut decisions = 0;
    for recorded in journal.history(None).unwrap() {
        if let Event::PolicyDecided { input, verdict, .. } = recorded.event() {
            assert!(journal.repeats(input, verdict), "entry {}", recorded.index());
            decisions += 1;
        }
    }
    assert!(decisions >= 15, "{decisions}");
}
