//! What a poll has to tell people about itself, as alerts of Tagout's own: that its source
//! cannot be asked, and that a silence could not be taken over.

use std::collections::BTreeMap;

use tagout_core::alert::{Alert, AlertStatus};
use tagout_core::digest::{AlertIdentity, DeliveryDigest};
use tagout_core::incident::Incident;
use tagout_core::time::Time;

use super::memory::HEARTBEAT;
use crate::clock::now;
use crate::journal::Journal;
use crate::signals::{Delivery, Format, Intake, Reading};
use crate::store::Store;
use crate::writer::{NotRecorded, Writer};

/// What these alerts name as their source.
const SOURCE: &str = "tagout";
/// The most silences of one poll that are reported one by one.
const SILENCES: usize = 20;

/// The alerts of one poll about itself that hold now.
#[derive(Debug, Default)]
pub(super) struct Own {
    failing: Option<Alert>,
    left: BTreeMap<String, Alert>,
    /// What was recorded last, and when.
    told: Option<(BTreeMap<AlertIdentity, Alert>, Time)>,
}

impl Own {
    /// The source cannot be asked.
    pub(super) fn fail(&mut self, poll: &str, error: &str) {
        if self.failing.is_none() {
            let message = format!(
                "The source cannot be asked for its alerts, so what fires there is not known \
                 here. {error}"
            );
            self.failing = Some(alert("TagoutPollFailing", "error", message, &[("poll", poll)]));
        }
    }

    /// The source can be asked again.
    pub(super) fn mend(&mut self, poll: &str) {
        if self.failing.take().is_some() {
            tracing::info!(poll, "a poll succeeds again");
        }
    }

    /// These silences, by id, are not taken over, and why.
    pub(super) fn leave(&mut self, poll: &str, left: &BTreeMap<String, String>) {
        self.left.retain(|id, _| left.contains_key(id));
        metrics::gauge!("tagout_poll_silences_not_applied", "poll" => poll.to_owned())
            .set(f64::from(u32::try_from(left.len()).unwrap_or(u32::MAX)));
        for (id, why) in left.iter().take(SILENCES) {
            self.left.entry(id.clone()).or_insert_with(|| {
                tracing::warn!(poll, silence = id, why, "a silence is not taken over");
                let message = format!(
                    "A silence of this Alertmanager is not taken over, so alerts that it means \
                     are not held back here: {why}"
                );
                let labels = [("poll", poll), ("silence", id)];
                alert("TagoutSilenceNotApplied", "warning", message, &labels)
            });
        }
    }

    /// Records what holds now and what no longer does, if that changed or was long ago.
    pub(super) async fn tell(&mut self, poll: &str, writer: &Writer) -> Result<(), NotRecorded> {
        let hold = self.failing.iter().chain(self.left.values());
        let hold: BTreeMap<_, _> = hold.map(|alert| (alert.identity(), alert.clone())).collect();
        let at = now();
        let current = self.told.as_ref().is_some_and(|(told, last)| {
            told.keys().eq(hold.keys()) && *last <= at && at.since(*last) < HEARTBEAT
        });
        if current {
            return Ok(());
        }
        // What an earlier process has told is asked of the log, so that it is taken back.
        let name = poll.to_owned();
        let open = writer.read(move |journal| open(journal, &name)).await?;
        let mut over: BTreeMap<_, _> =
            open.into_iter().map(|alert| (alert.identity(), alert)).collect();
        over.extend(self.told.iter().flat_map(|(told, _)| told.clone()));
        over.retain(|identity, _| !hold.contains_key(identity));
        let over = over.into_values().map(|alert| Alert {
            status: AlertStatus::Resolved,
            ends_at: Some(alert.starts_at.map_or(at, |began| began.max(at))),
            ..alert
        });
        let alerts: Vec<Reading> = hold.values().cloned().chain(over).map(Reading::Alert).collect();
        if !alerts.is_empty() {
            let digest = DeliveryDigest::of_bytes(format!("{poll} {at}").as_bytes());
            let delivery = Delivery { source: Format::Native, digest, alerts, truncated: 0 };
            let source = Some(SOURCE.to_owned());
            writer.deliver(Intake::Alerts { source, delivery }.into()).await?;
        }
        self.told = Some((hold, at));
        Ok(())
    }
}

/// The alerts of this poll about itself whose incidents are open.
fn open(journal: &Journal<Store>, poll: &str) -> Vec<Alert> {
    let own = |alert: &&Alert| {
        alert.source == SOURCE
            && ["TagoutPollFailing", "TagoutSilenceNotApplied"].contains(&alert.name())
            && alert.labels.get("poll").is_some_and(|name| name == poll)
    };
    let alerts = journal.incidents().filter_map(|(_, incident)| match incident {
        Incident::Open(case, _) => Some(&case.alert),
        _ => None,
    });
    alerts.filter(own).cloned().collect()
}

fn alert(name: &str, severity: &str, message: String, labels: &[(&str, &str)]) -> Alert {
    let all = [("alertname", name), ("severity", severity)];
    let labels = all.iter().chain(labels);
    Alert {
        id: String::new(),
        source: SOURCE.to_owned(),
        status: AlertStatus::Firing,
        severity: Some(severity.to_owned()),
        title: name.into(),
        message: message.chars().take(2_000).collect::<String>().into(),
        labels: labels.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        annotations: BTreeMap::new(),
        metrics: BTreeMap::new(),
        starts_at: Some(now()),
        ends_at: None,
        runbook_url: None,
    }
}
