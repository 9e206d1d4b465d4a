//! Warnings about pages that can be used and could be safer or easier to find.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tagout_core::front_matter::{FrontMatter, StepSource, UndoSource};
use tagout_core::runbook::StepKind;

use super::finding::{Finding, Level};
use super::load::{Form, LoadedPage, Reading};

/// Programs that take a whole command line behind `-c`.
const SHELLS: [&str; 6] = ["ash", "bash", "dash", "ksh", "sh", "zsh"];

/// Patterns that accept whatever is sent.
const OPEN_PATTERNS: [&str; 8] = [".*", ".+", "(.*)", "(.+)", r"\S+", r"(\S+)", "[^ ]+", "^.*$"];

/// Checks all pages under `dir`: what keeps them from loading, and warnings about the rest.
/// Sorted by file and line.
#[must_use]
pub fn lint(dir: &Path) -> Vec<Finding> {
    findings(Reading::of_directory(dir))
}

/// Checks pages in memory, each with its name such as `disk/full.md`, as [`lint`] does.
#[must_use]
pub fn lint_pages<N, B>(pages: impl IntoIterator<Item = (N, B)>) -> Vec<Finding>
where
    N: Into<String>,
    B: Into<Vec<u8>>,
{
    findings(Reading::of_memory(pages))
}

fn findings(reading: Reading) -> Vec<Finding> {
    let mut findings: Vec<Finding> = reading.errors.into_iter().map(Finding::from).collect();
    for page in &reading.pages {
        findings.extend(warnings(page));
    }
    findings.extend(shared_keys(&reading.pages));
    findings.sort();
    findings
}

fn warnings(page: &LoadedPage) -> Vec<Finding> {
    let mut of = Warnings { page, found: Vec::new() };
    match &page.form {
        Form::Declared => {
            of.search();
            of.safety();
            of.parameters();
            of.steps();
        }
        Form::Plain => of.text(),
        Form::Foreign(keys) => {
            of.add(
                "front matter",
                format!("holds no key of a runbook, only {}", keys.join(", ")),
                "nothing to do if the page is meant to be read only; \
                 see docs/runbook-format.md to make it executable",
            );
            of.text();
        }
    }
    of.found
}

/// The warnings about one page.
struct Warnings<'a> {
    page: &'a LoadedPage,
    found: Vec<Finding>,
}

impl Warnings<'_> {
    fn add(&mut self, field: &str, what: impl Into<String>, fix: impl Into<String>) {
        self.found.push(warning(self.page, field, what, fix));
    }

    fn text(&mut self) {
        if !self.page.described {
            self.add(
                "symptoms",
                "cannot be told from the text, so only the title is searched",
                "write under '## Meaning' how the fault shows",
            );
        }
        if !self.page.has_steps {
            self.add("steps", "the page holds nothing to do", "write what a person should do");
        }
    }

    fn search(&mut self) {
        let front = &self.page.front;
        if front.symptoms.is_empty() {
            self.add(
                "symptoms",
                "none are declared, so the search has only the title and the text",
                "list how the fault shows, in the words an alert might use",
            );
        }
        if is_keyless(front) {
            self.add(
                "match",
                "no exact key is declared, so the runbook is found by its words alone",
                "name alert_names, runbook_urls or labels",
            );
        }
    }

    fn safety(&mut self) {
        let front = &self.page.front;
        let acts = |step: &&StepSource| step.kind == StepKind::Action;
        if front.risk.is_none() {
            self.add("risk", "is absent and taken as high", "say low, medium, high or critical");
        }
        if front.steps.iter().any(|step| acts(&step)) && front.verification.is_empty() {
            self.add(
                "verification",
                "the runbook changes something and never checks the result",
                "add a check that shows whether the fault is gone",
            );
        }
        if front.reversible {
            for (i, _) in
                front.steps.iter().enumerate().filter(|(_, s)| acts(s) && s.undo.is_none())
            {
                self.add(
                    &format!("steps[{i}].undo"),
                    "the runbook is declared reversible, and this action cannot be taken back",
                    "give the command that takes it back, or set reversible: false",
                );
            }
        }
    }

    fn parameters(&mut self) {
        let front = &self.page.front;
        let used = &self.page.names;
        for (name, parameter) in &front.parameters {
            let field = format!("parameters.{name}");
            if !used.contains(name.as_str()) {
                self.add(&field, "is used in no step", "use it or remove it");
            }
            if parameter.from.is_none() && parameter.default.is_none() {
                self.add(
                    &field,
                    "has neither from nor default, so no plan can be bound without a reviewer",
                    "say where the alert holds it, or give a default",
                );
            }
            if parameter.safer.is_some() && self.page.relied_on.contains(name.as_str()) {
                self.add(
                    &format!("{field}.safer"),
                    "has no effect: a check, the target or a host holds the value too",
                    "use a value of its own there, or remove it; somebody else must approve \
                     whatever changes what is relied on",
                );
            }
            if parameter.pattern.as_deref().is_some_and(|p| OPEN_PATTERNS.contains(&p)) {
                self.add(
                    &format!("{field}.pattern"),
                    "accepts whatever an alert holds",
                    "write what a good value looks like, such as [a-z0-9-]+",
                );
            }
        }
    }

    fn steps(&mut self) {
        for (field, step) in all_steps(&self.page.front) {
            for (part, text) in [("title", &step.title), ("expect", &step.expect)] {
                if text.contains("{{") {
                    self.add(
                        &format!("{field}.{part}"),
                        "holds {{, but values are put into commands alone",
                        "say it without the value; the bound command is shown beside it",
                    );
                }
            }
            let undo = step.undo.as_ref().and_then(UndoSource::command);
            let commands = [
                ("command", step.command.as_deref()),
                ("undo", undo),
                ("dry_run", step.dry_run.as_deref()),
            ];
            for (part, command) in commands {
                let Some(shell) = command.and_then(shell_in) else { continue };
                self.add(
                    &format!("{field}.{part}"),
                    format!("hands a whole command line to {shell}"),
                    "call the program itself, or put the script in a file that is reviewed",
                );
            }
        }
        if self.page.front.title.as_ref().is_some_and(|title| title.contains("{{")) {
            self.add("title", "holds {{, but values are put into commands alone", "remove it");
        }
    }
}

