//! The embedded store: one SQLite file, every append one durable transaction.

mod outbox;
mod place;
mod rows;
mod schema;
mod secrets;

use std::fs::{self, OpenOptions};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension as _, TransactionBehavior, params,
};
use tagout_core::time::Time;
use tagout_log::commitment::{Commitment, Payload};
use tagout_log::storage::{
    AppendError, Batch, Guard, Head, Held, Storage, StoredCheckpoint, TextPlace,
};
use tagout_log::tree::{Frontier, Hash};

use super::StoreError;
use super::membership::{Member, Standby, own_name};
use super::secrets::SecretKind;
use place::Place;

/// Marks the file as ours ("tgot"), so that no other database is taken for a journal.
const APPLICATION_ID: i32 = 0x7467_6f74;

/// How much of the database is kept in memory. SQLite takes a negative size for KiB.
const CACHE_KIB: i32 = -(16 << 10);
/// After how many pages of 4 KiB the write-ahead log goes into the database: 16 MiB.
const CHECKPOINT_PAGES: i32 = 4_000;

/// How long a process waits for another that is writing.
const PATIENCE: Duration = Duration::from_secs(10);

/// A journal in one SQLite file: write-ahead log, `synchronous=FULL`.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    /// Whether a write transaction is open: it is from `hold` to `append` or `release`.
    held: bool,
    /// The version of the schema; that of a file which is only read may be an older one.
    version: i32,
    /// Whether it has a table for secrets: a backup of an earlier release has none.
    keeps_secrets: bool,
    place: Place,
}

