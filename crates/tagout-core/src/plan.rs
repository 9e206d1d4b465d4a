//! A runbook's steps bound to one incident: exactly what would be run, and its digest.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::approval::Person;
use crate::chain::Chain;
use crate::digest::{EvidenceDigest, PlanDigest, PolicyDigest, RunbookDigest};
use crate::entitlement::Approvers;
use crate::exit_codes::ExitCodes;
use crate::owner::FirstUses;
use crate::parameter::{ValueRefused, Values};
use crate::policy::last_part;
use crate::quorum;
use crate::rehearsal::DryRun;
use crate::remote::On;
use crate::runbook::{Runbook, Step, StepKind};
use crate::safer::Scale;
use crate::sandbox::Sandboxed;
use crate::secret::TakenSecret;
use crate::template::TemplateFlaw;
use crate::tier::Tier;
use crate::time::{Span, Time};
use crate::verdict::{Mode, StepFacts};
use crate::work::{BoundWork, Shown, Work};

/// One step with every value in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// The step's name in its runbook.
    pub id: String,
    /// What kind of step it is.
    pub kind: StepKind,
    /// What it does, in a line.
    pub title: String,
    /// The exact argument vector; empty for a manual step.
    pub argv: Vec<String>,
    /// The argument vector that takes it back, if there is one.
    pub undo: Vec<String>,
    /// An action's own form that changes nothing, if it declares one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<DryRun>,
    /// The effect to expect.
    pub expect: String,
    /// How long it may take.
    pub timeout: Span,
    /// How often it may be started.
    pub attempts: u32,
    /// Whether the runbook asks for a person.
    pub requires_approval: bool,
    /// Its tier.
    pub risk: Tier,
    /// What it asks, if it runs no command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<BoundWork>,
    /// What takes it back, if that is no command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo_work: Option<BoundWork>,
    /// How long to wait before a check that does not hold looks again; it looks once if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// The host that it runs on, and is taken back on; this machine if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<On>,
    /// The secrets that its command takes, and the one that takes it back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<TakenSecret>,
    /// What its command is held to: all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sandboxes: Vec<Sandboxed>,
    /// The codes with which its command says that it did what it should.
    #[serde(default, skip_serializing_if = "ExitCodes::is_default")]
    pub exit_codes: ExitCodes,
}

impl PlannedStep {
    /// Whether something takes it back.
    #[must_use]
    pub const fn has_undo(&self) -> bool {
        !self.undo.is_empty() || self.undo_work.is_some()
    }

    /// Whether it changes something, and nothing is declared that takes that back.
    #[must_use]
    pub fn lacks_undo(&self) -> bool {
        self.kind == StepKind::Action && !self.has_undo()
    }

    /// What it runs or asks, in one line; nothing of a manual step.
    #[must_use]
    pub fn line(&self) -> String {
        let line = self.work.as_ref().map_or_else(|| self.argv.join(" "), BoundWork::line);
        let on = self.on.iter().map(|on| format!("on {on}: "));
        on.chain([line]).chain([demanded(&self.demands())]).collect()
    }

    /// What its command is given and held to beside its arguments, and what counts as its success, as
    /// people see it.
    #[must_use]
    pub fn demands(&self) -> Vec<Shown> {
        let secrets =
            self.secrets.iter().map(|one| Shown { what: "Secret", text: one.to_string() });
        let sandboxes = self.sandboxes.iter();
        let sandboxes = sandboxes.map(|one| Shown { what: "Sandbox", text: one.to_string() });
        let codes = shown_codes(&self.exit_codes);
        secrets.chain(sandboxes).chain(codes).filter(|_| !self.argv.is_empty()).collect()
    }

    /// The step that takes this one back, as an action that a person must approve. It is started
    /// once: nobody said that taking back may be repeated.
    pub(crate) fn reversed(&self) -> Self {
        Self {
            id: format!("undo-{}", self.id),
            kind: StepKind::Action,
            title: format!("Take back: {}", self.title),
            argv: self.undo.clone(),
            undo: self.argv.clone(),
            dry_run: None,
            work: self.undo_work.clone(),
            undo_work: self.work.clone(),
            every: None,
            expect: String::new(),
            timeout: self.timeout,
            attempts: 1,
            requires_approval: true,
            risk: self.risk,
            on: self.on.clone(),
            secrets: self.secrets.clone(),
            sandboxes: self.sandboxes.clone(),
            // What another command's codes mean is not said.
            exit_codes: ExitCodes::default(),
        }
    }
}

