//! A browser as far as it matters here: it keeps cookies, says where its requests come from,
//! and sends the forms that a page holds.

use super::home::Home;
use super::http::{Answer, Request};
use super::service::{Service, call, configuration};

/// The password of everybody in these tests.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A browser: it keeps the session's cookie, and others.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) address: String,
    /// The session's cookie as it is sent.
    pub(crate) cookie: Option<String>,
    pub(crate) others: Vec<(String, String)>,
}

/// Percent-encodes a value of a form.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let one = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(one).collect()
}

pub(crate) fn body(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

impl Browser {
    pub(crate) fn new(service: &Service) -> Self {
        Self { address: service.address.clone(), cookie: None, others: Vec::new() }
    }

    fn request(&self, method: &str, path: &str) -> Request {
        let request = Request::new(method, path).header("Accept", "text/html");
        let others = self.others.iter().map(|(name, value)| format!("{name}={value}"));
        let all: Vec<_> = self.cookie.iter().cloned().chain(others).collect();
        if all.is_empty() { request } else { request.header("Cookie", &all.join("; ")) }
    }

    fn keep(&mut self, answer: Answer) -> Answer {
        for set in answer.all("set-cookie") {
            let pair = set.split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if ["tagout", "__Host-tagout"].contains(&name) {
                self.cookie = (!value.is_empty()).then(|| pair.to_owned());
            } else {
                self.plant(name, value);
            }
        }
        answer
    }

    /// Another cookie that it keeps.
    pub(crate) fn cookie_of(&self, name: &str) -> Option<String> {
        self.others.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
    }

    /// Puts a cookie into it; an empty one is forgotten.
    pub(crate) fn plant(&mut self, name: &str, value: &str) {
        self.others.retain(|(other, _)| other != name);
        if !value.is_empty() {
            self.others.push((name.to_owned(), value.to_owned()));
        }
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        let answer = self.request("GET", path).send(&self.address);
        self.keep(answer)
    }

    /// Sends a form as a page of ours does.
    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_with(
            path,
            fields,
            &[("Origin", "http://tagout"), ("Sec-Fetch-Site", "same-origin")],
        )
    }

    /// Sends a form with headers of the test's own.
    pub(crate) fn post_with(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let request = self.request("POST", path);
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let request = headers.iter().fold(request, |r, (name, value)| r.header(name, value));
        let answer = request.body(body(fields)).send(&self.address);
        self.keep(answer)
    }

    pub(crate) fn sign_in(&mut self, name: &str, password: &str) -> Answer {
        self.post("/login", &[("name", name), ("password", password)])
    }

    /// What the forms of the pages of this session hold.
    pub(crate) fn csrf(&mut self) -> String {
        let page = self.get("/password").is(200).body;
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    /// Whether the session goes on.
    pub(crate) fn is_in(&mut self) -> bool {
        let answer = self.get("/password");
        assert!([200, 303].contains(&answer.status), "{answer:?}");
        answer.status == 200
    }

    pub(crate) fn sign_out(&mut self) -> Answer {
        let csrf = self.csrf();
        self.post("/logout", &[("csrf", &csrf)])
    }
}

/// A service that knows these people, who all have [`PASSWORD`], with further lines in
/// `[server]` and further sections.
pub(crate) fn service_of(people: &[(&str, &str)], server: &str, rest: &str) -> Service {
    service_with(people, server, rest, &[])
}

/// As [`service_of`], with further variables of the environment.
pub(crate) fn service_with(
    people: &[(&str, &str)],
    server: &str,
    rest: &str,
    environment: &[(&str, &str)],
) -> Service {
    let home = Home::new();
    home.tagout(&["init"]).done().ok();
    home.write("state/tagout/tagout.toml", configuration(server, rest));
    for (name, role) in people {
        home.tagout(&["users", "add", name, "--role", role]).done().ok();
        let password = home.tagout(&["users", "password", name, "--stdin"]);
        password.stdin(format!("{PASSWORD}\n")).done().ok();
    }
    let call = call(&home);
    let call = environment.iter().fold(call, |call, (name, value)| call.env(name, value));
    Service::of(home, call)
}

/// A service that knows one viewer.
pub(crate) fn with_ana() -> Service {
    service_of(&[("ana", "viewer")], "", "")
}

/// Signs somebody in who was let in before.
pub(crate) fn signed_in(service: &Service, name: &str) -> Browser {
    let mut browser = Browser::new(service);
    browser.sign_in(name, PASSWORD).is(303);
    assert!(browser.is_in());
    browser
}
