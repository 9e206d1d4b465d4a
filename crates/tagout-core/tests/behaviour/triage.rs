//! Triage: closed with a reason, handed to a person, or searched.

use tagout_core::alert::{Alert, AlertStatus, Severity};
use tagout_core::calm::CalmKind;
use tagout_core::command::Command;
use tagout_core::command::SharedCommand;
use tagout_core::condition::{Condition, Operator};
use tagout_core::decide::Rejection;
use tagout_core::event::{Event, PersonNeeded, Triage, TriagedAway, WindowKind};
use tagout_core::incident::{Closure, Handover, Incident, Stage};
use tagout_core::intake::{Folds, Place, place};
use tagout_core::matcher::LabelMatcher;
use tagout_core::policy::SeverityOrigin;
use tagout_core::text::FreeText;
use tagout_core::verdict::Decision;

use crate::house::*;

fn closed_for(house: &House) -> TriagedAway {
    match &house.incidents[ONE] {
        Incident::Closed(_, Closure::TriagedAway(why)) => why.clone(),
        other => panic!("it was not triaged away: {other:?}"),
    }
}

fn calm(severity: &str) -> Alert {
    let mut alert = alert(ONE, severity);
    alert.title = "FailoverCompleted".into();
    alert.message = "db-2 is the new primary.".into();
    alert
}

fn window(house: &mut House, kind: WindowKind, instance: &str) {
    let (from, until) = (house.now, house.now.after("1h".parse().unwrap()));
    house
        .say(SharedCommand::OpenWindow {
            id: "w1".into(),
            window: kind,
            matcher: LabelMatcher([("instance".into(), instance.into())].into()),
            conditions: Vec::new(),
            from,
            until,
            by: person("ops"),
            reason: FreeText::default(),
        })
        .unwrap();
}

fn conditions(house: &mut House, conditions: Vec<Condition>) -> Result<Vec<Event>, Rejection> {
    let (from, until) = (house.now, house.now.after("1h".parse().unwrap()));
    house.say(SharedCommand::OpenWindow {
        id: "w2".into(),
        window: WindowKind::Silence,
        matcher: LabelMatcher::default(),
        conditions,
        from,
        until,
        by: person("ops"),
        reason: "planned".into(),
    })
}

#[test]
fn a_resolved_alert_is_closed_before_any_search() {
    let mut house = House::new();
    house.receive(ONE, Alert { status: AlertStatus::Resolved, ..alert(ONE, "critical") });
    assert_eq!(closed_for(&house), TriagedAway::Resolved);
    assert_eq!(house.shared.open_incidents().count(), 0);
}

#[test]
fn an_alert_that_its_sender_holds_back_is_closed() {
    let mut house = House::new();
    house.receive(ONE, Alert { status: AlertStatus::Suppressed, ..alert(ONE, "critical") });
    assert_eq!(closed_for(&house), TriagedAway::Suppressed);
}

#[test]
fn an_alert_in_a_maintenance_window_is_closed_and_the_window_is_named() {
    let mut house = House::new();
    window(&mut house, WindowKind::Maintenance, "one-*");
    house.receive(ONE, alert(ONE, "critical"));
    assert_eq!(closed_for(&house), TriagedAway::Maintenance("w1".into()));
}

#[test]
fn an_alert_under_our_own_silence_is_closed_and_the_silence_is_named() {
    let mut house = House::new();
    window(&mut house, WindowKind::Silence, "one-1");
    house.receive(ONE, alert(ONE, "critical"));
    assert_eq!(closed_for(&house), TriagedAway::Silenced("w1".into()));
}

#[test]
fn a_window_covers_its_own_alerts_until_its_end_and_no_others() {
    let mut house = House::new();
    window(&mut house, WindowKind::Maintenance, "one-1");
    house.receive(TWO, alert(TWO, "warning"));
    assert_eq!(house.stage(TWO), &Stage::Searching);
    house.wait(3600);
    house.receive(ONE, alert(ONE, "warning"));
    assert_eq!(house.stage(ONE), &Stage::Searching);
}

