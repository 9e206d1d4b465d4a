//! The permit to take one look before a decision, once: it comes only out of the append that made
//! its start durable.

use tagout_core::digest::PlanDigest;
use tagout_core::event::Event;

use super::Recorded;

/// Leave to take one look of an inspection. Only a commit that recorded its start gives one out,
/// and whoever takes the look uses it up. It is no leave to start a step:
///
/// ```compile_fail,E0308
/// use tagout::exec::{Executor, Order, StepOutcome, Stop};
/// use tagout::journal::LookPermit;
/// fn start(executor: &Executor, permit: LookPermit, order: Order, stop: Stop) -> StepOutcome {
///     executor.run(permit, order, stop)
/// }
/// ```
/// ```compile_fail,E0451
/// use tagout::journal::LookPermit;
/// fn forged(other: LookPermit) -> LookPermit { LookPermit { step: "other".into(), ..other } }
/// ```
/// ```compile_fail,E0599
/// use tagout::journal::LookPermit;
/// fn doubled(permit: LookPermit) -> (LookPermit, LookPermit) { (permit.clone(), permit) }
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the start is recorded: what is not looked at now is not looked at"]
pub struct LookPermit {
    inspection: PlanDigest,
    step: String,
}

impl LookPermit {
    /// The permit that a durable start gives; none for other events. The caller vouches that it
    /// has only now become durable.
    pub(super) fn of(recorded: &Recorded) -> Option<Self> {
        match recorded.event() {
            Event::LookStarted { inspection, step, .. } => {
                Some(Self { inspection: *inspection, step: step.clone() })
            }
            _ => None,
        }
    }

    /// The inspection.
    #[must_use]
    pub const fn inspection(&self) -> PlanDigest {
        self.inspection
    }

    /// The step's id.
    #[must_use]
    pub fn step(&self) -> &str {
        &self.step
    }
}
