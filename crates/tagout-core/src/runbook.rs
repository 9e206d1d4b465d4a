//! A runbook: what it is for, when it applies, and the only steps that can ever be planned.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::digest::{CatalogueDigest, RunbookDigest};
use crate::endpoint::Method;
use crate::exit_codes::ExitCodes;
use crate::matcher::LabelMatcher;
use crate::parameter::Parameter;
use crate::plan::shown_codes;
use crate::safer::Scale;
use crate::template::{CommandTemplate, Template};
use crate::tier::Tier;
use crate::time::Span;
use crate::work::{Shown, Work};

/// What a step does.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Looks and changes nothing.
    Check,
    /// Changes something.
    Action,
    /// A person does it.
    #[default]
    Manual,
}

/// One step as the runbook declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name within the runbook.
    pub id: String,
    /// What kind of step it is.
    pub kind: StepKind,
    /// What it does, in a line.
    pub title: String,
    /// What it runs or asks; manual steps do neither.
    pub work: Option<Work>,
    /// What takes it back: a command or a request.
    pub undo: Option<Work>,
    /// An action's own form that changes nothing.
    pub dry_run: Option<DryRunForm>,
    /// How long to wait before a check that does not hold looks again; it looks once if absent.
    pub every: Option<Span>,
    /// The effect to expect, in words.
    pub expect: String,
    /// How long it may take.
    pub timeout: Span,
    /// How often it may be started; more than once only if it is declared idempotent.
    pub attempts: u32,
    /// A person must approve it, whatever the policy says otherwise.
    pub requires_approval: bool,
    /// Raises the tier of any plan that holds it.
    pub risk: Tier,
    /// The name of the host that it runs on; this machine if absent.
    pub on: Option<Template>,
    /// The secrets that its command takes, by name.
    pub secrets: Vec<String>,
    /// What its command is held to, by name.
    pub sandbox: Option<String>,
    /// The codes with which its command says that it did what it should.
    pub exit_codes: ExitCodes,
}

/// An action's own form that changes nothing, such as `--dry-run=server` or `kubectl diff`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DryRunForm {
    /// What it runs: a command.
    pub work: Work,
    /// The codes with which it says that it worked.
    pub exit_codes: ExitCodes,
}

impl Step {
    /// The command that it runs, if it runs one.
    #[must_use]
    pub fn command(&self) -> Option<&CommandTemplate> {
        self.work.as_ref().and_then(Work::command)
    }

    /// What its command demands beside its arguments, as people see it.
    #[must_use]
    pub fn demands(&self) -> Vec<Shown> {
        let secrets = self.secrets.iter().map(|name| Shown { what: "Secret", text: name.clone() });
        let sandbox = self.sandbox.iter();
        let sandbox = sandbox.map(|name| Shown { what: "Sandbox", text: name.clone() });
        secrets.chain(sandbox).chain(shown_codes(&self.exit_codes)).collect()
    }

    /// The programs that it starts and is taken back with.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &str> {
        let works = self.work.iter().chain(&self.undo);
        works.filter_map(Work::command).map(CommandTemplate::program)
    }
}

/// Exact keys: an alert that carries one is this runbook's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExactKeys {
    /// Names of alerts.
    pub alert_names: Vec<String>,
    /// Addresses that alerts name as their runbook.
    pub runbook_urls: Vec<String>,
    /// Sets of labels.
    pub labels: Vec<BTreeMap<String, String>>,
}

/// When the runbook does not apply although it would match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exclusion {
    /// Alerts with these labels.
    Labels(LabelMatcher),
    /// Alerts whose title or message holds this phrase, in any case.
    Text(String),
}

/// A runbook that has passed every check; nothing else can be planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runbook {
    /// Its name, unique in its catalogue.
    pub id: String,
    /// Its headline.
    pub title: String,
    /// How the fault shows, in sentences.
    pub symptoms: Vec<String>,
    /// The page's text, for the search.
    pub body: String,
    /// The alerts it is for.
    pub keys: ExactKeys,
    /// The alerts it is not for.
    pub not_when: Vec<Exclusion>,
    /// The tier its author gives it.
    pub risk: Tier,
    /// Whether everything it does can be taken back.
    pub reversible: bool,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Who wrote it, if the page says so: they may not admit it to live mode.
    pub author: Option<String>,
    /// What it acts on, for locks and for people; the alert's subject if absent.
    pub target: Option<Template>,
    /// The values its commands may hold.
    pub parameters: BTreeMap<String, Parameter>,
    /// What must hold before anything is done.
    pub preconditions: Vec<Step>,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// What must hold afterwards.
    pub verification: Vec<Step>,
    /// The page's bytes.
    pub digest: RunbookDigest,
    /// The whole page, front matter included.
    pub page: Arc<str>,
}