#[test]
fn a_window_that_was_closed_early_covers_nothing() {
    let mut house = House::new();
    window(&mut house, WindowKind::Maintenance, "one-1");
    house.say(SharedCommand::CloseWindow { id: "w1".into(), by: person("ops") }).unwrap();
    house.receive(ONE, alert(ONE, "warning"));
    assert_eq!(house.stage(ONE), &Stage::Searching);
}

#[test]
fn the_id_of_a_window_is_free_again_when_the_window_has_ended() {
    let mut house = House::new();
    window(&mut house, WindowKind::Maintenance, "one-1");
    let (from, until) = (house.now, house.now.after("2h".parse().unwrap()));
    let open = || SharedCommand::OpenWindow {
        id: "w1".into(),
        window: WindowKind::Silence,
        matcher: LabelMatcher([("instance".into(), "two-1".into())].into()),
        conditions: Vec::new(),
        from,
        until,
        by: person("ops"),
        reason: FreeText::default(),
    };
    let close = || SharedCommand::CloseWindow { id: "w1".into(), by: person("ops") };
    assert!(house.say(open()).is_err());
    house.wait(3600);
    assert!(house.say(close()).is_err());
    house.say(open()).unwrap();
    house.receive(TWO, alert(TWO, "warning"));
    assert!(matches!(house.incidents[TWO], Incident::Closed(..)));
}

#[test]
fn a_window_with_conditions_covers_those_alerts_for_which_all_of_them_hold() {
    let mut house = House::new();
    let fits = |value: &str| Condition {
        label: "instance".into(),
        operator: Operator::Fits,
        value: value.into(),
    };
    conditions(&mut house, vec![fits("one-[0-9]+")]).unwrap();
    house.receive(ONE, alert(ONE, "warning"));
    assert_eq!(closed_for(&house), TriagedAway::Silenced("w2".into()));
    house.receive(TWO, alert(TWO, "warning"));
    assert_eq!(house.stage(TWO), &Stage::Searching);
}

#[test]
fn a_window_whose_conditions_are_not_understood_is_refused_and_covers_nothing_if_it_was_recorded() {
    let mut house = House::new();
    let broken =
        Condition { label: "instance".into(), operator: Operator::FitsNot, value: "(".into() };
    let refused = conditions(&mut house, vec![broken.clone()]);
    assert!(matches!(refused, Err(Rejection::BadCondition(_))), "{refused:?}");
    let (from, until) = (house.now, house.now.after("1h".parse().unwrap()));
    let event = Event::WindowOpened {
        id: "w2".into(),
        window: WindowKind::Silence,
        matcher: LabelMatcher::default(),
        conditions: vec![broken],
        from,
        until,
        by: person("ops"),
        reason: FreeText::default(),
    };
    house.record("", &[event]);
    house.receive(ONE, alert(ONE, "warning"));
    assert_eq!(house.stage(ONE), &Stage::Searching);
}

#[test]
fn a_window_that_an_earlier_release_recorded_is_read_and_one_without_conditions_is_written_so() {
    let recorded = r#"{"kind":"window_opened","data":{"id":"w1","window":"silence",
        "matcher":{"instance":"one-1"},"from":"2026-11-01T10:00:00.000Z",
        "until":"2026-11-01T11:00:00.000Z","by":"ops"}}"#;
    let event: Event = serde_json::from_str(recorded).unwrap();
    let value: serde_json::Value = serde_json::from_str(recorded).unwrap();
    assert_eq!(serde_json::to_value(&event).unwrap(), value);
    let mut house = House::new();
    house.record("", &[event]);
    house.receive(ONE, alert(ONE, "warning"));
    assert_eq!(closed_for(&house), TriagedAway::Silenced("w1".into()));
}

#[test]
fn an_alert_that_its_sender_no_longer_holds_back_is_no_late_news() {
    let mut house = House::new();
    let held = Alert {
        starts_at: Some(house.now),
        status: AlertStatus::Suppressed,
        ..alert(ONE, "critical")
    };
    house.receive(ONE, held.clone());
    house.wait(60);
    let fires = Alert { status: AlertStatus::Firing, ..held };
    let (identity, folds) = (fires.identity(), Folds::default());
    let place = place(&fires, identity, &house.shared, &folds, &house.policy, house.now);
    assert_eq!(place, Place::Open(None));
}

