//! The permit to start one attempt of one step, once: it comes only out of the append that made the
//! start durable.

use tagout_core::digest::PlanDigest;
use tagout_core::event::Event;
use tagout_core::plan::Plan;
use tagout_core::rehearsal::Start;

use super::Recorded;

/// Leave to start one attempt of one step. Only a commit that recorded the start gives one out
/// ([`Turn::commit_starts`](super::Turn::commit_starts)), and whoever starts the step uses it up.
/// Reading the log back gives none: a start that is found there may have happened.
///
/// It cannot be made, copied or read from anywhere:
///
/// ```
/// use tagout::journal::StepPermit;
/// fn kept(permit: StepPermit) -> StepPermit { permit }
/// ```
/// ```compile_fail,E0451
/// use tagout::journal::StepPermit;
/// fn forged(other: StepPermit) -> StepPermit { StepPermit { attempt: 2, ..other } }
/// ```
/// ```compile_fail,E0599
/// use tagout::journal::StepPermit;
/// fn doubled(permit: StepPermit) -> (StepPermit, StepPermit) { (permit.clone(), permit) }
/// ```
/// ```compile_fail,E0382
/// use tagout::journal::StepPermit;
/// fn doubled(permit: StepPermit) -> (StepPermit, StepPermit) { (permit, permit) }
/// ```
/// ```compile_fail,E0277
/// use tagout::journal::StepPermit;
/// fn read(text: &str) -> StepPermit { serde_json::from_str(text).unwrap() }
/// ```
/// ```compile_fail,E0624
/// use tagout::journal::{Recorded, StepPermit};
/// fn again(recorded: &Recorded) -> Option<StepPermit> { StepPermit::of(recorded) }
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the start is recorded: what is not started now is unknown for ever"]
pub struct StepPermit {
    incident: String,
    plan: PlanDigest,
    step: String,
    attempt: u32,
    target: String,
    entry: u64,
    /// Whether it is leave for what a dry-run starts, and for nothing else.
    rehearsal: bool,
}

impl StepPermit {
    /// The permit that a durable start gives; none for other events. The caller vouches that it
    /// has only now become durable.
    pub(super) fn of(recorded: &Recorded) -> Option<Self> {
        let (plan, step, attempt, target, rehearsal) = match recorded.event() {
            Event::StepStarted { plan, step, attempt, target, .. } => {
                (plan, step, *attempt, target.clone(), false)
            }
            Event::RehearsalStarted { plan, step } => (plan, step, 1, String::new(), true),
            _ => return None,
        };
        Some(Self {
            incident: recorded.incident().to_owned(),
            plan: *plan,
            step: step.clone(),
            attempt,
            target,
            entry: recorded.index(),
            rehearsal,
        })
    }

    /// What may be started with it: of a live plan the step's command, of a dry-run what changes
    /// nothing. Nothing if the plan is another one.
    #[must_use]
    pub fn start(&self, plan: &Plan) -> Option<Start> {
        if plan.digest() != self.plan {
            return None;
        }
        if self.rehearsal { plan.rehearsal_of(&self.step) } else { plan.start_of(&self.step) }
    }

    /// Whether it is leave for what a dry-run starts.
    #[must_use]
    pub const fn is_rehearsal(&self) -> bool {
        self.rehearsal
    }

    /// The incident.
    #[must_use]
    pub fn incident(&self) -> &str {
        &self.incident
    }

    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> PlanDigest {
        self.plan
    }

    /// The step's id.
    #[must_use]
    pub fn step(&self) -> &str {
        &self.step
    }

    /// Which attempt, from 1.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// What the step acts on; empty in a dry-run, which acts on nothing.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The place in the log of the start that it comes from.
    #[must_use]
    pub const fn entry(&self) -> u64 {
        self.entry
    }
}
