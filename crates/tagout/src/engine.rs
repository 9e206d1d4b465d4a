//! The agent's loop: take a turn at the log, decide, append, evolve, and do what the state
//! calls for. Bringing an incident back after a restart is the same loop.

mod deciding;
mod looking;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use deciding::Deciding;
use tagout_core::alert::Alert;
use tagout_core::command::{Command, SharedCommand};
use tagout_core::decide::Rejection;
use tagout_core::digest::{AlertIdentity, MappingDigest, PlanDigest};
use tagout_core::effect::{Effect, effect};
use tagout_core::event::FlawedAlert;
use tagout_core::findings::Findings;
use tagout_core::incident::{Incident, StepState};
use tagout_core::limits;
use tagout_core::policy::EscalationPolicy;
use tagout_core::rehearsal::RehearsalState;
use tagout_core::runbook::Catalogue;
use tagout_core::time::Span;
use tagout_core::verdict::Mode;
use tagout_log::storage::Storage;

use crate::clock::Clock;
use crate::fault::Fault;
use crate::journal::{CommitError, Journal, Leave, Recorded, StepPermit};
use crate::matching::Search;
use crate::signals::{Delivery, Intake};

/// How often a turn is taken anew because somebody else recorded something first.
const RETRIES: usize = 32;

/// Why nothing came of a command.
#[derive(Debug, Clone, thiserror::Error)]
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

/// What somebody wants of the engine. Many wishes can share one turn and one append.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a turn holds few; only deliveries are many")]
pub enum Wish {
    /// Take in what a source sent.
    Deliver(Arc<Intake>),
    /// Take in these alerts of what a source sent. That the delivery was taken in is recorded with
    /// its last alerts.
    DeliverPart(Arc<Intake>, Range<usize>),
    /// Do something about one incident.
    Ask(String, Command),
    /// Do something about what spans incidents.
    Share(SharedCommand),
    /// Look again at what is held back, and let time pass.
    Tick,
}

impl Wish {
    /// What is wanted for one intake, in this order: one wish, or for a big delivery several, each
    /// of which a turn of its own can hold. What the first ones record stands if a later one
    /// fails; the sender is told that the delivery was not taken in, sends it again, and what
    /// stands already is a repeat.
    pub fn deliver(intake: &Arc<Intake>) -> Vec<Self> {
        let alerts = match &**intake {
            Intake::Alerts { delivery, .. } => delivery.alerts.len(),
            Intake::Quarantined(_) => 0,
        };
        if alerts <= limits::ALERTS_PER_TURN {
            return vec![Self::Deliver(Arc::clone(intake))];
        }
        let starts = (0..alerts).step_by(limits::ALERTS_PER_TURN);
        let end = |start: usize| alerts.min(start + limits::ALERTS_PER_TURN);
        starts.map(|start| Self::DeliverPart(Arc::clone(intake), start..end(start))).collect()
    }

    /// How many alerts it brings.
    pub(crate) fn alerts(&self) -> usize {
        match self {
            Self::Deliver(intake) => match &**intake {
                Intake::Alerts { delivery, .. } => delivery.alerts.len(),
                Intake::Quarantined(_) => 0,
            },
            Self::DeliverPart(_, part) => part.len(),
            _ => 0,
        }
    }
}

/// What a wish came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// What was recorded for it; empty for a delivery.
    pub recorded: Vec<Recorded>,
    /// What became of each alert of a delivery.
    pub taken: Vec<Taken>,
}

/// What a turn came to, for each wish, and leave for the starts that were recorded in it.
type Decided = (Vec<Result<Granted, EngineError>>, Leave);

/// The agent over one journal.
pub struct Engine<S> {
    journal: Journal<S>,
    policy: Arc<EscalationPolicy>,
    runbooks: Arc<Catalogue>,
    /// By which declaration the bodies of each source are read; `None` where no source is read, which
    /// says nothing of those that a service reads.
    mappings: Option<BTreeMap<String, MappingDigest>>,
    mode: Mode,
    /// Whether somebody takes the looks that are due.
    looks: bool,
    search: Box<dyn Search>,
    clock: Clock,
    observer: Box<dyn FnMut(&Recorded) + Send>,
    /// Incidents for which a runbook is to be found.
    to_search: VecDeque<String>,
    /// What was held back is looked at again from here on; `None`: from the beginning.
    sweep: Option<AlertIdentity>,
}

