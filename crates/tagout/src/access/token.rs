//! Access tokens: shown once, kept as a digest.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use tagout_core::digest::{TokenDigest, to_hex};

use crate::fault::Fault;

/// What every token begins with, so that it is recognised where it must not be.
pub const PREFIX: &str = "tagout_";

/// A new token: its id, which is no secret, and the token itself, 256 random bits.
///
/// # Errors
/// If the machine gives no random bytes.
pub fn made_up() -> Result<(String, String), Fault> {
    let mut random = [0; 38];
    getrandom::fill(&mut random).map_err(|e| Fault::new(format!("no random bytes: {e}")))?;
    let (id, secret) = random.split_at(6);
    let token = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(secret));
    Ok((format!("tok-{}", to_hex(id)), token))
}

/// What stands for a token. A plain digest will do: nobody can try all of 256 bits.
#[must_use]
pub fn digest(token: &[u8]) -> Option<TokenDigest> {
    token.starts_with(PREFIX.as_bytes()).then(|| TokenDigest::of_bytes(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_what_it_is_and_is_never_made_twice() {
        let made: std::collections::BTreeSet<_> = (0..100).map(|_| made_up().unwrap()).collect();
        assert_eq!(made.len(), 100);
        for (id, token) in made {
            assert!(token.starts_with("tagout_") && token.len() == 50, "{token}");
            assert!(id.starts_with("tok-") && !token.contains(&id[4..]));
            assert!(digest(token.as_bytes()).is_some());
            assert!(digest(&token.as_bytes()[1..]).is_none());
        }
    }
}
