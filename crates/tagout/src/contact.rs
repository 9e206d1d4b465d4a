//! The service's contact with its store: when it was last met, whether this replica leads, and
//! whether a standby confirms what is recorded.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::http::health::{PATIENCE, StoreCheck};
use crate::store::reserve::Reserve;
use crate::store::{Standby, Store};

/// How old a meeting may be. They are a second apart.
const FRESH: Duration = Duration::from_secs(5);

/// What was found when the store was met.
#[derive(Debug, Clone)]
pub(crate) struct Met {
    /// Whether this replica signs and acts on time-outs.
    pub(crate) leads: bool,
    /// Whether a commit is on a second machine before it is answered.
    pub(crate) standby: Standby,
}

/// The last meeting with the store.
#[derive(Debug, Default)]
pub(crate) struct Contact(Mutex<Option<(Instant, Result<Met, String>)>>);

impl Contact {
    /// Notes what a meeting came to.
    pub(crate) fn note(&self, met: Result<Met, String>) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((Instant::now(), met));
    }

    fn last(&self) -> Option<(Instant, Result<Met, String>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether this replica leads, as far as is known.
    pub(crate) fn leads(&self) -> bool {
        let fresh = |at: Instant| at.elapsed() < FRESH;
        self.last().is_some_and(|(at, met)| fresh(at) && met.is_ok_and(|met| met.leads))
    }

    /// The readiness of the store. A file is looked at by a connection of its own, and the
    /// writer must not have failed with the one it has open; a database is met by the writer
    /// each second, and another connection for every question would only burden it.
    /// While `reserve` is touched no delivery is taken.
    pub(crate) fn check(
        contact: &Arc<Self>,
        store: &Store,
        reserve: Option<Reserve>,
    ) -> impl StoreCheck + use<> {
        let contact = Arc::clone(contact);
        let probe = match store {
            Store::Sqlite(store) => Some(store.probe(PATIENCE)),
            Store::Postgres(_) => None,
        };
        move || match &probe {
            _ if reserve.as_ref().is_some_and(Reserve::is_low) => {
                Err("the disk is full but for what is kept for decisions".into())
            }
            Some(probe) => probe().and_then(|()| contact.is_met()),
            None => contact.is_ready(),
        }
    }

    /// Whether the last meeting came to something, however long ago it was: a file that another
    /// process holds keeps the writer waiting.
    fn is_met(&self) -> Result<(), String> {
        match self.last() {
            Some((_, Err(_))) => Err("the database fails; see the log".into()),
            _ => Ok(()),
        }
    }

    fn is_ready(&self) -> Result<(), String> {
        match self.last() {
            None => Err("the database was not met yet".into()),
            Some((at, _)) if at.elapsed() > FRESH => Err("the database does not answer".into()),
            // The words of the driver may name addresses; the log has them.
            Some((_, Err(_))) => Err("the database fails; see the log".into()),
            Some((_, Ok(met))) => match met.standby {
                Standby::Missing(why) => Err(why),
                Standby::InSync(_) | Standby::NotRequired => Ok(()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_was_not_met_or_lacks_its_standby_is_not_ready() {
        let contact = Contact::default();
        assert!(contact.is_ready().is_err());
        assert!(!contact.leads());
        contact.note(Ok(Met { leads: true, standby: Standby::NotRequired }));
        assert!(contact.is_ready().is_ok());
        assert!(contact.leads());
        contact.note(Ok(Met { leads: false, standby: Standby::Missing("no standby".into()) }));
        assert_eq!(contact.is_ready(), Err("no standby".into()));
        assert!(!contact.leads());
        contact.note(Err("connection refused by 10.0.0.1".into()));
        assert!(!contact.is_ready().unwrap_err().contains("10.0.0.1"));
    }
}
