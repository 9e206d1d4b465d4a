//! The configuration file: where the runbooks and the policy are, and the mode.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tagout_core::limits;
use tagout_core::policy::EscalationPolicy;

use crate::store::StoreConfig;

/// The file that `tagout init` writes.
pub const ANNOTATED: &str = include_str!("../config/tagout.toml");

/// What the configuration file says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The directory of runbooks.
    pub runbooks: Option<PathBuf>,
    /// The policy file; the shipped policy if absent.
    pub policy: Option<PathBuf>,
    /// What may be done. This release knows only `dry-run`.
    #[serde(default)]
    pub mode: ConfiguredMode,
    /// Where the log is.
    #[serde(default)]
    pub store: StoreConfig,
}

/// The mode as it is configured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConfiguredMode {
    /// Every step is shown and none is started.
    #[default]
    DryRun,
}

/// A file that a person wrote is wrong: where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadInput(pub String);

impl Config {
    /// Reads the file at `path`. Relative paths in it are relative to its directory.
    ///
    /// # Errors
    /// If it cannot be read, is not TOML, or has a key we do not know.
    pub fn read(path: &Path) -> Result<Self, BadInput> {
        let text = read_text(path, limits::POLICY_BYTES)?;
        let mut config: Self = toml::from_str(&text)
            .map_err(|e| BadInput(format!("{}: {}", path.display(), e.to_string().trim_end())))?;
        config.store.check().map_err(|e| BadInput(format!("{}: {e}", path.display())))?;
        let base = path.parent().unwrap_or(Path::new("."));
        for file in [&mut config.runbooks, &mut config.policy].into_iter().flatten() {
            *file = base.join(&*file);
        }
        Ok(config)
    }
}

/// The policy in the file at `path`.
///
/// # Errors
/// If it cannot be read or breaks a rule; the message names the file, the place and the fix.
pub fn read_policy(path: &Path) -> Result<EscalationPolicy, BadInput> {
    let text = read_text(path, limits::POLICY_BYTES)?;
    EscalationPolicy::parse(&text).map_err(|e| BadInput(format!("{}: {e}", path.display())))
}

/// The text of a file, if it is not larger than `limit` bytes.
///
/// # Errors
/// If it cannot be read, is too large, or is not UTF-8.
pub fn read_text(path: &Path, limit: usize) -> Result<String, BadInput> {
    let named = |what: String| BadInput(format!("{}: {what}", path.display()));
    let file = fs::File::open(path).map_err(|e| named(e.to_string()))?;
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(|e| named(e.to_string()))?;
    if bytes.len() > limit {
        return Err(named(format!("is larger than {limit} bytes")));
    }
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        named(format!("the byte at offset {at} is not UTF-8; save the file as UTF-8"))
    })
}
