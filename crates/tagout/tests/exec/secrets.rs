//! Secrets of a command: handed over, never as an argument, and taken out of what it prints.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread;

use tagout::exec::{End, Executor, Hand, Order, SecretOrigin, SecretUse, StepOutcome, Stop};
use tagout::source::SecretRef;
use tagout_core::limits;

use crate::house::permit;
use crate::world::*;

const SECRET: &str = "s3cr3t/with+odd \"chars\"?";

fn in_file(variable: &str, hand: Hand, path: &Path) -> SecretUse {
    SecretUse {
        origin: SecretOrigin::Reference(SecretRef::File(path.into())),
        variable: variable.into(),
        hand,
    }
}

fn file(content: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, content).unwrap();
    file
}

fn with_secret(script: &str, hand: Hand) -> StepOutcome {
    let file = file(&format!("{SECRET}\n"));
    run_with(script, |order| order.secrets = vec![in_file("PASSWORD", hand, file.path())])
}

/// A script that only says whether it got the right secret.
fn says_whether(reads: &str) -> String {
    format!("[ \"$({reads})\" = 's3cr3t/with+odd \"chars\"?' ] && echo right")
}

#[test]
fn a_command_gets_its_secret_in_a_variable() {
    let outcome = with_secret(&says_whether("printf %s \"$PASSWORD\""), Hand::Environment);
    assert_eq!(printed(&outcome), "right\n");
}

#[test]
fn a_command_gets_its_secret_in_a_descriptor_and_can_read_it_twice() {
    let script = format!(
        "case $PASSWORD in /dev/fd/*) ;; *) exit 1;; esac; {0}; {0}; \
         (echo x >>\"$PASSWORD\") 2>/dev/null || echo sealed",
        says_whether("cat \"$PASSWORD\"")
    );
    let outcome = with_secret(&script, Hand::Descriptor);
    assert_eq!(printed(&outcome), "right\nright\nsealed\n");
    // It is not in the environment, where every process of the user could read it.
    let outcome = with_secret("grep -c s3cr3t /proc/self/environ; true", Hand::Descriptor);
    assert_eq!(printed(&outcome), "0\n");
}

#[test]
fn a_read_only_command_can_read_its_secret_from_the_descriptor() {
    let file = file(SECRET);
    let outcome = run_with(&says_whether("cat \"$PASSWORD\""), |order| {
        order.secrets = vec![in_file("PASSWORD", Hand::Descriptor, file.path())];
        order.profiles = vec![tagout::exec::Profile::ReadOnly { connect: Vec::new() }];
    });
    match &outcome.end {
        End::NotStarted { why } if why.contains("not fully enforced") => println!("NOT RUN: {why}"),
        _ => assert_eq!(printed(&outcome), "right\n"),
    }
}

#[test]
fn a_secret_is_taken_out_of_both_outputs_in_every_form() {
    let script = "printf '%s\\n' \"$PASSWORD\"; printf '%s' \"user:$PASSWORD\" | base64 >&2; \
        printf '%s' \"$PASSWORD\" | /usr/bin/python3 -c '\
import sys, json, base64, urllib.parse as u\n\
s = sys.stdin.read()\n\
print(json.dumps({\"p\": s}), u.quote(s), u.quote(s, safe=\"\"), u.quote_plus(s))\n\
for n in range(3): print(base64.urlsafe_b64encode((\"x\" * n + s).encode()).decode())'";
    let outcome = with_secret(script, Hand::Environment);
    let (out, err) = (printed(&outcome), outcome.stderr.text());
    // The bits of the text before it stay in base64, and what fills the end up.
    assert_eq!(
        out.replace('=', ""),
        "[redacted]\n{\"p\": \"[redacted]\"} [redacted] [redacted] [redacted]\n\
         [redacted]\neH[redacted]\neHh[redacted]\n"
    );
    assert!(err.contains("[redacted]") && !err.contains("czNjcjN0"), "{err}");
}

