//! Seeded bugs: what can be wrong, where, which promise it breaks, and where it shows.

use crate::promise::Promise;
use crate::setting::{Bounds, Setting};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bug {
    /// An approval of any digest counts for the plan in force.
    AnyDigest,
    /// An approval counts whatever mode was on the screen.
    AnyMode,
    /// Whoever asked for a plan may approve it.
    SelfApproval,
    /// A start whose end was lost in a crash is taken for one that never was.
    RestartAfterCrash,
    /// The process is started before its start is durable.
    StartBeforeRecord,
    /// The sender is answered before its delivery is durable.
    AnswerBeforeCommit,
    /// An append does not ask whether what incidents share has changed.
    LastUnitTwice,
    /// A jump of the clock is not recorded.
    GrantAfterJump,
    /// A recorded jump of the clock does not restart the wait.
    JumpIgnored,
    /// The time in which no replica ran counts as observed.
    GapForgotten,
    /// The clock's wait begins without a warning.
    NoWarning,
    /// A request that lapses is granted.
    TimeoutApproves,
    /// A request is open for longer than its plan promised.
    LapsePutOff,
    /// Critical tier proceeds when the policy's figures would allow it.
    CriticalProceeds,
    /// The clock may grant a critical plan.
    CriticalByClock,
    /// A plan that was taken back goes on.
    RevokeIgnored,
    /// A start does not ask for the kill switch.
    KillSwitchIgnored,
    /// A rejection is taken for an approval.
    RejectionTurned,
    /// One person under two names counts twice.
    OnePersonTwice,
    /// What the policy escalates is let through.
    PolicyOverruled,
    /// A jump of the clock refills the budget.
    BudgetRefilled,
    /// A PROCEED is not charged.
    BudgetNotCharged,
    /// A start does not take its target.
    TargetNotTaken,
    /// A replica that comes back reports another's running process as lost.
    LivingReportedLost,
    /// A person in two groups counts for both.
    PersonForTwoGroups,
    /// The glass of a halted plan can be broken.
    GlassPastHalt,
    /// The glass of a stale plan is broken in vain.
    GlassInVain,
    /// A change that widens a plan counts as its author's approval.
    WideningCounts,
    /// A change that moves a value away from its safer side counts as its author's approval.
    LooseningCounts,
    /// The owner whom a first use needs is not waited for.
    OwnerForgotten,
    /// A bypass lets plans of high tier go on.
    BypassAtHighTier,
    /// A plan starts although another has worked on its target since it was made.
    StaleStarted,
    /// A check that the operator does not list is looked at.
    UnlistedLooked,
    /// A plan does not bind what was seen.
    EvidenceForgotten,
    /// A start does not ask how many targets were acted on.
    RadiusIgnored,
    /// The end of a plan is not remembered, and the runbook is tried again at once.
    CoolDownIgnored,
    /// What was to hold before the first step is not looked at again after a pause.
    PauseIgnored,
    /// The command of an action is started in a dry-run.
    ActionInDryRun,
    /// What a replica had started counts as lost one moment before all of it has certainly ended.
    LostTooSoon,
    /// A replica that was taken for dead starts what it was to start before.
    FencedStarts,
    /// The end of a step that was given up as lost is taken when it comes.
    LateEndTaken,
    /// What failed is taken back like what succeeded.
    TakesBackFailed,
}

/// Where it is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// Only in what decides.
    Decide,
    /// Only in what applies events.
    Evolve,
    /// In both.
    Both,
    /// In the engine around them, or in what is applied to the shared state.
    Engine,
}

