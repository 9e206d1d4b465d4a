//! What runs of an agent that died may have left, and its end. Every run names its agent by process
//! number and time of start, so that nothing of a living agent is touched.

use std::collections::BTreeSet;
use std::path::Path;

use tagout_core::digest;

use super::cgroup::Cgroup;
use super::processes::Process;
use super::tree;
use crate::fault::Fault;

/// This agent, among all that may run on the machine.
#[derive(Debug)]
pub(super) struct Sweeper {
    agent: String,
}

impl Sweeper {
    pub(super) fn new() -> Result<Self, Fault> {
        let own = i32::try_from(std::process::id()).ok().and_then(Process::of);
        let own = own.ok_or_else(|| {
            Fault::new("/proc does not show this process; mount it, commands need it")
        })?;
        Ok(Self { agent: format!("{}-{}", own.pid, own.started) })
    }

    /// The id of a new run of this agent.
    pub(super) fn run(&self) -> Result<String, String> {
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|e| format!("the operating system gives no random bytes: {e}"))?;
        Ok(format!("{}-{}", self.agent, digest::to_hex(&random)))
    }

    /// Ends what agents that are no more have left.
    pub(super) fn sweep(&self, delegated: Option<&Path>) -> Result<(), Fault> {
        let until = tree::patience();
        for (run, cgroup) in delegated.map(Cgroup::all).unwrap_or_default() {
            if is_orphan(&run) {
                if !tree::end_cgroup(&cgroup, until) {
                    return Err(left(&run));
                }
                cgroup.remove();
            }
        }
        let runs = Process::all().into_iter().filter_map(|process| process.run());
        for run in runs.filter(|run| is_orphan(run)).collect::<BTreeSet<_>>() {
            if !tree::end_by_walk(&[], &run, until, || false) {
                return Err(left(&run));
            }
        }
        Ok(())
    }
}

fn left(run: &str) -> Fault {
    Fault::new(format!(
        "processes of run {run}, whose agent has died, cannot be ended; end them by hand and start \
         again"
    ))
}

/// Whether the agent of a run is gone. What does not name an agent is not ours.
fn is_orphan(run: &str) -> bool {
    let mut parts = run.split('-');
    let (Some(Ok(pid)), Some(Ok(started))) =
        (parts.next().map(str::parse::<i32>), parts.next().map(str::parse::<u64>))
    else {
        return false;
    };
    Process::of(pid).is_none_or(|agent| agent.dead || agent.started != started)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_an_orphan_when_its_agent_is_gone_or_another_process_has_its_number() {
        let sweeper = Sweeper::new().unwrap();
        assert!(!is_orphan(&sweeper.run().unwrap()));
        let own = Process::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(is_orphan(&format!("{}-{}-aa", own.pid, own.started + 1)));
        assert!(is_orphan("4194304-1-aa"));
        assert!(!is_orphan("something else"));
    }
}
