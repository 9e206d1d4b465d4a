//! The exported log: a text file of JSON lines that can be verified without the store.
//!
//! One header line, one line per entry, and the signed checkpoint as the last line. Each line
//! is canonical JSON, so a leaf stands in its line byte for byte as it was hashed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufRead, Read as _, Write};

use serde_json::json;
use tagout_core::canonical;
use tagout_core::digest::to_hex;

use crate::check::Wrong;
use crate::checkpoint::SignedCheckpoint;
use crate::commitment::{Commitment, Payload};
use crate::key::is_key_name;
use crate::leaf::{Irregular, Leaf};
use crate::scan::Scanner;
use crate::tree::{Hash, leaf_hash};

/// The name of the format, in the header line.
pub const FORMAT: &str = "tagout-log";
/// The version of the format, in the header line.
pub const VERSION: u64 = 1;
/// The longest line in bytes. No entry within its bounds comes near it.
pub const MAX_LINE_BYTES: usize = 32 << 20;

pub(crate) const HEADER: &str = "{\"format\":\"";
const ENTRY: &str = "{\"hash\":\"";
pub(crate) const CHECKPOINT: &str = "{\"checkpoint\":";

/// Writes an exported log.
#[derive(Debug)]
pub struct ExportWriter<W> {
    out: W,
}

impl<W: Write> ExportWriter<W> {
    /// Begins an export of the log called `origin`.
    ///
    /// # Errors
    /// If writing fails.
    pub fn new(mut out: W, origin: &str) -> io::Result<Self> {
        write_line(&mut out, &json!({"format": FORMAT, "origin": origin, "v": VERSION}))?;
        Ok(Self { out })
    }

    /// Writes the next entry, with those of the texts that belong to it.
    ///
    /// # Errors
    /// If writing fails or the bytes are not a leaf.
    pub fn entry(&mut self, leaf: &[u8], payloads: &[Payload]) -> io::Result<()> {
        self.out.write_all(entry_line(leaf, payloads)?.as_bytes())?;
        self.out.write_all(b"\n")
    }

    /// Ends the export with the checkpoint over exactly the entries written, and flushes.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(mut self, checkpoint: &SignedCheckpoint) -> io::Result<W> {
        write_line(&mut self.out, &json!({"checkpoint": checkpoint.to_string()}))?;
        self.out.flush()?;
        Ok(self.out)
    }
}

pub(crate) fn write_line(out: &mut impl Write, value: &serde_json::Value) -> io::Result<()> {
    let mut line = canonical::value_to_bytes(value).map_err(io::Error::other)?;
    line.push(b'\n');
    out.write_all(&line)
}

/// The line of one entry, without its newline.
pub(crate) fn entry_line(bytes: &[u8], payloads: &[Payload]) -> io::Result<String> {
    let invalid = |e: Irregular| io::Error::new(io::ErrorKind::InvalidData, e);
    let leaf = Leaf::parse(bytes).map_err(invalid)?;
    let kept: BTreeMap<_, _> = payloads.iter().map(|p| (p.commitment, p)).collect();
    let texts = leaf.commitments.iter().filter_map(|commitment| kept.get(commitment));
    let texts: Vec<_> = texts
        .map(|p| {
            json!({"commitment": p.commitment.to_string(), "salt": to_hex(&p.salt), "text": p.text})
        })
        .collect();
    let texts = canonical::value_to_bytes(&texts.into()).map_err(io::Error::other)?;
    // Both are canonical JSON and hence UTF-8.
    let (leaf, texts) = (String::from_utf8_lossy(bytes), String::from_utf8_lossy(&texts));
    let hash = to_hex(&leaf_hash(bytes));
    Ok(format!("{ENTRY}{hash}\",\"leaf\":{leaf},\"payloads\":{texts}}}"))
}

/// A text in an exported line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedText<'a> {
    /// What stands in the leaf.
    pub commitment: Commitment,
    /// The salt.
    pub salt: [u8; 32],
    /// The text.
    pub text: Cow<'a, str>,
}

/// One entry of an exported log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedEntry<'a> {
    /// The hash that the line gives for the leaf.
    pub hash: Hash,
    /// The bytes of the leaf.
    pub bytes: &'a [u8],
    /// The leaf taken apart.
    pub leaf: Leaf<'a>,
    /// The texts that are there.
    pub texts: Vec<ExportedText<'a>>,
}

impl<'a> ExportedEntry<'a> {
    /// Takes a line apart. Hash and texts are read and not compared.
    ///
    /// # Errors
    /// If the line is not exactly of the form that the log writes.
    pub fn parse(line: &'a str) -> Result<Self, Irregular> {
        let scanner = &mut Scanner::new(line);
        let entry = Self::scan(scanner)?;
        scanner.end()?;
        Ok(entry)
    }