impl Bug {
    /// All bugs.
    pub const ALL: [Self; 42] = [
        Self::AnyDigest,
        Self::AnyMode,
        Self::SelfApproval,
        Self::RestartAfterCrash,
        Self::StartBeforeRecord,
        Self::AnswerBeforeCommit,
        Self::LastUnitTwice,
        Self::GrantAfterJump,
        Self::JumpIgnored,
        Self::GapForgotten,
        Self::NoWarning,
        Self::TimeoutApproves,
        Self::LapsePutOff,
        Self::CriticalProceeds,
        Self::CriticalByClock,
        Self::RevokeIgnored,
        Self::KillSwitchIgnored,
        Self::RejectionTurned,
        Self::OnePersonTwice,
        Self::PolicyOverruled,
        Self::BudgetRefilled,
        Self::BudgetNotCharged,
        Self::TargetNotTaken,
        Self::LivingReportedLost,
        Self::PersonForTwoGroups,
        Self::GlassPastHalt,
        Self::GlassInVain,
        Self::WideningCounts,
        Self::LooseningCounts,
        Self::OwnerForgotten,
        Self::BypassAtHighTier,
        Self::StaleStarted,
        Self::UnlistedLooked,
        Self::EvidenceForgotten,
        Self::RadiusIgnored,
        Self::CoolDownIgnored,
        Self::PauseIgnored,
        Self::ActionInDryRun,
        Self::LostTooSoon,
        Self::FencedStarts,
        Self::LateEndTaken,
        Self::TakesBackFailed,
    ];

    /// The promise it breaks.
    #[must_use]
    pub const fn breaks(self) -> Promise {
        match self {
            Self::AnswerBeforeCommit => Promise::Durable,
            Self::AnyDigest
            | Self::AnyMode
            | Self::SelfApproval
            | Self::StartBeforeRecord
            | Self::GrantAfterJump
            | Self::JumpIgnored
            | Self::GapForgotten
            | Self::NoWarning
            | Self::RevokeIgnored
            | Self::RejectionTurned
            | Self::OnePersonTwice
            | Self::PersonForTwoGroups
            | Self::WideningCounts
            | Self::LooseningCounts
            | Self::OwnerForgotten
            | Self::GlassInVain
            | Self::EvidenceForgotten
            | Self::PauseIgnored
            | Self::ActionInDryRun
            | Self::TakesBackFailed
            | Self::StaleStarted => Promise::Granted,
            Self::RestartAfterCrash
            | Self::TargetNotTaken
            | Self::LivingReportedLost
            | Self::LostTooSoon
            | Self::FencedStarts
            | Self::LateEndTaken => Promise::Once,
            Self::KillSwitchIgnored | Self::GlassPastHalt => Promise::Stopped,
            Self::LastUnitTwice
            | Self::PolicyOverruled
            | Self::BudgetRefilled
            | Self::BypassAtHighTier
            | Self::UnlistedLooked
            | Self::RadiusIgnored
            | Self::CoolDownIgnored
            | Self::BudgetNotCharged => Promise::Policy,
            Self::CriticalProceeds | Self::CriticalByClock => Promise::Critical,
            Self::TimeoutApproves | Self::LapsePutOff => Promise::Timeout,
        }
    }

