//! Any sender's JSON, read by a declaration that says where everything is.
//!
//! A [`Mapping`] is written in TOML; the format is in `docs/mappings.md`. It names places in a
//! body by JSON Pointer (RFC 6901) and says what the sender's words mean. It cannot compute:
//! whatever is read stays within the limits that hold for every other format.
//!
//! An alert's identity is its name and labels. So a declaration must take into `labels` only
//! what a sender repeats unchanged when the fault is over.
//!
//! ```
//! use tagout::signals::{Mapping, Reading};
//!
//! let mapping = Mapping::parse(r#"
//!     name = "door-bell"
//!     title = { template = "{/door} was rung" }
//!     labels.door = "/door"
//!     status = { from = "/state", firing = ["rung"], resolved = ["answered"] }
//! "#)?;
//! let delivery = mapping.read(br#"{"door": "north", "state": "rung"}"#)?;
//! let [Reading::Alert(alert)] = delivery.alerts.as_slice() else { panic!("one alert") };
//! assert_eq!((alert.title.as_str(), alert.labels["door"].as_str()), ("north was rung", "north"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod body;
mod declaration;
mod moment;
mod pointer;
mod set;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;
use tagout_core::alert::{Alert, AlertFlaw, AlertStatus, Severity};
use tagout_core::digest::DeliveryDigest;
use tagout_core::text::FreeText;

use self::body::Body;
use self::moment::Moment;
use self::pointer::Pointer;
use self::set::Set;
use self::value::{Place, Scope, Value};
use super::fields::{self, flaw};
use super::json::{self, Document, Kind, quoted};
use super::{Delivery, Format, Reading, SignalError};

/// The declarations that ship, by name. Each was tested against the format its provider
/// publishes and not against the live service.
const SHIPPED: [(&str, &str); 7] = [
    ("azure-monitor", include_str!("../../mappings/azure-monitor.toml")),
    ("checkmk", include_str!("../../mappings/checkmk.toml")),
    ("datadog", include_str!("../../mappings/datadog.toml")),
    ("google-cloud-monitoring", include_str!("../../mappings/google-cloud-monitoring.toml")),
    ("new-relic", include_str!("../../mappings/new-relic.toml")),
    ("opsgenie", include_str!("../../mappings/opsgenie.toml")),
    ("zabbix", include_str!("../../mappings/zabbix.toml")),
];

/// How one sender's JSON becomes alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    name: String,
    /// Where the list of alerts is; the body is one alert or a list of them if absent.
    each: Option<Pointer>,
    absent: BTreeSet<String>,
    id: Option<Value>,
    title: Option<Value>,
    message: Option<Value>,
    runbook_url: Option<Value>,
    status: Option<Statuses>,
    severity: Option<Severities>,
    starts_at: Option<Moment>,
    ends_at: Option<Moment>,
    labels: Set,
    annotations: Set,
    metrics: BTreeMap<String, Place>,
    ignore: Vec<Condition>,
}

/// The sender's words for the state of an alert, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Statuses {
    from: Value,
    words: BTreeMap<String, AlertStatus>,
}

/// The sender's words for how bad it is, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Severities {
    from: Value,
    words: BTreeMap<String, Severity>,
}

/// What is acknowledged without becoming an alert: a test notification, say.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    at: Place,
    /// One that holds is enough.
    tests: Vec<Test>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Is(String),
    Begins(String),
}

/// A declaration cannot be used: where it is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MappingError(String);

