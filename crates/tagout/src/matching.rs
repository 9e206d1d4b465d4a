//! From an alert to candidate runbooks: what the search crate needs and says, in our terms.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use tagout_core::alert::Alert;
use tagout_core::confidence::Confidence;
use tagout_core::digest::{CatalogueDigest, SearchDigest};
use tagout_core::findings::{Candidate, ExactKey, Findings};
use tagout_core::limits;
use tagout_core::runbook::{Catalogue, Runbook};
use tagout_search::{Document, Embedder, EmbeddingCache, Index, Key, Mode, Query, SearchOptions};

use crate::fault::Fault;

/// What finds runbooks for an alert.
pub trait Search: Send {
    /// The candidates for `alert`, best first.
    ///
    /// # Errors
    /// If the search cannot be made ready: a fault, never an alert's.
    fn find(&mut self, alert: &Alert) -> Result<Findings, Fault>;
}

/// Finds runbooks by exact keys, words and meaning.
#[derive(Debug, Clone)]
pub struct Matcher {
    embedder: Arc<Embedder>,
    index: Arc<Index>,
    catalogue: CatalogueDigest,
}

impl Matcher {
    /// Makes the runbooks searchable. Vectors that `cache` holds are not computed again.
    ///
    /// # Errors
    /// If the shipped model or calibration cannot be read: a fault of the build.
    pub fn new(
        embedder: Arc<Embedder>,
        runbooks: &Catalogue,
        cache: &mut dyn EmbeddingCache,
    ) -> Result<Self, Fault> {
        let documents = runbooks.iter().map(document).collect();
        let index = Index::build(documents, &embedder, cache)
            .map_err(|e| Fault::new(format!("the runbooks cannot be searched: {e}")))?;
        Ok(Self { embedder, index: Arc::new(index), catalogue: runbooks.digest() })
    }

    /// The index beneath.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The embedding model.
    #[must_use]
    pub fn embedder(&self) -> &Embedder {
        &self.embedder
    }

    /// What the search says, with the identity of all that it rests on.
    #[must_use]
    pub fn findings(&self, found: tagout_search::Findings) -> Findings {
        Findings {
            candidates: found.candidates.into_iter().map(candidate).collect(),
            calibrated: found.fitted,
            catalogue: self.catalogue,
            model: SearchDigest::from_raw(found.model_digest),
            index: SearchDigest::from_raw(found.index_digest),
            calibration: SearchDigest::from_raw(found.calibration_digest),
        }
    }
}

impl Search for Matcher {
    fn find(&mut self, alert: &Alert) -> Result<Findings, Fault> {
        let options = SearchOptions { mode: Mode::Full, keys: true, limit: limits::CANDIDATES };
        Ok(self.findings(self.index.search(&self.embedder, &query(alert), &options)))
    }
}

/// A search that is made ready when it is first needed: answering a review needs none.
pub struct LateMatcher {
    runbooks: Catalogue,
    cache: VectorCache,
    ready: Option<Matcher>,
}

impl LateMatcher {
    /// A search over these runbooks.
    #[must_use]
    pub const fn new(runbooks: Catalogue, cache: VectorCache) -> Self {
        Self { runbooks, cache, ready: None }
    }
}

impl Search for LateMatcher {
    fn find(&mut self, alert: &Alert) -> Result<Findings, Fault> {
        let ready = match self.ready.take() {
            Some(ready) => ready,
            None => Matcher::new(embedder()?, &self.runbooks, &mut self.cache)?,
        };
        self.ready.insert(ready).find(alert)
    }
}

/// The embedding model that ships in the binary.
///
/// # Errors
/// If it cannot be read: a fault of the build.
pub fn embedder() -> Result<Arc<Embedder>, Fault> {
    Embedder::bundled()
        .map(Arc::new)
        .map_err(|e| Fault::new(format!("the embedding model cannot be read: {e}")))
}

