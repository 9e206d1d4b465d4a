//! `tagout init`: a data directory to start from.

use std::path::Path;

use tagout_core::policy;

use crate::config::ANNOTATED;
use crate::data_dir::write_new;

use super::{Failure, Home, Outcome, print_json};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(home: &Home, args: &Args) -> Outcome {
    let dir = home.dir()?;
    let made = dir.prepare()?;
    dir.journal()?;
    let mut files = vec![
        ("log.key", made, ": signs the log; never copy it into a backup"),
        ("log.pub", made, ": give it to whoever checks the log"),
    ];
    for (name, text) in [("tagout.toml", ANNOTATED), ("policy.toml", policy::SHIPPED)] {
        files.push((name, write_once(&dir.path().join(name), text)?, ""));
    }
    if args.json {
        let files: serde_json::Map<_, _> =
            files.iter().map(|(name, made, _)| ((*name).to_owned(), (*made).into())).collect();
        return print_json(&serde_json::json!({ "data_dir": dir.path(), "made": files }));
    }
    anstream::println!("{}  the data directory", dir.path().display());
    for (name, made, what) in files {
        let state = if made { "made" } else { "kept as it was" };
        anstream::println!("  {name:<12} {state}{what}");
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
