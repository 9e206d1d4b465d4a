//! A machine to run commands on: what it offers, orders for it, and who is still alive.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tagout::exec::{Bounds, Containment, Executor, Order, Program, Settings, StepOutcome, Stop};
use tagout::journal::StepPermit;
use tagout_core::time::Span;

use crate::house::permit;

/// The variable by which a test finds the processes of its commands.
pub(crate) const MARK: &str = "TEST_MARK";

/// A cgroup that is delegated to the executor of one test.
pub(crate) struct Delegated(Option<PathBuf>);

impl Delegated {
    /// Makes one below the cgroup of this process, if the machine lets us.
    pub(crate) fn new() -> Self {
        Self(Self::make())
    }

    fn make() -> Option<PathBuf> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let cgroup2 = mounts.lines().find(|line| line.contains(" - cgroup2 "))?;
        let mount = cgroup2.split(' ').nth(4)?;
        let own = fs::read_to_string("/proc/self/cgroup").unwrap();
        let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?.to_owned();
        let path = Path::new(mount).join(own).join(format!("tests-{}", unique()));
        fs::create_dir(&path).ok().map(|()| path)
    }

    pub(crate) fn path(&self) -> Option<PathBuf> {
        self.0.clone()
    }
}

impl Drop for Delegated {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = fs::remove_dir(path);
        }
    }
}

/// Something that no other test of this machine uses.
pub(crate) fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}x{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn settings() -> Settings {
    Settings {
        supervisor: env!("CARGO_BIN_EXE_tagout").into(),
        cgroup: None,
        allow_weak: true,
        directory: "/".into(),
    }
}

/// A shell script as an order for the permit, with any containment.
pub(crate) fn order(permit: &StepPermit, script: &str, arguments: &[&str]) -> Order {
    let mut all = vec!["-c".to_owned(), script.to_owned(), "sh".to_owned()];
    all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    Order {
        plan: permit.plan(),
        step: permit.step().into(),
        program: Program::resolve(Path::new("/bin/sh")).unwrap(),
        arguments: all,
        line: None,
        input: None,
        inherit: BTreeSet::new(),
        environment: [("PATH".into(), "/usr/sbin:/usr/bin:/sbin:/bin".into())].into(),
        secrets: Vec::new(),
        directory: "/".into(),
        timeout: Span::from_secs(60),
        grace: Span::from_millis(200),
        bounds: Bounds::default(),
        containments: Containment::ALL.into(),
        profiles: Vec::new(),
        exit_codes: Default::default(),
        every: None,
    }
}

/// Runs a shell script to its end.
pub(crate) fn run(script: &str) -> StepOutcome {
    run_with(script, |_| ())
}

/// Runs a shell script to its end, with changes to the order.
pub(crate) fn run_with(script: &str, change: impl FnOnce(&mut Order)) -> StepOutcome {
    let executor = Executor::open(settings()).unwrap();
    let permit = permit();
    let mut order = order(&permit, script, &[]);
    change(&mut order);
    executor.run(permit, order, Stop::new())
}

/// What a script printed, when it went as it should.
pub(crate) fn printed(outcome: &StepOutcome) -> String {
    assert_eq!(outcome.end, tagout::exec::End::Exited { code: 0 }, "{outcome:?}");
    outcome.stdout.text()
}

/// The living processes with a mark, in their environment or as an argument.
pub(crate) fn marked(mark: &str) -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let has = |pid: &i32| {
        let holds = |what: &str| {
            let bytes = fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
            bytes
                .split(|byte| *byte == 0)
                .any(|part| part == mark.as_bytes() || part == format!("{MARK}={mark}").as_bytes())
        };
        holds("environ") || holds("cmdline")
    };
    let own = std::process::id().cast_signed();
    pids.filter(|pid| *pid != own && has(pid) && is_alive(*pid)).collect()
}

/// Holds that no process with a mark is alive. It looks often, because one look can miss a process
/// that hands over to another meanwhile.
pub(crate) fn all_gone(mark: &str, what: &str) {
    for _ in 0..10 {
        assert_eq!(marked(mark), [0; 0], "{what}");
        sleep(Duration::from_millis(5));
    }
}

pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

pub(crate) fn parent(pid: i32) -> i32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    rest.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Waits for something that must come.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "this did not come: {what}");
        sleep(Duration::from_millis(5));
    }
}

/// The containments that this machine grants; says which it does not and why.
pub(crate) fn granted(executor: &Executor) -> Vec<Containment> {
    let survey = executor.survey().into_iter();
    survey
        .filter_map(|(containment, granted)| match granted {
            Ok(()) => Some(containment),
            Err(why) => {
                println!("NOT RUN in {containment}: {why}");
                None
            }
        })
        .collect()
}
