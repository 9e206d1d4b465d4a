//! Secrets in a PostgreSQL database.

use tagout_core::time::Time;
use tokio_postgres::Row;

use super::{PostgresStore, integer};
use crate::store::StoreError;
use crate::store::secrets::{Secret, SecretKind, Secrets};

fn secret(row: &Row) -> Secret {
    let expires_at = row.get::<_, Option<i64>>(2).map(Time::from_millis);
    Secret { id: row.get(0), value: row.get(1), expires_at }
}

impl Secrets for PostgresStore {
    fn secret(&self, kind: SecretKind, id: &str) -> Result<Option<Secret>, StoreError> {
        let sql = "SELECT id, value, expires_at FROM secrets WHERE kind = $1 AND id = $2";
        let row = self.with(|s| s.row(sql, &[&kind.name(), &id]))?;
        Ok(row.as_ref().map(secret))
    }

    fn secrets(
        &self,
        kind: SecretKind,
        after: &str,
        limit: u64,
    ) -> Result<Vec<Secret>, StoreError> {
        let sql = "SELECT id, value, expires_at FROM secrets
                   WHERE kind = $1 AND id > $2 ORDER BY id LIMIT $3";
        let limit = integer(limit);
        let rows = self.with(|s| s.query(sql, &[&kind.name(), &after, &limit]))?;
        Ok(rows.iter().map(secret).collect())
    }

    fn put_secret(&self, kind: SecretKind, secret: &Secret) -> Result<(), StoreError> {
        let sql = "INSERT INTO secrets (kind, id, value, expires_at) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (kind, id)
                   DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at";
        let Secret { id, value, expires_at } = secret;
        let expires_at = expires_at.map(Time::millis);
        self.with(|s| s.execute(sql, &[&kind.name(), id, value, &expires_at])).map(drop)
    }

    fn swap_secret(
        &self,
        kind: SecretKind,
        secret: &Secret,
        seen: &[u8],
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE secrets SET value = $3, expires_at = $4
                   WHERE kind = $1 AND id = $2 AND value = $5";
        let Secret { id, value, expires_at } = secret;
        let expires_at = expires_at.map(Time::millis);
        let put = self.with(|s| s.execute(sql, &[&kind.name(), id, value, &expires_at, &seen]))?;
        Ok(put > 0)
    }

    fn remove_secret(&self, kind: SecretKind, id: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM secrets WHERE kind = $1 AND id = $2";
        Ok(self.with(|s| s.execute(sql, &[&kind.name(), &id]))? > 0)
    }

    fn remove_expired_secrets(&self, now: Time) -> Result<(), StoreError> {
        let sql = "DELETE FROM secrets WHERE expires_at <= $1";
        self.with(|s| s.execute(sql, &[&now.millis()])).map(drop)
    }
}
