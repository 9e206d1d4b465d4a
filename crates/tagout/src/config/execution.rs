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
use super::{BadInput, HostConfig, SandboxConfig, StepSecretConfig, span};
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
    /// The secrets that steps may take, by the name that runbooks use.
    pub secrets: BTreeMap<String, StepSecretConfig>,
    /// What steps may be held to, by the name that runbooks use.
    pub sandboxes: BTreeMap<String, SandboxConfig>,
}

/// One program: its whole path, or that with the least tier of a plan that starts it and what it is
/// held to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "a program is \"/its/path\" or { path = \"/its/path\", tier = \"medium\", \
                 sandbox = \"name\" }"
)]
pub enum ProgramConfig {
    /// Its path.
    Path(PathBuf),
    /// Its path with what holds for it whatever a runbook says.
    Bounded(BoundedProgram),
}

/// A program with what holds for it whatever a runbook says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoundedProgram {
    path: PathBuf,
    tier: Option<Tier>,
    sandbox: Option<String>,
}

impl ProgramConfig {
    /// Its whole path.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Path(path) => path,
            Self::Bounded(program) => &program.path,
        }
    }

    /// The least tier of a plan that starts it. A runbook raises it and never lowers it.
    #[must_use]
    pub const fn tier(&self) -> Option<Tier> {
        match self {
            Self::Path(_) => None,
            Self::Bounded(program) => program.tier,
        }
    }

    /// The sandbox that it runs in. A runbook adds another one and never drops it.
    #[must_use]
    pub fn sandbox(&self) -> Option<&str> {
        match self {
            Self::Path(_) => None,
            Self::Bounded(program) => program.sandbox.as_deref(),
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
            secrets: BTreeMap::new(),
            sandboxes: BTreeMap::new(),
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
            if !is_variable(name) {
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
        self.check_demands()?;
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

    /// What steps may demand, and what is demanded of programs.
    fn check_demands(&self) -> Result<(), BadInput> {
        let bad = |what: String| Err(BadInput(format!("[execution] {what}")));
        if self.secrets.len() > limits::STEP_SECRETS {
            return bad(format!("names more than {} secrets", limits::STEP_SECRETS));
        }
        if self.sandboxes.len() > limits::SANDBOXES {
            return bad(format!("names more than {} sandboxes", limits::SANDBOXES));
        }
        for (name, secret) in &self.secrets {
            if let Some(what) = secret.flaw(name, self) {
                return bad(format!("secrets.{name}: {what}"));
            }
        }
        for (name, sandbox) in &self.sandboxes {
            if let Some(what) = sandbox.flaw(name) {
                return bad(format!("sandboxes.{name}: {what}"));
            }
        }
        let mut by_path = BTreeMap::new();
        for (name, program) in &self.programs {
            if let Some(sandbox) =
                program.sandbox().filter(|one| !self.sandboxes.contains_key(*one))
            {
                return bad(format!("programs.{name}: no sandbox is named {sandbox:?}"));
            }
            // Of one file under several names or links each has to be held to the same.
            let path = std::fs::canonicalize(program.path());
            let path = path.unwrap_or_else(|_| program.path().to_owned());
            let (other, held_to) = by_path.entry(path).or_insert((name, program.sandbox()));
            if *held_to != program.sandbox() {
                return bad(format!(
                    "programs.{name} is the same file as {other}; give both the same sandbox"
                ));
            }
        }
        let bounded = |(_, program): &(&String, &ProgramConfig)| program.sandbox().is_some();
        for (host, config) in &self.hosts {
            if let Some((name, _)) = config.programs.iter().find(bounded) {
                return bad(format!(
                    "hosts.{host}: programs.{name}: a sandbox holds where Tagout runs; remove it"
                ));
            }
        }
        Ok(())
    }

    /// The sandbox that a program, by its path, runs in whatever a runbook says.
    pub(crate) fn forced(&self, path: &str) -> Option<&str> {
        let mut same =
            self.programs.values().filter(|one| one.path().display().to_string() == path);
        same.find_map(ProgramConfig::sandbox)
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
            secrets: {
                let secrets = self.secrets.iter();
                secrets.map(|(name, secret)| (name.clone(), secret.bound(self))).collect()
            },
            sandboxes: {
                let sandboxes = self.sandboxes.iter();
                sandboxes.map(|(name, sandbox)| (name.clone(), sandbox.bound())).collect()
            },
            forced: {
                let programs = self.programs.values();
                let forced = |one: &ProgramConfig| Some((path(one), one.sandbox()?.to_owned()));
                programs.filter_map(forced).collect()
            },
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

/// Whether steps may be given an environment variable of this name.
pub(super) fn is_variable(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let named = name.starts_with(|c: char| !c.is_ascii_digit()) && name.chars().all(plain);
    // What begins so changes what a program loads, or is the agent's own.
    named && !name.starts_with("LD_") && !name.starts_with("TAGOUT_")
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
        let one = read("[programs]\nls = { path = \"/bin/ls\", sandbox = \"x\" }\n").unwrap();
        assert_eq!((one.programs["ls"].tier(), one.programs["ls"].sandbox()), (None, Some("x")));
        assert!(read("[programs]\nls = 1\n").is_err());
        assert!(read("programms = {}\n").is_err());
    }

    #[test]
    fn a_program_is_held_to_one_sandbox_under_whatever_name_and_only_to_one_that_is_defined() {
        let check = |programs: &str| {
            let text = format!("[sandboxes.a]\n[sandboxes.b]\n[programs]\n{programs}\n");
            toml::from_str::<ExecutionConfig>(&text).unwrap().check(false).map_err(|e| e.0)
        };
        let a = "sh = { path = \"/bin/sh\", sandbox = \"a\" }\n";
        assert_eq!(check(a), Ok(()));
        assert_eq!(check(&format!("{a}s = {{ path = \"/bin/sh\", sandbox = \"a\" }}")), Ok(()));
        assert!(
            check("sh = { path = \"/bin/sh\", sandbox = \"c\" }").unwrap_err().contains("\"c\"")
        );
        for other in
            ["\"/bin/sh\"", "\"/bin/../bin/sh\"", "{ path = \"/bin/sh\", sandbox = \"b\" }"]
        {
            let said = check(&format!("{a}s = {other}")).unwrap_err();
            assert!(said.contains("the same file"), "{said}");
        }
    }

    #[test]
    fn as_many_secrets_and_sandboxes_as_the_limits_are_named_and_no_more() {
        let secret: StepSecretConfig = toml::from_str(
            "from = { env = \"DB\" }\nvariable = \"DB\"\nprograms = [\"p0\"]\nrunbooks = [\"x\"]",
        )
        .unwrap();
        let secrets = |n: usize| ExecutionConfig {
            secrets: (0..n).map(|n| (format!("s{n}"), secret.clone())).collect(),
            ..with(1)
        };
        assert_eq!(secrets(limits::STEP_SECRETS).check(true), Ok(()));
        assert!(secrets(limits::STEP_SECRETS + 1).check(true).is_err());
        let sandboxes = |n: usize| ExecutionConfig {
            sandboxes: (0..n).map(|n| (format!("s{n}"), SandboxConfig::default())).collect(),
            ..with(1)
        };
        assert_eq!(sandboxes(limits::SANDBOXES).check(true), Ok(()));
        assert!(sandboxes(limits::SANDBOXES + 1).check(true).is_err());
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
