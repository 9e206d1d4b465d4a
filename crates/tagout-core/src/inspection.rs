//! Looking before deciding: the checks of a page that the operator lets be run or asked unreviewed, and
//! what was seen. An inspection is a plan of checks alone with a digest of its own: it changes nothing,
//! takes no target and spends no budget. What it saw is part of the evidence that an approval binds.

mod asked;

use std::collections::BTreeMap;
use std::fmt;

pub use asked::{AskedEndpoint, BadPath, PathPattern};
use serde::{Deserialize, Serialize};

use crate::digest::{PlanDigest, PolicyDigest, RunbookDigest};
use crate::event::{CommandEnd, LookOutcome};
use crate::exit_codes::ExitCodes;
use crate::limits;
use crate::plan::{Draft, PlannedStep};
use crate::policy::last_part;
use crate::runbook::{Runbook, StepKind};
use crate::text::FreeText;
use crate::time::{Span, Time};
use crate::work::BoundWork;

/// The item of a pattern that stands for any one argument.
const ANY: &str = "*";

/// What the operator lets be looked at without a review. It is part of the policy; off unless the
/// configuration says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspectionRules {
    /// The commands that may be run.
    pub commands: Vec<CommandPattern>,
    /// The services that may be asked over HTTP, by the name that runbooks use.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub endpoints: BTreeMap<String, AskedEndpoint>,
    /// The most looks of one incident.
    pub per_incident: u32,
    /// The most looks at one target within the window.
    pub per_target: u32,
    /// The window.
    pub window: Span,
    /// The longest that one look may take.
    pub timeout: Span,
}

/// An argument vector that may be run: the program's whole path, then each argument as it is, or
/// `*` for any one argument that is not empty and does not begin with `-`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandPattern(Vec<String>);

/// Why an argument vector is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// Not a path from the root on.
    #[error("it does not begin with a program's whole path")]
    Program,
    /// Too much of it.
    #[error("it has more than {most} arguments, or a longer one than {bytes} bytes",
        most = limits::ARGUMENTS, bytes = limits::ARGUMENT_BYTES)]
    TooLong,
}

impl CommandPattern {
    /// The pattern, if it is one.
    ///
    /// # Errors
    /// See [`BadPattern`].
    pub fn new(argv: Vec<String>) -> Result<Self, BadPattern> {
        if !argv.first().is_some_and(|program| program.starts_with('/') && !program.contains('*')) {
            return Err(BadPattern::Program);
        }
        let longest = argv.iter().map(String::len).max().unwrap_or_default();
        if argv.len() > limits::ARGUMENTS || longest > limits::ARGUMENT_BYTES {
            return Err(BadPattern::TooLong);
        }
        Ok(Self(argv))
    }

    /// The program's whole path, then the arguments.
    #[must_use]
    pub fn argv(&self) -> &[String] {
        &self.0
    }

    /// The argument vector to run if this covers `argv`. Its program is named by the whole path, or
    /// by the last part of it.
    #[must_use]
    pub fn covers(&self, argv: &[String]) -> Option<Vec<String>> {
        let (path, items) = self.0.split_first()?;
        let (program, arguments) = argv.split_first()?;
        let named = program == path || (!program.contains('/') && program == last_part(path));
        let fits = |(item, argument): (&String, &String)| match item.as_str() {
            ANY => !argument.is_empty() && !argument.starts_with('-'),
            _ => item == argument,
        };
        (named && items.len() == arguments.len() && items.iter().zip(arguments).all(fits))
            .then(|| std::iter::once(path).chain(arguments).cloned().collect())
    }
}

impl InspectionRules {
    /// The argument vector to run for this one, if it is listed.
    #[must_use]
    pub fn listed(&self, argv: &[String]) -> Option<Vec<String>> {
        self.commands.iter().find_map(|pattern| pattern.covers(argv))
    }

    /// What to ask for this, if it is listed: with the address that the operator gives it.
    #[must_use]
    pub fn asked(&self, work: &BoundWork) -> Option<BoundWork> {
        self.endpoints.get(&work.request().endpoint)?.asked(work)
    }

    /// Whether exactly this look is listed.
    #[must_use]
    pub fn lists(&self, look: &PlannedLook) -> bool {
        match &look.work {
            Some(work) => self.asked(work).as_ref() == Some(work),
            None => self.listed(&look.argv).as_ref() == Some(&look.argv),
        }
    }
}

/// Why a check is not looked at before the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotLooked {
    /// The operator does not list what it runs or asks.
    Unlisted,
    /// It runs on another host, where nothing could keep it from writing. Logs of before have it of
    /// requests too.
    NoCommand,
    /// It takes a secret of its page or demands a sandbox of its own; no look gets either.
    Demanding,
    /// The incident has had as many looks as it may.
    PerIncident,
    /// The target has had as many within the window as it may.
    PerTarget,
}

impl fmt::Display for NotLooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unlisted => "it is not listed under [inspection]",
            Self::NoCommand => "only what is listed and runs or is asked from here is looked at",
            Self::Demanding => "it takes a secret or demands a sandbox; a look gets neither",
            Self::PerIncident => "the incident has had as many looks as it may",
            Self::PerTarget => "the target has lately had as many looks as it may",
        })
    }
}

