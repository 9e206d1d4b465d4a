//! Where the journal is kept.

pub mod sqlite;

pub use sqlite::{SqliteStore, StoreError};

/// The store that the configuration names.
pub type Store = SqliteStore;
