//! The rows of a PostgreSQL log, to be copied as they are.

use std::ops::Range;

use tagout_log::commitment::{Commitment, Payload};
use tagout_log::storage::{Head, Storage as _, StoredCheckpoint};
use tokio_postgres::types::ToSql;

use super::outbox::work;
use super::{PostgresStore, hash, integer, text};
use crate::store::StoreError;
use crate::store::copy::{LeafRow, Rows, Work};

fn unsigned(n: i64, what: &'static str) -> Result<u64, StoreError> {
    u64::try_from(n).map_err(|_| StoreError::Damaged(what))
}

impl PostgresStore {
    /// Writes in the transaction that is held.
    fn put(&self, sql: &'static str, values: &[&(dyn ToSql + Sync)]) -> Result<(), StoreError> {
        if self.link.borrow().held.is_none() {
            return Err(StoreError::Postgres("the connection was lost".into()));
        }
        self.with(|session| session.execute(sql, values)).map(drop)
    }

    /// Keeps the head that is held, also through a pause in which the database would otherwise
    /// take it back.
    ///
    /// # Errors
    /// If the database fails.
    pub fn hold_for_long(&self) -> Result<(), StoreError> {
        self.with(|s| s.batch("SET LOCAL idle_in_transaction_session_timeout = 0"))
    }

    /// Marks the log as moved: no replica opens it any more. Others must have been kept out
    /// since it was copied, with [`Storage::hold`](tagout_log::storage::Storage::hold).
    ///
    /// # Errors
    /// If the database fails, or others were let in.
    pub fn mark_moved(&mut self, to: &str) -> Result<(), StoreError> {
        self.put("UPDATE meta SET moved = $1 WHERE id = 1", &[&to])?;
        self.commit_held()
    }

    fn commit_held(&self) -> Result<(), StoreError> {
        let mut link = self.link.borrow_mut();
        link.held = None;
        match &mut link.session {
            Some(session) => session.commit(),
            None => Err(StoreError::Postgres("the connection was lost".into())),
        }
    }
}

impl Rows for PostgresStore {
    fn ends(&self) -> Result<(Head, Option<StoredCheckpoint>), StoreError> {
        Ok((self.head()?, self.checkpoint()?))
    }

    fn leaf_rows(&self, range: Range<u64>) -> Result<Vec<LeafRow>, StoreError> {
        let sql = "SELECT idx, stream, seq, leaf, hash FROM leaves
                   WHERE idx >= $1 AND idx < $2 ORDER BY idx";
        let rows = self.with(|s| s.query(sql, &[&integer(range.start), &integer(range.end)]))?;
        let leaf = |row: &tokio_postgres::Row| {
            let index = unsigned(row.get(0), "an index")?;
            let seq = unsigned(row.get(2), "a position")?;
            let hash = hash(row.get(4))?;
            Ok(LeafRow { index, stream: row.get(1), seq, leaf: row.get(3), hash })
        };
        rows.iter().map(leaf).collect()
    }

    fn texts(&self, entries: Range<u64>) -> Result<Vec<(u64, Payload)>, StoreError> {
        let sql = "SELECT idx, commitment, salt, text FROM payloads
                   WHERE idx >= $1 AND idx < $2 ORDER BY idx, commitment";
        let range: [i64; 2] = [integer(entries.start), integer(entries.end)];
        let rows = self.with(|s| s.query(sql, &[&range[0], &range[1]]))?;
        let payload = |row: &tokio_postgres::Row| {
            let index = unsigned(row.get(0), "an index")?;
            let commitment = Commitment::from_raw(hash(row.get(1))?);
            let (salt, text) = (hash(row.get(2))?, text(row.get(3))?);
            Ok((index, Payload { commitment, salt, text }))
        };
        rows.iter().map(payload).collect()
    }

    fn work(&self, after: i64, limit: u64) -> Result<Vec<Work>, StoreError> {
        let sql = "SELECT id, idx, kind, body, due, attempts, last_error, settled_at, outcome
             FROM outbox WHERE id > $1 ORDER BY id LIMIT $2";
        let rows = self.with(|s| s.query(sql, &[&after, &integer(limit)]))?;
        rows.iter().map(work).collect()
    }

    fn begin_fill(&mut self) -> Result<(), StoreError> {
        let held = self.hold()?;
        let texts = self.with(|s| s.row("SELECT 1 FROM payloads LIMIT 1", &[]))?;
        if held.head.frontier.size() > 0 || self.checkpoint()?.is_some() || texts.is_some() {
            self.release()?;
            return Err(StoreError::NotEmpty);
        }
        self.put("DELETE FROM secrets", &[])?;
        Ok(())
    }

