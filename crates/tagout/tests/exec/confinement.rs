//! What a command does not have: the agent's environment, its descriptors, new privileges, more than
//! its limits, and what its profile does not grant.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tagout::exec::{
    Bounds, Containment, End, Enforced, Executor, Order, Profile, Program, StepOutcome, Stop,
};
use tagout_core::limits;
use tagout_core::time::Span;

use crate::house::permit;
use crate::world::*;

#[test]
fn a_command_sees_the_allowed_environment_and_nothing_else() {
    // A variable that surely is in the environment of a test.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let outcome = run_with("exec env", |order| {
        order.inherit = ["CARGO_PKG_NAME".into(), "NOT_SET_ANYWHERE".into()].into();
        order.environment.insert("GIVEN".into(), "a \"value\"\nof two lines".into());
    });
    let printed = printed(&outcome);
    let mut names: Vec<_> = printed
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        // What the shell itself adds.
        .filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name))
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["CARGO_PKG_NAME", "GIVEN", "PATH", "TAGOUT_RUN"]);
    assert!(printed.contains("CARGO_PKG_NAME=tagout\n"));
    assert!(printed.contains("GIVEN=a \"value\"\nof two lines\n"));
}

#[test]
fn a_command_has_three_descriptors_also_if_the_agent_leaves_others_open() {
    // Opened without the flag that closes it, as a careless library would.
    let left_open = rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), 40).unwrap();
    rustix::io::fcntl_setfd(&left_open, rustix::io::FdFlags::empty()).unwrap();
    let child = std::process::Command::new("/bin/ls").arg("/proc/self/fd").output().unwrap();
    let inherited = String::from_utf8(child.stdout).unwrap();
    assert!(inherited.lines().any(|line| line == "40"), "it is not inherited: {inherited}");
    let outcome = run("ls /proc/self/fd");
    // The last one is the listing's own.
    assert_eq!(printed(&outcome), "0\n1\n2\n3\n");
    let outcome = run("readlink /proc/self/fd/0; cat");
    assert_eq!(printed(&outcome), "/dev/null\n");
}

#[test]
fn a_command_begins_with_no_signal_blocked_and_leads_a_session_of_its_own() {
    let outcome = run("exec grep -E '^(NSpid|NSsid|Sig(Blk|Ign)):' /proc/self/status");
    let printed = printed(&outcome);
    let field = |name: &str| {
        let line = printed.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    };
    assert_eq!(u64::from_str_radix(&field("SigBlk:"), 16), Ok(0));
    // Two are the C library's own; it ignores them in whatever it starts.
    let ignored = u64::from_str_radix(&field("SigIgn:"), 16).unwrap() & !0x1_8000_0000;
    assert_eq!(ignored, 0, "{printed}");
    assert_eq!(field("NSpid:"), field("NSsid:"));
}

#[test]
fn a_command_cannot_gain_privileges() {
    assert_eq!(printed(&run("grep NoNewPrivs /proc/self/status")), "NoNewPrivs:\t1\n");
}

