//! One step as its author writes it, and the checks it must pass.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::{Flaw, FrontMatter, demands, timeout, undeclared};
use crate::job::JobSource;
use crate::limits;
use crate::query::{AlertmanagerSource, PromqlSource};
use crate::request::{HttpSource, PartFlaw};
use crate::runbook::{DryRunForm, Step, StepKind};
use crate::template::{CommandTemplate, Template};
use crate::tier::Tier;
use crate::time::Span;
use crate::work::Work;

/// One step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepSource {
    /// Its name, unique in the runbook: lower-case letters, digits, `-` and `_`.
    pub id: String,
    /// `check` looks, `action` changes, `manual` is done by a person.
    pub kind: StepKind,
    /// What it does, in a line.
    pub title: String,
    /// The program and its arguments, each an item of its own. Values go in as `{{name}}`.
    pub command: Option<Vec<String>>,
    /// The host that the command runs on, and is taken back on, by its name in the operator's
    /// inventory; the machine of Tagout if absent. Values go in as `{{name}}`.
    pub on: Option<String>,
    /// A request over HTTP.
    pub http: Option<HttpSource>,
    /// A question to Prometheus, for a check.
    pub promql: Option<PromqlSource>,
    /// A question to Alertmanager, for a check.
    pub alertmanager: Option<AlertmanagerSource>,
    /// A job of another system, for an action.
    pub job: Option<JobSource>,
    /// Has a check look again until it holds, as long as it may take.
    pub until: Option<UntilSource>,
    /// What takes it back: a command, or `{http: …}`.
    pub undo: Option<UndoSource>,
    /// An action's own form that changes nothing and shows what it would do. A dry-run runs it, if
    /// the operator lets it.
    pub dry_run: Option<Vec<String>>,
    /// The exit codes of that form that say that it worked; 0 alone if absent.
    pub dry_run_ok: Option<Vec<i32>>,
    /// The effect to expect, in words.
    #[serde(default)]
    pub expect: String,
    /// How long it may take, such as `90s`.
    pub timeout: Option<String>,
    /// Whether running it twice is the same as running it once.
    #[serde(default)]
    pub idempotent: bool,
    /// How often it may be started; above 1 only if it is idempotent.
    pub attempts: Option<u32>,
    /// A person must approve it, whatever the policy says otherwise.
    #[serde(default)]
    pub requires_approval: bool,
    /// Raises the risk of any plan that holds this step.
    pub risk: Option<Tier>,
    /// The secrets that the command takes, by their names in the operator's configuration, which says
    /// how each is handed over. What takes the step back is given them too.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// What the command is held to, by its name in the operator's configuration: it does not start
    /// unless the kernel enforces all of it.
    pub sandbox: Option<String>,
    /// The codes with which the command says that it did what it should; 0 if absent. What takes the
    /// step back succeeds with 0.
    pub exit_codes: Option<Vec<u8>>,
}

/// How a check waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UntilSource {
    /// How long to wait before it looks again, such as `10s`.
    pub every: String,
}

/// What takes an action back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum UndoSource {
    /// The program and its arguments.
    Command(Vec<String>),
    /// A request.
    Request(UndoRequest),
}

/// A request that takes an action back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoRequest {
    /// The request.
    pub http: HttpSource,
}

