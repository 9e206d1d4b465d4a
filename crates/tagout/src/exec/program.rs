//! The program that a command names: one file, known by its path and by what is in it.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tagout_core::{digest, limits};

const ANY_EXECUTE: u32 = 0o111;
const WORLD_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// The SHA-256 of a program's bytes, as `sha256sum` prints it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProgramDigest([u8; 32]);

impl ProgramDigest {
    /// Reads what [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        digest::from_hex(text).map(Self)
    }
}

impl fmt::Display for ProgramDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&digest::to_hex(&self.0))
    }
}

impl fmt::Debug for ProgramDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProgramDigest({self})")
    }
}

/// A program that may be started. A script is one too; its interpreter is not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
    digest: ProgramDigest,
}

/// Why a program is not started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the program {}: {why}", path.display())]
pub struct UnfitProgram {
    path: PathBuf,
    why: String,
}

impl Program {
    /// Looks the program up: follows links to the file, sees whether it may be started, and takes
    /// its digest.
    ///
    /// # Errors
    /// If the path is relative, there is no file that can be executed, or everybody on this
    /// machine could put another program in its place.
    pub fn resolve(path: &Path) -> Result<Self, UnfitProgram> {
        let unfit = |why: String| UnfitProgram { path: path.to_owned(), why };
        if !path.is_absolute() {
            return Err(unfit("is not named from the root on; write its whole path".into()));
        }
        let real = path.canonicalize().map_err(|e| unfit(format!("cannot be found: {e}")))?;
        let file = File::open(&real).map_err(|e| unfit(format!("cannot be read: {e}")))?;
        let meta = file.metadata().map_err(|e| unfit(format!("cannot be read: {e}")))?;
        if !meta.is_file() || meta.mode() & ANY_EXECUTE == 0 {
            return Err(unfit("is not a file that can be executed".into()));
        }
        if meta.mode() & WORLD_WRITE != 0 {
            return Err(unfit(
                "can be written by everybody; take that away with `chmod o-w`".into(),
            ));
        }
        for directory in real.ancestors().skip(1) {
            let meta = directory.metadata().map_err(|e| unfit(format!("cannot be read: {e}")))?;
            if meta.mode() & WORLD_WRITE != 0 && meta.mode() & STICKY == 0 {
                let directory = directory.display();
                return Err(unfit(format!(
                    "can be replaced by everybody, who may write {directory}; take that away with \
                     `chmod o-w`"
                )));
            }
        }
        if meta.len() > limits::EXEC_PROGRAM_BYTES {
            let most = limits::EXEC_PROGRAM_BYTES;
            return Err(unfit(format!("is larger than {most} bytes")));
        }
        let digest = read(file).map_err(|e| unfit(format!("cannot be read: {e}")))?;
        Ok(Self { path: real, digest })
    }

    /// Where the file really is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it.
    #[must_use]
    pub const fn digest(&self) -> ProgramDigest {
        self.digest
    }
}

fn read(mut file: File) -> std::io::Result<ProgramDigest> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut left = limits::EXEC_PROGRAM_BYTES;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(ProgramDigest(hash.finalize().into()));
        }
        left = left.checked_sub(read as u64).ok_or_else(|| std::io::Error::other("it grows"))?;
        hash.update(buffer.get(..read).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn script(mode: u32) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("program");
        fs::write(&path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (dir, path)
    }

    fn refused(path: &Path, what: &str) {
        let why = Program::resolve(path).unwrap_err().to_string();
        assert!(why.contains(what), "{why}");
    }

    #[test]
    fn a_program_is_known_by_its_real_path_and_the_digest_that_sha256sum_prints() {
        let (dir, path) = script(0o755);
        let link = dir.path().join("link");
        symlink(&path, &link).unwrap();
        let program = Program::resolve(&link).unwrap();
        assert_eq!(program.path(), path.canonicalize().unwrap());
        let sum = std::process::Command::new("sha256sum").arg(&path).output().unwrap().stdout;
        assert!(String::from_utf8(sum).unwrap().starts_with(&program.digest().to_string()));
        assert_eq!(ProgramDigest::parse(&program.digest().to_string()), Some(program.digest()));
    }

    #[test]
    fn a_program_without_a_whole_path_is_refused() {
        refused(Path::new("sh"), "whole path");
        refused(Path::new("./sh"), "whole path");
    }

    #[test]
    fn a_program_that_everybody_can_write_is_refused() {
        let (_dir, path) = script(0o757);
        refused(&path, "written by everybody");
    }

    #[test]
    fn a_program_that_everybody_can_replace_is_refused() {
        let (dir, path) = script(0o755);
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        refused(&path, "replaced by everybody");
        // As in /tmp: there nobody can replace the file of somebody else.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        assert!(Program::resolve(&path).is_ok());
    }

    #[test]
    fn what_cannot_be_executed_is_refused() {
        let (dir, path) = script(0o644);
        refused(&path, "executed");
        refused(dir.path(), "executed");
        refused(&dir.path().join("none"), "cannot be found");
    }

    #[test]
    fn a_program_is_as_large_as_the_limit_and_refused_one_past_it() {
        let (_dir, path) = script(0o755);
        let file = File::options().write(true).open(&path).unwrap();
        // A hole takes no disk.
        file.set_len(limits::EXEC_PROGRAM_BYTES).unwrap();
        assert!(Program::resolve(&path).is_ok());
        file.set_len(limits::EXEC_PROGRAM_BYTES + 1).unwrap();
        refused(&path, "larger");
    }
}
