//! Whether a service works on a log. Which rules are in force there is the service's to say, and
//! a command beside it does not put others into force.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::data_dir::DataDir;
use crate::fault::Fault;
use crate::store::Store;
use crate::store::membership::SIGNER;

/// The place of the service at an embedded store: a file that it holds locked for as long as it
/// runs. The system lets go of it however the process ends.
#[derive(Debug)]
pub(crate) struct Serving {
    path: PathBuf,
    held: Mutex<Option<File>>,
}

impl Serving {
    /// Takes the place in this directory, if nobody has it.
    ///
    /// # Errors
    /// If the file cannot be made or locked.
    pub(crate) fn begin(dir: &DataDir) -> Result<Self, Fault> {
        let serving = Self { path: dir.serving_file(), held: Mutex::default() };
        serving.is_first()?;
        Ok(serving)
    }

    /// Whether this process has the place. One that a process before it left is taken.
    ///
    /// # Errors
    /// If the file cannot be made or locked.
    pub(crate) fn is_first(&self) -> Result<bool, Fault> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_some() {
            return Ok(true);
        }
        let failed = |e: io::Error| named(&self.path, &e);
        let mut open = OpenOptions::new();
        let file = open.write(true).create(true).truncate(false).mode(0o600).open(&self.path);
        let file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {
                *held = Some(file);
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(e)) => Err(failed(e)),
        }
    }
}

/// Whether a service works at this moment on the log of a directory, whose store is `store`.
/// Over PostgreSQL that is whoever leads, on whichever machine.
///
/// # Errors
/// If that cannot be told.
pub(crate) fn is_served(dir: &DataDir, store: &Store) -> Result<bool, Fault> {
    let Store::Sqlite(_) = store else {
        return store.is_held_by_another(SIGNER).map_err(|e| Fault::new(e.to_string()));
    };
    let path = dir.serving_file();
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(named(&path, &e)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(e)) => Err(named(&path, &e)),
    }
}

fn named(path: &Path, error: &io::Error) -> Fault {
    Fault::new(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_seen_for_as_long_as_it_runs_and_the_next_one_takes_its_place() {
        let home = tempfile::tempdir().expect("a directory");
        let dir = DataDir::at(home.path().to_owned());
        dir.prepare().expect("a directory with a key");
        let store = dir.store().expect("a store");
        assert!(!is_served(&dir, &store).expect("no file yet"));
        let first = Serving::begin(&dir).expect("a lock");
        let second = Serving::begin(&dir).expect("a look at the lock");
        assert!(is_served(&dir, &store).expect("a locked file"));
        assert!(first.is_first().expect("a lock"));
        assert!(!second.is_first().expect("a look at the lock"));
        drop(first);
        assert!(!is_served(&dir, &store).expect("an unlocked file"));
        assert!(second.is_first().expect("a lock"));
        assert!(is_served(&dir, &store).expect("a locked file"));
    }
}