impl<S: Storage> Engine<S> {
    /// An agent that works under these rules.
    pub fn new(
        journal: Journal<S>,
        policy: EscalationPolicy,
        runbooks: Catalogue,
        search: impl Search + 'static,
    ) -> Self {
        Self {
            journal,
            policy: Arc::new(policy),
            runbooks: Arc::new(runbooks),
            mappings: None,
            mode: Mode::DryRun,
            looks: false,
            search: Box::new(search),
            clock: Clock::default(),
            observer: Box::new(|_: &Recorded| {}),
            to_search: VecDeque::new(),
            sweep: None,
        }
    }

    /// Has the bodies of these sources read by these declarations, and of no other source by one.
    #[must_use]
    pub fn reading_by(self, mappings: BTreeMap<String, MappingDigest>) -> Self {
        Self { mappings: Some(mappings), ..self }
    }

    /// Records which policy, runbooks and declarations are in force, if they were not before. Due
    /// before anything is decided under them.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn announce(&mut self) -> Result<(), EngineError> {
        self.ask_shared(SharedCommand::LoadPolicy((*self.policy).clone()))?;
        let (digest, runbooks) = (self.runbooks.digest(), self.runbooks.len() as u64);
        self.ask_shared(SharedCommand::LoadCatalogue { digest, runbooks })?;
        let Some(mappings) = self.mappings.clone() else { return Ok(()) };
        let known = self.journal.shared().mappings().keys();
        let gone = known.filter(|source| !mappings.contains_key(*source)).cloned();
        for source in gone.collect::<Vec<_>>() {
            self.ask_shared(SharedCommand::WithdrawMapping { source })?;
        }
        for (source, digest) in mappings {
            self.ask_shared(SharedCommand::LoadMapping { source, digest })?;
        }
        Ok(())
    }

    /// Whether the record says that these rules are in force.
    pub fn is_in_force(&self) -> bool {
        let shared = self.journal.shared();
        shared.policy == Some(self.policy.digest())
            && shared.catalogue == Some(self.runbooks.digest())
            && self.mappings.as_ref().is_none_or(|mappings| mappings == shared.mappings())
    }

    /// Puts other rules into force and records that. The search over the runbooks is whoever
    /// searches' to change, and so is the reading of bodies whoever reads'.
    ///
    /// # Errors
    /// If the log cannot be written; then the old ones stay in force.
    pub fn reload(
        &mut self,
        policy: EscalationPolicy,
        runbooks: Catalogue,
        mappings: BTreeMap<String, MappingDigest>,
    ) -> Result<(), EngineError> {
        let policy = std::mem::replace(&mut self.policy, Arc::new(policy));
        let runbooks = std::mem::replace(&mut self.runbooks, Arc::new(runbooks));
        let mappings = self.mappings.replace(mappings);
        self.announce().inspect_err(|_| {
            (self.policy, self.runbooks, self.mappings) = (policy, runbooks, mappings);
        })
    }

    /// Has `observer` see every event after it was recorded.
    #[must_use]
    pub fn observed_by(mut self, observer: impl FnMut(&Recorded) + Send + 'static) -> Self {
        self.observer = Box::new(observer);
        self
    }

    /// Has plans made for what the configuration allows. Without this all are dry-runs.
    #[must_use]
    pub fn in_mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// What the configuration allows.
    pub const fn mode(&self) -> Mode {
        self.mode
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
    pub fn runbooks(&self) -> &Catalogue {
        &self.runbooks
    }

    /// The runbooks in force, to keep for longer than a look.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.runbooks)
    }

    /// The policy in force.
    pub fn policy(&self) -> &EscalationPolicy {
        &self.policy
    }

    /// Takes in a delivery and carries each of its alerts as far as it goes without people.
    ///
    /// # Errors
    /// If the log cannot be written; what was recorded until then stays recorded.
    pub fn receive(&mut self, delivery: &Delivery) -> Result<Vec<Taken>, EngineError> {
        let intake = Intake::Alerts { source: None, delivery: delivery.clone() };
        let intake = Arc::new(intake);
        let mut taken = Vec::with_capacity(delivery.alerts.len());
        for wish in Wish::deliver(&intake) {
            taken.extend(self.wish(wish)?.taken);
        }
        self.work_off()?;
        Ok(taken)
    }

    /// Asks for something about an incident, and then does what it calls for.
    ///
    /// # Errors
    /// If it is rejected, or the log cannot be written.
    pub fn handle(&mut self, id: &str, command: Command) -> Result<Vec<Recorded>, EngineError> {
        let granted = self.wish(Wish::Ask(id.to_owned(), command))?;
        self.work_off()?;
        Ok(granted.recorded)
    }

    /// Asks for something about what spans incidents.
    ///
    /// # Errors
    /// If it is rejected, or the log cannot be written.
    pub fn ask_shared(&mut self, command: SharedCommand) -> Result<Vec<Recorded>, EngineError> {
        Ok(self.wish(Wish::Share(command))?.recorded)
    }

    /// Lapses every request that is overdue, and looks again at what is held back.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn tick(&mut self) -> Result<(), EngineError> {
        self.wish(Wish::Tick)?;
        self.work_off()
    }

    /// Brings every incident as far as it goes after a restart. One that cannot be brought
    /// further does not hold up the others; it is returned with the reason.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn recover(&mut self) -> Result<Vec<(String, EngineError)>, EngineError> {
        let mut stuck = self.resume()?;
        while let Some(id) = self.to_search.front().cloned() {
            stuck.extend(self.work_off().err().map(|error| (id, error)));
        }
        Ok(stuck)
    }

    /// As [`Engine::recover`], without searching: what is to be found is left to
    /// [`Engine::searches`].
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn resume(&mut self) -> Result<Vec<(String, EngineError)>, EngineError> {
        self.journal.catch_up()?;
        let unsettled = self.journal.incidents().filter(|(_, incident)| match incident {
            Incident::Open(..) => true,
            // A step may have been started before its incident ended.
            Incident::Closed(case, _) => case.is_unsettled(),
            Incident::Absent => false,
        });
        let unsettled: Vec<String> = unsettled.map(|(id, _)| id.to_owned()).collect();
        let mut stuck = Vec::new();
        for id in unsettled {
            let done = self.wish(Wish::Ask(id.clone(), Command::Tick));
            stuck.extend(done.err().map(|error| (id, error)));
        }
        Ok(stuck)
    }

    /// Records every start as lost that has no recorded end and is of none of these plans: those
    /// whose steps run where this is asked. Only whoever may start steps knows that nobody else
    /// runs the others. Says how many there were.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn report_lost(&mut self, running: &BTreeSet<PlanDigest>) -> Result<usize, EngineError> {
        let lost = |incident: &Incident| {
            let starts = incident.case().into_iter().flat_map(|case| &case.starts);
            let mut open = starts.filter(|(_, state)| **state == StepState::Started);
            let tried = incident.case().into_iter().flat_map(|case| &case.rehearsals);
            let mut tried = tried.filter(|(_, state)| **state == RehearsalState::Started);
            open.any(|((plan, ..), _)| !running.contains(plan))
                || tried.any(|((plan, _), _)| !running.contains(plan))
        };
        let ids = self.journal.incidents().filter(|(_, incident)| lost(incident));
        let ids: Vec<String> = ids.map(|(id, _)| id.to_owned()).collect();
        let mut reported = 0;
        for id in ids {
            let Some(case) = self.journal.incident(&id).case() else { continue };
            let tried = case.rehearsals.keys().map(|(plan, step)| (*plan, step.clone(), 1));
            let starts = case.starts.keys().cloned().chain(tried);
            let ours = starts.filter(|(plan, ..)| running.contains(plan)).collect();
            let command = Command::ReportLost { running: ours };
            reported += self.wish(Wish::Ask(id, command))?.recorded.len();
        }
        Ok(reported)
    }

    /// Records the start of a plan's next step, or of what its dry-run starts next, and gives leave
    /// to run it: the only way to a permit. There is none if something else came of it: the plan
    /// was stale.
    ///
    /// # Errors
    /// If nothing may start, or the log cannot be written. Then nothing was started.
    pub fn start_step(
        &mut self,
        id: &str,
        plan: PlanDigest,
    ) -> Result<Option<StepPermit>, EngineError> {
        let command = match effect(self.journal.incident(id)) {
            Some(Effect::StartRehearsal(_)) => Command::StartRehearsal { plan },
            _ => Command::StartStep { plan },
        };
        let wish = Wish::Ask(id.to_owned(), command);
        Ok(self.start(wish)?.steps.into_iter().next())
    }

    /// Grants a wish that something starts, with leave for what was recorded to start.
    fn start(&mut self, wish: Wish) -> Result<Leave, EngineError> {
        let wish = [wish];
        for _ in 0..RETRIES {
            match self.attempt(&wish) {
                Ok((answers, leave)) => {
                    answers.into_iter().collect::<Result<Vec<_>, _>>()?;
                    return Ok(leave);
                }
                Err(CommitError::Stale) => {}
                Err(CommitError::Fault(fault) | CommitError::Unfit(fault)) => {
                    return Err(fault.into());
                }
            }
        }
        Err(Fault::new("the log is too busy; nothing was started").into())
    }

    /// The open incidents for which a runbook was to be found `age` ago and was not: whoever
    /// took them on is gone.
    pub fn orphans(&mut self, age: Span) {
        let Some(now) = self.journal.last_at() else { return };
        let orphaned = self.journal.incidents().filter(|(_, incident)| {
            effect(incident) == Some(Effect::Search)
                && incident.case().is_some_and(|case| now.since(case.opened_at) >= age)
        });
        self.to_search.extend(orphaned.map(|(id, _)| id.to_owned()));
    }

    /// The incidents for which a runbook is to be found, with their alerts. Whoever takes them
    /// owes a [`Command::RecordFindings`] for each.
    pub fn searches(&mut self) -> Vec<(String, Alert)> {
        let wanted = std::mem::take(&mut self.to_search);
        wanted.into_iter().filter_map(|id| self.search_for(id)).collect()
    }

    fn search_for(&self, id: String) -> Option<(String, Alert)> {
        let incident = self.journal.incident(&id);
        let due = effect(incident) == Some(Effect::Search);
        let alert = due.then(|| incident.case().map(|case| case.alert.clone())).flatten()?;
        Some((id, alert))
    }

    /// Finds the runbooks that are to be found, and goes on from there.
    fn work_off(&mut self) -> Result<(), EngineError> {
        while let Some(id) = self.to_search.pop_front() {
            let Some((id, alert)) = self.search_for(id) else { continue };
            let findings = self.search.find(&alert)?;
            self.found(&id, findings)?;
        }
        Ok(())
    }

    /// Records what was found, unless somebody else did in between.
    fn found(&mut self, id: &str, findings: Findings) -> Result<(), EngineError> {
        match self.wish(Wish::Ask(id.to_owned(), Command::RecordFindings { findings })) {
            Ok(_) => Ok(()),
            Err(EngineError::Rejected(_))
                if effect(self.journal.incident(id)) != Some(Effect::Search) =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn wish(&mut self, wish: Wish) -> Result<Granted, EngineError> {
        let one = self.grant(std::slice::from_ref(&wish)).pop();
        one.unwrap_or_else(|| Err(Fault::new("the engine gave no answer").into()))
    }

    /// Takes one turn for all of these wishes: each is decided on what those before it add,
    /// and all that they add is durable when this returns. A wish that is rejected does not
    /// hold up the others, and one that cannot be recorded does not for long: the turn is
    /// halved until it stands alone. A fault of the log is the answer to all.
    pub fn grant(&mut self, wishes: &[Wish]) -> Vec<Result<Granted, EngineError>> {
        for _ in 0..RETRIES {
            match self.attempt(wishes) {
                // Whoever wants to run a step asks `start_step`.
                Ok((answers, _)) => return answers,
                Err(CommitError::Stale) => {}
                Err(CommitError::Unfit(_)) if wishes.len() > 1 => {
                    let (first, second) = wishes.split_at(wishes.len() / 2);
                    let mut answers = self.grant(first);
                    answers.extend(self.grant(second));
                    return answers;
                }
                Err(CommitError::Fault(fault) | CommitError::Unfit(fault)) => {
                    return wishes.iter().map(|_| Err(fault.clone().into())).collect();
                }
            }
        }
        let busy = || Err(Fault::new("the log is too busy; try again").into());
        wishes.iter().map(|_| busy()).collect()
    }

    fn attempt(&mut self, wishes: &[Wish]) -> Result<Decided, CommitError> {
        let turn = self.journal.turn().map_err(CommitError::Fault)?;
        let rules = (Arc::clone(&self.policy), Arc::clone(&self.runbooks));
        let mut deciding =
            Deciding::begin(turn, &mut self.clock, rules, (self.mode, self.looks, self.sweep))
                .map_err(CommitError::Fault)?;
        let mut outcomes = Vec::with_capacity(wishes.len());
        for wish in wishes {
            let from = deciding.len();
            let taken = deciding.grant(wish);
            if let Err(EngineError::Fault(fault)) = taken {
                return Err(CommitError::Unfit(fault));
            }
            outcomes.push((taken, from..deciding.len()));
        }
        let (turn, to_search, sweep) = deciding.end();
        let (recorded, leave) = turn.commit_with_leave()?;
        self.clock.settle();
        self.sweep = sweep;
        self.to_search.extend(to_search);
        recorded.iter().for_each(&mut self.observer);
        let answer = |((taken, range), wish): ((Result<_, _>, std::ops::Range<usize>), &Wish)| {
            // A sender wants to know what became of its alerts, and not every event.
            let range =
                if matches!(wish, Wish::Deliver(_) | Wish::DeliverPart(..)) { 0..0 } else { range };
            let recorded = recorded.get(range).unwrap_or_default().to_vec();
            taken.map(|taken| Granted { recorded, taken })
        };
        Ok((outcomes.into_iter().zip(wishes).map(answer).collect(), leave))
    }
}
