//! A MODIFY that moves values to the side that the runbook calls safer, and whether that counts
//! as the approval of whoever made it.

use serde_json::{Value, json};
use tagout_core::approval::Refusal;
use tagout_core::event::{Event, GrantedBy};
use tagout_core::evolve::evolve;
use tagout_core::front_matter::{Flaw, FrontMatter};
use tagout_core::plan::PlanChange;

use crate::house::*;

/// `disk` with a number of which the lower is safer, and a wait of which the first is; of the
/// host nothing is said.
fn disk_with_scales() -> Value {
    let mut runbook = disk();
    runbook["parameters"]["keep"]["safer"] = json!("lower");
    runbook["parameters"]["wait"] =
        json!({"default": "1m", "values": ["5m", "1m", "10s"], "safer": "first"});
    runbook["steps"][0]["command"] =
        json!(["rotate", "{{host}}", "--keep={{keep}}", "--wait={{wait}}"]);
    runbook["steps"][0]["dry_run"] = json!(["rotate", "{{host}}", "--keep={{keep}}", "--show"]);
    runbook
}

fn asked(policy: &str, severity: &str, runbook: Value) -> House {
    let mut house = House::with(policy, [runbook, cache()]);
    house.receive(ONE, alert(ONE, severity));
    house.find(ONE, &[by_text("disk", 8_000), by_text("cache", 7_000)]);
    assert!(house.is_waiting(ONE));
    house
}

fn waiting() -> House {
    asked(OPEN, "warning", disk_with_scales())
}

fn both(a: PlanChange, b: PlanChange) -> PlanChange {
    let mut both = a;
    both.values.extend(b.values);
    both.drop_steps.extend(b.drop_steps);
    both
}

/// Whether the change counted: nobody else needs to approve. If not, its author cannot.
fn counts(mut house: House, change: PlanChange) -> bool {
    let shown = format!("{change:?}");
    house.modify(ONE, "ana", change).unwrap_or_else(|e| panic!("{shown}: {e}"));
    let plan = house.plan(ONE).digest();
    if house.is_granted(ONE) {
        let by = GrantedBy::Quorum(vec![person("ana")]);
        let mode = house.plan(ONE).mode;
        assert_eq!(house.journal.last().unwrap().1, Event::PlanGranted { plan, mode, by });
        return true;
    }
    assert_eq!(refusal(house.approve(ONE, "ana")), Refusal::OwnRequest, "{shown}");
    house.approve(ONE, "ben").unwrap();
    assert!(house.is_granted(ONE), "{shown}");
    false
}

#[test]
fn moving_values_to_their_safer_side_counts_as_approval_also_beside_a_step_left_out() {
    let tighter = both(value("keep", "2"), value("wait", "5m"));
    for change in [
        value("keep", "1"),
        value("wait", "5m"),
        tighter.clone(),
        both(value("keep", "2"), without(&["prune"])),
        both(tighter, without(&["prune"])),
    ] {
        assert!(counts(waiting(), change.clone()), "{change:?}");
    }
    // The other way round it is the higher number, and the last of the list.
    let mut runbook = disk_with_scales();
    runbook["parameters"]["keep"]["safer"] = json!("higher");
    runbook["parameters"]["wait"]["safer"] = json!("last");
    let house = || asked(OPEN, "warning", runbook.clone());
    assert!(counts(house(), both(value("keep", "10"), value("wait", "10s"))));
    assert!(!counts(house(), value("keep", "2")));
    assert!(!counts(house(), value("wait", "5m")));
}

#[test]
fn anything_else_that_the_change_does_makes_it_count_for_nothing() {
    for change in [
        // To the other side, alone or beside a tightening.
        value("keep", "4"),
        value("wait", "10s"),
        both(value("keep", "2"), value("wait", "10s")),
        both(value("keep", "4"), without(&["prune"])),
        // A value of which nothing is said.
        both(value("keep", "2"), value("host", "two-1")),
    ] {
        assert!(!counts(waiting(), change.clone()), "{change:?}");
    }
    // Of a page that says nothing, no value counts.
    assert!(!counts(asked(OPEN, "warning", disk()), value("keep", "1")));
    // Above the medium tier nothing counts.
    assert!(!counts(asked(OPEN, "error", disk_with_scales()), value("keep", "1")));
}

