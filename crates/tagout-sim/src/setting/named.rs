//! The settings that are explored, each for what it can show.

use tagout_core::actor::{Actor, Role};
use tagout_core::command::{PeopleCommand, SharedCommand};
use tagout_core::confidence::Confidence;
use tagout_core::execution::Execution;
use tagout_core::inspection::{CommandPattern, InspectionRules};
use tagout_core::plan::PlanChange;
use tagout_core::runbook::{Catalogue, Runbook};
use tagout_core::safer::Safer;
use tagout_core::tier::Tier;
use tagout_core::time::Span;
use tagout_core::verdict::Mode;

use super::page::{rehearsed, taken_back};
use super::{Bounds, Given, NEVER, RUNBOOK, Setting, alert, looking, person, runbook, time};
use crate::takeover::TakeOver;

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
                people: 3,
                modify: true,
                stops: true,
                mistakes: true,
                ..Bounds::NONE
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
                stops: true,
                ..Bounds::NONE
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
                ..Bounds::NONE
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
                toggles: 2,
                people: 3,
                modify: true,
                stops: true,
                glass: true,
                ..Bounds::NONE
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
                people: 2,
                modify: true,
                stops: true,
                mistakes: true,
                ..Bounds::NONE
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
                toggles: 1,
                people: 1,
                glass: true,
                ..Bounds::NONE
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
            bounds: Bounds { horizon: 1, people: 1, stops: true, ..Bounds::NONE },
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
            bounds: Bounds { horizon: 2, crashes: 1, toggles: 2, people: 1, ..Bounds::NONE },
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
            endpoints: std::collections::BTreeMap::new(),
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
                people: 1,
                stops: true,
                ..Bounds::NONE
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

    /// One incident whose plan runs without people, and a person who rejects that afterwards, before
    /// or after the end of the alert.
    ///
    /// # Panics
    /// If the setting itself is broken.
    #[must_use]
    pub fn way_back() -> Self {
        let policy = "default_environment = \"low\"\n\
                      [tier.medium]\nmin_confidence = 0.9\nmax_autonomous_actions = 4\n\
                      quorum = 1\ntimeout = \"2m\"\nlive = true\n";
        Self {
            name: "one incident, a way back",
            alerts: vec![alert("warning", 0)],
            truth: Given {
                critical: false,
                timeout: 2,
                budget: 4,
                window: 60,
                actions: 1,
                steps: [Some("drain"), Some("undo-drain")],
                undo: true,
                ..Given::PLAIN
            },
            bounds: Bounds {
                horizon: 2,
                crashes: 1,
                toggles: 1,
                replicas: 2,
                people: 2,
                stops: true,
                mistakes: true,
                ..Bounds::NONE
            },
            ..Self::base(policy, taken_back())
        }
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
                crashes: 2,
                toggles: 2,
                replicas: 2,
                people: 1,
                stops: true,
                mistakes: true,
                ..Bounds::NONE
            },
            ..base
        }
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
            Self::way_back(),
        ]
    }
}
