//! What the configuration lets a plan start: programs by their paths, hosts by their keys, and the
//! minimum tier of each.

use serde_json::{Value, json};
use tagout_core::execution::Execution;
use tagout_core::plan::Plan;
use tagout_core::remote::{Host, Shell};
use tagout_core::tier::Tier;
use tagout_core::verdict::{Mode, Rule};

use crate::house::*;
use crate::live::undoable;

/// What an undoable page starts, as an operator names it.
const PROGRAMS: [(&str, &str); 3] =
    [("grow", "/opt/grow"), ("shrink", "/opt/shrink"), ("move", "/bin/mv")];

/// The page planned where the configuration names these programs, some with a minimum tier.
fn planned(
    page: Value,
    programs: &[(&str, &str)],
    least: impl IntoIterator<Item = (String, Tier)>,
) -> Plan {
    let mut house = House::live(OPEN, [page]);
    let programs = programs.iter().map(|(name, path)| (name.to_string(), path.to_string()));
    let execution = Execution { programs: programs.collect(), ..Execution::default() };
    house.policy = house.policy.clone().with_execution(execution, least);
    house.matched(ONE, "undoable");
    house.plan(ONE).clone()
}

#[test]
fn a_live_plan_names_the_whole_path_of_what_it_starts() {
    let plan = planned(undoable(), &PROGRAMS, []);
    assert_eq!(plan.mode, Mode::Live);
    assert_eq!(plan.steps[0].argv, ["/opt/grow", "one"]);
    assert_eq!(plan.steps[0].undo, ["/opt/shrink", "one"]);
    assert_eq!(plan.steps[1].argv, ["/bin/mv", "one"]);
}

#[test]
fn a_plan_with_a_program_that_the_configuration_does_not_name_is_a_dry_run() {
    let plan = planned(undoable(), &[("grow", "/opt/grow"), ("move", "/bin/mv")], []);
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
    let programs = PROGRAMS.map(|(name, path)| (name.to_owned(), path.to_owned()));
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
    let plan = planned(undoable(), &PROGRAMS, [("move".into(), Tier::Critical)]);
    assert_eq!(plan.tier, Tier::Critical);
}

/// The tier of a plan that moves with `command` or takes it back with `undo`, where `kube-admin` is
/// of high tier and `kube`, another name of its path, has none.
fn tier_with(command: &[&str], undo: &[&str]) -> Tier {
    let mut page = undoable();
    page["steps"][1]["command"] = json!(command);
    if !undo.is_empty() {
        page["steps"][1]["undo"] = json!(undo);
    }
    let programs = [
        ("grow", "/opt/grow"),
        ("shrink", "/opt/shrink"),
        ("env", "/usr/bin/env"),
        ("kube", "/usr/local/bin/kubectl"),
        ("kube-admin", "/usr/local/bin/kubectl"),
        ("reader", "/opt/reader/kubectl"),
    ];
    let least = [("kube-admin".to_owned(), Tier::High), ("kube".to_owned(), Tier::Low)];
    planned(page, &programs, least).tier
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
