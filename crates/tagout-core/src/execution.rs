//! What the operator lets be executed: the only programs that steps can start, and what they get.
//! It is part of the policy, so that decisions name it, approvals bind it and a change of it makes
//! plans stale.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::endpoint::{Endpoint, Method};
use crate::plan::{Draft, PlannedStep};
use crate::policy::last_part;
use crate::remote::{Host, Reached};
use crate::sandbox::Sandbox;
use crate::secret::StepSecret;
use crate::tier::Tier;

/// What the operator lets be executed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Execution {
    /// The programs by the name that runbooks use, each with its whole path.
    pub programs: BTreeMap<String, String>,
    /// The services that steps may ask over HTTP, by the name that runbooks use.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub endpoints: BTreeMap<String, Endpoint>,
    /// The variables of the agent's own environment that steps see, by name.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub environment: BTreeSet<String>,
    /// The directory that steps run in.
    pub directory: String,
    /// Whether steps may run where not all of their processes can be held together.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub weak_containment: bool,
    /// OpenSSH's client, by its whole path, if steps may run on other hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh: Option<String>,
    /// The hosts that steps may run on, by the name that runbooks and labels use.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<String, Host>,
    /// The secrets that steps may take, by the name that runbooks use.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, StepSecret>,
    /// What steps may be held to, by the name that runbooks use.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sandboxes: BTreeMap<String, Sandbox>,
    /// The sandboxes that programs run in whatever a page says: the program's whole path, and the
    /// sandbox's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub forced: BTreeMap<String, String>,
}

impl Execution {
    /// The whole path of a program that may be started, by its name or by that path.
    #[must_use]
    pub fn path(&self, program: &str) -> Option<&str> {
        whole_path(&self.programs, program)
    }

    /// The endpoint of this name, if each of these methods may be used there.
    #[must_use]
    pub fn endpoint(&self, name: &str, methods: &BTreeSet<Method>) -> Option<&Endpoint> {
        let endpoint = self.endpoints.get(name)?;
        methods.iter().all(|method| endpoint.methods.contains_key(method)).then_some(endpoint)
    }

    /// The draft of this runbook with the whole path of each program in the place of its name, with
    /// the address of each endpoint, each host as it is reached, how secrets are handed over and what
    /// sandboxes let, so that people see and bind what is really started and asked.
    ///
    /// # Errors
    /// What of it may not be started or asked.
    pub(crate) fn bound(&self, runbook: &str, draft: &Draft) -> Result<Draft, String> {
        let mut bound = draft.clone();
        let Draft { preconditions, steps, verification, .. } = &mut bound;
        let all = preconditions.iter_mut().chain(steps).chain(verification);
        for step in all {
            let PlannedStep { argv, undo, work, undo_work, on, .. } = step;
            for work in [work, undo_work].into_iter().flatten() {
                let name = &work.request().endpoint;
                let endpoint = self.endpoint(name, &work.methods()).ok_or_else(|| {
                    format!("endpoint {name:?} may not be asked so under [execution.endpoints]")
                })?;
                work.request_mut().base.clone_from(&endpoint.url);
            }
            let host = match on {
                None => None,
                Some(on) => {
                    let name = &on.host;
                    let host = self.hosts.get(name).ok_or_else(|| {
                        format!("no host is named {name:?} under [execution.hosts]")
                    })?;
                    on.reached = Some(Reached::of(host));
                    Some((&*on, host))
                }
            };
            for program in [argv.first_mut(), undo.first_mut()].into_iter().flatten() {
                let (path, under) = match host {
                    None => (self.path(program), "[execution.programs]".to_owned()),
                    Some((on, host)) => {
                        (host.path(program), format!("the programs of host {:?}", on.host))
                    }
                };
                let path = path.ok_or_else(|| format!("{program} is not named under {under}"))?;
                path.to_owned().clone_into(program);
            }
            step.secrets = self.secrets_of(runbook, step)?;
            step.sandboxes = self.sandboxes_of(step)?;
        }
        Ok(bound)
    }

    /// The least tier of a plan with this step, where it runs on another host.
    pub(crate) fn least(&self, step: &PlannedStep) -> Option<Tier> {
        self.hosts.get(&step.on.as_ref()?.host)?.least(step)
    }

    /// Every name that the configuration has for what a step starts or takes it back with, without
    /// directories. Minimums are for names, and a page may write the path or another name of it. A
    /// program behind a wrapper is looked up by the wrapper, so there its last part is enough.
    pub(crate) fn names(&self, step: &PlannedStep) -> BTreeSet<String> {
        let mut paths = BTreeSet::new();
        for command in [&step.argv, &step.undo] {
            let Some((program, arguments)) = command.split_first() else { continue };
            paths.extend(self.path(program).map(Path::new));
            let words = arguments.iter().flat_map(|argument| argument.split_whitespace());
            let words: BTreeSet<_> = words.map(last_part).collect();
            let behind = self.programs.iter().filter(|(name, path)| {
                words.contains(last_part(name)) || words.contains(last_part(path))
            });
            paths.extend(behind.map(|(_, path)| Path::new(path)));
        }
        let named = self.programs.iter().filter(|(_, path)| paths.contains(Path::new(path)));
        named.map(|(name, _)| last_part(name).to_owned()).collect()
    }
}

/// The whole path of one of these programs, by its name or by that path.
pub(crate) fn whole_path<'p>(
    programs: &'p BTreeMap<String, String>,
    program: &str,
) -> Option<&'p str> {
    let known = programs.get(program).map(String::as_str);
    known.or_else(|| programs.values().map(String::as_str).find(|path| *path == program))
}
