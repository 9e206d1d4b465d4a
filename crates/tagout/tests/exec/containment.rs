//! Whatever a command starts, and however it hides, all of it ends: when it is stopped, when its
//! time is over, and when it has ended itself. In each containment that this machine grants.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use tagout::exec::{Containment, End, Executor, Order, StepOutcome, Stop};
use tagout_core::event;
use tagout_core::time::Span;

use crate::house::permit;
use crate::world::*;

/// A way to get away, as a shell script. `$1` is a file that appears when it is done.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) script: &'static str,
    /// How many processes there are at least.
    pub(crate) processes: usize,
    /// Whether its processes are others from moment to moment.
    pub(crate) changing: bool,
}

impl Fault {
    pub(crate) fn wait_until_it_has_happened(&self, mark: &str, ready: &Path, look: impl Fn()) {
        let happened = wait_for(self.name, || {
            look();
            let found = marked(mark);
            (ready.exists() && found.len() >= self.processes).then_some(found)
        });
        // Three generations, so that the first has left where it was started.
        let mut known: BTreeSet<_> = happened.into_iter().collect();
        for _ in 0..if self.changing { 3 } else { 0 } {
            let fresh = wait_for("other processes", || {
                marked(mark).into_iter().find(|pid| !known.contains(pid))
            });
            known.insert(fresh);
        }
    }
}

/// Processes that fork a successor in a session of its own and end, every few milliseconds. They
/// give up after minutes by themselves, so that a failed test does not burden the machine for ever.
const HOPPING: &str = "import os, time\n\
    end = time.monotonic() + 300\n\
    while time.monotonic() < end:\n\
    \x20   if os.fork(): os._exit(0)\n\
    \x20   os.setsid()\n\
    \x20   time.sleep(0.02)\n";

pub(crate) fn faults() -> Vec<Fault> {
    let fault = |name, script, processes| Fault { name, script, processes, changing: false };
    vec![
        fault("in a session of its own", "setsid sleep 1000 & : >\"$1\"; sleep 1000; :", 3),
        fault(
            "forked twice and left by its parents",
            "(setsid sh -c 'sleep 1000 & sleep 1000 & :' &); : >\"$1\"; sleep 1000; :",
            4,
        ),
        fault(
            "ignoring the polite signal",
            "trap '' TERM; setsid sleep 1000 & : >\"$1\"; while :; do sleep 1000; done",
            3,
        ),
        fault(
            "forking and forking",
            "n=0; while [ $n -lt 40 ]; do setsid sleep 1000 & n=$((n+1)); done; : >\"$1\"; \
             while [ $n -lt 4000 ]; do setsid sleep 1000 & n=$((n+1)); sleep 0.05; done",
            41,
        ),
        fault("stopped", "setsid sh -c 'kill -STOP $$; sleep 1000' & : >\"$1\"; sleep 1000; :", 3),
        Fault {
            name: "never in the same process for long",
            script: "/usr/bin/python3 -c \"$HOPPING\" & : >\"$1\"; sleep 1000; :",
            processes: 3,
            changing: true,
        },
    ]
}

pub(crate) fn environment(mark: &str) -> Vec<(String, String)> {
    vec![(MARK.into(), mark.into()), ("HOPPING".into(), HOPPING.into())]
}

/// A command that runs in a thread.
struct Running {
    mark: String,
    stop: Stop,
    thread: thread::JoinHandle<StepOutcome>,
    _delegated: Delegated,
}

/// Starts a fault in a containment and waits until it has happened.
fn start(fault: &Fault, containment: Containment, change: impl FnOnce(&mut Order)) -> Running {
    let (mark, delegated) = (unique(), Delegated::new());
    let dir = tempfile::tempdir().unwrap();
    let ready = dir.path().join("ready");
    let mut settings = settings();
    settings.cgroup = delegated.path();
    let permit = permit();
    // The proof of where it runs comes from the command itself.
    let script = format!(
        "readlink /proc/self/ns/pid; cat /proc/self/cgroup; grep NSpid: /proc/self/status; {}",
        fault.script
    );
    let mut order = order(&permit, &script, &[ready.to_str().unwrap()]);
    order.environment.extend(environment(&mark));
    order.containments = vec![containment];
    change(&mut order);
    let stop = Stop::new();
    let heard = stop.clone();
    let executor = Executor::open(settings).unwrap();
    let thread = thread::spawn(move || executor.run(permit, order, heard));
    fault.wait_until_it_has_happened(&mark, &ready, || {
        assert!(!thread.is_finished(), "{}: it ended before the fault", fault.name);
    });
    println!("{containment}: {}: {} processes", fault.name, marked(&mark).len());
    Running { mark, stop, thread, _delegated: delegated }
}

