//! The agent's loop: load, decide, append, evolve, and do what the state calls for. Bringing
//! an incident back after a restart is the same loop.

use tagout_core::alert::Alert;
use tagout_core::command::{Command, SharedCommand};
use tagout_core::decide::{Rejection, Rules, decide, decide_shared};
use tagout_core::digest::{DeliveryDigest, sha256, to_hex};
use tagout_core::effect::{Effect, effect};
use tagout_core::event::FlawedAlert;
use tagout_core::incident::{Incident, Stage};
use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::Catalogue;
use tagout_core::time::Time;
use tagout_core::verdict::Mode;
use tagout_log::storage::Storage;

use crate::clock::{Clock, TOLERANCE};
use crate::fault::Fault;
use crate::journal::{CommitError, Journal, Recorded};
use crate::matching::Search;
use crate::signals::{Delivery, Reading};

/// How often a decision is made anew because somebody else recorded something first.
const RETRIES: usize = 32;
/// How many flawed alerts of one delivery are recorded one by one.
const FLAWS: usize = 100;

/// Why nothing came of a command.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The asker's fault.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Ours, or the machine's.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What came of one alert of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It belongs to this incident.
    Incident(String),
    /// It could not be read; the delivery's event says why.
    Flawed(FlawedAlert),
}

/// The agent over one journal.
pub struct Engine<S> {
    journal: Journal<S>,
    policy: EscalationPolicy,
    runbooks: Catalogue,
    search: Box<dyn Search>,
    clock: Clock,
    observer: Box<dyn FnMut(&Recorded) + Send>,
}

impl<S: Storage> Engine<S> {
    /// An agent that works under these rules.
    pub fn new(
        journal: Journal<S>,
        policy: EscalationPolicy,
        runbooks: Catalogue,
        search: impl Search + 'static,
    ) -> Self {
        let observer = Box::new(|_: &Recorded| {});
        let (search, clock) = (Box::new(search), Clock::default());
        Self { journal, policy, runbooks, search, clock, observer }
    }

