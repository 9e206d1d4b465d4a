//! What must hold of an entry after the ones before it; the same for a store and for an export.

use std::collections::{BTreeMap, HashMap};

use tagout_core::time::Time;

use crate::archive::{ARCHIVED, Archived};
use crate::checkpoint::CheckpointError;
use crate::commitment::Commitment;
use crate::leaf::{Irregular, Leaf};
use crate::proof::ProofError;
use crate::rotation::{KeyChain, ROTATED, ROTATIONS, Rotation, RotationError};
use crate::tree::{Frontier, Hash};

/// What is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Bytes do not have the form that the log writes.
    #[error("{0}")]
    Form(#[from] Irregular),
    /// A leaf was changed, or its hash was.
    #[error("the leaf does not have the hash that is kept with it")]
    LeafHash,
    /// An entry is missing, repeated or out of order.
    #[error("the entry says it has index {found}, and the next index is {expected}")]
    Index {
        /// The index that comes next.
        expected: u64,
        /// The index in the leaf.
        found: u64,
    },
    /// An entry of a stream is missing, repeated or out of order.
    #[error("the entry says it is number {found} of stream {stream}, and the next is {expected}")]
    Seq {
        /// The stream.
        stream: String,
        /// The number that comes next.
        expected: u64,
        /// The number in the leaf.
        found: u64,
    },
    /// Time ran backwards.
    #[error("the entry is of {at}, earlier than the one before it, of {last}")]
    Time {
        /// The time in the leaf.
        at: String,
        /// The time of the entry before.
        last: String,
    },
    /// A text is kept with an entry that does not speak of it, or out of order.
    #[error("a text is given for commitment {0}, which is not in the leaf at this place")]
    StrayText(Commitment),
    /// A text or its salt was changed.
    #[error("the text given for commitment {0} is not the text that was recorded")]
    Text(Commitment),
    /// A text is still there although a later entry says that it was erased.
    #[error("the entry says that text {0} was erased, and it is still kept")]
    NotErased(Commitment),
    /// The checkpoint or a signature under it is wrong.
    #[error("the checkpoint is refused: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint is one of another log.
    #[error("the log calls itself {log} and the checkpoint is one of {checkpoint}")]
    Origin {
        /// The origin of the log at hand.
        log: String,
        /// The origin in the checkpoint.
        checkpoint: String,
    },
    /// The checkpoint was signed over more or fewer entries.
    #[error("there are {found} entries and the checkpoint was signed over {signed}")]
    Size {
        /// How many entries there are.
        found: u64,
        /// The size in the checkpoint.
        signed: u64,
    },
    /// The entries are not those that were signed.
    #[error("the first {size} entries are not those that the checkpoint was signed over")]
    Root {
        /// The size in the checkpoint.
        size: u64,
    },
    /// The tree's frontier is not the one that is kept.
    #[error("the tree over the entries is not the one that is kept as the head")]
    Head,
    /// A stream's version does not fit its entries.
    #[error("stream {0} is kept at another version than its last entry has")]
    StreamVersion(String),
    /// A line of an export is missing or too much.
    #[error("{0}")]
    Structure(&'static str),
    /// A rotation of the log's key is none.
    #[error("the rotation of the log's key is refused: {0}")]
    Rotation(#[from] RotationError),
    /// The proof does not hold.
    #[error("the proof does not hold: {0}")]
    Proof(#[from] ProofError),
}

/// A text that a leaf speaks of and that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absent {
    /// The entry whose text it was.
    pub index: u64,
    /// What stands in its leaf.
    pub commitment: Commitment,
    /// The entry that recorded the erasure. `None` means that the log does not say why the
    /// text is not there: it may have been archived, or left out of the copy at hand.
    pub erased_by: Option<u64>,
}

/// What a log was found to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The number of entries.
    pub entries: u64,
    /// The number of streams.
    pub streams: u64,
    /// The number of texts that are there and fit their commitments.
    pub texts: u64,
    /// The texts that are not there, in the order of their entries.
    pub absent: Vec<Absent>,
    /// The archives that the log records, the earliest first.
    pub archives: Vec<Archived>,
    /// The keys that signed the log one after another, as far as it says so.
    pub keys: KeyChain,
    /// The time of the first entry.
    pub first_at: Option<Time>,
    /// The time of the last entry.
    pub last_at: Option<Time>,
}

impl Contents {
    /// How many texts are gone because a recorded erasure removed them.
    #[must_use]
    pub fn erased(&self) -> usize {
        self.absent.iter().filter(|absent| absent.erased_by.is_some()).count()
    }
}

/// Looks at the entries of a log one after another.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    frontier: Frontier,
    // Looked up and never iterated in an order that shows; the keys come from outside.
    streams: HashMap<String, u64>,
    first_at: Option<Time>,
    last_at: String,
    texts: u64,
    absent: Vec<Absent>,
    archives: Vec<Archived>,
    keys: KeyChain,
    erased: BTreeMap<Commitment, u64>,
}

