//! Which way a value harms less, as its runbook says, and whether a change of a plan goes only
//! that way: then whoever made it has approved what is left.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::{Plan, PlannedStep};
use crate::runbook::StepKind;
use crate::work::BoundWork;

/// Which way a parameter's value harms less. Numbers have `lower` and `higher`; a list of values
/// has the order in which it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Safer {
    /// The lower number.
    Lower,
    /// The higher number.
    Higher,
    /// What stands nearer to the beginning of the list.
    First,
    /// What stands nearer to its end.
    Last,
}

impl fmt::Display for Safer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lower => "lower is safer",
            Self::Higher => "higher is safer",
            Self::First => "safest first",
            Self::Last => "safest last",
        })
    }
}

/// In which order the values of a parameter lie, bound into the plan so that a change of it can
/// be judged by the plans alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Whole numbers, of which the lower is safer.
    Lower,
    /// Whole numbers, of which the higher is safer.
    Higher,
    /// These, the safest first.
    Among(Vec<String>),
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lower => write!(f, "{}", Safer::Lower),
            Self::Higher => write!(f, "{}", Safer::Higher),
            Self::Among(values) => write!(f, "safest first: {}", values.join(", ")),
        }
    }
}

/// Where a value has been moved to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// To the safer side.
    Tighter,
    /// To the other side.
    Looser,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tighter => "tighter",
            Self::Looser => "looser",
        })
    }
}

impl Scale {
    /// Where `new` lies as seen from `old`; nothing if they are the same, or if either has no
    /// place on the scale.
    ///
    /// ```
    /// use tagout_core::safer::{Moved, Scale};
    ///
    /// assert_eq!(Scale::Lower.moved("9", "10"), Some(Moved::Looser));
    /// let waits = Scale::Among(vec!["5m".into(), "30s".into()]);
    /// assert_eq!(waits.moved("30s", "5m"), Some(Moved::Tighter));
    /// assert_eq!(waits.moved("30s", "1h"), None);
    /// ```
    #[must_use]
    pub fn moved(&self, old: &str, new: &str) -> Option<Moved> {
        let number = |text: &str| text.parse::<i64>().ok();
        // How far from the safe end: less is tighter.
        let ordering = match self {
            Self::Lower => number(new)?.cmp(&number(old)?),
            Self::Higher => number(old)?.cmp(&number(new)?),
            Self::Among(values) => {
                let place = |value: &str| values.iter().position(|one| one == value);
                place(new)?.cmp(&place(old)?)
            }
        };
        match ordering {
            std::cmp::Ordering::Less => Some(Moved::Tighter),
            std::cmp::Ordering::Greater => Some(Moved::Looser),
            std::cmp::Ordering::Equal => None,
        }
    }
}

/// Whether `new` is `old` with less in it and nothing else changed: some of its actions left out,
/// values moved to the side that the runbook calls safer, or both. A check or a step for a person
/// that is left out is no mere tightening, and neither is a check that reads a moved value:
/// somebody relied on it.
#[must_use]
pub fn only_tightens(old: &Plan, new: &Plan) -> bool {
    let kept: BTreeSet<&str> = new.steps.iter().map(|step| step.id.as_str()).collect();
    let (kept, gone): (Vec<_>, Vec<_>) =
        old.steps.iter().partition(|step| kept.contains(step.id.as_str()));
    let Some(moved) = tightened(old, new) else { return false };
    let same = |(old, new): (&PlannedStep, &PlannedStep)| {
        old == new || (moved && old.kind == StepKind::Action && differs_in_values(old, new))
    };
    (&old.runbook, old.runbook_digest) == (&new.runbook, new.runbook_digest)
        && (&old.target, old.mode, old.reversible) == (&new.target, new.mode, new.reversible)
        && old.preconditions == new.preconditions
        && old.verification == new.verification
        && kept.len() == new.steps.len()
        && kept.into_iter().zip(&new.steps).all(same)
        && (moved || !gone.is_empty())
        && gone.iter().all(|step| step.kind == StepKind::Action)
}

/// Whether some values have moved to their safer side; nothing if one has gone anywhere else.
fn tightened(old: &Plan, new: &Plan) -> Option<bool> {
    if old.safer != new.safer || !old.values.keys().eq(new.values.keys()) {
        return None;
    }
    let mut moved = false;
    for (name, before) in &old.values {
        let now = new.values.get(name)?;
        if before != now {
            let to = old.safer.get(name).and_then(|scale| scale.moved(before, now));
            to.filter(|to| *to == Moved::Tighter)?;
            moved = true;
        }
    }
    Some(moved)
}

/// Whether two steps are the same but for what values can change of them: never the program, the
/// number of arguments, or which endpoint is asked and how.
fn differs_in_values(old: &PlannedStep, new: &PlannedStep) -> bool {
    let command =
        |old: &[String], new: &[String]| old.len() == new.len() && old.first() == new.first();
    let request = |old: &Option<BoundWork>, new: &Option<BoundWork>| match (old, new) {
        (Some(old), Some(new)) => {
            let (a, b) = (old.request(), new.request());
            std::mem::discriminant(old) == std::mem::discriminant(new)
                && (&a.endpoint, a.method, a.body.is_some())
                    == (&b.endpoint, b.method, b.body.is_some())
        }
        (old, new) => old.is_none() && new.is_none(),
    };
    let rest = PlannedStep {
        argv: new.argv.clone(),
        undo: new.undo.clone(),
        work: new.work.clone(),
        undo_work: new.undo_work.clone(),
        ..old.clone()
    };
    rest == *new
        && command(&old.argv, &new.argv)
        && command(&old.undo, &new.undo)
        && request(&old.work, &new.work)
        && request(&old.undo_work, &new.undo_work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_as_numbers_and_lists_by_their_order() {
        let among = Scale::Among(["a", "b", "c"].map(str::to_owned).to_vec());
        for (scale, old, new, to) in [
            (&Scale::Lower, "9", "10", Some(Moved::Looser)),
            (&Scale::Lower, "10", "9", Some(Moved::Tighter)),
            (&Scale::Lower, "1", "-1", Some(Moved::Tighter)),
            (&Scale::Higher, "9", "10", Some(Moved::Tighter)),
            (&Scale::Higher, "9", "9", None),
            (&Scale::Higher, "9", "ten", None),
            (&among, "b", "a", Some(Moved::Tighter)),
            (&among, "b", "c", Some(Moved::Looser)),
            (&among, "b", "d", None),
        ] {
            assert_eq!(scale.moved(old, new), to, "{scale}: {old} -> {new}");
        }
    }
}
