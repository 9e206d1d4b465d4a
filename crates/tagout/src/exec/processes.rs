//! The processes of this machine as `/proc` shows them, and signals to exactly those that were seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::RUN_VARIABLE;

/// One process at one moment. Its number may be given to another one later; number and time of
/// start together are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Process {
    pub(super) pid: i32,
    pub(super) parent: i32,
    /// In ticks of the clock since the machine started.
    pub(super) started: u64,
    /// Dead, and only waiting to be seen by its parent.
    pub(super) dead: bool,
}

impl Process {
    /// The process with a number, if there is one.
    ///
    /// Format: <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
    pub(super) fn of(pid: i32) -> Option<Self> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        let stat = String::from_utf8_lossy(&stat);
        // The name in parentheses may hold anything, parentheses too.
        let (_, rest) = stat.rsplit_once(") ")?;
        let mut fields = rest.split(' ');
        let dead = matches!(fields.next()?, "Z" | "X");
        let parent = fields.next()?.parse().ok()?;
        let started = fields.nth(17)?.parse().ok()?;
        Some(Self { pid, parent, started, dead })
    }

    /// All that there are.
    pub(super) fn all() -> Vec<Self> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
        entries.filter_map(number).filter_map(Self::of).collect()
    }

    /// Sends a signal to it, and to no other process that has its number by now. Whether it was
    /// still there.
    pub(super) fn signal(&self, signal: Signal) -> bool {
        let Some(pid) = Pid::from_raw(self.pid) else { return false };
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { return false };
        let same = Self::of(self.pid).is_some_and(|now| now.started == self.started);
        same && pidfd_send_signal(handle, signal).is_ok()
    }

    /// What stands in [`RUN_VARIABLE`] of the environment that it was started with.
    pub(super) fn run(&self) -> Option<String> {
        let environment = fs::read(format!("/proc/{}/environ", self.pid)).ok()?;
        let prefix = format!("{RUN_VARIABLE}=");
        let value = environment
            .split(|byte| *byte == 0)
            .find_map(|variable| variable.strip_prefix(prefix.as_bytes()))?;
        String::from_utf8(value.to_vec()).ok()
    }
}

/// The living descendants of processes, without themselves.
pub(super) fn descendants(roots: &[i32]) -> BTreeSet<Process> {
    let all = Process::all();
    let mut children: BTreeMap<i32, Vec<Process>> = BTreeMap::new();
    for process in all {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = BTreeSet::new();
    let mut next: Vec<i32> = roots.to_vec();
    while let Some(pid) = next.pop() {
        for child in children.remove(&pid).unwrap_or_default() {
            next.push(child.pid);
            if !child.dead && !roots.contains(&child.pid) {
                found.insert(child);
            }
        }
    }
    found
}

/// The living processes of a run, wherever they have got to, as far as they still have the
/// environment that they were given.
pub(super) fn marked(run: &str) -> BTreeSet<Process> {
    let own = |process: &Process| !process.dead && process.run().as_deref() == Some(run);
    Process::all().into_iter().filter(own).collect()
}
