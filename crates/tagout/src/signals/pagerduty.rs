//! PagerDuty's webhooks, version 3: one event about an incident or a service.
//!
//! Format: <https://docs.pagerduty.com/developer/webhooks-overview>
//! (`event.event_type` and `event.data`).
//!
//! | Alert | from |
//! |---|---|
//! | label `alertname` | always `PagerDutyIncident`, because the title can be edited |
//! | label `service` | `data.service.id` |
//! | label `incident_key` | `data.incident_key`, which a repeat of the fault brings again |
//! | label `incident_id` | `data.id`, only where there is no incident key |
//! | id | `data.id` |
//! | title | `data.title` |
//! | severity | `data.priority.summary`, else `data.urgency` |
//! | start, end | `data.created_at`; `occurred_at` of the resolving event |
//! | annotations | `url`, `service_name`, `urgency`, `event_type` |
//!
//! The priority is no label: people change it while the incident lasts.

use std::collections::BTreeMap;

use tagout_core::alert::{Alert, AlertFlaw, AlertStatus};

use super::fields::{self, Fields};
use super::json::{Kind, Members, quoted};
use super::{Content, Format, Reading, SignalError};

/// What an event type says about the fault behind the incident.
enum Said {
    /// It is there, or is there again.
    Firing,
    /// It is over.
    Resolved,
    /// Nothing: something around the incident changed.
    Nothing,
}

/// Whether an outermost object is such a webhook.
pub(super) fn recognises(members: &Members<'_>) -> bool {
    let Some(event) = members.values.get("event").filter(|e| Kind::of(e) == Kind::Object) else {
        return false;
    };
    let Ok(event) = Fields::open("event", event) else { return false };
    ["event_type", "resource_type", "occurred_at", "data"]
        .iter()
        .all(|name| event.get(name).is_some())
}

/// The incident of one event, or nothing if the event is about something else.
pub(super) fn read(members: &Members<'_>) -> Result<Content, SignalError> {
    let wrong = |what: String| SignalError::NotOfFormat { format: Format::PagerDuty, what };
    let body = Fields::from_members(members);
    let event = body
        .object("event")
        .map_err(|flaw| wrong(flaw.to_string()))?
        .ok_or_else(|| wrong("event: is missing".to_owned()))?;
    let event_type = event.required("event_type").map_err(|flaw| wrong(flaw.to_string()))?;
    let status = match said(&event_type) {
        Some(Said::Firing) => AlertStatus::Firing,
        Some(Said::Resolved) => AlertStatus::Resolved,
        Some(Said::Nothing) => {
            return Ok(Content::Nothing("a PagerDuty event that is no change of a fault"));
        }
        None => {
            let shown = quoted(&event_type);
            return Err(wrong(format!("event_type: {shown} is not known to this release")));
        }
    };
    let reading = Reading::new(0, alert(&event, event_type, status));
    Ok(Content::Alerts { readings: vec![reading], truncated: 0 })
}

/// The event types of <https://docs.pagerduty.com/developer/webhooks-overview#event-types>.
fn said(event_type: &str) -> Option<Said> {
    Some(match event_type {
        "incident.triggered"
        | "incident.acknowledged"
        | "incident.unacknowledged"
        | "incident.escalated"
        | "incident.reopened" => Said::Firing,
        "incident.resolved" => Said::Resolved,
        "incident.annotated"
        | "incident.delegated"
        | "incident.priority_updated"
        | "incident.reassigned"
        | "incident.service_updated"
        | "incident.status_update_published"
        | "incident.title_updated"
        | "incident.urgency_updated"
        | "pagey.ping" => Said::Nothing,
        other => {
            let around = [
                "incident.action_invocation.",
                "incident.conference_bridge.",
                "incident.custom_field_values.",
                "incident.incident_type.",
                "incident.responder.",
                "incident.role.",
                "incident.task.",
                "incident.workflow.",
                "service.",
            ];
            if around.iter().any(|prefix| other.starts_with(prefix)) {
                Said::Nothing
            } else {
                return None;
            }
        }
    })
}

fn alert(event: &Fields<'_>, event_type: String, status: AlertStatus) -> Result<Alert, AlertFlaw> {
    let data = event.object("data")?.ok_or_else(|| fields::flaw("data", "is missing"))?;
    let id = data.required("id")?;
    let service = data.object("service")?;
    let summary = |of: &Option<Fields<'_>>| match of {
        Some(fields) => fields.prose("summary"),
        None => Ok(None),
    };
    let mut labels = BTreeMap::from([("alertname".to_owned(), "PagerDutyIncident".to_owned())]);
    if let Some(service) = &service {
        labels.insert("service".to_owned(), service.required("id")?);
    }
    match data.word("incident_key")?.filter(|key| !key.trim().is_empty()) {
        Some(key) => labels.insert("incident_key".to_owned(), key),
        None => labels.insert("incident_id".to_owned(), id.clone()),
    };
    let urgency = data.word("urgency")?;
    let priority = match data.object("priority")? {
        Some(priority) => priority.word("summary")?,
        None => None,
    };
    let service_name = summary(&service)?;
    let title = data.prose("title")?.unwrap_or_default();
    let mut annotations = BTreeMap::from([("event_type".to_owned(), event_type.into())]);
    let mut explain = |name: &str, text: Option<_>| {
        text.map(|text| annotations.insert(name.to_owned(), text));
    };
    explain("url", data.prose("html_url")?);
    explain("service_name", service_name.clone());
    explain("urgency", data.prose("urgency")?);
    let state = data.word("status")?.unwrap_or_default();
    let number = data.scalar("number")?.unwrap_or_else(|| id.clone());
    let of = service_name.map(|name| format!(" of {name}")).unwrap_or_default();
    Ok(Alert {
        id,
        source: Format::PagerDuty.name().to_owned(),
        status,
        severity: priority.or(urgency).and_then(|word| fields::severity(&word)),
        message: format!("PagerDuty incident {number}{of} ({state}): {title}").into(),
        title,
        labels,
        annotations,
        metrics: BTreeMap::new(),
        starts_at: data.time("created_at")?,
        ends_at: fields::end(status, event.time("occurred_at")?),
        runbook_url: None,
    })
}
