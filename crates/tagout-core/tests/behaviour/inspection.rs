//! Looking before deciding: listed checks are run before a plan is made, and bind what they showed.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tagout_core::command::Command;
use tagout_core::decide::Rejection;
use tagout_core::effect::{Effect, effect};
use tagout_core::event::{Event, LookOutcome};
use tagout_core::evolve::evolve;
use tagout_core::incident::{Incident, Stage};
use tagout_core::inspection::{
    AskedEndpoint, CommandPattern, InspectionRules, LookState, NotLooked, PathPattern,
};
use tagout_core::limits;
use tagout_core::time::Span;
use tagout_core::verdict::{Decision, Rule};

use crate::house::*;

/// Two checks before one action, on the alert's host.
fn page() -> Value {
    let look = |id: &str| json!({"id": id, "kind": "check", "title": "Look", "command": ["df", "-P", "{{host}}"]});
    json!({
        "id": "disk", "risk": "low", "reversible": true, "target": "shared-1",
        "parameters": {"host": {"from": "labels.instance", "pattern": "[a-z0-9-]+"}},
        "preconditions": [look("first")],
        "steps": [
            look("second"),
            {"id": "prune", "kind": "action", "title": "Prune", "command": ["prune", "{{host}}"]},
            look("after"),
        ],
    })
}

fn rules(patterns: &[&[&str]]) -> InspectionRules {
    let pattern = |argv: &&[&str]| {
        CommandPattern::new(argv.iter().map(|word| (*word).to_owned()).collect()).unwrap()
    };
    InspectionRules {
        commands: patterns.iter().map(pattern).collect(),
        endpoints: BTreeMap::new(),
        per_incident: 8,
        per_target: 8,
        window: Span::from_secs(600),
        timeout: Span::from_secs(5),
    }
}

fn house() -> House {
    let mut house = House::with(OPEN, [page()]);
    house.policy.inspection = Some(rules(&[&["/usr/bin/df", "-P", "*"]]));
    house
}

/// The same, with an alert that matches the page: the first look is due.
fn due() -> House {
    let mut house = house();
    house.matched(ONE, "disk");
    assert_eq!(house.stage(ONE), &Stage::Looking);
    house
}

fn inspection(house: &House, id: &str) -> tagout_core::digest::PlanDigest {
    house.incidents[id].case().unwrap().inspected.as_ref().unwrap().digest
}

fn start(house: &mut House, id: &str) -> Result<Vec<Event>, Rejection> {
    let inspection = inspection(house, id);
    house.ask(id, Command::StartLook { inspection })
}

fn finish(house: &mut House, id: &str, outcome: LookOutcome) -> Result<Vec<Event>, Rejection> {
    let case = house.incidents[id].case().unwrap();
    let inspected = case.inspected.as_ref().unwrap();
    let step = inspected.running().map_or_else(|| "first".into(), |(look, _)| look.step.clone());
    let (inspection, output) = (inspected.digest, "/dev/sda 97%".into());
    house.ask(id, Command::FinishLook { inspection, step, outcome, output, ended: None })
}

/// Every look is taken, with these outcomes.
fn looked(house: &mut House, id: &str, outcomes: &[LookOutcome]) -> Vec<Event> {
    let mut last = Vec::new();
    for outcome in outcomes {
        let started = start(house, id).unwrap();
        assert!(matches!(&started[..], [Event::LookStarted { .. }]), "{started:?}");
        last = finish(house, id, *outcome).unwrap();
    }
    last
}

fn refused(house: &House, id: &str) -> Vec<Option<NotLooked>> {
    let inspected = house.incidents[id].case().unwrap().inspected.as_ref().unwrap();
    inspected.inspection.looks.iter().map(|look| look.refused).collect()
}

