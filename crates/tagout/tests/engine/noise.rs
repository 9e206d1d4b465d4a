//! Deliveries through the engine: two peers, storms, windows, inhibition, sources that send
//! what cannot be read.

use std::sync::Arc;

use tagout::engine::{Engine, EngineError, Taken, Wish};
use tagout::signals::{Intake, Unreadable};
use tagout_core::approval::Person;
use tagout_core::command::{Command, SharedCommand};
use tagout_core::decide::Rejection;
use tagout_core::event::{Event, Fold, WindowKind};
use tagout_core::limits;
use tagout_core::matcher::LabelMatcher;
use tagout_core::time::Span;

use crate::storage::*;

fn open(engine: &Engine<Faulty>) -> usize {
    engine.journal().shared().open_incidents().count()
}

fn count(engine: &Engine<Faulty>, of: impl Fn(&Event) -> bool) -> usize {
    engine.journal().history(None).unwrap().iter().filter(|r| of(r.event())).count()
}

fn window(engine: &mut Engine<Faulty>, host: &str, seconds: u64) {
    let from = engine.journal().last_at().unwrap();
    engine
        .ask_shared(SharedCommand::OpenWindow {
            id: "w".into(),
            window: WindowKind::Maintenance,
            matcher: LabelMatcher([("instance".into(), host.into())].into()),
            conditions: Vec::new(),
            from,
            until: from.after(Span::from_secs(seconds)),
            by: Person::new("ops").unwrap(),
            reason: "".into(),
        })
        .unwrap();
}

#[test]
fn one_delivery_of_two_peers_in_one_turn_is_one_incident() {
    let storage = Faulty::new();
    let mut engine = engine(&storage, "");
    let wish = delivery(&[alert("A", "a", "error")]);
    let answers = engine.grant(&[wish.clone(), wish]);
    let taken: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().taken).collect();
    assert_eq!(taken[0], taken[1]);
    assert_eq!(
        (open(&engine), count(&engine, |e| matches!(e, Event::IncidentOpened { .. }))),
        (1, 1)
    );
}

#[test]
fn a_storm_and_its_end_in_one_delivery_each_are_a_handful_of_incidents_and_then_none() {
    let storage = Faulty::new();
    let mut engine = engine(&storage, "");
    let storm: Vec<_> = (0..4_000).map(|n| alert("HostDown", &n.to_string(), "error")).collect();
    let granted = one(&mut engine, delivery(&storm)).unwrap();
    assert_eq!((granted.taken.len(), open(&engine)), (4_000, 4));
    // The log says of each which incident it joined, and its name.
    let (mut joined, mut named) = (0, 0);
    for recorded in engine.journal().history(None).unwrap() {
        if let Event::DeliveryReceived { folded, joined: text, .. }
        | Event::DeliveryPartReceived { folded, joined: text, .. }
        | Event::AlertsFolded { folded, joined: text, .. } = recorded.event()
        {
            joined += folded.iter().filter(|f| matches!(f.how, Fold::Joined { .. })).count();
            named += text.as_str().lines().filter(|line| line.starts_with("HostDown\t")).count();
        }
    }
    assert_eq!((joined, named), (3_996, 3_996));
    let ends: Vec<_> = storm.iter().map(ended).collect();
    one(&mut engine, delivery(&ends)).unwrap();
    assert_eq!(open(&engine), 0);
}

#[test]
fn the_same_alert_again_and_again_in_one_delivery_is_counted_once() {
    let storage = Faulty::new();
    let mut engine = engine(&storage, "[noise]\nstorm_per_name = 1\n");
    let host = |n: usize| alert("HostDown", &n.to_string(), "error");
    let some = [host(0), host(1), host(2), host(2), ended(&host(2)), host(2)];
    one(&mut engine, delivery(&some)).unwrap();
    assert_eq!(open(&engine), 2);
    one(&mut engine, delivery(&[ended(&host(1)), ended(&host(2))])).unwrap();
    assert_eq!(open(&engine), 1);
}

#[test]
fn what_a_window_held_is_looked_at_again_when_it_closes() {
    let storage = Faulty::new();
    let mut engine = engine(&storage, "");
    window(&mut engine, "a", 600);
    one(&mut engine, delivery(&[alert("A", "a", "critical")])).unwrap();
    storage.wait(599);
    one(&mut engine, Wish::Tick).unwrap();
    assert_eq!(open(&engine), 0);
    storage.wait(1);
    one(&mut engine, Wish::Tick).unwrap();
    assert_eq!(open(&engine), 1);
    let size = engine.journal().log().size();
    one(&mut engine, Wish::Tick).unwrap();
    assert_eq!(engine.journal().log().size(), size, "once");
}

#[test]
fn more_held_alerts_than_one_tick_looks_at_are_looked_at_by_the_next_ones() {
    let storage = Faulty::new();
    let mut engine = engine(&storage, "[noise]\nstorm_per_name = 1000\nstorm_overall = 1000\n");
    window(&mut engine, "*", 600);
    let many: Vec<_> = (0..250).map(|n| alert("A", &n.to_string(), "error")).collect();
    one(&mut engine, delivery(&many)).unwrap();
    storage.wait(600);
    let mut after = Vec::new();
    for _ in 0..3 {
        one(&mut engine, Wish::Tick).unwrap();
        after.push(open(&engine));
    }
    assert_eq!(after, [100, 200, 250]);
}

