//! Supervisors and agents that are killed, alone and together: nothing of the command outlives them.

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use tagout::exec::{Containment, End, Executor, Stop};

use crate::agent::{self, Orders};
use crate::house::permit;
use crate::world::*;

const SCRIPT: &str = "trap '' TERM; setsid sleep 1000 & (setsid sleep 1000 &); : >\"$1\"; \
                      sleep 1000; sleep 1000; :";
const PROCESSES: usize = 4;

/// Kills processes together: they are stopped first, so that none has time to see another die.
fn kill(pids: &[i32]) {
    let pids: Vec<_> = pids.iter().map(ToString::to_string).collect();
    for signal in ["-STOP", "-KILL"] {
        assert!(Command::new("kill").arg(signal).args(&pids).status().unwrap().success());
    }
}

/// Inner and outer supervisor of what bears the mark: the command's parent and its parent.
fn supervisors(mark: &str) -> (i32, i32) {
    let is_supervisor = |pid: i32| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.contains("\0supervise\0")
    };
    let mut inner: Vec<_> =
        marked(mark).into_iter().map(parent).filter(|pid| is_supervisor(*pid)).collect();
    inner.dedup();
    assert!(!inner.is_empty(), "no supervisor");
    let outer = parent(inner[0]);
    assert!(is_supervisor(outer), "its parent is no supervisor");
    (inner[0], outer)
}

fn everywhere(mut what: impl FnMut(Containment, Option<PathBuf>)) {
    let delegated = Delegated::new();
    let mut settings = settings();
    settings.cgroup = delegated.path();
    for containment in granted(&Executor::open(settings).unwrap()) {
        println!("RUN in {containment}");
        what(containment, delegated.path());
    }
}

/// Runs the command in this process, kills some of its supervisors, and gives the outcome.
fn after_killing(
    containment: Containment,
    cgroup: Option<PathBuf>,
    whom: fn((i32, i32)) -> Vec<i32>,
) -> tagout::exec::StepOutcome {
    let mark = unique();
    let dir = tempfile::tempdir().unwrap();
    let ready = dir.path().join("ready");
    let permit = permit();
    let mut order = order(&permit, SCRIPT, &[ready.to_str().unwrap()]);
    order.environment.insert(MARK.into(), mark.clone());
    order.containments = vec![containment];
    let mut settings = settings();
    settings.cgroup = cgroup;
    let executor = Executor::open(settings).unwrap();
    let running = thread::spawn(move || executor.run(permit, order, Stop::new()));
    wait_for("the command", || (ready.exists() && marked(&mark).len() >= PROCESSES).then_some(()));
    kill(&whom(supervisors(&mark)));
    let outcome = running.join().unwrap();
    all_gone(&mark, &containment.to_string());
    assert!(outcome.gone, "{containment}: {outcome:?}");
    outcome
}

#[test]
fn a_command_whose_outer_supervisor_is_killed_ends_and_its_outcome_is_unknown() {
    everywhere(|containment, cgroup| {
        let outcome = after_killing(containment, cgroup, |(_, outer)| vec![outer]);
        assert!(matches!(outcome.end, End::Unknown { .. }), "{outcome:?}");
        assert_eq!(outcome.recorded(), None);
    });
}

#[test]
fn a_command_whose_inner_supervisor_is_killed_ends_and_its_outcome_is_unknown() {
    everywhere(|containment, cgroup| {
        let outcome = after_killing(containment, cgroup, |(inner, _)| vec![inner]);
        assert!(matches!(outcome.end, End::Unknown { .. }), "{outcome:?}");
    });
}

#[test]
fn a_command_whose_supervisors_are_both_killed_is_ended_by_the_agent() {
    everywhere(|containment, cgroup| {
        let outcome = after_killing(containment, cgroup, |(inner, outer)| vec![outer, inner]);
        assert!(matches!(outcome.end, End::Unknown { .. }), "{outcome:?}");
    });
}

/// Another process runs the command; it is killed with some of the supervisors.
fn with_the_agent(
    containment: Containment,
    cgroup: Option<PathBuf>,
    whom: fn((i32, i32)) -> Vec<i32>,
) -> (String, Child) {
    let mark = unique();
    let dir = tempfile::tempdir().unwrap();
    let orders = Orders {
        containment,
        cgroup,
        script: SCRIPT.into(),
        mark: mark.clone(),
        ready: dir.path().join("ready"),
    };
    let agent = agent::start(&orders, &[]);
    wait_for("the command", || {
        (orders.ready.exists() && marked(&mark).len() >= PROCESSES).then_some(())
    });
    let (inner, outer) = supervisors(&mark);
    assert_eq!(parent(outer), agent.id().cast_signed(), "the agent is not its parent");
    let mut pids = vec![agent.id().cast_signed()];
    pids.extend(whom((inner, outer)));
    kill(&pids);
    (mark, agent)
}

fn ends(mark: &str, mut agent: Child) {
    agent.wait().unwrap();
    wait_for("the end of all processes", || marked(mark).is_empty().then_some(()));
}

#[test]
fn a_command_whose_agent_is_killed_ends() {
    everywhere(|containment, cgroup| {
        let (mark, agent) = with_the_agent(containment, cgroup, |_| Vec::new());
        ends(&mark, agent);
    });
    swept();
}

#[test]
fn a_command_whose_agent_and_outer_supervisor_are_killed_together_ends() {
    everywhere(|containment, cgroup| {
        let (mark, agent) = with_the_agent(containment, cgroup.clone(), |(_, outer)| vec![outer]);
        ends(&mark, agent);
        // The next agent removes what is left of the cgroup.
        let mut settings = settings();
        settings.cgroup = cgroup;
        Executor::open(settings).unwrap();
    });
    swept();
}

