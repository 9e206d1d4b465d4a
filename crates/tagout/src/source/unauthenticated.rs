//! Why a sender is not believed.

use tagout_core::time::Span;

/// Why a request is not taken as the configured sender's. The words are for the log: the sender
/// is told no more than that it is not authenticated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// A header that proves the sender is not there.
    #[error("the header {header} is absent; set the sender up as docs/sources.md says")]
    Missing {
        /// Its name.
        header: String,
    },
    /// A header that proves the sender stands more than once.
    #[error("the header {header} stands more than once; a proxy may have added one")]
    Repeated {
        /// Its name.
        header: String,
    },
    /// What should prove the sender cannot be read.
    #[error("{place}: {what}")]
    Malformed {
        /// The header or member.
        place: String,
        /// What is wrong with it.
        what: String,
    },
    /// The proof fits none of the secrets or keys.
    #[error("the {proof} fits no secret of this source; compare the secret on both sides")]
    Mismatch {
        /// What was compared.
        proof: &'static str,
    },
    /// The time in a signature is too far from ours.
    #[error(
        "the signature's time is {apart} from ours and the tolerance is {tolerance}; it is a \
         replay, or one of the clocks is wrong"
    )]
    Expired {
        /// How far.
        apart: Span,
        /// The tolerance of the source.
        tolerance: Span,
    },
    /// A good signature may be there, and the topic is not one of the source.
    #[error("the topic {topic} is not among the topics of this source; add it if it is yours")]
    Topic {
        /// Its ARN, in quotes.
        topic: String,
    },
    /// The certificate of a signature cannot be trusted.
    #[error("the signing certificate is refused: {what}")]
    Certificate {
        /// Why.
        what: String,
    },
    /// Whether the sender is genuine cannot be found out now.
    #[error("the signing certificate cannot be had now: {why}")]
    Unavailable {
        /// Why.
        why: String,
    },
}

impl Unauthenticated {
    /// Whether the sender should try again: nothing is known against it.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// One word for a label of a metric.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::Repeated { .. } => "repeated",
            Self::Malformed { .. } => "malformed",
            Self::Mismatch { .. } => "mismatch",
            Self::Expired { .. } => "expired",
            Self::Topic { .. } => "topic",
            Self::Certificate { .. } => "certificate",
            Self::Unavailable { .. } => "unavailable",
        }
    }
}

/// Why a handshake was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotConfirmed {
    /// It asks for something that is not done.
    #[error("the subscription is not confirmed: {0}")]
    Refused(String),
    /// The provider could not be reached; it will ask again.
    #[error("the subscription could not be confirmed now: {0}")]
    Unreachable(String),
}
