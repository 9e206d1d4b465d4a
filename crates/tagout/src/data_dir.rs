//! The data directory: the journal, the key that signs it, the configuration, cached vectors.

mod rotation;

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use tagout_core::digest::{sha256, to_hex};
use tagout_log::{SignedCheckpoint, SignerKey};

use crate::config::BadInput;
use crate::fault::Fault;
use crate::journal::{Journal, Keep};
use crate::matching::VectorCache;
use crate::store::membership::{RENEWAL, SIGNER, own_name};
use crate::store::postgres::{PostgresStore, Target, Use};
use crate::store::{SqliteStore, Store, StoreConfig, StoreError, StoreKind};

pub use rotation::{Rotated, public_keys};

/// How long to wait for the replica that signs to sign what was just appended.
const SIGNED_BY_ANOTHER: Duration = Duration::from_secs(10);

/// A data directory.
#[derive(Debug, Clone)]
pub struct DataDir {
    path: PathBuf,
    /// The store, where another file than the directory's own says which.
    store: Option<StoreConfig>,
}

impl DataDir {
    /// The directory at `path`, which need not exist yet.
    #[must_use]
    pub const fn at(path: PathBuf) -> Self {
        Self { path, store: None }
    }

    /// The same directory, with the store that a configuration elsewhere names.
    #[must_use]
    pub fn with_store(self, store: StoreConfig) -> Self {
        Self { store: Some(store), ..self }
    }

    /// Where it is if nobody says: the XDG state directory.
    ///
    /// # Errors
    /// If neither `XDG_STATE_HOME` nor `HOME` is set.
    pub fn default_path() -> Result<PathBuf, Fault> {
        let absolute = |name: &str| {
            std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
        };
        absolute("XDG_STATE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
            .map(|state| state.join("tagout"))
            .ok_or_else(|| Fault::new("neither XDG_STATE_HOME nor HOME is set; give --data-dir"))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration file.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.path.join("tagout.toml")
    }

    /// The file of the secret key.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.path.join("log.key")
    }

    /// The file of the public key, to hand to those who verify.
    #[must_use]
    pub fn public_key_file(&self) -> PathBuf {
        self.path.join("log.pub")
    }

    /// The file of the embedded store.
    #[must_use]
    pub fn journal_file(&self) -> PathBuf {
        self.path.join("tagout.db")
    }

    /// Where the file of the embedded store lies once the log has moved to another one.
    #[must_use]
    pub fn moved_file(&self) -> PathBuf {
        self.path.join("tagout.db.moved")
    }

    /// What to do if the embedded store is configured and its log has moved to another one: it
    /// goes on there, and a new one here would fork it.
    #[must_use]
    pub fn moved_away(&self) -> Option<String> {
        let moved = self.moved_file();
        (moved.exists() && !self.has_journal()).then(|| {
            format!(
                "the log was moved to another store ({} is what it left behind): set kind = \
                 \"postgres\" in [store] of tagout.toml, with the url of the database",
                moved.display()
            )
        })
    }

    /// The file that a service over the embedded store holds locked while it runs.
    #[must_use]
    pub fn serving_file(&self) -> PathBuf {
        self.path.join("serve.lock")
    }

    /// Which store the configuration here names, with the environment over it. Every command
    /// asks here, so that all of them work on the log that the service works on.
    ///
    /// # Errors
    /// If the configuration says it wrongly.
    pub fn store_config(&self) -> Result<StoreConfig, BadInput> {
        match &self.store {
            Some(store) => Ok(store.clone()),
            None => StoreConfig::read(&self.config_file()),
        }
    }

    /// Whether a journal is here, or a database for it is named.
    #[must_use]
    pub fn has_journal(&self) -> bool {
        let named = self.store_config().is_ok_and(|config| config.kind == StoreKind::Postgres);
        named || self.journal_file().exists()
    }

    /// The checkpoint that was signed last, kept beside the database and not in it: whoever
    /// rolls the database back leaves this behind.
    #[must_use]
    pub fn checkpoint_file(&self) -> PathBuf {
        self.path.join("log.checkpoint")
    }

