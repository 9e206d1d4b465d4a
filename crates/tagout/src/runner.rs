//! The runner: takes granted live plans to the executor, one step after the other, and of granted
//! dry-runs what changes nothing, where the operator lets that be started. Of all replicas the one
//! that leads starts steps, and they end with its membership. Whatever it starts was recorded before,
//! and what became of it is recorded after; what nobody can say is recorded as lost.

mod demands;
mod looks;
mod order;
mod told;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tagout_core::approval::Person;
use tagout_core::command::{Command, SharedCommand};
use tagout_core::decide::Rejection;
use tagout_core::digest::PlanDigest;
use tagout_core::effect::{Effect, effect, taken_back};
use tagout_core::event::StepOutcome;
use tagout_core::inspection::InspectionRules;
use tagout_core::limits;
use tagout_core::plan::PlannedStep;
use tagout_core::policy::EscalationPolicy;
use tagout_core::text::FreeText;
use tagout_core::verdict::Mode;
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep, timeout};

use self::order::Due;
use self::told::{Told, not_started, told};
use crate::config::ExecutionConfig;
use crate::engine::{Engine, EngineError};
use crate::exec::Executor;
use crate::fault::Fault;
use crate::halt::{FILE, Halt, Place};
use crate::journal::StepPermit;
use crate::lease::Lease;
use crate::poll::Leads;
use crate::store::Store;
use crate::takeover::TakeOver;
use crate::writer::{NotRecorded, Writer};

/// How long to wait before an end that could not be recorded is recorded again.
const AGAIN: Duration = Duration::from_millis(500);

/// Runs the steps of granted live plans, and looks each half second whether things are stopped.
pub(crate) struct Runner {
    pub(crate) writer: Writer,
    pub(crate) halt: Arc<Halt>,
    /// Whether this replica is the one that may start steps.
    pub(crate) leads: Leads,
    /// What runs commands, in live mode or where something may be looked at or rehearsed.
    pub(crate) executor: Option<Arc<Executor>>,
    pub(crate) execution: ExecutionConfig,
    /// What may be looked at before a decision.
    pub(crate) inspection: Option<InspectionRules>,
    /// In whose name the service itself stops things.
    pub(crate) by: Person,
    /// Why the next step of a plan does not start, where that was told.
    pub(crate) told: Mutex<BTreeMap<PlanDigest, String>>,
    /// The incident whose plan was last offered a place.
    pub(crate) offered: Mutex<String>,
    /// What is known of starts that others made.
    pub(crate) taken_over: Arc<Mutex<TakeOver>>,
}

/// What a look at the log found.
struct Looked {
    /// The plans whose next step is due.
    due: Vec<(String, PlanDigest)>,
    /// The plans that somebody has taken back.
    revoked: Vec<PlanDigest>,
    /// The inspections whose next look is due.
    looks: Vec<(String, PlanDigest)>,
    /// How many starts were recorded as lost.
    lost: Result<usize, EngineError>,
}

/// A step that was recorded as started, what of it is started, and leave for that.
struct Started {
    permit: StepPermit,
    step: PlannedStep,
    policy: Arc<EscalationPolicy>,
    /// Of the membership under which the start was recorded.
    lease: Lease,
}

