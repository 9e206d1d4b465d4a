//! The first process inside a containment. It starts the command, sees every process there end, and
//! ends them all when the supervisor outside is gone.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::id;
use std::time::{Duration, Instant};

use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::WaitStatus;
use nix::unistd::{Pid, setsid};

use super::super::cgroup::Cgroup;
use super::super::outcome::{Containment, End};
use super::super::streams::wait;
use super::super::tree;
use super::super::wire::{Launch, Report, Task, receive, send};
use super::{begin, reap, start};

/// How long to wait for a signal that may never come.
const LONG: Duration = Duration::from_secs(3600);

pub(super) fn main() -> io::Result<()> {
    // In a namespace this process takes all others with it. Elsewhere it must outlive the
    // supervisor for as long as it takes to end them.
    let supervisor = begin(None)?;
    let Some(task) = receive::<Task>(&supervisor)? else { return Ok(()) };
    let cgroup = match enter(&task) {
        Ok(cgroup) => cgroup,
        Err(why) => return send(&supervisor, &Report::Refused { why }),
    };
    let Task { containment, run, launch, .. } = task;
    let end = || match containment {
        Containment::Namespace => {}
        Containment::Cgroup => _ = cgroup.as_ref().map(Cgroup::kill),
        Containment::Weak => {
            let own = i32::try_from(id()).unwrap_or(0);
            tree::end_by_walk(&[own], &run, tree::patience(), || reap(|_| ()));
        }
    };
    let done = match launch {
        None => send(&supervisor, &Report::Ready),
        Some(launch) => attend(&supervisor, &launch),
    };
    // Also after a fault of our own: nothing may stay.
    end();
    done
}

/// Sees that this process is inside what it is to be inside of.
fn enter(task: &Task) -> Result<Option<Cgroup>, String> {
    setsid().map_err(|e| format!("no session of its own: {e}"))?;
    prctl::set_child_subreaper(true).map_err(|e| format!("no subreaper: {e}"))?;
    match task.containment {
        Containment::Namespace => {
            if id() != 1 {
                return Err("the PID namespace was made, and another process is first in it".into());
            }
            prctl::set_pdeathsig(Signal::SIGKILL)
                .map_err(|e| format!("its death cannot be bound to its supervisor's: {e}"))?;
            Ok(None)
        }
        Containment::Cgroup => {
            let path = task.cgroup.clone().ok_or("no cgroup is delegated to the agent")?;
            let cgroup = Cgroup::at(path);
            cgroup.enter()?;
            Ok(Some(cgroup))
        }
        Containment::Weak => Ok(None),
    }
}

/// Starts the command and stays until all is over, or the supervisor is gone.
fn attend(supervisor: &UnixStream, launch: &Launch) -> io::Result<()> {
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    // Whoever is started from here on begins with unblocking it.
    children.thread_block()?;
    let deaths = SignalFd::with_flags(&children, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    send(supervisor, &Report::Ready)?;
    let (main, launcher) = match start("launch") {
        Ok(started) => started,
        Err(e) => {
            let why = format!("its launcher cannot be started: {e}");
            return send(supervisor, &Report::NotStarted { why });
        }
    };
    let main = Pid::from_raw(main);
    // A launcher that died at once does not read it, and that is seen below.
    let _ = send(&launcher, launch);
    let mut launcher = Some(launcher);
    let (mut starting, mut not_started) = (false, None);
    let (mut ended, mut reported) = (None, false);
    loop {
        let mut streams = vec![supervisor.as_fd(), deaths.as_fd()];
        streams.extend(launcher.as_ref().map(AsFd::as_fd));
        let ready = wait(&streams, Instant::now() + LONG)?;
        let ready = |stream: usize| ready.get(stream) == Some(&true);
        if ready(0) {
            // It never says anything more: this is the end of its stream.
            return Ok(());
        }
        if ready(1) {
            while deaths.read_signal()?.is_some() {}
        }
        if let Some(stream) = launcher.as_ref().filter(|_| ready(2)) {
            match receive(stream).ok().flatten() {
                Some(Report::NotStarted { why }) => not_started = Some(why),
                Some(report) => {
                    starting = true;
                    send(supervisor, &report)?;
                }
                // It has become the command, or is dead.
                None => launcher = None,
            }
        }
        let left = reap(|status| {
            if status.pid() == Some(main) {
                ended = Some(status);
            }
        });
        if let (Some(status), None, false) = (ended, &launcher, reported) {
            reported = true;
            let report = match (not_started.take(), starting) {
                (Some(why), _) => Report::NotStarted { why },
                (None, true) => Report::Ended { end: end_of(status), left },
                (None, false) => {
                    let why = format!("its launcher ended before it began: {status:?}");
                    Report::NotStarted { why }
                }
            };
            send(supervisor, &report)?;
        }
        if reported && !left {
            return Ok(());
        }
    }
}

fn end_of(status: WaitStatus) -> End {
    match status {
        WaitStatus::Exited(_, code) => End::Exited { code },
        WaitStatus::Signaled(_, signal, _) => End::Signalled { signal: signal as i32 },
        other => End::Unknown { why: format!("it was left as {other:?}") },
    }
}
