//! The fourth explored world: three alerts of one name, one person, storms from the second alert
//! on. Every sequence of a few deliveries, in order and late, with time passing and a person
//! closing incidents in between. Each alert is placed by the real `place`, decided by the
//! real `decide` and applied by the real `evolve` and `Shared::after`; what is held against
//! them is what the senders said, kept here by hand.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use tagout_core::alert::{Alert, AlertStatus, Severity};
use tagout_core::command::{Command, SharedCommand};
use tagout_core::decide::{Rules, decide, decide_shared};
use tagout_core::digest::{AlertIdentity, DeliveryDigest, sha256};
use tagout_core::event::{Event, Fold, FoldedAlert, Gathering};
use tagout_core::evolve::evolve;
use tagout_core::incident::Incident;
use tagout_core::intake::{Folds, Place, place};
use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::Catalogue;
use tagout_core::shared::Shared;
use tagout_core::time::{Span, Time};
use tagout_core::verdict::Mode;

use crate::setting::{alert, person, time};

/// How long an alert that a person closed is quiet, in this world.
const COOLDOWN: Span = Span::from_secs(600);
/// What one passing of time is: longer than a late firing is taken for late, shorter than the
/// cool-down.
const PASS: Span = Span::from_secs(360);

/// What places an alert in the world. The default is what ships.
pub trait Intake {
    /// As [`place`].
    fn place(
        &self,
        alert: &Alert,
        identity: AlertIdentity,
        shared: &Shared,
        folds: &Folds,
        policy: &EscalationPolicy,
        now: Time,
    ) -> Place {
        place(alert, identity, shared, folds, policy, now)
    }
}

/// The intake as it ships.
#[derive(Debug, Clone, Copy, Default)]
pub struct Real;

impl Intake for Real {}

/// What can happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// One delivery says these things of the three alerts.
    Tell([Option<Say>; 3]),
    /// An older delivery about the first alert arrives only now: it fires.
    Late,
    /// The person closes one of the open incidents.
    Close(usize),
    /// Time passes.
    Pass,
}

/// What is said of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Say {
    /// It fires: still, or anew if it had ended.
    Fires(Severity),
    /// It has ended.
    Ended,
}

const WARNING: Option<Say> = Some(Say::Fires(Severity::Warning));
const CRITICAL: Option<Say> = Some(Say::Fires(Severity::Critical));
const ENDED: Option<Say> = Some(Say::Ended);

/// Everything that can happen.
pub const ACTS: [Act; 14] = [
    Act::Tell([WARNING, None, None]),
    Act::Tell([CRITICAL, None, None]),
    Act::Tell([ENDED, None, None]),
    Act::Tell([None, WARNING, None]),
    Act::Tell([None, ENDED, None]),
    Act::Tell([None, None, WARNING]),
    Act::Tell([None, None, CRITICAL]),
    Act::Tell([None, None, ENDED]),
    Act::Tell([WARNING, WARNING, WARNING]),
    Act::Tell([ENDED, ENDED, ENDED]),
    Act::Late,
    Act::Close(0),
    Act::Close(1),
    Act::Pass,
];

/// A promise about noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Promise {
    /// An alert that fires is in an open incident, or a person closed that not long ago.
    NothingDropped,
    /// An incident ends when all its alerts have, or a person closed it, and then it does.
    EndsWithTheLast,
    /// What was delivered late or twice opens nothing.
    OneTrail,
    /// The incident of an alert counts as bad as the alert.
    NothingHidden,
}

/// A broken promise, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub promise: Promise,
    /// How.
    pub what: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.what)
    }
}

/// Something that must be reachable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Witness {
    /// A second alert joined what gathers it.
    Joined,
    /// An incident that gathers was opened.
    Storm,
    /// An incident for an alert that flaps was opened.
    Flapping,
    /// An alert went back into its incident.
    Returned,
    /// A late firing was told by its time.
    FoundLate,
    /// One alert of several ended.
    EndedAmongOthers,
    /// An alert was folded for the cool-down.
    Cooled,
    /// An alert got worse and was decided anew.
    Worsened,
    /// An incident ended because its last alert went to another one.
    Emptied,
}