    fn put_leaves(&mut self, rows: &[LeafRow]) -> Result<(), StoreError> {
        let idx: Vec<i64> = rows.iter().map(|row| integer(row.index)).collect();
        let streams: Vec<&str> = rows.iter().map(|row| row.stream.as_str()).collect();
        let seqs: Vec<i64> = rows.iter().map(|row| integer(row.seq)).collect();
        let leaves: Vec<&[u8]> = rows.iter().map(|row| row.leaf.as_slice()).collect();
        let hashes: Vec<&[u8]> = rows.iter().map(|row| row.hash.as_slice()).collect();
        let sql = "INSERT INTO leaves (idx, stream, seq, leaf, hash)
             SELECT * FROM unnest($1::int8[], $2::text[], $3::int8[], $4::bytea[], $5::bytea[])";
        self.put(sql, &[&idx, &streams, &seqs, &leaves, &hashes])
    }

    fn put_texts(&mut self, rows: &[(u64, Payload)]) -> Result<(), StoreError> {
        let idx: Vec<i64> = rows.iter().map(|(index, _)| integer(*index)).collect();
        let rows = || rows.iter().map(|(_, text)| text);
        let commitments: Vec<&[u8]> =
            rows().map(|row| row.commitment.as_bytes().as_slice()).collect();
        let salts: Vec<&[u8]> = rows().map(|row| row.salt.as_slice()).collect();
        let texts: Vec<&[u8]> = rows().map(|row| row.text.as_bytes()).collect();
        let sql = "INSERT INTO payloads (idx, commitment, salt, text)
                   SELECT * FROM unnest($1::int8[], $2::bytea[], $3::bytea[], $4::bytea[])";
        self.put(sql, &[&idx, &commitments, &salts, &texts])
    }

    fn put_work(&mut self, rows: &[Work]) -> Result<(), StoreError> {
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let idx: Vec<i64> = rows.iter().map(|row| integer(row.index)).collect();
        let kinds: Vec<&str> = rows.iter().map(|row| row.kind.as_str()).collect();
        let bodies: Vec<&[u8]> = rows.iter().map(|row| row.body.as_bytes()).collect();
        let due: Vec<i64> = rows.iter().map(|row| row.due.millis()).collect();
        let attempts: Vec<i64> = rows.iter().map(|row| i64::from(row.attempts)).collect();
        let errors = rows.iter().map(|row| row.last_error.as_ref().map(|why| why.as_bytes()));
        let errors: Vec<Option<&[u8]>> = errors.collect();
        let settled = |row: &Work| row.settled.map(|(at, how)| (at.millis(), how.name()));
        let (at, outcomes): (Vec<Option<i64>>, Vec<Option<&str>>) =
            rows.iter().map(|row| settled(row).unzip()).unzip();
        let sql = "INSERT INTO outbox
                       (id, idx, kind, body, due, attempts, last_error, settled_at, outcome)
                   SELECT * FROM unnest($1::int8[], $2::int8[], $3::text[], $4::bytea[],
                       $5::int8[], $6::int8[], $7::bytea[], $8::int8[], $9::text[])";
        let values: [&(dyn ToSql + Sync); 9] =
            [&ids, &idx, &kinds, &bodies, &due, &attempts, &errors, &at, &outcomes];
        self.put(sql, &values)
    }

    fn end_fill(
        &mut self,
        head: &Head,
        checkpoint: Option<&StoredCheckpoint>,
    ) -> Result<(), StoreError> {
        let (frontier, last_at) = (head.frontier.to_bytes(), head.last_at.map(|at| at.millis()));
        let end = "UPDATE head SET frontier = $1, last_at = $2 WHERE id = 1";
        self.put(end, &[&frontier, &last_at])?;
        if let Some(checkpoint) = checkpoint {
            let sql = "INSERT INTO checkpoint (id, at, note, frontier) VALUES (1, $1, $2, $3)";
            let (at, frontier) = (checkpoint.at.millis(), checkpoint.frontier.to_bytes());
            self.put(sql, &[&at, &checkpoint.note, &frontier])?;
        }
        // New work is numbered after what came along.
        let next = "SELECT setval(pg_get_serial_sequence('outbox', 'id'), max(id))
                    FROM outbox HAVING max(id) IS NOT NULL";
        self.put(next, &[])?;
        self.commit_held()
    }

    fn abandon_fill(&mut self) {
        let _ = self.release();
    }
}
