//! A setting: the small world that is explored, and what is true of it whatever the code says.

use std::collections::BTreeMap;

use tagout_core::actor::{Actor, Role};
use tagout_core::alert::{Alert, AlertStatus};
use tagout_core::approval::Person;
use tagout_core::command::{PeopleCommand, SharedCommand};
use tagout_core::confidence::Confidence;
use tagout_core::digest::{RunbookDigest, SearchDigest};
use tagout_core::execution::Execution;
use tagout_core::findings::{Candidate, ExactKey, Findings};
use tagout_core::front_matter::{FrontMatter, KeysSource, PageText, StepSource};
use tagout_core::inspection::{CommandPattern, InspectionRules};
use tagout_core::parameter::Parameter;
use tagout_core::plan::PlanChange;
use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::{Catalogue, Runbook, Step, StepKind};
use tagout_core::safer::Safer;
use tagout_core::tier::Tier;
use tagout_core::time::{Span, Time};
use tagout_core::verdict::Mode;

use crate::takeover::TakeOver;

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
    /// One incident of critical tier, two steps, three people of whom two must approve, and
    /// two versions of the plan.
    ///
    /// # Panics
    /// If the setting itself is broken.
    #[must_use]
    pub fn quorum() -> Self {
        let policy = "[tier.critical]\nquorum = 2\ntimeout = \"2m\"\nlive = true\n";
        Self {
            name: "one incident, quorum of two",
            alerts: vec![alert("critical", 0)],
            truth: Given {
                critical: true,
                quorum: 2,
                timeout: 2,
                wait: NEVER,
                budget: 0,
                window: 60,
                spent: 0,
                actions: 2,
                steps: [Some("drain"), Some("restart")],
                ..Given::PLAIN
            },
            bounds: Bounds {
                horizon: 2,
                jumps: 1,
                leap: 1,
                crashes: 1,
                toggles: 2,
                replicas: 1,
                people: 3,
                modify: true,
                stops: true,
                mistakes: true,
                glass: false,
            },
            ..Self::base(policy, runbook(2, Tier::Medium))
        }
    }

    /// One incident of low tier whose plan the clock may grant after a warning.
    ///
    /// # Panics
    /// If the setting itself is broken.
    #[must_use]
    pub fn clock() -> Self {
        let policy = "default_environment = \"low\"\n\
                      [clock_grant]\nrunbooks = [\"restart\"]\nwait = \"2m\"\n\
                      [tier.low]\nmin_confidence = \"never\"\nquorum = 1\ntimeout = \"3m\"\nlive = true\n";
        Self {
            name: "one incident, grant by the clock",
            alerts: vec![alert("info", 0)],
            triaged: true,
            truth: Given {
                critical: false,
                quorum: 1,
                timeout: 3,
                wait: 2,
                budget: 10,
                window: 60,
                spent: 0,
                actions: 1,
                steps: [Some("drain"), None],
                ..Given::PLAIN
            },
            bounds: Bounds {
                horizon: 3,
                jumps: 1,
                leap: 2,
                crashes: 1,
                toggles: 2,
                replicas: 2,
                people: 1,
                modify: false,
                stops: true,
                mistakes: false,
                glass: false,
            },
            ..Self::base(policy, runbook(1, Tier::Low))
        }
    }

    /// Two incidents and two replicas on one target, with one unit of the budget left.
    ///
    /// # Panics
    /// If the setting itself is broken.
    #[must_use]
    pub fn budget() -> Self {
        let policy = "default_environment = \"low\"\n\
                      [tier.medium]\nmin_confidence = 0.9\nmax_autonomous_actions = 2\n\
                      window = \"3m\"\nquorum = 1\ntimeout = \"1m\"\nlive = true\n";
        let mut base = Self::base(policy, runbook(1, Tier::Medium));
        base.before.push(SharedCommand::ChargeBudget {
            tier: Tier::Medium,
            scope: "everywhere".into(),
            mode: Mode::Live,
            actions: 1,
            reason: "taken by hand".into(),
        });
        Self {
            name: "two incidents, one unit left",
            alerts: vec![alert("warning", 0), alert("warning", 1)],
            truth: Given {
                critical: false,
                quorum: 1,
                timeout: 1,
                wait: NEVER,
                budget: 2,
                window: 3,
                spent: 1,
                actions: 1,
                steps: [Some("drain"), None],
                ..Given::PLAIN
            },
            bounds: Bounds {
                horizon: 1,
                jumps: 1,
                leap: 3,
                crashes: 1,
                toggles: 2,
                replicas: 2,
                people: 1,
                modify: false,
                stops: false,
                mistakes: false,
                glass: false,
            },
            ..base
        }
    }

    /// One incident of medium tier that needs one of each of two groups. The first person is in
    /// both, the second in one, the third in none and may break the glass; the change of the
    /// plan only leaves out its last step.
    ///
    /// # Panics
    /// If the setting itself is broken.
    #[must_use]
    pub fn groups() -> Self {
        let policy = "default_environment = \"low\"\n\
                      [break_glass]\npeople = [\"cho\"]\nmax_per_window = 1\nwindow = \"1h\"\n\
                      [tier.medium]\nmin_confidence = \"never\"\nquorum = 1\n\
                      groups = { a = 1, b = 1 }\ntimeout = \"2m\"\nlive = true\n";
        Self {
            name: "one incident, two groups, the glass",
            alerts: vec![alert("warning", 0)],
            groups: [&["a", "b"], &["a"], &[]],
            change: PlanChange {
                drop_steps: ["restart".to_owned()].into(),
                ..PlanChange::default()
            },
            truth: Given {
                critical: false,
                quorum: 1,
                timeout: 2,
                steps: [Some("drain"), Some("restart")],
                groups: Some([0b11, 0b01, 0]),
                glass: 0b100,
                trims: true,
                ..Given::PLAIN
            },
            bounds: Bounds {
                horizon: 2,
                jumps: 0,
                leap: 0,
                crashes: 0,
                toggles: 2,
                replicas: 1,
                people: 3,
                modify: true,
                stops: true,
                mistakes: false,
                glass: true,
            },
            ..Self::base(policy, runbook(2, Tier::Medium))
        }
    }

    /// One incident of medium tier that needs one person, and a change of its plan that moves its
    /// pace to the side that the runbook calls safer.
    ///
    /// # Panics
    /// If the setting itself is broken.
    #[must_use]
    pub fn tightens() -> Self {
        Self::moves("one incident, a value moved to its safer side", Safer::Last)
    }

    /// As [`Setting::tightens`], where the runbook calls the other side safer.
    ///
    /// # Panics
    /// If the setting itself is broken.
    #[must_use]
    pub fn loosens() -> Self {
        Self::moves("one incident, a value moved away from its safer side", Safer::First)
    }

    fn moves(name: &'static str, safer: Safer) -> Self {
        let policy = "default_environment = \"low\"\n\
                      [tier.medium]\nmin_confidence = \"never\"\nquorum = 1\n\
                      timeout = \"2m\"\nlive = true\n";
        let mut runbook = runbook(1, Tier::Medium);
        if let Some(pace) = runbook.parameters.get_mut("pace") {
            pace.safer = Some(safer);
        }
        Self {
            name,
            alerts: vec![alert("warning", 0)],
            truth: Given {
                critical: false,
                timeout: 2,
                steps: [Some("drain"), None],
                trims: safer == Safer::Last,
                ..Given::PLAIN
            },
            bounds: Bounds {
                horizon: 2,
                jumps: 0,
                leap: 0,
                crashes: 0,
                toggles: 0,
                replicas: 1,
                people: 2,
                modify: true,
                stops: true,
                mistakes: true,
                glass: false,
            },
            ..Self::base(policy, runbook)
        }
    }

    /// One incident whose plan is the first use of its runbook on the target. The first person is
    /// of the group that owns it and the third an admin, who stands in for the owner where it was
    /// the owner who changed the plan.
    ///
    /// # Panics
    /// If the setting itself is broken.
    #[must_use]
    pub fn owner() -> Self {
        Self::owned("one incident, a first use", "a", [0b001, 0b100])
    }

    /// As [`Setting::owner`], where nobody is known who could speak for the owner.
    ///
    /// # Panics
    /// If the setting itself is broken.
    #[must_use]
    pub fn strange_owner() -> Self {
        Self::owned("one incident, a first use, an unknown owner", "b", [0b100, 0b100])
    }

    fn owned(name: &'static str, owner: &str, owners: [u8; 2]) -> Self {
        let mut setting = Self::moves(name, Safer::First);
        let owned = setting.runbooks.iter().cloned();
        let owned = owned.map(|runbook| Runbook { owner: Some(owner.to_owned()), ..runbook });
        setting.runbooks = Catalogue::new(owned).expect("one runbook");
        setting.groups = [&["a"], &[], &[]];
        setting.roles = [Role::Approver, Role::Approver, Role::Admin];
        for index in 0..3 {
            let Actor { person, role, groups } = setting.actor(index);
            let command = PeopleCommand::Add { person, role, groups, identity: None, by: None };
            setting.before.push(SharedCommand::People(command));
        }
        setting.truth.owners = owners;
        setting.bounds.people = 3;
        setting
    }

    /// Two incidents on one target whose match is in doubt, one of medium and one of high tier,
    /// and a bypass that is open for a minute. Grants last longer than that, so that one plan
    /// can work on the target before the other starts, or before somebody breaks its glass.
    ///
    /// # Panics
    /// If the setting itself is broken.
    #[must_use]
    pub fn bypass() -> Self {
        let policy = "default_environment = \"low\"\n\
                      [bypass]\npeople = [\"ana\"]\nlongest = \"1h\"\n\
                      [break_glass]\npeople = [\"ana\"]\nmax_per_window = 2\nwindow = \"1h\"\n\
                      [tier.medium]\nmin_confidence = 0.9\nmax_autonomous_actions = 1\n\
                      quorum = 1\ntimeout = \"2m\"\nlive = true\n\
                      [tier.high]\nmin_confidence = 0.9\nmax_autonomous_actions = 1\n\
                      quorum = 1\ntimeout = \"2m\"\nlive = true\n";
        let mut base = Self::base(policy, runbook(1, Tier::Medium));
        base.before.push(SharedCommand::LoadPolicy(base.policy.clone()));
        base.before.push(SharedCommand::OpenBypass {
            id: "bypass".into(),
            runbook: RUNBOOK.into(),
            tier: Tier::Medium,
            until: time(1),
            by: Actor::new(person(0), Role::Approver),
            reason: "drill".into(),
        });
        for candidate in &mut base.findings.candidates {
            (candidate.key, candidate.confidence) = (None, Confidence::from_basis_points(8_000));
        }
        Self {
            name: "two incidents in doubt, a bypass",
            alerts: vec![alert("warning", 0), alert("error", 1)],
            truth: Given {
                critical: false,
                quorum: 1,
                timeout: 2,
                budget: 1,
                window: 60,
                actions: 1,
                steps: [Some("drain"), None],
                bypass: Some((1, 0b01)),
                glass: 0b1,
                ..Given::PLAIN
            },
            bounds: Bounds {
                horizon: 1,
                jumps: 1,
                leap: 1,
                crashes: 0,
                toggles: 1,
                replicas: 1,
                people: 1,
                modify: false,
                stops: false,
                mistakes: false,
                glass: true,
            },
            ..base
        }
    }

    /// Two incidents on a target of their own each, of which only one may be acted on, and whose
    /// alerts have a minute to end after their plan.
    ///
    /// # Panics
    /// If the setting itself is broken.
    #[must_use]
    pub fn radius() -> Self {
        let policy = "default_environment = \"low\"\neffective_within = \"1m\"\n\
                      [tier.medium]\nmin_confidence = 0.9\nmax_autonomous_actions = 4\n\
                      max_targets = 1\nquorum = 1\ntimeout = \"3m\"\nlive = true\n";
        let mut base = Self::base(policy, runbook(1, Tier::Medium));
        base.alerts = vec![alert("warning", 0), alert("warning", 1)];
        base.alerts[1].labels.insert("cluster".into(), "web".into());
        Self {
            name: "two targets, one may be acted on",
            truth: Given {
                critical: false,
                quorum: 1,
                timeout: 3,
                budget: 4,
                window: 60,
                actions: 1,
                steps: [Some("drain"), None],
                targets: 1,
                looks: 1,
                ..Given::PLAIN
            },
            bounds: Bounds {
                horizon: 1,
                jumps: 0,
                leap: 0,
                crashes: 0,
                toggles: 0,
                replicas: 1,
                people: 1,
                modify: false,
                stops: true,
                mistakes: false,
                glass: false,
            },
            ..base
        }
    }

    /// Two incidents on one target, and room for both in the budget: what keeps the second plan
    /// from going on alone is that the first has just been tried.
    ///
    /// # Panics
    /// If the setting itself is broken.
    #[must_use]
    pub fn cool_down() -> Self {
        let mut setting = Self::radius();
        setting.name = "two incidents, tried just now";
        setting.alerts[1] = alert("warning", 1);
        (setting.truth.targets, setting.truth.looks) = (NEVER, 1);
        setting.bounds.stops = false;
        setting
    }

    /// One incident whose plan has a check before its action, and a kill switch that lets it rest
    /// in between.
    ///
    /// # Panics
    /// If the setting itself is broken.
    #[must_use]
    pub fn pause() -> Self {
        let policy = "default_environment = \"low\"\n\
                      [tier.medium]\nmin_confidence = 0.9\nmax_autonomous_actions = 4\n\
                      quorum = 1\ntimeout = \"3m\"\nlive = true\n";
        Self {
            name: "one incident, a check and a pause",
            alerts: vec![alert("warning", 0)],
            truth: Given {
                critical: false,
                quorum: 1,
                timeout: 3,
                budget: 4,
                window: 60,
                actions: 1,
                steps: [Some("look"), Some("drain")],
                pause: Some(1),
                ..Given::PLAIN
            },
            bounds: Bounds {
                horizon: 2,
                jumps: 0,
                leap: 0,
                crashes: 1,
                toggles: 2,
                replicas: 1,
                people: 1,
                modify: false,
                stops: false,
                mistakes: false,
                glass: false,
            },
            ..Self::base(policy, looking())
        }
    }

    /// One incident of medium tier whose runbook has one check before its action, which may be
    /// looked at before the decision.
    ///
    /// # Panics
    /// If the setting itself is broken.
    #[must_use]
    pub fn looks() -> Self {
        let policy = "default_environment = \"low\"\n\
                      [tier.medium]\nmin_confidence = 0.9\nmax_autonomous_actions = 9\n\
                      quorum = 1\ntimeout = \"2m\"\nlive = true\n";
        let mut base = Self::base(policy, looking());
        // The check has the command of the action after it.
        let listed = ["/bin/pool", "drain", "*", "*"].map(str::to_owned);
        base.policy.inspection = Some(InspectionRules {
            commands: vec![CommandPattern::new(listed.to_vec()).expect("a pattern")],
            per_incident: 1,
            per_target: 1,
            window: Span::from_secs(3600),
            timeout: Span::from_secs(5),
        });
        Self {
            name: "one incident, one look",
            alerts: vec![alert("warning", 0)],
            truth: Given {
                critical: false,
                quorum: 1,
                timeout: 2,
                budget: 9,
                window: 60,
                actions: 1,
                steps: [Some("look"), Some("drain")],
                pause: Some(1),
                look: Some(true),
                ..Given::PLAIN
            },
            bounds: Bounds {
                horizon: 2,
                jumps: 1,
                leap: 1,
                crashes: 1,
                toggles: 1,
                replicas: 1,
                people: 1,
                modify: false,
                stops: true,
                mistakes: false,
                glass: false,
            },
            ..base
        }
    }

    /// One incident and two replicas, one of which dies, or is stuck for longer than its membership
    /// lasts, while a step of two is under way.
    ///
    /// # Panics
    /// If the setting itself is broken.
    #[must_use]
    pub fn takeover() -> Self {
        let mut setting = Self::pause();
        setting.name = "one incident, a replica that is gone";
        setting.runbooks = Catalogue::new([runbook(2, Tier::Medium)]).expect("one runbook");
        setting.findings.catalogue = setting.runbooks.digest();
        setting.truth.actions = 2;
        (setting.truth.steps, setting.truth.pause) = ([Some("drain"), Some("restart")], None);
        (setting.bounds.horizon, setting.bounds.replicas) = (0, 2);
        (setting.bounds.crashes, setting.bounds.toggles, setting.bounds.stops) = (1, 1, true);
        setting.takeover = Some(TakeOver { ends: 3, fences: 1 });
        setting
    }

    /// As [`Setting::looks`], where the operator lists another command than that check's.
    ///
    /// # Panics
    /// If the setting itself is broken.
    #[must_use]
    pub fn unlisted() -> Self {
        let mut setting = Self::looks();
        let other = ["/bin/pool", "peek", "*", "*"].map(str::to_owned);
        if let Some(rules) = &mut setting.policy.inspection {
            rules.commands = vec![CommandPattern::new(other.to_vec()).expect("a pattern")];
        }
        setting.name = "one incident, a look that is not listed";
        setting.truth.look = Some(false);
        setting
    }

    /// One incident whose plan is a dry-run that starts what changes nothing: a check, an action
    /// with a form of its own and one without.
    ///
    /// # Panics
    /// If the setting itself is broken.
    #[must_use]
    pub fn rehearsal() -> Self {
        let policy = "default_environment = \"low\"\n\
                      [tier.medium]\nmin_confidence = \"never\"\nquorum = 1\ntimeout = \"2m\"\n";
        let mut base = Self::base(policy, rehearsed());
        let programs = [("pool".to_owned(), "/bin/pool".to_owned())].into();
        let execution = Execution { programs, rehearse: true, ..Execution::default() };
        base.policy = base.policy.with_execution(execution, []);
        Self {
            name: "one incident, a dry-run that looks",
            alerts: vec![alert("warning", 0)],
            truth: Given {
                critical: false,
                quorum: 1,
                timeout: 2,
                steps: [Some("look"), Some("drain")],
                dry: true,
                ..Given::PLAIN
            },
            bounds: Bounds {
                horizon: 2,
                jumps: 0,
                leap: 0,
                crashes: 2,
                toggles: 2,
                replicas: 2,
                people: 1,
                modify: false,
                stops: true,
                mistakes: true,
                glass: false,
            },
            ..base
        }
    }

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

    /// All settings.
    #[must_use]
    pub fn all() -> Vec<Self> {
        vec![
            Self::quorum(),
            Self::clock(),
            Self::budget(),
            Self::groups(),
            Self::tightens(),
            Self::loosens(),
            Self::owner(),
            Self::strange_owner(),
            Self::bypass(),
            Self::radius(),
            Self::cool_down(),
            Self::pause(),
            Self::looks(),
            Self::unlisted(),
            Self::rehearsal(),
            Self::takeover(),
        ]
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
            bounds: Bounds {
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
            },
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
        dry: false,
    };
}

