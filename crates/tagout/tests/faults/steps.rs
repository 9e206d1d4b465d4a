//! Steps that run while the disk of the log is full.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::json;

use super::disk::{Disk, FULL};
use super::said::Said;
use super::stage::{LIVE, Stage, configure, home, lines, nap};

/// Whether the program of a step runs for this host.
fn runs(stage: &Stage, host: &str) -> bool {
    let program = stage.service.home.path("bin/count").display().to_string();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut commands = processes.filter_map(|one| fs::read(one.path().join("cmdline")).ok());
    commands.any(|command| {
        let command = String::from_utf8_lossy(&command);
        command.contains(&program) && command.contains(host)
    })
}

#[test]
fn on_a_full_disk_no_step_starts_and_the_switch_still_stops_what_runs() {
    let home = home("live", LIVE);
    let disk = Disk::mount(&home.path("state"), 24);
    configure(&home, "live", "count");
    let mut file = OpenOptions::new().append(true).open(home.data().join("tagout.toml")).unwrap();
    // The database is to fail, and not a look at the disk before.
    file.write_all(b"\n[store]\nreserve_bytes = 0\n").unwrap();
    let stage = Stage::of(home);
    let stopped = stage.alert("Rotate", "host-1", "60");
    let ended = stage.alert("Rotate", "host-2", "4");
    for host in ["host-1", "host-2"] {
        stage.until_begun(host, "one");
    }
    let filling = disk.fill(64 << 10);
    Said::default().until_refused(&stage.service);
    disk.fill(0);
    assert_eq!(stage.lines("host-2", "one"), ["begin"], "the disk was full too late to tell");
    stage.wait("the end of the short step", || stage.lines("host-2", "one").len() > 1);
    // Nothing follows that could not be recorded before.
    nap(3000);
    assert_eq!(stage.lines("host-2", "two"), [""; 0]);
    assert!(runs(&stage, "host-1"));

    // Nobody says that it is recorded, and it holds all the same.
    let before = Instant::now();
    let reason = json!({"reason": "the disk is full"});
    stage.ben.post("/v1/halt", &reason).fails_with(503);
    stage.wait("the end of what runs", || !runs(&stage, "host-1"));
    assert!(before.elapsed() < Duration::from_secs(10), "it took {:?}", before.elapsed());
    assert!(stage.told(&stopped).iter().all(|line| !line.starts_with("end one")));
    fs::remove_file(filling).unwrap();
    stage.wait("that the stop is recorded", || {
        stage.told(&stopped).contains(&"end one stopped".to_owned())
    });
    stage.until(&stopped, "failed");
    stage.wait("that the end of the other is recorded", || {
        stage.told(&ended).contains(&"end one succeeded".to_owned())
    });
    stage.wait("that the switch is recorded", || {
        stage.service.home.count("kill_switch_engaged") == 2
    });
    let (home, told) = stage.service.stop_telling();
    assert!(told.contains(FULL), "the disk was never full: {told}");
    assert!(!lines(&home, "host-1", "one").contains(&"end".to_owned()));
    for host in ["host-1", "host-2"] {
        assert_eq!(lines(&home, host, "two"), [""; 0], "{host}");
    }
    home.assert_log_holds();
    drop(disk);
}
