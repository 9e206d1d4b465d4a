//! What the search found for an alert, as it is recorded. Replay reads this and never searches.

use serde::{Deserialize, Serialize};

use crate::confidence::Confidence;
use crate::digest::{CatalogueDigest, SearchDigest};

/// The exact key that made a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExactKey {
    /// The alert names the runbook's address.
    RunbookUrl,
    /// The alert bears a declared name.
    AlertName,
    /// The alert carries a declared set of labels.
    Labels,
}

impl ExactKey {
    /// The key in words.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::RunbookUrl => "the alert names this runbook's address",
            Self::AlertName => "the alert bears a name this runbook declares",
            Self::Labels => "the alert carries labels this runbook declares",
        }
    }
}

/// One runbook that might be the right one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The runbook.
    pub runbook: String,
    /// How probable it is that it is right.
    pub confidence: Confidence,
    /// The exact key that matched, if one did.
    pub key: Option<ExactKey>,
    /// Words of the alert that are also the runbook's.
    pub matched_terms: Vec<String>,
    /// How near the meanings are, cosine in hundredths of a percent; for explanation only.
    pub similarity: i32,
}

/// What the search found, best first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// The candidates, best first; empty if nothing was near.
    pub candidates: Vec<Candidate>,
    /// Whether the confidences were calibrated on this very set of runbooks.
    pub calibrated: bool,
    /// The runbooks that were searched.
    pub catalogue: CatalogueDigest,
    /// The embedding model.
    pub model: SearchDigest,
    /// The index.
    pub index: SearchDigest,
    /// The calibration.
    pub calibration: SearchDigest,
}

impl Findings {
    /// The lead of candidate `at` over the best of those after it.
    #[must_use]
    pub fn margin(&self, at: usize) -> Confidence {
        let own = self.candidates.get(at).map_or(0, |c| c.confidence.basis_points());
        let next = self.candidates.iter().skip(at + 1).map(|c| c.confidence.basis_points()).max();
        Confidence::from_basis_points(own.saturating_sub(next.unwrap_or(0)))
    }
}
