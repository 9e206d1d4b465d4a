//! A cgroup of its own for each command, below one that the operator delegated.
//!
//! Format: <https://docs.kernel.org/admin-guide/cgroup-v2.html>

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::order::Bounds;
use super::processes::Process;

/// What the names of our cgroups begin with; the id of the run follows.
const PREFIX: &str = "tagout-";
/// How often it is looked whether a cgroup is empty.
const LOOKING: Duration = Duration::from_millis(2);

/// One cgroup.
#[derive(Debug, Clone)]
pub(super) struct Cgroup(PathBuf);

impl Cgroup {
    /// Where the cgroup of a run belongs.
    pub(super) fn path(delegated: &Path, run: &str) -> PathBuf {
        delegated.join(format!("{PREFIX}{run}"))
    }

    /// Takes the cgroup at a path as it is.
    pub(super) const fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Makes it, and sees that it can be ended.
    pub(super) fn make(path: PathBuf) -> Result<Self, String> {
        let named = |e: io::Error| format!("the cgroup {} cannot be made: {e}", path.display());
        fs::create_dir(&path).map_err(named)?;
        let cgroup = Self(path);
        if cgroup.0.join("cgroup.kill").exists() {
            return Ok(cgroup);
        }
        let why = format!(
            "{} is not below a cgroup of version 2 on Linux 5.14 or later",
            cgroup.0.display()
        );
        cgroup.remove();
        Err(why)
    }

    /// Sets what the delegated controllers can hold it to. The limits of each process stand in
    /// any case, so controllers that are not there do no harm.
    pub(super) fn bound(&self, bounds: &Bounds) {
        let _ = fs::write(self.0.join("pids.max"), bounds.processes.to_string());
        let _ = fs::write(self.0.join("memory.max"), bounds.memory.to_string());
    }

    /// Puts this process into it.
    pub(super) fn enter(&self) -> Result<(), String> {
        let named =
            |e: io::Error| format!("the cgroup {} cannot be entered: {e}", self.0.display());
        fs::write(self.0.join("cgroup.procs"), "0").map_err(named)?;
        let name = self.0.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let own = fs::read_to_string("/proc/self/cgroup").map_err(named)?;
        if own.lines().any(|line| line.starts_with("0::") && line.ends_with(&name)) {
            return Ok(());
        }
        Err(format!("the cgroup {} was entered and this process is not in it", self.0.display()))
    }

    /// Kills all that is in it and below, at once and without a way around.
    pub(super) fn kill(&self) -> io::Result<()> {
        fs::write(self.0.join("cgroup.kill"), "1")
    }

    /// The processes in it and below.
    pub(super) fn processes(&self) -> Vec<Process> {
        let mut found = Vec::new();
        for directory in self.with_below() {
            let procs = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
            let numbers = procs.lines().filter_map(|line| line.parse().ok());
            found.extend(numbers.filter_map(Process::of));
        }
        found
    }

    /// Whether nothing is in it or below; so it is if it is gone.
    pub(super) fn is_empty(&self) -> bool {
        let events = fs::read_to_string(self.0.join("cgroup.events"));
        events.map_or(!self.0.exists(), |events| events.lines().any(|line| line == "populated 0"))
    }

    /// Waits until it is empty.
    pub(super) fn wait_empty(&self, until: Instant) -> bool {
        while !self.is_empty() {
            if Instant::now() >= until {
                return false;
            }
            sleep(LOOKING);
        }
        true
    }

    /// Removes it and what is below; it must be empty.
    pub(super) fn remove(&self) {
        for directory in self.with_below().iter().rev() {
            // What cannot be removed is swept at the agent's next start.
            let _ = fs::remove_dir(directory);
        }
    }

    /// Itself and the cgroups below it, each before what is below it.
    fn with_below(&self) -> Vec<PathBuf> {
        let mut found = vec![self.0.clone()];
        let mut looked = 0;
        while let Some(directory) = found.get(looked) {
            let entries = fs::read_dir(directory).into_iter().flatten().flatten();
            let below = entries.filter(|e| e.file_type().is_ok_and(|kind| kind.is_dir()));
            let below: Vec<_> = below.map(|entry| entry.path()).collect();
            found.extend(below);
            looked += 1;
        }
        found
    }

    /// The cgroups of runs below a delegated one, each with the id of its run.
    pub(super) fn all(delegated: &Path) -> Vec<(String, Self)> {
        let entries = fs::read_dir(delegated).into_iter().flatten().flatten();
        let ours = |entry: fs::DirEntry| {
            let run = entry.file_name().to_str()?.strip_prefix(PREFIX)?.to_owned();
            Some((run, Self(entry.path())))
        };
        entries.filter_map(ours).collect()
    }
}
