//! The retrieval evaluation: how often the right runbook is found, how well "none" is told from
//! "some", and whether the stated probabilities can be believed.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use serde::Serialize;

use crate::calibration::hexadecimal;
use crate::document::{Document, Mode, Query, SearchOptions};
use crate::error::SearchError;
use crate::fit::{Sample, cross_validate};
use crate::index::Index;
use crate::metrics::{
    Case, auroc, brier, coverage_at_precision, expected_calibration_error, percentile,
};
use crate::model::{Embedder, EmbeddingCache};
use crate::query_text::QueryText;
use crate::rows::{CorpusRow, QueryRow};

/// Folds of the cross-validation.
pub const FOLDS: usize = 10;
/// Strength of the pull of standardised weights towards zero.
pub const RIDGE: f64 = 0.5;
/// How much a row counts whose right answer was taken out of the index.
///
/// Such rows show what the search says when the page that an alert needs was never written while
/// its siblings were. They are harder than most alerts that have no page, so they count less.
pub const LEFT_OUT_WEIGHT: f64 = 0.15;

/// A cache that lives as long as the process.
#[derive(Debug, Default)]
pub struct MemoryCache(HashMap<[u8; 32], Vec<f32>>);

impl EmbeddingCache for MemoryCache {
    fn get(&mut self, key: &[u8; 32]) -> Option<Vec<f32>> {
        self.0.get(key).cloned()
    }
    fn put(&mut self, key: [u8; 32], vector: &[f32]) {
        self.0.insert(key, vector.to_vec());
    }
}

/// Stores vectors and never gives one back, so that the time of a search includes its embedding.
struct Unread<'a>(&'a mut dyn EmbeddingCache);

impl EmbeddingCache for Unread<'_> {
    fn get(&mut self, _key: &[u8; 32]) -> Option<Vec<f32>> {
        None
    }
    fn put(&mut self, key: [u8; 32], vector: &[f32]) {
        self.0.put(key, vector);
    }
}

/// The result of a retrieval evaluation; serialises to the documented JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RetrievalReport {
    /// Which parts of the alerts were used.
    pub mode: Mode,
    /// Whether exact keys were used.
    pub keys: bool,
    /// Runbooks in the corpus.
    pub documents: usize,
    /// Whether the shipped calibration was fitted on this very corpus: then `calibration.ece` is
    /// flattering, and `calibration.ece_cross_validated` is the figure to look at.
    pub fitted_on_this_corpus: bool,
    /// All queries.
    pub queries: usize,
    /// Queries for which a runbook is right.
    pub with_runbook: usize,
    /// Queries for which none is.
    pub without_runbook: usize,
    /// Share of queries with a runbook whose first candidate is right.
    pub recall_at_1: f64,
    /// Share of queries with a runbook that have a right one among the first three.
    pub recall_at_3: f64,
    /// Mean of 1 / rank of the first right candidate, over queries with a runbook.
    pub mrr: f64,
    /// Telling "none" from "some".
    pub no_match: NoMatchReport,
    /// Whether the confidences can be believed.
    pub calibration: CalibrationReport,
    /// Time of one search, embedding of the alert included, in microseconds.
    pub latency_us: LatencyReport,
    /// Digests (hexadecimal) of model, index and calibration.
    pub digests: DigestReport,
    /// One entry per query, in their order.
    pub results: Vec<QueryReport>,
}

/// How well alerts without a runbook are told from those with one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NoMatchReport {
    /// The probability that an alert with a runbook gets a higher confidence than one without;
    /// null if the queries are all of one kind.
    pub auroc: Option<f64>,
    /// The largest share of all queries that can be answered, the surest first, with 95 % of the
    /// answers right.
    pub coverage_at_95_precision: f64,
}

/// Distance between stated and observed probabilities that the first candidate is right.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CalibrationReport {
    /// Expected calibration error of the shipped calibration, ten bins of equal width.
    pub ece: f64,
    /// Brier score of the shipped calibration.
    pub brier: f64,
    /// Expected calibration error over these queries when the calibration is fitted again on the
    /// others, fold by fold. Left-out rows take part in the fit and not in the figure. Null if
    /// there are too few queries.
    pub ece_cross_validated: Option<f64>,
    /// The same with the left-out rows in the figure, at their weight in the fit.
    pub ece_cross_validated_with_left_out: Option<f64>,
    /// Folds of the cross-validation.
    pub folds: usize,
}

/// Percentiles in microseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LatencyReport {
    /// Half of the searches took at most this long.
    pub p50: u64,
    /// 99 of 100 searches took at most this long.
    pub p99: u64,
}

/// Digests, hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DigestReport {
    /// Of the embedding model.
    pub model: String,
    /// Of the corpus.
    pub index: String,
    /// Of the calibration.
    pub calibration: String,
}

/// One query's result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueryReport {
    /// The query's id.
    pub id: String,
    /// The first candidates with the confidence in each.
    pub top: Vec<TopEntry>,
    /// Confidence in the first candidate, 0 to 1.
    pub confidence: f64,
    /// Whether the search calls it a match.
    pub matched: bool,
    /// Whether the first candidate is right; false for a query without a runbook.
    pub right: bool,
}

/// A candidate of a query.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TopEntry {
    /// The runbook.
    pub id: String,
    /// Confidence in it, 0 to 1.
    pub score: f64,
}

