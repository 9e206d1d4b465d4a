//! A delivery that is recorded in several turns: stopped between two of them and sent again,
//! taken on by another replica, or recorded by two at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use tagout::engine::{Engine, Taken, Wish};
use tagout::gathered::counts;
use tagout::signals::{Delivery, Format, Intake, Reading};
use tagout_core::alert::{Alert, AlertFlaw};
use tagout_core::approval::Person;
use tagout_core::command::Command;
use tagout_core::digest::{AlertIdentity, DeliveryDigest};
use tagout_core::event::{Event, Fold};
use tagout_core::limits::ALERTS_PER_TURN;
use tagout_core::time::Time;

use crate::storage::*;

/// How many turns the delivery takes.
const PARTS: usize = 3;
/// How many alerts it holds.
const ALERTS: usize = ALERTS_PER_TURN * (PARTS - 1) + 1;
/// Where an alert stands that cannot be read.
const WRONG: usize = 7;
/// Where the end of an alert stands that fires at the beginning.
const ENDS: usize = ALERTS_PER_TURN + 50;

/// Two storms, and some alerts that are for nobody.
fn firing(n: usize) -> Alert {
    let host = n.to_string();
    let alert = match n % 40 {
        0 => alert("CacheFull", &host, "info"),
        n if n % 2 == 0 => alert("HostDown", &host, "warning"),
        _ => alert("QueueStuck", &host, "error"),
    };
    Alert { starts_at: Some("2026-11-01T09:50:00Z".parse().unwrap()), ..alert }
}

/// A big delivery. One of its alerts cannot be read, and one ends before the delivery does.
fn intake() -> Arc<Intake> {
    let ends_at: Option<Time> = Some("2026-11-01T09:58:00Z".parse().unwrap());
    let reading = |index: usize| match index {
        WRONG => {
            let flaw = AlertFlaw { field: "title".into(), what: "is missing".into() };
            Reading::Flawed { index, flaw }
        }
        ENDS => Reading::Alert(Alert { ends_at, ..ended(&firing(1)) }),
        n => Reading::Alert(firing(n)),
    };
    let alerts = (0..ALERTS).map(reading).collect();
    let digest = DeliveryDigest::of_bytes(b"a big body");
    let delivery = Delivery { source: Format::Alertmanager, digest, alerts, truncated: 0 };
    Arc::new(Intake::Alerts { source: Some("am".into()), delivery })
}

fn parts() -> Vec<Wish> {
    let parts = Wish::deliver(&intake());
    assert_eq!(parts.len(), PARTS);
    parts
}

/// What the log tells of the delivery.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    /// How often each alert opened an incident or joined one.
    taken_in: BTreeMap<AlertIdentity, usize>,
    /// How often an alert ended.
    ends: usize,
    received: usize,
    /// The parts that were recorded before the last one, in order.
    parts: Vec<(u64, u64)>,
    /// How often a person was called to the source.
    unreadable: usize,
}

fn told(engine: &Engine<Faulty>) -> Told {
    let mut told = Told::default();
    for recorded in engine.journal().history(None).unwrap() {
        match recorded.event() {
            Event::IncidentOpened { alert, identity, .. } => {
                *told.taken_in.entry(*identity).or_default() += 1;
                told.unreadable += usize::from(alert.name() == "TagoutSourceUnreadable");
            }
            Event::AlertEnded { .. } => told.ends += 1,
            Event::DeliveryReceived { alerts, flawed, .. } => {
                told.received += 1;
                assert_eq!((*alerts, flawed[0].index), (ALERTS as u64, WRONG as u64));
            }
            Event::DeliveryPartReceived { alerts, from, until, flawed, .. } => {
                told.parts.push((*from, *until));
                assert_eq!(*alerts, ALERTS as u64);
                let wrong: Vec<u64> = flawed.iter().map(|flaw| flaw.index).collect();
                assert_eq!(wrong, if *from == 0 { vec![WRONG as u64] } else { vec![] });
            }
            _ => {}
        }
        if let Event::DeliveryReceived { folded, .. }
        | Event::DeliveryPartReceived { folded, .. }
        | Event::AlertsFolded { folded, .. } = recorded.event()
        {
            for one in folded {
                match one.how {
                    Fold::Joined { .. } => *told.taken_in.entry(one.identity).or_default() += 1,
                    Fold::Ended(_) => told.ends += 1,
                    _ => {}
                }
            }
        }
    }
    told
}

/// How many incidents are open, and how many alerts fire in them.
fn standing(engine: &Engine<Faulty>) -> (usize, u32) {
    let shared = engine.journal().shared();
    let open: Vec<_> = shared.open_incidents().filter_map(|id| shared.open(id)).collect();
    (open.len(), open.iter().map(|open| open.firing).sum())
}

