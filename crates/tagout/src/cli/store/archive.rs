//! `tagout store archive`: texts of old closed incidents moved into files.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tagout_core::digest::to_hex;
use tagout_core::time::Span;
use tagout_log::archive::{Archived, Report, verify_archive};
use tagout_log::{Commitment, SignedCheckpoint, VerifierKey};

use crate::cli::{Failure, Home, Outcome, print_json};
use crate::clock::Clock;
use crate::journal::{Archivable, Journal, Keep, in_files};
use crate::store::Store;

#[derive(Serialize)]
struct Written {
    file: String,
    sha256: String,
    entries: u64,
    texts: u64,
}

pub(super) fn run(home: &Home, older_than: Span, to: &Path, json: bool) -> Outcome {
    let dir = home.existing()?;
    if !to.is_dir() {
        let words = format!("{} is no directory; make it first", to.display());
        return Err(Failure::BadInput(words));
    }
    let signer = dir.signer()?;
    let keys = std::slice::from_ref(signer.verifier());
    let mut journal = dir.journal_keeping(Keep::Open)?;
    let (now, _) = Clock::default().read(None, journal.last_at());
    let entries = journal.archivable(now.before(older_than))?;
    let mut written = Vec::new();
    for part in in_files(entries) {
        let checkpoint = dir.sign(&mut journal, &signer)?;
        let (path, archived) = file(&journal, to, &part, &checkpoint, keys)?;
        journal.archive(&part, &archived).map_err(|e| {
            Failure::Fault(format!(
                "nothing was removed for {} ({e}); run the command again, and delete the file if \
                 that run does not name it",
                path.display()
            ))
        })?;
        written.push(Written {
            file: path.display().to_string(),
            sha256: to_hex(&archived.sha256),
            entries: archived.entries,
            texts: archived.texts,
        });
    }
    if !written.is_empty() {
        // What says where the texts are is signed as well.
        dir.sign(&mut journal, &signer)?;
    }
    if json {
        return print_json(&serde_json::json!({ "files": written }));
    }
    for Written { file, entries, texts, .. } in &written {
        anstream::println!("Archived {texts} texts of {entries} entries in {file}");
    }
    if written.is_empty() {
        anstream::println!("Nothing to archive: no closed incident that old has texts here.");
    }
    Ok(())
}

/// The file that holds these entries: durable and verified, and new unless one with the very
/// same texts is there already, as after a crash before their removal.
fn file(
    journal: &Journal<Store>,
    to: &Path,
    part: &[Archivable],
    checkpoint: &SignedCheckpoint,
    keys: &[VerifierKey],
) -> Result<(PathBuf, Archived), Failure> {
    let index = |entry: Option<&Archivable>| entry.map_or(0, |entry| entry.index);
    let name = format!("tagout-{}-{}", index(part.first()), index(part.last()));
    let mut n = 1_u32;
    loop {
        let number = if n == 1 { String::new() } else { format!("-{n}") };
        let file = format!("{name}{number}.archive");
        let path = to.join(&file);
        let named = |e: io::Error| Failure::Fault(format!("{}: {e}", path.display()));
        if !path.exists() {
            // Written beside and linked, so that whoever finds the file finds it whole; for its
            // owner alone, because it holds texts.
            let beside = tempfile::NamedTempFile::new_in(to).map_err(named)?;
            let out = journal.write_archive(BufWriter::new(beside), part, checkpoint)?;
            let mut beside = out.into_inner().map_err(|e| named(e.into_error()))?;
            beside.flush().and_then(|()| beside.as_file().sync_all()).map_err(named)?;
            match beside.persist_noclobber(&path) {
                Ok(_) => File::open(to).and_then(|to| to.sync_all()).map_err(named)?,
                Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(named(e.error)),
            }
        }
        if let Some((report, sha256)) = read(&path, keys)?
            && holds(journal, &report, part)
        {
            let (entries, texts) = (report.entries, report.texts);
            return Ok((path, Archived { file, sha256, entries, texts }));
        }
        n += 1;
    }
}

/// Whether an archive holds exactly these texts, of entries of this log.
fn holds(journal: &Journal<Store>, report: &Report, part: &[Archivable]) -> bool {
    let wanted: BTreeSet<Commitment> =
        part.iter().flat_map(|e| e.texts.iter().map(|text| text.commitment)).collect();
    let held: BTreeSet<Commitment> = report.commitments.iter().copied().collect();
    let indexes = report.leaves.iter().map(|leaf| leaf.0);
    wanted == held
        && indexes.eq(part.iter().map(|entry| entry.index))
        && journal.extends(&report.checkpoint).is_ok()
}

/// Verifies an archive and takes its SHA-256; `None` if it does not hold.
fn read(path: &Path, keys: &[VerifierKey]) -> Result<Option<(Report, [u8; 32])>, Failure> {
    let named = |e: io::Error| Failure::Fault(format!("{}: {e}", path.display()));
    let report = verify_archive(BufReader::new(File::open(path).map_err(named)?), keys);
    let sha256 = sha256_of(path).map_err(named)?;
    Ok(report.ok().map(|report| (report, sha256)))
}

/// SHA-256 over the bytes of a file.
pub(in crate::cli) fn sha256_of(path: &Path) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path)?;
    let mut bytes = vec![0; 64 << 10];
    loop {
        match io::Read::read(&mut file, &mut bytes)? {
            0 => return Ok(hasher.finalize().into()),
            n => hasher.update(bytes.get(..n).unwrap_or_default()),
        }
    }
}