/// With which codes a command succeeds, where that is not what anybody expects.
pub(crate) fn shown_codes(codes: &ExitCodes) -> Option<Shown> {
    (!codes.is_default()).then(|| Shown { what: "Succeeds with", text: codes.to_string() })
}

/// What a command demands, behind it in one line.
#[must_use]
pub fn demanded(demands: &[Shown]) -> String {
    demands
        .iter()
        .map(|Shown { what, text }| format!(" [{}: {text}]", what.to_lowercase()))
        .collect()
}

/// What a person changes about a proposed plan. It stays inside known runbooks and declared
/// limits, and it makes a new plan with a new digest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PlanChange {
    /// Another candidate runbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// Steps to leave out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub drop_steps: BTreeSet<String>,
    /// Parameter values to use instead of the alert's.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub values: Values,
}

/// Why a runbook could not be bound to an alert.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// A parameter has no value or one outside its limits.
    #[error(transparent)]
    Value(#[from] ValueRefused),
    /// A command could not be put together.
    #[error("step {step}: {flaw}")]
    Command {
        /// The step.
        step: String,
        /// What is wrong.
        flaw: TemplateFlaw,
    },
    /// A change names a step that the runbook does not have.
    #[error("the runbook has no step {0:?} that could be left out")]
    NoSuchStep(String),
    /// A change leaves nothing to do.
    #[error("no step would be left; reject the plan instead")]
    NothingLeft,
}

/// A runbook's steps with values, before the policy has been asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What the plan acts on.
    pub target: String,
    /// The values.
    pub values: Values,
    /// Checks before the first step.
    pub preconditions: Vec<PlannedStep>,
    /// The steps.
    pub steps: Vec<PlannedStep>,
    /// Checks after the last step.
    pub verification: Vec<PlannedStep>,
}

impl Draft {
    /// Binds `runbook` to `alert`, with what a person changed.
    ///
    /// # Errors
    /// If a value is missing or outside its limits, or the change is not possible.
    pub fn bind(runbook: &Runbook, alert: &Alert, change: &PlanChange) -> Result<Self, BindError> {
        Self::rebind(runbook, alert, change, &Values::new())
    }

    /// Binds `runbook` anew. What the change leaves alone stays as in `kept`: values of an
    /// earlier plan of the very same page, so already held to its limits. They are not read
    /// again, because a pattern that cuts a part out of a value need not match that part.
    ///
    /// # Errors
    /// As [`Draft::bind`].
    pub(crate) fn rebind(
        runbook: &Runbook,
        alert: &Alert,
        change: &PlanChange,
        kept: &Values,
    ) -> Result<Self, BindError> {
        if let Some(name) = change.values.keys().find(|n| !runbook.parameters.contains_key(*n)) {
            return Err(ValueRefused::Undeclared(name.clone()).into());
        }
        let steps: Vec<&Step> =
            runbook.steps.iter().filter(|s| !change.drop_steps.contains(&s.id)).collect();
        if let Some(id) =
            change.drop_steps.iter().find(|id| runbook.steps.iter().all(|s| s.id != **id))
        {
            return Err(BindError::NoSuchStep(id.clone()));
        }
        if steps.is_empty() {
            return Err(BindError::NothingLeft);
        }
        let mut values = Values::new();
        for (name, parameter) in &runbook.parameters {
            let value = match (change.values.get(name), kept.get(name)) {
                (Some(raw), _) => parameter.accept(name, raw)?,
                (None, Some(value)) => value.clone(),
                (None, None) => parameter.read(name, alert)?,
            };
            values.insert(name.clone(), value);
        }
        let bind = |step: &Step| planned(step, &values);
        let target = match &runbook.target {
            Some(template) => template
                .bind(&values)
                .map_err(|flaw| BindError::Command { step: "target".into(), flaw })?,
            None => alert.subject().to_owned(),
        };
        Ok(Self {
            target,
            preconditions: runbook.preconditions.iter().map(bind).collect::<Result<_, _>>()?,
            steps: steps.into_iter().map(bind).collect::<Result<_, _>>()?,
            verification: runbook.verification.iter().map(bind).collect::<Result<_, _>>()?,
            values,
        })
    }

