//! Looking before deciding, with a real service and real programs: also in a dry-run, of what the
//! operator lists and of nothing else, and with no right to write.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::asking::{TOKEN, Workers, daemons};
use super::home::Home;
use super::service::configuration;
use super::stage::{LIVE, Stage, home, nap, start};

pub(crate) const PAGE: &str = r#"---
id: looked
symptoms: [The cupboard of the host is bare.]
match: {alert_names: [Looked]}
risk: low
reversible: true
target: "{{host}}"
parameters:
  host: {description: The host., from: labels.instance, pattern: '[a-z0-9-]+'}
preconditions:
  - {id: read, kind: check, title: Read the cupboard, command: [peek, "{{host}}"]}
  - {id: count, kind: check, title: Count, command: [count, "{{host}}", unlisted, "0"]}
steps:
  - {id: again, kind: check, title: Look again, command: [peek, "{{host}}"]}
  - {id: one, kind: action, title: One, command: [count, "{{host}}", one, "0"]}
---
# The cupboard is bare
"#;

pub(crate) const SECRET: &str = "a-secret-that-only-the-service-knows";

/// A home whose page has two checks that may be looked at and one that may not.
pub(crate) fn looking(limits: &str) -> Home {
    let home = home("dry-run", LIVE);
    home.write("book/looked.md", PAGE);
    let kept = home.write("state/tagout/kept", SECRET);
    let written = home.path("counts").join("written");
    // It tries to write, and says whether it could.
    let script = format!(
        "#!/bin/sh\necho \"looking at $1\"\ncat {kept:?}\nif echo x 2>/dev/null >{written:?}; then \
         echo it wrote; else echo it could not write; fi\ncase $1 in bad*) exit 4;; slow*) sleep \
         20;; esac\n"
    );
    let peek = home.write("bin/peek", script);
    fs::set_permissions(&peek, fs::Permissions::from_mode(0o755)).unwrap();
    let configured = home.path("state/tagout/tagout.toml");
    let text = format!(
        "{}\n[[source]]\nname = \"kept\"\nkind = \"native\"\nauth = \"bearer\"\n\
         secrets = [{{ file = \"kept\" }}]\n\
         [inspection]\n{limits}\n[[inspection.commands]]\nargv = [{peek:?}, \"*\"]\n",
        fs::read_to_string(&configured).unwrap()
    );
    fs::write(configured, text).unwrap();
    home
}

/// The data of every recorded end of a look.
pub(crate) fn ends(stage: &Stage, incident: &str) -> Vec<Value> {
    let trail = stage.service.home.trail();
    let own = trail.into_iter().filter(|line| line["incident"] == incident);
    let ends = own.filter(|line| line["event"]["kind"] == "look_ended");
    ends.map(|line| line["event"]["data"].clone()).collect()
}

/// Whether the kernel enforces the whole profile. Where it does not, nothing was started, that is
/// recorded, and people are asked.
pub(crate) fn enforced(stage: &Stage, incident: &str) -> bool {
    let ends = ends(stage, incident);
    let refused = ends.iter().all(|end| end["output"].to_string().contains("not fully enforced"));
    if refused {
        println!("NOT RUN: this kernel does not enforce the read-only profile");
        assert!(ends.iter().all(|end| end["outcome"] == "not_started"), "{ends:?}");
        assert_eq!(stage.state(incident), "pending_review");
    }
    !refused
}

