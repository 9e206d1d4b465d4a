//! Who is known, what they are trusted with, and the tokens that speak for them.

use std::collections::{BTreeMap, BTreeSet};

use tagout_core::actor::Role;
use tagout_core::command::{PeopleCommand, SharedCommand};
use tagout_core::decide::Rejection;
use tagout_core::digest::TokenDigest;
use tagout_core::event::Event;
use tagout_core::limits;
use tagout_core::people::{Identity, People, Proof, SignInRefusal};
use tagout_core::shared::Shared;
use tagout_core::text::FreeText;
use tagout_core::time::{Span, Time};

use crate::house::{House, person};

fn ask(house: &mut House, command: PeopleCommand) -> Result<Vec<Event>, Rejection> {
    house.say(SharedCommand::People(command))
}

fn groups(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn add(house: &mut House, name: &str, role: Role) -> Result<Vec<Event>, Rejection> {
    let (person, by) = (person(name), Some(person("root")));
    let command = PeopleCommand::Add { person, role, groups: groups(&[]), identity: None, by };
    ask(house, command)
}

fn change(house: &mut House, name: &str, role: Role) -> Result<Vec<Event>, Rejection> {
    let (person, by) = (person(name), Some(person("root")));
    let command = PeopleCommand::Change { person, role, groups: groups(&[]), identity: None, by };
    ask(house, command)
}

fn remove(house: &mut House, name: &str) -> Result<Vec<Event>, Rejection> {
    ask(house, PeopleCommand::Remove { person: person(name), by: person("root") })
}

fn issue(
    house: &mut House,
    id: &str,
    name: &str,
    role: Role,
    lasts: Span,
) -> Result<Vec<Event>, Rejection> {
    let expires_at = house.now.after(lasts);
    let (id, token) = (id.to_owned(), TokenDigest::of_bytes(id.as_bytes()));
    let (person, by, note) = (person(name), person("root"), FreeText::default());
    ask(house, PeopleCommand::IssueToken { id, token, person, role, expires_at, note, by })
}

fn bearer(house: &House, id: &str) -> Option<Role> {
    let digest = TokenDigest::of_bytes(id.as_bytes());
    house.shared.people.bearer(digest, house.now).map(|(actor, _)| actor.role)
}

const DAY: Span = Span::from_secs(24 * 3600);

/// An admin and an approver.
fn two() -> House {
    let mut house = House::new();
    add(&mut house, "root", Role::Admin).unwrap();
    add(&mut house, "ana", Role::Approver).unwrap();
    house
}

#[test]
fn a_person_is_known_by_role_and_groups_until_removed() {
    let mut house = House::new();
    assert!(house.shared.people.is_empty());
    let command = PeopleCommand::Add {
        person: person("Ana"),
        role: Role::Admin,
        groups: groups(&["database", "on-call"]),
        identity: None,
        by: None,
    };
    ask(&mut house, command).unwrap();
    let ana = house.shared.people.actor(&person("ana")).unwrap();
    assert_eq!((ana.role, ana.groups), (Role::Admin, groups(&["database", "on-call"])));
    add(&mut house, "ben", Role::Admin).unwrap();
    remove(&mut house, "ana").unwrap();
    assert_eq!(house.shared.people.actor(&person("ana")), None);
    assert!(remove(&mut house, "ana").is_err());
}

#[test]
fn nobody_is_added_twice_or_by_the_name_of_the_configured_tokens() {
    let mut house = two();
    assert!(add(&mut house, "ANA", Role::Admin).is_err());
    assert!(add(&mut house, "api", Role::Viewer).is_err());
    assert_eq!(house.shared.people.get(&person("ana")).unwrap().role, Role::Approver);
}

#[test]
fn the_last_admin_can_be_neither_removed_nor_demoted() {
    let mut house = two();
    assert!(remove(&mut house, "root").is_err());
    assert!(change(&mut house, "root", Role::Approver).is_err());
    change(&mut house, "ana", Role::Admin).unwrap();
    change(&mut house, "root", Role::Viewer).unwrap();
    assert!(remove(&mut house, "ana").is_err());
    remove(&mut house, "root").unwrap();
}

#[test]
fn a_change_that_changes_nothing_records_nothing_and_ends_no_session() {
    let mut house = two();
    let before = house.shared.people.clone();
    assert_eq!(change(&mut house, "ana", Role::Approver).unwrap(), []);
    assert_eq!(house.shared.people, before);
}

#[test]
fn role_groups_and_password_each_end_what_began_before() {
    let mut house = two();
    let changed = |house: &House| house.shared.people.get(&person("ana")).unwrap().changed;
    let first = changed(&house);
    change(&mut house, "ana", Role::Responder).unwrap();
    let second = changed(&house);
    assert!(second > first);
    let (person, identity, by) = (person("ana"), None, None);
    let groups = groups(&["on-call"]);
    let role = Role::Responder;
    ask(&mut house, PeopleCommand::Change { person, role, groups, identity, by }).unwrap();
    let third = changed(&house);
    assert!(third > second);
    let person = crate::house::person("ana");
    ask(&mut house, PeopleCommand::NotePassword { person, one_time: false, by: None }).unwrap();
    assert!(changed(&house) > third);
    let last = changed(&house);
    add(&mut house, "ben", Role::Viewer).unwrap();
    assert_eq!(changed(&house), last, "what happens to others ends nothing");
}

#[test]
fn whoever_is_removed_and_added_again_is_somebody_else() {
    let mut house = two();
    let before = house.shared.people.get(&person("ana")).unwrap().since;
    issue(&mut house, "t-1", "ana", Role::Viewer, DAY).unwrap();
    remove(&mut house, "ana").unwrap();
    add(&mut house, "ana", Role::Approver).unwrap();
    assert_ne!(house.shared.people.get(&person("ana")).unwrap().since, before);
    assert_eq!(bearer(&house, "t-1"), None);
}

#[test]
fn a_token_speaks_for_its_person_until_its_very_end() {
    let mut house = two();
    issue(&mut house, "t-1", "ana", Role::Responder, DAY).unwrap();
    assert_eq!(bearer(&house, "t-1"), Some(Role::Responder));
    assert_eq!(bearer(&house, "t-2"), None);
    house.wait_ms(DAY.millis() - 1);
    assert_eq!(bearer(&house, "t-1"), Some(Role::Responder));
    house.wait_ms(1);
    assert_eq!(bearer(&house, "t-1"), None);
}

#[test]
fn a_token_is_never_trusted_with_more_than_its_person() {
    let mut house = two();
    assert!(issue(&mut house, "t-1", "ana", Role::Admin, DAY).is_err());
    issue(&mut house, "t-2", "ana", Role::Approver, DAY).unwrap();
    change(&mut house, "ana", Role::Viewer).unwrap();
    assert_eq!(bearer(&house, "t-2"), Some(Role::Viewer));
    change(&mut house, "ana", Role::Admin).unwrap();
    assert_eq!(bearer(&house, "t-2"), Some(Role::Approver));
}

#[test]
fn a_revoked_token_and_those_of_a_removed_person_open_nothing() {
    let mut house = two();
    issue(&mut house, "t-1", "ana", Role::Viewer, DAY).unwrap();
    issue(&mut house, "t-2", "ana", Role::Viewer, DAY).unwrap();
    issue(&mut house, "t-3", "root", Role::Viewer, DAY).unwrap();
    let by = person("root");
    ask(&mut house, PeopleCommand::RevokeToken { id: "t-1".into(), by: by.clone() }).unwrap();
    assert_eq!((bearer(&house, "t-1"), bearer(&house, "t-2")), (None, Some(Role::Viewer)));
    assert!(ask(&mut house, PeopleCommand::RevokeToken { id: "t-1".into(), by }).is_err());
    remove(&mut house, "ana").unwrap();
    assert_eq!((bearer(&house, "t-2"), bearer(&house, "t-3")), (None, Some(Role::Viewer)));
}

#[test]
fn a_token_holds_for_at_most_a_year_and_not_for_no_time() {
    let mut house = two();
    let year = limits::TOKEN_LIFETIME;
    assert!(issue(&mut house, "t-0", "ana", Role::Viewer, Span::default()).is_err());
    assert!(issue(&mut house, "t-1", "ana", Role::Viewer, year).is_ok());
    let longer = Span::from_millis(year.millis() + 1);
    assert!(issue(&mut house, "t-2", "ana", Role::Viewer, longer).is_err());
}

#[test]
fn a_person_has_a_bounded_number_of_tokens_that_hold() {
    let mut house = two();
    for n in 0..limits::TOKENS_PER_PERSON {
        issue(&mut house, &format!("t-{n}"), "ana", Role::Viewer, DAY).unwrap();
    }
    assert!(issue(&mut house, "one-more", "ana", Role::Viewer, DAY).is_err());
    issue(&mut house, "of-another", "root", Role::Viewer, DAY).unwrap();
    house.wait_ms(DAY.millis());
    issue(&mut house, "one-more", "ana", Role::Viewer, DAY).unwrap();
    assert_eq!(house.shared.people.tokens().count(), 1, "those that expired are forgotten");
}

#[test]
fn a_person_has_a_bounded_number_of_groups_with_sane_names() {
    let mut house = House::new();
    let mut with = |groups: BTreeSet<String>| {
        let (person, by, identity) = (person("ana"), None, None);
        let role = Role::Viewer;
        ask(&mut house, PeopleCommand::Add { person, role, groups, identity, by })
    };
    let many = |n: usize| (0..n).map(|n| format!("group-{n}")).collect();
    assert!(with(many(limits::GROUPS_PER_PERSON + 1)).is_err());
    for wrong in ["", " on-call", "on\ncall", "on\u{200b}call", &"x".repeat(257)] {
        assert!(with(groups(&[wrong])).is_err(), "{wrong:?}");
    }
    with(many(limits::GROUPS_PER_PERSON)).unwrap();
}

#[test]
fn only_so_many_people_are_known() {
    let mut people = Shared::default();
    let added = |name: &str| Event::PersonAdded {
        person: person(name),
        role: Role::Viewer,
        groups: BTreeSet::new(),
        identity: None,
        by: None,
    };
    for n in 1..limits::PEOPLE {
        people = people.after(&added(&format!("p-{n}")), "", Time::from_millis(0));
    }
    let mut house = House::new();
    house.shared = people;
    add(&mut house, "the-last", Role::Viewer).unwrap();
    assert_eq!(house.shared.people.len(), limits::PEOPLE);
    assert!(add(&mut house, "one-more", Role::Viewer).is_err());
}

#[test]
fn nobody_is_two_people_at_an_identity_provider() {
    let mut house = two();
    let identity = Identity { issuer: "https://id.example".into(), subject: "7".into() };
    let link = |house: &mut House, name: &str| {
        let (person, by, role) = (person(name), None, Role::Approver);
        let identity = Some(identity.clone());
        let groups = groups(&[]);
        ask(house, PeopleCommand::Change { person, role, groups, identity, by })
    };
    link(&mut house, "ana").unwrap();
    assert_eq!(house.shared.people.by_identity(&identity), Some(&person("ana")));
    add(&mut house, "ben", Role::Approver).unwrap();
    assert!(link(&mut house, "ben").is_err());
}

#[test]
fn signing_in_and_failing_to_is_recorded_of_known_people_alone_and_changes_nothing() {
    let mut house = two();
    let before = house.shared.clone();
    let signed = |name: &str| PeopleCommand::NoteSignIn {
        person: person(name),
        proof: Proof::Password,
        from: "192.0.2.7".into(),
    };
    let refused = |name: &str, from: &str| PeopleCommand::NoteRefusedSignIn {
        person: person(name),
        why: SignInRefusal::WrongPassword,
        from: from.into(),
        more: 3,
    };
    assert_eq!(ask(&mut house, signed("ana")).unwrap().len(), 1);
    let events = ask(&mut house, refused("ana", &"x".repeat(5_000))).unwrap();
    let [Event::SignInRefused { from, more: 3, .. }] = &events[..] else { panic!("{events:?}") };
    assert!(from.as_str().len() <= limits::NAME_BYTES);
    assert!(ask(&mut house, signed("nobody")).is_err());
    assert!(ask(&mut house, refused("nobody", "")).is_err());
    assert_eq!(house.shared, before);
}

#[test]
fn strangers_cannot_make_an_entry_of_any_size() {
    let mut house = House::new();
    let since = house.now;
    let of = |lines: usize| (0..lines).map(|n| (format!("kind {n:04}"), 2)).collect();
    let mut note = |counts: BTreeMap<String, u64>| {
        ask(&mut house, PeopleCommand::NoteStrangers { since, counts }).unwrap()
    };
    assert_eq!(note(BTreeMap::from([("nothing".into(), 0)])), []);
    for lines in [limits::STRANGER_COUNTS, limits::STRANGER_COUNTS + 1, 5_000] {
        let events = note(of(lines));
        let [Event::StrangersRefused { counts, .. }] = &events[..] else { panic!("{events:?}") };
        assert!(counts.len() <= limits::STRANGER_COUNTS, "{lines}");
        assert_eq!(counts.values().sum::<u64>(), 2 * lines as u64, "none is lost");
    }
}

#[test]
fn who_is_known_reads_back_from_the_log() {
    let mut house = two();
    issue(&mut house, "t-1", "ana", Role::Viewer, DAY).unwrap();
    change(&mut house, "ana", Role::Admin).unwrap();
    remove(&mut house, "root").unwrap();
    let mut people = Shared::default();
    for (id, event, at) in &house.journal {
        let text = serde_json::to_string(event).unwrap();
        people = people.after(&serde_json::from_str(&text).unwrap(), id, *at);
    }
    assert_eq!(people.people, house.shared.people);
    assert_ne!(*people.people, People::default());
}
