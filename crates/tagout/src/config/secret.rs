//! `[execution.secrets.NAME]`: a secret that steps may take, where it is, how it is handed over, and to
//! which programs of which runbooks.

use std::collections::BTreeSet;

use serde::Deserialize;
use tagout_core::digest::{sha256, to_hex};
use tagout_core::endpoint::is_name;
use tagout_core::limits;
use tagout_core::secret::{Hand, Handed, StepSecret};

use super::ExecutionConfig;
use crate::exec::{SecretOrigin, SecretUse};
use crate::source::SecretRef;

/// A secret that steps may take. A runbook gives its name and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepSecretConfig {
    /// Where it is.
    pub from: Option<SecretRef>,
    /// Or the program that prints it, by its whole path, with its arguments.
    pub command: Option<Vec<String>>,
    /// The environment variable that holds it.
    pub variable: Option<String>,
    /// Or the one that names a path to read it from.
    pub descriptor: Option<String>,
    /// The only programs that may take it, by their names under `[execution.programs]`.
    pub programs: BTreeSet<String>,
    /// The only runbooks that may name it, by id; `*` stands for anything.
    pub runbooks: BTreeSet<String>,
}

impl StepSecretConfig {
    /// What is wrong with it, if something is.
    pub(super) fn flaw(&self, name: &str, execution: &ExecutionConfig) -> Option<String> {
        if !is_name(name) {
            return Some(format!(
                "{name:?} is no name; give 1 to {} lower-case letters, digits, - or _",
                limits::ENDPOINT_NAME_BYTES
            ));
        }
        match (&self.from, self.command.as_deref()) {
            (Some(SecretRef::Misplaced), _) => {
                return Some(
                    "a secret never stands in the configuration: give one of env and file, and if \
                     one stood here, change it"
                        .into(),
                );
            }
            (Some(_), None) => {}
            (None, Some([program, arguments @ ..])) if program.starts_with('/') => {
                let long = arguments.iter().any(|one| one.len() > limits::ARGUMENT_BYTES);
                if arguments.len() >= limits::ARGUMENTS || long {
                    return Some("command has too many arguments, or too long a one".into());
                }
            }
            (None, Some(_)) => return Some("command does not begin with a program's path".into()),
            _ => {
                return Some(
                    "say where it is: one of from = { file = \"path\" }, from = { env = \"NAME\" } \
                     and command = [\"/program\", …]"
                        .into(),
                );
            }
        }
        let Some(Handed { variable, .. }) = self.handed() else {
            return Some("name one of variable, which holds it, and descriptor".into());
        };
        if !super::execution::is_variable(&variable) {
            return Some(format!("{variable:?} cannot be given to steps"));
        }
        if execution.environment.contains(&variable) {
            return Some(format!("{variable} is already under environment"));
        }
        if self.programs.is_empty() || self.programs.len() > limits::PROGRAMS {
            return Some(format!("programs: name 1 to {} that may take it", limits::PROGRAMS));
        }
        if let Some(unknown) = self.programs.iter().find(|p| !execution.programs.contains_key(*p)) {
            return Some(format!("programs: {unknown} is not named under [execution.programs]"));
        }
        let named = |id: &String| !id.is_empty() && id.len() <= limits::NAME_BYTES;
        let few = (1..=limits::SECRET_RUNBOOKS).contains(&self.runbooks.len());
        if !few || !self.runbooks.iter().all(named) {
            let most = limits::SECRET_RUNBOOKS;
            return Some(format!("runbooks: name 1 to {most} that may name it, such as \"db/*\""));
        }
        None
    }

    fn handed(&self) -> Option<Handed> {
        let (variable, hand) = match (&self.variable, &self.descriptor) {
            (Some(variable), None) => (variable, Hand::Environment),
            (None, Some(variable)) => (variable, Hand::Descriptor),
            _ => return None,
        };
        Some(Handed { variable: variable.clone(), hand })
    }

    /// As it stands in the policy: how it is handed over, to which paths, named by whom.
    pub(crate) fn bound(&self, execution: &ExecutionConfig) -> StepSecret {
        let paths = self.programs.iter().filter_map(|name| execution.programs.get(name));
        let none = Handed { variable: String::new(), hand: Hand::Environment };
        StepSecret {
            handed: self.handed().unwrap_or(none),
            programs: paths.map(|program| program.path().display().to_string()).collect(),
            runbooks: self.runbooks.clone(),
            place: Some(to_hex(&sha256("secret-place", &[self.place().as_bytes()]))),
        }
    }

    /// Where it is, in words that no two places share.
    fn place(&self) -> String {
        match (&self.command, &self.from) {
            (Some(command), _) => format!("command {command:?}"),
            (None, Some(SecretRef::Env(name))) => format!("env {name}"),
            (None, Some(SecretRef::File(path))) => format!("file {}", path.display()),
            (None, Some(SecretRef::Misplaced) | None) => String::new(),
        }
    }

