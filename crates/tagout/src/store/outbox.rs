//! The outbox: work that an append left behind, kept until it is done. It is written with the
//! append and nowhere else; what becomes of a piece of work is noted beside it.

use tagout_core::time::Time;

use super::StoreError;

/// Work in the outbox as a store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Its number, which counts up.
    pub id: i64,
    /// The leaf that gave rise to it.
    pub index: u64,
    /// What sort of work it is, and whose.
    pub kind: String,
    /// The work itself.
    pub body: String,
    /// When it is to be tried next.
    pub due: Time,
    /// How often it was tried.
    pub attempts: u32,
    /// What came of the last attempt that failed.
    pub last_error: Option<String>,
    /// When it was over and how, if it is.
    pub settled: Option<(Time, Outcome)>,
}

impl Work {
    /// Work that was never tried.
    #[must_use]
    pub fn new(id: i64, index: u64, kind: impl Into<String>, body: impl Into<String>) -> Self {
        Self {
            id,
            index,
            kind: kind.into(),
            body: body.into(),
            due: Time::from_millis(0),
            attempts: 0,
            last_error: None,
            settled: None,
        }
    }
}

/// How a piece of work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// It was tried in vain for too long or too often.
    GivenUp,
    /// It had no use any more.
    Overtaken,
}

impl Outcome {
    /// Its name, as the store keeps it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::GivenUp => "given_up",
            Self::Overtaken => "overtaken",
        }
    }

    /// The outcome of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Done, Self::GivenUp, Self::Overtaken].into_iter().find(|one| one.name() == name)
    }
}

/// What becomes of a piece of work. Noting it twice is as noting it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// One piece of work for each of `kinds` comes in the place of this one, due at once.
    /// Nothing if it is not there any more: somebody else did it.
    HandOn {
        /// Its number.
        id: i64,
        /// What sorts of work come in its place.
        kinds: Vec<String>,
    },
    /// An attempt failed.
    PutOff {
        /// Its number.
        id: i64,
        /// When the next attempt is due.
        due: Time,
        /// How often it was tried.
        attempts: u32,
        /// What came of the last attempt.
        why: String,
    },
    /// It is over. The first to say so is believed.
    Settle {
        /// Its number.
        id: i64,
        /// When and how.
        over: (Time, Outcome),
        /// How often it was tried.
        attempts: u32,
        /// What came of the last attempt, if it failed.
        why: Option<String>,
    },
}

/// What can be done with an outbox. Everything is durable when it returns.
pub trait Outbox {
    /// At most `limit` pieces of work of a kind with a number above `after` that are not over,
    /// in the order of their numbers, due or not.
    ///
    /// # Errors
    /// If the store fails.
    fn waiting(&self, kind: &str, after: i64, limit: usize) -> Result<Vec<Work>, StoreError>;

    /// The kinds of work that are not over.
    ///
    /// # Errors
    /// If the store fails.
    fn kinds(&self) -> Result<Vec<String>, StoreError>;

    /// At most `limit` pieces of work of every kind with a number below `before`, the latest
    /// first; those that are over only if `all`.
    ///
    /// # Errors
    /// If the store fails.
    fn latest(&self, before: i64, all: bool, limit: usize) -> Result<Vec<Work>, StoreError>;

    /// Notes these changes, in this order, in one transaction: all of them or none.
    ///
    /// # Errors
    /// If the store fails.
    fn note(&mut self, changes: &[Change]) -> Result<(), StoreError>;

    /// Removes at most `limit` pieces of work that were over before `before`, and says how
    /// many.
    ///
    /// # Errors
    /// If the store fails.
    fn prune(&mut self, before: Time, limit: usize) -> Result<u64, StoreError>;
}
