//! What was looked at before a decision, in the form in which every channel tells it.

use serde::{Deserialize, Serialize};
use tagout_core::event::LookOutcome;
use tagout_core::incident::Case;
use tagout_core::inspection::{LookState, PlannedLook, Seen};
use tagout_core::work::BoundWork;
use utoipa::ToSchema;

/// One check of the runbook that was to be looked at before the decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Look {
    /// The step of the runbook.
    pub step: String,
    /// What it checks, in a line.
    pub title: String,
    /// The exact argument vector that was run, or the page's own words where none was; empty where
    /// something was asked.
    pub argv: Vec<String>,
    /// What was asked over HTTP, in a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// `held`, `did_not_hold`, `timed_out`, `not_started`, `cut`, `running` or `due`.
    pub state: String,
    /// When it was over (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What was printed, bounded and redacted, or why nothing was seen.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
}

impl Look {
    /// Every check that was to be looked at for an incident, in order.
    #[must_use]
    pub fn all(case: &Case) -> Vec<Self> {
        let looks = case.inspected.iter().flat_map(|inspected| inspected.looks());
        looks.map(|(look, state)| Self::of(look, state)).collect()
    }

    fn of(PlannedLook { step, title, argv, work, .. }: &PlannedLook, state: &LookState) -> Self {
        let (word, at, output) = match state {
            LookState::Refused(why) => ("not_started", None, why.to_string()),
            LookState::Due => ("due", None, String::new()),
            LookState::Running(_) => ("running", None, String::new()),
            LookState::Over(Seen { outcome, output, at, .. }) => {
                (word(*outcome), Some(at.to_string()), output.as_str().to_owned())
            }
        };
        let (step, title, argv) = (step.clone(), title.clone(), argv.clone());
        let request = work.as_ref().map(BoundWork::line);
        Self { step, title, argv, request, state: word.to_owned(), at, output }
    }
}

/// What a look comes to, in a word.
#[must_use]
pub const fn word(outcome: LookOutcome) -> &'static str {
    match outcome {
        LookOutcome::Held => "held",
        LookOutcome::DidNotHold => "did_not_hold",
        LookOutcome::TimedOut => "timed_out",
        LookOutcome::NotStarted => "not_started",
        LookOutcome::Cut => "cut",
    }
}
