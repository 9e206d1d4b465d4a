//! The proof of one entry as a small text file, in the form of C2SP `tlog-proof`: the entry
//! with its texts, its index, the inclusion proof and a signed checkpoint.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::check::{Checker, Contents, Wrong};
use crate::checkpoint::SignedCheckpoint;
use crate::commitment::Payload;
use crate::envelope::{self, Opened};
use crate::export::{ExportedEntry, MAX_LINE_BYTES, entry_line};
use crate::key::VerifierKey;
use crate::leaf::Irregular;
use crate::proof::InclusionProof;
use crate::tree::leaf_hash;

/// The first line of a proof file.
pub const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// Why a text is not the proof of an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofFileError {
    /// The text does not have the form of a proof file.
    #[error("not a proof file, line {line}: {reason}")]
    Form {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// What the proof says does not hold.
    #[error("{0}")]
    Wrong(#[from] Wrong),
    /// The entry in the proof cannot be read.
    #[error("{0}")]
    Entry(#[from] envelope::EnvelopeError),
}

/// The proof of one entry. Written with [`fmt::Display`], read with [`FromStr`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofFile {
    line: String,
    proof: InclusionProof,
    checkpoint: SignedCheckpoint,
}

/// What a proof file was found to prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// The entry, with the texts that came with the proof.
    pub opened: Opened,
    /// The checkpoint over the tree that it is in.
    pub checkpoint: SignedCheckpoint,
    /// The listed keys that signed the checkpoint.
    pub signed_by: Vec<VerifierKey>,
    /// How many of its texts are there, and which are not.
    pub contents: Contents,
}

impl ProofFile {
    /// Puts a proof together. It is not checked; see [`ProofFile::verify`].
    ///
    /// # Errors
    /// If the bytes are not a leaf.
    pub fn new(
        leaf: &[u8],
        payloads: &[Payload],
        proof: InclusionProof,
        checkpoint: SignedCheckpoint,
    ) -> std::io::Result<Self> {
        Ok(Self { line: entry_line(leaf, payloads)?, proof, checkpoint })
    }

    /// Checks everything with nothing but a list of public keys: the form of the entry, its
    /// hash and texts, the inclusion proof, and the signature by a key in the list.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Proved, ProofFileError> {
        let entry = ExportedEntry::parse(&self.line).map_err(Wrong::from)?;
        if leaf_hash(entry.bytes) != entry.hash {
            return Err(Wrong::LeafHash.into());
        }
        if entry.leaf.index != self.proof.index {
            let (expected, found) = (self.proof.index, entry.leaf.index);
            return Err(Wrong::Index { expected, found }.into());
        }
        let mut checker = Checker::default();
        let texts = entry.texts.iter().map(|t| (t.commitment, &t.salt, t.text.as_ref()));
        checker.texts(&entry.leaf, texts)?;
        let checkpoint = self.checkpoint.checkpoint();
        self.proof.verify(&entry.hash, &checkpoint.root).map_err(Wrong::from)?;
        let signed_by = self.checkpoint.verify(keys).map_err(Wrong::from)?;
        let payloads = entry.texts.iter().map(|t| Payload {
            commitment: t.commitment,
            salt: t.salt,
            text: t.text.clone().into_owned(),
        });
        Ok(Proved {
            opened: envelope::open(entry.bytes, &payloads.collect::<Vec<_>>())?,
            checkpoint: self.checkpoint.clone(),
            signed_by: signed_by.into_iter().cloned().collect(),
            contents: Contents { entries: 1, streams: 1, ..checker.finish() },
        })
    }

    /// The checkpoint in the file, to be believed only after [`ProofFile::verify`].
    #[must_use]
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        writeln!(f, "extra {}", BASE64.encode(&self.line))?;
        writeln!(f, "index {}", self.proof.index)?;
        for hash in &self.proof.path {
            writeln!(f, "{}", BASE64.encode(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for ProofFile {
    type Err = ProofFileError;

    fn from_str(text: &str) -> Result<Self, ProofFileError> {
        let form = |line, reason| ProofFileError::Form { line, reason };
        let (proof, checkpoint) =
            text.split_once("\n\n").ok_or(form(1, "it has no blank line before a checkpoint"))?;
        let mut lines = proof.split('\n');
        if lines.next() != Some(FIRST_LINE) {
            return Err(form(1, "it must be c2sp.org/tlog-proof@v1"));
        }
        let extra = lines.next().and_then(|line| line.strip_prefix("extra "));
        let extra = extra.filter(|extra| extra.len() / 4 * 3 <= MAX_LINE_BYTES);
        let extra = extra.and_then(|extra| BASE64.decode(extra).ok());
        let extra = extra.ok_or(form(2, "it must be the word extra and the entry in base64"))?;
        let line = String::from_utf8(extra).map_err(|e| {
            let offset = e.utf8_error().valid_up_to();
            Wrong::Form(Irregular { offset, reason: "not UTF-8" })
        })?;
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index =
            index.and_then(|text| text.parse().ok().filter(|n: &u64| n.to_string() == text));
        let index = index.ok_or(form(3, "it must be the word index and a number"))?;
        let mut path = Vec::new();
        for (n, hash) in lines.enumerate() {
            let hash = BASE64.decode(hash).ok().and_then(|hash| hash.try_into().ok());
            path.push(hash.ok_or(form(n + 4, "it must be 32 bytes in base64"))?);
        }
        let checkpoint = SignedCheckpoint::parse(checkpoint).map_err(Wrong::from)?;
        let size = checkpoint.checkpoint().size;
        Ok(Self { line, proof: InclusionProof { index, size, path }, checkpoint })
    }
}
