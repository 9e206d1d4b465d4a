//! What went wrong on our side or the machine's. The asker's mistakes are
//! [`Rejection`](tagout_core::decide::Rejection)s.

/// A fault of the machine or of ours, in words, with what to do where something can be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(String);

impl Fault {
    /// A fault in words.
    #[must_use]
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}
