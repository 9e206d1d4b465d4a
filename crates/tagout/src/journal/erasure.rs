//! Free texts erased from the journal, with a record of it.

use serde_json::json;
use tagout_core::approval::Person;
use tagout_core::text::FreeText;
use tagout_core::time::Time;
use tagout_log::archive::ARCHIVES;
use tagout_log::storage::{Storage, TextPlace};
use tagout_log::{Commitment, Opened, Record};

use crate::clock::Clock;
use crate::fault::Fault;

use super::{EVENT_VERSION, Journal, log_fault};

/// The kind of the entry that records an erasure.
const ERASED: &str = "log.text_erased";

/// Who erases, and why.
#[derive(Debug, Clone)]
pub struct Erasure {
    /// By whom.
    pub by: Person,
    /// Why. It is a free text itself.
    pub reason: FreeText,
}

impl<S: Storage> Journal<S> {
    /// The texts of an entry that are still kept, in the order in which they stand in it.
    ///
    /// # Errors
    /// If there is no such entry, the log is damaged or the storage fails.
    pub fn texts_of(&self, entry: u64) -> Result<Vec<Commitment>, Fault> {
        let mut kept = Vec::new();
        for text in self.log.texts(entry).map_err(log_fault)? {
            let payload = self.log.storage().payload(&text);
            if payload.map_err(|e| Fault::new(e.to_string()))?.is_some() {
                kept.push(text.commitment);
            }
        }
        Ok(kept)
    }

    /// Erases texts of an entry for good and records who did it and why, in one go. The leaves and
    /// the tree stay as they are. Says which entry records it.
    ///
    /// # Errors
    /// If one of the texts is not kept, or the storage fails. Then nothing is erased.
    pub fn erase(
        &mut self,
        entry: u64,
        texts: &[Commitment],
        erasure: &Erasure,
    ) -> Result<u64, Fault> {
        let shared = self.log.hold().map_err(log_fault)?;
        let (at, _) = Clock::default().read(shared, self.log.last_at());
        let places = texts.iter().map(|text| TextPlace { index: entry, commitment: *text });
        let texts: Vec<_> = places.collect();
        let done = self.log.erase(&texts, record(at, entry, erasure), &[]);
        if done.is_err() {
            // The first fault is what matters; the place goes back with the connection anyway.
            let _ = self.log.release();
        }
        let index = done.map_err(log_fault)?.index;
        self.catch_up()?;
        Ok(index)
    }

    /// Takes what an entry said out of memory, as it is read now that texts of it are erased, and
    /// before what stands at `end` in the log: notices and pages tell what memory holds, also
    /// where another process erased it.
    pub(super) fn forget_texts(&mut self, entry: u64, end: u64) -> Result<(), Fault> {
        let Some(recorded) = self.event(entry)? else { return Ok(()) };
        let id = recorded.incident();
        if self.incidents.contains_key(id) {
            let without = self.as_of(id, end)?;
            self.incidents.insert(id.to_owned(), without);
        }
        self.overview.tell_anew(&recorded);
        Ok(())
    }
}

/// The entry texts of which were erased, if it is an erasure that this entry records.
pub(super) fn erased_by(opened: &Opened) -> Option<u64> {
    let erasure = opened.entry.kind == ERASED;
    erasure.then(|| opened.entry.data.get("entry")?.as_u64()).flatten()
}

fn record(at: Time, entry: u64, Erasure { by, reason }: &Erasure) -> Record {
    Record {
        at,
        stream: ARCHIVES.to_owned(),
        kind: ERASED.to_owned(),
        version: EVENT_VERSION,
        data: json!({"by": by, "entry": entry, "reason": reason}),
    }
}