/// One check that is looked at, or why it is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedLook {
    /// The step's name in its runbook.
    pub step: String,
    /// What it checks, in a line.
    pub title: String,
    /// The exact argument vector; the page's own words where it is not looked at. Empty if it asks.
    pub argv: Vec<String>,
    /// What is asked over HTTP, if it asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<BoundWork>,
    /// How long it may take.
    pub timeout: Span,
    /// The codes with which its command says that it holds.
    #[serde(default, skip_serializing_if = "ExitCodes::is_default")]
    pub exit_codes: ExitCodes,
    /// Why it is not looked at, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<NotLooked>,
}

/// Exactly what would be looked at, under which rules. Its digest covers every field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// The incident it belongs to.
    pub incident: String,
    /// Which inspection of the incident it is, from 1.
    pub number: u32,
    /// The runbook whose checks they are.
    pub runbook: String,
    /// The runbook's bytes.
    pub runbook_digest: RunbookDigest,
    /// What is looked at.
    pub target: String,
    /// The checks, in order.
    pub looks: Vec<PlannedLook>,
    /// The policy that decided which of them are looked at.
    pub policy: PolicyDigest,
    /// From when on none of them begins any more.
    pub expires_at: Time,
}

impl Inspection {
    /// Identifies everything about it. It is a plan, of checks alone.
    #[must_use]
    pub fn digest(&self) -> PlanDigest {
        // An inspection holds strings and small integers only, so it always has an encoding.
        PlanDigest::of(&("inspection", self)).unwrap_or_else(|_| PlanDigest::of_bytes(&[]))
    }
}

/// How a look stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookState {
    /// It is not to be.
    Refused(NotLooked),
    /// It is to begin.
    Due,
    /// It has begun.
    Running(Time),
    /// It is over.
    Over(Seen),
}

/// What came of a look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// What it comes to.
    pub outcome: LookOutcome,
    /// What was printed, or why nothing was seen.
    pub output: FreeText,
    /// How its command ended.
    pub ended: Option<CommandEnd>,
    /// When.
    pub at: Time,
}

/// An inspection and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspected {
    /// What is looked at.
    pub inspection: Inspection,
    /// Its digest.
    pub digest: PlanDigest,
    /// How each look stands, in their order.
    pub states: Vec<LookState>,
}

impl Inspected {
    /// Nothing of it has begun.
    #[must_use]
    pub fn begin(inspection: Inspection, digest: PlanDigest) -> Self {
        let states = inspection.looks.iter();
        let states = states.map(|look| look.refused.map_or(LookState::Due, LookState::Refused));
        let states = states.collect();
        Self { inspection, digest, states }
    }

    /// Each look with how it stands.
    pub fn looks(&self) -> impl Iterator<Item = (&PlannedLook, &LookState)> {
        self.inspection.looks.iter().zip(&self.states)
    }

    /// The look that is under way, and since when.
    #[must_use]
    pub fn running(&self) -> Option<(&PlannedLook, Time)> {
        self.looks().find_map(|(look, state)| match state {
            LookState::Running(since) => Some((look, *since)),
            _ => None,
        })
    }

    /// The look that is to begin next: one at a time.
    #[must_use]
    pub fn next(&self) -> Option<&PlannedLook> {
        let due = || self.looks().find(|(_, state)| **state == LookState::Due);
        self.running().is_none().then(due).flatten().map(|(look, _)| look)
    }

    /// Whether no look is to begin or under way.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.running().is_none() && self.next().is_none()
    }

    /// How a look stands, to change it.
    pub(crate) fn state_mut(&mut self, step: &str) -> Option<&mut LookState> {
        let at = self.inspection.looks.iter().position(|look| look.step == step)?;
        self.states.get_mut(at)
    }

    /// What a decision about a plan of `runbook` with these steps has to know of it.
    pub(crate) fn facts<'s>(
        &self,
        runbook: &Runbook,
        steps: impl Iterator<Item = &'s str> + Clone,
    ) -> Vec<LookFact> {
        if self.inspection.runbook != runbook.id {
            return Vec::new();
        }
        // What was seen for another version of the page says nothing of this one.
        let same = self.inspection.runbook_digest == runbook.digest;
        let fact = |(look, state): (&PlannedLook, &LookState)| {
            let (seen, why) = match state {
                LookState::Refused(
                    NotLooked::Unlisted | NotLooked::NoCommand | NotLooked::Demanding,
                ) => return None,
                _ if !same => (Sight::Unseen, "it was looked at for another version of the page"),
                LookState::Refused(_) => (Sight::Unseen, "there were too many looks"),
                LookState::Due | LookState::Running(_) => (Sight::Unseen, "it was not looked at"),
                LookState::Over(seen) => match seen.outcome {
                    LookOutcome::Held => (Sight::Held, ""),
                    LookOutcome::DidNotHold => (Sight::DidNotHold, ""),
                    LookOutcome::TimedOut => (Sight::Unseen, "it took too long"),
                    LookOutcome::NotStarted => (Sight::Unseen, "it could not be started"),
                    LookOutcome::Cut => (Sight::Unseen, "it was cut off"),
                },
            };
            let (step, why) = (look.step.clone(), why.to_owned());
            steps.clone().any(|id| id == step).then_some(LookFact { step, seen, why })
        };
        self.looks().filter_map(fact).collect()
    }
}

