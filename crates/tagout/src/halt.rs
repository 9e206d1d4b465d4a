//! The stop of this process: what keeps steps from starting and ends those that run, at once and
//! without the log. What engages it is recorded afterwards; until then it holds all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tagout_core::approval::Person;
use tagout_core::digest::PlanDigest;
use tagout_core::event::{Event, VoidReason};
use tagout_core::limits;
use tagout_core::text::FreeText;

use crate::exec::Stop;
use crate::lease::Lease;

/// The name of the file that stops everything while it is in the data directory.
pub const FILE: &str = "halt";

/// The stop of this process.
#[derive(Debug)]
pub struct Halt {
    file: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The plans whose steps are run here, each with the word that ends what runs of it, or is
    /// about to: a start is recorded before it runs, and must not escape a stop in between.
    running: BTreeMap<PlanDigest, Stop>,
    /// Those of them that are inspections: they have places of their own.
    looks: BTreeSet<PlanDigest>,
    /// What the file said when it was last looked for.
    file: Option<String>,
    /// Who engaged it and why, as long as that is not recorded, and from when on somebody else
    /// than who engaged it is to record it.
    unrecorded: Option<(Person, FreeText, Instant)>,
    /// How the kill switch of the log was last seen, or why it could not be.
    seen: Seen,
    /// Nothing starts any more: the process ends.
    closed: bool,
}

/// How the kill switch of the log stands.
#[derive(Debug, Default)]
enum Seen {
    /// Nobody has looked yet: it counts as engaged.
    #[default]
    Never,
    /// It was read.
    Read { engaged: bool },
    /// It cannot be read: it counts as engaged.
    Blind(String),
}

impl Halt {
    /// The stop of a process that works on the data directory `dir`.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { file: dir.join(FILE), state: Mutex::default() }
    }

    /// Stops everything now. It holds until it is recorded, and then as long as the log says.
    pub fn engage(&self, by: Person, reason: FreeText) {
        self.engaged_by((by, reason), Instant::now());
    }

    /// As [`Halt::engage`], by somebody who records it next.
    pub fn engage_and_record(&self, by: Person, reason: FreeText) {
        let patience = Duration::from_millis(limits::SWITCH_PATIENCE.millis());
        self.engaged_by((by, reason), Instant::now() + patience);
    }

    fn engaged_by(&self, (by, reason): (Person, FreeText), due: Instant) {
        let mut state = self.state();
        state.unrecorded.get_or_insert((by, reason, due));
        state.stop_all();
    }

    /// What is to be recorded now, if something is.
    #[must_use]
    pub fn unrecorded(&self) -> Option<(Person, FreeText)> {
        let state = self.state();
        let (by, reason, due) = state.unrecorded.as_ref()?;
        (*due <= Instant::now()).then(|| (by.clone(), reason.clone()))
    }

    /// Takes in what was recorded here. It is told by whoever records, one event after the other,
    /// so that nothing older comes after it.
    pub fn observe(&self, event: &Event) {
        match event {
            Event::KillSwitchEngaged { .. } => {
                self.state().unrecorded = None;
                self.saw(true);
            }
            Event::KillSwitchReleased { .. } => self.saw(false),
            Event::PlanVoided { plan, why: VoidReason::Revoked { .. } } => self.stop(*plan),
            _ => {}
        }
    }

    /// The kill switch of the log was read, between two appends.
    pub fn saw(&self, engaged: bool) {
        let mut state = self.state();
        state.seen = Seen::Read { engaged };
        if engaged {
            state.stop_all();
        }
    }

    /// The kill switch of the log could not be read: it counts as engaged.
    pub fn is_blind(&self, why: String) {
        let mut state = self.state();
        state.seen = Seen::Blind(why);
        state.stop_all();
    }

    /// Looks for the file. One that is there, or about which nothing can be found out, engages.
    /// This waits for the disk.
    pub fn look_for_file(&self, by: &Person) {
        if let Some(why) = self.file_says() {
            let mut state = self.state();
            let engaged = matches!(state.seen, Seen::Read { engaged: true });
            if !engaged {
                state.unrecorded.get_or_insert((by.clone(), why.into(), Instant::now()));
            }
            state.stop_all();
        }
    }

    /// Whether the file holds. This waits for the disk.
    #[must_use]
    pub fn is_held_by_file(&self) -> bool {
        self.file_says().is_some()
    }

    fn file_says(&self) -> Option<String> {
        let says = match self.file.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Ok(_) => Some(format!(
                "the file {FILE} is in the data directory; remove it before you resume"
            )),
            Err(error) => Some(format!("the file {FILE} cannot be looked for: {error}")),
        };
        self.state().file.clone_from(&says);
        says
    }

    /// Why nothing may start now, if so, as far as is known: nothing is waited for.
    #[must_use]
    pub fn holds(&self) -> Option<String> {
        self.state().holds()
    }

    /// Stops what runs of one plan, or is about to.
    pub fn stop(&self, plan: PlanDigest) {
        if let Some(stop) = self.state().running.get(&plan) {
            stop.now();
        }
    }

    /// The plans whose steps are run here.
    #[must_use]
    pub fn running(&self) -> BTreeSet<PlanDigest> {
        self.state().running.keys().copied().collect()
    }

    /// Takes a plan on: its starts are this process's as long as the place is kept. `None` if it
    /// runs here already, or as many as `most` do, or nothing may start.
    pub(crate) fn take_on(self: &Arc<Self>, plan: PlanDigest, most: usize) -> Option<Place> {
        self.placed(plan, false, most)
    }

    /// As [`Halt::take_on`], for the looks of an inspection. Steps that take their time keep none
    /// from its place, nor the other way round.
    pub(crate) fn take_on_looks(self: &Arc<Self>, inspection: PlanDigest) -> Option<Place> {
        self.placed(inspection, true, limits::LOOKS)
    }

    fn placed(self: &Arc<Self>, plan: PlanDigest, looks: bool, most: usize) -> Option<Place> {
        let mut state = self.state();
        let taken = match looks {
            true => state.looks.len(),
            false => state.running.len() - state.looks.len(),
        };
        if state.holds().is_some() || taken >= most || state.running.contains_key(&plan) {
            return None;
        }
        if looks {
            state.looks.insert(plan);
        }
        let stop = Stop::new();
        state.running.insert(plan, stop.clone());
        Some(Place { halt: Arc::clone(self), plan, stop })
    }

    /// Nothing starts any more.
    pub fn close(&self) {
        self.state().closed = true;
    }

    /// Ends all that runs, at once.
    pub fn stop_all(&self) {
        self.state().stop_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn holds(&self) -> Option<String> {
        let log = match &self.seen {
            Seen::Read { engaged: false } => None,
            Seen::Read { engaged: true } => Some("the kill switch is engaged".to_owned()),
            Seen::Never => Some("the kill switch was not read yet".to_owned()),
            Seen::Blind(why) => Some(format!("the kill switch cannot be read: {why}")),
        };
        if self.closed {
            return Some("the service is going down".into());
        }
        let unrecorded = self.unrecorded.as_ref().map(|(_, why, _)| why.as_str().to_owned());
        unrecorded.or(log).or_else(|| self.file.clone())
    }

    fn stop_all(&self) {
        self.running.values().for_each(Stop::now);
    }
}

