//! Who works on a store, and what only one of them may do at a time.

use std::time::Duration;

use tagout_core::time::Time;

/// How often a replica renews its membership, and how often a lease must be asked for.
pub const RENEWAL: Duration = Duration::from_secs(1);
/// The lease under which checkpoints are signed and time-outs are acted on.
pub const SIGNER: &str = "signer";

/// A replica that is live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Counts up with each joining: of two lives of one replica, the later has the larger.
    pub epoch: u64,
    /// Its name, for people.
    pub name: String,
    /// When it joined.
    pub joined_at: Time,
    /// Whether it is the one that was asked.
    pub me: bool,
}

/// Who recorded an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appender {
    /// This process, under the membership that it has now.
    Me,
    /// Another replica, or this one in an earlier life, whose membership is not over.
    Member,
    /// A replica of this epoch whose membership is over. `None` if the store does not know who it
    /// was: the entry was copied from elsewhere.
    Gone(Option<u64>),
}

/// Whether a commit is on a second machine before it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standby {
    /// The configuration does not ask for it.
    NotRequired,
    /// This many standbys confirm every commit.
    InSync(u64),
    /// None does, for this reason; the words say what to do.
    Missing(String),
}

impl Standby {
    /// Whether the service may call itself ready.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        !matches!(self, Self::Missing(_))
    }
}

/// What this process calls itself among replicas: host and process.
#[must_use]
pub fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    format!("{}/{}", if host.is_empty() { "unnamed" } else { host }, std::process::id())
}
