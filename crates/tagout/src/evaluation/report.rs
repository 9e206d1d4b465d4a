//! What an evaluation comes to: figures, a table, JSON, and JUnit for build servers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use tagout_core::verdict::Decision;

use crate::summary::Summary;

use super::agents::Agent;
use super::scenario::{Expected, Scenario};

/// What an evaluation must reach. Under-escalation is never acceptable, so it has no threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// The least share of scenarios whose runbook (or absence of one) is right.
    pub triage: f64,
    /// The greatest share of scenarios that bother a person without need.
    pub over_escalation: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { triage: 0.85, over_escalation: 0.10 }
    }
}

/// One scenario's result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseReport {
    /// Its id.
    pub id: String,
    /// Whether everything was as expected.
    pub passed: bool,
    /// What was not, in words; empty if it passed.
    pub wrong: Vec<String>,
    /// The runbook that was found.
    pub runbook: Option<String>,
    /// The recorded confidence, as a fraction of 1.
    pub confidence: Option<f64>,
    /// What was decided.
    pub decision: &'static str,
    /// Whether a person sees it before anything with an effect happens.
    pub human_review: bool,
    /// Every reason.
    pub reasons: Vec<String>,
    #[serde(skip)]
    triage: TriageResult,
    #[serde(skip)]
    escalation: EscalationResult,
    #[serde(skip)]
    complete: bool,
    #[serde(skip)]
    latency: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TriageResult {
    Right,
    WrongMatch,
    MissedMatch,
    FalseMatch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EscalationResult {
    Appropriate,
    Over,
    Under,
    Other,
}

impl CaseReport {
    pub(super) fn new(
        scenario: &Scenario,
        runbook: Option<String>,
        summary: &Summary,
        decision: Option<Decision>,
        complete: bool,
        latency: u64,
    ) -> Self {
        let expect = &scenario.expect;
        let human_review = decision.is_some_and(|d| d != Decision::Proceed);
        let triage = match (&runbook, expect.runbooks.is_empty()) {
            (None, true) => TriageResult::Right,
            (Some(_), true) => TriageResult::FalseMatch,
            (None, false) => TriageResult::MissedMatch,
            (Some(id), false) if expect.runbooks.contains(id) => TriageResult::Right,
            (Some(_), false) => TriageResult::WrongMatch,
        };
        let as_decided = expect.decision.is_none_or(|e| e.is(decision));
        let as_reviewed = expect.human_review.is_none_or(|e| e == human_review);
        let mut wrong = Vec::new();
        if triage != TriageResult::Right {
            wrong.push(format!("runbook: expected {}", names(&expect.runbooks)));
        }
        if !as_decided && let Some(expected) = expect.decision {
            wrong.push(format!("decision: expected {expected:?}").to_lowercase());
        }
        if !as_reviewed {
            wrong.push(format!("human review: expected {}", !human_review));
        }
        if !complete {
            wrong.push("the trail is incomplete".into());
        }
        Self {
            id: scenario.id.clone(),
            passed: wrong.is_empty(),
            wrong,
            confidence: summary.confidence.filter(|_| runbook == summary.runbook),
            runbook,
            decision: word(decision),
            human_review,
            reasons: summary.reasons.clone(),
            triage,
            escalation: match triage {
                // A plan of the wrong runbook went on without anybody: the worst of all.
                TriageResult::WrongMatch | TriageResult::FalseMatch
                    if decision == Some(Decision::Proceed) =>
                {
                    EscalationResult::Under
                }
                _ => escalation(expect.decision, expect.human_review, decision),
            },
            complete,
            latency,
        }
    }
}

fn word(decision: Option<Decision>) -> &'static str {
    match decision {
        None => "none",
        Some(Decision::Proceed) => "proceed",
        Some(Decision::Escalate) => "escalate",
        Some(Decision::Halt) => "halt",
    }
}

fn names(ids: &[String]) -> String {
    if ids.is_empty() { "none".into() } else { ids.join(" or ") }
}

/// Over: a person is bothered (or more strictly stopped) without need. Under: a person should
/// have seen it and does not, or something is started where nothing is to be done.
fn escalation(
    expected: Option<Expected>,
    human_review: Option<bool>,
    decided: Option<Decision>,
) -> EscalationResult {
    let level = |decision: Option<Decision>| match decision {
        None | Some(Decision::Proceed) => 0,
        Some(Decision::Escalate) => 1,
        Some(Decision::Halt) => 2,
    };
    let seen = level(decided) > 0;
    let wanted = match (expected, human_review) {
        (Some(Expected::None), _) if decided == Some(Decision::Proceed) => {
            return EscalationResult::Under;
        }
        (Some(Expected::Proceed), _) if decided.is_none() => return EscalationResult::Other,
        (Some(Expected::None | Expected::Proceed), _) => 0,
        (Some(Expected::Escalate), _) => 1,
        (Some(Expected::Halt), _) => 2,
        (None, Some(true)) => {
            return if seen { EscalationResult::Appropriate } else { EscalationResult::Under };
        }
        (None, Some(false)) => {
            return if seen { EscalationResult::Over } else { EscalationResult::Appropriate };
        }
        (None, None) => return EscalationResult::Appropriate,
    };
    match level(decided).cmp(&wanted) {
        std::cmp::Ordering::Equal => EscalationResult::Appropriate,
        std::cmp::Ordering::Greater => EscalationResult::Over,
        std::cmp::Ordering::Less => EscalationResult::Under,
    }
}

