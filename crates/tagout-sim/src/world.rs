//! A state of the explored world: what is durable, what each replica has in mind, and what
//! has really happened.
//!
//! Everything here is a small number; the incidents, shared states and batches of events
//! behind the numbers are kept once each in the [`Book`](crate::book::Book).

use crate::action::Ask;
use crate::setting::NEVER;
use crate::system::Stale;
use crate::takeover::Former;

/// A state of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct World {
    /// What the wall clock shows, in ticks.
    pub wall: u8,
    /// How much time has really passed, in ticks.
    pub real: u8,
    /// When the last jump or gap in which nobody was there really ended.
    pub broken_at: u8,
    /// Whether that jump or gap is in nobody's record yet.
    pub unrecorded: bool,
    /// Jumps of the clock so far.
    pub jumps: u8,
    /// Crashes so far.
    pub crashes: u8,
    /// Toggles of the kill switch so far.
    pub toggles: u8,
    /// Memberships that were over while their replica lived, so far.
    pub fences: u8,
    /// Whether the kill switch is really engaged.
    pub stopped: bool,
    /// The durable shared state.
    pub shared: u32,
    /// When each autonomous action was really let through.
    pub spent: [u8; 4],
    /// The incidents.
    pub cases: [CaseWorld; 2],
    /// The replicas.
    pub replicas: [Replica; 2],
    /// What a membership that is over has left behind.
    pub former: Former,
}

/// One incident and what is true of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CaseWorld {
    /// The durable incident.
    pub incident: u32,
    /// What has really happened.
    pub truth: Truth,
}

/// What has really happened to an incident, whatever was recorded. Indexed by plan version
/// where it is an array; a [`mark`] is a bit per (version, step, attempt).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Truth {
    /// The sender has its 2xx.
    pub answered: bool,
    /// The digest that each version was shown with.
    pub digest: [u32; 2],
    /// When each version was really opened for review.
    pub opened: [u8; 2],
    /// Who really approved each version in its mode: a bit per person.
    pub approved: [u8; 2],
    /// Versions that somebody rejected and was told so: a bit per version.
    pub denied: u8,
    /// Versions that were taken back, replaced, or outlived by their alert.
    pub over: u8,
    /// Who asked for the second version.
    pub author: u8,
    /// When the warning of a grant by the clock really reached people.
    pub warned: u8,
    /// Who really broke the glass of each version, if somebody did.
    pub broken: [u8; 2],
    /// Versions about which the policy said HALT.
    pub halted: u8,
    /// What the wall clock showed when each version was made.
    pub made: [u8; 2],
    /// What it showed when a start, or its end, was last recorded.
    pub touched: u8,
    /// Versions of which it was said that they reach too far: a bit per version.
    pub far: u8,
    /// What the wall clock showed when a plan of the incident did all its steps.
    pub done: u8,
    /// Whether it was recorded since whether that has helped.
    pub looked: bool,
    /// What the wall clock showed when a plan of the incident ended, and that was recorded.
    pub ended: u8,
    /// Versions that were soundly granted, and how.
    pub granted: [Granted; 2],
    /// How many looks were started.
    pub looks: u8,
    /// What the last one saw, if it is over.
    pub seen: Seen,
    /// Starts that are durable.
    pub recorded: u8,
    /// Processes that really started.
    pub ran: u8,
    /// Starts whose failure was recorded.
    pub failed: u8,
    /// Starts whose success was recorded.
    pub succeeded: u8,
    /// Starts of which people were told that nobody knows what they did, and did not say it yet.
    pub lost: u8,
}

/// What a look saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Seen {
    /// There was none, or it is not over.
    Nothing,
    /// What it checks holds.
    Held,
    /// It does not.
    DidNotHold,
    /// It was given up.
    Unseen,
}

/// How a version was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Granted {
    /// It was not.
    No,
    /// By PROCEED.
    Policy,
    /// By people.
    People,
    /// By the clock.
    Clock,
}

/// One replica of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Replica {
    /// Whether it runs.
    pub up: bool,
    /// Whether it can do nothing, and is no member for that.
    pub stuck: bool,
    /// Whether it can still tell how what it left as a former member ended.
    pub tells: bool,
    /// For how many moments it has seen that the other's membership is over; no more than matter.
    pub seen: u8,
    /// Whether the clock jumped under it and it has not recorded that.
    pub unseen: bool,
    /// Incidents whose lost starts it still has to report: a bit per incident.
    pub recovering: u8,
    /// What it has decided and not yet appended.
    pub pending: Option<Pending>,
    /// The process it is about to run, runs, or has run.
    pub hand: Hand,
}

/// Events that were decided and not yet appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pending {
    /// The incident.
    pub case: u8,
    /// What was asked.
    pub ask: Ask,
    /// The events.
    pub batch: u32,
    /// The wall clock when they were decided.
    pub at: u8,
    /// What has changed since.
    pub stale: Stale,
    /// The real time when they were decided.
    pub real: u8,
    /// Whether, when they were decided, people had really had the whole wait to object.
    pub waited: bool,
}

/// What the executor of a replica holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hand {
    /// Nothing.
    Empty,
    /// Leave to start a process.
    Permit {
        /// Of this incident.
        case: u8,
        /// This start.
        mark: u8,
    },
    /// A running process.
    Running {
        /// Of this incident.
        case: u8,
        /// This start.
        mark: u8,
    },
    /// A process that ended, with its end to be recorded.
    Ended {
        /// Of this incident.
        case: u8,
        /// This start.
        mark: u8,
        /// Whether it did what it should.
        well: bool,
    },
}

impl Hand {
    /// The incident and the start it is about.
    #[must_use]
    pub const fn holds(self) -> Option<(u8, u8)> {
        match self {
            Self::Empty => None,
            Self::Permit { case, mark }
            | Self::Running { case, mark }
            | Self::Ended { case, mark, .. } => Some((case, mark)),
        }
    }
}

impl Replica {
    /// A replica that has just been started.
    pub const FRESH: Self = Self {
        up: true,
        stuck: false,
        tells: false,
        seen: NEVER,
        unseen: false,
        recovering: 0,
        pending: None,
        hand: Hand::Empty,
    };
}

impl Truth {
    /// Nothing has happened.
    pub const NONE: Self = Self {
        answered: false,
        digest: [u32::MAX; 2],
        opened: [NEVER; 2],
        approved: [0; 2],
        denied: 0,
        over: 0,
        author: NEVER,
        warned: NEVER,
        broken: [NEVER; 2],
        halted: 0,
        made: [0; 2],
        touched: 0,
        far: 0,
        done: NEVER,
        looked: false,
        ended: NEVER,
        granted: [Granted::No; 2],
        looks: 0,
        seen: Seen::Nothing,
        recorded: 0,
        ran: 0,
        failed: 0,
        succeeded: 0,
        lost: 0,
    };
}

/// The bit of a start: version 0 or 1, step 0 or 1, attempt 1 or 2.
#[must_use]
pub const fn mark(version: usize, step: usize, attempt: u32) -> u8 {
    1 << (version * 4 + step * 2 + (attempt as usize - 1))
}

/// The version, step and attempt behind a mark.
#[must_use]
pub const fn unmark(mark: u8) -> (usize, usize, u32) {
    let bit = mark.trailing_zeros();
    ((bit / 4) as usize, (bit / 2 % 2) as usize, bit % 2 + 1)
}
