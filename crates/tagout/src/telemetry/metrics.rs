//! Every metric, described once. Base units: seconds and bytes; counters end in `_total`.

use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::fault::Fault;

/// Upper bounds of times, in seconds: from a fast commit to a sender that gives up.
const SECONDS: [f64; 14] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds of how many asks are recorded in one transaction.
const BATCH: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// Starts to collect. Once in a process.
///
/// # Errors
/// If somebody collects already.
pub fn install() -> Result<PrometheusHandle, Fault> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Full("tagout_writer_batch_size".into()), &BATCH)
        });
    let handle = builder.and_then(PrometheusBuilder::install_recorder);
    let handle = handle.map_err(|e| Fault::new(format!("metrics cannot be collected: {e}")))?;
    describe();
    Ok(handle)
}

fn describe() {
    describe_counter!("tagout_deliveries_total", "Deliveries by source, format and outcome.");
    describe_counter!("tagout_alerts_total", "Alerts of recorded deliveries, by source.");
    describe_counter!("tagout_alerts_flawed_total", "Alerts that could not be read, by source.");
    describe_counter!(
        "tagout_alerts_folded_total",
        "Alerts that went into incidents without changing them, by how."
    );
    describe_counter!("tagout_incidents_opened_total", "Incidents opened, by what for.");
    describe_histogram!(
        "tagout_acknowledge_seconds",
        "From the head of a delivery to its answer 2xx, by source."
    );
    describe_histogram!("tagout_writer_wait_seconds", "How long an ask waited for the writer.");
    describe_histogram!("tagout_writer_batch_size", "Asks recorded in one transaction.");
    describe_histogram!("tagout_writer_turn_seconds", "How long deciding and appending took.");
    describe_histogram!("tagout_search_seconds", "How long finding a runbook took.");
    describe_gauge!("tagout_alerts_remembered", "Alerts of which it is known whether they fire.");
    describe_gauge!(
        "tagout_deliveries_quarantined",
        "Deliveries that could not be read and that nobody has dealt with."
    );
    describe_gauge!("tagout_writer_queue_depth", "Asks that wait for the writer.");
    describe_gauge!("tagout_body_bytes_in_flight", "Room that bodies under way take, in bytes.");
    describe_gauge!("tagout_connections", "Open connections.");
    describe_gauge!("tagout_incidents_open", "Incidents that are not closed.");
    describe_gauge!("tagout_replica_leads", "1 on the replica that signs and keeps time, else 0.");
    describe_gauge!(
        "tagout_disk_reserve_touched",
        "1 while deliveries are refused to leave room for decisions, else 0."
    );
    describe_gauge!("tagout_log_entries", "Entries of the log.");
    describe_gauge!("tagout_log_entries_signed", "Entries that the last checkpoint covers.");
    describe_gauge!("tagout_reload_failed", "1 while the last reload did not succeed, else 0.");
    describe_counter!("tagout_reloads_total", "Reloads of runbooks and policy, by outcome.");
    describe_counter!("tagout_spans_total", "Spans of traces, by outcome.");
    describe_counter!(
        "tagout_notices_total",
        "Attempts to tell people, by channel and outcome: delivered, failed, given_up, overtaken."
    );
    describe_gauge!(
        "tagout_notices_oldest_waiting_seconds",
        "How long the oldest notice of a channel has waited."
    );
    describe_gauge!("tagout_notices_waiting", "Notices that wait, by channel; at most 256 count.");
    describe_counter!("tagout_heartbeats_total", "Signs of life, by channel and outcome.");
    describe_counter!(
        "tagout_checkpoints_handed_out_total",
        "Checkpoints for others to hold, by where to and outcome."
    );
    describe_counter!(
        "tagout_rota_polls_total",
        "Looks at outside schedules, by rota and outcome."
    );
    describe_gauge!("tagout_build_info", "1, with the version as its label.");
    metrics::gauge!("tagout_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    metrics::gauge!("tagout_reload_failed").set(0.0);
    for outcome in ["loaded", "failed"] {
        metrics::counter!("tagout_reloads_total", "outcome" => outcome).absolute(0);
    }
    for outcome in ["exported", "dropped"] {
        metrics::counter!("tagout_spans_total", "outcome" => outcome).absolute(0);
    }
}
