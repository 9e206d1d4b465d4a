//! Our own JSON: one alert, an array of them, or JSON Lines.
//!
//! The members are those of [`Alert`], written plainly. Only `title` or `message` is required;
//! null counts as absent; unknown members are ignored. Label and annotation values may also be
//! numbers and booleans and are kept as their JSON text.

use std::str::FromStr;

use serde_json::value::RawValue;
use tagout_core::alert::{Alert, AlertFlaw, AlertStatus, Severity};

use super::fields::{self, Fields};
use super::{Format, Reading};

/// Reads the alerts in `values`.
pub(super) fn read<'a>(values: impl IntoIterator<Item = &'a RawValue>) -> Vec<Reading> {
    let values = values.into_iter().enumerate();
    values.map(|(index, value)| Reading::new(index, alert(value))).collect()
}

/// Reads one alert from each line; a flaw names the line, because blank lines are not counted
/// in the index.
pub(super) fn read_lines(lines: Vec<(usize, &RawValue)>) -> Vec<Reading> {
    let lines = lines.into_iter().enumerate();
    lines
        .map(|(index, (line, value))| match Reading::new(index, alert(value)) {
            Reading::Flawed { index, mut flaw } => {
                flaw.field = format!("line {line}: {}", flaw.field);
                Reading::Flawed { index, flaw }
            }
            alert @ Reading::Alert(_) => alert,
        })
        .collect()
}

/// Reads one alert.
pub(super) fn alert(value: &RawValue) -> Result<Alert, AlertFlaw> {
    let sent = Fields::of(value)?;
    let mut labels = sent.set("labels", fields::word_or_scalar)?.unwrap_or_default();
    let field = sent.word("severity")?.filter(|word| !word.trim().is_empty());
    let word = field.as_ref().or_else(|| labels.get("severity"));
    let severity = word.and_then(|word| fields::severity(word));
    if let (Some(sent), Some(word)) = (field, &severity)
        && Severity::from_str(word).is_err()
        && fields::has_room(&labels)
    {
        // A word that is not ours stays readable as a label (see the contract of the format).
        labels.entry("severity".to_owned()).or_insert(sent);
    }
    let status = sent.status("status")?.unwrap_or(AlertStatus::Firing);
    Ok(Alert {
        id: sent.scalar("id")?.unwrap_or_default(),
        source: sent.word("source")?.unwrap_or_else(|| Format::Native.name().to_owned()),
        status,
        severity,
        title: sent.prose("title")?.unwrap_or_default(),
        message: sent.prose("message")?.unwrap_or_default(),
        labels,
        annotations: sent.set("annotations", fields::prose_or_scalar)?.unwrap_or_default(),
        metrics: sent.set("metrics", fields::number)?.unwrap_or_default(),
        starts_at: sent.time("starts_at")?,
        ends_at: fields::end(status, sent.time("ends_at")?),
        runbook_url: sent.word("runbook_url")?.filter(|url| !url.trim().is_empty()),
    })
}
