//! Grafana Alerting's webhook, version 1: Alertmanager's shape with fields of its own.
//!
//! Format: <https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/>.
//! Labels, annotations, times, status and `fingerprint` are read as in Alertmanager's webhook,
//! alert by alert; identity rests on the alert's own labels. `values` become metrics. The
//! links (`generatorURL`, `silenceURL`, `dashboardURL`, `panelURL`, `imageURL`) and
//! `valueString` become annotations of the same names. The group's `title`, `message` and
//! `state` are not read: they are built from the alerts and Grafana calls them deprecated.

use tagout_core::alert::{Alert, AlertFlaw, AlertStatus};
use tagout_core::limits;

use super::alertmanager;
use super::fields::{self, Fields};
use super::json::{Group, Kind, Members};
use super::{Content, Format, SignalError};

/// Members of an alert that say where to look, and that a person wants to see.
const SHOWN: [&str; 6] =
    ["generatorURL", "silenceURL", "dashboardURL", "panelURL", "imageURL", "valueString"];

/// Whether an outermost object is such a webhook: Alertmanager's shape, and the organisation
/// that only Grafana names.
pub(super) fn recognises(members: &Members<'_>) -> bool {
    alertmanager::recognises(members)
        && members.values.get("orgId").is_some_and(|id| Kind::of(id) == Kind::Number)
}

/// The alerts of one webhook body, and how many more Grafana left out of it.
pub(super) fn read(group: Group<'_>) -> Result<Content, SignalError> {
    if alertmanager::version(&group.members) != "\"1\"" {
        let found = alertmanager::shown_version(&group.members);
        let what = format!("its version is {found} and only \"1\" is read");
        return Err(SignalError::NotOfFormat { format: Format::Grafana, what });
    }
    alertmanager::group(group, Format::Grafana, alert)
}

fn alert(sent: &Fields<'_>, group: AlertStatus) -> Result<Alert, AlertFlaw> {
    let mut alert = alertmanager::alert(sent, group)?;
    Format::Grafana.name().clone_into(&mut alert.source);
    for name in SHOWN {
        if let Some(text) = sent.prose(name)?
            && alert.annotations.len() < limits::LABELS
        {
            // An annotation of the rule is the operator's word and stays.
            alert.annotations.entry(name.to_owned()).or_insert(text);
        }
    }
    if let Some(values) = sent.object("values")? {
        for (name, value) in values.entries() {
            // A query without data has a value that is no number, and nothing to keep.
            if Kind::of(value) == Kind::Number {
                let number = fields::number(&format!("values.{name}"), value)?;
                alert.metrics.insert(name.to_owned(), number);
            }
        }
    }
    Ok(alert)
}
