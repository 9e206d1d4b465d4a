//! What spans incidents: budgets, target locks, freezes, the kill switch, open groups.
//! Event-sourced like the incidents themselves.

use std::collections::BTreeMap;

use crate::alert::Alert;
use crate::digest::{AlertIdentity, CatalogueDigest, PlanDigest, PolicyDigest, RunbookDigest};
use crate::event::{Event, GrantedBy, Triage, WindowKind};
use crate::matcher::LabelMatcher;
use crate::policy::EscalationPolicy;
use crate::tier::Tier;
use crate::time::Time;
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
    /// When it begins.
    pub from: Time,
    /// When it ends.
    pub until: Time,
}

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
    freeze: Option<Option<Time>>,
    windows: BTreeMap<String, Window>,
    spent: BTreeMap<Account, Vec<(Time, u32)>>,
    locks: BTreeMap<String, Lock>,
    admitted: BTreeMap<String, RunbookDigest>,
    open: BTreeMap<AlertIdentity, String>,
}

impl Shared {
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
            .find(|(_, w)| w.from <= now && now < w.until && w.matcher.matches(&alert.labels))
            .map(|(id, w)| (id.as_str(), w))
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

    /// Whether exactly this version of a runbook was admitted to live mode.
    #[must_use]
    pub fn admitted(&self, runbook: &str, digest: RunbookDigest) -> bool {
        self.admitted.get(runbook) == Some(&digest)
    }

    /// The open incident about this fault.
    #[must_use]
    pub fn open_incident(&self, identity: AlertIdentity) -> Option<&str> {
        self.open.get(&identity).map(String::as_str)
    }

    /// All open incidents.
    pub fn open_incidents(&self) -> impl Iterator<Item = &str> {
        self.open.values().map(String::as_str)
    }

    /// The state after an event of `incident` (empty for those that belong to none).
    #[must_use]
    pub fn after(mut self, event: &Event, incident: &str, at: Time) -> Self {
        if !event.touches_shared() {
            return self;
        }
        self.version += 1;
        match event {
            Event::PolicyLoaded { digest, .. } => self.policy = Some(*digest),
            Event::CatalogueLoaded { digest, .. } => self.catalogue = Some(*digest),
            Event::KillSwitchEngaged { .. } => self.kill_switch = true,
            Event::KillSwitchReleased { .. } => self.kill_switch = false,
            Event::FreezeDeclared { until, .. } => self.freeze = Some(*until),
            Event::FreezeLifted { .. } => self.freeze = None,
            Event::WindowOpened { id, window, matcher, from, until, .. } => {
                let window =
                    Window { kind: *window, matcher: matcher.clone(), from: *from, until: *until };
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
            Event::IncidentOpened { identity, .. } => {
                self.open.insert(*identity, incident.to_owned());
            }
            Event::Triaged { triage: Triage::Away(_), .. }
            | Event::AlertEnded { .. }
            | Event::IncidentClosed { .. } => self.open.retain(|_, id| id != incident),
            Event::PolicyDecided { input, verdict, .. } => {
                self.charge(input.mode, verdict.tier, &verdict.scope, verdict.reserved, at);
            }
            // The clock has a say at low tier only (`ClockWait::allowed`).
            Event::PlanGranted { mode, by: GrantedBy::Clock { actions, scope, .. }, .. } => {
                self.charge(*mode, Tier::Low, scope, *actions, at);
            }
            Event::StepStarted { plan, target, .. } => {
                let lock = self.locks.entry(target.clone()).or_insert_with(|| Lock {
                    incident: incident.to_owned(),
                    plan: *plan,
                    in_flight: true,
                    closing: false,
                });
                lock.in_flight = true;
            }
            Event::StepFinished { plan, .. } | Event::StepResolved { plan, .. } => {
                self.settle(*plan, |lock| lock.in_flight = false);
            }
            Event::PlanFinished { plan, .. } | Event::PlanVoided { plan, .. } => {
                self.settle(*plan, |lock| lock.closing = true);
            }
            _ => {}
        }
        self
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
