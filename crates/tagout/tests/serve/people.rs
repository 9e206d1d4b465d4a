//! People who ask a running service for something, each with a token of their own.

use serde_json::{Value, json};

use super::home::{Home, alert};
use super::http::{Answer, Request};
use super::service::{OWN_SECRET, Service};

/// Lets somebody in with this role and gives their token, over the command line.
pub(crate) fn let_in(home: &Home, name: &str, role: &str) -> String {
    home.tagout(&["users", "add", name, "--role", role]).done().ok();
    let issue = ["tokens", "issue", name, "--role", role, "--json"];
    home.tagout(&issue).done().ok().json()["token"].as_str().unwrap().to_owned()
}

/// A person with a token that the service knows.
pub(crate) struct Person {
    pub(crate) token: String,
    address: String,
}

impl Person {
    pub(crate) fn of(service: &Service, name: &str, role: &str) -> Self {
        let token = let_in(&service.home, name, role);
        let person = Self { token, address: service.address.clone() };
        // What another process recorded is known a second later at most.
        service.wait("that the token is known", |_| {
            (person.get("/v1/approvals").status == 200).then_some(())
        });
        person
    }

    /// The same person at another replica.
    pub(crate) fn at(&self, service: &Service) -> Self {
        let person = Self { token: self.token.clone(), address: service.address.clone() };
        service.wait("that the token is known", |_| {
            (person.get("/v1/approvals").status == 200).then_some(())
        });
        person
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        Request::new("GET", path).token(&self.token).send(&self.address)
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let request = Request::new(method, path).token(&self.token);
        let request = request.header("Content-Type", "application/json");
        request.body(body.to_string()).send(&self.address)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, body)
    }

    pub(crate) fn approve(&self, plan: &Plan) -> Answer {
        self.post(&plan.path("approve"), &json!({"mode": "dry_run", "reason": "looked at it"}))
    }

    pub(crate) fn change(&self, plan: &Plan, values: &Value) -> Answer {
        self.post(&plan.path("modify"), &json!({"mode": "dry_run", "values": values}))
    }

    /// The plan of an incident as it is now.
    pub(crate) fn plan(&self, incident: &str) -> Plan {
        let view = self.get(&format!("/v1/incidents/{incident}/plan")).is(200).json();
        let digest = view["plan_digest"].as_str().unwrap().to_owned();
        Plan { incident: incident.to_owned(), digest }
    }
}

/// A plan of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) incident: String,
    pub(crate) digest: String,
}

impl Plan {
    /// One that waits, for an alert of this name and severity.
    pub(crate) fn waiting(service: &Service, name: &str, severity: &str, host: &str) -> Self {
        let receipt = service.post("own", OWN_SECRET, alert(name, severity, host)).is(200).json();
        let incident = receipt["incidents"][0].as_str().unwrap().to_owned();
        let decided = service.decided(&incident)["summary"].clone();
        assert_eq!(decided["state"], "pending_review", "{decided:?}");
        Self { incident, digest: decided["plan"].as_str().unwrap().to_owned() }
    }

    /// One that waits for two people.
    pub(crate) fn for_two(service: &Service) -> Self {
        Self::waiting(service, "CacheFull", "critical", "host-1")
    }

    /// One that waits for one person.
    pub(crate) fn for_one(service: &Service, host: &str) -> Self {
        Self::waiting(service, "QueueStuck", "warning", host)
    }

    pub(crate) fn path(&self, word: &str) -> String {
        format!("/v1/incidents/{}/plans/{}/{word}", self.incident, self.digest)
    }
}
