//! The receivers that are compared, each a process of its own, started here and stopped again.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How the kernel counts processor time for programs, in ticks a second.
const TICKS: f64 = 100.0;

/// A receiver that runs.
pub(crate) struct Peer {
    /// What it is called in the table.
    pub(crate) name: &'static str,
    /// Whether a 2xx of it survives a loss of power.
    pub(crate) durable: bool,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Where it takes alerts.
    pub(crate) path: &'static str,
    /// The header lines that it asks for.
    pub(crate) headers: String,
    /// Whether it takes Alertmanager's API and not its webhook.
    pub(crate) api: bool,
    process: Child,
    _database: Option<Cluster>,
    _dir: TempDir,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Peer {
    /// Alertmanager with its shipped settings; its notifications go nowhere.
    pub(crate) fn alertmanager() -> Self {
        let (dir, address) = (TempDir::new().expect("a directory"), free());
        let config = dir.path().join("alertmanager.yml");
        fs::write(&config, "route: {receiver: none}\nreceivers: [{name: none}]\n").expect("a file");
        let mut command = Command::new("prometheus-alertmanager");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=")
            .arg("--log.level=error");
        let path = "/api/v2/alerts";
        let mut peer = Self::start("Alertmanager", false, address, path, command, dir, None);
        peer.api = true;
        peer
    }

    /// The least that a durable receiver can do.
    pub(crate) fn bare() -> Self {
        let (dir, address) = (TempDir::new().expect("a directory"), free());
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.arg("bare").arg(address.port().to_string()).arg(dir.path().join("bare.db"));
        Self::start("bare endpoint", true, address, "/", command, dir, None)
    }

    /// Tagout over SQLite.
    pub(crate) fn sqlite() -> Self {
        Self::tagout("Tagout, SQLite", "", None)
    }

    /// Tagout over PostgreSQL.
    pub(crate) fn postgres() -> Self {
        let cluster = Cluster::start();
        let store = format!("[store]\nkind = \"postgres\"\nurl = {:?}\n", cluster.url());
        Self::tagout("Tagout, PostgreSQL", &store, Some(cluster))
    }

    fn tagout(name: &'static str, store: &str, cluster: Option<Cluster>) -> Self {
        let (dir, address) = (TempDir::new().expect("a directory"), free());
        let program = env!("CARGO_BIN_EXE_tagout");
        let data = dir.path().join("data");
        let made = Command::new(program)
            .arg("--data-dir")
            .arg(&data)
            .arg("init")
            .stdout(Stdio::null())
            .status();
        assert!(made.expect("tagout").success());
        let book = dir.path().join("book");
        fs::create_dir(&book).expect("a directory");
        fs::write(book.join("cpu.md"), "# HostHighCpuLoad\n\nLook at the load.\n").expect("a page");
        let config = format!(
            "runbooks = {book:?}\n{store}\n[server]\nlisten = \"{address}\"\n\
             [[source]]\nname = \"am\"\nkind = \"alertmanager\"\nauth = \"bearer\"\n\
             secrets = [{{ env = \"AM_TOKEN\" }}]\n"
        );
        fs::write(data.join("tagout.toml"), config).expect("a file");
        let mut command = Command::new(program);
        command.arg("--data-dir").arg(&data).arg("serve").env("AM_TOKEN", "a-token-of-the-bench");
        let path = "/v1/sources/am";
        let mut peer = Self::start(name, true, address, path, command, dir, cluster);
        peer.headers = "Authorization: Bearer a-token-of-the-bench\r\n".into();
        peer
    }

    fn start(
        name: &'static str,
        durable: bool,
        address: SocketAddr,
        path: &'static str,
        mut command: Command,
        dir: TempDir,
        cluster: Option<Cluster>,
    ) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.spawn().unwrap_or_else(|e| {
            panic!("{name} cannot be started ({e}); install prometheus-alertmanager, postgresql")
        });
        let (headers, api) = (String::new(), false);
        let peer = Self {
            name,
            durable,
            address,
            path,
            headers,
            api,
            process,
            _database: cluster,
            _dir: dir,
        };
        let end = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < end, "{name} does not listen");
            thread::sleep(Duration::from_millis(50));
        }
        peer
    }

    /// The processor time that it has taken so far, its own and the kernel's for it, in seconds.
    /// Of PostgreSQL's own processes nothing is counted.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()));
        let stat = stat.unwrap_or_default();
        // The name, in brackets, may hold anything; utime and stime are fields 14 and 15.
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        let ticks = after.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
        ticks as f64 / TICKS
    }

    /// The most memory that it held, in MiB.
    pub(crate) fn peak_mib(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|text| text.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
        kib.unwrap_or(0.0) / 1024.0
    }
}

fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

/// A PostgreSQL of its own, with the settings it ships with.
struct Cluster {
    process: Child,
    dir: TempDir,
    port: u16,
}

impl Cluster {
    fn start() -> Self {
        let dir = TempDir::new().expect("a directory");
        let (data, port) = (dir.path().join("pg"), free().port());
        let bin = binaries();
        // PostgreSQL refuses to run as root.
        let user = if is_root() { user_id("postgres") } else { None };
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(dir.path(), Some(uid), Some(gid)).expect("a directory");
        }
        let run = |program: &str| {
            let mut command = Command::new(bin.join(program));
            if let Some((uid, gid)) = user {
                command.uid(uid).gid(gid);
            }
            command.current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
            command
        };
        let made =
            run("initdb").arg("-D").arg(&data).args(["-U", "tagout", "-A", "trust"]).status();
        assert!(made.expect("initdb").success(), "initdb failed");
        let mut command = run("postgres");
        command.arg("-D").arg(&data).arg("-p").arg(port.to_string());
        command.arg("-k").arg(dir.path()).args(["-h", "127.0.0.1"]);
        let process = command.spawn().expect("postgres");
        let end = Instant::now() + Duration::from_secs(60);
        while !run("pg_isready")
            .args(["-h", "127.0.0.1", "-q", "-p", &port.to_string()])
            .status()
            .is_ok_and(|status| status.success())
        {
            assert!(Instant::now() < end, "PostgreSQL does not answer");
            thread::sleep(Duration::from_millis(50));
        }
        Self { process, dir, port }
    }

    fn url(&self) -> String {
        format!("postgresql://tagout@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(self.dir.path());
    }
}

fn binaries() -> std::path::PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let newest = versions.filter_map(Result::ok).map(|entry| entry.path().join("bin")).max();
    newest.expect("PostgreSQL is installed")
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}

fn user_id(name: &str) -> Option<(u32, u32)> {
    let users = fs::read_to_string(Path::new("/etc/passwd")).ok()?;
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}
