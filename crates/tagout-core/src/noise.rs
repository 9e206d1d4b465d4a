//! The operator's rules against noise: how long a fault that is over keeps its incident, when
//! many alerts are one storm, when an alert flaps, and which alerts hold others back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::matcher::LabelMatcher;
use crate::time::Span;

/// The rules against noise. None of them drops an alert: each says into which incident it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoiseRules {
    /// How long an alert that goes on firing after its incident was closed is folded into the
    /// closed one. After that it opens a new one.
    pub cooldown: Span,
    /// When many alerts are one storm.
    pub storm: StormRules,
    /// When an alert flaps.
    pub flapping: FlappingRules,
    /// Which alerts hold others back.
    pub inhibit: Vec<InhibitRule>,
}

/// When many alerts are one storm. The first ones still get incidents, and with them plans, of
/// their own; those that follow are gathered in one incident that is with people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StormRules {
    /// The window in which incidents count, and the quiet after which a storm is over.
    pub window: Span,
    /// How many alerts of one name and severity get incidents of their own within the window.
    pub per_name: u32,
    /// How many alerts of one severity or a higher one do, whatever their names.
    pub overall: u32,
}

/// When an alert flaps: it began this often within the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlappingRules {
    /// How often.
    pub starts: u32,
    /// Within which time.
    pub window: Span,
}

/// While an alert that matches `source` has an open incident, alerts that match `target` and
/// agree with it in the labels of `equal` are closed as inhibited. They are looked at again
/// when it ends. The meaning is that of Alertmanager's inhibition rules:
/// <https://prometheus.io/docs/alerting/latest/configuration/#inhibition-related-settings>.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InhibitRule {
    /// The alerts that hold others back.
    pub source: LabelMatcher,
    /// The alerts that are held back.
    pub target: LabelMatcher,
    /// The labels in which both must agree. A label that both lack agrees.
    #[serde(default)]
    pub equal: Vec<String>,
}

impl Default for NoiseRules {
    /// The rules as shipped.
    fn default() -> Self {
        Self {
            cooldown: Span::from_secs(600),
            storm: StormRules { window: Span::from_secs(600), per_name: 3, overall: 5 },
            flapping: FlappingRules { starts: 4, window: Span::from_secs(3600) },
            inhibit: Vec::new(),
        }
    }
}

impl InhibitRule {
    /// Whether an alert with the labels `source` holds back one with the labels `target`. No
    /// alert that matches both sides holds back another of the kind, or each would silence
    /// the other.
    #[must_use]
    pub fn holds_back(
        &self,
        source: &BTreeMap<String, String>,
        target: &BTreeMap<String, String>,
    ) -> bool {
        self.target.matches(target)
            && self.source.matches(source)
            && !self.source.matches(target)
            && self.equal.iter().all(|label| source.get(label) == target.get(label))
    }
}

/// The section of the policy file, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoiseFile {
    cooldown: Option<String>,
    storm_window: Option<String>,
    storm_per_name: Option<u32>,
    storm_overall: Option<u32>,
    flapping_starts: Option<u32>,
    flapping_window: Option<String>,
}

impl NoiseFile {
    pub(crate) fn over(self, base: Self) -> Self {
        Self {
            cooldown: self.cooldown.or(base.cooldown),
            storm_window: self.storm_window.or(base.storm_window),
            storm_per_name: self.storm_per_name.or(base.storm_per_name),
            storm_overall: self.storm_overall.or(base.storm_overall),
            flapping_starts: self.flapping_starts.or(base.flapping_starts),
            flapping_window: self.flapping_window.or(base.flapping_window),
        }
    }

    pub(crate) fn finish(self, inhibit: Vec<InhibitRule>) -> Result<NoiseRules, String> {
        let shipped = NoiseRules::default();
        let span = |key: &str, text: Option<String>, shipped: Span| {
            let Some(text) = text else { return Ok(shipped) };
            let span: Span = text.parse().map_err(|e| format!("noise.{key}: {e}"))?;
            if span > limits::REMEMBERED {
                let most = limits::REMEMBERED;
                return Err(format!(
                    "noise.{key}: {span} is longer than alerts are remembered ({most})"
                ));
            }
            Ok(span)
        };
        let count = |key: &str, count: Option<u32>, shipped: u32, (least, most): (u32, u32)| {
            let count = count.unwrap_or(shipped);
            if (least..=most).contains(&count) {
                return Ok(count);
            }
            Err(format!("noise.{key}: {count} is not between {least} and {most}"))
        };
        let own = (1, 1_000);
        for (i, rule) in inhibit.iter().enumerate() {
            if rule.source.0.is_empty() || rule.target.0.is_empty() {
                return Err(format!(
                    "inhibit[{i}]: source and target must each name a label; \
                     an empty one would match every alert"
                ));
            }
        }
        Ok(NoiseRules {
            cooldown: span("cooldown", self.cooldown, shipped.cooldown)?,
            storm: StormRules {
                window: span("storm_window", self.storm_window, shipped.storm.window)?,
                per_name: count(
                    "storm_per_name",
                    self.storm_per_name,
                    shipped.storm.per_name,
                    own,
                )?,
                overall: count("storm_overall", self.storm_overall, shipped.storm.overall, own)?,
            },
            flapping: FlappingRules {
                starts: count(
                    "flapping_starts",
                    self.flapping_starts,
                    shipped.flapping.starts,
                    (2, limits::REMEMBERED_STARTS),
                )?,
                window: span("flapping_window", self.flapping_window, shipped.flapping.window)?,
            },
            inhibit,
        })
    }
}
