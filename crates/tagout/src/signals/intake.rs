//! What a configured source hands to the engine: alerts, or a body that nobody could read.

use tagout_core::digest::DeliveryDigest;
use tagout_core::limits;

use super::Delivery;

/// What came in from a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intake {
    /// Alerts, good and flawed.
    Alerts {
        /// The source that sent them; absent if they come from a file.
        source: Option<String>,
        /// The delivery.
        delivery: Delivery,
    },
    /// The sender is known and the body is not what it should be. It is kept, so that it can
    /// be read after the fault is mended.
    Quarantined(Unreadable),
}

/// A body that nobody could read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The source that sent it.
    pub source: String,
    /// The digest of the whole body.
    pub digest: DeliveryDigest,
    /// What is wrong with it, and what to do.
    pub why: String,
    /// How long the body was, in bytes.
    pub bytes: u64,
    /// The body, or its beginning.
    pub body: Vec<u8>,
}

impl Unreadable {
    /// A body as it arrived. Of a long one only the beginning is kept
    /// ([`limits::QUARANTINED_BYTES`]), so that a broken sender does not fill the disk.
    #[must_use]
    pub fn new(source: &str, body: &[u8], why: impl ToString) -> Self {
        Self {
            source: source.to_owned(),
            digest: DeliveryDigest::of_bytes(body),
            why: why.to_string(),
            bytes: body.len() as u64,
            body: body.get(..limits::QUARANTINED_BYTES).unwrap_or(body).to_vec(),
        }
    }

    /// Whether all of the body is kept, so that it can be read again.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.body.len() as u64 == self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_kept_up_to_the_limit_and_its_length_beyond_it() {
        let whole = Unreadable::new("am", &vec![b'x'; limits::QUARANTINED_BYTES], "no JSON");
        assert!(whole.is_whole());
        let long = Unreadable::new("am", &vec![b'x'; limits::QUARANTINED_BYTES + 1], "no JSON");
        assert_eq!(long.body.len(), limits::QUARANTINED_BYTES);
        assert_eq!(long.bytes, limits::QUARANTINED_BYTES as u64 + 1);
        assert!(!long.is_whole());
    }
}
