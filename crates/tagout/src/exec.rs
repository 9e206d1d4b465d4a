//! The executor: a permit and an order go in, what came of it comes out. It never sees the store.
//!
//! An [`Order`] is one command with all that bounds it, an [`Ask`] is what a step asks over HTTP.
//! [`Executor::run`] and [`Executor::ask`] use up the permit that the journal gave out for the recorded
//! start ([`StepPermit`]). The first starts a supervisor process of its own ([`supervise`]) and follows
//! it. What is printed or answered goes through a [`redact::Redactor`] before anything else sees it.
//! What containment gives, and what not, stands in `docs/execution.md`.

mod answer;
mod aws;
mod capture;
mod cgroup;
mod confine;
mod http;
mod order;
mod outcome;
mod processes;
mod program;
pub mod redact;
pub mod remote;
mod run;
mod secret;
mod stop;
mod streams;
pub mod supervise;
mod sweep;
mod tree;
mod wire;

use std::path::PathBuf;

pub use capture::Captured;
pub use http::{Ask, Endpoints};
pub use order::{Bounds, Order, Profile};
pub use outcome::{Containment, End, Enforced, StepOutcome};
pub use program::{Program, ProgramDigest, UnfitProgram};
pub use secret::{Hand, SecretOrigin, SecretUse};
pub use stop::Stop;

use tagout_core::digest::PlanDigest;

use crate::fault::Fault;
use crate::journal::{LookPermit, StepPermit};
use crate::source::Secret;

/// The environment variable that each command and its descendants are known by. Its value names the
/// agent's process and the run.
pub const RUN_VARIABLE: &str = "TAGOUT_RUN";

/// What the operator decides about all commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The `tagout` binary that supervisors are started from.
    pub supervisor: PathBuf,
    /// A cgroup of version 2 that the agent may make cgroups in, if there is one.
    pub cgroup: Option<PathBuf>,
    /// Whether a command may run in weak containment if nothing better can be had.
    pub allow_weak: bool,
    /// The directory that the paths of secrets are relative to.
    pub directory: PathBuf,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            supervisor: PathBuf::from("/proc/self/exe"),
            cgroup: None,
            allow_weak: false,
            directory: PathBuf::from("/"),
        }
    }
}

/// Runs commands, each contained and bounded.
#[derive(Debug)]
pub struct Executor {
    settings: Settings,
    sweeper: sweep::Sweeper,
    /// What no command gets and no output may hold.
    hidden: Vec<Secret>,
    /// The services that steps may ask.
    endpoints: Endpoints,
}

impl Executor {
    /// An executor, after ending what an agent that died has left on this machine: cgroups below
    /// the delegated one and processes that still bear the mark of a run.
    ///
    /// # Errors
    /// If this process cannot tell itself from others, or something is left that cannot be ended.
    pub fn open(settings: Settings) -> Result<Self, Fault> {
        let sweeper = sweep::Sweeper::new()?;
        sweeper.sweep(settings.cgroup.as_deref())?;
        Ok(Self { settings, sweeper, hidden: Vec::new(), endpoints: Endpoints::default() })
    }

    /// The same, with these secrets taken out of whatever commands print, although no command is
    /// given them: those of the service itself.
    ///
    /// # Errors
    /// If one of them could not be told from other text.
    pub fn hiding(self, secrets: Vec<Secret>) -> Result<Self, redact::Unredactable> {
        redact::Redactions::new(&secrets)?;
        Ok(Self { hidden: secrets, ..self })
    }

    /// The same, which may ask these services. Their secrets have to be hidden as well.
    #[must_use]
    pub fn asking(self, endpoints: Endpoints) -> Self {
        Self { endpoints, ..self }
    }

    /// Which containments this machine grants now, and why not the others.
    #[must_use]
    pub fn survey(&self) -> Vec<(Containment, Result<(), String>)> {
        let granted = |containment| (containment, self.probe(containment));
        Containment::ALL.into_iter().map(granted).collect()
    }

    /// Runs the command of one step. It blocks until all is over; the supervisor ends everything
    /// if the thread that called ends before.
    ///
    /// ```
    /// use tagout::exec::{Executor, Order, StepOutcome, Stop};
    /// use tagout::journal::StepPermit;
    /// fn start(executor: &Executor, permit: StepPermit, order: Order, stop: Stop) -> StepOutcome {
    ///     executor.run(permit, order, stop)
    /// }
    /// ```
    ///
    /// Without a permit it cannot be called, nor with one that has been used:
    ///
    /// ```compile_fail,E0061
    /// use tagout::exec::{Executor, Order, StepOutcome, Stop};
    /// fn start(executor: &Executor, order: Order, stop: Stop) -> StepOutcome {
    ///     executor.run(order, stop)
    /// }
    /// ```
    /// ```compile_fail,E0382
    /// use tagout::exec::{Executor, Order, StepOutcome, Stop};
    /// use tagout::journal::StepPermit;
    /// fn start(executor: &Executor, permit: StepPermit, order: Order, stop: Stop) -> StepOutcome {
    ///     executor.run(permit, order.clone(), stop.clone());
    ///     executor.run(permit, order, stop)
    /// }
    /// ```
    /// ```compile_fail,E0308
    /// use tagout::exec::{Executor, Order, StepOutcome, Stop};
    /// use tagout::journal::StepPermit;
    /// fn start(executor: &Executor, permit: &StepPermit, order: Order, stop: Stop) -> StepOutcome {
    ///     executor.run(permit, order, stop)
    /// }
    /// ```
    #[expect(clippy::needless_pass_by_value, reason = "running a step uses its permit up")]
    #[must_use]
    pub fn run(&self, permit: StepPermit, order: Order, stop: Stop) -> StepOutcome {
        self.run_for((permit.plan(), permit.step()), &order, &stop)
    }

    /// Takes one look, as [`Executor::run`] runs a step. Its order has to demand the read-only
    /// profile, all of which the kernel has to enforce, with no network and no secret; otherwise
    /// nothing starts.
    #[expect(clippy::needless_pass_by_value, reason = "taking a look uses its permit up")]
    #[must_use]
    pub fn look(&self, permit: LookPermit, order: Order, stop: Stop) -> StepOutcome {
        let read_only = [Profile::ReadOnly { connect: Vec::new() }];
        if order.profiles != read_only || !order.secrets.is_empty() {
            return StepOutcome::not_started("a look may only read; this order lets it do more");
        }
        self.run_for((permit.inspection(), permit.step()), &order, &stop)
    }

    fn run_for(&self, (plan, step): (PlanDigest, &str), order: &Order, stop: &Stop) -> StepOutcome {
        if plan != order.plan || step != order.step {
            return StepOutcome::not_started(format!(
                "the permit is for step {step} of plan {}, and the order for step {} of plan {}",
                plan.short(),
                order.step,
                order.plan.short()
            ));
        }
        if let Err(why) = order.check() {
            return StepOutcome::not_started(why);
        }
        let outcome = match self.secrets(&order.secrets, stop) {
            Ok(secrets) => self.awaited(order, &secrets, stop),
            Err(why) => StepOutcome::not_started(why),
        };
        let outcome = StepOutcome { exit_codes: order.exit_codes.clone(), ..outcome };
        match outcome.end {
            // Whatever a stop kept from starting, the stop was its end: it is no failed attempt,
            // after which another may follow.
            End::NotStarted { .. } if stop.is_said() => {
                StepOutcome { end: End::Stopped, ..outcome }
            }
            _ => outcome,
        }
    }
}
