//! The steps of a live plan: in order, at most once, and never again by themselves.

use std::collections::BTreeSet;

use serde_json::json;
use tagout_core::command::{Command, SharedCommand};
use tagout_core::decide::Rejection;
use tagout_core::digest::{PlanDigest, RunbookDigest};
use tagout_core::event::{CommandEnd, Event, PlanOutcome, StepFinding, StepOutcome};
use tagout_core::evolve::evolve;
use tagout_core::execution::Execution;
use tagout_core::front_matter::{FrontMatter, PageText};
use tagout_core::incident::{Incident, Stage};
use tagout_core::policy::EscalationPolicy;
use tagout_core::remote::{Host, Shell};
use tagout_core::tier::Tier;
use tagout_core::time::Span;
use tagout_core::verdict::{Mode, Rule};

use crate::house::*;

fn live(runbook: &str) -> House {
    let mut house = House::live(OPEN, [disk(), cache(), failover()]);
    house.matched(ONE, runbook);
    assert!(house.is_granted(ONE));
    assert_eq!(house.plan(ONE).mode, Mode::Live);
    house
}

fn started(events: &[Event]) -> (&str, u32) {
    match events {
        [Event::StepStarted { step, attempt, .. }] => (step, *attempt),
        other => panic!("no start: {other:?}"),
    }
}

fn outcome(house: &House) -> PlanOutcome {
    match house.stage(ONE) {
        Stage::Finished(_, outcome) => *outcome,
        other => panic!("the plan has not ended: {other:?}"),
    }
}

fn resolve(house: &mut House, step: &str, finding: StepFinding) -> Result<Vec<Event>, Rejection> {
    let (plan, step) = (house.plan(ONE).digest(), step.to_owned());
    let by = person("ana");
    house.ask(
        ONE,
        Command::ResolveStep { by, plan, step, attempt: 1, finding, reason: "looked".into() },
    )
}

#[test]
fn steps_start_in_order_the_checks_before_and_after_included() {
    let mut house = live("disk");
    for step in ["look", "rotate", "prune", "verify"] {
        let events = house.start(ONE).unwrap();
        assert_eq!(started(&events), (step, 1));
        house.finish(ONE, step, 1, StepOutcome::Succeeded).unwrap();
    }
    assert_eq!(outcome(&house), PlanOutcome::Completed);
    assert!(house.start(ONE).is_err());
}

#[test]
fn nothing_starts_while_a_step_is_running() {
    let mut house = live("disk");
    house.start(ONE).unwrap();
    assert!(matches!(house.start(ONE), Err(Rejection::NotDue(_))));
}

#[test]
fn nothing_of_a_dry_run_ever_starts() {
    let mut house = House::new();
    house.matched(ONE, "disk");
    assert!(matches!(house.start(ONE), Err(Rejection::NotDue(_))));
}

#[test]
fn a_live_plan_is_not_rehearsed() {
    let mut house = live("disk");
    assert!(matches!(house.ask(ONE, Command::Rehearse), Err(Rejection::NotDue(_))));
}

#[test]
fn nothing_starts_for_another_digest_than_the_granted_one() {
    let mut house = live("disk");
    let other = Command::StartStep { plan: PlanDigest::of_bytes(b"x") };
    assert!(matches!(house.ask(ONE, other), Err(Rejection::NotDue(_))));
}

#[test]
fn nothing_starts_before_people_have_granted_it() {
    let mut house = House::live(OPEN, [cache()]);
    house.matched_at(ONE, "cache", "critical");
    assert!(house.start(ONE).is_err());
    house.approve(ONE, "ana").unwrap();
    assert!(house.start(ONE).is_err());
    house.approve(ONE, "ben").unwrap();
    house.start(ONE).unwrap();
}

#[test]
fn another_attempt_needs_a_recorded_failure_and_their_number_is_bounded() {
    let mut house = live("cache");
    house.start(ONE).unwrap();
    assert!(house.start(ONE).is_err());
    house.finish(ONE, "flush", 1, StepOutcome::Failed).unwrap();
    let again = house.start(ONE).unwrap();
    assert_eq!(started(&again), ("flush", 2));
    house.finish(ONE, "flush", 2, StepOutcome::TimedOut).unwrap();
    assert_eq!(outcome(&house), PlanOutcome::Failed);
}

