//! Where the journal is kept.

pub mod sqlite;

pub use sqlite::{SqliteStore, StoreError};
