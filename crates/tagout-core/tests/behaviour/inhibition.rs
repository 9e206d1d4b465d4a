//! Alerts that hold others back, and windows: what is held is looked at again.

use tagout_core::alert::Alert;
use tagout_core::event::TriagedAway;

use crate::deliveries::*;
use crate::house::*;

const RULE: &str = "[[inhibit]]\nsource = {kind = \"node\"}\ntarget = {kind = \"pod\"}\n\
                    equal = [\"cluster\"]\n";

fn of_kind(kind: &str, cluster: &str, name: &str) -> Alert {
    let mut alert = named(name, name, "critical");
    alert.labels.insert("kind".into(), kind.into());
    if !cluster.is_empty() {
        alert.labels.insert("cluster".into(), cluster.into());
    }
    alert
}

fn house() -> House {
    House::with(RULE, [disk()])
}

#[test]
fn an_alert_that_another_holds_back_is_closed_and_says_by_which_incident() {
    let mut house = house();
    let node = house.hear(&of_kind("node", "a", "NodeDown"));
    let pod = house.hear(&of_kind("pod", "a", "PodDown"));
    assert_eq!(house.away(&pod), &TriagedAway::Inhibited { by: node });
    assert_eq!(house.open(), 1);
}

#[test]
fn both_must_agree_in_the_equal_labels_and_labels_that_both_lack_agree() {
    let mut house = house();
    house.hear(&of_kind("node", "a", "NodeDown"));
    let other = house.hear(&of_kind("pod", "b", "PodDown"));
    assert!(!house.is_closed(&other));
    let without = house.hear(&of_kind("pod", "", "PodDown"));
    assert!(!house.is_closed(&without));
    house.hear(&of_kind("node", "", "NodeDown"));
    let without = house.hear(&of_kind("pod", "", "PodSlow"));
    assert!(matches!(house.away(&without), TriagedAway::Inhibited { .. }));
}

#[test]
fn no_two_alerts_that_match_both_sides_silence_each_other() {
    let both = "[[inhibit]]\nsource = {team = \"x\"}\ntarget = {team = \"x\"}\n";
    let mut house = House::with(both, [disk()]);
    for name in ["First", "Second"] {
        let mut alert = named(name, name, "critical");
        alert.labels.insert("team".into(), "x".into());
        house.hear(&alert);
    }
    assert_eq!(house.open(), 2);
}

#[test]
fn two_rules_that_point_at_each_other_leave_one_of_the_two_with_people() {
    let mirrored =
        format!("{RULE}[[inhibit]]\nsource = {{kind = \"pod\"}}\ntarget = {{kind = \"node\"}}\n");
    let mut house = House::with(&mirrored, [disk()]);
    let (node, pod) = (of_kind("node", "a", "NodeDown"), of_kind("pod", "a", "PodDown"));
    house.deliver(&[node.clone(), pod]);
    assert_eq!(house.open(), 1);
    house.hear(&ended(&node, None));
    house.look_again();
    assert_eq!(house.open(), 1, "the other one is not held back any more");
}

#[test]
fn what_was_held_back_is_looked_at_again_when_the_inhibitor_ends() {
    let mut house = house();
    let node = of_kind("node", "a", "NodeDown");
    house.deliver(&[node.clone(), of_kind("pod", "a", "PodDown")]);
    house.wait(3600);
    house.look_again();
    assert_eq!(house.open(), 1);
    house.hear(&ended(&node, None));
    assert_eq!(house.open(), 0);
    house.look_again();
    assert_eq!(house.open(), 1);
    let before = house.journal.len();
    house.look_again();
    assert_eq!(house.journal.len(), before, "once");
}

#[test]
fn what_ended_while_it_was_held_back_is_not_looked_at_again() {
    let mut house = house();
    let (node, pod) = (of_kind("node", "a", "NodeDown"), of_kind("pod", "a", "PodDown"));
    house.deliver(&[node.clone(), pod.clone()]);
    house.hear(&ended(&pod, None));
    house.hear(&ended(&node, None));
    house.look_again();
    assert_eq!(house.open(), 0);
}

#[test]
fn an_inhibitor_that_ended_holds_nothing_back_though_others_keep_its_incident_open() {
    let mut house = House::with(&format!("{RULE}[noise]\nstorm_per_name = 1\n"), [disk()]);
    let node = |n: usize, cluster: &str| {
        let mut node = of_kind("node", cluster, "NodeDown");
        node.labels.insert("instance".into(), n.to_string());
        node
    };
    house.deliver(&[node(0, "z"), node(1, "a"), node(2, "b")]);
    let pod = of_kind("pod", "a", "PodDown");
    assert!(matches!(house.hear(&pod), id if house.is_closed(&id)));
    house.hear(&ended(&node(1, "a"), None));
    house.look_again();
    assert!(house.shared.fires_in(pod.identity()).is_some());
}

#[test]
fn an_alert_in_a_window_is_looked_at_again_when_the_window_closes() {
    let mut house = House::new();
    house.open_window(("instance", "one-1"), 300);
    let id = house.hear(&alert(ONE, "critical"));
    assert!(matches!(house.away(&id), TriagedAway::Maintenance(_)));
    house.wait(299);
    house.look_again();
    assert_eq!(house.open(), 0);
    house.wait(1);
    house.look_again();
    assert_eq!(house.open(), 1);
}

#[test]
fn many_alerts_that_one_window_held_are_a_storm_when_it_closes() {
    let mut house = House::new();
    house.open_window(("team", "x"), 300);
    let host = |n: usize| {
        let mut alert = named("HostDown", &n.to_string(), "error");
        alert.labels.insert("team".into(), "x".into());
        alert
    };
    let all: Vec<Alert> = (0..50).map(host).collect();
    house.deliver(&all);
    house.wait(300);
    house.look_again();
    assert_eq!(house.open(), 4);
    assert!(all.iter().all(|alert| house.shared.fires_in(alert.identity()).is_some()));
}
