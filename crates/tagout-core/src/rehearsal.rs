//! What a dry-run starts where the operator lets it: checks, and what actions declare as a form of
//! their own that changes nothing. What an action does is never among it.

use serde::{Deserialize, Serialize};

use crate::digest::PlanDigest;
use crate::endpoint::Method;
use crate::event::StepOutcome;
use crate::exit_codes::ExitCodes;
use crate::incident::{Case, Proposal};
use crate::plan::{Plan, PlannedStep};
use crate::policy::last_part;
use crate::runbook::StepKind;
use crate::verdict::Mode;

/// An action's own form that changes nothing, with every value in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRun {
    /// The exact argument vector.
    pub argv: Vec<String>,
    /// The codes with which it says that it worked. `kubectl diff` ends with 1 if it found
    /// differences.
    #[serde(default, skip_serializing_if = "ExitCodes::is_default")]
    pub exit_codes: ExitCodes,
}

/// Why a dry-run that starts what changes nothing has only shown a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unforeseen {
    /// An action that declares no form of its own: its effect could not be foreseen.
    NoForm,
    /// What it would start may not be started: it is not among what the operator names, or it is
    /// what an action of the plan does.
    NotAllowed,
    /// It is for a person.
    Person,
    /// The dry-run ended before.
    NotReached,
}

impl Unforeseen {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoForm => {
                "shown, not run: it declares no dry-run form, so its effect could not be foreseen"
            }
            Self::NotAllowed => "shown, not run: what it would start is not allowed in a dry-run",
            Self::Person => "shown: a person does it",
            Self::NotReached => "shown, not run: the dry-run ended before it",
        }
    }
}

/// What is known of the start of a step in a dry-run. There is one, whatever came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RehearsalState {
    /// Started, no end recorded.
    Started,
    /// Nobody saw its end. It changes nothing, so nobody has to look.
    Cut,
    /// Ended.
    Ended(StepOutcome),
}

/// What a dry-run does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextRehearsal<'p> {
    /// It starts what this step has for it.
    Start(&'p PlannedStep),
    /// It waits for the end of what runs.
    Wait,
    /// Nothing is left to start.
    Over,
}

impl Plan {
    /// What is started for a step of a live plan; nothing for a person's. A check that is begun
    /// again goes by its name for that time.
    #[must_use]
    pub fn start_of(&self, name: &str) -> Option<PlannedStep> {
        let step = self.step(name)?;
        let runs = self.mode == Mode::Live && step.kind != StepKind::Manual;
        runs.then(|| step.clone())
    }

    /// What a dry-run starts for a step: a check or an action's own form, if the plan names the step
    /// among those that are rehearsed. Whatever any action of the plan does, or takes itself back
    /// with, is never it, on no host.
    #[must_use]
    pub fn rehearsal_of(&self, step: &str) -> Option<PlannedStep> {
        if self.mode != Mode::DryRun || !self.rehearses.contains(step) {
            return None;
        }
        let start = self.sequence().find(|one| one.id == step)?.harmless()?;
        let mut actions = self.sequence().filter(|one| one.kind == StepKind::Action);
        (!actions.any(|action| action.does(&start))).then_some(start)
    }

    /// Whether a plan that is being made may start something for a step. One host has a program in
    /// another directory than the next, so of the program the last part alone counts here; plans of
    /// before keep what they were approved with.
    pub(crate) fn may_rehearse(&self, step: &str) -> bool {
        self.rehearsal_of(step).is_some_and(|start| !is_an_actions(&start, self.sequence()))
    }

    /// Why the dry-run only shows this step; nothing if it starts something for it.
    #[must_use]
    pub fn unforeseen(&self, step: &PlannedStep) -> Option<Unforeseen> {
        match step.kind {
            StepKind::Manual => Some(Unforeseen::Person),
            StepKind::Action if step.dry_run.is_none() => Some(Unforeseen::NoForm),
            _ if self.rehearsal_of(&step.id).is_some() => None,
            StepKind::Check | StepKind::Action => Some(Unforeseen::NotAllowed),
        }
    }
}

/// Whether a start has the words of an action of these steps, or of what takes it back, wherever
/// their program stands.
pub(crate) fn is_an_actions<'a>(
    start: &PlannedStep,
    steps: impl IntoIterator<Item = &'a PlannedStep>,
) -> bool {
    let start = anywhere(&start.argv);
    let is_it = |argv: &[String]| start.is_some() && anywhere(argv) == start;
    let mut actions = steps.into_iter().filter(|one| one.kind == StepKind::Action);
    actions.any(|one| is_it(&one.argv) || is_it(&one.undo))
}

/// A command without the directory of its program.
fn anywhere(argv: &[String]) -> Option<(&str, &[String])> {
    let (program, arguments) = argv.split_first()?;
    Some((last_part(program), arguments))
}

