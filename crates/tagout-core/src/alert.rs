//! The one shape every monitoring system's alert is read into.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::{AlertIdentity, sha256};
use crate::limits;
use crate::text::FreeText;
use crate::tier::Tier;
use crate::time::Time;

/// How bad the sender says it is. Ordered: info < warning < error < critical.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing to do; triaged away.
    Info,
    /// Worth a look.
    Warning,
    /// Something is broken.
    Error,
    /// Something that matters is broken now.
    Critical,
}

impl Severity {
    /// The lowest tier at which an alert of this severity may be handled.
    #[must_use]
    pub const fn floor(self) -> Tier {
        match self {
            Self::Info => Tier::Low,
            Self::Warning => Tier::Medium,
            Self::Error => Tier::High,
            Self::Critical => Tier::Critical,
        }
    }

    /// The word as it is written in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Severity {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Info, Self::Warning, Self::Error, Self::Critical]
            .into_iter()
            .find(|s| s.name() == text)
            .ok_or_else(|| {
                format!("{text:?} is not a severity: use info, warning, error or critical")
            })
    }
}

/// What the sender says about the alert now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertStatus {
    /// The condition holds.
    Firing,
    /// The condition no longer holds.
    Resolved,
    /// The condition holds and a silence or inhibition at the sender hides it.
    Suppressed,
}

/// One alert, normalised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The sender's own id (a fingerprint, say), or empty.
    pub id: String,
    /// Which system sent it: `alertmanager`, `prometheus`, …
    pub source: String,
    /// What the sender says about it now.
    pub status: AlertStatus,
    /// The severity word as it was sent, lower-case; absent if none was. What it means is
    /// the policy's decision (`EscalationPolicy::severity`).
    pub severity: Option<String>,
    /// The name of the alert or its headline.
    pub title: FreeText,
    /// What it says in words.
    pub message: FreeText,
    /// What identifies the alert and its target.
    pub labels: BTreeMap<String, String>,
    /// What explains it.
    pub annotations: BTreeMap<String, FreeText>,
    /// Numbers, each kept in the spelling in which it was sent.
    pub metrics: BTreeMap<String, String>,
    /// When the condition began, by the sender's clock.
    pub starts_at: Option<Time>,
    /// When it ended, if it has.
    pub ends_at: Option<Time>,
    /// The page the sender names for it.
    pub runbook_url: Option<String>,
}

impl Alert {
    /// The alert's name: the `alertname` label where there is one, else the title.
    #[must_use]
    pub fn name(&self) -> &str {
        self.labels.get("alertname").map_or(self.title.as_str(), String::as_str)
    }

    /// Which fault this is about: name and labels, not the summary, which often holds a
    /// changing number. Two alerts of one identity belong to one incident.
    #[must_use]
    pub fn identity(&self) -> AlertIdentity {
        // Lengths before the parts: ("ab", "c") and ("a", "bc") must differ.
        let mut bytes = Vec::with_capacity(512);
        let mut part = |text: &str| {
            bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        };
        part(self.name());
        if self.labels.is_empty() {
            part(self.message.as_str());
        }
        for (name, value) in &self.labels {
            part(name);
            part(value);
        }
        AlertIdentity::from_raw(sha256(AlertIdentity::DOMAIN, &[&bytes]))
    }

    /// What the alert is about, for people: the instance, pod or service label, else its name.
    #[must_use]
    pub fn subject(&self) -> &str {
        ["instance", "host", "pod", "deployment", "service", "job"]
            .iter()
            .find_map(|label| self.labels.get(*label))
            .map_or_else(|| self.name(), String::as_str)
    }

