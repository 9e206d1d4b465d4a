//! A setting: the small world that is explored, and what is true of it whatever the code says.

mod named;
mod page;

use tagout_core::actor::{Actor, Role};
use tagout_core::alert::Alert;
use tagout_core::approval::Person;
use tagout_core::command::SharedCommand;
use tagout_core::confidence::Confidence;
use tagout_core::digest::SearchDigest;
use tagout_core::findings::{Candidate, ExactKey, Findings};
use tagout_core::plan::PlanChange;
use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::{Catalogue, Runbook};
use tagout_core::time::Time;
use tagout_core::verdict::Mode;

use crate::takeover::TakeOver;

pub use page::{alert, looking, runbook};

/// The only runbook of the explored worlds.
pub const RUNBOOK: &str = "restart";
/// The people of the explored worlds.
pub const PEOPLE: [&str; 3] = ["ana", "ben", "cho"];
/// What stands for "never" where an instant is kept in a byte.
pub const NEVER: u8 = u8::MAX;

/// One small world.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Its name in tables.
    pub name: &'static str,
    /// The policy in force.
    pub policy: EscalationPolicy,
    /// The runbooks in force.
    pub runbooks: Catalogue,
    /// One alert per incident.
    pub alerts: Vec<Alert>,
    /// What the search finds for each of them.
    pub findings: Findings,
    /// What was recorded before the exploration begins.
    pub before: Vec<SharedCommand>,
    /// Whether the incidents begin after a recorded triage that asks for a search. Needed for
    /// the low tier: today's triage closes every alert whose severity would allow it.
    pub triaged: bool,
    /// The groups of each of [`PEOPLE`].
    pub groups: [&'static [&'static str]; 3],
    /// The roles of each of [`PEOPLE`].
    pub roles: [Role; 3],
    /// What somebody changes about the plan.
    pub change: PlanChange,
    /// What is true of this world. Written down by hand; never read from the code explored.
    pub truth: Given,
    /// How far the exploration goes.
    pub bounds: Bounds,
    /// If a membership may be over while its processes go on: what is true of that.
    pub takeover: Option<TakeOver>,
}

/// What is true of a setting.
#[derive(Debug, Clone, Copy)]
pub struct Given {
    /// Whether its plans are of critical tier.
    pub critical: bool,
    /// How many different people must approve.
    pub quorum: u32,
    /// Ticks after which a request lapses.
    pub timeout: u8,
    /// Ticks of uninterrupted wait before the clock may grant; `NEVER` if it may not.
    pub wait: u8,
    /// The most autonomous actions in the window.
    pub budget: u8,
    /// The window, in ticks.
    pub window: u8,
    /// Autonomous actions that were taken before the beginning.
    pub spent: u8,
    /// The actions of one plan.
    pub actions: u8,
    /// The steps of one plan, in order.
    pub steps: [Option<&'static str>; 2],
    /// If one of two groups each must approve: who is in the first (bit 0) and the second.
    pub groups: Option<[u8; 3]>,
    /// Who may break the glass: a bit per person.
    pub glass: u8,
    /// Of whom one must approve because it is a first use, a bit per person, for each version of
    /// the plan; 0 if of nobody.
    pub owners: [u8; 2],
    /// Whether the change of the plan only leaves out an action or moves a value to its safer
    /// side, at medium tier.
    pub trims: bool,
    /// On how many targets plans may act; then each incident is about one of its own, and
    /// otherwise all are about one. `NEVER` for any number.
    pub targets: u8,
    /// Ticks after the end of a plan in which the runbook is not started on its target again
    /// without people.
    pub cool_down: u8,
    /// Ticks after the end of a plan in which its alert may still end; `NEVER` if nobody looks.
    pub looks: u8,
    /// If the first step is a check before the others: the ticks of rest after which it is run
    /// again before anything else.
    pub pause: Option<u8>,
    /// If the match is in doubt: the tick until which a bypass is open, and for which incidents.
    pub bypass: Option<(u8, u8)>,
    /// If there is a check to be looked at before the decision: whether its command is listed.
    pub look: Option<bool>,
    /// Whether the second of the steps takes back the first, in a plan of its own that a person asks
    /// for when they reject afterwards what ran.
    pub undo: bool,
    /// Whether it is all a dry-run. Then [`Given::steps`] are those that it may start, a check
    /// and an action by its own form; the action after them has none.
    pub dry: bool,
}

/// How far an exploration goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The last tick of real time.
    pub horizon: u8,
    /// How often the wall clock jumps, by `leap` ticks each time.
    pub jumps: u8,
    /// How far it jumps, in ticks.
    pub leap: u8,
    /// How often a replica crashes.
    pub crashes: u8,
    /// How often the kill switch is toggled.
    pub toggles: u8,
    /// How many replicas work on the log.
    pub replicas: u8,
    /// How many people answer.
    pub people: u8,
    /// Whether somebody makes a second version of the plan.
    pub modify: bool,
    /// Whether somebody takes a plan back, and whether the alert may end.
    pub stops: bool,
    /// Whether people also send stale digests and modes.
    pub mistakes: bool,
    /// Whether people try to break the glass.
    pub glass: bool,
}

