//! A PostgreSQL server of a test's own, which ends with the test however that ends.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use tagout::store::PostgresStore;
use tagout::store::postgres::{Target, Use};
use tempfile::TempDir;

/// PostgreSQL does not run as root; this user owns the files then.
const USER: &str = "nobody";

/// A server on a Unix socket in a directory of its own.
pub(crate) struct Cluster {
    dir: TempDir,
    server: Option<Child>,
    databases: AtomicU32,
    port: u16,
}

/// The directory of the server's programs.
fn programs() -> PathBuf {
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|v| v.path().join("bin")).collect())
        .unwrap_or_default();
    found.retain(|bin| bin.join("postgres").exists());
    found.sort();
    found.pop().expect(
        "these tests need a PostgreSQL server: install the Debian package `postgresql`, or run \
         ./check, which does",
    )
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A program of PostgreSQL, as a user it runs as. It is ended when this thread ends.
fn program(name: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "QUIT"]);
    if is_root() {
        command.args(["--reuid", USER, "--regid", "nogroup", "--clear-groups"]);
    }
    command.arg(programs().join(name)).env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C");
    command.current_dir("/");
    command
}

fn done(mut command: Command) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(status.success(), "{command:?}: {said:?}");
}

fn give_away(path: &Path) {
    if is_root() {
        let mut chown = Command::new("chown");
        chown.arg("-R").arg(format!("{USER}:nogroup")).arg(path);
        done(chown);
    }
}

fn directory() -> TempDir {
    let dir = tempfile::Builder::new().prefix("tagout-pg-").tempdir_in("/tmp").unwrap();
    // The socket in it is for the tests too, which may be another user.
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    give_away(dir.path());
    dir
}

impl Cluster {
    /// A server that was just made, with more settings (`name=value`).
    pub(crate) fn start(settings: &[&str]) -> Self {
        let mut cluster =
            Self { dir: directory(), server: None, databases: AtomicU32::new(0), port: 5432 };
        let mut initdb = program("initdb");
        initdb.args(["--no-sync", "-U", "postgres", "-A", "trust", "-E", "UTF8", "-D"]);
        initdb.arg(cluster.data());
        done(initdb);
        cluster.run(settings);
        cluster
    }

    /// A standby of this server, called `name`, not yet running.
    pub(crate) fn standby(&self, name: &str) -> Self {
        let standby =
            Self { dir: directory(), server: None, databases: AtomicU32::new(0), port: 5432 };
        let mut copy = program("pg_basebackup");
        copy.args(["--no-sync", "-R", "-c", "fast", "-X", "stream", "-D"]).arg(standby.data());
        let host = self.dir.path().display();
        copy.arg("-d").arg(format!("host={host} user=postgres application_name={name}"));
        done(copy);
        standby
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Has the server own what a test wrote into its directory.
    pub(crate) fn give_away(&self) {
        give_away(self.dir.path());
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Starts the server and waits until it answers.
    pub(crate) fn run(&mut self, settings: &[&str]) {
        let mut server = program("postgres");
        server.arg("-D").arg(self.data()).arg("-k").arg(self.dir.path());
        // Not durable against a loss of power, which no test here brings about.
        let quick = ["fsync=off", "max_wal_senders=5", "wal_level=replica"];
        server.args(["-c", "listen_addresses="]);
        for setting in quick.iter().chain(settings) {
            server.args(["-c", setting]);
        }
        let log = fs::File::create(self.dir.path().join("log")).unwrap();
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.server = Some(server.spawn().unwrap());
        let end = Instant::now() + Duration::from_secs(60);
        let port = settings.iter().find_map(|setting| setting.strip_prefix("port="));
        self.port = port.map_or(5432, |port| port.parse().unwrap());
        while let Err(error) = self.try_client("postgres") {
            assert!(Instant::now() < end, "the server does not start: {error}: {}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Ends the server at once, as a crash would: nothing is written any more.
    pub(crate) fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
            self.wait_for_children();
        }
    }

    /// Ends the server without ceremony (`pg_ctl stop -m immediate`).
    pub(crate) fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let mut kill = Command::new("kill");
            kill.args(["-QUIT", &server.id().to_string()]);
            let _ = kill.status();
            let _ = server.wait();
        }
    }

    /// Waits until the processes of a killed server have noticed.
    fn wait_for_children(&self) {
        let end = Instant::now() + Duration::from_secs(20);
        let data = self.data().into_os_string();
        while Instant::now() < end {
            let left = fs::read_dir("/proc").unwrap().flatten().any(|process| {
                fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.as_os_str() == data)
            });
            if !left {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("processes of the killed server are still there");
    }

    /// Makes a standby the primary.
    pub(crate) fn promote(&self) {
        self.client("postgres").execute("SELECT pg_promote(true, 30)", &[]).unwrap();
    }

    fn try_client(&self, database: &str) -> Result<Client, postgres::Error> {
        let host = self.dir.path().display();
        Client::connect(
            &format!("host={host} user=postgres dbname={database} port={}", self.port),
            NoTls,
        )
    }

    /// A connection to look or meddle.
    pub(crate) fn client(&self, database: &str) -> Client {
        self.try_client(database).unwrap()
    }

    /// Makes an empty database and returns its name.
    pub(crate) fn database(&self) -> String {
        let name = format!("tagout{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let sql = format!("CREATE DATABASE {name}");
        self.client("postgres").batch_execute(&sql).unwrap();
        name
    }

    /// The part of a URL that names this server.
    pub(crate) fn host(&self) -> String {
        self.dir.path().display().to_string().replace('/', "%2F")
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@{}/{database}", self.host())
    }

    /// A store over a database of this server.
    pub(crate) fn store(&self, database: &str) -> PostgresStore {
        open(&self.url(database), "test")
    }
}

/// A store over the database of a URL, for a replica of this name.
pub(crate) fn open(url: &str, name: &str) -> PostgresStore {
    PostgresStore::open(settings(url, name)).unwrap()
}

pub(crate) fn settings(url: &str, name: &str) -> Use {
    Use {
        target: Target::parse(url).unwrap(),
        name: name.to_owned(),
        log_key: None,
        former_keys: Vec::new(),
        require_synchronous_standby: false,
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}
