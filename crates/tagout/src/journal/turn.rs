//! One turn at the log: what is added in it becomes durable together, or has not happened.

use std::collections::BTreeMap;

use tagout_core::event::Event;
use tagout_core::incident::Incident;
use tagout_core::notice::{Happened, notices};
use tagout_core::shared::Mark;
use tagout_core::time::Time;
use tagout_log::storage::Storage;
use tagout_log::{LogError, Outgoing};

use super::record::encode;
use super::{Journal, LookPermit, Recorded, StepPermit, log_fault};
use crate::fault::Fault;

/// The kind of work in the outbox that tells people of an event.
pub const NOTICE: &str = "notice";

/// Why events were not recorded.
#[derive(Debug, Clone)]
pub enum CommitError {
    /// Somebody else recorded something since the state was read. Read again and decide anew.
    Stale,
    /// The log could not be written, as far as is known: it may have been, and the answer
    /// lost. The next turn reads what there is.
    Fault(Fault),
    /// What was to be recorded cannot be, though the log is well.
    Unfit(Fault),
}

/// Leave for what was recorded to start in one append.
#[derive(Debug, Default)]
pub struct Leave {
    /// To start steps.
    pub steps: Vec<StepPermit>,
    /// To take looks.
    pub looks: Vec<LookPermit>,
}

/// One turn at the log: events are added, each decided on all before it, and become durable
/// together or not at all. A turn that is dropped has not happened.
pub struct Turn<'j, S: Storage> {
    journal: &'j mut Journal<S>,
    clock: Option<Time>,
    /// How the shared state stood; taken out when the turn is over.
    mark: Option<Mark>,
    /// The incidents as they were.
    before: BTreeMap<String, Incident>,
    pending: Vec<Recorded>,
    /// Whom to tell what of the pending events. It becomes durable with them, whatever is
    /// configured: whether somebody is told is known when it is sent.
    outgoing: Vec<Outgoing>,
}

impl<'j, S: Storage> Turn<'j, S> {
    /// A turn of a journal that holds the one place of order.
    pub(super) fn begin(journal: &'j mut Journal<S>, clock: Option<Time>) -> Self {
        let mark = Some(journal.shared.mark());
        let (before, pending, outgoing) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { journal, clock, mark, before, pending, outgoing }
    }

    /// What the storage's clock shows, if it has one.
    #[must_use]
    pub const fn clock(&self) -> Option<Time> {
        self.clock
    }

    /// What is recorded, and what this turn has added to it.
    #[must_use]
    pub const fn journal(&self) -> &Journal<S> {
        self.journal
    }

    /// The time of the last event, this turn's included.
    #[must_use]
    pub fn last_at(&self) -> Option<Time> {
        self.pending.last().map_or(self.journal.last_at(), |last| Some(last.at))
    }

    /// How many events the turn has added.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether it has added none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Adds events of one incident, or with an empty id of what spans incidents. Their effect
    /// on the state is seen at once; whether they hold is known when the turn is committed.
    ///
    /// # Errors
    /// If one of them cannot follow: a fault of ours, and the turn must be dropped.
    pub fn add(&mut self, incident: &str, events: Vec<Event>, at: Time) -> Result<(), Fault> {
        for event in events {
            let index = self.journal.read + self.pending.len() as u64;
            let one = Recorded { index, at, incident: incident.to_owned(), event };
            if !incident.is_empty() && !self.before.contains_key(incident) {
                let before = self.journal.incident(incident).clone();
                self.before.insert(incident.to_owned(), before);
            }
            let was_open = matches!(self.journal.incident(incident), Incident::Open(..));
            self.journal.apply(&one)?;
            self.tell(&one, was_open)?;
            self.pending.push(one);
        }
        Ok(())
    }

