//! All processes of one run, and how they are brought to an end.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tagout_core::limits;

use super::cgroup::Cgroup;
use super::processes::{Process, descendants, marked};

/// How long to wait between two rounds through the descendants.
const ROUND: Duration = Duration::from_millis(2);
/// How many rounds in a row must find nothing.
const QUIET: u32 = 3;

/// When processes that are killed from now on are no longer waited for.
pub(super) fn patience() -> Instant {
    Instant::now() + Duration::from_millis(limits::EXEC_KILL_WAIT.millis())
}

/// Asks all processes politely to end: those below `roots` and those in the cgroup. Stopped ones
/// are woken, or they would not hear it.
pub(super) fn ask(roots: &[i32], cgroup: Option<&Cgroup>) {
    let mut all = descendants(roots);
    all.extend(cgroup.into_iter().flat_map(Cgroup::processes));
    for process in all.iter().filter(|process| !roots.contains(&process.pid)) {
        process.signal(Signal::TERM);
        process.signal(Signal::CONT);
    }
}

/// Kills all in a cgroup; whether it is empty then.
pub(super) fn end_cgroup(cgroup: &Cgroup, until: Instant) -> bool {
    cgroup.kill().is_ok() && cgroup.wait_empty(until)
}

/// Kills the descendants of `roots` and all that still bear the mark of the run. They are stopped
/// first, round by round until no new ones turn up, because what is stopped does not fork.
/// `left` sees the caller's children that have died, and says whether others are left: a
/// subreaper without children has no descendants either. Whether nothing is left.
pub(super) fn end_by_walk(
    roots: &[i32],
    run: &str,
    until: Instant,
    mut left: impl FnMut() -> bool,
) -> bool {
    let find = || {
        let mut found = descendants(roots);
        found.extend(marked(run));
        found.retain(|process: &Process| !roots.contains(&process.pid));
        found
    };
    let mut quiet = 0;
    loop {
        let mut stopped = find();
        // One look can miss a process that hands over to another while it is looked.
        quiet = if stopped.is_empty() && !left() { quiet + 1 } else { 0 };
        if quiet == QUIET {
            return true;
        }
        stopped.iter().for_each(|process| _ = process.signal(Signal::STOP));
        while !stopped.is_empty() && Instant::now() < until {
            let fresh: Vec<_> = find().difference(&stopped).copied().collect();
            if fresh.is_empty() {
                break;
            }
            fresh.iter().for_each(|process| _ = process.signal(Signal::STOP));
            stopped.extend(fresh);
        }
        stopped.iter().for_each(|process| _ = process.signal(Signal::KILL));
        if Instant::now() >= until {
            return false;
        }
        sleep(ROUND);
    }
}

/// Waits until no process bears the mark of the run.
pub(super) fn wait_unmarked(run: &str, until: Instant) -> bool {
    let mut quiet = 0;
    loop {
        quiet = if marked(run).is_empty() { quiet + 1 } else { 0 };
        if quiet == QUIET {
            return true;
        }
        if Instant::now() >= until {
            return false;
        }
        sleep(ROUND);
    }
}
