//! Storms: many alerts, few incidents, and nothing that a storm hides.

use tagout_core::alert::Alert;
use tagout_core::event::{Event, Fold, Gathering, PersonNeeded};
use tagout_core::incident::{Handover, Incident, Stage};

use crate::deliveries::*;
use crate::house::*;

/// One alert of its own, and from the second one on a storm; three whatever their names.
const SMALL: &str = "[noise]\nstorm_per_name = 1\nstorm_overall = 3\n";

fn small() -> House {
    House::with(SMALL, [disk()])
}

fn gathers(house: &House, id: &str) -> Option<Gathering> {
    match &house.incidents[id] {
        Incident::Open(_, Stage::WithPeople(Handover::NoPlan(PersonNeeded::Storm(of)))) => {
            Some(of.clone())
        }
        _ => None,
    }
}

fn host(n: usize) -> Alert {
    named("HostDown", &format!("web-{n}"), "warning")
}

#[test]
fn as_many_alerts_of_one_name_as_the_limit_have_incidents_of_their_own_and_the_next_gathers() {
    let mut house = House::new();
    let ids: Vec<String> = (0..5).map(|n| house.hear(&host(n))).collect();
    assert!(ids[..3].iter().all(|id| gathers(&house, id).is_none()));
    let storm = Gathering::SameName {
        name: "HostDown".into(),
        severity: tagout_core::alert::Severity::Warning,
    };
    assert_eq!(gathers(&house, &ids[3]), Some(storm));
    assert_eq!(ids[4], ids[3]);
    assert!(matches!(house.folds()[..], [Fold::Joined { .. }]));
}

#[test]
fn as_many_alerts_of_any_name_as_the_limit_have_incidents_of_their_own_and_the_next_gathers() {
    let mut house = House::new();
    let alert = |n: usize| named(&format!("Fault{n}"), "web", "error");
    let limit = house.policy.noise.storm.overall as usize;
    let ids: Vec<String> = (0..limit + 2).map(|n| house.hear(&alert(n))).collect();
    assert!(ids[..limit].iter().all(|id| gathers(&house, id).is_none()));
    assert!(matches!(gathers(&house, &ids[limit]), Some(Gathering::Everything { .. })));
    assert_eq!(ids[limit + 1], ids[limit]);
}

#[test]
fn a_storm_of_warnings_never_hides_anything_worse() {
    let mut house = small();
    (0..50).for_each(|n| drop(house.hear(&host(n))));
    let error = house.hear(&named("DbDown", "db", "error"));
    let critical = house.hear(&named("HostDown", "web-1", "critical"));
    assert_eq!(gathers(&house, &error), None);
    assert!(!house.is_closed(&critical));
    assert_ne!(error, critical);
}

#[test]
fn a_member_of_a_storm_that_worsens_gets_an_incident_of_its_own() {
    let mut house = small();
    let ids = house.deliver(&[host(0), host(1), host(2)]);
    assert_eq!(ids[1], ids[2]);
    let own = house.hear(&at_severity(&host(2), "critical"));
    assert_ne!(own, ids[2]);
    assert_eq!(gathers(&house, &own), None);
    // It counts there no more.
    house.hear(&ended(&host(1), None));
    assert!(house.is_closed(&ids[1]));
    assert!(!house.is_closed(&own));
}

#[test]
fn a_storm_whose_last_alert_goes_to_an_incident_of_its_own_is_over() {
    let mut house = small();
    let ids = house.deliver(&[host(0), host(1)]);
    house.hear(&at_severity(&host(1), "critical"));
    assert!(house.is_closed(&ids[1]));
    assert_eq!(house.open(), 2);
}

#[test]
fn a_storm_ends_with_its_last_alert_and_not_before() {
    let mut house = small();
    let ids = house.deliver(&[host(0), host(1), host(2), host(3)]);
    house.deliver(&[ended(&host(1), None), host(2), ended(&host(0), None)]);
    assert!(house.is_closed(&ids[0]), "an incident of its own ends with its alert");
    assert!(!house.is_closed(&ids[1]));
    house.hear(&ended(&host(3), None));
    assert!(!house.is_closed(&ids[1]));
    house.hear(&ended(&host(2), None));
    assert!(house.is_closed(&ids[1]));
}

#[test]
fn a_storm_whose_alerts_all_end_in_one_delivery_is_over() {
    let mut house = small();
    let ids = house.deliver(&[host(0), host(1), host(2), host(3)]);
    let ends: Vec<Alert> = (0..4).map(|n| ended(&host(n), None)).collect();
    house.deliver(&ends);
    assert!(house.is_closed(&ids[1]));
    assert_eq!(house.open(), 0);
}

#[test]
fn an_alert_that_comes_twice_in_the_delivery_with_which_it_joins_counts_once() {
    let mut house = small();
    let ids = house.deliver(&[host(0), host(1), host(2), host(2), host(2)]);
    house.deliver(&[ended(&host(2), None)]);
    house.deliver(&[ended(&host(1), None)]);
    assert!(house.is_closed(&ids[1]));
}