    /// Leaves behind what people are to be told of an event.
    fn tell(&mut self, one: &Recorded, was_open: bool) -> Result<(), Fault> {
        let Recorded { index, at, incident, event } = one;
        let after = self.journal.incident(incident);
        let happened = Happened { event, incident, was_open, after, entry: *index, at: *at };
        for notice in notices(happened) {
            let body = serde_json::to_string(&notice);
            let body = body.map_err(|e| Fault::new(format!("a notice cannot be written: {e}")))?;
            let record = self.pending.len();
            self.outgoing.push(Outgoing { record, kind: NOTICE.to_owned(), body });
        }
        Ok(())
    }

    /// Puts an incident into memory that is not there: what is decided next is about it.
    ///
    /// # Errors
    /// If the log is damaged or the storage fails.
    pub fn bring_back(&mut self, id: &str) -> Result<(), Fault> {
        if !self.journal.incidents.contains_key(id) {
            let incident = self.journal.load(id)?;
            if incident != Incident::Absent {
                self.before.insert(id.to_owned(), incident.clone());
                self.journal.incidents.insert(id.to_owned(), incident);
            }
        }
        Ok(())
    }

    /// Makes the events durable, all of them or none.
    ///
    /// # Errors
    /// See [`CommitError`]. In each case the state is as it was.
    pub fn commit(mut self) -> Result<Vec<Recorded>, CommitError> {
        if self.pending.is_empty() {
            return Ok(Vec::new());
        }
        let records = self.pending.iter().map(encode).collect::<Result<Vec<_>, _>>();
        let records = records.map_err(CommitError::Unfit)?;
        match self.journal.log.append_after(self.journal.read, &records, &self.outgoing) {
            Ok(_) => {}
            Err(LogError::HeadMoved { .. }) => return Err(CommitError::Stale),
            Err(error @ (LogError::Record { .. } | LogError::Shape)) => {
                return Err(CommitError::Unfit(log_fault(error)));
            }
            Err(error) => return Err(CommitError::Fault(log_fault(error))),
        }
        let pending = std::mem::take(&mut self.pending);
        if let Some(mark) = self.mark.take() {
            self.journal.shared.keep(mark);
        }
        self.journal.read += pending.len() as u64;
        let Journal { overview, shared, .. } = &mut *self.journal;
        pending.iter().for_each(|recorded| overview.note(recorded, shared));
        for id in std::mem::take(&mut self.before).into_keys() {
            self.journal.let_go(&id);
        }
        Ok(pending)
    }

    /// As [`Turn::commit`]; and with every start of a step that has become durable by it, the
    /// permit to start that step. There is no other way to one.
    ///
    /// # Errors
    /// As [`Turn::commit`]; then nothing may start.
    pub fn commit_starts(self) -> Result<(Vec<Recorded>, Vec<StepPermit>), CommitError> {
        self.commit_with_leave().map(|(recorded, leave)| (recorded, leave.steps))
    }

    /// As [`Turn::commit_starts`], with leave to take each look whose start has become durable.
    ///
    /// # Errors
    /// As [`Turn::commit`]; then nothing may start.
    pub fn commit_with_leave(self) -> Result<(Vec<Recorded>, Leave), CommitError> {
        let recorded = self.commit()?;
        let steps = recorded.iter().filter_map(StepPermit::of).collect();
        let looks = recorded.iter().filter_map(LookPermit::of).collect();
        Ok((recorded, Leave { steps, looks }))
    }
}

impl<S: Storage> Drop for Turn<'_, S> {
    fn drop(&mut self) {
        let Some(mark) = self.mark.take() else { return };
        self.journal.shared.take_back(mark);
        self.journal.joins.take_back(self.journal.read);
        for (id, incident) in std::mem::take(&mut self.before) {
            match incident {
                Incident::Absent => self.journal.incidents.remove(&id),
                incident => self.journal.incidents.insert(id.clone(), incident),
            };
            self.journal.let_go(&id);
        }
        // A place that cannot be given back goes with the connection.
        let _ = self.journal.log.release();
    }
}
