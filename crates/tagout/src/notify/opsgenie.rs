//! Opsgenie, Alert API v2: one alert for each matter, made, acknowledged and closed under its
//! key as the alias.
//!
//! Format: <https://docs.opsgenie.com/docs/alert-api>.

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tagout_core::alert::Severity;

use super::client::{HttpClient, NotSent, send};
use super::message::Message;
use super::page::{Act, acts};

/// Where alerts go unless the configuration says otherwise; in Europe it is
/// `https://api.eu.opsgenie.com`.
pub(crate) const USUAL: &str = "https://api.opsgenie.com";
/// The longest message that is taken, in characters.
const MESSAGE: usize = 130;
/// The longest description that is taken, in characters.
const DESCRIPTION: usize = 15_000;

/// An integration of Opsgenie.
#[derive(Debug)]
pub(crate) struct Opsgenie {
    client: HttpClient,
    url: Url,
    api_key: SecretString,
}

impl Opsgenie {
    pub(crate) const fn new(client: HttpClient, url: Url, api_key: SecretString) -> Self {
        Self { client, url, api_key }
    }

    /// Does there what a message asks for. Returns the alias of the alert that it made, if it
    /// made one.
    pub(crate) async fn send(&self, name: &str, message: &Message) -> Result<String, NotSent> {
        let mut made = String::new();
        for (act, alias) in acts(message, name) {
            match act {
                Act::Open => {
                    self.post("v2/alerts", None, &alert(message, &alias)).await?;
                    made = alias;
                }
                Act::Take => self.post_to(&alias, "acknowledge", message).await?,
                Act::End => self.post_to(&alias, "close", message).await?,
            }
        }
        Ok(made)
    }

    async fn post_to(&self, alias: &str, verb: &str, message: &Message) -> Result<(), NotSent> {
        let path = format!("v2/alerts/{alias}/{verb}");
        self.post(&path, Some("identifierType=alias"), &note(message)).await
    }

    async fn post(&self, path: &str, query: Option<&str>, body: &Value) -> Result<(), NotSent> {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/{path}", self.url.path().trim_end_matches('/')));
        url.set_query(query);
        let key = format!("GenieKey {}", self.api_key.expose_secret());
        send(self.client.post(url).header("authorization", key).json(body)).await.map(drop)
    }
}

fn alert(message: &Message, alias: &str) -> Value {
    let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    let mut details: serde_json::Map<String, Value> =
        message.facts.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    details.insert("notice".into(), json!(message.notice.id));
    if let Some(link) = &message.link {
        details.insert("link".into(), json!(link));
    }
    json!({
        "message": cut(&message.title, MESSAGE),
        "alias": alias,
        "description": cut(&message.plain(), DESCRIPTION),
        "details": details,
        "source": "tagout",
        "tags": [message.notice.topic.name()],
        "priority": priority(message.notice.severity),
    })
}

fn note(message: &Message) -> Value {
    json!({ "source": "tagout", "note": message.title })
}

const fn priority(severity: Option<Severity>) -> &'static str {
    match severity {
        Some(Severity::Info) => "P5",
        Some(Severity::Warning) => "P3",
        Some(Severity::Error) => "P2",
        Some(Severity::Critical) | None => "P1",
    }
}
