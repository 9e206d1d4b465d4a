//! `[execution.hosts.NAME]`: a host that steps may run on, how it is reached, and what may be started
//! there.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use tagout_core::limits;
use tagout_core::remote::{self, Shell};
use tagout_core::tier::Tier;

use super::ProgramConfig;
use crate::exec::remote::{Host, HostKey};

/// A host that steps may run on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostConfig {
    /// Its address: an IP address or a DNS name.
    pub address: String,
    /// The port of its SSH server; 22 if absent.
    #[serde(default = "port")]
    pub port: u16,
    /// Who logs in.
    pub user: String,
    /// The only key that it is known by: a line such as `ssh-ed25519 AAAA…`.
    pub host_key: HostKey,
    /// The file with the private key to log in with, without a passphrase.
    pub identity: PathBuf,
    /// The least tier of a plan that runs there.
    pub tier: Option<Tier>,
    /// What reads the command there; a POSIX shell if absent.
    #[serde(default)]
    pub shell: Shell,
    /// The only programs that steps can start there, by the name that runbooks use.
    pub programs: BTreeMap<String, ProgramConfig>,
}

const fn port() -> u16 {
    22
}

impl HostConfig {
    /// Whether it can be used under this name.
    pub(super) fn check(&self, name: &str) -> Result<(), String> {
        let plain = |c: char| !c.is_control();
        if name.is_empty() || name.len() > limits::NAME_BYTES || !name.chars().all(plain) {
            return Err("is no name; give 1 to 256 bytes on one line".into());
        }
        let within = |text: &str, others: &str| {
            let named = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
            text.starts_with(|c: char| {
                c.is_ascii_alphanumeric() || (c == ':' && others.contains(c))
            }) && text.len() <= limits::NAME_BYTES
                && text.chars().all(named)
        };
        if !within(&self.address, ".-:") {
            return Err(format!(
                "address: {:?} is neither an IP address nor a DNS name",
                self.address
            ));
        }
        if self.port == 0 {
            return Err("port: 0 is no port; 22 is the usual one".into());
        }
        if !within(&self.user, "._-") {
            return Err(format!("user: {:?} is no name of a user there", self.user));
        }
        if self.programs.is_empty() || self.programs.len() > limits::PROGRAMS {
            return Err(format!("programs: name 1 to {}", limits::PROGRAMS));
        }
        for (program, config) in &self.programs {
            let path = config.path();
            let text = path.to_str().unwrap_or_default();
            if program.is_empty() || program.len() > limits::NAME_BYTES {
                return Err(format!("programs: {program:?} is no name; give 1 to 256 bytes"));
            }
            if !path.is_absolute() || !text.chars().all(plain) {
                let path = path.display();
                return Err(format!("programs.{program}: {path} is not a whole path there"));
            }
        }
        Ok(())
    }

    /// What of it plans name and approvals bind.
    pub(crate) fn bound(&self) -> remote::Host {
        let path = |program: &ProgramConfig| program.path().display().to_string();
        let programs = self.programs.iter().map(|(name, one)| (name.clone(), path(one)));
        let mut tiers = BTreeMap::new();
        for program in self.programs.values() {
            if let Some(tier) = program.tier() {
                // Of several names of one path the highest tier holds.
                let least = tiers.entry(path(program)).or_insert(tier);
                *least = (*least).max(tier);
            }
        }
        let address = match self.address.contains(':') {
            true => format!("[{}]", self.address),
            false => self.address.clone(),
        };
        remote::Host {
            login: format!("{}@{address}:{}", self.user, self.port),
            host_key: self.host_key.fingerprint(),
            shell: self.shell,
            programs: programs.collect(),
            tier: self.tier,
            tiers,
        }
    }

    /// What it takes to reach it.
    #[must_use]
    pub fn host(&self, name: &str) -> Host {
        Host {
            name: name.to_owned(),
            address: self.address.clone(),
            port: self.port,
            user: self.user.clone(),
            host_key: self.host_key.clone(),
            identity: self.identity.clone(),
            shell: self.shell,
        }
    }

    /// How it stands, in words.
    pub(crate) fn words(&self, name: &str) -> String {
        let remote::Host { login, host_key, .. } = self.bound();
        let least = self.tier.map(|tier| format!(", at least {tier} tier")).unwrap_or_default();
        let how = match self.shell {
            Shell::Posix => "its shell",
            Shell::Forced => "a forced command",
        };
        format!("may run on {name}: {login}, host key {host_key}, through {how}{least}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL1kXFijD14YebrbEypfc6Be0oUSGBQhU0LDonhtXfAf";

    fn read(change: &str) -> Result<HostConfig, String> {
        let text = format!(
            "address = \"10.0.0.5\"\nuser = \"ops\"\nhost_key = \"{KEY}\"\nidentity = \"/k\"\n\
             programs = {{ls = \"/bin/ls\", list = {{path = \"/bin/ls\", tier = \"high\"}}}}\n"
        );
        let mut table: toml::Table = text.parse().unwrap();
        table.extend(change.parse::<toml::Table>().unwrap());
        let host: HostConfig = table.try_into().map_err(|e| e.to_string())?;
        host.check("web-1").map(|()| host)
    }

    #[test]
    fn a_host_is_bound_with_who_logs_in_where_its_key_and_its_programs() {
        let bound = read("").unwrap().bound();
        assert_eq!(bound.login, "ops@10.0.0.5:22");
        assert!(bound.host_key.starts_with("SHA256:"));
        assert_eq!(bound.path("ls"), Some("/bin/ls"));
        assert_eq!(bound.path("/bin/ls"), Some("/bin/ls"));
        assert_eq!(bound.tiers["/bin/ls"], Tier::High);
        assert_eq!(read("address = \"::1\"\nport = 7").unwrap().bound().login, "ops@[::1]:7");
    }

    #[test]
    fn what_the_client_could_take_for_something_else_is_refused() {
        for change in [
            "address = \"-oProxyCommand=x\"",
            "address = \"a b\"",
            "address = \"a%h\"",
            "address = \"\"",
            "user = \"-l\"",
            "user = \"a@b\"",
            "user = \"${USER}\"",
            "port = 0",
            "port = 65536",
            "host_key = \"*\"",
            "identity = 1",
            "shell = \"fish\"",
            "programs = {}",
            "programs = {ls = \"ls\"}",
            "password = \"x\"",
        ] {
            assert!(read(change).is_err(), "{change}");
        }
    }
}
