//! The tables in a SQLite file, and how an older file comes to have them. Steps go forward
//! only; an older binary refuses a newer file.

use rusqlite::Connection;

/// The version of the schema that this release writes.
pub(super) const VERSION: i32 = STEPS.len() as i32;

/// The first version that keeps secrets.
pub(super) const SECRETS: i32 = 2;

/// What brings version `n` to version `n + 1`. A released step is never changed.
const STEPS: [&str; 2] = [
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
];

/// Brings a file of version `found` to this release's; 0 is a file without tables.
pub(super) fn migrate(connection: &Connection, found: i32) -> Result<(), rusqlite::Error> {
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or_default()) {
        connection.execute_batch(step)?;
    }
    connection.pragma_update(None, "user_version", VERSION)
}
