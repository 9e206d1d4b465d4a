//! Live mode takes three that say so, and the first start stops everything.

use serde_json::json;

use super::service::configuration;
use super::stage::{LIVE, Stage, configure, home, nap, start};

fn is_dry(stage: &Stage) {
    let incident = stage.alert("Rotate", "host-1", "0");
    assert_eq!(stage.plan(&incident)["mode"], "dry_run");
    stage.until(&incident, "rehearsed");
    nap(1500);
    assert_eq!(stage.lines("host-1", "look"), [""; 0]);
    assert_eq!(stage.service.home.count("step_started"), 0);
}

#[test]
fn without_the_configuration_nothing_runs() {
    let stage = Stage::closed(home("dry-run", LIVE));
    stage.admit("rotate").is(200);
    is_dry(&stage);
}

#[test]
fn without_the_tiers_word_nothing_runs() {
    let stage = Stage::closed(home("live", "[tier.medium]\nmax_autonomous_actions = 100\n"));
    stage.admit("rotate").is(200);
    stage.release();
    is_dry(&stage);
}

#[test]
fn without_an_admitted_page_nothing_runs() {
    let stage = Stage::closed(home("live", LIVE));
    stage.release();
    is_dry(&stage);
}

#[test]
fn a_page_that_changes_after_its_admission_runs_dry_until_it_is_admitted_again() {
    let stage = Stage::live();
    let page = super::stage::ROTATE.replace("title: One", "title: Two for one");
    stage.service.home.write("book/rotate.md", page);
    stage.service.signal("-HUP");
    stage.wait("the new page", || stage.admission("rotate")["difference"].is_array());
    is_dry(&stage);
}

#[test]
fn a_program_that_the_configuration_does_not_name_is_never_started() {
    let home = home("live", LIVE);
    configure(&home, "live", "another");
    let stage = Stage::closed(home);
    stage.admit("rotate").is(200);
    stage.release();
    let way = stage.admission("rotate")["in_the_way"].to_string();
    assert!(way.contains("count is not named"), "{way}");
    is_dry(&stage);
}

#[test]
fn with_all_three_the_steps_run_and_the_plan_names_the_whole_path_of_the_program() {
    let stage = Stage::live();
    let incident = stage.alert("Rotate", "host-1", "0");
    let plan = stage.plan(&incident);
    assert_eq!(plan["mode"], "live");
    let program = stage.service.home.path("bin/count");
    assert_eq!(plan["steps"][0]["argv"][0], program.to_str().unwrap());
    stage.until(&incident, "completed");
}

#[test]
fn the_first_start_of_live_mode_engages_the_kill_switch_and_a_later_one_does_not() {
    let home = home("live", LIVE);
    let stage = Stage::closed(home);
    let switches = stage.ben.get("/v1/switches").is(200).json();
    assert_eq!(switches["kill_switch"], true);
    let told = stage.service.home.trail();
    let engaged = told.iter().find(|line| line["event"]["kind"] == "kill_switch_engaged").unwrap();
    let reason = engaged["event"]["data"]["reason"].to_string();
    assert!(reason.contains("the first start in live mode"), "{reason}");
    stage.release();
    let Stage { service, ada, ben } = stage;
    let home = service.stop();
    let service = start(home);
    let stage = Stage { ada: ada.at(&service), ben: ben.at(&service), service };
    assert_eq!(stage.ben.get("/v1/switches").is(200).json()["kill_switch"], false);
}

#[test]
fn a_configuration_that_cannot_mean_what_it_says_is_refused_with_what_to_do() {
    let home = home("live", LIVE);
    let refused = |text: String, words: &str| {
        home.write("state/tagout/tagout.toml", text);
        let out = super::service::call(&home).done();
        assert_eq!(out.code, 2, "{out:?}");
        assert!(out.stderr.contains(words), "{out:?}");
    };
    let live = |rest: &str| format!("mode = \"live\"\n{}", configuration("", rest));
    refused(format!("mode = \"lively\"\n{}", configuration("", "")), "unknown variant");
    refused(live(""), "[execution.programs]");
    refused(live("[execution.programs]\nls = \"ls\"\n"), "whole path");
    refused(live("[execution.programs]\nls = \"/no/such/program\"\n"), "cannot be found");
    let shell = "[execution.programs]\nsh = \"/bin/sh\"\n";
    refused(live(&format!("[execution]\ncgroup = \"relative\"\n{shell}")), "whole path");
    refused(live(&format!("[execution]\nenvironment = [\"LD_PRELOAD\"]\n{shell}")), "LD_PRELOAD");
    refused(live(&format!("[execution]\nenvironment = [\"AM_SECRET\"]\n{shell}")), "a secret");
    refused(live(&format!("[execution]\ndirectory = \"/no/such\"\n{shell}")), "no directory");
}

#[test]
fn config_check_says_in_words_what_live_mode_allows() {
    let home = home("live", LIVE);
    let check = super::service::with_secrets(home.tagout(&["config", "check"])).done().ok();
    for words in [
        "live: steps of admitted pages run at medium tier",
        "may start count:",
        "a plan that names another program, endpoint, host, secret or sandbox is a dry-run",
        "steps see of the environment: COUNTS, PATH",
        "weak containment is allowed",
    ] {
        assert!(check.stdout.contains(words), "{words}: {}", check.stdout);
    }
    let json = super::service::with_secrets(home.tagout(&["config", "check", "--json"])).done();
    assert_eq!(json.ok().json()["mode"], json!("live"));
}

#[test]
fn the_pages_say_whether_steps_really_run_and_whether_they_may_run_weakly_contained() {
    let weakly = "Weak containment is allowed";
    let review = |stage: &Stage| {
        let incident = stage.alert("Repair", "host-1", "0");
        let plan = stage.ben.plan(&incident).digest;
        stage.ben.get(&format!("/incidents/{incident}/review/{plan}")).is(200).body
    };
    let page = review(&Stage::live());
    assert!(
        page.contains(weakly) && page.contains("Live mode") && !page.contains("All is dry-run")
    );
    let page = review(&Stage::closed(home("dry-run", LIVE)));
    assert!(page.contains("All is dry-run") && !page.contains("Live mode"), "{page}");
    assert!(!page.contains(weakly), "{page}");
}
