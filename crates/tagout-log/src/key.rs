//! Signing keys and their public halves, in the text forms that signed notes use.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use tagout_core::digest::to_hex;

use crate::signature::{NoteError, Signature};

const ED25519: u8 = 0x01;
const PRIVATE: &str = "PRIVATE+KEY+";

/// A public key with its name, written as `name+hash+base64`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: u32,
    key: VerifyingKey,
}

impl VerifierKey {
    fn new(name: &str, key: VerifyingKey) -> Result<Self, NoteError> {
        if !is_key_name(name) {
            return Err(NoteError::Name(name.to_owned()));
        }
        let mut hash = Sha256::new();
        hash.update(name.as_bytes());
        hash.update([b'\n', ED25519]);
        hash.update(key.as_bytes());
        let hash: [u8; 32] = hash.finalize().into();
        let [a, b, c, d, ..] = hash;
        Ok(Self { name: name.to_owned(), id: u32::from_be_bytes([a, b, c, d]), key })
    }

    /// The name, such as `example.org/log`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of the hash over name and key, as C2SP defines it.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// Reads a list of keys: one per line; blank lines and lines beginning with `#` are skipped.
    ///
    /// # Errors
    /// If a line is not a key.
    pub fn list(text: &str) -> Result<Vec<Self>, NoteError> {
        let lines = text.lines().map(str::trim);
        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::parse).collect()
    }

    pub(crate) fn verify(&self, text: &str, signature: &Signature) -> Result<(), NoteError> {
        let wrong = || NoteError::WrongSignature(self.name.clone());
        let bytes: [u8; 64] = signature.bytes.as_slice().try_into().map_err(|_| wrong())?;
        let signature = ed25519_dalek::Signature::from_bytes(&bytes);
        self.key.verify_strict(text.as_bytes(), &signature).map_err(|_| wrong())
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", key_text(&self.name, self.id, self.key.as_bytes()))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;
    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, id, bytes) = read_key_text(text).map_err(NoteError::VerifierKey)?;
        let key = VerifyingKey::from_bytes(&bytes)
            .map_err(|_| NoteError::VerifierKey("it is not a point on the curve"))?;
        let key = Self::new(name, key)?;
        if key.id != id {
            return Err(NoteError::VerifierKey("the hash does not belong to name and key"));
        }
        Ok(key)
    }
}

/// A private key with its name. Its bytes are wiped from memory when it is dropped.
pub struct SignerKey {
    public: VerifierKey,
    key: SigningKey,
}

impl SignerKey {
    /// A key from 32 unpredictable bytes.
    ///
    /// # Errors
    /// If the name is empty or holds a space, a plus or a control character.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let key = SigningKey::from_bytes(seed);
        Ok(Self { public: VerifierKey::new(name, key.verifying_key())?, key })
    }

    /// Reads the form that [`SignerKey::to_secret_text`] writes, which is that of Go's `note`
    /// package. White space around it is skipped.
    ///
    /// # Errors
    /// If the text is anything else. The error does not repeat the text.
    pub fn from_secret_text(text: &str) -> Result<Self, NoteError> {
        let text = text.trim().strip_prefix(PRIVATE);
        let text = text.ok_or(NoteError::SignerKey("it does not begin with PRIVATE+KEY+"))?;
        let (name, id, seed) = read_key_text(text).map_err(NoteError::SignerKey)?;
        let key = Self::from_seed(name, &seed)?;
        if key.public.id != id {
            return Err(NoteError::SignerKey("the hash does not belong to name and key"));
        }
        Ok(key)
    }

    /// The private key as text. Whoever reads it can sign.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        let public = &self.public;
        format!("{PRIVATE}{}", key_text(&public.name, public.id, self.key.as_bytes()))
    }

    /// The public key, to be given to whoever should be able to verify.
    #[must_use]
    pub const fn verifier(&self) -> &VerifierKey {
        &self.public
    }

    /// The name of the key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.public.name
    }

    pub(crate) fn sign(&self, text: &str) -> Signature {
        let bytes = self.key.sign(text.as_bytes()).to_bytes().to_vec();
        Signature { name: self.public.name.clone(), id: self.public.id, bytes }
    }
}

impl fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignerKey({})", self.public)
    }
}

fn key_text(name: &str, id: u32, key: &[u8; 32]) -> String {
    let mut bytes = vec![ED25519];
    bytes.extend_from_slice(key);
    format!("{name}+{}+{}", to_hex(&id.to_be_bytes()), BASE64.encode(bytes))
}

fn read_key_text(text: &str) -> Result<(&str, u32, [u8; 32]), &'static str> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("it does not have three parts");
    };
    let id =
        tagout_core::digest::from_hex::<4>(id).ok_or("the hash is not 8 hexadecimal digits")?;
    let key = BASE64.decode(key).map_err(|_| "the key is not base64")?;
    match key.split_first() {
        Some((&ED25519, key)) => {
            let key = key.try_into().map_err(|_| "an Ed25519 key has 32 bytes")?;
            Ok((name, u32::from_be_bytes(id), key))
        }
        _ => Err("only Ed25519 keys (type 1) are known"),
    }
}

/// Whether a key may be called this (C2SP `signed-note`, "Format").
#[must_use]
pub(crate) fn is_key_name(name: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    !name.is_empty() && name.len() <= 1000 && !name.contains(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The key in the documentation of Go's golang.org/x/mod/sumdb/note.
    const GO_SECRET: &str =
        "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const GO_PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn a_key_with_a_wrong_hash_name_or_type_is_refused() {
        for wrong in [
            GO_PUBLIC.replace("c74f", "c74e"),
            GO_PUBLIC.replace("Peter", "Pete"),
            GO_PUBLIC.replace("+AR", "+BR"),
            GO_PUBLIC.replace("PeterNeumann", ""),
            "PeterNeumann".into(),
        ] {
            assert!(wrong.parse::<VerifierKey>().is_err(), "{wrong}");
        }
        for name in ["", "a b", "a+b", "a\u{a0}b", "a\nb"] {
            assert!(SignerKey::from_seed(name, &[1; 32]).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_private_key_shows_in_no_debug_output_and_in_no_error() {
        let signer = SignerKey::from_secret_text(GO_SECRET).unwrap();
        assert!(!format!("{signer:?}").contains("AYEKFA"));
        let wrong = GO_SECRET.replace("c74f", "c74e");
        let error = SignerKey::from_secret_text(&wrong).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("AYEKFA"));
    }

    #[test]
    fn a_list_of_keys_has_one_per_line_and_may_have_remarks() {
        let text = format!(
            "# the log\n{GO_PUBLIC}\n\n  {}\n",
            SignerKey::from_seed("b", &[2; 32]).unwrap().verifier()
        );
        assert_eq!(VerifierKey::list(&text).unwrap().len(), 2);
        assert!(VerifierKey::list("nonsense").is_err());
    }
}
