//! The archive: texts that left the store, in a file that is verified alone.
//!
//! A text file of JSON lines like an exported log, but only of some entries, each with its
//! inclusion proof against the checkpoint in the last line.

use std::fmt::Write as _;
use std::io::{self, BufRead, Write};

use serde_json::{Value, json};
use tagout_core::digest::{from_hex, to_hex};
use tagout_core::limits::ARCHIVE_ENTRIES;

use crate::audit_log::{AuditLog, Log, LogError};
use crate::check::{Checker, Wrong};
use crate::checkpoint::SignedCheckpoint;
use crate::commitment::{Commitment, Payload};
use crate::export::{CHECKPOINT, ExportReader, ExportedEntry, VERSION, checkpoint_of};
use crate::export::{entry_line, origin_of, write_line};
use crate::key::VerifierKey;
use crate::leaf::{Irregular, Leaf};
use crate::proof::InclusionProof;
use crate::scan::Scanner;
use crate::storage::Storage;
use crate::tree::{Hash, leaf_hash};
use crate::verify::Place;

/// The name of the format, in the header line.
pub const FORMAT: &str = "tagout-archive";
/// The kind of the entry that records an archive.
pub const ARCHIVED: &str = "log.archived";
/// The stream of these entries.
pub const ARCHIVES: &str = "log";

const ENTRY: &str = "{\"entry\":";

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

/// Writes an archive.
#[derive(Debug)]
pub struct ArchiveWriter<W> {
    out: W,
}

impl<W: Write> ArchiveWriter<W> {
    /// Begins an archive of the log called `origin`.
    ///
    /// # Errors
    /// If writing fails.
    pub fn new(mut out: W, origin: &str) -> io::Result<Self> {
        write_line(&mut out, &json!({"format": FORMAT, "origin": origin, "v": VERSION}))?;
        Ok(Self { out })
    }

    /// Writes an entry with those of the texts that belong to it and the path of its proof.
    /// Entries are written in the order of the log.
    ///
    /// # Errors
    /// If writing fails or the bytes are not a leaf.
    pub fn entry(&mut self, leaf: &[u8], payloads: &[Payload], path: &[Hash]) -> io::Result<()> {
        self.out.write_all(proved_line(leaf, payloads, path)?.as_bytes())
    }

