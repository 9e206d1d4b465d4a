//! The receipt: a stream of the log from its first entry on, with what it rests on, in a file that
//! is verified alone.
//!
//! A text file of JSON lines: a header, a summary, entries with their inclusion proofs in the order
//! of the log, and the checkpoint that the proofs lead to. The summary is the caller's: whoever
//! verifies makes it anew from the entries and compares.

use std::io::{self, BufRead, Write};

use serde_json::{Value, json};
use tagout_core::canonical;
use tagout_core::limits::RECEIPT_ENTRIES;

use crate::audit_log::{AuditLog, Log, LogError};
use crate::check::{Checker, Contents, Wrong};
use crate::checkpoint::SignedCheckpoint;
use crate::commitment::Payload;
use crate::envelope::{self, Opened};
use crate::export::{CHECKPOINT, HEADER, VERSION, checkpoint_of, write_line};
use crate::key::{VerifierKey, is_key_name};
use crate::proved::{self, Proofs, Start};
use crate::rotation::{KeyChain, ROTATED, ROTATIONS, Rotation};
use crate::scan::Scanner;
use crate::storage::Storage;
use crate::verify::Place;

/// The name of the format, in the header line.
pub const FORMAT: &str = "tagout-receipt";

const SUMMARY: &str = "{\"summary\":";

impl<S: Storage> AuditLog<S> {
    /// Writes a receipt over a stream of this log, from its first entry up to the one whose `seq` is
    /// `last`, with some `others` it rests on, every rotation of the key, and a summary of the
    /// caller's.
    ///
    /// # Errors
    /// If the checkpoint does not cover an entry or is not one of this log, there are too many,
    /// or reading or writing fails.
    pub fn write_receipt<W: Write>(
        &self,
        mut out: W,
        (stream, last): (&str, u64),
        others: &[u64],
        summary: &Value,
        checkpoint: &SignedCheckpoint,
    ) -> Log<W, S> {
        let size = checkpoint.checkpoint().size;
        let own = self.storage.stream(stream, 0).map_err(LogError::Storage)?;
        let chain = self.key_chain()?;
        let rotations = chain.rotations().iter().map(|rotation| rotation.index);
        let mut indexes: Vec<u64> = own
            .into_iter()
            .take(usize::try_from(last).unwrap_or(usize::MAX))
            .chain(others.iter().copied())
            .chain(rotations.filter(|index| *index < size))
            .collect();
        indexes.sort_unstable();
        indexes.dedup();
        if indexes.len() > RECEIPT_ENTRIES {
            return Err(LogError::Write(io::Error::other(
                "the incident has more entries than a receipt may hold; export the log instead",
            )));
        }
        let origin = &checkpoint.checkpoint().origin;
        let header = json!({"format": FORMAT, "origin": origin, "stream": stream, "v": VERSION});
        write_line(&mut out, &header)?;
        write_line(&mut out, &json!({ "summary": summary }))?;
        self.proved_lines(indexes, checkpoint, |line| out.write_all(line.as_bytes()))?;
        write_line(&mut out, &json!({"checkpoint": checkpoint.to_string()}))?;
        out.flush()?;
        Ok(out)
    }
}

/// Why a receipt is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// The file could not be read.
    #[error("cannot read the receipt: {0}")]
    Read(#[from] io::Error),
    /// The receipt is not what was written. Only the first trouble is named.
    #[error("{place}: {wrong}")]
    Wrong {
        /// Where.
        place: Place,
        /// What.
        wrong: Box<Wrong>,
    },
}

/// What an accepted receipt holds, and who vouches for it.
///
/// Its entries are the log's, as signed. Of its stream it holds every entry from the first to
/// the last that is here, and it cannot show whether others came after that one. The summary is
/// what the writer says of them: hold it against the entries.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// The stream that it is about.
    pub stream: String,
    /// The summary as it stands in the file.
    pub summary: Value,
    /// The entries of the stream, from the first on.
    pub entries: Vec<Opened>,
    /// The entries of other streams. Rotations of the key are not among them.
    pub others: Vec<Opened>,
    /// How many texts are there, and which are not.
    pub contents: Contents,
    /// The checkpoint that the entries are proved against.
    pub checkpoint: SignedCheckpoint,
    /// The keys that signed it.
    pub signed_by: Vec<VerifierKey>,
}

/// Verifies a receipt with nothing but a list of public keys: the form of every line, every leaf
/// hash and text, that the stream has no gap, every rotation of the key, the signature by a key in the
/// list or by one that took its place, and the proof of each entry. Reads the file once, from
/// start to end.
///
/// # Errors
/// The first thing that is wrong, and where.
pub fn verify_receipt(input: impl BufRead, keys: &[VerifierKey]) -> Result<Receipt, ReceiptError> {
    let mut file = File::default();
    let end = proved::read(input, |line, start| file.line(line, start, keys))?;
    let place = end.map_err(wrong_at)?;
    let missing = Wrong::Structure("the receipt ends without a checkpoint; some of it is missing");
    let (checkpoint, signed_by) = file.end.ok_or_else(|| wrong_at((place, missing)))?;
    file.proofs.verify(&checkpoint).map_err(wrong_at)?;
    let contents = Contents {
        entries: (file.entries.len() + file.others.len() + file.chain.rotations().len()) as u64,
        keys: file.chain,
        ..file.checker.finish()
    };
    Ok(Receipt {
        stream: file.header.map(|(_, stream)| stream).unwrap_or_default(),
        summary: file.summary.unwrap_or_default(),
        entries: file.entries,
        others: file.others,
        contents,
        checkpoint,
        signed_by,
    })
}

