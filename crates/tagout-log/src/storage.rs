//! What the log asks of whatever keeps it: one atomic append, and reads by position.

use std::ops::Range;

use tagout_core::time::Time;

use crate::check::Wrong;
use crate::checkpoint::SignedCheckpoint;
use crate::commitment::{Commitment, Payload};
use crate::tree::{Frontier, Hash};

/// A condition of an append: it happens only if the stream stands at exactly this version.
///
/// The version of a stream is the `seq` of its last entry, and 0 for a stream without any.
/// A guarded stream need not be one that the append writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// The name of the stream.
    pub stream: String,
    /// The version it must have.
    pub expected: u64,
}

/// A stream and the version it has after an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// The name of the stream.
    pub stream: String,
    /// Its new version.
    pub version: u64,
}

/// Where a text is: the entry whose leaf holds the commitment to it, and that commitment. Texts
/// are kept in the order of their entries, so that an append writes where the last one ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TextPlace {
    /// The position of the entry in the log, from 0.
    pub index: u64,
    /// What stands in its leaf.
    pub commitment: Commitment,
}

/// One leaf of an append with all that is kept about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The position in the log, from 0.
    pub index: u64,
    /// The stream of the entry.
    pub stream: String,
    /// The position in its stream, from 1.
    pub seq: u64,
    /// The bytes of the leaf.
    pub leaf: Vec<u8>,
    /// The RFC 6962 hash of the leaf.
    pub leaf_hash: Hash,
    /// The texts that the leaf holds commitments to.
    pub payloads: Vec<Payload>,
}

/// Work that an append leaves behind for later, durable together with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// The leaf that gave rise to it.
    pub index: u64,
    /// What sort of work it is; the log does not look at it.
    pub kind: String,
    /// The work itself; the log does not look at it.
    pub body: String,
}

/// One append. A storage applies all of it in one transaction or none of it.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Conditions, checked inside the transaction.
    pub guards: &'a [Guard],
    /// The streams that the rows belong to and their versions afterwards, each stream once.
    pub advances: &'a [Advance],
    /// The index of the first row. It must equal the size of the log, or the head has moved.
    pub first_index: u64,
    /// The leaves with contiguous indexes from `first_index`; never empty.
    pub rows: &'a [Row],
    /// The frontier after the append.
    pub frontier: &'a Frontier,
    /// The time of the last row.
    pub last_at: Time,
    /// Work to be kept with the append.
    pub outbox: &'a [OutboxRow],
    /// The payloads to be removed, text and salt both.
    pub erase: &'a [TextPlace],
    /// The payloads to be removed because an archive holds them; nothing was erased.
    pub archive: &'a [TextPlace],
}

/// Where the log ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// The frontier; its size is the size of the log.
    pub frontier: Frontier,
    /// The time of the last entry; `None` in an empty log.
    pub last_at: Option<Time>,
}

/// A storage that is held: nobody else appends until the next append or release.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held {
    /// Where the log ends, and will end until then.
    pub head: Head,
    /// What the storage's own clock shows, where several processes share it. Such processes
    /// must not record by clocks of their own, which differ.
    pub now: Option<Time>,
}

/// A checkpoint that was signed, with the frontier it was signed over. The frontier lets the
/// next signing prove, from the new leaves alone, that it extends this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// When it was signed.
    pub at: Time,
    /// The signed note (see [`crate::checkpoint`]).
    pub note: String,
    /// The frontier at that size.
    pub frontier: Frontier,
}

impl StoredCheckpoint {
    /// Whether the frontier is the one that the note was signed over.
    pub(crate) fn check(&self, note: &SignedCheckpoint) -> Result<(), Wrong> {
        let (size, checkpoint) = (self.frontier.size(), note.checkpoint());
        if checkpoint.size == size && checkpoint.root == self.frontier.root() {
            return Ok(());
        }
        Err(Wrong::Root { size: checkpoint.size })
    }
}

/// Why an append did not happen.
#[derive(Debug, thiserror::Error)]
pub enum AppendError<E> {
    /// A guard did not hold.
    #[error("stream {stream} is at version {found}, not at {expected}")]
    Stale {
        /// The stream of the guard.
        stream: String,
        /// The version that the guard named.
        expected: u64,
        /// The version that the stream has.
        found: u64,
    },
    /// Someone else appended since the head was read.
    #[error("the head of the log has moved")]
    HeadMoved,
    /// The storage failed; nothing was changed.
    #[error(transparent)]
    Storage(E),
}

/// What keeps a log. [`crate::storage_conformance`] is the test suite for implementations.
///
/// Methods that take a range are asked for at most a few thousand entries at once, and answer
/// with fewer only where the log ends.
pub trait Storage {
    /// What can go wrong.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Where the log ends; the default head if nothing was ever appended.
    ///
    /// # Errors
    /// If the storage fails.
    fn head(&self) -> Result<Head, Self::Error>;

    /// Takes the one place of order: until the next [`Storage::append`] or
    /// [`Storage::release`], whatever they come to, nobody else appends. What is decided in
    /// between rests on the whole log.
    ///
    /// A storage that cannot keep others out may leave this as it is; then the append fails
    /// with [`AppendError::HeadMoved`] if somebody was quicker.
    ///
    /// # Errors
    /// If the storage fails, or may no longer append.
    fn hold(&mut self) -> Result<Held, Self::Error> {
        Ok(Held { head: self.head()?, now: None })
    }

    /// Gives the place of order back without having appended.
    ///
    /// # Errors
    /// If the storage fails; the place is given back all the same.
    fn release(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// The version of a stream; 0 if it has no entries.
    ///
    /// # Errors
    /// If the storage fails.
    fn stream_version(&self, stream: &str) -> Result<u64, Self::Error>;

    /// Applies a batch in one transaction: first the head is compared, then every guard, then
    /// everything is written. When it returns `Ok`, the batch is durable.
    ///
    /// # Errors
    /// If the head moved, if a guard does not hold, or if the storage fails. In each case
    /// nothing has changed.
    fn append(&mut self, batch: &Batch<'_>) -> Result<(), AppendError<Self::Error>>;

    /// The bytes of one leaf.
    ///
    /// # Errors
    /// If the storage fails.
    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, Self::Error>;

    /// The leaves of a range in order.
    ///
    /// # Errors
    /// If the storage fails.
    fn leaves(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, Self::Error>;

    /// The leaf hashes of a range in order, as they were appended.
    ///
    /// # Errors
    /// If the storage fails.
    fn leaf_hashes(&self, range: Range<u64>) -> Result<Vec<Hash>, Self::Error>;

    /// The indexes of the entries of a stream whose `seq` is greater than `after`, in order.
    ///
    /// # Errors
    /// If the storage fails.
    fn stream(&self, stream: &str, after: u64) -> Result<Vec<u64>, Self::Error>;

    /// The names of the streams that begin with `prefix` and come after `after`, in the order
    /// of their bytes; at most `limit`.
    ///
    /// # Errors
    /// If the storage fails.
    fn streams(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<String>, Self::Error>;

    /// The text behind a commitment in the leaf of an entry, unless it was erased, archived or
    /// never kept.
    ///
    /// # Errors
    /// If the storage fails.
    fn payload(&self, text: &TextPlace) -> Result<Option<Payload>, Self::Error>;

    /// The checkpoint that was put last.
    ///
    /// # Errors
    /// If the storage fails.
    fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, Self::Error>;

    /// Keeps a checkpoint durably before anyone is shown it.
    ///
    /// # Errors
    /// If the storage fails.
    fn put_checkpoint(&mut self, checkpoint: &StoredCheckpoint) -> Result<(), Self::Error>;
}