/// A plan whose steps are run here. It is let go when this is dropped. A stop that was said holds
/// for as long as the place is kept.
#[derive(Debug)]
pub(crate) struct Place {
    halt: Arc<Halt>,
    plan: PlanDigest,
    stop: Stop,
}

impl Place {
    /// Why no step of it may start now, if so: the kill switch holds, or it was stopped itself.
    pub(crate) fn holds(&self) -> Option<String> {
        let stopped = || self.stop.is_said().then(|| "it was stopped before it started".to_owned());
        self.halt.holds().or_else(stopped)
    }

    /// The word that ends the step which starts now; `Err` if it may not start after all. `lease`
    /// is that of the membership under which its start was recorded: it ends with it. This waits
    /// for the disk.
    pub(crate) fn begin(&self, lease: Lease) -> Result<Stop, String> {
        self.halt.file_says();
        if let Some(why) = self.holds() {
            return Err(why);
        }
        if !lease.holds() {
            return Err("this replica was taken for dead before it started".into());
        }
        Ok(self.stop.clone().under(lease))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.halt.state();
        state.running.remove(&self.plan);
        state.looks.remove(&self.plan);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::Moment;

    fn ana() -> Person {
        Person::new("ana").unwrap()
    }

    fn engaged() -> Event {
        Event::KillSwitchEngaged { by: ana(), reason: "smoke".into() }
    }

    fn plan(n: u8) -> PlanDigest {
        PlanDigest::of_bytes(&[n])
    }

    fn halt() -> (tempfile::TempDir, Arc<Halt>) {
        let dir = tempfile::tempdir().unwrap();
        let halt = Arc::new(Halt::new(dir.path()));
        (dir, halt)
    }

    #[test]
    fn nothing_starts_before_the_switch_was_read_nor_while_it_is_engaged_or_cannot_be_read() {
        let (_dir, halt) = halt();
        assert!(halt.take_on(plan(1), 1).is_none());
        halt.saw(false);
        assert!(halt.take_on(plan(1), 1).is_some());
        halt.is_blind("the store fails".into());
        assert!(halt.take_on(plan(1), 1).is_none());
        halt.saw(false);
        halt.saw(true);
        assert!(halt.holds().is_some() && halt.take_on(plan(1), 1).is_none());
    }

    #[test]
    fn what_runs_is_stopped_at_once_and_the_stop_holds_until_it_is_recorded() {
        let (_dir, halt) = halt();
        halt.saw(false);
        let place = halt.take_on(plan(1), 2).unwrap();
        let stop = place.begin(Lease::for_ever()).unwrap();
        halt.engage(ana(), "smoke".into());
        assert!(stop.is_said());
        // A look at the log that does not know of it yet changes nothing.
        halt.saw(false);
        assert!(place.begin(Lease::for_ever()).is_err());
        assert_eq!(halt.unrecorded().unwrap().1.as_str(), "smoke");
        halt.observe(&engaged());
        assert!(halt.unrecorded().is_none() && place.begin(Lease::for_ever()).is_err());
        halt.saw(false);
        // What was stopped stays so; the plan is taken on anew.
        assert!(place.begin(Lease::for_ever()).is_err());
        drop(place);
        assert!(halt.take_on(plan(1), 2).unwrap().begin(Lease::for_ever()).is_ok());
    }

    #[test]
    fn what_was_recorded_under_a_membership_that_is_over_does_not_start_and_what_runs_ends() {
        let (_dir, halt) = halt();
        halt.saw(false);
        let place = halt.take_on(plan(1), 2).unwrap();
        assert!(place.begin(Lease::none()).unwrap_err().contains("taken for dead"));
        let lease = Lease::until_then(Moment::now().after(60_000));
        let stop = place.begin(lease.clone()).unwrap();
        assert!(!stop.is_said());
        lease.give_up();
        assert!(stop.is_said());
    }

    #[test]
    fn a_file_engages_as_long_as_it_is_there() {
        let (dir, halt) = halt();
        halt.saw(false);
        let place = halt.take_on(plan(1), 2).unwrap();
        let stop = place.begin(Lease::for_ever()).unwrap();
        std::fs::write(dir.path().join(FILE), "").unwrap();
        halt.look_for_file(&ana());
        assert!(stop.is_said() && place.begin(Lease::for_ever()).is_err());
        assert!(halt.unrecorded().is_some());
        halt.observe(&engaged());
        halt.look_for_file(&ana());
        assert!(halt.unrecorded().is_none());
        // Released in the log, the file still holds.
        halt.saw(false);
        drop(place);
        assert!(halt.take_on(plan(1), 2).is_none());
        halt.look_for_file(&ana());
        assert!(halt.unrecorded().is_some());
        halt.observe(&engaged());
        std::fs::remove_file(dir.path().join(FILE)).unwrap();
        halt.saw(false);
        halt.look_for_file(&ana());
        let place = halt.take_on(plan(1), 2).unwrap();
        assert!(place.begin(Lease::for_ever()).is_ok());
        // The last look before a step is its own.
        std::fs::write(dir.path().join(FILE), "").unwrap();
        assert!(place.begin(Lease::for_ever()).is_err());
    }

    #[test]
    fn a_revoke_after_a_start_was_recorded_and_before_it_runs_keeps_it_from_running() {
        let (_dir, halt) = halt();
        halt.saw(false);
        let place = halt.take_on(plan(1), 2).unwrap();
        halt.observe(&Event::PlanVoided { plan: plan(1), why: VoidReason::Revoked { by: ana() } });
        assert!(place.begin(Lease::for_ever()).is_err());
    }

    #[test]
    fn a_stop_between_two_steps_holds_for_the_next_one() {
        let (_dir, halt) = halt();
        halt.saw(false);
        let place = halt.take_on(plan(1), 2).unwrap();
        halt.is_blind("the store fails".into());
        halt.saw(false);
        assert!(place.holds().is_some() && place.begin(Lease::for_ever()).is_err());
    }

    #[test]
    fn a_revoke_stops_its_own_plan_alone() {
        let (_dir, halt) = halt();
        halt.saw(false);
        let (one, two) = (halt.take_on(plan(1), 2).unwrap(), halt.take_on(plan(2), 2).unwrap());
        let (first, second) =
            (one.begin(Lease::for_ever()).unwrap(), two.begin(Lease::for_ever()).unwrap());
        halt.observe(&Event::PlanVoided { plan: plan(1), why: VoidReason::Revoked { by: ana() } });
        assert!(first.is_said() && !second.is_said());
    }

    #[test]
    fn so_many_looks_are_taken_at_once_and_keep_no_plan_out() {
        let (_dir, halt) = halt();
        halt.saw(false);
        let first = u8::try_from(limits::LOOKS).unwrap();
        let mut places: Vec<_> = (0..first).map(|n| halt.take_on_looks(plan(n)).unwrap()).collect();
        assert!(halt.take_on_looks(plan(100)).is_none());
        assert!(halt.take_on(plan(101), 1).is_some());
        let stop = places[0].begin(Lease::for_ever()).unwrap();
        halt.stop_all();
        assert!(stop.is_said());
        places.pop();
        assert!(halt.take_on_looks(plan(100)).is_some());
    }

    #[test]
    fn so_many_plans_run_at_once_and_each_once() {
        let (_dir, halt) = halt();
        halt.saw(false);
        let one = halt.take_on(plan(1), 2).unwrap();
        assert!(halt.take_on(plan(1), 2).is_none());
        let _two = halt.take_on(plan(2), 2).unwrap();
        assert!(halt.take_on(plan(3), 2).is_none());
        drop(one);
        assert!(halt.take_on(plan(3), 2).is_some());
    }

    #[test]
    fn nothing_starts_once_the_process_goes_down() {
        let (_dir, halt) = halt();
        halt.saw(false);
        halt.close();
        assert!(halt.take_on(plan(1), 1).is_none());
    }
}
