//! Turns that fail, wishes that cannot be granted, and incidents that are not in memory.

use tagout::engine::{EngineError, Taken, Wish};
use tagout::journal::{Journal, Keep};
use tagout_core::approval::Person;
use tagout_core::command::{Command, SharedCommand};
use tagout_core::decide::Rejection;
use tagout_core::event::{Event, WindowKind};
use tagout_core::handling::Handled;
use tagout_core::incident::Incident;
use tagout_core::matcher::LabelMatcher;
use tagout_core::time::Span;

use crate::storage::*;

fn incident(taken: &[Taken]) -> String {
    match &taken[0] {
        Taken::Incident(id) => id.clone(),
        Taken::Flawed(flaw) => panic!("{flaw:?}"),
    }
}

fn close(id: &str) -> Wish {
    let by = Person::new("ana").unwrap();
    Wish::Ask(id.to_owned(), Command::Close { by, reason: "known".into() })
}

fn lift_freeze() -> Wish {
    Wish::Share(SharedCommand::LiftFreeze { by: Person::new("ana").unwrap() })
}

/// A wish that the core takes and the log cannot: a name that is reserved in it.
fn unfit() -> Wish {
    let now = "2026-11-01T10:00:00Z".parse::<tagout_core::time::Time>().unwrap();
    Wish::Share(SharedCommand::OpenWindow {
        id: "w".into(),
        window: WindowKind::Silence,
        matcher: LabelMatcher(["$text", "team"].map(|name| (name.into(), "x".into())).into()),
        conditions: Vec::new(),
        from: now,
        until: now.after(Span::from_secs(86_400)),
        by: Person::new("ana").unwrap(),
        reason: "".into(),
    })
}

#[test]
fn a_turn_that_is_dropped_has_not_happened() {
    let storage = Faulty::new();
    let mut engine = engine(&storage, "");
    let id = incident(&one(&mut engine, delivery(&[alert("A", "a", "error")])).unwrap().taken);
    let (before, size) = (state(&engine), engine.journal().log().size());
    let at = engine.journal().last_at().unwrap();
    let mut turn = engine.journal_mut().turn().unwrap();
    let by = Person::new("ana").unwrap();
    turn.add(&id, vec![Event::IncidentClosed { by, reason: "known".into() }], at).unwrap();
    turn.add("", vec![Event::ClockJumped { by: Span::from_secs(60), forward: true }], at).unwrap();
    assert_eq!((turn.len(), turn.journal().shared().open_incidents().count()), (2, 0));
    drop(turn);
    assert_eq!((state(&engine), engine.journal().log().size()), (before, size));
}

#[test]
fn an_event_that_cannot_follow_leaves_the_turn_to_be_dropped_and_everything_as_it_was() {
    let storage = Faulty::new();
    let mut engine = engine(&storage, "");
    let id = incident(&one(&mut engine, delivery(&[alert("A", "a", "error")])).unwrap().taken);
    let (before, at) = (state(&engine), engine.journal().last_at().unwrap());
    let mut turn = engine.journal_mut().turn().unwrap();
    let wrong = Event::PersonCalled { why: tagout_core::event::PersonNeeded::NoRunbook };
    turn.add(&id, vec![wrong], at).unwrap_err();
    drop(turn);
    assert_eq!(state(&engine), before);
}

#[test]
fn where_the_storage_fails_nobody_is_told_yes_and_everything_is_as_it_was() {
    for trouble in [Trouble::Hold, Trouble::Append] {
        let storage = Faulty::new();
        let mut engine = engine(&storage, "");
        one(&mut engine, delivery(&[alert("A", "a", "error")])).unwrap();
        let (before, size) = (state(&engine), engine.journal().log().size());
        storage.fails(trouble.clone());
        let wishes = [
            delivery(&[alert("A", "a", "critical"), ended(&alert("B", "b", "error"))]),
            delivery(&[ended(&alert("A", "a", "error"))]),
            Wish::Tick,
        ];
        for answer in engine.grant(&wishes) {
            assert!(matches!(answer, Err(EngineError::Fault(_))), "{trouble:?}");
        }
        assert_eq!(state(&engine), before, "{trouble:?}");
        assert_eq!(storage.recovers(), 1, "{trouble:?}: one turn, one fault, no storm of them");
        assert!(engine.grant(&wishes).iter().all(Result::is_ok));
        assert!(engine.journal().log().size() > size);
        assert_eq!(engine.journal().shared().open_incidents().count(), 0);
    }
}

#[test]
fn what_was_written_although_the_answer_was_lost_is_seen_by_the_next_turn_and_not_done_twice() {
    let storage = Faulty::new();
    let mut engine = engine(&storage, "");
    let before = state(&engine);
    let wish = delivery(&[alert("A", "a", "error"), alert("B", "b", "error")]);
    storage.fails(Trouble::Answer);
    one(&mut engine, wish.clone()).unwrap_err();
    assert_eq!(state(&engine), before);
    assert_eq!(storage.recovers(), 1);
    // Its sender tries again.
    let again = one(&mut engine, wish).unwrap();
    assert_eq!(again.taken.len(), 2);
    assert_eq!(engine.journal().shared().open_incidents().count(), 2);
    let opened = engine.journal().history(None).unwrap();
    let opened = opened.iter().filter(|r| matches!(r.event(), Event::IncidentOpened { .. }));
    assert_eq!(opened.count(), 2);
}

