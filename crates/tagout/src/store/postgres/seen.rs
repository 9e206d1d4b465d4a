//! What this process has seen in the database: it must still be there after every new
//! connection, whichever server is at the other end.

use std::collections::HashMap;
use std::ops::Range;

use tagout_core::time::Time;
use tagout_log::storage::{Advance, StoredCheckpoint};
use tagout_log::tree::Frontier;
use tokio_postgres::Row;

use super::session::{Session, SessionError, failed};
use super::{frontier, hash, integer};
use crate::store::StoreError;

/// How many leaf hashes are read at once.
const CHUNK: u64 = 4096;

/// The largest head and checkpoint that were seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    frontier: Frontier,
    checkpoint: u64,
}

impl Seen {
    /// Takes note of a head.
    pub(super) fn head(&mut self, head: &Frontier) -> Result<(), StoreError> {
        let (found, seen) = (head.size(), self.frontier.size());
        if found < seen {
            return Err(StoreError::Behind { what: "entries", found, seen });
        }
        if found == seen && *head != self.frontier {
            return Err(StoreError::Forked(seen));
        }
        self.frontier = head.clone();
        Ok(())
    }

    /// Takes note of the size of a checkpoint.
    pub(super) const fn checkpoint(&mut self, found: u64) -> Result<(), StoreError> {
        let seen = self.checkpoint;
        if found < seen {
            return Err(StoreError::Behind { what: "entries under a checkpoint", found, seen });
        }
        self.checkpoint = found;
        Ok(())
    }

    /// Checks that what a new connection leads to goes on from what was seen: not only that it
    /// is as long, but that its entries are the same.
    pub(super) fn check(&mut self, session: &mut Session) -> Result<(), StoreError> {
        let row = session
            .row("SELECT frontier FROM head WHERE id = 1", &[])
            .map_err(|e| failed(&e))?
            .ok_or(StoreError::Damaged("a head"))?;
        let found = frontier(&row.get::<_, Vec<u8>>(0))?;
        let seen = self.frontier.size();
        if seen > 0 && seen < found.size() {
            let mut grown = self.frontier.clone();
            while grown.size() < found.size() {
                let range = grown.size()..found.size().min(grown.size() + CHUNK);
                let read = hashes(session, &range).map_err(|e| failed(&e))?;
                if read.is_empty() {
                    return Err(StoreError::Damaged("a head"));
                }
                for bytes in read {
                    grown.append(hash(bytes)?);
                }
            }
            if grown != found {
                return Err(StoreError::Forked(seen));
            }
        }
        self.head(&found)?;
        let stored = checkpoint(session).map_err(|e| failed(&e))?;
        let stored = stored.map(read_checkpoint).transpose()?;
        self.checkpoint(stored.map_or(0, |stored| stored.frontier.size()))
    }
}

/// The versions of all streams as of some size of the log. With it, an append of many streams
/// asks the database nothing while it holds the head.
#[derive(Debug, Default)]
pub(super) struct Versions {
    upto: u64,
    streams: HashMap<String, u64>,
}

impl Versions {
    pub(super) fn of(&self, stream: &str) -> u64 {
        self.streams.get(stream).copied().unwrap_or_default()
    }

    /// Reads how far the streams have moved since.
    pub(super) fn catch_up(&mut self, session: &mut Session, size: u64) -> Result<(), StoreError> {
        if self.upto == size {
            return Ok(());
        }
        let sql = "SELECT stream, max(seq) FROM leaves WHERE idx >= $1 GROUP BY stream";
        for row in session.query(sql, &[&integer(self.upto)]).map_err(|e| failed(&e))? {
            let seq = u64::try_from(row.get::<_, i64>(1));
            let seq = seq.map_err(|_| StoreError::Damaged("a position"))?;
            self.streams.insert(row.get(0), seq);
        }
        self.upto = size;
        Ok(())
    }

    /// Takes over what this process has just appended.
    pub(super) fn advance(&mut self, size: u64, advances: &[Advance]) {
        for Advance { stream, version } in advances {
            self.streams.insert(stream.clone(), *version);
        }
        self.upto = size;
    }
}

pub(super) fn hashes(
    session: &mut Session,
    range: &Range<u64>,
) -> Result<Vec<Vec<u8>>, SessionError> {
    let sql = "SELECT hash FROM leaves WHERE idx >= $1 AND idx < $2 ORDER BY idx";
    let rows = session.query(sql, &[&integer(range.start), &integer(range.end)])?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

pub(super) fn checkpoint(session: &mut Session) -> Result<Option<Row>, SessionError> {
    session.row("SELECT at, note, frontier FROM checkpoint WHERE id = 1", &[])
}

pub(super) fn read_checkpoint(row: Row) -> Result<StoredCheckpoint, StoreError> {
    let frontier = frontier(&row.get::<_, Vec<u8>>(2))?;
    Ok(StoredCheckpoint { at: Time::from_millis(row.get(0)), note: row.get(1), frontier })
}
