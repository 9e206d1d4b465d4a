//! Entries with their proofs as the lines of a file that ends in the checkpoint they lead to: what
//! archives and receipts are made of.

use std::fmt::Write as _;
use std::io::{self, BufRead};

use tagout_core::digest::to_hex;

use crate::audit_log::{AuditLog, Log, LogError};
use crate::check::Wrong;
use crate::checkpoint::SignedCheckpoint;
use crate::commitment::Payload;
use crate::export::{ExportReader, ExportedEntry, entry_line};
use crate::leaf::{Irregular, Leaf};
use crate::proof::InclusionProof;
use crate::scan::Scanner;
use crate::storage::Storage;
use crate::tree::{Hash, leaf_hash};
use crate::verify::Place;

const ENTRY: &str = "{\"entry\":";

/// The line of an entry with the path of its proof.
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
    /// Gives the lines of these entries, with the texts that are kept of them and their proofs
    /// against the checkpoint, to `write`. A proof that does not hold is not written.
    pub(crate) fn proved_lines(
        &self,
        entries: impl IntoIterator<Item = u64>,
        checkpoint: &SignedCheckpoint,
        mut write: impl FnMut(&str) -> io::Result<()>,
    ) -> Log<(), S> {
        let (size, root) = (checkpoint.checkpoint().size, checkpoint.checkpoint().root);
        let tree = self.subtrees(size)?;
        for index in entries {
            let bytes = self.leaf(index)?;
            let damaged = |wrong| LogError::Damaged { index, wrong };
            let leaf = Leaf::parse(&bytes).map_err(|e| damaged(e.into()))?;
            let proof = InclusionProof::build(index, size, |range| tree.root(range).ok_or(()));
            let proof = proof.ok().flatten().ok_or(LogError::NoEntry { index, size })?;
            proof.verify(&leaf_hash(&bytes), &root).map_err(|e| damaged(e.into()))?;
            write(&proved_line(&bytes, &self.payloads(&leaf)?, &proof.path)?)?;
        }
        Ok(())
    }
}

/// Where a line begins: its number, from 1, and its first byte in the file.
pub(crate) type Start = (u64, u64);

/// Gives each line to `take`, once, from start to end. What comes back is the end of the file, or
/// the first thing that is wrong and where.
pub(crate) fn read(
    input: impl BufRead,
    mut take: impl FnMut(&str, Start) -> Result<(), Wrong>,
) -> io::Result<Result<Place, (Place, Wrong)>> {
    let mut reader = ExportReader::new(input);
    loop {
        let (line, byte) = reader.next_start();
        let taken = match reader.next_text()? {
            Ok(None) => return Ok(Ok(Place { line, byte, entry: None })),
            Ok(Some(text)) => take(text, (line, byte)),
            Err(wrong) => Err(wrong),
        };
        if let Err(wrong) = taken {
            let inside = if let Wrong::Form(irregular) = &wrong { irregular.offset } else { 0 };
            return Ok(Err((Place { line, byte: byte + inside as u64, entry: None }, wrong)));
        }
    }
}

/// The proofs of a file as far as it was read. They wait for the checkpoint, which comes last.
#[derive(Default)]
pub(crate) struct Proofs(Vec<Proof>);

struct Proof {
    index: u64,
    hash: Hash,
    path: Vec<Hash>,
    start: Start,
}

impl Proofs {
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes the line of an entry apart, and keeps its proof.
    ///
    /// # Errors
    /// If it is no such line, its leaf hash is not that of its leaf, or it does not come after
    /// the entry before it.
    pub(crate) fn take<'a>(
        &mut self,
        line: &'a str,
        start: Start,
    ) -> Result<ExportedEntry<'a>, Wrong> {
        let (entry, path) = parse(line)?;
        if leaf_hash(entry.bytes) != entry.hash {
            return Err(Wrong::LeafHash);
        }
        let index = entry.leaf.index;
        if let Some(last) = self.0.last().filter(|last| last.index >= index) {
            return Err(Wrong::Index { expected: last.index + 1, found: index });
        }
        self.0.push(Proof { index, hash: entry.hash, path, start });
        Ok(entry)
    }

    /// Checks every proof against the tree of the checkpoint. What comes back is the index and the
    /// leaf hash of each entry, in the order of the log.
    ///
    /// # Errors
    /// The first that does not hold, and where.
    pub(crate) fn verify(
        self,
        checkpoint: &SignedCheckpoint,
    ) -> Result<Vec<(u64, Hash)>, (Place, Wrong)> {
        let (size, root) = (checkpoint.checkpoint().size, checkpoint.checkpoint().root);
        let checked = self.0.into_iter().map(|Proof { index, hash, path, start }| {
            InclusionProof { index, size, path }.verify(&hash, &root).map_err(|e| {
                let (line, byte) = start;
                (Place { line, byte, entry: Some(index) }, e.into())
            })?;
            Ok((index, hash))
        });
        checked.collect()
    }
}

/// Takes the line of an entry apart.
fn parse(line: &str) -> Result<(ExportedEntry<'_>, Vec<Hash>), Irregular> {
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
