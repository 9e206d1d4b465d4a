//! An incident told as it happens: one short line per stage, details below it.

use std::fmt::Write as _;

use tagout_core::event::{Event, PlanOutcome, StepOutcome, Triage, VoidReason};
use tagout_core::findings::Findings;
use tagout_core::plan::Plan;
use tagout_core::policy::SeverityOrigin;
use tagout_core::runbook::StepKind;
use tagout_core::verdict::Verdict;

use crate::journal::Recorded;

/// How many lines of what a step printed are told.
const SHOWN_LINES: usize = 20;

pub use super::trail::line;
pub use super::words::{away, distance, helped, how, needed, voided};
use super::words::{fold, granted, names, people, person, plan_ended, saw, step_ended};
use super::{
    ASK, GO, QUIET, STOP, STRONG, command_line, decision, paint, printable, printed, shortened,
    step_line,
};

/// How many lines of what a look printed are told.
const LOOK_LINES: usize = 12;

/// The lines that tell an event at the moment it happens. Some events have none: another tells
/// the same.
#[must_use]
pub fn tell(recorded: &Recorded) -> Vec<String> {
    tell_event(recorded.event(), recorded.incident())
}

/// As [`tell`], of an event of an incident that another process recorded.
#[must_use]
pub fn tell_event(event: &Event, incident: &str) -> Vec<String> {
    match event {
        Event::IncidentOpened { alert, .. } => {
            let name = printable(alert.name());
            let mut lines = vec![stage("alert", &paint(STRONG, &name))];
            let text = alert.message.as_str();
            if !text.is_empty() {
                lines.push(more(&format!("“{}”", shortened(text, 100))));
            }
            if !alert.labels.is_empty() {
                let labels = alert.labels.iter().filter(|(name, _)| *name != "alertname");
                let labels: Vec<_> =
                    labels.map(|(k, v)| format!("{}={}", printable(k), printable(v))).collect();
                lines.push(more(&shortened(&labels.join("  "), 100)));
            }
            lines.push(stage("received", &format!("as incident {}", printable(incident))));
            lines
        }
        Event::DeliveryReceived { folded, .. } | Event::DeliveryPartReceived { folded, .. } => {
            folded
                .iter()
                .map(|f| {
                    stage("received", &format!("{}; {}", fold(&f.how), printable(&f.incident)))
                })
                .collect()
        }
        Event::AlertRepeated { .. } => {
            vec![stage("received", &format!("again; folded into {}", printable(incident)))]
        }
        Event::AlertWorsened { alert, .. } => {
            let what = shortened(alert.message.as_str(), 80);
            vec![stage("worse", &format!("{}: “{what}”; decided anew", printable(incident)))]
        }
        Event::AlertEnded { way_back: Some(_), .. } => {
            vec![stage("resolved", &printable(&line(event)))]
        }
        Event::AlertEnded { .. } => {
            vec![stage("resolved", &format!("{} is closed", printable(incident)))]
        }
        Event::Triaged { severity, triage } => {
            let origin = match &severity.origin {
                SeverityOrigin::Sent => String::new(),
                SeverityOrigin::Mapped(word) => format!(" (sent as “{}”)", printable(word)),
                SeverityOrigin::Unmapped(word) => {
                    format!(" (“{}” is in no table and counts as critical)", printable(word))
                }
                SeverityOrigin::Absent => " (none was sent)".into(),
            };
            let severity = format!("severity {}{origin}", severity.severity);
            match triage {
                Triage::Search => vec![stage("triage", &format!("{severity}; look for a runbook"))],
                Triage::Away(why) => {
                    vec![stage("triage", &format!("{severity}; closed: {}", away(why)))]
                }
                Triage::Person(why) => vec![
                    stage("triage", &severity),
                    stage("decision", &paint(ASK, "ESCALATE")),
                    more(&needed(why)),
                ],
            }
        }
        Event::SearchCompleted { findings, excluded } => search(findings, excluded),
        Event::PersonCalled { why } => {
            vec![stage("decision", &paint(ASK, "ESCALATE")), more(&needed(why))]
        }
        Event::InspectionOpened { inspection, .. } => {
            let refused = inspection.looks.iter().filter_map(|look| Some((look, look.refused?)));
            let refused = refused.map(|(look, why)| {
                stage("look", &format!("{}: not looked at, since {why}", printable(&look.title)))
            });
            refused.collect()
        }
        Event::LookEnded { step, outcome, ended, .. } => {
            let what = format!("{}: {}{}", printable(step), saw(*outcome), how(ended.as_ref()));
            let mut lines = vec![stage("look", &what)];
            lines.extend(printed::end(event, incident, LOOK_LINES).iter().map(|line| more(line)));
            lines
        }
        Event::PlanProposed { plan, digest, difference, .. } => {
            let mut lines = plan_lines(plan, &digest.short());
            lines.extend(
                difference.iter().map(|line| more(&format!("changed: {}", printable(line)))),
            );
            lines
        }
        Event::PolicyDecided { verdict, .. } => policy(verdict),
        Event::ReviewRequested { request, clock } => {
            let mut lines = vec![stage(
                "review",
                &format!("{} must approve by {}", people(request), request.expires_at),
            )];
            if !request.approvers.is_everybody() {
                let who = printable(&request.approvers.to_string());
                lines.push(more(&format!("who may approve: {who}")));
            }
            let first = request.first_use.iter();
            lines.extend(first.map(|(owner, by)| more(&printable(&by.told(owner)))));
            if !request.ask.is_empty() {
                lines.push(more(&format!("asked first: {}", names(&request.ask))));
            }
            if let Some(clock) = clock {
                lines.push(more(&format!(
                    "silence for {} after a delivered warning counts as consent",
                    clock.wait
                )));
            }
            lines
        }
        Event::ReviewGiven { review } => {
            let reason = match review.reason.as_str() {
                "" => String::new(),
                reason => format!(": “{}”", shortened(reason, 80)),
            };
            let answer = format!("{:?}", review.answer).to_uppercase();
            vec![stage("review", &format!("{answer} by {}{reason}", person(&review.reviewer)))]
        }
        Event::ReviewRefused { by, refusal, .. } => {
            vec![stage(
                "review",
                &format!("{} by {}: {refusal}", paint(STOP, "not taken"), person(by)),
            )]
        }
        Event::PlanGranted { by, .. } => vec![stage("granted", &granted(by))],
        Event::PlanVoided { why: VoidReason::Modified { .. }, .. } => Vec::new(),
        Event::PlanVoided { why, .. } => vec![stage("void", &voided(why))],
        Event::RehearsalEnded { step, outcome, ended, .. } => {
            let code = ended.as_ref().and_then(|ended| ended.exit_code);
            let code = code.map(|code| format!(" (exit code {code})")).unwrap_or_default();
            let mut lines =
                vec![stage("dry-run", &format!("{step} {}{code}", step_ended(*outcome)))];
            lines.extend(printed::end(event, incident, SHOWN_LINES).iter().map(|line| more(line)));
            lines
        }
        Event::StepRehearsed { step, unforeseen: Some(why), .. } => {
            vec![stage("dry-run", &format!("{step}: {}", why.words()))]
        }
        Event::PlanFinished { outcome: PlanOutcome::Rehearsed, stops_at: Some(step), .. } => {
            let what = format!("no action was started; a live plan would have stopped at {step}");
            vec![stage("dry-run", &paint(STOP, &what))]
        }
        Event::PlanFinished { outcome: PlanOutcome::Rehearsed, .. } => vec![stage(
            "dry-run",
            &paint(GO, "every step was shown as it would run; no action was started"),
        )],
        Event::EffectivenessRecorded { effectiveness, .. } => {
            vec![stage("effect", helped(*effectiveness))]
        }
        Event::PlanFinished { outcome, .. } => vec![stage("ended", plan_ended(*outcome))],
        Event::StepStarted { .. } => vec![stage("step", &printable(&line(event)))],
        Event::StepFinished { .. } | Event::StepLost { .. } | Event::RehearsalCut { .. } => {
            let mut lines = vec![stage("step", &emphasis(event))];
            lines.extend(printed::end(event, incident, SHOWN_LINES).iter().map(|line| more(line)));
            lines
        }
        Event::StepResolved { .. } => vec![stage("step", &printable(&line(event)))],
        Event::RequestEscalated { .. } | Event::LapseWarned { .. } => {
            vec![stage("review", &printable(&line(event)))]
        }
        Event::GlassBroken { .. } => {
            vec![stage("review", &paint(ASK, printable(&printable(&line(event)))))]
        }
        Event::HaltResumed { .. }
        | Event::IncidentHandled { .. }
        | Event::SnoozeEnded {}
        | Event::IncidentMerged { .. }
        | Event::IncidentTookIn { .. }
        | Event::ReviewedAfterwards { .. }
        | Event::IncidentReopened { .. }
        | Event::IncidentClosed { .. } => vec![stage("people", &printable(&line(event)))],
        _ => Vec::new(),
    }
}

