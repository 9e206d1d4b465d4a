//! The log itself: appending, reading, proving and erasing, over any storage.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;
use tagout_core::time::Time;

use crate::check::Wrong;
use crate::checkpoint::SignedCheckpoint;
use crate::commitment::Payload;
use crate::envelope::{self, Draft, EnvelopeError, Opened};
use crate::leaf::Leaf;
use crate::storage::{
    Advance, AppendError, Batch, Guard, Head, OutboxRow, Row, Storage, TextPlace,
};
use crate::tree::{Frontier, Hash, leaf_hash};

pub use crate::log_error::LogError;

/// How many records one append may have.
pub const MAX_RECORDS: usize = 50_000;
/// How often an append is built anew because someone else appended first.
const MAX_RETRIES: usize = 16;
/// How many entries are asked of a storage at once.
const CHUNK: u64 = 1024;

/// What is to be recorded. The log adds the index and the position in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When it happened; not earlier than the last entry of the log.
    pub at: Time,
    /// What it belongs to.
    pub stream: String,
    /// What sort of entry it is. Kinds beginning with `log.` are for the log itself.
    pub kind: String,
    /// The version of the kind's data.
    pub version: u16,
    /// The data: any JSON without floats. An object `{"$text": "…"}` is free text, which is
    /// kept beside the tree and can be erased.
    pub data: Value,
}

/// Work that an append leaves behind for later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Which record of the append gave rise to it, from 0.
    pub record: usize,
    /// What sort of work it is; the log does not look at it.
    pub kind: String,
    /// The work itself; the log does not look at it.
    pub body: String,
}

/// Where a record went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The position in the log, from 0.
    pub index: u64,
    /// The position in its stream, from 1.
    pub seq: u64,
    /// The hash of its leaf.
    pub leaf_hash: Hash,
}

/// Texts that an append removes.
#[derive(Debug, Clone, Copy, Default)]
struct Removed<'a> {
    erase: &'a [TextPlace],
    archive: &'a [TextPlace],
}

/// How far the log was read from its last checkpoint on.
#[derive(Debug, Clone)]
pub(crate) struct Ahead {
    /// Where that checkpoint ends.
    pub(crate) from: Frontier,
    /// Where reading ended.
    pub(crate) to: Frontier,
}

/// An append-only log over a storage.
pub struct AuditLog<S> {
    pub(crate) storage: S,
    pub(crate) head: Head,
    /// What was read for the next checkpoint already.
    pub(crate) ahead: Option<Ahead>,
    salts: Box<dyn FnMut() -> [u8; 32] + Send>,
}

impl<S> std::fmt::Debug for AuditLog<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AuditLog({} entries)", self.head.frontier.size())
    }
}

pub(crate) type Log<T, S> = Result<T, LogError<<S as Storage>::Error>>;

impl<S: Storage> AuditLog<S> {
    /// Opens the log that a storage keeps, or a new one. `salts` gives 32 unpredictable bytes
    /// at each call, such as from the operating system.
    ///
    /// This compares where the log ends with what is there, and reads nothing else; see
    /// [`AuditLog::verify_all`].
    ///
    /// # Errors
    /// If the head does not fit the entries, the log ends before a checkpoint it has signed,
    /// or the storage fails.
    pub fn open(storage: S, salts: impl FnMut() -> [u8; 32] + Send + 'static) -> Log<Self, S> {
        let head = storage.head().map_err(LogError::Storage)?;
        let size = head.frontier.size();
        let log = Self { storage, head, ahead: None, salts: Box::new(salts) };
        let damaged = |wrong| LogError::Damaged { index: size.saturating_sub(1), wrong };
        if log.storage.leaf(size).map_err(LogError::Storage)?.is_some() {
            return Err(damaged(Wrong::Head));
        }
        let last_at = match size.checked_sub(1) {
            None => None,
            Some(last) => {
                let leaf = log.storage.leaf(last).map_err(LogError::Storage)?;
                let leaf = leaf.ok_or(damaged(Wrong::Head))?;
                let leaf = Leaf::parse(&leaf).map_err(|e| damaged(e.into()))?;
                if leaf.index != last {
                    return Err(damaged(Wrong::Index { expected: last, found: leaf.index }));
                }
                Some(leaf.time())
            }
        };
        if last_at != log.head.last_at {
            return Err(damaged(Wrong::Head));
        }
        if let Some(signed) = log.storage.checkpoint().map_err(LogError::Storage)? {
            signed.check(&SignedCheckpoint::parse(&signed.note)?).map_err(damaged)?;
            let signed = signed.frontier.size();
            if signed > size {
                return Err(LogError::Behind { size, signed });
            }
        }
        Ok(log)
    }

