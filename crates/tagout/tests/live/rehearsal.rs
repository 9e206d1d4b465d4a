//! A dry-run with substance: real commands leave marks, and the mark of an action never appears.

use serde_json::{Value, json};

use super::asking::Workers;
use super::home::Home;
use super::service::configuration;
use super::sshd::{Sshd, user};
use super::stage::{LIVE, Stage, home, lines, nap, start};

/// A check, an action with a form of its own that prints a difference and ends with 1, and an
/// action without. The check fails where the alert says so.
const PAGE: &str = r#"---
id: scale
symptoms: [The shop has too few copies.]
match: {alert_names: [Scale]}
risk: low
reversible: true
target: "{{host}}"
timeout: 30s
parameters:
  host: {description: The host., from: labels.instance, pattern: '[a-z0-9-]+'}
  seconds: {description: How long it takes., from: labels.seconds, pattern: '[a-z0-9.]+'}
preconditions:
  - {id: look, kind: check, title: Look, command: [count, "{{host}}", look, "{{seconds}}"]}
steps:
  - {id: apply, kind: action, title: Apply, command: [count, "{{host}}", apply, "0"], dry_run: [differ, "{{host}}"], dry_run_exit_codes: [0, 1]}
  - {id: restart, kind: action, title: Restart, command: [count, "{{host}}", restart, "0"]}
---
# Too few copies
"#;

const DIFFER: &str = r#"#!/bin/sh
echo begin >>"$COUNTS/$1-differ"
echo "-copies: 2"
echo "+copies: <4>"
exit 1
"#;

/// A dry-run service that may run what changes nothing.
fn stage(rehearse: bool) -> Stage {
    use std::os::unix::fs::PermissionsExt as _;
    let home = home("dry-run", LIVE);
    home.write("book/scale.md", PAGE);
    let differ = home.write("bin/differ", DIFFER);
    std::fs::set_permissions(&differ, std::fs::Permissions::from_mode(0o755)).unwrap();
    let execution = format!(
        "[execution]\nrehearse = {rehearse}\nenvironment = [\"COUNTS\", \"PATH\"]\n\
         weak_containment = true\ngrace = \"1s\"\n\
         [execution.programs]\ncount = {:?}\ndiffer = {differ:?}\n",
        home.path("bin/count")
    );
    let text = format!("mode = \"dry-run\"\n{}", configuration("", &execution));
    home.write("state/tagout/tagout.toml", text);
    Stage::closed(home)
}

/// What is recorded of a dry-run.
pub(crate) fn told(home: &Home, incident: &str) -> Vec<String> {
    let of = |line: &Value| {
        let (kind, data) = (line["event"]["kind"].as_str()?, &line["event"]["data"]);
        let step = data["step"].as_str().unwrap_or_default();
        match kind {
            "step_started" | "step_lost" => Some(format!("REALLY {kind} {step}")),
            "rehearsal_started" => Some(format!("try {step}")),
            "rehearsal_ended" => Some(format!("end {step} {}", data["outcome"].as_str()?)),
            "rehearsal_cut" => Some(format!("cut {step}")),
            "step_rehearsed" => {
                Some(format!("shown {step} {}", data["unforeseen"].as_str().unwrap_or("plain")))
            }
            "plan_finished" => {
                let stops = data["stops_at"].as_str().unwrap_or("nowhere");
                Some(format!("plan {} stops {stops}", data["outcome"].as_str()?))
            }
            _ => None,
        }
    };
    home.trail().iter().filter(|line| line["incident"] == incident).filter_map(of).collect()
}

/// The receipt of an incident, once what it says is signed.
fn receipt(stage: &Stage, incident: &str) -> String {
    let path = format!("/v1/incidents/{incident}/receipt");
    stage.wait("a receipt", || stage.ben.get(&path).status == 200);
    stage.ben.get(&path).is(200).body
}

fn no_action_ran(home: &Home, host: &str) {
    for action in ["apply", "restart"] {
        assert_eq!(lines(home, host, action), [""; 0], "{action} of {host}");
    }
}