    /// What a command that may take it is given.
    pub(crate) fn taken(&self) -> SecretUse {
        let (hand, variable) = match &self.descriptor {
            Some(variable) => (Hand::Descriptor, variable.clone()),
            None => (Hand::Environment, self.variable.clone().unwrap_or_default()),
        };
        let origin = match self.command.as_deref() {
            Some([program, arguments @ ..]) => {
                SecretOrigin::Command { program: program.into(), arguments: arguments.to_vec() }
            }
            // Checked when the configuration was read: what is in neither place is never had.
            _ => SecretOrigin::Reference(self.from.clone().unwrap_or(SecretRef::Misplaced)),
        };
        SecretUse { origin, variable, hand }
    }

    /// What it allows, in words.
    pub(crate) fn words(&self, name: &str) -> String {
        let list = |names: &BTreeSet<String>| {
            names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
        };
        let how = match &self.descriptor {
            Some(variable) => format!("in a file that {variable} names"),
            None => format!("in {}", self.variable.as_deref().unwrap_or_default()),
        };
        let (programs, runbooks) = (list(&self.programs), list(&self.runbooks));
        format!("may hand secret {name} to {programs} {how}, where runbooks say so: {runbooks}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a secret of a configuration that starts psql and gives steps PATH.
    fn flaw(lines: &str) -> Option<String> {
        let rest = "environment = [\"PATH\"]\n[programs]\npsql = \"/usr/bin/psql\"\n";
        let text = format!("{rest}[secrets.db]\n{lines}\n");
        let execution: ExecutionConfig = match toml::from_str(&text) {
            Ok(execution) => execution,
            Err(e) => return Some(e.to_string()),
        };
        execution.secrets["db"].flaw("db", &execution)
    }

    #[test]
    fn a_secret_says_where_it_is_how_it_is_handed_over_and_for_whom() {
        let whom = "programs = [\"psql\"]\nrunbooks = [\"db/*\"]";
        let held = "variable = \"PGPASSWORD\"";
        let file = "from = { file = \"db.password\" }";
        for good in [
            format!("{file}\n{held}\n{whom}"),
            format!("from = {{ env = \"DB\" }}\ndescriptor = \"PGPASSFILE\"\n{whom}"),
            format!("command = [\"/usr/bin/vault\", \"read\"]\n{held}\n{whom}"),
        ] {
            assert_eq!(flaw(&good), None, "{good}");
        }
        for (bad, part) in [
            (format!("{held}\n{whom}"), "say where it is"),
            (format!("{file}\ncommand = [\"/bin/x\"]\n{held}\n{whom}"), "say where it is"),
            (format!("command = []\n{held}\n{whom}"), "does not begin with a program's path"),
            (
                format!("command = [\"vault\"]\n{held}\n{whom}"),
                "does not begin with a program's path",
            ),
            (format!("from = \"hunter2\"\n{held}\n{whom}"), "never stands in the configuration"),
            (format!("{file}\n{whom}"), "one of variable"),
            (format!("{file}\n{held}\ndescriptor = \"X\"\n{whom}"), "one of variable"),
            (format!("{file}\nvariable = \"LD_PRELOAD\"\n{whom}"), "cannot be given"),
            (format!("{file}\nvariable = \"TAGOUT_RUN\"\n{whom}"), "cannot be given"),
            (format!("{file}\nvariable = \"1X\"\n{whom}"), "cannot be given"),
            (format!("{file}\nvariable = \"PATH\"\n{whom}"), "already under environment"),
            (format!("{file}\n{held}\nprograms = []\nrunbooks = [\"x\"]"), "that may take it"),
            (format!("{file}\n{held}\nprograms = [\"ls\"]\nrunbooks = [\"x\"]"), "ls is not named"),
            (format!("{file}\n{held}\nprograms = [\"psql\"]\nrunbooks = []"), "that may name it"),
            (format!("{file}\n{held}\nrunbooks = [\"x\"]"), "missing field"),
        ] {
            let said = flaw(&bad).unwrap();
            assert!(said.contains(part) && !said.contains("hunter2"), "{bad}: {said}");
        }
    }

    #[test]
    fn a_secret_is_for_as_many_runbooks_as_the_limit_and_no_more() {
        let with = |n: usize| {
            let runbooks: Vec<_> = (0..n).map(|n| format!("r{n}")).collect();
            flaw(&format!(
                "from = {{ env = \"DB\" }}\nvariable = \"DB\"\nprograms = [\"psql\"]\nrunbooks = {runbooks:?}"
            ))
        };
        assert_eq!(with(limits::SECRET_RUNBOOKS), None);
        assert!(with(limits::SECRET_RUNBOOKS + 1).is_some());
    }
}
