//! Alertmanager's webhook, version 4: a group of alerts, each with its own status.
//!
//! Format: <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>. The
//! group's own status and labels are not read, except that an alert without a status takes the
//! group's: Alertmanager calls a group resolved only when every alert in it is.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use tagout_core::alert::{Alert, AlertFlaw, AlertStatus};
use tagout_core::text::FreeText;
use tagout_core::time::Time;

use super::fields::{self, Fields};
use super::json::{ALERTS, Group, Kind, Members, quoted};
use super::{Content, Format, Reading, SignalError};

/// Whether an outermost object is such a webhook: it has alerts, and a version or a receiver.
pub(super) fn recognises(members: &Members<'_>) -> bool {
    let has = |name| members.values.contains_key(name);
    // A Go program writes an empty list as null.
    let listed = |value: &&RawValue| matches!(Kind::of(value), Kind::Array | Kind::Null);
    members.values.get(ALERTS).is_some_and(listed) && (has("version") || has("receiver"))
}

/// The alerts of one webhook body, and how many more Alertmanager left out of it.
pub(super) fn read(sent: Group<'_>) -> Result<Content, SignalError> {
    if version(&sent.members) != "\"4\"" {
        return Err(SignalError::UnknownVersion { found: shown_version(&sent.members) });
    }
    group(sent, Format::Alertmanager, alert)
}

/// The version as JSON text.
pub(super) fn version<'a>(members: &Members<'a>) -> &'a str {
    members.values.get("version").map_or("absent", |version| version.get())
}

/// The version for a message. Quoted once: a string brings its quotes along, all else must
/// show that it is none.
pub(super) fn shown_version(members: &Members<'_>) -> String {
    let version = version(members);
    match serde_json::from_str::<String>(version) {
        Ok(text) => quoted(&text),
        Err(_) => quoted(version).trim_matches('"').to_owned(),
    }
}

/// A group of alerts as Alertmanager and its descendants send it, each alert read by `alert`.
pub(super) fn group(
    Group { members, alerts }: Group<'_>,
    format: Format,
    alert: impl Fn(&Fields<'_>, AlertStatus) -> Result<Alert, AlertFlaw>,
) -> Result<Content, SignalError> {
    let value = |name| members.values.get(name).copied();
    let bad = |member, what| match format {
        Format::Alertmanager => SignalError::BadMember { member, what },
        format => SignalError::NotOfFormat { format, what: format!("{member}: {what}") },
    };
    let truncated = match value("truncatedAlerts").map(RawValue::get) {
        None | Some("null") => 0,
        Some(text) => text
            .parse()
            .map_err(|_| bad("truncatedAlerts", format!("{} is not a count", quoted(text))))?,
    };
    let status = match value("status") {
        None => AlertStatus::Firing,
        Some(value) => fields::status("status", value).map_err(|flaw| bad("status", flaw.what))?,
    };
    let alerts = match (alerts, value(ALERTS)) {
        (Some(opened), _) => Fields::opened(opened),
        (None, Some(list)) if Kind::of(list) == Kind::Array => Fields::of_each(list)?,
        (None, Some(list)) if Kind::of(list) == Kind::Null => Vec::new(),
        _ => return Err(bad("alerts", "is missing or no list".to_owned())),
    };
    let readings = alerts
        .into_iter()
        .enumerate()
        .map(|(index, sent)| Reading::new(index, sent.and_then(|sent| alert(&sent, status))))
        .collect();
    Ok(Content::Alerts { readings, truncated })
}

/// One alert of the group.
pub(super) fn alert(sent: &Fields<'_>, group: AlertStatus) -> Result<Alert, AlertFlaw> {
    let status = sent.status("status")?.unwrap_or(group);
    alert_of(sent, status, sent.time("startsAt")?)
}

/// The alert that these fields describe. Asked for and sent, the same alert has the same
/// labels and is read alike, so that both are one incident.
pub(super) fn alert_of(
    sent: &Fields<'_>,
    status: AlertStatus,
    starts_at: Option<Time>,
) -> Result<Alert, AlertFlaw> {
    let labels = sent.strings("labels", fields::as_word)?.ok_or_else(|| {
        fields::flaw("labels", "is missing; without labels nothing says what the alert is about")
    })?;
    let annotations = sent.strings("annotations", fields::as_prose)?.unwrap_or_default();
    Ok(Alert {
        id: sent.word("fingerprint")?.unwrap_or_default(),
        source: Format::Alertmanager.name().to_owned(),
        status,
        severity: labels.get("severity").and_then(|word| fields::severity(word)),
        title: labels
            .get("alertname")
            .filter(|name| !name.trim().is_empty())
            .map(|name| FreeText::from(name.as_str()))
            .or_else(|| annotations.get("summary").cloned())
            .unwrap_or_default(),
        message: message(&annotations),
        metrics: BTreeMap::new(),
        starts_at,
        ends_at: fields::end(status, sent.time("endsAt")?),
        runbook_url: runbook_url(&annotations),
        labels,
        annotations,
    })
}

/// Summary and description as one text, else the annotation `message` that older rules carry.
fn message(annotations: &BTreeMap<String, FreeText>) -> FreeText {
    let text = |name| {
        let text = annotations.get(name).map(|text| text.as_str().trim());
        text.filter(|text| !text.is_empty())
    };
    match (text("summary"), text("description")) {
        (Some(summary), Some(description)) if summary != description => {
            let stop = if summary.ends_with(['.', '!', '?', ':']) { "" } else { "." };
            format!("{summary}{stop} {description}").into()
        }
        (Some(only), _) | (None, Some(only)) => only.into(),
        (None, None) => text("message").unwrap_or_default().into(),
    }
}

/// The page the rule names. Rules are YAML, so a line break at its end is common; one inside,
/// or a control character, makes it no address.
fn runbook_url(annotations: &BTreeMap<String, FreeText>) -> Option<String> {
    let url = annotations.get("runbook_url")?.as_str().trim();
    let broken = url.is_empty() || url.contains(|c: char| c.is_control() || c == '\u{fffd}');
    if broken { None } else { Some(url.to_owned()) }
}
