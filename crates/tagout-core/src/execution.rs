//! What the operator lets be executed: the only programs that steps can start, and what they get.
//! It is part of the policy, so that decisions name it, approvals bind it and a change of it makes
//! plans stale.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::endpoint::{Endpoint, Method};
use crate::plan::{Draft, PlannedStep};
use crate::policy::last_part;
use crate::rehearsal::is_an_actions;
use crate::remote::{Host, On, Reached};
use crate::runbook::{Runbook, StepKind};
use crate::sandbox::Sandbox;
use crate::secret::StepSecret;
use crate::tier::Tier;
use crate::work::{BoundWork, Work};

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
    /// Whether a dry-run of an admitted page runs its checks, and the dry-run forms that its actions
    /// declare.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rehearse: bool,
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
        for step in preconditions.iter_mut().chain(steps).chain(verification) {
            for work in [&mut step.work, &mut step.undo_work].into_iter().flatten() {
                self.bind_request(work)?;
            }
            let host = self.reach(&mut step.on)?;
            for argv in [&mut step.argv, &mut step.undo] {
                self.bind_program(host, argv)?;
            }
            // A live plan never starts it, so nobody has to name its program.
            if let Some(form) = &mut step.dry_run {
                let _ = self.bind_program(host, &mut form.argv);
            }
            step.secrets = self.secrets_of(runbook, step)?;
            step.sandboxes = self.sandboxes_of(step)?;
        }
        Ok(bound)
    }

    /// As [`Execution::bound`], with what may not be started or asked as the page has it, and the
    /// steps whose check or own dry-run form may be.
    pub(crate) fn rehearsed(&self, runbook: &str, draft: &Draft) -> (Draft, BTreeSet<String>) {
        // In the page's own words, for one program has another name on each host.
        let all = || draft.preconditions.iter().chain(&draft.steps).chain(&draft.verification);
        let acts = |step: &PlannedStep| {
            all().any(|one| {
                one.id == step.id && one.harmless().is_some_and(|one| is_an_actions(&one, all()))
            })
        };
        let (mut bound, mut named) = (draft.clone(), BTreeSet::new());
        let Draft { preconditions, steps, verification, .. } = &mut bound;
        for step in preconditions.iter_mut().chain(steps).chain(verification) {
            let asks = step.work.as_mut().map(|work| self.bind_request(work).is_ok());
            if let Some(work) = &mut step.undo_work {
                let _ = self.bind_request(work);
            }
            let Ok(host) = self.reach(&mut step.on) else { continue };
            let runs = self.bind_program(host, &mut step.argv).is_ok();
            let _ = self.bind_program(host, &mut step.undo);
            let form = step.dry_run.as_mut();
            let form = form.is_some_and(|form| self.bind_program(host, &mut form.argv).is_ok());
            let starts = if step.kind == StepKind::Check { asks.unwrap_or(runs) } else { form };
            // What a dry-run starts is given and held to no less than what a live plan starts.
            if starts
                && !acts(step)
                && let Some(harmless) = step.harmless()
                && let Ok(secrets) = self.secrets_of(runbook, &harmless)
                && let Ok(sandboxes) = self.sandboxes_of(&harmless)
            {
                (step.secrets, step.sandboxes) = (secrets, sandboxes);
                named.insert(step.id.clone());
            }
        }
        (bound, named)
    }

    /// Puts the address of its endpoint into a request.
    fn bind_request(&self, work: &mut BoundWork) -> Result<(), String> {
        let name = &work.request().endpoint;
        let endpoint = self.endpoint(name, &work.methods()).ok_or_else(|| {
            format!("endpoint {name:?} may not be asked so under [execution.endpoints]")
        })?;
        if let Some(target) = work.targets().find(|target| !endpoint.takes(target)) {
            return Err(no_operation(name, target));
        }
        work.request_mut().base.clone_from(&endpoint.url);
        Ok(())
    }

    /// What the steps of a page ask that no endpoint takes, whatever the values are, one line each. A
    /// path with a place in it is known once a plan is bound.
    #[must_use]
    pub fn untaken(&self, runbook: &Runbook) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        for work in runbook.works().filter_map(Work::written) {
            let name = &work.request().endpoint;
            let Some(endpoint) = self.endpoints.get(name) else { continue };
            let known = work.targets().filter(|target| !target.contains("{{"));
            let untaken = known.filter(|target| !endpoint.takes(target));
            lines.extend(untaken.map(|target| no_operation(name, target)));
        }
        lines
    }

    /// The host that a step runs on with its name, if it is for another one; the step says from then
    /// on how it is reached.
    fn reach<'h>(&'h self, on: &mut Option<On>) -> Result<Option<(&'h str, &'h Host)>, String> {
        let Some(on) = on else { return Ok(None) };
        let host = self.hosts.get_key_value(&on.host);
        let (name, host) =
            host.ok_or_else(|| format!("no host is named {:?} under [execution.hosts]", on.host))?;
        on.reached = Some(Reached::of(host));
        Ok(Some((name, host)))
    }

    /// Puts the whole path of its program into a command, if there is one.
    fn bind_program(
        &self,
        host: Option<(&str, &Host)>,
        command: &mut [String],
    ) -> Result<(), String> {
        let Some(program) = command.first_mut() else { return Ok(()) };
        let (path, under) = match host {
            None => (self.path(program), "[execution.programs]".to_owned()),
            Some((name, host)) => (host.path(program), format!("the programs of host {name:?}")),
        };
        let path = path.ok_or_else(|| format!("{program} is not named under {under}"))?;
        path.to_owned().clone_into(program);
        Ok(())
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
        let form = step.dry_run.as_ref().map(|form| &form.argv);
        for command in [&step.argv, &step.undo].into_iter().chain(form) {
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

fn no_operation(endpoint: &str, target: &str) -> String {
    format!(
        "{target} names no operation of AWS, which endpoint {endpoint:?} is; write a path such as \
         /AmazonSSM.SendCommand"
    )
}

/// The whole path of one of these programs, by its name or by that path.
pub(crate) fn whole_path<'p>(
    programs: &'p BTreeMap<String, String>,
    program: &str,
) -> Option<&'p str> {
    let known = programs.get(program).map(String::as_str);
    known.or_else(|| programs.values().map(String::as_str).find(|path| *path == program))
}
