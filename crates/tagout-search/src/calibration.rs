//! Confidence: the probability that the first candidate is right.
//!
//! For text it is a logistic function of a few features, for an exact key the record of such keys.
//! The numbers live in `calibration.json`, which also says what they were fitted on; `examples/fit_calibration.rs` fits them again and prints the file.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::SearchError;
use crate::explain::{FEATURES, Features};
use crate::keys::Key;

/// The coefficients that ship with the crate.
pub(crate) const BUNDLED: &str = include_str!("../calibration.json");

/// A fitted calibration, as its file holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Version of this file's layout: 2.
    pub format: u32,
    /// Confidence in basis points from which the first candidate counts as a match.
    pub match_from: u16,
    /// What the logistic function starts from.
    pub intercept: f64,
    /// One weight per feature.
    pub weights: Weights,
    /// What was observed of exact keys.
    pub keys: KeyRecords,
    /// What the coefficients were fitted on.
    pub fitted_on: FittedOn,
}

/// How often each kind of exact key was seen to name the right document.
///
/// A key is judged by its record alone, and text has no say: where a key names one document, what
/// the alert says in words was never seen to make it wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRecords {
    /// [`Key::RunbookUrl`].
    pub runbook_url: KeyRecord,
    /// [`Key::AlertName`], counted on alerts without an address.
    pub alert_name: KeyRecord,
}

/// A count of observed keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRecord {
    /// Alerts for which the key named one document.
    pub hits: u32,
    /// Those for which it was the right one.
    pub right: u32,
}

impl KeyRecord {
    /// The probability that the next hit is right, by Laplace's rule of succession.
    #[must_use]
    pub fn probability(self) -> f64 {
        (f64::from(self.right) + 1.0) / (f64::from(self.hits.max(self.right)) + 2.0)
    }
}

impl KeyRecords {
    /// The probability that a key of this kind names the right document. Label sets, of which there
    /// is no record, are trusted no more than the worse of the other two.
    #[must_use]
    pub fn probability(&self, kind: Key) -> f64 {
        let url = self.runbook_url.probability();
        let name = self.alert_name.probability();
        match kind {
            Key::RunbookUrl => url,
            Key::AlertName => name,
            Key::Labels => url.min(name),
        }
    }
}

/// The weights of the logistic function, one per feature of [`Features`].
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// Of [`Features::excess`].
    pub excess: f64,
    /// Of [`Features::kinship`].
    pub kinship: f64,
    /// Of [`Features::margin`].
    pub margin: f64,
    /// Of [`Features::page_missing`].
    pub page_missing: f64,
}

/// What a calibration was fitted on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedOn {
    /// In words.
    pub what: String,
    /// Digests (hexadecimal) of the indexes whose documents took part.
    pub indexes: Vec<String>,
    /// Digest (hexadecimal) of the embedding model.
    pub model: String,
    /// Digest (hexadecimal) of the everyday faults and their vectors.
    pub cohort: String,
    /// Rows that took part, each of them in several search modes.
    pub queries: usize,
    /// Weight of a row whose right answer was taken out of the index, beside 1 for a real row.
    pub left_out_weight: f64,
    /// Strength of the pull of standardised weights towards zero.
    pub ridge: f64,
}

impl Weights {
    /// The weights in the order of [`Features::for_calibration`].
    #[must_use]
    pub fn to_array(self) -> [f64; FEATURES] {
        [self.excess, self.kinship, self.margin, self.page_missing]
    }

    /// The reverse of [`Weights::to_array`].
    #[must_use]
    pub fn from_array(weights: [f64; FEATURES]) -> Self {
        let [excess, kinship, margin, page_missing] = weights;
        Weights { excess, kinship, margin, page_missing }
    }
}

impl Calibration {
    /// The calibration that ships with the crate.
    ///
    /// # Errors
    /// [`SearchError::Calibration`] if the bundled file is damaged.
    pub fn bundled() -> Result<Self, SearchError> {
        Self::from_json(BUNDLED)
    }