#[test]
fn a_value_that_a_check_or_the_target_holds_too_counts_for_nothing() {
    let check = json!({"id": "enough", "kind": "check", "title": "Look",
                       "command": ["keeps", "--at-least={{keep}}"]});
    for list in ["preconditions", "steps", "verification"] {
        let mut runbook = disk_with_scales();
        runbook[list].as_array_mut().unwrap().push(check.clone());
        assert!(!counts(asked(OPEN, "warning", runbook), value("keep", "1")), "{list}");
    }
    let mut runbook = disk_with_scales();
    runbook["target"] = json!("{{host}}/{{keep}}");
    assert!(!counts(asked(OPEN, "warning", runbook), value("keep", "1")));
}

#[test]
fn what_a_person_changed_before_is_not_approved_by_tightening_it() {
    let mut house = waiting();
    house.modify(ONE, "ana", value("keep", "9")).unwrap();
    house.modify(ONE, "ana", value("keep", "2")).unwrap();
    assert!(house.is_waiting(ONE));
    assert_eq!(refusal(house.approve(ONE, "ana")), Refusal::OwnRequest);
}

#[test]
fn the_difference_says_to_which_side_a_value_was_moved() {
    let said = |name: &str, to: &str| {
        let events = waiting().modify(ONE, "ana", value(name, to)).unwrap();
        let made = events.iter().find_map(|event| match event {
            Event::PlanProposed { difference, .. } => Some(difference.clone()),
            _ => None,
        });
        made.unwrap()
    };
    assert_eq!(said("keep", "2"), ["keep: 3 -> 2 (tighter)"]);
    assert_eq!(said("keep", "10"), ["keep: 3 -> 10 (looser)"]);
    assert_eq!(said("wait", "5m"), ["wait: 1m -> 5m (tighter)"]);
    assert!(said("host", "two-1").contains(&"host: one-1 -> two-1".to_owned()));
}

#[test]
fn the_order_of_the_values_is_bound_into_the_plan_and_a_page_that_turns_it_is_another_page() {
    let mut house = waiting();
    assert_eq!(house.plan(ONE).safer.len(), 2);
    let mut turned = disk_with_scales();
    turned["parameters"]["keep"]["safer"] = json!("higher");
    house.runbooks = House::with(OPEN, [turned, cache()]).runbooks;
    // Neither side counts: the plan that was shown called the one safer, the page now the other.
    for keep in ["2", "4"] {
        let mut house = house.clone();
        house.modify(ONE, "ana", value("keep", keep)).unwrap();
        assert!(house.is_waiting(ONE), "{keep}");
    }
}

#[test]
fn a_change_of_the_operators_configuration_in_between_is_not_approved_with_it() {
    let execution = |path: &str| {
        let programs = [("rotate", path), ("prune", "/bin/prune"), ("df", "/bin/df")];
        let programs = programs.map(|(name, path)| (name.to_owned(), path.to_owned())).into();
        Some(tagout_core::execution::Execution { programs, ..Default::default() })
    };
    let mut house =
        House::live(&format!("{OPEN}min_margin = 1.0\n"), [disk_with_scales(), cache()]);
    house.policy.execution = execution("/bin/rotate");
    house.receive(ONE, alert(ONE, "warning"));
    house.find(ONE, &[by_text("disk", 9_900), by_text("cache", 7_000)]);
    let mut same = house.clone();
    same.modify(ONE, "ana", value("keep", "2")).unwrap();
    assert!(same.is_granted(ONE));
    house.policy.execution = execution("/opt/rotate");
    house.modify(ONE, "ana", value("keep", "2")).unwrap();
    assert_eq!(house.plan(ONE).steps[0].argv[0], "/opt/rotate");
    assert!(house.is_waiting(ONE));
    assert_eq!(refusal(house.approve(ONE, "ana")), Refusal::OwnRequest);
}

