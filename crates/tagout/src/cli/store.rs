//! `tagout store`: the log copied away, brought back, and moved to another store.

mod archive;

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tagout_core::limits;
use tagout_core::time::Span;
use tagout_log::storage::{Storage as _, StoredCheckpoint};
use tagout_log::{AuditLog, SignedCheckpoint, VerifierKey};

use crate::config::read_text;
use crate::data_dir::DataDir;
use crate::serving::Serving;
use crate::store::copy::{Copied, fill};
use crate::store::{SqliteStore, Store, StoreError, StoreKind};

use super::{Failure, Home, Outcome, print_json};

pub(super) use archive::sha256_of;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Copy the log with its texts into one new file, while it is in use.
    Backup {
        /// The file to write; it must not exist.
        file: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Put a backup into the configured store, which must be empty.
    Restore {
        /// The file that `tagout store backup` wrote.
        file: PathBuf,
        /// A checkpoint that you kept: the backup must reach it, as it must reach the data
        /// directory's own. May be given again.
        #[arg(long, value_name = "FILE")]
        checkpoint: Vec<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Move the log to another kind of store. Stop everything that uses it first.
    #[command(group = clap::ArgGroup::new("way").required(true).args(["to", "from"]))]
    Migrate {
        /// From the configured store to one of this kind.
        #[arg(long, value_name = "KIND")]
        to: Option<StoreKind>,
        /// From a store of this kind to the configured one.
        #[arg(long, value_name = "KIND")]
        from: Option<StoreKind>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Move the texts of old closed incidents into files that are verified alone. The log keeps
    /// every entry and holds as before.
    Archive {
        /// How long ago the last entry of an incident must be, such as 90d; at most a year.
        #[arg(long, value_name = "TIME")]
        older_than: Span,
        /// The directory for the files; it must exist.
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Serialize)]
struct Report {
    /// Where the log is now.
    place: String,
    entries: u64,
    texts: u64,
    outbox: u64,
    /// Password hashes. Sessions are left behind.
    passwords: u64,
    /// Entries under the last signed checkpoint.
    signed: u64,
}

impl Report {
    fn of(place: String, copied: Copied) -> Self {
        let Copied { entries, texts, work, passwords, signed } = copied;
        Self { place, entries, texts, outbox: work, passwords, signed }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Foreign(_)
            | StoreError::Newer { .. }
            | StoreError::Address(_)
            | StoreError::InUse(_)
            | StoreError::NotEmpty => Self::BadInput(error.to_string()),
            _ => Self::Fault(error.to_string()),
        }
    }
}

pub(super) fn run(home: &Home, command: &Command) -> Outcome {
    match command {
        Command::Backup { file, json } => backup(home, file, *json),
        Command::Restore { file, checkpoint, json } => restore(home, file, checkpoint, *json),
        Command::Archive { older_than, to, json } => archive::run(home, *older_than, to, *json),
        Command::Migrate { to, from, json } => migrate(home, *to, *from, *json),
    }
}

fn backup(home: &Home, file: &Path, json: bool) -> Outcome {
    let dir = home.existing()?;
    if file.exists() {
        let words = format!("{} exists; a backup goes into a new file", file.display());
        return Err(Failure::BadInput(words));
    }
    let store = dir.store()?;
    if store.rows().ends()?.0.frontier.size() == 0 {
        return Err(Failure::BadInput(format!(
            "the log in {} holds no entry, so there is nothing to back up; `tagout config check` \
             says which store is configured",
            place(&dir, &store)
        )));
    }
    // Whoever finds the file finds it whole.
    let beside = file.with_added_extension(format!("{}.new", std::process::id()));
    let copied = copy_out(&store, &beside).and_then(|copied| {
        publish(&beside, file)?;
        Ok(copied)
    });
    if copied.is_err() {
        for rest in ["", "-wal", "-shm", "-journal"] {
            let _ = fs::remove_file(format!("{}{rest}", beside.display()));
        }
    }
    say("Backed up", Report::of(file.display().to_string(), copied?), json)?;
    if !json {
        anstream::println!(
            "It holds the texts, the password hashes and no key; keep log.key apart from it."
        );
    }
    Ok(())
}

/// Copies the log into a new SQLite file and checks the copy.
fn copy_out(store: &Store, path: &Path) -> Result<Copied, Failure> {
    if let Store::Sqlite(sqlite) = store {
        sqlite.copy_to(path)?;
    } else {
        let mut copy = SqliteStore::open(path)?;
        store.pin()?;
        let copied = fill(store.rows(), &mut copy);
        store.unpin();
        copied?;
        copy.close_as_one_file()?;
    }
    let copy = SqliteStore::open_to_read(path)?;
    let copied = crate::store::copy::count(&copy)?;
    check(copy.into(), &[], &[])?;
    Ok(copied)
}

fn publish(beside: &Path, file: &Path) -> Result<(), Failure> {
    let named = |e: std::io::Error| Failure::Fault(format!("{}: {e}", file.display()));
    fs::File::open(beside).and_then(|copy| copy.sync_all()).map_err(named)?;
    // What came there meanwhile is not replaced.
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, beside, CWD, file, RenameFlags::NOREPLACE).map_err(|e| named(e.into()))
}