    /// The kept checkpoint, if the log was ever signed.
    ///
    /// # Errors
    /// If the file is no checkpoint.
    pub fn kept_checkpoint(&self) -> Result<Option<SignedCheckpoint>, Fault> {
        let path = self.checkpoint_file();
        let named = |what: String| Fault::damage(format!("{}: {what}", path.display()));
        match fs::read_to_string(&path) {
            Ok(text) => SignedCheckpoint::parse(&text).map(Some).map_err(|e| named(e.to_string())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(named(e.to_string())),
        }
    }

    /// Signs the journal as it stands and keeps the checkpoint. If another replica signs, its
    /// checkpoint over all that is recorded is waited for and kept.
    ///
    /// # Errors
    /// If the kept checkpoint is another key's, or the journal cannot be signed.
    pub fn sign(
        &self,
        journal: &mut Journal<Store>,
        signer: &SignerKey,
    ) -> Result<SignedCheckpoint, Fault> {
        let keys = std::slice::from_ref(signer.verifier());
        if let Some(kept) = self.kept_checkpoint()? {
            journal
                .key_chain()?
                .verify(&kept, keys)
                .map_err(|e| Fault::damage(format!("{}: {e}", self.checkpoint_file().display())))?;
        }
        let size = journal.log().size();
        let end = Instant::now() + SIGNED_BY_ANOTHER;
        let signed = loop {
            let lease = journal.log().storage().lease(SIGNER);
            if lease.map_err(|e| Fault::new(e.to_string()))? {
                let fault = match journal.sign(signer) {
                    Ok(signed) => break signed,
                    Err(fault) => fault,
                };
                // Another process may have signed more in between; then there is more to sign.
                match journal.last_checkpoint()? {
                    Some(last) if last.checkpoint().size > journal.log().size() => {}
                    _ => return Err(fault),
                }
                if Instant::now() >= end {
                    return Err(fault);
                }
                continue;
            }
            match journal.last_checkpoint()? {
                Some(signed) if signed.checkpoint().size >= size => {
                    let chain = journal.key_chain()?;
                    chain.verify(&signed, keys).map_err(|e| Fault::damage(e.to_string()))?;
                    break signed;
                }
                _ if Instant::now() < end => thread::sleep(RENEWAL / 4),
                _ => {
                    return Err(Fault::new(
                        "everything is recorded, and the replica that signs has not signed it \
                         yet; `tagout audit checkpoint` tries again",
                    ));
                }
            }
        };
        replace(&self.checkpoint_file(), 0o644, signed.to_string().as_bytes())?;
        Ok(signed)
    }

    /// The cached vectors.
    #[must_use]
    pub fn vectors(&self) -> VectorCache {
        VectorCache::new(self.path.join("vectors"))
    }

    /// Makes the directory and its signing key, if they are not there. Says whether it did.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn prepare(&self) -> Result<bool, Fault> {
        let failed =
            |path: &Path, error: io::Error| Fault::new(format!("{}: {error}", path.display()));
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.path)
            .map_err(|e| failed(&self.path, e))?;
        // The key is made before all else. What comes after it is looked for first, so that a
        // directory that another process is making at this moment is not taken for a broken one.
        let (signed, recorded) = (self.public_key_file().exists(), self.journal_file().exists());
        let made = if self.key_file().exists() {
            false
        } else if signed {
            return Err(self.key_is_gone(&self.public_key_file()));
        } else if let Some(log) = self.key_of_shared_log()? {
            return Err(Fault::new(format!(
                "the log in the database is signed by {log} and {} is missing: copy log.key from \
                 a replica that has it",
                self.key_file().display()
            )));
        } else if recorded && !self.is_shared()? {
            self.sqlite()?;
            return Err(self.key_is_gone(&self.journal_file()));
        } else {
            self.make_key()?
        };
        if !self.public_key_file().exists() {
            let public = format!("{}\n", self.signer()?.verifier());
            publish(&self.public_key_file(), 0o644, public.as_bytes())
                .map_err(|e| failed(&self.public_key_file(), e))?;
        }
        Ok(made)
    }

    /// A log that was signed once must not be signed by another key in silence.
    fn key_is_gone(&self, here: &Path) -> Fault {
        Fault::new(format!(
            "{} is missing and {} is here: the key that signed this log is gone; \
             restore it from where you keep it",
            self.key_file().display(),
            here.display()
        ))
    }

    fn make_key(&self) -> Result<bool, Fault> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|e| Fault::new(format!("no random bytes for a key: {e}")))?;
        let name = format!("tagout.local/{}", to_hex(&sha256("tagout.log-name.v1", &[&seed])[..6]));
        let key = SignerKey::from_seed(&name, &seed).map_err(|e| Fault::new(e.to_string()))?;
        publish(&self.key_file(), 0o600, key.to_secret_text().as_bytes())
            .map_err(|e| Fault::new(format!("{}: {e}", self.key_file().display())))
    }

    /// The key that signs the log.
    ///
    /// # Errors
    /// If it is missing, readable by others, or no key.
    pub fn signer(&self) -> Result<SignerKey, Fault> {
        Self::key_in(&self.key_file())
    }

    fn key_in(path: &Path) -> Result<SignerKey, Fault> {
        let named = |what: String| Fault::new(format!("{}: {what}", path.display()));
        let meta = fs::metadata(path)
            .map_err(|e| named(format!("{e}; `tagout init` makes a data directory")))?;
        let mode = meta.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(named(format!("others may read it (mode {mode:o}); run chmod 600 on it")));
        }
        let text = fs::read_to_string(path).map_err(|e| named(e.to_string()))?;
        SignerKey::from_secret_text(text.trim()).map_err(|e| named(e.to_string()))
    }

    /// The journal that is kept here, or in the database that the configuration names.
    ///
    /// # Errors
    /// If it cannot be opened, is damaged, or does not go on from the checkpoint that was kept.
    pub fn journal(&self) -> Result<Journal<Store>, Fault> {
        self.journal_keeping(Keep::All)
    }

    /// As [`DataDir::journal`], with only some of the incidents in memory.
    ///
    /// # Errors
    /// As [`DataDir::journal`].
    pub fn journal_keeping(&self, keep: Keep) -> Result<Journal<Store>, Fault> {
        if let Some(words) = self.moved_away() {
            return Err(Fault::new(words));
        }
        if self.checkpoint_file().exists() && !self.has_journal() {
            return Err(Fault::damage(format!(
                "{} is gone and {} is here: a log was signed and its database is missing; \
                 restore it from a backup",
                self.journal_file().display(),
                self.checkpoint_file().display()
            )));
        }
        let kept = self.kept_checkpoint()?;
        let store = self.store()?;
        // The log is looked at in several reads. What another process appends between them
        // must not look like damage.
        store.pin().map_err(|e| Fault::new(e.to_string()))?;
        let journal = Journal::open_keeping(store, keep)?;
        journal.log().storage().unpin();
        kept.iter().try_for_each(|kept| journal.extends(kept))?;
        Ok(journal)
    }

    /// The store that the configuration names.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn store(&self) -> Result<Store, Fault> {
        let config = self.store_config().map_err(|e| Fault::new(e.0))?;
        self.store_of(&config, config.kind)
    }

    /// The store of one kind, as the configuration describes it.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn store_of(&self, config: &StoreConfig, kind: StoreKind) -> Result<Store, Fault> {
        if kind == StoreKind::Sqlite {
            return Ok(self.sqlite()?.into());
        }
        let mut keys = self.public_keys()?.into_iter();
        let opened = PostgresStore::open(Use {
            target: self.target(config)?,
            name: own_name(),
            log_key: keys.next(),
            former_keys: keys.collect(),
            require_synchronous_standby: config.require_synchronous_standby,
        });
        opened.map(Store::from).map_err(|e| Fault::new(e.to_string()))
    }

    /// The embedded store, for this process alone until it is dropped.
    ///
    /// # Errors
    /// If another process has it open, or it cannot be opened.
    pub fn sqlite_alone(&self) -> Result<SqliteStore, StoreError> {
        SqliteStore::open_alone(&self.journal_file())
    }

    /// The public keys of the log, the one in force first: those that are handed out, else that of
    /// the secret key.
    fn public_keys(&self) -> Result<Vec<String>, Fault> {
        let path = self.public_key_file();
        match fs::read_to_string(&path) {
            Ok(text) => {
                let keys = text.lines().filter(|line| !line.starts_with('#'));
                Ok(keys.map(str::to_owned).collect())
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound && self.key_file().exists() => {
                Ok(vec![self.signer()?.verifier().to_string()])
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(Fault::new(format!("{}: {e}", path.display()))),
        }
    }

    fn sqlite(&self) -> Result<SqliteStore, Fault> {
        SqliteStore::open(&self.journal_file()).map_err(|e| Fault::new(e.to_string()))
    }

    fn target(&self, config: &StoreConfig) -> Result<Target, Fault> {
        config.target(&self.path).map_err(|e| Fault::new(e.0))
    }

    fn is_shared(&self) -> Result<bool, Fault> {
        let config = self.store_config().map_err(|e| Fault::new(e.0))?;
        Ok(config.kind == StoreKind::Postgres)
    }

    /// The key that the log in the configured database is signed by, if there is one.
    fn key_of_shared_log(&self) -> Result<Option<String>, Fault> {
        let config = self.store_config().map_err(|e| Fault::new(e.0))?;
        if config.kind == StoreKind::Sqlite {
            return Ok(None);
        }
        PostgresStore::log_key(&self.target(&config)?).map_err(|e| Fault::new(e.to_string()))
    }
}

/// Puts a file in its place whole or not at all. Says whether it did: `false` if one was there.
fn publish(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<bool> {
    let mut random = [0; 6];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let beside = path.with_added_extension(to_hex(&random));
    write_new(&beside, mode, bytes)?;
    let linked = fs::hard_link(&beside, path);
    fs::remove_file(&beside)?;
    match linked {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e),
    }
}

/// Puts a file in the place of another one, whole or not at all.
fn replace(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), Fault> {
    let beside = path.with_added_extension(format!("{}.new", std::process::id()));
    // Of a process that was killed, with the number that is ours now.
    let _ = fs::remove_file(&beside);
    let replaced = write_new(&beside, mode, bytes).and_then(|()| fs::rename(&beside, path));
    replaced.map_err(|e| {
        let _ = fs::remove_file(&beside);
        Fault::new(format!("{}: {e}", path.display()))
    })
}

/// Writes a file that must not exist yet, durably.
pub(crate) fn write_new(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
