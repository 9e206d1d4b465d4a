//! Which store the configuration names: `[store]` of the configuration file.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tagout_core::limits;

use super::postgres::Target;
use crate::config::{BadInput, environment, read_text};

/// The table `[store]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// Where the log is.
    #[serde(default)]
    pub kind: StoreKind,
    /// The address of the PostgreSQL database.
    pub url: Option<Address>,
    /// Whether the service is ready only while a standby confirms every commit.
    #[serde(default)]
    pub require_synchronous_standby: bool,
    /// How much of the disk is kept for decisions and outcomes: with no more than this left,
    /// deliveries are answered 503. In bytes; over SQLite only. 256 MiB if absent.
    pub reserve_bytes: Option<u64>,
}

/// The stores there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// One file in the data directory.
    #[default]
    Sqlite,
    /// A PostgreSQL database that several replicas share.
    Postgres,
}

impl StoreKind {
    /// The word of the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// Where the address of the database is written. A password is never in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "a URL without a password, { env = \"NAME\" } or { file = \"PATH\" }"
)]
pub enum Address {
    /// In a variable of the environment.
    Env(InEnv),
    /// In a file that holds nothing else.
    File(InFile),
    /// Here, without a password.
    Plain(String),
}

/// `{ env = "NAME" }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InEnv {
    /// The name of the variable.
    pub env: String,
}

/// `{ file = "PATH" }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InFile {
    /// The path, relative to the configuration file.
    pub file: PathBuf,
}

#[derive(Deserialize)]
struct OnlyStore {
    #[serde(default)]
    store: StoreConfig,
}