fn restore(home: &Home, file: &Path, checkpoints: &[PathBuf], json: bool) -> Outcome {
    let dir = home.dir()?;
    let config = dir.store_config()?;
    let backup: Store = SqliteStore::open_to_read(file)
        .map_err(|error| match error {
            StoreError::File { .. } | StoreError::Sqlite(_) => {
                Failure::BadInput(format!("{}: {error}", file.display()))
            }
            error => error.into(),
        })?
        .into();
    let keys = keys(&dir)?;
    let mut known: Vec<SignedCheckpoint> = dir.kept_checkpoint()?.into_iter().collect();
    for path in checkpoints {
        let named = |what: String| Failure::BadInput(format!("{}: {what}", path.display()));
        let text = read_text(path, limits::POLICY_BYTES)?;
        known.push(SignedCheckpoint::parse(&text).map_err(|e| named(e.to_string()))?);
    }
    let backup = check(backup, &keys, &known)?;
    let mut store = dir.store_of(&config, config.kind)?;
    let copied = fill(backup.rows(), store.rows_mut())?;
    let place = place(&dir, &store);
    check(store, &keys, &known)?;
    say("Restored", Report::of(place, copied), json)?;
    say_missing_keys(&dir);
    Ok(())
}

/// A backup brings no key. Whoever restored one is told what is still to be done.
fn say_missing_keys(dir: &DataDir) {
    let (key, public) = (dir.key_file(), dir.public_key_file());
    if key.exists() {
        return;
    }
    let (which, unchecked) = if public.exists() {
        (format!("{} is", key.display()), "")
    } else {
        let unchecked = " The signatures of the backup were not checked; `tagout audit verify` \
                         does so then.";
        (format!("{} and {} are", key.display(), public.display()), unchecked)
    };
    anstream::eprintln!(
        "tagout: {which} missing, and the log cannot go on without the key that signed it: copy \
         log.key and log.pub from where you keep them.{unchecked}"
    );
}

fn migrate(home: &Home, to: Option<StoreKind>, from: Option<StoreKind>, json: bool) -> Outcome {
    let dir = home.dir()?;
    let config = dir.store_config()?;
    let (from, to) = (from.unwrap_or(config.kind), to.unwrap_or(config.kind));
    if from == to {
        return Err(Failure::BadInput(format!(
            "the configured store is {} already; `--from` and `--to` name the other kind",
            to.name()
        )));
    }
    // The address is needed either way, and a wrong one is the caller's mistake.
    config.target(dir.path())?;
    if from == StoreKind::Sqlite && !dir.journal_file().exists() {
        let words = format!("{} is not there to be moved", dir.journal_file().display());
        return Err(Failure::BadInput(words));
    }
    let keys = keys(&dir)?;
    let known: Vec<SignedCheckpoint> = dir.kept_checkpoint()?.into_iter().collect();
    // From here on nobody else appends to it. A file is had alone until it is retired: whoever
    // waits for a turn at it finds it moved.
    let (_serving, source) = match from {
        StoreKind::Sqlite => {
            let serving = Serving::begin(&dir)?;
            if !serving.is_first()? {
                return Err(Failure::BadInput(format!(
                    "a service works on the log in {}: stop it first; nothing was copied",
                    dir.path().display()
                )));
            }
            (Some(serving), dir.sqlite_alone()?.into())
        }
        StoreKind::Postgres => (None, dir.store_of(&config, from)?),
    };
    let mut source = check(source, &keys, &known)?;
    source.hold()?;
    source.hold_for_long()?;
    if let Some(other) = source.members()?.iter().find(|member| !member.me) {
        let words = format!("the replica {} still works on the log; stop it first", other.name);
        return Err(Failure::BadInput(words));
    }
    let mut target = dir.store_of(&config, to)?;
    let copied = fill(source.rows(), target.rows_mut())?;
    let place = place(&dir, &target);
    check(target, &keys, &known)?;
    retire(&dir, source, &place)?;
    say("Moved", Report::of(place, copied), json)?;
    if !json && config.kind != to {
        anstream::println!("Next: set kind = \"{}\" in [store] of tagout.toml.", to.name());
    }
    Ok(())
}

