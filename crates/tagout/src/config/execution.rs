//! `[execution]`: what live mode may start, and what it gets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tagout_core::endpoint;
use tagout_core::execution::Execution;
use tagout_core::limits;
use tagout_core::policy::EscalationPolicy;
use tagout_core::tier::Tier;
use tagout_core::time::Span;

use super::endpoint::EndpointConfig;
use super::{BadInput, HostConfig, span};
use crate::exec::Program;
use crate::exec::remote::check_identity;
use crate::source::SecretRef;

/// What live mode may start, and what it gets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExecutionConfig {
    /// The only programs that steps can start, by the name that runbooks use.
    pub programs: BTreeMap<String, ProgramConfig>,
    /// The only services that steps can ask over HTTP, by the name that runbooks use.
    pub endpoints: BTreeMap<String, EndpointConfig>,
    /// The variables of the service's own environment that steps see.
    pub environment: BTreeSet<String>,
    /// The directory that steps run in.
    pub directory: PathBuf,
    /// How long a step that is stopped has between the polite signal and the other one.
    #[serde(deserialize_with = "span")]
    pub grace: Span,
    /// A cgroup (version 2) that the service may make cgroups in.
    pub cgroup: Option<PathBuf>,
    /// Whether steps may run where not all of their processes can be held together.
    pub weak_containment: bool,
    /// OpenSSH's client, by its whole path.
    pub ssh: Option<PathBuf>,
    /// The hosts that steps may run on, by the name that runbooks and labels use.
    pub hosts: BTreeMap<String, HostConfig>,
    /// Whether a dry-run of an admitted page runs its checks, and the dry-run forms that its actions
    /// declare.
    pub rehearse: bool,
}

/// One program: its whole path, or that and the least tier of a plan that starts it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "a program is \"/its/path\" or { path = \"/its/path\", tier = \"medium\" }"
)]
pub enum ProgramConfig {
    /// Its path.
    Path(PathBuf),
    /// Its path and the least tier.
    AtLeast(ProgramAtLeast),
}

/// A program with the least tier of a plan that starts it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramAtLeast {
    path: PathBuf,
    tier: Tier,
}

impl ProgramConfig {
    /// Its whole path.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Path(path) => path,
            Self::AtLeast(program) => &program.path,
        }
    }

    /// The least tier of a plan that starts it. A runbook raises it and never lowers it.
    #[must_use]
    pub const fn tier(&self) -> Option<Tier> {
        match self {
            Self::Path(_) => None,
            Self::AtLeast(program) => Some(program.tier),
        }
    }
}

impl Default for ExecutionConfig {
    /// Nothing can be started.
    fn default() -> Self {
        Self {
            programs: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            environment: BTreeSet::new(),
            directory: PathBuf::from("/"),
            grace: Span::from_secs(5),
            cgroup: None,
            weak_containment: false,
            ssh: None,
            hosts: BTreeMap::new(),
            rehearse: false,
        }
    }
}

