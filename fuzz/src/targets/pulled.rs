//! What Alertmanager and Prometheus answer when they are asked for their alerts.

use tagout::signals::pulled::{alertmanager_alerts, prometheus_alerts};

pub fn fuzz(body: &[u8]) {
    for read in [alertmanager_alerts(body), prometheus_alerts(body)] {
        match read {
            Ok(readings) => crate::rules::are_within_limits(&readings),
            Err(error) => crate::rules::is_printable(&error.to_string()),
        }
    }
}