    /// Ends the archive with the checkpoint that the proofs lead to, and flushes.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(mut self, checkpoint: &SignedCheckpoint) -> io::Result<W> {
        write_line(&mut self.out, &json!({"checkpoint": checkpoint.to_string()}))?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// The line of an entry with its proof.
pub(crate) fn proved_line(leaf: &[u8], payloads: &[Payload], path: &[Hash]) -> io::Result<String> {
    let mut line = format!("{ENTRY}{},\"proof\":[", entry_line(leaf, payloads)?);
    for (n, hash) in path.iter().enumerate() {
        let comma = if n == 0 { "" } else { "," };
        write!(line, "{comma}\"{}\"", to_hex(hash)).map_err(io::Error::other)?;
    }
    line.push_str("]}\n");
    Ok(line)
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
        out: W,
        entries: &[u64],
        checkpoint: &SignedCheckpoint,
    ) -> Log<W, S> {
        let (size, root) = (checkpoint.checkpoint().size, checkpoint.checkpoint().root);
        let tree = self.subtrees(size)?;
        let mut writer = ArchiveWriter::new(out, &checkpoint.checkpoint().origin)?;
        for index in entries.iter().copied() {
            let bytes = self.leaf(index)?;
            let damaged = |wrong| LogError::Damaged { index, wrong };
            let leaf = Leaf::parse(&bytes).map_err(|e| damaged(e.into()))?;
            let proof = InclusionProof::build(index, size, |range| tree.root(range).ok_or(()));
            let proof = proof.ok().flatten().ok_or(LogError::NoEntry { index, size })?;
            proof.verify(&leaf_hash(&bytes), &root).map_err(|e| damaged(e.into()))?;
            writer.entry(&bytes, &self.payloads(&leaf)?, &proof.path)?;
        }
        Ok(writer.finish(checkpoint)?)
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
    let mut reader = ExportReader::new(input);
    let mut file = File::default();
    loop {
        let taken = match reader.next_text()? {
            Ok(None) => break,
            Ok(Some(line)) => file.line(line, keys),
            Err(wrong) => Err(wrong),
        };
        let (line, byte) = (reader.line_number(), reader.line_offset());
        taken.map_err(|wrong| {
            let inside = if let Wrong::Form(irregular) = &wrong { irregular.offset } else { 0 };
            let place = Place { line, byte: byte + inside as u64, entry: None };
            ArchiveError::Wrong { place, wrong }
        })?;
        // The checkpoint comes last, so the proofs wait for it.
        file.places.resize(file.proofs.len(), (line, byte));
    }
    let place = Place { line: reader.line_number(), byte: reader.line_offset(), entry: None };
    let wrong = Wrong::Structure("the archive ends without a checkpoint; some of it is missing");
    let (checkpoint, signed_by) = file.end.ok_or(ArchiveError::Wrong { place, wrong })?;
    let (size, root) = (checkpoint.checkpoint().size, checkpoint.checkpoint().root);
    let mut leaves = Vec::with_capacity(file.proofs.len());
    for (proof, (line, byte)) in file.proofs.into_iter().zip(file.places) {
        let Proof { index, hash, path } = proof;
        InclusionProof { index, size, path }.verify(&hash, &root).map_err(|e| {
            let place = Place { line, byte, entry: Some(index) };
            ArchiveError::Wrong { place, wrong: e.into() }
        })?;
        leaves.push((index, hash));
    }
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
    proofs: Vec<Proof>,
    /// Where the lines of the proofs begin.
    places: Vec<(u64, u64)>,
    commitments: Vec<Commitment>,
    end: Option<(SignedCheckpoint, Vec<VerifierKey>)>,
}

/// A proof that is still to be checked.
struct Proof {
    index: u64,
    hash: Hash,
    path: Vec<Hash>,
}

impl File {
    fn line(&mut self, line: &str, keys: &[VerifierKey]) -> Result<(), Wrong> {
        if self.end.is_some() {
            return Err(Wrong::Structure("something follows the checkpoint"));
        }
        let Some(origin) = &self.origin else {
            self.origin = Some(origin_of(line, FORMAT)?);
            return Ok(());
        };
        if !line.starts_with(CHECKPOINT) {
            return self.entry(line);
        }
        if self.proofs.is_empty() {
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

    fn entry(&mut self, line: &str) -> Result<(), Wrong> {
        if self.proofs.len() >= ARCHIVE_ENTRIES {
            return Err(Wrong::Structure("the archive holds more entries than one may"));
        }
        let (entry, path) = parse(line)?;
        if leaf_hash(entry.bytes) != entry.hash {
            return Err(Wrong::LeafHash);
        }
        let index = entry.leaf.index;
        if let Some(last) = self.proofs.last().filter(|last| last.index >= index) {
            return Err(Wrong::Index { expected: last.index + 1, found: index });
        }
        if entry.texts.is_empty() {
            return Err(Wrong::Structure("an entry without a text has no place in an archive"));
        }
        let texts = entry.texts.iter().map(|t| (t.commitment, &t.salt, t.text.as_ref()));
        Checker::default().texts(&entry.leaf, texts)?;
        self.commitments.extend(entry.texts.iter().map(|text| text.commitment));
        self.proofs.push(Proof { index, hash: entry.hash, path });
        Ok(())
    }
}

/// Takes the line of an entry apart.
pub(crate) fn parse(line: &str) -> Result<(ExportedEntry<'_>, Vec<Hash>), Irregular> {
    let scanner = &mut Scanner::new(line);
    scanner.expect(ENTRY, "an entry or the checkpoint is needed here")?;
    let entry = ExportedEntry::scan(scanner)?;
    scanner.expect(",\"proof\":[", "the proof is needed here")?;
    let mut path = Vec::new();
    while !scanner.skip("]}") {
        if !path.is_empty() {
            scanner.expect(",", "a comma or the end of the proof is needed here")?;
        }
        scanner.expect("\"", "a hash is needed here")?;
        path.push(scanner.hex()?);
        scanner.expect("\"", "the hash must end here")?;
    }
    scanner.end()?;
    Ok((entry, path))
}
