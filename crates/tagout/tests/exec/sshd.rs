//! A real SSH server of a test's own on loopback, with a key, settings and accounts of its own.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A server that ends with all of its sessions when it goes.
pub(crate) struct Sshd {
    dir: tempfile::TempDir,
    child: Option<Child>,
    pub(crate) port: u16,
}

impl Sshd {
    /// One that lets the test's identity in and hands commands to the user's shell.
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// One that puts these options before the identity in `authorized_keys`.
    pub(crate) fn with(options: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for key in ["host", "identity", "other"] {
            keygen(&dir.path().join(key));
        }
        let allowed = fs::read_to_string(dir.path().join("identity.pub")).unwrap();
        fs::write(dir.path().join("authorized"), format!("{options}{allowed}")).unwrap();
        // Where the server drops its privileges; packages make it when the machine boots.
        if rustix::process::geteuid().is_root() {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let mut sshd = Self { dir, child: None, port: 0 };
        sshd.run();
        sshd
    }

    fn run(&mut self) {
        // Another process may take the port in between, and then the server ends at once.
        for _ in 0..5 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            self.port = free.local_addr().unwrap().port();
            drop(free);
            let (host, allowed) = (self.path("host"), self.path("authorized"));
            let settings = format!(
                "ListenAddress 127.0.0.1\nPort {}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
                 StrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n\
                 KbdInteractiveAuthentication no\nMaxStartups 100\n",
                self.port,
                host.display(),
                allowed.display()
            );
            fs::write(self.path("settings"), settings).unwrap();
            let log = File::create(self.path("log")).unwrap();
            let child = Command::new("/usr/sbin/sshd")
                .args(["-D", "-e", "-f"])
                .arg(self.path("settings"))
                .stdin(Stdio::null())
                .stderr(log)
                .spawn()
                .expect("no SSH server; install openssh-server");
            self.child = Some(child);
            let until = Instant::now() + Duration::from_secs(10);
            while Instant::now() < until {
                if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                    return;
                }
                if self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_some()) {
                    break;
                }
                thread::sleep(Duration::from_millis(10));
            }
            self.end();
        }
        panic!("the SSH server does not listen: {}", self.log());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The public key of the server, or another one, as it stands in a configuration.
    pub(crate) fn key(&self, name: &str) -> String {
        let line = fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap();
        line.split(' ').take(2).collect::<Vec<_>>().join(" ").trim_end().to_owned()
    }

    /// Writes a script that can be run there.
    pub(crate) fn script(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Kills the server and each of its sessions at once.
    pub(crate) fn end(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let sessions = children(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        for session in sessions {
            let pid = rustix::process::Pid::from_raw(session.cast_signed());
            let _ = rustix::process::kill_process(pid.unwrap(), rustix::process::Signal::KILL);
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.end();
    }
}

/// Who runs this test, and so who logs in.
pub(crate) fn user() -> String {
    let id = Command::new("id").arg("-un").output().unwrap().stdout;
    String::from_utf8(id).unwrap().trim_end().to_owned()
}

fn keygen(path: &Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(path)
        .status()
        .expect("no ssh-keygen; install openssh-client");
    assert!(made.success());
}

/// The processes of a server's sessions, deepest last. What they have started for the test is not
/// among them: a server that dies leaves it.
fn children(parent: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let Some((name, rest)) = stat.rsplit_once(") ") else { continue };
        let is_child = rest.split(' ').nth(1) == Some(&parent.to_string());
        if is_child && name.contains("(sshd") {
            found.push(pid);
            found.extend(children(pid));
        }
    }
    found
}
