//! What is asked of a polled source: bounded in time and size, with its secret, and without
//! following anybody elsewhere.

use reqwest::Url;
use reqwest::header::DATE;
use serde::Deserialize;
use tagout_core::limits;
use tagout_core::time::Time;

use super::config::{PollConfig, PollKind, read_secret};
use super::memory::Peer;
use crate::clock::now as our_now;
use crate::notify::{HttpClient, words};

/// A source that can be asked.
#[derive(Debug)]
pub(super) struct Source {
    client: HttpClient,
    base: Url,
}

/// An answer.
struct Answer {
    body: Vec<u8>,
    /// What the source's clock showed.
    date: Option<Time>,
}

impl Source {
    /// Makes ready to ask.
    pub(super) fn new(config: &PollConfig) -> Result<Self, String> {
        let client = HttpClient::new()?;
        Ok(Self { client, base: config.address()? })
    }

    /// The body that the source answers with under `path`.
    pub(super) async fn ask(&self, config: &PollConfig, path: &str) -> Result<Vec<u8>, String> {
        Ok(self.get(config, path).await?.body)
    }

    /// What the source says about itself.
    pub(super) async fn peer(&self, config: &PollConfig) -> Result<Peer, String> {
        let path = match config.kind {
            PollKind::Alertmanager => "/api/v2/status",
            PollKind::Prometheus => "/api/v1/status/runtimeinfo",
        };
        let Answer { body, date } = self.get(config, path).await?;
        let (started, ready) = match config.kind {
            PollKind::Alertmanager => {
                let status: AlertmanagerStatus = read(path, &body)?;
                // A lone one is "disabled". A "settling" one has yet to hear its peers.
                (status.uptime, status.cluster.is_none_or(|c| c.status != "settling"))
            }
            PollKind::Prometheus => {
                let status: PrometheusStatus = read(path, &body)?;
                (status.data.start_time, true)
            }
        };
        // Its age by its own clock, whatever ours shows.
        let now = date.unwrap_or_else(our_now);
        Ok(Peer { started, age: now.since(started), ready })
    }

    async fn get(&self, config: &PollConfig, path: &str) -> Result<Answer, String> {
        let named = |what: String| format!("{path}: {what}");
        let (route, query) = path.split_once('?').unwrap_or((path, ""));
        let mut url = self.base.clone();
        url.set_path(&format!("{}{route}", self.base.path().trim_end_matches('/')));
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        let mut ask = self.client.get(url);
        if let Some(bearer) = &config.bearer {
            ask = ask.bearer_auth(read_secret(bearer).map_err(|e| format!("bearer: {e}"))?);
        }
        if let Some(basic) = &config.basic {
            let password =
                read_secret(&basic.password).map_err(|e| format!("basic.password: {e}"))?;
            ask = ask.basic_auth(&basic.user, Some(password));
        }
        let mut answer = ask.send().await.map_err(|e| named(words(e)))?;
        let status = answer.status();
        if !status.is_success() {
            let hint = match status.as_u16() {
                401 | 403 => "; check bearer or basic",
                404 => "; check url and the prefix it is served under",
                300..=399 => "; redirects are not followed, give the address it names",
                _ => "",
            };
            return Err(named(format!("answered {status}{hint}")));
        }
        let date =
            answer.headers().get(DATE).and_then(|date| date.to_str().ok()).and_then(http_date);
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|e| named(words(e)))? {
            if body.len() + part.len() > limits::POLLED_BYTES {
                let most = limits::POLLED_BYTES;
                return Err(named(format!("the answer is larger than {most} bytes")));
            }
            body.extend_from_slice(&part);
        }
        Ok(Answer { body, date })
    }
}

#[derive(Deserialize)]
struct AlertmanagerStatus {
    /// When it was started; the name of the member misleads.
    uptime: Time,
    cluster: Option<Cluster>,
}

#[derive(Deserialize)]
struct Cluster {
    status: String,
}

#[derive(Deserialize)]
struct PrometheusStatus {
    data: RuntimeInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuntimeInfo {
    start_time: Time,
}

fn read<'a, T: Deserialize<'a>>(path: &str, body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|e| format!("{path}: cannot be read: {e}"))
}

/// The time of an HTTP header (RFC 9110, section 5.6.7).
fn http_date(text: &str) -> Option<Time> {
    let stamp = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Time::from_millis(stamp.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_is_read() {
        let date = http_date("Sun, 01 Nov 2026 10:00:00 GMT");
        assert_eq!(date, Some("2026-11-01T10:00:00Z".parse().unwrap()));
        assert_eq!(http_date("yesterday"), None);
    }
}