impl ExecutionConfig {
    /// Whether it can be used. In live mode and where dry-runs start something each program must be
    /// there; `live` says whether the former is configured.
    pub(super) fn check(&self, live: bool) -> Result<(), BadInput> {
        let bad = |what: String| Err(BadInput(format!("[execution] {what}")));
        if self.programs.len() > limits::PROGRAMS {
            return bad(format!("names more than {} programs", limits::PROGRAMS));
        }
        if let Some(name) =
            self.programs.keys().find(|name| name.is_empty() || name.len() > limits::NAME_BYTES)
        {
            return bad(format!("programs: {name:?} is no name; give 1 to 256 bytes"));
        }
        if let Some((name, program)) =
            self.programs.iter().find(|(_, program)| !program.path().is_absolute())
        {
            let path = program.path().display();
            return bad(format!("programs.{name}: {path} is not a whole path; begin it with /"));
        }
        if self.endpoints.len() > limits::ENDPOINTS {
            return bad(format!("names more than {} endpoints", limits::ENDPOINTS));
        }
        for (name, endpoint) in &self.endpoints {
            if let Some(what) = endpoint.flaw(name) {
                return bad(format!("endpoints.{name}: {what}"));
            }
        }
        for name in &self.environment {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let named = !name.is_empty() && name.chars().all(plain);
            // What begins so changes what a program loads, or is the agent's own.
            if !named || name.starts_with("LD_") || name.starts_with("TAGOUT_") {
                return bad(format!("environment: {name:?} cannot be given to steps"));
            }
        }
        if self.environment.len() > limits::EXEC_VARIABLES {
            return bad(format!("environment names more than {}", limits::EXEC_VARIABLES));
        }
        let paths = [("directory", Some(&self.directory)), ("cgroup", self.cgroup.as_ref())];
        for (key, path) in paths {
            if let Some(path) = path.filter(|path| !path.is_absolute()) {
                let path = path.display();
                return bad(format!("{key}: {path} is not a whole path; begin it with /"));
            }
        }
        if self.grace > limits::EXEC_GRACE {
            return bad(format!("grace is longer than {}", limits::EXEC_GRACE));
        }
        if self.hosts.len() > limits::HOSTS {
            return bad(format!("names more than {} hosts", limits::HOSTS));
        }
        for (name, host) in &self.hosts {
            if let Err(why) = host.check(name) {
                return bad(format!("hosts.{name}: {why}"));
            }
        }
        match &self.ssh {
            None if !self.hosts.is_empty() => {
                return bad(
                    "hosts: write ssh = \"/usr/bin/ssh\", the client to reach them by".into()
                );
            }
            Some(ssh) if !ssh.is_absolute() => {
                return bad(format!("ssh: {} is not a whole path; begin it with /", ssh.display()));
            }
            _ => {}
        }
        if !live && !self.rehearse {
            return Ok(());
        }
        if self.is_empty() && !live {
            return bad("rehearse = true with nothing that may be started: name programs under \
                        [execution.programs], endpoints under [execution.endpoints] or hosts under \
                        [execution.hosts]"
                .into());
        }
        if self.is_empty() {
            return Err(BadInput(
                "mode = \"live\" with nothing that may be started: name programs under \
                 [execution.programs], endpoints under [execution.endpoints] or hosts under \
                 [execution.hosts], or write mode = \"dry-run\""
                    .into(),
            ));
        }
        if !self.directory.is_dir() {
            return bad(format!("directory: {} is no directory", self.directory.display()));
        }
        for (name, program) in &self.programs {
            if let Err(unfit) = Program::resolve(program.path()) {
                return bad(format!("programs.{name}: {unfit}"));
            }
        }
        if let Some(Err(unfit)) = self.ssh.as_deref().map(Program::resolve) {
            return bad(format!("ssh: {unfit}"));
        }
        for (name, host) in &self.hosts {
            if let Err(why) = check_identity(&host.identity) {
                return bad(format!("hosts.{name}: {why}"));
            }
        }
        Ok(())
    }

    /// Whether nothing could be started or asked.
    fn is_empty(&self) -> bool {
        self.programs.is_empty() && self.endpoints.is_empty() && self.hosts.is_empty()
    }

    /// The private keys to log in to other hosts with.
    pub(super) fn identities(&self) -> impl Iterator<Item = SecretRef> {
        self.hosts.values().map(|host| SecretRef::File(host.identity.clone()))
    }

