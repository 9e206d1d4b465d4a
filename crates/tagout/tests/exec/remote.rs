//! Commands on another host, through a real SSH server: what arrives there is what was ordered, and
//! what is said of its end is certain or unknown.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use tagout::exec::remote::{Call, Host, HostKey};
use tagout::exec::{End, Executor, Order, Program, StepOutcome, Stop};
use tagout_core::event::StepOutcome as Recorded;
use tagout_core::remote::Shell;
use tagout_core::time::Span;

use crate::house::permit;
use crate::sshd::{Sshd, user};
use crate::world::{order, settings, wait_for};

/// A call of a command on this server, in the eyes of whoever logs in there.
fn call(sshd: &Sshd, command: &[&str]) -> Call {
    let host = Host {
        name: "db-1".into(),
        address: "127.0.0.1".into(),
        port: sshd.port,
        user: user(),
        host_key: HostKey::parse(&sshd.key("host")).unwrap(),
        identity: sshd.path("identity"),
        shell: Shell::Posix,
    };
    let command = command.iter().map(|word| (*word).to_owned()).collect();
    Call { host, command, changes: true }
}

fn run(call: &Call) -> StepOutcome {
    run_until(call, Span::from_secs(60), Stop::new())
}

fn run_until(call: &Call, timeout: Span, stop: Stop) -> StepOutcome {
    let executor = Executor::open(settings()).unwrap();
    let permit = permit();
    let program = Program::resolve(Path::new("/usr/bin/ssh")).unwrap();
    let order =
        Order { program, environment: Default::default(), timeout, ..order(&permit, "", &[]) };
    executor.run_on(permit, order, call, stop)
}

/// Why nothing of it has run.
fn not_started(outcome: StepOutcome) -> String {
    let recorded = outcome.recorded();
    match outcome.end {
        End::NotStarted { why } if recorded == Some(Recorded::Failed) => why,
        end => panic!("it may have started: {end:?}"),
    }
}

fn is_unknown(outcome: &StepOutcome) {
    assert!(matches!(outcome.end, End::Unknown { .. }), "{outcome:?}");
    assert_eq!(outcome.recorded(), None);
}

/// A script that writes its arguments to a file, a zero byte behind each.
fn noting(sshd: &Sshd) -> String {
    let noted = sshd.path("noted");
    sshd.script(
        "note",
        &format!("#!/bin/sh\nprintf '%s\\0' \"$@\" >>{noted:?}\nsleep \"${{S:-0}}\"\n"),
    )
}

fn noted(sshd: &Sshd) -> Vec<String> {
    let bytes = fs::read_to_string(sshd.path("noted")).unwrap_or_default();
    bytes.split_terminator('\0').map(str::to_owned).collect()
}

/// What a shell, a client or a server could take for something else.
fn hostile(sshd: &Sshd) -> Vec<String> {
    let canary = sshd.path("canary").display().to_string();
    let mut all: Vec<String> = [
        "",
        " ",
        "  a  b ",
        "-",
        "--",
        "-oProxyCommand=x",
        "'",
        "''",
        "\"",
        "\\",
        "\\'",
        "'\\''",
        "\\\\n",
        "a'b\"c\\d",
        "$HOME",
        "${HOME}",
        "$(id)",
        "`id`",
        "$?",
        "$$",
        "!",
        "!!",
        "#",
        "# x",
        "~",
        "~root",
        "*",
        "?",
        "[a-z]",
        "{a,b}",
        "a=b",
        "&",
        "&&",
        ";",
        ";;",
        "|",
        "||",
        "<",
        ">",
        "(",
        ")",
        "\n",
        "a\nb\n",
        "\r\n",
        "\t",
        "\u{1b}[31m",
        "\u{7f}",
        "\u{1}",
        "ü",
        "日本",
        "\u{202e}",
        "%s%n",
        "\\0",
        "\\x41",
        "EOF",
        "exit 0",
    ]
    .map(str::to_owned)
    .into();
    for shell in [
        "'; touch C #",
        "$(touch C)",
        "`touch C`",
        "\n touch C \n",
        "\" && touch C && \"",
        "\\'; touch C #",
    ] {
        all.push(shell.replace('C', &canary));
    }
    assert!(all.len() < tagout_core::limits::ARGUMENTS, "{}", all.len());
    all
}

