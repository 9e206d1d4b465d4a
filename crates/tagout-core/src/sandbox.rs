//! What the command of a step may touch: a profile that the operator defines and that the kernel
//! (Landlock) has to enforce whole. A page may demand one by its name, and the operator may demand one
//! for a program, which no page drops: where both do, both hold.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::execution::Execution;
use crate::plan::PlannedStep;
use crate::policy::last_part;
use crate::template::starts_others;

/// What a command may touch. Whatever else it runs may touch no more.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sandbox {
    /// The paths that it may read, with what is below them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub read: BTreeSet<String>,
    /// The paths that it may read and execute.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub execute: BTreeSet<String>,
    /// The paths that it may read and write.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub write: BTreeSet<String>,
    /// The TCP ports that it may connect to.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub connect: BTreeSet<u16>,
}

impl fmt::Display for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { read, execute, write, connect } = self;
        let list = |paths: &BTreeSet<String>| match paths.len() {
            0 => "nothing".to_owned(),
            _ => paths.iter().map(String::as_str).collect::<Vec<_>>().join(" "),
        };
        let ports: BTreeSet<_> = connect.iter().map(u16::to_string).collect();
        write!(f, "reads {}, executes {}, ", list(read), list(execute))?;
        write!(f, "writes {}, connects to {}", list(write), list(&ports))
    }
}

/// A sandbox that a planned step runs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandboxed {
    /// Its name.
    pub name: String,
    /// Whether the operator demands it for the program, whatever the page says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forced: bool,
    /// What it lets; nothing if the plan is a dry-run, which starts nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Sandbox>,
}

impl Sandboxed {
    /// The one that a page demands, before it is looked up.
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), forced: false, rules: None }
    }
}

impl fmt::Display for Sandboxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(rules) = &self.rules {
            write!(f, ": {rules}")?;
        }
        if self.forced {
            f.write_str(" (demanded for the program)")?;
        }
        Ok(())
    }
}

impl Execution {
    /// The sandboxes that a step has to run in here: the one of its program first, then its own.
    ///
    /// # Errors
    /// If one is not defined, or if the step starts a program that has one of its own through another
    /// program.
    pub fn sandboxes_of(&self, step: &PlannedStep) -> Result<Vec<Sandboxed>, String> {
        let Some((program, arguments)) = step.argv.split_first() else { return Ok(Vec::new()) };
        if step.on.is_some() {
            return Ok(Vec::new());
        }
        self.check_behind(program, arguments)?;
        let look_up = |name: &str, forced: bool| {
            let rules = self.sandboxes.get(name).cloned().ok_or_else(|| {
                format!("no sandbox is named {name:?} under [execution.sandboxes]")
            })?;
            Ok::<_, String>(Sandboxed { name: name.to_owned(), forced, rules: Some(rules) })
        };
        let path = self.path(program).unwrap_or(program);
        let forced = self.forced.get(path);
        let mut all = Vec::new();
        if let Some(name) = forced {
            all.push(look_up(name, true)?);
        }
        // What the page demands is known by its not being forced; the same one twice is one.
        let own = step.sandboxes.iter().filter(|one| !one.forced && Some(&one.name) != forced);
        for one in own {
            all.push(look_up(&one.name, false)?);
        }
        Ok(all)
    }

    /// A program with a sandbox of its own would lose it behind one that has none.
    fn check_behind(&self, program: &str, arguments: &[String]) -> Result<(), String> {
        if !starts_others(program, arguments) {
            return Ok(());
        }
        let apart = |c: char| !c.is_ascii_alphanumeric() && !"-_./".contains(c);
        let words = arguments.iter().flat_map(|argument| argument.split(apart));
        let words: BTreeSet<_> = words.map(last_part).collect();
        let own = self.path(program).unwrap_or(program);
        let mut others = self.forced.iter().filter(|(path, _)| *path != own);
        let behind = others.find(|(path, _)| {
            let mut names = self.programs.iter().filter(|(_, one)| one == path);
            words.contains(last_part(path))
                || names.any(|(name, _)| words.contains(last_part(name)))
        });
        behind.map_or(Ok(()), |(path, sandbox)| {
            Err(format!(
                "{path} runs in sandbox {sandbox:?} and is not started through {program}; \
                 begin the command with it"
            ))
        })
    }
}
