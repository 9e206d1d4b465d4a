//! Secrets: named in the configuration, never written in it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tagout_core::limits;

use super::{BadInput, read_text};

/// Where a secret is: `{ env = "NAME" }` or `{ file = "PATH" }`. There is no way to write one
/// into the configuration itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretReference {
    /// In an environment variable of this name.
    Env(String),
    /// In a file; a line break at its end does not count.
    File(PathBuf),
}

impl SecretReference {
    /// The secret itself.
    ///
    /// # Errors
    /// If the variable is not set or the file cannot be read, or if it is empty. The message
    /// names the place and never what was found there.
    pub fn resolve(&self) -> Result<Secret, BadInput> {
        let text = match self {
            Self::Env(name) => std::env::var(name).map_err(|_| {
                BadInput(format!("the secret in the environment variable {name} is not set"))
            })?,
            Self::File(path) => read_text(path, limits::SECRET_BYTES)?,
        };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(BadInput(format!("{self} is empty")));
        }
        Ok(Secret(text.as_bytes().into()))
    }

    /// Takes a relative path as one below `base`.
    pub(crate) fn within(&mut self, base: &Path) {
        if let Self::File(path) = self {
            *path = base.join(&*path);
        }
    }

    /// The variable it is in, if it is in one.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::Env(name) => Some(name),
            Self::File(_) => None,
        }
    }
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the secret in the environment variable {name}"),
            Self::File(path) => write!(f, "the secret in the file {}", path.display()),
        }
    }
}

/// A secret. It cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Its bytes, to compare or to compute with.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
