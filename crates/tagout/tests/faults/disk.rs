//! A disk of the test's own, which is full or can only be read.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::home::Home;
use super::said::{Said, ready};
use super::service::{Service, call, configuration};

/// A file system in memory. It goes with the test.
pub(crate) struct Disk {
    at: PathBuf,
}

fn done(command: &mut Command) {
    let Output { status, stderr, .. } = command.output().unwrap();
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {said}; these tests mount a disk and need root for it");
}

impl Disk {
    /// Mounted at `at`.
    pub(crate) fn mount(at: &Path, megabytes: u32) -> Self {
        fs::create_dir_all(at).unwrap();
        let size = format!("size={megabytes}m,mode=700");
        done(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at));
        Self { at: at.to_owned() }
    }

    /// A file with an ext4 file system in it, mounted at `at`.
    fn mount_image(image: &Path, at: &Path) -> Self {
        fs::create_dir_all(at).unwrap();
        let disk = Self { at: at.to_owned() };
        done(Command::new("mount").args(["-o", "loop,errors=remount-ro"]).arg(image).arg(at));
        disk
    }

    /// Has the kernel find an error on it, as it does when a device fails: nothing on it can be
    /// written any more, not even through a file that is open
    /// (<https://www.kernel.org/doc/Documentation/ABI/testing/sysfs-fs-ext4>).
    fn turn_read_only(&self) {
        let found = Command::new("findmnt").args(["-no", "SOURCE"]).arg(&self.at).output().unwrap();
        let device = String::from_utf8(found.stdout).unwrap();
        let name = device.trim().rsplit('/').next().unwrap();
        fs::write(format!("/sys/fs/ext4/{name}/trigger_fs_error"), "a test").unwrap();
        let refused = fs::write(self.at.join("written"), "");
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ReadOnlyFilesystem);
    }

    /// Checks it and mounts it anew.
    fn repair(&self, image: &Path) {
        done(Command::new("umount").arg(&self.at));
        // 1: there were errors, and they are mended.
        let checked = Command::new("e2fsck").arg("-fy").arg(image).output().unwrap();
        assert!(matches!(checked.status.code(), Some(0 | 1)), "{checked:?}");
        done(Command::new("mount").args(["-o", "loop"]).arg(image).arg(&self.at));
    }

    /// Puts a file on it that leaves no room but `left` bytes.
    pub(crate) fn fill(&self, left: u64) -> PathBuf {
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

/// Fills the disk but for a little, which is more than the reserve of nothing, and has the
/// service use that up: it is the database that fails, and not a look at the disk before.
fn until_it_is_full(service: &Service, disk: &Disk, said: &mut Said) -> PathBuf {
    said.until_taken(service);
    let filling = disk.fill(64 << 10);
    said.until_refused(service);
    assert_ne!(service.metric("tagout_disk_reserve_touched"), Some(1.0));
    filling
}

/// What SQLite says when the operating system has no more room.
pub(crate) const FULL: &str = "database or disk is full";

#[test]
fn a_full_disk_is_answered_503_and_when_there_is_room_it_goes_on_by_itself() {
    let (service, disk) = service(24, 0);
    let mut said = Said::default();
    let filling = until_it_is_full(&service, &disk, &mut said);
    fs::remove_file(filling).unwrap();
    said.until_taken(&service);
    ready(&service, true);
    let (home, told) = service.stop_telling();
    assert!(told.contains(FULL), "the disk was never full: {told}");
    said.is_kept(&home);
    drop(disk);
}

#[test]
fn what_was_taken_before_a_full_disk_is_there_after_a_kill_on_it() {
    let (service, disk) = service(24, 0);
    let mut said = Said::default();
    let filling = until_it_is_full(&service, &disk, &mut said);
    // To the last byte, and under load.
    disk.fill(0);
    said.all_refused(&service, "the disk is full");
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
    // The disk is looked at once a second, so the reserve must outlast what a second can write.
    let reserve = 64 << 20;
    let (service, disk) = service(160, reserve);
    let mut said = Said::default();
    said.until_taken(&service);
    let filling = disk.fill(reserve - (64 << 10));
    said.until_refused(&service);
    assert_eq!(service.metric("tagout_disk_reserve_touched"), Some(1.0), "{}", service.told());
    ready(&service, false);
    // A person still stops everything, and that is recorded.
    let halt = ["halt", "--reason", "the disk is full", "--as", "ops"];
    service.home.tagout(&halt).done().ok();
    assert_eq!(service.home.count("kill_switch_engaged"), 1);
    said.all_refused(&service, "the reserve is touched");
    fs::remove_file(filling).unwrap();
    said.until_taken(&service);
    ready(&service, true);
    said.is_kept(&service.stop());
    drop(disk);
}

#[test]
fn a_disk_that_turns_read_only_takes_no_delivery_and_loses_none() {
    let home = Home::new();
    let image = home.path("image");
    OpenOptions::new()
        .create_new(true)
        .write(true)
        .open(&image)
        .unwrap()
        .set_len(32 << 20)
        .unwrap();
    done(Command::new("mkfs.ext4").arg("-q").arg(&image));
    let disk = Disk::mount_image(&image, &home.path("state"));
    home.write("state/tagout/tagout.toml", configuration("", "[store]\nreserve_bytes = 0"));
    // The test's own file must outlive the fault; what the service writes is its own affair.
    done(Command::new("sync").arg("-f").arg(home.data()));
    let first = call(&home);
    let mut service = Service::of(home, first);
    let mut said = Said::default();
    for _ in 0..20 {
        said.until_taken(&service);
    }
    disk.turn_read_only();
    // The memory that SQLite shares with other processes is a file on that disk, so the kernel
    // may end the process. That is no answer, and so it is no acknowledgement.
    for _ in 0..5 {
        said.is_not_taken(&service);
    }
    println!("it goes on after its disk turned read-only: {}", service.is_running());
    let home = service.kill();
    // Nothing starts on it either, and it says why.
    let out = call(&home).done();
    assert_ne!(out.code, 0, "{}", out.stderr);
    println!("{}", out.stderr);
    disk.repair(&image);
    let again = call(&home);
    let service = Service::of(home, again);
    said.until_taken(&service);
    ready(&service, true);
    said.is_kept(&service.stop());
    drop(disk);
}
