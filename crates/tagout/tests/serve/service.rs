//! A running service in a home of its own, with one source `am`, one of our own JSON and one
//! token for readers.

use std::io::{BufRead as _, BufReader};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::home::{Call, Home, Running};
use super::http::{Answer, Request};

/// What the source `am` proves itself by.
pub(crate) const SECRET: &str = "sesame-of-alertmanager";
/// What the source `own` proves itself by.
pub(crate) const OWN_SECRET: &str = "sesame-of-our-own";
/// What opens the read API.
pub(crate) const TOKEN: &str = "a-token-for-readers";
/// A real webhook of Alertmanager with one alert.
pub(crate) const FIRING: &str = include_str!("../../../../evals/webhooks/alertmanager_firing.json");

/// The configuration of a service, with what a test adds to it.
pub(crate) fn configuration(server: &str, rest: &str) -> String {
    format!(
        r#"runbooks = "../../book"
policy = "../../policy.toml"
[server]
listen = "127.0.0.1:0"
{server}
[api]
tokens = [{{ env = "READERS" }}]
[[source]]
name = "am"
kind = "alertmanager"
auth = "bearer"
secrets = [{{ env = "AM_SECRET" }}]
[[source]]
name = "own"
kind = "native"
auth = "bearer"
secrets = [{{ env = "OWN_SECRET" }}]
{rest}
"#
    )
}

/// A call of `tagout serve`, with its secrets.
pub(crate) fn call(home: &Home) -> Call {
    with_secrets(home.tagout(&["serve"]))
}

pub(crate) fn with_secrets(call: Call) -> Call {
    call.env("READERS", TOKEN).env("AM_SECRET", SECRET).env("OWN_SECRET", OWN_SECRET)
}

/// A service that listens.
pub(crate) struct Service {
    pub(crate) home: Home,
    pub(crate) address: String,
    running: Option<Running>,
    told: Arc<Mutex<String>>,
}

impl Service {
    pub(crate) fn start() -> Self {
        Self::with("", "")
    }

    /// Under the policy of the tests and what a test adds to it.
    pub(crate) fn under(policy: &str) -> Self {
        let home = Home::new();
        home.write("policy.toml", format!("{}{policy}", super::home::POLICY));
        home.write("state/tagout/tagout.toml", configuration("", ""));
        let call = call(&home);
        Self::of(home, call)
    }

    /// With further lines in `[server]`, and further sections.
    pub(crate) fn with(server: &str, rest: &str) -> Self {
        let home = Home::new();
        home.write("state/tagout/tagout.toml", configuration(server, rest));
        let call = call(&home);
        Self::of(home, call)
    }

    /// Of this home, by this call.
    pub(crate) fn of(home: Home, call: Call) -> Self {
        let mut running = call.spawn();
        let told = Arc::new(Mutex::new(String::new()));
        let stderr = BufReader::new(running.0.stderr.take().unwrap());
        let kept = Arc::clone(&told);
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                *kept.lock().unwrap() += &(line + "\n");
            }
        });
        let mut service = Self { home, address: String::new(), running: Some(running), told };
        let listens = |service: &Self| {
            let told = service.told();
            let ended = |c: char| c.is_whitespace() || c == '"';
            let (_, rest) = told
                .split_once("listening on http://")
                .or_else(|| told.split_once("\"address\":\""))?;
            Some(rest.split(ended).next()?.to_owned())
        };
        service.address = service.wait("that it listens", listens);
        service
    }

    /// What it told on standard error so far.
    pub(crate) fn told(&self) -> String {
        self.told.lock().unwrap().clone()
    }

    /// Looks again and again until `look` finds something.
    pub(crate) fn wait<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let end = Instant::now() + Duration::from_secs(150);
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(Instant::now() < end, "waited in vain for {what}: {}", self.told());
            thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn post(&self, source: &str, secret: &str, body: impl Into<Vec<u8>>) -> Answer {
        let request = Request::new("POST", &format!("/v1/sources/{source}")).token(secret);
        request.body(body).send(&self.address)
    }

    /// An incident, once its runbook was looked for: that goes on after the sender has its
    /// answer.
    pub(crate) fn decided(&self, id: &str) -> Value {
        self.wait("a decision", |service| {
            let incident = service.read(&format!("/v1/incidents/{id}")).is(200).json();
            Some(incident).filter(|incident| incident["summary"]["state"] != "in_progress")
        })
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        Request::new("GET", path).send(&self.address)
    }

    /// As somebody who shows the token.
    pub(crate) fn read(&self, path: &str) -> Answer {
        Request::new("GET", path).token(TOKEN).send(&self.address)
    }

    /// The value of a metric, written as `name{labels}`.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let metrics = self.read("/metrics").is(200).body;
        let line = metrics.lines().find(|line| line.split(' ').next() == Some(name))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    pub(crate) fn ready(&self) -> (u16, Value) {
        let answer = self.get("/readyz");
        (answer.status, answer.json())
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.running.as_ref().unwrap().0.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.running.as_mut().unwrap().0.try_wait().unwrap().is_none()
    }

    /// Waits for its end and says how it ended: the exit code, none if it was killed.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let mut running = self.running.take().unwrap();
        running.0.wait().unwrap().code()
    }

    /// Kills it as a loss of power of the process would, and leaves what it wrote.
    pub(crate) fn kill(mut self) -> Home {
        let mut running = self.running.take().unwrap();
        running.0.kill().unwrap();
        assert_eq!(running.0.wait().unwrap().code(), None, "it ended before it was killed");
        self.into_home()
    }

    /// Stops it in order, and leaves what it wrote.
    pub(crate) fn stop(mut self) -> Home {
        self.signal("-TERM");
        assert_eq!(self.ended(), Some(0), "{}", self.told());
        self.into_home()
    }

    /// As [`Service::stop`], with what it told until its end.
    pub(crate) fn stop_telling(mut self) -> (Home, String) {
        self.signal("-TERM");
        assert_eq!(self.ended(), Some(0), "{}", self.told());
        // The last line comes with the end.
        self.wait("its last words", |service| service.told().contains("stopped").then_some(()));
        let told = self.told();
        (self.into_home(), told)
    }

    fn into_home(mut self) -> Home {
        std::mem::replace(&mut self.home, Home::new())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.0.kill();
            let _ = running.0.wait();
        }
    }
}