#[test]
fn a_step_without_further_attempts_ends_the_plan_when_it_fails() {
    let mut house = live("disk");
    house.start(ONE).unwrap();
    house.finish(ONE, "look", 1, StepOutcome::Failed).unwrap();
    assert_eq!(outcome(&house), PlanOutcome::Failed);
    assert!(house.start(ONE).is_err());
}

#[test]
fn a_step_that_was_stopped_is_not_tried_again() {
    let mut house = live("cache");
    house.start(ONE).unwrap();
    house.finish(ONE, "flush", 1, StepOutcome::Stopped).unwrap();
    assert_eq!(outcome(&house), PlanOutcome::Failed);
}

#[test]
fn an_end_is_recorded_once_and_only_for_what_was_started() {
    let mut house = live("cache");
    assert!(house.finish(ONE, "flush", 1, StepOutcome::Succeeded).is_err());
    house.start(ONE).unwrap();
    assert!(house.finish(ONE, "flush", 2, StepOutcome::Succeeded).is_err());
    assert!(house.finish(ONE, "other", 1, StepOutcome::Succeeded).is_err());
    house.finish(ONE, "flush", 1, StepOutcome::Failed).unwrap();
    assert!(house.finish(ONE, "flush", 1, StepOutcome::Succeeded).is_err());
}

#[test]
fn a_step_whose_end_nobody_saw_is_unknown_and_blocks_the_plan() {
    let mut house = live("cache");
    house.start(ONE).unwrap();
    let lost = house.must(ONE, Command::ReportLost { running: BTreeSet::new() });
    assert!(matches!(&lost[..], [Event::StepLost { .. }]), "{lost:?}");
    assert!(house.start(ONE).is_err());
    assert_eq!(house.must(ONE, Command::ReportLost { running: BTreeSet::new() }), []);
}

#[test]
fn a_person_who_says_that_it_ran_lets_the_plan_go_on() {
    let mut house = live("disk");
    house.start(ONE).unwrap();
    house.must(ONE, Command::ReportLost { running: BTreeSet::new() });
    resolve(&mut house, "look", StepFinding::Ran).unwrap();
    let next = house.start(ONE).unwrap();
    assert_eq!(started(&next), ("rotate", 1));
}

#[test]
fn a_person_who_says_that_it_did_not_run_allows_another_attempt_only_if_one_is_left() {
    let mut house = live("cache");
    house.start(ONE).unwrap();
    house.must(ONE, Command::ReportLost { running: BTreeSet::new() });
    resolve(&mut house, "flush", StepFinding::DidNotRun).unwrap();
    let again = house.start(ONE).unwrap();
    assert_eq!(started(&again), ("flush", 2));

    let mut house = live("failover");
    house.start(ONE).unwrap();
    house.must(ONE, Command::ReportLost { running: BTreeSet::new() });
    resolve(&mut house, "promote", StepFinding::DidNotRun).unwrap();
    assert_eq!(outcome(&house), PlanOutcome::Failed);
}

#[test]
fn only_an_unknown_step_can_be_resolved_and_only_once() {
    let mut house = live("cache");
    assert!(resolve(&mut house, "flush", StepFinding::Ran).is_err());
    house.start(ONE).unwrap();
    assert!(resolve(&mut house, "flush", StepFinding::Ran).is_err());
    house.must(ONE, Command::ReportLost { running: BTreeSet::new() });
    resolve(&mut house, "flush", StepFinding::Ran).unwrap();
    assert!(resolve(&mut house, "flush", StepFinding::DidNotRun).is_err());
}

#[test]
fn an_incident_is_not_closed_while_a_step_has_no_recorded_end() {
    let mut house = live("cache");
    house.start(ONE).unwrap();
    let close = || Command::Close { by: person("ana"), reason: "done".into() };
    assert!(matches!(house.ask(ONE, close()), Err(Rejection::NotDue(_))));
    house.must(ONE, Command::ReportLost { running: BTreeSet::new() });
    assert!(matches!(house.ask(ONE, close()), Err(Rejection::NotDue(_))));
    resolve(&mut house, "flush", StepFinding::Ran).unwrap();
    house.must(ONE, close());
}

