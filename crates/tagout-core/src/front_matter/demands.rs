//! What a step demands of the operator beside its program, secrets and a sandbox, by name alone; and
//! which of its command's codes are its success.

use std::collections::BTreeSet;

use super::{Flaw, StepSource};
use crate::endpoint::is_name;
use crate::exit_codes::ExitCodes;
use crate::limits;

/// Whether the step may demand it, as far as its page says.
pub(super) fn check(field: &str, source: &StepSource, flaws: &mut Vec<Flaw>) {
    let mut wrong = |part: &str, what: String, fix: &str| {
        flaws.push(Flaw::new(format!("{field}.{part}"), what, fix));
    };
    let given = [("secrets", !source.secrets.is_empty()), ("sandbox", source.sandbox.is_some())];
    for (part, _) in given.into_iter().filter(|(_, given)| *given) {
        if source.command.is_none() || source.on.is_some() {
            wrong(
                part,
                "is for commands that run where Tagout runs".into(),
                "remove it; an endpoint has its secrets in the operator's configuration",
            );
        }
    }
    if source.secrets.len() > limits::EXEC_SECRETS {
        let what = format!("names {} secrets", source.secrets.len());
        wrong("secrets", what, &format!("name at most {}", limits::EXEC_SECRETS));
    }
    let mut names = BTreeSet::new();
    for name in &source.secrets {
        if !is_name(name) {
            let what = format!("{name:?} is no name of a secret");
            wrong("secrets", what, "write the name that the operator's configuration gives it");
        }
        if !names.insert(name) {
            wrong("secrets", format!("{name:?} is named twice"), "name it once");
        }
    }
    if let Some(name) = source.sandbox.as_ref().filter(|name| !is_name(name)) {
        let what = format!("{name:?} is no name of a sandbox");
        wrong("sandbox", what, "write the name that the operator's configuration gives it");
    }
}

/// The codes with which the step's command succeeds.
pub(super) fn exit_codes(field: &str, source: &StepSource, flaws: &mut Vec<Flaw>) -> ExitCodes {
    let Some(codes) = &source.exit_codes else { return ExitCodes::default() };
    let given = ExitCodes::new(codes.iter().copied()).filter(|_| source.command.is_some());
    given.unwrap_or_else(|| {
        flaws.push(Flaw::new(
            format!("{field}.exit_codes"),
            "is for commands, and names at least one code",
            "write the codes that mean success, such as [0, 2], or remove it",
        ));
        ExitCodes::default()
    })
}
