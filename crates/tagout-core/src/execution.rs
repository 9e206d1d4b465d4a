//! What the operator lets be executed: the only programs that steps can start, and what they get.
//! It is part of the policy, so that decisions name it, approvals bind it and a change of it makes
//! plans stale.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::endpoint::{Endpoint, Method};
use crate::plan::{Draft, PlannedStep};
use crate::policy::last_part;
use crate::runbook::StepKind;

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
    /// Whether a dry-run of an admitted page runs its checks, and the dry-run forms that its actions
    /// declare.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rehearse: bool,
}

impl Execution {
    /// The whole path of a program that may be started, by its name or by that path.
    #[must_use]
    pub fn path(&self, program: &str) -> Option<&str> {
        let known = self.programs.get(program).map(String::as_str);
        known.or_else(|| self.programs.values().map(String::as_str).find(|path| *path == program))
    }

    /// The endpoint of this name, if each of these methods may be used there.
    #[must_use]
    pub fn endpoint(&self, name: &str, methods: &BTreeSet<Method>) -> Option<&Endpoint> {
        let endpoint = self.endpoints.get(name)?;
        methods.iter().all(|method| endpoint.methods.contains_key(method)).then_some(endpoint)
    }

    /// The draft with the whole path of each program in the place of its name, and with the address
    /// of each endpoint, so that people see and bind what is really started and asked; `None` if
    /// one of them may not be.
    #[must_use]
    pub(crate) fn bound(&self, draft: &Draft) -> Option<Draft> {
        let mut bound = draft.clone();
        let Draft { preconditions, steps, verification, .. } = &mut bound;
        let all = preconditions.iter_mut().chain(steps).chain(verification);
        for step in all {
            for work in [&mut step.work, &mut step.undo_work].into_iter().flatten() {
                let endpoint = self.endpoint(&work.request().endpoint, &work.methods())?;
                work.request_mut().base.clone_from(&endpoint.url);
            }
            for program in programs(step) {
                self.path(program)?.clone_into(program);
            }
        }
        Some(bound)
    }

    /// As [`Execution::bound`], with the programs that may not be started as they are, and the steps
    /// whose check or own dry-run form may be started.
    #[must_use]
    pub(crate) fn rehearsed(&self, draft: &Draft) -> (Draft, BTreeSet<String>) {
        let (mut bound, mut named) = (draft.clone(), BTreeSet::new());
        let Draft { preconditions, steps, verification, .. } = &mut bound;
        for step in preconditions.iter_mut().chain(steps).chain(verification) {
            for program in programs(step) {
                if let Some(path) = self.path(program) {
                    path.clone_into(program);
                }
            }
            let form = step.dry_run.as_ref().map(|form| &form.argv);
            let start = if step.kind == StepKind::Check { Some(&step.argv) } else { form };
            if start.and_then(|argv| argv.first()).is_some_and(|p| self.path(p).is_some()) {
                named.insert(step.id.clone());
            }
        }
        (bound, named)
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

/// The programs that a step names.
fn programs(step: &mut PlannedStep) -> impl Iterator<Item = &mut String> {
    let form = step.dry_run.as_mut().and_then(|form| form.argv.first_mut());
    [step.argv.first_mut(), step.undo.first_mut(), form].into_iter().flatten()
}
