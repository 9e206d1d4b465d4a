//! Secrets in a SQLite file.

use rusqlite::{OptionalExtension as _, Row, params};
use tagout_core::time::Time;

use super::{SqliteStore, integer};
use crate::store::StoreError;
use crate::store::secrets::{Secret, SecretKind, Secrets};

fn secret(row: &Row<'_>) -> Result<Secret, rusqlite::Error> {
    let expires_at: Option<i64> = row.get(2)?;
    let expires_at = expires_at.map(Time::from_millis);
    Ok(Secret { id: row.get(0)?, value: row.get(1)?, expires_at })
}

impl Secrets for SqliteStore {
    fn secret(&self, kind: SecretKind, id: &str) -> Result<Option<Secret>, StoreError> {
        if !self.keeps_secrets {
            return Ok(None);
        }
        let mut query = self.connection.prepare_cached(
            "SELECT id, value, expires_at FROM secrets WHERE kind = ?1 AND id = ?2",
        )?;
        Ok(query.query_row([kind.name(), id], secret).optional()?)
    }

    fn secrets(
        &self,
        kind: SecretKind,
        after: &str,
        limit: u64,
    ) -> Result<Vec<Secret>, StoreError> {
        if !self.keeps_secrets {
            return Ok(Vec::new());
        }
        let mut query = self.connection.prepare_cached(
            "SELECT id, value, expires_at FROM secrets
             WHERE kind = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
        )?;
        let rows = query.query_map(params![kind.name(), after, integer(limit)], secret)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn put_secret(&self, kind: SecretKind, secret: &Secret) -> Result<(), StoreError> {
        let Secret { id, value, expires_at } = secret;
        let mut put = self.connection.prepare_cached(
            "INSERT OR REPLACE INTO secrets (kind, id, value, expires_at)
             VALUES (?1, ?2, ?3, ?4)",
        )?;
        put.execute(params![kind.name(), id, value, expires_at.map(Time::millis)])?;
        Ok(())
    }

    fn swap_secret(
        &self,
        kind: SecretKind,
        secret: &Secret,
        seen: &[u8],
    ) -> Result<bool, StoreError> {
        let Secret { id, value, expires_at } = secret;
        let mut put = self.connection.prepare_cached(
            "UPDATE secrets SET value = ?3, expires_at = ?4
             WHERE kind = ?1 AND id = ?2 AND value = ?5",
        )?;
        let expires_at = expires_at.map(Time::millis);
        Ok(put.execute(params![kind.name(), id, value, expires_at, seen])? > 0)
    }

    fn remove_secret(&self, kind: SecretKind, id: &str) -> Result<bool, StoreError> {
        let mut remove =
            self.connection.prepare_cached("DELETE FROM secrets WHERE kind = ?1 AND id = ?2")?;
        Ok(remove.execute([kind.name(), id])? > 0)
    }

    fn remove_expired_secrets(&self, now: Time) -> Result<(), StoreError> {
        let mut remove =
            self.connection.prepare_cached("DELETE FROM secrets WHERE expires_at <= ?1")?;
        remove.execute([now.millis()])?;
        Ok(())
    }
}
