//! What came in and is to be recorded: alerts, or a body that could not be read.

use tagout_core::digest::DeliveryDigest;

use super::Delivery;

/// What an authenticated sender sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intake {
    /// Alerts, good and flawed.
    Alerts(Delivery),
    /// Nothing in it could be read. It is kept for people and to be read again after a fix.
    Quarantined {
        /// The name of the source.
        source: String,
        /// The digest of the body exactly as it arrived.
        digest: DeliveryDigest,
        /// The body; its beginning if it was too large.
        body: Vec<u8>,
        /// Why it could not be read, and its length.
        why: String,
    },
}
