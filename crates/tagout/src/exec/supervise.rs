//! The outer supervisor of one command: a process of its own that makes the containment, keeps the
//! time, and ends all that is in it, also when the agent is gone.
//!
//! `tagout supervise` becomes it; then come `init`, the first process inside the containment, and
//! `launch`, which becomes the command. Each is a fresh process with a single thread, so
//! nothing has to be done between a fork and an exec.

mod init;
mod launch;

use std::fs;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, setsid};
use rustix::process::{getegid, geteuid};

use super::cgroup::Cgroup;
use super::confine;
use super::outcome::{Containment, End};
use super::streams::wait;
use super::tree;
use super::wire::{BEAT, Report, STOP, Task, receive, send};
use crate::lease::Moment;

/// Which of the three processes to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// The supervisor outside of the containment.
    Outer,
    /// The first process inside.
    Init,
    /// What becomes the command.
    Launch,
}

/// How often it is looked whether the agent has been silent for too long, at least.
const LOOKING: Duration = Duration::from_millis(250);

/// The path by which this very binary is started again, also when its file was replaced.
const SELF: &str = "/proc/self/exe";

/// Is one of the three processes until its work is done.
#[must_use]
pub fn main(part: Part) -> ExitCode {
    let done = match part {
        Part::Outer => outer(),
        Part::Init => init::main(),
        Part::Launch => launch::main(),
    };
    // There is nobody to tell: whoever would listen has seen the end of the stream.
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(3) }
}

/// What every one of them does first: nothing that its parent had open stays open, and its death
/// follows its parent's where that is asked for. The stream on descriptor 0 is its parent's.
fn begin(with_parent: Option<Signal>) -> io::Result<UnixStream> {
    prctl::set_pdeathsig(with_parent)?;
    // What the agent or a supervisor blocks is not what a command is to begin with.
    SigSet::empty().thread_set_mask()?;
    confine::close_descriptors()?;
    Ok(UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// Starts one of the three and gives the stream to it.
fn start(part: &str) -> io::Result<(i32, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    let child = Command::new(SELF)
        .args(["supervise", part])
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()?;
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    Ok((pid, ours))
}

fn outer() -> io::Result<()> {
    // Its agent's death is the end of its stream. A signal would come while it ends the others
    // because of that, and leave them halfway.
    let agent = begin(None)?;
    setsid()?;
    let Some(task) = receive::<Task>(&agent)? else { return Ok(()) };
    match Supervisor::set_up(&agent, task) {
        Ok(Some(supervisor)) => supervisor.run(),
        Ok(None) => Ok(()),
        Err(why) => send(&agent, &Report::Refused { why }),
    }
}

/// Why the processes are being ended, if not because the command has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Stop,
    TimedOut,
}

struct Supervisor<'a> {
    agent: &'a UnixStream,
    init: UnixStream,
    pid: i32,
    containment: Containment,
    cgroup: Option<Cgroup>,
    run: String,
    grace: Duration,
    /// When the agent last said that it may act, and how long that holds.
    beat: Moment,
    lease: Duration,
    /// When its time is over.
    deadline: Instant,
    /// When it is killed.
    kill_at: Option<Instant>,
    cause: Option<Cause>,
    ended: Option<End>,
    left_behind: bool,
    killed: bool,
}

impl<'a> Supervisor<'a> {
    /// Makes the containment and starts the first process in it.
    fn set_up(agent: &'a UnixStream, task: Task) -> Result<Option<Self>, String> {
        prctl::set_child_subreaper(true).map_err(|e| format!("no subreaper: {e}"))?;
        let cgroup = match task.containment {
            Containment::Namespace => namespace().map(|()| None)?,
            Containment::Cgroup => {
                let path = task.cgroup.clone().ok_or("no cgroup is delegated to the agent")?;
                let cgroup = Cgroup::make(path)?;
                if let Some(launch) = &task.launch {
                    cgroup.bound(&launch.bounds);
                }
                Some(cgroup)
            }
            Containment::Weak => None,
        };
        let begun = start("init").and_then(|(pid, init)| send(&init, &task).map(|()| (pid, init)));
        let (pid, init) = match begun {
            Ok(begun) => begun,
            Err(e) => {
                cgroup.iter().for_each(Cgroup::remove);
                return Err(format!("its first process cannot be started: {e}"));
            }
        };
        let supervisor = Self {
            agent,
            init,
            pid,
            containment: task.containment,
            cgroup,
            run: task.run,
            grace: Duration::from_millis(task.grace_ms),
            beat: Moment::now(),
            lease: Duration::from_millis(task.lease_ms),
            deadline: Instant::now() + Duration::from_millis(task.timeout_ms),
            kill_at: None,
            cause: None,
            ended: None,
            left_behind: false,
            killed: false,
        };
        // It looks for itself whether it is where it should be.
        match receive(&supervisor.init) {
            Ok(Some(Report::Ready)) => {
                // An agent that is gone is noticed below.
                let _ = send(agent, &Report::Ready);
                if task.launch.is_some() {
                    return Ok(Some(supervisor));
                }
                supervisor.end_all();
                Ok(None)
            }
            other => {
                supervisor.end_all();
                match other {
                    Ok(Some(Report::Refused { why })) => Err(why),
                    _ => Err("its first process ended before it began".into()),
                }
            }
        }
    }

