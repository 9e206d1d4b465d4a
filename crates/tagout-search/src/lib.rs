//! Finds the runbook for an alert and says how probable it is that it is the right one.
//!
//! [`Index::build`] takes [`Document`]s; [`Index::search`] takes a [`Query`] and returns
//! [`Findings`]: candidates, best first, with a calibrated confidence, or "no match". Three kinds
//! of evidence meet here: exact keys (an address, a name or labels that name one document), words
//! ([BM25F](https://en.wikipedia.org/wiki/Okapi_BM25) over title, symptoms and body), and the
//! meaning of the text (vectors of a sentence model that ships with the crate).
//!
//! The library reads no files, opens no connections and keeps no state. The same documents, query
//! and options give the same findings, to the bit, on the same kind of machine. Only
//! [`evaluate`] looks at a clock, to report how long searches took.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod calibration;
mod cohort;
mod document;
mod error;
mod evaluation;
mod explain;
mod fit;
mod forward;
mod fusion;
mod glosses;
mod index;
mod keys;
mod lexical;
mod metrics;
mod model;
mod page;
mod query_text;
mod rows;
mod terms;
mod tokenizer;
mod weights;

pub use calibration::{Calibration, FittedOn, KeyRecord, KeyRecords, Weights, hexadecimal};
pub use cohort::{COHORT_FAULTS, cohort_digest, encode_cohort};
pub use document::{Document, Mode, Query, SearchOptions};
pub use error::SearchError;
pub use evaluation::{
    CalibrationReport, DigestReport, FOLDS, LEFT_OUT_WEIGHT, LatencyReport, MemoryCache,
    NoMatchReport, QueryReport, RIDGE, RetrievalReport, TopEntry, evaluate, samples,
};
pub use explain::{Candidate, FEATURES, Features, Findings};
pub use fit::{Fit, Sample, balance, cross_validate, fit};
pub use index::Index;
pub use keys::Key;
pub use metrics::{
    Case, auroc, brier, coverage_at_precision, expected_calibration_error, percentile,
};
pub use model::{Embedder, EmbeddingCache, NoCache};
pub use rows::{CorpusRow, Expected, QueryRow, Symptoms, parse_corpus, parse_queries};
