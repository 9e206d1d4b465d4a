//! A secret shared with a sender or a reader: named in the configuration, never written in it,
//! never printed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::Deserializer;
use tagout_core::limits;

use crate::config::read_text;

/// The bytes of one secret.
pub struct Secret(Box<[u8]>);

impl Secret {
    /// The bytes, for a comparison or a key and for nothing else.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Where a secret is: `{ env = "NAME" }` or `{ file = "PATH" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// In an environment variable.
    Env(String),
    /// In a file. A line break at its end is not part of the secret.
    File(PathBuf),
    /// Something else was written, which may be the secret. It was not kept.
    Misplaced,
}

impl<'de> Deserialize<'de> for SecretRef {
    /// Takes any value: an error of the TOML reader would print the line, and with it a secret
    /// that somebody wrote there.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = toml::Value::deserialize(deserializer)?;
        let table = value.try_into::<BTreeMap<String, String>>().unwrap_or_default();
        let mut parts = table.into_iter();
        Ok(match (parts.next(), parts.next()) {
            (Some((key, name)), None) if key == "env" => Self::Env(name),
            (Some((key, path)), None) if key == "file" => Self::File(path.into()),
            _ => Self::Misplaced,
        })
    }
}

impl SecretRef {
    /// Reads the secret. A relative path is relative to `base_dir`.
    pub(crate) fn load(&self, base_dir: &Path) -> Result<Secret, String> {
        let (text, place) = match self {
            Self::Env(name) => {
                let place = format!("the secret in the environment variable {name}");
                (std::env::var(name).map_err(|_| format!("{place} is not set"))?, place)
            }
            Self::File(path) => {
                let path = base_dir.join(path);
                let text = read_text(&path, limits::SECRET_BYTES).map_err(|e| e.to_string())?;
                (text, format!("the secret in {}", path.display()))
            }
            Self::Misplaced => return Err(MISPLACED.to_owned()),
        };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(format!("{place} is empty; an empty secret protects nothing"));
        }
        Ok(Secret(text.as_bytes().into()))
    }
}

const MISPLACED: &str = "a secret never stands in the configuration: write { env = \"NAME\" } or \
     { file = \"path\" }, and if one stood here, change it on both sides";
