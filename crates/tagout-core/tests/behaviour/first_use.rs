//! The first use of a runbook on a target needs its owner, and who stands in for one whom nobody
//! here could speak for.

use serde_json::{Value, json};
use tagout_core::actor::{Actor, Role};
use tagout_core::approval::{Answer, Review, ReviewRequest};
use tagout_core::command::{Command, PeopleCommand, SharedCommand};
use tagout_core::event::Event;
use tagout_core::evolve::evolve;
use tagout_core::incident::{Incident, Stage};
use tagout_core::owner::SpokenFor;
use tagout_core::policy::EscalationPolicy;
use tagout_core::verdict::Decision;

use crate::house::*;

fn owned(mut runbook: Value, owner: &str) -> Value {
    runbook["owner"] = json!(owner);
    runbook
}

/// These people are known: a name, a role and groups each.
type Known = &'static [(&'static str, Role, &'static [&'static str])];

const STORAGE: Known = &[
    ("root", Role::Admin, &[]),
    ("ana", Role::Approver, &[]),
    ("ben", Role::Approver, &[]),
    ("sam", Role::Approver, &["storage"]),
    ("vic", Role::Viewer, &["storage"]),
];

fn house(policy: &str, people: Known) -> House {
    let runbooks = [owned(disk(), "storage"), owned(cache(), "web")];
    let mut house = House::with(&format!("{OPEN}min_margin = 1.0\n{policy}"), runbooks);
    for (name, role, groups) in people {
        let command = PeopleCommand::Add {
            person: person(name),
            role: *role,
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            identity: None,
            by: None,
        };
        house.say(SharedCommand::People(command)).unwrap();
    }
    house
}

fn fires(house: &mut House, id: &str, host: &str) {
    house.receive(id, alert(host, "warning"));
    house.find(id, &[by_text("disk", 9_900), by_text("cache", 9_000)]);
    assert!(house.is_waiting(id));
}

fn asked(policy: &str, people: Known) -> House {
    let mut house = house(policy, people);
    fires(&mut house, ONE, ONE);
    house
}

fn request<'h>(house: &'h House, id: &str) -> &'h ReviewRequest {
    house.incidents[id].waiting().unwrap().1.request()
}

/// An approval by somebody as they are known.
fn approve(house: &mut House, id: &str, name: &str) {
    let actor: Actor = house.shared.people.actor(&person(name)).unwrap();
    let seen = (house.plan(id).digest(), house.plan(id).mode);
    house.must(id, Command::Answer(Review::by(actor, Answer::Approve, seen, "".into())));
}

#[test]
fn the_first_use_on_a_target_needs_its_owner_and_the_second_does_not() {
    let mut house = asked("", STORAGE);
    let asked = request(&house, ONE);
    assert_eq!(asked.first_use, [("storage".to_owned(), SpokenFor::Owner)].into());
    assert_eq!(asked.groups, [("storage".to_owned(), 1)].into());
    assert_eq!(asked.ask, ["storage".to_owned()].into());
    // Neither enough others nor an admin do, and the owner alone does where one must approve.
    approve(&mut house, ONE, "ana");
    approve(&mut house, ONE, "root");
    assert!(house.is_waiting(ONE));
    approve(&mut house, ONE, "sam");
    assert!(house.is_granted(ONE));
    // Approved is not used: what was not carried through leaves the next one new.
    house.must(ONE, Command::Rehearse);
    house.end_of_alert(ONE);
    fires(&mut house, TWO, ONE);
    assert!(request(&house, TWO).first_use.is_empty());
    approve(&mut house, TWO, "ana");
    assert!(house.is_granted(TWO));
    fires(&mut house, "three", "three");
    assert!(!request(&house, "three").first_use.is_empty(), "another target is new");
    // A dry-run is no use of the real thing.
    assert!(!house.shared.used(tagout_core::verdict::Mode::Live, "disk", "one-1"));
}

#[test]
fn an_owner_whose_only_person_fills_another_place_demands_none_that_nobody_is_left_for() {
    const ALONE: Known =
        &[("sam", Role::Approver, &["night", "storage"]), ("ana", Role::Approver, &[])];
    let house = asked("[tier.medium]\ngroups = { night = 1 }\n", ALONE);
    let asked = request(&house, ONE);
    assert_eq!(asked.groups, [("night".to_owned(), 1)].into());
    assert_eq!(asked.first_use, [("storage".to_owned(), SpokenFor::Nobody)].into(), "it is told");
}