    /// Takes the line apart that stands at the scanner's position.
    pub(crate) fn scan(scanner: &mut Scanner<'a>) -> Result<Self, Irregular> {
        scanner.expect(ENTRY, "the line of an entry begins with its hash")?;
        let hash = scanner.hex()?;
        scanner.expect("\",\"leaf\":", "the leaf is needed here")?;
        let start = scanner.pos();
        let leaf = Leaf::scan(scanner)?;
        let bytes = scanner.slice(start, scanner.pos()).as_bytes();
        scanner.expect(",\"payloads\":[", "the payloads are needed here")?;
        let mut texts = Vec::new();
        while !scanner.skip("]}") {
            if !texts.is_empty() {
                scanner.expect(",", "a comma or the end of the payloads is needed here")?;
            }
            scanner.expect("{\"commitment\":\"", "a payload begins with its commitment")?;
            let commitment = Commitment::from_raw(scanner.hex()?);
            scanner.expect("\",\"salt\":\"", "the salt is needed here")?;
            let salt = scanner.hex()?;
            scanner.expect("\",\"text\":", "the text is needed here")?;
            let text = scanner.string()?.decode();
            scanner.expect("}", "the payload must end here")?;
            texts.push(ExportedText { commitment, salt, text });
        }
        Ok(Self { hash, bytes, leaf, texts })
    }
}

/// One line of an exported log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line<'a> {
    /// The first line.
    Header {
        /// The name of the log.
        origin: String,
    },
    /// A line between the first and the last.
    Entry(ExportedEntry<'a>),
    /// The last line.
    Checkpoint(SignedCheckpoint),
}

impl<'a> Line<'a> {
    /// Takes a line apart, without its newline.
    ///
    /// # Errors
    /// If it is not one.
    pub fn parse(line: &'a str) -> Result<Self, Wrong> {
        if line.starts_with(ENTRY) {
            return Ok(Self::Entry(ExportedEntry::parse(line)?));
        }
        if line.starts_with(CHECKPOINT) {
            return Ok(Self::Checkpoint(checkpoint_of(line)?));
        }
        Ok(Self::Header { origin: origin_of(line, FORMAT)? })
    }
}

/// The checkpoint in a last line.
pub(crate) fn checkpoint_of(line: &str) -> Result<SignedCheckpoint, Wrong> {
    let mut scanner = Scanner::new(line);
    scanner.expect(CHECKPOINT, "the checkpoint is needed here")?;
    let checkpoint = scanner.string()?.decode();
    scanner.expect("}", "the line must end here")?;
    scanner.end()?;
    Ok(SignedCheckpoint::parse(&checkpoint)?)
}

/// The name of the log in a header line of this format.
pub(crate) fn origin_of(line: &str, format: &str) -> Result<String, Wrong> {
    let mut scanner = Scanner::new(line);
    scanner.expect(HEADER, "not a line of such a file")?;
    scanner.expect(format, "the file has another format")?;
    scanner.expect("\",\"origin\":", "the name of the log is needed here")?;
    let origin = scanner.string()?.decode().into_owned();
    if !is_key_name(&origin) {
        return Ok(scanner.wrong("this cannot be the name of a log")?);
    }
    scanner.expect(",\"v\":", "the version of the format is needed here")?;
    if scanner.unsigned()? != VERSION {
        return Ok(scanner.wrong("the file has a version that only a newer release can read")?);
    }
    scanner.expect("}", "the line must end here")?;
    scanner.end()?;
    Ok(origin)
}

/// Reads an exported log line by line.
#[derive(Debug)]
pub struct ExportReader<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
    offset: u64,
}

impl<R: BufRead> ExportReader<R> {
    /// Reads from `input`.
    pub fn new(input: R) -> Self {
        Self { input, line: Vec::new(), number: 0, offset: 0 }
    }

    /// The number of the line read last, from 1.
    #[must_use]
    pub const fn line_number(&self) -> u64 {
        self.number
    }

    /// Where the line read last begins, in bytes from the start of the file.
    #[must_use]
    pub const fn line_offset(&self) -> u64 {
        self.offset
    }

    /// The next line, or `None` at the end of the file.
    ///
    /// # Errors
    /// The outer error if reading fails; the inner one if what was read is not a line.
    pub fn next_line(&mut self) -> io::Result<Result<Option<Line<'_>>, Wrong>> {
        let text = self.next_text()?;
        Ok(text.and_then(|text| text.map(Line::parse).transpose()))
    }

    /// The number and the offset that the next line has, if there is one.
    pub(crate) const fn next_start(&self) -> (u64, u64) {
        (self.number + 1, self.offset + self.line.len() as u64)
    }

    /// The text of the next line, without its newline.
    pub(crate) fn next_text(&mut self) -> io::Result<Result<Option<&str>, Wrong>> {
        (self.number, self.offset) = self.next_start();
        self.line.clear();
        let limit = MAX_LINE_BYTES as u64 + 1;
        if self.input.by_ref().take(limit).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(Ok(None));
        }
        let Some((b'\n', line)) = self.line.split_last() else {
            let long = self.line.len() > MAX_LINE_BYTES;
            let long =
                if long { "the line is longer than 32 MiB" } else { "the last line is cut off" };
            return Ok(Err(Wrong::Structure(long)));
        };
        Ok(match std::str::from_utf8(line) {
            Ok(line) => Ok(Some(line)),
            Err(e) => Err(Irregular { offset: e.valid_up_to(), reason: "not UTF-8" }.into()),
        })
    }
}
