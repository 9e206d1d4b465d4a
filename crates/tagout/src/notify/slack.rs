//! A conversation in Slack: messages with buttons, changed when the matter is decided elsewhere,
//! and clicks that come back.
//!
//! Formats: <https://docs.slack.dev/reference/methods/chat.postMessage>,
//! <https://docs.slack.dev/reference/methods/chat.update>,
//! <https://docs.slack.dev/reference/methods/chat.postEphemeral>.

mod blocks;
pub mod click;
pub(crate) mod clicks;
pub mod signature;

use std::collections::BTreeMap;

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tagout_core::approval::Person;
use tagout_core::notice::Topic;
use tagout_core::tier::Tier;

use super::client::{HttpClient, NotSent, send};
use super::config::{ApproveUpTo, ChannelConfig};
use super::message::{Earlier, Message};
use crate::source::Secret;

/// Where Slack answers unless the configuration says otherwise.
pub(crate) const USUAL: &str = "https://slack.com/api";

/// Answers that stay the same however often the same is sent.
const FOR_GOOD: [&str; 6] = [
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "invalid_arguments",
];
/// Answers that say that a message cannot be changed any more.
const UNCHANGEABLE: [&str; 4] =
    ["message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found"];

/// A conversation.
#[derive(Debug)]
pub(crate) struct Slack {
    name: String,
    client: HttpClient,
    url: Url,
    token: SecretString,
    conversation: String,
    approve_up_to: ApproveUpTo,
    /// The signing secrets; empty if clicks are not taken.
    secrets: Vec<Secret>,
    people: BTreeMap<String, Person>,
}

#[derive(Deserialize)]
struct Answer {
    ok: bool,
    error: Option<String>,
    channel: Option<String>,
    ts: Option<String>,
}

impl Slack {
    pub(crate) fn new(
        config: &ChannelConfig,
        (client, url, token): (HttpClient, Url, SecretString),
        secrets: Vec<Secret>,
    ) -> Result<Self, String> {
        let conversation = config.conversation.clone().ok_or("it has no conversation")?;
        let plain = |id: &str| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric());
        if !plain(&conversation) {
            return Err(
                "conversation must be its id, such as \"C0123ABCD\", and not its name".into()
            );
        }
        let mut people = BTreeMap::new();
        for (id, name) in &config.people {
            if !plain(id) {
                return Err(format!("people: {id:?} is no user id of Slack, such as U0123ABCD"));
            }
            let person = Person::new(name).map_err(|e| format!("people: {name:?}: {e}"))?;
            people.insert(id.clone(), person);
        }
        let approve_up_to = config.approve_up_to.unwrap_or_default();
        let name = config.name.clone();
        Ok(Self { name, client, url, token, conversation, approve_up_to, secrets, people })
    }

    /// Sends or changes messages. Returns what Slack calls a new one.
    pub(crate) async fn send(&self, message: &Message) -> Result<String, NotSent> {
        let ours = message.earlier.iter().filter(|one| one.channel == self.name);
        let earlier: Vec<&Earlier> = match message.notice.topic {
            Topic::Closed => ours.collect(),
            Topic::Decided | Topic::Lapsed => {
                ours.filter(|one| one.topic.asks() && one.plan == message.notice.plan).collect()
            }
            _ => Vec::new(),
        };
        for one in &earlier {
            self.change(one, message).await?;
        }
        // Whoever must do something is told by a message of its own: a changed one rings nowhere.
        if !earlier.is_empty() && !message.notice.topic.calls() {
            return Ok(String::new());
        }
        let blocks = blocks::of(message, self.buttons(message));
        let answer = self.call("chat.postMessage", &self.body(message, blocks)).await?;
        let named = answer.channel.zip(answer.ts).map(|(channel, ts)| format!("{channel}/{ts}"));
        Ok(named.unwrap_or_default())
    }

    /// What can be done by a click.
    fn buttons(&self, message: &Message) -> blocks::Buttons {
        let Some(request) = &message.request else { return blocks::Buttons::default() };
        let answers = !self.secrets.is_empty() && !self.people.is_empty();
        blocks::Buttons {
            approve: answers && self.approve_up_to.allows(request.tier),
            reject: answers,
        }
    }

    fn body(&self, message: &Message, blocks: Vec<Value>) -> Value {
        json!({
            "channel": self.conversation,
            // What a notification shows. Here Slack would read marks; in the blocks it does not.
            "text": blocks::escaped(&message.title),
            "blocks": blocks,
            "unfurl_links": false,
            "unfurl_media": false,
            "metadata": {
                "event_type": "tagout_notice",
                "event_payload": { "notice": message.notice.id },
            },
        })
    }

    async fn change(&self, earlier: &Earlier, message: &Message) -> Result<(), NotSent> {
        let Some((channel, ts)) = earlier.receipt.split_once('/') else { return Ok(()) };
        let mut body = self.body(message, blocks::of(message, blocks::Buttons::default()));
        (body["channel"], body["ts"]) = (json!(channel), json!(ts));
        match self.call("chat.update", &body).await {
            Err(error) if UNCHANGEABLE.iter().any(|code| error.why.ends_with(code)) => {
                tracing::info!(channel = self.name, why = error.why, "a message stays as it is");
                Ok(())
            }
            done => done.map(drop),
        }
    }

    /// Tells one person something that nobody else sees.
    pub(crate) async fn whisper(&self, user: &str, text: &str) -> Result<(), NotSent> {
        let body = json!({
            "channel": self.conversation,
            "user": user,
            "text": blocks::escaped(text),
        });
        self.call("chat.postEphemeral", &body).await.map(drop)
    }

    async fn call(&self, method: &str, body: &Value) -> Result<Answer, NotSent> {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/{method}", self.url.path().trim_end_matches('/')));
        let request = self.client.post(url).bearer_auth(self.token.expose_secret()).json(body);
        let answer = send(request).await?;
        let answer: Answer = serde_json::from_slice(&answer.body)
            .map_err(|e| NotSent::now(format!("{method}: the answer cannot be read: {e}")))?;
        if answer.ok {
            return Ok(answer);
        }
        let error = answer.error.unwrap_or_default();
        // Codes are small letters; anything else is not repeated.
        let known = !error.is_empty() && error.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let error = if known { error } else { "it says no".to_owned() };
        let for_good = FOR_GOOD.contains(&error.as_str());
        Err(NotSent { for_good, ..NotSent::now(format!("{method}: {error}")) })
    }

    /// Whether it is this conversation, and a request was signed by its Slack.
    pub(crate) fn signed(
        &self,
        signed: &signature::Signed<'_>,
        now: tagout_core::time::Time,
    ) -> bool {
        signed.by_one_of(&self.secrets, now).is_ok()
    }

    /// Its id.
    pub(crate) fn conversation(&self) -> &str {
        &self.conversation
    }

    /// The person behind a user id of Slack.
    pub(crate) fn person(&self, user: &str) -> Option<&Person> {
        self.people.get(user)
    }

    /// Whether a click can approve a plan of this tier.
    pub(crate) fn approves(&self, tier: Tier) -> bool {
        self.approve_up_to.allows(tier)
    }
}
