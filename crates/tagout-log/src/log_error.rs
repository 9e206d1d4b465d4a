//! Why the log refused to do something or could not.

use std::io;

use tagout_core::time::Time;

use crate::check::Wrong;
use crate::checkpoint::CheckpointError;
use crate::commitment::Commitment;
use crate::envelope::EnvelopeError;
use crate::rotation::RotationError;

/// Why the log refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum LogError<E> {
    /// A record breaks a rule.
    #[error("record {record}: {error}")]
    Record {
        /// Which record of the append, from 0.
        record: usize,
        /// The rule.
        error: EnvelopeError,
    },
    /// A record is earlier than what was recorded before it.
    #[error("record {record} is of {at}, and the log is already at {last}; take a new time")]
    TimeRanBackwards {
        /// Which record of the append, from 0.
        record: usize,
        /// Its time.
        at: Time,
        /// The time before it.
        last: Time,
    },
    /// An append without records, with too many, or with work for a record it does not have.
    #[error("an append has between 1 and 50000 records, and work only for these")]
    Shape,
    /// A stream moved on since it was read. Read it again and decide anew.
    #[error("stream {stream} is at version {found}, not at {expected}; read it again")]
    Stale {
        /// The stream.
        stream: String,
        /// The version that the guard named.
        expected: u64,
        /// The version that it has.
        found: u64,
    },
    /// The log has moved on since it was read.
    #[error("the log has {found} entries, not {expected}; read it again")]
    HeadMoved {
        /// The size that the caller named.
        expected: u64,
        /// The size that the log has.
        found: u64,
    },
    /// Others kept appending in between.
    #[error("others appended 16 times in between; try again")]
    Busy,
    /// There is no such entry, or not yet.
    #[error("entry {index} does not exist: the log has {size} entries")]
    NoEntry {
        /// The index or size asked for.
        index: u64,
        /// The size of the log.
        size: u64,
    },
    /// The text is not kept: it was erased or archived already, or was never here.
    #[error("there is no text for commitment {0} to remove")]
    NoText(Commitment),
    /// The log ends before a checkpoint that it has signed. It was restored from an old copy
    /// or cut off; it must not go on under the same name.
    #[error("the log has {size} entries, but a checkpoint over {signed} was already signed")]
    Behind {
        /// The size of the log.
        size: u64,
        /// The size that was signed.
        signed: u64,
    },
    /// What is kept is not what was recorded.
    #[error("the log is damaged at entry {index}: {wrong}")]
    Damaged {
        /// The entry where it shows.
        index: u64,
        /// What is wrong.
        wrong: Wrong,
    },
    /// The key that should sign is that of another log.
    #[error("this log has signed as {log:?} and cannot sign as {signer:?}")]
    OtherOrigin {
        /// The origin of the log's last checkpoint.
        log: String,
        /// The name of the first key given.
        signer: String,
    },
    /// The key that should sign was given up: another has taken its place.
    #[error("the key {signer} does not sign this log any more: {in_force} took its place")]
    NotInForce {
        /// The key given.
        signer: String,
        /// The key in force.
        in_force: String,
    },
    /// The key cannot be rotated like this.
    #[error("the key cannot be rotated: {0}")]
    Rotation(#[from] RotationError),
    /// A checkpoint could not be made or does not belong to this log.
    #[error("{0}")]
    Checkpoint(#[from] CheckpointError),
    /// An export or a proof could not be written.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
    /// The storage failed.
    #[error("the storage of the log failed: {0}")]
    Storage(#[source] E),
}