/// What is true of one alert: what its sender said last, by the sender's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Truth {
    /// Whether it was ever told to fire, and then since when.
    began: Option<Time>,
    fires: bool,
    /// When it was last told to fire.
    heard: Option<Time>,
    /// How bad it was told to be last, and at the worst since it began.
    severity: Option<Severity>,
    worst: Option<Severity>,
    /// When the person last closed the incident it was in, and how bad it was by then.
    closed: Option<(Time, Severity)>,
}

#[derive(Clone)]
struct World {
    now: Time,
    shared: Shared,
    incidents: BTreeMap<String, Incident>,
    truth: [Truth; 3],
    /// In which incident each alert was last told to be.
    place: [Option<String>; 3],
}

/// What an exploration came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Different states reached.
    pub states: usize,
    /// Transitions between them.
    pub transitions: usize,
    /// What was seen to happen, and how often.
    pub witnesses: BTreeMap<Witness, usize>,
    /// The first broken promise and a shortest way to it.
    pub broken: Option<(Violation, Vec<Act>)>,
}

/// Explores every sequence of `depth` acts, with alerts that flap from `starts` beginnings on.
///
/// # Panics
/// If the core decides what it then refuses.
#[must_use]
pub fn explore(intake: &dyn Intake, starts: u32, depth: usize) -> Outcome {
    let policy = format!("[noise]\nstorm_per_name = 1\nflapping_starts = {starts}\n");
    let policy = EscalationPolicy::parse(&policy).expect("a policy");
    let runbooks = Catalogue::new([]).expect("no runbooks");
    let explorer = Explorer { intake, policy, runbooks };
    let mut witnesses = BTreeMap::new();
    let mut level = vec![(World::new(), Vec::new())];
    let (mut states, mut transitions) = (1, 0);
    for _ in 0..depth {
        let (mut next, mut seen) = (Vec::new(), HashSet::new());
        for (world, way) in &level {
            for act in ACTS {
                let mut after = world.clone();
                let mut witness = |w| *witnesses.entry(w).or_default() += 1;
                let done = explorer.act(&mut after, act, &mut witness);
                let mut way = way.clone();
                way.push(act);
                transitions += 1;
                match done {
                    Some(Ok(())) if seen.insert(after.fingerprint()) => next.push((after, way)),
                    Some(Ok(())) | None => {}
                    Some(Err(violation)) => {
                        let broken = Some((violation, way));
                        return Outcome { states, transitions, witnesses, broken };
                    }
                }
            }
        }
        states += next.len();
        level = next;
    }
    Outcome { states, transitions, witnesses, broken: None }
}

impl World {
    fn new() -> Self {
        Self {
            now: time(0),
            shared: Shared::default(),
            incidents: BTreeMap::new(),
            truth: [Truth::default(); 3],
            place: [None, None, None],
        }
    }

    fn fingerprint(&self) -> [u8; 32] {
        let open: Vec<_> = self.incidents.iter().map(|(id, i)| (id, is_open(i))).collect();
        let all =
            format!("{:?}{:?}{open:?}{:?}{:?}", self.now, self.shared, self.truth, self.place);
        sha256("sim", &[all.as_bytes()])
    }

    fn record(&mut self, id: &str, events: Vec<Event>, witness: &mut impl FnMut(Witness)) {
        for event in events {
            match &event {
                Event::IncidentOpened { gathers: Some(Gathering::Flapping { .. }), .. } => {
                    witness(Witness::Flapping);
                }
                Event::IncidentOpened { gathers: Some(_), .. } => witness(Witness::Storm),
                Event::AlertWorsened { .. } => witness(Witness::Worsened),
                _ => {}
            }
            if !id.is_empty() {
                let before = self.incidents.remove(id).unwrap_or_default();
                let after = evolve(before, &event, self.now).expect("what was decided is legal");
                self.incidents.insert(id.to_owned(), after);
            }
            self.shared = std::mem::take(&mut self.shared).after(&event, id, self.now);
        }
        // How many events there were tells no two states apart.
        self.shared.version = 0;
    }

    fn open(&self) -> Vec<String> {
        self.shared.open_incidents().map(str::to_owned).collect()
    }
}

const fn is_open(incident: &Incident) -> bool {
    matches!(incident, Incident::Open(..))
}

struct Explorer<'a> {
    intake: &'a dyn Intake,
    policy: EscalationPolicy,
    runbooks: Catalogue,
}

