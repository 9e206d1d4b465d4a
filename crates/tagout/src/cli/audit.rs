//! `tagout audit` and `tagout keys`: the log read, exported, checked and proved.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tagout_core::limits;
use tagout_log::checkpoint::SignedCheckpoint;
use tagout_log::proof_file::{FIRST_LINE, ProofFile};
use tagout_log::verify::verify_export;
use tagout_log::{SignerKey, VerifierKey};

use crate::config::read_text;
use crate::terminal::{GO, QUIET, STOP, paint, printable, story};

use super::{Failure, Home, Outcome, print_json};

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
        /// A checkpoint that you kept: the log must extend it. May be given again.
        #[arg(long, value_name = "FILE")]
        checkpoint: Vec<PathBuf>,
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

#[derive(Debug, clap::Subcommand)]
pub(super) enum KeysCommand {
    /// Print the public key.
    Show,
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
    texts_present: u64,
    texts_erased: usize,
    texts_absent: usize,
    signed_by: Vec<String>,
    error: Option<String>,
}

pub(super) fn run(home: &Home, command: &Command) -> Outcome {
    match command {
        Command::Show { incident, json } => show(home, incident.as_deref(), *json),
        Command::Export { output } => export(home, output.as_deref()),
        Command::Verify { file, keys, checkpoint, json } => {
            verify(home, file.as_deref(), keys.as_deref(), checkpoint, *json)
        }
        Command::Prove { entry } => prove(home, *entry),
        Command::Checkpoint { json } => {
            let (mut journal, signer) = open(home)?;
            let note = journal.sign(&signer)?.to_string();
            if *json {
                let entries = journal.log().size();
                return print_json(&serde_json::json!({ "entries": entries, "note": note }));
            }
            anstream::print!("{note}");
            Ok(())
        }
    }
}

pub(super) fn keys(home: &Home, KeysCommand::Show: &KeysCommand) -> Outcome {
    anstream::println!("{}", home.dir()?.signer()?.verifier());
    Ok(())
}

type Opened = (crate::journal::Journal<crate::store::SqliteStore>, SignerKey);

fn open(home: &Home) -> Result<Opened, Failure> {
    let dir = home.existing()?;
    Ok((dir.journal()?, dir.signer()?))
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
    anstream::println!(
        "{:>5}  {}  {incident:<14}  {}",
        recorded.index(),
        paint(QUIET, recorded.at()),
        printable(&story::line(recorded.event()))
    );
}

fn export(home: &Home, output: Option<&Path>) -> Outcome {
    let (mut journal, signer) = open(home)?;
    let checkpoint = journal.sign(&signer)?;
    match output {
        Some(path) => {
            // Written beside and renamed, so that a broken export never looks like a whole one.
            let beside = path.with_added_extension("partial");
            let named = |e: io::Error| Failure::Fault(format!("{}: {e}", path.display()));
            let file = File::create(&beside).map_err(named)?;
            let file = journal.export(io::BufWriter::new(file), &checkpoint)?;
            file.into_inner().map_err(|e| named(e.into_error()))?.sync_all().map_err(named)?;
            std::fs::rename(&beside, path).map_err(named)?;
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
    let (mut journal, signer) = open(home)?;
    if entry >= journal.log().size() {
        return Err(Failure::BadInput(format!(
            "there is no entry {entry}; the log has {} entries, counted from 0",
            journal.log().size()
        )));
    }
    let checkpoint = journal.sign(&signer)?;
    anstream::print!("{}", journal.prove(entry, &checkpoint)?);
    Ok(())
}

fn verify(
    home: &Home,
    file: Option<&Path>,
    keys: Option<&Path>,
    older: &[PathBuf],
    json: bool,
) -> Outcome {
    let text = match keys {
        Some(path) => read_text(path, limits::POLICY_BYTES)?,
        None => read_text(&home.dir()?.public_key_file(), limits::POLICY_BYTES)?,
    };
    let keys = VerifierKey::list(&text).map_err(|e| Failure::BadInput(format!("keys: {e}")))?;
    let older = older
        .iter()
        .map(|path| {
            SignedCheckpoint::parse(&read_text(path, limits::POLICY_BYTES)?)
                .map_err(|e| Failure::BadInput(format!("{}: {e}", path.display())))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let verified = match file {
        Some(path) => verify_file(path, &keys, &older)?,
        None => verify_here(home, &keys, &older)?,
    };
    if json {
        print_json(&verified)?;
    } else if let Some(error) = &verified.error {
        anstream::println!("{}  {error}", paint(STOP, "DOES NOT HOLD"));
    } else {
        anstream::println!(
            "{}  {} entries, {} texts present, {} erased, {} absent; signed by {}",
            paint(GO, "HOLDS"),
            verified.entries,
            verified.texts_present,
            verified.texts_erased,
            verified.texts_absent,
            verified.signed_by.join(", ")
        );
    }
    if verified.holds { Ok(()) } else { Err(Failure::DoesNotHold) }
}

impl Verified {
    fn holds(contents: &tagout_log::verify::Contents, signed_by: Vec<String>) -> Self {
        Self {
            holds: true,
            entries: contents.entries,
            texts_present: contents.texts,
            texts_erased: contents.erased(),
            texts_absent: contents.absent.len() - contents.erased(),
            signed_by,
            error: None,
        }
    }

    fn broken(error: String) -> Self {
        Self {
            holds: false,
            entries: 0,
            texts_present: 0,
            texts_erased: 0,
            texts_absent: 0,
            signed_by: Vec::new(),
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
    let mut start = [0; FIRST_LINE.len()];
    let is_proof = {
        use io::Read as _;
        let mut file = File::open(path).map_err(named)?;
        file.read_exact(&mut start).is_ok() && start == *FIRST_LINE.as_bytes()
    };
    if is_proof {
        if !older.is_empty() {
            return Err(Failure::BadInput(format!(
                "{}: a proof cannot be held against another checkpoint; give an export",
                path.display()
            )));
        }
        let text = read_text(path, limits::BODY_BYTES * 4)?;
        let proved = text.parse::<ProofFile>().and_then(|proof| proof.verify(keys));
        return Ok(match proved {
            Ok(proved) => Verified::holds(&proved.contents, names(&proved.signed_by)),
            Err(error) => Verified::broken(error.to_string()),
        });
    }
    let file = File::open(path).map_err(named)?;
    Ok(match verify_export(BufReader::new(file), keys, older) {
        Ok(report) => Verified::holds(&report.contents, names(&report.signed_by)),
        Err(error) => Verified::broken(error.to_string()),
    })
}

fn verify_here(
    home: &Home,
    keys: &[VerifierKey],
    older: &[SignedCheckpoint],
) -> Result<Verified, Failure> {
    let dir = home.existing()?;
    let signer = dir.signer()?;
    // The export is what gets checked, by the very code that a stranger would use.
    let mut file = tempfile::tempfile()?;
    let exported = dir.journal().and_then(|mut journal| {
        let checkpoint = journal.sign(&signer)?;
        Ok(journal.export(io::BufWriter::new(&file), &checkpoint)?.flush())
    });
    match exported {
        Ok(flushed) => flushed?,
        // What cannot even be opened or exported does not hold either.
        Err(fault) if fault.is_damage() => return Ok(Verified::broken(fault.to_string())),
        Err(fault) => return Err(fault.into()),
    }
    io::Seek::rewind(&mut file)?;
    Ok(match verify_export(BufReader::new(file), keys, older) {
        Ok(report) => Verified::holds(&report.contents, names(&report.signed_by)),
        Err(error) => Verified::broken(error.to_string()),
    })
}
