//! The front matter of a runbook page as its author writes it, and the checks it must pass.

mod demands;
mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::approval::Person;
use crate::digest::RunbookDigest;
use crate::limits;
use crate::matcher::LabelMatcher;
use crate::parameter::Parameter;
use crate::runbook::{ExactKeys, Exclusion, Runbook, Step, StepKind};
use crate::template::Template;
use crate::tier::Tier;
use crate::time::Span;

use step::StepReader;
pub use step::{StepSource, UndoSource, UntilSource};

/// How long a step may take if neither it nor the runbook says.
const DEFAULT_TIMEOUT: Span = Span::from_secs(60);

/// What stands between the `---` lines of a runbook page. See `docs/runbook-format.md`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Tagout runbook front matter")]
pub struct FrontMatter {
    /// The runbook's name: letters, digits, `-`, `_`, `.` and `/`. The file's path in its directory
    /// without `.md` if absent.
    pub id: Option<String>,
    /// The headline; the page's first heading if absent.
    pub title: Option<String>,
    /// How the fault shows, one sentence each, in the words an alert might use.
    #[serde(default)]
    pub symptoms: Vec<String>,
    /// Exact keys: an alert that carries one of these is this runbook's.
    #[serde(default, rename = "match")]
    pub keys: KeysSource,
    /// When the runbook must not be proposed although it would match.
    #[serde(default)]
    pub not_when: Vec<ExclusionSource>,
    /// The harm if it is run wrongly: low, medium, high or critical. High if absent.
    pub risk: Option<Tier>,
    /// Whether everything it does can be taken back. False if absent.
    #[serde(default)]
    pub reversible: bool,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Who wrote this version, by the name that they approve under. They may not admit it to live
    /// mode.
    pub author: Option<String>,
    /// What it acts on, for example `{{namespace}}/{{deployment}}`.
    pub target: Option<String>,
    /// The values its commands may hold.
    #[serde(default)]
    pub parameters: BTreeMap<String, Parameter>,
    /// Checks that must hold before the first step.
    #[serde(default)]
    pub preconditions: Vec<StepSource>,
    /// The steps, in order.
    #[serde(default)]
    pub steps: Vec<StepSource>,
    /// Checks that must hold after the last step.
    #[serde(default)]
    pub verification: Vec<StepSource>,
    /// How long each step may take unless it says otherwise, such as `90s` or `10m`.
    pub timeout: Option<String>,
}

/// The exact keys of a runbook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeysSource {
    /// Names of alerts.
    #[serde(default)]
    pub alert_names: Vec<String>,
    /// Addresses that alerts name as their runbook.
    #[serde(default)]
    pub runbook_urls: Vec<String>,
    /// Sets of labels; in each set all must be present with exactly these values.
    #[serde(default)]
    pub labels: Vec<BTreeMap<String, String>>,
}

/// One exclusion: either labels or a phrase.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExclusionSource {
    /// Labels that must all be present; a value may hold `*`.
    pub labels: Option<BTreeMap<String, String>>,
    /// A phrase in the alert's title or message, in any case.
    pub text: Option<String>,
}

/// One thing that is wrong with a page: where, what, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {what}; {fix}")]
pub struct Flaw {
    /// The field as a path, such as `steps[2].command`.
    pub field: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub fix: String,
}

impl Flaw {
    /// A flaw of `field`.
    #[must_use]
    pub fn new(field: impl Into<String>, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { field: field.into(), what: what.into(), fix: fix.into() }
    }
}

/// What a page gives beside its front matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageText {
    /// The id to use if the front matter has none.
    pub id: String,
    /// The first heading, or the file's name.
    pub title: String,
    /// How the fault shows, taken from the page, if the front matter does not say.
    pub symptoms: Vec<String>,
    /// The text below the front matter.
    pub body: String,
    /// What a page without declared steps asks a person to do, one title each.
    pub manual_steps: Vec<String>,
    /// The bytes of the whole file.
    pub digest: RunbookDigest,
    /// The whole file.
    pub page: Arc<str>,
}