#[test]
fn the_owner_comes_on_top_of_what_the_tier_and_the_routes_demand_and_is_frozen() {
    let policy = "[tier.medium]\nquorum = 2\ngroups = { night = 1 }\n[[route]]\nask = [\"x\"]\n";
    let mut house = asked(policy, STORAGE);
    let both = [("night".to_owned(), 1), ("storage".to_owned(), 1)].into();
    assert_eq!(request(&house, ONE).groups, both);
    assert_eq!(house.plan(ONE).groups, both);
    // Under a policy that asks for nothing later on it is as it was.
    house.policy = EscalationPolicy::parse(&format!("first_use = \"nothing\"\n{OPEN}")).unwrap();
    house.approve(ONE, "ana of night").unwrap();
    house.approve(ONE, "ben of night").unwrap();
    assert!(house.is_waiting(ONE));
    house.approve(ONE, "cem of storage").unwrap();
    assert!(house.is_granted(ONE));
}

#[test]
fn where_no_owner_could_approve_an_admin_must_in_their_place() {
    const NONE: Known = &[("root", Role::Admin, &[]), ("ana", Role::Approver, &[])];
    const VIEWS: Known = &[
        ("root", Role::Admin, &[]),
        ("ana", Role::Approver, &[]),
        ("sam", Role::Viewer, &["storage"]),
    ];
    // No such group, or nobody of it may approve: by their role, or by the policy's rules.
    let rules = "[[approve]]\nrole = \"admin\"\n[[approve]]\ngroup = \"on-call\"\n";
    for (policy, people) in [("", NONE), ("", VIEWS), (rules, STORAGE)] {
        let mut house = asked(policy, people);
        let asked = request(&house, ONE);
        assert_eq!(asked.first_use, [("storage".to_owned(), SpokenFor::Admin)].into(), "{policy}");
        house.approve(ONE, "cho of on-call").unwrap();
        assert!(house.is_waiting(ONE), "{policy}");
        approve(&mut house, ONE, "root");
        assert!(house.is_granted(ONE), "{policy}");
    }
    // An owner who comes to be known in the meantime does as well.
    let mut house = asked("", NONE);
    house.approve(ONE, "sam of storage").unwrap();
    assert!(house.is_granted(ONE));
}

#[test]
fn where_no_admin_could_either_the_other_rules_hold_and_the_first_use_is_told() {
    const NOBODY: Known = &[];
    let rules = "[[approve]]\ngroup = \"on-call\"\n";
    for (policy, people) in [("", NOBODY), (rules, STORAGE)] {
        let mut house = asked(policy, people);
        let asked = request(&house, ONE);
        assert_eq!(asked.first_use, [("storage".to_owned(), SpokenFor::Nobody)].into());
        assert!(asked.groups.is_empty());
        house.approve(ONE, "cho of on-call").unwrap();
        assert!(house.is_granted(ONE), "{policy}");
    }
    for by in [SpokenFor::Owner, SpokenFor::Admin, SpokenFor::Nobody] {
        let told = by.told("storage");
        assert!(told.contains("first use") && told.contains("storage"), "{told}");
    }
}

#[test]
fn an_owner_may_be_a_person_and_whoever_is_on_duty_for_a_rota() {
    let mut house = house("", STORAGE);
    house.runbooks = House::with(OPEN, [owned(disk(), "Sam"), cache()]).runbooks;
    fires(&mut house, ONE, ONE);
    assert_eq!(request(&house, ONE).first_use["Sam"], SpokenFor::Owner);
    approve(&mut house, ONE, "ana");
    assert!(house.is_waiting(ONE));
    approve(&mut house, ONE, "sam");
    assert!(house.is_granted(ONE));

    house.runbooks = House::with(OPEN, [owned(disk(), "night"), cache()]).runbooks;
    let duty = |name: &str| Event::RotaChanged {
        rota: "night".into(),
        people: vec![person(name)],
        stand_in: false,
    };
    house.record("", &[duty("vic")]);
    fires(&mut house, TWO, "two");
    assert_eq!(request(&house, TWO).first_use["night"], SpokenFor::Admin, "vic only views");
    house.record("", &[duty("ben")]);
    fires(&mut house, "three", "three");
    assert_eq!(request(&house, "three").first_use["night"], SpokenFor::Owner);
}

#[test]
fn whoever_changed_the_plan_is_no_owner_who_could_approve_it() {
    let mut house = asked("", STORAGE);
    house.modify(ONE, "sam of storage", value("keep", "7")).unwrap();
    assert_eq!(request(&house, ONE).first_use["storage"], SpokenFor::Admin);
    approve(&mut house, ONE, "ben");
    assert!(house.is_waiting(ONE));
    approve(&mut house, ONE, "root");
    assert!(house.is_granted(ONE));
    // Where the change counts, it counts as the owner's approval too.
    let mut house = asked("", STORAGE);
    house.modify(ONE, "sam of storage", without(&["prune"])).unwrap();
    assert!(house.is_granted(ONE));
    let mut house = asked("", STORAGE);
    house.modify(ONE, "ana", without(&["prune"])).unwrap();
    assert!(house.is_waiting(ONE));
}

