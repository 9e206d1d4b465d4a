//! The tables in a SQLite file, and how an older file comes to have them. Steps go forward
//! only; an older binary refuses a newer file.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension as _, params};
use tagout_log::commitment::{Commitment, Payload};
use tagout_log::leaf::Leaf;

use super::{integer, payload};
use crate::store::StoreError;

/// The version of the schema that this release writes.
pub(super) const VERSION: i32 = STEPS.len() as i32;

/// The first version that keeps secrets.
pub(super) const SECRETS: i32 = 2;

/// The first version that keeps texts by their entries. Earlier ones kept them by their salted
/// hashes, so that each text went onto a page of its own.
pub(super) const TEXTS_BY_ENTRY: i32 = 3;

/// How many entries are brought over at once.
const CHUNK: u64 = 1024;

/// What brings version `n` to version `n + 1`. A released step is never changed.
const STEPS: [&str; 3] = [
    "
CREATE TABLE head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    frontier BLOB NOT NULL,
    last_at INTEGER
) STRICT;
CREATE TABLE leaves (
    idx INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL,
    leaf BLOB NOT NULL,
    hash BLOB NOT NULL,
    UNIQUE (stream, seq)
) STRICT;
CREATE TABLE payloads (
    commitment BLOB PRIMARY KEY,
    salt BLOB NOT NULL,
    text TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    idx INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE TABLE checkpoint (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL,
    note TEXT NOT NULL,
    frontier BLOB NOT NULL
) STRICT;
",
    "
CREATE TABLE secrets (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    value BLOB NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
ALTER TABLE outbox ADD COLUMN due INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN last_error TEXT;
ALTER TABLE outbox ADD COLUMN settled_at INTEGER;
ALTER TABLE outbox ADD COLUMN outcome TEXT;
CREATE INDEX outbox_waiting ON outbox (kind, id) WHERE settled_at IS NULL;
CREATE INDEX outbox_settled ON outbox (settled_at) WHERE settled_at IS NOT NULL;
",
    "
CREATE TABLE texts (
    idx INTEGER NOT NULL,
    commitment BLOB NOT NULL,
    salt BLOB NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (idx, commitment)
) STRICT, WITHOUT ROWID;
",
];

/// Brings a file of version `found` to this release's; 0 is a file without tables.
pub(super) fn migrate(connection: &Connection, found: i32) -> Result<(), StoreError> {
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or_default()) {
        connection.execute_batch(step)?;
    }
    if found < TEXTS_BY_ENTRY {
        texts_by_entry(connection)?;
    }
    Ok(connection.pragma_update(None, "user_version", VERSION)?)
}

/// Fills the table of texts that are kept by their entries, and puts it in the place of the
/// earlier one.
fn texts_by_entry(connection: &Connection) -> Result<(), StoreError> {
    let size: i64 =
        connection.query_row("SELECT coalesce(max(idx) + 1, 0) FROM leaves", [], |r| r.get(0))?;
    let size = u64::try_from(size).map_err(|_| StoreError::Damaged("an index"))?;
    let mut insert = connection
        .prepare("INSERT INTO texts (idx, commitment, salt, text) VALUES (?1, ?2, ?3, ?4)")?;
    let mut start = 0;
    while start < size {
        let end = size.min(start + CHUNK);
        for (index, Payload { commitment, salt, text }) in earlier_texts(connection, start..end)? {
            insert.execute(params![integer(index), commitment.as_bytes(), salt, text])?;
        }
        start = end;
    }
    drop(insert);
    // A text that no entry speaks of was never to be read.
    Ok(connection.execute_batch("DROP TABLE payloads; ALTER TABLE texts RENAME TO payloads;")?)
}

/// A text of a file that keeps them by their salted hashes.
pub(super) fn earlier_text(
    connection: &Connection,
    commitment: Commitment,
) -> Result<Option<Payload>, StoreError> {
    let mut query =
        connection.prepare_cached("SELECT salt, text FROM payloads WHERE commitment = ?1")?;
    let found = query
        .query_row([commitment.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    found.map(|(salt, text)| payload(commitment, salt, text)).transpose()
}

/// The texts of entries of such a file.
pub(super) fn earlier_texts(
    connection: &Connection,
    entries: Range<u64>,
) -> Result<Vec<(u64, Payload)>, StoreError> {
    let mut query = connection
        .prepare_cached("SELECT leaf FROM leaves WHERE idx >= ?1 AND idx < ?2 ORDER BY idx")?;
    let mut leaves = query.query([integer(entries.start), integer(entries.end)])?;
    let mut texts = Vec::new();
    while let Some(row) = leaves.next()? {
        let bytes: Vec<u8> = row.get(0)?;
        let leaf = Leaf::parse(&bytes).map_err(|_| StoreError::Damaged("a leaf"))?;
        for commitment in leaf.commitments {
            let text = earlier_text(connection, commitment)?;
            texts.extend(text.map(|text| (leaf.index, text)));
        }
    }
    Ok(texts)
}
