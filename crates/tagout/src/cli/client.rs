//! A running service, asked over its API: `--server URL`. Who asks is said by the token, which
//! comes from the environment or a file and never from the command line, where others see it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Method, Url, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tagout_core::approval::Answer;
use tagout_core::event::Event;
use tagout_core::limits;
use tagout_core::text::FreeText;
use tagout_core::time::Time;

use crate::admission::Admission;
use crate::asks::{IncidentAsk, SharedAsk};
use crate::config::address::stays_here;
use crate::gathered::Gathered;
use crate::queue::{Pending, PlanView, Request};
use crate::steps::OpenStep;
use crate::summary::Summary;

use super::Failure;
use super::afterwards::Line as Owed;
use super::place::{State, Told};
use super::windows::Line;

/// Where the token is found if no file is named.
const TOKEN: &str = "TAGOUT_TOKEN";
/// Where the service is found if nobody names it.
const SERVER: &str = "TAGOUT_SERVER";
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What to say of a route that is not there.
pub(super) const OLDER: &str = "the service has no such page; is it older?";

/// Which service is asked, if one is.
#[derive(Debug, clap::Args)]
pub(super) struct Server {
    /// Ask a running service instead of the data directory; it knows you by the token in
    /// $TAGOUT_TOKEN or --token-file [default: $TAGOUT_SERVER, unless --data-dir is given].
    #[arg(long, value_name = "URL", global = true)]
    server: Option<String>,
    /// A file that holds the token.
    #[arg(long, value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
}

/// The service that the environment names.
pub(super) fn named_in_environment() -> Option<String> {
    std::env::var(SERVER).ok().filter(|url| !url.is_empty())
}

/// What to say where a service was named to a command that asks none, or before its command.
pub(super) fn works_here_alone(all: &clap::Command) -> String {
    let mut asking = Vec::new();
    collect(all, "", &mut asking);
    format!(
        "--server stands behind a command that asks a service: {}.\n\
         The others ask none; what they do to a log they do where it is, with --data-dir.",
        asking.join(", ")
    )
}

/// The commands that take `--server`, by their words.
fn collect(command: &clap::Command, before: &str, asking: &mut Vec<String>) {
    for one in command.get_subcommands() {
        let words = format!("{before}{}", one.get_name());
        if one.get_arguments().any(|arg| arg.get_id() == "server") {
            asking.push(words);
        } else {
            collect(one, &format!("{words} "), asking);
        }
    }
}

impl Server {
    /// A client, if a service is to be asked. A data directory that is named wins over the
    /// environment, and both cannot be named.
    pub(super) fn client(&self, data_dir_named: bool) -> Result<Option<Client>, Failure> {
        let url = match (&self.server, data_dir_named) {
            (Some(_), true) => {
                let what = "give --server or --data-dir, and not both";
                return Err(Failure::BadInput(what.into()));
            }
            (Some(url), false) => url.clone(),
            (None, true) => return Ok(None),
            (None, false) => match named_in_environment() {
                Some(url) => url,
                None => return Ok(None),
            },
        };
        let token = match &self.token_file {
            Some(file) => std::fs::read_to_string(file)
                .map_err(|e| Failure::BadInput(format!("--token-file {}: {e}", file.display())))?,
            None => std::env::var(TOKEN).unwrap_or_default(),
        };
        let token = token.trim();
        if token.is_empty() {
            return Err(Failure::BadInput(format!(
                "a service knows you by a token: put it into ${TOKEN}, or name its file with \
                 --token-file; `tagout tokens` makes one"
            )));
        }
        Client::new(&url, token.to_owned().into()).map(Some)
    }
}