#[test]
fn listed_checks_before_the_first_action_are_looked_at_and_the_plan_binds_what_they_showed() {
    let mut house = due();
    assert_eq!(effect(&house.incidents[ONE]), Some(Effect::Look(inspection(&house, ONE))));
    let inspected = house.incidents[ONE].case().unwrap().inspected.clone().unwrap();
    let looks: Vec<_> =
        inspected.inspection.looks.iter().map(|l| (&*l.step, &l.argv[..])).collect();
    let argv = ["/usr/bin/df".to_owned(), "-P".into(), "one-1".into()];
    assert_eq!(looks, [("first", &argv[..]), ("second", &argv[..])]);
    let events = looked(&mut house, ONE, &[LookOutcome::Held, LookOutcome::Held]);
    assert!(matches!(
        &events[..],
        [
            Event::LookEnded { .. },
            Event::PlanProposed { .. },
            Event::PolicyDecided { .. },
            Event::PlanGranted { .. }
        ]
    ));
    // A look is no step of the plan, takes no target and spends nothing.
    assert!(house.shared.lock("shared-1").is_none());
    assert_eq!(house.plan(ONE).evidence, house.incidents[ONE].case().unwrap().evidence());
    let mut other = due();
    looked(&mut other, ONE, &[LookOutcome::Held, LookOutcome::Held]);
    assert_eq!(house.plan(ONE).digest(), other.plan(ONE).digest());
    let mut other = due();
    looked(&mut other, ONE, &[LookOutcome::Held, LookOutcome::DidNotHold]);
    assert_ne!(house.plan(ONE).evidence, other.plan(ONE).evidence);
}

#[test]
fn a_check_that_does_not_hold_or_was_not_seen_has_people_asked_and_nobody_else() {
    for (outcome, rule) in [
        (LookOutcome::DidNotHold, Rule::CheckDoesNotHold),
        (LookOutcome::TimedOut, Rule::NotSeen),
        (LookOutcome::NotStarted, Rule::NotSeen),
        (LookOutcome::Cut, Rule::NotSeen),
    ] {
        let mut house = due();
        looked(&mut house, ONE, &[outcome, LookOutcome::Held]);
        assert_eq!(house.decision(ONE), Decision::Escalate);
        assert_eq!(house.rules_that_spoke(ONE), [rule], "{outcome:?}");
    }
    // Nor does silence stand in for a person then.
    let clock = "[clock_grant]\nrunbooks = [\"disk\"]\nwait = \"2m\"\n\
                 [tier.low]\nmin_confidence = \"never\"\n";
    for (outcome, has_a_say) in [(LookOutcome::Held, true), (LookOutcome::DidNotHold, false)] {
        let mut house = House::with(&format!("{OPEN}{clock}"), [page()]);
        house.policy.inspection = house_rules();
        house.matched_low(ONE, "disk");
        looked(&mut house, ONE, &[LookOutcome::Held, outcome]);
        let Stage::Waiting(_, _, clock) = house.stage(ONE) else { panic!("nobody is asked") };
        assert_eq!(clock.is_some(), has_a_say, "{outcome:?}");
    }
}

fn house_rules() -> Option<InspectionRules> {
    house().policy.inspection
}

#[test]
fn an_unlisted_check_is_not_looked_at_the_record_says_so_and_the_decision_is_as_without() {
    let mut house = House::with(OPEN, [page()]);
    house.policy.inspection = Some(rules(&[&["/usr/bin/df", "-h", "*"], &["/usr/bin/df"]]));
    house.matched(ONE, "disk");
    assert_eq!(refused(&house, ONE), [Some(NotLooked::Unlisted); 2]);
    assert_eq!(house.decision(ONE), Decision::Proceed);
    assert!(!house.kinds(ONE).contains(&"look_started".into()));
    assert!(start(&mut house, ONE).is_err());
    // Without a word of it in the configuration nothing is opened at all.
    let mut house = House::with(OPEN, [page()]);
    house.matched(ONE, "disk");
    assert!(house.incidents[ONE].case().unwrap().inspected.is_none());
}

/// Two checks that ask, on the alert's host: a path and Prometheus.
fn asking() -> Value {
    let mut page = page();
    let request = json!({"endpoint": "one", "path": "/v1/{{host}}"});
    page["preconditions"][0] =
        json!({"id": "first", "kind": "check", "title": "Ask", "http": request});
    let query = json!({"endpoint": "one", "query": "up{host=\"{{host}}\"}", "holds": "some"});
    page["steps"][0] = json!({"id": "second", "kind": "check", "title": "Ask", "promql": query});
    page
}

/// Rules that let one service be asked, and these paths of it.
fn asked(paths: &[&str]) -> InspectionRules {
    let paths = paths.iter().map(|path| PathPattern::new((*path).to_owned()).unwrap()).collect();
    let endpoint = AskedEndpoint { url: "http://127.0.0.1:9090".into(), paths };
    InspectionRules { endpoints: [("one".to_owned(), endpoint)].into(), ..rules(&[]) }
}

