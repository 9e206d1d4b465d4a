//! The index: documents in, findings out.

use sha2::{Digest, Sha256};

use crate::calibration::{Calibration, basis_points};
use crate::cohort::place;
use crate::document::{Document, Mode, Query, SearchOptions};
use crate::error::SearchError;
use crate::explain::{Candidate, Features, Findings};
use crate::fusion::fused;
use crate::keys::{KeyResult, Keys};
use crate::lexical::Lexicon;
use crate::model::{Embedder, EmbeddingCache, NoCache, cosine};
use crate::page::vector_texts;
use crate::query_text::QueryText;

/// Words that explain a candidate.
const EXPLAINING_TERMS: usize = 8;
/// A fused score below this is next to nothing; margins are not measured against less.
const LEAST: f32 = 0.05;

/// All known documents, ready to be searched. Immutable; a changed directory gets a new index.
#[derive(Debug)]
pub struct Index {
    documents: Vec<Document>,
    lexicon: Lexicon,
    keys: Keys,
    /// Per document the vectors of its symptoms.
    vectors: Vec<Vec<Vec<f32>>>,
    digest: [u8; 32],
    calibration: Calibration,
    calibration_digest: [u8; 32],
    fitted: bool,
}

impl Index {
    /// Indexes documents with the bundled calibration. The order of the documents has no
    /// influence on what is found. Vectors are taken from `cache` where it has them.
    ///
    /// # Errors
    /// [`SearchError::DuplicateId`] and [`SearchError::EmptyId`] for ids that cannot be told apart.
    pub fn build(
        documents: Vec<Document>,
        embedder: &Embedder,
        cache: &mut dyn EmbeddingCache,
    ) -> Result<Self, SearchError> {
        let mut documents = documents;
        if let Some(at) = documents.iter().position(|d| d.id.is_empty()) {
            return Err(SearchError::EmptyId(at));
        }
        documents.sort_by(|a, b| a.id.cmp(&b.id));
        let twice = documents.windows(2).find_map(|two| match two {
            [a, b] if a.id == b.id => Some(a.id.clone()),
            _ => None,
        });
        if let Some(id) = twice {
            return Err(SearchError::DuplicateId(id));
        }
        let texts: Vec<Vec<String>> = documents.iter().map(vector_texts).collect();
        let flat: Vec<&str> = texts.iter().flatten().map(String::as_str).collect();
        let mut all = embedder.embed_cached(&flat, cache).into_iter();
        let vectors = texts.iter().map(|texts| all.by_ref().take(texts.len()).collect()).collect();
        Self::assemble(documents, vectors, Calibration::bundled()?)
    }

    fn assemble(
        documents: Vec<Document>,
        vectors: Vec<Vec<Vec<f32>>>,
        calibration: Calibration,
    ) -> Result<Self, SearchError> {
        let digest = digest(&documents)?;
        Ok(Index {
            lexicon: Lexicon::build(&documents),
            keys: Keys::build(&documents),
            documents,
            vectors,
            digest,
            calibration_digest: calibration.digest(),
            fitted: calibration.covers(&digest),
            calibration,
        })
    }

    /// The same index with another calibration.
    #[must_use]
    pub fn with_calibration(mut self, calibration: Calibration) -> Self {
        self.calibration_digest = calibration.digest();
        self.fitted = calibration.covers(&self.digest);
        self.calibration = calibration;
        self
    }

    /// An index of the same documents but those with the given ids, without embedding anything
    /// again.
    ///
    /// # Errors
    /// None in practice; the documents were accepted before.
    pub fn without(&self, ids: &[String]) -> Result<Self, SearchError> {
        let (documents, vectors) = self
            .documents
            .iter()
            .zip(&self.vectors)
            .filter(|(document, _)| !ids.contains(&document.id))
            .map(|(document, vectors)| (document.clone(), vectors.clone()))
            .unzip();
        Self::assemble(documents, vectors, self.calibration.clone())
    }

    /// SHA-256 over the documents, which does not depend on their order.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// How many documents there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether there are no documents.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// The calibration in use.
    #[must_use]
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// Ranks the documents for an alert. Never fails: nothing found is a finding.
    #[must_use]
    pub fn search(&self, embedder: &Embedder, query: &Query, options: &SearchOptions) -> Findings {
        self.search_cached(embedder, query, options, &mut NoCache)
    }