fn wrong_at((place, wrong): (Place, Wrong)) -> ReceiptError {
    ReceiptError::Wrong { place, wrong: Box::new(wrong) }
}

/// A receipt as far as it was read.
#[derive(Default)]
struct File {
    /// The origin and the stream.
    header: Option<(String, String)>,
    summary: Option<Value>,
    entries: Vec<Opened>,
    others: Vec<Opened>,
    chain: KeyChain,
    checker: Checker,
    proofs: Proofs,
    end: Option<(SignedCheckpoint, Vec<VerifierKey>)>,
}

impl File {
    fn line(&mut self, line: &str, start: Start, keys: &[VerifierKey]) -> Result<(), Wrong> {
        if self.end.is_some() {
            return Err(Wrong::Structure("something follows the checkpoint"));
        }
        let Some((origin, stream)) = &self.header else {
            self.header = Some(header(line)?);
            return Ok(());
        };
        if self.summary.is_none() {
            self.summary = Some(summary(line)?);
            return Ok(());
        }
        if !line.starts_with(CHECKPOINT) {
            let stream = stream.clone();
            return self.entry(line, start, &stream);
        }
        if self.entries.is_empty() {
            return Err(Wrong::Structure("the receipt holds no entry of its stream"));
        }
        let signed = checkpoint_of(line)?;
        if signed.checkpoint().origin != *origin {
            let (log, checkpoint) = (origin.clone(), signed.checkpoint().origin.clone());
            return Err(Wrong::Origin { log, checkpoint });
        }
        let signed_by = self.chain.verify(&signed, keys)?;
        self.end = Some((signed, signed_by));
        Ok(())
    }

    fn entry(&mut self, line: &str, start: Start, stream: &str) -> Result<(), Wrong> {
        if self.proofs.len() >= RECEIPT_ENTRIES {
            return Err(Wrong::Structure("the receipt holds more entries than one may"));
        }
        let entry = self.proofs.take(line, start)?;
        let (index, leaf) = (entry.leaf.index, &entry.leaf);
        let texts = entry.texts.iter().map(|t| (t.commitment, &t.salt, t.text.as_ref()));
        self.checker.texts(leaf, texts)?;
        let payloads = entry.texts.iter().map(|t| Payload {
            commitment: t.commitment,
            salt: t.salt,
            text: t.text.clone().into_owned(),
        });
        let opened = envelope::open(entry.bytes, &payloads.collect::<Vec<_>>());
        let opened = opened.map_err(|_| Wrong::Structure("the entry cannot be read"))?;
        if leaf.stream == stream {
            let expected = self.entries.len() as u64 + 1;
            if leaf.seq != expected {
                let (stream, found) = (stream.to_owned(), leaf.seq);
                return Err(Wrong::Seq { stream, expected, found });
            }
            self.entries.push(opened);
        } else if (leaf.stream, leaf.kind) == (ROTATIONS, ROTATED) {
            let rotation = Rotation::from_data(&opened.entry.data)?;
            // The proof says where it stands; the root before it is its signers' word.
            let root = rotation.root;
            self.chain.push(rotation, index, &root)?;
        } else {
            self.others.push(opened);
        }
        Ok(())
    }
}

/// The origin and the stream of a header line.
fn header(line: &str) -> Result<(String, String), Wrong> {
    let mut scanner = Scanner::new(line);
    scanner.expect(HEADER, "not a line of such a file")?;
    scanner.expect(FORMAT, "the file has another format")?;
    scanner.expect("\",\"origin\":", "the name of the log is needed here")?;
    let origin = scanner.string()?.decode().into_owned();
    if !is_key_name(&origin) {
        return Ok(scanner.wrong("this cannot be the name of a log")?);
    }
    scanner.expect(",\"stream\":", "the stream is needed here")?;
    let stream = scanner.string()?.decode().into_owned();
    scanner.expect(",\"v\":", "the version of the format is needed here")?;
    if scanner.unsigned()? != VERSION {
        return Ok(scanner.wrong("the file has a version that only a newer release can read")?);
    }
    scanner.expect("}", "the line must end here")?;
    scanner.end()?;
    Ok((origin, stream))
}

fn summary(line: &str) -> Result<Value, Wrong> {
    let mut scanner = Scanner::new(line);
    scanner.expect(SUMMARY, "the summary is needed here")?;
    let start = scanner.pos();
    scanner.value()?;
    let value = scanner.slice(start, scanner.pos());
    scanner.expect("}", "the line must end here")?;
    scanner.end()?;
    serde_json::from_str(value).map_err(|_| Wrong::Structure("the summary is not JSON"))
}

/// Whether two summaries are spelled alike.
#[must_use]
pub fn same(ours: &Value, theirs: &Value) -> bool {
    let spelled = |value| canonical::value_to_bytes(value).ok();
    spelled(ours).is_some() && spelled(ours) == spelled(theirs)
}
