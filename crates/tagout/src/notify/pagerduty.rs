//! PagerDuty, Events API v2: one alert for each matter, opened, taken and ended under its key.
//!
//! Format: <https://developer.pagerduty.com/docs/send-alert-event>.

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tagout_core::alert::Severity;

use super::client::{HttpClient, NotSent, send};
use super::message::Message;
use super::page::{Act, acts};

/// Where events go unless the configuration says otherwise.
pub(crate) const USUAL: &str = "https://events.pagerduty.com";
/// The longest summary that is taken, in characters.
const SUMMARY: usize = 1024;

/// A service of PagerDuty.
#[derive(Debug)]
pub(crate) struct PagerDuty {
    client: HttpClient,
    url: Url,
    routing_key: SecretString,
}

impl PagerDuty {
    pub(crate) fn new(client: HttpClient, mut url: Url, routing_key: SecretString) -> Self {
        url.set_path(&format!("{}/v2/enqueue", url.path().trim_end_matches('/')));
        Self { client, url, routing_key }
    }

    /// Does there what a message asks for. Returns the key of the alert that it opened, if it
    /// opened one.
    pub(crate) async fn send(&self, name: &str, message: &Message) -> Result<String, NotSent> {
        let mut opened = String::new();
        for (act, key) in acts(message, name) {
            let mut event = event(message, act, &key);
            event["routing_key"] = self.routing_key.expose_secret().into();
            send(self.client.post(self.url.clone()).json(&event)).await?;
            if act == Act::Open {
                opened = key;
            }
        }
        Ok(opened)
    }
}

fn event(message: &Message, act: Act, dedup_key: &str) -> Value {
    let notice = &message.notice;
    let action = match act {
        Act::Open => "trigger",
        Act::Take => "acknowledge",
        Act::End => "resolve",
    };
    if action != "trigger" {
        return json!({ "event_action": action, "dedup_key": dedup_key });
    }
    let fact = |wanted: &str| {
        message.facts.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str())
    };
    let mut details: serde_json::Map<String, Value> =
        message.facts.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    details.insert("what".into(), json!(message.what));
    details.insert("text".into(), json!(message.text));
    details.insert("steps".into(), json!(message.steps));
    details.insert("notice".into(), json!(notice.id));
    let mut event = json!({
        "event_action": action,
        "dedup_key": dedup_key,
        "client": "Tagout",
        "payload": {
            "summary": message.title.chars().take(SUMMARY).collect::<String>(),
            "source": fact("subject").filter(|subject| !subject.is_empty()).unwrap_or("tagout"),
            "severity": severity(notice.severity),
            "timestamp": notice.at.to_string(),
            "class": notice.topic.name(),
            "custom_details": details,
        },
    });
    if let Some(link) = &message.link {
        event["client_url"] = json!(link);
        event["links"] = json!([{ "href": link, "text": "Open in Tagout" }]);
    }
    event
}

/// The severities of PagerDuty have the names of ours. What has none is as bad as it can be.
fn severity(severity: Option<Severity>) -> &'static str {
    severity.map_or("critical", Severity::name)
}