macro_rules! keep {
    ($holds:expr, $promise:ident, $what:expr) => {
        if !$holds {
            return Err(Violation { promise: Promise::$promise, what: $what });
        }
    };
}

impl Explorer<'_> {
    fn act(
        &self,
        world: &mut World,
        act: Act,
        witness: &mut impl FnMut(Witness),
    ) -> Option<Result<(), Violation>> {
        // No two things happen at the same moment.
        world.now = world.now.after(Span::from_secs(1));
        let before = world.open();
        let known = world.incidents.len();
        let mut closed = None;
        let mut late = false;
        match act {
            Act::Tell(says) => {
                let told: Vec<_> = says
                    .iter()
                    .enumerate()
                    .filter_map(|(which, say)| Some((which, told(world, which, (*say)?))))
                    .collect();
                self.deliver(world, &told, witness);
            }
            Act::Late => {
                let truth = world.truth[0];
                let (Some(began), false) = (truth.began, truth.fires) else { return None };
                let mut alert = alert("warning", 0);
                alert.starts_at = Some(began);
                // As long as it can be late, it is; after that its sender holds on to it.
                let seen = world.shared.sightings().get(alert.identity());
                let young = seen.is_some_and(|s| world.now.since(s.last) < PASS);
                if !young {
                    return None;
                }
                late = true;
                self.deliver(world, &[(0, alert)], witness);
            }
            Act::Close(n) => {
                let id = before.get(n)?.clone();
                let by = person(0);
                let command = Command::Close { by, reason: "known".into() };
                self.ask(world, &id, command, witness);
                for (truth, place) in world.truth.iter_mut().zip(&world.place) {
                    if truth.fires && place.as_deref() == Some(id.as_str()) {
                        truth.closed = truth.worst.map(|severity| (world.now, severity));
                    }
                }
                closed = Some(id);
            }
            Act::Pass => world.now = world.now.after(PASS),
        }
        Some(holds(world, &before, known, closed.as_deref(), late, witness))
    }

    fn deliver(
        &self,
        world: &mut World,
        told: &[(usize, Alert)],
        witness: &mut impl FnMut(Witness),
    ) {
        let digest = DeliveryDigest::of_bytes(b"sim");
        let mut folds = Folds::default();
        for (which, alert) in told {
            let (identity, now) = (alert.identity(), world.now);
            let placed =
                self.intake.place(alert, identity, &world.shared, &folds, &self.policy, now);
            let alert = alert.clone();
            let id = match placed {
                Place::Open(gathers) => {
                    folds.leaves(identity, &world.shared);
                    let id = format!("inc-{}", world.incidents.len());
                    let command = match gathers {
                        Some(gathers) => {
                            Command::OpenGathering { alert, delivery: digest, gathers }
                        }
                        None => Command::ReceiveAlert { alert, delivery: digest },
                    };
                    self.ask(world, &id, command, witness);
                    id
                }
                Place::Change(id) => {
                    self.ask(
                        world,
                        &id,
                        Command::ReceiveAlert { alert, delivery: digest },
                        witness,
                    );
                    id.to_string()
                }
                Place::End(id) => {
                    let own = world.shared.open(&id).map(|open| open.identity);
                    let ended = alert.ends_at;
                    self.ask(world, &id, Command::EndAlerts { delivery: digest, ended }, witness);
                    if own != Some(identity) {
                        let (incident, how) = (id.to_string(), Fold::Ended(ended));
                        folds.push(FoldedAlert { identity, incident, how }, &world.shared);
                    }
                    id.to_string()
                }
                Place::Fold(fold) => {
                    match fold.how {
                        Fold::Joined { .. } => witness(Witness::Joined),
                        Fold::Returned(_) => witness(Witness::Returned),
                        Fold::Late => witness(Witness::FoundLate),
                        Fold::Ended(_) => witness(Witness::EndedAmongOthers),
                        Fold::Repeated => {}
                    }
                    let id = fold.incident.clone();
                    folds.push(fold, &world.shared);
                    id
                }
            };
            world.place[*which] = Some(id);
        }
        let command = SharedCommand::RecordDelivery {
            delivery: digest,
            format: "sim".into(),
            alerts: told.len() as u64,
            flawed: Vec::new(),
            truncated: 0,
            folded: folds.take(),
            joined: "".into(),
        };
        let events = decide_shared(&world.shared, command, world.now).expect("due");
        world.record("", events, witness);
        for id in folds.emptied(&world.shared) {
            witness(Witness::Emptied);
            self.ask(world, &id, Command::EndAlerts { delivery: digest, ended: None }, witness);
        }
    }

    fn ask(
        &self,
        world: &mut World,
        id: &str,
        command: Command,
        witness: &mut impl FnMut(Witness),
    ) {
        let incident = world.incidents.get(id).cloned().unwrap_or_default();
        let rules = Rules { policy: &self.policy, runbooks: &self.runbooks, mode: Mode::DryRun };
        let events = decide(&incident, id, &world.shared, rules, command, world.now);
        world.record(id, events.expect("what was placed is due"), witness);
    }
}