/// Holds that it ran where it was to run, by what the command itself saw.
pub(crate) fn ran_in(containment: Containment, outcome: &StepOutcome) {
    assert_eq!(outcome.containment, Some(containment), "{outcome:?}");
    let seen = outcome.stdout.text();
    let own = fs::read_link("/proc/self/ns/pid").unwrap();
    let own = own.to_str().unwrap();
    assert!(seen.contains("pid:["), "{seen}");
    let namespace = !seen.contains(own);
    let cgroup = seen.lines().any(|line| line.starts_with("0::") && line.contains("/tagout-"));
    let expected = (containment == Containment::Namespace, containment == Containment::Cgroup);
    assert_eq!((namespace, cgroup), expected, "{seen}");
}

/// Does something in each containment that this machine grants, and says which.
fn everywhere(mut what: impl FnMut(Containment)) {
    let delegated = Delegated::new();
    let mut settings = settings();
    settings.cgroup = delegated.path();
    let granted = granted(&Executor::open(settings).unwrap());
    assert!(granted.contains(&Containment::Weak), "a weak containment needs nothing special");
    for containment in granted {
        println!("RUN in {containment}");
        what(containment);
    }
}

#[test]
fn all_processes_of_a_stopped_command_are_gone_whatever_they_did_to_get_away() {
    everywhere(|containment| {
        for fault in faults() {
            let running = start(&fault, containment, |_| ());
            running.stop.now();
            let outcome = running.thread.join().unwrap();
            all_gone(&running.mark, fault.name);
            assert_eq!((&outcome.end, outcome.gone), (&End::Stopped, true), "{outcome:?}");
            ran_in(containment, &outcome);
        }
    });
}

#[test]
fn a_command_that_takes_too_long_is_ended_with_all_its_processes() {
    everywhere(|containment| {
        let fault = &faults()[2];
        let running = start(fault, containment, |order| order.timeout = Span::from_secs(2));
        let outcome = running.thread.join().unwrap();
        all_gone(&running.mark, fault.name);
        assert_eq!((&outcome.end, outcome.gone), (&End::TimedOut, true), "{outcome:?}");
        assert!(outcome.killed, "it did not ignore the polite signal");
        assert!(outcome.took >= Duration::from_secs(2));
        ran_in(containment, &outcome);
    });
}

#[test]
fn a_command_that_ends_at_the_polite_signal_is_not_killed() {
    everywhere(|containment| {
        let script = "trap 'echo tidied up; kill $!; exit 0' TERM; sleep 1000 & : >\"$1\"; wait";
        let fault = Fault { name: "tidy", script, processes: 2, changing: false };
        let running = start(&fault, containment, |order| order.grace = Span::from_secs(20));
        let asked = Instant::now();
        running.stop.now();
        let outcome = running.thread.join().unwrap();
        assert_eq!((&outcome.end, outcome.killed), (&End::Stopped, false), "{outcome:?}");
        assert!(outcome.stdout.text().contains("tidied up"), "{outcome:?}");
        assert!(asked.elapsed() < Duration::from_secs(20), "the grace was waited for in vain");
        ran_in(containment, &outcome);
    });
}

#[test]
fn a_grandchild_that_holds_the_pipe_does_not_hold_the_step() {
    everywhere(|containment| {
        let mark = unique();
        let delegated = Delegated::new();
        let mut settings = settings();
        settings.cgroup = delegated.path();
        let permit = permit();
        let script = "readlink /proc/self/ns/pid; cat /proc/self/cgroup; \
                      setsid sh -c 'sleep 1000; echo late' & exit 7";
        let mut order = order(&permit, script, &[]);
        order.environment.extend(environment(&mark));
        order.containments = vec![containment];
        let outcome = Executor::open(settings).unwrap().run(permit, order, Stop::new());
        all_gone(&mark, "the grandchild");
        assert_eq!(outcome.end, End::Exited { code: 7 }, "{outcome:?}");
        assert!(outcome.left_behind && outcome.gone, "{outcome:?}");
        assert!(!outcome.stdout.is_truncated(), "{outcome:?}");
        ran_in(containment, &outcome);
    });
}

#[test]
fn a_command_that_leaves_nothing_behind_says_how_it_ended() {
    everywhere(|containment| {
        let outcome = |script| run_with(script, |order| order.containments = vec![containment]);
        if containment != Containment::Cgroup {
            let ended = outcome("exit 3");
            assert_eq!((ended.end, ended.left_behind), (End::Exited { code: 3 }, false));
            let ended = outcome("kill -KILL $$");
            assert_eq!((ended.end, ended.killed), (End::Signalled { signal: 9 }, false));
        }
    });
}

