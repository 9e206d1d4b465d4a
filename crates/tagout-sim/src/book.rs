//! The book behind a world: every incident, shared state and batch of events once, and every
//! answer of the system under exploration once.
//!
//! The core is pure, so an answer is computed for the first state that asks and looked up for
//! all others; that, and states of a few bytes, is what makes the exploration exhaustive.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::hash::{Hash, Hasher};

use tagout_core::afterwards::Hindsight;
use tagout_core::approval::{Answer, Review};
use tagout_core::command::{Command, SharedCommand};
use tagout_core::decide::Rules;
use tagout_core::digest::{DeliveryDigest, PlanDigest};
use tagout_core::event::{Event, LookOutcome, StepFinding, StepOutcome};
use tagout_core::incident::Incident;
use tagout_core::policy::{SeverityOrigin, SeverityReading};
use tagout_core::shared::Shared;
use tagout_core::time::Span;
use tagout_core::verdict::Mode;

use crate::action::Ask;
use crate::naive;
use crate::setting::{NEVER, Setting, incident_id, person, time};
use crate::system::System;
use crate::takeover::Former;
use crate::world::{CaseWorld, Hand, Replica, Truth, World, unmark};

/// What is asked of the state that spans incidents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SharedAsk {
    /// Engage or release the kill switch.
    Toggle,
    /// Record a jump of the clock.
    Jump,
}

/// What an ask came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// It was rejected.
    Rejected,
    /// There was nothing to do.
    Nothing,
    /// These events.
    Batch(u32),
}

/// Incident, shared state, which incident, what for, digest it is about, wall clock.
type Question = (u32, u32, u8, Ask, u32, u8);
/// Incident, shared state, batch, which incident, wall clock.
type Append = (u32, u32, u32, u8, u8);

/// See the module.
pub struct Book<'a> {
    /// What is explored.
    pub system: &'a dyn System,
    /// Where.
    pub setting: &'a Setting,
    /// How many appends were refused because an event was not legal.
    pub refused: usize,
    incidents: Interned<Incident>,
    shared: Interned<Shared>,
    batches: Interned<Vec<Event>>,
    digests: Interned<PlanDigest>,
    decided: HashMap<Question, Came>,
    advanced: HashMap<Append, Option<(u32, u32)>>,
    shared_asked: HashMap<(u32, SharedAsk, u8), u32>,
    sound: HashMap<u32, bool>,
}

impl<'a> Book<'a> {
    /// An empty book.
    #[must_use]
    pub fn new(system: &'a dyn System, setting: &'a Setting) -> Self {
        Self {
            system,
            setting,
            refused: 0,
            incidents: Interned::default(),
            shared: Interned::default(),
            batches: Interned::default(),
            digests: Interned::default(),
            decided: HashMap::new(),
            advanced: HashMap::new(),
            shared_asked: HashMap::new(),
            sound: HashMap::new(),
        }
    }