/// Sees to it that nobody goes on with the log where it was: two of them would fork.
fn retire(dir: &DataDir, source: Store, place: &str) -> Result<(), Failure> {
    match source {
        Store::Postgres(mut store) => Ok(store.mark_moved(&format!("to {place}"))?),
        Store::Sqlite(store) => {
            let file = dir.journal_file();
            // While it is still held, so that nobody gets in between.
            let renamed = fs::rename(&file, dir.moved_file());
            drop(store);
            renamed.map_err(|e| {
                Failure::Fault(format!(
                    "the log is in {place} now, and {} could not be renamed ({e}): rename it, for \
                     the log must not go on in two places",
                    file.display()
                ))
            })
        }
    }
}

/// Where the log of a store is, for people.
fn place(dir: &DataDir, store: &Store) -> String {
    match store {
        Store::Sqlite(_) => dir.journal_file().display().to_string(),
        Store::Postgres(store) => store.place(),
    }
}

/// The public key of the data directory, if it has one.
fn keys(dir: &DataDir) -> Result<Vec<VerifierKey>, Failure> {
    let path = dir.public_key_file();
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = read_text(&path, limits::POLICY_BYTES)?;
    VerifierKey::list(&text).map_err(|e| Failure::Fault(format!("{}: {e}", path.display())))
}

/// Checks that a log is whole and goes on from every known checkpoint. Without a key,
/// signatures are not looked at.
fn check(store: Store, keys: &[VerifierKey], known: &[SignedCheckpoint]) -> Result<Store, Failure> {
    let fails = |what: String| {
        anstream::eprintln!("tagout: {}", crate::terminal::printable_lines(&what));
        Failure::DoesNotHold
    };
    // Nothing is appended here, so no salt is ever asked for.
    let log = AuditLog::open(store, || [0; 32]).map_err(|e| fails(e.to_string()))?;
    log.verify_all().map_err(|e| fails(e.to_string()))?;
    let stored: Option<StoredCheckpoint> = log.storage().checkpoint()?;
    let stored = stored.map(|stored| SignedCheckpoint::parse(&stored.note)).transpose();
    let stored = stored.map_err(|e| fails(e.to_string()))?;
    let chain = log.key_chain().map_err(|e| fails(e.to_string()))?;
    for checkpoint in known.iter().chain(&stored) {
        if !keys.is_empty() {
            chain.verify(checkpoint, keys).map_err(|e| fails(format!("a checkpoint: {e}")))?;
        }
        log.extends(checkpoint.checkpoint()).map_err(|e| {
            fails(format!(
                "the log does not reach a checkpoint over {} entries that was signed before \
                 ({e}); take a later backup",
                checkpoint.checkpoint().size
            ))
        })?;
    }
    Ok(log.into_storage())
}

fn say(done: &str, report: Report, json: bool) -> Outcome {
    if json {
        return print_json(&report);
    }
    anstream::println!(
        "{done} {} entries, {} texts, {} outbox rows and {} password hashes; {} entries are signed. \
         {}",
        report.entries,
        report.texts,
        report.outbox,
        report.passwords,
        report.signed,
        report.place
    );
    Ok(())
}
