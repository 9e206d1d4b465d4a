//! A whole log from one store into another: every byte of it, the outbox, the checkpoint, and
//! what passwords are compared with. Sessions stay behind.

use std::ops::Range;

use tagout_log::commitment::Payload;
use tagout_log::storage::{Head, StoredCheckpoint};
use tagout_log::tree::{Frontier, Hash, leaf_hash};

use super::StoreError;
pub use super::outbox::Work;
use super::secrets::{SecretKind, Secrets};

/// How many rows are copied at once.
const CHUNK: u64 = 1024;

/// A leaf as a store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafRow {
    /// The position in the log, from 0.
    pub index: u64,
    /// The stream of the entry.
    pub stream: String,
    /// The position in its stream, from 1.
    pub seq: u64,
    /// The bytes of the leaf.
    pub leaf: Vec<u8>,
    /// Its hash.
    pub hash: Hash,
}

/// The rows of a store, to be copied as they are. [`fill`] is what uses it.
pub trait Rows: Secrets {
    /// The head and the last checkpoint.
    ///
    /// # Errors
    /// If the store fails.
    fn ends(&self) -> Result<(Head, Option<StoredCheckpoint>), StoreError>;

    /// The leaves of a range in order.
    ///
    /// # Errors
    /// If the store fails.
    fn leaf_rows(&self, range: Range<u64>) -> Result<Vec<LeafRow>, StoreError>;

    /// The texts that are kept of the entries of a range, in their order, each with its entry.
    ///
    /// # Errors
    /// If the store fails.
    fn texts(&self, entries: Range<u64>) -> Result<Vec<(u64, Payload)>, StoreError>;

    /// At most `limit` pieces of work in the order of their numbers, beginning after one.
    ///
    /// # Errors
    /// If the store fails.
    fn work(&self, after: i64, limit: u64) -> Result<Vec<Work>, StoreError>;

    /// Opens the one transaction of a copy into this store, which must be empty.
    ///
    /// # Errors
    /// [`StoreError::NotEmpty`], or if the store fails.
    fn begin_fill(&mut self) -> Result<(), StoreError>;

    /// Writes leaves.
    ///
    /// # Errors
    /// If the store fails.
    fn put_leaves(&mut self, rows: &[LeafRow]) -> Result<(), StoreError>;

    /// Writes texts.
    ///
    /// # Errors
    /// If the store fails.
    fn put_texts(&mut self, rows: &[(u64, Payload)]) -> Result<(), StoreError>;

    /// Writes work.
    ///
    /// # Errors
    /// If the store fails.
    fn put_work(&mut self, rows: &[Work]) -> Result<(), StoreError>;

    /// Writes where the log ends, and commits everything.
    ///
    /// # Errors
    /// If the store fails.
    fn end_fill(
        &mut self,
        head: &Head,
        checkpoint: Option<&StoredCheckpoint>,
    ) -> Result<(), StoreError>;

    /// Leaves the store as empty as it was.
    fn abandon_fill(&mut self);
}

/// How much was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copied {
    /// Entries of the log.
    pub entries: u64,
    /// Texts.
    pub texts: u64,
    /// Pieces of work in the outbox.
    pub work: u64,
    /// What passwords are compared with.
    pub passwords: u64,
    /// Entries under the last checkpoint; 0 if nothing was signed.
    pub signed: u64,
}

/// Copies the log of `from` into `to`, which must be empty: all of it or nothing. The caller
/// sees to it that `from` stands still meanwhile.
///
/// # Errors
/// If `to` is not empty, a store fails, or what was read does not add up to the head of `from`.
pub fn fill<T: Rows + ?Sized>(from: &dyn Rows, to: &mut T) -> Result<Copied, StoreError> {
    to.begin_fill()?;
    copy(from, to).inspect_err(|_| to.abandon_fill())
}

fn copy<T: Rows + ?Sized>(from: &dyn Rows, to: &mut T) -> Result<Copied, StoreError> {
    let (head, checkpoint) = from.ends()?;
    let signed = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.frontier.size());
    let mut copied = Copied { signed, ..Copied::default() };
    let mut frontier = Frontier::new();
    while frontier.size() < head.frontier.size() {
        let start = frontier.size();
        let rows = from.leaf_rows(start..head.frontier.size().min(start + CHUNK))?;
        for row in &rows {
            if row.index != frontier.size() || leaf_hash(&row.leaf) != row.hash {
                return Err(StoreError::CopyDiffers("a leaf"));
            }
            frontier.append(row.hash);
        }
        if rows.is_empty() {
            return Err(StoreError::CopyDiffers("the number of leaves"));
        }
        to.put_leaves(&rows)?;
    }
    if frontier != head.frontier {
        return Err(StoreError::CopyDiffers("the root"));
    }
    copied.entries = frontier.size();
    for start in (0..copied.entries).step_by(CHUNK as usize) {
        let rows = from.texts(start..copied.entries.min(start + CHUNK))?;
        copied.texts += rows.len() as u64;
        to.put_texts(&rows)?;
    }
    let mut last = i64::MIN;
    loop {
        let rows = from.work(last, CHUNK)?;
        let Some(row) = rows.last() else { break };
        last = row.id;
        copied.work += rows.len() as u64;
        to.put_work(&rows)?;
    }
    let mut last = String::new();
    loop {
        // Nothing else comes along: sessions end, and keys are made anew.
        let rows = from.secrets(SecretKind::Password, &last, CHUNK)?;
        let Some(row) = rows.last() else { break };
        last.clone_from(&row.id);
        copied.passwords += rows.len() as u64;
        for row in &rows {
            to.put_secret(SecretKind::Password, row)?;
        }
    }
    to.end_fill(&head, checkpoint.as_ref())?;
    Ok(copied)
}

/// What a store holds, without copying it.
///
/// # Errors
/// If the store fails.
pub fn count(store: &dyn Rows) -> Result<Copied, StoreError> {
    let (head, checkpoint) = store.ends()?;
    let signed = checkpoint.map_or(0, |checkpoint| checkpoint.frontier.size());
    let mut counted = Copied { entries: head.frontier.size(), signed, ..Copied::default() };
    for start in (0..counted.entries).step_by(CHUNK as usize) {
        counted.texts += store.texts(start..counted.entries.min(start + CHUNK))?.len() as u64;
    }
    let mut last = String::new();
    let next = |last: &str| store.secrets(SecretKind::Password, last, CHUNK);
    while let Some(row) = tally(next(&last)?, &mut counted.passwords) {
        last = row.id;
    }
    let mut last = i64::MIN;
    while let Some(row) = tally(store.work(last, CHUNK)?, &mut counted.work) {
        last = row.id;
    }
    Ok(counted)
}

/// Adds the number of rows and returns the last.
fn tally<T>(mut rows: Vec<T>, sum: &mut u64) -> Option<T> {
    *sum += rows.len() as u64;
    rows.pop()
}