#[test]
fn a_listed_path_and_questions_are_asked_where_the_operator_says_and_the_plan_binds_the_answers() {
    let paths = ["/v1/*", "/api/v1/query"];
    let mut house = House::with(OPEN, [asking()]);
    house.policy.inspection = Some(asked(&paths));
    house.matched(ONE, "disk");
    let looks = house.incidents[ONE].case().unwrap().inspected.clone().unwrap().inspection.looks;
    let requests: Vec<_> =
        looks.iter().map(|look| look.work.as_ref().unwrap().request().to_string()).collect();
    assert!(requests[0].contains("http://127.0.0.1:9090/v1/one-1"), "{requests:?}");
    assert!(requests[1].contains("http://127.0.0.1:9090/api/v1/query"), "{requests:?}");
    looked(&mut house, ONE, &[LookOutcome::Held, LookOutcome::Held]);
    assert_eq!(house.decision(ONE), Decision::Proceed);
    assert_eq!(house.plan(ONE).evidence, house.incidents[ONE].case().unwrap().evidence());
    // What was to be asked is struck off, or moves, before it begins.
    for rules in [rules(&[&["/usr/bin/df"]]), {
        let mut moved = asked(&paths);
        moved.endpoints.get_mut("one").unwrap().url = "http://127.0.0.1:9091".into();
        moved
    }] {
        let mut house = House::with(OPEN, [asking()]);
        house.policy.inspection = Some(asked(&paths));
        house.matched(ONE, "disk");
        house.policy.inspection = Some(rules);
        let events = start(&mut house, ONE).unwrap();
        assert!(!events.iter().any(|e| matches!(e, Event::LookStarted { .. })), "{events:?}");
        assert_eq!(house.rules_that_spoke(ONE), [Rule::NotSeen, Rule::NotSeen]);
    }
}

#[test]
fn what_is_not_listed_or_is_on_another_host_is_not_looked_at_and_the_record_says_so() {
    let elsewhere = || {
        let mut page = asking();
        let command = json!(["df", "-P", "{{host}}"]);
        page["preconditions"][0] = json!({
            "id": "first", "kind": "check", "title": "Look", "on": "web-1", "command": command,
        });
        page
    };
    let head = || {
        let mut page = asking();
        page["preconditions"][0]["http"]["method"] = json!("HEAD");
        page
    };
    let (unlisted, nowhere) = (Some(NotLooked::Unlisted), Some(NotLooked::NoCommand));
    for (page, rules, expected) in [
        (asking(), rules(&[&["/usr/bin/df", "-P", "*"]]), [unlisted, unlisted]),
        (asking(), asked(&[]), [unlisted, None]),
        (asking(), asked(&["/v2/*", "/v1/*?a=*"]), [unlisted, unlisted]),
        (head(), asked(&["/v1/*", "/api/v1/query"]), [unlisted, None]),
        (elsewhere(), rules(&[&["/usr/bin/df", "-P", "*"]]), [nowhere, unlisted]),
    ] {
        let mut house = House::with(OPEN, [page]);
        house.policy.inspection = Some(rules);
        house.matched(ONE, "disk");
        assert_eq!(refused(&house, ONE), expected);
        assert!(!house.kinds(ONE).contains(&"look_started".into()));
    }
}

#[test]
fn whoever_lists_paths_means_those_alone_for_questions_to_prometheus_and_alertmanager_too() {
    let mut page = asking();
    let alerts = json!({"endpoint": "one", "filter": ["host=\"{{host}}\""], "holds": "none"});
    page["preconditions"][0] =
        json!({"id": "first", "kind": "check", "title": "Ask", "alertmanager": alerts});
    let unlisted = Some(NotLooked::Unlisted);
    for (paths, expected) in [
        (&[][..], [None, None]),
        (&["/v1/*"], [unlisted, unlisted]),
        (&["/v1/*", "/api/v1/query"], [unlisted, None]),
        (&["/api/v1/query?query=*"], [unlisted, None]),
        (&["/api/v1/query?query=up"], [unlisted, unlisted]),
        (&["/api/v2/alerts"], [None, unlisted]),
        (&["/api/v2/alerts?filter=*", "/api/v1/*"], [None, None]),
        (&["/api/v2/alerts?filter=*&filter=*"], [unlisted, unlisted]),
        (&["/api/v2/alerts/groups"], [unlisted, unlisted]),
    ] {
        let mut house = House::with(OPEN, [page.clone()]);
        house.policy.inspection = Some(asked(paths));
        house.matched(ONE, "disk");
        assert_eq!(refused(&house, ONE), expected, "{paths:?}");
    }
    // And one that is listed no more by the time it would begin is not asked.
    let mut house = House::with(OPEN, [page]);
    house.policy.inspection = Some(asked(&[]));
    house.matched(ONE, "disk");
    house.policy.inspection = Some(asked(&["/v1/*"]));
    let events = start(&mut house, ONE).unwrap();
    assert!(!events.iter().any(|event| matches!(event, Event::LookStarted { .. })), "{events:?}");
}

