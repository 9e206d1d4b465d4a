//! A `[[channel]]` of the configuration file: a way to tell people.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reqwest::Url;
use serde::Deserialize;
use tagout_core::limits;
use tagout_core::notice::{Notice, Topic};
use tagout_core::tier::Tier;
use tagout_core::time::Span;

use crate::config::BadInput;
use crate::config::address::is_here;
use crate::source::{Secret, SecretRef};

/// A way to tell people, as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelConfig {
    /// Small letters, digits and hyphens: what it is called in the log, in metrics and messages.
    pub name: String,
    /// What takes the notices.
    pub kind: ChannelKind,
    /// The groups and rotas that it is for. Without any it takes every notice.
    #[serde(default)]
    pub audiences: BTreeSet<String>,
    /// What it is told of; everything if nothing is said.
    #[serde(default)]
    pub topics: BTreeSet<Topic>,
    /// Where it answers: `webhook` and `heartbeat`; for `slack`, `pagerduty` and `opsgenie`
    /// another place than the provider's usual one.
    pub url: Option<Place>,
    /// `webhook`: what the body is signed with, each `whsec_…`. `slack`: the signing secrets
    /// that clicks are proved with.
    #[serde(default)]
    pub secrets: Vec<SecretRef>,
    /// `slack`: the bot's token. `pagerduty`: the routing key. `opsgenie`: the API key.
    pub token: Option<SecretRef>,
    /// `slack`: the id of the conversation, such as `C0123ABCD`.
    pub conversation: Option<String>,
    /// `slack`: the people behind Slack's user ids, such as `U0123ABCD = "ana"`.
    #[serde(default)]
    pub people: BTreeMap<String, String>,
    /// `slack`: the highest tier that a click can approve, `low` or `medium`; `never` for none.
    pub approve_up_to: Option<ApproveUpTo>,
    /// `email`: the server, as `host` or `host:port`.
    pub server: Option<String>,
    /// `email`: how the connection is kept private.
    pub tls: Option<MailTls>,
    /// `email`: the user's name at the server.
    pub user: Option<String>,
    /// `email`: the user's password at the server.
    pub password: Option<SecretRef>,
    /// `email`: who it comes from.
    pub from: Option<String>,
    /// `email`: who it goes to.
    #[serde(default)]
    pub to: Vec<String>,
    /// `heartbeat`: the time between two signs of life, as `60s`.
    pub interval: Option<String>,
    /// `heartbeat`: the method, `get` if nothing is said.
    pub method: Option<HeartbeatMethod>,
}

/// What takes notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// Any receiver of Standard Webhooks.
    Webhook,
    /// A conversation in Slack.
    Slack,
    /// Mail.
    Email,
    /// PagerDuty, Events API v2.
    PagerDuty,
    /// Opsgenie, Alert API v2.
    Opsgenie,
    /// An outside watch that misses us when we are silent.
    Heartbeat,
}

impl ChannelKind {
    /// Its name, as it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Email => "email",
            Self::PagerDuty => "pagerduty",
            Self::Opsgenie => "opsgenie",
            Self::Heartbeat => "heartbeat",
        }
    }

    /// Whether people are paged through it: an incident there is opened, taken and ended.
    #[must_use]
    pub const fn pages(self) -> bool {
        matches!(self, Self::PagerDuty | Self::Opsgenie)
    }
}

/// A URL, or where one is that nobody may read: many hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Place {
    /// The URL.
    Url(String),
    /// Where it is.
    Secret(SecretRef),
}

/// The highest tier that a click can approve. High and critical plans are approved on the page
/// and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApproveUpTo {
    /// None.
    Never,
    /// Low.
    Low,
    /// Low and medium.
    #[default]
    Medium,
}

impl ApproveUpTo {
    /// Whether a click can approve a plan of this tier.
    #[must_use]
    pub fn allows(self, tier: Tier) -> bool {
        match self {
            Self::Never => false,
            Self::Low => tier == Tier::Low,
            Self::Medium => tier <= Tier::Medium,
        }
    }
}

/// How a mail server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// The connection begins in the clear and is made private before anything is sent (587).
    #[default]
    StartTls,
    /// It is private from the beginning (465).
    Implicit,
    /// It is not private. Only for a server on this machine.
    None,
}

/// How a sign of life is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeartbeatMethod {
    /// GET.
    #[default]
    Get,
    /// POST, without a body.
    Post,
}