impl SqliteStore {
    /// Opens the journal in `path`, or makes a new one that only its owner can read.
    ///
    /// # Errors
    /// If the file cannot be opened, belongs to another program, or is of a later release.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let name = path.display().to_string();
        private(path).map_err(|error| StoreError::File { path: name.clone(), error })?;
        let place = Place::of(path)?;
        Self::prepare(Connection::open(path)?, place)
    }

    /// Opens the journal in `path` for this process alone: until the store is dropped, nobody else
    /// reads or writes it.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process has it open, even if it does nothing with it; else
    /// as [`SqliteStore::open`].
    pub fn open_alone(path: &Path) -> Result<Self, StoreError> {
        let mut store = Self::open(path)?;
        let in_use = |error: rusqlite::Error| match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StoreError::InUse(path.display().to_string())
            }
            _ => error.into(),
        };
        store.connection.busy_timeout(Duration::ZERO)?;
        // Only who has the database alone can give up its write-ahead log, and without one the
        // lock keeps readers out as well.
        store.connection.pragma_update(None, "journal_mode", "delete").map_err(in_use)?;
        store.connection.execute_batch("BEGIN EXCLUSIVE").map_err(in_use)?;
        store.held = true;
        store.place = Place::of(path)?;
        // Somebody who came in between has brought it back.
        let mode: String =
            store.connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        if mode != "delete" {
            return Err(StoreError::InUse(path.display().to_string()));
        }
        Ok(store)
    }

    /// A look whether this store can be read and held, as somebody who comes anew: with a
    /// connection of its own, which waits for `patience` and changes nothing. It fails with what
    /// is in the way, in words that name no path.
    pub fn probe(&self, patience: Duration) -> impl Fn() -> Result<(), String> + use<> {
        let place = self.place.clone();
        move || place.probe(patience)
    }

    fn prepare(mut connection: Connection, place: Place) -> Result<Self, StoreError> {
        let path = place.name();
        connection.busy_timeout(PATIENCE)?;
        // Looked at before anything is changed: another program's file stays as it is.
        if is_foreign(&mut connection)? {
            return Err(StoreError::Foreign(path));
        }
        write_ahead(&connection)?;
        // FULL: what was answered with "recorded" survives a loss of power.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", "on")?;
        // A page that goes from the write-ahead log into the database less often stands for more
        // of what was appended.
        connection.pragma_update(None, "cache_size", CACHE_KIB)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        // What was erased must not linger in free pages.
        connection.pragma_update(None, "secure_delete", "on")?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let id: i32 = transaction.pragma_query_value(None, "application_id", |r| r.get(0))?;
        let version: i32 = transaction.pragma_query_value(None, "user_version", |r| r.get(0))?;
        match (id, version) {
            (0, 0) => {
                schema::migrate(&transaction, 0)?;
                transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            }
            (APPLICATION_ID, schema::VERSION) => {}
            (APPLICATION_ID, found) if found > schema::VERSION => {
                let known = schema::VERSION;
                return Err(StoreError::Newer { place: path, found, known });
            }
            (APPLICATION_ID, found) if found > 0 => schema::migrate(&transaction, found)?,
            _ => return Err(StoreError::Foreign(path)),
        }
        transaction.commit()?;
        let (version, place) = (schema::VERSION, place.with_wal()?);
        Ok(Self { connection, held: false, version, keeps_secrets: true, place })
    }

    /// Opens a log in `path` to read it and nothing else: a backup, which stays as it is.
    ///
    /// # Errors
    /// As [`SqliteStore::open`], and if there is no such file.
    pub fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        let opened = Place::of(path)?;
        let place = opened.name();
        let mut connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(PATIENCE)?;
        if is_foreign(&mut connection)? {
            return Err(StoreError::Foreign(place));
        }
        let found: i32 = connection.pragma_query_value(None, "user_version", |r| r.get(0))?;
        let (known, keeps_secrets) = (schema::VERSION, found >= schema::SECRETS);
        match found {
            1..=schema::VERSION => {
                let place = opened;
                Ok(Self { connection, held: false, version: found, keeps_secrets, place })
            }
            0 => Err(StoreError::Foreign(place)),
            _ => Err(StoreError::Newer { place, found, known }),
        }
    }

    /// From here to [`SqliteStore::unpin`] every read sees the log as it is now.
    ///
    /// # Errors
    /// If the database fails.
    pub fn pin(&self) -> Result<(), StoreError> {
        self.connection.execute_batch("BEGIN")?;
        // The transaction begins with its first read.
        head(&self.connection).map(drop)
    }

    /// Reads see what others append again.
    pub fn unpin(&self) {
        if !self.held {
            self.roll_back();
        }
    }

    /// The one process that this is: a file has no replicas.
    #[must_use]
    pub fn members(&self) -> Vec<Member> {
        vec![Member { epoch: 0, name: own_name(), joined_at: Time::from_millis(0), me: true }]
    }

    /// Every lease is free to take: several processes over one file take turns by its lock.
    #[must_use]
    pub const fn lease(&self) -> bool {
        true
    }

    /// A file has no standby; a configuration that demands one is refused.
    #[must_use]
    pub const fn synchronous_standby(&self) -> Standby {
        Standby::NotRequired
    }

    /// Closes the log so that all of it is in its one file.
    ///
    /// # Errors
    /// If the database fails, or another process uses it.
    pub fn close_as_one_file(self) -> Result<(), StoreError> {
        Ok(one_file(self.connection)?)
    }

    /// Moves all that the write-ahead log holds into the database and empties its file, so that
    /// nothing of what was deleted stays in it. Says whether it could: a process that reads all
    /// the time may be in the way.
    ///
    /// # Errors
    /// If the database fails.
    pub fn empty_write_ahead_log(&self) -> Result<bool, StoreError> {
        let busy = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        Ok(self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], busy)? == 0)
    }

    /// Copies the whole database into a new file at `path`, while it is in use.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        let failed = |error| StoreError::File { path: path.display().to_string(), error };
        private(path).map_err(failed)?;
        let mut copy = Connection::open(path)?;
        {
            let backup = Backup::new(&self.connection, &mut copy)?;
            let end = Instant::now() + PATIENCE;
            // All pages in one step: one moment of the log, whoever appends meanwhile.
            loop {
                match backup.step(-1)? {
                    StepResult::Done => break,
                    _ if Instant::now() < end => thread::sleep(Duration::from_millis(10)),
                    _ => return Err(StoreError::Damaged("a lock that is never given back")),
                }
            }
        }
        // A copy must open no door: nobody is signed in to a log that is brought back.
        copy.pragma_update(None, "secure_delete", "on")?;
        copy.execute("DELETE FROM secrets WHERE kind <> ?1", [SecretKind::Password.name()])?;
        one_file(copy)?;
        OpenOptions::new().read(true).open(path).and_then(|file| file.sync_all()).map_err(failed)
    }
}

impl SqliteStore {
    fn begin(&self) -> Result<(), StoreError> {
        self.place.check()?;
        Ok(self.connection.execute_batch("BEGIN IMMEDIATE")?)
    }

    /// Makes what was written durable. Whoever is told so must find it where it was looked for:
    /// if the file was moved since the transaction began, nobody is told.
    fn commit(&self) -> Result<(), StoreError> {
        self.connection.execute_batch("COMMIT")?;
        self.place.check()
    }

