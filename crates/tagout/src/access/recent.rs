//! The sessions that were lately seen to go on. While the store does not say whose a session is,
//! somebody can still stop something by what stands here; nothing else goes by it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tagout_core::actor::Actor;
use tagout_core::approval::Person;
use tagout_core::limits;
use tagout_core::people::People;
use tagout_core::time::Time;

use super::session::Kept;
use crate::config::SessionConfig;

/// Sessions as they stood beside the log when they were last asked for, by their ids. At most
/// [`limits::SESSIONS_REMEMBERED`]: those that were not used for longest go.
#[derive(Debug, Default)]
pub struct Recent(Mutex<HashMap<String, Kept>>);

impl Recent {
    /// Whose session this is, if it went on when it was last asked for, and neither its end nor a
    /// change of its person has come since.
    pub(super) fn actor(
        &self,
        id: &str,
        people: &People,
        lifetimes: &SessionConfig,
        now: Time,
    ) -> Option<Actor> {
        let sessions = self.sessions();
        let kept = sessions.get(id).filter(|kept| kept.goes_on(people, lifetimes, now))?;
        people.actor(&kept.person)
    }

    pub(super) fn remember(&self, id: String, kept: Kept) {
        let mut sessions = self.sessions();
        if !sessions.contains_key(&id) && sessions.len() >= limits::SESSIONS_REMEMBERED {
            let oldest = sessions.iter().min_by_key(|(_, kept)| kept.seen);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                sessions.remove(&oldest);
            }
        }
        sessions.insert(id, kept);
    }

    pub(super) fn forget(&self, id: &str) {
        self.sessions().remove(id);
    }

    /// Forgets every session of a person.
    pub(super) fn forget_all(&self, person: &Person) {
        self.sessions().retain(|_, kept| kept.person != *person);
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.sessions().len()
    }
}