impl<'de> Deserialize<'de> for UndoSource {
    // By hand, so that a plain 8080 among the arguments stays text.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = UndoSource;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list, or http with a request")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<UndoSource, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(UndoSource::Command)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<UndoSource, A::Error> {
                UndoRequest::deserialize(MapAccessDeserializer::new(map)).map(UndoSource::Request)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl UndoSource {
    /// The command, if it is one.
    #[must_use]
    pub fn command(&self) -> Option<&[String]> {
        match self {
            Self::Command(arguments) => Some(arguments),
            Self::Request(_) => None,
        }
    }
}

impl StepSource {
    /// The ways in which it says what it does, each with the name of its field.
    fn kinds(&self) -> Vec<&'static str> {
        let given = [
            ("command", self.command.is_some()),
            ("http", self.http.is_some()),
            ("promql", self.promql.is_some()),
            ("alertmanager", self.alertmanager.is_some()),
            ("job", self.job.is_some()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }
}

/// Reads the steps of one page.
pub(super) struct StepReader<'a> {
    pub(super) front: &'a FrontMatter,
    pub(super) risk: Tier,
    pub(super) default_timeout: Span,
}

impl StepReader<'_> {
    pub(super) fn read<'s>(
        &self,
        list: &str,
        sources: &'s [StepSource],
        ids: &mut BTreeSet<&'s str>,
        flaws: &mut Vec<Flaw>,
    ) -> Vec<Step> {
        let mut steps = Vec::new();
        for (i, source) in sources.iter().enumerate() {
            let field = format!("{list}[{i}]");
            let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
            if source.id.is_empty() || !source.id.chars().all(named) {
                flaws.push(Flaw::new(
                    format!("{field}.id"),
                    format!("{:?} is not a step id", source.id),
                    "use lower-case letters, digits, '-' and '_'",
                ));
            }
            if !ids.insert(source.id.as_str()) {
                flaws.push(Flaw::new(
                    format!("{field}.id"),
                    format!("{:?} is used twice", source.id),
                    "give each step of a runbook an id of its own",
                ));
            }
            if list != "steps" && source.kind != StepKind::Check {
                flaws.push(Flaw::new(
                    format!("{field}.kind"),
                    "only checks may stand here",
                    "make it a check or move it to steps",
                ));
            }
            self.shape(&field, source, flaws);
            demands::check(&field, source, flaws);
            let attempts = source.attempts.unwrap_or(1);
            steps.push(Step {
                id: source.id.clone(),
                kind: source.kind,
                title: source.title.clone(),
                work: self.work(&field, source, flaws),
                undo: self.undo(&field, source, flaws),
                dry_run: self.dry_run(&field, source, flaws),
                every: every(&field, source, flaws),
                expect: source.expect.clone(),
                timeout: timeout(
                    &format!("{field}.timeout"),
                    source.timeout.as_deref(),
                    self.default_timeout,
                    flaws,
                ),
                attempts,
                requires_approval: source.requires_approval,
                // A check changes nothing, so on its own it does not carry the page's risk.
                risk: source.risk.unwrap_or(match source.kind {
                    StepKind::Check => Tier::Low,
                    StepKind::Action | StepKind::Manual => self.risk,
                }),
                on: self.on(&field, source, flaws),
                secrets: source.secrets.clone(),
                sandbox: source.sandbox.clone(),
                exit_codes: demands::exit_codes(&field, source, flaws),
            });
        }
        steps
    }

    fn shape(&self, field: &str, source: &StepSource, flaws: &mut Vec<Flaw>) {
        if source.title.trim().is_empty() {
            flaws.push(Flaw::new(
                format!("{field}.title"),
                "is empty",
                "say in a line what the step does",
            ));
        }
        let given = source.kinds();
        match (source.kind, given.as_slice()) {
            (StepKind::Manual, [name, ..]) => flaws.push(Flaw::new(
                format!("{field}.{name}"),
                "a manual step runs nothing",
                format!("make it a check or an action, or remove {name}"),
            )),
            (StepKind::Check | StepKind::Action, []) => flaws.push(Flaw::new(
                format!("{field}.command"),
                "is missing",
                "give the program and its arguments as a list (or http, promql, alertmanager or \
                 job), or make the step manual",
            )),
            (StepKind::Check | StepKind::Action, [_, second, ..]) => flaws.push(Flaw::new(
                format!("{field}.{second}"),
                format!("a step does one thing, and this one has {}", given.join(" and ")),
                "make a step of each",
            )),
            _ => {}
        }
        let looks = source.http.as_ref().is_none_or(|http| http.method.looks());
        if source.kind == StepKind::Check && !looks {
            flaws.push(Flaw::new(
                format!("{field}.http.method"),
                "a check looks and changes nothing",
                "use GET or HEAD, or make the step an action",
            ));
        }
        let (looking, doing) =
            (source.promql.is_some() || source.alertmanager.is_some(), &source.job);
        if source.kind == StepKind::Action && looking {
            flaws.push(Flaw::new(
                format!("{field}.kind"),
                "a question changes nothing",
                "make the step a check",
            ));
        }
        if source.kind == StepKind::Check && doing.is_some() {
            flaws.push(Flaw::new(
                format!("{field}.kind"),
                "a job does something",
                "make the step an action",
            ));
        }
        if source.until.is_some() && source.kind != StepKind::Check {
            flaws.push(Flaw::new(
                format!("{field}.until"),
                "only a check can be looked at again",
                "remove it, or add a check behind the step that waits for its effect",
            ));
        }
        if source.undo.is_some() && source.kind != StepKind::Action {
            flaws.push(Flaw::new(
                format!("{field}.undo"),
                "only an action can be taken back",
                "remove it",
            ));
        }
        match source.attempts {
            Some(n) if n == 0 || n > limits::ATTEMPTS => flaws.push(Flaw::new(
                format!("{field}.attempts"),
                format!("{n} is out of range"),
                format!("use 1 to {}", limits::ATTEMPTS),
            )),
            Some(n) if n > 1 && !source.idempotent => flaws.push(Flaw::new(
                format!("{field}.attempts"),
                "a step that is not idempotent must not be started again",
                "set idempotent: true if that is so, or attempts: 1",
            )),
            _ => {}
        }
    }

    /// The name of the host, which is looked up and becomes nothing else.
    fn on(&self, field: &str, source: &StepSource, flaws: &mut Vec<Flaw>) -> Option<Template> {
        let field = format!("{field}.on");
        let host = source.on.as_deref()?;
        if source.command.is_none() || matches!(source.undo, Some(UndoSource::Request(_))) {
            flaws.push(Flaw::new(
                field,
                "only commands run on another host",
                "remove it, or give a command, also in undo",
            ));
            return None;
        }
        if source.until.is_some() {
            flaws.push(Flaw::new(
                format!("{field} and until"),
                "a look that is repeated runs where Tagout runs",
                "remove one of them, or have the command itself wait",
            ));
            return None;
        }
        if host.is_empty() || host.len() > limits::NAME_BYTES {
            flaws.push(Flaw::new(
                field,
                "is no name of a host",
                format!("write a name of the inventory, 1 to {} bytes", limits::NAME_BYTES),
            ));
            return None;
        }
        match Template::parse(host) {
            Ok(host) => {
                let parameters = &self.front.parameters;
                for name in host.names().filter(|name| !parameters.contains_key(*name)) {
                    flaws.push(undeclared(&field, name, parameters));
                }
                Some(host)
            }
            Err(e) => {
                flaws.push(Flaw::new(field, e.to_string(), "write values as {{name}}"));
                None
            }
        }
    }

    fn work(&self, field: &str, source: &StepSource, flaws: &mut Vec<Flaw>) -> Option<Work> {
        let StepSource { command, http, promql, alertmanager, job, .. } = source;
        if let Some(arguments) = command {
            return self.command(&format!("{field}.command"), arguments, flaws);
        }
        if let Some(http) = http {
            return self.of(&format!("{field}.http"), http.check().map(Work::Http), flaws);
        }
        if let Some(promql) = promql {
            return self.of(&format!("{field}.promql"), promql.check().map(Work::Promql), flaws);
        }
        if let Some(query) = alertmanager {
            let field = format!("{field}.alertmanager");
            return self.of(&field, query.check().map(Work::Alertmanager), flaws);
        }
        let job = job.as_ref()?;
        self.of(&format!("{field}.job"), job.check().map(Work::Job), flaws)
    }

    fn undo(&self, field: &str, source: &StepSource, flaws: &mut Vec<Flaw>) -> Option<Work> {
        match source.undo.as_ref()? {
            UndoSource::Command(arguments) => {
                self.command(&format!("{field}.undo"), arguments, flaws)
            }
            UndoSource::Request(UndoRequest { http }) => {
                self.of(&format!("{field}.undo.http"), http.check().map(Work::Http), flaws)
            }
        }
    }

    fn dry_run(
        &self,
        field: &str,
        source: &StepSource,
        flaws: &mut Vec<Flaw>,
    ) -> Option<DryRunForm> {
        let (form, codes) = (format!("{field}.dry_run"), format!("{field}.dry_run_ok"));
        if source.dry_run.is_some() && source.kind != StepKind::Action {
            let fix = "remove it; a check is run in a dry-run as it is";
            flaws.push(Flaw::new(&form, "only an action has a form of its own", fix));
        }
        let undo = source.undo.as_ref().and_then(UndoSource::command);
        let form_of = source.dry_run.as_deref();
        // Whoever reads the log must not find an action behind the name of a dry-run.
        if form_of.is_some() && (form_of == source.command.as_deref() || form_of == undo) {
            let fix = "give the form that changes nothing, such as one with --dry-run=server";
            flaws.push(Flaw::new(&form, "is what the action itself runs", fix));
        }
        let ok = source.dry_run_ok.as_deref().unwrap_or_default();
        if source.dry_run_ok.is_some() && (form_of.is_none() || ok.is_empty()) {
            let fix = "give dry_run and at least one code, or neither";
            flaws.push(Flaw::new(&codes, "says nothing about a dry-run form", fix));
        }
        if ok.len() > limits::DRY_RUN_CODES || ok.iter().any(|code| !(0..=255).contains(code)) {
            let fix = format!("give at most {} codes of 0 to 255", limits::DRY_RUN_CODES);
            flaws.push(Flaw::new(&codes, "holds too many codes or one that is none", fix));
        }
        let work = self.command(&form, form_of?, flaws)?;
        Some(DryRunForm { work, ok: ok.iter().copied().collect() })
    }

    fn command(&self, field: &str, arguments: &[String], flaws: &mut Vec<Flaw>) -> Option<Work> {
        match CommandTemplate::parse(arguments) {
            Ok(command) => Some(self.declared(field, Work::Command(command), flaws)),
            Err(e) => {
                let fix = "see docs/runbook-format.md, section Commands";
                flaws.push(Flaw::new(field, e.to_string(), fix));
                None
            }
        }
    }

    fn of(
        &self,
        field: &str,
        work: Result<Work, Vec<PartFlaw>>,
        flaws: &mut Vec<Flaw>,
    ) -> Option<Work> {
        match work {
            Ok(work) => Some(self.declared(field, work, flaws)),
            Err(of_parts) => {
                let fix = "see docs/runbook-format.md, section Requests";
                flaws.extend(
                    of_parts
                        .into_iter()
                        .map(|(part, e)| Flaw::new(format!("{field}.{part}"), e.to_string(), fix)),
                );
                None
            }
        }
    }

    fn declared(&self, field: &str, work: Work, flaws: &mut Vec<Flaw>) -> Work {
        let parameters: &BTreeMap<_, _> = &self.front.parameters;
        for name in work.names().into_iter().filter(|name| !parameters.contains_key(*name)) {
            flaws.push(undeclared(field, name, parameters));
        }
        work
    }
}

/// How long to wait before a check looks again.
fn every(field: &str, source: &StepSource, flaws: &mut Vec<Flaw>) -> Option<Span> {
    let text = &source.until.as_ref()?.every;
    let (least, most) = limits::LOOK_INTERVAL;
    match text.parse::<Span>() {
        Ok(every) if (least..=most).contains(&every) => Some(every),
        _ => {
            flaws.push(Flaw::new(
                format!("{field}.until.every"),
                format!("{text:?} is not between {least} and {most}"),
                "write a length of time such as 10s",
            ));
            None
        }
    }
}