#[test]
fn what_is_read_back_is_what_was_in_memory() {
    let storage = Faulty::new();
    let mut engine = engine(&storage, "[noise]\nstorm_per_name = 1\n");
    let some: Vec<_> = (0..30).map(|n| alert("A", &n.to_string(), "error")).collect();
    one(&mut engine, delivery(&some)).unwrap();
    storage.wait(4_000);
    storage.fails(Trouble::Append);
    one(&mut engine, delivery(&some[1..9])).unwrap_err();
    assert_eq!(storage.recovers(), 1);
    storage.wait(3_000);
    let ends: Vec<_> = some[..20].iter().map(ended).collect();
    one(&mut engine, delivery(&ends)).unwrap();
    let read = Journal::open_keeping(storage.clone(), Keep::Open).unwrap();
    assert_eq!(format!("{:#?}", read.shared()), format!("{:#?}", engine.journal().shared()));
    let incidents =
        |journal: &Journal<Faulty>| format!("{:?}", journal.incidents().collect::<Vec<_>>());
    assert_eq!(incidents(&read), incidents(engine.journal()));
}

#[test]
fn a_wish_that_is_rejected_does_not_disturb_the_others() {
    let storage = Faulty::new();
    let mut engine = engine(&storage, "");
    let answers = engine.grant(&[
        delivery(&[alert("A", "a", "error")]),
        lift_freeze(),
        close("inc-none"),
        delivery(&[alert("B", "b", "error")]),
    ]);
    assert!(answers[0].is_ok() && answers[3].is_ok());
    assert!(matches!(&answers[1], Err(EngineError::Rejected(Rejection::NotDue(_)))));
    assert!(matches!(&answers[2], Err(EngineError::Rejected(Rejection::NoSuchIncident))));
    assert_eq!(engine.journal().shared().open_incidents().count(), 2);
}

#[test]
fn a_wish_that_can_never_be_recorded_fails_alone_wherever_it_stands() {
    for place in [0, 3, 6] {
        let storage = Faulty::new();
        let mut engine = engine(&storage, "[noise]\nstorm_per_name = 100\nstorm_overall = 100\n");
        let mut wishes: Vec<Wish> =
            (0..6).map(|n| delivery(&[alert("A", &n.to_string(), "error")])).collect();
        wishes.insert(place, unfit());
        let answers = engine.grant(&wishes);
        assert_eq!(answers.len(), 7);
        for (n, answer) in answers.iter().enumerate() {
            assert_eq!(answer.is_err(), n == place, "{n}: {answer:?}");
        }
        assert_eq!(engine.journal().shared().open_incidents().count(), 6);
    }
}

#[test]
fn an_incident_whose_entries_cannot_be_read_fails_alone() {
    let storage = Faulty::new();
    let mut engine = engine(&storage, "");
    let one_alert = alert("A", "a", "error");
    let id = incident(&one(&mut engine, delivery(std::slice::from_ref(&one_alert))).unwrap().taken);
    one(&mut engine, delivery(&[ended(&one_alert)])).unwrap();
    storage.fails(Trouble::Stream(format!("incident/{id}")));
    let answers = engine.grant(&[delivery(&[alert("B", "b", "error")]), close(&id), Wish::Tick]);
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert!(matches!(answers[1], Err(EngineError::Fault(_))));
    assert!(storage.recovers() > 0);
}

#[test]
fn incidents_that_are_over_are_forgotten_and_found_again() {
    let storage = Faulty::new();
    let mut engine = engine(&storage, "");
    let one_alert = alert("A", "a", "error");
    let id = incident(&one(&mut engine, delivery(std::slice::from_ref(&one_alert))).unwrap().taken);
    assert!(engine.journal().incidents().any(|(known, _)| known == id));
    one(&mut engine, delivery(&[ended(&one_alert)])).unwrap();
    assert!(engine.journal().incidents().next().is_none());
    assert!(matches!(engine.journal().load(&id).unwrap(), Incident::Closed(..)));
    assert!(engine.journal().knows(&id).unwrap());
    assert_eq!(engine.journal().load("inc-none").unwrap(), Incident::Absent);
    // Asked for something, it is there: it is closed, and not unknown.
    let answer = one(&mut engine, close(&id));
    assert!(matches!(answer, Err(EngineError::Rejected(Rejection::Closed))), "{answer:?}");
    assert!(engine.journal().incidents().next().is_none(), "and forgotten again");
    // What is said of it afterwards is read back, by who reads on and by who begins anew.
    let mut beside = self::engine(&storage, "");
    let (by, what) = (Person::new("ana").unwrap(), Handled::Commented { text: "seen".into() });
    one(&mut engine, Wish::Ask(id.clone(), Command::Handle { by, what })).unwrap();
    one(&mut beside, Wish::Tick).unwrap();
    assert_eq!(state(&beside), state(&engine));
    let anew = Journal::open_keeping(storage, Keep::Open).unwrap();
    assert!(anew.incidents().next().is_none());
    assert!(matches!(anew.load(&id).unwrap(), Incident::Closed(..)));
}