impl Runner {
    /// Looks and starts as long as the service runs. The file, the record of a stop and the log
    /// are each looked after apart: what stops things waits for nothing.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut apart = JoinSet::new();
        apart.spawn(Arc::clone(&self).watch_file());
        apart.spawn(Arc::clone(&self).record_stops());
        let mut looks = looks();
        loop {
            looks.tick().await;
            let Some(looked) = self.look().await else { continue };
            for plan in looked.revoked {
                self.halt.stop(plan);
            }
            match looked.lost {
                Ok(0) => {}
                Ok(lost) => tracing::warn!(lost, "steps have no recorded end; people must say"),
                Err(error) => tracing::error!(%error, "lost steps could not be recorded"),
            }
            if self.executor.is_none() || !(self.leads)() {
                continue;
            }
            for (incident, inspection) in looked.looks {
                tokio::spawn(Arc::clone(&self).look_at(incident, inspection));
            }
            let free = limits::RUNS.saturating_sub(self.halt.running().len());
            let due = {
                let mut last = self.offered.lock().unwrap_or_else(PoisonError::into_inner);
                in_turn(looked.due, free, &mut last)
            };
            for (incident, plan) in due {
                let runner = Arc::clone(&self);
                tokio::spawn(async move { runner.carry_out(incident, plan).await });
            }
        }
    }

    /// Looks for the file. A disk that does not answer counts as a stop.
    async fn watch_file(self: Arc<Self>) {
        let mut looks = looks();
        loop {
            looks.tick().await;
            let runner = Arc::clone(&self);
            let look = move || runner.halt.look_for_file(&runner.by);
            let mut look = tokio::task::spawn_blocking(look);
            while timeout(patience(), &mut look).await.is_err() {
                let why = format!("the file {FILE} cannot be looked for: the disk does not answer");
                self.halt.engage(self.by.clone(), why.into());
            }
        }
    }

    async fn record_stops(self: Arc<Self>) {
        let mut looks = looks();
        loop {
            looks.tick().await;
            self.record_stop().await;
        }
    }

    /// Records who stopped everything, if that was not recorded yet.
    async fn record_stop(&self) {
        let Some((by, reason)) = self.halt.unrecorded() else { return };
        let command = SharedCommand::EngageKillSwitch { by, reason };
        match timeout(patience(), self.writer.shared(command)).await {
            Ok(Ok(_)) => tracing::warn!("the kill switch is engaged"),
            Ok(Err(error)) => tracing::error!(%error, "the stop holds and is not recorded yet"),
            Err(_) => tracing::error!("the stop holds and is not recorded yet"),
        }
    }

    /// Reads how things stand. What cannot be read counts as a stop. A look that only waits for
    /// its turn is not blind: each append that is made meanwhile has seen the switch.
    async fn look(&self) -> Option<Looked> {
        let (halt, leads) = (Arc::clone(&self.halt), Arc::clone(&self.leads));
        let taken_over = Arc::clone(&self.taken_over);
        let look = self.writer.turn(move |engine| look(engine, &halt, &taken_over, leads()));
        let mut look = std::pin::pin!(look);
        let mut since = Instant::now().into_std();
        let why = loop {
            match timeout(Duration::from_millis(limits::SWITCH_LOOK.millis()), &mut look).await {
                Ok(Ok(Ok(looked))) => return Some(looked),
                Ok(Ok(Err(fault))) => break fault.to_string(),
                Ok(Err(error)) => break error.to_string(),
                Err(_) => {}
            }
            if let Some((at, engaged)) = self.writer.appended() {
                since = since.max(at);
                // That it is released is for whoever reads it in its turn: this may be older.
                if engaged {
                    self.halt.saw(true);
                }
            }
            if since.elapsed() >= patience() {
                self.halt.is_blind("the log does not answer".to_owned());
            }
        };
        self.halt.is_blind(why);
        None
    }

    /// Takes a plan as far as it goes now.
    async fn carry_out(self: &Arc<Self>, incident: String, plan: PlanDigest) {
        let Some(executor) = &self.executor else { return };
        let Some(place) = self.halt.take_on(plan, limits::RUNS) else { return };
        metrics::gauge!("tagout_plans_running").increment(1.0);
        let place = Arc::new(place);
        while let Some(started) = self.start(&incident, plan, &place).await {
            let Started { permit, .. } = &started;
            let name = (permit.step().to_owned(), permit.attempt());
            let dry = permit.is_rehearsal();
            tracing::info!(incident, step = name.0, attempt = name.1, dry, "a step starts");
            let ran = self.run_step(executor, &place, started).await;
            let counter = if dry { "tagout_rehearsals_total" } else { "tagout_steps_total" };
            metrics::counter!(counter, "outcome" => word(ran.0)).increment(1);
            tracing::info!(incident, step = name.0, outcome = word(ran.0), dry, "a step has ended");
            self.record_end(&incident, end(plan, name, dry, ran)).await;
        }
        metrics::gauge!("tagout_plans_running").decrement(1.0);
        drop(place);
    }

    /// Records the next start, if there is one and nothing stands in its way.
    async fn start(&self, incident: &str, plan: PlanDigest, place: &Arc<Place>) -> Option<Started> {
        if place.holds().is_some() || !(self.leads)() {
            return None;
        }
        let (id, place) = (incident.to_owned(), Arc::clone(place));
        let start = move |engine: &mut Engine<Store>| {
            // It may have been stopped while this waited for its turn.
            if place.holds().is_some() {
                return Ok(None);
            }
            let Some(permit) = engine.start_step(&id, plan)? else { return Ok(None) };
            let journal = engine.journal();
            let lease = journal.log().storage().membership();
            let proposal = journal.incident(&id).proposal();
            let step = proposal.and_then(|proposal| permit.start(&proposal.plan));
            let step = step.ok_or_else(|| Fault::new("a step was started that no plan has"))?;
            let policy = journal.policy().map(Arc::clone);
            let policy = policy.ok_or_else(|| Fault::new("a step was started under no policy"))?;
            Ok::<_, EngineError>(Some(Started { permit, step, policy, lease }))
        };
        let why = match self.writer.turn(start).await {
            Ok(Ok(started)) => {
                self.told().remove(&plan);
                return started;
            }
            // Nothing is left to start, or it is a person's turn.
            Ok(Err(EngineError::Rejected(Rejection::NotDue(_)))) => return None,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        if self.told().insert(plan, why.clone()).as_ref() != Some(&why) {
            tracing::warn!(incident, plan = %plan.short(), why, "the next step does not start");
        }
        None
    }

    fn told(&self) -> std::sync::MutexGuard<'_, BTreeMap<PlanDigest, String>> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() > limits::RUNBOOKS {
            told.clear();
        }
        told
    }

    /// Runs a step that is recorded as started. What is returned is `None` if nobody can say how
    /// it ended.
    async fn run_step(
        self: &Arc<Self>,
        executor: &Arc<Executor>,
        place: &Arc<Place>,
        started: Started,
    ) -> Told {
        let (runner, executor, place) = (Arc::clone(self), Arc::clone(executor), Arc::clone(place));
        // The supervisor ends everything if the thread ends, so it is one of its own. It waits
        // for the disk as well: the program may be large.
        let (to, answer) = tokio::sync::oneshot::channel();
        let thread = std::thread::Builder::new().name("step".into()).spawn(move || {
            let ran = runner.run_here(&executor, &place, started);
            // Nothing of this thread keeps the service from ending once it has answered.
            drop((runner, executor, place));
            drop(to.send(ran));
        });
        match thread {
            Ok(_) => answer.await.unwrap_or_else(|_| (None, FreeText::default(), None)),
            Err(error) => not_started(StepOutcome::Failed, &error.to_string()),
        }
    }

    fn run_here(
        &self,
        executor: &Executor,
        place: &Place,
        Started { permit, step, policy, lease }: Started,
    ) -> Told {
        let due = match self.due(&permit, &step, &policy) {
            Ok(due) => due,
            Err(why) => return not_started(StepOutcome::Failed, &why),
        };
        // Last of all: whatever was stopped until now does not start.
        let stop = match place.begin(lease.clone()) {
            Ok(stop) => stop,
            Err(why) => return not_started(StepOutcome::Stopped, &why),
        };
        let ran = match due {
            Due::Run(order) => executor.run(permit, *order, stop),
            Due::Call(order, call) => executor.run_on(permit, *order, &call, stop),
            Due::Ask(ask) => executor.ask(permit, *ask, stop),
        };
        if !lease.holds() {
            tracing::warn!("this replica was taken for dead, and what it ran was stopped");
        }
        told(ran)
    }

    /// Records how a step ended, as often as it takes: until then nobody starts the next one.
    async fn record_end(&self, incident: &str, command: Command) {
        loop {
            match self.writer.command(incident, command.clone()).await {
                Ok(_) => return,
                Err(NotRecorded::Engine(EngineError::Rejected(why))) => {
                    // Somebody has said in the meantime what it did.
                    tracing::warn!(incident, %why, "the end of a step was not taken");
                    return;
                }
                Err(NotRecorded::Closing) => return,
                Err(error) => {
                    tracing::error!(incident, %error, "the end of a step is not recorded yet");
                    sleep(AGAIN).await;
                }
            }
        }
    }

    /// Starts nothing more, lets what runs end within `grace`, ends the rest, and waits until
    /// that is recorded.
    pub(crate) async fn end(&self, grace: Duration) {
        self.halt.close();
        if !self.is_idle_by(Instant::now() + grace).await {
            tracing::warn!("steps are stopped, since the service goes down");
            self.halt.stop_all();
            let kill = self.execution.grace.millis() + limits::EXEC_KILL_WAIT.millis();
            let last = Instant::now() + Duration::from_millis(kill) + patience();
            if !self.is_idle_by(last).await {
                tracing::error!("not every step that ran has a recorded end; people must say");
            }
        }
    }

    async fn is_idle_by(&self, end: Instant) -> bool {
        while !self.halt.running().is_empty() {
            if Instant::now() >= end {
                return false;
            }
            sleep(Duration::from_millis(50)).await;
        }
        true
    }
}

