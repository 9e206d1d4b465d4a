//! The log's key, and how another takes its place: an entry that both have signed.
//!
//! The entry's data holds a signed note over the size and root of the log before it and both public
//! keys. So a rotation can be neither forged with one of the two keys nor moved to another
//! place or another log.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::audit_log::{Appended, AuditLog, Log, LogError, Record};
use crate::checkpoint::{CheckpointError, SignedCheckpoint};
use crate::key::{SignerKey, VerifierKey};
use crate::note::{Note, NoteError};
use crate::storage::Storage;
use crate::tree::Hash;

use tagout_core::time::Time;

/// The kind of the entry that records a rotation.
pub const ROTATED: &str = "log.key_rotated";
/// The stream of these entries.
pub const ROTATIONS: &str = crate::archive::ARCHIVES;
/// The first line of the text that both keys sign.
pub const FIRST_LINE: &str = "tagout.key-rotation.v1";
/// The version of the entry's data.
const VERSION: u16 = 1;

/// Why an entry is not a rotation of the log's key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// It does not have the form of one.
    #[error("{0}")]
    Form(&'static str),
    /// The note or a signature under it is wrong.
    #[error("{0}")]
    Note(#[from] NoteError),
    /// One of the two keys has not signed it.
    #[error(
        "{0} has not signed it, and a rotation needs the old key's signature and the new one's"
    )]
    Unsigned(String),
    /// It was signed for another place or another log.
    #[error("it was signed for another place in the log, or for another log")]
    Misplaced,
    /// The key whose place it takes is not the one in force.
    #[error("it takes the place of {old}, and the key in force is {in_force}")]
    NotInForce {
        /// The key that the rotation calls the old one.
        old: String,
        /// The key in force.
        in_force: String,
    },
}

/// A new key in the place of the old one, signed by both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The place of its entry: how many entries the log had before it.
    pub index: u64,
    /// The root of the tree before it.
    pub root: Hash,
    /// The key that signed until then, and signs no more.
    pub old: VerifierKey,
    /// The key that signs from then on.
    pub new: VerifierKey,
    note: Note,
}

impl Rotation {
    /// Signs a rotation of a log that has so many entries with this root.
    ///
    /// # Errors
    /// If both are the same key, or are named differently.
    pub fn sign(
        old: &SignerKey,
        new: &SignerKey,
        index: u64,
        root: Hash,
    ) -> Result<Self, RotationError> {
        let text = format!(
            "{FIRST_LINE}\n{}\n{index}\n{}\n{}\n{}\n",
            old.name(),
            BASE64.encode(root),
            old.verifier(),
            new.verifier(),
        );
        Self::of(Note::sign(&text, &[old, new])?)
    }

    /// Takes a note apart and checks both signatures.
    fn of(note: Note) -> Result<Self, RotationError> {
        let form = || RotationError::Form("the note has not the lines of a key rotation");
        let mut lines = note.text().strip_suffix('\n').ok_or_else(form)?.split('\n');
        let mut next = || lines.next().ok_or_else(form);
        if next()? != FIRST_LINE {
            return Err(form());
        }
        let origin = next()?;
        let index = next()?;
        let index = index.parse().ok().filter(|n: &u64| n.to_string() == index);
        let root = BASE64.decode(next()?).ok().and_then(|root| root.try_into().ok());
        let (index, root) = (index.ok_or_else(form)?, root.ok_or_else(form)?);
        let (old, new): (VerifierKey, VerifierKey) = (next()?.parse()?, next()?.parse()?);
        if lines.next().is_some() {
            return Err(form());
        }
        if [old.name(), new.name()] != [origin; 2] {
            return Err(RotationError::Form("both keys must be named like the log"));
        }
        // Two keys with one id could not be told apart under a note.
        if old.id() == new.id() {
            return Err(RotationError::Form("the new key must be another one than the old key"));
        }
        let both = [old.clone(), new.clone()];
        let signed_by = note.verify(&both)?;
        if let Some(missing) = both.iter().find(|key| !signed_by.contains(key)) {
            return Err(RotationError::Unsigned(missing.to_string()));
        }
        Ok(Self { index, root, old, new, note })
    }

    /// As the data of the entry.
    #[must_use]
    pub fn to_data(&self) -> Value {
        json!({"note": self.note.to_string()})
    }

    /// Out of the data of the entry, with both signatures checked.
    ///
    /// # Errors
    /// If it is anything else than a rotation that both keys have signed.
    pub fn from_data(data: &Value) -> Result<Self, RotationError> {
        let form = RotationError::Form("the data of a key rotation is one member, the note");
        let members = data.as_object().filter(|members| members.len() == 1);
        let note = members.and_then(|members| members.get("note")).and_then(Value::as_str);
        Self::of(Note::parse(note.ok_or(form)?)?)
    }
}

/// The keys of a log, one after another, each vouched for by the one before it and by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyChain {
    rotations: Vec<Rotation>,
}

impl KeyChain {
    /// The rotations in the order of the log.
    #[must_use]
    pub fn rotations(&self) -> &[Rotation] {
        &self.rotations
    }

    /// The keys, the first one at the front; empty if the log has no rotation and does not say
    /// which its key is.
    #[must_use]
    pub fn keys(&self) -> Vec<&VerifierKey> {
        let first = self.rotations.first().map(|rotation| &rotation.old);
        first.into_iter().chain(self.rotations.iter().map(|rotation| &rotation.new)).collect()
    }

