//! A secret shared with a sender: never printed, and wiped from memory when it goes.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretSlice};
use tagout_core::limits;

/// The bytes of one secret.
#[derive(Debug)]
pub struct Secret(SecretSlice<u8>);

impl Secret {
    /// Takes the bytes, without line breaks at their end.
    ///
    /// # Errors
    /// What is wrong with them, in words that go on from `the secret …`.
    pub fn new(bytes: Vec<u8>) -> Result<Self, String> {
        Self::within(bytes, limits::SECRET_BYTES)
    }

    /// As [`Secret::new`], of at most `most` bytes.
    ///
    /// # Errors
    /// As [`Secret::new`].
    pub fn within(mut bytes: Vec<u8>, most: usize) -> Result<Self, String> {
        while bytes.ends_with(b"\n") || bytes.ends_with(b"\r") {
            bytes.pop();
        }
        if bytes.is_empty() {
            return Err("is empty; an empty secret protects nothing".to_owned());
        }
        if bytes.len() > most {
            return Err(format!("is longer than {most} bytes"));
        }
        Ok(Self(bytes.into()))
    }

    /// Reads the secret in the file at `path`.
    ///
    /// # Errors
    /// If it cannot be read, is empty or too long.
    pub fn read(path: &Path) -> Result<Self, String> {
        Self::read_within(path, limits::SECRET_BYTES)
    }

    /// As [`Secret::read`], of at most `most` bytes.
    ///
    /// # Errors
    /// As [`Secret::read`].
    pub fn read_within(path: &Path, most: usize) -> Result<Self, String> {
        let named = |what: String| format!("the secret in {} {what}", path.display());
        let file = fs::File::open(path).map_err(|e| named(format!("cannot be read: {e}")))?;
        let mut bytes = Vec::new();
        // The limit and a line break of two bytes, and one byte more to see that it is passed.
        file.take(most as u64 + 3)
            .read_to_end(&mut bytes)
            .map_err(|e| named(format!("cannot be read: {e}")))?;
        Self::within(bytes, most).map_err(named)
    }

    /// The bytes, for a comparison or a key and for nothing else.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }
}