/// Looks at the log between two appends.
fn look(
    engine: &mut Engine<Store>,
    halt: &Halt,
    taken_over: &Mutex<TakeOver>,
    leads: bool,
) -> Result<Looked, Fault> {
    engine.journal_mut().catch_up()?;
    halt.saw(engine.journal().shared().kill_switch);
    let lost = taken_over.lock().unwrap_or_else(PoisonError::into_inner).report_lost(
        engine,
        &halt.running(),
        leads,
    );
    // What cannot be recorded now is at the next look.
    if leads && let Err(error) = engine.give_up_looks(&halt.running()) {
        tracing::error!(%error, "looks without an end could not be recorded");
    }
    let looks = engine.looks_due();
    let running = halt.running();
    let (mut due, mut revoked) = (Vec::new(), Vec::new());
    for (id, incident) in engine.journal().incidents() {
        match effect(incident) {
            Some(Effect::StartStep(plan)) if engine.mode() == Mode::Live => {
                if !running.contains(&plan) {
                    due.push((id.to_owned(), plan));
                }
            }
            Some(Effect::StartRehearsal(plan)) if !running.contains(&plan) => {
                due.push((id.to_owned(), plan));
            }
            _ => revoked.extend(taken_back(incident, &running)),
        }
    }
    Ok(Looked { due, revoked, looks, lost })
}

