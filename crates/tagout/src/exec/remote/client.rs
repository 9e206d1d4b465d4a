//! OpenSSH's client for one call: the files that it is given, and what it tells of itself.
//!
//! Its settings are a file of our own (ssh_config(5)), so nothing of the user's or the machine's settings
//! counts. The key of the host stands in a second one, under a name of our own, and no other key is
//! taken. A third is its log. The host can have text of its own put into that, and cannot take
//! any away: what is decided by it is that lines are absent.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use tagout_core::limits;
use tempfile::TempDir;

use super::Host;

/// What the host is called in the client's files.
const ALIAS: &str = "tagout-host";
/// What the client writes once it is let in, and before it asks for a command (sshconnect2.c and
/// clientloop.c of <https://github.com/openssh/openssh-portable>). One of the three would be enough;
/// the tests hold a real one to all of them.
pub const LET_IN: [&str; 3] =
    ["Authenticated to ", "debug1: Entering interactive session", "debug1: Sending command"];
/// How much of what the client says is told to people, in bytes.
const ERRORS: usize = 2 << 10;

/// The files of one call, which go when it is over.
#[derive(Debug)]
pub(super) struct Client {
    directory: TempDir,
}

/// What a client has told of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// Whether it may have been let in by the host.
    pub(super) let_in: bool,
    /// What went wrong, in its words.
    pub(super) errors: String,
}

