//! Public and private keys as text.

use tagout_log::{SignerKey, VerifierKey};

pub fn fuzz(text: &str) {
    if let Ok(keys) = VerifierKey::list(text) {
        for key in keys {
            let again: VerifierKey = key.to_string().parse().expect("a key is written as read");
            assert_eq!(again.id(), key.id());
        }
    }
    if let Ok(key) = SignerKey::from_secret_text(text) {
        assert_eq!(key.to_secret_text(), text.trim());
    }
}