/// A service and the token that it knows us by.
pub(super) struct Client {
    base: Url,
    token: SecretString,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

/// What came of an ask.
#[derive(Deserialize)]
struct Done {
    incident: Summary,
    request: Option<Request>,
}

/// What a problem says (RFC 9457), as far as it helps.
#[derive(Default, Deserialize)]
struct Problem {
    #[serde(default)]
    title: String,
    detail: Option<String>,
    #[serde(default)]
    difference: Vec<String>,
}

#[derive(Deserialize)]
struct QueuePage {
    pending: Vec<Pending>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct HistoryPage {
    summary: Summary,
    history: Vec<Entry>,
    next: Option<u64>,
}

#[derive(Deserialize)]
struct Entry {
    event: Event,
}

#[derive(Deserialize)]
struct Reviews {
    owed: Vec<Owed>,
    total: usize,
}

#[derive(Deserialize)]
struct Switches {
    kill_switch: bool,
    freeze: bool,
    until: Option<Time>,
}

#[derive(Deserialize)]
struct Windows {
    windows: Vec<Line>,
}

impl Client {
    fn new(url: &str, token: SecretString) -> Result<Self, Failure> {
        let bad = |why: &str| Failure::BadInput(format!("--server {url}: {why}"));
        let base: Url = url.parse().map_err(|_| bad("give a URL, as https://tagout.example"))?;
        match base.scheme() {
            "https" => {}
            "http" if stays_here(&base) => {}
            "http" => {
                return Err(bad("over http everybody on the way could read the token; use https"));
            }
            _ => return Err(bad("give a URL that begins with https://")),
        }
        crate::tls::install();
        let builder = reqwest::Client::builder();
        // A proxy of the environment would read the token on its way to this machine.
        let builder = if stays_here(&base) { builder.no_proxy() } else { builder };
        let http = builder
            .timeout(PATIENCE)
            // The token must not follow a redirect to somebody else.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("tagout/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| Failure::Fault(format!("no client can be made: {e}")))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Failure::Fault(format!("no client can be made: {e}")))?;
        Ok(Self { base, token, http, runtime })
    }