    /// Where it can sit.
    #[must_use]
    pub const fn places(self) -> &'static [Place] {
        match self {
            Self::AnyDigest
            | Self::AnyMode
            | Self::SelfApproval
            | Self::RestartAfterCrash
            | Self::TimeoutApproves
            | Self::LapsePutOff
            | Self::CriticalProceeds
            | Self::CriticalByClock
            | Self::RevokeIgnored
            | Self::PersonForTwoGroups
            | Self::GlassPastHalt
            | Self::WideningCounts
            | Self::LooseningCounts
            | Self::OwnerForgotten
            | Self::BypassAtHighTier
            | Self::EvidenceForgotten
            | Self::ActionInDryRun
            | Self::NoWarning => &[Place::Decide, Place::Evolve, Place::Both],
            Self::JumpIgnored
            | Self::KillSwitchIgnored
            | Self::RejectionTurned
            | Self::OnePersonTwice
            | Self::PolicyOverruled
            | Self::StaleStarted
            | Self::RadiusIgnored
            | Self::PauseIgnored
            | Self::GlassInVain
            | Self::UnlistedLooked
            | Self::LateEndTaken
            | Self::TakesBackFailed
            | Self::BudgetRefilled => &[Place::Decide],
            Self::StartBeforeRecord
            | Self::AnswerBeforeCommit
            | Self::LastUnitTwice
            | Self::GrantAfterJump
            | Self::GapForgotten
            | Self::BudgetNotCharged
            | Self::TargetNotTaken
            | Self::CoolDownIgnored
            | Self::LostTooSoon
            | Self::FencedStarts
            | Self::LivingReportedLost => &[Place::Engine],
        }
    }

    /// The smallest of the settings in which it shows, bounded to what it needs.
    #[must_use]
    pub fn setting(self) -> Setting {
        let quorum = |change: fn(&mut Bounds)| bounded(Setting::quorum(), change);
        let clock = |change: fn(&mut Bounds)| bounded(Setting::clock(), change);
        let groups = |change: fn(&mut Bounds)| bounded(Setting::groups(), change);
        let budget = |change: fn(&mut Bounds)| bounded(Setting::budget(), change);
        match self {
            Self::UnlistedLooked => bounded(Setting::unlisted(), |b| b.horizon = 0),
            Self::EvidenceForgotten => bounded(Setting::looks(), |b| b.horizon = 0),
            Self::PersonForTwoGroups => {
                groups(|b| (b.horizon, b.modify, b.glass) = (0, false, false))
            }
            Self::LooseningCounts => bounded(Setting::loosens(), |b| b.horizon = 0),
            Self::OwnerForgotten => bounded(Setting::owner(), |b| b.horizon = 0),
            Self::GlassPastHalt => groups(|b| (b.horizon, b.modify, b.toggles) = (0, false, 2)),
            Self::BypassAtHighTier => {
                bounded(Setting::bypass(), |b| (b.horizon, b.glass) = (0, false))
            }
            Self::StaleStarted => bounded(Setting::bypass(), |b| (b.horizon, b.glass) = (1, false)),
            Self::RadiusIgnored => bounded(Setting::radius(), |b| b.horizon = 0),
            Self::CoolDownIgnored => bounded(Setting::cool_down(), |b| b.horizon = 0),
            Self::PauseIgnored => bounded(Setting::pause(), |b| b.horizon = 1),
            Self::GlassInVain => bounded(Setting::bypass(), |b| b.horizon = 1),
            Self::ActionInDryRun => bounded(Setting::rehearsal(), |b| {
                (b.horizon, b.replicas, b.mistakes) = (0, 1, false)
            }),
            Self::LostTooSoon | Self::FencedStarts | Self::LateEndTaken => {
                bounded(Setting::takeover(), |b| b.crashes = 0)
            }
            Self::TakesBackFailed => bounded(Setting::way_back(), |b| {
                (b.horizon, b.replicas, b.stops, b.mistakes) = (0, 1, true, false);
            }),
            Self::WideningCounts | Self::AnyDigest | Self::SelfApproval => {
                quorum(|b| (b.horizon, b.crashes) = (0, 0))
            }
            Self::RestartAfterCrash => quorum(|b| {
                (b.horizon, b.modify, b.mistakes, b.stops, b.crashes) = (0, false, false, false, 1);
            }),
            Self::TimeoutApproves | Self::LapsePutOff => quorum(|b| {
                (b.horizon, b.modify, b.mistakes) = (2, false, false);
            }),
            Self::StartBeforeRecord
            | Self::AnswerBeforeCommit
            | Self::AnyMode
            | Self::CriticalProceeds
            | Self::CriticalByClock
            | Self::RevokeIgnored
            | Self::RejectionTurned
            | Self::OnePersonTwice => {
                quorum(|b| (b.horizon, b.modify, b.crashes, b.stops) = (1, false, 0, true))
            }
            Self::KillSwitchIgnored => quorum(|b| {
                (b.horizon, b.modify, b.crashes, b.toggles) = (0, false, 0, 1);
            }),
            Self::GrantAfterJump | Self::JumpIgnored => {
                clock(|b| (b.replicas, b.crashes, b.jumps) = (1, 0, 1))
            }
            Self::GapForgotten => clock(|b| (b.replicas, b.crashes) = (1, 1)),
            Self::NoWarning => clock(|b| b.replicas = 1),
            Self::LastUnitTwice | Self::BudgetNotCharged | Self::PolicyOverruled => {
                budget(|b| b.horizon = 0)
            }
            Self::BudgetRefilled => budget(|b| (b.horizon, b.jumps) = (0, 1)),
            Self::TargetNotTaken => budget(|b| b.horizon = 0),
            Self::LivingReportedLost => budget(|b| (b.horizon, b.crashes) = (0, 1)),
        }
    }
}

/// The setting with nothing happening but what the change names.
fn bounded(mut setting: Setting, change: fn(&mut Bounds)) -> Setting {
    let bounds = &mut setting.bounds;
    (bounds.jumps, bounds.crashes, bounds.toggles, bounds.stops) = (0, 0, 0, false);
    change(bounds);
    setting
}
