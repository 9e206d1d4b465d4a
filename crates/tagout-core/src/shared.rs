//! What spans incidents: budgets, target locks, freezes, the kill switch, and which alert
//! belongs to which incident. Event-sourced like the incidents themselves.

mod alerts;
mod history;

use self::history::History;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::afterwards::Debts;
use crate::alert::{Alert, Severity};
use crate::approval::Person;
use crate::bypass::{Bypass, Bypasses};
use crate::condition::Conditions;
use crate::digest::{
    AlertIdentity, CatalogueDigest, DeliveryDigest, PlanDigest, PolicyDigest, RunbookDigest,
};
use crate::event::{Event, Gathering, GrantedBy, PlanOutcome, WindowKind};
use crate::glass::Broken;
use crate::limits;
use crate::matcher::LabelMatcher;
use crate::noise::InhibitRule;
use crate::people::People;
use crate::policy::EscalationPolicy;
use crate::sighting::{Rest, Sighting, Sightings};
use crate::text::FreeText;
use crate::tier::Tier;
use crate::time::{Span, Time};
use crate::verdict::Mode;

/// Whose budget: a dry-run spends one of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// In which mode.
    pub mode: Mode,
    /// In which tier.
    pub tier: Tier,
    /// In which scope.
    pub scope: String,
}

/// Who holds a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The incident.
    pub incident: String,
    /// The plan.
    pub plan: PlanDigest,
    /// Whether a start has no recorded end.
    in_flight: bool,
    /// Whether the plan is over, so that the lock goes with the last recorded end.
    closing: bool,
}

/// A maintenance window or a silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// What it is.
    pub kind: WindowKind,
    /// The alerts it covers.
    pub matcher: LabelMatcher,
    /// What else must hold for an alert that it covers. Absent if this release does not
    /// understand it; then it covers none.
    pub conditions: Option<Arc<Conditions>>,
    /// When it begins.
    pub from: Time,
    /// When it ends.
    pub until: Time,
    /// Who opened it.
    pub by: Person,
    /// Why, if somebody said so.
    pub reason: FreeText,
}

impl Window {
    /// Whether it covers alerts with these labels at `now`.
    #[must_use]
    pub fn covers(&self, labels: &BTreeMap<String, String>, now: Time) -> bool {
        self.from <= now
            && now < self.until
            && self.matcher.matches(labels)
            && self.conditions.as_ref().is_some_and(|conditions| conditions.hold(labels))
    }
}

/// An open incident, as far as other alerts need to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIncident {
    /// The fault it was opened for.
    pub identity: AlertIdentity,
    /// For what it stands besides.
    pub gathers: Option<Gathering>,
    /// How many of its alerts fire.
    pub firing: u32,
    /// When it was opened, or an alert joined it.
    joined_at: Time,
    /// The name and labels of the alert it was opened for: it may hold others back.
    name: Arc<str>,
    labels: BTreeMap<String, String>,
}

impl OpenIncident {
    /// Whether it stands for an alert that begins and ends again and again.
    #[must_use]
    pub const fn flaps(&self) -> bool {
        matches!(self.gathers, Some(Gathering::Flapping { .. }))
    }

    fn takes_in(&self, name: &str, severity: Severity) -> bool {
        match &self.gathers {
            Some(Gathering::SameName { name: own, severity: of }) => own == name && *of == severity,
            Some(Gathering::Everything { severity: of }) => *of == severity,
            Some(Gathering::Flapping { .. }) | None => false,
        }
    }
}

