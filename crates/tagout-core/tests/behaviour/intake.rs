//! The same fault told twice, late, in the wrong order or by two senders: one incident, one
//! trail, and nothing that fires is left out.

use tagout_core::alert::{Alert, AlertStatus};
use tagout_core::event::{Event, Fold, TriagedAway};
use tagout_core::evolve::evolve;
use tagout_core::incident::{Closure, Incident};
use tagout_core::intake::fold_unreadable;
use tagout_core::limits;
use tagout_core::text::FreeText;

use crate::deliveries::*;
use crate::house::*;

fn suppressed(alert: &Alert) -> Alert {
    Alert { status: AlertStatus::Suppressed, ..alert.clone() }
}

#[test]
fn the_same_delivery_twice_is_one_incident_and_one_trail() {
    let mut house = House::new();
    let both = [alert(ONE, "warning"), alert(TWO, "error")];
    let first = house.deliver(&both);
    let trail = house.kinds(&first[0]);
    house.wait(5);
    assert_eq!(house.deliver(&both), first);
    assert_eq!(house.folds(), [Fold::Repeated, Fold::Repeated]);
    assert_eq!((house.incidents.len(), house.kinds(&first[0])), (2, trail));
}

#[test]
fn an_alert_that_stands_twice_in_one_delivery_is_one_incident() {
    let mut house = House::new();
    let one = alert(ONE, "warning");
    let into = house.deliver(&[one.clone(), one.clone(), ended(&one, None), one.clone()]);
    assert_eq!(into[0], into[1]);
    assert_eq!(into[1], into[2]);
    assert_ne!(into[2], into[3], "it began anew after its end");
    assert_eq!(house.open(), 1);
}

#[test]
fn the_end_told_by_one_peer_and_the_firing_by_a_slower_one_is_one_incident() {
    let mut house = House::new();
    let one = begun(&alert(ONE, "warning"), house.now);
    let id = house.hear(&one);
    house.wait(60);
    house.hear(&ended(&one, Some(house.now)));
    house.wait(20);
    assert_eq!(house.hear(&one), id);
    assert_eq!(house.folds(), [Fold::Late]);
    assert_eq!((house.incidents.len(), house.open()), (1, 0));
}

#[test]
fn a_beginning_that_is_still_to_come_neither_hides_an_end_nor_counts_as_another_start() {
    let mut house = House::new();
    // What Alertmanager makes of an alert that was posted with an end and no beginning.
    let ahead = house.now.after(tagout_core::time::Span::from_secs(3600));
    let one = begun(&alert(ONE, "warning"), ahead);
    let id = house.hear(&one);
    for _ in 0..5 {
        house.wait(60);
        assert_eq!(house.hear(&one), id);
        assert_eq!(house.folds(), [Fold::Repeated]);
    }
    house.hear(&ended(&one, Some(house.now)));
    assert_eq!((house.incidents.len(), house.open()), (1, 0));
}

#[test]
fn a_resolve_without_a_firing_is_closed_with_that_reason() {
    let mut house = House::new();
    let id = house.hear(&ended(&alert(ONE, "critical"), None));
    assert_eq!(house.away(&id), &TriagedAway::Resolved);
}

#[test]
fn a_resolve_that_comes_before_its_firing_leaves_one_incident_and_the_firing_opens_nothing() {
    let mut house = House::new();
    let one = begun(&alert(ONE, "critical"), house.now);
    house.wait(60);
    let id = house.hear(&ended(&one, Some(house.now)));
    house.wait(1);
    assert_eq!(house.hear(&one), id);
    assert_eq!((house.incidents.len(), house.open()), (1, 0));
    // Its end, told without the beginning, says enough as well.
    let mut house = House::new();
    let one = begun(&alert(ONE, "critical"), house.now);
    house.wait(60);
    house.hear(&Alert { starts_at: None, ..ended(&one, Some(house.now)) });
    house.hear(&one);
    assert_eq!((house.incidents.len(), house.open()), (1, 0));
}

#[test]
fn a_second_end_before_the_second_firing_is_no_incident_either() {
    let mut house = House::new();
    let first = begun(&alert(ONE, "warning"), house.now);
    house.hear(&first);
    house.wait(60);
    house.hear(&ended(&first, Some(house.now)));
    house.wait(60);
    let second = begun(&first, house.now);
    house.wait(60);
    house.hear(&Alert { starts_at: None, ..ended(&second, Some(house.now)) });
    house.hear(&second);
    assert_eq!(house.folds(), [Fold::Late]);
    assert_eq!((house.incidents.len(), house.open()), (1, 0));
}

