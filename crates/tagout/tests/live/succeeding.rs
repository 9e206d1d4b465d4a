//! What counts as the success of a command: the codes that its page declares, else 0.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::service::configuration;
use super::stage::{LIVE, Stage, home, start};

const PAGE: &str = r#"---
id: codes
symptoms: [The cache of the host is cold.]
match: {alert_names: [Codes]}
risk: low
reversible: true
target: "{{host}}"
timeout: 20s
parameters:
  host: {description: The host., from: labels.instance, pattern: '[a-z0-9-]+'}
preconditions:
  - {id: absent, kind: check, title: It is not there, command: [ends, "{{host}}-absent", "1"], exit_codes: [1]}
steps:
  - {id: warm, kind: action, title: Warm it, command: [ends, "{{host}}-warm", "3"], exit_codes: [0, 3]}
  - {id: wait, kind: check, title: It is warm, command: [ends, "{{host}}-wait", second], exit_codes: [7], until: {every: 1s}}
  - {id: strict, kind: action, title: Finish, command: [ends, "{{host}}-strict", "0"], exit_codes: [3]}
---
# The cache is cold
"#;

/// Ends with the code that it is told; `second` ends with 7 from the second time on, and with 0 before.
const ENDS: &str = r#"#!/bin/sh
echo run >>"$COUNTS/$1"
[ "$2" = second ] || exit "$2"
[ "$(wc -l <"$COUNTS/$1")" -lt 2 ] && exit 0
exit 7
"#;

#[test]
fn a_command_succeeds_with_the_codes_that_its_page_declares_and_with_no_other() {
    let home = home("live", LIVE);
    home.write("book/codes.md", PAGE);
    let ends = home.write("bin/ends", ENDS);
    fs::set_permissions(&ends, fs::Permissions::from_mode(0o755)).unwrap();
    let execution = format!(
        "[execution]\nenvironment = [\"COUNTS\", \"PATH\"]\nweak_containment = true\n\
         [execution.programs]\nends = {ends:?}\n"
    );
    let text = format!("mode = \"live\"\n{}", configuration("", &execution));
    home.write("state/tagout/tagout.toml", text);
    let stage = Stage::with(start(home));
    stage.admit("codes").is(200);
    stage.release();
    let incident = stage.alert("Codes", "host-1", "0");
    stage.until(&incident, "failed");
    let whole: Vec<_> = [("absent", "succeeded"), ("warm", "succeeded"), ("wait", "succeeded")]
        .iter()
        .chain(&[("strict", "failed")])
        .flat_map(|(step, end)| [format!("start {step}"), format!("end {step} {end}")])
        .chain(["plan failed".to_owned()])
        .collect();
    assert_eq!(stage.told(&incident), whole);
    let ran = |step: &str| stage.lines("host-1", step).len();
    assert_eq!(["absent", "warm", "wait", "strict"].map(ran), [1, 1, 2, 1]);
    let trail = stage.service.home.trail();
    let end = |step: &str| {
        let data = trail.iter().map(|line| &line["event"]);
        let mut ends = data.filter(|event| event["kind"] == "step_finished");
        ends.find(|event| event["data"]["step"] == step).unwrap()["data"].clone()
    };
    assert_eq!(end("warm")["ended"]["exit_code"], 3);
    assert!(end("wait")["output"].to_string().contains("looked 2 times"), "{}", end("wait"));
    // People see what counts, before and after.
    let page = stage.ben.get(&format!("/incidents/{incident}")).is(200).body;
    assert!(page.contains("Succeeds with") && page.contains("code 0 or 3"), "{page}");
    stage.service.stop().assert_log_holds();
}
