//! What spans incidents: budgets, target locks, freezes, the kill switch, and which alert
//! belongs to which incident. Event-sourced like the incidents themselves.

mod alerts;
mod budget;
mod history;
mod lock;
mod looked;
mod open;
mod reach;
mod window;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::actor::Actor;
use crate::afterwards::{BrokenGlass, Debts};
use crate::approval::Person;
use crate::bypass::{Bypass, Bypasses};
use crate::condition::Conditions;
use crate::digest::{
    CatalogueDigest, DeliveryDigest, MappingDigest, PlanDigest, PolicyDigest, RunbookDigest,
};
use crate::event::{Event, GrantedBy, PlanOutcome, StepFinding};
use crate::glass::Broken;
use crate::limits;
use crate::people::People;
use crate::sighting::{Rest, Sighting, Sightings};
use crate::tier::Tier;
use crate::time::{Span, Time};
use crate::verdict::Mode;

pub use budget::Account;
pub use lock::Lock;
pub use open::OpenIncident;
pub use window::Window;

use history::History;
use looked::Looked;
use open::Opening;
use reach::Reach;

/// How the shared state stood at one moment, without what is known of each alert, which keeps
/// its own way back: there may be half a million of them.
#[derive(Debug)]
pub struct Mark(Box<Shared>);

/// The state that all incidents share.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shared {
    /// How many events have changed it. Each append names the version it read.
    pub version: u64,
    /// Whether the kill switch is engaged.
    pub kill_switch: bool,
    /// Whether live mode was ever configured.
    pub live_begun: bool,
    /// The policy in force.
    pub policy: Option<PolicyDigest>,
    /// The runbooks in force.
    pub catalogue: Option<CatalogueDigest>,
    /// When the clock last jumped.
    pub last_jump: Option<Time>,
    /// Everybody who is known. Whoever looks on keeps what they took.
    pub people: Arc<People>,
    /// By which declaration the bodies of a source are read.
    mappings: Arc<BTreeMap<String, MappingDigest>>,
    freeze: Option<Option<Time>>,
    windows: BTreeMap<String, Window>,
    spent: BTreeMap<Account, Vec<(Time, u32)>>,
    locks: BTreeMap<String, Lock>,
    history: History,
    reach: Reach,
    broken: Broken,
    looked: Looked,
    bypasses: Bypasses,
    admitted: BTreeMap<String, RunbookDigest>,
    open: BTreeMap<Arc<str>, Arc<OpenIncident>>,
    /// The incidents that are open for nothing but to take back what they did. No alert belongs to
    /// them: one that fires again has an incident of its own.
    ways_back: BTreeSet<Arc<str>>,
    gatherings: BTreeSet<Arc<str>>,
    closed_gatherings: BTreeMap<Arc<str>, Time>,
    openings: VecDeque<Opening>,
    sightings: Sightings,
    /// What is quarantined, and whose it is.
    quarantined: BTreeMap<DeliveryDigest, Arc<str>>,
    debts: Debts,
    rotas: BTreeMap<String, Duty>,
}

/// Who is on duty for a rota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    /// The people.
    pub people: Vec<Person>,
    /// Whether they stand in because nobody could say who is on duty.
    pub stand_in: bool,
    /// Since when.
    pub since: Time,
}

impl Shared {
    /// Everybody who is known, with the groups they belong to and the rotas for which they were
    /// last recorded to be on duty.
    pub fn known(&self) -> impl Iterator<Item = Actor> {
        self.people.iter().filter_map(|(person, _)| {
            let mut actor = self.people.actor(person)?;
            let on_duty = self.rotas.iter().filter(|(_, duty)| duty.people.contains(person));
            actor.groups.extend(on_duty.map(|(rota, _)| rota.clone()));
            Some(actor)
        })
    }

    /// Who was last recorded to be on duty for a rota.
    #[must_use]
    pub fn rota(&self, name: &str) -> Option<&Duty> {
        self.rotas.get(name)
    }

    /// The declaration by which the bodies of a source are read, if they are read by one.
    #[must_use]
    pub fn mapping(&self, source: &str) -> Option<MappingDigest> {
        self.mappings.get(source).copied()
    }

    /// The declarations in force, by the source whose bodies are read by each.
    #[must_use]
    pub fn mappings(&self) -> &BTreeMap<String, MappingDigest> {
        &self.mappings
    }