    fn run(mut self) -> io::Result<()> {
        self.beat = Moment::now();
        let agent_lives = loop {
            let next = self.kill_at.unwrap_or(self.deadline);
            let until = next.min(Instant::now() + LOOKING);
            let ready = wait(&[self.agent.as_fd(), self.init.as_fd()], until)?;
            // Before its words are read: those that waited while all of us slept say nothing of
            // how things stand now.
            if self.beat.elapsed() > self.lease {
                if self.ended.is_none() {
                    self.cause.get_or_insert(Cause::Stop);
                }
                self.killed = true;
                break true;
            }
            if ready.first() == Some(&true) && !self.hear()? {
                // Nobody is left to answer to; what runs on would run unseen.
                break false;
            }
            if ready.get(1) == Some(&true) && !self.follow()? {
                break true;
            }
            if Instant::now() >= next {
                if self.kill_at.is_some() {
                    self.killed = true;
                    break true;
                }
                self.cause = Some(Cause::TimedOut);
                self.ask();
            }
        };
        let gone = self.end_all();
        if !agent_lives {
            return Ok(());
        }
        let end = match (self.cause, self.ended) {
            // It was heard before anything had ended, so what did not start any more is its doing.
            (Some(Cause::Stop), _) => End::Stopped,
            (_, Some(end @ End::NotStarted { .. })) | (None, Some(end)) => end,
            (Some(Cause::TimedOut), _) => End::TimedOut,
            (None, None) => {
                End::Unknown { why: "the first process of its containment was killed".into() }
            }
        };
        let Self { left_behind, killed, .. } = self;
        send(self.agent, &Report::Finished { end, left_behind, killed, gone })
    }

    /// What the agent says; whether it is still there.
    fn hear(&mut self) -> io::Result<bool> {
        let mut words = [0; 64];
        match (&mut &*self.agent).read(&mut words) {
            Ok(0) => return Ok(false),
            Ok(length) => {
                let words = words.get(..length).unwrap_or_default();
                if words.contains(&BEAT) {
                    self.beat = Moment::now();
                }
                if words.contains(&STOP) && self.cause.is_none() && self.ended.is_none() {
                    self.cause = Some(Cause::Stop);
                    self.ask();
                }
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::ConnectionReset => return Ok(false),
            Err(e) => return Err(e),
        }
        Ok(true)
    }

    /// What the first process says; whether it is still there.
    fn follow(&mut self) -> io::Result<bool> {
        // A message that broke off is the death of who wrote it.
        match receive::<Report>(&self.init).ok().flatten() {
            None => return Ok(false),
            Some(Report::NotStarted { why }) => self.ended = Some(End::NotStarted { why }),
            Some(Report::Ended { end, left }) => {
                // What comes after a stop is its consequence, and `run` says so.
                self.ended = Some(end);
                self.left_behind = left && self.cause.is_none();
                if left && self.cause.is_none() {
                    self.ask();
                }
            }
            // If the agent is gone, that is seen on its own stream.
            Some(report) => _ = send(self.agent, &report),
        }
        Ok(true)
    }

    /// Asks all to end, and sets when they are killed.
    fn ask(&mut self) {
        tree::ask(&[self.pid], self.cgroup.as_ref());
        self.kill_at = Some(Instant::now() + self.grace);
    }

    /// Kills what there is; whether nothing is left.
    fn end_all(&self) -> bool {
        let until = tree::patience();
        let first = Pid::from_raw(self.pid);
        match self.containment {
            // Its end is over when the kernel has ended all others in the namespace.
            Containment::Namespace => {
                let _ = nix::sys::signal::kill(first, Signal::SIGKILL);
                reap_all(until)
            }
            Containment::Cgroup => {
                let empty = self.cgroup.as_ref().is_none_or(|c| tree::end_cgroup(c, until));
                let reaped = reap_all(until);
                self.cgroup.iter().for_each(Cgroup::remove);
                empty && reaped
            }
            Containment::Weak => {
                let _ = nix::sys::signal::kill(first, Signal::SIGKILL);
                // What were its children are ours now.
                let own = i32::try_from(std::process::id()).unwrap_or(0);
                tree::end_by_walk(&[own], &self.run, until, || reap(|_| ()))
            }
        }
    }
}

/// Waits until no child is left; whether it came to that.
fn reap_all(until: Instant) -> bool {
    while reap(|_| ()) {
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

/// Sees children that have died; whether others are left.
fn reap(mut see: impl FnMut(WaitStatus)) -> bool {
    loop {
        match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
            Err(nix::Error::EINTR) => {}
            Err(_) => return false,
            Ok(WaitStatus::StillAlive) => return true,
            Ok(status) => see(status),
        }
    }
}

/// Makes the next child the first process of a PID namespace. Who is not root needs a user
/// namespace for it, in which everybody is who they were.
fn namespace() -> Result<(), String> {
    let (user, group) = (geteuid(), getegid());
    let refused = |e: nix::Error| format!("the kernel grants no PID namespace: {e}");
    if user.is_root() {
        return unshare(CloneFlags::CLONE_NEWPID).map_err(refused);
    }
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWPID).map_err(refused)?;
    let map = |file: &str, line: String| {
        fs::write(format!("/proc/self/{file}"), line)
            .map_err(|e| format!("the kernel grants no user namespace ({file}: {e})"))
    };
    map("setgroups", "deny".into())?;
    map("uid_map", format!("{0} {0} 1", user.as_raw()))?;
    map("gid_map", format!("{0} {0} 1", group.as_raw()))
}
