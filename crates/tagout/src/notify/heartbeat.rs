//! A sign of life for an outside watch, sent only while the service does its work: the log can
//! be written, time passes, and this replica leads. When it stops, the watch wakes somebody.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use tokio::time::{MissedTickBehavior, interval};

use super::client::{HttpClient, send};
use super::config::HeartbeatMethod;

/// Whether the service does its work at this moment.
pub(crate) type Works = Arc<dyn Fn() -> bool + Send + Sync>;

/// A watch that misses us.
pub(crate) struct Heartbeat {
    pub(crate) name: String,
    pub(crate) client: HttpClient,
    pub(crate) url: Url,
    pub(crate) method: HeartbeatMethod,
    pub(crate) every: Duration,
}

impl std::fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Heartbeat({})", self.name)
    }
}

impl Heartbeat {
    /// Sends signs of life for as long as it runs.
    pub(crate) async fn run(self, works: Works) {
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            ticks.tick().await;
            if !works() {
                self.count("withheld");
                continue;
            }
            let request = match self.method {
                HeartbeatMethod::Get => self.client.get(self.url.clone()),
                HeartbeatMethod::Post => self.client.post(self.url.clone()),
            };
            let sent = send(request).await;
            self.count(if sent.is_ok() { "sent" } else { "failed" });
            // Told when it changes, and not each time for as long as it lasts.
            if sent.is_err() != failing {
                failing = sent.is_err();
                let channel = &self.name;
                match sent {
                    Ok(_) => tracing::info!(channel, "signs of life arrive again"),
                    Err(error) => {
                        tracing::warn!(channel, why = error.why, "a sign of life did not arrive");
                    }
                }
            }
        }
    }

    fn count(&self, outcome: &'static str) {
        let channel = self.name.clone();
        metrics::counter!("tagout_heartbeats_total", "channel" => channel, "outcome" => outcome)
            .increment(1);
    }
}
