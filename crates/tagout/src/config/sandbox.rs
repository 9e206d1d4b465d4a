//! `[execution.sandboxes.NAME]`: what a command may touch that is held to it.

use std::collections::BTreeSet;
use std::path::{Component, PathBuf};

use serde::Deserialize;
use tagout_core::endpoint::is_name;
use tagout_core::limits;
use tagout_core::sandbox::Sandbox;

use crate::exec::Profile;

/// What a command may touch. Its own program, the shared libraries, and devices that keep nothing are
/// always among it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxConfig {
    /// What it may read, with what is below it.
    pub read: BTreeSet<PathBuf>,
    /// What it may read and execute.
    pub execute: BTreeSet<PathBuf>,
    /// What it may read and write.
    pub write: BTreeSet<PathBuf>,
    /// The TCP ports that it may connect to.
    pub connect: BTreeSet<u16>,
}

impl SandboxConfig {
    /// What is wrong with it, if something is.
    pub(super) fn flaw(&self, name: &str) -> Option<String> {
        if !is_name(name) {
            return Some(format!(
                "{name:?} is no name; give 1 to {} lower-case letters, digits, - or _",
                limits::ENDPOINT_NAME_BYTES
            ));
        }
        for (key, paths) in
            [("read", &self.read), ("execute", &self.execute), ("write", &self.write)]
        {
            if paths.len() > limits::EXEC_PATHS {
                return Some(format!("{key} names more than {} paths", limits::EXEC_PATHS));
            }
            let plain = |path: &PathBuf| {
                let up = |part| matches!(part, Component::ParentDir | Component::CurDir);
                path.is_absolute()
                    && path.to_str().is_some_and(|text| !text.chars().any(char::is_control))
                    && !path.components().any(up)
            };
            if let Some(path) = paths.iter().find(|path| !plain(path)) {
                return Some(format!("{key}: {path:?} is not a whole path; begin it with /"));
            }
        }
        if self.connect.len() > limits::EXEC_PORTS || self.connect.contains(&0) {
            return Some(format!("connect: name at most {} ports from 1 on", limits::EXEC_PORTS));
        }
        None
    }

    /// As it stands in the policy, in plans and before people.
    pub(crate) fn bound(&self) -> Sandbox {
        let text = |paths: &BTreeSet<PathBuf>| {
            paths.iter().map(|path| path.display().to_string()).collect()
        };
        Sandbox {
            read: text(&self.read),
            execute: text(&self.execute),
            write: text(&self.write),
            connect: self.connect.clone(),
        }
    }

    /// What the kernel is told.
    pub(crate) fn profile(&self) -> Profile {
        let list = |paths: &BTreeSet<PathBuf>| paths.iter().cloned().collect();
        Profile::Paths {
            read: list(&self.read),
            execute: list(&self.execute),
            write: list(&self.write),
            connect: self.connect.iter().copied().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaw(text: &str) -> Option<String> {
        match toml::from_str::<SandboxConfig>(text) {
            Ok(sandbox) => sandbox.flaw("one"),
            Err(e) => Some(e.to_string()),
        }
    }

    #[test]
    fn a_sandbox_names_whole_paths_and_ports_and_nothing_else() {
        assert_eq!(flaw(""), None);
        assert_eq!(flaw("read = [\"/\"]\nexecute = [\"/usr/bin\"]\nconnect = [443]"), None);
        for bad in [
            "read = [\"etc\"]",
            "write = [\"/tmp/../etc\"]",
            "execute = [\"\"]",
            "read = [\"/a\\nb\"]",
            "connect = [0]",
            "connect = [65536]",
            "bind = [80]",
        ] {
            assert!(flaw(bad).is_some(), "{bad}");
        }
        assert!(SandboxConfig::default().flaw("{{x}}").is_some());
    }

    #[test]
    fn a_sandbox_names_as_many_paths_and_ports_as_the_limits_and_no_more() {
        let paths = |n: usize| (0..n).map(|n| PathBuf::from(format!("/p{n}"))).collect();
        let with = |read, ports: u16| {
            let connect = (1..=ports).collect();
            SandboxConfig { read: paths(read), connect, ..SandboxConfig::default() }.flaw("one")
        };
        let ports = u16::try_from(limits::EXEC_PORTS).unwrap();
        assert_eq!(with(limits::EXEC_PATHS, ports), None);
        assert!(with(limits::EXEC_PATHS + 1, 0).is_some());
        assert!(with(0, ports + 1).is_some());
    }
}
