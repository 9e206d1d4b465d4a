//! What the service does as time goes by: it reads what others recorded, lapses what is overdue, and
//! tells what was not taken.

use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::contact::{Contact, Met};
use crate::engine::Engine;
use crate::http::App;
use crate::store::Store;
use crate::store::membership::SIGNER;
use crate::writer::Writer;

/// How often overdue requests are looked for, and gauges set.
const TICK: Duration = Duration::from_secs(1);
/// How often the log is told what was not taken.
const SUMMARY: Duration = Duration::from_secs(60);

/// What happens each second.
pub(super) struct Ticking {
    pub(super) writer: Writer,
    pub(super) app: Arc<App>,
    pub(super) metrics: PrometheusHandle,
}

impl Ticking {
    /// Reads what other replicas recorded, lapses what is overdue if this one leads, and sets
    /// the gauges that the journal knows.
    pub(super) async fn run(self, contact: Arc<Contact>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            ticks.tick().await;
            self.metrics.run_upkeep();
            let Ok(met) = self.writer.turn(meet).await else { return };
            self.app.health().writer_answered();
            let leads = met.as_ref().is_ok_and(|met| met.leads);
            contact.note(met.clone());
            let ticked = match met {
                Ok(_) if leads => self.writer.tick().await.map_err(|e| e.to_string()),
                Ok(_) => Ok(()),
                Err(why) => Err(why),
            };
            if leads && ticked.is_ok() {
                self.app.health().time_passed();
            }
            // Told when it changes, and not once a second for as long as it lasts.
            if ticked.is_err() != failing {
                failing = ticked.is_err();
                match ticked {
                    Ok(()) => tracing::info!("the log can be written again"),
                    Err(error) => tracing::error!(%error, "the log cannot be written"),
                }
            }
            if let Ok(entries) = self.writer.read(|journal| journal.log().size()).await {
                self.app.tell_entries(entries);
            }
        }
    }
}

/// Looks at the store between two turns of the writer.
#[allow(clippy::cast_precision_loss, reason = "a metric is a float")]
pub(super) fn meet(engine: &mut Engine<Store>) -> Result<Met, String> {
    engine.journal_mut().catch_up().map_err(|e| e.to_string())?;
    let journal = engine.journal();
    let shared = journal.shared();
    metrics::gauge!("tagout_incidents_open").set(shared.open_incidents().count() as f64);
    metrics::gauge!("tagout_alerts_remembered").set(shared.sightings().len() as f64);
    metrics::gauge!("tagout_deliveries_quarantined").set(shared.quarantined().count() as f64);
    metrics::gauge!("tagout_log_entries").set(journal.log().size() as f64);
    let store = journal.log().storage();
    let leads = store.lease(SIGNER).map_err(|e| e.to_string())?;
    metrics::gauge!("tagout_replica_leads").set(if leads { 1.0 } else { 0.0 });
    let standby = store.synchronous_standby().map_err(|e| e.to_string())?;
    Ok(Met { leads, standby })
}

/// Tells once a minute what was refused, and finds what the oversight says.
pub(super) async fn summarise(app: Arc<App>, contact: Arc<Contact>) {
    let mut ticks = interval(SUMMARY);
    // The first tick is at once, and there is nothing to tell yet.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        app.tell_refusals();
        // What could not be recorded stays counted.
        drop(app.asks().tell_refused().await);
        app.record_strangers().await;
        // What could not be recorded is found again.
        if contact.leads() {
            drop(app.find_oversight().await);
        }
    }
}