#[test]
fn what_another_alert_held_back_is_looked_at_again_when_that_ends_or_a_person_closes_it() {
    let rule = "[[inhibit]]\nsource = {instance = \"node\"}\ntarget = {instance = \"pod\"}\n";
    for by_person in [false, true] {
        let storage = Faulty::new();
        let mut engine = engine(&storage, rule);
        let (node, pod) = (alert("N", "node", "error"), alert("P", "pod", "error"));
        let taken = one(&mut engine, delivery(&[node.clone(), pod.clone()])).unwrap().taken;
        one(&mut engine, Wish::Tick).unwrap();
        assert!(engine.journal().shared().fires_in(pod.identity()).is_none());
        if by_person {
            let Taken::Incident(id) = &taken[0] else { panic!("{taken:?}") };
            let by = Person::new("ana").unwrap();
            let close = Command::Close { by, reason: "known".into() };
            one(&mut engine, Wish::Ask(id.clone(), close)).unwrap();
        } else {
            one(&mut engine, delivery(&[ended(&node)])).unwrap();
        }
        one(&mut engine, Wish::Tick).unwrap();
        assert!(engine.journal().shared().fires_in(pod.identity()).is_some());
    }
}

#[test]
fn a_source_that_sends_what_cannot_be_read_has_one_incident_and_each_body_is_kept_once() {
    let storage = Faulty::new();
    let mut engine = engine(&storage, "");
    let broken = |source: &str, body: &[u8]| {
        let unreadable = Unreadable::new(source, body, "it is not JSON");
        Wish::Deliver(Arc::new(Intake::Quarantined(unreadable)))
    };
    let all =
        [broken("am", b"{"), broken("am", b"{"), broken("am", b"\xff"), broken("other", b"{")];
    assert!(engine.grant(&all).iter().all(Result::is_ok));
    assert_eq!(open(&engine), 2);
    assert_eq!(count(&engine, |e| matches!(e, Event::DeliveryQuarantined { .. })), 2);
    // A person who closed it is left alone for the cool-down, and called again after it; or before
    // that if there is something that they cannot have seen.
    let ids: Vec<String> = engine.journal().shared().open_incidents().map(str::to_owned).collect();
    for id in ids {
        let close = Command::Close { by: Person::new("ana").unwrap(), reason: "told".into() };
        one(&mut engine, Wish::Ask(id, close)).unwrap();
    }
    storage.wait(599);
    one(&mut engine, all[0].clone()).unwrap();
    assert_eq!(open(&engine), 0);
    one(&mut engine, broken("other", b"[")).unwrap();
    assert_eq!(open(&engine), 1);
    storage.wait(1);
    one(&mut engine, all[0].clone()).unwrap();
    assert_eq!(open(&engine), 2);
}

#[test]
fn past_so_many_unreadable_bodies_of_a_source_no_more_are_taken_and_one_incident_says_so() {
    let storage = Faulty::new();
    let mut engine = engine(&storage, "");
    let broken = |n: usize| {
        let unreadable = Unreadable::new("am", n.to_string().as_bytes(), "it is not JSON");
        Wish::Deliver(Arc::new(Intake::Quarantined(unreadable)))
    };
    for n in 0..limits::QUARANTINED {
        one(&mut engine, broken(n)).unwrap();
    }
    assert_eq!(open(&engine), 1);
    for n in [0, 1, 1] {
        let refused = one(&mut engine, broken(limits::QUARANTINED + n));
        let full = |error| matches!(error, EngineError::Rejected(Rejection::QuarantineFull(_)));
        assert!(refused.is_err_and(full));
        assert_eq!(open(&engine), 2);
    }
    // Nothing but the incident is recorded of what was not taken.
    let before = count(&engine, |_| true);
    one(&mut engine, broken(7_000)).unwrap_err();
    assert_eq!(count(&engine, |_| true), before);
    let says = count(
        &engine,
        |e| matches!(e, Event::IncidentOpened { alert, .. } if alert.name() == "TagoutQuarantineFull"),
    );
    assert_eq!(says, 1);
    // What is kept already is no new one.
    one(&mut engine, broken(0)).unwrap();
    let kept = engine.journal().shared().quarantined().next().unwrap();
    let lift = SharedCommand::LiftQuarantine { delivery: kept, by: Person::new("ana").unwrap() };
    one(&mut engine, Wish::Share(lift)).unwrap();
    one(&mut engine, broken(limits::QUARANTINED)).unwrap();
}

#[test]
fn a_merge_stands_in_the_trail_of_both_incidents_and_moves_the_alerts() {
    let storage = Faulty::new();
    let mut engine = engine(&storage, "");
    let both = delivery(&[alert("A", "a", "error"), alert("B", "b", "error")]);
    let taken = one(&mut engine, both).unwrap().taken;
    let [Taken::Incident(first), Taken::Incident(second)] = &taken[..] else { panic!("{taken:?}") };
    let (into, by) = (second.clone(), Person::new("ana").unwrap());
    let merge = Command::Merge { into, by, reason: "the same outage".into() };
    one(&mut engine, Wish::Ask(first.clone(), merge)).unwrap();
    let kinds = |id: &str| -> Vec<String> {
        let history = engine.journal().history(Some(id)).unwrap();
        history.iter().map(|r| tagout_core::evolve::kind(r.event())).collect()
    };
    assert_eq!(kinds(first).last().map(String::as_str), Some("incident_merged"));
    assert_eq!(kinds(second).last().map(String::as_str), Some("incident_took_in"));
    assert_eq!(open(&engine), 1);
    assert_eq!(engine.journal().shared().open(second).unwrap().firing, 2);
}
