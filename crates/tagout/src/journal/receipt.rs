//! Receipts written from the journal.

use tagout_core::event::Event;
use tagout_log::SignedCheckpoint;
use tagout_log::storage::Storage;

use crate::fault::Fault;
use crate::receipt::{Account, extent, meant, policies};

use super::{INCIDENT_PREFIX, Journal, Recorded, SHARED_STREAM, log_fault};

/// Why there is no receipt.
#[derive(Debug)]
pub enum NoReceipt {
    /// There is no such incident or plan; the words say so.
    Unknown(String),
    /// The checkpoint does not cover it yet.
    NotSigned,
    /// It could not be read or written.
    Fault(Fault),
}

impl From<Fault> for NoReceipt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl<S: Storage> Journal<S> {
    /// Writes the receipt of a plan against a checkpoint: of the last plan of the incident, or of
    /// the one whose digest begins like this. Says what it says.
    ///
    /// # Errors
    /// See [`NoReceipt`].
    pub fn write_receipt(
        &self,
        out: &mut Vec<u8>,
        (incident, digest): (&str, Option<&str>),
        checkpoint: &SignedCheckpoint,
    ) -> Result<Account, NoReceipt> {
        let mut history = self.history(Some(incident))?;
        if history.is_empty() {
            return Err(NoReceipt::Unknown(format!("there is no incident {incident:?}")));
        }
        let plan = meant(&history, digest).map_err(NoReceipt::Unknown)?;
        history.truncate(extent(&history, &plan));
        if history.last().is_none_or(|last| last.index() >= checkpoint.checkpoint().size) {
            return Err(NoReceipt::NotSigned);
        }
        let account =
            Account::of(&history, &plan).map_err(|e| NoReceipt::Fault(Fault::damage(e)))?;
        let wanted = policies(&history, &plan);
        let loaded = self.loaded(account.last_entry)?;
        let others = wanted.iter().map(|policy| {
            let found = loaded.iter().rev().find(|recorded| {
                matches!(recorded.event(), Event::PolicyLoaded { digest, .. } if digest == policy)
            });
            let lost = || Fault::damage(format!("the log does not hold the policy {policy}"));
            found.map(Recorded::index).ok_or_else(lost)
        });
        let others = others.collect::<Result<Vec<_>, _>>()?;
        let stream = format!("{INCIDENT_PREFIX}{incident}");
        let own = (stream.as_str(), account.entries);
        self.log
            .write_receipt(out, own, &others, &account.to_summary(), checkpoint)
            .map_err(log_fault)?;
        Ok(account)
    }

    /// The policies that came into force up to an entry.
    fn loaded(&self, until: u64) -> Result<Vec<Recorded>, Fault> {
        let indexes = self.log.storage().stream(SHARED_STREAM, 0);
        let indexes = indexes.map_err(|e| Fault::new(e.to_string()))?;
        let mut loaded = Vec::new();
        for index in indexes.into_iter().take_while(|index| *index <= until) {
            let recorded = self.event(index)?;
            loaded.extend(recorded.filter(|one| matches!(one.event(), Event::PolicyLoaded { .. })));
        }
        Ok(loaded)
    }
}
