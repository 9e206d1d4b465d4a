//! What a person can do next about an incident, as the command to type.

use tagout_core::need::Need;

use crate::steps::{OpenStep, Standing};
use crate::summary::Summary;
use crate::terminal::printable;

/// What holds an incident up, and the command that somebody can type about it; empty if nothing
/// but an answer to its plan does.
/// `by`: how they say who they are, ` --as NAME` where no token says it.
pub(super) fn lines(summary: &Summary, steps: &[OpenStep], by: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(held) = &summary.held_by {
        lines.push(format!("It {}.", held.words()));
    }
    for step in steps.iter().filter(|step| step.state != Standing::Running) {
        lines.extend(word(step, by));
    }
    if let ("granted", Some(plan)) = (summary.state, &summary.plan) {
        let (id, digits) = (&summary.incident, plan.get(..12).unwrap_or(plan));
        lines.push("It is granted. To stop it for good:".to_owned());
        lines.push(format!("  tagout approvals revoke {id} --plan {digits}{by}"));
    }
    let needed = summary.needs_person.as_ref();
    if let Some(needed) = needed
        && !matches!(needed.kind, Need::UnknownStep | Need::ManualStep | Need::Answer)
    {
        let id = &summary.incident;
        lines.push(format!("A person is needed: {}.", needed.why));
        if needed.kind == Need::Halted {
            lines.push("Once what halts it is over, to have it decided again:".to_owned());
            lines.push(format!("  tagout resume {id} --reason WHY{by}"));
        }
        lines.push("Once it is dealt with:".to_owned());
        lines.push(format!("  tagout approvals close {id} --reason WHY{by}"));
    }
    lines
}

/// What is to be said of a step, and the command that says it.
pub(super) fn word(step: &OpenStep, by: &str) -> [String; 3] {
    let OpenStep { incident, plan, step: name, attempt, title, target, state } = step;
    let name = printable(name);
    let on = target.as_deref().map_or(String::new(), |on| format!(" on {}", printable(on)));
    let title = title.as_deref().map_or(String::new(), |t| format!(" ({})", printable(t)));
    let (what, words) = match state {
        Standing::ForAPerson => (
            format!("Step {name}{title}{on} is for a person to do. Say how it went with:"),
            "--ran|--did-not-run",
        ),
        _ => (
            format!("Nobody knows what step {name}{title}{on} did. Say it with:"),
            "--ran|--did-not-run|--investigate",
        ),
    };
    let plan = plan.get(..12).unwrap_or(plan);
    let attempt = if *attempt > 1 { format!(" --attempt {attempt}") } else { String::new() };
    let call = format!("  tagout steps resolve {incident} --plan {plan} \\");
    [what, call, format!("    --step {name}{attempt} {words} --reason WHY{by}")]
}
