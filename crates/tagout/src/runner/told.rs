//! What came of a step, in the words of the log.

use tagout_core::event::{CommandEnd, StepOutcome};
use tagout_core::rehearsal::Start;
use tagout_core::text::FreeText;
use tagout_core::time::Span;

use crate::exec::{End, Enforced, StepOutcome as Ran};

/// How it counts (none if nobody can say), what it printed, and how its command ended.
pub(super) type Told = (Option<StepOutcome>, FreeText, Option<CommandEnd>);

/// Nothing of it ran.
pub(super) fn not_started(outcome: StepOutcome, why: &str) -> Told {
    (Some(outcome), FreeText::from(format!("not started: {why}")), None)
}

/// What came of a command, as it is recorded.
pub(super) fn told(ran: Ran, start: &Start) -> Told {
    let mut lines = Vec::new();
    match &ran.end {
        End::NotStarted { why } => lines.push(format!("not started: {why}")),
        End::Unknown { why } => {
            tracing::error!(why, "nobody can say how a step ended");
            lines.push(format!("unknown: {why}"));
        }
        End::Stopped if ran.containment.is_none() && ran.looks == 0 => {
            lines.push("not started: it was stopped before".into());
        }
        End::Exited { .. }
        | End::Signalled { .. }
        | End::Succeeded
        | End::Failed
        | End::TimedOut
        | End::Stopped => {}
    }
    if ran.looks > 1 {
        lines.push(format!("looked {} times; the last time:", ran.looks));
    }
    lines.extend(printed(&ran));
    let ended = command_end(&ran);
    // A dry-run form can say with other codes than 0 that it worked.
    let outcome = ran.recorded().map(|outcome| match ran.end {
        End::Exited { code } if start.succeeds_with(code) => StepOutcome::Succeeded,
        End::Exited { .. } => StepOutcome::Failed,
        _ => outcome,
    });
    (outcome, FreeText::from(lines.join("\n")), Some(ended))
}

/// What a command printed, on both outputs.
pub(super) fn printed(ran: &Ran) -> impl Iterator<Item = String> {
    let (stdout, stderr) = (ran.stdout.text(), ran.stderr.text());
    let stdout = (!stdout.is_empty()).then_some(stdout);
    let stderr = (!stderr.is_empty()).then(|| format!("[standard error]\n{stderr}"));
    stdout.into_iter().chain(stderr)
}

/// How a command ended, as it is recorded.
pub(super) fn command_end(ran: &Ran) -> CommandEnd {
    let millis = u64::try_from(ran.took.as_millis()).unwrap_or(u64::MAX);
    CommandEnd {
        exit_code: match ran.end {
            End::Exited { code } => Some(code),
            _ => None,
        },
        signal: match ran.end {
            End::Signalled { signal } => Some(signal),
            _ => None,
        },
        containment: ran.containment.map(|inside| inside.to_string()),
        left_behind: ran.left_behind,
        not_gone: !ran.gone,
        sandbox: match ran.profile {
            Enforced::NotAsked => None,
            Enforced::Fully => Some("fully enforced".to_owned()),
        },
        took: Span::from_millis(millis),
    }
}
