//! A browser as far as it matters here: it keeps cookies, says where its requests come from,
//! and sends the forms that a page holds.

use super::home::Home;
use super::http::{Answer, Request};
use super::service::{Service, call, configuration};

/// The password of everybody in these tests.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A browser that keeps the one cookie we set.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) address: String,
    pub(crate) cookie: Option<String>,
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
        Self { address: service.address.clone(), cookie: None }
    }

    fn request(&self, method: &str, path: &str) -> Request {
        let request = Request::new(method, path).header("Accept", "text/html");
        match &self.cookie {
            Some(cookie) => request.header("Cookie", cookie),
            None => request,
        }
    }

    fn keep(&mut self, answer: Answer) -> Answer {
        if let Some(set) = answer.header("set-cookie") {
            let pair = set.split(';').next().unwrap();
            let gone = pair.ends_with('=');
            self.cookie = (!gone).then(|| pair.to_owned());
        }
        answer
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
    let home = Home::new();
    home.tagout(&["init"]).done().ok();
    home.write("state/tagout/tagout.toml", configuration(server, rest));
    for (name, role) in people {
        home.tagout(&["users", "add", name, "--role", role]).done().ok();
        let password = home.tagout(&["users", "password", name, "--stdin"]);
        password.stdin(format!("{PASSWORD}\n")).done().ok();
    }
    let call = call(&home);
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