#[test]
fn a_command_whose_agent_and_supervisors_are_all_killed_ends_at_the_next_start_at_the_latest() {
    everywhere(|containment, cgroup| {
        let (mark, mut agent) =
            with_the_agent(containment, cgroup.clone(), |(inner, outer)| vec![outer, inner]);
        agent.wait().unwrap();
        if containment == Containment::Namespace {
            // Nothing but the kernel is left to end it, and it does.
            wait_for("the end of all processes", || marked(&mark).is_empty().then_some(()));
        } else {
            // What this next agent is for: something did get away.
            let left = marked(&mark).len();
            println!("{containment}: {left} processes before the next start");
            assert!(left > 0);
        }
        let mut settings = settings();
        settings.cgroup = cgroup;
        Executor::open(settings).unwrap();
        all_gone(&mark, &containment.to_string());
    });
    swept();
}

#[test]
fn a_command_whose_agent_is_stuck_ends_by_itself() {
    let mut stuck = Vec::new();
    everywhere(|containment, cgroup| {
        let mark = unique();
        let dir = tempfile::tempdir().unwrap();
        let ready = dir.path().join("ready");
        let (script, mark_of) = (SCRIPT.to_owned(), mark.clone());
        let orders = Orders { containment, cgroup, script, mark: mark_of, ready };
        let agent = agent::start(&orders, &[]);
        wait_for("the command", || {
            (orders.ready.exists() && marked(&mark).len() >= PROCESSES).then_some(())
        });
        // It goes on for as long as the agent says so.
        thread::sleep(Duration::from_millis(200));
        assert!(!marked(&mark).is_empty());
        signal("-STOP", agent.id());
        stuck.push((containment, mark, agent, Instant::now()));
        // A cgroup is the executor's of one test at a time.
        if containment == Containment::Cgroup {
            let (_, mark, ..) = stuck.last().unwrap();
            wait_for("the end of all processes", || marked(mark).is_empty().then_some(()));
        }
    });
    for (containment, mark, mut agent, since) in stuck {
        wait_for("the end of all processes", || marked(&mark).is_empty().then_some(()));
        println!("{containment}: all had ended {:?} after the agent was stuck", since.elapsed());
        assert!(since.elapsed() > Duration::from_secs(3), "it was ended for another reason");
        // It learns of it when it goes on.
        signal("-CONT", agent.id());
        let mut said = String::new();
        agent.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        agent.wait().unwrap();
        assert!(said.contains("Stopped in"), "{said}");
    }
}

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

/// No cgroup of a run of this test is left where it was made.
fn swept() {
    let delegated = Delegated::new();
    let Some(path) = delegated.path() else { return };
    let own = format!("tests-{}x", std::process::id());
    let siblings = fs::read_dir(path.parent().unwrap()).unwrap().flatten();
    for sibling in siblings.filter(|e| e.file_name().to_string_lossy().starts_with(&own)) {
        let runs = fs::read_dir(sibling.path()).unwrap().flatten();
        assert_eq!(runs.filter(|run| run.path().is_dir()).count(), 0, "{sibling:?}");
    }
}

#[test]
fn a_start_ends_nothing_of_an_agent_that_lives() {
    everywhere(|containment, cgroup| {
        let mark = unique();
        let dir = tempfile::tempdir().unwrap();
        let orders = Orders {
            containment,
            cgroup: cgroup.clone(),
            script: ": >\"$1\"; until [ -e \"$1.go\" ]; do sleep 0.05; done; echo done".into(),
            mark: mark.clone(),
            ready: dir.path().join("ready"),
        };
        let mut agent = agent::start(&orders, &[]);
        wait_for("the command", || orders.ready.exists().then_some(()));
        let mut settings = settings();
        settings.cgroup = cgroup;
        Executor::open(settings).unwrap();
        fs::write(dir.path().join("ready.go"), "").unwrap();
        let mut said = String::new();
        agent.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        agent.wait().unwrap();
        assert!(said.contains("Exited { code: 0 }") && said.contains("done\n"), "{said}");
    });
}

#[test]
fn an_agent_that_is_not_root_gets_a_namespace_through_one_of_users() {
    let as_nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
    let probe = Command::new(as_nobody[0]).args(&as_nobody[1..]).arg("/bin/true").status();
    if !probe.is_ok_and(|status| status.success()) {
        println!("NOT RUN: this process cannot become somebody else");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let orders = Orders {
        containment: Containment::Namespace,
        cgroup: None,
        script: "id -u; readlink /proc/self/ns/user; readlink /proc/self/ns/pid; \
                 setsid sleep 1000 & exit 0"
            .into(),
        mark: unique(),
        ready: dir.path().join("ready"),
    };
    let mut agent = agent::start(&orders, &as_nobody);
    let mut said = String::new();
    agent.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    agent.wait().unwrap();
    if said.contains("no containment can be had") {
        println!("NOT RUN: {said}");
        return;
    }
    assert!(said.contains("Exited { code: 0 } in Some(Namespace)"), "{said}");
    assert!(said.contains("\n65534\n"), "{said}");
    for namespace in ["user", "pid"] {
        let own = fs::read_link(format!("/proc/self/ns/{namespace}")).unwrap();
        assert!(!said.contains(own.to_str().unwrap()), "{said}");
    }
    all_gone(&orders.mark, "as nobody");
}
