//! One way to tell people, ready to be used.

use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;
use tagout_core::notice::Notice;
use tagout_core::time::Time;

use super::client::{HttpClient, NotSent};
use super::config::{ChannelConfig, ChannelKind};
use super::email::Email;
use super::heartbeat::Heartbeat;
use super::message::Message;
use super::opsgenie::{self, Opsgenie};
use super::page;
use super::pagerduty::{self, PagerDuty};
use super::slack::{self, Slack};
use super::webhook::Webhook;
use crate::config::BadInput;
use crate::source::Secret;

/// A way to tell people.
#[derive(Debug)]
pub(crate) struct Channel {
    config: ChannelConfig,
    transport: Transport,
}

#[derive(Debug)]
enum Transport {
    Webhook(Webhook),
    Slack(Slack),
    Email(Email),
    PagerDuty(PagerDuty),
    Opsgenie(Opsgenie),
}

/// What a configured channel is.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there are a few of them")]
pub(crate) enum Loaded {
    /// People are told through it.
    Channel(Channel),
    /// It is told that we live.
    Heartbeat(Heartbeat),
}

impl Channel {
    /// Makes a configured channel ready, with its secrets.
    ///
    /// # Errors
    /// If a secret or an address cannot be read or is none.
    pub(crate) fn load(
        config: &ChannelConfig,
        client: &HttpClient,
        base_dir: &Path,
    ) -> Result<Loaded, BadInput> {
        let named = |what: String| BadInput(format!("channel {:?}: {what}", config.name));
        config.check()?;
        Self::ready(config, client, base_dir).map_err(named)
    }

    fn ready(
        config: &ChannelConfig,
        client: &HttpClient,
        base_dir: &Path,
    ) -> Result<Loaded, String> {
        let client = client.clone();
        let address = |usual| config.load_address(base_dir, usual);
        let transport = match config.kind {
            ChannelKind::Webhook => Transport::Webhook(Webhook::load(config, client, base_dir)?),
            ChannelKind::Slack => {
                let url = address(Some(slack::USUAL))?;
                let token = text(&config.load_token(base_dir)?)?;
                let secrets = config.load_secrets(base_dir)?;
                Transport::Slack(Slack::new(config, (client, url, token), secrets)?)
            }
            ChannelKind::Email => Transport::Email(Email::load(config, base_dir)?),
            ChannelKind::PagerDuty => {
                let url = address(Some(pagerduty::USUAL))?;
                let key = text(&config.load_token(base_dir)?)?;
                Transport::PagerDuty(PagerDuty::new(client, url, key))
            }
            ChannelKind::Opsgenie => {
                let url = address(Some(opsgenie::USUAL))?;
                let key = text(&config.load_token(base_dir)?)?;
                Transport::Opsgenie(Opsgenie::new(client, url, key))
            }
            ChannelKind::Heartbeat => {
                return Ok(Loaded::Heartbeat(Heartbeat {
                    name: config.name.clone(),
                    client,
                    url: address(None)?,
                    method: config.method.unwrap_or_default(),
                    every: Duration::from_millis(config.heartbeat_interval()?.millis()),
                }));
            }
        };
        Ok(Loaded::Channel(Self { config: config.clone(), transport }))
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// Whether a notice is for it.
    pub(crate) fn takes(&self, notice: &Notice) -> bool {
        self.config.takes(notice) && self.has_use(notice)
    }

    /// As [`Channel::takes`], whoever the notice names.
    pub(crate) fn takes_topic(&self, notice: &Notice) -> bool {
        self.config.takes_topic(notice.topic) && self.has_use(notice)
    }

    /// Whether anything comes of a notice there.
    fn has_use(&self, notice: &Notice) -> bool {
        match self.transport {
            Transport::PagerDuty(_) | Transport::Opsgenie(_) => page::concerns(notice),
            Transport::Webhook(_) | Transport::Slack(_) | Transport::Email(_) => true,
        }
    }

    /// Sends a message. Returns what the channel calls it, if it can be changed later.
    pub(crate) async fn send(&self, message: &Message, now: Time) -> Result<String, NotSent> {
        let sent = match &self.transport {
            Transport::Slack(slack) => return slack.send(message).await,
            Transport::Webhook(webhook) => webhook.send(message, now).await,
            Transport::Email(email) => email.send(message, now).await,
            Transport::PagerDuty(pagerduty) => return pagerduty.send(self.name(), message).await,
            Transport::Opsgenie(opsgenie) => return opsgenie.send(self.name(), message).await,
        };
        sent.map(|()| String::new())
    }

    /// The conversation in Slack, if it is one.
    pub(crate) const fn slack(&self) -> Option<&Slack> {
        match &self.transport {
            Transport::Slack(slack) => Some(slack),
            _ => None,
        }
    }
}

fn text(secret: &Secret) -> Result<SecretString, String> {
    let text = std::str::from_utf8(secret.bytes()).map_err(|_| "token: is not UTF-8")?;
    Ok(SecretString::from(text.to_owned()))
}