#[test]
fn a_command_is_held_to_its_limits() {
    let bounds = Bounds {
        cpu: Span::from_secs(7),
        memory: 1 << 30,
        files: 64,
        processes: 500,
        file_size: 4096,
    };
    let outcome = run_with("cat /proc/self/limits", |order| order.bounds = bounds);
    let printed = printed(&outcome);
    let limit = |name: &str| {
        let line = printed.lines().find(|line| line.starts_with(name)).unwrap();
        line[26..].split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(limit("Max cpu time"), "7");
    assert_eq!(limit("Max address space"), (1 << 30).to_string());
    assert_eq!(limit("Max open files"), "64");
    assert_eq!(limit("Max processes"), "500");
    assert_eq!(limit("Max file size"), "4096");
    assert_eq!(limit("Max core file size"), "0");
}

#[test]
fn a_command_that_takes_more_than_its_limits_fails() {
    let bounded =
        |script: &str, change: fn(&mut Bounds)| run_with(script, |order| change(&mut order.bounds));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    let outcome = bounded(&format!("head -c 5000 /dev/zero >{}", file.display()), |bounds| {
        bounds.file_size = 4096;
    });
    assert_ne!(outcome.end, End::Exited { code: 0 });
    assert_eq!(fs::metadata(&file).unwrap().len(), 4096);
    let outcome = bounded("while :; do :; done", |bounds| bounds.cpu = Span::from_secs(1));
    // The limit of the time is a hard one, so the kernel kills.
    assert_eq!(outcome.end, End::Signalled { signal: 9 }, "{outcome:?}");
    let memory = "/usr/bin/python3 -c 'bytearray(300 << 20)'";
    assert_eq!(run(memory).end, End::Exited { code: 0 });
    let outcome = bounded(memory, |bounds| bounds.memory = 200 << 20);
    assert_ne!(outcome.end, End::Exited { code: 0 });
    let many = "/usr/bin/python3 -c 'print(len([open(\"/dev/null\") for _ in range(40)]))'";
    assert_eq!(printed(&run(many)), "40\n");
    let outcome = bounded(many, |bounds| bounds.files = limits::EXEC_FILES.0);
    assert_ne!(outcome.end, End::Exited { code: 0 });
}

fn landlocked(profile: Profile, script: &str) -> Option<StepOutcome> {
    let outcome = run_with(script, |order| order.profiles = vec![profile]);
    if let End::NotStarted { why } = &outcome.end
        && why.contains("not fully enforced")
    {
        println!("NOT RUN: {why}");
        return None;
    }
    assert_eq!(outcome.profile, Enforced::Fully);
    Some(outcome)
}

const READ_ONLY: Profile = Profile::ReadOnly { connect: Vec::new() };

#[test]
fn a_read_only_command_reads_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("kept");
    fs::write(&kept, "before\n").unwrap();
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o666)).unwrap();
    let kept = kept.display();
    let script = format!(
        "cat {kept}; echo x >/dev/null && echo null; \
         echo after >>{kept}; truncate -s 0 {kept}; mv {kept} {kept}.moved; rm -f {kept}; \
         ln -s {kept} {kept}.link; mkdir {kept}.dir; chmod 0 /nowhere; true"
    );
    let Some(outcome) = landlocked(READ_ONLY, &script) else { return };
    assert_eq!(printed(&outcome), "before\nnull\n");
    assert_eq!(fs::read_to_string(kept.to_string()).unwrap(), "before\n");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "{outcome:?}");
    // Without the profile the same script does all of it.
    run(&script);
    assert!(!Path::new(&kept.to_string()).exists());
}

#[test]
fn a_read_only_command_signals_and_connects_to_nobody_outside() {
    let mut other = std::process::Command::new("/bin/sleep").arg("1000").spawn().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!(
        "kill -TERM {} 2>/dev/null && echo signalled; \
         /usr/bin/python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {port}), 5)' \
         2>/dev/null && echo connected; true",
        other.id()
    );
    // In a containment in which the process can be seen, so that nothing but the profile holds.
    let weak = |profile: Option<Profile>| {
        let outcome = run_with(&script, |order| {
            order.profiles = profile.into_iter().collect();
            order.containments = vec![Containment::Weak];
        });
        match &outcome.end {
            End::NotStarted { why } if why.contains("not fully enforced") => None,
            _ => Some(printed(&outcome)),
        }
    };
    let restricted = weak(Some(READ_ONLY));
    let with_port = weak(Some(Profile::ReadOnly { connect: vec![port] }));
    // The last one does signal it, or this would wait for long.
    let free = weak(None);
    other.wait().unwrap();
    assert_eq!(free.unwrap(), "signalled\nconnected\n");
    match (restricted, with_port) {
        (Some(restricted), Some(with_port)) => {
            assert_eq!((&*restricted, &*with_port), ("", "connected\n"));
        }
        _ => println!("NOT RUN: this kernel does not enforce the profile"),
    }
}

