//! The archives that `tagout audit verify` is given, beside those that the log records.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use tagout_core::digest::to_hex;
use tagout_log::archive::{ArchiveError, Archived, Report, verify_archive};
use tagout_log::{SignedCheckpoint, VerifierKey};

use crate::cli::Failure;
use crate::cli::store::sha256_of;
use crate::terminal::{GO, QUIET, paint, printable};

use super::{Archive, Verified, names};

/// An archive that was given and holds by itself.
pub(super) struct Given<'p> {
    path: &'p Path,
    sha256: String,
    pub(super) checkpoint: SignedCheckpoint,
}

impl Archive {
    pub(super) fn of(archived: &Archived) -> Self {
        let Archived { file, sha256, entries, texts } = archived;
        let (file, sha256) = (file.clone(), to_hex(sha256));
        Self { file, sha256, entries: *entries, texts: *texts, verified: false }
    }
}

/// Verifies these files, each alone. The inner error says which one does not hold, and why.
pub(super) fn read<'p>(
    paths: &'p [PathBuf],
    keys: &[VerifierKey],
) -> Result<Result<Vec<Given<'p>>, String>, Failure> {
    let mut given = Vec::new();
    for path in paths {
        let named = |e| Failure::BadInput(format!("{}: {e}", path.display()));
        let file = BufReader::new(File::open(path).map_err(named)?);
        match verify_archive(file, keys) {
            Ok(report) => {
                let sha256 = to_hex(&sha256_of(path).map_err(named)?);
                given.push(Given { path, sha256, checkpoint: report.checkpoint });
            }
            Err(ArchiveError::Read(error)) => return Err(named(error)),
            Err(error) => return Ok(Err(format!("{}: {error}", path.display()))),
        }
    }
    Ok(Ok(given))
}

/// Verifies one archive with nothing beside it but public keys.
pub(super) fn verified(
    input: impl io::BufRead,
    keys: &[VerifierKey],
) -> Result<Verified, io::Error> {
    match verify_archive(input, keys) {
        Ok(report) => {
            let Report { entries, texts, checkpoint, signed_by, .. } = report;
            Ok(Verified {
                holds: true,
                entries,
                texts_present: texts,
                signed_by: names(&signed_by),
                of_entries: Some(checkpoint.checkpoint().size),
                ..Verified::default()
            })
        }
        Err(ArchiveError::Read(error)) => Err(error),
        Err(error) => Ok(Verified::broken(error.to_string())),
    }
}

/// Marks the recorded archives that were given. One that the log does not record does not fit.
pub(super) fn compare(mut verified: Verified, given: &[Given<'_>]) -> Verified {
    if !verified.holds {
        return verified;
    }
    for Given { path, sha256, .. } in given {
        let Some(archive) = verified.archives.iter_mut().find(|one| one.sha256 == *sha256) else {
            return Verified::broken(format!(
                "{}: the log records no archive with these bytes (SHA-256 {sha256})",
                path.display()
            ));
        };
        archive.verified = true;
    }
    verified
}

/// Names the recorded archives; if some were given, also which of them are lacking.
pub(super) fn print(archives: &[Archive], given: bool) {
    for Archive { file, sha256, entries, texts, verified } in archives {
        let state = match (given, verified) {
            (_, true) => format!("  {}", paint(GO, "HOLDS")),
            (true, false) => "  not given".to_owned(),
            (false, false) => String::new(),
        };
        anstream::println!(
            "       {texts} texts of {entries} entries are in {}  {}{state}",
            printable(file),
            paint(QUIET, sha256)
        );
    }
}
