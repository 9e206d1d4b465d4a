//! The rows of a SQLite log, to be copied as they are.

use std::ops::Range;

use rusqlite::params;
use tagout_log::commitment::{Commitment, Payload};
use tagout_log::storage::{Head, Storage as _, StoredCheckpoint};

use super::outbox::{COLUMNS, FIRST_COLUMNS, raw, work};
use super::{SqliteStore, hash, integer, payload, schema, write_checkpoint};
use crate::store::StoreError;
use crate::store::copy::{LeafRow, Rows, Work};

fn unsigned(n: i64, what: &'static str) -> Result<u64, StoreError> {
    u64::try_from(n).map_err(|_| StoreError::Damaged(what))
}

impl Rows for SqliteStore {
    fn ends(&self) -> Result<(Head, Option<StoredCheckpoint>), StoreError> {
        Ok((self.head()?, self.checkpoint()?))
    }

    fn leaf_rows(&self, range: Range<u64>) -> Result<Vec<LeafRow>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT idx, stream, seq, leaf, hash FROM leaves
             WHERE idx >= ?1 AND idx < ?2 ORDER BY idx",
        )?;
        let rows = query.query_map([integer(range.start), integer(range.end)], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })?;
        rows.map(|row| {
            let (index, stream, seq, leaf, bytes) = row?;
            let (index, seq) = (unsigned(index, "an index")?, unsigned(seq, "a position")?);
            Ok(LeafRow { index, stream, seq, leaf, hash: hash(bytes)? })
        })
        .collect()
    }

    fn texts(&self, entries: Range<u64>) -> Result<Vec<(u64, Payload)>, StoreError> {
        if self.version < schema::TEXTS_BY_ENTRY {
            return schema::earlier_texts(&self.connection, entries);
        }
        let mut query = self.connection.prepare_cached(
            "SELECT idx, commitment, salt, text FROM payloads
             WHERE idx >= ?1 AND idx < ?2 ORDER BY idx, commitment",
        )?;
        let rows = query.query_map([integer(entries.start), integer(entries.end)], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
        rows.map(|row| {
            let (index, commitment, salt, text) = row?;
            let commitment = Commitment::from_raw(hash(commitment)?);
            Ok((unsigned(index, "an index")?, payload(commitment, salt, text)?))
        })
        .collect()
    }

    fn work(&self, after: i64, limit: u64) -> Result<Vec<Work>, StoreError> {
        let columns = if self.version == 1 { FIRST_COLUMNS } else { COLUMNS };
        let sql = format!("SELECT {columns} FROM outbox WHERE id > ?1 ORDER BY id LIMIT ?2");
        let mut query = self.connection.prepare_cached(&sql)?;
        let rows = query.query_map(params![after, integer(limit)], raw)?;
        rows.map(|row| work(row?)).collect()
    }

    fn begin_fill(&mut self) -> Result<(), StoreError> {
        let held = self.hold()?;
        let texts: i64 =
            self.connection.query_row("SELECT count(*) FROM payloads", [], |row| row.get(0))?;
        if held.head.frontier.size() > 0 || self.checkpoint()?.is_some() || texts > 0 {
            self.release()?;
            return Err(StoreError::NotEmpty);
        }
        self.connection.execute("DELETE FROM secrets", [])?;
        Ok(())
    }

    fn put_leaves(&mut self, rows: &[LeafRow]) -> Result<(), StoreError> {
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO leaves (idx, stream, seq, leaf, hash) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for row in rows {
            let (index, seq) = (integer(row.index), integer(row.seq));
            insert.execute(params![index, row.stream, seq, row.leaf, row.hash])?;
        }
        Ok(())
    }

    fn put_texts(&mut self, rows: &[(u64, Payload)]) -> Result<(), StoreError> {
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO payloads (idx, commitment, salt, text) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for (index, Payload { commitment, salt, text }) in rows {
            insert.execute(params![integer(*index), commitment.as_bytes(), salt, text])?;
        }
        Ok(())
    }

    fn put_work(&mut self, rows: &[Work]) -> Result<(), StoreError> {
        let sql =
            format!("INSERT INTO outbox ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
        let mut insert = self.connection.prepare_cached(&sql)?;
        for row in rows {
            let (at, outcome) = row.settled.map(|(at, how)| (at.millis(), how.name())).unzip();
            insert.execute(params![
                row.id,
                integer(row.index),
                row.kind,
                row.body,
                row.due.millis(),
                row.attempts,
                row.last_error,
                at,
                outcome
            ])?;
        }
        Ok(())
    }

    fn end_fill(
        &mut self,
        head: &Head,
        checkpoint: Option<&StoredCheckpoint>,
    ) -> Result<(), StoreError> {
        let last_at = head.last_at.map(tagout_core::time::Time::millis);
        self.connection.execute(
            "INSERT OR REPLACE INTO head (id, frontier, last_at) VALUES (1, ?1, ?2)",
            params![head.frontier.to_bytes(), last_at],
        )?;
        if let Some(checkpoint) = checkpoint {
            write_checkpoint(&self.connection, checkpoint)?;
        }
        self.commit()?;
        self.held = false;
        Ok(())
    }

    fn abandon_fill(&mut self) {
        self.held = false;
        self.roll_back();
    }
}