/// What a sender says, and what is true from then on.
fn told(world: &mut World, which: usize, say: Say) -> Alert {
    let now = world.now;
    let truth = &mut world.truth[which];
    let number = u8::try_from(which).unwrap_or_default();
    match say {
        Say::Fires(severity) => {
            if !truth.fires {
                *truth = Truth { began: Some(now), ..Truth::default() };
            }
            (truth.fires, truth.heard) = (true, Some(now));
            (truth.severity, truth.worst) = (Some(severity), truth.worst.max(Some(severity)));
            let mut alert = alert(severity.name(), number);
            alert.starts_at = truth.began;
            alert
        }
        Say::Ended => {
            // It began unheard of, if it was not heard of.
            let began = truth.began.unwrap_or(now);
            *truth = Truth { began: Some(began), ..Truth::default() };
            let mut alert = alert("warning", number);
            alert.status = AlertStatus::Resolved;
            (alert.starts_at, alert.ends_at) = (Some(began), Some(now));
            alert
        }
    }
}

/// Holds what came of an act against the promises.
fn holds(
    world: &World,
    before: &[String],
    known: usize,
    closed: Option<&str>,
    late: bool,
    witness: &mut impl FnMut(Witness),
) -> Result<(), Violation> {
    keep!(!late || world.incidents.len() == known, OneTrail, "a late firing opened an incident");
    for (truth, place) in world.truth.iter().zip(&world.place) {
        let Some(id) = place.as_ref().filter(|_| truth.fires) else { continue };
        let Some(incident) = world.incidents.get(id) else { continue };
        if !is_open(incident) {
            let quiet = truth.closed.is_some_and(|(at, severity)| {
                truth.heard.is_some_and(|heard| heard.since(at) < COOLDOWN)
                    && truth.severity <= Some(severity)
            });
            keep!(quiet, NothingDropped, "it fires, and no open incident has it");
            witness(Witness::Cooled);
            continue;
        }
        let counts = incident.case().and_then(|case| case.severity.as_ref());
        let counts = counts.map(|reading| reading.severity);
        keep!(counts >= truth.severity, NothingHidden, "it is worse than its incident counts");
    }
    let fires_in = |id: &str| {
        let at = |place: &Option<String>| place.as_deref() == Some(id);
        world.truth.iter().zip(&world.place).filter(|(t, place)| t.fires && at(place)).count()
    };
    for id in before {
        let gone = !is_open(&world.incidents[id]);
        let early = gone && closed != Some(id.as_str()) && fires_in(id) > 0;
        keep!(!early, EndsWithTheLast, "an incident ended while one of its alerts fires");
    }
    for id in world.shared.open_incidents() {
        let Some(open) = world.shared.open(id) else { continue };
        let firing = fires_in(id);
        keep!(firing > 0 || open.flaps(), EndsWithTheLast, "nothing fires in an open incident");
        keep!(
            open.firing as usize == firing || open.flaps(),
            EndsWithTheLast,
            "an incident counts alerts that do not fire in it, or not those that do"
        );
    }
    // Each alert has at most one incident of its own that is open.
    for (n, which) in world.place.iter().enumerate() {
        let identity = alert("warning", u8::try_from(n).unwrap_or_default()).identity();
        let own = world.shared.open_incidents().filter_map(|id| world.shared.open(id));
        let own = own
            .filter(|open| open.identity == identity && (open.gathers.is_none() || open.flaps()));
        keep!(own.count() <= 1 || which.is_none(), OneTrail, "an alert has two open incidents");
    }
    Ok(())
}
