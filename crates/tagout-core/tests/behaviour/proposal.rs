//! From findings to a plan: which candidate, in which mode, with which digest.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tagout_core::alert::Alert;
use tagout_core::command::{Command, SharedCommand};
use tagout_core::decide::Rejection;
use tagout_core::digest::{EvidenceDigest, PlanDigest, PolicyDigest, RunbookDigest};
use tagout_core::event::{Event, PersonNeeded};
use tagout_core::exit_codes::ExitCodes;
use tagout_core::incident::{Handover, Stage};
use tagout_core::plan::{Plan, PlannedStep};
use tagout_core::rehearsal::DryRun;
use tagout_core::remote::{On, Reached, Shell};
use tagout_core::time::Span;
use tagout_core::verdict::{Decision, Mode};

use crate::house::*;

fn called_for(house: &House) -> &PersonNeeded {
    match house.stage(ONE) {
        Stage::WithPeople(Handover::NoPlan(why)) => why,
        other => panic!("no person was called: {other:?}"),
    }
}

#[test]
fn no_match_calls_a_person_and_makes_no_plan() {
    for candidates in [vec![], vec![by_key("unheard-of", 9_900)], vec![by_text("disk", 4_999)]] {
        let mut house = House::new();
        house.receive(ONE, alert(ONE, "warning"));
        house.find(ONE, &candidates);
        assert_eq!(called_for(&house), &PersonNeeded::NoRunbook);
        assert_eq!(house.incidents[ONE].decision(), Some(Decision::Escalate));
        assert!(house.incidents[ONE].proposal().is_none());
    }
}

#[test]
fn a_candidate_exactly_at_the_least_confidence_is_proposed() {
    let mut house = House::new();
    house.receive(ONE, alert(ONE, "warning"));
    house.find(ONE, &[by_text("disk", 5_000)]);
    assert_eq!(house.plan(ONE).runbook, "disk");
    assert_eq!(house.decision(ONE), Decision::Escalate);
}

#[test]
fn a_candidate_that_excludes_the_alert_gives_way_to_the_next_and_the_reason_is_kept() {
    let mut excluding = disk();
    excluding["not_when"] = json!([{"text": "ALMOST FULL"}]);
    let mut house = House::with(OPEN, [excluding, cache()]);
    house.receive(ONE, alert(ONE, "warning"));
    house.find(ONE, &[by_key("disk", 9_900), by_key("cache", 9_500)]);
    assert_eq!(house.plan(ONE).runbook, "cache");
    let excluded = &house.incidents[ONE].case().unwrap().excluded;
    assert_eq!(excluded.len(), 1);
    assert_eq!(excluded[0].0, "disk");
    assert!(excluded[0].1.contains("ALMOST FULL"), "{}", excluded[0].1);
}

#[test]
fn if_every_candidate_excludes_the_alert_a_person_is_called() {
    let mut excluding = disk();
    excluding["not_when"] = json!([{"labels": {"instance": "one-*"}}]);
    let mut house = House::with(OPEN, [excluding]);
    house.receive(ONE, alert(ONE, "warning"));
    house.find(ONE, &[by_key("disk", 9_900)]);
    assert_eq!(called_for(&house), &PersonNeeded::NoRunbook);
}

