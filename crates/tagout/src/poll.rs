//! Asking sources for their alerts, beside being sent them: Alertmanager and Prometheus.
//!
//! Each source has a task of its own. It asks, compares with what it saw before
//! (`memory.rs`), and hands over only what is new, changed or resolved, and everything again
//! every half hour. An alert that is asked for and the same one that is sent have the same
//! labels and so are one incident.

mod client;
mod config;
mod memory;
mod own;
mod silences;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::Source;
pub use config::{Basic, PollConfig, PollKind, check_all};
use memory::Memory;
use own::Own;
use silences::Silences;
use tagout_core::alert::Alert;
use tagout_core::approval::Person;
use tagout_core::digest::DeliveryDigest;
use tagout_core::incident::Incident;
use tagout_core::limits;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::now;
use crate::config::BadInput;
use crate::journal::Journal;
use crate::signals::{Delivery, Format, Intake, Reading, pulled};
use crate::store::Store;
use crate::writer::Writer;

/// Whether this process is the one that polls: of several replicas only one does.
pub type Leads = Arc<dyn Fn() -> bool + Send + Sync>;

/// The annotation that says which poll an alert came from. After a restart it tells which
/// alerts this poll must see the end of.
pub const ANNOTATION: &str = "tagout_poll";

/// After how many intervals without success people are told.
const FAILING_INTERVALS: u32 = 5;
/// How long a source that goes on failing is left alone at most.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(300);
/// How many alerts that are held back are taken from the log at a start.
const HELD: usize = 1_000;