    /// The key that signs a log of this size; none if the log has no rotation.
    #[must_use]
    pub fn in_force(&self, size: u64) -> Option<&VerifierKey> {
        let before = self.rotations.iter().take_while(|rotation| rotation.index < size);
        match before.last() {
            Some(last) => Some(&last.new),
            None => self.rotations.first().map(|first| &first.old),
        }
    }

    /// Takes the next rotation, whose entry stands at `index` over a tree with this root.
    ///
    /// # Errors
    /// If it was signed for another place, or does not follow on the key in force.
    pub fn push(
        &mut self,
        rotation: Rotation,
        index: u64,
        root: &Hash,
    ) -> Result<(), RotationError> {
        if (rotation.index, &rotation.root) != (index, root) {
            return Err(RotationError::Misplaced);
        }
        if let Some(in_force) = self.in_force(u64::MAX).filter(|key| **key != rotation.old) {
            let (old, in_force) = (rotation.old.to_string(), in_force.to_string());
            return Err(RotationError::NotInForce { old, in_force });
        }
        if self.keys().contains(&&rotation.new) {
            return Err(RotationError::Form("a key that was given up does not come back"));
        }
        self.rotations.push(rotation);
        Ok(())
    }

    /// Which keys have signed a checkpoint of this log, for whoever trusts the given ones. In a
    /// log whose key was rotated, one of the given keys must be among the log's own, and the
    /// one that was in force at the checkpoint's size must have signed: a key that was given
    /// up vouches for nothing later.
    ///
    /// # Errors
    /// If that is not so, or a signature by one of these keys is wrong.
    pub fn verify(
        &self,
        signed: &SignedCheckpoint,
        given: &[VerifierKey],
    ) -> Result<Vec<VerifierKey>, CheckpointError> {
        let own = self.keys();
        let Some(in_force) = self.in_force(signed.checkpoint().size) else {
            return Ok(signed.verify(given)?.into_iter().cloned().collect());
        };
        if !given.iter().any(|key| own.contains(&key)) {
            return Err(CheckpointError::StrangeKeys {
                first: own.first().map_or_else(String::new, ToString::to_string),
            });
        }
        let others = own.iter().filter(|key| !given.contains(key)).copied().cloned();
        let all: Vec<VerifierKey> = given.iter().cloned().chain(others).collect();
        let signed_by = signed.verify(&all)?;
        if signed_by.contains(&in_force) {
            return Ok(signed_by.into_iter().cloned().collect());
        }
        Err(CheckpointError::GivenUp {
            signed_by: signed_by.first().map_or_else(String::new, ToString::to_string),
            in_force: in_force.to_string(),
        })
    }
}

impl<S: Storage> AuditLog<S> {
    /// The keys that the log's rotations name.
    ///
    /// # Errors
    /// If a rotation is not one, or the storage fails.
    pub fn key_chain(&self) -> Log<KeyChain, S> {
        let mut chain = KeyChain::default();
        for opened in self.stream(ROTATIONS, 0)? {
            let index = opened.index;
            if opened.entry.kind == ROTATED {
                let damaged = |e: RotationError| LogError::Damaged { index, wrong: e.into() };
                let rotation = Rotation::from_data(&opened.entry.data).map_err(damaged)?;
                // The root is held against the tree where the whole log is verified.
                let root = rotation.root;
                chain.push(rotation, index, &root).map_err(damaged)?;
            }
        }
        Ok(chain)
    }

    /// Puts a new key in the place of the one in force: an entry that both sign, and only if
    /// nothing comes in between. From then on only the new key signs checkpoints.
    ///
    /// # Errors
    /// If the old key is not the one in force, the log does not go on from its last
    /// checkpoint, somebody appended meanwhile, or the storage fails. Then nothing has changed.
    pub fn rotate_key(&mut self, old: &SignerKey, new: &SignerKey, at: Time) -> Log<Appended, S> {
        self.refresh()?;
        let chain = self.key_chain()?;
        in_force(&chain, self.size(), &[old])?;
        if let Some(last) = self.storage.checkpoint().map_err(LogError::Storage)? {
            let signed = SignedCheckpoint::parse(&last.note)?;
            chain.verify(&signed, std::slice::from_ref(old.verifier()))?;
            self.extends(signed.checkpoint())?;
        }
        let rotation = Rotation::sign(old, new, self.size(), self.root())?;
        // A key that comes back would be refused by every reader.
        let mut after = chain;
        after.push(rotation.clone(), self.size(), &self.root())?;
        let record = Record {
            at,
            stream: ROTATIONS.to_owned(),
            kind: ROTATED.to_owned(),
            version: VERSION,
            data: rotation.to_data(),
        };
        let appended = self.append_after(self.size(), &[record], &[])?;
        appended.first().copied().ok_or(LogError::Shape)
    }
}

/// Refuses keys that the log has given up.
pub(crate) fn in_force<E>(
    chain: &KeyChain,
    size: u64,
    signers: &[&SignerKey],
) -> Result<(), LogError<E>> {
    let Some(in_force) = chain.in_force(size) else { return Ok(()) };
    if signers.iter().any(|signer| signer.verifier() == in_force) {
        return Ok(());
    }
    let signer = signers.first().map(|signer| signer.verifier().to_string());
    Err(LogError::NotInForce { signer: signer.unwrap_or_default(), in_force: in_force.to_string() })
}
