//! Checkpoints: the size and root of a log, signed, as in C2SP `tlog-checkpoint`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::key::{SignerKey, VerifierKey, is_key_name};
use crate::note::{Note, NoteError};
use crate::tree::Hash;

/// Why a checkpoint is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The text does not have the form of a checkpoint.
    #[error("not a checkpoint: {0}")]
    Form(&'static str),
    /// The note or its signatures are wrong.
    #[error("{0}")]
    Note(#[from] NoteError),
    /// It is signed by a listed key, but not by one of the log it speaks of.
    #[error("it is a checkpoint of {origin}, and no listed key of that name has signed it")]
    NotTheLogsKey {
        /// The origin that the checkpoint names.
        origin: String,
    },
    /// None of the given keys is one of the log's.
    #[error("none of the given keys is one of this log's, whose first key is {first}")]
    StrangeKeys {
        /// The first key of the log.
        first: String,
    },
    /// It is signed by a key that the log had given up at that size, or did not have yet.
    #[error("it is signed by {signed_by}, and the key in force at its size is {in_force}")]
    GivenUp {
        /// A key that has signed.
        signed_by: String,
        /// The key that should have.
        in_force: String,
    },
}

/// The head of a log at some size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log, which is also the name of the keys that sign for it.
    pub origin: String,
    /// The number of leaves.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
    /// Further lines. This release writes none and reads any.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(self.root));
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Reads what [`Checkpoint::to_text`] writes.
    ///
    /// # Errors
    /// If the text is not a checkpoint in its one spelling.
    pub fn from_text(text: &str) -> Result<Self, CheckpointError> {
        let form = CheckpointError::Form;
        let text = text.strip_suffix('\n').ok_or(form("it does not end with a newline"))?;
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(form("it has fewer than three lines"));
        };
        if !is_key_name(origin) {
            return Err(form("its first line is not the name of a log"));
        }
        let number = size.parse::<u64>().ok().filter(|n| n.to_string() == size);
        let size = number.ok_or(form("its second line is not a number without leading zeroes"))?;
        let root = BASE64.decode(root).ok().and_then(|root| root.try_into().ok());
        let root = root.ok_or(form("its third line is not 32 bytes in base64"))?;
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(form("it has an empty line"));
        }
        Ok(Self { origin: origin.to_owned(), size, root, extensions })
    }

    /// Signs the checkpoint with each of the keys.
    ///
    /// # Errors
    /// If no key is named like the origin, or the checkpoint has no valid text.
    pub fn sign(self, signers: &[&SignerKey]) -> Result<SignedCheckpoint, CheckpointError> {
        if !signers.iter().any(|signer| signer.name() == self.origin) {
            return Err(CheckpointError::NotTheLogsKey { origin: self.origin });
        }
        let text = self.to_text();
        Self::from_text(&text)?;
        Ok(SignedCheckpoint { note: Note::sign(&text, signers)?, checkpoint: self })
    }
}

/// A checkpoint with the signatures under it. Written with [`fmt::Display`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