/// The plans that are offered the `free` places: all that are due come in turn, and none that
/// cannot start keeps the others out. The incident of the last one is remembered.
fn in_turn(
    mut due: Vec<(String, PlanDigest)>,
    free: usize,
    last: &mut String,
) -> Vec<(String, PlanDigest)> {
    due.sort();
    let next = due.partition_point(|(incident, _)| incident <= last);
    due.rotate_left(next);
    due.truncate(free);
    if let Some((incident, _)) = due.last() {
        last.clone_from(incident);
    }
    due
}

/// How a step ended, as it is recorded. What a dry-run started is no step of a live plan.
fn end(
    plan: PlanDigest,
    (step, attempt): (String, u32),
    dry: bool,
    (outcome, output, ended): Told,
) -> Command {
    match outcome {
        outcome if dry => Command::FinishRehearsal { plan, step, outcome, output, ended },
        Some(outcome) => Command::FinishStep { plan, step, attempt, outcome, output, ended },
        None => Command::ReportUnknown { plan, step, attempt, output, ended },
    }
}

const fn word(outcome: Option<StepOutcome>) -> &'static str {
    match outcome {
        Some(StepOutcome::Succeeded) => "succeeded",
        Some(StepOutcome::Failed) => "failed",
        Some(StepOutcome::TimedOut) => "timed_out",
        Some(StepOutcome::Stopped) => "stopped",
        None => "unknown",
    }
}

const fn patience() -> Duration {
    Duration::from_millis(limits::SWITCH_PATIENCE.millis())
}

fn looks() -> Interval {
    let mut looks = interval(Duration::from_millis(limits::SWITCH_LOOK.millis()));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_that_cannot_start_do_not_keep_the_others_out() {
        let due: Vec<_> =
            (0..9u8).map(|n| (format!("i-{n}"), PlanDigest::of_bytes(&[n]))).collect();
        let mut last = String::new();
        for free in [8, 1] {
            let mut last = String::new();
            let mut offered = std::collections::BTreeSet::new();
            for _ in 0..9usize.div_ceil(free) {
                offered.extend(in_turn(due.clone(), free, &mut last));
            }
            assert_eq!(offered.len(), 9);
        }
        assert!(in_turn(due.clone(), 0, &mut last).is_empty() && last.is_empty());
        assert_eq!(in_turn(due, 8, &mut last).len(), 8);
    }
}