    /// The state in which the exploration begins.
    ///
    /// # Panics
    /// If the setting's own beginning is rejected.
    pub fn beginning(&mut self) -> World {
        let mut shared = Shared::default();
        for command in &self.setting.before {
            let events =
                tagout_core::decide::decide_shared(&shared, command.clone(), time(0)).expect("due");
            for event in &events {
                shared = shared.after(event, "", time(0));
            }
        }
        let absent = self.incidents.keep(Incident::Absent);
        let mut cases = [CaseWorld { incident: absent, truth: Truth::NONE }; 2];
        if self.setting.triaged {
            for (case, alert) in self.setting.alerts.iter().enumerate() {
                let identity = alert.identity();
                let delivery = DeliveryDigest::of_bytes(b"before");
                let severity = SeverityReading {
                    severity: tagout_core::alert::Severity::Info,
                    origin: SeverityOrigin::Sent,
                };
                let triage = tagout_core::event::Triage::Search;
                let events = [
                    Event::IncidentOpened {
                        alert: alert.clone(),
                        identity,
                        delivery,
                        gathers: None,
                    },
                    Event::Triaged { severity, triage },
                ];
                let mut incident = Incident::Absent;
                for event in &events {
                    let id = incident_id(u8::try_from(case).unwrap_or(u8::MAX));
                    incident = tagout_core::evolve::evolve(incident, event, time(0)).expect("due");
                    shared = shared.after(event, id, time(0));
                }
                cases[case].incident = self.incidents.keep(incident);
                cases[case].truth.answered = true;
            }
        }
        shared.version = 0;
        let mut spent = [NEVER; 4];
        spent.iter_mut().take(usize::from(self.setting.truth.spent)).for_each(|at| *at = 0);
        let mut replicas = [Replica::FRESH; 2];
        replicas[1].up = self.setting.bounds.replicas == 2;
        World {
            wall: 0,
            real: 0,
            broken_at: 0,
            unrecorded: false,
            jumps: 0,
            crashes: 0,
            toggles: 0,
            fences: 0,
            stopped: false,
            shared: self.shared.keep(shared),
            spent,
            cases,
            replicas,
            former: Former::NOTHING,
        }
    }

    /// What the system decides.
    pub fn decide(&mut self, world: &World, case: u8, ask: Ask) -> Came {
        let CaseWorld { incident, truth } = world.cases[usize::from(case)];
        let digest = match ask {
            Ask::Answer { version, .. } => truth.digest[usize::from(version)],
            Ask::Regret { .. } => truth.digest[0],
            Ask::Resolve { mark, .. } | Ask::Finish { mark, .. } | Ask::GiveUp { mark } => {
                truth.digest[unmark(mark).0]
            }
            Ask::Look | Ask::Saw { .. } | Ask::CutLook => {
                self.inspection(incident).map_or(u32::MAX, |digest| self.digests.keep(digest))
            }
            _ => self.current(incident).map_or(u32::MAX, |digest| self.digests.keep(digest)),
        };
        let key = (incident, world.shared, case, ask, digest, world.wall);
        if let Some(came) = self.decided.get(&key) {
            return *came;
        }
        let Self { system, setting, .. } = *self;
        let digest = self.digests.all.get(digest as usize).copied();
        let command = command(setting, case, ask, digest);
        let came = command.map_or(Came::Rejected, |command| {
            let rules = Rules {
                policy: &setting.policy,
                runbooks: &setting.runbooks,
                mode: setting.mode(),
            };
            let incident = &self.incidents.all[incident as usize];
            let shared = &self.shared.all[world.shared as usize];
            let id = incident_id(case);
            match system.decide(incident, id, shared, rules, command, time(world.wall)) {
                Err(_) => Came::Rejected,
                Ok(events) if events.is_empty() => Came::Nothing,
                Ok(events) => Came::Batch(self.batches.keep(events)),
            }
        });
        self.decided.insert(key, came);
        came
    }

    /// The durable states after a batch was appended, if every event is legal.
    pub fn advance(
        &mut self,
        incident: u32,
        shared: u32,
        batch: u32,
        case: u8,
        at: u8,
    ) -> Option<(u32, u32)> {
        let key = (incident, shared, batch, case, at);
        if let Some(after) = self.advanced.get(&key) {
            return *after;
        }
        let mut next = Some(self.incidents.all[incident as usize].clone());
        let mut across = self.shared.all[shared as usize].clone();
        for event in &self.batches.all[batch as usize] {
            next = next.and_then(|state| self.system.evolve(state, event, time(at)).ok());
            across = self.system.share(across, event, incident_id(case), time(at));
        }
        // Versions are kept as marks of staleness in the world, so equal states are one state.
        across.version = 0;
        let after = next.map(|incident| (self.incidents.keep(incident), self.shared.keep(across)));
        self.advanced.insert(key, after);
        after
    }

