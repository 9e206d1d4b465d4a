//! Steps on another host, over a real SSH server of the test's own.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;

use super::service::configuration;
use super::sshd::{Sshd, user};
use super::stage::{LIVE, Stage, home, nap};

const PAGE: &str = r#"---
id: remote
symptoms: [A unit of the host has died.]
match: {alert_names: [Remote]}
risk: low
reversible: true
target: "{{host}}"
timeout: 30s
parameters:
  host: {description: The host., from: labels.instance, pattern: '.*'}
  unit: {description: The unit., from: labels.seconds, pattern: '.*'}
steps:
  - {id: look, kind: check, title: Look, on: "{{host}}", command: [note, look, "{{unit}}"]}
  - {id: fix, kind: action, title: Fix, on: "{{host}}", command: [note, fix, "{{unit}}"]}
---
# A unit has died
"#;

/// A service that knows the server as `web-1`, and lets `note` be started there: it writes its
/// arguments to a file, and takes its time if it is to fix `slow`.
fn stage(sshd: &Sshd, key: &str) -> Stage {
    let noted = sshd.path("noted");
    let note = sshd.script(
        "note",
        &format!(
            "#!/bin/sh\nprintf '%s\\0' \"$@\" >>{noted:?}\n\
             [ \"$1 $2\" != 'fix slow' ] || sleep 5\necho \"$1 is done\"\n"
        ),
    );
    let home = home("live", LIVE);
    home.write("book/remote.md", PAGE);
    let execution = format!(
        "[execution]\nssh = \"/usr/bin/ssh\"\nweak_containment = true\ngrace = \"1s\"\n\
         [execution.hosts.web-1]\naddress = \"127.0.0.1\"\nport = {}\nuser = {:?}\n\
         host_key = {key:?}\nidentity = {:?}\ntier = \"medium\"\nprograms = {{ note = {note:?} }}\n",
        sshd.port,
        user(),
        sshd.path("identity"),
    );
    let text = format!("mode = \"live\"\n{}", configuration("", &execution));
    home.write("state/tagout/tagout.toml", text);
    let stage = Stage::closed(home);
    stage.admit("remote").is(200);
    stage.release();
    stage
}

fn noted(sshd: &Sshd) -> Vec<String> {
    let text = fs::read_to_string(sshd.path("noted")).unwrap_or_default();
    text.split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn a_check_and_an_action_run_on_the_host_that_the_label_names_and_nothing_else_happens() {
    let sshd = Sshd::start();
    let stage = stage(&sshd, &sshd.key("host"));
    let canary = sshd.path("canary").display().to_string();
    let hostile = format!(r#"it's "$HOME" \'; touch {canary} & * # -o"#);
    let incident = stage.alert("Remote", "web-1", &hostile);
    let plan = stage.plan(&incident);
    assert_eq!(plan["mode"], "live");
    let on = &plan["steps"][1]["on"];
    assert_eq!(on["host"], "web-1");
    let login = format!("{}@127.0.0.1:{}", user(), sshd.port);
    assert_eq!(on["reached"]["login"], login);
    let fingerprint = on["reached"]["host_key"].as_str().unwrap().to_owned();
    assert!(fingerprint.starts_with("SHA256:"), "{on}");
    let program = sshd.path("note").display().to_string();
    assert_eq!(plan["steps"][1]["argv"], json!([program, "fix", hostile]));
    stage.until(&incident, "completed");
    assert_eq!(noted(&sshd), ["look", &hostile, "fix", &hostile]);
    assert!(!sshd.path("canary").exists());
    let end = stage.service.home.trail();
    let end = end.iter().rfind(|line| line["event"]["kind"] == "step_finished").unwrap();
    assert!(end["event"]["data"]["output"].to_string().contains("fix is done"), "{end}");
    // What people are shown says where.
    let shown = stage.service.home.tagout(&["approvals", "show", &incident]).done().ok().stdout;
    assert!(shown.contains(&format!("on web-1 ({login}, host key {fingerprint}): ")), "{shown}");

    // A value that is no name of the inventory is nothing else either.
    let strange = format!("web-1;touch {canary}");
    let incident = stage.alert("Remote", &strange, "unit");
    assert_eq!(stage.plan(&incident)["mode"], "dry_run");
    let trail = stage.service.home.trail();
    let decided = trail.iter().rfind(|line| line["event"]["kind"] == "policy_decided").unwrap();
    let reasons = decided["event"]["data"]["verdict"]["reasons"].to_string();
    assert!(reasons.contains("no host is named"), "{reasons}");
    stage.until(&incident, "rehearsed");
    assert_eq!(noted(&sshd).len(), 4);
    assert!(!sshd.path("canary").exists());
    stage.service.stop().assert_log_holds();
}

#[test]
fn a_stop_cuts_the_connection_at_once_and_a_person_says_what_the_action_did() {
    let sshd = Sshd::start();
    let stage = stage(&sshd, &sshd.key("host"));
    let incident = stage.alert("Remote", "web-1", "slow");
    stage.wait("the action to begin", || noted(&sshd).contains(&"fix".to_owned()));
    let before = Instant::now();
    stage.ben.post("/v1/halt", &json!({"reason": "wrong unit"})).is(200);
    stage.wait("an unknown step", || stage.steps().iter().any(|step| step["state"] == "unknown"));
    assert!(before.elapsed() < Duration::from_secs(5), "it took {:?}", before.elapsed());
    stage.release();
    nap(1500);
    assert_eq!(noted(&sshd), ["look", "slow", "fix", "slow"]);
    assert_eq!(
        stage.told(&incident),
        ["start look", "end look succeeded", "start fix", "lost fix"]
    );
    let open = stage.steps()[0].clone();
    stage.resolve(&open, "ran").is(200);
    stage.until(&incident, "completed");
    assert_eq!(noted(&sshd).len(), 4);
    stage.service.stop().assert_log_holds();
}

#[test]
fn a_host_with_another_key_is_not_logged_in_to_and_the_step_has_certainly_not_run() {
    let sshd = Sshd::start();
    let stage = stage(&sshd, &sshd.key("other"));
    let incident = stage.alert("Remote", "web-1", "unit");
    stage.until(&incident, "failed");
    assert_eq!(stage.told(&incident), ["start look", "end look failed", "plan failed"]);
    let trail = stage.service.home.trail();
    let end = trail.iter().find(|line| line["event"]["kind"] == "step_finished").unwrap();
    let output = end["event"]["data"]["output"].to_string();
    assert!(output.contains("not started: web-1 did not let it in"), "{output}");
    assert_eq!(noted(&sshd), [""; 0]);
}
