//! A service with people and incidents, and a browser before it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::browser::{Browser, Look, Page};
use super::home::{Home, POLICY, alert};
use super::http::{Answer, Request};
use super::people::Person;
use super::service::{OWN_SECRET, Service, call, configuration};

/// The ways in which every page is looked at.
pub(crate) const LOOKS: [(&str, Look); 4] = [
    ("desktop", Look::DESKTOP),
    ("dark", Look::DARK),
    ("phone", Look::PHONE),
    ("narrow", Look::NARROW),
];

/// Asks people at every tier, and has a value to change, a step to leave out, an undo, and an
/// argument with a blank in it.
pub(crate) const MAIL: &str = r#"---
id: mail-stuck
symptoms: [Mail piles up because the relay does not accept any.]
match: {alert_names: [MailStuck]}
risk: medium
reversible: true
owner: mail
target: "{{host}}"
timeout: 60s
parameters:
  host: {description: The relay., from: labels.instance, pattern: '[a-z0-9-]+'}
  keep: {description: How many thousand mails stay., default: "100", min: 10, max: 1000, safer: higher}
preconditions:
  - {id: answers, kind: check, title: The relay answers, command: [mailctl, --host, "{{host}}", ping], expect: pong}
steps:
  - {id: look, kind: check, title: Show the queue, command: [mailctl, --host, "{{host}}", show, "by age, oldest first"]}
  - {id: trim, kind: action, title: Trim, command: [mailctl, --host, "{{host}}", trim, "{{keep}}"], undo: [mailctl, --host, "{{host}}", restore], expect: The queue is shorter than before, requires_approval: true}
  - {id: warm, kind: action, title: Warm, command: [mailctl, --host, "{{host}}", warm]}
verification:
  - {id: flows, kind: check, title: Mail flows, command: [mailctl, --host, "{{host}}", test], expect: accepted}
---
# Mail is stuck
"#;

/// With what the policy entrusts ana beyond her role.
const ENTRUSTED: &str = r#"
[break_glass]
people = ["ana"]
max_per_window = 3
window = "1h"
[bypass]
people = ["ana"]
longest = "2h"
"#;

/// A service and a browser.
pub(crate) struct Stage {
    pub(crate) service: Service,
    browser: Browser,
    /// The tokens of those who were let in.
    people: RefCell<BTreeMap<String, String>>,
}

impl Stage {
    pub(crate) fn set() -> Self {
        Self::under("")
    }

    /// With further lines of the policy.
    pub(crate) fn under(policy: &str) -> Self {
        Self::ruled(&format!("first_use = \"ask\"\n{POLICY}{ENTRUSTED}{policy}"))
    }

    /// With the owner of a runbook needed at its first use on a target, as shipped.
    pub(crate) fn needing_owners() -> Self {
        Self::ruled(POLICY)
    }

    fn ruled(policy: &str) -> Self {
        let home = Home::new();
        home.write("book/mail.md", MAIL);
        home.write("policy.toml", policy);
        home.write("state/tagout/tagout.toml", configuration("", ""));
        let call = call(&home);
        Self {
            service: Service::of(home, call),
            browser: Browser::start(),
            people: RefCell::default(),
        }
    }

    pub(crate) fn into_service(self) -> Service {
        self.service
    }

    /// The same, after the service was started anew with another configuration.
    pub(crate) fn configured(self, change: impl FnOnce(String) -> String) -> Self {
        let file = "state/tagout/tagout.toml";
        let home = self.service.stop();
        let text = std::fs::read_to_string(home.path(file)).unwrap();
        home.write(file, change(text));
        let call = call(&home);
        Self { service: Service::of(home, call), ..self }
    }

    /// An alert, and its incident once it is decided.
    pub(crate) fn fires(&self, name: &str, instance: &str) -> String {
        self.sends(&alert(name, "warning", instance))
    }

    /// A body of our own format, and the incident that came of it.
    pub(crate) fn sends(&self, body: &str) -> String {
        let receipt = self.service.post("own", OWN_SECRET, body).is(200).json();
        let id = receipt["incidents"][0].as_str().unwrap().to_owned();
        self.service.decided(&id);
        id
    }

    /// What a person looks at.
    pub(crate) fn page(&self, person: &str, role: &str, look: Look) -> Page {
        let headers: Value =
            self.headers(person, role).into_iter().map(|(n, v)| (n, json!(v))).collect();
        self.browser.page(&self.service.address, &headers, look)
    }

    /// Somebody who did not prove who they are.
    pub(crate) fn stranger(&self, look: Look) -> Page {
        self.browser.page(&self.service.address, &json!({}), look)
    }

    /// What a person sends by a form that is not ours.
    pub(crate) fn post(&self, person: &str, role: &str, path: &str, form: &str) -> Answer {
        let headers = self.headers(person, role).into_iter();
        let request = headers.fold(Request::new("POST", path), |r, (n, v)| r.header(&n, &v));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        request.body(form).send(&self.service.address)
    }

    /// The status of what a person asks over the API.
    pub(crate) fn asks(&self, person: &str, role: &str, path: &str, body: &Value) -> u16 {
        let headers = self.headers(person, role).into_iter();
        let request = headers.fold(Request::new("POST", path), |r, (n, v)| r.header(&n, &v));
        let request = request.header("Content-Type", "application/json");
        request.body(body.to_string()).send(&self.service.address).status
    }

    /// By what a person is known: a token of theirs.
    pub(crate) fn headers(&self, person: &str, role: &str) -> Vec<(String, String)> {
        let mut people = self.people.borrow_mut();
        let token = people
            .entry(person.to_owned())
            .or_insert_with(|| Person::of(&self.service, person, role).token);
        vec![("Authorization".into(), format!("Bearer {token}"))]
    }
}

impl Service {
    /// How many entries the log has.
    pub(crate) fn entries(&self) -> u64 {
        let export = self.home.tagout(&["audit", "show", "--json"]).done().ok().json();
        export.as_array().unwrap().len() as u64
    }

    /// How many entries of the log are of this kind, while the service runs.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.home.count(kind)
    }
}