impl Client {
    /// Writes the files for a call of this host.
    pub(super) fn of(host: &Host) -> Result<Self, String> {
        check_identity(&host.identity)?;
        let failed = |e: std::io::Error| format!("the files of the SSH client: {e}");
        let directory = tempfile::Builder::new().prefix("tagout-ssh-").tempdir().map_err(failed)?;
        let known = directory.path().join("known_hosts");
        let settings = settings(host, &known)?;
        fs::write(known, host.host_key.known_as(ALIAS)).map_err(failed)?;
        fs::write(directory.path().join("config"), settings).map_err(failed)?;
        Ok(Self { directory })
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// Its arguments, but for the line for the other host.
    pub(super) fn arguments(&self) -> Vec<String> {
        let (config, log) = (self.path("config"), self.path("log"));
        ["-F", &config, "-v", "-E", &log, "-T", "-a", "-x", "--", ALIAS].map(str::to_owned).into()
    }

    /// What it has told; nothing if its log is not whole.
    pub(super) fn told(&self) -> Option<Told> {
        let mut log = Vec::new();
        let file = File::open(self.path("log")).ok()?;
        file.take(limits::REMOTE_LOG_BYTES as u64 + 1).read_to_end(&mut log).ok()?;
        read(&log)
    }
}

/// Whether only its owner can read the file with the private key.
pub(crate) fn check_identity(path: &Path) -> Result<(), String> {
    let named = |what: String| format!("the identity {}: {what}", path.display());
    quoted(path)?;
    let meta = fs::metadata(path).map_err(|e| named(format!("cannot be read: {e}")))?;
    if !meta.is_file() {
        return Err(named("is no file".into()));
    }
    if meta.mode() & 0o077 != 0 {
        return Err(named("can be read by others; take that away with `chmod 600`".into()));
    }
    Ok(())
}

/// A path as it stands in a file of settings, where some characters would be put in place.
fn quoted(path: &Path) -> Result<String, String> {
    let odd = |c: char| c.is_control() || "\"\\%$~".contains(c);
    match path.to_str() {
        Some(text) if path.is_absolute() && !text.contains(odd) => Ok(format!("\"{text}\"")),
        _ => Err(format!(
            "the path {path:?} cannot stand in the settings of the SSH client; use one from the root \
             on without quotes, backslashes, '%', '$' and '~'"
        )),
    }
}

fn settings(host: &Host, known_hosts: &Path) -> Result<String, String> {
    let identity = quoted(&host.identity)?;
    let known_hosts = quoted(known_hosts)?;
    let (interval, missing) = limits::REMOTE_SILENCE;
    let lines = [
        // Whom to reach, and by which key alone it is known.
        ("HostName", host.address.clone()),
        ("Port", host.port.to_string()),
        ("User", host.user.clone()),
        ("HostKeyAlias", ALIAS.into()),
        ("HostKeyAlgorithms", host.host_key.algorithms().into()),
        ("UserKnownHostsFile", known_hosts),
        ("GlobalKnownHostsFile", "none".into()),
        ("StrictHostKeyChecking", "yes".into()),
        ("CheckHostIP", "no".into()),
        ("VerifyHostKeyDNS", "no".into()),
        ("UpdateHostKeys", "no".into()),
        ("CanonicalizeHostname", "no".into()),
        ("ProxyCommand", "none".into()),
        // How to log in: by this key, and nobody is asked anything.
        ("BatchMode", "yes".into()),
        ("PreferredAuthentications", "publickey".into()),
        ("PubkeyAuthentication", "yes".into()),
        ("PasswordAuthentication", "no".into()),
        ("KbdInteractiveAuthentication", "no".into()),
        ("HostbasedAuthentication", "no".into()),
        ("IdentitiesOnly", "yes".into()),
        ("IdentityFile", identity),
        ("IdentityAgent", "none".into()),
        ("AddKeysToAgent", "no".into()),
        // Nothing but one command, without a terminal.
        ("ForwardAgent", "no".into()),
        ("ForwardX11", "no".into()),
        ("ClearAllForwardings", "yes".into()),
        ("Tunnel", "no".into()),
        ("PermitLocalCommand", "no".into()),
        ("RequestTTY", "no".into()),
        ("EscapeChar", "none".into()),
        ("ControlMaster", "no".into()),
        ("ControlPath", "none".into()),
        // A connection that is lost is noticed.
        ("ConnectTimeout", (limits::REMOTE_CONNECT.millis() / 1_000).to_string()),
        ("ConnectionAttempts", "1".into()),
        ("ServerAliveInterval", (interval.millis() / 1_000).to_string()),
        ("ServerAliveCountMax", missing.to_string()),
        ("TCPKeepAlive", "yes".into()),
    ];
    let lines = lines.map(|(key, value)| format!("    {key} {value}\n"));
    Ok(format!("Host {ALIAS}\n{}", lines.concat()))
}

fn read(log: &[u8]) -> Option<Told> {
    if log.len() > limits::REMOTE_LOG_BYTES {
        return None;
    }
    let log = String::from_utf8_lossy(log);
    // Its first line is its version, and the lines of the detail that is asked for are there.
    if !log.starts_with("OpenSSH_") || !log.contains("\ndebug1: ") {
        return None;
    }
    let let_in = LET_IN.iter().any(|words| log.contains(words));
    let detail = ["OpenSSH_", "debug1: ", "Authenticated to ", "Transferred: ", "Bytes per second"];
    let errors = log.lines().filter(|line| !detail.iter().any(|words| line.starts_with(words)));
    // The lines of a large warning are framed.
    let errors = errors.map(|line| line.trim_matches(|c: char| c == '@' || c.is_whitespace()));
    let errors: Vec<_> = errors.filter(|line| !line.is_empty()).collect();
    let errors: String = errors.join("; ").chars().take(ERRORS).collect();
    Some(Told { let_in, errors })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const REFUSED: &str = "OpenSSH_9.2p1 Debian-2, OpenSSL 3.0\n\
        debug1: Reading configuration data c\n\
        ssh: connect to host 127.0.0.1 port 1: Connection refused\n";

    #[test]
    fn a_client_was_not_let_in_only_if_its_whole_log_says_nothing_of_a_session() {
        let let_in = |log: &str| read(log.as_bytes()).map(|told| told.let_in);
        assert_eq!(let_in(REFUSED), Some(false));
        for words in LET_IN {
            assert_eq!(let_in(&format!("{REFUSED}{words}")), Some(true));
        }
        for log in ["", "OpenSSH_9.2\n", "debug1: a\n", &REFUSED[1..]] {
            assert_eq!(let_in(log), None, "{log}");
        }
        let long = |length: usize| format!("{REFUSED}{}", "a".repeat(length - REFUSED.len()));
        assert_eq!(let_in(&long(limits::REMOTE_LOG_BYTES)), Some(false));
        assert_eq!(let_in(&long(limits::REMOTE_LOG_BYTES + 1)), None);
    }

    #[test]
    fn what_went_wrong_is_told_in_the_clients_words() {
        let told = read(REFUSED.as_bytes()).unwrap();
        assert_eq!(told.errors, "ssh: connect to host 127.0.0.1 port 1: Connection refused");
    }

    #[test]
    fn an_identity_that_others_can_read_or_whose_path_means_more_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("key");
        fs::write(&key, "key").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(check_identity(&key), Ok(()));
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(check_identity(&key).unwrap_err().contains("chmod 600"));
        assert!(check_identity(dir.path()).is_err());
        for path in ["key", "/a\"b", "/%d/key", "/${HOME}/key", "/none"] {
            assert!(check_identity(Path::new(path)).is_err(), "{path}");
        }
    }
}
