//! The same faults with nothing but a process group around them: what gets away there shows that
//! the faults are real, and that containment is what ends them.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::containment::{environment, faults};
use crate::world::*;

/// Ends what got away, also if the test fails.
struct Hunt(String);

impl Drop for Hunt {
    fn drop(&mut self) {
        let all = || marked(&self.0).into_iter().map(|pid| pid.to_string()).collect::<Vec<_>>();
        for _ in 0..200 {
            let left = all();
            if left.is_empty() {
                return;
            }
            let _ = Command::new("kill").arg("-KILL").args(left).stderr(Stdio::null()).status();
        }
    }
}

#[test]
fn a_plain_kill_of_the_process_group_leaves_survivors_of_each_fault() {
    for fault in faults() {
        let dir = tempfile::tempdir().unwrap();
        let ready = dir.path().join("ready");
        let hunt = Hunt(unique());
        let mut child = Command::new("/bin/sh")
            .args(["-c", fault.script, "sh", ready.to_str().unwrap()])
            .envs(environment(&hunt.0))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        fault.wait_until_it_has_happened(&hunt.0, &ready, || ());
        // On a busy machine a process that is to leave the group may not have come to it yet.
        wait_for("a process outside the group", || {
            let group_of = |pid: &i32| {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
                let (_, fields) = stat.rsplit_once(')')?;
                fields.split_whitespace().nth(2)?.parse::<u32>().ok()
            };
            let groups = marked(&hunt.0).iter().filter_map(group_of).collect::<Vec<_>>();
            groups.into_iter().any(|group| group != child.id()).then_some(())
        });
        let before = marked(&hunt.0).len();
        let group = format!("-{}", child.id());
        assert!(Command::new("kill").args(["-KILL", "--", &group]).status().unwrap().success());
        child.wait().unwrap();
        // What the signal reached is dead by then. Some looks, because one may miss a process that
        // hands over to another meanwhile.
        sleep(Duration::from_millis(300));
        let looks = (0..10).map(|_| marked(&hunt.0).len());
        let after = looks.max().unwrap();
        println!("{}: of {before} processes {after} survived", fault.name);
        assert!(
            after > 0,
            "{}: nothing got away, so the test of its end shows nothing",
            fault.name
        );
    }
}