impl Checker {
    /// The frontier of the tree over the entries so far.
    pub(crate) fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Takes the next entry, whose leaf has this hash.
    pub(crate) fn entry(&mut self, leaf: &Leaf<'_>, leaf_hash: Hash) -> Result<(), Wrong> {
        let expected = self.frontier.size();
        if leaf.index != expected {
            return Err(Wrong::Index { expected, found: leaf.index });
        }
        if leaf.at < self.last_at.as_str() {
            return Err(Wrong::Time { at: leaf.at.to_owned(), last: self.last_at.clone() });
        }
        let version = match self.streams.get_mut(leaf.stream) {
            Some(version) => version,
            None => self.streams.entry(leaf.stream.to_owned()).or_default(),
        };
        if leaf.seq != *version + 1 {
            let (stream, expected) = (leaf.stream.to_owned(), *version + 1);
            return Err(Wrong::Seq { stream, expected, found: leaf.seq });
        }
        *version = leaf.seq;
        if self.first_at.is_none() {
            self.first_at = Some(leaf.time());
        }
        self.last_at.clear();
        self.last_at.push_str(leaf.at);
        for commitment in &leaf.erases {
            self.erased.entry(*commitment).or_insert(leaf.index);
        }
        if leaf.kind == ARCHIVED {
            // Anyone may append such an entry by way of the library; what it does not say is
            // not an error of the log.
            let data = serde_json::from_str(leaf.data).ok();
            self.archives.extend(data.as_ref().and_then(Archived::from_data));
        }
        if leaf.kind == ROTATED && leaf.stream == ROTATIONS {
            let data = serde_json::from_str(leaf.data).unwrap_or_default();
            let rotation = Rotation::from_data(&data)?;
            self.keys.push(rotation, leaf.index, &self.frontier.root())?;
        }
        self.frontier.append(leaf_hash);
        Ok(())
    }

    /// The keys so far.
    pub(crate) const fn keys(&self) -> &KeyChain {
        &self.keys
    }

    /// Takes the texts that are kept with an entry, in the order of their commitments.
    pub(crate) fn texts<'t>(
        &mut self,
        leaf: &Leaf<'_>,
        texts: impl IntoIterator<Item = (Commitment, &'t [u8; 32], &'t str)>,
    ) -> Result<(), Wrong> {
        let mut commitments = leaf.commitments.iter();
        for (commitment, salt, text) in texts {
            loop {
                match commitments.next() {
                    None => return Err(Wrong::StrayText(commitment)),
                    Some(next) if *next == commitment => break,
                    Some(gone) => self.gone(leaf.index, *gone),
                }
            }
            if Commitment::to(text, salt) != commitment {
                return Err(Wrong::Text(commitment));
            }
            self.texts += 1;
        }
        for gone in commitments {
            self.gone(leaf.index, *gone);
        }
        Ok(())
    }

    /// What entries say they erased and no entry misses, each with the entry that says so.
    pub(crate) fn erased_and_not_missed(&self) -> BTreeMap<Commitment, u64> {
        let mut erased = self.erased.clone();
        for absent in &self.absent {
            erased.remove(&absent.commitment);
        }
        erased
    }

    fn gone(&mut self, index: u64, commitment: Commitment) {
        self.absent.push(Absent { index, commitment, erased_by: None });
    }

    /// The streams met and their versions.
    pub(crate) fn streams(&self) -> BTreeMap<&str, u64> {
        self.streams.iter().map(|(name, version)| (name.as_str(), *version)).collect()
    }

    /// What was found.
    pub(crate) fn finish(mut self) -> Contents {
        for absent in &mut self.absent {
            // An erasure is recorded after the text that it removes.
            let by = self.erased.get(&absent.commitment).copied();
            absent.erased_by = by.filter(|by| *by > absent.index);
        }
        Contents {
            entries: self.frontier.size(),
            streams: self.streams.len() as u64,
            texts: self.texts,
            absent: self.absent,
            archives: self.archives,
            keys: self.keys,
            first_at: self.first_at,
            last_at: self.last_at.parse().ok(),
        }
    }
}
