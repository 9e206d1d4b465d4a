//! Verifying an exported log with nothing but a list of public keys.

use std::fmt;
use std::io::{self, BufRead};

use crate::check::Checker;
use crate::checkpoint::SignedCheckpoint;
use crate::export::{ExportReader, Line};
use crate::key::VerifierKey;
use crate::tree::leaf_hash;

pub use crate::check::{Absent, Contents, Wrong};

/// A place in an exported log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: u64,
    /// The byte of the file, from 0: where the line begins or, if that is known, where in it
    /// the trouble is.
    pub byte: u64,
    /// The entry, from 0; `None` for the header and the checkpoint.
    pub entry: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} (byte {}", self.line, self.byte)?;
        match self.entry {
            Some(entry) => write!(f, ", entry {entry})"),
            None => f.write_str(")"),
        }
    }
}

/// Why an exported log is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The file could not be read.
    #[error("cannot read the export: {0}")]
    Read(#[from] io::Error),
    /// The log is not what was signed. Only the first trouble is named.
    #[error("{place}: {wrong}")]
    Log {
        /// Where.
        place: Place,
        /// What.
        wrong: Wrong,
    },
    /// The log does not extend a checkpoint that was given.
    #[error("the older checkpoint of size {size}: {wrong}")]
    Older {
        /// The size of that checkpoint.
        size: u64,
        /// What is wrong; [`Wrong::Size`] means the log has shrunk, [`Wrong::Root`] that it
        /// was forked.
        wrong: Wrong,
    },
}

/// What an accepted log holds, and who vouches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The checkpoint at the end of the export. Keep it: the next export must extend it.
    pub checkpoint: SignedCheckpoint,
    /// The listed keys that signed it.
    pub signed_by: Vec<VerifierKey>,
    /// The entries and their texts.
    pub contents: Contents,
}

/// Verifies an exported log: the form of every line, every leaf hash, indexes, stream
/// numbers, times and texts, the root, the signature by a key in the list or by one that took
/// its place ([`crate::rotation`]), and that the log extends each of the older checkpoints. Reads the file once, from start to end.
///
/// Texts that are not there are counted and named in the report and are no error.
///
/// # Errors
/// The first thing that is wrong, and where.
pub fn verify_export(
    input: impl BufRead,
    keys: &[VerifierKey],
    older: &[SignedCheckpoint],
) -> Result<Report, VerifyError> {
    let mut older: Vec<_> = older.iter().collect();
    older.sort_by_key(|checkpoint| checkpoint.checkpoint().size);

    let mut reader = ExportReader::new(input);
    let (checker, passed) = (Checker::default(), 0);
    let mut log = Log { checker, keys, older: &older, passed, origin: None, end: None };
    loop {
        log.pass_older()?;
        let entry = log.origin.is_some().then_some(log.checker.frontier().size());
        let place = |reader: &ExportReader<_>, wrong: &Wrong| {
            let inside = if let Wrong::Form(irregular) = wrong { irregular.offset } else { 0 };
            let byte = reader.line_offset() + inside as u64;
            Place { line: reader.line_number(), byte, entry }
        };
        let taken = match reader.next_line()? {
            Ok(None) => break,
            Ok(Some(line)) => log.line(line),
            Err(wrong) => Err(wrong),
        };
        taken.map_err(|wrong| VerifyError::Log { place: place(&reader, &wrong), wrong })?;
    }
    let place = Place { line: reader.line_number(), byte: reader.line_offset(), entry: None };
    let cut = Wrong::Structure("the export ends without a checkpoint; some of it is missing");
    let end = log.end.take();
    let (checkpoint, signed_by) = end.ok_or(VerifyError::Log { place, wrong: cut })?;
    // Who must have signed is known only now: the first rotation says which key was before it.
    for older in log.older {
        log.signature(older)?;
    }
    // Checkpoints that the entries never reached.
    if let Some(larger) = log.older.get(log.passed) {
        let (found, signed) = (checkpoint.checkpoint().size, larger.checkpoint().size);
        return Err(refused(larger, Wrong::Size { found, signed }));
    }
    Ok(Report { checkpoint, signed_by, contents: log.checker.finish() })
}

fn refused(older: &SignedCheckpoint, wrong: Wrong) -> VerifyError {
    VerifyError::Older { size: older.checkpoint().size, wrong }
}

/// A log as far as it was read.
struct Log<'o> {
    checker: Checker,
    keys: &'o [VerifierKey],
    /// The older checkpoints, the smallest first.
    older: &'o [&'o SignedCheckpoint],
    /// How many of them the entries have reached.
    passed: usize,
    origin: Option<String>,
    end: Option<(SignedCheckpoint, Vec<VerifierKey>)>,
}

impl Log<'_> {
    fn line(&mut self, line: Line<'_>) -> Result<(), Wrong> {
        if self.end.is_some() {
            return Err(Wrong::Structure("something follows the checkpoint"));
        }
        match (line, &self.origin) {
            (Line::Header { origin }, None) => {
                self.origin = Some(origin);
                Ok(())
            }
            (_, None) => Err(Wrong::Structure("the export does not begin with its header")),
            (Line::Header { .. }, Some(_)) => Err(Wrong::Structure("there is a second header")),
            (Line::Entry(entry), Some(_)) => {
                let hash = leaf_hash(entry.bytes);
                if hash != entry.hash {
                    return Err(Wrong::LeafHash);
                }
                self.checker.entry(&entry.leaf, hash)?;
                let texts = entry.texts.iter().map(|t| (t.commitment, &t.salt, t.text.as_ref()));
                self.checker.texts(&entry.leaf, texts)
            }
            (Line::Checkpoint(signed), Some(origin)) => {
                let frontier = self.checker.frontier();
                let checkpoint = signed.checkpoint();
                if checkpoint.origin != *origin {
                    let (log, checkpoint) = (origin.clone(), checkpoint.origin.clone());
                    return Err(Wrong::Origin { log, checkpoint });
                }
                if checkpoint.size != frontier.size() {
                    return Err(Wrong::Size { found: frontier.size(), signed: checkpoint.size });
                }
                if checkpoint.root != frontier.root() {
                    return Err(Wrong::Root { size: checkpoint.size });
                }
                let signed_by = self.checker.keys().verify(&signed, self.keys)?;
                self.end = Some((signed, signed_by));
                Ok(())
            }
        }
    }

    /// Compares the tree with the older checkpoints of its size.
    fn pass_older(&mut self) -> Result<(), VerifyError> {
        let Some(origin) = &self.origin else { return Ok(()) };
        while let Some(next) = self.older.get(self.passed) {
            let (checkpoint, frontier) = (next.checkpoint(), self.checker.frontier());
            if checkpoint.size > frontier.size() {
                break;
            }
            if checkpoint.origin != *origin {
                let (log, checkpoint) = (origin.clone(), checkpoint.origin.clone());
                return Err(refused(next, Wrong::Origin { log, checkpoint }));
            }
            if checkpoint.root != frontier.root() {
                // One that nobody signed says nothing about the log.
                self.signature(next)?;
                return Err(refused(next, Wrong::Root { size: checkpoint.size }));
            }
            self.passed += 1;
        }
        Ok(())
    }

    /// Checks the signature of an older checkpoint by the keys that are known by now.
    fn signature(&self, older: &SignedCheckpoint) -> Result<(), VerifyError> {
        let verified = self.checker.keys().verify(older, self.keys);
        verified.map(drop).map_err(|e| refused(older, e.into()))
    }
}
