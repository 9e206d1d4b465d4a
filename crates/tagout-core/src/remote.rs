//! The hosts that steps may run on: an inventory that the operator owns. A step names a host, possibly
//! by a value of the alert; the name is looked up and never becomes an address.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::execution::whole_path;
use crate::plan::PlannedStep;
use crate::tier::Tier;

/// What reads the command on the other host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shell {
    /// The user's login shell, which is a POSIX one.
    #[default]
    Posix,
    /// A forced command, which reads the argument vector as JSON.
    Forced,
}

/// A host that steps may run on, and what may be started there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Who logs in and where, as `user@address:port`.
    pub login: String,
    /// The fingerprint of the only key that it is known by, such as `SHA256:…`.
    pub host_key: String,
    /// What reads the command there.
    pub shell: Shell,
    /// The programs by the name that runbooks use, each with its whole path on that host.
    pub programs: BTreeMap<String, String>,
    /// The least tier of a plan that runs there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// The least tiers of plans that start these programs there, by the program's path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tiers: BTreeMap<String, Tier>,
}

impl Host {
    /// The whole path of a program that may be started there, by its name or by that path.
    #[must_use]
    pub fn path(&self, program: &str) -> Option<&str> {
        whole_path(&self.programs, program)
    }

    /// The least tier of a plan with this step. A program behind a wrapper counts as well, by the
    /// last part of its name.
    pub(crate) fn least(&self, step: &PlannedStep) -> Option<Tier> {
        let form = step.dry_run.iter().flat_map(|form| &form.argv);
        let words = step.argv.iter().chain(&step.undo).chain(form);
        let words: Vec<_> = words.flat_map(|argument| argument.split_whitespace()).collect();
        let started = |path: &str| {
            let last = crate::policy::last_part;
            let mut names = self.programs.iter().filter(|(_, one)| *one == path);
            words.iter().any(|word| last(word) == last(path))
                || names.any(|(name, _)| words.iter().any(|word| last(word) == last(name)))
        };
        let programs = self.tiers.iter().filter(|(path, _)| started(path)).map(|(_, tier)| *tier);
        programs.chain(self.tier).max()
    }
}

/// The host that a planned step runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct On {
    /// Its name in the inventory.
    pub host: String,
    /// How it is reached; nothing if the plan is a dry-run that reaches nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Reached>,
}

/// How a host is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// Who logs in and where, as `user@address:port`.
    pub login: String,
    /// The fingerprint of its key.
    pub host_key: String,
    /// What reads the command there.
    pub shell: Shell,
}

impl Reached {
    /// How this host of the inventory is reached.
    #[must_use]
    pub fn of(host: &Host) -> Self {
        let Host { login, host_key, shell, .. } = host;
        Self { login: login.clone(), host_key: host_key.clone(), shell: *shell }
    }
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        let Some(Reached { login, host_key, shell }) = &self.reached else { return Ok(()) };
        write!(f, " ({login}, host key {host_key}")?;
        if *shell == Shell::Forced {
            f.write_str(", forced command")?;
        }
        f.write_str(")")
    }
}