    /// The shared state after a command that concerns no incident.
    ///
    /// # Panics
    /// If the command is rejected: the exploration asks only for what is due.
    pub fn advance_shared(&mut self, shared: u32, ask: SharedAsk, at: u8) -> u32 {
        if let Some(after) = self.shared_asked.get(&(shared, ask, at)) {
            return *after;
        }
        let mut state = self.shared.all[shared as usize].clone();
        let (by, reason) = (person(0), "drill".into());
        let command = match ask {
            SharedAsk::Toggle if state.kill_switch => {
                SharedCommand::ReleaseKillSwitch { by, reason }
            }
            SharedAsk::Toggle => SharedCommand::EngageKillSwitch { by, reason },
            SharedAsk::Jump => {
                SharedCommand::RecordClockJump { by: Span::from_secs(60), forward: true }
            }
        };
        let events = self.system.decide_shared(&state, command, time(at)).expect("it is due");
        for event in &events {
            state = self.system.share(state, event, "", time(at));
        }
        state.version = 0;
        let after = self.shared.keep(state);
        self.shared_asked.insert((shared, ask, at), after);
        after
    }

    /// Whether every verdict in a batch is what the second evaluator makes of its input.
    pub fn verdicts_hold(&mut self, batch: u32) -> bool {
        let events = &self.batches.all[batch as usize];
        *self.sound.entry(batch).or_insert_with(|| {
            events.iter().all(|event| match event {
                Event::PolicyDecided { input, verdict, .. } => {
                    naive::decide(&self.setting.policy, input) == (verdict.decision, verdict.tier)
                }
                _ => true,
            })
        })
    }

    /// The events of a batch.
    #[must_use]
    pub fn events(&self, batch: u32) -> &[Event] {
        &self.batches.all[batch as usize]
    }

    /// An incident.
    #[must_use]
    pub fn incident(&self, incident: u32) -> &Incident {
        &self.incidents.all[incident as usize]
    }

    /// The number of a digest.
    pub fn digest(&mut self, digest: PlanDigest) -> u32 {
        self.digests.keep(digest)
    }

    /// How many different incidents, shared states and batches were met.
    #[must_use]
    pub fn met(&self) -> [usize; 3] {
        [self.incidents.all.len(), self.shared.all.len(), self.batches.all.len()]
    }

    fn inspection(&self, incident: u32) -> Option<PlanDigest> {
        let case = self.incidents.all[incident as usize].case()?;
        case.inspected.as_ref().map(|inspected| inspected.digest)
    }

    fn current(&self, incident: u32) -> Option<PlanDigest> {
        self.incidents.all[incident as usize].proposal().map(|proposal| proposal.digest)
    }
}