/// An alert of this severity about the one shared target.
#[must_use]
pub fn alert(severity: &str, number: u8) -> Alert {
    Alert {
        id: number.to_string(),
        source: "sim".into(),
        status: AlertStatus::Firing,
        severity: Some(severity.into()),
        title: "PoolExhausted".into(),
        message: "no free connection".into(),
        labels: [
            ("cluster".to_owned(), "db".to_owned()),
            ("instance".to_owned(), format!("db-{number}")),
        ]
        .into(),
        annotations: BTreeMap::new(),
        metrics: BTreeMap::new(),
        starts_at: None,
        ends_at: None,
        runbook_url: None,
    }
}

/// A runbook of one check and one action after it.
///
/// # Panics
/// If the runbook itself is broken.
#[must_use]
pub fn looking() -> Runbook {
    let look = Step {
        id: "look".into(),
        kind: StepKind::Check,
        attempts: 1,
        ..runbook(1, Tier::Medium).steps[0].clone()
    };
    Runbook { preconditions: vec![look], ..runbook(1, Tier::Medium) }
}

/// A runbook of one or two actions on the alert's cluster; the first of two may be tried twice.
///
/// # Panics
/// If the runbook itself is broken.
#[must_use]
pub fn runbook(actions: usize, risk: Tier) -> Runbook {
    checked(front(actions, risk))
}

