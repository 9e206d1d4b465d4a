//! A plan in full, as whoever answers at the command line reads it: all that the digest covers and
//! the review page shows.

use tagout_core::plan::{Plan, PlannedStep};
use tagout_core::rehearsal::Unforeseen;
use tagout_core::runbook::StepKind;
use tagout_core::work::Shown;

use super::{ASK, STRONG, command_line, paint, printable};

/// Everything that an answer covers. `weak`: whether its steps may run in weak containment.
#[must_use]
pub fn lines(plan: &Plan, weak: bool, digest: &str) -> Vec<String> {
    let title = paint(STRONG, "What an answer covers");
    let mut lines = vec![format!("  {title}: plan {} ({digest}), exactly", plan.number)];
    let mut fact = |name: &str, text: String| lines.push(format!("  {name:<9}  {text}"));
    let taken_back =
        if plan.reversible { "all of it can be taken back" } else { "not said to be reversible" };
    let runbook = printable(&plan.runbook);
    fact("runbook", format!("{runbook} ({}), {taken_back}", plan.runbook_digest.short()));
    fact("target", printable(&plan.target));
    if let Some(words) = plan.takes_back() {
        fact("way back", printable(&words));
    }
    if !plan.values.is_empty() {
        let values = plan.values.iter();
        let values =
            values.map(|(name, value)| format!("{}={}", printable(name), printable(value)));
        fact("values", values.collect::<Vec<_>>().join("  "));
    }
    let stay: Vec<_> = plan.steps.iter().filter(|step| step.lacks_undo()).collect();
    if !stay.is_empty() {
        let stay: Vec<_> = stay.into_iter().map(|step| printable(&step.id)).collect();
        fact("no undo", format!("nothing is declared that takes back {}", stay.join(", ")));
    }
    fact("runs", format!("{} at {} tier", plan.mode, plan.tier));
    if weak {
        let what = "where this machine grants nothing better, a process that a step starts can get \
                    away from a stop";
        fact("weak", format!("{}: {what}", paint(ASK, "weak containment is allowed")));
    }
    let groups = plan.groups.iter().map(|(group, n)| format!(", {n} of {}", printable(group)));
    let people = format!("{} different people", plan.least_people());
    let people = if plan.least_people() == 1 { "1 person".to_owned() } else { people };
    let who = (!plan.approvers.is_everybody()).then(|| format!("; who may: {}", plan.approvers));
    let who = who.map_or(String::new(), |who| printable(&who));
    fact("approval", format!("{people}{}{who}", groups.collect::<String>()));
    if let Some(person) = &plan.requested_by {
        fact("asked by", printable(person.name()));
    }
    fact("lapses", plan.expires_at.to_string());
    fact("rests on", format!("policy {}, evidence {}", plan.policy.short(), plan.evidence.short()));
    let parts = [
        (&plan.preconditions, "  before anything else"),
        (&plan.steps, ""),
        (&plan.verification, "  to verify"),
    ];
    let mut number = 0;
    for (steps, when) in parts {
        for one in steps {
            number += 1;
            step(plan, one, number, when, &mut lines);
        }
    }
    lines
}

fn step(plan: &Plan, step: &PlannedStep, number: usize, when: &str, lines: &mut Vec<String>) {
    let kind = match step.kind {
        StepKind::Check => "check",
        StepKind::Action => "action",
        StepKind::Manual => "manual",
    };
    let (title, id) = (printable(&step.title), printable(&step.id));
    lines.push(format!("  {number:>2}. {kind:<6} {title} ({id}){when}"));
    let mut more = |text: String| lines.push(format!("             {text}"));
    if let Some(on) = &step.on {
        more(format!("on: {}", printable(&on.to_string())));
    }
    let shown = |parts: Vec<Shown>, of: &str| {
        let part = |Shown { what, text }: Shown| format!("{of}{what}: {}", printable(&text));
        parts.into_iter().map(part).collect::<Vec<_>>()
    };
    if !step.argv.is_empty() {
        more(command_line(&step.argv));
        shown(step.demands(), "").into_iter().for_each(&mut more);
    }
    step.work.iter().flat_map(|work| shown(work.shown(), "")).for_each(&mut more);
    if let Some(form) = &step.dry_run {
        let ok = match form.exit_codes.is_default() {
            true => String::new(),
            false => format!(" (works with {})", form.exit_codes),
        };
        more(format!("dry-run form: {}{ok}", command_line(&form.argv)));
    }
    if !plan.rehearses.is_empty() {
        let runs = plan.unforeseen(step).map_or("it is run, and no action is", Unforeseen::words);
        more(format!("in this dry-run: {runs}"));
    }
    if !step.expect.is_empty() {
        more(format!("expected: {}", printable(&step.expect)));
    }
    if step.kind == StepKind::Action {
        if !step.has_undo() {
            more("undo: none is declared".to_owned());
        }
        if !step.undo.is_empty() {
            more(format!("undo: {}", command_line(&step.undo)));
        }
        step.undo_work.iter().flat_map(|work| shown(work.shown(), "undo, ")).for_each(&mut more);
    }
    let mut limits = Vec::new();
    if step.kind != StepKind::Manual {
        limits.extend(step.every.map(|every| format!("looks each {every} until it holds")));
        let attempts = if step.attempts == 1 { "attempt" } else { "attempts" };
        limits.push(format!("at most {}, {} {attempts}", step.timeout, step.attempts));
    }
    limits.push(format!("{} tier", step.risk));
    if step.requires_approval {
        limits.push("the runbook asks for a person".to_owned());
    }
    more(limits.join("; "));
}
