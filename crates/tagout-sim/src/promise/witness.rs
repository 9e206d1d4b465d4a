//! What must be reachable beside the promises.

/// Something that must be reachable, so that the promises are not kept by doing nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Witness {
    /// A process really started.
    LiveStart,
    /// The policy let a plan proceed.
    PolicyGrant,
    /// The clock granted a plan.
    ClockGrant,
    /// Two people granted a plan.
    QuorumOfTwo,
    /// The second version of a plan was granted.
    SecondVersionGranted,
    /// The second version of a plan was run.
    SecondVersionRan,
    /// A second attempt was run after a recorded failure.
    SecondAttempt,
    /// The second step was run.
    SecondStep,
    /// A start was reported as lost.
    StartLost,
    /// A person resolved an unknown start.
    UnknownResolved,
    /// A request lapsed.
    Lapsed,
    /// Somebody rejected a plan.
    Rejected,
    /// Somebody took back a granted plan.
    GrantTakenBack,
    /// The budget made the policy ask people.
    BudgetAsked,
    /// The kill switch made the policy halt.
    Halted,
    /// Somebody broke the glass and approved alone.
    GlassGrant,
    /// Somebody would have broken the glass of a stale plan, and it was made anew instead.
    GlassSpared,
    /// A granted plan was void because another had worked on its target.
    StaleVoided,
    /// A look saw that what it checks holds.
    LookHeld,
    /// A look saw that it does not.
    LookDidNotHold,
    /// A look was given up, and people are told.
    NotSeen,
    /// People were asked because a plan would act on one target too many.
    ReachAsked,
    /// A granted plan was void because another target was acted on since.
    ReachVoided,
    /// A runbook was not tried on a target again so soon without people.
    CooledDown,
    /// A check was begun again after a pause.
    LookedAgain,
    /// It was found not to hold any more.
    PreconditionGone,
    /// A plan was recorded to have helped.
    Helped,
    /// A plan was recorded not to have helped.
    DidNotHelp,
    /// A closed incident was opened again to take back what ran.
    OpenedAgain,
    /// What takes back went on although the alert had ended.
    OutlivedItsAlert,
    /// A dry-run ran a check.
    CheckRun,
    /// A dry-run ran an action by its own form.
    FormRun,
    /// What a dry-run had started was reported as cut.
    RehearsalCut,
    /// A dry-run ended.
    Rehearsed,
    /// The log refused an append because the state it rested on was old.
    StaleAppend,
    /// A start of a former member was reported as lost.
    TakenOver,
    /// Whoever had been a member before told in time how what it left ended.
    ToldInTime,
    /// It told so after people were told that nobody knows.
    ToldTooLate,
    /// A replica that was taken for dead did not start what it was to start.
    FencedStartedNothing,
}
