//! A disk of the test's own, which is full or can only be read.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::home::Home;
use super::said::{Said, ready};
use super::service::{Service, call, configuration};

/// A file system in memory. It goes with the test.
struct Disk {
    at: PathBuf,
}

fn done(command: &mut Command) {
    let Output { status, stderr, .. } = command.output().unwrap();
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {said}; these tests mount a disk and need root for it");
}

impl Disk {
    /// Mounted at `at`.
    fn mount(at: &Path, megabytes: u32) -> Self {
        fs::create_dir_all(at).unwrap();
        let size = format!("size={megabytes}m,mode=700");
        done(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at));
        Self { at: at.to_owned() }
    }

    /// Puts a file on it that leaves no room but `left` bytes.
    fn fill(&self, left: u64) -> PathBuf {
        let path = self.at.join("filling");
        let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        let free = || {
            let disk = rustix::fs::statvfs(&self.at).unwrap();
            disk.f_bavail * disk.f_frsize
        };
        while free() > left {
            let piece = (free() - left).min(64 << 10);
            if file.write_all(&vec![1; piece as usize]).is_err() {
                break;
            }
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: it goes even if a process of the test is still on it.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

/// A service whose state is on a disk of its own.
fn service(megabytes: u32, reserve: u64) -> (Service, Disk) {
    let home = Home::new();
    let disk = Disk::mount(&home.path("state"), megabytes);
    let store = format!("[store]\nreserve_bytes = {reserve}");
    home.write("state/tagout/tagout.toml", configuration("", &store));
    let call = call(&home);
    (Service::of(home, call), disk)
}

#[test]
fn a_full_disk_is_answered_503_and_when_there_is_room_it_goes_on_by_itself() {
    let (service, disk) = service(24, 0);
    let mut said = Said::default();
    said.until_taken(&service);
    let filling = disk.fill(0);
    said.until_refused(&service);
    for _ in 0..5 {
        assert!(!said.send(&service), "something was taken on a full disk");
    }
    fs::remove_file(filling).unwrap();
    said.until_taken(&service);
    ready(&service, true);
    let home = service.stop();
    said.is_kept(&home);
    drop(disk);
}

#[test]
fn what_was_taken_before_a_full_disk_is_there_after_a_kill_on_it() {
    let (service, disk) = service(24, 0);
    let mut said = Said::default();
    said.until_taken(&service);
    let filling = disk.fill(0);
    said.until_refused(&service);
    let home = service.kill();
    fs::remove_file(filling).unwrap();
    let call = call(&home);
    let service = Service::of(home, call);
    said.until_taken(&service);
    said.is_kept(&service.stop());
    drop(disk);
}

#[test]
fn deliveries_stop_before_decisions_must() {
    let reserve = 8 << 20;
    let (service, disk) = service(32, reserve);
    let mut said = Said::default();
    said.until_taken(&service);
    let filling = disk.fill(reserve - (64 << 10));
    said.until_refused(&service);
    assert_eq!(service.metric("tagout_disk_reserve_touched"), Some(1.0));
    // A person still stops everything, and that is recorded.
    let halt = ["halt", "--reason", "the disk is full", "--as", "ops"];
    service.home.tagout(&halt).done().ok();
    assert_eq!(service.home.count("kill_switch_engaged"), 1);
    assert!(!said.send(&service));
    fs::remove_file(filling).unwrap();
    said.until_taken(&service);
    said.is_kept(&service.stop());
    drop(disk);
}

/// Files and their directory that nobody can write, not even through an open file
/// (`chattr +i`). A whole disk cannot be made so while something on it is open for writing.
struct ReadOnly(PathBuf);

impl ReadOnly {
    fn make(directory: &Path) -> Self {
        let one = Self(directory.to_owned());
        one.attribute("+i");
        one
    }

    fn attribute(&self, change: &str) {
        done(Command::new("chattr").args(["-R", "-f", change]).arg(&self.0));
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        self.attribute("-i");
    }
}

#[test]
fn a_disk_that_can_only_be_read_is_answered_503_until_it_can_be_written_again() {
    let service = Service::start();
    let mut said = Said::default();
    said.until_taken(&service);
    let only = ReadOnly::make(&service.home.data());
    for _ in 0..5 {
        assert!(!said.send(&service), "something was taken on a disk that cannot be written");
    }
    drop(only);
    said.until_taken(&service);
    ready(&service, true);
    said.is_kept(&service.stop());
}