fn warning(
    page: &LoadedPage,
    field: &str,
    what: impl Into<String>,
    fix: impl Into<String>,
) -> Finding {
    Finding {
        file: page.file.clone(),
        line: match page.form {
            Form::Declared => Some(page.lines.of(field)),
            Form::Foreign(_) => Some(1),
            Form::Plain => None,
        },
        level: Level::Warning,
        field: field.to_owned(),
        what: what.into(),
        fix: fix.into(),
    }
}

fn is_keyless(front: &FrontMatter) -> bool {
    let keys = &front.keys;
    keys.alert_names.is_empty() && keys.runbook_urls.is_empty() && keys.labels.is_empty()
}

fn all_steps(front: &FrontMatter) -> impl Iterator<Item = (String, &StepSource)> {
    let lists = [
        ("preconditions", &front.preconditions),
        ("steps", &front.steps),
        ("verification", &front.verification),
    ];
    lists.into_iter().flat_map(|(list, steps)| {
        steps.iter().enumerate().map(move |(i, step)| (format!("{list}[{i}]"), step))
    })
}

/// The shell that a command hands a whole line to.
fn shell_in(command: &[String]) -> Option<&'static str> {
    command.iter().enumerate().find_map(|(i, argument)| {
        let program = argument.rsplit('/').next().unwrap_or(argument);
        let shell = SHELLS.into_iter().find(|shell| *shell == program)?;
        let line = |option: &String| {
            option.starts_with('-') && !option.starts_with("--") && option.contains('c')
        };
        command.iter().skip(i + 1).take_while(|o| o.starts_with('-')).any(line).then_some(shell)
    })
}

/// Exact keys that more than one runbook declares.
fn shared_keys(pages: &[LoadedPage]) -> Vec<Finding> {
    let mut owners: BTreeMap<String, Vec<(&LoadedPage, String)>> = BTreeMap::new();
    for page in pages {
        let keys = &page.front.keys;
        let names = keys.alert_names.iter().enumerate();
        let urls = keys.runbook_urls.iter().enumerate();
        let labels = keys.labels.iter().enumerate();
        let all = names
            .map(|(i, name)| (format!("the alert name {name}"), format!("match.alert_names[{i}]")))
            .chain(
                urls.map(|(i, url)| {
                    (format!("the address {url}"), format!("match.runbook_urls[{i}]"))
                }),
            )
            .chain(labels.map(|(i, set)| {
                let set: Vec<_> = set.iter().map(|(k, v)| format!("{k}={v}")).collect();
                (format!("the labels {}", set.join(", ")), format!("match.labels[{i}]"))
            }));
        for (key, field) in all {
            owners.entry(key).or_default().push((page, field));
        }
    }
    let mut found = Vec::new();
    for (key, pages) in owners.iter().filter(|(_, pages)| pages.len() > 1) {
        for (page, field) in pages {
            let others: BTreeSet<_> =
                pages.iter().map(|(p, _)| p.file.as_str()).filter(|f| *f != page.file).collect();
            let others: Vec<_> = others.into_iter().collect();
            let (what, fix) = if others.is_empty() {
                (format!("{key} is declared twice"), "keep one of the two")
            } else {
                (
                    format!("{key} is also declared in {}", others.join(" and ")),
                    "leave it to one of them; an alert with this key cannot tell them apart",
                )
            };
            found.push(warning(page, field, what, fix));
        }
    }
    found
}