#[test]
fn what_could_not_be_read_is_read_the_next_time_and_not_passed_over() {
    let storage = Faulty::new();
    let mut first = engine(&storage, "");
    let mut second = engine(&storage, "");
    one(&mut second, delivery(&[alert("A", "a", "error")])).unwrap();
    storage.fails(Trouble::Leaves);
    one(&mut first, Wish::Tick).unwrap_err();
    assert!(storage.recovers() > 0);
    one(&mut first, Wish::Tick).unwrap();
    assert_eq!(state(&first), state(&second));
}

#[test]
fn an_entry_of_a_later_release_stops_this_one_each_time() {
    let storage = Faulty::new();
    let mut engine = engine(&storage, "");
    let mut log = tagout_log::AuditLog::open(storage.clone(), || [7; 32]).unwrap();
    let later = tagout_log::Record {
        at: engine.journal().last_at().unwrap(),
        stream: "shared".into(),
        kind: "something_new".into(),
        version: 1,
        data: serde_json::json!({}),
    };
    log.append(&[later], &[], &[]).unwrap();
    let before = state(&engine);
    for _ in 0..2 {
        let answer = one(&mut engine, delivery(&[alert("A", "a", "error")]));
        assert!(matches!(answer, Err(EngineError::Fault(_))), "{answer:?}");
        assert_eq!(state(&engine), before);
    }
}

#[test]
fn what_was_over_when_reading_stopped_is_not_kept_in_memory_for_good() {
    let storage = Faulty::new();
    let mut first = engine(&storage, "");
    let (a, b) = (alert("A", "a", "error"), alert("B", "b", "error"));
    let over = incident(&one(&mut first, delivery(std::slice::from_ref(&a))).unwrap().taken);
    one(&mut first, delivery(&[ended(&a)])).unwrap();
    one(&mut first, delivery(std::slice::from_ref(&b))).unwrap();
    // Another one ends the open incident, and says something of the one that is over.
    let mut second = engine(&storage, "");
    one(&mut second, delivery(&[ended(&b)])).unwrap();
    let (by, what) = (Person::new("ana").unwrap(), Handled::Commented { text: "seen".into() });
    one(&mut second, Wish::Ask(over.clone(), Command::Handle { by, what })).unwrap();
    storage.fails(Trouble::Stream(format!("incident/{over}")));
    one(&mut first, Wish::Tick).unwrap_err();
    assert!(storage.recovers() > 0);
    assert_eq!(first.journal().incidents().count(), 0, "both are over");
    one(&mut first, Wish::Tick).unwrap();
    assert_eq!(state(&first), state(&second));
}

/// Whether a journal refuses what was recorded, and is as it was before then.
fn refuses(journal: &mut Journal<Faulty>) -> bool {
    let known = |journal: &Journal<Faulty>| {
        format!("{:#?}{:#?}", journal.shared(), journal.incidents().collect::<Vec<_>>())
    };
    let before = known(journal);
    let refused = journal.catch_up().is_err();
    assert!(!refused || known(journal) == before, "{before} became {}", known(journal));
    refused
}

#[test]
fn an_incident_that_is_opened_again_in_the_log_is_refused_each_time_whatever_is_kept_in_memory() {
    for (keep, is_over) in
        [(Keep::All, false), (Keep::All, true), (Keep::Open, false), (Keep::Open, true)]
    {
        let storage = Faulty::new();
        let mut engine = engine(&storage, "");
        let one_alert = alert("A", "a", "error");
        let some = delivery(std::slice::from_ref(&one_alert));
        let id = incident(&one(&mut engine, some).unwrap().taken);
        if is_over {
            one(&mut engine, delivery(&[ended(&one_alert)])).unwrap();
        }
        let mut journal = Journal::open_keeping(storage.clone(), keep).unwrap();
        // Whoever may write to the store opens it a second time.
        let mut log = tagout_log::AuditLog::open(storage.clone(), || [7; 32]).unwrap();
        let opened = engine.journal().places(&id).unwrap()[0];
        let entry = log.entry(opened).unwrap().entry;
        let tagout_log::Entry { stream, kind, version, data, .. } = entry;
        let at = log.last_at().unwrap();
        let again = tagout_log::Record { at, stream, kind, version, data };
        log.append(&[again], &[], &[]).unwrap();
        assert!(refuses(&mut journal), "{keep:?}, over: {is_over}");
        assert!(refuses(&mut journal), "{keep:?}, over: {is_over}: the second time");
        let anew = Journal::open_keeping(storage, keep).map(drop);
        assert!(anew.unwrap_err().to_string().contains("breaks its own record"), "{keep:?}");
    }
}
