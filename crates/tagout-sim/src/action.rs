//! What can happen next in the explored world.

/// Something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A replica is asked for something about an incident; it reads, decides, and has not yet
    /// appended. Reading and deciding are one action because a decision depends on what was
    /// read and on nothing else.
    Ask {
        /// Which replica.
        replica: u8,
        /// Which incident.
        case: u8,
        /// What for.
        ask: Ask,
    },
    /// A replica appends what it has decided.
    Commit(u8),
    /// A replica starts the process that it holds a permit for.
    Run(u8),
    /// A replica dies, and its processes with it.
    Crash(u8),
    /// A replica comes back.
    Restart(u8),
    /// A replica can do nothing for so long that its membership is over.
    Fence(u8),
    /// It goes on, as a member anew.
    Wake(u8),
    /// A replica sees that the other's membership is over.
    See(u8),
    /// The process that a former member left ends.
    Over {
        /// Whether it did what it should.
        well: bool,
    },
    /// Five seconds pass, too few for the wall clock of the model.
    Moment,
    /// A replica records the jump that it has noticed.
    RecordJump(u8),
    /// A tick passes.
    Pass,
    /// The wall clock jumps forward.
    Jump,
    /// Somebody engages or releases the kill switch.
    Toggle,
}

/// What a replica is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ask {
    /// Take in the alert.
    Receive,
    /// Take in what the search found.
    Search,
    /// Start the next look.
    Look,
    /// Take in what a look saw.
    Saw {
        /// Whether what it checks holds.
        held: bool,
    },
    /// Give up the look whose end nobody tells.
    CutLook,
    /// Take a person's answer.
    Answer {
        /// Who clicks.
        person: u8,
        /// The version on their screen.
        version: u8,
        /// Whether their screen shows the plan's mode.
        right_mode: bool,
        /// Which button.
        approve: bool,
    },
    /// Take a person's change of the plan.
    Modify {
        /// Who.
        person: u8,
    },
    /// Take a person's rejection, afterwards, of what ran without people.
    Regret {
        /// Who.
        person: u8,
    },
    /// Take a person's breaking of the glass, and their approval with it.
    BreakGlass {
        /// Who.
        person: u8,
    },
    /// Note that the warning reached people.
    Warned,
    /// Look at the time.
    Tick,
    /// Start the next step.
    Start,
    /// Record how a process ended.
    Finish {
        /// Which start.
        mark: u8,
        /// Whether it did what it should.
        well: bool,
    },
    /// Show what the dry-run has not started, and end it.
    Show,
    /// Report lost starts.
    Lost,
    /// Report a start of a former member as lost.
    GiveUp {
        /// Which start.
        mark: u8,
    },
    /// Take what a person found out about an unknown start.
    Resolve {
        /// Which start.
        mark: u8,
        /// Whether it ran.
        ran: bool,
    },
    /// Take back the plan.
    Revoke,
    /// Take in the end of the alert.
    End,
}