impl StoreConfig {
    /// Reads the table `[store]` of the file at `path`, if it is there, and nothing else of it:
    /// whoever must stop something can do so while another part of the file is wrong. A file that
    /// is not even TOML stands in the way only if it might name a store. The environment wins, as
    /// it does for the service.
    ///
    /// # Errors
    /// If the table or a variable is wrong, or cannot be told.
    pub fn read(path: &Path) -> Result<Self, BadInput> {
        let text = match fs::metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
            _ => read_text(path, limits::POLICY_BYTES)?,
        };
        Self::told(path, &text, std::env::vars_os())
    }

    /// What the text of the file at `path` and these variables say.
    fn told(
        path: &Path,
        text: &str,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, BadInput> {
        let named = |what: String| BadInput(format!("{}: {what}", path.display()));
        let config = match toml::from_str::<toml::Table>(text) {
            Err(_) if !mentions_a_store(text) => Self::default(),
            _ => {
                let only: OnlyStore =
                    toml::from_str(text).map_err(|e| named(e.to_string().trim_end().into()))?;
                only.store
            }
        };
        config.check_address().map_err(|e| named(e.0))?;
        let config = environment::store(config, text, variables)?;
        config.check().map_err(|e| named(e.0))?;
        Ok(config)
    }

    /// Checks what can be checked without looking anywhere else, once file and environment have
    /// both been read.
    ///
    /// # Errors
    /// If a password is written here, PostgreSQL has no address, or a file is to have a standby.
    pub fn check(&self) -> Result<(), BadInput> {
        if self.require_synchronous_standby && self.kind == StoreKind::Sqlite {
            return Err(BadInput(
                "[store] require_synchronous_standby: a SQLite file has no standby; it needs \
                 kind = \"postgres\""
                    .into(),
            ));
        }
        if self.kind == StoreKind::Postgres && self.url.is_none() {
            return Err(BadInput(
                "[store] kind = \"postgres\" needs url = { env = \"NAME\" }, { file = \"PATH\" } \
                 or a URL without a password, or the variable TAGOUT_STORE_URL"
                    .into(),
            ));
        }
        self.check_address()
    }

    /// Checks the address that a file gives, whatever the environment says beside it.
    ///
    /// # Errors
    /// If a password is written here.
    pub fn check_address(&self) -> Result<(), BadInput> {
        match &self.url {
            Some(Address::Plain(url)) => {
                let target = Target::parse(url).map_err(|e| BadInput(e.to_string()))?;
                if target.has_password() {
                    return Err(BadInput(
                        "[store] url holds a password, which this file must not; put the URL into \
                         a variable and write url = { env = \"NAME\" }, or into a file that only \
                         its owner reads and write url = { file = \"PATH\" }; then change the \
                         password, for it was written here"
                            .into(),
                    ));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The database that the URL names. Relative paths are relative to `base`.
    ///
    /// # Errors
    /// If there is no URL, it cannot be read, or it is wrong.
    pub fn target(&self, base: &Path) -> Result<Target, BadInput> {
        let url = match &self.url {
            None => {
                return Err(BadInput(
                    "[store] has no url in tagout.toml, and TAGOUT_STORE_URL is not set".into(),
                ));
            }
            Some(Address::Plain(url)) => url.clone(),
            Some(Address::Env(InEnv { env })) => std::env::var(env).map_err(|_| {
                BadInput(format!("[store] url: the environment has no variable {env}"))
            })?,
            Some(Address::File(InFile { file })) => {
                let path = base.join(file);
                let named = |what: String| BadInput(format!("{}: {what}", path.display()));
                let meta = fs::metadata(&path).map_err(|e| named(e.to_string()))?;
                if meta.permissions().mode() & 0o007 != 0 {
                    return Err(named("everybody may read it; run chmod o-rwx on it".into()));
                }
                read_text(&path, limits::VALUE_BYTES)?
            }
        };
        Target::parse(url.trim()).map_err(|e| BadInput(e.to_string()))
    }
}

/// Whether a line of a broken file looks as if it named a store.
fn mentions_a_store(text: &str) -> bool {
    text.lines()
        .any(|line| line.trim_start().trim_start_matches('[').trim_start().starts_with("store"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<StoreConfig, BadInput> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tagout.toml");
        fs::write(&path, text).unwrap();
        StoreConfig::read(&path)
    }

    #[test]
    fn without_a_word_about_it_the_store_is_a_file() {
        assert_eq!(read("").unwrap(), StoreConfig::default());
        assert_eq!(read("runbooks = 7\n").unwrap().kind, StoreKind::Sqlite);
        assert_eq!(read("runbooks = [broken").unwrap().kind, StoreKind::Sqlite);
    }

    #[test]
    fn each_value_of_the_environment_wins_over_the_file() {
        let told = |text: &str, variables: &[(&str, &str)]| {
            let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
            StoreConfig::told(Path::new("tagout.toml"), text, variables.collect::<Vec<_>>())
        };
        let kind = ("TAGOUT_STORE_KIND", "postgres");
        let url = ("TAGOUT_STORE_URL", "postgres://u@db/x");
        let both = told("", &[kind, url]).unwrap();
        assert_eq!(both.kind, StoreKind::Postgres);
        assert!(matches!(both.url, Some(Address::Env(_))));
        // Each beside the other in the file, which alone would be refused.
        assert_eq!(told("[store]\nkind = \"postgres\"\n", &[url]).unwrap(), both);
        let file = "[store]\nurl = \"postgres://u@other/x\"\n";
        assert_eq!(told(file, &[kind]).unwrap().kind, StoreKind::Postgres);
        assert_eq!(told(file, &[kind, url]).unwrap(), both);
        let sqlite = ("TAGOUT_STORE_KIND", "sqlite");
        let over = told("[store]\nkind = \"postgres\"\nurl = \"postgres://u@db/x\"\n", &[sqlite]);
        assert_eq!(over.unwrap().kind, StoreKind::Sqlite);
        // A file that tells nothing of the store does not hide what the environment says.
        assert_eq!(told("runbooks = [broken", &[kind, url]).unwrap(), both);
        // What is wrong is refused, and no other store is opened.
        for (name, value) in [kind, ("TAGOUT_STORE_KIND", "oracle"), ("TAGOUT_STORE_KNID", "x")] {
            let error = told("", &[(name, value)]).unwrap_err().0;
            assert!(error.contains("TAGOUT_STORE_"), "{error}");
        }
        // A secret that the file names is none of ours.
        let secret = "[[source]]\nsecrets = [{ env = \"TAGOUT_STORE_KEY\" }]\n";
        assert_eq!(told(secret, &[("TAGOUT_STORE_KEY", "x")]).unwrap(), StoreConfig::default());
    }

    #[test]
    fn a_broken_file_that_may_name_a_store_is_not_guessed_at() {
        let error = read("runbooks = [broken\n[store]\nkind = \"postgres\"\n").unwrap_err();
        assert!(error.0.contains("tagout.toml"), "{error}");
    }

    #[test]
    fn a_password_in_the_configuration_is_refused_with_what_to_do() {
        for url in ["postgres://u:hunter2@db/x", "postgres://u@db/x?password=hunter2"] {
            let error = read(&format!("[store]\nkind = \"postgres\"\nurl = \"{url}\"\n"));
            let error = error.unwrap_err().0;
            assert!(error.contains("env = \"NAME\""), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        read("[store]\nkind = \"postgres\"\nurl = \"postgres://u@db/x\"\n").unwrap();
        read("[store]\nkind = \"postgres\"\n").unwrap_err();
    }

    #[test]
    fn a_file_with_the_url_is_not_for_everybody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("url");
        fs::write(&path, "postgres://u:p@db/x\n").unwrap();
        let config = StoreConfig {
            url: Some(Address::File(InFile { file: "url".into() })),
            ..StoreConfig::default()
        };
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(config.target(dir.path()).unwrap_err().0.contains("chmod"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(config.target(dir.path()).unwrap().has_password());
    }
}
