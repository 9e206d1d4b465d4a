//! The promises, held against what has really happened and never against the code's own
//! bookkeeping.

mod append;
mod grant;
mod outcome;
mod start;
mod witness;

use std::fmt;

use tagout_core::incident::Incident;

use crate::book::Book;
use crate::setting::Given;
use crate::world::World;

pub use append::append;
pub use start::run;
pub use witness::Witness;

/// A promise of the design, by its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Promise {
    /// A 2xx means that the delivery is durable.
    Durable = 1,
    /// No step starts without a recorded grant of exactly that digest and mode.
    Granted = 2,
    /// Each (plan, step, attempt) starts at most once, another only after a recorded failure.
    Once = 3,
    /// When it is told to stop, nothing new starts.
    Stopped = 4,
    /// The policy alone decides what needs approval, budgets included.
    Policy = 11,
    /// Critical never proceeds on its own.
    Critical = 12,
    /// A time-out never approves, refuses or closes, and is never put off.
    Timeout = 13,
}

/// A promise that was broken, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub promise: Promise,
    /// How.
    pub what: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "promise {}: {}", self.promise as u8, self.what)
    }
}

macro_rules! keep {
    ($holds:expr, $promise:ident, $what:expr) => {
        if !$holds {
            return Err(Violation { promise: Promise::$promise, what: $what });
        }
    };
}
use keep;

/// Which step a start is of, and as which attempt. A check that is begun again counts as its
/// second attempt.
#[must_use]
pub fn place(given: &Given, step: &str, attempt: u32) -> Option<(usize, u32)> {
    let (id, attempt) = match step.split_once('@') {
        Some((id, "2")) if given.pause.is_some() && attempt == 1 => (id, 2),
        Some(_) => return None,
        None => (step, attempt),
    };
    given.steps.iter().position(|s| *s == Some(id)).map(|at| (at, attempt))
}

/// What must hold in every state, whatever led to it.
///
/// # Errors
/// The first promise that is broken.
pub fn state(book: &Book<'_>, world: &World) -> Result<(), Violation> {
    for case in &world.cases[..book.setting.alerts.len()] {
        let durable = *book.incident(case.incident) != Incident::Absent;
        keep!(!case.truth.answered || durable, Durable, "a 2xx for what is not durable");
    }
    Ok(())
}
