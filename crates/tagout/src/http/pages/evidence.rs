//! What a plan rests on: what the alert says, what the search found, what the policy said of it,
//! and what was folded in.

use maud::{Markup, html};
use tagout_core::alert::Alert;
use tagout_core::event::LookOutcome;
use tagout_core::findings::{Candidate, Findings};
use tagout_core::incident::Case;
use tagout_core::inspection::LookState;
use tagout_core::time::Time;
use tagout_core::verdict::{Decision, Verdict};

use super::text::{absolute, count, cut, said, said_lines, when};
use super::{encoded, plan};
use crate::journal::FoldedIn;
use crate::terminal::story::how;

/// What the alert says, all of it: it is what everything rests on. `when` writes a time.
pub(super) fn alert(alert: &Alert, when: impl Fn(Time) -> Markup) -> Markup {
    html! {
        section.sheet aria-labelledby="evidence" {
            h2 #evidence { "What the alert says" }
            @if !alert.title.is_empty() { p { strong { (said(alert.title.as_str())) } } }
            @if !alert.message.is_empty() { p { (said_lines(alert.message.as_str())) } }
            dl.pairs {
                div { dt { "Sent by" } dd { (said(&alert.source)) } }
                @if let Some(at) = alert.starts_at {
                    div { dt { "Began" } dd { (when(at)) span.hush { " by the sender's clock" } } }
                }
                @if let Some(url) = &alert.runbook_url {
                    // Not a link: whoever writes alerts must not lead a tired person anywhere.
                    div { dt { "Names as its page" } dd { code { (said(url)) } } }
                }
            }
            (table("Labels", alert.labels.iter().map(|(name, value)| (&**name, &**value))))
            (table("Annotations", alert.annotations.iter().map(|(n, v)| (&**n, v.as_str()))))
            (table("Figures", alert.metrics.iter().map(|(name, value)| (&**name, &**value))))
        }
    }
}

fn table<'a>(title: &str, pairs: impl ExactSizeIterator<Item = (&'a str, &'a str)>) -> Markup {
    html! {
        @if pairs.len() > 0 {
            h3.part { (title) }
            dl.pairs { @for (name, value) in pairs {
                div { dt { (said(name)) } dd { (said_lines(value)) } }
            } }
        }
    }
}

/// What the search found, and how sure it is.
pub(super) fn found(
    findings: &Findings,
    excluded: &[(String, String)],
    chosen: Option<&str>,
) -> Markup {
    html! {
        section.sheet aria-labelledby="found" {
            h2 #found { "Why this runbook" }
            @if findings.candidates.is_empty() { p { "The search found nothing near." } }
            @else {
                p.hush {
                    "The confidence is how probable it is that the runbook is the right one, "
                    @if findings.calibrated { "as measured on this very set of runbooks." }
                    @else { "as measured on another set of runbooks: where no exact key matched, "
                        "a person decides." }
                }
                div.scroll tabindex="0" role="group" aria-label="Candidates" {
                    table {
                        thead { tr {
                            th scope="col" { "Runbook" }
                            th.number scope="col" { "Confidence" }
                            th scope="col" { "Because" }
                        } }
                        tbody { @for candidate in &findings.candidates {
                            (row(candidate, chosen == Some(&candidate.runbook)))
                        } }
                    }
                }
            }
            @for (runbook, why) in excluded {
                p { "Left out " strong { (said(runbook)) } ": " (said(why)) "." }
            }
        }
    }
}

fn row(candidate: &Candidate, chosen: bool) -> Markup {
    html! {
        tr {
            th scope="row" {
                a href={ "/runbooks/" (encoded(&candidate.runbook)) } { (said(&candidate.runbook)) }
                @if chosen { span.hush { " (chosen)" } }
            }
            td.number { (candidate.confidence) }
            td {
                @match candidate.key {
                    Some(key) => (key.describe()),
                    None if candidate.matched_terms.is_empty() => "by meaning",
                    None => {
                        @let terms: Vec<_> = candidate.matched_terms.iter().take(8).cloned().collect();
                        "shared words: " (said(&terms.join(", ")))
                    }
                }
            }
        }
    }
}

