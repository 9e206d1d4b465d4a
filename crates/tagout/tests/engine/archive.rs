//! What may be archived, and what happens if it changes in between.

use tagout::engine::{Taken, Wish};
use tagout_core::approval::Person;
use tagout_core::command::Command;
use tagout_core::time::Span;
use tagout_log::archive::Archived;

use crate::storage::*;

#[test]
fn an_incident_that_changed_since_it_was_looked_at_is_not_archived() {
    let storage = Faulty::new();
    let mut engine = engine(&storage, "");
    let taken = one(&mut engine, delivery(&[alert("A", "a", "error")])).unwrap().taken;
    let Taken::Incident(id) = &taken[0] else { panic!("{taken:?}") };
    let end = engine.journal().last_at().unwrap().after(Span::MAX);
    assert_eq!(engine.journal().archivable(end).unwrap(), [], "an open incident");
    let by = Person::new("ana").unwrap();
    let close = Command::Close { by, reason: "known".into() };
    one(&mut engine, Wish::Ask(id.clone(), close)).unwrap();
    let last = engine.journal().history(Some(id)).unwrap().last().unwrap().at();
    assert_eq!(engine.journal().archivable(last).unwrap(), [], "not older, but as old");
    let entries = engine.journal().archivable(last.after(Span::from_millis(1))).unwrap();
    assert!(!entries.is_empty());

    let size = engine.journal().log().size();
    let archive = Archived { file: "a.archive".into(), sha256: [0; 32], entries: 1, texts: 1 };
    let mut earlier = entries.clone();
    earlier.iter_mut().for_each(|entry| entry.incident.expected -= 1);
    let refused = engine.journal_mut().archive(&earlier, &archive);
    assert!(refused.is_err(), "an incident with a further entry was archived");
    assert_eq!(engine.journal().log().size(), size);
    assert_eq!(engine.journal().archivable(end).unwrap(), entries, "texts were removed");

    engine.journal_mut().archive(&entries, &archive).unwrap();
    assert_eq!(engine.journal().archives().unwrap(), [archive]);
    assert_eq!(engine.journal().archivable(end).unwrap(), []);
    // The place of order was given back each time.
    one(&mut engine, delivery(&[alert("B", "b", "error")])).unwrap();
}