#[test]
fn a_firing_that_goes_on_long_after_its_end_was_told_counts_although_it_began_before() {
    let mut house = House::new();
    let one = begun(&alert(ONE, "critical"), house.now);
    house.hear(&one);
    house.wait(60);
    house.hear(&ended(&one, Some(house.now)));
    house.now = house.now.after(limits::LATE);
    house.hear(&one);
    assert_eq!(house.open(), 1, "the sender had lost sight of it and found it again");
}

#[test]
fn what_is_taken_for_late_does_not_put_off_the_time_when_it_counts() {
    let mut house = House::new();
    let one = begun(&alert(ONE, "critical"), house.now);
    house.hear(&one);
    house.hear(&ended(&one, Some(house.now)));
    let (half, rest) = (limits::LATE.millis() / 2, limits::LATE.millis().div_ceil(2));
    house.wait_ms(half);
    house.hear(&one);
    assert_eq!((house.folds(), house.open()), (vec![Fold::Late], 0));
    house.wait_ms(rest - 1);
    house.hear(&one);
    assert_eq!(house.open(), 0, "one millisecond before the limit");
    house.wait_ms(1);
    house.hear(&one);
    assert_eq!(house.open(), 1);
}

#[test]
fn a_new_firing_after_an_end_is_a_new_incident() {
    let mut house = House::new();
    for timed in [true, false] {
        let one = alert(if timed { ONE } else { TWO }, "warning");
        let at = |house: &House| if timed { begun(&one, house.now) } else { one.clone() };
        let first = house.hear(&at(&house));
        house.wait(60);
        house.hear(&ended(&one, Some(house.now)));
        assert!(house.is_closed(&first));
        house.wait(1);
        let second = house.hear(&at(&house));
        assert_ne!(first, second);
        assert!(!house.is_closed(&second));
    }
}

#[test]
fn a_new_firing_whose_old_end_was_never_heard_is_not_ended_by_it_afterwards() {
    let mut house = House::new();
    let first = begun(&alert(ONE, "warning"), house.now);
    let id = house.hear(&first);
    house.wait(60);
    let end = ended(&first, Some(house.now));
    house.wait(60);
    let second = begun(&first, house.now);
    assert_eq!(house.hear(&second), id);
    assert_eq!(house.folds(), [Fold::Returned(second.starts_at)]);
    house.hear(&end);
    assert_eq!(house.folds(), [Fold::Late]);
    assert!(!house.is_closed(&id));
    house.hear(&ended(&second, Some(house.now)));
    assert!(house.is_closed(&id));
}

#[test]
fn an_alert_whose_silence_at_the_sender_ends_is_no_late_one() {
    let mut house = House::new();
    let one = begun(&alert(ONE, "critical"), house.now);
    let hidden = house.hear(&suppressed(&one));
    assert_eq!(house.away(&hidden), &TriagedAway::Suppressed);
    house.wait(30);
    house.hear(&one);
    assert_eq!(house.open(), 1);
    // And what was hidden and has ended is late, as anything else.
    let two = begun(&alert(TWO, "critical"), house.now);
    house.hear(&suppressed(&two));
    house.hear(&ended(&two, Some(house.now)));
    house.hear(&two);
    assert_eq!(house.folds(), [Fold::Late]);
}

#[test]
fn a_silence_at_the_sender_closes_nobodys_incident() {
    let mut house = House::new();
    let id = house.hear(&alert(ONE, "critical"));
    assert_eq!(house.hear(&suppressed(&alert(ONE, "critical"))), id);
    assert!(!house.is_closed(&id));
}

#[test]
fn a_worsened_alert_is_decided_anew_in_its_incident() {
    let mut house = House::new();
    let id = house.hear(&alert(ONE, "warning"));
    assert_eq!(house.hear(&alert(ONE, "critical")), id);
    assert!(house.kinds(&id).contains(&"alert_worsened".to_owned()));
    house.hear(&alert(ONE, "warning"));
    assert_eq!(house.folds(), [Fold::Repeated], "a lower severity changes nothing");
}

