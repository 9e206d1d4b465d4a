//! What became of each notice on each channel, for people and programs.

use serde::{Deserialize, Serialize};
use tagout_core::notice::Notice;
use utoipa::ToSchema;

use crate::journal::NOTICE;
use crate::store::{Outbox, StoreError, Work};

/// A notice on its way through a channel.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Told {
    /// Its place in the outbox; a later one has a higher one.
    pub number: i64,
    /// Its id, the same in every attempt.
    pub notice: String,
    /// The channel; absent while it was not handed to any.
    pub channel: Option<String>,
    /// What it is about.
    pub topic: String,
    /// The incident, if it is about one.
    pub incident: Option<String>,
    /// When that happened (RFC 3339).
    pub at: String,
    /// `waiting`, `delivered`, `given_up`, or `overtaken` if it had no use any more.
    pub state: String,
    /// How often it was sent.
    pub attempts: u32,
    /// When it is sent next, while it waits (RFC 3339).
    pub due: Option<String>,
    /// What came of the last attempt that failed.
    pub last_error: Option<String>,
}

impl Told {
    /// At most `limit` notices before the place `before`, the latest first; those that are over
    /// only if `all`.
    ///
    /// # Errors
    /// If the store fails.
    pub fn latest<S: Outbox>(
        store: &S,
        before: i64,
        all: bool,
        limit: usize,
    ) -> Result<Vec<Self>, StoreError> {
        let work = store.latest(before, all, limit)?;
        Ok(work.into_iter().filter_map(Self::of).collect())
    }

    fn of(work: Work) -> Option<Self> {
        use crate::store::Outcome;
        let channel = match work.kind.strip_prefix(NOTICE)? {
            "" => None,
            rest => Some(rest.strip_prefix(':')?.to_owned()),
        };
        let notice: Notice = serde_json::from_str(&work.body).ok()?;
        let state = match work.settled {
            None => "waiting",
            Some((_, Outcome::Done)) => "delivered",
            Some((_, Outcome::GivenUp)) => "given_up",
            Some((_, Outcome::Overtaken)) => "overtaken",
        };
        Some(Self {
            number: work.id,
            notice: notice.id,
            channel,
            topic: notice.topic.name().to_owned(),
            incident: Some(notice.incident).filter(|id| !id.is_empty()),
            at: notice.at.to_string(),
            state: state.to_owned(),
            attempts: work.attempts,
            due: work.settled.is_none().then(|| work.due.max(notice.at).to_string()),
            last_error: work.last_error,
        })
    }
}