    /// What the policy needs to know of the steps.
    #[must_use]
    pub fn facts(&self) -> Vec<StepFacts> {
        self.preconditions
            .iter()
            .chain(&self.steps)
            .chain(&self.verification)
            .map(|step| StepFacts {
                id: step.id.clone(),
                risk: Some(step.risk),
                words: words(step),
                kind: step.kind,
                requires_approval: step.requires_approval,
            })
            .collect()
    }
}

/// Every word of what a step runs or asks and of what takes it back, without directories.
fn words(step: &PlannedStep) -> BTreeSet<String> {
    let form = step.dry_run.iter().flat_map(|form| &form.argv);
    let arguments = step.argv.iter().chain(&step.undo).chain(form);
    let words = arguments.flat_map(|argument| argument.split_whitespace());
    let mut words: BTreeSet<_> = words.map(|word| last_part(word).to_owned()).collect();
    words.extend(step.work.iter().chain(&step.undo_work).flat_map(BoundWork::words));
    words
}

fn planned(step: &Step, values: &Values) -> Result<PlannedStep, BindError> {
    let bind = |work: Option<&Work>| match work {
        None => Ok((Vec::new(), None)),
        Some(work) => {
            work.bind(values).map_err(|flaw| BindError::Command { step: step.id.clone(), flaw })
        }
    };
    let ((argv, work), (undo, undo_work)) = (bind(step.work.as_ref())?, bind(step.undo.as_ref())?);
    let on = step.on.as_ref().map(|host| {
        let host = host.bind(values);
        host.map_err(|flaw| BindError::Command { step: step.id.clone(), flaw })
    });
    Ok(PlannedStep {
        id: step.id.clone(),
        kind: step.kind,
        title: step.title.clone(),
        argv,
        undo,
        dry_run: match &step.dry_run {
            Some(form) => Some(DryRun {
                argv: bind(Some(&form.work))?.0,
                exit_codes: form.exit_codes.clone(),
            }),
            None => None,
        },
        work,
        undo_work,
        every: step.every,
        expect: step.expect.clone(),
        timeout: step.timeout,
        attempts: step.attempts,
        requires_approval: step.requires_approval,
        risk: step.risk,
        on: on.transpose()?.map(|host| On { host, reached: None }),
        secrets: step.secrets.iter().map(|name| TakenSecret::named(name)).collect(),
        sandboxes: step.sandbox.iter().map(|name| Sandboxed::named(name)).collect(),
        exit_codes: step.exit_codes.clone(),
    })
}

/// Exactly what would be run, for whom, under which rules. Its digest covers every field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The incident it belongs to.
    pub incident: String,
    /// Which plan of the incident it is, from 1.
    pub number: u32,
    /// What it would be run as.
    pub mode: Mode,
    /// The runbook.
    pub runbook: String,
    /// The runbook's headline.
    pub title: String,
    /// The runbook's bytes.
    pub runbook_digest: RunbookDigest,
    /// Whether the runbook says that all of it can be taken back.
    pub reversible: bool,
    /// What it acts on.
    pub target: String,
    /// The values of its parameters.
    pub values: Values,
    /// Which way these harm less, where the runbook says so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub safer: BTreeMap<String, Scale>,
    /// Checks before the first step.
    pub preconditions: Vec<PlannedStep>,
    /// The steps.
    pub steps: Vec<PlannedStep>,
    /// Checks after the last step.
    pub verification: Vec<PlannedStep>,
    /// The effective tier.
    pub tier: Tier,
    /// How many people must approve, if people are asked.
    pub quorum: u32,
    /// How many of each group must be among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, u32>,
    /// Who may approve it, if people are asked.
    #[serde(default, skip_serializing_if = "Approvers::is_everybody")]
    pub approvers: Approvers,
    /// Who answers for the runbook: a group or a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The owners whom a first use on the target needs, each with who speaks for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub first_use: FirstUses,
    /// Whom to ask first, if people are asked: groups or rotas; whoever may approve if empty.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ask: BTreeSet<String>,
    /// Who else is asked while nobody answers.
    #[serde(default, skip_serializing_if = "Chain::is_empty")]
    pub chain: Chain,
    /// When it lapses.
    pub expires_at: Time,
    /// The policy it was made under.
    pub policy: PolicyDigest,
    /// The alert and the findings it rests on.
    pub evidence: EvidenceDigest,
    /// Who asked for it, if a person did.
    pub requested_by: Option<Person>,
    /// The plan whose steps it takes back, if it does that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<PlanDigest>,
    /// The steps of which a dry-run starts something: checks, and actions by their own dry-run
    /// form. Nothing is started if there are none.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub rehearses: BTreeSet<String>,
}