/// Starts to poll a source, until `shutdown` says `true` or is dropped. Call it for each entry,
/// inside a runtime, after [`check_all`].
///
/// # Errors
/// If the address cannot be used, or no client can be made.
pub fn spawn(
    config: PollConfig,
    writer: Writer,
    leads: Leads,
    mut shutdown: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, BadInput> {
    let named = |what: &dyn Display| BadInput(format!("poll {:?}: {what}", config.name));
    let source = Source::new(&config).map_err(|e| named(&e))?;
    let by = Person::new(&format!("alertmanager:{}", config.name)).map_err(|e| named(&e))?;
    let poller = Poller { config, source, writer, by, memory: None, own: Own::default() };
    Ok(tokio::spawn(async move {
        tokio::select! {
            () = poller.work(leads) => {}
            // Dropped, there is nobody left who could say so.
            _ = shutdown.wait_for(|down| *down) => {}
        }
    }))
}

/// One source and what is known of it.
struct Poller {
    config: PollConfig,
    source: Source,
    writer: Writer,
    /// Who opens and closes windows for its silences.
    by: Person,
    /// Absent until the log was asked, and while another replica polls.
    memory: Option<Memory>,
    own: Own,
}

impl Poller {
    async fn work(mut self, leads: Leads) {
        let interval = Duration::from_millis(self.config.interval.millis());
        let (mut last, mut failures) = (Instant::now(), 0u32);
        loop {
            let wait = if !leads() {
                (self.memory, self.own, failures, last) = (None, Own::default(), 0, Instant::now());
                interval
            } else {
                match self.poll().await {
                    Ok(()) => {
                        (failures, last) = (0, Instant::now());
                        self.note("ok");
                        self.own.mend(&self.config.name);
                        interval
                    }
                    Err(error) => {
                        failures = failures.saturating_add(1);
                        self.note("failed");
                        tracing::warn!(poll = self.config.name, %error, "a poll failed");
                        if last.elapsed() > interval * FAILING_INTERVALS {
                            self.own.fail(&self.config.name, &error);
                        }
                        back_off(interval, failures)
                    }
                }
            };
            if leads()
                && let Err(error) = self.own.tell(&self.config.name, &self.writer).await
            {
                let poll = &self.config.name;
                tracing::error!(poll, %error, "the state of a poll could not be recorded");
            }
            tokio::time::sleep(wait).await;
        }
    }

    fn note(&self, outcome: &'static str) {
        let name = self.config.name.clone();
        metrics::counter!("tagout_polls_total", "poll" => name.clone(), "outcome" => outcome)
            .increment(1);
        if outcome == "ok" {
            #[allow(clippy::cast_precision_loss, reason = "seconds of this age are exact")]
            let seconds = (now().millis() / 1000) as f64;
            metrics::gauge!("tagout_poll_last_success_timestamp_seconds", "poll" => name)
                .set(seconds);
        }
    }

    /// Asks once. Alerts are handed over even if the rest of the answer is missing, but then
    /// none counts as resolved.
    async fn poll(&mut self) -> Result<(), String> {
        let mut memory = match self.memory.take() {
            Some(memory) => memory,
            None => self.remember().await?,
        };
        // First, because a restart after this is noticed with the next poll.
        let peer = self.source.peer(&self.config).await;
        // Before the alerts: one that is held back no more must find its window closed.
        let silenced = self.take_over_silences().await;
        let path = match self.config.kind {
            PollKind::Alertmanager => {
                "/api/v2/alerts?active=true&silenced=true&inhibited=true&unprocessed=true"
            }
            PollKind::Prometheus => "/api/v1/alerts",
        };
        let handed_over = match self.source.ask(&self.config, path).await {
            Ok(body) => {
                let peer = peer.as_ref().ok().copied().filter(|_| silenced.is_ok());
                self.hand_over(&mut memory, &body, peer).await
            }
            Err(error) => Err(error),
        };
        self.memory = Some(memory);
        // The first of these says most: what a wrong address answers may look like alerts.
        peer?;
        silenced?;
        handed_over
    }

    async fn hand_over(
        &self,
        memory: &mut Memory,
        body: &[u8],
        peer: Option<memory::Peer>,
    ) -> Result<(), String> {
        let (format, readings) = match self.config.kind {
            PollKind::Alertmanager => (Format::AlertmanagerApi, pulled::alertmanager_alerts(body)),
            PollKind::Prometheus => (Format::PrometheusApi, pulled::prometheus_alerts(body)),
        };
        let readings = readings.map_err(|e| format!("the alerts cannot be read: {e}"))?;
        let readings = readings.into_iter().map(|reading| self.complete(reading)).collect();
        let at = now();
        let whole = memory.is_heartbeat(at);
        let mut due = memory.compare(readings, peer, self.config.settle(), at);
        let digest = DeliveryDigest::of_bytes(body);
        while !due.is_empty() {
            let rest = due.split_off(due.len().min(limits::POLLED_PER_DELIVERY));
            let alerts = std::mem::replace(&mut due, rest);
            let delivery =
                Delivery { source: format, digest, alerts: alerts.clone(), truncated: 0 };
            let source = Some(self.config.name.clone());
            let intake = Arc::new(Intake::Alerts { source, delivery });
            if let Err(error) = self.writer.deliver(intake).await {
                memory.forget_flaws();
                return Err(format!("what changed could not be recorded: {error}"));
            }
            memory.keep(alerts);
        }
        if whole {
            memory.keep_whole(at);
        }
        Ok(())
    }

    /// Adds what the source does not say: its external labels, and where the alert came from.
    fn complete(&self, reading: Reading) -> Reading {
        let Reading::Alert(mut alert) = reading else { return reading };
        for (name, value) in &self.config.labels {
            alert.labels.entry(name.clone()).or_insert_with(|| value.clone());
        }
        if alert.annotations.len() < limits::LABELS {
            alert.annotations.insert(ANNOTATION.to_owned(), self.config.name.as_str().into());
        }
        match alert.check() {
            Ok(()) => Reading::Alert(alert),
            Err(flaw) => Reading::Flawed { index: 0, flaw },
        }
    }

    /// What the log knows to have come from this source and not to have ended.
    async fn remember(&self) -> Result<Memory, String> {
        let name = self.config.name.clone();
        let known = self.writer.read(move |journal| known(journal, &name)).await;
        Ok(Memory::of(known.map_err(|e| format!("the log could not be asked: {e}"))?))
    }

    /// Makes the windows of this poll what its silences are.
    async fn take_over_silences(&mut self) -> Result<(), String> {
        let silences = if self.config.silences {
            let body = self.source.ask(&self.config, "/api/v2/silences").await?;
            Silences::read(&self.config.name, &body)?
        } else {
            // Those that were taken over before the configuration was changed are closed.
            Silences::default()
        };
        self.own.leave(&self.config.name, &silences.left);
        let prefix = silences::prefix(&self.config.name);
        let at = now();
        let open = self.writer.read(move |journal| {
            let windows = journal.shared().windows(at).filter(|(id, _)| id.starts_with(&prefix));
            windows.map(|(id, window)| (id.to_owned(), window.clone())).collect::<BTreeMap<_, _>>()
        });
        let open = open.await.map_err(|e| format!("the windows could not be read: {e}"))?;
        for command in silences.commands(&open, &self.by, at) {
            let done = self.writer.shared(command).await;
            done.map_err(|e| format!("a silence could not be taken over: {e}"))?;
        }
        Ok(())
    }
}

/// The alerts of open incidents, and those held back, that came from the poll of this name.
fn known(journal: &Journal<Store>, poll: &str) -> Vec<Alert> {
    let from_here =
        |alert: &Alert| alert.annotations.get(ANNOTATION).is_some_and(|name| name.as_str() == poll);
    let open = journal.incidents().filter_map(|(_, incident)| match incident {
        Incident::Open(case, _) => Some(case.alert.clone()),
        _ => None,
    });
    let sightings = journal.shared().sightings();
    let held = sightings.held().iter().take(HELD).filter_map(|identity| {
        let seen = sightings.get(*identity)?;
        journal.load(&seen.incident).ok()?.case().map(|case| case.alert.clone())
    });
    open.chain(held).filter(from_here).collect()
}

/// How long to wait after so many failures in a row. At first nothing is waited for: an outage
/// of seconds must not cost minutes.
fn back_off(interval: Duration, failures: u32) -> Duration {
    let doublings = failures.saturating_sub(FAILING_INTERVALS).min(10);
    (interval * (1 << doublings)).min(LONGEST_BACK_OFF.max(interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_goes_on_failing_is_asked_less_and_less_often() {
        let half_a_minute = Duration::from_secs(30);
        assert_eq!(back_off(half_a_minute, 1), half_a_minute);
        assert_eq!(back_off(half_a_minute, 5), half_a_minute);
        assert_eq!(back_off(half_a_minute, 6), half_a_minute * 2);
        assert_eq!(back_off(half_a_minute, u32::MAX), LONGEST_BACK_OFF);
        let hour = Duration::from_secs(3600);
        assert_eq!(back_off(hour, 50), hour);
    }
}