impl Runbook {
    /// Why the runbook does not apply to `alert`, if it says so itself.
    #[must_use]
    pub fn excludes(&self, alert: &Alert) -> Option<String> {
        let text = format!("{} {}", alert.title, alert.message).to_lowercase();
        self.not_when.iter().find_map(|exclusion| match exclusion {
            Exclusion::Labels(matcher) if matcher.matches(&alert.labels) => {
                let labels: Vec<_> = matcher.0.iter().map(|(k, v)| format!("{k}={v}")).collect();
                Some(format!("not for alerts labelled {}", labels.join(", ")))
            }
            Exclusion::Text(phrase) if text.contains(&phrase.to_lowercase()) => {
                Some(format!("not for alerts that say {phrase:?}"))
            }
            _ => None,
        })
    }

    /// The parameters of which it says which way is safer, each with the order of its values.
    #[must_use]
    pub fn scales(&self) -> BTreeMap<String, Scale> {
        let scale = |(name, parameter): (&String, &Parameter)| {
            parameter.scale().map(|scale| (name.clone(), scale))
        };
        self.parameters.iter().filter_map(scale).collect()
    }

    /// Every program that its steps name, on whatever host.
    #[must_use]
    pub fn programs(&self) -> BTreeSet<&str> {
        self.started().into_iter().map(|(_, program)| program).collect()
    }

    /// Every program that its steps name, with the host that they name for it.
    #[must_use]
    pub fn started(&self) -> BTreeSet<(Option<&str>, &str)> {
        let commands = self.all().flat_map(|step| {
            let commands = step.work.iter().chain(&step.undo).filter_map(Work::command);
            commands.map(|command| (step.on.as_ref().map(Template::source), command.program()))
        });
        commands.collect()
    }

    /// Every endpoint that its steps ask, with each method that they use there.
    #[must_use]
    pub fn asks(&self) -> BTreeSet<(&str, Method)> {
        self.works().flat_map(Work::asks).collect()
    }

    /// Every parameter that its steps and its target name.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        let target = self.target.iter().flat_map(Template::names);
        let hosts = self.all().filter_map(|step| step.on.as_ref()).flat_map(Template::names);
        self.works().flat_map(Work::names).chain(target).chain(hosts).collect()
    }

    /// The parameters that a check, the target or a host names. Whoever moves the value of one to
    /// its safer side changes more than how much is done.
    #[must_use]
    pub fn relied_on(&self) -> BTreeSet<&str> {
        let checks = self.all().filter(|step| step.kind == StepKind::Check);
        let checks = checks.filter_map(|step| step.work.as_ref()).flat_map(Work::names);
        let target = self.target.iter().flat_map(Template::names);
        let hosts = self.all().filter_map(|step| step.on.as_ref()).flat_map(Template::names);
        checks.chain(target).chain(hosts).collect()
    }

    pub(crate) fn works(&self) -> impl Iterator<Item = &Work> {
        self.all().flat_map(|step| {
            let form = step.dry_run.as_ref().map(|form| &form.work);
            step.work.iter().chain(&step.undo).chain(form)
        })
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Step> {
        self.preconditions.iter().chain(&self.steps).chain(&self.verification)
    }

    /// Whether any step can be run by a machine. A page nobody wrote for Tagout has none.
    #[must_use]
    pub fn is_executable(&self) -> bool {
        self.steps.iter().any(|step| step.kind != StepKind::Manual)
    }
}

/// All runbooks that are known: the closed action space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    runbooks: BTreeMap<String, Runbook>,
    digest: CatalogueDigest,
}

impl Catalogue {
    /// The catalogue of these runbooks.
    ///
    /// # Errors
    /// The id that two of them share.
    pub fn new(runbooks: impl IntoIterator<Item = Runbook>) -> Result<Self, DuplicateId> {
        let mut by_id = BTreeMap::new();
        for runbook in runbooks {
            let id = runbook.id.clone();
            if by_id.insert(id.clone(), runbook).is_some() {
                return Err(DuplicateId(id));
            }
        }
        let bytes: Vec<u8> = by_id.values().flat_map(|r| *r.digest.as_bytes()).collect();
        Ok(Self { runbooks: by_id, digest: CatalogueDigest::of_bytes(&bytes) })
    }

    /// The runbook of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Runbook> {
        self.runbooks.get(id)
    }

    /// All runbooks by id.
    pub fn iter(&self) -> impl Iterator<Item = &Runbook> {
        self.runbooks.values()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.runbooks.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runbooks.is_empty()
    }

    /// Identifies exactly this set of pages.
    #[must_use]
    pub const fn digest(&self) -> CatalogueDigest {
        self.digest
    }

    /// Every program any step names.
    #[must_use]
    pub fn programs(&self) -> BTreeSet<&str> {
        self.iter().flat_map(Runbook::programs).collect()
    }
}

/// Two runbooks have the same id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two runbooks have the id {0:?}; give one of them another")]
pub struct DuplicateId(pub String);