#[test]
fn the_check_and_the_form_really_run_the_difference_is_shown_and_no_action_ever_starts() {
    let stage = stage(true);
    // Nobody has admitted the page yet: it is shown, and nothing of it is started.
    let incident = stage.alert("Scale", "host-0", "0");
    stage.until(&incident, "rehearsed");
    assert_eq!(lines(&stage.service.home, "host-0", "look"), [""; 0]);

    stage.admit("scale").is(200);
    let incident = stage.alert("Scale", "host-1", "0");
    assert_eq!(stage.plan(&incident)["mode"], "dry_run");
    stage.until(&incident, "rehearsed");
    let home = &stage.service.home;
    assert_eq!(
        told(home, &incident),
        [
            "try look",
            "end look succeeded",
            "try apply",
            "end apply succeeded",
            "shown restart no_form",
            "plan rehearsed stops nowhere",
        ]
    );
    assert_eq!(lines(home, "host-1", "look"), ["begin", "end"]);
    assert_eq!(lines(home, "host-1", "differ"), ["begin"]);
    let page = stage.ben.get(&format!("/incidents/{incident}")).is(200).body;
    for words in [
        "What the dry-run found",
        "+copies: &lt;4&gt;",
        "exit code 1",
        "effect could not be foreseen",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }

    // A check that fails: told, with where a live plan would have stopped.
    let incident = stage.alert("Scale", "host-2", "fail");
    stage.until(&incident, "rehearsed");
    let list = told(home, &incident);
    assert_eq!(list.last().unwrap(), "plan rehearsed stops look", "{list:?}");
    assert!(list.contains(&"end apply succeeded".to_owned()), "{list:?}");
    let page = stage.ben.get(&format!("/incidents/{incident}")).is(200).body;
    assert!(page.contains("A live plan would have stopped at"), "{page}");
    assert!(stage.steps().is_empty());
    for host in ["host-0", "host-1", "host-2"] {
        no_action_ran(home, host);
    }
    let receipt = receipt(&stage, &incident);
    assert!(receipt.contains("rehearsal_failed") && receipt.contains("only_shown"), "{receipt}");
    // Where nothing of it has begun, nothing was found.
    stage.ben.post("/v1/halt", &json!({"reason": "a look at the pages"})).is(200);
    let incident = stage.alert("Scale", "host-3", "0");
    let page = stage.ben.get(&format!("/incidents/{incident}")).is(200).body;
    assert!(page.contains("In this dry-run") && !page.contains("What the dry-run found"), "{page}");
    stage.service.stop().assert_log_holds();
}

/// Questions and another host: a check that looks until it holds, one over there, a request that does
/// something, and an action over there with a form of its own.
const ELSEWHERE: &str = r#"---
id: elsewhere
symptoms: [The worker hangs.]
match: {alert_names: [Elsewhere]}
risk: low
reversible: true
target: "{{host}}"
timeout: 20s
parameters:
  host: {description: The host., from: labels.instance, pattern: '[a-z0-9-]+'}
preconditions:
  - {id: up, kind: check, title: Up, http: {endpoint: workers, path: "/v1/workers/{{host}}", expect: {json: {pointer: /up, equals: true}}}, until: {every: 1s}}
  - {id: there, kind: check, title: There, on: web-1, command: [note, look]}
  - {id: sly, kind: check, title: Sly, http: {endpoint: workers, path: "/v1/poke"}}
steps:
  - {id: restart, kind: action, title: Restart, http: {endpoint: workers, method: POST, path: "/v1/workers/{{host}}/restart", body: {worker: "{{host}}"}}}
  - {id: poke, kind: action, title: Poke, http: {endpoint: workers, path: "/v1/poke"}}
  - {id: fix, kind: action, title: Fix, on: web-1, command: [note, fix], dry_run: [note, fix, --dry-run]}
---
# The worker hangs
"#;