impl Plan {
    /// Identifies everything an approval binds.
    #[must_use]
    pub fn digest(&self) -> PlanDigest {
        // A plan holds strings and small integers only, so it always has an encoding.
        PlanDigest::of(self).unwrap_or_else(|_| PlanDigest::of_bytes(&[]))
    }

    /// What it takes back, in words that follow its name, if it does that: which plan, and whether
    /// that failed or somebody rejected it afterwards.
    #[must_use]
    pub fn takes_back(&self) -> Option<String> {
        let undone = self.undoes?.short();
        Some(match &self.requested_by {
            None => format!("takes back plan {undone}, which failed"),
            Some(by) => format!("takes back plan {undone}, which {by} rejected afterwards"),
        })
    }

    /// Every step in the order in which it would run, the checks before and after included.
    pub fn sequence(&self) -> impl Iterator<Item = &PlannedStep> {
        self.preconditions.iter().chain(&self.steps).chain(&self.verification)
    }

    /// The step of this name; a check that was begun again has a name of its own for each time.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&PlannedStep> {
        let id = name.split_once(AGAIN).map_or(name, |(id, _)| id);
        self.sequence().find(|step| step.id == id)
    }

    /// The fewest people who can grant it together, those of its groups among them.
    #[must_use]
    pub fn least_people(&self) -> u32 {
        quorum::least(self.quorum, &self.groups)
    }

    /// How many steps change something.
    #[must_use]
    pub fn actions(&self) -> u32 {
        let actions = self.sequence().filter(|s| s.kind == StepKind::Action).count();
        u32::try_from(actions).unwrap_or(u32::MAX)
    }
}

/// What stands between a check's name and the number of the time that it is begun; no step's own
/// name holds it.
const AGAIN: char = '@';

/// The name of a check that is begun for the `round`th time.
pub(crate) fn again(step: &str, round: u32) -> String {
    format!("{step}{AGAIN}{round}")
}

/// What differs between two plans, in words, one line each. A value that was moved along a scale
/// of its runbook says to which side.
#[must_use]
pub fn difference(old: &Plan, new: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    if old.runbook != new.runbook {
        lines.push(format!("runbook: {} -> {}", old.runbook, new.runbook));
    }
    if old.target != new.target {
        lines.push(format!("target: {} -> {}", old.target, new.target));
    }
    if old.tier != new.tier {
        lines.push(format!("tier: {} -> {}", old.tier, new.tier));
    }
    for (name, value) in &new.values {
        match old.values.get(name) {
            Some(before) if before != value => {
                let to = new.safer.get(name).and_then(|scale| scale.moved(before, value));
                let to = to.map_or_else(String::new, |to| format!(" ({to})"));
                lines.push(format!("{name}: {before} -> {value}{to}"));
            }
            Some(_) => {}
            None if old.runbook == new.runbook => lines.push(format!("{name}: {value} (new)")),
            None => {}
        }
    }
    if old.runbook == new.runbook {
        let kept: BTreeSet<_> = new.sequence().map(|s| &s.id).collect();
        for step in old.sequence().filter(|s| !kept.contains(&s.id)) {
            lines.push(format!("without step {}: {}", step.id, step.title));
        }
        // Of the same page, only values can change a command, and they are listed.
        let another_page = old.runbook_digest != new.runbook_digest;
        for step in new.sequence().filter(|_| another_page) {
            let now = step.line();
            match old.sequence().find(|before| before.id == step.id) {
                Some(before)
                    if before.line() == now
                        && before.title == step.title
                        && before.dry_run == step.dry_run => {}
                Some(before) if before.line() == now && before.title == step.title => {
                    let form = step.dry_run.as_ref().map(|form| form.argv.join(" "));
                    let now = form.unwrap_or_else(|| "none".into());
                    lines.push(format!("step {}: its dry-run form is now {now}", step.id));
                }
                Some(before) => {
                    let before = before.line();
                    lines.push(format!("step {}: {before} -> {now}", step.id));
                }
                None => lines.push(format!("step {}: {now} (new)", step.id)),
            }
        }
    }
    lines
}