/// The instant of a tick: one a minute.
#[must_use]
pub fn time(tick: u8) -> Time {
    Time::from_millis(1_800_000_000_000 + i64::from(tick) * 60_000)
}

/// The id of an incident.
#[must_use]
pub const fn incident_id(case: u8) -> &'static str {
    if case == 0 { "inc-0" } else { "inc-1" }
}

/// One of [`PEOPLE`].
///
/// # Panics
/// If there are fewer people.
#[must_use]
pub fn person(index: u8) -> Person {
    Person::new(PEOPLE[usize::from(index)]).expect("a name")
}

impl Setting {
    /// What its plans are run as.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        if self.truth.dry { Mode::DryRun } else { Mode::Live }
    }

    /// One of [`PEOPLE`] as an approver, with their groups.
    #[must_use]
    pub fn actor(&self, index: u8) -> Actor {
        let groups = self.groups[usize::from(index)].iter().map(|group| (*group).to_owned());
        let role = self.roles[usize::from(index)];
        Actor { groups: groups.collect(), ..Actor::new(person(index), role) }
    }

    fn base(policy: &str, runbook: Runbook) -> Self {
        // Warnings and further people asked change nothing that a promise is about.
        let looks =
            if policy.contains("effective_within") { "" } else { "effective_within = \"0s\"\n" };
        let policy = format!("warn_before = \"0s\"\n{looks}{policy}");
        let policy = EscalationPolicy::parse(&policy).expect("a policy");
        let admitted = SharedCommand::AdmitRunbook {
            runbook: runbook.id.clone(),
            digest: runbook.digest,
            by: person(0),
            page: "".into(),
            author: None,
        };
        let runbooks = Catalogue::new([runbook]).expect("one runbook");
        let search = SearchDigest::of_bytes(b"sim");
        let findings = Findings {
            candidates: vec![Candidate {
                runbook: RUNBOOK.into(),
                confidence: Confidence::from_basis_points(9_900),
                key: Some(ExactKey::AlertName),
                matched_terms: Vec::new(),
                similarity: 0,
            }],
            calibrated: true,
            catalogue: runbooks.digest(),
            model: search,
            index: search,
            calibration: search,
        };
        Self {
            name: "",
            policy,
            runbooks,
            alerts: Vec::new(),
            findings,
            before: vec![admitted],
            triaged: false,
            groups: [&[], &[], &[]],
            roles: [Role::Approver; 3],
            change: PlanChange {
                values: [("pace".to_owned(), "slow".to_owned())].into(),
                ..PlanChange::default()
            },
            truth: Given::PLAIN,
            bounds: Bounds::NONE,
            takeover: None,
        }
    }
}

impl Given {
    /// Nothing that only some settings have.
    const PLAIN: Self = Self {
        critical: true,
        quorum: 1,
        timeout: 1,
        wait: NEVER,
        budget: 0,
        window: 1,
        spent: 0,
        actions: 0,
        steps: [None, None],
        groups: None,
        glass: 0,
        owners: [0; 2],
        trims: false,
        targets: NEVER,
        cool_down: 15,
        looks: NEVER,
        pause: None,
        bypass: None,
        look: None,
        undo: false,
        dry: false,
    };
}

impl Bounds {
    /// One replica, and nothing happens.
    const NONE: Self = Self {
        horizon: 0,
        jumps: 0,
        leap: 0,
        crashes: 0,
        toggles: 0,
        replicas: 1,
        people: 0,
        modify: false,
        stops: false,
        mistakes: false,
        glass: false,
    };
}