#[test]
fn what_is_struck_off_the_list_after_it_was_planned_does_not_start() {
    let mut house = due();
    house.policy.inspection = Some(rules(&[&["/usr/bin/uptime"]]));
    let events = start(&mut house, ONE).unwrap();
    assert!(!events.iter().any(|event| matches!(event, Event::LookStarted { .. })), "{events:?}");
    assert_eq!(house.rules_that_spoke(ONE), [Rule::NotSeen, Rule::NotSeen]);
}

#[test]
fn an_incident_has_only_so_many_looks_also_when_its_alert_comes_back_worse() {
    let mut house = house();
    house.policy.inspection.as_mut().unwrap().per_incident = 3;
    house.matched(ONE, "disk");
    looked(&mut house, ONE, &[LookOutcome::Held, LookOutcome::Held]);
    house.receive(ONE, alert(ONE, "error"));
    house.find(ONE, &[by_key("disk", 9_900)]);
    assert_eq!(refused(&house, ONE), [None, Some(NotLooked::PerIncident)]);
    looked(&mut house, ONE, &[LookOutcome::Held]);
    assert!(house.rules_that_spoke(ONE).contains(&Rule::NotSeen));
}

#[test]
fn a_target_has_only_so_many_looks_within_the_window() {
    let mut house = house();
    house.policy.inspection.as_mut().unwrap().per_target = 3;
    // Both are planned before the first look, so the last one is refused as it is to start.
    house.matched(ONE, "disk");
    house.matched(TWO, "disk");
    looked(&mut house, ONE, &[LookOutcome::Held, LookOutcome::Held]);
    looked(&mut house, TWO, &[LookOutcome::Held]);
    let events = start(&mut house, TWO).unwrap();
    let outcome = LookOutcome::NotStarted;
    assert!(matches!(&events[0], Event::LookEnded { outcome: o, .. } if *o == outcome));
    assert_eq!(house.rules_that_spoke(TWO), [Rule::NotSeen]);
    house.matched("three", "disk");
    assert_eq!(refused(&house, "three"), [Some(NotLooked::PerTarget); 2]);
    house.wait(601);
    house.matched("four", "disk");
    assert_eq!(refused(&house, "four"), [None, None]);
}

#[test]
fn no_log_holds_more_looks_of_an_incident_than_any_may_have() {
    let house = due();
    let Incident::Open(mut case, _) = house.incidents[ONE].clone() else { panic!("it is closed") };
    let mut inspection = case.inspected.take().unwrap().inspection;
    case.inspections = 0;
    let two = u32::try_from(inspection.looks.len()).unwrap();
    for (looks, fits) in
        [(limits::LOOKS_PER_INCIDENT - two, true), (limits::LOOKS_PER_INCIDENT - two + 1, false)]
    {
        case.looks = looks;
        inspection.number = 1;
        let digest = inspection.digest();
        let event = Event::InspectionOpened { inspection: inspection.clone(), digest };
        let after = evolve(Incident::Open(case.clone(), Stage::Found), &event, house.now);
        assert_eq!(after.is_ok(), fits, "{after:?}");
    }
}

#[test]
fn a_look_whose_end_nobody_tells_is_cut_off_and_people_get_the_plan() {
    let mut house = due();
    start(&mut house, ONE).unwrap();
    let inspection = inspection(&house, ONE);
    let give_up = Command::GiveUpLooks { inspection, all: false, why: "a crash".into() };
    house.must(ONE, give_up.clone());
    // The next one is taken all the same.
    looked(&mut house, ONE, &[LookOutcome::Held]);
    assert_eq!(house.rules_that_spoke(ONE), [Rule::NotSeen]);
    assert!(house.is_waiting(ONE) && house.shared.lock("shared-1").is_none());
    assert!(finish(&mut house, ONE, LookOutcome::Held).is_err());
    assert!(house.ask(ONE, give_up).is_err());
}

