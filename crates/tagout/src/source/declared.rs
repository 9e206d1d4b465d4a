//! The declaration by which the bodies of a `mapped` source are read: one that ships or one in a
//! file, which may be mended while the service runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tagout_core::digest::MappingDigest;
use tagout_core::limits;

use super::config::SourceConfig;
use crate::config::{BadInput, read_text};
use crate::signals::{Delivery, Mapping, SignalError};

/// A declaration as it was read.
#[derive(Debug, Clone)]
pub struct Declared {
    /// The digest of its text.
    pub digest: MappingDigest,
    mapping: Mapping,
}

impl Declared {
    /// The declaration that a source names, if it is read by one. A relative path is relative to
    /// `base_dir`.
    ///
    /// # Errors
    /// If there is none of this name, or it breaks a rule. The message names the source.
    pub fn load(config: &SourceConfig, base_dir: &Path) -> Result<Option<Self>, BadInput> {
        let Some(name) = config.mapping.as_deref() else { return Ok(None) };
        let named =
            |what: String| BadInput(format!("source {:?}: mapping {name:?}{what}", config.name));
        let text = match Mapping::shipped(name) {
            Some(text) => text.to_owned(),
            None => {
                let shipped: Vec<_> = Mapping::shipped_names().collect();
                read_text(&base_dir.join(name), limits::MAPPING_BYTES).map_err(|e| {
                    named(format!(" is neither shipped ({}) nor a file: {e}", shipped.join(", ")))
                })?
            }
        };
        let mapping = Mapping::parse(&text).map_err(|e| named(format!(": {e}")))?;
        Ok(Some(Self { digest: MappingDigest::of_bytes(text.as_bytes()), mapping }))
    }

    /// The file that it stands in, unless it ships.
    #[must_use]
    pub fn file(config: &SourceConfig, base_dir: &Path) -> Option<PathBuf> {
        let name = config.mapping.as_deref()?;
        Mapping::shipped(name).is_none().then(|| base_dir.join(name))
    }
}

/// The declaration in force for one source. Whoever reads and whoever changes it share it.
#[derive(Debug, Clone)]
pub struct InForce(Arc<RwLock<Arc<Declared>>>);

impl InForce {
    pub(super) fn new(declared: Declared) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(declared))))
    }

    /// Has what comes from now on read by this one.
    pub fn put(&self, declared: Declared) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(declared);
    }

    /// How a body is read now.
    pub(super) fn read(&self, body: &[u8]) -> Result<Delivery, SignalError> {
        let declared = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        declared.mapping.read(body)
    }
}