#[test]
fn in_a_dry_run_a_listed_check_is_looked_at_read_only_and_shown_with_its_secrets_taken_out() {
    let stage = Stage::closed(looking(""));
    let incident = stage.alert("Looked", "host-1", "0");
    if !enforced(&stage, &incident) {
        return;
    }
    let ends = ends(&stage, &incident);
    assert_eq!(ends.len(), 2, "{ends:?}");
    let output = ends[0]["output"].to_string();
    for part in ["looking at host-1", "[redacted]", "it could not write"] {
        assert!(output.contains(part), "{output}");
    }
    assert_eq!((&ends[0]["outcome"], &ends[0]["ended"]["exit_code"]), (&"held".into(), &0.into()));
    assert!(!stage.service.home.path("counts").join("written").exists());
    // What is not listed was not started, and no step of the dry-run either.
    for step in ["unlisted", "one"] {
        assert_eq!(stage.lines("host-1", step), [""; 0]);
    }
    assert_eq!(stage.state(&incident), "rehearsed");
    let view = stage.ben.get(&format!("/v1/incidents/{incident}/plan")).is(200).json();
    let states: Vec<_> = view["looks"].as_array().unwrap().iter().map(|l| &l["state"]).collect();
    assert_eq!(states, ["held", "not_started", "held"]);
    assert!(view["looks"][1]["output"].as_str().unwrap().contains("not listed"), "{view}");
    let digest = view["plan_digest"].as_str().unwrap();
    let review = format!("/incidents/{incident}/review/{digest}");
    for page in [format!("/incidents/{incident}"), review] {
        let page = stage.ben.get(&page).is(200).body;
        for part in ["What was looked at", "looking at host-1", "not listed", "Read the cupboard"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains(SECRET));
    }
    let home = stage.service.stop();
    let shown = home.tagout(&["approvals", "show", &incident]).done().ok().stdout;
    assert!(shown.contains("looking at host-1") && shown.contains("not listed"), "{shown}");
    assert!(!home.trail().iter().any(|line| line.to_string().contains(SECRET)));
    home.assert_log_holds();
}

