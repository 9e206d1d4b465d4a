//! People work on incidents: acknowledge, assign, hand over, comment, snooze, merge.

use tagout_core::alert::AlertStatus;
use tagout_core::command::Command;
use tagout_core::decide::Rejection;
use tagout_core::event::{Event, VoidReason};
use tagout_core::evolve::evolve;
use tagout_core::handling::Handled;
use tagout_core::incident::{Closure, Incident};
use tagout_core::limits;
use tagout_core::time::Span;

use crate::house::*;

fn handle(house: &mut House, who: &str, what: Handled) -> Result<Vec<Event>, Rejection> {
    house.ask(ONE, Command::Handle { by: person(who), what })
}

fn snooze(house: &House, seconds: u64) -> Handled {
    let until = house.now.after(Span::from_secs(seconds));
    Handled::Snoozed { until, reason: "the vendor is on it".into() }
}

fn merge(house: &mut House, from: &str, into: &str) -> Result<Vec<Event>, Rejection> {
    let (by, reason) = (person("ana"), "the same outage".into());
    let merged = house.ask(from, Command::Merge { into: into.into(), by: by.clone(), reason })?;
    house.must(into, Command::TakeIn { from: from.into(), by });
    Ok(merged)
}

#[test]
fn the_first_to_acknowledge_is_the_one_who_looks_after_it() {
    let mut house = House::new();
    house.matched_at(ONE, "disk", "critical");
    handle(&mut house, "ana", Handled::Acknowledged).unwrap();
    assert!(handle(&mut house, "ben", Handled::Acknowledged).is_err());
    let handling = &house.incidents[ONE].case().unwrap().handling;
    assert_eq!(handling.acknowledged, Some((person("ana"), house.now)));
}

#[test]
fn acknowledging_is_no_answer_and_stops_no_clock() {
    let mut house = House::new();
    house.matched_at(ONE, "disk", "critical");
    handle(&mut house, "ana", Handled::Acknowledged).unwrap();
    assert!(house.is_waiting(ONE));
    house.wait(15 * 60);
    house.must(ONE, Command::Tick);
    assert!(house.is_voided(ONE));
}

#[test]
fn a_hand_over_needs_somebody_else_and_a_word_on_how_things_stand() {
    let mut house = House::new();
    house.matched_at(ONE, "disk", "critical");
    let to = |to: &str, note: &str| Handled::HandedOver { to: person(to), note: note.into() };
    assert!(handle(&mut house, "ana", to("ana", "all is well")).is_err());
    assert!(matches!(handle(&mut house, "ana", to("ben", " ")), Err(Rejection::ReasonNeeded)));
    handle(&mut house, "ana", to("ben", "waiting for the vendor")).unwrap();
    let handling = &house.incidents[ONE].case().unwrap().handling;
    assert_eq!(handling.assignee, Some(person("ben")));
}

#[test]
fn a_comment_may_follow_the_close_and_an_assignment_may_not() {
    let mut house = House::new();
    house.matched_at(ONE, "disk", "critical");
    house.must(ONE, Command::Close { by: person("ana"), reason: "replaced the disk".into() });
    handle(&mut house, "ana", Handled::Commented { text: "it was the vendor".into() }).unwrap();
    assert_eq!(house.incidents[ONE].case().unwrap().handling.comments, 1);
    assert!(matches!(
        handle(&mut house, "ana", Handled::Assigned { to: None }),
        Err(Rejection::Closed)
    ));
}

#[test]
fn a_snooze_has_an_end_within_a_day_and_before_the_request_lapses() {
    let mut house = House::new();
    house.matched_at(ONE, "disk", "critical");
    let day = limits::SNOOZE.millis() / 1000;
    for seconds in [0, 15 * 60, day + 1] {
        let what = snooze(&house, seconds);
        assert!(handle(&mut house, "ana", what).is_err(), "{seconds}");
    }
    let what = snooze(&house, 14 * 60);
    handle(&mut house, "ana", what).unwrap();
    let case = house.incidents[ONE].case().unwrap().clone();
    assert!(case.handling.snoozed(house.now).is_some());
    assert!(case.handling.snoozed(house.now.after(Span::from_secs(14 * 60))).is_none());
}

#[test]
fn the_end_of_a_snooze_is_recorded_once() {
    let mut house = House::new();
    house.matched_at(ONE, "disk", "critical");
    let what = snooze(&house, 60);
    handle(&mut house, "ana", what).unwrap();
    assert!(house.must(ONE, Command::Tick).is_empty());
    house.wait(60);
    assert_eq!(house.must(ONE, Command::Tick), [Event::SnoozeEnded {}]);
    assert!(house.must(ONE, Command::Tick).is_empty());
}

/// A critical request that more people are asked about after three minutes, and that is warned of
/// five minutes before it lapses.
fn asked() -> House {
    let policy = "default_environment = \"low\"\nwarn_before = \"5m\"\n\
                  [[chain]]\nafter = \"3m\"\nask = [\"secondary\"]\n";
    let mut house = House::with(policy, [disk(), cache()]);
    house.matched_at(ONE, "disk", "critical");
    house
}

fn snoozed(house: &House) -> bool {
    house.incidents[ONE].case().unwrap().handling.snoozed(house.now).is_some()
}

