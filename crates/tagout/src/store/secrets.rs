//! What people prove themselves by: kept beside the log and never in it. Nothing here is a
//! secret as it was given, only what it can be compared with.

use tagout_core::time::Time;

use super::{Store, StoreError};

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    /// What a person's password is compared with, by the person's name.
    Password,
    /// A session, by the digest of what its browser shows.
    Session,
}

impl SecretKind {
    /// Its name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Session => "session",
        }
    }
}

/// One of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// Which: see [`SecretKind`].
    pub id: String,
    /// What there is to compare with.
    pub value: Vec<u8>,
    /// From when on it is of no use and goes.
    pub expires_at: Option<Time>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({:?}, {} bytes)", self.id, self.value.len())
    }
}

/// A store that keeps secrets. Each change is durable by itself when it returns. None may be
/// made while the log is held, except while a whole log is copied in.
pub trait Secrets {
    /// One secret, also if it has expired.
    ///
    /// # Errors
    /// If the store fails.
    fn secret(&self, kind: SecretKind, id: &str) -> Result<Option<Secret>, StoreError>;

    /// At most `limit` of a kind in the order of their ids, beginning after one.
    ///
    /// # Errors
    /// If the store fails.
    fn secrets(&self, kind: SecretKind, after: &str, limit: u64)
    -> Result<Vec<Secret>, StoreError>;

    /// Keeps a secret in the place of any other of its kind and id.
    ///
    /// # Errors
    /// If the store fails.
    fn put_secret(&self, kind: SecretKind, secret: &Secret) -> Result<(), StoreError>;

    /// Keeps a secret in the place of another of its kind and id, if that one still has the
    /// value `seen`. Says whether it had.
    ///
    /// # Errors
    /// If the store fails.
    fn swap_secret(
        &self,
        kind: SecretKind,
        secret: &Secret,
        seen: &[u8],
    ) -> Result<bool, StoreError>;

    /// Removes a secret. Says whether it was there.
    ///
    /// # Errors
    /// If the store fails.
    fn remove_secret(&self, kind: SecretKind, id: &str) -> Result<bool, StoreError>;

    /// Removes those that have expired by `now`.
    ///
    /// # Errors
    /// If the store fails.
    fn remove_expired_secrets(&self, now: Time) -> Result<(), StoreError>;
}

impl Store {
    /// What people prove themselves by.
    #[must_use]
    pub fn vault(&self) -> &dyn Secrets {
        match self {
            Self::Sqlite(store) => &**store,
            Self::Postgres(store) => &**store,
        }
    }
}