    /// What of it is part of the policy, so that plans name and approvals bind it; nothing if
    /// nothing can be started.
    #[must_use]
    pub fn bind(&self, policy: EscalationPolicy) -> EscalationPolicy {
        if self.is_empty() {
            return policy;
        }
        let path = |program: &ProgramConfig| program.path().display().to_string();
        let programs = self.programs.iter().map(|(name, one)| (name.clone(), path(one)));
        let execution = Execution {
            programs: programs.collect(),
            endpoints: self
                .endpoints
                .iter()
                .map(|(name, one)| (name.clone(), one.bound()))
                .collect(),
            environment: self.environment.clone(),
            directory: self.directory.display().to_string(),
            weak_containment: self.weak_containment,
            ssh: self.ssh.as_ref().map(|ssh| ssh.display().to_string()),
            hosts: self.hosts.iter().map(|(name, host)| (name.clone(), host.bound())).collect(),
            rehearse: self.rehearse,
        };
        let least =
            |(name, program): (&String, &ProgramConfig)| Some((name.clone(), program.tier()?));
        let methods = self.endpoints.iter().flat_map(|(name, endpoint)| {
            let methods = endpoint.methods.iter();
            methods.map(move |(method, tier)| (endpoint::word(*method, name), *tier))
        });
        policy.with_execution(execution, self.programs.iter().filter_map(least).chain(methods))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(programs: usize) -> ExecutionConfig {
        let program = |n| (format!("p{n}"), ProgramConfig::Path(PathBuf::from("/bin/sh")));
        ExecutionConfig {
            programs: (0..programs).map(program).collect(),
            ..ExecutionConfig::default()
        }
    }

    #[test]
    fn as_many_programs_as_the_limit_are_named_and_no_more() {
        assert_eq!(with(limits::PROGRAMS).check(true), Ok(()));
        assert!(with(limits::PROGRAMS + 1).check(true).is_err());
    }

    #[test]
    fn as_many_endpoints_as_the_limit_are_named_and_no_more_and_they_are_part_of_the_policy() {
        let text = "url = \"https://x/\"\nmethods = { POST = \"high\" }\n";
        let one: EndpointConfig = toml::from_str(text).unwrap();
        let with = |n: usize| ExecutionConfig {
            endpoints: (0..n).map(|n| (format!("e{n}"), one.clone())).collect(),
            ..ExecutionConfig::default()
        };
        assert_eq!(with(limits::ENDPOINTS).check(true), Ok(()));
        assert!(with(limits::ENDPOINTS + 1).check(true).is_err());
        let policy = with(1).bind(EscalationPolicy::shipped().unwrap());
        let least = policy.minimums.last().unwrap();
        assert_eq!((least.program.as_deref(), least.tier), (Some("POST e0"), Tier::High));
        assert_eq!(policy.execution.unwrap().endpoints["e0"].url, "https://x");
    }

    #[test]
    fn as_many_hosts_as_the_limit_are_in_the_inventory_and_no_more() {
        let key =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL1kXFijD14YebrbEypfc6Be0oUSGBQhU0LDonhtXfAf";
        let text = format!(
            "address = \"10.0.0.5\"\nuser = \"ops\"\nhost_key = \"{key}\"\nidentity = \"/k\"\n\
             programs = {{ls = \"/bin/ls\"}}\n"
        );
        let one: HostConfig = toml::from_str(&text).unwrap();
        let with = |n: usize| ExecutionConfig {
            hosts: (0..n).map(|n| (format!("h{n}"), one.clone())).collect(),
            ssh: Some(PathBuf::from("/bin/sh")),
            ..ExecutionConfig::default()
        };
        assert_eq!(with(limits::HOSTS).check(false), Ok(()));
        assert!(with(limits::HOSTS + 1).check(false).is_err());
    }

    #[test]
    fn what_nothing_may_start_is_fine_in_dry_run_and_an_error_in_live_mode() {
        assert_eq!(with(0).check(false), Ok(()));
        assert!(with(0).check(true).unwrap_err().0.contains("[execution.programs]"));
    }

    #[test]
    fn a_program_is_a_path_or_a_path_with_a_tier_and_nothing_else() {
        let read = |text: &str| toml::from_str::<ExecutionConfig>(text);
        let one = read("[programs]\nls = \"/bin/ls\"\n").unwrap();
        assert_eq!(one.programs["ls"].tier(), None);
        let one = read("[programs]\nls = { path = \"/bin/ls\", tier = \"high\" }\n").unwrap();
        assert_eq!(one.programs["ls"].tier(), Some(Tier::High));
        assert!(read("[programs]\nls = { path = \"/bin/ls\", teir = \"high\" }\n").is_err());
        assert!(read("[programs]\nls = 1\n").is_err());
        assert!(read("programms = {}\n").is_err());
    }

    #[test]
    fn what_may_be_started_is_part_of_the_policy_and_of_its_digest() {
        let policy = || EscalationPolicy::shipped().unwrap();
        assert_eq!(with(0).bind(policy()).digest(), policy().digest());
        let one = with(1).bind(policy());
        assert_ne!(one.digest(), policy().digest());
        let weak = ExecutionConfig { weak_containment: true, ..with(1) };
        assert_ne!(weak.bind(policy()).digest(), one.digest());
        assert_eq!(one.execution.unwrap().path("p0"), Some("/bin/sh"));
    }
}
