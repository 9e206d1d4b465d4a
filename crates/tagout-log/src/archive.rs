//! The archive: texts that left the store, in a file that is verified alone.
//!
//! A text file of JSON lines like an exported log, but only of some entries, each with its
//! inclusion proof against the checkpoint in the last line.

use std::io::{self, BufRead, Write};

use serde_json::{Value, json};
use tagout_core::digest::{from_hex, to_hex};
use tagout_core::limits::ARCHIVE_ENTRIES;

use crate::audit_log::{AuditLog, Log};
use crate::check::{Checker, Wrong};
use crate::checkpoint::SignedCheckpoint;
use crate::commitment::Commitment;
use crate::export::{CHECKPOINT, VERSION, checkpoint_of, origin_of, write_line};
use crate::key::VerifierKey;
use crate::proved::{self, Proofs, Start};
use crate::storage::Storage;
use crate::tree::Hash;
use crate::verify::Place;

/// The name of the format, in the header line.
pub const FORMAT: &str = "tagout-archive";
/// The kind of the entry that records an archive.
pub const ARCHIVED: &str = "log.archived";
/// The stream of these entries.
pub const ARCHIVES: &str = "log";

/// What the log records of an archive, in an entry of the kind [`ARCHIVED`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    /// The name of the file, without its directory.
    pub file: String,
    /// SHA-256 over the bytes of the file.
    pub sha256: [u8; 32],
    /// How many entries are in it.
    pub entries: u64,
    /// How many texts are in it.
    pub texts: u64,
}

impl Archived {
    /// As the data of the entry.
    #[must_use]
    pub fn to_data(&self) -> Value {
        let sha256 = to_hex(&self.sha256);
        json!({"entries": self.entries, "file": self.file, "sha256": sha256, "texts": self.texts})
    }

    /// Out of the data of the entry; `None` if it says something else.
    #[must_use]
    pub fn from_data(data: &Value) -> Option<Self> {
        Some(Self {
            file: data.get("file")?.as_str()?.to_owned(),
            sha256: from_hex(data.get("sha256")?.as_str()?)?,
            entries: data.get("entries")?.as_u64()?,
            texts: data.get("texts")?.as_u64()?,
        })
    }
}

impl<S: Storage> AuditLog<S> {
    /// Writes an archive of these entries, in ascending order, with the texts that are kept of
    /// them and proofs against a checkpoint of this log. Nothing is removed; see
    /// [`AuditLog::archive`].
    ///
    /// # Errors
    /// If the checkpoint does not cover an entry or is not one of this log, or reading or
    /// writing fails.
    pub fn write_archive<W: Write>(
        &self,
        mut out: W,
        entries: &[u64],
        checkpoint: &SignedCheckpoint,
    ) -> Log<W, S> {
        let origin = &checkpoint.checkpoint().origin;
        write_line(&mut out, &json!({"format": FORMAT, "origin": origin, "v": VERSION}))?;
        let write = |line: &str| out.write_all(line.as_bytes());
        self.proved_lines(entries.iter().copied(), checkpoint, write)?;
        write_line(&mut out, &json!({"checkpoint": checkpoint.to_string()}))?;
        out.flush()?;
        Ok(out)
    }
}

/// Why an archive is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file could not be read.
    #[error("cannot read the archive: {0}")]
    Read(#[from] io::Error),
    /// The archive is not what was written. Only the first trouble is named.
    #[error("{place}: {wrong}")]
    Wrong {
        /// Where.
        place: Place,
        /// What.
        wrong: Wrong,
    },
}

/// What an accepted archive holds, and who vouches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The number of entries.
    pub entries: u64,
    /// The number of texts.
    pub texts: u64,
    /// The checkpoint that the entries are proved against.
    pub checkpoint: SignedCheckpoint,
    /// The listed keys that signed it.
    pub signed_by: Vec<VerifierKey>,
    /// The index and leaf hash of each entry, in the order of the log.
    pub leaves: Vec<(u64, Hash)>,
    /// What the texts are commitments of, in the order of the log.
    pub commitments: Vec<Commitment>,
}

/// Verifies an archive with nothing but a list of public keys: the form of every line, every
/// leaf hash and text, that the entries ascend, the signature by a key in the list, and the
/// proof of each entry. Reads the file once, from start to end.
///
/// # Errors
/// The first thing that is wrong, and where.
pub fn verify_archive(input: impl BufRead, keys: &[VerifierKey]) -> Result<Report, ArchiveError> {
    let wrong_at = |(place, wrong)| ArchiveError::Wrong { place, wrong };
    let mut file = File::default();
    let end = proved::read(input, |line, start| file.line(line, start, keys))?;
    let place = end.map_err(wrong_at)?;
    let missing = Wrong::Structure("the archive ends without a checkpoint; some of it is missing");
    let (checkpoint, signed_by) = file.end.ok_or_else(|| wrong_at((place, missing)))?;
    let leaves = file.proofs.verify(&checkpoint).map_err(wrong_at)?;
    Ok(Report {
        entries: leaves.len() as u64,
        texts: file.commitments.len() as u64,
        checkpoint,
        signed_by,
        leaves,
        commitments: file.commitments,
    })
}

/// An archive as far as it was read.
#[derive(Default)]
struct File {
    origin: Option<String>,
    proofs: Proofs,
    commitments: Vec<Commitment>,
    end: Option<(SignedCheckpoint, Vec<VerifierKey>)>,
}

impl File {
    fn line(&mut self, line: &str, start: Start, keys: &[VerifierKey]) -> Result<(), Wrong> {
        if self.end.is_some() {
            return Err(Wrong::Structure("something follows the checkpoint"));
        }
        let Some(origin) = &self.origin else {
            self.origin = Some(origin_of(line, FORMAT)?);
            return Ok(());
        };
        if !line.starts_with(CHECKPOINT) {
            return self.entry(line, start);
        }
        if self.proofs.len() == 0 {
            return Err(Wrong::Structure("the archive holds no entry"));
        }
        let signed = checkpoint_of(line)?;
        if signed.checkpoint().origin != *origin {
            let (log, checkpoint) = (origin.clone(), signed.checkpoint().origin.clone());
            return Err(Wrong::Origin { log, checkpoint });
        }
        let signed_by = signed.verify(keys)?.into_iter().cloned().collect();
        self.end = Some((signed, signed_by));
        Ok(())
    }

    fn entry(&mut self, line: &str, start: Start) -> Result<(), Wrong> {
        if self.proofs.len() >= ARCHIVE_ENTRIES {
            return Err(Wrong::Structure("the archive holds more entries than one may"));
        }
        let entry = self.proofs.take(line, start)?;
        if entry.texts.is_empty() {
            return Err(Wrong::Structure("an entry without a text has no place in an archive"));
        }
        let texts = entry.texts.iter().map(|t| (t.commitment, &t.salt, t.text.as_ref()));
        Checker::default().texts(&entry.leaf, texts)?;
        self.commitments.extend(entry.texts.iter().map(|text| text.commitment));
        Ok(())
    }
}