/// Evaluates the shipped search and calibration on a corpus and queries.
///
/// # Errors
/// [`SearchError`] if the corpus cannot be indexed.
pub fn evaluate(
    embedder: &Embedder,
    corpus: &[CorpusRow],
    queries: &[QueryRow],
    options: &SearchOptions,
    cache: &mut dyn EmbeddingCache,
) -> Result<RetrievalReport, SearchError> {
    let documents = corpus.iter().map(Document::from).collect();
    let index = Index::build(documents, embedder, cache)?;
    let everything = SearchOptions { limit: index.len(), ..*options };
    let mut ranks = Vec::new();
    let mut cases = Vec::new();
    let mut above = Vec::new();
    let mut below = Vec::new();
    let mut times = Vec::new();
    let mut results = Vec::new();
    for row in queries {
        let query = Query::from(row);
        let start = Instant::now();
        let findings = index.search_cached(embedder, &query, options, &mut Unread(cache));
        times.push(u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX));
        let right = findings.candidates.first().is_some_and(|first| row.expected.holds(&first.id));
        let confidence = f64::from(findings.confidence) / 10_000.0;
        if row.expected.is_some() {
            let all = index.search_cached(embedder, &query, &everything, cache);
            let rank =
                all.candidates.iter().position(|candidate| row.expected.holds(&candidate.id));
            ranks.push(rank);
            above.push(confidence);
        } else {
            below.push(confidence);
        }
        cases.push(Case { stated: confidence, right, weight: 1.0 });
        results.push(QueryReport {
            id: row.id.clone(),
            top: findings
                .candidates
                .iter()
                .map(|candidate| TopEntry {
                    id: candidate.id.clone(),
                    score: f64::from(candidate.confidence) / 10_000.0,
                })
                .collect(),
            confidence,
            matched: findings.matched,
            right,
        });
    }
    let samples = samples(embedder, &index, queries, &[*options], cache)?;
    let stated = cross_validate(&samples, FOLDS, RIDGE).ok();
    let real: Option<Vec<Case>> =
        stated.as_ref().map(|cases| cases.iter().copied().filter(|c| c.weight >= 1.0).collect());
    let found = ranks.len().max(1) as f64;
    let within = |limit: usize| {
        let count = ranks.iter().flatten().filter(|&&r| r < limit).count();
        count as f64 / found
    };
    Ok(RetrievalReport {
        mode: options.mode,
        keys: options.keys,
        documents: index.len(),
        fitted_on_this_corpus: index.calibration().covers(&index.digest()),
        queries: queries.len(),
        with_runbook: above.len(),
        without_runbook: below.len(),
        recall_at_1: within(1),
        recall_at_3: within(3),
        mrr: ranks.iter().flatten().map(|&rank| 1.0 / (rank + 1) as f64).sum::<f64>() / found,
        no_match: NoMatchReport {
            auroc: auroc(&above, &below),
            coverage_at_95_precision: coverage_at_precision(&cases, 0.95),
        },
        calibration: CalibrationReport {
            ece: expected_calibration_error(&cases),
            brier: brier(&cases),
            ece_cross_validated: real.map(|cases| expected_calibration_error(&cases)),
            ece_cross_validated_with_left_out: stated
                .map(|cases| expected_calibration_error(&cases)),
            folds: FOLDS,
        },
        latency_us: LatencyReport { p50: percentile(&times, 0.5), p99: percentile(&times, 0.99) },
        digests: DigestReport {
            model: hexadecimal(&embedder.digest()),
            index: hexadecimal(&index.digest()),
            calibration: hexadecimal(&index.calibration().digest()),
        },
        results,
    })
}

/// What the first candidate of each query looked like and whether it was right: the observations
/// that a calibration is fitted on.
///
/// Each query is searched with each of the options. A query that has a right runbook is searched
/// once more in an index without it ([`LEFT_OUT_WEIGHT`]), where no answer is right.
///
/// # Errors
/// [`SearchError`] if an index cannot be built.
pub fn samples(
    embedder: &Embedder,
    index: &Index,
    queries: &[QueryRow],
    options: &[SearchOptions],
    cache: &mut dyn EmbeddingCache,
) -> Result<Vec<Sample>, SearchError> {
    embed_ahead(embedder, queries, options, cache);
    let mut without: HashMap<&[String], Index> = HashMap::new();
    let mut samples = Vec::new();
    for row in queries {
        let query = Query::from(row);
        // Alerts with the same answer or the same name are variants of one fault.
        let group = row.expected.ids().first().unwrap_or(&row.alertname);
        let mut observe = |index: &Index, weight: f64, cache: &mut dyn EmbeddingCache| {
            for options in options {
                let findings = index.search_cached(embedder, &query, options, cache);
                if let Some(first) = findings.candidates.first() {
                    samples.push(Sample {
                        features: first.features.for_calibration(),
                        key: first.key,
                        right: row.expected.holds(&first.id),
                        weight,
                        group: group.clone(),
                    });
                }
            }
        };
        observe(index, 1.0, cache);
        let ids = row.expected.ids();
        if !ids.is_empty() {
            let smaller = match without.entry(ids) {
                std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(index.without(ids)?)
                }
            };
            observe(smaller, LEFT_OUT_WEIGHT, cache);
        }
    }
    Ok(samples)
}

/// Embeds the texts of all queries at once, which is faster than one by one.
fn embed_ahead(
    embedder: &Embedder,
    queries: &[QueryRow],
    options: &[SearchOptions],
    cache: &mut dyn EmbeddingCache,
) {
    let texts: BTreeSet<String> = queries
        .iter()
        .flat_map(|row| {
            let query = Query::from(row);
            let prose =
                |options: &SearchOptions| QueryText::new(&query, options.mode, embedder).prose;
            options.iter().map(prose).collect::<Vec<_>>()
        })
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    embedder.embed_cached(&texts, cache);
}