    /// Reads a calibration file.
    ///
    /// # Errors
    /// [`SearchError::Calibration`] if it is not valid: unknown or missing entries, a layout of
    /// another version, a weight that is not finite.
    pub fn from_json(text: &str) -> Result<Self, SearchError> {
        let calibration: Calibration = serde_json::from_str(text)
            .map_err(|error| SearchError::Calibration(error.to_string()))?;
        if calibration.format != 2 {
            return Err(SearchError::Calibration(format!(
                "the file has layout {}, this version reads layout 2",
                calibration.format
            )));
        }
        if calibration.match_from > 10_000 {
            return Err(SearchError::Calibration(format!(
                "match_from is {}, it is in basis points and at most 10000",
                calibration.match_from
            )));
        }
        Ok(calibration)
    }

    /// The file's text.
    ///
    /// # Errors
    /// [`SearchError::Calibration`] if a weight is not a finite number.
    pub fn to_json(&self) -> Result<String, SearchError> {
        let finite = self.weights.to_array().iter().all(|w| w.is_finite());
        if !finite || !self.intercept.is_finite() {
            return Err(SearchError::Calibration("a weight is not finite".into()));
        }
        serde_json::to_string_pretty(self)
            .map(|text| text + "\n")
            .map_err(|error| SearchError::Calibration(error.to_string()))
    }

    /// SHA-256 of the calibration: of its compact JSON, which does not depend on the layout of the
    /// file it was read from.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let text = serde_json::to_string(self).unwrap_or_default();
        Sha256::digest(text.as_bytes()).into()
    }

    /// Whether the index with this digest took part in the fit.
    #[must_use]
    pub fn covers(&self, index: &[u8; 32]) -> bool {
        let digest = hexadecimal(index);
        self.fitted_on.indexes.contains(&digest)
    }

    /// The probability that a candidate with these features is right, 0 to 1, from text alone.
    #[must_use]
    pub fn text_probability(&self, features: &Features) -> f64 {
        let terms = self.weights.to_array();
        let sum: f64 = terms
            .iter()
            .zip(features.for_calibration())
            .map(|(weight, value)| weight * value)
            .sum();
        logistic(self.intercept + sum)
    }
}

/// The logistic function.
pub(crate) fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// A probability in basis points, rounded down. What is not a number counts as 0.
pub(crate) fn basis_points(probability: f64) -> u16 {
    // A float-to-integer cast saturates and takes NaN to 0.
    (probability.clamp(0.0, 1.0) * 10_000.0).floor() as u16
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_calibration_survives_writing_and_reading() {
        let bundled = Calibration::bundled().unwrap();
        let again = Calibration::from_json(&bundled.to_json().unwrap()).unwrap();
        assert_eq!(bundled, again);
        assert_eq!(bundled.digest(), again.digest());
    }

    #[test]
    fn an_unknown_entry_and_a_later_layout_are_refused() {
        let later = BUNDLED.replacen("\"format\": 2", "\"format\": 3", 1);
        assert!(Calibration::from_json(&later).unwrap_err().to_string().contains("layout 3"));
        let typo = BUNDLED.replacen("\"intercept\"", "\"intercpt\"", 1);
        assert!(Calibration::from_json(&typo).unwrap_err().to_string().contains("intercpt"));
    }

    #[test]
    fn a_key_that_was_never_seen_is_a_coin_toss_and_a_good_record_never_becomes_certainty() {
        assert!((KeyRecord::default().probability() - 0.5).abs() < 1e-12);
        let record = KeyRecord { hits: 98, right: 98 };
        assert!((record.probability() - 0.99).abs() < 1e-12);
        let keys = KeyRecords { runbook_url: record, alert_name: KeyRecord { hits: 8, right: 8 } };
        assert!((keys.probability(Key::Labels) - 0.9).abs() < 1e-12);
    }

    #[test]
    fn a_probability_is_rounded_down_and_stays_in_range() {
        assert_eq!(basis_points(0.949_999_9), 9499);
        assert_eq!(basis_points(1.0), 10_000);
        assert_eq!(basis_points(7.0), 10_000);
        assert_eq!(basis_points(-1.0), 0);
        assert_eq!(basis_points(f64::NAN), 0);
    }
}
