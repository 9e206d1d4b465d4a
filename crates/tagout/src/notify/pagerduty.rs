//! PagerDuty, Events API v2: one alert for each incident, opened, taken and ended under its id.
//!
//! Format: <https://developer.pagerduty.com/docs/send-alert-event>.

use reqwest::{Client, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tagout_core::alert::Severity;

use super::client::{NotSent, send};
use super::message::Message;
use super::page::{Page, key};

/// Where events go unless the configuration says otherwise.
pub(crate) const USUAL: &str = "https://events.pagerduty.com";
/// The longest summary that is taken, in characters.
const SUMMARY: usize = 1024;

/// A service of PagerDuty.
#[derive(Debug)]
pub(crate) struct PagerDuty {
    client: Client,
    url: Url,
    routing_key: SecretString,
}

impl PagerDuty {
    pub(crate) fn new(client: Client, mut url: Url, routing_key: SecretString) -> Self {
        url.set_path(&format!("{}/v2/enqueue", url.path().trim_end_matches('/')));
        Self { client, url, routing_key }
    }

    pub(crate) async fn send(&self, message: &Message) -> Result<(), NotSent> {
        let mut event = event(message);
        event["routing_key"] = self.routing_key.expose_secret().into();
        send(self.client.post(self.url.clone()).json(&event)).await.map(drop)
    }
}

fn event(message: &Message) -> Value {
    let notice = &message.notice;
    let dedup_key = key(notice);
    let action = match Page::of(notice) {
        Page::Open => "trigger",
        Page::Take => "acknowledge",
        Page::End => "resolve",
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