#[test]
fn a_question_is_asked_another_host_is_looked_at_and_a_request_that_acts_is_only_shown() {
    let (workers, sshd) = (Workers::start(), Sshd::start());
    let noted = sshd.path("noted");
    let note =
        sshd.script("note", &format!("#!/bin/sh\necho \"$@\" >>{noted:?}\necho \"$* is done\"\n"));
    let home = home("dry-run", LIVE);
    home.write("book/elsewhere.md", ELSEWHERE);
    let execution = format!(
        "[execution]\nrehearse = true\nssh = \"/usr/bin/ssh\"\nweak_containment = true\n\
         [execution.endpoints.workers]\nurl = \"{}\"\n\
         methods = {{ GET = \"low\", POST = \"medium\" }}\n\
         [execution.hosts.web-1]\naddress = \"127.0.0.1\"\nport = {}\nuser = {:?}\n\
         host_key = {:?}\nidentity = {:?}\nprograms = {{ note = {note:?} }}\n",
        workers.address,
        sshd.port,
        user(),
        sshd.key("host"),
        sshd.path("identity"),
    );
    let text = format!("mode = \"dry-run\"\n{}", configuration("", &execution));
    home.write("state/tagout/tagout.toml", text);
    let stage = Stage::closed(home);
    stage.admit("elsewhere").is(200);
    let incident = stage.alert("Elsewhere", "host-1", "0");
    stage.until(&incident, "rehearsed");
    let home = &stage.service.home;
    assert_eq!(
        told(home, &incident),
        [
            // It looked once, and what waits for it stops nothing.
            "try up",
            "end up failed",
            "try there",
            "end there succeeded",
            "try fix",
            "end fix succeeded",
            "shown sly not_allowed",
            "shown restart no_form",
            "shown poke no_form",
            "plan rehearsed stops nowhere",
        ]
    );
    assert_eq!(workers.came(), [("GET /v1/workers/host-1".to_owned(), String::new())]);
    assert_eq!(std::fs::read_to_string(&noted).unwrap(), "look\nfix --dry-run\n");
    // What is shown of each step is exactly what is run or asked.
    let page = stage.ben.get(&format!("/incidents/{incident}")).is(200).body;
    let restart = format!("POST {}/v1/workers/host-1/restart", workers.address);
    let on = format!("web-1 ({}@127.0.0.1:{}", user(), sshd.port);
    for words in [
        restart.as_str(),
        "{&quot;worker&quot;:&quot;host-1&quot;}",
        &on,
        "fix --dry-run is done",
        "It looked once",
        "effect could not be foreseen",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let shown = home.tagout(&["approvals", "show", &incident]).done().ok().stdout;
    for words in [&restart, "{\"worker\":\"host-1\"}", &on, "dry-run form:"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let receipt = receipt(&stage, &incident);
    assert!(receipt.contains("rehearsal_succeeded") && receipt.contains("only_shown"), "{receipt}");
    stage.service.stop().assert_log_holds();
}

#[test]
fn the_kill_switch_ends_what_a_dry_run_has_started_and_nothing_more_of_it_starts() {
    let stage = stage(true);
    stage.admit("scale").is(200);
    let incident = stage.alert("Scale", "host-1", "20");
    stage.until_begun("host-1", "look");
    stage.ben.post("/v1/halt", &json!({"reason": "wrong host"})).is(200);
    let home = &stage.service.home;
    stage.wait("that the stop is recorded", || {
        told(home, &incident).contains(&"end look stopped".to_owned())
    });
    stage.release();
    stage.until(&incident, "rehearsed");
    assert_eq!(
        told(home, &incident),
        [
            "try look",
            "end look stopped",
            "shown apply not_reached",
            "shown restart no_form",
            "plan rehearsed stops nowhere",
        ]
    );
    assert_eq!(lines(home, "host-1", "differ"), [""; 0]);
    no_action_ran(home, "host-1");
}

#[test]
fn what_a_kill_cuts_is_recorded_as_cut_runs_no_second_time_and_the_dry_run_goes_on() {
    let stage = stage(true);
    stage.admit("scale").is(200);
    let incident = stage.alert("Scale", "host-1", "20");
    stage.until_begun("host-1", "look");
    let (home, ada, ben) = stage.kill();
    let service = start(home);
    let stage = Stage { ada: ada.at(&service), ben: ben.at(&service), service };
    stage.until(&incident, "rehearsed");
    let home = &stage.service.home;
    assert_eq!(
        told(home, &incident),
        [
            "try look",
            "cut look",
            "try apply",
            "end apply succeeded",
            "shown restart no_form",
            "plan rehearsed stops nowhere",
        ]
    );
    assert_eq!(lines(home, "host-1", "look"), ["begin"]);
    // Nobody has to look at it.
    assert!(stage.steps().is_empty());
    no_action_ran(home, "host-1");
    stage.service.stop().assert_log_holds();
}

#[test]
fn without_the_operators_word_a_dry_run_starts_nothing_and_config_check_says_what_it_may() {
    let off = stage(false);
    off.admit("scale").is(200);
    let incident = off.alert("Scale", "host-1", "0");
    off.until(&incident, "rehearsed");
    nap(1000);
    for step in ["look", "differ", "apply", "restart"] {
        assert_eq!(lines(&off.service.home, "host-1", step), [""; 0]);
    }
    let page = off.service.home.path("state/tagout/tagout.toml");
    let text = std::fs::read_to_string(&page).unwrap();
    std::fs::write(&page, text.replace("rehearse = false", "rehearse = true")).unwrap();
    let check = off.service.home.tagout(&["config", "check"]);
    let check = super::service::with_secrets(check).done().ok();
    for words in ["no action is started", "checks are run", "may start differ:"] {
        assert!(check.stdout.contains(words), "{words}: {}", check.stdout);
    }
    let json =
        super::service::with_secrets(off.service.home.tagout(&["config", "check", "--json"]));
    assert_eq!(json.done().ok().json()["execution"]["rehearse"], json!(true));
}