impl FrontMatter {
    /// The runbook that this front matter and its page describe.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the fields.
    pub fn check(self, page: PageText) -> Result<Runbook, Vec<Flaw>> {
        let mut flaws = Vec::new();
        let id = self.id.clone().unwrap_or(page.id);
        let named = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        if id.is_empty() || id.len() > limits::NAME_BYTES || !id.chars().all(named) {
            flaws.push(Flaw::new(
                "id",
                format!("{id:?} is not an id"),
                "use letters, digits, '-', '_', '.' and '/', at most 256",
            ));
        }
        if let Some(author) = &self.author
            && Person::new(author).is_err()
        {
            flaws.push(Flaw::new(
                "author",
                format!("{author:?} is no person's name"),
                "write the name that they approve under, at most 256 bytes on one line",
            ));
        }
        self.check_counts(&mut flaws);
        for (i, labels) in self.keys.labels.iter().enumerate() {
            if labels.is_empty() {
                flaws.push(Flaw::new(
                    format!("match.labels[{i}]"),
                    "an empty set of labels would match every alert",
                    "name at least one label or remove the item",
                ));
            }
        }
        let not_when = exclusions(&self.not_when, &mut flaws);
        let target = self.target.as_deref().and_then(|source| match Template::parse(source) {
            Ok(template) => Some(template),
            Err(e) => {
                flaws.push(Flaw::new("target", e.to_string(), "write values as {{name}}"));
                None
            }
        });
        self.check_parameters(&mut flaws);
        let default_timeout =
            timeout("timeout", self.timeout.as_deref(), DEFAULT_TIMEOUT, &mut flaws);
        let risk = self.risk.unwrap_or(Tier::High);
        let reader = StepReader { front: &self, risk, default_timeout };
        let mut ids = BTreeSet::new();
        let preconditions = reader.read("preconditions", &self.preconditions, &mut ids, &mut flaws);
        let mut steps = reader.read("steps", &self.steps, &mut ids, &mut flaws);
        let verification = reader.read("verification", &self.verification, &mut ids, &mut flaws);
        if steps.is_empty() {
            steps = manual_steps(page.manual_steps, risk);
        }
        if let Some(name) = target
            .iter()
            .flat_map(Template::names)
            .find(|name| !self.parameters.contains_key(*name))
        {
            flaws.push(undeclared("target", name, &self.parameters));
        }
        if !flaws.is_empty() {
            return Err(flaws);
        }
        Ok(Runbook {
            id,
            title: self.title.unwrap_or(page.title),
            symptoms: if self.symptoms.is_empty() { page.symptoms } else { self.symptoms },
            body: page.body,
            keys: ExactKeys {
                alert_names: self.keys.alert_names,
                runbook_urls: self.keys.runbook_urls,
                labels: self.keys.labels,
            },
            not_when,
            risk,
            reversible: self.reversible,
            owner: self.owner,
            author: self.author,
            target,
            parameters: self.parameters,
            preconditions,
            steps,
            verification,
            digest: page.digest,
            page: page.page,
        })
    }

    fn check_counts(&self, flaws: &mut Vec<Flaw>) {
        let steps = self.preconditions.len() + self.steps.len() + self.verification.len();
        for (field, count, limit) in [
            ("symptoms", self.symptoms.len(), limits::RUNBOOK_ENTRIES),
            ("match.alert_names", self.keys.alert_names.len(), limits::RUNBOOK_ENTRIES),
            ("match.runbook_urls", self.keys.runbook_urls.len(), limits::RUNBOOK_ENTRIES),
            ("match.labels", self.keys.labels.len(), limits::RUNBOOK_ENTRIES),
            ("not_when", self.not_when.len(), limits::RUNBOOK_ENTRIES),
            ("parameters", self.parameters.len(), limits::PARAMETERS),
            ("steps", steps, limits::STEPS),
        ] {
            if count > limit {
                let what = format!("{count} entries");
                flaws.push(Flaw::new(field, what, format!("the limit is {limit}")));
            }
        }
    }

