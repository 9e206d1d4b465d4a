//! The admission of a page to live mode: which version, and in what it differs from the one that
//! was admitted before.

use serde::{Deserialize, Serialize};
use similar::{ChangeTag, TextDiff};
use tagout_core::digest::RunbookDigest;
use tagout_core::event::Event;
use tagout_core::execution::Execution;
use tagout_core::runbook::Runbook;
use tagout_core::verdict::Mode;
use tagout_log::storage::Storage;
use utoipa::ToSchema;

use crate::engine::Engine;
use crate::fault::Fault;
use crate::journal::Journal;

/// How many lines around a difference are shown.
const AROUND: usize = 3;

/// What somebody who is to admit a page has to see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Admission {
    /// The runbook.
    pub runbook: String,
    /// The digest of its page, to be sent back with the admission.
    pub digest: String,
    /// The digest of the page that was admitted last.
    pub admitted: Option<String>,
    /// Who admitted that.
    pub admitted_by: Option<String>,
    /// In what the page differs from that one, as lines that begin with a space, `-` or `+`;
    /// absent if there is no earlier page to hold it against.
    pub difference: Option<Vec<String>>,
    /// How this stands, in words.
    pub standing: String,
    /// What keeps plans of it dry-runs also when it is admitted, one line each.
    pub in_the_way: Vec<String>,
    /// Who wrote it, if the page says so: they may not admit it.
    pub author: Option<String>,
}

impl Admission {
    /// Of a runbook in force, by its id.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn of<S: Storage>(engine: &Engine<S>, id: &str) -> Result<Option<Self>, Fault> {
        let Some(runbook) = engine.runbooks().get(id) else { return Ok(None) };
        let journal = engine.journal();
        let before = earlier(journal, id)?;
        let is_admitted = journal.shared().admitted(id, runbook.digest);
        let (difference, standing) = match &before {
            _ if is_admitted => (None, "this very version is admitted".to_owned()),
            None => (None, "no version of it was ever admitted; read the whole page".to_owned()),
            Some(Before { page: None, .. }) => {
                let words = "the text of the version that was admitted last is not in the log any \
                             more, so there is no difference to show; read the whole page";
                (None, words.to_owned())
            }
            Some(Before { page: Some(page), .. }) => {
                let lines = difference(page, &runbook.page);
                (Some(lines), "it differs from the version that was admitted last".to_owned())
            }
        };
        Ok(Some(Self {
            runbook: id.to_owned(),
            digest: runbook.digest.to_string(),
            admitted: before.as_ref().map(|before| before.digest.to_string()),
            admitted_by: before.map(|before| before.by),
            difference,
            standing,
            in_the_way: in_the_way(engine, runbook),
            author: runbook.author.clone(),
        }))
    }
}

impl Admission {
    /// The same, where the configuration does not say live.
    #[must_use]
    pub fn in_mode(mut self, mode: Mode) -> Self {
        if mode != Mode::Live {
            self.in_the_way.push("the configuration does not say mode = \"live\"".into());
        }
        self
    }
}

/// The page that was admitted last.
struct Before {
    digest: RunbookDigest,
    by: String,
    page: Option<String>,
}

fn earlier<S: Storage>(journal: &Journal<S>, id: &str) -> Result<Option<Before>, Fault> {
    let Some(entry) = journal.overview().admitted(id) else { return Ok(None) };
    let recorded = journal.event(entry)?;
    Ok(recorded.and_then(|recorded| match recorded.event() {
        Event::RunbookAdmitted { digest, by, page, .. } => {
            let page = page.as_str();
            // Erased since, or never recorded, it is another text or none.
            let whole = RunbookDigest::of_bytes(page.as_bytes()) == *digest;
            let page = whole.then(|| page.to_owned());
            Some(Before { digest: *digest, by: by.name().to_owned(), page })
        }
        _ => None,
    }))
}

fn in_the_way<S: Storage>(engine: &Engine<S>, runbook: &Runbook) -> Vec<String> {
    let mut lines = Vec::new();
    if !runbook.is_executable() {
        lines.push("all of its steps are for people".to_owned());
    }
    let policy = engine.journal().policy().map_or(engine.policy(), |policy| policy);
    match &policy.execution {
        None => lines.push("what is in force names nothing under [execution]; what was written there since holds once the \
             service has started".into()),
        Some(execution) => {
            let programs = runbook.started().into_iter();
            lines.extend(programs.filter_map(|(on, name)| not_startable(execution, on, name)));
            lines.extend(execution.unmet(runbook));
            lines.extend(execution.untaken(runbook));
            lines.extend(runbook.asks().into_iter().filter_map(|(endpoint, method)| {
                let methods = &execution.endpoints.get(endpoint).map(|one| &one.methods);
                match methods {
                    None => Some(format!("{endpoint} is not named under [execution.endpoints]")),
                    Some(methods) if methods.contains_key(&method) => None,
                    Some(_) => Some(format!("{method} may not be used at endpoint {endpoint}")),
                }
            }));
        }
    }
    lines
}

/// Why a program cannot be started where the page says. Where an alert says where, it is enough that
/// some host has it.
fn not_startable(execution: &Execution, on: Option<&str>, program: &str) -> Option<String> {
    let Some(on) = on else {
        let unknown = execution.path(program).is_none();
        return unknown.then(|| format!("{program} is not named under [execution.programs]"));
    };
    if on.contains("{{") {
        let unknown = execution.hosts.values().all(|host| host.path(program).is_none());
        return unknown.then(|| format!("no host of [execution.hosts] has a program {program}"));
    }
    match execution.hosts.get(on) {
        None => Some(format!("no host is named {on:?} under [execution.hosts]")),
        Some(host) => {
            let unknown = host.path(program).is_none();
            unknown.then(|| format!("{program} is not named under the programs of host {on:?}"))
        }
    }
}

/// The lines in which two pages differ, with some around them.
fn difference(before: &str, now: &str) -> Vec<String> {
    let diff = TextDiff::from_lines(before, now);
    let mut lines = Vec::new();
    for group in diff.grouped_ops(AROUND) {
        if !lines.is_empty() {
            lines.push("...".to_owned());
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            lines.push(format!("{sign}{}", change.value().trim_end_matches(['\n', '\r'])));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_what_went_and_what_came_with_a_few_lines_around() {
        let page = |command: &str| format!("1\n2\n3\n4\n{command}\n5\n6\n7\n8\n");
        let lines = difference(&page("rm old"), &page("rm all"));
        assert_eq!(lines, [" 2", " 3", " 4", "-rm old", "+rm all", " 5", " 6", " 7"]);
        assert_eq!(difference(&page("rm"), &page("rm")), Vec::<String>::new());
    }
}
