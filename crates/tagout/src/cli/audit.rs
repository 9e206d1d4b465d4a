//! `tagout audit` and `tagout keys`: the log read, exported, checked and proved.

mod archives;

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
use crate::journal::Journal;
use crate::store::Store;
use crate::terminal::{GO, QUIET, STOP, paint, print_lines, printable, story};

use super::{Failure, Home, Outcome, print_json};

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
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write the whole log, signed, as one file that can be checked anywhere.
    Export {
        /// Where to [default: standard output].
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Check an exported log or a proof, offline; without a file, the log of the data directory.
    Verify {
        /// An exported log or a proof.
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
    },
    /// Sign the log as it stands and print the checkpoint, to be kept by somebody else.
    Checkpoint {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Serialize)]
struct Line {
    entry: u64,
    at: String,
    incident: Option<String>,
    event: tagout_core::event::Event,
}

#[derive(Serialize)]
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
    error: Option<String>,
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
        Command::Show { incident, json } => show(home, incident.as_deref(), *json),
        Command::Export { output } => export(home, output.as_deref()),
        Command::Verify { file, keys, checkpoint, archive, json } => {
            verify(home, file.as_deref(), keys.as_deref(), checkpoint, archive, *json)
        }
        Command::Prove { entry } => prove(home, *entry),
        Command::Checkpoint { json } => {
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

fn show(home: &Home, incident: Option<&str>, json: bool) -> Outcome {
    let journal = home.existing()?.journal()?;
    let history = journal.history(incident)?;
    if let Some(id) = incident.filter(|_| history.is_empty()) {
        return Err(Failure::BadInput(format!("there is no incident {id:?}")));
    }
    if json {
        let lines: Vec<Line> = history
            .into_iter()
            .map(|r| Line {
                entry: r.index(),
                at: r.at().to_string(),
                incident: Some(r.incident().to_owned()).filter(|id| !id.is_empty()),
                event: r.event().clone(),
            })
            .collect();
        return print_json(&lines);
    }
    for recorded in &history {
        print_line(recorded);
    }
    Ok(())
}

/// One entry of the trail.
pub(super) fn print_line(recorded: &crate::journal::Recorded) {
    let incident = match recorded.incident() {
        "" => "-",
        id => id,
    };
    print_lines(&[format!(
        "{:>5}  {}  {incident:<14}  {}",
        recorded.index(),
        paint(QUIET, recorded.at()),
        printable(&story::line(recorded.event()))
    )]);
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
        None => read_text(&home.dir()?.public_key_file(), limits::POLICY_BYTES)?,
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
            error: None,
        }
    }

    fn broken(error: String) -> Self {
        Self {
            holds: false,
            entries: 0,
            entries_not_signed: 0,
            texts_present: 0,
            texts_erased: 0,
            texts_archived: 0,
            texts_absent: 0,
            archives: Vec::new(),
            signed_by: Vec::new(),
            keys: Vec::new(),
            error: Some(error),
        }
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
    let is_proof = file.fill_buf().map_err(named)?.starts_with(FIRST_LINE.as_bytes());
    if is_proof {
        if !older.is_empty() {
            return Err(Failure::BadInput(format!(
                "{}: a proof cannot be held against another checkpoint; give an export",
                path.display()
            )));
        }
        let mut text = String::new();
        let read = file.take(PROOF_BYTES).read_to_string(&mut text);
        if let Err(error) = read {
            return Ok(Verified::broken(error.to_string()));
        }
        let proved = text.parse::<ProofFile>().and_then(|proof| proof.verify(keys));
        return Ok(match proved {
            Ok(proved) => Verified::holds(&proved.contents, names(&proved.signed_by)),
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
    let opened = dir.journal().and_then(|journal| {
        let last = journal.last_checkpoint()?;
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