#[test]
fn the_end_of_a_running_step_is_recorded_even_after_the_alert_has_ended() {
    let mut house = live("cache");
    let plan = house.plan(ONE).digest();
    house.start(ONE).unwrap();
    house.end_of_alert(ONE);
    assert!(matches!(house.incidents[ONE], Incident::Closed(..)));
    assert!(house.shared.lock("cache-1").is_some());
    let (step, outcome) = ("flush".to_owned(), StepOutcome::Succeeded);
    let end =
        Command::FinishStep { plan, step, attempt: 1, outcome, output: "".into(), ended: None };
    house.must(ONE, end);
    assert!(house.shared.lock("cache-1").is_none());
}

#[test]
fn a_revoked_grant_starts_nothing_more() {
    let mut house = live("disk");
    house.step(ONE, "look");
    house.revoke(ONE);
    assert!(house.is_voided(ONE));
    assert!(house.start(ONE).is_err());
}

#[test]
fn a_plan_stops_when_another_version_of_its_runbook_is_admitted() {
    let mut house = live("disk");
    house.step(ONE, "look");
    let (digest, by) = (RunbookDigest::of_bytes(b"another version"), person("ops"));
    house
        .say(SharedCommand::AdmitRunbook {
            runbook: "disk".into(),
            digest,
            by,
            page: "".into(),
            author: None,
        })
        .unwrap();
    assert!(matches!(house.start(ONE), Err(Rejection::Stopped(_))));
}

#[test]
fn a_plan_stops_when_the_configuration_is_set_back_to_dry_run() {
    let mut house = live("disk");
    house.step(ONE, "look");
    house.mode = Mode::DryRun;
    assert!(matches!(house.start(ONE), Err(Rejection::Stopped(_))));
}

#[test]
fn a_plan_stops_when_the_policy_no_longer_lets_its_tier_run_live() {
    let mut house = live("disk");
    house.step(ONE, "look");
    house.policy = EscalationPolicy::parse(OPEN).unwrap();
    assert!(matches!(house.start(ONE), Err(Rejection::Stopped(_))));
}

#[test]
fn a_start_that_skips_ahead_or_names_another_target_is_illegal_whoever_decided_it() {
    let house = live("disk");
    let plan = house.plan(ONE).digest();
    let start = |step: &str, attempt, target: &str| Event::StepStarted {
        plan,
        step: step.into(),
        attempt,
        target: target.into(),
        tier: None,
        runbook: String::new(),
    };
    let legal = |event: &Event| evolve(house.incidents[ONE].clone(), event, house.now).is_ok();
    assert!(legal(&start("look", 1, "one-1")));
    assert!(!legal(&start("rotate", 1, "one-1")));
    assert!(!legal(&start("look", 2, "one-1")));
    assert!(!legal(&start("look", 1, "two-1")));
}