    /// Records which policy and runbooks are in force, if they were not before. Due before
    /// anything is decided under them.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn announce(&mut self) -> Result<(), EngineError> {
        self.ask_shared(SharedCommand::LoadPolicy(self.policy.clone()))?;
        let (digest, runbooks) = (self.runbooks.digest(), self.runbooks.len() as u64);
        self.ask_shared(SharedCommand::LoadCatalogue { digest, runbooks })?;
        Ok(())
    }

    /// Has another policy, other runbooks and the search over them in force from here on, and
    /// records what they take the place of. If that cannot be recorded, the old ones stay.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn replace(
        &mut self,
        policy: EscalationPolicy,
        runbooks: Catalogue,
        search: Box<dyn Search>,
    ) -> Result<(), EngineError> {
        let policy = std::mem::replace(&mut self.policy, policy);
        let runbooks = std::mem::replace(&mut self.runbooks, runbooks);
        let search = std::mem::replace(&mut self.search, search);
        self.announce().inspect_err(|_| {
            // Nothing is decided under rules that the log does not name.
            self.policy = policy;
            self.runbooks = runbooks;
            self.search = search;
        })
    }

    /// Has `observer` see every event after it was recorded.
    #[must_use]
    pub fn observed_by(mut self, observer: impl FnMut(&Recorded) + Send + 'static) -> Self {
        self.observer = Box::new(observer);
        self
    }

    /// The journal.
    pub const fn journal(&self) -> &Journal<S> {
        &self.journal
    }

    /// The journal, to sign it.
    pub const fn journal_mut(&mut self) -> &mut Journal<S> {
        &mut self.journal
    }

    /// The runbooks in force.
    pub const fn runbooks(&self) -> &Catalogue {
        &self.runbooks
    }

    /// The policy in force.
    pub const fn policy(&self) -> &EscalationPolicy {
        &self.policy
    }

    /// Takes in a delivery and carries each of its alerts as far as it goes without people.
    ///
    /// # Errors
    /// If the log cannot be written; what was recorded until then stays recorded.
    pub fn receive(&mut self, delivery: &Delivery) -> Result<Vec<Taken>, EngineError> {
        let flawed = |(index, flaw): (usize, &tagout_core::alert::AlertFlaw)| FlawedAlert {
            index: index as u64,
            flaw: flaw.to_string().into(),
        };
        let flaws = delivery.alerts.iter().filter_map(|reading| match reading {
            Reading::Flawed { index, flaw } => Some((*index, flaw)),
            Reading::Alert(_) => None,
        });
        self.ask_shared(SharedCommand::RecordDelivery {
            delivery: delivery.digest,
            format: delivery.source.name().to_owned(),
            alerts: delivery.alerts.len() as u64,
            flawed: flaws.take(FLAWS).map(flawed).collect(),
            truncated: delivery.truncated,
        })?;
        let mut taken = Vec::with_capacity(delivery.alerts.len());
        for (place, reading) in delivery.alerts.iter().enumerate() {
            taken.push(match reading {
                Reading::Alert(alert) => {
                    Taken::Incident(self.receive_alert(alert, delivery.digest, place)?)
                }
                Reading::Flawed { index, flaw } => Taken::Flawed(flawed((*index, flaw))),
            });
        }
        Ok(taken)
    }

    fn receive_alert(
        &mut self,
        alert: &Alert,
        delivery: DeliveryDigest,
        place: usize,
    ) -> Result<String, EngineError> {
        let command = Command::ReceiveAlert { alert: alert.clone(), delivery };
        for _ in 0..RETRIES {
            self.journal.catch_up()?;
            let id = match self.journal.shared().open_incident(alert.identity()) {
                Some(id) => id.to_owned(),
                None => self.new_id(alert, delivery, place),
            };
            // One attempt at a time: if somebody recorded something in between, it may be the
            // very incident that this alert belongs to.
            match self.ask_once(&id, &command) {
                Ok(Some(_)) => {
                    self.advance(&id)?;
                    return Ok(id);
                }
                // Somebody was quicker, or closed that incident: look again where it belongs.
                Ok(None) | Err(EngineError::Rejected(Rejection::Closed)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Fault::new("the log is too busy; try again").into())
    }

    /// An id that no incident has: short enough to read out, and no counter, so that replicas
    /// need not agree on one.
    fn new_id(&self, alert: &Alert, delivery: DeliveryDigest, place: usize) -> String {
        let (identity, size) = (alert.identity(), self.journal.log().size());
        let mut salt = 0u64;
        loop {
            let parts: [&[u8]; 5] = [
                identity.as_bytes(),
                delivery.as_bytes(),
                &(place as u64).to_be_bytes(),
                &size.to_be_bytes(),
                &salt.to_be_bytes(),
            ];
            let digest = sha256("tagout.incident-id.v1", &parts);
            let id = format!("inc-{}", to_hex(&digest[..5]));
            if self.journal.incident(&id).case().is_none() {
                return id;
            }
            salt += 1;
        }
    }

    /// Does what the incident calls for until it waits for people, for time, or for nothing.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn advance(&mut self, id: &str) -> Result<(), EngineError> {
        while let Some(due) = effect(self.journal.incident(id)) {
            let command = match due {
                Effect::Search => {
                    let Some(case) = self.journal.incident(id).case() else { break };
                    let alert = case.alert.clone();
                    Command::RecordFindings { findings: self.search.find(&alert)? }
                }
                Effect::Rehearse => Command::Rehearse,
                // This release plans in dry-run only, so no start is ever due.
                Effect::StartStep(_) => break,
            };
            match self.ask(id, command) {
                Ok(_) => {}
                // Another process did it in between: go on from what it recorded.
                Err(EngineError::Rejected(_))
                    if effect(self.journal.incident(id)).as_ref() != Some(&due) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Brings every incident as far as it goes after a restart. One that cannot be brought
    /// further does not hold up the others; it is returned with the reason.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn recover(&mut self) -> Result<Vec<(String, EngineError)>, EngineError> {
        self.journal.catch_up()?;
        let unsettled = self.journal.incidents().filter(|(_, incident)| match incident {
            Incident::Open(..) => true,
            // A step may have been started before its incident ended.
            Incident::Closed(case, _) => case.in_flight(),
            Incident::Absent => false,
        });
        let unsettled: Vec<String> = unsettled.map(|(id, _)| id.to_owned()).collect();
        let mut stuck = Vec::new();
        for id in unsettled {
            let done = self
                .ask(&id, Command::ReportLost)
                .and_then(|_| self.ask(&id, Command::Tick))
                .and_then(|_| self.advance(&id));
            stuck.extend(done.err().map(|error| (id, error)));
        }
        Ok(stuck)
    }

    /// Lapses every request that is overdue.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn tick(&mut self) -> Result<(), EngineError> {
        self.journal.catch_up()?;
        let open: Vec<String> = self.journal.shared().open_incidents().map(str::to_owned).collect();
        for id in open {
            self.ask(&id, Command::Tick)?;
        }
        Ok(())
    }

    /// Asks for something about an incident, and then does what it calls for.
    ///
    /// # Errors
    /// If it is rejected, or the log cannot be written.
    pub fn handle(&mut self, id: &str, command: Command) -> Result<Vec<Recorded>, EngineError> {
        let recorded = self.ask(id, command)?;
        self.advance(id)?;
        Ok(recorded)
    }

    fn ask(&mut self, id: &str, command: Command) -> Result<Vec<Recorded>, EngineError> {
        for _ in 0..RETRIES {
            if let Some(recorded) = self.ask_once(id, &command)? {
                return Ok(recorded);
            }
        }
        Err(Fault::new("the log is too busy; try again").into())
    }

    /// Asks on what the log says now; `None` if somebody recorded something in between.
    fn ask_once(
        &mut self,
        id: &str,
        command: &Command,
    ) -> Result<Option<Vec<Recorded>>, EngineError> {
        let now = self.now()?;
        let rules = Rules { policy: &self.policy, runbooks: &self.runbooks, mode: Mode::DryRun };
        let incident = self.journal.incident(id);
        let decided = decide(incident, id, self.journal.shared(), rules, command.clone(), now);
        let (events, refused) = match decided {
            Ok(events) => (events, None),
            // A refused answer of a known person is itself recorded.
            Err(rejection) => match rejection.record().cloned() {
                Some(event) => (vec![event], Some(rejection)),
                None => return Err(rejection.into()),
            },
        };
        match self.journal.commit(id, events, now) {
            Ok(recorded) => {
                recorded.iter().for_each(&mut self.observer);
                refused.map_or(Ok(Some(recorded)), |rejection| Err(rejection.into()))
            }
            Err(CommitError::Stale) => Ok(None),
            Err(CommitError::Fault(fault)) => Err(fault.into()),
        }
    }

    /// Asks for something about what spans incidents.
    ///
    /// # Errors
    /// If it is rejected, or the log cannot be written.
    pub fn ask_shared(&mut self, command: SharedCommand) -> Result<Vec<Recorded>, EngineError> {
        for _ in 0..RETRIES {
            let now = self.now()?;
            let events = decide_shared(self.journal.shared(), command.clone(), now)?;
            match self.journal.commit("", events, now) {
                Ok(recorded) => {
                    recorded.iter().for_each(&mut self.observer);
                    return Ok(recorded);
                }
                Err(CommitError::Stale) => {}
                Err(CommitError::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Fault::new("the log is too busy; try again").into())
    }

    /// Reads what others recorded, and the time; a jump of the clock is recorded first.
    fn now(&mut self) -> Result<Time, EngineError> {
        self.journal.catch_up()?;
        let (now, jump) = self.clock.read(self.journal.last_at());
        let Some(jump) = jump.or_else(|| self.gap(now)) else {
            self.clock.settle();
            return Ok(now);
        };
        for _ in 0..RETRIES {
            let now = self.journal.last_at().map_or(now, |last| now.max(last));
            let events = decide_shared(self.journal.shared(), jump.clone(), now)?;
            match self.journal.commit("", events, now) {
                Ok(recorded) => {
                    self.clock.settle();
                    recorded.iter().for_each(&mut self.observer);
                    return Ok(now);
                }
                Err(CommitError::Stale) => self.journal.catch_up()?,
                Err(CommitError::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Fault::new("the log is too busy; try again").into())
    }

    /// The time in which no agent ran before this one, if some plan waits for the clock:
    /// nobody's objection could have been heard in it, so it counts as a jump.
    fn gap(&self, now: Time) -> Option<SharedCommand> {
        if !self.clock.is_fresh() {
            return None;
        }
        let waits = |(_, incident): (&str, &Incident)| {
            matches!(incident, Incident::Open(_, Stage::Waiting(_, _, Some(_))))
        };
        let by = now.since(self.journal.last_at()?);
        (by > TOLERANCE && self.journal.incidents().any(waits))
            .then_some(SharedCommand::RecordClockJump { by, forward: true })
    }
}