    /// The number of entries that this log knows of.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.head.frontier.size()
    }

    /// The root of the tree over these entries.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.head.frontier.root()
    }

    /// The time of the last of these entries.
    #[must_use]
    pub const fn last_at(&self) -> Option<Time> {
        self.head.last_at
    }

    /// The storage.
    pub const fn storage(&self) -> &S {
        &self.storage
    }

    /// The storage, for what it keeps besides the log.
    pub const fn storage_mut(&mut self) -> &mut S {
        &mut self.storage
    }

    /// Takes the storage out.
    pub fn into_storage(self) -> S {
        self.storage
    }

    /// Looks where the log ends now; others may have appended to the same storage.
    ///
    /// # Errors
    /// If the storage fails.
    pub fn refresh(&mut self) -> Log<(), S> {
        self.head = self.storage.head().map_err(LogError::Storage)?;
        Ok(())
    }

    /// Takes the one place of order until the next append or [`AuditLog::release`], and looks
    /// where the log ends. Returns what the storage's clock shows, if it has one.
    ///
    /// # Errors
    /// If the storage fails, or may no longer append.
    pub fn hold(&mut self) -> Log<Option<Time>, S> {
        let held = self.storage.hold().map_err(LogError::Storage)?;
        self.head = held.head;
        Ok(held.now)
    }

    /// Gives the place of order back without having appended.
    ///
    /// # Errors
    /// If the storage fails; the place is given back all the same.
    pub fn release(&mut self) -> Log<(), S> {
        self.storage.release().map_err(LogError::Storage)
    }

    /// Appends records, all of them or none, together with work for later. When it returns
    /// `Ok`, they are durable.
    ///
    /// # Errors
    /// If a guard does not hold, a record breaks a rule or is earlier than the entry before
    /// it, or the storage fails. In each case nothing was appended.
    pub fn append(
        &mut self,
        records: &[Record],
        guards: &[Guard],
        outgoing: &[Outgoing],
    ) -> Log<Vec<Appended>, S> {
        self.append_removing(records, guards, outgoing, Removed::default(), None)
    }

    /// As [`AuditLog::append`], and only if the log has exactly `size` entries: nothing was
    /// recorded since whoever asks has read it. For decisions that rest on the whole log.
    ///
    /// # Errors
    /// [`LogError::HeadMoved`] if something was; else as [`AuditLog::append`].
    pub fn append_after(
        &mut self,
        size: u64,
        records: &[Record],
        outgoing: &[Outgoing],
    ) -> Log<Vec<Appended>, S> {
        self.append_removing(records, &[], outgoing, Removed::default(), Some(size))
    }

    /// Erases texts and records that they were erased, in one go: `record` says who did it and
    /// why, and its leaf names the commitments. The tree stays as it is.
    ///
    /// # Errors
    /// If one of the texts is not there, or for any reason that [`AuditLog::append`] has. In
    /// each case nothing was erased.
    pub fn erase(
        &mut self,
        texts: &[TextPlace],
        record: Record,
        guards: &[Guard],
    ) -> Log<Appended, S> {
        let removed = Removed { erase: texts, archive: &[] };
        self.remove(record, guards, removed)
    }

    /// Removes texts that an archive holds and records it in one go: `record`, of the kind
    /// [`ARCHIVED`](crate::archive::ARCHIVED), says which archive that is. The tree stays as it
    /// is. The archive must be durable and verified before.
    ///
    /// # Errors
    /// If one of the texts is not there, or for any reason that [`AuditLog::append`] has. In
    /// each case nothing was removed.
    pub fn archive(
        &mut self,
        texts: &[TextPlace],
        record: Record,
        guards: &[Guard],
    ) -> Log<Appended, S> {
        self.remove(record, guards, Removed { erase: &[], archive: texts })
    }

    fn remove(
        &mut self,
        record: Record,
        guards: &[Guard],
        removed: Removed<'_>,
    ) -> Log<Appended, S> {
        for text in removed.erase.iter().chain(removed.archive) {
            let kept = self.storage.payload(text).map_err(LogError::Storage)?;
            kept.ok_or(LogError::NoText(text.commitment))?;
        }
        let appended = self.append_removing(&[record], guards, &[], removed, None)?;
        appended.first().copied().ok_or(LogError::Shape)
    }

    fn append_removing(
        &mut self,
        records: &[Record],
        guards: &[Guard],
        outgoing: &[Outgoing],
        removed: Removed<'_>,
        after: Option<u64>,
    ) -> Log<Vec<Appended>, S> {
        let shape = (1..=MAX_RECORDS).contains(&records.len())
            && outgoing.iter().all(|work| work.record < records.len());
        if !shape {
            return Err(LogError::Shape);
        }
        for _ in 0..MAX_RETRIES {
            let first_index = self.size();
            if let Some(expected) = after.filter(|expected| *expected != first_index) {
                return Err(LogError::HeadMoved { expected, found: first_index });
            }
            let (rows, advances, head) = self.rows(records, removed.erase)?;
            let outbox: Vec<_> = outgoing.iter().map(|work| out(first_index, work)).collect();
            let batch = Batch {
                guards,
                advances: &advances,
                first_index,
                rows: &rows,
                frontier: &head.frontier,
                last_at: head.last_at.unwrap_or(Time::from_millis(0)),
                outbox: &outbox,
                erase: removed.erase,
                archive: removed.archive,
            };
            match self.storage.append(&batch) {
                Ok(()) => {
                    self.head = head;
                    let appended = rows.iter().map(|row| Appended {
                        index: row.index,
                        seq: row.seq,
                        leaf_hash: row.leaf_hash,
                    });
                    return Ok(appended.collect());
                }
                Err(AppendError::HeadMoved) => self.refresh()?,
                Err(AppendError::Stale { stream, expected, found }) => {
                    self.refresh()?;
                    return Err(LogError::Stale { stream, expected, found });
                }
                Err(AppendError::Storage(e)) => return Err(LogError::Storage(e)),
            }
        }
        Err(LogError::Busy)
    }

    /// The rows for these records after the present head, and the head after them.
    fn rows(
        &mut self,
        records: &[Record],
        erase: &[TextPlace],
    ) -> Log<(Vec<Row>, Vec<Advance>, Head), S> {
        let mut versions: BTreeMap<&str, u64> = BTreeMap::new();
        let mut head = self.head.clone();
        let mut rows = Vec::with_capacity(records.len());
        let erases: Vec<_> = erase.iter().map(|text| text.commitment).collect();
        for (n, record) in records.iter().enumerate() {
            if let Some(last) = head.last_at.filter(|last| record.at < *last) {
                return Err(LogError::TimeRanBackwards { record: n, at: record.at, last });
            }
            let version = match versions.get(record.stream.as_str()) {
                Some(version) => *version,
                None => self.storage.stream_version(&record.stream).map_err(LogError::Storage)?,
            };
            let (index, seq) = (head.frontier.size(), version + 1);
            let Record { at, ref stream, ref kind, version, ref data } = *record;
            let draft = Draft { at, stream, seq, kind, version, data, erases: &erases };
            let sealed = envelope::seal_draft(draft, index, &mut self.salts);
            let sealed = sealed.map_err(|error| LogError::Record { record: n, error })?;
            let leaf_hash = leaf_hash(&sealed.leaf);
            versions.insert(stream, seq);
            head.frontier.append(leaf_hash);
            head.last_at = Some(at);
            rows.push(Row {
                index,
                stream: stream.clone(),
                seq,
                leaf: sealed.leaf,
                leaf_hash,
                payloads: sealed.payloads,
            });
        }
        let advances = versions.into_iter();
        let advances =
            advances.map(|(stream, version)| Advance { stream: stream.to_owned(), version });
        Ok((rows, advances.collect(), head))
    }

    /// The version of a stream: the `seq` of its last entry, 0 if it has none.
    ///
    /// # Errors
    /// If the storage fails.
    pub fn stream_version(&self, stream: &str) -> Log<u64, S> {
        self.storage.stream_version(stream).map_err(LogError::Storage)
    }

    /// The entries of a stream whose `seq` is greater than `after`, in order.
    ///
    /// # Errors
    /// If an entry is damaged or the storage fails.
    pub fn stream(&self, stream: &str, after: u64) -> Log<Vec<Opened>, S> {
        let indexes = self.storage.stream(stream, after).map_err(LogError::Storage)?;
        indexes.into_iter().map(|index| self.entry(index)).collect()
    }

    /// One entry.
    ///
    /// # Errors
    /// If there is no such entry, it is damaged, or the storage fails.
    pub fn entry(&self, index: u64) -> Log<Opened, S> {
        self.open_leaf(index, &self.leaf(index)?)
    }

    /// The entries of a range in order; fewer if the log ends within it.
    ///
    /// # Errors
    /// If an entry is damaged or the storage fails.
    pub fn entries(&self, range: Range<u64>) -> Log<Vec<Opened>, S> {
        let mut entries = Vec::new();
        for chunk in chunks(range.start..range.end.min(self.size())) {
            let leaves = self.storage.leaves(chunk.clone()).map_err(LogError::Storage)?;
            for (index, leaf) in chunk.zip(leaves) {
                entries.push(self.open_leaf(index, &leaf)?);
            }
        }
        Ok(entries)
    }

    /// Where the texts of an entry are: what [`AuditLog::erase`] takes. Some may be gone.
    ///
    /// # Errors
    /// If there is no such entry, it is damaged, or the storage fails.
    pub fn texts(&self, index: u64) -> Log<Vec<TextPlace>, S> {
        let leaf = self.leaf(index)?;
        let leaf = Leaf::parse(&leaf);
        let leaf = leaf.map_err(|e| LogError::Damaged { index, wrong: e.into() })?;
        let places = leaf.commitments.into_iter();
        Ok(places.map(|commitment| TextPlace { index, commitment }).collect())
    }

    pub(crate) fn leaf(&self, index: u64) -> Log<Vec<u8>, S> {
        let leaf = self.storage.leaf(index).map_err(LogError::Storage)?;
        leaf.ok_or(LogError::NoEntry { index, size: self.size() })
    }

    fn open_leaf(&self, index: u64, bytes: &[u8]) -> Log<Opened, S> {
        let damaged = |wrong| LogError::Damaged { index, wrong };
        let leaf = Leaf::parse(bytes).map_err(|e| damaged(e.into()))?;
        if leaf.index != index {
            return Err(damaged(Wrong::Index { expected: index, found: leaf.index }));
        }
        let payloads = self.payloads(&leaf)?;
        envelope::open(bytes, &payloads).map_err(|e| match e {
            EnvelopeError::Mismatch(commitment) => damaged(Wrong::Text(commitment)),
            EnvelopeError::Leaf(e) => damaged(e.into()),
            error => LogError::Record { record: 0, error },
        })
    }

    /// The texts of a leaf that are kept.
    pub(crate) fn payloads(&self, leaf: &Leaf<'_>) -> Log<Vec<Payload>, S> {
        let mut payloads = Vec::new();
        for commitment in &leaf.commitments {
            let place = TextPlace { index: leaf.index, commitment: *commitment };
            payloads.extend(self.storage.payload(&place).map_err(LogError::Storage)?);
        }
        Ok(payloads)
    }
}

fn out(first_index: u64, work: &Outgoing) -> OutboxRow {
    let index = first_index + work.record as u64;
    OutboxRow { index, kind: work.kind.clone(), body: work.body.clone() }
}

/// A range in pieces that a storage can be asked for.
pub(crate) fn chunks(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let end = range.end;
    let mut start = range.start;
    std::iter::from_fn(move || {
        let chunk = start..end.min(start.saturating_add(CHUNK));
        start = chunk.end;
        (chunk.start < chunk.end).then_some(chunk)
    })
}
