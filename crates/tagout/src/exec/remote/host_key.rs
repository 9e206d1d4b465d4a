//! The key that another host is known by: one line as `ssh-keyscan` and `/etc/ssh/*.pub` give it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use sha2::{Digest as _, Sha256};
use tagout_core::limits;

/// The kinds of keys, each with the algorithms of its signatures, as OpenSSH names them
/// (`HostKeyAlgorithms` in ssh_config(5)).
const KINDS: [(&str, &str); 5] = [
    ("ssh-ed25519", "ssh-ed25519"),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"),
    ("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"),
    ("ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"),
    ("ssh-rsa", "rsa-sha2-512,rsa-sha2-256"),
];

/// The public key of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKey {
    kind: &'static str,
    algorithms: &'static str,
    blob: Vec<u8>,
}

/// Why a text is no host key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "is no host key ({0}); copy the line of /etc/ssh/ssh_host_ed25519_key.pub on that host, such as \
     \"ssh-ed25519 AAAA…\""
)]
pub struct UnfitHostKey(&'static str);

impl HostKey {
    /// Reads a line of the form `kind base64`, with or without a comment behind it.
    ///
    /// # Errors
    /// If it is none, or of a kind that is not taken.
    pub fn parse(line: &str) -> Result<Self, UnfitHostKey> {
        let mut words = line.split_ascii_whitespace();
        let (Some(word), Some(base64)) = (words.next(), words.next()) else {
            return Err(UnfitHostKey("it takes a kind and a key"));
        };
        let known = KINDS.into_iter().find(|(kind, _)| *kind == word);
        let (kind, algorithms) = known.ok_or(UnfitHostKey("its kind is not taken"))?;
        if base64.len() > limits::ARGUMENT_BYTES {
            return Err(UnfitHostKey("it is too long"));
        }
        let blob = STANDARD.decode(base64).map_err(|_| UnfitHostKey("it is not base64"))?;
        // It begins with its kind once more, the length in front (RFC 4253, section 6.6).
        let length = u32::try_from(kind.len()).unwrap_or_default().to_be_bytes();
        let named = blob.strip_prefix(&length).and_then(|rest| rest.strip_prefix(kind.as_bytes()));
        match named {
            Some(key) if !key.is_empty() => Ok(Self { kind, algorithms, blob }),
            _ => Err(UnfitHostKey("it holds a key of another kind")),
        }
    }

    /// Its SHA-256, as `ssh-keygen -l` shows it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&self.blob)))
    }

    /// The algorithms that it can prove itself by.
    pub(super) const fn algorithms(&self) -> &'static str {
        self.algorithms
    }

    /// The line of a file of known hosts that says that `name` has this key.
    pub(super) fn known_as(&self, name: &str) -> String {
        format!("{name} {} {}\n", self.kind, STANDARD.encode(&self.blob))
    }
}

impl<'de> Deserialize<'de> for HostKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Made by `ssh-keygen`, which also showed the fingerprint.
    const LINE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL1kXFijD14YebrbEypfc6Be0oUSGBQhU0LDonhtXfAf";
    const FINGERPRINT: &str = "SHA256:XaW4Trs0n/4AFkJHnjGzqoJ+GyEszzfFpVsfvxK9gaY";

    pub(in crate::exec::remote) fn key() -> HostKey {
        HostKey::parse(LINE).unwrap()
    }

    #[test]
    fn a_key_is_read_and_shown_as_openssh_does() {
        assert_eq!(key().fingerprint(), FINGERPRINT);
        assert_eq!(HostKey::parse(&format!("{LINE} root@host\n")), Ok(key()));
        assert_eq!(key().known_as("x"), format!("x {LINE}\n"));
    }

    #[test]
    fn what_is_no_key_of_its_kind_is_refused() {
        let key = LINE.split_once(' ').unwrap().1;
        for line in [
            "",
            "ssh-ed25519",
            key,
            &format!("ssh-rsa {key}"),
            &format!("ssh-dss {key}"),
            &format!("@cert-authority ssh-ed25519 {key}"),
            &format!("*,ssh-ed25519 {key}"),
            "ssh-ed25519 AAAA!",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5",
        ] {
            assert!(HostKey::parse(line).is_err(), "{line}");
        }
    }
}