#[test]
fn a_plan_that_cannot_be_bound_calls_a_person_and_names_the_runbook() {
    let mut house = House::new();
    let labels = [("instance".to_owned(), "one 1; reboot".to_owned())].into();
    house.receive(ONE, Alert { labels, ..alert(ONE, "warning") });
    house.find(ONE, &[by_key("disk", 9_900)]);
    match called_for(&house) {
        PersonNeeded::CannotBind { runbook, why } => {
            assert_eq!(runbook, "disk");
            assert!(why.as_str().contains("host"), "{why}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn findings_are_taken_once_and_only_while_a_search_is_due() {
    let mut house = House::new();
    house.matched(ONE, "disk");
    let again = Command::RecordFindings { findings: findings(&[by_key("cache", 9_900)]) };
    assert!(matches!(house.ask(ONE, again), Err(Rejection::NotDue(_))));
    assert_eq!(house.plan(ONE).runbook, "disk");
}

#[test]
fn a_plan_that_proceeds_is_granted_by_the_policy_and_rehearsed_step_by_step() {
    let mut house = House::new();
    house.matched(ONE, "disk");
    assert!(house.is_granted(ONE));
    let events = house.must(ONE, Command::Rehearse);
    let steps: Vec<_> = events
        .iter()
        .filter_map(|e| match e {
            Event::StepRehearsed { step, .. } => Some(step.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(steps, ["look", "rotate", "prune", "verify"]);
    assert!(matches!(house.stage(ONE), Stage::Finished(..)));
    assert!(house.start(ONE).is_err());
}

/// What live mode takes, with one of the three things missing or none.
fn mode_with(configured: bool, tier: bool, admitted: Option<&[u8]>) -> Mode {
    let live = if tier { "[tier.medium]\nlive = true\n" } else { "" };
    let mut house = House::with(&format!("{OPEN}{live}"), [cache()]);
    house.mode = if configured { Mode::Live } else { Mode::DryRun };
    if let Some(bytes) = admitted {
        let digest = RunbookDigest::of_bytes(bytes);
        let (runbook, by) = ("cache".to_owned(), person("ops"));
        house
            .say(SharedCommand::AdmitRunbook { runbook, digest, by, page: "".into(), author: None })
            .unwrap();
    }
    house.matched(ONE, "cache");
    house.plan(ONE).mode
}

#[test]
fn a_plan_is_live_only_if_configuration_tier_and_admitted_version_agree() {
    let page = cache().to_string();
    let page = Some(page.as_bytes());
    assert_eq!(mode_with(true, true, page), Mode::Live);
    assert_eq!(mode_with(false, true, page), Mode::DryRun);
    assert_eq!(mode_with(true, false, page), Mode::DryRun);
    assert_eq!(mode_with(true, true, None), Mode::DryRun);
    assert_eq!(mode_with(true, true, Some(b"an earlier version")), Mode::DryRun);
}

/// All paths to a scalar, an empty list or an empty map in a JSON value.
fn leaves(value: &Value, path: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, member) in map {
                leaves(member, &format!("{path}/{}", name.replace('/', "~1")), out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (i, item) in items.iter().enumerate() {
                leaves(item, &format!("{path}/{i}"), out);
            }
        }
        _ => out.push(path.to_owned()),
    }
}

/// Other values of the same shape; at least one of them must fit the field's type.
fn others(value: &Value) -> Vec<Value> {
    let tiers = [
        "low",
        "medium",
        "high",
        "critical",
        "check",
        "action",
        "manual",
        "admin",
        "GET",
        "none",
        ">",
        "forced",
        "higher",
        "owner",
        "environment",
    ];
    match value {
        Value::Bool(b) => vec![json!(!b)],
        Value::Number(n) => vec![json!(n.as_u64().unwrap() + 1)],
        Value::Null => vec![json!("somebody")],
        Value::Array(_) => vec![json!(["more"]), json!([step()])],
        Value::Object(_) => vec![json!({"more": "x"})],
        Value::String(s) => {
            let mut out = vec![
                json!(format!("{s}x")),
                json!("2031-01-01T00:00:00.000Z"),
                json!(PlanDigest::of_bytes(b"other")),
                json!("dry_run"),
                json!("live"),
            ];
            out.extend(tiers.iter().map(|t| json!(t)));
            out.retain(|other| other != value);
            out
        }
    }
}

fn step() -> Value {
    json!({"id": "x", "kind": "check", "title": "", "argv": [], "undo": [], "expect": "",
           "timeout": 1, "attempts": 1, "requires_approval": false, "risk": "low"})
}

/// A plan in which nothing stands at its default, which would not be written.
fn whole(plan: &Plan) -> Plan {
    let request = json!({
        "endpoint": "one", "base": "https://one", "method": "POST", "target": "/x", "body": "{}",
        "expect": {"status": [200], "json": {"pointer": "/x", "equals": "1"}},
    });
    let poll = json!({"every": 5000, "state": "/s", "succeeded": ["yes"], "failed": ["no"]});
    let job = json!({"job": {"start": request, "id": "/id", "path": "/y", "poll": poll}});
    let mut plan = Plan { undoes: Some(PlanDigest::of_bytes(b"undone")), ..plan.clone() };
    plan.rehearses = ["look".to_owned()].into();
    plan.steps[0].dry_run = Some(DryRun { argv: vec!["show".into()], ok: [0, 1].into() });
    plan.steps[0].work = serde_json::from_value(job).unwrap();
    plan.steps[0].undo_work = serde_json::from_value(json!({"http": request})).unwrap();
    plan.steps[0].every = Some(Span::from_secs(5));
    let (login, host_key) = ("ops@10.0.0.5:22".to_owned(), "SHA256:0".to_owned());
    let reached = Some(Reached { login, host_key, shell: Shell::Posix });
    plan.steps[0].on = Some(On { host: "db-1".into(), reached });
    plan.steps[0].exit_codes = ExitCodes::new([0, 2]).unwrap();
    plan.steps[0].secrets = serde_json::from_value(json!([
        {"name": "db", "handed": {"variable": "PGPASSWORD", "hand": "descriptor"}},
    ]))
    .unwrap();
    let rules =
        json!({"read": ["/etc"], "execute": ["/bin"], "write": ["/tmp"], "connect": [5432]});
    plan.steps[0].sandboxes =
        serde_json::from_value(json!([{"name": "narrow", "forced": true, "rules": rules}]))
            .unwrap();
    let holds = json!({"op": "<", "value": "1"});
    let promql = json!({"promql": {"request": request, "query": "up", "holds": holds}});
    plan.preconditions[0].work = serde_json::from_value(promql).unwrap();
    let query = json!({"request": request, "filter": ["a=b"], "holds": "some"});
    plan.verification[0].work = serde_json::from_value(json!({"alertmanager": query})).unwrap();
    plan
}

/// The names of a value's fields. A field that is added to the type and not here does not
/// compile.
macro_rules! fields {
    ($type:ident { $($field:ident),+ $(,)? }, $value:expr) => {{
        let $type { $($field: _),+ } = $value;
        BTreeSet::from([$(stringify!($field).to_owned()),+])
    }};
}

/// A policy under which no field of a plan is empty.
const FULL: &str = "default_environment = \"low\"\n\
                    warn_before = \"5m\"\n\
                    [[chain]]\nafter = \"5m\"\nask = [\"second\"]\ntier_at_least = \"low\"\n\
                    [[route]]\nask = [\"first\"]\n\
                    [[approve]]\ngroup = \"database\"\nrole = \"approver\"\n\
                    [tier.medium]\ngroups = { database = 1 }\n";

#[test]
fn no_field_of_a_plan_is_left_out_of_what_is_digested() {
    let mut owned = disk();
    owned["owner"] = json!("platform");
    owned["parameters"]["keep"]["safer"] = json!("lower");
    let mut house = House::with(FULL, [owned]);
    house.matched(ONE, "disk");
    let plan = &whole(house.plan(ONE));
    let names = |value: Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let of_plan = fields!(
        Plan {
            incident,
            number,
            mode,
            runbook,
            title,
            runbook_digest,
            reversible,
            target,
            values,
            safer,
            preconditions,
            steps,
            verification,
            tier,
            quorum,
            groups,
            approvers,
            owner,
            first_use,
            ask,
            chain,
            expires_at,
            policy,
            evidence,
            requested_by,
            undoes,
            rehearses,
        },
        plan
    );
    assert_eq!(names(serde_json::to_value(plan).unwrap()), of_plan);
    let of_step = fields!(
        PlannedStep {
            id,
            kind,
            title,
            argv,
            undo,
            dry_run,
            expect,
            timeout,
            attempts,
            requires_approval,
            risk,
            on,
            work,
            undo_work,
            every,
            secrets,
            sandboxes,
            exit_codes,
        },
        &plan.steps[0]
    );
    assert_eq!(names(serde_json::to_value(&plan.steps[0]).unwrap()), of_step);
}

#[test]
fn the_digest_changes_when_any_field_of_the_plan_does() {
    let mut runbook = disk();
    runbook["parameters"]["keep"]["safer"] = json!("lower");
    runbook["steps"][0]["undo"] = json!(["unrotate", "{{host}}"]);
    runbook["owner"] = json!("platform");
    let mut house = House::with(FULL, [runbook]);
    house.matched(ONE, "disk");
    let plan = whole(house.plan(ONE));
    let json = serde_json::to_value(&plan).unwrap();
    let (mut paths, mut changed) = (Vec::new(), 0);
    leaves(&json, "", &mut paths);
    for path in &paths {
        let mut fits = 0;
        for other in others(json.pointer(path).unwrap()) {
            let mut mutant = json.clone();
            *mutant.pointer_mut(path).unwrap() = other;
            let Ok(mutant) = serde_json::from_value::<Plan>(mutant) else { continue };
            fits += 1;
            assert_ne!(mutant.digest(), plan.digest(), "{path}");
        }
        assert!(fits > 0, "no other value fits {path}");
        changed += 1;
    }
    assert_eq!(changed, paths.len());
    // Four steps of ten fields, and the plan's own.
    assert!(changed > 50, "only {changed} fields were changed");
    // A member taken out or put in counts as well as a changed one.
    for list in ["steps", "preconditions", "verification"] {
        let mut fewer = json.clone();
        fewer[list].as_array_mut().unwrap().pop();
        assert_ne!(serde_json::from_value::<Plan>(fewer).unwrap().digest(), plan.digest());
        let mut more = json.clone();
        more[list].as_array_mut().unwrap().push(step());
        assert_ne!(serde_json::from_value::<Plan>(more).unwrap().digest(), plan.digest());
    }
    let mut swapped = json.clone();
    swapped["steps"].as_array_mut().unwrap().reverse();
    assert_ne!(serde_json::from_value::<Plan>(swapped).unwrap().digest(), plan.digest());
}

#[test]
fn a_plan_reads_back_with_the_digest_it_was_written_with() {
    let mut house = House::new();
    house.matched(ONE, "disk");
    let plan = house.plan(ONE);
    let read: Plan = serde_json::from_str(&serde_json::to_string(plan).unwrap()).unwrap();
    assert_eq!(read.digest(), plan.digest());
}

#[test]
fn a_plan_names_the_policy_the_page_and_the_evidence_it_rests_on() {
    let mut house = House::new();
    house.matched(ONE, "disk");
    let plan = house.plan(ONE);
    assert_eq!(plan.policy, house.policy.digest());
    assert_ne!(plan.policy, PolicyDigest::of_bytes(&[]));
    assert_eq!(plan.runbook_digest, house.runbooks.get("disk").unwrap().digest);
    assert_eq!(plan.evidence, house.incidents[ONE].case().unwrap().evidence());
    assert_ne!(plan.evidence, EvidenceDigest::of_bytes(&[]));
    assert_eq!(plan.incident, ONE);
    assert_eq!(plan.number, 1);
}

#[test]
fn the_same_fault_in_another_incident_has_another_digest() {
    let mut house = House::new();
    house.matched(ONE, "cache");
    house.matched(TWO, "cache");
    assert_ne!(house.plan(ONE).digest(), house.plan(TWO).digest());
}

#[test]
fn the_journal_alone_rebuilds_every_incident_and_the_shared_state() {
    let mut house = House::new();
    house.matched(ONE, "disk");
    house.must(ONE, Command::Rehearse);
    house.matched_at(TWO, "cache", "critical");
    house.approve(TWO, "ana").unwrap();
    house.jump();
    let mut again = House::new();
    for (id, event, at) in &house.journal {
        let bytes = serde_json::to_vec(event).unwrap();
        again.now = *at;
        again.record(id, &[serde_json::from_slice(&bytes).unwrap()]);
    }
    assert_eq!(again.incidents, house.incidents);
    assert_eq!(again.shared, house.shared);
}
