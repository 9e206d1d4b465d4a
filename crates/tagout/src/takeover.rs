//! Taking over: which starts without an end are lost. One is, once whoever recorded it is gone for
//! so long that all it had started has ended, whether or not anything could tell it to.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use tagout_core::command::Command;
use tagout_core::decide::Rejection;
use tagout_core::digest::PlanDigest;
use tagout_core::event::Event;
use tagout_core::incident::StepState;
use tagout_core::limits;
use tagout_core::rehearsal::RehearsalState;
use tagout_core::text::FreeText;

use crate::engine::{Engine, EngineError};
use crate::fault::Fault;
use crate::lease::Moment;
use crate::store::{Appender, Store};

/// A start: its incident, plan, step and attempt, or none where a dry-run made it.
type Start = (String, PlanDigest, String, Option<u32>);

/// What this process knows of starts that it does not run.
#[derive(Debug, Default)]
pub(crate) struct TakeOver {
    /// Where in the log each start is recorded that has no end.
    entries: BTreeMap<Start, u64>,
    gone: Gone,
}

/// Since when each former replica, by its epoch, was seen to be gone. By this machine's own clock
/// and not the database's, which may jump.
#[derive(Debug, Default)]
struct Gone(BTreeMap<Option<u64>, Moment>);

impl Gone {
    /// Whether all that this replica had started has certainly ended.
    fn for_good(&mut self, epoch: Option<u64>) -> bool {
        let since = *self.0.entry(epoch).or_insert_with(Moment::now);
        Moment::now() >= since.after(limits::TAKE_OVER.millis())
    }
}

impl TakeOver {
    /// Records every start as lost that nobody runs any more. `running` are the plans whose steps
    /// this process runs, and `leads` whether it is the one that starts steps. Says how many.
    ///
    /// # Errors
    /// If the log cannot be read or written.
    pub(crate) fn report_lost(
        &mut self,
        engine: &mut Engine<Store>,
        running: &BTreeSet<PlanDigest>,
        leads: bool,
    ) -> Result<usize, EngineError> {
        if let Store::Sqlite(_) = engine.journal().log().storage() {
            // Whoever leads has the log to itself, and what it does not run nobody runs.
            return if leads { engine.report_lost(running) } else { Ok(0) };
        }
        let open = open_starts(engine, running);
        self.entries.retain(|start, _| open.contains(start));
        for start in open {
            if let Entry::Vacant(unknown) = self.entries.entry(start) {
                let entry = entry_of(engine, unknown.key())?;
                unknown.insert(entry);
            }
        }
        if self.entries.is_empty() {
            self.gone = Gone::default();
            return Ok(0);
        }
        let mut reported = 0;
        for (id, plan, step, attempt) in self.lost(engine, leads)? {
            let (output, ended) = (FreeText::default(), None);
            let lost = match attempt {
                Some(attempt) => Command::ReportUnknown { plan, step, attempt, output, ended },
                None => Command::FinishRehearsal { plan, step, outcome: None, output, ended },
            };
            match engine.handle(&id, lost) {
                Ok(recorded) => reported += recorded.len(),
                // Its end was recorded in the meantime.
                Err(EngineError::Rejected(Rejection::NotDue(_))) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(reported)
    }

    fn lost(&mut self, engine: &Engine<Store>, leads: bool) -> Result<Vec<Start>, Fault> {
        let entries: Vec<u64> = self.entries.values().copied().collect();
        let Store::Postgres(store) = engine.journal().log().storage() else {
            return Ok(Vec::new());
        };
        let appenders = store.appenders(&entries).map_err(|e| Fault::new(e.to_string()))?;
        let mut former = BTreeSet::new();
        let mut lost = Vec::new();
        for (start, appender) in self.entries.keys().zip(appenders) {
            let is_lost = match appender {
                Appender::Me => true,
                Appender::Member => false,
                Appender::Gone(epoch) => {
                    former.insert(epoch);
                    self.gone.for_good(epoch) && leads
                }
            };
            if is_lost {
                lost.push(start.clone());
            }
        }
        self.gone.0.retain(|epoch, _| former.contains(epoch));
        Ok(lost)
    }
}

/// The starts without an end that are of none of these plans.
fn open_starts(engine: &Engine<Store>, running: &BTreeSet<PlanDigest>) -> BTreeSet<Start> {
    let mut open = BTreeSet::new();
    for (id, incident) in engine.journal().incidents() {
        let starts = incident.case().into_iter().flat_map(|case| &case.starts);
        for ((plan, step, attempt), state) in starts {
            if *state == StepState::Started && !running.contains(plan) {
                open.insert((id.to_owned(), *plan, step.clone(), Some(*attempt)));
            }
        }
        let tried = incident.case().into_iter().flat_map(|case| &case.rehearsals);
        for ((plan, step), state) in tried {
            if *state == RehearsalState::Started && !running.contains(plan) {
                open.insert((id.to_owned(), *plan, step.clone(), None));
            }
        }
    }
    open
}

/// Where in the log a start is recorded: near the end of its incident.
fn entry_of(engine: &Engine<Store>, start: &Start) -> Result<u64, Fault> {
    let (id, plan, step, attempt) = start;
    let journal = engine.journal();
    for place in journal.places(id)?.into_iter().rev() {
        let Some(recorded) = journal.event(place)? else { continue };
        let found = match recorded.event() {
            Event::StepStarted { plan, step, attempt, .. } => (plan, step, Some(*attempt)),
            Event::RehearsalStarted { plan, step } => (plan, step, None),
            _ => continue,
        };
        if found == (plan, step, *attempt) {
            return Ok(place);
        }
    }
    Err(Fault::damage("a step has started, and no entry says so"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_former_replica_started_is_lost_only_when_it_was_gone_for_long_enough() {
        let mut gone = Gone::default();
        assert!(!gone.for_good(Some(7)));
        assert!(!gone.for_good(None));
        let long = limits::TAKE_OVER.millis();
        let before = |millis: u64| {
            let now = serde_json::to_value(Moment::now()).unwrap().as_u64().unwrap();
            serde_json::from_value(serde_json::json!(now.saturating_sub(millis))).unwrap()
        };
        gone.0.insert(Some(7), before(long - 1000));
        assert!(!gone.for_good(Some(7)));
        gone.0.insert(Some(7), before(long));
        assert!(gone.for_good(Some(7)));
        assert!(!gone.for_good(Some(8)), "each for itself");
    }

    #[test]
    fn nothing_is_lost_before_all_that_ran_has_ended() {
        let ends = limits::EXEC_LEASE.millis() + limits::EXEC_KILL_WAIT.millis();
        assert!(limits::TAKE_OVER.millis() > ends);
    }
}