#[test]
fn a_command_with_paths_touches_these_and_no_others() {
    let (open, closed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(closed.path().join("secret"), "no\n").unwrap();
    let script = format!(
        "echo yes >{0}/file && cat {0}/file; cat {1}/secret; echo x >{1}/file; \
         cp /bin/echo {0}/echo && {0}/echo executed; true",
        open.path().display(),
        closed.path().display()
    );
    let profile = Profile::Paths {
        read: Vec::new(),
        execute: vec!["/bin".into(), "/usr/bin".into()],
        write: vec![open.path().into()],
        connect: Vec::new(),
    };
    let Some(outcome) = landlocked(profile, &script) else { return };
    assert_eq!(printed(&outcome), "yes\n");
    assert_eq!(fs::read_dir(closed.path()).unwrap().count(), 1);
}

#[test]
fn a_program_that_was_changed_since_it_was_ordered_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let (path, trace) = (dir.path().join("program"), dir.path().join("trace"));
    let write = |what: &str| {
        fs::write(&path, format!("#!/bin/sh\necho {what} >>{}\n", trace.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let start = |program: &Program| {
        let permit = permit();
        let order = Order { program: program.clone(), ..order(&permit, "", &[]) };
        Executor::open(settings()).unwrap().run(permit, order, Stop::new())
    };
    write("one");
    let program = Program::resolve(&path).unwrap();
    assert_eq!(start(&program).end, End::Exited { code: 0 });
    write("two");
    let outcome = start(&program);
    let End::NotStarted { why } = &outcome.end else { panic!("{outcome:?}") };
    assert!(why.contains("not the one that was ordered"), "{why}");
    assert_eq!(fs::read_to_string(&trace).unwrap(), "one\n");
}

#[test]
fn a_program_that_cannot_be_executed_was_not_started() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("program");
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(b"\x7fELF and nothing of the kind").unwrap();
    file.set_permissions(fs::Permissions::from_mode(0o755)).unwrap();
    drop(file);
    let permit = permit();
    let program = Program::resolve(&path).unwrap();
    let order = Order { program, ..order(&permit, "", &[]) };
    let outcome = Executor::open(settings()).unwrap().run(permit, order, Stop::new());
    let End::NotStarted { why } = &outcome.end else { panic!("{outcome:?}") };
    assert!(why.contains("cannot be executed"), "{why}");
    assert!(outcome.gone);
    let missing = run_with("", |order| order.directory = dir.path().join("none"));
    assert!(matches!(missing.end, End::NotStarted { .. }), "{missing:?}");
}

#[test]
fn an_order_outside_its_limits_is_not_started() {
    let outcome = run_with("", |order| {
        order.environment.insert("LD_PRELOAD".into(), "/tmp/other.so".into());
    });
    assert!(matches!(outcome.end, End::NotStarted { .. }), "{outcome:?}");
}

#[test]
fn arguments_arrive_as_they_are_and_no_shell_reads_them() {
    let hostile = ["$(id)", "`id`", "; id", "a b", "*", "-n", "'\"", "\u{1b}[31m", "\n", ""];
    let permit = permit();
    let mut order = order(&permit, "", &[]);
    order.program = Program::resolve(Path::new("/usr/bin/python3")).unwrap();
    let script = "import sys, json; print(json.dumps(sys.argv[1:]))";
    order.arguments = ["-c", script].into_iter().chain(hostile).map(str::to_owned).collect();
    let outcome = Executor::open(settings()).unwrap().run(permit, order, Stop::new());
    let seen: Vec<String> = serde_json::from_str(&printed(&outcome)).unwrap();
    assert_eq!(seen, hostile);
}

#[test]
fn a_supervisor_does_nothing_for_who_has_no_task_for_it() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_tagout"))
        .arg("supervise")
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    child.wait().unwrap();
    assert_eq!(said, "");
}
