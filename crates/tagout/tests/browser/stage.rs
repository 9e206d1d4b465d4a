//! A service with people and incidents, and a browser before it.

use serde_json::{Value, json};

use super::browser::{Browser, Look, Page};
use super::home::alert;
use super::service::{OWN_SECRET, Service, TOKEN};

/// A service and a browser.
pub(crate) struct Stage {
    pub(crate) service: Service,
    browser: Browser,
}

impl Stage {
    pub(crate) fn set() -> Self {
        Self { service: Service::start(), browser: Browser::start() }
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
        self.browser.page(&self.service.address, &headers(person, role), look)
    }

    /// Without having proved who they are.
    pub(crate) fn stranger(&self) -> Page {
        self.browser.page(&self.service.address, &json!({}), Look::DESKTOP)
    }
}

fn headers(person: &str, role: &str) -> Value {
    json!({
        "Authorization": format!("Bearer {TOKEN}"),
        "X-Stand-In-Person": person, "X-Stand-In-Role": role,
    })
}
