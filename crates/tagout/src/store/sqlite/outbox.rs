//! The outbox of the embedded store.

use rusqlite::{OptionalExtension as _, Row, params};
use tagout_core::time::Time;

use super::{SqliteStore, integer};
use crate::store::StoreError;
use crate::store::outbox::{Change, Outbox, Outcome, Work};

/// The columns of a piece of work, in the order in which [`work`] reads them.
pub(super) const COLUMNS: &str =
    "id, idx, kind, body, due, attempts, last_error, settled_at, outcome";
/// The same of a file that is read as an earlier release wrote it.
pub(super) const FIRST_COLUMNS: &str = "id, idx, kind, body, 0, 0, NULL, NULL, NULL";

/// A row as it was read, before its values are checked.
pub(super) type Raw =
    (i64, i64, String, String, i64, i64, Option<String>, Option<i64>, Option<String>);

pub(super) fn raw(row: &Row<'_>) -> Result<Raw, rusqlite::Error> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
        row.get(7)?,
        row.get(8)?,
    ))
}

pub(super) fn work(raw: Raw) -> Result<Work, StoreError> {
    let (id, index, kind, body, due, attempts, last_error, settled_at, outcome) = raw;
    let outcome = outcome
        .as_deref()
        .map(|name| Outcome::named(name).ok_or(StoreError::Damaged("an outcome of work")));
    Ok(Work {
        id,
        index: u64::try_from(index).map_err(|_| StoreError::Damaged("an index"))?,
        kind,
        body,
        due: Time::from_millis(due),
        attempts: u32::try_from(attempts).map_err(|_| StoreError::Damaged("a count"))?,
        last_error,
        settled: settled_at.map(Time::from_millis).zip(outcome.transpose()?),
    })
}

impl Outbox for SqliteStore {
    fn waiting(&self, kind: &str, after: i64, limit: usize) -> Result<Vec<Work>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM outbox WHERE kind = ?1 AND id > ?2 AND settled_at IS NULL
             ORDER BY id LIMIT ?3"
        );
        let mut query = self.connection.prepare_cached(&sql)?;
        let rows = query.query_map(params![kind, after, integer(limit as u64)], raw)?;
        rows.map(|row| work(row?)).collect()
    }

    fn kinds(&self) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT DISTINCT kind FROM outbox WHERE settled_at IS NULL ORDER BY kind";
        let mut query = self.connection.prepare_cached(sql)?;
        let rows = query.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn latest(&self, before: i64, all: bool, limit: usize) -> Result<Vec<Work>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM outbox WHERE id < ?1 AND (?2 OR settled_at IS NULL)
             ORDER BY id DESC LIMIT ?3"
        );
        let mut query = self.connection.prepare_cached(&sql)?;
        let rows = query.query_map(params![before, all, integer(limit as u64)], raw)?;
        rows.map(|row| work(row?)).collect()
    }

    fn note(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.begin()?;
        let noted = changes.iter().try_for_each(|change| self.change(change));
        let noted = noted.and_then(|()| self.commit());
        self.roll_back();
        noted
    }

    fn prune(&mut self, before: Time, limit: usize) -> Result<u64, StoreError> {
        let removed = self
            .connection
            .prepare_cached(
                "DELETE FROM outbox WHERE id IN (
                     SELECT id FROM outbox WHERE settled_at < ?1 ORDER BY settled_at LIMIT ?2)",
            )?
            .execute(params![before.millis(), integer(limit as u64)])?;
        Ok(removed as u64)
    }
}

impl SqliteStore {
    fn change(&self, change: &Change) -> Result<(), StoreError> {
        match change {
            Change::HandOn { id, kinds } => self.replace(*id, kinds),
            Change::PutOff { id, due, attempts, why } => {
                self.connection
                    .prepare_cached(
                        "UPDATE outbox SET due = ?2, attempts = ?3, last_error = ?4
                         WHERE id = ?1 AND settled_at IS NULL",
                    )?
                    .execute(params![id, due.millis(), attempts, why])?;
                Ok(())
            }
            Change::Settle { id, over: (at, outcome), attempts, why } => {
                self.connection
                    .prepare_cached(
                        "UPDATE outbox SET settled_at = ?2, outcome = ?3, attempts = ?4,
                                           last_error = coalesce(?5, last_error)
                         WHERE id = ?1 AND settled_at IS NULL",
                    )?
                    .execute(params![id, at.millis(), outcome.name(), attempts, why])?;
                Ok(())
            }
        }
    }

    fn replace(&self, id: i64, kinds: &[String]) -> Result<(), StoreError> {
        let old = self
            .connection
            .prepare_cached("DELETE FROM outbox WHERE id = ?1 RETURNING idx, body")?
            .query_row([id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))
            .optional()?;
        let Some((index, body)) = old else { return Ok(()) };
        let mut insert = self
            .connection
            .prepare_cached("INSERT INTO outbox (idx, kind, body) VALUES (?1, ?2, ?3)")?;
        for kind in kinds {
            insert.execute(params![index, kind, body])?;
        }
        Ok(())
    }
}