    /// Holds the alert against [`limits`] and the rules of names.
    ///
    /// # Errors
    /// The first thing that is wrong, with the field it is in.
    pub fn check(&self) -> Result<(), AlertFlaw> {
        let too_long = |text: &str, limit: usize| {
            let what = || format!("is {} bytes long; the limit is {limit}", text.len());
            (text.len() > limit).then(what)
        };
        let longest = |field: &str, text: &str, limit: usize| match too_long(text, limit) {
            Some(what) => Err(AlertFlaw::new(field, what)),
            None => Ok(()),
        };
        if self.title.is_empty() && self.message.is_empty() {
            return Err(AlertFlaw::new(
                "title",
                "is missing, and so is message; send at least one",
            ));
        }
        longest("id", &self.id, limits::NAME_BYTES)?;
        longest("source", &self.source, limits::NAME_BYTES)?;
        longest("severity", self.severity.as_deref().unwrap_or(""), limits::NAME_BYTES)?;
        longest("title", self.title.as_str(), limits::VALUE_BYTES)?;
        longest("message", self.message.as_str(), limits::MESSAGE_BYTES)?;
        longest("runbook_url", self.runbook_url.as_deref().unwrap_or(""), limits::VALUE_BYTES)?;
        let sets = [
            ("labels", self.labels.iter().map(|(k, v)| (k, v.as_str())).collect::<Vec<_>>()),
            ("annotations", self.annotations.iter().map(|(k, v)| (k, v.as_str())).collect()),
            ("metrics", self.metrics.iter().map(|(k, v)| (k, v.as_str())).collect()),
        ];
        for (set, entries) in sets {
            let bytes: usize = entries.iter().map(|(name, value)| name.len() + value.len()).sum();
            let limit = match set {
                "annotations" => limits::ANNOTATIONS_BYTES,
                _ => limits::LABELS_BYTES,
            };
            if bytes > limit {
                let what = format!("are {bytes} bytes together; the limit is {limit}");
                return Err(AlertFlaw::new(set, what));
            }
            if entries.len() > limits::LABELS {
                let what =
                    format!("has {} entries; the limit is {}", entries.len(), limits::LABELS);
                return Err(AlertFlaw::new(set, what));
            }
            for (name, value) in entries {
                let bad =
                    name.is_empty() || name.starts_with('$') || name.chars().any(char::is_control);
                let what = if bad {
                    let rule = "a name must not be empty, begin with $ or hold control characters";
                    Some(rule.to_owned())
                } else {
                    let value = || too_long(value, limits::VALUE_BYTES);
                    too_long(name, limits::NAME_BYTES).or_else(value)
                };
                if let Some(what) = what {
                    return Err(AlertFlaw::new(&format!("{set}.{name}"), what));
                }
            }
        }
        Ok(())
    }
}

/// What is wrong with an alert, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {what}")]
pub struct AlertFlaw {
    /// The field, as a path such as `labels.instance`.
    pub field: String,
    /// What is wrong and what is accepted.
    pub what: String,
}

impl AlertFlaw {
    fn new(field: &str, what: impl Into<String>) -> Self {
        // A hostile name must neither flood the message that reports it nor steer a terminal.
        let field = field.chars().take(100).collect::<String>().escape_debug().to_string();
        Self { field, what: what.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn alert() -> Alert {
        Alert {
            id: "1".into(),
            source: "test".into(),
            status: AlertStatus::Firing,
            severity: Some("warning".into()),
            title: "HostOutOfDiskSpace".into(),
            message: "91 % used".into(),
            labels: [("instance".to_owned(), "db-1".to_owned())].into(),
            annotations: BTreeMap::new(),
            metrics: BTreeMap::new(),
            starts_at: None,
            ends_at: None,
            runbook_url: None,
        }
    }

    #[test]
    fn identity_is_the_name_and_the_labels_and_not_the_summary() {
        let first = alert();
        let mut later = alert();
        later.message = "97 % used".into();
        assert_eq!(first.identity(), later.identity());
        later.labels.insert("instance".into(), "db-2".into());
        assert_ne!(first.identity(), later.identity());
    }

    #[test]
    fn identity_keeps_neighbouring_parts_apart() {
        let mut a = alert();
        let mut b = alert();
        a.labels = [("ab".to_owned(), "c".to_owned())].into();
        b.labels = [("a".to_owned(), "bc".to_owned())].into();
        assert_ne!(a.identity(), b.identity());
    }

    #[test]
    fn each_length_is_accepted_at_its_limit_and_refused_one_past_it() {
        let mut a = alert();
        a.message = "x".repeat(limits::MESSAGE_BYTES).into();
        a.labels.insert("n".repeat(limits::NAME_BYTES), "v".repeat(limits::VALUE_BYTES));
        assert_eq!(a.check(), Ok(()));
        let mut long = a.clone();
        long.message = "x".repeat(limits::MESSAGE_BYTES + 1).into();
        assert_eq!(long.check().unwrap_err().field, "message");
        let mut long = a.clone();
        long.labels.insert("v".into(), "v".repeat(limits::VALUE_BYTES + 1));
        assert_eq!(long.check().unwrap_err().field, "labels.v");
        let mut many = alert();
        many.labels = (0..limits::LABELS).map(|i| (i.to_string(), String::new())).collect();
        assert_eq!(many.check(), Ok(()));
        many.labels.insert("one more".into(), String::new());
        assert_eq!(many.check().unwrap_err().field, "labels");
    }

    #[test]
    fn labels_are_limited_together_as_well_as_one_by_one() {
        let mut a = alert();
        a.labels = (0..17).map(|i| (format!("{i:02}"), "v".repeat(4_000))).collect();
        assert_eq!(a.check().unwrap_err().field, "labels");
        a.labels.pop_last();
        assert_eq!(a.check(), Ok(()));
    }

    #[test]
    fn an_alert_that_says_nothing_is_refused() {
        let mut a = alert();
        a.title = FreeText::default();
        assert_eq!(a.check(), Ok(()));
        a.message = FreeText::default();
        assert!(a.check().is_err());
    }
}