impl SignedCheckpoint {
    /// Reads a signed note that is a checkpoint. This says nothing about its signatures: see
    /// [`SignedCheckpoint::verify`].
    ///
    /// # Errors
    /// If it is not one.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let note = Note::parse(text)?;
        Ok(Self { checkpoint: Checkpoint::from_text(note.text())?, note })
    }

    /// Reads several, one after another, with empty lines between them or none.
    ///
    /// # Errors
    /// If one of them is none.
    pub fn list(text: &str) -> Result<Vec<Self>, CheckpointError> {
        let mut list = Vec::new();
        let (mut note, mut signed) = (String::new(), false);
        for line in text.split_inclusive('\n') {
            let signature = line.starts_with('\u{2014}');
            if signed && !signature {
                list.push(Self::parse(&std::mem::take(&mut note))?);
            }
            signed = signature;
            // Empty lines between two notes belong to neither.
            if !(note.is_empty() && line == "\n") {
                note.push_str(line);
            }
        }
        if !note.is_empty() || list.is_empty() {
            list.push(Self::parse(&note)?);
        }
        Ok(list)
    }

    /// The checkpoint, to be believed only after [`SignedCheckpoint::verify`].
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note that carries it.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// Which of the keys of this log have signed. A key counts for the log it is named after,
    /// so that the key of one log cannot vouch for another.
    ///
    /// # Errors
    /// If none of them has signed, or a signature by a listed key is wrong.
    pub fn verify<'k>(
        &self,
        keys: &'k [VerifierKey],
    ) -> Result<Vec<&'k VerifierKey>, CheckpointError> {
        let mut signed_by = self.note.verify(keys)?;
        signed_by.retain(|key| key.name() == self.checkpoint.origin);
        if signed_by.is_empty() {
            let origin = self.checkpoint.origin.clone();
            return Err(CheckpointError::NotTheLogsKey { origin });
        }
        Ok(signed_by)
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> SignerKey {
        SignerKey::from_seed(name, &[7; 32]).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: "example.org/log".into(), size: 3, root: [5; 32], extensions: vec![] }
    }

    #[test]
    fn a_checkpoint_reads_back_with_and_without_extension_lines() {
        for extensions in [vec![], vec!["a 1".to_owned(), "b".to_owned()]] {
            let checkpoint = Checkpoint { extensions, ..checkpoint() };
            assert_eq!(Checkpoint::from_text(&checkpoint.to_text()), Ok(checkpoint));
        }
    }

    #[test]
    fn the_example_of_the_specification_is_read() {
        let text =
            "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let checkpoint = Checkpoint::from_text(text).unwrap();
        assert_eq!((checkpoint.size, checkpoint.root[0]), (20_852_163, 0x0a));
        assert_eq!(checkpoint.to_text(), text);
    }

    #[test]
    fn other_spellings_of_a_checkpoint_are_refused() {
        let text = checkpoint().to_text();
        for wrong in [
            text.trim_end().to_owned(),
            text.replace("\n3\n", "\n03\n"),
            text.replace("\n3\n", "\n+3\n"),
            text.replace("\n3\n", "\n-3\n"),
            text.replace('=', ""),
            text.replace("U=", "V="),
            text.replace("example", "exam ple"),
            format!("{text}\n"),
            "a\n1\n".into(),
        ] {
            assert!(Checkpoint::from_text(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn several_checkpoints_are_read_from_one_text() {
        let signed = |size| Checkpoint { size, ..checkpoint() }.sign(&[&key("example.org/log")]);
        let [a, b] = [signed(3).unwrap(), signed(4).unwrap()];
        for text in [format!("{a}{b}"), format!("{a}\n{b}\n"), format!("\n{a}\n\n{b}")] {
            assert_eq!(SignedCheckpoint::list(&text).unwrap(), [a.clone(), b.clone()], "{text}");
        }
        assert_eq!(SignedCheckpoint::list(&a.to_string()).unwrap().len(), 1);
        for text in [String::new(), format!("{a}x\n"), format!("{a}{b}").replace("\n4\n", "\n\n")] {
            assert!(SignedCheckpoint::list(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_key_of_another_log_cannot_vouch_for_this_one() {
        let (own, other) = (key("example.org/log"), key("example.org/other"));
        assert!(checkpoint().sign(&[&other]).is_err());
        let by_other = SignedCheckpoint {
            note: Note::sign(&checkpoint().to_text(), &[&other]).unwrap(),
            checkpoint: checkpoint(),
        };
        let keys = [own.verifier().clone(), other.verifier().clone()];
        assert!(matches!(by_other.verify(&keys), Err(CheckpointError::NotTheLogsKey { .. })));
        let by_both = checkpoint().sign(&[&other, &own]).unwrap();
        let by_both = SignedCheckpoint::parse(&by_both.to_string()).unwrap();
        assert_eq!(by_both.verify(&keys).unwrap(), [own.verifier()]);
    }
}
