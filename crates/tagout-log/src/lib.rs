//! An append-only log that anyone can check offline.
//!
//! What is recorded becomes the leaves of an RFC 6962 tree. Free text stands in a leaf as a
//! salted commitment, so it can be erased later and the tree still verifies. Checkpoints are
//! C2SP signed notes. The format is written down in `docs/log-format.md`.
//!
//! Nothing in here touches a file, a network, a clock or a source of randomness: entries
//! carry their time, salts come from a function that the caller gives, and what is kept is
//! kept by a [`storage::Storage`]. [`AuditLog`] ties these together and is usable alone:
//!
//! ```
//! use tagout_log::{AuditLog, Guard, MemoryStorage, Record};
//!
//! # let mut n = 0u8;
//! # let random = move || { n += 1; [n; 32] };
//! let mut log = AuditLog::open(MemoryStorage::new(), random)?;
//! let record = Record {
//!     at: "2026-11-01T10:00:00Z".parse()?,
//!     stream: "door/1".into(),
//!     kind: "opened".into(),
//!     version: 1,
//!     data: serde_json::json!({"by": "ana", "why": {"$text": "delivery"}}),
//! };
//! let guard = Guard { stream: "door/1".into(), expected: 0 };
//! let appended = log.append(&[record], &[guard], &[])?;
//! assert_eq!((appended[0].index, appended[0].seq), (0, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod archive;
pub mod audit_log;
mod check;
pub mod checkpoint;
pub mod commitment;
pub mod envelope;
mod evidence;
pub mod export;
pub mod key;
pub mod leaf;
pub mod log_error;
pub mod memory;
pub mod note;
pub mod proof;
pub mod proof_file;
mod proved;
pub mod receipt;
pub mod rotation;
mod scan;
pub mod signature;
pub mod storage;
pub mod storage_conformance;
mod subtrees;
pub mod tree;
pub mod verify;

pub use audit_log::{Appended, AuditLog, LogError, Outgoing, Record};
pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub use commitment::{Commitment, Payload};
pub use envelope::{Entry, Opened, Sealed};
pub use key::{SignerKey, VerifierKey};
pub use memory::MemoryStorage;
pub use rotation::{KeyChain, Rotation};
pub use storage::{Guard, Storage};
pub use tree::{Frontier, Hash};
