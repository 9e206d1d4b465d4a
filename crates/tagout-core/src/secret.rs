//! Secrets that the commands of steps take: a page names them, and the operator's configuration says
//! where each is, how it is handed over, and which runbooks may have which programs take it. Where a
//! secret is, and what it is, stands neither in the policy nor in a plan.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::execution::Execution;
use crate::matcher::glob;
use crate::plan::PlannedStep;
use crate::runbook::Runbook;

/// How a command gets a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hand {
    /// The variable holds it. Every process of the same user can read it there.
    Environment,
    /// The variable holds a path below `/dev/fd` from which it can be read, as often as needed.
    /// It is memory: it never was on a disk.
    Descriptor,
}

/// A secret that steps may take, as the operator binds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSecret {
    /// How it is handed over.
    pub handed: Handed,
    /// The programs that may take it, by their whole paths.
    pub programs: BTreeSet<String>,
    /// The runbooks that may name it, by id; `*` stands for anything.
    pub runbooks: BTreeSet<String>,
    /// A digest of where it is, in hexadecimal: another place is another secret, and plans that were
    /// approved with the one before are asked about again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// How a secret is handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed {
    /// The environment variable.
    pub variable: String,
    /// Whether that holds the secret, or a path to read it from.
    pub hand: Hand,
}

/// A secret that a planned step takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenSecret {
    /// Its name.
    pub name: String,
    /// How; nothing if the plan is a dry-run, which hands over nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handed: Option<Handed>,
}

impl TakenSecret {
    /// The one that a page names, before it is looked up.
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), handed: None }
    }
}

impl fmt::Display for TakenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.handed {
            None => Ok(()),
            Some(Handed { variable, hand: Hand::Environment }) => write!(f, " in {variable}"),
            Some(Handed { variable, hand: Hand::Descriptor }) => {
                write!(f, " in a file that {variable} names")
            }
        }
    }
}

impl Execution {
    /// The secret of this name, if steps of this runbook may have this program take it.
    ///
    /// # Errors
    /// Why not.
    pub fn secret(&self, runbook: &str, name: &str, program: &str) -> Result<&StepSecret, String> {
        let Some(secret) = self.secrets.get(name) else {
            return Err(format!("no secret is named {name:?} under [execution.secrets]"));
        };
        if !secret.runbooks.iter().any(|pattern| glob(pattern, runbook)) {
            return Err(format!("secret {name:?} is not for runbook {runbook:?}"));
        }
        if !secret.programs.contains(self.path(program).unwrap_or(program)) {
            return Err(format!("secret {name:?} is not for {program}"));
        }
        Ok(secret)
    }

    /// The secrets that a step takes here, each with how it is handed over. What takes the step back
    /// is given them too, so its program has to be one that may take them.
    ///
    /// # Errors
    /// If one is not defined, or not for this runbook or program.
    pub fn secrets_of(
        &self,
        runbook: &str,
        step: &PlannedStep,
    ) -> Result<Vec<TakenSecret>, String> {
        let mut variables = BTreeSet::new();
        let mut all = Vec::new();
        for TakenSecret { name, .. } in &step.secrets {
            let mut handed = None;
            for program in [step.argv.first(), step.undo.first()].into_iter().flatten() {
                handed = Some(self.secret(runbook, name, program)?.handed.clone());
            }
            let Some(handed) = handed else { continue };
            if !variables.insert(handed.variable.clone()) {
                let variable = handed.variable;
                return Err(format!("two secrets of step {} would go into {variable}", step.id));
            }
            all.push(TakenSecret { name: name.clone(), handed: Some(handed) });
        }
        Ok(all)
    }

    /// What steps of this runbook demand that the operator does not give them, one line each.
    #[must_use]
    pub fn unmet(&self, runbook: &Runbook) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        for step in runbook.all() {
            for program in step.programs() {
                let secrets = step.secrets.iter();
                lines.extend(
                    secrets.filter_map(|name| self.secret(&runbook.id, name, program).err()),
                );
            }
            let unknown = step.sandbox.as_ref().filter(|name| !self.sandboxes.contains_key(*name));
            lines.extend(
                unknown.map(|name| {
                    format!("no sandbox is named {name:?} under [execution.sandboxes]")
                }),
            );
        }
        lines
    }
}