/// A record in which the author may approve, though the plan is not as `forge` leaves it.
fn legal(forge: impl FnOnce(&mut tagout_core::plan::Plan)) -> bool {
    let mut house = waiting();
    let mut events = house.clone().modify(ONE, "ana", value("keep", "2")).unwrap();
    events.retain(|event| !matches!(event, Event::ReviewGiven { .. } | Event::PlanGranted { .. }));
    let Event::PlanProposed { plan, digest, .. } = &mut events[1] else { panic!("no plan") };
    forge(plan);
    *digest = plan.digest();
    let forged = *digest;
    for event in &mut events {
        match event {
            Event::PlanVoided { why, .. } => {
                *why = tagout_core::event::VoidReason::Modified { by_plan: forged };
            }
            Event::PolicyDecided { plan, .. } => *plan = forged,
            Event::ReviewRequested { request, .. } => {
                assert!(request.author_counts);
                request.plan = forged;
            }
            _ => {}
        }
    }
    let last = events.pop().unwrap();
    house.record(ONE, &events);
    evolve(house.incidents[ONE].clone(), &last, house.now).is_ok()
}

#[test]
fn a_request_that_lets_an_author_approve_more_than_a_tightening_is_not_legal() {
    assert!(legal(|_| {}));
    type Forge = fn(&mut tagout_core::plan::Plan);
    let forged: [(&str, Forge); 10] = [
        ("a looser value", |plan| drop(plan.values.insert("keep".into(), "4".into()))),
        ("another program", |plan| plan.steps[0].argv[0] = "reboot".into()),
        ("another argument", |plan| plan.steps[0].argv.push("--all".into())),
        ("another time-out", |plan| plan.steps[0].timeout = tagout_core::time::Span::MAX),
        ("a dry-run that starts more", |plan| plan.rehearses = ["rotate".to_owned()].into()),
        ("no form for a dry-run", |plan| plan.steps[0].dry_run = None),
        ("another check", |plan| plan.preconditions[0].argv.clear()),
        ("no check", |plan| plan.verification.clear()),
        ("another scale", |plan| plan.safer.clear()),
        ("one value more", |plan| drop(plan.values.insert("more".into(), "1".into()))),
    ];
    for (what, forge) in forged {
        assert!(!legal(forge), "{what}");
    }
}

fn flawed(parameter: Value) -> Vec<Flaw> {
    flaws(&json!({"parameters": {"n": parameter}}))
}

#[test]
fn values_that_have_no_such_order_have_no_safer_side() {
    for (parameter, wrong) in [
        (json!({"pattern": "[0-9]+s", "safer": "lower"}), true),
        (json!({"under": "/var/log", "safer": "first"}), true),
        (json!({"min": 1, "max": 9, "safer": "first"}), true),
        (json!({"values": ["a", "b"], "safer": "lower"}), true),
        (json!({"values": ["a", "b", "a"], "safer": "last"}), true),
        (json!({"values": ["a", "b"], "safer": "last"}), false),
        (json!({"min": 1, "max": 9, "safer": "higher"}), false),
        (json!({"values": ["a", "a"]}), false),
    ] {
        let fields: Vec<_> = flawed(parameter.clone()).into_iter().map(|flaw| flaw.field).collect();
        let expected: &[&str] = if wrong { &["parameters.n.safer"] } else { &[] };
        assert_eq!(fields, expected, "{parameter}");
    }
    let many = |count: usize| -> Vec<String> { (0..count).map(|n| format!("v{n}")).collect() };
    let most = tagout_core::limits::ORDERED_VALUES;
    assert!(flawed(json!({"values": many(most), "safer": "first"})).is_empty());
    assert_eq!(flawed(json!({"values": many(most + 1), "safer": "first"})).len(), 1);
    assert!(flawed(json!({"values": many(most + 1)})).is_empty());
    let word = json!({"parameters": {"n": {"min": 1, "max": 9, "safer": "less"}}});
    assert!(serde_json::from_value::<FrontMatter>(word).is_err());
}
