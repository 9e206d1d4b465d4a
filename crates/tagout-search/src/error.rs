//! What can go wrong in search: always an input that is not what it should be.

use thiserror::Error;

/// A refusal of the search library. Every variant names what was wrong and where.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum SearchError {
    /// The bytes given as model weights are not a complete file of the documented format.
    #[error("model weights: {0}; regenerate the file with weights/convert.py")]
    Weights(String),
    /// Two documents carry the same id.
    #[error("runbook id {0:?} is used by two documents; ids must be unique, rename one of them")]
    DuplicateId(String),
    /// A document has an empty id.
    #[error("document {0} (counted from 0) has an empty id; give it one")]
    EmptyId(usize),
    /// The calibration file is not usable.
    #[error("calibration: {0}")]
    Calibration(String),
    /// A row of a JSON Lines file could not be read.
    #[error("{file}:{line}: {what}")]
    Row {
        /// The name of the file as the caller gave it.
        file: String,
        /// Line number, counted from 1.
        line: usize,
        /// What is wrong with the line.
        what: String,
    },
    /// An evaluation or a fit was asked for on data that cannot support it.
    #[error("evaluation: {0}")]
    Evaluation(String),
}