/// A runbook with a check, an action with a form of its own, and one without.
fn rehearsed() -> Runbook {
    let mut front = front(2, Tier::Medium);
    let form = ["pool", "drain", "{{cluster}}", "{{pace}}", "--dry-run"];
    front.steps[0].dry_run = Some(form.map(String::from).to_vec());
    let mut look = front.steps[1].clone();
    (look.id, look.kind) = ("look".into(), StepKind::Check);
    look.command = Some(["pool", "look", "{{cluster}}"].map(String::from).to_vec());
    front.preconditions.push(look);
    checked(front)
}

fn front(actions: usize, risk: Tier) -> FrontMatter {
    let step = |id: &str, twice: bool| StepSource {
        id: id.into(),
        kind: StepKind::Action,
        title: id.into(),
        command: Some(vec!["pool".into(), id.into(), "{{cluster}}".into(), "{{pace}}".into()]),
        idempotent: twice,
        attempts: twice.then_some(2),
        ..StepSource::default()
    };
    let cluster = Parameter {
        from: Some("labels.cluster".into()),
        pattern: Some("[a-z]+".into()),
        ..Parameter::default()
    };
    let pace = Parameter {
        default: Some("fast".into()),
        values: Some(vec!["fast".into(), "slow".into()]),
        ..Parameter::default()
    };
    FrontMatter {
        id: Some(RUNBOOK.into()),
        title: Some("Restart the pool".into()),
        symptoms: vec!["no free connection".into()],
        keys: KeysSource { alert_names: vec!["PoolExhausted".into()], ..KeysSource::default() },
        risk: Some(risk),
        reversible: true,
        target: Some("{{cluster}}".into()),
        parameters: [("cluster".to_owned(), cluster), ("pace".to_owned(), pace)].into(),
        steps: [step("drain", actions == 2), step("restart", false)]
            .into_iter()
            .take(actions)
            .collect(),
        ..FrontMatter::default()
    }
}

fn checked(front: FrontMatter) -> Runbook {
    let page = PageText {
        id: RUNBOOK.into(),
        title: String::new(),
        symptoms: Vec::new(),
        body: String::new(),
        manual_steps: Vec::new(),
        page: "".into(),
        digest: RunbookDigest::of_bytes(b"sim"),
    };
    front.check(page).expect("a runbook")
}