#[test]
fn looks_that_nobody_takes_keep_nobody_waiting() {
    let mut house = due();
    house.wait(limits::INSPECTION_TIME.millis() / 1000 - 1);
    assert!(house.must(ONE, Command::Tick).is_empty());
    house.wait(1);
    house.must(ONE, Command::Tick);
    assert_eq!(house.rules_that_spoke(ONE), [Rule::NotSeen, Rule::NotSeen]);
    // One that has begun has its time-out and a while more.
    let mut house = due();
    start(&mut house, ONE).unwrap();
    house.wait(5 + limits::LOOK_PATIENCE.millis() / 1000 - 1);
    assert!(house.must(ONE, Command::Tick).is_empty());
    house.wait(1);
    let events = house.must(ONE, Command::Tick);
    assert!(matches!(&events[..], [Event::LookEnded { outcome: LookOutcome::Cut, .. }]));
}

#[test]
fn nothing_is_looked_at_under_the_kill_switch() {
    let mut house = due();
    house.kill_switch(true);
    start(&mut house, ONE).unwrap();
    assert!(!house.kinds(ONE).contains(&"look_started".into()));
    assert_eq!(house.decision(ONE), Decision::Halt);
}

#[test]
fn whatever_ends_or_changes_the_incident_ends_its_looks_first() {
    let ended = |house: &House| {
        let kinds = house.kinds(ONE);
        kinds.iter().filter(|kind| *kind == "look_ended").count()
    };
    let mut house = due();
    start(&mut house, ONE).unwrap();
    house.end_of_alert(ONE);
    assert_eq!(ended(&house), 2);
    let mut house = due();
    start(&mut house, ONE).unwrap();
    house.must(ONE, Command::Close { by: person("ana"), reason: "seen".into() });
    assert_eq!(ended(&house), 2);
    let mut house = due();
    start(&mut house, ONE).unwrap();
    house.receive(ONE, alert(ONE, "error"));
    assert_eq!((ended(&house), house.stage(ONE)), (2, &Stage::Searching));
    let mut house = due();
    house.receive(TWO, alert(TWO, "warning"));
    let merge = Command::Merge { into: TWO.into(), by: person("ana"), reason: "one".into() };
    house.must(ONE, merge);
    assert_eq!(ended(&house), 2);
    // And no log says otherwise.
    let house = due();
    let end = Event::AlertEnded { delivery: delivery(), ended: None, way_back: None };
    assert!(evolve(house.incidents[ONE].clone(), &end, house.now).is_err());
}

#[test]
fn no_log_holds_a_plan_that_hides_what_was_seen_nor_a_look_out_of_turn() {
    let mut house = due();
    let before = house.incidents[ONE].clone();
    let inspection = inspection(&house, ONE);
    for (step, target) in [("second", "shared-1"), ("after", "shared-1"), ("first", "other")] {
        let (step, target) = (step.to_owned(), target.to_owned());
        let started = Event::LookStarted { inspection, step, target };
        assert!(evolve(before.clone(), &started, house.now).is_err(), "{started:?}");
    }
    let held = |step: &str| Event::LookEnded {
        inspection,
        step: step.into(),
        outcome: LookOutcome::Held,
        output: "".into(),
        ended: None,
    };
    assert!(evolve(before, &held("first"), house.now).is_err(), "it was never started");
    let events = looked(&mut house, ONE, &[LookOutcome::Held, LookOutcome::DidNotHold]);
    let Some(Event::PlanProposed { plan, difference, reason, catalogue, .. }) = events.get(1)
    else {
        panic!("no plan: {events:?}")
    };
    let mut after = house.incidents[ONE].clone();
    let Incident::Open(case, stage) = &mut after else { panic!("it is closed") };
    (*stage, case.plans) = (Stage::Found, 0);
    let proposed = |evidence| {
        let plan = tagout_core::plan::Plan { evidence, ..plan.clone() };
        let (digest, difference) = (plan.digest(), difference.clone());
        Event::PlanProposed {
            plan,
            digest,
            difference,
            reason: reason.clone(),
            catalogue: *catalogue,
        }
    };
    assert!(evolve(after.clone(), &proposed(plan.evidence), house.now).is_ok());
    let Incident::Open(case, _) = &mut after else { panic!("it is closed") };
    let mut unseen = case.clone();
    unseen.inspected = None;
    let hidden = proposed(unseen.evidence());
    assert!(evolve(after.clone(), &hidden, house.now).is_err());
    let Incident::Open(case, _) = &mut after else { panic!("it is closed") };
    let inspected = case.inspected.as_mut().unwrap();
    if let Some(LookState::Over(seen)) = inspected.states.last_mut() {
        seen.outcome = LookOutcome::Held;
    }
    assert!(evolve(after, &proposed(plan.evidence), house.now).is_err());
}