#[test]
fn a_snoozed_request_is_quiet_until_its_end_and_lapses_when_it_would_have() {
    let mut house = asked();
    let end = house.plan(ONE).expires_at;
    let what = snooze(&house, 12 * 60);
    handle(&mut house, "ana", what).unwrap();
    for _ in 0..11 {
        house.wait(60);
        assert_eq!(house.must(ONE, Command::Tick), [], "at {}", house.now);
    }
    house.wait(60);
    let plan = house.plan(ONE).digest();
    assert_eq!(
        house.must(ONE, Command::Tick),
        [
            Event::SnoozeEnded {},
            Event::RequestEscalated { plan, rung: 1, to: ["secondary".to_owned()].into() },
            Event::LapseWarned { plan },
        ]
    );
    assert_eq!(house.incidents[ONE].waiting().unwrap().1.request().expires_at, end);
    house.now = end;
    house.must(ONE, Command::Tick);
    assert!(house.is_voided(ONE));
}

#[test]
fn whatever_changes_about_a_snoozed_request_ends_the_snooze() {
    let changes: [fn(&mut House); 4] = [
        |house| drop(house.approve(ONE, "ben").unwrap()),
        |house| drop(house.reject(ONE, "ben").unwrap()),
        |house| drop(house.modify(ONE, "ben", value("keep", "7")).unwrap()),
        |house| drop(house.revoke(ONE)),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let mut house = asked();
        let what = snooze(&house, 12 * 60);
        handle(&mut house, "ana", what).unwrap();
        handle(&mut house, "ana", Handled::Commented { text: "later".into() }).unwrap();
        assert!(snoozed(&house));
        change(&mut house);
        assert!(!snoozed(&house), "{n}");
        // A log of an earlier release records its end all the same.
        house.wait(12 * 60);
        house.record(ONE, &[Event::SnoozeEnded {}]);
    }
}

#[test]
fn no_end_of_a_snooze_is_taken_before_its_time() {
    let mut house = asked();
    let what = snooze(&house, 60);
    handle(&mut house, "ana", what).unwrap();
    let incident = house.incidents[ONE].clone();
    assert!(evolve(incident, &Event::SnoozeEnded {}, house.now).is_err());
}

#[test]
fn an_alert_that_gets_worse_ends_the_snooze() {
    let mut house = House::new();
    house.receive(ONE, alert(ONE, "error"));
    let what = snooze(&house, 60);
    handle(&mut house, "ana", what).unwrap();
    house.receive(ONE, alert(ONE, "critical"));
    assert!(house.incidents[ONE].case().unwrap().handling.snoozed(house.now).is_none());
}

#[test]
fn a_merged_incident_is_closed_and_its_plan_can_no_longer_run() {
    let mut house = House::new();
    house.matched_at(ONE, "disk", "critical");
    house.matched_at(TWO, "disk", "critical");
    let events = merge(&mut house, ONE, TWO).unwrap();
    assert!(matches!(&events[0], Event::PlanVoided { why: VoidReason::Revoked { .. }, .. }));
    assert!(matches!(
        &house.incidents[ONE],
        Incident::Closed(_, Closure::Merged(into)) if into == TWO
    ));
    let took_in = &house.incidents[TWO].case().unwrap().handling.took_in;
    assert_eq!(took_in, &[ONE.to_owned()]);
    assert!(house.is_waiting(TWO));
}

#[test]
fn the_alerts_of_a_merged_incident_belong_to_the_other_one() {
    let mut house = House::new();
    house.matched_at(ONE, "disk", "critical");
    house.matched_at(TWO, "disk", "critical");
    let identity = house.incidents[ONE].case().unwrap().identity;
    merge(&mut house, ONE, TWO).unwrap();
    assert_eq!(house.shared.open_incident(identity), Some(TWO));
    assert_eq!(house.shared.open(TWO).unwrap().firing, 2);
    assert_eq!(house.shared.open_incidents().collect::<Vec<_>>(), [TWO]);
}

#[test]
fn an_incident_that_took_another_in_ends_with_the_last_alert_of_both() {
    let mut house = House::new();
    house.deliver(&[alert(ONE, "critical")]);
    house.deliver(&[alert(TWO, "critical")]);
    let (first, second) = {
        let open: Vec<String> = house.shared.open_incidents().map(str::to_owned).collect();
        (open[0].clone(), open[1].clone())
    };
    merge(&mut house, &first, &second).unwrap();
    let ended = |id: &str| {
        let mut alert = alert(id, "critical");
        alert.status = AlertStatus::Resolved;
        alert
    };
    house.deliver(&[ended(TWO)]);
    assert!(matches!(house.incidents[&second], Incident::Open(..)));
    house.deliver(&[ended(ONE)]);
    assert!(matches!(house.incidents[&second], Incident::Closed(_, Closure::AlertEnded)));
}

#[test]
fn an_incident_is_not_merged_into_itself_nor_into_one_that_is_not_open() {
    let mut house = House::new();
    house.matched_at(ONE, "disk", "critical");
    house.matched_at(TWO, "disk", "critical");
    house.must(TWO, Command::Close { by: person("ana"), reason: "done".into() });
    for into in [ONE, TWO, "nowhere"] {
        assert!(merge(&mut house, ONE, into).is_err(), "{into}");
    }
}