#[test]
fn a_check_that_does_not_hold_has_people_asked_and_the_limit_of_an_incident_holds() {
    let stage = Stage::closed(looking("per_incident = 1"));
    let incident = stage.alert("Looked", "bad-1", "0");
    if !enforced(&stage, &incident) {
        return;
    }
    let ends = ends(&stage, &incident);
    assert_eq!(ends.len(), 1, "{ends:?}");
    assert_eq!(
        (&ends[0]["outcome"], &ends[0]["ended"]["exit_code"]),
        (&"did_not_hold".into(), &4.into())
    );
    assert_eq!(stage.state(&incident), "pending_review");
    let page = stage.ben.get(&format!("/incidents/{incident}")).is(200).body;
    for part in ["check read does not hold", "too many looks", "does not hold"] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

/// Questions to Prometheus and to Alertmanager, listed paths, one that is not, one that is read and
/// never answered, a question to a service whose answer is a text, with the secret it was asked by, and
/// one to it whose path is not among those that are listed there.
const QUESTIONS: &str = r#"---
id: asked
symptoms: [The worker hangs.]
match: {alert_names: [Asked]}
risk: low
reversible: true
target: "{{host}}"
parameters:
  host: {description: The worker., from: labels.instance, pattern: '[a-z0-9-]+'}
preconditions:
  - {id: known, kind: check, title: Known, promql: {endpoint: metrics, query: 'ALERTS{alertname="Always", instance!="{{host}}"}', holds: some}}
  - {id: quiet, kind: check, title: Quiet, alertmanager: {endpoint: alerts, filter: ['alertname="Gone"', 'instance="{{host}}"'], holds: none}}
  - {id: up, kind: check, title: Up, http: {endpoint: workers, path: "/v1/workers/{{host}}", expect: {json: {pointer: /up, equals: true}}}}
  - {id: admin, kind: check, title: Admin, http: {endpoint: workers, path: "/admin/{{host}}"}}
  - {id: dead, kind: check, title: Dead, http: {endpoint: workers, path: "/v1/dead/{{host}}"}}
  - {id: odd, kind: check, title: Odd, promql: {endpoint: workers, query: 'odd{instance="{{host}}"}', holds: some}}
  - {id: none, kind: check, title: None, alertmanager: {endpoint: workers, filter: ['instance="{{host}}"'], holds: none}}
steps:
  - {id: one, kind: action, title: One, command: [count, "{{host}}", one, "0"]}
---
# The worker hangs
"#;

#[test]
fn listed_questions_are_asked_before_the_decision_and_what_is_not_answered_is_not_seen() {
    let (_runtime, metrics, alerts) = daemons();
    let workers = Workers::start();
    let home = home("dry-run", LIVE);
    home.write("book/asked.md", QUESTIONS);
    let token = home.write("token", TOKEN);
    let endpoints = format!(
        "[execution.endpoints.workers]\nurl = \"{}\"\nbearer = {{ file = {token:?} }}\n\
         methods = {{ GET = \"low\", POST = \"medium\" }}\n\
         [execution.endpoints.metrics]\nurl = \"{}\"\nmethods = {{ GET = \"low\" }}\n\
         [execution.endpoints.alerts]\nurl = \"{}\"\nmethods = {{ GET = \"low\" }}\n\
         [inspection.endpoints]\nmetrics = {{}}\nalerts = {{}}\n\
         workers = {{ paths = [\"/v1/workers/*\", \"/v1/dead/*\", \"/api/v1/query\"] }}\n",
        workers.address,
        metrics.url(),
        alerts.url(),
    );
    let text = format!("mode = \"dry-run\"\n{}", configuration("", &endpoints));
    home.write("state/tagout/tagout.toml", text);
    let stage = Stage::closed(home);
    // The rule is evaluated each second.
    nap(2000);
    let incident = stage.alert("Asked", "host-1", "0");
    assert_eq!(stage.state(&incident), "pending_review");
    let view = stage.ben.get(&format!("/v1/incidents/{incident}/plan")).is(200).json();
    let looks = view["looks"].as_array().unwrap();
    let states: Vec<_> = looks.iter().map(|look| look["state"].as_str().unwrap()).collect();
    let expected = ["held", "held", "did_not_hold", "not_started", "cut", "cut", "not_started"];
    assert_eq!(states, expected, "{view}");
    assert!(looks[6]["output"].as_str().unwrap().contains("not listed"), "{view}");
    let asked = looks[2]["request"].as_str().unwrap();
    assert!(asked.contains(&format!("GET {}/v1/workers/host-1", workers.address)), "{asked}");
    let came: Vec<_> = workers.came().into_iter().map(|(line, _)| line).collect();
    assert_eq!(came[..2], ["GET /v1/workers/host-1", "GET /v1/dead/host-1"]);
    assert!(came.len() == 3 && came[2].starts_with("GET /api/v1/query?query=odd"), "{came:?}");
    let page = stage.ben.get(&format!("/incidents/{incident}")).is(200).body;
    for part in [
        "What was looked at",
        "ALERTS{alertname=&quot;Always&quot;, instance!=&quot;host-1&quot;}",
        "status 200",
        "check up does not hold",
        "[redacted]",
        "not listed",
        "no answer came",
        "what came is no answer to the question",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!(stage.lines("host-1", "one"), [""; 0]);
    let home = stage.service.stop();
    let trail = serde_json::to_string(&home.trail()).unwrap();
    assert!(trail.contains("look_started") && !trail.contains(TOKEN), "{trail}");
    home.assert_log_holds();
}

#[test]
fn a_look_that_was_under_way_when_the_service_was_killed_is_cut_off_and_holds_nothing() {
    let stage = Stage::closed(looking("timeout = \"30s\"\nper_incident = 1"));
    let labels = serde_json::json!({
        "alertname": "Looked", "instance": "slow-1", "environment": "test",
    });
    let alert = serde_json::json!({"title": "Looked", "severity": "warning", "labels": labels});
    let sent = stage.service.post("own", super::service::OWN_SECRET, alert.to_string());
    let incident = sent.is(200).json()["incidents"][0].as_str().unwrap().to_owned();
    stage.wait("the look to begin", || stage.service.home.count("look_started") > 0);
    let (home, ada, ben) = stage.kill();
    let service = start(home);
    let (ada, ben) = (ada.at(&service), ben.at(&service));
    let stage = Stage { service, ada, ben };
    stage.service.decided(&incident);
    let ends = ends(&stage, &incident);
    let word = ends[0]["outcome"].as_str().unwrap();
    // Where nothing can be started, it was over before it was killed.
    assert!(word == "cut" || word == "not_started", "{ends:?}");
    assert_eq!(stage.state(&incident), "pending_review");
    assert!(stage.steps().is_empty());
    stage.service.stop().assert_log_holds();
}
