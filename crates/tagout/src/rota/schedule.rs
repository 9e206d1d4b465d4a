//! A schedule of PagerDuty or Opsgenie: who is on duty there at this moment.
//!
//! Formats: <https://developer.pagerduty.com/api-reference/3a6b910f11050-list-all-of-the-on-calls>,
//! <https://docs.opsgenie.com/docs/who-is-on-call-api>.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tagout_core::approval::Person;
use tagout_core::limits;

use super::config::{RotaConfig, RotaKind};
use crate::notify::{HttpClient, words};

/// A schedule elsewhere.
#[derive(Debug)]
pub(super) struct Schedule {
    client: HttpClient,
    url: Url,
    kind: RotaKind,
    token: SecretString,
    /// The people behind ids and mail addresses in small letters.
    known: BTreeMap<String, Person>,
    /// Whether it was looked at, whatever came of it.
    tried: AtomicBool,
}

/// What PagerDuty answers.
#[derive(Deserialize)]
struct OnCalls {
    oncalls: Vec<OnCall>,
}

#[derive(Deserialize)]
struct OnCall {
    user: User,
}

#[derive(Deserialize)]
struct User {
    id: String,
    email: Option<String>,
}

/// What Opsgenie answers.
#[derive(Deserialize)]
struct Flat {
    data: Recipients,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recipients {
    #[serde(default)]
    on_call_recipients: Vec<String>,
}

impl Schedule {
    pub(super) fn load(
        config: &RotaConfig,
        client: HttpClient,
        base_dir: &Path,
    ) -> Result<Self, String> {
        let token = config.token.as_ref().ok_or("it has no token")?.load(base_dir)?;
        let plain = token.bytes().iter().all(u8::is_ascii_graphic);
        let token = std::str::from_utf8(token.bytes()).ok().filter(|_| plain);
        let token = token.ok_or("token: holds other than plain characters")?.to_owned();
        let schedule = config.schedule.as_deref().ok_or("it has no schedule")?;
        let mut url = config.address()?;
        let base = url.path().trim_end_matches('/').to_owned();
        match config.kind {
            RotaKind::Opsgenie => {
                url.set_path(&format!("{base}/v2/schedules/{schedule}/on-calls"));
                url.query_pairs_mut().append_pair("flat", "true");
            }
            _ => {
                url.set_path(&format!("{base}/oncalls"));
                url.query_pairs_mut()
                    .append_pair("schedule_ids[]", schedule)
                    .append_pair("include[]", "users")
                    .append_pair("limit", "100");
            }
        }
        let (token, known) = (SecretString::from(token), config.known()?);
        let tried = AtomicBool::new(false);
        Ok(Self { client, url, kind: config.kind, token, known, tried })
    }

    /// Whether it was looked at yet.
    pub(super) fn was_tried(&self) -> bool {
        self.tried.load(Ordering::Relaxed)
    }

    /// Who is on duty there now, of those whom we know.
    pub(super) async fn look(&self) -> Result<Vec<Person>, String> {
        let looked = self.ask().await;
        self.tried.store(true, Ordering::Relaxed);
        Ok(self.people(&looked?))
    }

    async fn ask(&self) -> Result<Vec<Vec<String>>, String> {
        let key = self.token.expose_secret();
        let ask = self.client.get(self.url.clone());
        let ask = match self.kind {
            RotaKind::Opsgenie => ask.header("authorization", format!("GenieKey {key}")),
            _ => ask
                .header("authorization", format!("Token token={key}"))
                .header("accept", "application/json"),
        };
        let mut answer = ask.send().await.map_err(words)?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("answered {status}"));
        }
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(words)? {
            if body.len() + part.len() > limits::SCHEDULE_BYTES {
                return Err(format!("the answer is larger than {} bytes", limits::SCHEDULE_BYTES));
            }
            body.extend_from_slice(&part);
        }
        self.read(&body).map_err(|e| format!("the answer cannot be read: {e}"))
    }

    /// The names under which each of those on duty is known there.
    fn read(&self, body: &[u8]) -> Result<Vec<Vec<String>>, serde_json::Error> {
        if self.kind == RotaKind::Opsgenie {
            let flat: Flat = serde_json::from_slice(body)?;
            return Ok(flat.data.on_call_recipients.into_iter().map(|name| vec![name]).collect());
        }
        let on_calls: OnCalls = serde_json::from_slice(body)?;
        let names =
            |one: OnCall| [Some(one.user.id), one.user.email].into_iter().flatten().collect();
        Ok(on_calls.oncalls.into_iter().map(names).collect())
    }

    fn people(&self, on_duty: &[Vec<String>]) -> Vec<Person> {
        let mut people = BTreeSet::new();
        for names in on_duty {
            let person = names.iter().find_map(|name| self.known.get(&name.to_lowercase()));
            match person {
                Some(person) => drop(people.insert(person.clone())),
                None => tracing::warn!("somebody is on duty in a schedule who is not in users"),
            }
        }
        people.into_iter().collect()
    }
}