fn command(setting: &Setting, case: u8, ask: Ask, digest: Option<PlanDigest>) -> Option<Command> {
    let step = |mark: u8| {
        let (_, step, attempt) = unmark(mark);
        let id = setting.truth.steps[step]?;
        // A check that is begun again has a name of its own.
        let again = setting.truth.pause.is_some() && step == 0 && attempt == 2;
        Some(if again { (format!("{id}@2"), 1) } else { (id.to_owned(), attempt) })
    };
    Some(match ask {
        Ask::Receive => Command::ReceiveAlert {
            alert: setting.alerts[usize::from(case)].clone(),
            delivery: DeliveryDigest::of_bytes(&[case]),
        },
        Ask::Search => Command::RecordFindings { findings: setting.findings.clone() },
        Ask::Answer { person: who, right_mode, approve, .. } => {
            let answer = if approve { Answer::Approve } else { Answer::Reject };
            let other = if setting.truth.dry { Mode::Live } else { Mode::DryRun };
            let mode = if right_mode { setting.mode() } else { other };
            Command::Answer(Review::by(setting.actor(who), answer, (digest?, mode), "".into()))
        }
        Ask::Modify { person: who } => Command::Modify {
            by: setting.actor(who),
            plan: digest?,
            mode: Mode::Live,
            change: setting.change.clone(),
            reason: "".into(),
        },
        Ask::Regret { person: who } => Command::ReviewAfterwards {
            by: person(who),
            plan: digest?,
            hindsight: Hindsight::Rejected,
            reason: "it was not right".into(),
        },
        Ask::BreakGlass { person: who } => Command::BreakGlass {
            by: setting.actor(who),
            plan: digest?,
            mode: Mode::Live,
            reason: "alone".into(),
        },
        Ask::Look => Command::StartLook { inspection: digest? },
        Ask::Saw { held } => Command::FinishLook {
            inspection: digest?,
            step: "look".into(),
            outcome: if held { LookOutcome::Held } else { LookOutcome::DidNotHold },
            output: "".into(),
            ended: None,
        },
        Ask::CutLook => {
            Command::GiveUpLooks { inspection: digest?, all: false, why: "a crash".into() }
        }
        Ask::Warned => Command::ConfirmClockWarning { plan: digest? },
        Ask::Tick => Command::Tick,
        Ask::Start if setting.truth.dry => Command::StartRehearsal { plan: digest? },
        Ask::Start => Command::StartStep { plan: digest? },
        Ask::Show => Command::Rehearse,
        Ask::Finish { mark, well } => {
            let (step, attempt) = step(mark)?;
            let outcome = if well { StepOutcome::Succeeded } else { StepOutcome::Failed };
            if setting.truth.dry {
                let (plan, outcome, output) = (digest?, Some(outcome), "".into());
                return Some(Command::FinishRehearsal { plan, step, outcome, output, ended: None });
            }
            Command::FinishStep {
                plan: digest?,
                step,
                attempt,
                outcome,
                output: "".into(),
                ended: None,
            }
        }
        Ask::Lost => Command::ReportLost { running: BTreeSet::new() },
        Ask::GiveUp { mark } => {
            let (step, attempt) = step(mark)?;
            let (plan, output) = (digest?, "".into());
            Command::ReportUnknown { plan, step, attempt, output, ended: None }
        }
        Ask::Resolve { mark, ran } => {
            let (step, attempt) = step(mark)?;
            let finding = if ran { StepFinding::Ran } else { StepFinding::DidNotRun };
            Command::ResolveStep {
                by: person(0),
                plan: digest?,
                step,
                attempt,
                finding,
                reason: "looked".into(),
            }
        }
        Ask::Revoke => Command::Revoke { by: person(0), plan: digest? },
        Ask::End => {
            let mut alert = setting.alerts[usize::from(case)].clone();
            alert.status = tagout_core::alert::AlertStatus::Resolved;
            Command::ReceiveAlert { alert, delivery: DeliveryDigest::of_bytes(b"end") }
        }
    })
}

impl World {
    /// Whether a living replica's executor holds something of this incident.
    #[must_use]
    pub fn held(&self, case: u8) -> bool {
        self.replicas.iter().any(|r| match r.hand {
            Hand::Empty => false,
            hand => hand.holds().is_some_and(|(of, _)| of == case),
        })
    }
}

/// Values, each kept once, by number.
struct Interned<T> {
    all: Vec<T>,
    places: HashMap<u64, Vec<u32>>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { all: Vec::new(), places: HashMap::new() }
    }
}

impl<T: PartialEq + Debug> Interned<T> {
    /// The number of a value. The hash of its debug text finds it; equality decides.
    fn keep(&mut self, value: T) -> u32 {
        let mut hasher = DefaultHasher::new();
        format!("{value:?}").hash(&mut hasher);
        let places = self.places.entry(hasher.finish()).or_default();
        if let Some(place) = places.iter().find(|place| self.all[**place as usize] == value) {
            return *place;
        }
        let place = u32::try_from(self.all.len()).expect("fewer than four thousand million");
        self.all.push(value);
        places.push(place);
        place
    }
}