#[test]
fn an_alert_that_goes_on_after_a_person_closed_its_incident_is_folded_for_the_cool_down() {
    let mut house = House::new();
    let id = house.hear(&alert(ONE, "warning"));
    house.close(&id);
    house.wait(599);
    assert_eq!(house.hear(&alert(ONE, "warning")), id);
    house.wait(1);
    assert_ne!(house.hear(&alert(ONE, "warning")), id);
    assert_eq!(house.open(), 1);
}

#[test]
fn no_cool_down_holds_for_an_alert_that_is_worse_than_what_was_closed() {
    let mut house = House::new();
    let id = house.hear(&alert(ONE, "warning"));
    house.close(&id);
    house.wait(1);
    house.hear(&alert(ONE, "error"));
    assert_eq!(house.open(), 1);
}

#[test]
fn what_triage_closed_is_folded_for_the_cool_down_unless_its_text_changes() {
    let mut house = House::new();
    let mut benign = named("FailoverCompleted", "db", "warning");
    benign.message = "db-2 is the new primary.".into();
    let id = house.hear(&benign);
    assert!(matches!(house.away(&id), TriagedAway::ReportsCalm { .. }));
    house.wait(300);
    assert_eq!(house.hear(&benign), id);
    assert_eq!(house.folds(), [Fold::Repeated]);
    benign.message = "db-2 refuses writes.".into();
    house.hear(&benign);
    assert_eq!(house.open(), 1, "its text reports a fault now");
}

#[test]
fn a_long_window_does_not_make_a_held_alert_forgotten() {
    let mut house = House::new();
    house.open_window(("instance", "one-1"), 30 * 3600);
    let id = house.hear(&alert(ONE, "critical"));
    assert!(matches!(house.away(&id), TriagedAway::Maintenance(_)));
    // Others are heard of, so that what is too old is let go.
    for _ in 0..29 {
        house.wait(3600);
        house.hear(&alert(TWO, "info"));
        house.look_again();
    }
    assert_eq!(house.open(), 0);
    house.wait(3600);
    house.look_again();
    assert_eq!(house.open(), 1);
}

#[test]
fn a_source_that_sends_what_cannot_be_read_is_one_incident_and_is_silent_after_it_was_closed() {
    use tagout_core::command::Command;
    let mut house = House::new();
    let alert = alert("source", "critical");
    let identity = alert.identity();
    let unreadable =
        |house: &House| fold_unreadable(identity, false, &house.shared, &house.policy, house.now);
    assert_eq!(unreadable(&house), None);
    let (source, delivery) = ("am".to_owned(), delivery());
    house.must(ONE, Command::ReportUnreadable { source, alert, delivery });
    house.wait(86_400);
    assert_eq!(unreadable(&house).unwrap().incident, ONE);
    house.close(ONE);
    house.wait(599);
    assert_eq!(unreadable(&house).unwrap().incident, ONE);
    let another = fold_unreadable(identity, true, &house.shared, &house.policy, house.now);
    assert_eq!(another, None, "nobody has seen what was kept since");
    house.wait(1);
    assert_eq!(unreadable(&house), None);
}

#[test]
fn the_end_of_an_alert_is_the_reason_for_which_its_incident_is_closed() {
    let mut house = House::new();
    let id = house.hear(&alert(ONE, "warning"));
    house.hear(&ended(&alert(ONE, "warning"), None));
    assert!(matches!(house.incidents[&id], Incident::Closed(_, Closure::AlertEnded)));
}

#[test]
fn an_erased_title_and_message_leave_the_incident_readable_from_the_log() {
    let mut house = House::new();
    let mut bare = alert(ONE, "warning");
    bare.labels.clear();
    house.receive(ONE, bare);
    let (_, opened, at) = house.journal[0].clone();
    let Event::IncidentOpened { mut alert, identity, delivery, gathers } = opened else {
        panic!("{opened:?}")
    };
    alert.title = FreeText::Erased("ab".into());
    alert.message = FreeText::Erased("cd".into());
    let erased = Event::IncidentOpened { alert, identity, delivery, gathers };
    let incident = evolve(Incident::Absent, &erased, at).unwrap();
    assert_eq!(incident.case().unwrap().identity, identity);
}

#[test]
fn an_incident_whose_identity_is_not_its_alerts_is_illegal() {
    let alert_one = alert(ONE, "warning");
    let identity = alert(TWO, "warning").identity();
    let opened =
        Event::IncidentOpened { alert: alert_one, identity, delivery: delivery(), gathers: None };
    assert!(evolve(Incident::Absent, &opened, House::new().now).is_err());
}