/// What was looked at before the decision, and what could not be.
pub(super) fn looked(case: &Case, now: Time) -> Markup {
    let Some(inspected) = &case.inspected else { return html! {} };
    html! {
        section.sheet aria-labelledby="looked" {
            h2 #looked { "What was looked at" }
            p.hush { "Checks of " (said(&inspected.inspection.runbook)) ", taken before the decision by "
                "what the operator lists: commands with no right to write, and questions over HTTP. An "
                "approval covers what they showed." }
            ol.steps { @for (look, state) in inspected.looks() {
                li.step {
                    p.step-title {
                        (sight(state)) " " strong { (said(&look.title)) }
                        " " span.hush { "(" (said(&look.step)) ")" }
                    }
                    @if !look.argv.is_empty() { (plan::command("Command", &look.argv)) }
                    @if let Some(work) = &look.work { (plan::asks(&work.shown())) }
                    @match state {
                        LookState::Refused(why) => p { "Could not be looked at: " (why) "." },
                        LookState::Due | LookState::Running(_) => p.hush { "Not over yet." },
                        LookState::Over(seen) => {
                            @if !seen.output.is_empty() {
                                p { (said_lines(seen.output.as_str())) }
                            }
                            p.hush { (when(seen.at, now)) (how(seen.ended.as_ref())) }
                        }
                    }
                }
            } }
        }
    }
}

/// How a look stands, in a frame.
fn sight(state: &LookState) -> Markup {
    let (class, word) = match state {
        LookState::Refused(_) => ("decision-escalate", "not looked at"),
        LookState::Due => ("kind-check", "to be looked at"),
        LookState::Running(_) => ("kind-check", "being looked at"),
        LookState::Over(seen) => match seen.outcome {
            LookOutcome::Held => ("decision-proceed", "holds"),
            LookOutcome::DidNotHold => ("decision-halt", "does not hold"),
            LookOutcome::TimedOut => ("decision-escalate", "took too long"),
            LookOutcome::NotStarted => ("decision-escalate", "not looked at"),
            LookOutcome::Cut => ("decision-escalate", "cut off"),
        },
    };
    html! { span.badge.(class) { (word) } }
}

/// What the policy said, with every reason.
pub(super) fn policy(verdict: &Verdict) -> Markup {
    html! {
        section.sheet aria-labelledby="policy" {
            h2 #policy { "What the policy said" }
            p { (decision(verdict.decision)) " at " (plan::tier(verdict.tier))
                ", set by " (said(&verdict.tier_from)) "." }
            ul.plain { @for reason in &verdict.reasons {
                li { (decision(reason.decision)) " " (said(&reason.detail)) }
            } }
            p.hush { "Policy " code { (verdict.policy.short()) } ". The strictest reason holds." }
        }
    }
}

/// A decision in a frame.
pub(super) fn decision(decision: Decision) -> Markup {
    let class = match decision {
        Decision::Proceed => "decision-proceed",
        Decision::Escalate => "decision-escalate",
        Decision::Halt => "decision-halt",
    };
    html! { span.badge.(class) { (decision) } }
}

pub(super) fn folded_in(folded: &FoldedIn, now: Time) -> Markup {
    let counts = [
        (folded.repeated, "delivered again"),
        (folded.joined, "gathered here with it"),
        (folded.ended, "ended while others went on"),
        (folded.returned, "fired again"),
        (folded.late, "over already when it came"),
    ];
    html! {
        section.sheet aria-labelledby="folded" {
            h2 #folded { "What was folded into it" }
            ul.plain { @for (n, what) in counts {
                @if n > 0 {
                    li { (count(usize::try_from(n).unwrap_or(usize::MAX), "alert", "alerts")) ", " (what) }
                }
            } }
            @if let Some((at, entry)) = folded.last {
                p { "The last one came " (when(at, now)) ", in "
                    a href={ "/audit?from=" (entry) } { "entry " (entry) } "." }
            }
            @if !folded.latest.is_empty() {
                h3.part { "Gathered last" }
                ul.plain { @for (at, name, subject) in &folded.latest {
                    li { (absolute(*at, now)) " " strong { (said(&cut(name, 120))) } " "
                        (said(&cut(subject, 120))) }
                } }
            }
        }
    }
}
