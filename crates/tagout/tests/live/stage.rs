//! A service in live mode whose steps start a program of the test's: it writes one line when it
//! begins and one when it ends, into a file of its own for each target and step.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::home::Home;
use super::people::{Person, Plan};
use super::service::{OWN_SECRET, Service, call, configuration};

/// Three steps, each of which runs for as long as the alert says. Asks nobody at medium tier.
pub(crate) const ROTATE: &str = r#"---
id: rotate
symptoms: [The log of the host fills its disk.]
match: {alert_names: [Rotate]}
risk: low
reversible: true
target: "{{host}}"
timeout: 30s
parameters:
  host: {description: The host., from: labels.instance, pattern: '[a-z0-9-]+'}
  seconds: {description: How long each step takes., from: labels.seconds, pattern: '[0-9.]+'}
preconditions:
  - {id: look, kind: check, title: Look, command: [count, "{{host}}", look, "0"]}
steps:
  - {id: one, kind: action, title: One, command: [count, "{{host}}", one, "{{seconds}}"]}
  - {id: two, kind: action, title: Two, command: [count, "{{host}}", two, "{{seconds}}"]}
verification:
  - {id: verify, kind: check, title: Verify, command: [count, "{{host}}", verify, "0"]}
---
# The log fills the disk
"#;

/// The same behind one approval, with a step that fails where the alert says so, and one for a
/// person.
pub(crate) const REPAIR: &str = r#"---
id: repair
symptoms: [The array of the host has lost a disk.]
match: {alert_names: [Repair]}
risk: low
reversible: true
target: "{{host}}"
timeout: 30s
parameters:
  host: {description: The host., from: labels.instance, pattern: '[a-z0-9-]+'}
  seconds: {description: How long each step takes., from: labels.seconds, pattern: '[a-z0-9.]+'}
steps:
  - {id: drain, kind: action, title: Drain, command: [count, "{{host}}", drain, "{{seconds}}"], undo: [count, "{{host}}", undrain, "0"], requires_approval: true}
  - {id: swap, kind: manual, title: Swap the disk}
  - {id: fill, kind: action, title: Fill, command: [count, "{{host}}", fill, "0"]}
---
# The array has lost a disk
"#;

/// Medium tier may run live, and there is room for any number of actions.
/// Limits on how far and how soon again are tested in the core; here many plans share a target.
pub(crate) const LIVE: &str = "[tier.medium]\nlive = true\nmax_autonomous_actions = 100000\n\
    max_targets = \"any\"\ncool_down = \"0s\"\n";

/// What each step starts: begins, waits, ends. `fail` instead of a time has it fail. A child of
/// its own outlives it if nobody ends the whole tree.
const COUNT: &str = r#"#!/bin/sh
file="$COUNTS/$1-$2"
echo begin >>"$file"
if [ "$3" = fail ]; then echo "no $2 for $1" >&2; exit 3; fi
if [ "$3" != 0 ]; then
    (sleep 5; echo survived >>"$file") &
    sleep "$3"
    kill $!
fi
echo end >>"$file"
echo "$2 of $1 is done"
"#;

/// A home with the pages and the program, and a configuration in this mode.
pub(crate) fn home(mode: &str, policy: &str) -> Home {
    let home = Home::new();
    home.write("book/rotate.md", ROTATE);
    home.write("book/repair.md", REPAIR);
    home.write("policy.toml", format!("{}{policy}", super::home::POLICY));
    let program = home.write("bin/count", COUNT);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir_all(home.path("counts")).unwrap();
    configure(&home, mode, "count");
    home
}

/// Writes the configuration: the program under this name.
pub(crate) fn configure(home: &Home, mode: &str, name: &str) {
    let program = home.path("bin/count");
    let execution = format!(
        "[execution]\nenvironment = [\"COUNTS\", \"PATH\"]\nweak_containment = true\ngrace = \"1s\"\n\
         [execution.programs]\n{name} = {program:?}\n"
    );
    let text = format!("mode = \"{mode}\"\n{}", configuration("", &execution));
    home.write("state/tagout/tagout.toml", text);
}

/// A service of this home.
pub(crate) fn start(home: Home) -> Service {
    let counts = home.path("counts");
    let call = call(&home).env("COUNTS", counts.to_str().unwrap());
    Service::of(home, call)
}

/// A service in live mode whose kill switch is released and whose pages are admitted, and people.
pub(crate) struct Stage {
    pub(crate) service: Service,
    /// An admin.
    pub(crate) ada: Person,
    /// An approver.
    pub(crate) ben: Person,
}

impl Stage {
    pub(crate) fn live() -> Self {
        Self::of(home("live", LIVE))
    }

    pub(crate) fn under(policy: &str) -> Self {
        Self::of(home("live", policy))
    }

    /// Of this home.
    pub(crate) fn of(home: Home) -> Self {
        let stage = Self::closed(home);
        stage.admit("rotate").is(200);
        stage.admit("repair").is(200);
        stage.release();
        stage
    }

    /// Of this home, with nothing admitted and the switch as it is.
    pub(crate) fn closed(home: Home) -> Self {
        Self::with(start(home))
    }