/// How a step ended, where it did not succeed so that the eye finds it; the words say it too.
fn emphasis(event: &Event) -> String {
    match event {
        Event::StepFinished { outcome: StepOutcome::Succeeded, .. } => printable(&line(event)),
        _ => paint(STOP, printable(&line(event))),
    }
}

/// The stage's name in a column of its own, then what happened.
fn stage(name: &str, text: &str) -> String {
    format!("  {}  {text}", paint(QUIET, format_args!("{name:<9}")))
}

/// A further line of the stage above.
fn more(text: &str) -> String {
    format!("             {text}")
}

fn search(findings: &Findings, excluded: &[(String, String)]) -> Vec<String> {
    let Some(best) = findings.candidates.first() else {
        return vec![stage("search", "nothing near")];
    };
    let mut why = match best.key {
        Some(key) => key.describe().to_owned(),
        None if best.matched_terms.is_empty() => "by meaning".into(),
        None => {
            let terms = best.matched_terms.iter().take(6).map(|t| printable(t));
            format!("shared words: {}", terms.collect::<Vec<_>>().join(", "))
        }
    };
    if let Some(next) = findings.candidates.get(1) {
        let _ = write!(why, "; then {} at {}", next.runbook, next.confidence);
    }
    let head = format!("{} at confidence {}", paint(STRONG, &best.runbook), best.confidence);
    let mut lines = vec![stage("search", &head), more(&paint(QUIET, why))];
    lines.extend(
        excluded.iter().map(|(id, why)| more(&format!("left out {id}: {}", printable(why)))),
    );
    lines
}