/// Checks all channels together.
///
/// # Errors
/// The first thing that is wrong, with the channel and what to do.
pub fn check_all(channels: &[ChannelConfig]) -> Result<(), BadInput> {
    if channels.len() > limits::CHANNELS {
        let most = limits::CHANNELS;
        return Err(BadInput(format!("there are more than {most} channels")));
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = channels.iter().find(|channel| !names.insert(&channel.name)) {
        return Err(BadInput(format!("two channels are named {:?}", twice.name)));
    }
    // Where Slack's clicks come in, the signature must say whose they are.
    channels.iter().try_for_each(ChannelConfig::check)
}

impl ChannelConfig {
    /// A receiver of Standard Webhooks.
    #[must_use]
    pub fn webhook(name: &str, url: Place, secrets: Vec<SecretRef>) -> Self {
        Self {
            name: name.to_owned(),
            kind: ChannelKind::Webhook,
            audiences: BTreeSet::new(),
            topics: BTreeSet::new(),
            url: Some(url),
            secrets,
            token: None,
            conversation: None,
            people: BTreeMap::new(),
            approve_up_to: None,
            server: None,
            tls: None,
            user: None,
            password: None,
            from: None,
            to: Vec::new(),
            interval: None,
            method: None,
        }
    }

    /// Every secret that it names.
    pub fn secret_refs(&self) -> impl Iterator<Item = &SecretRef> {
        let place = match &self.url {
            Some(Place::Secret(secret)) => Some(secret),
            _ => None,
        };
        self.secrets.iter().chain(&self.token).chain(&self.password).chain(place)
    }

    /// Whether a notice is for this channel. One that names nobody is for all.
    #[must_use]
    pub fn takes(&self, notice: &Notice) -> bool {
        let named = notice.audiences.is_empty()
            || self.audiences.is_empty()
            || !self.audiences.is_disjoint(&notice.audiences);
        named && self.takes_topic(notice.topic)
    }

    /// Whether it is told of such things at all.
    #[must_use]
    pub fn takes_topic(&self, topic: Topic) -> bool {
        self.kind != ChannelKind::Heartbeat
            && (self.topics.is_empty() || self.topics.contains(&topic))
    }

    /// Holds the configuration against itself.
    ///
    /// # Errors
    /// The first thing that is wrong, with what to do about it.
    pub fn check(&self) -> Result<(), BadInput> {
        self.flaw().map_or(Ok(()), |what| Err(BadInput(format!("channel {:?}: {what}", self.name))))
    }

    fn flaw(&self) -> Option<String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty()
            || self.name.len() > limits::SOURCE_NAME_BYTES
            || !self.name.chars().all(plain)
        {
            let most = limits::SOURCE_NAME_BYTES;
            return Some(format!("its name must be 1 to {most} small letters, digits and hyphens"));
        }
        if self.secret_refs().any(|secret| *secret == SecretRef::Misplaced) {
            return Some(
                "a secret never stands in the configuration: write { env = \"NAME\" } or { file = \
                 \"path\" }, and if one stood here, change it"
                    .into(),
            );
        }
        if self.audiences.len() > limits::CHANNEL_AUDIENCES {
            return Some(format!("it has more than {} audiences", limits::CHANNEL_AUDIENCES));
        }
        if self.secrets.len() > limits::CHANNEL_SECRETS {
            return Some(format!(
                "it has more than {} secrets, the old and the new one",
                limits::CHANNEL_SECRETS
            ));
        }
        self.unused().or_else(|| self.missing())
    }

    /// A key that its kind knows nothing of.
    fn unused(&self) -> Option<String> {
        use ChannelKind::{Email, Heartbeat, Opsgenie, PagerDuty, Slack, Webhook};
        let written: [(&str, bool, &[ChannelKind]); 15] = [
            (
                "audiences",
                !self.audiences.is_empty(),
                &[Webhook, Slack, Email, PagerDuty, Opsgenie],
            ),
            ("topics", !self.topics.is_empty(), &[Webhook, Slack, Email, PagerDuty, Opsgenie]),
            ("url", self.url.is_some(), &[Webhook, Slack, PagerDuty, Opsgenie, Heartbeat]),
            ("secrets", !self.secrets.is_empty(), &[Webhook, Slack]),
            ("token", self.token.is_some(), &[Slack, PagerDuty, Opsgenie]),
            ("conversation", self.conversation.is_some(), &[Slack]),
            ("people", !self.people.is_empty(), &[Slack]),
            ("approve_up_to", self.approve_up_to.is_some(), &[Slack]),
            ("server", self.server.is_some(), &[Email]),
            ("tls", self.tls.is_some(), &[Email]),
            ("user", self.user.is_some(), &[Email]),
            ("password", self.password.is_some(), &[Email]),
            ("from", self.from.is_some(), &[Email]),
            ("to", !self.to.is_empty(), &[Email]),
            ("interval", self.interval.is_some() || self.method.is_some(), &[Heartbeat]),
        ];
        let (key, ..) =
            written.iter().find(|(_, set, kinds)| *set && !kinds.contains(&self.kind))?;
        Some(format!("{key} is not for kind {:?}; remove it", self.kind.name()))
    }

    /// What its kind needs and is not there.
    fn missing(&self) -> Option<String> {
        let kind = self.kind.name();
        let needs =
            |key: &str, example: &str| Some(format!("kind {kind:?} needs {key} = {example}"));
        let secret = "{ env = \"NAME\" }";
        match self.kind {
            ChannelKind::Webhook if self.url.is_none() => {
                return needs("url", "\"https://…\"");
            }
            ChannelKind::Webhook if self.secrets.is_empty() => {
                return needs("secrets", &format!("[{secret}], which holds whsec_…"));
            }
            ChannelKind::Slack if self.token.is_none() => return needs("token", secret),
            ChannelKind::Slack if self.conversation.is_none() => {
                return needs("conversation", "\"C0123ABCD\"");
            }
            ChannelKind::Slack if self.secrets.is_empty() && !self.people.is_empty() => {
                return needs("secrets", &format!("[{secret}], Slack's signing secret"));
            }
            ChannelKind::PagerDuty | ChannelKind::Opsgenie if self.token.is_none() => {
                return needs("token", secret);
            }
            ChannelKind::Email if self.server.is_none() => {
                return needs("server", "\"mail.example.org\"");
            }
            ChannelKind::Email if self.from.is_none() => {
                return needs("from", "\"Tagout <tagout@example.org>\"");
            }
            ChannelKind::Email if !(1..=limits::RECIPIENTS).contains(&self.to.len()) => {
                return needs("to", &format!("[…], 1 to {} addresses", limits::RECIPIENTS));
            }
            ChannelKind::Email if self.user.is_some() != self.password.is_some() => {
                return Some("user and password go together".into());
            }
            ChannelKind::Heartbeat if self.url.is_none() => {
                return needs("url", secret);
            }
            _ => {}
        }
        if self.kind == ChannelKind::Heartbeat {
            return self.heartbeat_interval().err();
        }
        if let Some(Place::Url(url)) = &self.url {
            return self.address(url).err();
        }
        None
    }

    /// The time between two signs of life.
    ///
    /// # Errors
    /// If it is no length of time, or outside its limits.
    pub fn heartbeat_interval(&self) -> Result<Span, String> {
        let Some(text) = &self.interval else { return Ok(Span::from_secs(60)) };
        let span: Span = text.parse().map_err(|e| format!("interval: {e}"))?;
        let (least, most) = limits::HEARTBEAT_INTERVAL;
        if (least..=most).contains(&span) {
            return Ok(span);
        }
        Err(format!("interval is {span}; it must be from {least} to {most}"))
    }

    /// The address at which the channel answers; `usual` if none is written.
    ///
    /// # Errors
    /// If it cannot be read or is not one that notices may be sent to.
    pub fn load_address(&self, base_dir: &Path, usual: Option<&str>) -> Result<Url, String> {
        match (&self.url, usual) {
            (Some(Place::Url(url)), _) => self.address(url),
            (Some(Place::Secret(secret)), _) => {
                let secret = secret.load(base_dir)?;
                let url = std::str::from_utf8(secret.bytes()).map_err(|_| "url: is not UTF-8")?;
                self.address(url)
            }
            (None, Some(usual)) => self.address(usual),
            (None, None) => Err("it has no url".into()),
        }
    }

    /// Only the operator's own configuration names addresses, and no redirect is followed; so
    /// a slip is what is looked for here.
    fn address(&self, text: &str) -> Result<Url, String> {
        // The words never repeat it: it may hold a secret.
        let url = Url::parse(text).map_err(|e| format!("url: {e}"))?;
        let host = url.host_str().ok_or("url: names no host")?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("url: names a user; write the secret elsewhere".into());
        }
        let local = is_here(host);
        match url.scheme() {
            "https" => Ok(url),
            // What is signed may travel in the clear where the operator says so; a token not.
            "http" if local || self.kind == ChannelKind::Webhook => Ok(url),
            "http" => Err("url: is not https, and a secret would travel in the clear".into()),
            _ => Err("url: is neither https nor http".into()),
        }
    }

    /// The secrets that bodies are signed with or clicks are proved with.
    pub(super) fn load_secrets(&self, base_dir: &Path) -> Result<Vec<Secret>, String> {
        self.secrets.iter().map(|secret| secret.load(base_dir)).collect()
    }

    /// The token, as text.
    pub(super) fn load_token(&self, base_dir: &Path) -> Result<Secret, String> {
        let token = self.token.as_ref().ok_or("it has no token")?.load(base_dir)?;
        let plain = |byte: &u8| byte.is_ascii_graphic();
        if !token.bytes().iter().all(plain) {
            return Err("token: holds other than plain characters".into());
        }
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOOK: &str = "kind = \"webhook\"\nurl = \"https://h.example/\"\n";

    fn channel(rest: &str) -> ChannelConfig {
        toml::from_str(&format!("name = \"a\"\n{rest}")).unwrap()
    }

    fn hook() -> ChannelConfig {
        channel(&format!("{HOOK}secrets = [{{ env = \"A\" }}]\n"))
    }

    #[test]
    fn there_are_as_many_channels_as_the_limit_and_not_one_more() {
        let named = |n: usize| ChannelConfig { name: format!("a{n}"), ..hook() };
        let most: Vec<_> = (0..limits::CHANNELS).map(named).collect();
        assert_eq!(check_all(&most), Ok(()));
        let more: Vec<_> = (0..=limits::CHANNELS).map(named).collect();
        assert!(check_all(&more).is_err());
    }

    #[test]
    fn a_channel_has_no_more_secrets_audiences_or_recipients_than_the_limits() {
        let secrets = |n| ChannelConfig { secrets: vec![SecretRef::Env("A".into()); n], ..hook() };
        assert_eq!(secrets(limits::CHANNEL_SECRETS).check(), Ok(()));
        assert!(secrets(limits::CHANNEL_SECRETS + 1).check().is_err());
        let audiences = |n: usize| ChannelConfig {
            audiences: (0..n).map(|n| n.to_string()).collect(),
            ..hook()
        };
        assert_eq!(audiences(limits::CHANNEL_AUDIENCES).check(), Ok(()));
        assert!(audiences(limits::CHANNEL_AUDIENCES + 1).check().is_err());
        let mail = "kind = \"email\"\nserver = \"m.example\"\nfrom = \"a@example.org\"\n";
        let to = |n| ChannelConfig { to: vec!["b@example.org".into(); n], ..channel(mail) };
        assert!(to(0).check().is_err());
        assert_eq!(to(limits::RECIPIENTS).check(), Ok(()));
        assert!(to(limits::RECIPIENTS + 1).check().is_err());
        let long = |n: usize| ChannelConfig { name: "a".repeat(n), ..hook() };
        assert_eq!(long(limits::SOURCE_NAME_BYTES).check(), Ok(()));
        assert!(long(limits::SOURCE_NAME_BYTES + 1).check().is_err());
    }

    #[test]
    fn signs_of_life_come_within_the_limits() {
        let every = |ms: u64| {
            let watch = "kind = \"heartbeat\"\nurl = \"https://h.example/\"\n";
            ChannelConfig { interval: Some(Span::from_millis(ms).to_string()), ..channel(watch) }
        };
        let (least, most) = limits::HEARTBEAT_INTERVAL;
        for within in [least.millis(), most.millis()] {
            assert_eq!(every(within).check(), Ok(()));
        }
        for outside in [least.millis() - 1, most.millis() + 1] {
            assert!(every(outside).check().is_err());
        }
    }

    #[test]
    fn a_token_goes_in_the_clear_to_this_machine_only() {
        let place = |kind: &str, url: &str| {
            let text = format!("kind = {kind:?}\nurl = {url:?}\n");
            channel(&text).load_address(Path::new("."), None).is_ok()
        };
        for local in ["http://127.0.0.1:1/", "http://[::1]/", "http://localhost/"] {
            assert!(place("pagerduty", local), "{local}");
        }
        assert!(place("pagerduty", "https://events.example/"));
        assert!(!place("pagerduty", "http://127.0.0.1.example/"));
        assert!(!place("heartbeat", "http://watch.example/"));
        assert!(place("webhook", "http://in-our-net.example/"));
    }
}
