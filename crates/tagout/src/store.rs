//! Where the journal is kept: in one SQLite file, or in a PostgreSQL database that several
//! replicas share. The rest of the program does not care which.

pub mod config;
pub mod copy;
mod error;
pub mod membership;
pub mod outbox;
pub mod postgres;
pub mod reserve;
pub mod secrets;
pub mod sqlite;

use std::ops::Range;

use tagout_core::time::Time;
use tagout_log::commitment::Payload;
use tagout_log::storage::{AppendError, Batch, Head, Held, Storage, StoredCheckpoint, TextPlace};
use tagout_log::tree::Hash;

pub use config::{StoreConfig, StoreKind};
pub use error::StoreError;
pub use membership::{Appender, Member, Standby};
pub use outbox::{Change, Outbox, Outcome, Work};
pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;

use copy::Rows;

use crate::lease::Lease;

/// The store that the configuration names.
#[derive(Debug)]
pub enum Store {
    /// One file.
    Sqlite(Box<SqliteStore>),
    /// A database that replicas share.
    Postgres(Box<PostgresStore>),
}

impl From<SqliteStore> for Store {
    fn from(store: SqliteStore) -> Self {
        Self::Sqlite(Box::new(store))
    }
}

impl From<PostgresStore> for Store {
    fn from(store: PostgresStore) -> Self {
        Self::Postgres(Box::new(store))
    }
}

/// Does the same with whichever store it is.
macro_rules! either {
    ($store:expr, $inner:ident => $done:expr) => {
        match $store {
            Store::Sqlite($inner) => $done,
            Store::Postgres($inner) => $done,
        }
    };
}

impl Store {
    /// Which it is.
    #[must_use]
    pub const fn kind(&self) -> StoreKind {
        match self {
            Self::Sqlite(_) => StoreKind::Sqlite,
            Self::Postgres(_) => StoreKind::Postgres,
        }
    }

    /// The replicas that are live, the oldest first; over SQLite this process alone.
    ///
    /// # Errors
    /// If the store fails.
    pub fn members(&self) -> Result<Vec<Member>, StoreError> {
        match self {
            Self::Sqlite(store) => Ok(store.members()),
            Self::Postgres(store) => store.members(),
        }
    }

    /// Tells the store which key the log has from now on. A file does not keep it.
    ///
    /// # Errors
    /// If the store fails.
    pub fn put_log_key(&self, key: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(store) => store.put_log_key(key),
        }
    }

    /// The epoch under which this process is a member. A new one means that it was taken for
    /// dead in between. Over SQLite it is always 0.
    #[must_use]
    pub fn epoch(&self) -> Option<u64> {
        match self {
            Self::Sqlite(_) => Some(0),
            Self::Postgres(store) => store.epoch(),
        }
    }

    /// Until when this process knows that it is the member under which it appended last. What it
    /// starts ends with that. Over SQLite nobody can come to take its place.
    #[must_use]
    pub fn membership(&self) -> Lease {
        match self {
            Self::Sqlite(_) => Lease::for_ever(),
            Self::Postgres(store) => store.membership(),
        }
    }

    /// Takes or renews a lease for the next three seconds, such as [`membership::SIGNER`].
    /// Says whether this process has it now; ask again each [`membership::RENEWAL`], and not
    /// while the log is held. Over SQLite the answer is always yes.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if this process was taken for dead; otherwise if the store fails.
    pub fn lease(&self, name: &str) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(store) => Ok(store.lease()),
            Self::Postgres(store) => store.lease(name),
        }
    }

    /// Whether a live replica other than this process has a lease; over SQLite there is none.
    ///
    /// # Errors
    /// If the store fails.
    pub fn is_held_by_another(&self, name: &str) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(false),
            Self::Postgres(store) => store.is_held_by_another(name),
        }
    }

    /// Whether a standby confirms every commit, if the configuration demands it.
    ///
    /// # Errors
    /// If the store fails.
    pub fn synchronous_standby(&self) -> Result<Standby, StoreError> {
        match self {
            Self::Sqlite(store) => Ok(store.synchronous_standby()),
            Self::Postgres(store) => store.synchronous_standby(),
        }
    }

    /// From here to [`Store::unpin`] every read sees the log as it is now, whoever appends. The
    /// reads must follow one another within seconds.
    ///
    /// # Errors
    /// If the store fails.
    pub fn pin(&self) -> Result<(), StoreError> {
        either!(self, store => store.pin())
    }

    /// Reads see what others append again.
    pub fn unpin(&self) {
        either!(self, store => store.unpin());
    }

    /// Keeps what is held for as long as a whole log takes to copy.
    ///
    /// # Errors
    /// If the store fails.
    pub fn hold_for_long(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(store) => store.hold_for_long(),
        }
    }

    /// The rows, to be copied as they are.
    #[must_use]
    pub fn rows(&self) -> &dyn Rows {
        either!(self, store => &**store)
    }

    /// The rows, to copy others into.
    pub fn rows_mut(&mut self) -> &mut dyn Rows {
        either!(self, store => &mut **store)
    }
}

impl Outbox for Store {
    fn waiting(&self, kind: &str, after: i64, limit: usize) -> Result<Vec<Work>, StoreError> {
        either!(self, store => store.waiting(kind, after, limit))
    }

    fn kinds(&self) -> Result<Vec<String>, StoreError> {
        either!(self, store => store.kinds())
    }

    fn latest(&self, before: i64, all: bool, limit: usize) -> Result<Vec<Work>, StoreError> {
        either!(self, store => store.latest(before, all, limit))
    }

    fn note(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        either!(self, store => store.note(changes))
    }

    fn prune(&mut self, before: Time, limit: usize) -> Result<u64, StoreError> {
        either!(self, store => store.prune(before, limit))
    }
}

impl Storage for Store {
    type Error = StoreError;

    fn head(&self) -> Result<Head, StoreError> {
        either!(self, store => store.head())
    }

    fn hold(&mut self) -> Result<Held, StoreError> {
        either!(self, store => store.hold())
    }

    fn release(&mut self) -> Result<(), StoreError> {
        either!(self, store => store.release())
    }

    fn stream_version(&self, stream: &str) -> Result<u64, StoreError> {
        either!(self, store => store.stream_version(stream))
    }

    fn append(&mut self, batch: &Batch<'_>) -> Result<(), AppendError<StoreError>> {
        either!(self, store => store.append(batch))
    }

    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        either!(self, store => store.leaf(index))
    }

    fn leaves(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError> {
        either!(self, store => store.leaves(range))
    }

    fn leaf_hashes(&self, range: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        either!(self, store => store.leaf_hashes(range))
    }

    fn stream(&self, stream: &str, after: u64) -> Result<Vec<u64>, StoreError> {
        either!(self, store => store.stream(stream, after))
    }

    fn streams(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        either!(self, store => store.streams(prefix, after, limit))
    }

    fn payload(&self, text: &TextPlace) -> Result<Option<Payload>, StoreError> {
        either!(self, store => store.payload(text))
    }

    fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        either!(self, store => store.checkpoint())
    }

    fn put_checkpoint(&mut self, checkpoint: &StoredCheckpoint) -> Result<(), StoreError> {
        either!(self, store => store.put_checkpoint(checkpoint))
    }
}
