//! The outbox of the shared store.

use tagout_core::time::Time;
use tokio_postgres::Row;

use super::session::{Session, SessionError};
use super::{PostgresStore, integer, text};
use crate::store::StoreError;
use crate::store::outbox::{Change, Outbox, Outcome, Work};

/// Reads a row of all the columns, in the order of the table.
pub(super) fn work(row: &Row) -> Result<Work, StoreError> {
    let outcome = row
        .get::<_, Option<&str>>(8)
        .map(|name| Outcome::named(name).ok_or(StoreError::Damaged("an outcome of work")));
    let settled_at = row.get::<_, Option<i64>>(7).map(Time::from_millis);
    Ok(Work {
        id: row.get(0),
        index: u64::try_from(row.get::<_, i64>(1)).map_err(|_| StoreError::Damaged("an index"))?,
        kind: row.get(2),
        body: text(row.get(3))?,
        due: Time::from_millis(row.get(4)),
        attempts: u32::try_from(row.get::<_, i64>(5))
            .map_err(|_| StoreError::Damaged("a count"))?,
        last_error: row.get::<_, Option<Vec<u8>>>(6).map(text).transpose()?,
        settled: settled_at.zip(outcome.transpose()?),
    })
}

impl Outbox for PostgresStore {
    fn waiting(&self, kind: &str, after: i64, limit: usize) -> Result<Vec<Work>, StoreError> {
        let sql = "SELECT id, idx, kind, body, due, attempts, last_error, settled_at, outcome
             FROM outbox WHERE kind = $1 AND id > $2 AND settled_at IS NULL ORDER BY id LIMIT $3";
        let rows = self.with(|s| s.query(sql, &[&kind, &after, &integer(limit as u64)]))?;
        rows.iter().map(work).collect()
    }

    fn kinds(&self) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT DISTINCT kind FROM outbox WHERE settled_at IS NULL ORDER BY kind";
        let rows = self.with(|s| s.query(sql, &[]))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    fn latest(&self, before: i64, all: bool, limit: usize) -> Result<Vec<Work>, StoreError> {
        let sql = "SELECT id, idx, kind, body, due, attempts, last_error, settled_at, outcome
             FROM outbox WHERE id < $1 AND ($2 OR settled_at IS NULL) ORDER BY id DESC LIMIT $3";
        let rows = self.with(|s| s.query(sql, &[&before, &all, &integer(limit as u64)]))?;
        rows.iter().map(work).collect()
    }

    fn note(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        // If the connection was lost it runs once more, which changes nothing twice.
        self.with(|session| {
            session.batch("BEGIN")?;
            let noted = changes.iter().try_for_each(|change| note(session, change));
            if noted.is_err() {
                session.roll_back();
                return noted;
            }
            session.batch("COMMIT")
        })
    }

    fn prune(&mut self, before: Time, limit: usize) -> Result<u64, StoreError> {
        let sql = "DELETE FROM outbox WHERE id IN (
                 SELECT id FROM outbox WHERE settled_at < $1 ORDER BY settled_at LIMIT $2)";
        self.with(|s| s.execute(sql, &[&before.millis(), &integer(limit as u64)]))
    }
}

fn note(session: &mut Session, change: &Change) -> Result<(), SessionError> {
    match change {
        Change::HandOn { id, kinds } => {
            let sql = "WITH old AS (DELETE FROM outbox WHERE id = $1 RETURNING idx, body)
                 INSERT INTO outbox (idx, kind, body)
                 SELECT old.idx, t.kind, old.body FROM old, unnest($2::text[]) AS t (kind)";
            session.execute(sql, &[id, kinds]).map(drop)
        }
        Change::PutOff { id, due, attempts, why } => {
            let sql = "UPDATE outbox SET due = $2, attempts = $3, last_error = $4
                 WHERE id = $1 AND settled_at IS NULL";
            let (due, attempts, why) = (due.millis(), i64::from(*attempts), why.as_bytes());
            session.execute(sql, &[id, &due, &attempts, &why]).map(drop)
        }
        Change::Settle { id, over: (at, outcome), attempts, why } => {
            let sql = "UPDATE outbox SET settled_at = $2, outcome = $3, attempts = $4,
                                     last_error = coalesce($5, last_error)
                 WHERE id = $1 AND settled_at IS NULL";
            let (at, outcome, attempts) = (at.millis(), outcome.name(), i64::from(*attempts));
            let why = why.as_deref().map(str::as_bytes);
            session.execute(sql, &[id, &at, &outcome, &attempts, &why]).map(drop)
        }
    }
}