#[test]
fn an_alert_that_joins_a_storm_and_ends_in_one_delivery_does_not_keep_it_open() {
    let mut house = small();
    let ids = house.deliver(&[host(0), host(1), host(2), ended(&host(2), None)]);
    house.hear(&ended(&host(1), None));
    assert!(house.is_closed(&ids[1]));
}

#[test]
fn a_member_of_a_storm_that_fires_again_goes_back_into_it() {
    let mut house = small();
    let ids = house.deliver(&[host(0), host(1), host(2)]);
    house.hear(&ended(&host(2), None));
    house.wait(60);
    assert_eq!(house.hear(&host(2)), ids[1]);
    assert_eq!(house.folds(), [Fold::Returned(None)]);
    house.hear(&ended(&host(1), None));
    assert!(!house.is_closed(&ids[1]));
}

#[test]
fn a_storm_that_nothing_has_joined_for_its_window_takes_in_nothing_more() {
    let mut house = small();
    let ids = house.deliver(&[host(0), host(1)]);
    house.wait(599);
    assert_eq!(house.hear(&host(2)), ids[1]);
    house.wait(599);
    assert_eq!(house.hear(&host(3)), ids[1], "it went on");
    house.wait(600);
    let later = house.hear(&host(4));
    assert_ne!(later, ids[1]);
    assert_eq!(gathers(&house, &later), None);
}

#[test]
fn an_alert_of_a_storm_that_a_person_closed_is_folded_for_the_cool_down() {
    let mut house = small();
    let ids = house.deliver(&[host(0), host(1), host(2)]);
    house.close(&ids[1]);
    house.wait(599);
    assert_eq!(house.hear(&host(2)), ids[1]);
    assert_eq!(house.folds(), [Fold::Repeated]);
    house.wait(1);
    house.hear(&host(2));
    assert_eq!(house.open(), 2);
}

#[test]
fn one_alert_that_comes_and_goes_is_no_storm() {
    let mut house = House::with("[noise]\nflapping_starts = 16\n", [disk()]);
    for _ in 0..8 {
        let id = house.hear(&host(0));
        assert_eq!(gathers(&house, &id), None);
        house.wait(20);
        house.hear(&ended(&host(0), None));
        house.wait(20);
    }
}

#[test]
fn incidents_that_are_over_count_for_a_storm_within_the_window_and_no_longer() {
    let mut house = House::new();
    let passing = |house: &mut House, n: usize| {
        let id = house.hear(&host(n));
        let gathers = gathers(house, &id);
        house.hear(&ended(&host(n), None));
        gathers
    };
    let own = house.policy.noise.storm.per_name as usize;
    assert!((0..own).all(|n| passing(&mut house, n).is_none()));
    assert_eq!(house.open(), 0);
    assert!(passing(&mut house, own).is_some());
    house.wait(600);
    assert_eq!(passing(&mut house, own + 1), None);
}

#[test]
fn a_storm_that_comes_and_goes_again_and_again_is_a_handful_each_time() {
    let mut house = House::new();
    let all: Vec<Alert> = (0..400).map(host).collect();
    let ends: Vec<Alert> = all.iter().map(|a| ended(a, None)).collect();
    for round in 1..=6 {
        house.deliver(&all);
        assert!(house.open() <= 4, "round {round}: {} open", house.open());
        house.wait(300);
        house.deliver(&ends);
        house.wait(300);
    }
    assert!(house.for_people() <= 6 * 4, "{}", house.for_people());
}

#[test]
fn a_hundred_thousand_alerts_of_one_outage_make_a_handful_of_incidents_and_of_requests() {
    let mut house = House::new();
    let severity = |n: usize| ["warning", "error", "critical"][n % 3];
    let alert =
        |n: usize| named(&format!("Fault{}", n % 50), &format!("host-{}", n / 50), severity(n));
    for first in (0..100_000).step_by(1_000) {
        let some: Vec<Alert> = (first..first + 1_000).map(alert).collect();
        house.deliver(&some);
        house.wait(1);
    }
    assert_eq!(house.shared.sightings().len(), 100_000);
    // Per severity: at most the limit over all names, and what gathers the rest. What is
    // counted for a severity counts the worse ones too.
    assert!(house.incidents.len() <= 3 * 11, "{} incidents", house.incidents.len());
    assert_eq!(house.open(), house.incidents.len());
    let calls = |event: &Event| matches!(event, Event::IncidentOpened { .. });
    let opened = house.journal.iter().filter(|(_, event, _)| calls(event)).count();
    assert_eq!(opened, house.incidents.len());
    println!("{opened} incidents of 100,000 alerts, {} events", house.journal.len());
    // And all of them end.
    for first in (0..100_000).step_by(10_000) {
        let some: Vec<Alert> = (first..first + 10_000).map(|n| ended(&alert(n), None)).collect();
        house.deliver(&some);
    }
    assert_eq!(house.open(), 0);
}
