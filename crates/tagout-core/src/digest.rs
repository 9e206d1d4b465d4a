//! SHA-256 digests, one type per kind of thing, so that no digest is taken for another's.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::canonical::{self, CanonicalError};

/// SHA-256 over a domain name, a zero byte and the parts one after another.
#[must_use]
pub fn sha256(domain: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(domain.as_bytes());
    hash.update([0]);
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// The digest of the body of a delivery that is never held whole.
#[derive(Debug, Clone)]
pub struct DeliveryHash(Sha256);

impl Default for DeliveryHash {
    fn default() -> Self {
        let mut hash = Sha256::new();
        hash.update(DeliveryDigest::DOMAIN.as_bytes());
        hash.update([0]);
        Self(hash)
    }
}

impl DeliveryHash {
    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all that was taken in.
    #[must_use]
    pub fn finish(self) -> DeliveryDigest {
        DeliveryDigest(self.0.finalize().into())
    }
}

/// Lower-case hexadecimal.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    let digit = |n: u8| if n < 10 { b'0' + n } else { b'a' - 10 + n };
    let mut out = vec![0; bytes.len() * 2];
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
    }
    // Digits are text, whatever the bytes are.
    String::from_utf8(out).unwrap_or_default()
}

/// The bytes that `text` spells in lower-case hexadecimal, or `None`.
#[must_use]
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let text = text.as_bytes();
    if text.len() != N * 2 {
        return None;
    }
    let nibble = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let mut out = [0u8; N];
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(out)
}

/// The first eight bytes as a number. It orders as they do, and nearly always tells two digests
/// apart: to find one among half a million that takes far less than to compare all bytes each time.
fn beginning(digest: &[u8; 32]) -> u64 {
    digest.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

/// A digest was expected and something else was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a digest: 64 lower-case hexadecimal digits are needed")]
pub struct NotADigest(pub String);

macro_rules! digest_types {
    ($($(#[$doc:meta])* $name:ident = $domain:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; 32]);

        impl Ord for $name {
            /// The order of the bytes.
            fn cmp(&self, other: &Self) -> Ordering {
                beginning(&self.0).cmp(&beginning(&other.0)).then_with(|| self.0.cmp(&other.0))
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl $name {
            /// The domain that separates these digests from all others.
            pub const DOMAIN: &'static str = $domain;

            /// The digest of raw bytes under this type's domain.
            #[must_use]
            pub fn of_bytes(bytes: &[u8]) -> Self {
                Self(sha256(Self::DOMAIN, &[bytes]))
            }

            /// The digest of a value's canonical encoding under this type's domain.
            ///
            /// # Errors
            /// If the value has no canonical encoding (see [`canonical`]).
            pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, CanonicalError> {
                canonical::to_bytes(value).map(|bytes| Self::of_bytes(&bytes))
            }

            /// A digest computed elsewhere, taken over as it is.
            #[must_use]
            pub const fn from_raw(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The first twelve hexadecimal digits, for people to compare by eye.
            #[must_use]
            pub fn short(&self) -> String {
                to_hex(&self.0).chars().take(12).collect()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&to_hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }

        impl FromStr for $name {
            type Err = NotADigest;
            fn from_str(text: &str) -> Result<Self, NotADigest> {
                from_hex(text).map(Self).ok_or_else(|| NotADigest(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotADigest;
            fn try_from(text: String) -> Result<Self, NotADigest> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(digest: $name) -> String {
                to_hex(&digest.0)
            }
        }
    )+};
}

digest_types! {
    /// Identifies a plan and all that an approval of it binds.
    PlanDigest = "tagout.plan.v1";
    /// Identifies a policy by its meaning, not by the bytes of its file.
    PolicyDigest = "tagout.policy.v1";
    /// Identifies a runbook by the bytes of its page.
    RunbookDigest = "tagout.runbook.v1";
    /// Identifies what was known when a plan was made: the alert and what the search found.
    EvidenceDigest = "tagout.evidence.v1";
    /// Identifies a set of runbooks.
    CatalogueDigest = "tagout.catalogue.v1";
    /// Identifies a declaration of how a source's bodies are read, by its text.
    MappingDigest = "tagout.mapping.v1";
    /// Identifies the body of a delivery as it arrived.
    DeliveryDigest = "tagout.delivery.v1";
    /// Identifies the fault an alert is about, by name and labels, whatever its summary says.
    AlertIdentity = "tagout.alert-identity.v1";
    /// Stands for an access token, which is a secret, without giving it away.
    TokenDigest = "tagout.access-token.v1";
    /// Identifies the embedding model, the index or the calibration behind a confidence.
    SearchDigest = "tagout.search.v1";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_have_different_digests_in_different_domains() {
        assert_ne!(PlanDigest::of_bytes(b"x").as_bytes(), PolicyDigest::of_bytes(b"x").as_bytes());
    }

    #[test]
    fn a_body_has_the_same_digest_in_pieces_and_whole() {
        let mut hash = DeliveryHash::default();
        ["ab", "", "c"].iter().for_each(|piece| hash.update(piece.as_bytes()));
        assert_eq!(hash.finish(), DeliveryDigest::of_bytes(b"abc"));
    }

    #[test]
    fn a_digest_reads_back_from_its_text_and_from_nothing_else() {
        let digest = PlanDigest::of_bytes(b"x");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        for wrong in ["", "abc", &digest.to_string().to_uppercase(), &format!("{digest}0")] {
            assert!(wrong.parse::<PlanDigest>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn digests_are_ordered_as_their_bytes_are() {
        let with = |place: usize, byte: u8| {
            let mut bytes = [7; 32];
            bytes[place] = byte;
            PlanDigest::from_raw(bytes)
        };
        let places = (0..32).flat_map(|place| [0, 6, 8, 255].map(|byte| with(place, byte)));
        let all: Vec<_> = places.chain([with(0, 7)]).collect();
        for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
            assert_eq!(a.cmp(b), a.as_bytes().cmp(b.as_bytes()), "{a} {b}");
        }
    }

    #[test]
    fn the_digest_of_a_known_string_is_what_sha256sum_prints() {
        // printf 'tagout.plan.v1\0x' | sha256sum
        let expected = sha256("tagout.plan.v1", &[b"x"]);
        assert_eq!(PlanDigest::of_bytes(b"x").as_bytes(), &expected);
        assert_eq!(
            to_hex(&sha256("", &[])),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
    }
}
