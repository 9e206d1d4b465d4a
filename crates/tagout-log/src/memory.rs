//! A storage that keeps the log in memory: for tests, for demonstrations, and to read.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;

use crate::commitment::Payload;
use crate::storage::{AppendError, Batch, Head, OutboxRow, Storage, StoredCheckpoint, TextPlace};
use crate::tree::Hash;

/// A log in memory. Gone when it is dropped.
#[derive(Debug, Clone, Default)]
pub struct MemoryStorage {
    head: Head,
    leaves: Vec<Vec<u8>>,
    leaf_hashes: Vec<Hash>,
    streams: BTreeMap<String, Vec<u64>>,
    payloads: BTreeMap<TextPlace, Payload>,
    outbox: Vec<OutboxRow>,
    checkpoint: Option<StoredCheckpoint>,
}

impl MemoryStorage {
    /// A storage without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What appends left behind for later, oldest first.
    #[must_use]
    pub fn outbox(&self) -> &[OutboxRow] {
        &self.outbox
    }

    /// Loses a text without a record of it, as a copy with texts left out would.
    pub fn lose_text(&mut self, text: &TextPlace) {
        self.payloads.remove(text);
    }
}

impl Storage for MemoryStorage {
    type Error = Infallible;

    fn head(&self) -> Result<Head, Infallible> {
        Ok(self.head.clone())
    }

    fn stream_version(&self, stream: &str) -> Result<u64, Infallible> {
        Ok(self.streams.get(stream).map_or(0, |indexes| indexes.len() as u64))
    }

    fn append(&mut self, batch: &Batch<'_>) -> Result<(), AppendError<Infallible>> {
        if batch.first_index != self.head.frontier.size() {
            return Err(AppendError::HeadMoved);
        }
        for guard in batch.guards {
            let found = self.stream_version(&guard.stream).map_err(AppendError::Storage)?;
            if found != guard.expected {
                let (stream, expected) = (guard.stream.clone(), guard.expected);
                return Err(AppendError::Stale { stream, expected, found });
            }
        }
        for row in batch.rows {
            self.leaves.push(row.leaf.clone());
            self.leaf_hashes.push(row.leaf_hash);
            self.streams.entry(row.stream.clone()).or_default().push(row.index);
            for payload in &row.payloads {
                let place = TextPlace { index: row.index, commitment: payload.commitment };
                self.payloads.insert(place, payload.clone());
            }
        }
        for text in batch.erase.iter().chain(batch.archive) {
            self.payloads.remove(text);
        }
        self.outbox.extend_from_slice(batch.outbox);
        self.head = Head { frontier: batch.frontier.clone(), last_at: Some(batch.last_at) };
        Ok(())
    }

    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(position(index).and_then(|index| self.leaves.get(index)).cloned())
    }

    fn leaves(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, Infallible> {
        Ok(part(&self.leaves, range))
    }

    fn leaf_hashes(&self, range: Range<u64>) -> Result<Vec<Hash>, Infallible> {
        Ok(part(&self.leaf_hashes, range))
    }

    fn stream(&self, stream: &str, after: u64) -> Result<Vec<u64>, Infallible> {
        let indexes = self.streams.get(stream).map(Vec::as_slice).unwrap_or_default();
        Ok(part(indexes, after..u64::MAX))
    }

    fn streams(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<String>, Infallible> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = prefix.max(after);
        let names = self.streams.range::<str, _>((Excluded(from), Unbounded));
        let own = names.map(|(name, _)| name).take_while(|name| name.starts_with(prefix));
        Ok(own.take(limit).cloned().collect())
    }

    fn payload(&self, text: &TextPlace) -> Result<Option<Payload>, Infallible> {
        Ok(self.payloads.get(text).cloned())
    }

    fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, Infallible> {
        Ok(self.checkpoint.clone())
    }

    fn put_checkpoint(&mut self, checkpoint: &StoredCheckpoint) -> Result<(), Infallible> {
        self.checkpoint = Some(checkpoint.clone());
        Ok(())
    }
}

fn position(index: u64) -> Option<usize> {
    usize::try_from(index).ok()
}

/// The part of a list that lies in the range.
fn part<T: Clone>(list: &[T], range: Range<u64>) -> Vec<T> {
    let start = position(range.start).unwrap_or(usize::MAX);
    let end = position(range.end).unwrap_or(usize::MAX);
    list.iter().take(end).skip(start).cloned().collect()
}
