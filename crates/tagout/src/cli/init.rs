//! `tagout init`: a data directory to start from.

use std::path::Path;

use tagout_core::policy;

use crate::config::ANNOTATED;
use crate::data_dir::write_new;

use super::{Failure, Home, Outcome};

#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(home: &Home, _: &Args) -> Outcome {
    let dir = home.dir()?;
    let made = dir.prepare()?;
    dir.journal()?;
    let state = |made: bool| if made { "made" } else { "kept as it was" };
    anstream::println!("{}  the data directory", dir.path().display());
    anstream::println!(
        "  log.key      {}: signs the log; never copy it into a backup",
        state(made)
    );
    anstream::println!("  log.pub      {}: give it to whoever checks the log", state(made));
    for (name, text) in [("tagout.toml", ANNOTATED), ("policy.toml", policy::SHIPPED)] {
        let made = write_once(&dir.path().join(name), text)?;
        anstream::println!("  {name:<12} {}", state(made));
    }
    anstream::println!("Next: set `runbooks` in tagout.toml, then `tagout config check`.");
    Ok(())
}

/// Writes a file unless it is there: what a person edited is never overwritten.
fn write_once(path: &Path, text: &str) -> Result<bool, Failure> {
    match write_new(path, 0o644, text.as_bytes()) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(Failure::Fault(format!("{}: {e}", path.display()))),
    }
}