fn policy(verdict: &Verdict) -> Vec<String> {
    let head = format!(
        "{}  {} tier ({})",
        decision(verdict.decision),
        verdict.tier,
        printable(&verdict.tier_from)
    );
    let mut lines = vec![stage("policy", &head)];
    lines.extend(verdict.reasons.iter().map(|r| more(&printable(&r.detail))));
    lines
}

/// A plan with every step exactly as it would run.
#[must_use]
pub fn plan_lines(plan: &Plan, digest: &str) -> Vec<String> {
    let head = format!(
        "{} on {}, {} ({digest})",
        plan.runbook,
        paint(STRONG, printable(&plan.target)),
        plan.mode
    );
    let mut lines = vec![stage("plan", &head)];
    let mut number = 0;
    let mut list = |steps: &[tagout_core::plan::PlannedStep], when: &str| {
        for step in steps {
            number += 1;
            let kind = match step.kind {
                StepKind::Check => "check",
                StepKind::Action => "action",
                StepKind::Manual => "manual",
            };
            let what = match step.kind {
                StepKind::Manual => printable(&step.title),
                _ => step_line(step),
            };
            let when = if when.is_empty() { String::new() } else { paint(QUIET, when) };
            lines.push(more(&format!("{number:>2}. {kind:<6} {what}{when}")));
            if let Some(form) = &step.dry_run {
                let form = format!("dry-run form: {}", command_line(&form.argv));
                lines.push(more(&format!("           {}", paint(QUIET, form))));
            }
            if plan.unforeseen(step).is_none() {
                let runs = "in this dry-run: it is run, and no action is";
                lines.push(more(&format!("           {}", paint(QUIET, runs))));
            }
        }
    };
    list(&plan.preconditions, "  before anything else");
    list(&plan.steps, "");
    list(&plan.verification, "  to verify");
    lines
}