    fn check_parameters(&self, flaws: &mut Vec<Flaw>) {
        for (name, parameter) in &self.parameters {
            let field = format!("parameters.{name}");
            let named = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if name.is_empty() || !name.chars().all(named) {
                flaws.push(Flaw::new(
                    field.clone(),
                    "is not a name that {{…}} can hold",
                    "use letters, digits, '_' and '-'",
                ));
            }
            if let Some((part, what)) = parameter.flaw() {
                let field = if part.is_empty() { field.clone() } else { format!("{field}.{part}") };
                flaws.push(Flaw::new(
                    field,
                    what,
                    "say what values are allowed, as narrowly as you can",
                ));
            } else if let Some(default) = &parameter.default
                && let Err(e) = parameter.accept(name, default)
            {
                flaws.push(Flaw::new(
                    format!("{field}.default"),
                    e.to_string(),
                    "choose a default inside the limits",
                ));
            }
            if let Some((what, fix)) = parameter.disorder() {
                flaws.push(Flaw::new(format!("{field}.safer"), what, fix));
            }
            if let Some(from) = &parameter.from
                && !["labels.", "metrics."]
                    .iter()
                    .any(|set| from.strip_prefix(set).is_some_and(|key| !key.is_empty()))
            {
                flaws.push(Flaw::new(
                    format!("{field}.from"),
                    format!("{from:?} names no place in an alert"),
                    "use labels.NAME or metrics.NAME; an annotation is free text and cannot be bound",
                ));
            }
        }
    }
}

fn exclusions(sources: &[ExclusionSource], flaws: &mut Vec<Flaw>) -> Vec<Exclusion> {
    let mut found = Vec::new();
    for (i, source) in sources.iter().enumerate() {
        match (&source.labels, &source.text) {
            (Some(labels), None) if !labels.is_empty() => {
                found.push(Exclusion::Labels(LabelMatcher(labels.clone())));
            }
            (None, Some(text)) if !text.trim().is_empty() => {
                found.push(Exclusion::Text(text.clone()));
            }
            _ => flaws.push(Flaw::new(
                format!("not_when[{i}]"),
                "is neither a set of labels nor a phrase",
                "give either labels or text, and not empty",
            )),
        }
    }
    found
}

fn manual_steps(titles: Vec<String>, risk: Tier) -> Vec<Step> {
    let titles = titles.into_iter().take(limits::STEPS).enumerate();
    titles
        .map(|(i, title)| Step {
            id: format!("step-{}", i + 1),
            kind: StepKind::Manual,
            title,
            work: None,
            undo: None,
            dry_run: None,
            every: None,
            expect: String::new(),
            timeout: limits::STEP_TIMEOUT,
            attempts: 1,
            requires_approval: false,
            risk,
            on: None,
            secrets: Vec::new(),
            sandbox: None,
            exit_codes: Default::default(),
        })
        .collect()
}

fn timeout(field: &str, text: Option<&str>, default: Span, flaws: &mut Vec<Flaw>) -> Span {
    let Some(text) = text else { return default };
    let fix = format!("write a length of time such as 90s, up to {}", limits::STEP_TIMEOUT);
    match text.parse::<Span>() {
        Ok(span) if span > Span::default() && span <= limits::STEP_TIMEOUT => return span,
        Ok(_) => flaws.push(Flaw::new(field, format!("{text:?} is out of range"), fix)),
        Err(e) => flaws.push(Flaw::new(field, e.to_string(), fix)),
    }
    default
}

fn undeclared(field: &str, name: &str, parameters: &BTreeMap<String, Parameter>) -> Flaw {
    let declared: Vec<_> = parameters.keys().map(String::as_str).collect();
    let declared = if declared.is_empty() { "none".into() } else { declared.join(", ") };
    Flaw::new(
        field,
        format!("uses {{{{{name}}}}}, which is not declared"),
        format!("declare it under parameters (declared: {declared})"),
    )
}