fn document(runbook: &Runbook) -> Document {
    Document {
        id: runbook.id.clone(),
        title: runbook.title.clone(),
        symptoms: runbook.symptoms.clone(),
        body: runbook.body.clone(),
        alert_names: runbook.keys.alert_names.clone(),
        runbook_urls: runbook.keys.runbook_urls.clone(),
        label_matchers: runbook.keys.labels.clone(),
    }
}

/// The alert as the search reads it.
#[must_use]
pub fn query(alert: &Alert) -> Query {
    let name = alert.name();
    // A headline that is prose is text to search and not a name.
    let named = alert.labels.contains_key("alertname") || !name.contains(char::is_whitespace);
    let title = alert.title.as_str();
    let annotation = |key: &str| alert.annotations.get(key).map_or("", |text| text.as_str());
    let description = [alert.message.as_str(), annotation("description")];
    let summary = [if named && title == name { "" } else { title }, annotation("summary")];
    let labels = alert.labels.iter().filter(|(label, _)| *label != "alertname");
    Query {
        alert_name: if named { name.to_owned() } else { String::new() },
        labels: labels.map(|(k, v)| (k.clone(), v.clone())).collect::<BTreeMap<_, _>>(),
        summary: distinct(&summary),
        description: distinct(&description),
        runbook_url: alert.runbook_url.clone(),
    }
}

/// The texts one after another, without one that another holds already.
fn distinct(texts: &[&str]) -> String {
    let mut whole = String::new();
    for text in texts.iter().map(|t| t.trim()).filter(|t| !t.is_empty()) {
        if whole.contains(text) {
            continue;
        }
        if !whole.is_empty() {
            whole.push_str(". ");
        }
        whole.push_str(text);
    }
    whole
}

fn candidate(found: tagout_search::Candidate) -> Candidate {
    // A title that merely equals the alert's name lends confidence but is no declared key.
    let key = found.key.filter(|key| found.declared || *key == Key::RunbookUrl);
    #[allow(clippy::cast_possible_truncation, reason = "a cosine in hundredths of a percent")]
    let similarity = (found.features.cosine * 10_000.0) as i32;
    Candidate {
        runbook: found.id,
        confidence: Confidence::from_basis_points(found.confidence),
        key: key.map(|key| match key {
            Key::RunbookUrl => ExactKey::RunbookUrl,
            Key::AlertName => ExactKey::AlertName,
            Key::Labels => ExactKey::Labels,
        }),
        matched_terms: found.matched_terms,
        similarity,
    }
}

/// Vectors kept in a directory, one file each, named by the digest of model and text. Losing
/// it costs time and nothing else.
#[derive(Debug, Clone)]
pub struct VectorCache {
    directory: PathBuf,
}

impl VectorCache {
    /// The cache in `directory`, which is made when the first vector is kept.
    #[must_use]
    pub const fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    fn path(&self, key: &[u8; 32]) -> PathBuf {
        self.directory.join(tagout_core::digest::to_hex(key))
    }
}

impl EmbeddingCache for VectorCache {
    fn get(&mut self, key: &[u8; 32]) -> Option<Vec<f32>> {
        let bytes = fs::read(self.path(key)).ok()?;
        let (vector, sum) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
        // A torn or altered file is a miss, not a vector.
        (tagout_core::digest::sha256("tagout.vector.v1", &[key, vector]) == *sum).then(|| {
            let parts = vector.chunks_exact(4);
            parts.filter_map(|p| Some(f32::from_le_bytes(p.try_into().ok()?))).collect()
        })
    }

    fn put(&mut self, key: [u8; 32], vector: &[f32]) {
        let mut bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
        let sum = tagout_core::digest::sha256("tagout.vector.v1", &[&key, &bytes]);
        bytes.extend_from_slice(&sum);
        // A cache that cannot be written is no error: the next start computes again.
        let mut directory = fs::DirBuilder::new();
        // It may be the first thing in a data directory, which is its owner's alone.
        let directory = directory.recursive(true).mode(0o700);
        let _ = directory.create(&self.directory).and_then(|()| fs::write(self.path(&key), bytes));
    }
}