#[test]
fn another_runbook_in_its_place_still_needs_the_owner_of_the_first_and_its_own() {
    let mut house = asked("", STORAGE);
    house.modify(ONE, "ana", other("cache")).unwrap();
    let asked = request(&house, ONE);
    assert_eq!(
        asked.first_use,
        [("storage".to_owned(), SpokenFor::Owner), ("web".to_owned(), SpokenFor::Admin)].into()
    );
    approve(&mut house, ONE, "sam");
    assert!(house.is_waiting(ONE));
    approve(&mut house, ONE, "root");
    assert!(house.is_granted(ONE));
    // Of two owners for whom an admin stands in, one admin does.
    const NONE: Known = &[("root", Role::Admin, &[]), ("ana", Role::Approver, &[])];
    let mut house = self::asked("", NONE);
    house.modify(ONE, "ana", other("cache")).unwrap();
    assert_eq!(request(&house, ONE).groups.values().sum::<u32>(), 1);
    approve(&mut house, ONE, "root");
    assert!(house.is_granted(ONE));
}

#[test]
fn silence_does_not_stand_in_for_the_owner_whom_a_first_use_needs() {
    let policy = "first_use = \"FIRST\"\n[clock_grant]\nrunbooks = [\"disk\"]\nwait = \"5m\"\n\
                  [tier.low]\nmin_confidence = \"never\"\n";
    let clock = |first: &str, people: Known| {
        let mut house = house(&policy.replace("FIRST", first), people);
        house.matched_low(ONE, "disk");
        matches!(&house.incidents[ONE], Incident::Open(_, Stage::Waiting(_, _, Some(_))))
    };
    assert!(clock("ask", STORAGE));
    assert!(!clock("require", STORAGE));
    assert!(clock("require", &[]), "nobody is known who could be waited for");
}

#[test]
fn a_plan_that_goes_on_alone_is_not_held_back_by_it() {
    let mut house = house("", STORAGE);
    house.policy = EscalationPolicy::parse(OPEN).unwrap();
    house.receive(ONE, alert(ONE, "warning"));
    house.find(ONE, &[by_key("disk", 9_900)]);
    assert_eq!(house.decision(ONE), Decision::Proceed);
    // A route may have people asked; then the owner is among them.
    let routed = format!("{OPEN}[[route]]\nnovel = true\nescalate = true\n");
    house.policy = EscalationPolicy::parse(&routed).unwrap();
    house.receive(TWO, alert("two", "warning"));
    house.find(TWO, &[by_key("disk", 9_900)]);
    assert_eq!(request(&house, TWO).first_use["storage"], SpokenFor::Owner);
}

#[test]
fn the_policy_may_only_ask_or_say_nothing_of_it() {
    let mut house = house("", STORAGE);
    for (word, asks) in [("ask", true), ("nothing", false)] {
        house.policy =
            EscalationPolicy::parse(&format!("first_use = \"{word}\"\n{OPEN}min_margin = 1.0\n"))
                .unwrap();
        fires(&mut house, word, word);
        let asked = request(&house, word);
        assert!(asked.first_use.is_empty() && asked.groups.is_empty(), "{word}");
        assert_eq!(asked.ask.contains("storage"), asks, "{word}");
    }
    assert!(EscalationPolicy::parse("first_use = \"owner\"\n").is_err());
    // A policy that was recorded before there was a choice reads back as one that says nothing.
    let mut old = serde_json::to_value(EscalationPolicy::parse(OPEN).unwrap()).unwrap();
    assert_eq!(old["first_use"], "require");
    old.as_object_mut().unwrap().remove("first_use");
    let old: EscalationPolicy = serde_json::from_value(old).unwrap();
    assert!(old.first_use.is_nothing());
    assert!(serde_json::to_value(&old).unwrap().get("first_use").is_none());
}

#[test]
fn a_request_that_says_less_of_the_first_use_than_its_plan_is_not_legal() {
    let mut fresh = house("", STORAGE);
    fresh.receive(ONE, alert(ONE, "warning"));
    let mut events = fresh.clone().find(ONE, &[by_text("disk", 9_900), by_text("cache", 9_000)]);
    let last = events.pop().unwrap();
    fresh.record(ONE, &events);
    let Event::ReviewRequested { request, clock } = last else { panic!("nobody was asked") };
    let legal = |change: fn(&mut ReviewRequest)| {
        let mut request = request.clone();
        change(&mut request);
        let event = Event::ReviewRequested { request, clock: clock.clone() };
        evolve(fresh.incidents[ONE].clone(), &event, fresh.now).is_ok()
    };
    assert!(legal(|_| {}));
    assert!(!legal(|request| request.first_use.clear()));
    assert!(!legal(|request| request.first_use = [("storage".into(), SpokenFor::Admin)].into()));
    assert!(!legal(|request| request.groups.clear()));
}
