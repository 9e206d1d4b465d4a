//! What went wrong on our side or the machine's. The asker's mistakes are
//! [`Rejection`](tagout_core::decide::Rejection)s.

/// A fault of the machine or of ours, in words, with what to do where something can be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Fault {
    words: String,
    damage: bool,
}

impl Fault {
    /// A fault in words.
    #[must_use]
    pub fn new(words: impl Into<String>) -> Self {
        Self { words: words.into(), damage: false }
    }

    /// The log is not what was recorded.
    #[must_use]
    pub fn damage(words: impl Into<String>) -> Self {
        Self { words: words.into(), damage: true }
    }

    /// Whether the log is not what was recorded: what a check of the log answers "it does not
    /// hold" to.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        self.damage
    }
}