    /// Ends a transaction that came to nothing. SQLite may have done so itself, after a full
    /// disk for one; then there is nothing to end.
    fn roll_back(&self) {
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    fn check_and_write(&self, batch: &Batch<'_>) -> Result<(), AppendError<StoreError>> {
        let found = head(&self.connection).map_err(AppendError::Storage)?;
        if found.frontier.size() != batch.first_index {
            return Err(AppendError::HeadMoved);
        }
        for Guard { stream, expected } in batch.guards {
            let found = version(&self.connection, stream);
            let found = found.map_err(|e| AppendError::Storage(e.into()))?;
            if found != *expected {
                let (stream, expected) = (stream.clone(), *expected);
                return Err(AppendError::Stale { stream, expected, found });
            }
        }
        write(&self.connection, batch).map_err(AppendError::Storage)
    }
}

/// Closes a database so that all of it is in one file, without the two that a write-ahead log
/// has beside it.
fn one_file(connection: Connection) -> Result<(), rusqlite::Error> {
    connection.pragma_update(None, "journal_mode", "delete")?;
    connection.close().map_err(|(_, error)| error)
}

/// Switches to the write-ahead log. SQLite does not wait for its busy time-out here, so two
/// processes that make one journal at the same moment would trip over each other.
fn write_ahead(connection: &Connection) -> Result<(), rusqlite::Error> {
    let end = Instant::now() + PATIENCE;
    loop {
        match connection.pragma_update(None, "journal_mode", "wal") {
            Err(e)
                if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < end =>
            {
                thread::sleep(Duration::from_millis(10));
            }
            done => return done,
        }
    }
}

/// Whether the file is a database of another program, or none at all.
fn is_foreign(connection: &mut Connection) -> Result<bool, rusqlite::Error> {
    let mut read = || -> Result<bool, rusqlite::Error> {
        // One transaction: another process may be making the tables at this moment.
        let transaction = connection.transaction()?;
        let tables: i64 =
            transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
        let id: i32 = transaction.pragma_query_value(None, "application_id", |r| r.get(0))?;
        Ok(id != APPLICATION_ID && (id != 0 || tables > 0))
    };
    match read() {
        Err(e) if e.sqlite_error_code() == Some(ErrorCode::NotADatabase) => Ok(true),
        read => read,
    }
}

/// Makes the file readable by its owner alone before anything is in it.
#[cfg(unix)]
fn private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(drop)
}

fn version(connection: &Connection, stream: &str) -> Result<u64, rusqlite::Error> {
    connection
        .prepare_cached("SELECT max(seq) FROM leaves WHERE stream = ?1")?
        .query_row([stream], |row| row.get::<_, Option<i64>>(0))
        .map(|seq| seq.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
}

fn head(connection: &Connection) -> Result<Head, StoreError> {
    let row = connection
        .prepare_cached("SELECT frontier, last_at FROM head WHERE id = 1")?
        .query_row([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Option<i64>>(1)?)))
        .optional()?;
    let Some((frontier, last_at)) = row else { return Ok(Head::default()) };
    let frontier = Frontier::from_bytes(&frontier).ok_or(StoreError::Damaged("a frontier"))?;
    Ok(Head { frontier, last_at: last_at.map(Time::from_millis) })
}

fn payload(commitment: Commitment, salt: Vec<u8>, text: String) -> Result<Payload, StoreError> {
    Ok(Payload { commitment, salt: hash(salt)?, text })
}

fn hash(bytes: Vec<u8>) -> Result<Hash, StoreError> {
    bytes.try_into().map_err(|_| StoreError::Damaged("a hash"))
}