impl Mapping {
    /// Reads a declaration.
    ///
    /// # Errors
    /// If it is larger than [`MAPPING_BYTES`](tagout_core::limits::MAPPING_BYTES), is not TOML,
    /// has a key that is not known, names more than
    /// [`MAPPING_PLACES`](tagout_core::limits::MAPPING_PLACES) places, or breaks a rule; the
    /// message names the place.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        declaration::read(text)
    }

    /// The text of a declaration that ships, to be read or to be copied and changed.
    #[must_use]
    pub fn shipped(name: &str) -> Option<&'static str> {
        SHIPPED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// The names of the declarations that ship.
    pub fn shipped_names() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(name, _)| *name)
    }

    /// The name of the declaration, which is the `source` of each alert.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads a body. The index of a flaw is the alert's place among those sent, ignored ones
    /// included.
    ///
    /// # Errors
    /// If nothing in the body can be used, or its alerts are not where the declaration says. A
    /// flaw in one alert is no error but a [`Reading`].
    pub fn read(&self, body: &[u8]) -> Result<Delivery, SignalError> {
        let text = json::text(body)?;
        let Document::One(root) = json::document(text)? else {
            return Err(self.unmapped("the body", "holds several values, one on each line"));
        };
        match Kind::of(root) {
            // A body in which a member stands twice is refused whole, as in every format.
            Kind::Object => drop(json::outermost(text)?),
            Kind::Array => {}
            kind => return Err(SignalError::WrongShape { found: kind.to_string() }),
        }
        let whole = Body::of(root);
        let mut alerts = Vec::new();
        for (index, value) in self.alerts(root, &whole)?.into_iter().enumerate() {
            let alert = Body::of(value);
            let scope = Scope { alert: &alert, body: &whole, absent: &self.absent };
            match self.alert(value, &scope).transpose() {
                None => {}
                Some(read) => alerts.push(Reading::new(index, read)),
            }
        }
        let digest = DeliveryDigest::of_bytes(body);
        Ok(Delivery { source: Format::Mapped, digest, alerts, truncated: 0 })
    }

    fn alerts<'a>(
        &self,
        root: &'a RawValue,
        whole: &Body<'a>,
    ) -> Result<Vec<&'a RawValue>, SignalError> {
        let Some(each) = &self.each else {
            let list = Kind::of(root) == Kind::Array;
            return if list { json::alerts(root) } else { Ok(vec![root]) };
        };
        let place = each.to_string();
        match whole.at(each).map_err(|what| self.unmapped(&place, &what))? {
            Some(list) if Kind::of(list) == Kind::Array => json::alerts(list),
            Some(other) => {
                Err(self.unmapped(&place, &format!("is {}; it must be an array", Kind::of(other))))
            }
            None => Err(self.unmapped(&place, "is missing")),
        }
    }

    fn unmapped(&self, place: &str, what: &str) -> SignalError {
        let place = place.escape_debug().to_string();
        SignalError::Unmapped { mapping: self.name.clone(), place, what: what.to_owned() }
    }

    /// One alert; nothing if it is to be ignored.
    fn alert(&self, value: &RawValue, scope: &Scope<'_, '_>) -> Result<Option<Alert>, AlertFlaw> {
        let kind = Kind::of(value);
        if kind != Kind::Object {
            return Err(flaw("alert", format!("is {kind}; it must be an object")));
        }
        for condition in &self.ignore {
            if condition.holds(scope)? {
                return Ok(None);
            }
        }
        let word = |field: &str, value: &Option<Value>| {
            let text = value.as_ref().map_or(Ok(None), |value| value.text(field, scope))?;
            text.map(|text| fields::as_word(field, text)).transpose()
        };
        let prose = |field: &str, value: &Option<Value>| {
            let text = value.as_ref().map_or(Ok(None), |value| value.text(field, scope))?;
            let text = text.map(|text| FreeText::Present(fields::harmless(text)));
            Ok::<_, AlertFlaw>(text.unwrap_or_default())
        };
        let time = |field: &str, moment: &Option<Moment>| {
            moment.as_ref().map_or(Ok(None), |moment| moment.read(field, scope))
        };
        let status = match &self.status {
            None => AlertStatus::Firing,
            Some(statuses) => statuses.read(scope)?,
        };
        let severity = match &self.severity {
            None => None,
            Some(severities) => severities.read(scope)?,
        };
        let mut labels = self.labels.read("labels", scope)?;
        for (name, text) in &mut labels {
            *text = fields::as_word(&format!("labels.{name}"), std::mem::take(text))?;
        }
        let annotations = self.annotations.read("annotations", scope)?;
        let annotations = annotations
            .into_iter()
            .map(|(name, text)| (name, FreeText::Present(fields::harmless(text))))
            .collect();
        Ok(Some(Alert {
            id: word("id", &self.id)?.unwrap_or_default(),
            source: self.name.clone(),
            status,
            severity,
            title: prose("title", &self.title)?,
            message: prose("message", &self.message)?,
            labels,
            annotations,
            metrics: self.metrics(scope)?,
            starts_at: time("starts_at", &self.starts_at)?,
            ends_at: fields::end(status, time("ends_at", &self.ends_at)?),
            runbook_url: word("runbook_url", &self.runbook_url)?,
        }))
    }

    fn metrics(&self, scope: &Scope<'_, '_>) -> Result<BTreeMap<String, String>, AlertFlaw> {
        let mut metrics = BTreeMap::new();
        for (name, place) in &self.metrics {
            let field = format!("metrics.{name}");
            // Many senders write their numbers as strings, so the text is read as JSON.
            let Some(text) = place.text(&field, scope)? else { continue };
            let text = text.trim();
            let number: &RawValue = serde_json::from_str(text).map_err(|_| {
                place.flaw(&field, &format!("is {}; it must be a number", quoted(text)))
            })?;
            metrics.insert(name.clone(), fields::number(&field, number)?);
        }
        Ok(metrics)
    }

    /// How many places a declaration reads for one alert.
    fn places(&self) -> usize {
        let values = [&self.id, &self.title, &self.message, &self.runbook_url];
        let moments = [&self.starts_at, &self.ends_at];
        values.into_iter().flatten().map(Value::places).sum::<usize>()
            + moments.into_iter().flatten().map(|moment| moment.from.places()).sum::<usize>()
            + self.status.as_ref().map_or(0, |statuses| statuses.from.places())
            + self.severity.as_ref().map_or(0, |severities| severities.from.places())
            + self.labels.places()
            + self.annotations.places()
            + self.metrics.len()
            + self.ignore.len()
    }
}