    /// Like [`Index::search`], with a cache for the alert's vector.
    pub fn search_cached(
        &self,
        embedder: &Embedder,
        query: &Query,
        options: &SearchOptions,
        cache: &mut dyn EmbeddingCache,
    ) -> Findings {
        let text = QueryText::new(query, options.mode, embedder);
        let keys = if options.keys { self.keys.find(query) } else { KeyResult::default() };
        let features = self.features(embedder, &text, options.mode, keys.page_missing, cache);
        let mut order: Vec<usize> = (0..self.documents.len()).collect();
        // Documents are sorted by id, so a stable sort breaks ties by id.
        let named = |at: usize| keys.hit.is_some_and(|hit| hit.document == at);
        let fused = |at: usize| features.get(at).map_or(0.0, |f| f.fused);
        order.sort_by(|&a, &b| named(b).cmp(&named(a)).then_with(|| fused(b).total_cmp(&fused(a))));
        let mut ceiling = 10_000;
        // The runner-up is needed for the margin even if only one candidate was asked for.
        let mut candidates: Vec<Candidate> = order
            .iter()
            .take(options.limit.max(2))
            .filter_map(|&at| {
                let features = *features.get(at)?;
                let hit = keys.hit.filter(|hit| hit.document == at);
                let by_text = self.calibration.text_probability(&features);
                let probability = hit.map_or(by_text, |hit| {
                    self.calibration.keys.probability(hit.kind).max(by_text)
                });
                ceiling = basis_points(probability).min(ceiling);
                Some(Candidate {
                    id: self.documents.get(at)?.id.clone(),
                    confidence: ceiling,
                    key: hit.map(|hit| hit.kind),
                    declared: hit.is_some_and(|hit| hit.declared),
                    text_confidence: basis_points(by_text),
                    matched_terms: self.lexicon.matched(&text, at, EXPLAINING_TERMS),
                    features,
                })
            })
            .collect();
        let confidence_of = |place: usize| candidates.get(place).map_or(0, |c| c.confidence);
        let confidence = confidence_of(0);
        let margin = confidence.saturating_sub(confidence_of(1));
        candidates.truncate(options.limit);
        Findings {
            matched: confidence >= self.calibration.match_from && !self.documents.is_empty(),
            candidates,
            confidence,
            margin,
            fitted: self.fitted,
            ambiguous_key: keys.ambiguous,
            model_digest: embedder.digest(),
            index_digest: self.digest,
            calibration_digest: self.calibration_digest,
        }
    }

    fn features(
        &self,
        embedder: &Embedder,
        text: &QueryText,
        mode: Mode,
        page_missing: f32,
        cache: &mut dyn EmbeddingCache,
    ) -> Vec<Features> {
        let vector = if text.prose.trim().is_empty() || self.documents.is_empty() {
            Vec::new()
        } else {
            let mut vectors = embedder.embed_cached(&[&text.prose], cache);
            vectors.pop().unwrap_or_default()
        };
        let place = place(&vector);
        let mut all: Vec<Features> = self
            .lexicon
            .scores(text)
            .into_iter()
            .zip(&self.vectors)
            .map(|(mut lexical, symptoms)| {
                if mode == Mode::Prose {
                    lexical.name = 0.0;
                }
                let nearest = |vector: &[f32]| {
                    symptoms.iter().map(|symptom| cosine(vector, symptom)).fold(0.0, f32::max)
                };
                let cosine = nearest(&vector);
                let kinship = nearest(&place.vector);
                Features {
                    lexical: lexical.score,
                    share: lexical.share,
                    coverage: lexical.coverage,
                    headline: lexical.headline,
                    name: lexical.name,
                    cosine,
                    fused: fused(&lexical, cosine, kinship),
                    excess: cosine - place.cosine,
                    kinship,
                    margin: 0.0,
                    page_missing,
                }
            })
            .collect();
        let (best, second) = two_best(all.iter().map(|f| f.fused));
        for features in &mut all {
            let other = if features.fused < best { best } else { second };
            features.margin = (features.fused - other) / features.fused.max(LEAST);
        }
        all
    }
}

/// The largest and the second largest of some numbers, 0 where there are none.
fn two_best(numbers: impl Iterator<Item = f32>) -> (f32, f32) {
    numbers.fold(
        (0.0, 0.0),
        |(best, second), x| {
            if x > best { (x, best) } else { (best, f32::max(second, x)) }
        },
    )
}

/// The digest covers everything that a search can see of the documents.
fn digest(documents: &[Document]) -> Result<[u8; 32], SearchError> {
    let mut hash = Sha256::new();
    for document in documents {
        let json = serde_json::to_vec(document)
            .map_err(|error| SearchError::Evaluation(format!("document digest: {error}")))?;
        hash.update((json.len() as u64).to_le_bytes());
        hash.update(&json);
    }
    Ok(hash.finalize().into())
}