impl PlannedStep {
    /// What of it changes nothing, by what its page says: of an action it is a check. It looks once:
    /// nobody waits in a dry-run for what an action would bring about.
    pub(crate) fn harmless(&self) -> Option<Self> {
        let bare = Self { undo: Vec::new(), undo_work: None, dry_run: None, ..self.clone() };
        let step = match (self.kind, &self.dry_run) {
            (StepKind::Check, _) => Self { every: None, ..bare },
            (StepKind::Action, Some(DryRun { argv, exit_codes })) => Self {
                kind: StepKind::Check,
                argv: argv.clone(),
                exit_codes: exit_codes.clone(),
                work: None,
                ..bare
            },
            (StepKind::Action, None) | (StepKind::Manual, _) => return None,
        };
        let looks = match &step.work {
            Some(work) => work.methods().into_iter().all(Method::looks),
            None => !step.argv.is_empty(),
        };
        looks.then_some(step)
    }

    /// Whether this is what an action does or takes itself back with.
    fn does(&self, start: &Self) -> bool {
        let Some(work) = &start.work else {
            return self.argv == start.argv || self.undo == start.argv;
        };
        let asked = work.request();
        self.work.iter().chain(&self.undo_work).any(|work| {
            let request = work.request();
            (request.method, &request.target) == (asked.method, &asked.target)
                && (request.endpoint == asked.endpoint || request.base == asked.base)
        })
    }
}

impl Case {
    /// What the dry-run of a plan does next: each step that it rehearses is started once, in
    /// order, whatever came of those before. After a stop nothing more is.
    #[must_use]
    pub fn next_rehearsal<'p>(&self, proposal: &'p Proposal) -> NextRehearsal<'p> {
        let Proposal { plan, digest, .. } = proposal;
        let runs = |((of, _), state): (&(PlanDigest, String), &RehearsalState)| {
            of == digest && *state == RehearsalState::Started
        };
        if self.rehearsals.iter().any(runs) {
            return NextRehearsal::Wait;
        }
        for step in plan.sequence().filter(|step| plan.rehearsal_of(&step.id).is_some()) {
            match self.rehearsals.get(&(*digest, step.id.clone())) {
                None => return NextRehearsal::Start(step),
                Some(RehearsalState::Started) => return NextRehearsal::Wait,
                Some(RehearsalState::Ended(StepOutcome::Stopped)) => return NextRehearsal::Over,
                Some(RehearsalState::Cut | RehearsalState::Ended(_)) => {}
            }
        }
        NextRehearsal::Over
    }

    /// The steps that the dry-run of a plan has only shown, and why.
    pub(crate) fn only_shown(&self, proposal: &Proposal) -> Vec<(String, Unforeseen)> {
        let Proposal { plan, digest, .. } = proposal;
        plan.sequence()
            .filter(|step| !self.rehearsals.contains_key(&(*digest, step.id.clone())))
            .map(|step| (step, plan.unforeseen(step).unwrap_or(Unforeseen::NotReached)))
            .map(|(step, why)| (step.id.clone(), why))
            .collect()
    }

    /// Whether somebody stopped the dry-run of a plan.
    pub(crate) fn was_stopped(&self, proposal: &Proposal) -> bool {
        let stopped = RehearsalState::Ended(StepOutcome::Stopped);
        let mut states = self.rehearsals.iter().filter(|((plan, _), _)| *plan == proposal.digest);
        states.any(|(_, state)| *state == stopped)
    }

    /// The step at which a live plan would have stopped, as far as a dry-run can know: what comes
    /// after the first action was looked at without what that action does, and a check that looks
    /// until it holds was looked at once.
    #[must_use]
    pub fn would_stop_at(&self, proposal: &Proposal) -> Option<String> {
        use StepOutcome::{Failed, TimedOut};
        let Proposal { plan, digest, .. } = proposal;
        for step in plan.sequence() {
            if step.kind == StepKind::Manual {
                return None;
            }
            let state = self.rehearsals.get(&(*digest, step.id.clone()));
            if let Some(RehearsalState::Ended(Failed | TimedOut)) = state
                && step.every.is_none()
            {
                return Some(step.id.clone());
            }
            if step.kind == StepKind::Action {
                return None;
            }
        }
        None
    }

    /// Whether the end of something that was started is still to be recorded, be it only to look.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        self.in_flight() || self.rehearsals.values().any(|s| *s == RehearsalState::Started)
    }

    /// Whether anything of this plan was ever started, be it only to look.
    #[must_use]
    pub fn has_begun(&self, proposal: &Proposal) -> bool {
        self.has_started(proposal)
            || self.rehearsals.keys().any(|(plan, _)| *plan == proposal.digest)
    }
}