/// An incident that something was to be done about, when it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Opening {
    at: Time,
    identity: AlertIdentity,
    incident: Arc<str>,
    name: Arc<str>,
    severity: Severity,
}

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
    /// The policy in force.
    pub policy: Option<PolicyDigest>,
    /// The runbooks in force.
    pub catalogue: Option<CatalogueDigest>,
    /// When the clock last jumped.
    pub last_jump: Option<Time>,
    /// Everybody who is known. Whoever looks on keeps what they took.
    pub people: Arc<People>,
    freeze: Option<Option<Time>>,
    windows: BTreeMap<String, Window>,
    spent: BTreeMap<Account, Vec<(Time, u32)>>,
    locks: BTreeMap<String, Lock>,
    history: History,
    broken: Broken,
    bypasses: Bypasses,
    admitted: BTreeMap<String, RunbookDigest>,
    open: BTreeMap<Arc<str>, Arc<OpenIncident>>,
    gatherings: BTreeSet<Arc<str>>,
    closed_gatherings: BTreeMap<Arc<str>, Time>,
    openings: VecDeque<Opening>,
    sightings: Sightings,
    quarantined: BTreeSet<DeliveryDigest>,
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
    /// Who was last recorded to be on duty for a rota.
    #[must_use]
    pub fn rota(&self, name: &str) -> Option<&Duty> {
        self.rotas.get(name)
    }

    /// Whether a change freeze holds at `now`.
    #[must_use]
    pub fn frozen(&self, now: Time) -> bool {
        self.freeze.is_some_and(|until| until.is_none_or(|until| now < until))
    }

    /// The window that covers `alert` at `now`, by id.
    #[must_use]
    pub fn window(&self, alert: &Alert, now: Time) -> Option<(&str, &Window)> {
        self.windows
            .iter()
            .find(|(_, window)| window.covers(&alert.labels, now))
            .map(|(id, w)| (id.as_str(), w))
    }

    /// The windows that have not ended at `now`, by id.
    pub fn windows(&self, now: Time) -> impl Iterator<Item = (&str, &Window)> {
        let open = self.windows.iter().filter(move |(_, window)| now < window.until);
        open.map(|(id, window)| (id.as_str(), window))
    }

    /// Whether a change freeze holds at `now`, and until when if that was said.
    #[must_use]
    pub fn freeze(&self, now: Time) -> Option<Option<Time>> {
        self.freeze.filter(|until| until.is_none_or(|until| now < until))
    }

    /// Whether a window of this id has not ended at `now`.
    #[must_use]
    pub fn has_window(&self, id: &str, now: Time) -> bool {
        self.windows.get(id).is_some_and(|window| now < window.until)
    }

    /// The autonomous actions of each tier that count at `now`.
    #[must_use]
    pub fn spent(
        &self,
        policy: &EscalationPolicy,
        mode: Mode,
        scope: &str,
        now: Time,
    ) -> BTreeMap<Tier, u32> {
        Tier::ALL
            .into_iter()
            .map(|tier| {
                let account = Account { mode, tier, scope: scope.to_owned() };
                // A jump of the clock must not refill the window early: what was spent before
                // the last jump counts for a full window after it.
                let window = policy.rules(tier).window;
                let counts = |at: Time| {
                    let from = self.last_jump.map_or(at, |jump| jump.max(at));
                    now < from.after(window)
                };
                let spent = self.spent.get(&account).into_iter().flatten();
                let sum = spent
                    .filter(|(at, _)| counts(*at))
                    .fold(0u32, |sum, (_, n)| sum.saturating_add(*n));
                (tier, sum)
            })
            .collect()
    }

    /// Who holds `target`.
    #[must_use]
    pub fn lock(&self, target: &str) -> Option<&Lock> {
        self.locks.get(target)
    }

    /// Whether a runbook was carried through on a target in this mode, as far as is remembered.
    #[must_use]
    pub fn used(&self, mode: Mode, runbook: &str, target: &str) -> bool {
        self.history.used(mode, runbook, target)
    }

    /// How often the glass was broken within `window` before `now`.
    #[must_use]
    pub fn glass_broken(&self, window: Span, now: Time) -> u32 {
        self.broken.within(window, self.last_jump, now)
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

    /// Whether exactly this version of a runbook was admitted to live mode.
    #[must_use]
    pub fn admitted(&self, runbook: &str, digest: RunbookDigest) -> bool {
        self.admitted.get(runbook) == Some(&digest)
    }

    /// The open incident that this fault belongs to.
    #[must_use]
    pub fn open_incident(&self, identity: AlertIdentity) -> Option<&str> {
        let incident = &self.sightings.get(identity)?.incident;
        self.open.contains_key(incident).then_some(&**incident)
    }

    /// All open incidents.
    pub fn open_incidents(&self) -> impl Iterator<Item = &str> {
        self.open.keys().map(|id| &**id)
    }

    /// An incident, if it is open.
    #[must_use]
    pub fn open(&self, incident: &str) -> Option<&OpenIncident> {
        self.open.get(incident).map(|open| &**open)
    }

    /// What is known of each alert.
    #[must_use]
    pub const fn sightings(&self) -> &Sightings {
        &self.sightings
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

    /// Why nothing is done about an alert: what is known of it, or of the storm it was part of.
    #[must_use]
    pub fn rest(&self, seen: &Sighting) -> Rest {
        match (seen.rest, self.closed_gatherings.get(&seen.incident)) {
            (Rest::No, Some(at)) => Rest::Closed(*at),
            (rest, _) => rest,
        }
    }

    /// The open incident that gathers alerts of this name and severity, unless none has
    /// joined it for `quiet`.
    #[must_use]
    pub fn gathering(
        &self,
        name: &str,
        severity: Severity,
        quiet: Span,
        now: Time,
    ) -> Option<&str> {
        let open = self.gatherings.iter().filter_map(|id| Some((&**id, self.open(id)?)));
        open.filter(|(_, open)| now.since(open.joined_at) < quiet)
            .find(|(_, open)| open.takes_in(name, severity))
            .map(|(id, _)| id)
    }

    /// For how many alerts but this one incidents were opened within `window`: of this name and
    /// severity, and of this severity or a higher one. A storm of warnings must not hide what
    /// is worse, and one alert that comes and goes is no storm.
    #[must_use]
    pub fn opened_within(
        &self,
        identity: AlertIdentity,
        (name, severity): (&str, Severity),
        window: Span,
        now: Time,
    ) -> (usize, usize) {
        let recent = self.openings.iter().rev().take_while(|o| now.since(o.at) < window);
        let (mut same, mut all) = (BTreeSet::new(), BTreeSet::new());
        for o in recent.filter(|o| o.identity != identity && o.severity >= severity) {
            all.insert(o.identity);
            if *o.name == *name && o.severity == severity {
                same.insert(o.identity);
            }
        }
        (same.len(), all.len())
    }

    /// How many open incidents there are of alerts that flap, counted as in
    /// [`Shared::opened_within`]. They stay open, so they count however old they are.
    #[must_use]
    pub fn flapping(&self, (name, severity): (&str, Severity)) -> (usize, usize) {
        let open = self.gatherings.iter().filter_map(|id| self.open(id));
        let flapping = open.filter(|open| open.flaps()).filter_map(|open| {
            let of = self.sightings.get(open.identity)?.severity;
            (of >= severity).then_some(of == severity && *open.name == *name)
        });
        flapping.fold((0, 0), |(same, all), alike| (same + usize::from(alike), all + 1))
    }

    /// The open incident in which an alert fires.
    #[must_use]
    pub fn fires_in(&self, identity: AlertIdentity) -> Option<&Arc<str>> {
        let seen = self.sightings.get(identity).filter(|seen| seen.firing)?;
        self.open.contains_key(&seen.incident).then_some(&seen.incident)
    }

    /// The open incident that holds `alert` back under these rules. It does so while the alert
    /// that opened it fires, whatever else it has gathered.
    #[must_use]
    pub fn inhibited(&self, alert: &Alert, rules: &[InhibitRule]) -> Option<&str> {
        if rules.is_empty() {
            return None;
        }
        let holds = |open: &OpenIncident| {
            rules.iter().any(|rule| rule.holds_back(&open.labels, &alert.labels))
        };
        let mut open = self.open.iter().filter(|(_, open)| holds(open));
        open.find(|(id, open)| self.fires_in(open.identity) == Some(id)).map(|(id, _)| &**id)
    }

    /// Whether a delivery is quarantined.
    #[must_use]
    pub fn is_quarantined(&self, delivery: DeliveryDigest) -> bool {
        self.quarantined.contains(&delivery)
    }

    /// The reviews afterwards that are owed.
    #[must_use]
    pub const fn debts(&self) -> &Debts {
        &self.debts
    }

    /// The quarantined deliveries.
    pub fn quarantined(&self) -> impl Iterator<Item = DeliveryDigest> {
        self.quarantined.iter().copied()
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
            Event::BypassClosed { id, .. } => self.bypasses.closed(id),
            Event::OversightFound { runbook, ceremonial } => {
                self.bypasses.found(runbook, *ceremonial);
            }
            Event::GlassBroken { plan, mode, by, .. } => {
                self.broken.note(at);
                self.debts.begin(*plan, *mode, Some(by.clone()));
            }
            Event::CatalogueLoaded { digest, .. } => self.catalogue = Some(*digest),
            Event::KillSwitchEngaged { .. } => self.kill_switch = true,
            Event::KillSwitchReleased { .. } => self.kill_switch = false,
            Event::FreezeDeclared { until, .. } => self.freeze = Some(*until),
            Event::FreezeLifted { .. } => self.freeze = None,
            Event::WindowOpened { id, window, matcher, conditions, from, until, by, reason } => {
                let window = Window {
                    kind: *window,
                    matcher: matcher.clone(),
                    conditions: Conditions::new(conditions).ok().map(Arc::new),
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
            Event::DeliveryQuarantined { delivery, .. } => {
                self.quarantined.insert(*delivery);
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
            Event::AlertEnded { ended, .. } => self.closed(
                incident,
                |seen| {
                    // Of many, the one that opened it may have ended long before the last.
                    if seen.firing {
                        (seen.ended, seen.last) = (seen.ended.max(*ended), at);
                    }
                    (seen.firing, seen.rest) = (false, Rest::Closed(at));
                },
                at,
            ),
            Event::IncidentClosed { .. } => {
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
            Event::StepStarted { plan, target, .. } => {
                self.history.note_touch(target, *plan, at);
                let lock = self.locks.entry(target.clone()).or_insert_with(|| Lock {
                    incident: incident.to_owned(),
                    plan: *plan,
                    in_flight: true,
                    closing: false,
                });
                lock.in_flight = true;
            }
            Event::StepFinished { plan, .. } | Event::StepResolved { plan, .. } => {
                // Until its end a step touches its target.
                let held = self.locks.iter().find(|(_, lock)| lock.plan == *plan);
                if let Some(target) = held.map(|(target, _)| target.clone()) {
                    self.history.note_touch(&target, *plan, at);
                }
                self.settle(*plan, |lock| lock.in_flight = false);
            }
            Event::PlanFinished { plan, outcome, target, runbook } => {
                let mode = match outcome {
                    PlanOutcome::Rehearsed => Some(Mode::DryRun),
                    PlanOutcome::Completed => Some(Mode::Live),
                    PlanOutcome::Failed => None,
                };
                if let (Some(mode), false) = (mode, runbook.is_empty()) {
                    self.history.note_use(mode, runbook, target, at);
                }
                self.debts.finished(*plan, incident, at);
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

    fn charge(&mut self, mode: Mode, tier: Tier, scope: &str, actions: u32, at: Time) {
        if actions == 0 {
            return;
        }
        let account = Account { mode, tier, scope: scope.to_owned() };
        self.spent.entry(account).or_default().push((at, actions));
    }

    /// Changes the lock of `plan` and drops it once the plan is over and nothing is in flight.
    fn settle(&mut self, plan: PlanDigest, change: impl Fn(&mut Lock)) {
        self.locks.values_mut().filter(|lock| lock.plan == plan).for_each(change);
        self.locks.retain(|_, lock| !lock.closing || lock.in_flight);
    }
}