    /// Whether a change freeze holds at `now`.
    #[must_use]
    pub fn frozen(&self, now: Time) -> bool {
        self.freeze.is_some_and(|until| until.is_none_or(|until| now < until))
    }

    /// Whether a change freeze holds at `now`, and until when if that was said.
    #[must_use]
    pub fn freeze(&self, now: Time) -> Option<Option<Time>> {
        self.freeze.filter(|until| until.is_none_or(|until| now < until))
    }

    /// Whether a runbook was carried through on a target in this mode, as far as is remembered.
    #[must_use]
    pub fn used(&self, mode: Mode, runbook: &str, target: &str) -> bool {
        self.history.used(mode, runbook, target)
    }

    /// How long ago a plan of a runbook ended on a target in this mode, as far as may be
    /// remembered. A jump of the clock makes nothing longer ago.
    #[must_use]
    pub fn tried(&self, mode: Mode, runbook: &str, target: &str, now: Time) -> Option<Span> {
        let ended = self.history.ended(mode, runbook, target)?;
        Some(now.since(self.last_jump.map_or(ended, |jump| jump.max(ended))))
    }

    /// How often the glass was broken within `window` before `now`.
    #[must_use]
    pub fn glass_broken(&self, window: Span, now: Time) -> u32 {
        self.broken.within(window, self.last_jump, now)
    }

    /// How often a target was looked at within `window` before `now`.
    #[must_use]
    pub fn looked(&self, target: &str, window: Span, now: Time) -> u32 {
        self.looked.within(target, window, self.last_jump, now)
    }

    /// The bypasses, and the runbooks for which they are off.
    #[must_use]
    pub const fn bypasses(&self) -> &Bypasses {
        &self.bypasses
    }

    /// Whether another plan than this one has touched a target since, as far as is known:
    /// what was forgotten counts as a touch.
    #[must_use]
    pub fn touched_by_another(&self, target: &str, plan: PlanDigest, since: Time) -> bool {
        self.history.touched_by_another(target, plan, since)
    }

    /// The version of a runbook that was admitted to live mode last.
    #[must_use]
    pub fn admitted_version(&self, runbook: &str) -> Option<RunbookDigest> {
        self.admitted.get(runbook).copied()
    }

    /// Whether exactly this version of a runbook was admitted to live mode.
    #[must_use]
    pub fn admitted(&self, runbook: &str, digest: RunbookDigest) -> bool {
        self.admitted.get(runbook) == Some(&digest)
    }

    /// Keeps how things stand, so that what follows can be taken back if it turns out not to
    /// be durable.
    #[must_use]
    pub fn mark(&mut self) -> Mark {
        let sightings = std::mem::take(&mut self.sightings);
        let mark = Mark(Box::new(self.clone()));
        self.sightings = sightings;
        self.sightings.mark();
        mark
    }

    /// What followed the mark holds for good.
    pub fn keep(&mut self, _: Mark) {
        self.sightings.keep();
    }

    /// All is as it was at the mark.
    pub fn take_back(&mut self, mark: Mark) {
        let mut sightings = std::mem::take(&mut self.sightings);
        sightings.take_back();
        *self = *mark.0;
        self.sightings = sightings;
    }

    /// Whether a delivery is quarantined.
    #[must_use]
    pub fn is_quarantined(&self, delivery: DeliveryDigest) -> bool {
        self.quarantined.contains_key(&delivery)
    }

    /// The reviews afterwards that are owed.
    #[must_use]
    pub const fn debts(&self) -> &Debts {
        &self.debts
    }

    /// The quarantined deliveries.
    pub fn quarantined(&self) -> impl Iterator<Item = DeliveryDigest> {
        self.quarantined.keys().copied()
    }

    /// How many deliveries of a source are quarantined.
    #[must_use]
    pub fn quarantined_of(&self, source: &str) -> usize {
        self.quarantined.values().filter(|of| ***of == *source).count()
    }

