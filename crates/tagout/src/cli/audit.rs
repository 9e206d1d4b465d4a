//! `tagout audit` and `tagout keys`: the log read, exported, checked and proved.

mod archives;
mod erase;
mod receipt;
mod remote;
mod tables;
pub(super) mod trail;

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tagout_core::limits;
use tagout_log::checkpoint::SignedCheckpoint;
use tagout_log::proof_file::{FIRST_LINE, ProofFile};
use tagout_log::verify::{Report, VerifyError, verify_export};
use tagout_log::{SignerKey, VerifierKey};

use crate::config::read_text;
use crate::data_dir::DataDir;
use crate::journal::{INCIDENT_PREFIX, Journal};
use crate::receipt::Account;
use crate::store::Store;
use crate::terminal::{GO, STOP, paint, printable};

use super::client::Server;
use super::{Failure, Home, Outcome, print_json};

/// What a receipt begins with.
const RECEIPT: &str = "{\"format\":\"tagout-receipt\"";
/// What an archive begins with.
const ARCHIVE: &str = "{\"format\":\"tagout-archive\"";
/// The largest file of checkpoints that is read.
const CHECKPOINTS_BYTES: usize = 64 << 20;
/// The largest proof file that is read.
const PROOF_BYTES: u64 = 64 << 20;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Show the trail, one line an entry.
    Show {
        /// Only this incident.
        incident: Option<String>,
        /// With all that commands printed, as it was recorded: bounded, without registered secrets.
        #[arg(long)]
        outputs: bool,
        /// Print JSON.
        #[arg(long, conflicts_with = "outputs")]
        json: bool,
    },
    /// Write the whole log, signed, as one file that can be checked anywhere; or what is recorded
    /// as a table to read, which proves nothing.
    Export {
        /// The form. `jsonl` is the signed log, or with --incident its events as `tagout audit
        /// show --json` has them; `markdown` with --incident is a report to print.
        #[arg(long, value_name = "FORM", default_value = "jsonl")]
        format: Format,
        /// Only this incident.
        #[arg(long, value_name = "ID")]
        incident: Option<String>,
        /// Where to [default: standard output].
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Check an exported log, a proof, a receipt or an archive, offline; without a file, the log of
    /// the data directory.
    Verify {
        /// An exported log, a proof, a receipt or an archive.
        file: Option<PathBuf>,
        /// A file of public keys, one a line [default: the data directory's log.pub].
        #[arg(long, value_name = "FILE")]
        keys: Option<PathBuf>,
        /// A checkpoint that you kept, or a file of many: the log must extend each. May be given
        /// again.
        #[arg(long, value_name = "FILE")]
        checkpoint: Vec<PathBuf>,
        /// An archive of the log: it is verified as well and must be one that the log records.
        /// May be given again.
        #[arg(long, value_name = "FILE", num_args = 1..)]
        archive: Vec<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write the proof of one entry: a small text file that can be checked offline.
    Prove {
        /// The entry's number, as `tagout audit show` prints it.
        entry: u64,
        #[command(flatten)]
        server: Server,
    },
    /// Write the receipt of a plan: who decided what about it on which evidence and what became of
    /// each step, with the proofs, as one file that can be checked offline.
    Receipt {
        #[command(flatten)]
        server: Server,
        /// The incident.
        incident: String,
        /// The beginning of the plan's digest [default: the incident's last plan].
        #[arg(long, value_name = "DIGEST")]
        plan: Option<String>,
        /// Where to [default: standard output].
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Erase the free texts of an entry for good, and record it. The log holds as before.
    Erase(erase::Args),
    /// Sign the log as it stands and print the checkpoint, to be kept by somebody else. A service
    /// gives the one that it signed last.
    Checkpoint {
        #[command(flatten)]
        server: Server,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// JSON Lines.
    Jsonl,
    /// Comma-separated values, for a spreadsheet.
    Csv,
    /// Markdown, to read or print.
    Markdown,
}

#[derive(Serialize)]
struct Line {
    entry: u64,
    at: String,
    incident: Option<String>,
    event: tagout_core::event::Event,
}

impl Line {
    fn of(recorded: &crate::journal::Recorded) -> Self {
        Self {
            entry: recorded.index(),
            at: recorded.at().to_string(),
            incident: Some(recorded.incident().to_owned()).filter(|id| !id.is_empty()),
            event: recorded.event().clone(),
        }
    }
}

#[derive(Default, Serialize)]
struct Verified {
    holds: bool,
    entries: u64,
    /// Entries after the last checkpoint: they hold together, and nobody has signed them yet.
    entries_not_signed: u64,
    texts_present: u64,
    texts_erased: usize,
    texts_archived: usize,
    /// Neither erased nor archived: nobody recorded why they are not there.
    texts_absent: usize,
    archives: Vec<Archive>,
    signed_by: Vec<String>,
    /// The keys that the log has had, the first one at the front; empty if it was never rotated.
    keys: Vec<String>,
    /// What a receipt shows, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<Account>,
    /// Which entry a proof proves, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    proved: Option<ProvedEntry>,
    /// How many entries the log had where only some of them are here: in a proof or an archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    of_entries: Option<u64>,
    error: Option<String>,
}

/// The entry of a proof. All of it stands in the leaf, and so is proved.
#[derive(Serialize)]
struct ProvedEntry {
    /// Its number, from 0.
    entry: u64,
    /// When it was recorded.
    at: String,
    kind: String,
    /// None for what belongs to no incident.
    incident: Option<String>,
}

/// An archive that the log records.
#[derive(Serialize)]
struct Archive {
    file: String,
    sha256: String,
    entries: u64,
    texts: u64,
    /// Whether its file was given and holds.
    verified: bool,
}

pub(super) fn run(home: &Home, command: &Command) -> Outcome {
    match command {
        Command::Show { incident, outputs, json } => {
            show(home, incident.as_deref(), *outputs, *json)
        }
        Command::Export { format: Format::Jsonl, incident: None, output } => {
            export(home, output.as_deref())
        }
        Command::Export { format, incident, output } => {
            table(home, *format, incident.as_deref(), output.as_deref())
        }
        Command::Erase(args) => erase::run(home, args),
        Command::Verify { file, keys, checkpoint, archive, json } => {
            verify(home, file.as_deref(), keys.as_deref(), checkpoint, archive, *json)
        }
        Command::Prove { entry, server } => match server.client(home.chosen.is_some())? {
            Some(client) => remote::prove(&client, *entry),
            None => prove(home, *entry),
        },
        Command::Receipt { server, incident, plan, output } => {
            let (plan, output) = (plan.as_deref(), output.as_deref());
            match server.client(home.chosen.is_some())? {
                Some(client) => remote::receipt(&client, incident, plan, output),
                None => receipt::write(home, incident, plan, output),
            }
        }
        Command::Checkpoint { server, json } => {
            if let Some(client) = server.client(home.chosen.is_some())? {
                return remote::checkpoint(&client, *json);
            }
            let (dir, mut journal, signer) = open(home)?;
            let note = dir.sign(&mut journal, &signer)?.to_string();
            if *json {
                let entries = journal.log().size();
                return print_json(&serde_json::json!({ "entries": entries, "note": note }));
            }
            anstream::print!("{note}");
            Ok(())
        }
    }
}

type Opened = (DataDir, Journal<Store>, SignerKey);

fn open(home: &Home) -> Result<Opened, Failure> {
    let dir = home.existing()?;
    let (journal, signer) = (dir.journal()?, dir.signer()?);
    Ok((dir, journal, signer))
}

fn show(home: &Home, incident: Option<&str>, outputs: bool, json: bool) -> Outcome {
    let journal = home.existing()?.journal()?;
    let history = journal.history(incident)?;
    if let Some(id) = incident.filter(|_| history.is_empty()) {
        return Err(Failure::BadInput(format!("there is no incident {id:?}")));
    }
    if json {
        let lines: Vec<Line> = history.iter().map(Line::of).collect();
        return print_json(&lines);
    }
    trail::print(&history, incident, outputs);
    Ok(())
}

/// Writes what is recorded in a form to read.
fn table(home: &Home, format: Format, incident: Option<&str>, output: Option<&Path>) -> Outcome {
    let journal = home.existing()?.journal()?;
    if let Some(id) = incident
        && !journal.knows(id)?
    {
        return Err(Failure::BadInput(format!("there is no incident {id:?}")));
    }
    let write = |out: &mut dyn io::Write| match (format, incident) {
        (Format::Csv, incident) => tables::csv(out, &journal, incident),
        (Format::Markdown, Some(id)) => tables::report(out, &journal, id),
        (Format::Markdown, None) => tables::document(out, &journal),
        (Format::Jsonl, incident) => tables::jsonl(out, &journal, incident.unwrap_or_default()),
    };
    let failed = |e| match e {
        tables::TableError::Read(fault) => Failure::from(fault),
        tables::TableError::Write(error) => error.into(),
    };
    match output {
        Some(_) => {
            let mut bytes = Vec::new();
            write(&mut bytes).map_err(failed)?;
            put(output, &bytes)
        }
        None => {
            let mut out = io::BufWriter::new(io::stdout().lock());
            write(&mut out).map_err(failed)?;
            Ok(out.flush()?)
        }
    }
}

/// Writes a file beside its place and renames it, so that a broken one never looks like a whole
/// one; for its owner alone, because it may hold texts. Without a path, to standard output.
fn put(output: Option<&Path>, bytes: &[u8]) -> Outcome {
    let Some(path) = output else {
        return Ok(io::stdout().lock().write_all(bytes)?);
    };
    let named = |e: io::Error| Failure::Fault(format!("{}: {e}", path.display()));
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    let mut beside =
        tempfile::NamedTempFile::new_in(parent.unwrap_or(Path::new("."))).map_err(named)?;
    beside.write_all(bytes).map_err(named)?;
    beside.as_file().sync_all().map_err(named)?;
    beside.persist(path).map_err(|e| named(e.error))?;
    Ok(())
}

fn export(home: &Home, output: Option<&Path>) -> Outcome {
    let (dir, mut journal, signer) = open(home)?;
    let checkpoint = dir.sign(&mut journal, &signer)?;
    match output {
        Some(path) => {
            // Written beside and renamed, so that a broken export never looks like a whole one;
            // for its owner alone, because it holds every text.
            let named = |e: io::Error| Failure::Fault(format!("{}: {e}", path.display()));
            let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
            let beside =
                tempfile::NamedTempFile::new_in(parent.unwrap_or(Path::new("."))).map_err(named)?;
            let out = journal.export(io::BufWriter::new(beside), &checkpoint)?;
            let beside = out.into_inner().map_err(|e| named(e.into_error()))?;
            beside.as_file().sync_all().map_err(named)?;
            beside.persist(path).map_err(|e| named(e.error))?;
            anstream::eprintln!("{} entries in {}", journal.log().size(), path.display());
        }
        None => {
            let mut out = journal.export(io::stdout().lock(), &checkpoint)?;
            out.flush()?;
        }
    }
    Ok(())
}

fn prove(home: &Home, entry: u64) -> Outcome {
    let (dir, mut journal, signer) = open(home)?;
    if entry >= journal.log().size() {
        return Err(Failure::BadInput(format!(
            "there is no entry {entry}; the log has {} entries, counted from 0",
            journal.log().size()
        )));
    }
    let checkpoint = dir.sign(&mut journal, &signer)?;
    anstream::print!("{}", journal.prove(entry, &checkpoint)?);
    Ok(())
}

fn verify(
    home: &Home,
    file: Option<&Path>,
    keys: Option<&Path>,
    older: &[PathBuf],
    archives: &[PathBuf],
    json: bool,
) -> Outcome {
    let text = match keys {
        Some(path) => read_text(path, limits::POLICY_BYTES)?,
        None => {
            let own = home.dir()?.public_key_file();
            if !own.exists() {
                return Err(Failure::BadInput(format!(
                    "--keys names the file of public keys to verify with, which you have from whoever \
                     runs the log; {} is not there",
                    own.display()
                )));
            }
            read_text(&own, limits::POLICY_BYTES)?
        }
    };
    let keys = VerifierKey::list(&text).map_err(|e| Failure::BadInput(format!("keys: {e}")))?;
    let mut older = older
        .iter()
        .map(|path| {
            SignedCheckpoint::list(&read_text(path, CHECKPOINTS_BYTES)?)
                .map_err(|e| Failure::BadInput(format!("{}: {e}", path.display())))
        })
        .collect::<Result<Vec<_>, Failure>>()?
        .concat();
    let verified = match archives::read(archives, &keys)? {
        Err(error) => Verified::broken(error),
        Ok(given) => {
            // The log goes on from the tree that an archive's entries are proved to be in, so
            // they are the log's.
            older.extend(given.iter().map(|archive| archive.checkpoint.clone()));
            let verified = match file {
                Some(path) => verify_file(path, &keys, &older)?,
                None => verify_here(home, &keys, &older)?,
            };
            archives::compare(verified, &given)
        }
    };
    if json {
        print_json(&verified)?;
    } else if let Some(error) = &verified.error {
        anstream::println!("{}  {error}", paint(STOP, "DOES NOT HOLD"));
    } else {
        anstream::println!(
            "{}  {} entries, {} texts present, {} erased, {} archived, {} absent; signed by {}",
            paint(GO, "HOLDS"),
            verified.entries,
            verified.texts_present,
            verified.texts_erased,
            verified.texts_archived,
            verified.texts_absent,
            verified.signed_by.join(", ")
        );
        if verified.keys.len() > 1 {
            anstream::println!(
                "       the key was rotated {} times; the first one was {}",
                verified.keys.len() - 1,
                verified.keys.first().map_or("", String::as_str)
            );
        }
        if verified.entries_not_signed > 0 {
            anstream::println!(
                "       {} later entries hold together and are not signed yet",
                verified.entries_not_signed
            );
        }
        if let (Some(ProvedEntry { entry, at, kind, incident }), Some(of)) =
            (&verified.proved, verified.of_entries)
        {
            let incident = incident.as_deref().map_or_else(
                || "of no incident".to_owned(),
                |id| format!("of incident {}", printable(id)),
            );
            anstream::println!(
                "       entry {entry} of a log of {of}, recorded {at}: {}, {incident}",
                printable(kind)
            );
        } else if let Some(of) = verified.of_entries {
            anstream::println!(
                "       an archive: these entries are proved to be in a log of {of}, and nothing \
                 is said of the others"
            );
        }
        if let Some(account) = &verified.receipt {
            receipt::print(account);
        }
        archives::print(&verified.archives, !archives.is_empty());
    }
    if verified.holds { Ok(()) } else { Err(Failure::DoesNotHold) }
}

impl Verified {
    fn holds(contents: &tagout_log::verify::Contents, signed_by: Vec<String>) -> Self {
        let archives = contents.archives.iter().map(Archive::of).collect::<Vec<_>>();
        let unexplained = contents.absent.len() - contents.erased();
        let archived = archives.iter().map(|archive| archive.texts).fold(0, u64::saturating_add);
        let archived = unexplained.min(usize::try_from(archived).unwrap_or(usize::MAX));
        Self {
            holds: true,
            entries: contents.entries,
            entries_not_signed: 0,
            texts_present: contents.texts,
            texts_erased: contents.erased(),
            texts_archived: archived,
            texts_absent: unexplained - archived,
            archives,
            signed_by,
            keys: names(contents.keys.keys()),
            receipt: None,
            proved: None,
            of_entries: None,
            error: None,
        }
    }

    fn broken(error: String) -> Self {
        Self { error: Some(error), ..Self::default() }
    }
}

fn names<'k>(keys: impl IntoIterator<Item = &'k VerifierKey>) -> Vec<String> {
    keys.into_iter().map(ToString::to_string).collect()
}

fn verify_file(
    path: &Path,
    keys: &[VerifierKey],
    older: &[SignedCheckpoint],
) -> Result<Verified, Failure> {
    let named = |e: io::Error| Failure::BadInput(format!("{}: {e}", path.display()));
    let mut file = BufReader::new(File::open(path).map_err(named)?);
    let begins = |file: &mut BufReader<File>, with: &str| {
        file.fill_buf().map(|bytes| bytes.starts_with(with.as_bytes())).map_err(named)
    };
    let is_receipt = begins(&mut file, RECEIPT)?;
    let is_archive = begins(&mut file, ARCHIVE)?;
    if is_receipt || is_archive || begins(&mut file, FIRST_LINE)? {
        if !older.is_empty() {
            return Err(Failure::BadInput(format!(
                "{}: a proof, a receipt or an archive cannot be held against another checkpoint; give an export",
                path.display()
            )));
        }
        if is_receipt {
            return receipt::verified(file.take(PROOF_BYTES), keys);
        }
        if is_archive {
            return archives::verified(file, keys).map_err(named);
        }
        let mut text = String::new();
        let read = file.take(PROOF_BYTES).read_to_string(&mut text);
        if let Err(error) = read {
            return Ok(Verified::broken(error.to_string()));
        }
        let proved = text.parse::<ProofFile>().and_then(|proof| proof.verify(keys));
        return Ok(match proved {
            Ok(proved) => {
                let (index, entry) = (proved.opened.index, proved.opened.entry);
                // What is recorded of no incident stands in a stream of the log's own.
                let incident = entry.stream.strip_prefix(INCIDENT_PREFIX).map(str::to_owned);
                let (at, kind) = (entry.at.to_string(), entry.kind);
                let entry = ProvedEntry { entry: index, at, kind, incident };
                Verified {
                    proved: Some(entry),
                    of_entries: Some(proved.checkpoint.checkpoint().size),
                    ..Verified::holds(&proved.contents, names(&proved.signed_by))
                }
            }
            Err(error) => Verified::broken(error.to_string()),
        });
    }
    verified(verify_export(file, keys, older), 0)
}

/// What a verification comes to; a file that cannot be read is no broken log.
fn verified(result: Result<Report, VerifyError>, unsigned: u64) -> Result<Verified, Failure> {
    match result {
        Ok(report) => {
            let verified = Verified::holds(&report.contents, names(&report.signed_by));
            Ok(Verified { entries_not_signed: unsigned, ..verified })
        }
        Err(VerifyError::Read(error)) => Err(error.into()),
        Err(error) => Ok(Verified::broken(error.to_string())),
    }
}

/// The log of the data directory, held against what was signed of it; nothing is signed now,
/// and the secret key is not needed.
fn verify_here(
    home: &Home,
    keys: &[VerifierKey],
    older: &[SignedCheckpoint],
) -> Result<Verified, Failure> {
    let dir = home.existing()?;
    let opened = dir.journal().and_then(|mut journal| {
        let last = journal.last_checkpoint()?;
        // A service may have signed what it recorded since the log was opened.
        journal.catch_up()?;
        Ok((journal, last))
    });
    let (journal, last) = match opened {
        Ok(opened) => opened,
        // What cannot even be opened does not hold either.
        Err(fault) if fault.is_damage() => return Ok(Verified::broken(fault.to_string())),
        Err(fault) => return Err(fault.into()),
    };
    let Some(last) = last else {
        return Err(Failure::BadInput(
            "nothing of this log was signed yet; `tagout audit checkpoint` signs it".into(),
        ));
    };
    // The export is what gets checked, by the very code that a stranger would use.
    let mut file = tempfile::tempfile()?;
    journal.export(io::BufWriter::new(&file), &last)?.flush()?;
    file.rewind()?;
    let unsigned = journal.log().size().saturating_sub(last.checkpoint().size);
    let mut result = verify_export(BufReader::new(file), keys, older);
    if let Ok(report) = &mut result {
        // Texts are missing as of now, and an archive may have been recorded after the checkpoint.
        report.contents.archives = journal.archives()?;
    }
    verified(result, unsigned)
}
