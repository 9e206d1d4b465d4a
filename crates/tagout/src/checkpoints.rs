//! `[checkpoints]`: the signed checkpoint handed to somebody else every so often, so that they can
//! tell if the log is shortened or forked. It blocks nothing; what fails is told and tried again.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tagout_core::digest::to_hex;
use tagout_core::limits;
use tagout_core::time::Span;
use tagout_log::SignedCheckpoint;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::clock::Clock;
use crate::config::BadInput;
use crate::notify::config::Place;
use crate::notify::{ChannelConfig, HttpClient, Webhook};
use crate::poll::Leads;
use crate::source::SecretRef;
use crate::writer::Writer;

/// How often it is looked whether something is due, and how soon what failed is tried again.
const LOOK: Duration = Duration::from_secs(5);

/// `[checkpoints]`, as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointsConfig {
    /// A file that they are appended to, on a disk that this host cannot take back. Relative to
    /// the configuration file.
    pub file: Option<PathBuf>,
    /// A receiver of Standard Webhooks.
    pub url: Option<Place>,
    /// What the body is signed with, each `whsec_…`.
    #[serde(default)]
    pub secrets: Vec<SecretRef>,
    /// The time between two, in minutes, if the log grew; 60 if nothing is said.
    pub minutes: Option<u64>,
}

impl CheckpointsConfig {
    fn every(&self) -> Span {
        Span::from_secs(self.minutes.unwrap_or(60).saturating_mul(60))
    }

    fn receiver(&self) -> Option<ChannelConfig> {
        let url = self.url.clone()?;
        Some(ChannelConfig::webhook("checkpoints", url, self.secrets.clone()))
    }

    /// The receiver, with its secrets.
    ///
    /// # Errors
    /// If a secret or the address cannot be read or is none.
    pub(crate) fn webhook(&self, base_dir: &Path) -> Result<Option<Webhook>, BadInput> {
        let Some(receiver) = self.receiver() else { return Ok(None) };
        receiver.check()?;
        let client = HttpClient::new().map_err(BadInput)?;
        let webhook = Webhook::load(&receiver, client, base_dir);
        webhook.map(Some).map_err(|e| BadInput(format!("[checkpoints]: {e}")))
    }

    /// Where checkpoints go and how often, in words that name no address.
    pub(crate) fn words(&self) -> String {
        let every = self.every();
        match (&self.file, &self.url) {
            (None, None) => {
                "nobody else holds checkpoints: set file or url in [checkpoints]".into()
            }
            (Some(file), None) => {
                format!("checkpoints are appended to {} every {every}", file.display())
            }
            (None, Some(_)) => format!("a webhook is handed checkpoints every {every}"),
            (Some(file), Some(_)) => format!(
                "checkpoints are appended to {} and handed to a webhook every {every}",
                file.display()
            ),
        }
    }

    /// Every secret that it names.
    pub fn secret_refs(&self) -> impl Iterator<Item = &SecretRef> {
        let place = match &self.url {
            Some(Place::Secret(secret)) => Some(secret),
            _ => None,
        };
        self.secrets.iter().chain(place)
    }

    /// Holds the section against itself.
    ///
    /// # Errors
    /// The first thing that is wrong, with what to do about it.
    pub fn check(&self) -> Result<(), BadInput> {
        let wrong = |what: String| Err(BadInput(format!("[checkpoints]: {what}")));
        let (least, most) = limits::CHECKPOINT_INTERVAL;
        if !(least..=most).contains(&self.every()) {
            let (least, most) = (least.millis() / 60_000, most.millis() / 60_000);
            return wrong(format!("minutes must be from {least} to {most}"));
        }
        if self.url.is_none() && !self.secrets.is_empty() {
            return wrong("secrets sign what goes to a url, and there is none".into());
        }
        if self.minutes.is_some() && self.url.is_none() && self.file.is_none() {
            return wrong("minutes needs a file or a url".into());
        }
        self.receiver().map_or(Ok(()), |receiver| receiver.check())
    }
}

/// Where checkpoints go.
#[derive(Debug)]
enum To {
    File(PathBuf),
    Webhook(Webhook),
}

/// One place that checkpoints go to, and how that stands.
#[derive(Debug)]
struct Holder {
    to: To,
    /// When the last one arrived, and which.
    arrived: Option<(Instant, String)>,
    failing: bool,
}

/// Everybody who is to hold checkpoints.
#[derive(Debug)]
pub(crate) struct Holders {
    holders: Vec<Holder>,
    every: Duration,
}

