//! What a search returns: the candidates, how sure it is, and why.

use serde::Serialize;

use crate::keys::Key;

/// How many of the [`Features`] the confidence rests on.
pub const FEATURES: usize = 4;

/// The result of one search.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// The best documents, best first, at most as many as asked for.
    pub candidates: Vec<Candidate>,
    /// The probability that the first candidate is right, in basis points (0 to 10000), rounded
    /// down once. 0 without candidates.
    pub confidence: u16,
    /// Whether the first candidate counts as a match. If not, the answer is "no runbook fits", and
    /// the candidates are only the nearest ones.
    pub matched: bool,
    /// How much more probable the first candidate is than the second, in basis points.
    pub margin: u16,
    /// Whether the confidence was fitted on exactly this index' documents. If not it is an
    /// extrapolation from other runbooks.
    pub fitted: bool,
    /// The strongest kind of exact key that matched named several documents, so that none counts.
    pub ambiguous_key: bool,
    /// SHA-256 of the embedding model.
    pub model_digest: [u8; 32],
    /// SHA-256 of the indexed documents.
    pub index_digest: [u8; 32],
    /// SHA-256 of the calibration.
    pub calibration_digest: [u8; 32],
}

/// One document that may be the right one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// The document's id.
    pub id: String,
    /// The probability that this document is right, in basis points. Never more than that of the
    /// candidate before it.
    pub confidence: u16,
    /// The exact key that named this document, if one did and it named no other.
    pub key: Option<Key>,
    /// Whether the author of the document declared that key. False for a title, an id or a page
    /// name that merely equals what the alert says, and without a key.
    pub declared: bool,
    /// The same probability from text alone, as if no exact key had matched. Far below `confidence`
    /// it says that the key and the text disagree.
    pub text_confidence: u16,
    /// Words of the alert that stand in the document, the most telling first, at most eight.
    pub matched_terms: Vec<String>,
    /// The numbers behind the confidence.
    pub features: Features,
}

/// The numbers behind a candidate's place and confidence.
///
/// `lexical`, `share`, `coverage` and `name` are weighted by the directory: a word counts the more,
/// the fewer documents have it; a word that no document has counts the more, the rarer it is in
/// English. They order candidates. The confidence rests on the last four, which mean the same in a
/// directory of ten pages and in one of five hundred.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Features {
    /// BM25F over title, symptoms and body. Unbounded; only comparable within one search.
    pub lexical: f32,
    /// The same as a share of what a document made of the alert's words alone would reach.
    pub share: f32,
    /// Share of the alert's words that stand anywhere in the document.
    pub coverage: f32,
    /// Share of the words of the alert's name and summary that stand in title or symptoms, weighted
    /// by their rarity in English alone.
    pub headline: f32,
    /// How far the alert's name and the title are the same words; 0 in mode `Prose`.
    pub name: f32,
    /// Cosine between the alert's text and the nearest symptom.
    pub cosine: f32,
    /// What candidates are ordered by, after keys.
    pub fused: f32,
    /// `cosine` minus the cosine between the alert and the everyday faults it is nearest to: above
    /// 0 the document describes the alert better than a general description of its fault does.
    pub excess: f32,
    /// How near the document is to those same everyday faults.
    pub kinship: f32,
    /// `fused` minus that of the best other document, as a share of `fused`; negative unless this
    /// one is first.
    pub margin: f32,
    /// 1 if the alert links to a page named after it that no document is, 0.5 if it links to a page
    /// of another name that no document has, else 0.
    pub page_missing: f32,
}

impl Features {
    /// The features that the confidence rests on, in the order of the calibration's weights.
    #[must_use]
    pub fn for_calibration(&self) -> [f64; FEATURES] {
        [self.excess, self.kinship, self.margin, self.page_missing].map(f64::from)
    }
}
