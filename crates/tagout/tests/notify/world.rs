//! A service with channels, people in its log, and alerts that need somebody.

use serde_json::Value;
use tagout::engine::Engine;
use tagout::fault::Fault;
use tagout::journal::Journal;
use tagout::matching::Search;
use tagout::store::{SqliteStore, Store};
use tagout_core::actor::Role;
use tagout_core::alert::Alert;
use tagout_core::approval::Person;
use tagout_core::command::{PeopleCommand, SharedCommand};
use tagout_core::findings::Findings;
use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::Catalogue;

use super::home::{Home, alert};
use super::service::{OWN_SECRET, Service, call, configuration};

/// What webhooks are signed with.
pub(crate) const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// What every other channel proves itself by.
pub(crate) const TOKEN: &str = "a-token-of-a-channel";
/// Slack's signing secret.
pub(crate) const SIGNING: &str = "8f742231b10e8888abcd99yyyzzz85a5";
/// Where the pages are.
pub(crate) const PAGES: &str = "https://tagout.example.org";

/// Nothing is looked for while people are let in.
struct NoSearch;

impl Search for NoSearch {
    fn find(&mut self, _: &Alert) -> Result<Findings, Fault> {
        Err(Fault::new("nothing is to be found here"))
    }
}

/// A home in which these are known, and `ben` who may approve, with the configuration `rest` besides the usual one.
pub(crate) fn home(people: &[(&str, Role)], rest: &str) -> Home {
    let home = Home::new();
    home.tagout(&["init"]).done().ok();
    let server = format!("public_url = {PAGES:?}");
    home.write("state/tagout/tagout.toml", configuration(&server, rest));
    let store = SqliteStore::open(&home.database()).unwrap();
    let journal = Journal::open(Store::from(store)).unwrap();
    let policy = EscalationPolicy::parse("").unwrap();
    let runbooks = Catalogue::new([]).unwrap();
    let mut engine = Engine::new(journal, policy, runbooks, NoSearch);
    for (name, role) in people.iter().chain(&[("ben", Role::Approver)]) {
        let add = PeopleCommand::Add {
            person: Person::new(name).unwrap(),
            role: *role,
            groups: Default::default(),
            identity: None,
            by: None,
        };
        engine.ask_shared(SharedCommand::People(add)).unwrap();
    }
    drop(engine);
    home
}

/// Starts the service in a home, with every secret that a test may name.
pub(crate) fn serve(home: Home) -> Service {
    let call = call(&home);
    let call = call.env("WHSEC", WHSEC).env("CHANNEL", TOKEN).env("SIGNING", SIGNING);
    Service::of(home, call)
}

/// A service with channels, where nobody but `ben` is known.
pub(crate) fn with(rest: &str) -> Service {
    serve(home(&[], rest))
}

/// Has a queue be stuck: one person must approve, at medium tier if `severity` is warning.
pub(crate) fn stuck(service: &Service, severity: &str, host: &str) -> String {
    let body = alert("QueueStuck", severity, host);
    let taken = service.post("own", OWN_SECRET, body).is(200).json();
    let id = taken["incidents"][0].as_str().unwrap().to_owned();
    let incident = service.decided(&id);
    assert_eq!(incident["summary"]["state"], "pending_review", "{incident:#}");
    id
}

/// The digest of the plan that waits.
pub(crate) fn plan(service: &Service, id: &str) -> String {
    let incident = service.read(&format!("/v1/incidents/{id}")).is(200).json();
    let history = incident["history"].as_array().unwrap();
    let proposed = history.iter().rev().find(|e| e["event"]["kind"] == "plan_proposed").unwrap();
    proposed["event"]["data"]["digest"].as_str().unwrap().to_owned()
}

/// Answers on the command line, beside the service.
pub(crate) fn answer(service: &Service, verb: &str, id: &str) {
    let plan = plan(service, id);
    let args = ["approvals", verb, id, "--plan", &plan, "--as", "ben", "--reason", "read it"];
    service.home.tagout(&args).done().ok();
}

/// The events of a kind that an incident has.
pub(crate) fn events(service: &Service, id: &str, kind: &str) -> Vec<Value> {
    let incident = service.read(&format!("/v1/incidents/{id}")).is(200).json();
    let history = incident["history"].as_array().unwrap().clone();
    let of_kind = history.into_iter().filter(|entry| entry["event"]["kind"] == kind);
    of_kind.map(|entry| entry["event"]["data"].clone()).collect()
}

/// Waits until an incident has so many events of a kind.
pub(crate) fn recorded(service: &Service, id: &str, kind: &str, times: usize) -> Vec<Value> {
    service.wait(kind, |service| {
        Some(events(service, id, kind)).filter(|events| events.len() >= times)
    })
}
