//! What stands in a leaf for a free text, and what is kept beside the tree.

use std::fmt;
use std::str::FromStr;

use tagout_core::digest::{self, NotADigest};

/// The domain of commitments; the zero byte that follows it is part of the hash.
pub const COMMITMENT_DOMAIN: &str = "tagout.text.v1";

/// The salted hash that stands in a leaf for a text. Without the salt it says nothing about
/// the text, not even to someone who guesses it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commitment([u8; 32]);

impl Commitment {
    /// The commitment to a text: SHA-256 over the domain, a zero byte, the salt and the text.
    #[must_use]
    pub fn to(text: &str, salt: &[u8; 32]) -> Self {
        Self(digest::sha256(COMMITMENT_DOMAIN, &[salt, text.as_bytes()]))
    }

    /// A commitment computed earlier, taken over as it is.
    #[must_use]
    pub const fn from_raw(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&digest::to_hex(&self.0))
    }
}

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Commitment({self})")
    }
}

impl FromStr for Commitment {
    type Err = NotADigest;
    fn from_str(text: &str) -> Result<Self, NotADigest> {
        digest::from_hex(text).map(Self).ok_or_else(|| NotADigest(text.to_owned()))
    }
}

/// A text and its salt, kept beside the tree. Erasing a text means removing this.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    /// What stands in the leaf.
    pub commitment: Commitment,
    /// 32 random bytes.
    pub salt: [u8; 32],
    /// The text itself.
    pub text: String,
}

impl Payload {
    /// Whether salt and text give the commitment.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        Commitment::to(&self.text, &self.salt) == self.commitment
    }
}

impl fmt::Debug for Payload {
    // Salt and text stay out of debug output: what may be erased must not live on in a trace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({}, {} bytes)", self.commitment, self.text.len())
    }
}