    /// The state after an event of `incident` (empty for those that belong to none).
    #[must_use]
    pub fn after(mut self, event: &Event, incident: &str, at: Time) -> Self {
        if !event.touches_shared() {
            return self;
        }
        self.version += 1;
        match event {
            Event::PolicyLoaded { digest, policy, .. } => {
                self.policy = Some(*digest);
                self.bypasses.under(policy.bypass.as_ref());
            }
            Event::BypassOpened { id, runbook, tier, until, by, reason } => {
                let (runbook, reason) = (runbook.clone(), reason.clone());
                let bypass = Bypass { runbook, tier: *tier, until: *until, by: by.clone(), reason };
                self.bypasses.opened(id, bypass, at);
            }
            Event::BypassClosed { id, .. } | Event::BypassLapsed { id } => self.bypasses.closed(id),
            Event::OversightFound { runbook, ceremonial } => {
                self.bypasses.found(runbook, *ceremonial);
            }
            Event::GlassBroken { plan, mode, by, reason } => {
                self.broken.note(at);
                let (incident, by, reason) = (incident.to_owned(), by.clone(), reason.clone());
                self.debts.broke(BrokenGlass { incident, plan: *plan, by, reason, at }, *mode);
            }
            Event::CatalogueLoaded { digest, .. } => self.catalogue = Some(*digest),
            Event::MappingLoaded { source, digest, .. } => {
                Arc::make_mut(&mut self.mappings).insert(source.clone(), *digest);
            }
            Event::MappingWithdrawn { source, .. } => {
                Arc::make_mut(&mut self.mappings).remove(source);
            }
            Event::KillSwitchEngaged { .. } => self.kill_switch = true,
            Event::KillSwitchReleased { .. } => self.kill_switch = false,
            Event::LiveModeBegun { .. } => self.live_begun = true,
            Event::FreezeDeclared { until, .. } => self.freeze = Some(*until),
            Event::FreezeLifted { .. } => self.freeze = None,
            Event::WindowOpened { id, window, matcher, conditions, from, until, by, reason } => {
                let window = Window {
                    kind: *window,
                    matcher: matcher.clone(),
                    conditions: Conditions::beside(matcher, conditions).ok().map(Arc::new),
                    from: *from,
                    until: *until,
                    by: by.clone(),
                    reason: reason.clone(),
                };
                self.windows.insert(id.clone(), window);
            }
            Event::WindowClosed { id, .. } => {
                self.windows.remove(id);
            }
            Event::RunbookAdmitted { runbook, digest, .. } => {
                self.admitted.insert(runbook.clone(), *digest);
            }
            Event::BudgetCharged { tier, scope, mode, actions, .. } => {
                self.charge(*mode, *tier, scope, *actions, at);
            }
            Event::ClockJumped { .. } => self.last_jump = Some(at),
            Event::RotaChanged { rota, people, stand_in } => {
                let duty = Duty { people: people.clone(), stand_in: *stand_in, since: at };
                self.rotas.insert(rota.clone(), duty);
            }
            Event::PersonAdded { .. }
            | Event::PersonChanged { .. }
            | Event::PersonRemoved { .. }
            | Event::PasswordChanged { .. }
            | Event::TokenIssued { .. }
            | Event::TokenRevoked { .. } => Arc::make_mut(&mut self.people).take(event, at),
            Event::DeliveryReceived { folded, .. }
            | Event::DeliveryPartReceived { folded, .. }
            | Event::AlertsFolded { folded, .. } => {
                folded.iter().for_each(|folded| self.fold(folded, at));
                self.forget(at);
            }
            Event::DeliveryQuarantined { delivery, source, .. } => {
                self.quarantined.insert(*delivery, source.as_str().into());
            }
            Event::QuarantineLifted { delivery, .. } => {
                self.quarantined.remove(delivery);
            }
            Event::IncidentOpened { alert, identity, gathers, .. } => {
                self.opened(incident, alert, *identity, gathers.as_ref(), at);
            }
            Event::AlertWorsened { alert, .. } => self.change_open(incident, |open| {
                open.labels.clone_from(&alert.labels);
            }),
            Event::Triaged { severity, triage } => {
                self.triaged(incident, severity.severity, triage, at);
            }
            Event::AlertEnded { ended, way_back, .. } => {
                self.closed(
                    incident,
                    |seen| {
                        // Of many, the one that opened it may have ended long before the last.
                        if seen.firing {
                            (seen.ended, seen.last) = (seen.ended.max(*ended), at);
                        }
                        (seen.firing, seen.rest) = (false, Rest::Closed(at));
                    },
                    at,
                );
                if way_back.is_some() {
                    self.ways_back.insert(incident.into());
                }
            }
            Event::IncidentReopened { .. } => {
                self.ways_back.insert(incident.into());
            }
            Event::IncidentClosed { .. } => {
                self.ways_back.remove(incident);
                self.closed(incident, |seen| seen.rest = Rest::Closed(at), at);
            }
            Event::PolicyDecided { input, verdict, .. } => {
                self.charge(input.mode, verdict.tier, &verdict.scope, verdict.reserved, at);
            }
            Event::PlanGranted { plan, mode, by } => {
                // The clock has a say at low tier only (`ClockWait::allowed`).
                if let GrantedBy::Clock { actions, scope, .. } = by {
                    self.charge(*mode, Tier::Low, scope, *actions, at);
                }
                if !matches!(by, GrantedBy::Quorum(_)) {
                    self.debts.begin(*plan, *mode, None);
                }
            }
            Event::ReviewedAfterwards { plan, .. } => self.debts.settled(*plan),
            Event::IncidentMerged { into, .. } => self.merged(incident, into, at),
            Event::LookStarted { target, .. } => self.looked.note(target, at),
            Event::StepStarted { plan, target, tier, runbook, .. } => {
                self.history.note_touch(target, *plan, at);
                let acts = tier.map(|tier| (tier, runbook.clone()));
                if let Some((tier, runbook)) = &acts {
                    self.reach.note((Mode::Live, *tier), runbook, target, at);
                }
                let lock = self.locks.entry(target.clone()).or_insert_with(|| Lock {
                    incident: incident.to_owned(),
                    plan: *plan,
                    acts,
                    in_flight: true,
                    closing: false,
                });
                lock.in_flight = true;
            }
            Event::StepResolved { finding: StepFinding::Investigating, .. } => {}
            Event::StepFinished { plan, .. } | Event::StepResolved { plan, .. } => {
                // Until its end a step touches its target.
                let held = self.locks.iter().find(|(_, lock)| lock.plan == *plan);
                if let Some((target, acts)) =
                    held.map(|(target, lock)| (target.clone(), lock.acts.clone()))
                {
                    self.history.note_touch(&target, *plan, at);
                    if let Some((tier, runbook)) = acts {
                        self.reach.note((Mode::Live, tier), &runbook, &target, at);
                    }
                }
                self.settle(*plan, |lock| lock.in_flight = false);
            }
            Event::PlanFinished { plan, outcome, target, runbook, tier, .. } => {
                let ran_in = match outcome {
                    PlanOutcome::Rehearsed => Mode::DryRun,
                    PlanOutcome::Completed | PlanOutcome::Failed => Mode::Live,
                };
                // What a dry-run shows counts in an account of its own.
                if let (PlanOutcome::Rehearsed, Some(tier)) = (outcome, tier) {
                    self.reach.note((ran_in, *tier), runbook, target, at);
                }
                if !runbook.is_empty() {
                    self.history.note_end(ran_in, runbook, target, at);
                }
                let mode = match outcome {
                    PlanOutcome::Rehearsed => Some(Mode::DryRun),
                    PlanOutcome::Completed => Some(Mode::Live),
                    PlanOutcome::Failed => None,
                };
                if let (Some(mode), false) = (mode, runbook.is_empty()) {
                    self.history.note_use(mode, runbook, target, at);
                }
                self.debts.finished(*plan, incident, at);
                if *outcome == PlanOutcome::Completed {
                    self.ways_back.remove(incident);
                }
                self.settle(*plan, |lock| lock.closing = true);
            }
            Event::PlanVoided { plan, .. } => {
                let ran = self.locks.values().any(|lock| lock.plan == *plan);
                self.debts.voided(*plan, incident, ran, at);
                self.settle(*plan, |lock| lock.closing = true);
            }
            _ => {}
        }
        self
    }

    /// Lets go of what is too old to matter.
    fn forget(&mut self, at: Time) {
        let open = &self.open;
        // An incident counts those that fire; one that flaps waits for its alert to return.
        let needs = |seen: &Sighting| {
            open.get(&seen.incident).is_some_and(|open| seen.firing || open.flaps())
        };
        if !self.sightings.prune(at, needs) {
            return;
        }
        self.windows.retain(|_, window| at < window.until);
        self.closed_gatherings.retain(|_, closed| at.since(*closed) < limits::REMEMBERED);
        self.spent.values_mut().for_each(|spent| {
            // No window is longer than this.
            let from = self.last_jump;
            let counts =
                |since: Time| at < from.map_or(since, |jump| jump.max(since)).after(Span::MAX);
            spent.retain(|(since, _)| counts(*since));
        });
    }
}