impl Statuses {
    /// A word that is in no list is a flaw: nobody can say whether such an alert began or ended.
    fn read(&self, scope: &Scope<'_, '_>) -> Result<AlertStatus, AlertFlaw> {
        let Some(text) = self.from.text("status", scope)? else {
            return Err(flaw("status", "is missing; the mapping says that the sender states it"));
        };
        self.words.get(&text.trim().to_lowercase()).copied().ok_or_else(|| {
            let what = "is in none of the mapping's lists; add it under [status], or to an \
                        [[ignore]] if it is no alert";
            flaw("status", format!("{} {what}", quoted(&text)))
        })
    }
}

impl Severities {
    /// One of our four words where the table has the sender's, else the sender's own word, of
    /// which the policy says what it means.
    fn read(&self, scope: &Scope<'_, '_>) -> Result<Option<String>, AlertFlaw> {
        let Some(text) = self.from.text("severity", scope)? else { return Ok(None) };
        let word = fields::severity(&fields::as_word("severity", text)?);
        Ok(word.map(|word| match self.words.get(&word) {
            Some(severity) => severity.name().to_owned(),
            None => word,
        }))
    }
}

impl Condition {
    fn holds(&self, scope: &Scope<'_, '_>) -> Result<bool, AlertFlaw> {
        let Some(text) = self.at.text("ignore", scope)? else { return Ok(false) };
        Ok(self.tests.iter().any(|test| match test {
            Test::Is(word) => text == *word,
            Test::Begins(start) => text.starts_with(start.as_str()),
        }))
    }
}