/// What is known of a check when the decision is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookFact {
    /// The step.
    pub step: String,
    /// What was seen.
    pub seen: Sight,
    /// Why nothing was seen, if so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// It holds.
    Held,
    /// It does not hold.
    DidNotHold,
    /// It was to be looked at, and nothing was seen.
    Unseen,
}

/// The checks of a draft that come before anything is changed: those before the first step, and
/// the first steps as far as they are checks.
fn leading(draft: &Draft) -> impl Iterator<Item = &PlannedStep> {
    let steps = draft.steps.iter().take_while(|step| step.kind == StepKind::Check);
    draft.preconditions.iter().filter(|step| step.kind == StepKind::Check).chain(steps)
}

/// Which of the draft's leading checks are looked at, and which are not and why. `left` is how many
/// looks the incident and the target have left.
pub(crate) fn planned(
    rules: &InspectionRules,
    draft: &Draft,
    mut left: (u32, u32),
) -> Vec<PlannedLook> {
    let look = |step: &PlannedStep| {
        let here = step.on.is_none() && (step.work.is_some() || !step.argv.is_empty());
        let demanding = !step.secrets.is_empty() || !step.sandboxes.is_empty();
        // What is run and what is asked; a step has one of them.
        let listed = match &step.work {
            Some(work) => rules.asked(work).map(|work| (Vec::new(), Some(work))),
            None => rules.listed(&step.argv).map(|argv| (argv, None)),
        };
        let listed = listed.filter(|_| here && !demanding);
        let refused = match (&listed, left) {
            _ if !here => Some(NotLooked::NoCommand),
            _ if demanding => Some(NotLooked::Demanding),
            (None, _) => Some(NotLooked::Unlisted),
            (Some(_), (0, _)) => Some(NotLooked::PerIncident),
            (Some(_), (_, 0)) => Some(NotLooked::PerTarget),
            (Some(_), _) => {
                left = (left.0 - 1, left.1 - 1);
                None
            }
        };
        let (argv, work) = listed.unwrap_or_else(|| (step.argv.clone(), step.work.clone()));
        PlannedLook {
            step: step.id.clone(),
            title: step.title.clone(),
            argv,
            work,
            timeout: step.timeout.min(rules.timeout),
            exit_codes: step.exit_codes.clone(),
            refused,
        }
    };
    leading(draft).map(look).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn covers(pattern: &[&str], words: &[&str]) -> bool {
        CommandPattern::new(argv(pattern)).unwrap().covers(&argv(words)).is_some()
    }

    #[test]
    fn a_pattern_covers_its_own_words_and_one_whole_argument_for_each_star() {
        let df = ["/usr/bin/df", "-P", "*"];
        assert!(covers(&df, &["/usr/bin/df", "-P", "/var"]));
        assert!(covers(&df, &["df", "-P", "/var"]));
        let not: [&[&str]; 9] = [
            &["df", "-P"],
            &["df", "-P", "/var", "/"],
            &["df", "-P", ""],
            &["df", "-P", "--output"],
            &["df", "-h", "/var"],
            &["/bin/df", "-P", "/var"],
            &["bin/df", "-P", "/var"],
            &["dd", "-P", "/var"],
            &[],
        ];
        for not in not {
            assert!(!covers(&df, not), "{not:?}");
        }
        // A star inside an item is only a star.
        assert!(!covers(&["/usr/bin/df", "/v*"], &["df", "/var"]));
    }

    #[test]
    fn what_is_run_is_the_whole_path_that_the_operator_wrote() {
        let pattern = CommandPattern::new(argv(&["/usr/bin/df", "*"])).unwrap();
        let run = pattern.covers(&argv(&["df", "/var"])).unwrap();
        assert_eq!(run, argv(&["/usr/bin/df", "/var"]));
    }

    #[test]
    fn a_pattern_begins_with_a_whole_path_and_is_within_the_limits() {
        for bad in [&[][..], &["df"], &["/usr/bin/*"], &["*"]] {
            assert_eq!(CommandPattern::new(argv(bad)), Err(BadPattern::Program), "{bad:?}");
        }
        let with = |n: usize| CommandPattern::new(vec!["/bin/x".into(); n]);
        assert!(with(limits::ARGUMENTS).is_ok());
        assert_eq!(with(limits::ARGUMENTS + 1), Err(BadPattern::TooLong));
        let of = |n: usize| CommandPattern::new(vec!["/x".into(), "x".repeat(n)]);
        assert!(of(limits::ARGUMENT_BYTES).is_ok());
        assert_eq!(of(limits::ARGUMENT_BYTES + 1), Err(BadPattern::TooLong));
    }
}