    /// What waits for people, all pages of it.
    pub(super) fn queue(&self) -> Result<Vec<Pending>, Failure> {
        let (mut all, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let limit = ("limit", limits::PAGE_INCIDENTS.to_string());
            let query: Vec<_> = [limit].into_iter().chain(cursor.map(|c| ("cursor", c))).collect();
            let page: QueuePage = self.get(&["v1", "approvals"], &query)?;
            all.extend(page.pending);
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// An incident with all that is recorded of it.
    pub(super) fn told(&self, id: &str) -> Result<Option<Told>, Failure> {
        let (mut events, mut from) = (Vec::new(), 0);
        loop {
            let query = [("from", u64::to_string(&from))];
            let page: Option<HistoryPage> = self.find(&["v1", "incidents", id], &query)?;
            let Some(page) = page else { return Ok(None) };
            events.extend(page.history.into_iter().map(|entry| entry.event));
            match page.next {
                Some(next) => from = next,
                None => return Ok(Some(Told { summary: page.summary, events })),
            }
        }
    }

    /// At most `limit` of the alerts that an incident stands for.
    pub(super) fn gathered(&self, id: &str, limit: usize) -> Result<Option<Gathered>, Failure> {
        self.find(&["v1", "incidents", id, "alerts"], &[("limit", limit.to_string())])
    }

    /// The plan of an incident, if it has one.
    pub(super) fn plan(&self, id: &str) -> Result<Option<PlanView>, Failure> {
        self.find(&["v1", "incidents", id, "plan"], &[])
    }

    /// Asks for something about an incident.
    pub(super) fn ask(&self, id: &str, ask: &IncidentAsk) -> Result<State, Failure> {
        let on = |plan: &tagout_core::digest::PlanDigest, word: &str| {
            vec!["plans".to_owned(), plan.to_string(), word.to_owned()]
        };
        let (path, body) = match ask {
            IncidentAsk::Answer { plan, mode, answer, reason } => {
                let word = match answer {
                    Answer::Approve => "approve",
                    Answer::Reject => "reject",
                };
                (on(plan, word), json!({"mode": mode, "reason": reason.as_str()}))
            }
            IncidentAsk::Modify { plan, mode, change, reason } => {
                let mut body = json!(change);
                body["mode"] = json!(mode);
                body["reason"] = json!(reason.as_str());
                // What serde leaves out of the change is absent here too.
                (on(plan, "modify"), body)
            }
            IncidentAsk::BreakGlass { plan, mode, reason } => {
                (on(plan, "break-glass"), json!({"mode": mode, "reason": reason.as_str()}))
            }
            IncidentAsk::Revoke { plan } => (on(plan, "revoke"), json!({})),
            IncidentAsk::ResumeHalt { plan, reason } => {
                (on(plan, "resume"), json!({"reason": reason.as_str()}))
            }
            IncidentAsk::Show { plan } => (on(plan, "shown"), json!({})),
            IncidentAsk::ReviewAfterwards { plan, hindsight, reason } => {
                let body = json!({"hindsight": hindsight, "reason": reason.as_str()});
                (on(plan, "hindsight"), body)
            }
            IncidentAsk::Handle(_) | IncidentAsk::Merge { .. } => {
                let what = "this is done on a page or over the interface of the service";
                return Err(Failure::BadInput(what.into()));
            }
            IncidentAsk::ResolveStep { plan, step, attempt, finding, reason } => {
                let path = ["steps", "resolve"].map(str::to_owned).to_vec();
                let body = json!({
                    "plan": plan.to_string(),
                    "step": step,
                    "attempt": attempt,
                    "finding": finding,
                    "reason": reason.as_str(),
                });
                (path, body)
            }
            IncidentAsk::Close { reason } => {
                (vec!["close".to_owned()], json!({"reason": reason.as_str()}))
            }
        };
        let path: Vec<&str> =
            ["v1", "incidents", id].into_iter().chain(path.iter().map(String::as_str)).collect();
        let Done { incident, request } = self.post(&path, &body)?;
        Ok(State { summary: incident, request })
    }

    /// The steps that are not over.
    pub(super) fn steps(&self) -> Result<Vec<OpenStep>, Failure> {
        #[derive(Deserialize)]
        struct Steps {
            steps: Vec<OpenStep>,
        }
        self.get::<Steps>(&["v1", "steps"], &[]).map(|page| page.steps)
    }

    /// How the admission of a runbook stands.
    pub(super) fn admission(&self, runbook: &str) -> Result<Option<Admission>, Failure> {
        self.find(&["v1", "runbooks", runbook, "admission"], &[])
    }

    /// Admits a version of a runbook.
    pub(super) fn admit(&self, shown: &Admission) -> Result<(), Failure> {
        let Admission { runbook, digest, .. } = shown;
        let path = ["v1", "runbooks", runbook, "admit"];
        self.post::<Value>(&path, &json!({ "digest": digest })).map(drop)
    }

    /// Asks for something about what spans incidents.
    pub(super) fn ask_shared(&self, ask: &SharedAsk) -> Result<(), Failure> {
        let (post, delete) = (Method::POST, Method::DELETE);
        let delivery;
        let reason = |reason: &FreeText| json!({"reason": reason.as_str()});
        let (method, path, body) = match ask {
            SharedAsk::EngageKillSwitch { reason: why } => (post, vec!["halt"], reason(why)),
            SharedAsk::ReleaseKillSwitch { reason: why } => (post, vec!["resume"], reason(why)),
            SharedAsk::DeclareFreeze { reason, until } => {
                let body = json!({"reason": reason.as_str(), "until": until});
                (post, vec!["freeze"], body)
            }
            SharedAsk::LiftFreeze => (delete, vec!["freeze"], json!({})),
            SharedAsk::OpenWindow { id, window, matcher, conditions, from, until, reason } => {
                let body = json!({
                    "id": id, "kind": window, "match": matcher.0, "conditions": conditions,
                    "from": from, "until": until, "reason": reason.as_str(),
                });
                (post, vec!["windows"], body)
            }
            SharedAsk::CloseWindow { id } => (delete, vec!["windows", id], json!({})),
            SharedAsk::LiftQuarantine { delivery: one } => {
                delivery = one.to_string();
                (post, vec!["deliveries", &delivery, "dismiss"], json!({}))
            }
            SharedAsk::OpenBypass { .. }
            | SharedAsk::CloseBypass { .. }
            | SharedAsk::AdmitRunbook { .. } => {
                let what = "this is done on the data directory or a page; give --data-dir";
                return Err(Failure::BadInput(what.into()));
            }
        };
        let path: Vec<&str> = ["v1"].into_iter().chain(path).collect();
        let done: Option<Value> = self.call(method, &path, &[], Some(&body))?;
        done.map(drop).ok_or_else(|| Failure::Fault(OLDER.into()))
    }

    /// The reviews that are owed, the most pressing first, and how many there are in all.
    pub(super) fn owed(&self) -> Result<(Vec<Owed>, usize), Failure> {
        let Reviews { owed, total } = self.get(&["v1", "reviews", "owed"], &[])?;
        Ok((owed, total))
    }

    /// Until when a change freeze holds, if one does.
    pub(super) fn freeze(&self) -> Result<Option<Option<Time>>, Failure> {
        let Switches { freeze, until, .. } = self.get(&["v1", "switches"], &[])?;
        Ok(freeze.then_some(until))
    }

    /// Whether the kill switch is engaged.
    pub(super) fn kill_switch(&self) -> Result<bool, Failure> {
        let Switches { kill_switch, .. } = self.get(&["v1", "switches"], &[])?;
        Ok(kill_switch)
    }

    /// The windows that have not ended.
    pub(super) fn windows(&self) -> Result<Vec<Line>, Failure> {
        let Windows { windows } = self.get(&["v1", "windows"], &[])?;
        Ok(windows)
    }

    pub(super) fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, Failure> {
        let found = self.call(Method::GET, path, query, None)?;
        found.ok_or_else(|| Failure::Fault(OLDER.into()))
    }

    /// `None`: there is no such thing.
    pub(super) fn find<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Option<T>, Failure> {
        self.call(Method::GET, path, query, None)
    }

    fn post<T: DeserializeOwned>(&self, path: &[&str], body: &Value) -> Result<T, Failure> {
        let done = self.call(Method::POST, path, &[], Some(body))?;
        let none = "there is no such incident; `tagout approvals list` shows those that wait";
        done.ok_or_else(|| Failure::BadInput(none.into()))
    }

    pub(super) fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<Option<T>, Failure> {
        let Some(text) = self.answer(method, path, query, body)? else { return Ok(None) };
        let unreadable =
            |e| Failure::Fault(format!("the service answers what cannot be read: {e}"));
        serde_json::from_slice(&text).map(Some).map_err(unreadable)
    }

    /// A file that the service hands out. `None`: there is no such thing.
    pub(super) fn file(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Option<Vec<u8>>, Failure> {
        self.answer(Method::GET, path, query, None)
    }

    fn answer(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let mut url = self.base.clone();
        let no_base = || Failure::BadInput("--server: give a URL with a host".into());
        url.path_segments_mut().map_err(|()| no_base())?.pop_if_empty().extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(method, url).bearer_auth(self.token.expose_secret());
        if let Some(body) = body {
            request = request.json(body);
        }
        let (status, text) = self.runtime.block_on(async {
            let answer = request.send().await.map_err(|e| unreachable(&e))?;
            let status = answer.status();
            let text = answer.bytes().await.map_err(|e| unreachable(&e))?;
            Ok::<_, Failure>((status, text))
        })?;
        if status.is_success() {
            return Ok(Some(text.into()));
        }
        if status == reqwest::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let problem: Problem = serde_json::from_slice(&text).unwrap_or_default();
        let mut words = problem.detail.unwrap_or(problem.title);
        if words.is_empty() {
            words = status.to_string();
        }
        for line in problem.difference {
            let _ = write!(words, "\n  {line}");
        }
        Err(match status.as_u16() {
            401 => Failure::BadInput(
                "the service does not know this token, or it has expired; ask an admin for one"
                    .into(),
            ),
            // Nothing that the call could do better.
            408 | 429 | 500.. => Failure::Fault(words),
            _ => Failure::BadInput(words),
        })
    }
}

fn unreachable(error: &reqwest::Error) -> Failure {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let _ = write!(words, ": {error}");
        cause = error.source();
    }
    Failure::Fault(format!("the service cannot be asked: {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_in_the_clear_to_this_machine_only() {
        let client = |url: &str| Client::new(url, "secret".to_owned().into());
        for fine in [
            "https://tagout.example",
            "http://127.0.0.1:8080",
            "http://[::1]:1",
            "http://localhost/",
        ] {
            assert!(client(fine).is_ok(), "{fine}");
        }
        for bad in [
            "http://tagout.example",
            "http://10.0.0.1",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "ftp://localhost",
            "tagout.example",
            "",
        ] {
            assert!(client(bad).is_err(), "{bad}");
        }
    }
}