#[test]
fn a_check_that_fails_before_the_first_step_keeps_every_action_from_starting() {
    let mut house = live("disk");
    house.start(ONE).unwrap();
    house.finish(ONE, "look", 1, StepOutcome::Failed).unwrap();
    let actions = house.kinds(ONE).iter().filter(|kind| *kind == "step_started").count();
    assert_eq!(actions, 1);
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
    alert.title = tagout_core::text::FreeText::Erased("ab".into());
    alert.message = tagout_core::text::FreeText::Erased("cd".into());
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

#[test]
fn a_declared_number_of_attempts_is_part_of_the_plan() {
    let mut more = cache();
    more["steps"][0]["attempts"] = json!(3);
    let mut house = House::live(OPEN, [more]);
    house.matched(ONE, "cache");
    assert_eq!(house.plan(ONE).steps[0].attempts, 3);
}

pub(super) fn undoable() -> serde_json::Value {
    json!({
        "id": "undoable", "risk": "medium", "match": {"alert_names": ["undoable"]},
        "steps": [
            {"id": "grow", "kind": "action", "title": "Grow it", "command": ["grow", "one"],
             "undo": ["shrink", "one"]},
            {"id": "move", "kind": "action", "title": "Move it", "command": ["move", "one"]},
        ],
    })
}

fn on_failure(rule: &str) -> House {
    let policy = format!("{OPEN}[tier.medium]\nlive = true\nstep_failure = \"{rule}\"\n");
    let mut house = House::live(OPEN, [undoable()]);
    house.policy = EscalationPolicy::parse(&policy).unwrap();
    house.matched(ONE, "undoable");
    assert_eq!(house.plan(ONE).mode, Mode::Live);
    house.step(ONE, "grow");
    house.start(ONE).unwrap();
    house.finish(ONE, "move", 1, StepOutcome::Failed).unwrap();
    house
}

#[test]
fn a_failed_step_ends_the_plan_where_the_tier_says_stop_or_ask() {
    for rule in ["stop", "ask"] {
        assert_eq!(outcome(&on_failure(rule)), PlanOutcome::Failed);
    }
}

#[test]
fn a_failed_step_has_what_was_done_taken_back_where_the_tier_says_undo_and_people_are_asked() {
    let mut house = on_failure("undo");
    let Stage::Waiting(proposal, ..) = house.stage(ONE) else {
        panic!("nobody is asked: {:?}", house.stage(ONE));
    };
    let plan = proposal.plan.clone();
    assert!(plan.undoes.is_some() && plan.requested_by.is_none());
    assert_eq!(plan.steps.iter().map(|s| s.argv.clone()).collect::<Vec<_>>(), [["shrink", "one"]]);
    house.approve(ONE, "ana").unwrap();
    assert!(house.is_granted(ONE));
    house.start(ONE).unwrap();
    // Where taking back fails too, nothing more is made of it.
    house.finish(ONE, "undo-grow", 1, StepOutcome::Failed).unwrap();
    assert_eq!(outcome(&house), PlanOutcome::Failed);
}

fn by_hand() -> House {
    let page = json!({
        "id": "hand", "risk": "low", "match": {"alert_names": ["hand"]},
        "steps": [
            {"id": "drain", "kind": "action", "title": "Drain it", "command": ["drain", "one"]},
            {"id": "swap", "kind": "manual", "title": "Swap the disk"},
            {"id": "fill", "kind": "action", "title": "Fill it", "command": ["fill", "one"]},
        ],
    });
    let mut house = House::live(OPEN, [page]);
    house.matched(ONE, "hand");
    house.approve(ONE, "ana").unwrap();
    house.step(ONE, "drain");
    house
}

#[test]
fn a_step_for_a_person_is_done_when_somebody_says_so_and_then_the_plan_goes_on() {
    let mut house = by_hand();
    assert!(matches!(house.start(ONE), Err(Rejection::NotDue(_))));
    assert!(resolve(&mut house, "fill", StepFinding::Ran).is_err());
    assert!(resolve(&mut house, "swap", StepFinding::Investigating).is_err());
    resolve(&mut house, "swap", StepFinding::Ran).unwrap();
    assert!(resolve(&mut house, "swap", StepFinding::Ran).is_err());
    let next = house.start(ONE).unwrap();
    assert_eq!(started(&next), ("fill", 1));
}

#[test]
fn a_step_for_a_person_that_they_could_not_do_ends_the_plan() {
    let mut house = by_hand();
    resolve(&mut house, "swap", StepFinding::DidNotRun).unwrap();
    assert_eq!(outcome(&house), PlanOutcome::Failed);
}

#[test]
fn an_unknown_step_that_somebody_looks_into_stays_unknown_and_its_target_held() {
    let mut house = live("cache");
    house.start(ONE).unwrap();
    house.must(ONE, Command::ReportLost { running: BTreeSet::new() });
    resolve(&mut house, "flush", StepFinding::Investigating).unwrap();
    assert!(house.start(ONE).is_err());
    assert!(house.shared.lock("cache-1").is_some_and(|lock| lock.incident == ONE));
    resolve(&mut house, "flush", StepFinding::Ran).unwrap();
    assert!(house.shared.lock("cache-1").is_none());
}

#[test]
fn a_step_whose_processes_may_go_on_is_unknown_and_keeps_what_is_known_of_it() {
    let mut house = live("cache");
    let plan = house.plan(ONE).digest();
    house.start(ONE).unwrap();
    let ended = CommandEnd {
        exit_code: Some(0),
        signal: None,
        containment: Some("weak containment".into()),
        left_behind: true,
        not_gone: true,
        sandbox: None,
        took: Span::from_secs(1),
    };
    let unknown = || Command::ReportUnknown {
        plan,
        step: "flush".into(),
        attempt: 1,
        output: "done".into(),
        ended: Some(ended.clone()),
    };
    let events = house.must(ONE, unknown());
    let [Event::StepLost { output, ended: Some(kept), .. }] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((output.as_str(), kept), ("done", &ended));
    assert!(matches!(house.ask(ONE, unknown()), Err(Rejection::NotDue(_))));
    assert!(matches!(house.start(ONE), Err(Rejection::NotDue(_))), "it must be resolved first");
}

#[test]
fn what_still_runs_where_it_is_asked_is_not_lost() {
    let mut house = live("cache");
    let plan = house.plan(ONE).digest();
    house.start(ONE).unwrap();
    let running: BTreeSet<_> = [(plan, "flush".to_owned(), 1)].into();
    assert_eq!(house.must(ONE, Command::ReportLost { running }), []);
}

#[test]
fn a_resolution_needs_a_reason() {
    let mut house = live("cache");
    house.start(ONE).unwrap();
    house.must(ONE, Command::ReportLost { running: BTreeSet::new() });
    let (plan, by, step) = (house.plan(ONE).digest(), person("ana"), "flush".to_owned());
    let finding = StepFinding::Ran;
    let ask = Command::ResolveStep { by, plan, step, attempt: 1, finding, reason: "".into() };
    assert_eq!(house.ask(ONE, ask), Err(Rejection::ReasonNeeded));
}

#[test]
fn the_first_start_of_live_mode_engages_the_kill_switch_and_no_later_one_does() {
    let mut house = House::live(OPEN, [cache()]);
    let begin = || SharedCommand::BeginLiveMode { by: person("tagout") };
    let begun = house.say(begin()).unwrap();
    assert!(
        matches!(&begun[..], [Event::LiveModeBegun { .. }, Event::KillSwitchEngaged { .. }]),
        "{begun:?}"
    );
    assert!(house.shared.kill_switch);
    let release = SharedCommand::ReleaseKillSwitch { by: person("ana"), reason: "read it".into() };
    house.say(release).unwrap();
    assert_eq!(house.say(begin()).unwrap(), []);
    assert!(!house.shared.kill_switch);
}

#[test]
fn a_live_plan_names_the_whole_path_of_what_it_starts() {
    let mut house = House::live(OPEN, [undoable()]);
    let programs = [("grow", "/opt/grow"), ("shrink", "/opt/shrink"), ("move", "/bin/mv")];
    let programs = programs.map(|(name, path)| (name.to_owned(), path.to_owned()));
    let execution = Execution { programs: programs.into(), ..Execution::default() };
    house.policy = house.policy.clone().with_execution(execution, []);
    house.matched(ONE, "undoable");
    let plan = house.plan(ONE);
    assert_eq!(plan.mode, Mode::Live);
    assert_eq!(plan.steps[0].argv, ["/opt/grow", "one"]);
    assert_eq!(plan.steps[0].undo, ["/opt/shrink", "one"]);
    assert_eq!(plan.steps[1].argv, ["/bin/mv", "one"]);
}

#[test]
fn a_plan_with_a_program_that_the_configuration_does_not_name_is_a_dry_run() {
    let mut house = House::live(OPEN, [undoable()]);
    let programs = [("grow", "/opt/grow"), ("move", "/bin/mv")];
    let programs = programs.map(|(name, path)| (name.to_owned(), path.to_owned()));
    let execution = Execution { programs: programs.into(), ..Execution::default() };
    house.policy = house.policy.clone().with_execution(execution, []);
    house.matched(ONE, "undoable");
    let plan = house.plan(ONE);
    assert_eq!(plan.mode, Mode::DryRun);
    assert_eq!(plan.steps[0].argv, ["grow", "one"]);
}

/// A plan whose steps run on the host of this name, where `db-1` can grow, shrink and move.
fn plan_on(host: &str) -> House {
    let mut page = undoable();
    for step in page["steps"].as_array_mut().unwrap() {
        step["on"] = json!(host);
    }
    let mut house = House::live(OPEN, [page]);
    let programs = [("grow", "/opt/grow"), ("shrink", "/opt/shrink"), ("move", "/bin/mv")];
    let programs = programs.map(|(name, path)| (name.to_owned(), path.to_owned()));
    let host = Host {
        login: "ops@10.0.0.5:22".into(),
        host_key: "SHA256:0".into(),
        shell: Shell::Posix,
        programs: programs.into(),
        tier: None,
        tiers: [("/opt/shrink".to_owned(), Tier::High)].into(),
    };
    let hosts = [("db-1".to_owned(), host)].into();
    let execution = Execution { hosts, ..Execution::default() };
    house.policy = house.policy.clone().with_execution(execution, []);
    house.matched(ONE, "undoable");
    house
}

#[test]
fn a_plan_binds_who_logs_in_where_and_by_which_key_and_the_hosts_minimums_hold() {
    let house = plan_on("db-1");
    let plan = house.plan(ONE);
    assert_eq!(plan.mode, Mode::Live);
    assert_eq!(plan.steps[0].argv, ["/opt/grow", "one"]);
    assert_eq!(plan.steps[0].undo, ["/opt/shrink", "one"]);
    let on = plan.steps[0].on.as_ref().unwrap();
    assert_eq!(on.to_string(), "db-1 (ops@10.0.0.5:22, host key SHA256:0)");
    // Taking it back starts a program that is of high tier there.
    assert_eq!(plan.tier, Tier::High);
}

#[test]
fn a_plan_on_a_host_that_the_inventory_does_not_name_is_a_dry_run_and_says_why() {
    for host in ["db-2", "DB-1", "db-1 ", "10.0.0.5", "ops@10.0.0.5"] {
        let house = plan_on(host);
        let plan = house.plan(ONE);
        assert_eq!(plan.mode, Mode::DryRun, "{host}");
        assert_eq!(plan.steps[0].on.as_ref().unwrap().to_string(), host);
        let reasons = &house.incidents[ONE].proposal().unwrap().verdict.as_ref().unwrap().reasons;
        let why = reasons.iter().find(|reason| reason.rule == Rule::NotStartable).unwrap();
        assert!(why.detail.contains("no host is named"), "{}", why.detail);
    }
}

#[test]
fn the_configurations_minimum_for_a_program_raises_a_plan_and_no_runbook_lowers_it() {
    let mut house = House::live(OPEN, [undoable()]);
    let programs = [("grow", "/opt/grow"), ("shrink", "/opt/shrink"), ("move", "/bin/mv")];
    let programs = programs.map(|(name, path)| (name.to_owned(), path.to_owned()));
    let execution = Execution { programs: programs.into(), ..Execution::default() };
    house.policy =
        house.policy.clone().with_execution(execution, [("move".into(), Tier::Critical)]);
    house.matched(ONE, "undoable");
    assert_eq!(house.plan(ONE).tier, Tier::Critical);
}

/// The tier of a plan that moves with `command` or takes it back with `undo`, where `kube-admin` is
/// of high tier and `kube`, another name of its path, has none.
fn tier_with(command: &[&str], undo: &[&str]) -> Tier {
    let mut page = undoable();
    page["steps"][1]["command"] = json!(command);
    if !undo.is_empty() {
        page["steps"][1]["undo"] = json!(undo);
    }
    let mut house = House::live(OPEN, [page]);
    let programs = [
        ("grow", "/opt/grow"),
        ("shrink", "/opt/shrink"),
        ("env", "/usr/bin/env"),
        ("kube", "/usr/local/bin/kubectl"),
        ("kube-admin", "/usr/local/bin/kubectl"),
        ("reader", "/opt/reader/kubectl"),
    ];
    let programs = programs.map(|(name, path)| (name.to_owned(), path.to_owned()));
    let execution = Execution { programs: programs.into(), ..Execution::default() };
    let least = [("kube-admin".to_owned(), Tier::High), ("kube".to_owned(), Tier::Low)];
    house.policy = house.policy.clone().with_execution(execution, least);
    house.matched(ONE, "undoable");
    house.plan(ONE).tier
}

#[test]
fn a_programs_minimum_holds_by_its_name_by_its_path_and_by_another_name_of_that_path() {
    for program in ["kube-admin", "/usr/local/bin/kubectl", "kube"] {
        assert_eq!(tier_with(&[program, "one"], &[]), Tier::High, "{program}");
        let undo = tier_with(&["grow", "one"], &[program, "one"]);
        assert_eq!(undo, Tier::High, "taken back with {program}");
        let wrapped = tier_with(&["env", program, "one"], &[]);
        assert_eq!(wrapped, Tier::High, "{program} behind a wrapper");
    }
    // A program of its own that lies elsewhere is another one.
    for program in ["reader", "/opt/reader/kubectl"] {
        assert_eq!(tier_with(&[program, "one"], &[]), Tier::Medium, "{program}");
    }
}

#[test]
fn a_page_whose_author_is_no_persons_name_is_refused() {
    for (author, good) in [("Ana", true), ("", false), ("  ", false), ("ana\u{200b}", false)] {
        let mut page = cache();
        page["author"] = json!(author);
        let source: FrontMatter = serde_json::from_value(page).unwrap();
        let text = PageText {
            id: "page".into(),
            title: "A page".into(),
            symptoms: vec!["something is wrong".into()],
            body: String::new(),
            manual_steps: Vec::new(),
            digest: RunbookDigest::of_bytes(b"page"),
            page: "".into(),
        };
        let flaws = source.check(text).err().unwrap_or_default();
        let fields: Vec<_> = flaws.iter().map(|flaw| flaw.field.as_str()).collect();
        assert_eq!(fields, if good { vec![] } else { vec!["author"] }, "{author:?}");
    }
}

#[test]
fn a_page_is_not_admitted_by_the_one_who_wrote_it_nor_twice() {
    let mut house = House::with(OPEN, [cache()]);
    let digest = RunbookDigest::of_bytes(b"a page");
    let admit = |by: &str, author: &str| SharedCommand::AdmitRunbook {
        runbook: "cache".into(),
        digest,
        by: person(by),
        page: "a page".into(),
        author: Some(author.into()),
    };
    for author in ["ana", "Ana", " ANA "] {
        let refused = house.say(admit("ana", author));
        assert!(matches!(refused, Err(Rejection::NotLet { .. })), "{author:?}");
    }
    assert!(house.say(admit("ana", "ana\u{200b}")).is_err());
    assert!(!house.shared.admitted("cache", digest));
    house.say(admit("ben", "Ana")).unwrap();
    assert!(house.shared.admitted("cache", digest));
    assert!(house.say(admit("ben", "Ana")).is_err());
}

#[test]
fn how_a_step_ended_is_recorded_also_while_people_are_asked_about_the_plan_after_it() {
    for lost in [false, true] {
        let mut house = live("disk");
        house.start(ONE).unwrap();
        let plan = house.plan(ONE).digest();
        house.receive(ONE, alert(ONE, "critical"));
        house.find(ONE, &[by_key("disk", 9_900)]);
        assert!(matches!(house.stage(ONE), Stage::Waiting(..)), "{:?}", house.stage(ONE));
        assert_ne!(house.plan(ONE).digest(), plan);
        let step = || "look".to_owned();
        if lost {
            let running = BTreeSet::new();
            house.must(ONE, Command::ReportLost { running });
            let (by, reason) = (person("ana"), "looked".into());
            let finding = StepFinding::Ran;
            let said = Command::ResolveStep { by, plan, step: step(), attempt: 1, finding, reason };
            house.must(ONE, said);
        } else {
            let (outcome, output) = (StepOutcome::Stopped, "half of it".into());
            let end = Command::FinishStep {
                plan,
                step: step(),
                attempt: 1,
                outcome,
                output,
                ended: None,
            };
            house.must(ONE, end);
        }
        assert!(matches!(house.stage(ONE), Stage::Waiting(..)));
    }
}
