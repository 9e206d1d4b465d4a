//! An alert that begins and ends again and again: one incident for people.

use tagout_core::alert::Alert;
use tagout_core::event::{Fold, Gathering, PersonNeeded, TriagedAway};
use tagout_core::incident::{Handover, Incident, Stage};

use crate::deliveries::*;
use crate::house::*;

fn flaps(house: &House, id: &str) -> Option<u32> {
    use Gathering::Flapping;
    match &house.incidents[id] {
        Incident::Open(_, Stage::WithPeople(Handover::NoPlan(PersonNeeded::Storm(of)))) => {
            if let Flapping { starts } = of {
                Some(*starts)
            } else {
                None
            }
        }
        _ => None,
    }
}

/// It begins and ends once.
fn once(house: &mut House, alert: &Alert) -> String {
    let id = house.hear(alert);
    house.wait(60);
    house.hear(&ended(alert, None));
    house.wait(60);
    id
}

#[test]
fn an_alert_that_begins_as_often_as_the_limit_has_one_incident_that_takes_in_the_rest() {
    let mut house = House::new();
    let one = alert(ONE, "warning");
    let ids: Vec<String> = (0..4).map(|_| once(&mut house, &one)).collect();
    assert!(ids[..3].iter().all(|id| house.is_closed(id)));
    assert_eq!(flaps(&house, &ids[3]), Some(4));
    for _ in 0..20 {
        assert_eq!(once(&mut house, &one), ids[3]);
    }
    assert_eq!((house.incidents.len(), house.open()), (4, 1));
    house.hear(&one);
    assert_eq!(house.folds(), [Fold::Returned(None)]);
}

#[test]
fn beginnings_outside_the_window_do_not_count() {
    let mut house = House::new();
    let one = alert(ONE, "warning");
    for _ in 0..8 {
        let id = once(&mut house, &one);
        assert!(house.is_closed(&id));
        house.wait(20 * 60);
    }
    // The first beginning counts as all others do: once within the window, and then no more.
    let mut house = House::with("[noise]\nflapping_starts = 2\n", [disk()]);
    once(&mut house, &one);
    house.wait(3600);
    let later = once(&mut house, &one);
    assert!(house.is_closed(&later));
    let soon = once(&mut house, &one);
    assert_eq!(flaps(&house, &soon), Some(2));
}

#[test]
fn an_alert_that_flaps_does_not_break_through_a_window_or_its_severity() {
    let mut house = House::new();
    let (one, info) = (alert(ONE, "warning"), alert(TWO, "info"));
    (0..3).for_each(|_| drop(once(&mut house, &one)));
    house.open_window(("instance", "one-1"), 3600);
    for _ in 0..3 {
        let id = once(&mut house, &one);
        assert!(matches!(house.away(&id), TriagedAway::Maintenance(_)));
        let id = once(&mut house, &info);
        assert_eq!(house.away(&id), &TriagedAway::Informational);
    }
}

#[test]
fn a_flapping_alert_that_worsens_leaves_its_incident_for_one_of_its_own() {
    let mut house = House::new();
    let one = alert(ONE, "warning");
    let ids: Vec<String> = (0..4).map(|_| once(&mut house, &one)).collect();
    let worse = house.hear(&at_severity(&one, "critical"));
    assert_ne!(worse, ids[3]);
    assert!(house.is_closed(&ids[3]), "nothing is left in it");
    assert_eq!(house.open(), 1);
}

#[test]
fn many_alerts_that_flap_are_one_storm() {
    let mut house = House::new();
    let all: Vec<Alert> = (0..200).map(|n| named("PodRestarts", &n.to_string(), "error")).collect();
    for _ in 0..8 {
        house.deliver(&all);
        house.wait(700);
        let ends: Vec<Alert> = all.iter().map(|a| ended(a, None)).collect();
        house.deliver(&ends);
        house.wait(60);
    }
    house.deliver(&all);
    let flapping = house.incidents.keys().filter(|id| flaps(&house, id).is_some()).count();
    assert!((1..=3).contains(&flapping), "{flapping}");
    assert!(house.open() <= 4, "{}", house.open());
}

#[test]
fn a_person_ends_the_incident_of_an_alert_that_flaps() {
    let mut house = House::new();
    let one = alert(ONE, "warning");
    let ids: Vec<String> = (0..4).map(|_| once(&mut house, &one)).collect();
    house.close(&ids[3]);
    let next = house.hear(&one);
    assert_eq!(flaps(&house, &next), Some(5));
}