#[test]
fn a_cgroup_of_a_run_is_removed_with_those_that_the_command_made_in_it() {
    let delegated = Delegated::new();
    let Some(path) = delegated.path() else {
        println!("NOT RUN: this machine lets nobody make a cgroup");
        return;
    };
    let mut settings = settings();
    settings.cgroup = Some(path.clone());
    let executor = Executor::open(settings).unwrap();
    let permit = permit();
    let script = format!(
        "own={}/$(basename $(sed -n 's/^0:://p' /proc/self/cgroup)); \
         mkdir -p $own/a/b && echo made; sleep 1000 & echo $! >$own/a/b/cgroup.procs",
        path.display()
    );
    let mut order = order(&permit, &script, &[]);
    order.containments = vec![Containment::Cgroup];
    let outcome = executor.run(permit, order, Stop::new());
    assert_eq!(printed(&outcome), "made\n");
    assert!(outcome.gone && outcome.left_behind, "{outcome:?}");
    let left = fs::read_dir(path).unwrap().flatten().filter(|e| e.path().is_dir()).count();
    assert_eq!(left, 0);
}

#[test]
fn a_weak_containment_is_refused_unless_the_operator_allows_it() {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let run = |allow_weak| {
        let mut settings = settings();
        settings.allow_weak = allow_weak;
        let permit = permit();
        let mut order = order(&permit, &format!("echo ran >>{}", trace.path().display()), &[]);
        order.containments = vec![Containment::Cgroup, Containment::Weak];
        Executor::open(settings).unwrap().run(permit, order, Stop::new())
    };
    let outcome = run(false);
    let End::NotStarted { why } = &outcome.end else { panic!("{outcome:?}") };
    assert!(why.contains("the operator has not allowed it"), "{why}");
    assert_eq!(outcome.refused.len(), 2);
    assert_eq!(fs::read(trace.path()).unwrap(), b"");
    let outcome = run(true);
    assert_eq!(outcome.containment, Some(Containment::Weak));
    assert_eq!(outcome.refused[0].0, Containment::Cgroup);
    assert_eq!(fs::read(trace.path()).unwrap(), b"ran\n");
}

#[test]
fn a_command_that_is_stopped_before_it_starts_leaves_no_trace() {
    let stop = Stop::new();
    stop.now();
    let permit = permit();
    let trace = tempfile::NamedTempFile::new().unwrap();
    let order = order(&permit, &format!("echo ran >>{}", trace.path().display()), &[]);
    let outcome = Executor::open(settings()).unwrap().run(permit, order, stop);
    assert_eq!(outcome.end, End::Stopped, "{outcome:?}");
    assert_eq!(fs::read(trace.path()).unwrap(), b"");
}

#[test]
fn a_command_that_is_stopped_on_its_way_to_the_start_is_stopped_and_has_not_failed() {
    let executor = Executor::open(settings()).unwrap();
    for delay in (0..40).map(Duration::from_millis) {
        let (stop, permit) = (Stop::new(), permit());
        let order = order(&permit, "sleep 1000; :", &[]);
        let outcome = thread::scope(|scope| {
            let running = scope.spawn(|| executor.run(permit, order, stop.clone()));
            thread::sleep(delay);
            stop.now();
            running.join().unwrap()
        });
        assert_eq!(outcome.end, End::Stopped, "after {delay:?}: {outcome:?}");
        assert_eq!(outcome.recorded(), Some(event::StepOutcome::Stopped), "{outcome:?}");
    }
}

#[test]
fn one_word_stops_all_commands_that_run() {
    let executor = Executor::open(settings()).unwrap();
    let (stop, mark) = (Stop::new(), unique());
    let outcomes: Vec<_> = thread::scope(|scope| {
        let run = |_| {
            let permit = permit();
            let mut order = order(&permit, "sleep 1000; :", &[]);
            order.environment.extend(environment(&mark));
            let (executor, stop) = (&executor, stop.clone());
            scope.spawn(move || executor.run(permit, order, stop))
        };
        let all: Vec<_> = (0..3).map(run).collect();
        wait_for("three commands", || (marked(&mark).len() >= 6).then_some(()));
        stop.now();
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(outcomes.iter().all(|outcome| outcome.end == End::Stopped), "{outcomes:?}");
    all_gone(&mark, "one of three");
}