#[test]
fn a_secret_that_is_printed_in_pieces_is_taken_out() {
    let script = "rest=${PASSWORD#?????}; first=${PASSWORD%\"$rest\"}; \
                  printf 'a%s' \"$first\"; sleep 0.3; printf '%sb' \"$rest\"";
    assert_eq!(printed(&with_secret(script, Hand::Environment)), "a[redacted]b");
}

#[test]
fn a_secret_is_in_no_command_line_while_it_is_handed_over_and_used() {
    // Of this test alone: others compare with theirs in scripts.
    let (file, mark) = (file("n0b0dy-else/has+this one"), unique());
    let permit = permit();
    let mut order = order(&permit, "sleep 1; :", &[]);
    order.environment.insert(MARK.into(), mark.clone());
    order.secrets = vec![
        in_file("IN_VARIABLE", Hand::Environment, file.path()),
        in_file("IN_DESCRIPTOR", Hand::Descriptor, file.path()),
    ];
    let executor = Executor::open(settings()).unwrap();
    let running = thread::spawn(move || executor.run(permit, order, Stop::new()));
    let (mut looked, mut seen) = (0, false);
    while !running.is_finished() {
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            assert!(!line.contains("n0b0dy-else"), "{line}");
            looked += 1;
        }
        seen |= !marked(&mark).is_empty();
    }
    assert_eq!(running.join().unwrap().end, End::Exited { code: 0 });
    assert!(seen && looked > 100, "nothing was looked at while it ran");
}

#[test]
fn a_secret_that_a_program_prints_is_used_and_shown_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("vault");
    fs::write(&program, format!("#!/bin/sh\n[ $# = 1 ] && echo '{SECRET}'; exit ${{1:-9}}\n"))
        .unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let run = |arguments: &[&str]| {
        run_with(&format!("{}; echo \"$PASSWORD\"", says_whether("echo \"$PASSWORD\"")), |order| {
            let arguments = arguments.iter().map(|a| (*a).to_owned()).collect();
            order.secrets = vec![SecretUse {
                origin: SecretOrigin::Command { program: program.clone(), arguments },
                variable: "PASSWORD".into(),
                hand: Hand::Environment,
            }];
        })
    };
    assert_eq!(printed(&run(&["0"])), "right\n[redacted]\n");
    let failed = run(&["5"]);
    let End::NotStarted { why } = &failed.end else { panic!("{failed:?}") };
    assert!(why.contains("code: 5") && !why.contains("s3cr3t"), "{why}");
    assert!(matches!(run(&[]).end, End::NotStarted { .. }));
}

#[test]
fn a_command_whose_secret_cannot_be_had_is_not_started() {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let refused = |origin: SecretOrigin| {
        let outcome = run_with(&format!("echo ran >>{}", trace.path().display()), |order| {
            let hand = Hand::Environment;
            order.secrets = vec![SecretUse { origin, variable: "PASSWORD".into(), hand }];
        });
        let End::NotStarted { why } = outcome.end else { panic!("{outcome:?}") };
        why
    };
    let reference = |reference| SecretOrigin::Reference(reference);
    assert!(refused(reference(SecretRef::Env("NOT_SET_ANYWHERE".into()))).contains("not set"));
    assert!(refused(reference(SecretRef::File("/nowhere".into()))).contains("/nowhere"));
    assert!(refused(reference(SecretRef::Misplaced)).contains("reference"));
    let short = file(&"s".repeat(limits::EXEC_SECRET_BYTES - 1));
    assert!(refused(reference(SecretRef::File(short.path().into()))).contains("shorter"));
    assert_eq!(fs::read(trace.path()).unwrap(), b"");
    let enough = file(&"s".repeat(limits::EXEC_SECRET_BYTES));
    let outcome = run_with("echo \"$PASSWORD\"", |order: &mut Order| {
        order.secrets = vec![in_file("PASSWORD", Hand::Environment, enough.path())];
    });
    assert_eq!(printed(&outcome), "[redacted]\n");
}
