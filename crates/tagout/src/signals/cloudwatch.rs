//! AWS CloudWatch alarms, as they stand in the `Message` of an SNS notification.
//!
//! Format: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html>
//! (`AlarmName`, `NewStateValue`, `Trigger`).
//!
//! | Alert | from |
//! |---|---|
//! | label `alertname` | `AlarmName` |
//! | label `account_id` | `AWSAccountId` |
//! | label `region` | the region in `AlarmArn`, else `Region` |
//! | labels `namespace`, `metric` | of `Trigger`, or of the one metric in `Trigger.Metrics` |
//! | a label for each dimension | its name and value; `dimension_` before a name taken above |
//! | title | `AlarmName` |
//! | message | `AlarmDescription` and `NewStateReason` |
//! | status | `ALARM` and `INSUFFICIENT_DATA` fire, `OK` resolves |
//! | start or end | `StateChangeTime` |
//! | annotations | `state`, `previous_state`, `alarm_arn` |
//! | metric `threshold` | `Trigger.Threshold` |
//!
//! There is no severity in an alarm: the policy's default applies. An alarm that lost its data
//! fires, because nobody knows whether the fault is over; its next `OK` resolves it.

use std::collections::BTreeMap;

use tagout_core::alert::{Alert, AlertFlaw, AlertStatus};
use tagout_core::limits;

use super::fields::{self, Fields};
use super::json::{self, Kind};
use super::{Content, Reading, SignalError, sns};

/// The alarm in the text of a notification.
pub(super) fn read(message: &str) -> Result<Content, SignalError> {
    let foreign = |_| {
        sns::wrong("Message: is no CloudWatch alarm; publish only alarms to this topic".to_owned())
    };
    let text = json::text(message.as_bytes()).map_err(foreign)?;
    let members = json::outermost(text).map_err(foreign)?;
    let sent = Fields::from_members(&members);
    if sent.get("AlarmName").is_none() || sent.get("NewStateValue").is_none() {
        return Err(foreign(SignalError::Empty));
    }
    let readings = vec![Reading::new(0, alert(&sent))];
    Ok(Content::Alerts { readings, truncated: 0 })
}

fn alert(sent: &Fields<'_>) -> Result<Alert, AlertFlaw> {
    let name = sent.required("AlarmName")?;
    let state = sent.required("NewStateValue")?;
    let status = match state.as_str() {
        "ALARM" | "INSUFFICIENT_DATA" => AlertStatus::Firing,
        "OK" => AlertStatus::Resolved,
        _ => {
            let what = "is no state; ALARM, OK and INSUFFICIENT_DATA are";
            return Err(fields::flaw("NewStateValue", what));
        }
    };
    let arn = sent.word("AlarmArn")?;
    // arn:partition:cloudwatch:region:account:alarm:name
    let region = arn.as_deref().and_then(|arn| arn.split(':').nth(3)).filter(|r| !r.is_empty());
    let region = match region {
        Some(region) => Some(region.to_owned()),
        None => sent.word("Region")?,
    };
    let mut labels = BTreeMap::from([("alertname".to_owned(), name.clone())]);
    labels.extend(sent.word("AWSAccountId")?.map(|id| ("account_id".to_owned(), id)));
    labels.extend(region.map(|region| ("region".to_owned(), region)));
    let mut metrics = BTreeMap::new();
    if let Some(trigger) = sent.object("Trigger")? {
        target(&trigger, &mut labels)?;
        if let Some(threshold) = trigger.get("Threshold").filter(|t| Kind::of(t) == Kind::Number) {
            let number = fields::number("Trigger.Threshold", threshold)?;
            metrics.insert("threshold".to_owned(), number);
        }
    }
    let changed = match sent.text("StateChangeTime")? {
        Some(time) => Some(fields::instant("StateChangeTime", &with_colon(&time))?),
        None => None,
    };
    let mut annotations = BTreeMap::from([("state".to_owned(), state.as_str().into())]);
    let previous = sent.prose("OldStateValue")?;
    annotations.extend(previous.map(|state| ("previous_state".to_owned(), state)));
    annotations.extend(arn.map(|arn| ("alarm_arn".to_owned(), arn.into())));
    let said = [sent.prose("AlarmDescription")?, sent.prose("NewStateReason")?];
    let said: Vec<_> = said.iter().flatten().map(|text| text.as_str()).collect();
    Ok(Alert {
        id: String::new(),
        source: super::Format::CloudWatch.name().to_owned(),
        status,
        severity: None,
        title: name.into(),
        message: fields::cut(&said.join("\n"), limits::MESSAGE_BYTES),
        labels,
        annotations,
        metrics,
        starts_at: changed.filter(|_| status != AlertStatus::Resolved),
        ends_at: fields::end(status, changed),
        runbook_url: None,
    })
}

/// Adds the labels that say what the alarm watches.
fn target(trigger: &Fields<'_>, labels: &mut BTreeMap<String, String>) -> Result<(), AlertFlaw> {
    if trigger.get("MetricName").is_some() {
        return metric(trigger, labels);
    }
    // Metric mathematics: a target can be named only if one metric is behind it.
    let mut watched = Vec::new();
    for entry in trigger.array("Metrics")? {
        if let Some(stat) = Fields::open("Trigger.Metrics", entry)?.object("MetricStat")? {
            watched.extend(stat.object("Metric")?);
        }
    }
    match watched.as_slice() {
        [one] => metric(one, labels),
        _ => Ok(()),
    }
}

fn metric(of: &Fields<'_>, labels: &mut BTreeMap<String, String>) -> Result<(), AlertFlaw> {
    for (member, label) in [("Namespace", "namespace"), ("MetricName", "metric")] {
        labels.extend(of.word(member)?.map(|value| (label.to_owned(), value)));
    }
    for dimension in of.array("Dimensions")? {
        let dimension = Fields::open("Trigger.Dimensions", dimension)?;
        // Both spellings are sent: small letters in notifications, capitals in the API.
        let part = |small: &str, capital: &str| {
            Ok(match dimension.word(small)? {
                Some(word) => word,
                None => dimension.required(capital)?,
            })
        };
        let (name, value) = (part("name", "Name")?, part("value", "Value")?);
        let label = if labels.contains_key(&name) { format!("dimension_{name}") } else { name };
        labels.insert(label, value);
    }
    Ok(())
}

/// CloudWatch writes an offset as `+0000`; RFC 3339 wants `+00:00`.
fn with_colon(time: &str) -> String {
    match time.len().checked_sub(5).and_then(|at| time.split_at_checked(at)) {
        Some((moment, offset))
            if offset.starts_with(['+', '-'])
                && offset.bytes().skip(1).all(|b| b.is_ascii_digit()) =>
        {
            let (hours, minutes) = offset.split_at(3);
            format!("{moment}{hours}:{minutes}")
        }
        _ => time.to_owned(),
    }
}
