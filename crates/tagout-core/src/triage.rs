//! What is done with an alert before any search: close it with a reason, call a person, or
//! go and look for a runbook.

use crate::alert::{Alert, AlertStatus, Severity};
use crate::calm;
use crate::event::{PersonNeeded, Triage, TriagedAway, WindowKind};
use crate::policy::{EscalationPolicy, SeverityReading};
use crate::shared::Shared;
use crate::time::Time;

/// Structure decides first: status, windows, severity. Text comes last and can only withhold
/// a plan; at error severity and above a person sees the alert all the same.
#[must_use]
pub fn triage(
    alert: &Alert,
    shared: &Shared,
    policy: &EscalationPolicy,
    now: Time,
) -> (SeverityReading, Triage) {
    let severity = policy.severity(alert);
    let triage = match by_structure(alert, severity.severity, shared, policy, now) {
        Some(away) => Triage::Away(away),
        None => by_text(alert, severity.severity),
    };
    (severity, triage)
}

/// What structure alone says: status, windows, inhibition, severity.
#[must_use]
pub fn by_structure(
    alert: &Alert,
    severity: Severity,
    shared: &Shared,
    policy: &EscalationPolicy,
    now: Time,
) -> Option<TriagedAway> {
    match alert.status {
        AlertStatus::Resolved => return Some(TriagedAway::Resolved),
        AlertStatus::Suppressed => return Some(TriagedAway::Suppressed),
        AlertStatus::Firing => {}
    }
    if let Some((id, window)) = shared.window(alert, now) {
        return Some(match window.kind {
            WindowKind::Maintenance => TriagedAway::Maintenance(id.to_owned()),
            WindowKind::Silence => TriagedAway::Silenced(id.to_owned()),
        });
    }
    if let Some(by) = shared.inhibited(alert, &policy.noise.inhibit) {
        return Some(TriagedAway::Inhibited { by: by.to_owned() });
    }
    (severity == Severity::Info).then_some(TriagedAway::Informational)
}

fn by_text(alert: &Alert, severity: Severity) -> Triage {
    match calm::read(alert.title.as_str(), alert.message.as_str()) {
        Some(found) => {
            let (calm, phrase) = (found.kind, found.phrase.into());
            if severity >= Severity::Error {
                Triage::Person(PersonNeeded::ReportsCalm { calm, phrase })
            } else {
                Triage::Away(TriagedAway::ReportsCalm { calm, phrase })
            }
        }
        None => Triage::Search,
    }
}