#[test]
fn an_informational_alert_is_closed() {
    let mut house = House::new();
    house.receive(ONE, alert(ONE, "info"));
    assert_eq!(closed_for(&house), TriagedAway::Informational);
    assert_eq!(house.incidents[ONE].decision(), None);
}

#[test]
fn a_severity_word_of_the_table_means_what_the_table_says() {
    let mut house = House::new();
    house.receive(ONE, alert(ONE, "notice"));
    assert_eq!(closed_for(&house), TriagedAway::Informational);
    house.receive(TWO, alert(TWO, "major"));
    let reading = house.incidents[TWO].case().unwrap().severity.clone().unwrap();
    assert_eq!(reading.severity, Severity::Error);
    assert_eq!(reading.origin, SeverityOrigin::Mapped("major".into()));
}

#[test]
fn a_severity_word_that_nobody_mapped_counts_as_critical_and_says_so() {
    let mut house = House::new();
    house.receive(ONE, alert(ONE, "sev-42"));
    let reading = house.incidents[ONE].case().unwrap().severity.clone().unwrap();
    assert_eq!(reading.severity, Severity::Critical);
    assert_eq!(reading.origin, SeverityOrigin::Unmapped("sev-42".into()));
}

#[test]
fn an_alert_without_a_severity_has_the_policys_default() {
    for severity in [None, Some(String::new())] {
        let mut house = House::with("default_severity = \"error\"\n", [disk()]);
        house.receive(ONE, Alert { severity, ..alert(ONE, "") });
        let reading = house.incidents[ONE].case().unwrap().severity.clone().unwrap();
        assert_eq!(reading.severity, Severity::Error);
        assert_eq!(reading.origin, SeverityOrigin::Absent);
    }
}

#[test]
fn a_calm_text_below_error_is_closed_with_the_words_that_say_so() {
    let mut house = House::new();
    house.receive(ONE, calm("warning"));
    match closed_for(&house) {
        TriagedAway::ReportsCalm { calm, phrase } => {
            assert_eq!(calm, CalmKind::FinishedChange);
            assert_eq!(phrase.as_str(), "Completed");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_calm_text_at_error_and_above_has_no_plan_and_a_person_sees_it() {
    for severity in ["error", "critical", "never heard of"] {
        let mut house = House::new();
        house.receive(ONE, calm(severity));
        assert!(
            matches!(
                house.stage(ONE),
                Stage::WithPeople(Handover::NoPlan(PersonNeeded::ReportsCalm { .. }))
            ),
            "{severity}"
        );
        assert_eq!(house.incidents[ONE].decision(), Some(Decision::Escalate), "{severity}");
    }
}

#[test]
fn everything_else_is_searched() {
    let mut house = House::new();
    let events = house.receive(ONE, alert(ONE, "warning"));
    let last = events.last().unwrap();
    assert!(
        matches!(last, tagout_core::event::Event::Triaged { triage: Triage::Search, .. }),
        "{last:?}"
    );
}

#[test]
fn an_alert_about_another_fault_is_not_taken_into_an_incident() {
    let mut house = House::new();
    house.receive(ONE, alert(ONE, "warning"));
    let stranger = Command::ReceiveAlert { alert: alert(TWO, "warning"), delivery: delivery() };
    assert!(matches!(house.ask(ONE, stranger), Err(Rejection::NotDue(_))));
}

#[test]
fn an_open_incident_is_found_by_its_fault_until_it_is_closed() {
    let mut house = House::new();
    house.receive(ONE, alert(ONE, "warning"));
    let identity = alert(ONE, "warning").identity();
    assert_eq!(house.shared.open_incident(identity), Some(ONE));
    house.end_of_alert(ONE);
    assert_eq!(house.shared.open_incident(identity), None);
}