/// Everything in the log and in the state is as after a delivery that nothing disturbed, but for
/// the parts that were recorded again.
fn assert_one_trail(engine: &Engine<Faulty>, received: usize, why: &str) {
    let undisturbed = &mut super::storage::engine(&Faulty::new(), "");
    parts().into_iter().for_each(|part| drop(one(undisturbed, part).unwrap()));
    let (found, expected) = (told(engine), told(undisturbed));
    let per = ALERTS_PER_TURN as u64;
    assert_eq!(expected.parts, [(0, per), (per, 2 * per)]);
    assert_eq!((expected.received, expected.unreadable, expected.ends), (1, 1, 1));
    // Neither the one that cannot be read nor the second word of the one that ends, and what
    // stands for the source.
    assert_eq!(expected.taken_in.len(), ALERTS - 2 + 1);
    assert!(expected.taken_in.values().all(|times| *times == 1), "{why}");
    assert!(found.taken_in == expected.taken_in, "{why}: alerts were taken in otherwise");
    assert_eq!((found.ends, found.unreadable), (expected.ends, expected.unreadable), "{why}");
    assert_eq!(found.received, received, "{why}");
    assert_eq!(standing(engine), standing(undisturbed), "{why}");
    assert!(engine.journal().verifies());
}

#[test]
fn what_a_delivery_in_parts_folded_into_an_incident_is_counted_until_the_incident_is_over() {
    let mut engine = engine(&Faulty::new(), "");
    for part in parts().into_iter().chain(parts()) {
        one(&mut engine, part).unwrap();
    }
    let journal = engine.journal();
    let open: Vec<String> = journal.shared().open_incidents().map(str::to_owned).collect();
    let (mut gathering, mut repeated) = (Vec::new(), 0);
    for id in &open {
        let folded = journal.overview().folded(id);
        repeated += folded.map_or(0, |folded| folded.repeated);
        if let Some(counts) = counts(journal, id) {
            assert_eq!(folded.map(|folded| folded.joined + 1), Some(counts.total), "{id}");
            gathering.push(id.clone());
        }
    }
    assert!(gathering.len() >= 2, "{gathering:?}");
    assert!(repeated > ALERTS as u64 / 2, "{repeated}");

    let alone =
        open.iter().find(|id| !gathering.contains(id) && journal.overview().folded(id).is_some());
    let (alone, into) = (alone.unwrap().clone(), gathering[0].clone());
    let by = Person::new("ana").unwrap();
    let merge = Command::Merge { into, by, reason: "the same".into() };
    one(&mut engine, Wish::Ask(alone.clone(), merge)).unwrap();
    assert_eq!(engine.journal().overview().folded(&alone), None);
}

#[test]
fn a_delivery_stopped_between_two_parts_and_sent_again_is_one_trail() {
    for stopped_after in 1..PARTS {
        let storage = Faulty::new();
        let mut first = engine(&storage, "");
        for part in parts().into_iter().take(stopped_after) {
            one(&mut first, part).unwrap();
        }
        assert_eq!(told(&first).received, 0, "nobody may think that it is in the log");
        // The process dies, and what follows it knows the log and nothing else.
        drop(first);
        storage.wait(30);
        let mut second = engine(&storage, "");
        assert_eq!(told(&second).parts.len(), stopped_after);
        let mut taken = Vec::new();
        for part in parts() {
            taken.extend(one(&mut second, part).unwrap().taken);
        }
        assert_eq!(taken.len(), ALERTS);
        assert!(matches!(taken[WRONG], Taken::Flawed(_)));
        assert_one_trail(&second, 1, &format!("stopped after {stopped_after}"));
    }
}

#[test]
fn two_replicas_that_take_in_the_parts_of_one_delivery_in_turns_make_one_trail() {
    let storage = Faulty::new();
    let (mut here, mut there) = (engine(&storage, ""), engine(&storage, ""));
    let (mut first, mut again) = (parts().into_iter(), parts().into_iter());
    // Sent again to another replica when the first one has not got far.
    one(&mut here, first.next().unwrap()).unwrap();
    for part in first {
        one(&mut there, again.next().unwrap()).unwrap();
        one(&mut here, part).unwrap();
    }
    for part in again {
        one(&mut there, part).unwrap();
    }
    one(&mut here, Wish::Tick).unwrap();
    assert_one_trail(&there, 2, "two at once");
    assert_eq!(standing(&here), standing(&there));
}

#[test]
fn a_part_that_cannot_be_recorded_or_whose_answer_is_lost_is_recorded_once_when_it_is_sent_again() {
    for trouble in [Trouble::Append, Trouble::Answer] {
        for place in 0..PARTS {
            let storage = Faulty::new();
            let mut engine = engine(&storage, "");
            let mut parts_of = parts().into_iter();
            for part in parts_of.by_ref().take(place) {
                one(&mut engine, part).unwrap();
            }
            storage.fails(trouble.clone());
            one(&mut engine, parts_of.next().unwrap()).unwrap_err();
            assert_eq!(storage.recovers(), 1);
            for part in parts() {
                one(&mut engine, part).unwrap();
            }
            let written = trouble == Trouble::Answer && place == PARTS - 1;
            let why = format!("{trouble:?} in part {place}");
            assert_one_trail(&engine, 1 + usize::from(written), &why);
        }
    }
}