impl Holders {
    /// Makes the configured places ready.
    ///
    /// # Errors
    /// If a secret or an address cannot be read or is none, or the file cannot be written.
    pub(crate) fn load(config: &CheckpointsConfig, base_dir: &Path) -> Result<Self, BadInput> {
        let mut to = Vec::new();
        if let Some(file) = &config.file {
            let path = base_dir.join(file);
            open(&path)
                .map_err(|e| BadInput(format!("[checkpoints]: file: {}: {e}", path.display())))?;
            to.push(To::File(path));
        }
        to.extend(config.webhook(base_dir)?.map(To::Webhook));
        let holder = |to| Holder { to, arrived: None, failing: false };
        let every = Duration::from_millis(config.every().millis());
        Ok(Self { holders: to.into_iter().map(holder).collect(), every })
    }

    /// Hands out checkpoints for as long as it runs; the replica that leads does.
    pub(crate) async fn run(mut self, writer: Writer, leads: Leads) {
        if self.holders.is_empty() {
            return;
        }
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if !leads() || !self.holders.iter().any(|holder| holder.is_due(self.every)) {
                continue;
            }
            // What cannot be read is told where the log is signed.
            let Ok(Ok(Some(signed))) = writer.read(|journal| journal.last_checkpoint()).await
            else {
                continue;
            };
            for holder in &mut self.holders {
                if holder.is_due(self.every) {
                    holder.hand(&signed).await;
                }
            }
        }
    }
}

impl Holder {
    fn is_due(&self, every: Duration) -> bool {
        self.arrived.as_ref().is_none_or(|(at, _)| at.elapsed() >= every)
    }

    async fn hand(&mut self, signed: &SignedCheckpoint) {
        let note = signed.to_string();
        if self.arrived.as_ref().is_some_and(|(_, last)| *last == note) {
            return;
        }
        let name = self.name();
        let handed = match &self.to {
            To::File(path) => {
                let (path, note) = (path.clone(), note.clone());
                let appended = tokio::task::spawn_blocking(move || append(&path, &note)).await;
                appended.map_err(|e| e.to_string()).and_then(|done| done.map_err(|e| e.to_string()))
            }
            To::Webhook(webhook) => post(webhook, signed).await,
        };
        let outcome = if handed.is_ok() { "sent" } else { "failed" };
        metrics::counter!("tagout_checkpoints_handed_out_total", "to" => name, "outcome" => outcome)
            .increment(1);
        // Told when it changes, and not each time for as long as it lasts.
        if handed.is_err() != self.failing {
            self.failing = handed.is_err();
            match &handed {
                Ok(()) => tracing::info!(to = name, "checkpoints are handed out again"),
                Err(why) => tracing::error!(to = name, why, "a checkpoint was not handed out"),
            }
        }
        if handed.is_ok() {
            let entries = signed.checkpoint().size;
            tracing::debug!(to = name, entries, "handed out a checkpoint");
            self.arrived = Some((Instant::now(), note));
        }
    }

    const fn name(&self) -> &'static str {
        match self.to {
            To::File(_) => "file",
            To::Webhook(_) => "webhook",
        }
    }
}

async fn post(webhook: &Webhook, signed: &SignedCheckpoint) -> Result<(), String> {
    let checkpoint = signed.checkpoint();
    let (now, _) = Clock::default().read(None, None);
    let root: String = to_hex(&checkpoint.root).chars().take(16).collect();
    // The same one has the same id, however often it is sent.
    let id = format!("checkpoint_{}_{root}", checkpoint.size);
    let body = serde_json::json!({
        "type": "tagout.checkpoint",
        "timestamp": now.to_string(),
        "data": {
            "origin": checkpoint.origin,
            "entries": checkpoint.size,
            "note": signed.to_string(),
        },
    });
    webhook.post(&id, body.to_string(), now).await.map_err(|not_sent| not_sent.why)
}

fn open(path: &Path) -> io::Result<std::fs::File> {
    OpenOptions::new().append(true).create(true).mode(0o644).open(path)
}

/// Appends a note, with an empty line behind it, durably.
fn append(path: &Path, note: &str) -> io::Result<()> {
    let mut file = open(path)?;
    file.write_all(format!("{note}\n").as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> CheckpointsConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_time_between_two_is_within_its_limits() {
        let (least, most) = limits::CHECKPOINT_INTERVAL;
        let (least, most) = (least.millis() / 60_000, most.millis() / 60_000);
        let check = |minutes: u64| config(&format!("file = \"a\"\nminutes = {minutes}")).check();
        for within in [least, most] {
            assert_eq!(check(within), Ok(()));
        }
        for outside in [least - 1, most + 1, u64::MAX] {
            assert!(check(outside).is_err());
        }
    }

    #[test]
    fn a_url_needs_a_secret_to_sign_with_and_a_secret_needs_a_url() {
        let secret = "secrets = [{ env = \"A\" }]";
        assert!(config("url = \"https://h.example/\"").check().is_err());
        assert_eq!(config(&format!("url = \"https://h.example/\"\n{secret}")).check(), Ok(()));
        assert!(config(secret).check().is_err());
        assert!(config("minutes = 5").check().is_err());
        assert_eq!(config("").check(), Ok(()));
    }
}
