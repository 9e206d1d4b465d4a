//! What of the journal may go into an archive, and its removal from the store.

use std::collections::BTreeMap;

use tagout_core::incident::Incident;
use tagout_core::limits::ARCHIVE_ENTRIES;
use tagout_core::time::Time;
use tagout_log::archive::{ARCHIVED, ARCHIVES, Archived};
use tagout_log::storage::{Storage, TextPlace};
use tagout_log::{Guard, Record, SignedCheckpoint};

use crate::clock::Clock;
use crate::fault::Fault;

use super::{EVENT_VERSION, INCIDENT_PREFIX, Journal, log_fault};

/// How many ids of incidents are read at once.
const PAGE: usize = 1_000;

/// An entry whose texts may be archived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archivable {
    /// Its place in the log, from 0.
    pub index: u64,
    /// Its incident, at the version at which it was found closed and old enough.
    pub incident: Guard,
    /// Its texts that are kept.
    pub texts: Vec<TextPlace>,
}

/// The entries in parts, each of which one file holds, in the order of the log within a part.
pub fn in_files(entries: Vec<Archivable>) -> impl Iterator<Item = Vec<Archivable>> {
    let mut entries = entries.into_iter();
    std::iter::from_fn(move || {
        let mut part: Vec<_> = entries.by_ref().take(ARCHIVE_ENTRIES).collect();
        part.sort_by_key(|entry| entry.index);
        Some(part).filter(|part| !part.is_empty())
    })
}

impl<S: Storage> Journal<S> {
    /// The entries with texts of all incidents that are closed, have no step in flight and
    /// whose last entry is earlier than `before`; incident by incident, the one that opened
    /// first at the front.
    ///
    /// # Errors
    /// If the log is damaged or the storage fails.
    pub fn archivable(&self, before: Time) -> Result<Vec<Archivable>, Fault> {
        let mut incidents = Vec::new();
        let mut last = String::new();
        loop {
            let ids = self.ids_after(&last, PAGE)?;
            let Some(end) = ids.last() else { break };
            last.clone_from(end);
            for id in ids {
                let entries = self.archivable_of(&id, before)?;
                incidents.extend(entries.first().map(|first| first.index).zip(Some(entries)));
            }
        }
        incidents.sort_by_key(|(first, _)| *first);
        Ok(incidents.into_iter().flat_map(|(_, entries)| entries).collect())
    }

    fn archivable_of(&self, id: &str, before: Time) -> Result<Vec<Archivable>, Fault> {
        let history = self.history(Some(id))?;
        let over = |i: &Incident| matches!(i, Incident::Closed(case, _) if !case.is_unsettled());
        if history.last().is_none_or(|last| last.at() >= before) || !over(&self.load(id)?) {
            return Ok(Vec::new());
        }
        let expected = history.len() as u64;
        let incident = Guard { stream: format!("{INCIDENT_PREFIX}{id}"), expected };
        let mut entries = Vec::new();
        for recorded in history {
            let index = recorded.index();
            let mut texts = self.log.texts(index).map_err(log_fault)?;
            let mut failed = None;
            texts.retain(|text| match self.log.storage().payload(text) {
                Ok(kept) => kept.is_some(),
                Err(e) => failed.replace(e).is_some(),
            });
            if let Some(e) = failed {
                return Err(Fault::new(e.to_string()));
            }
            if !texts.is_empty() {
                entries.push(Archivable { index, incident: incident.clone(), texts });
            }
        }
        Ok(entries)
    }

    /// Writes an archive of these entries, which are in the order of the log.
    ///
    /// # Errors
    /// If the checkpoint does not cover them, or reading or writing fails.
    pub fn write_archive<W: std::io::Write>(
        &self,
        out: W,
        entries: &[Archivable],
        checkpoint: &SignedCheckpoint,
    ) -> Result<W, Fault> {
        let indexes: Vec<u64> = entries.iter().map(|entry| entry.index).collect();
        self.log.write_archive(out, &indexes, checkpoint).map_err(log_fault)
    }

    /// The archives that the log records, the earliest first.
    ///
    /// # Errors
    /// If the log is damaged or the storage fails.
    pub fn archives(&self) -> Result<Vec<Archived>, Fault> {
        let opened = self.log.stream(ARCHIVES, 0).map_err(log_fault)?.into_iter();
        let own = opened.map(|opened| opened.entry).filter(|entry| entry.kind == ARCHIVED);
        Ok(own.filter_map(|entry| Archived::from_data(&entry.data)).collect())
    }

    /// Removes the texts of these entries, which a durable and verified archive holds, and
    /// records the archive. In one turn, and only if nothing was recorded of the incidents
    /// since.
    ///
    /// # Errors
    /// If something was, a text is gone meanwhile, or the storage fails. Then nothing is
    /// removed.
    pub fn archive(&mut self, entries: &[Archivable], archive: &Archived) -> Result<(), Fault> {
        let shared = self.log.hold().map_err(log_fault)?;
        let (at, _) = Clock::default().read(shared, self.log.last_at());
        let record = Record {
            at,
            stream: ARCHIVES.to_owned(),
            kind: ARCHIVED.to_owned(),
            version: EVENT_VERSION,
            data: archive.to_data(),
        };
        let guards: BTreeMap<_, _> =
            entries.iter().map(|e| (e.incident.stream.as_str(), e.incident.expected)).collect();
        let guards = guards.into_iter();
        let guards: Vec<_> = guards
            .map(|(stream, expected)| Guard { stream: stream.to_owned(), expected })
            .collect();
        let texts: Vec<_> = entries.iter().flat_map(|entry| entry.texts.clone()).collect();
        let done = self.log.archive(&texts, record, &guards);
        if done.is_err() {
            // The first fault is what matters; the place goes back with the connection anyway.
            let _ = self.log.release();
        }
        done.map_err(log_fault)?;
        self.catch_up()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_at_most_so_many_entries_in_the_order_of_the_log() {
        let incident = Guard { stream: "incident/a".into(), expected: 1 };
        let entry = |index| Archivable { index, incident: incident.clone(), texts: Vec::new() };
        for (entries, files) in [(0, 0), (1, 1), (ARCHIVE_ENTRIES, 1), (ARCHIVE_ENTRIES + 1, 2)] {
            let all: Vec<_> = (0..entries as u64).rev().map(entry).collect();
            let parts: Vec<_> = in_files(all).collect();
            assert_eq!(parts.len(), files, "{entries}");
            assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), entries);
            for part in parts {
                assert!(part.len() <= ARCHIVE_ENTRIES);
                assert!(part.is_sorted_by_key(|entry| entry.index));
            }
        }
    }
}
