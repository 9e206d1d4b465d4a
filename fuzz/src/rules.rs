//! What must hold of everything that a parser of outside bytes lets through, for all targets.

use std::sync::LazyLock;

use tagout::signals::{Delivery, Format, Message, Reading, SignalError};
use tagout_core::limits;
use tagout_log::{SignedCheckpoint, SignerKey, VerifierKey};

/// The key of the example log in `docs/log-format.md`. Its seed is public: 32 bytes 01.
pub static KEYS: LazyLock<[VerifierKey; 1]> = LazyLock::new(|| {
    let signer = SignerKey::from_seed("example.org/log", &[1; 32]).expect("a good name");
    [signer.verifier().clone()]
});

/// The example log as an export, and the only checkpoint that its key ever signed.
pub const EXPORT: &str = include_str!("../../crates/tagout-log/tests/data/log-v1.jsonl");

static SIGNED: LazyLock<SignedCheckpoint> = LazyLock::new(|| {
    tagout_log::verify::verify_export(EXPORT.as_bytes(), KEYS.as_slice(), &[])
        .expect("the example log verifies")
        .checkpoint
});

/// A fuzzer does not forge signatures: whatever verifies is the one that was signed.
pub fn is_the_signed_one(checkpoint: &SignedCheckpoint) {
    assert_eq!(checkpoint.checkpoint(), SIGNED.checkpoint());
}

/// A message about bad input neither floods a terminal nor steers it.
pub fn is_printable(message: &str) {
    assert!(message.len() < 2_000, "{} bytes", message.len());
    assert!(!message.contains(|c: char| c.is_control() && c != '\n'), "{message:?}");
}

/// Reads a body as the format that its sender is configured to use; what is read holds to the
/// limits.
pub fn reads_as(format: Format, body: &[u8]) {
    match tagout::signals::read_as(format, body) {
        Ok(Message::Alerts(delivery)) => is_within_limits(Ok(delivery)),
        Ok(Message::Handshake(_) | Message::Nothing(_)) => {}
        Err(error) => is_printable(&error.to_string()),
    }
}

/// Whatever is read holds to the limits.
pub fn is_within_limits(read: Result<Delivery, SignalError>) {
    match read {
        Ok(delivery) => are_within_limits(&delivery.alerts),
        Err(error) => is_printable(&error.to_string()),
    }
}

/// Whatever alerts are read hold to the limits.
pub fn are_within_limits(readings: &[Reading]) {
    assert!(readings.len() <= limits::ALERTS_PER_BODY);
    for reading in readings {
        match reading {
            Reading::Alert(alert) => {
                assert_eq!(alert.check(), Ok(()));
                let words = alert.labels.values().chain([&alert.id, &alert.source]);
                for word in words {
                    assert!(!word.contains(char::is_control), "{word:?}");
                }
                let _ = alert.identity();
            }
            Reading::Flawed { flaw, .. } => is_printable(&flaw.to_string()),
        }
    }
}
