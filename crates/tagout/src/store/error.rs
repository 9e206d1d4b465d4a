//! What can go wrong with a store, and what to do about it.

use std::io;

/// Why the store failed or refused.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file could not be made or opened.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: String,
        /// What the operating system said.
        error: io::Error,
    },
    /// The file or schema belongs to another program.
    #[error(
        "{0} is not a log of ours but another program's; choose another data directory or database"
    )]
    Foreign(String),
    /// The store was written by a later release.
    #[error("{place} has schema {found}, and this release knows {known}; use a later release")]
    Newer {
        /// The file or the database.
        place: String,
        /// The version it has.
        found: i32,
        /// The latest version that this release knows.
        known: i32,
    },
    /// The file of the database or its write-ahead log was moved, removed or replaced.
    #[error(
        "{0} or its write-ahead log is not the file that was opened: it was moved, removed or \
         replaced. Nothing is recorded any more: put both back as they were, or restore a backup, \
         and start anew; the whole log is checked then"
    )]
    Replaced(String),
    /// Another process has the database open, which somebody wants for themselves alone.
    #[error(
        "another process uses {0}: stop everything that works on the log and try again; nothing \
         was changed"
    )]
    InUse(String),
    /// Something in the database is not what we wrote.
    #[error("the database holds {0} that is not one; restore it from a backup")]
    Damaged(&'static str),
    /// SQLite failed.
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The configured address of the database is wrong.
    #[error("[store] url: {0}")]
    Address(String),
    /// PostgreSQL refused or failed; nothing was changed.
    #[error("PostgreSQL: {0}")]
    Postgres(String),
    /// PostgreSQL cannot be reached.
    #[error("PostgreSQL at {place} cannot be reached: {why}; nothing is recorded until it can")]
    Unreachable {
        /// The hosts and the database, without the password.
        place: String,
        /// The last error.
        why: String,
    },
    /// The answer to a commit did not come, or said that no standby has it. It may be kept or
    /// not: nobody is told that it is. Whoever goes on reads the log anew.
    #[error(
        "PostgreSQL did not confirm the commit ({0}); whether it is kept shows at the next read"
    )]
    Uncertain(String),
    /// This replica was taken for dead. It joins anew at the next hold and reads what it missed.
    #[error(
        "replica epoch {0} was not renewed in time and may no longer append; it joins anew and \
         reads what others recorded"
    )]
    Fenced(u64),
    /// The database ends before what this process has already seen in it.
    #[error(
        "the database has {found} {what} and this process has seen {seen}: an old copy or a \
         standby that lagged was put in its place; bring back the one that has them all"
    )]
    Behind {
        /// Entries of the log, or entries under a checkpoint.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many were seen.
        seen: u64,
    },
    /// The database holds other entries than this process has already seen in it.
    #[error(
        "the first {0} entries of the database are not those this process has seen: an old copy \
         or a standby that lagged was put in its place and written to; bring back the right one"
    )]
    Forked(u64),
    /// The log in the database is signed by another key.
    #[error(
        "the log in this database is signed by {log} and the key here is {here}: every replica \
         needs the same log.key; copy it from the first one"
    )]
    OtherKey {
        /// The public key that the database names.
        log: String,
        /// The public key of this data directory.
        here: String,
    },
    /// Another replica signs checkpoints now.
    #[error("the replica {0} signs checkpoints now; try again when it is gone")]
    NotSigner(String),
    /// A checkpoint over more entries is already stored.
    #[error("a checkpoint over {stored} entries is stored already; one over {offered} is not")]
    SmallerCheckpoint {
        /// The size that is stored.
        stored: u64,
        /// The size that was to be stored.
        offered: u64,
    },
    /// The configuration demands a synchronous standby and the database has none configured.
    #[error("[store] require_synchronous_standby: {0}")]
    NoStandby(String),
    /// The log was moved to another store.
    #[error("the log of this database was moved {0}; configure that store in tagout.toml")]
    Moved(String),
    /// A copy was to be put into a store that has something in it.
    #[error("the store holds a log already; a copy goes only into an empty one")]
    NotEmpty,
    /// A copy came out different from what it was made of.
    #[error("the copy differs from its source at {0}; nothing was kept")]
    CopyDiffers(&'static str),
}