#[test]
fn hostile_arguments_arrive_byte_for_byte_and_nothing_else_happens() {
    let sshd = Sshd::start();
    let note = noting(&sshd);
    let hostile = hostile(&sshd);
    let command: Vec<_> = [note.as_str()].into_iter().chain(hostile.iter().map(|a| &**a)).collect();
    let outcome = run(&call(&sshd, &command));
    assert_eq!(outcome.end, End::Exited { code: 0 }, "{outcome:?}");
    assert_eq!((outcome.stdout.text(), outcome.stderr.text()), Default::default());
    assert_eq!(noted(&sshd), hostile);
    assert!(!sshd.path("canary").exists());
    // The longest arguments that a command can have.
    let long = "'\\".repeat(tagout_core::limits::ARGUMENT_BYTES / 2);
    let outcome = run(&call(&sshd, &[&note, &long, &long]));
    assert_eq!(outcome.end, End::Exited { code: 0 }, "{outcome:?}");
    assert_eq!(noted(&sshd)[hostile.len()..], [&*long, &*long]);
}

#[test]
fn a_command_that_ends_says_with_what_code_and_what_it_printed() {
    let sshd = Sshd::start();
    let script = sshd.script(
        "say",
        "#!/bin/sh\necho \"out $SSH_AUTH_SOCK$DISPLAY$TEST_MARK\"; printf bare; cat; echo err >&2\nexit \"$1\"\n",
    );
    // 255 is also what the client ends with when the connection is lost.
    for code in [0, 3, 255] {
        let outcome = run(&call(&sshd, &[&script, &code.to_string()]));
        assert_eq!(outcome.end, End::Exited { code }, "{outcome:?}");
        assert_eq!(outcome.stdout.text(), "out \nbare");
        assert_eq!(outcome.stderr.text(), "err\n");
    }
    let outcome = run(&call(&sshd, &["/no/such/program"]));
    assert_eq!(outcome.end, End::Exited { code: 127 }, "{outcome:?}");
    // More than is kept: the end is known all the same.
    let much = sshd.script("much", "#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' x\nexit 4\n");
    let outcome = run(&call(&sshd, &[&much]));
    assert_eq!(outcome.end, End::Exited { code: 4 });
    assert_eq!(outcome.stdout.total, 300_000);
    let text = outcome.stdout.text();
    assert!(text.starts_with("xx") && text.ends_with("xx"), "{}", &text[text.len() - 80..]);
}

#[test]
fn what_is_not_let_in_is_certainly_not_started_and_says_why() {
    let mut sshd = Sshd::start();
    let note = noting(&sshd);
    let good = call(&sshd, &[&note, "x"]);
    let with = |change: &dyn Fn(&mut Host)| {
        let mut call = good.clone();
        change(&mut call.host);
        not_started(run(&call))
    };
    let other = HostKey::parse(&sshd.key("other")).unwrap();
    let why = with(&|host| host.host_key = other.clone());
    assert!(why.contains("Host key verification failed"), "{why}");
    // The user's own lists of known hosts count for nothing, so neither does a key in them.
    let identity = sshd.path("other");
    let why = with(&|host| host.identity = identity.clone());
    assert!(why.contains("Permission denied"), "{why}");
    let why = with(&|host| host.user = "no-such-user".into());
    assert!(why.contains("Permission denied"), "{why}");
    let why = with(&|host| host.identity = "/no/such/key".into());
    assert!(why.contains("identity"), "{why}");
    sshd.end();
    let why = with(&|_| ());
    assert!(why.contains("Connection refused"), "{why}");
    assert_eq!(noted(&sshd), [""; 0]);
}

#[test]
fn a_host_that_says_nothing_is_not_started_when_the_time_is_over_or_a_stop_comes() {
    let sshd = Sshd::start();
    // It takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut call = call(&sshd, &["/bin/true"]);
    call.host.port = silent.local_addr().unwrap().port();
    let why = not_started(run_until(&call, Span::from_millis(700), Stop::new()));
    assert!(why.contains("within the time"), "{why}");
    let stop = Stop::new();
    let outcome = thread::scope(|scope| {
        let running = scope.spawn(|| run_until(&call, Span::from_secs(60), stop.clone()));
        thread::sleep(Duration::from_millis(700));
        stop.now();
        running.join().unwrap()
    });
    assert_eq!(outcome.end, End::Stopped);
    assert_eq!((outcome.recorded(), outcome.containment), (Some(Recorded::Stopped), None));
}