    /// Of this service, as it is.
    pub(crate) fn with(service: Service) -> Self {
        let ada = Person::of(&service, "ada", "admin");
        let ben = Person::of(&service, "ben", "approver");
        Self { service, ada, ben }
    }

    /// Kills the service, and gives back what is needed to start it again.
    pub(crate) fn kill(self) -> (Home, Person, Person) {
        (self.service.kill(), self.ada, self.ben)
    }

    pub(crate) fn admission(&self, runbook: &str) -> Value {
        self.ada.get(&format!("/v1/runbooks/{runbook}/admission")).is(200).json()
    }

    pub(crate) fn admit(&self, runbook: &str) -> super::http::Answer {
        let digest = self.admission(runbook)["digest"].clone();
        self.ada.post(&format!("/v1/runbooks/{runbook}/admit"), &json!({"digest": digest}))
    }

    pub(crate) fn release(&self) {
        self.ada.post("/v1/resume", &json!({"reason": "read what it allows"})).is(200);
    }

    /// Sends an alert whose steps take so long, and gives its incident once it is decided.
    pub(crate) fn alert(&self, name: &str, host: &str, seconds: &str) -> String {
        let labels = json!({
            "alertname": name, "instance": host, "environment": "test", "seconds": seconds,
        });
        let alert = json!({"title": name, "severity": "warning", "labels": labels}).to_string();
        let receipt = self.service.post("own", OWN_SECRET, alert).is(200).json();
        let incident = receipt["incidents"][0].as_str().unwrap().to_owned();
        self.service.decided(&incident);
        incident
    }

    /// Approves what waits, in the mode that is before everybody.
    pub(crate) fn approve(&self, incident: &str) -> Plan {
        let view = self.ben.get(&format!("/v1/incidents/{incident}/plan")).is(200).json();
        let plan = self.ben.plan(incident);
        let body = json!({"mode": view["plan"]["mode"], "reason": "looked at it"});
        self.ben.post(&plan.path("approve"), &body).is(200);
        plan
    }

    pub(crate) fn plan(&self, incident: &str) -> Value {
        self.ben.get(&format!("/v1/incidents/{incident}/plan")).is(200).json()["plan"].clone()
    }

    pub(crate) fn state(&self, incident: &str) -> String {
        let view = self.service.read(&format!("/v1/incidents/{incident}")).is(200).json();
        view["summary"]["state"].as_str().unwrap().to_owned()
    }

    pub(crate) fn until(&self, incident: &str, state: &str) {
        self.service.wait(&format!("{incident} to be {state}"), |_| {
            (self.state(incident) == state).then_some(())
        });
    }

    pub(crate) fn wait(&self, what: &str, mut look: impl FnMut() -> bool) {
        self.service.wait(what, |_| look().then_some(()));
    }

    /// The steps that are not over.
    pub(crate) fn steps(&self) -> Vec<Value> {
        let steps = self.ben.get("/v1/steps").is(200).json();
        steps["steps"].as_array().unwrap().clone()
    }

    pub(crate) fn lines(&self, host: &str, step: &str) -> Vec<String> {
        lines(&self.service.home, host, step)
    }

    /// Waits until a step of this host has begun.
    pub(crate) fn until_begun(&self, host: &str, step: &str) {
        self.wait(&format!("{step} of {host} to begin"), || !self.lines(host, step).is_empty());
    }

    pub(crate) fn resolve(&self, open: &Value, finding: &str) -> super::http::Answer {
        let body = json!({
            "plan": open["plan"], "step": open["step"], "attempt": open["attempt"],
            "finding": finding, "reason": "looked at the host",
        });
        let incident = open["incident"].as_str().unwrap();
        self.ben.post(&format!("/v1/incidents/{incident}/steps/resolve"), &body)
    }

    /// The events of one incident that are about steps: kind, step and outcome of each.
    pub(crate) fn told(&self, incident: &str) -> Vec<String> {
        told(&self.service.home, incident)
    }
}

pub(crate) fn told(home: &Home, incident: &str) -> Vec<String> {
    let mut told = Vec::new();
    for line in home.trail().iter().filter(|line| line["incident"] == incident) {
        let (kind, data) = (line["event"]["kind"].as_str().unwrap(), &line["event"]["data"]);
        let step = data["step"].as_str().unwrap_or_default();
        match kind {
            "step_started" => told.push(format!("start {step}")),
            "step_finished" => {
                told.push(format!("end {step} {}", data["outcome"].as_str().unwrap()))
            }
            "step_lost" => told.push(format!("lost {step}")),
            "step_resolved" => {
                told.push(format!("said {step} {}", data["finding"].as_str().unwrap()))
            }
            "plan_finished" => told.push(format!("plan {}", data["outcome"].as_str().unwrap())),
            _ => {}
        }
    }
    told
}

/// What the program wrote for a step: no file, no line.
pub(crate) fn lines(home: &Home, host: &str, step: &str) -> Vec<String> {
    let text = fs::read_to_string(home.path("counts").join(format!("{host}-{step}")));
    text.unwrap_or_default().lines().map(str::to_owned).collect()
}

pub(crate) fn nap(millis: u64) {
    thread::sleep(Duration::from_millis(millis));
}