/// How often the runbook was right, and how it was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct TriageFigures {
    /// Share of scenarios whose runbook (or absence of one) is right.
    pub accuracy: f64,
    /// Another runbook than the expected one.
    pub wrong_match: usize,
    /// No runbook where one was expected.
    pub missed_match: usize,
    /// A runbook where none was expected.
    pub false_match: usize,
}

/// How often the decision was right, and how it was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct EscalationFigures {
    /// Share of scenarios with neither too much nor too little escalation.
    pub appropriate: f64,
    /// A person was bothered without need.
    pub over: usize,
    /// A person should have seen it and did not.
    pub under: usize,
}

/// One category's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CategoryFigures {
    /// Scenarios.
    pub total: usize,
    /// Those in which everything was as expected.
    pub passed: usize,
}

/// Percentiles of the time from alert to decision, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Latency {
    /// Half took at most this long.
    pub p50: u64,
    /// 99 of 100 took at most this long.
    pub p99: u64,
}

/// The result of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvaluationReport {
    /// Whose.
    pub agent: &'static str,
    /// Scenarios.
    pub total: usize,
    /// Those in which everything was as expected.
    pub passed: usize,
    /// The runbooks.
    pub triage: TriageFigures,
    /// The decisions.
    pub escalation: EscalationFigures,
    /// By category.
    pub by_category: BTreeMap<&'static str, CategoryFigures>,
    /// Whether the log tells all of it, in every scenario.
    pub audit_complete: bool,
    /// From alert to decision.
    pub latency_us: Latency,
    /// Each scenario.
    pub cases: Vec<CaseReport>,
}

impl EvaluationReport {
    pub(super) fn of(agent: Agent, scenarios: &[Scenario], cases: Vec<CaseReport>) -> Self {
        let mut by_category: BTreeMap<&'static str, CategoryFigures> = BTreeMap::new();
        for (scenario, case) in scenarios.iter().zip(&cases) {
            let figures = by_category.entry(scenario.category.name()).or_default();
            figures.total += 1;
            figures.passed += usize::from(case.passed);
        }
        let triage = |what| cases.iter().filter(|c| c.triage == what).count();
        let escalation = |what| cases.iter().filter(|c| c.escalation == what).count();
        #[allow(clippy::cast_precision_loss, reason = "counts of scenarios")]
        let share = |count: usize| count as f64 / cases.len().max(1) as f64;
        let mut latencies: Vec<u64> = cases.iter().map(|c| c.latency).collect();
        latencies.sort_unstable();
        let at = |percent: usize| {
            let place = (latencies.len() * percent).div_ceil(100).saturating_sub(1);
            latencies.get(place).copied().unwrap_or_default()
        };
        Self {
            agent: agent.name(),
            total: cases.len(),
            passed: cases.iter().filter(|c| c.passed).count(),
            triage: TriageFigures {
                accuracy: share(triage(TriageResult::Right)),
                wrong_match: triage(TriageResult::WrongMatch),
                missed_match: triage(TriageResult::MissedMatch),
                false_match: triage(TriageResult::FalseMatch),
            },
            escalation: EscalationFigures {
                appropriate: share(escalation(EscalationResult::Appropriate)),
                over: escalation(EscalationResult::Over),
                under: escalation(EscalationResult::Under),
            },
            by_category,
            audit_complete: cases.iter().all(|c| c.complete),
            latency_us: Latency { p50: at(50), p99: at(99) },
            cases,
        }
    }

    /// What keeps the evaluation from holding, in words; empty if it holds.
    #[must_use]
    pub fn shortfalls(&self, thresholds: Thresholds) -> Vec<String> {
        let mut short = Vec::new();
        if self.triage.accuracy < thresholds.triage {
            let (is, needs) = (self.triage.accuracy, thresholds.triage);
            short.push(format!("triage accuracy {is:.3} is below {needs:.3}"));
        }
        #[allow(clippy::cast_precision_loss, reason = "counts of scenarios")]
        let over = self.escalation.over as f64 / self.total.max(1) as f64;
        if over > thresholds.over_escalation {
            let most = thresholds.over_escalation;
            short.push(format!("over-escalation {over:.3} is above {most:.3}"));
        }
        if self.escalation.under > 0 {
            short.push(format!("{} under-escalations; none is acceptable", self.escalation.under));
        }
        if !self.audit_complete {
            short.push("the audit trail is incomplete".into());
        }
        short
    }

    /// The result as a JUnit file.
    #[must_use]
    pub fn junit(&self) -> String {
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite \
             name=\"tagout eval\" tests=\"{}\" failures=\"{}\">\n",
            self.total,
            self.total - self.passed
        );
        for case in &self.cases {
            #[allow(clippy::cast_precision_loss, reason = "microseconds of one scenario")]
            let seconds = case.latency as f64 / 1e6;
            let _ =
                write!(xml, "    <testcase name=\"{}\" time=\"{seconds:.6}\"", escape(&case.id));
            if case.passed {
                xml.push_str("/>\n");
            } else {
                let runbook = case.runbook.as_deref().unwrap_or("none");
                let what = format!("{}; got {runbook}, {}", case.wrong.join("; "), case.decision);
                let _ = writeln!(
                    xml,
                    ">\n      <failure message=\"{}\"/>\n    </testcase>",
                    escape(&what)
                );
            }
        }
        xml.push_str("  </testsuite>\n</testsuites>\n");
        xml
    }
}

/// Text as it may stand in an XML attribute. Characters that XML forbids are left out.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}