#[test]
fn a_connection_that_is_lost_a_stop_and_a_time_out_in_the_middle_are_unknown() {
    let mut sshd = Sshd::start();
    let noted_at = sshd.path("noted");
    let script = format!("#!/bin/sh\nprintf '%s\\0' \"$1\" >>{noted_at:?}\nsleep 4\n");
    let slow = sshd.script("slow", &script);
    let begun = |what: &str| {
        let what = what.as_bytes();
        let begun = |noted: Vec<u8>| noted.split(|byte| *byte == 0).any(|part| part == what);
        wait_for("the beginning", || fs::read(&noted_at).is_ok_and(begun).then_some(()));
    };
    let stopped = |what: &str, changes: bool| {
        let stop = Stop::new();
        let call = Call { changes, ..call(&sshd, &[&slow, what]) };
        let before = Instant::now();
        let outcome = thread::scope(|scope| {
            let running = scope.spawn(|| run_until(&call, Span::from_secs(60), stop.clone()));
            begun(what);
            stop.now();
            running.join().unwrap()
        });
        assert!(before.elapsed() < Duration::from_secs(4), "{:?}", before.elapsed());
        outcome
    };
    is_unknown(&stopped("stop", true));
    // How far a check came does not matter.
    assert_eq!(stopped("check", false).recorded(), Some(Recorded::Stopped));
    let outcome = run_until(&call(&sshd, &[&slow, "late"]), Span::from_millis(1_500), Stop::new());
    begun("late");
    is_unknown(&outcome);
    let lost = call(&sshd, &[&slow, "lost"]);
    let outcome = thread::scope(|scope| {
        let running = scope.spawn(|| run(&lost));
        begun("lost");
        sshd.end();
        running.join().unwrap()
    });
    is_unknown(&outcome);
    let End::Unknown { why } = &outcome.end else { unreachable!() };
    assert!(why.contains("lost") && why.contains("db-1"), "{why}");
}

#[test]
fn a_forced_command_gets_the_vector_as_json_and_no_shell_reads_it() {
    let forced = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/tagout-forced");
    let forced = fs::canonicalize(forced).unwrap();
    let mut sshd = Sshd::start();
    let note = noting(&sshd);
    let allowed = fs::read_to_string(sshd.path("authorized")).unwrap();
    let options = format!("command=\"{} {note} /bin/false\",restrict ", forced.display());
    fs::write(sshd.path("authorized"), format!("{options}{allowed}")).unwrap();
    let forced = |command: &[&str]| {
        let mut call = call(&sshd, command);
        call.host.shell = Shell::Forced;
        run(&call)
    };
    let hostile = hostile(&sshd);
    let command: Vec<_> = [note.as_str()].into_iter().chain(hostile.iter().map(|a| &**a)).collect();
    let outcome = forced(&command);
    assert_eq!(outcome.end, End::Exited { code: 0 }, "{outcome:?}");
    assert_eq!(outcome.stdout.text(), "");
    assert_eq!(noted(&sshd), hostile);
    assert!(!sshd.path("canary").exists());
    assert_eq!(forced(&["/bin/false"]).end, End::Exited { code: 1 });
    let outcome = forced(&["/bin/echo", "x"]);
    assert_eq!(outcome.end, End::Exited { code: 126 });
    assert!(outcome.stderr.text().contains("may not be started here"), "{outcome:?}");
    // A shell where a forced command was expected runs nothing of it, and nor the other way round.
    // Neither said so itself, and so it is unknown.
    let confused = call(&sshd, &[&note, "confused"]);
    is_unknown(&run(&confused));
    fs::write(sshd.path("authorized"), allowed).unwrap();
    let mut confused = call(&sshd, &[&note, "confused"]);
    confused.host.shell = Shell::Forced;
    is_unknown(&run(&confused));
    assert_eq!(noted(&sshd), hostile);
    sshd.end();
}

#[test]
fn the_client_says_in_its_log_when_it_is_let_in() {
    let sshd = Sshd::start();
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let ssh = std::process::Command::new("/usr/bin/ssh")
        .args(["-F", "none", "-v", "-E", log.to_str().unwrap(), "-oBatchMode=yes"])
        .args(["-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null"])
        .args(["-p", &sshd.port.to_string(), "-l", &user(), "-i"])
        .arg(sshd.path("identity"))
        .args(["--", "127.0.0.1", "true"])
        .output()
        .unwrap();
    assert!(ssh.status.success(), "{ssh:?}");
    let log = fs::read_to_string(log).unwrap();
    for words in tagout::exec::remote::LET_IN {
        assert!(log.contains(words), "{words}: {log}");
    }
}
