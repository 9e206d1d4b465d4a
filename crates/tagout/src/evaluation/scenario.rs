//! A scenario: an alert, and what people expect to come of it. One JSON object a line.

use serde::Deserialize;
use serde_json::value::RawValue;
use tagout_core::alert::Alert;
use tagout_core::verdict::Decision;

use crate::config::BadInput;
use crate::signals::{self, Reading};

/// What a scenario is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// The right runbook and the right decision.
    CorrectTriage,
    /// No runbook fits, and that is the answer.
    NoRunbook,
    /// Nothing is to be done.
    FalseAlarm,
    /// The wording is far from the runbook's.
    ApproximateMatch,
    /// A person must see it.
    Escalation,
}

impl Category {
    /// The name as it is written in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CorrectTriage => "correct_triage",
            Self::NoRunbook => "no_runbook",
            Self::FalseAlarm => "false_alarm",
            Self::ApproximateMatch => "approximate_match",
            Self::Escalation => "escalation",
        }
    }
}

/// The decision that is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// The plan goes on alone.
    Proceed,
    /// A person is asked.
    Escalate,
    /// Nobody may grant it.
    Halt,
    /// It is triaged away.
    None,
}

impl Expected {
    /// Whether that was decided.
    #[must_use]
    pub fn is(self, decided: Option<Decision>) -> bool {
        decided
            == match self {
                Self::Proceed => Some(Decision::Proceed),
                Self::Escalate => Some(Decision::Escalate),
                Self::Halt => Some(Decision::Halt),
                Self::None => None,
            }
    }
}

/// What is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The runbooks that would be right; empty if none is.
    pub runbooks: Vec<String>,
    /// The decision, if one is expected.
    pub decision: Option<Expected>,
    /// Whether a person must see it before anything with an effect happens, if that is said.
    pub human_review: Option<bool>,
}

/// What held when the alert came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// Autonomous actions already taken in the window, in every tier.
    #[serde(default)]
    pub autonomous_actions_taken: u32,
    /// Whether a maintenance window covers the alert.
    #[serde(default)]
    pub maintenance: bool,
}

/// One scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Its id.
    pub id: String,
    /// What it is about.
    pub category: Category,
    /// The alert.
    pub alert: Alert,
    /// What is expected.
    pub expect: Expectation,
    /// What held.
    pub context: Context,
}

#[derive(Deserialize)]
struct Row<'a> {
    id: String,
    category: Category,
    #[serde(borrow)]
    alert: &'a RawValue,
    expect: ExpectRow,
    #[serde(default)]
    context: Context,
}

#[derive(Deserialize)]
struct ExpectRow {
    runbook: Option<Runbooks>,
    decision: Option<Expected>,
    human_review: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Runbooks {
    One(String),
    Several(Vec<String>),
}

/// The scenarios in `text`, which came from `file`.
///
/// # Errors
/// The first line that is no scenario, and why.
pub fn parse_scenarios(file: &str, text: &str) -> Result<Vec<Scenario>, BadInput> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let named = |what: String| BadInput(format!("{file}:{}: {what}", number + 1));
        let row: Row<'_> = serde_json::from_str(line).map_err(|e| named(e.to_string()))?;
        if scenarios.iter().any(|earlier| earlier.id == row.id) {
            return Err(named(format!("the id {:?} is used twice; give it another", row.id)));
        }
        let delivery =
            signals::read(row.alert.get().as_bytes()).map_err(|e| named(format!("alert: {e}")))?;
        let alert = match delivery.alerts.into_iter().next() {
            Some(Reading::Alert(alert)) => alert,
            Some(Reading::Flawed { flaw, .. }) => return Err(named(format!("alert: {flaw}"))),
            None => return Err(named("alert: there is none".into())),
        };
        scenarios.push(Scenario {
            id: row.id,
            category: row.category,
            alert,
            expect: Expectation {
                runbooks: match row.expect.runbook {
                    None => Vec::new(),
                    Some(Runbooks::One(id)) => vec![id],
                    Some(Runbooks::Several(ids)) => ids,
                },
                decision: row.expect.decision,
                human_review: row.expect.human_review,
            },
            context: row.context,
        });
    }
    if scenarios.is_empty() {
        return Err(BadInput(format!("{file}: holds no scenario")));
    }
    Ok(scenarios)
}
