//! Where the database lies, and whether the files that were opened are still there. A file that
//! is moved away takes everything that is written into it along, and SQLite does not notice.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::head;
use crate::store::StoreError;

/// A device and an inode on it: the same file as long as somebody has it open.
type FileId = (u64, u64);

/// The files of one open database. Whoever opens another database in its place takes the
/// write-ahead log for that one's, writes into it or removes it, so it is looked at too
/// (<https://www.sqlite.org/howtocorrupt.html>).
#[derive(Debug, Clone)]
pub(super) struct Place {
    path: PathBuf,
    file: FileId,
    /// The write-ahead log; none for a database that is only read.
    wal: Option<(PathBuf, FileId)>,
    /// Whether they were ever seen not to be there. Another process may then have written its
    /// own pages into our write-ahead log, and nobody can tell: what is kept is taken up again
    /// only by opening it, which checks every entry.
    lost: Arc<AtomicBool>,
}

impl Place {
    /// Of the database that is about to be opened. If another one comes in between, the later
    /// checks say so.
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { path: path.to_owned(), file: id(path)?, wal: None, lost: Arc::default() })
    }

    /// With the write-ahead log, now that a connection has it open: from here on it stays the
    /// same one. It lies beside the file itself, wherever a link to that lies.
    pub(super) fn with_wal(self) -> Result<Self, StoreError> {
        let file = fs::canonicalize(&self.path).map_err(|error| failed(&self.path, error))?;
        let mut wal = file.into_os_string();
        wal.push("-wal");
        let wal = PathBuf::from(wal);
        let found = id(&wal)?;
        Ok(Self { wal: Some((wal, found)), ..self })
    }

    /// How messages call it.
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Fails unless what was opened is where it was, each time it was looked at.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let is = |path: &Path, opened: FileId| id(path).is_ok_and(|found| found == opened);
        let wal = self.wal.as_ref();
        if !is(&self.path, self.file) || wal.is_some_and(|(path, wal)| !is(path, *wal)) {
            self.lost.store(true, Ordering::Relaxed);
        }
        if self.lost.load(Ordering::Relaxed) {
            return Err(StoreError::Replaced(self.name()));
        }
        Ok(())
    }

    /// Whether the database can be read and held by somebody who comes anew, with a connection
    /// of its own that changes nothing. What is in the way comes in words that name no path.
    pub(super) fn probe(&self, patience: Duration) -> Result<(), String> {
        let look = || -> Result<(), StoreError> {
            // First: to open another one beside our write-ahead log would do harm.
            self.check()?;
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(&self.path, flags)?;
            connection.busy_timeout(patience)?;
            connection.execute_batch("BEGIN IMMEDIATE")?;
            head(&connection)?;
            Ok(connection.execute_batch("ROLLBACK")?)
        };
        look().map_err(|error| match error {
            StoreError::Replaced(_) => {
                "the database was moved, removed or replaced; put it back and start the service \
                 anew"
                    .into()
            }
            StoreError::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    "another process holds the database".into()
                }
                Some(ErrorCode::ReadOnly) => "the database can only be read".into(),
                Some(ErrorCode::CannotOpen) => "the database cannot be opened".into(),
                Some(ErrorCode::DiskFull) => "the disk is full".into(),
                _ => "the database does not answer as it should".into(),
            },
            error => error.to_string(),
        })
    }
}

fn id(path: &Path) -> Result<FileId, StoreError> {
    let file = fs::metadata(path).map_err(|error| failed(path, error))?;
    Ok((file.dev(), file.ino()))
}

fn failed(path: &Path, error: io::Error) -> StoreError {
    StoreError::File { path: path.display().to_string(), error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SqliteStore;
    use tagout_log::storage::Storage as _;

    /// A store that is open, and its file.
    fn store() -> (tempfile::TempDir, PathBuf, SqliteStore) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tagout.db");
        let store = SqliteStore::open(&path).unwrap();
        (dir, path, store)
    }

    fn is_replaced(store: &mut SqliteStore) -> bool {
        let held = store.hold().map(drop);
        let _ = store.release();
        let read = store.head().map(drop);
        let probed = store.probe(Duration::ZERO)();
        assert_eq!(
            (held.is_err(), read.is_err()),
            (probed.is_err(), probed.is_err()),
            "{probed:?}"
        );
        assert!(!probed.is_err_and(|why| why.contains('/')));
        matches!(held, Err(StoreError::Replaced(_)))
    }

    #[test]
    fn a_database_that_is_where_it_was_is_the_one_that_was_opened() {
        let (_dir, _path, mut store) = store();
        assert!(!is_replaced(&mut store));
    }

    #[test]
    fn a_database_that_was_moved_away_is_trusted_again_only_by_opening_it() {
        let (_dir, path, mut store) = store();
        let away = path.with_extension("away");
        fs::rename(&path, &away).unwrap();
        assert!(is_replaced(&mut store));
        fs::rename(&away, &path).unwrap();
        assert!(is_replaced(&mut store));
        drop(store);
        assert!(!is_replaced(&mut SqliteStore::open(&path).unwrap()));
    }

    #[test]
    fn a_copy_in_the_place_of_the_database_is_not_the_one_that_was_opened() {
        let (_dir, path, mut store) = store();
        let copy = path.with_extension("copy");
        fs::copy(&path, &copy).unwrap();
        fs::rename(&copy, &path).unwrap();
        assert!(is_replaced(&mut store));
    }

    #[test]
    fn a_database_without_its_write_ahead_log_is_not_the_one_that_was_opened() {
        let (_dir, path, mut store) = store();
        let wal = path.with_extension("db-wal");
        fs::remove_file(&wal).unwrap();
        assert!(is_replaced(&mut store));
    }

    #[test]
    fn a_link_that_leads_elsewhere_is_another_database() {
        let (dir, path, store) = store();
        drop(store);
        let other = dir.path().join("other.db");
        fs::copy(&path, &other).unwrap();
        let link = dir.path().join("link.db");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let mut store = SqliteStore::open(&link).unwrap();
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&other, &link).unwrap();
        assert!(is_replaced(&mut store));
    }
}