fn integer(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn write(connection: &Connection, batch: &Batch<'_>) -> Result<(), StoreError> {
    let mut leaf = connection.prepare_cached(
        "INSERT INTO leaves (idx, stream, seq, leaf, hash) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut payload = connection.prepare_cached(
        "INSERT INTO payloads (idx, commitment, salt, text) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for row in batch.rows {
        let (idx, seq) = (integer(row.index), integer(row.seq));
        leaf.execute(params![idx, row.stream, seq, row.leaf, row.leaf_hash])?;
        for text in &row.payloads {
            payload.execute(params![idx, text.commitment.as_bytes(), text.salt, text.text])?;
        }
    }
    let mut remove =
        connection.prepare_cached("DELETE FROM payloads WHERE idx = ?1 AND commitment = ?2")?;
    for TextPlace { index, commitment } in batch.erase.iter().chain(batch.archive) {
        remove.execute(params![integer(*index), commitment.as_bytes()])?;
    }
    let mut outbox =
        connection.prepare_cached("INSERT INTO outbox (idx, kind, body) VALUES (?1, ?2, ?3)")?;
    for row in batch.outbox {
        outbox.execute(params![integer(row.index), row.kind, row.body])?;
    }
    connection
        .prepare_cached("INSERT OR REPLACE INTO head (id, frontier, last_at) VALUES (1, ?1, ?2)")?
        .execute(params![batch.frontier.to_bytes(), batch.last_at.millis()])?;
    Ok(())
}

impl Storage for SqliteStore {
    type Error = StoreError;

    fn head(&self) -> Result<Head, StoreError> {
        self.place.check()?;
        head(&self.connection)
    }

    fn hold(&mut self) -> Result<Held, StoreError> {
        if !self.held {
            self.begin()?;
        }
        self.held = true;
        // One machine, one clock: its processes need no other.
        head(&self.connection).map(|head| Held { head, now: None }).inspect_err(|_| {
            self.held = false;
            self.roll_back();
        })
    }

    fn release(&mut self) -> Result<(), StoreError> {
        self.held = false;
        self.roll_back();
        Ok(())
    }

    fn stream_version(&self, stream: &str) -> Result<u64, StoreError> {
        Ok(version(&self.connection, stream)?)
    }

    fn append(&mut self, batch: &Batch<'_>) -> Result<(), AppendError<StoreError>> {
        if !self.held {
            self.begin().map_err(AppendError::Storage)?;
        }
        let written =
            self.check_and_write(batch).and_then(|()| self.commit().map_err(AppendError::Storage));
        self.held = false;
        if written.is_err() {
            self.roll_back();
        }
        written
    }

    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let mut query = self.connection.prepare_cached("SELECT leaf FROM leaves WHERE idx = ?1")?;
        Ok(query.query_row([integer(index)], |row| row.get(0)).optional()?)
    }

    fn leaves(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut query = self
            .connection
            .prepare_cached("SELECT leaf FROM leaves WHERE idx >= ?1 AND idx < ?2 ORDER BY idx")?;
        let rows = query.query_map([integer(range.start), integer(range.end)], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn leaf_hashes(&self, range: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        let mut query = self
            .connection
            .prepare_cached("SELECT hash FROM leaves WHERE idx >= ?1 AND idx < ?2 ORDER BY idx")?;
        let rows = query.query_map([integer(range.start), integer(range.end)], |row| row.get(0))?;
        rows.map(|bytes| hash(bytes?)).collect()
    }

    fn stream(&self, stream: &str, after: u64) -> Result<Vec<u64>, StoreError> {
        let mut query = self
            .connection
            .prepare_cached("SELECT idx FROM leaves WHERE stream = ?1 AND seq > ?2 ORDER BY seq")?;
        let rows = query.query_map(params![stream, integer(after)], |row| row.get::<_, i64>(0))?;
        rows.map(|idx| u64::try_from(idx?).map_err(|_| StoreError::Damaged("an index"))).collect()
    }

    fn streams(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        // The last character there is, as the end of all that begin with the prefix.
        let (from, to) = (prefix.max(after), format!("{prefix}\u{10ffff}"));
        let mut query = self.connection.prepare_cached(
            "SELECT stream FROM leaves WHERE stream > ?1 AND stream < ?2 AND seq = 1 \
             ORDER BY stream LIMIT ?3",
        )?;
        let rows = query.query_map(params![from, to, integer(limit as u64)], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn payload(&self, place: &TextPlace) -> Result<Option<Payload>, StoreError> {
        if self.version < schema::TEXTS_BY_ENTRY {
            return schema::earlier_text(&self.connection, place.commitment);
        }
        let mut query = self
            .connection
            .prepare_cached("SELECT salt, text FROM payloads WHERE idx = ?1 AND commitment = ?2")?;
        let key = params![integer(place.index), place.commitment.as_bytes()];
        let row = query.query_row(key, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        row.map(|(salt, text)| payload(place.commitment, salt, text)).transpose()
    }

    fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        let mut query = self
            .connection
            .prepare_cached("SELECT at, note, frontier FROM checkpoint WHERE id = 1")?;
        let row = query
            .query_row([], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, Vec<u8>>(2)?))
            })
            .optional()?;
        row.map(|(at, note, frontier)| {
            let frontier =
                Frontier::from_bytes(&frontier).ok_or(StoreError::Damaged("a frontier"))?;
            Ok(StoredCheckpoint { at: Time::from_millis(at), note, frontier })
        })
        .transpose()
    }

    fn put_checkpoint(&mut self, checkpoint: &StoredCheckpoint) -> Result<(), StoreError> {
        self.release()?;
        self.begin()?;
        let put = self.put_larger(checkpoint);
        self.roll_back();
        put
    }
}

impl SqliteStore {
    /// Writes a checkpoint in an open transaction and commits it, unless a larger one is kept.
    fn put_larger(&self, checkpoint: &StoredCheckpoint) -> Result<(), StoreError> {
        let stored = self.checkpoint()?.map_or(0, |stored| stored.frontier.size());
        let offered = checkpoint.frontier.size();
        if offered < stored {
            return Err(StoreError::SmallerCheckpoint { stored, offered });
        }
        write_checkpoint(&self.connection, checkpoint)?;
        self.commit()
    }
}

fn write_checkpoint(
    connection: &Connection,
    checkpoint: &StoredCheckpoint,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO checkpoint (id, at, note, frontier) VALUES (1, ?1, ?2, ?3)",
        )?
        .execute(params![
            checkpoint.at.millis(),
            checkpoint.note,
            checkpoint.frontier.to_bytes()
        ])?;
    Ok(())
}
