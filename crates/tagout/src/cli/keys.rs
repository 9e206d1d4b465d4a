//! `tagout keys`: the key that signs the log, and another in its place.

use serde::Serialize;
use tagout_log::{AuditLog, KeyChain};

use crate::data_dir::{DataDir, Rotated, public_keys};
use crate::journal::Keep;

use super::{Failure, Home, Outcome, print_json};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print the public key of the log, and those that it had before.
    Show {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Give the log a new signing key: an entry that the old and the new key sign. A rotation
    /// that was interrupted is finished, and no other begun.
    Rotate {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// A key of the log.
#[derive(Serialize)]
struct Key {
    key: String,
    /// The first entry that it may sign; what comes before, the key before it signs.
    from_entry: u64,
    /// How many entries it may sign; no end if it is in force.
    until_entry: Option<u64>,
}

pub(super) fn run(home: &Home, command: &Command) -> Outcome {
    match command {
        Command::Show { json } => show(&home.dir()?, *json),
        Command::Rotate { json } => rotate(home, *json),
    }
}

fn show(dir: &DataDir, json: bool) -> Outcome {
    let own = dir.signer()?;
    let chain = if dir.has_journal() {
        // Nothing is appended here, so no salt is ever asked for.
        let log = AuditLog::open(dir.store()?, || [0; 32]);
        let chain = log.and_then(|log| log.key_chain());
        chain.map_err(|e| Failure::Fault(e.to_string()))?
    } else {
        KeyChain::default()
    };
    let in_force = chain.in_force(u64::MAX).unwrap_or(own.verifier());
    if !json {
        anstream::print!("{}", public_keys(in_force, &chain));
        return Ok(());
    }
    let mut keys = Vec::new();
    let mut from_entry = 0;
    for rotation in chain.rotations() {
        let (key, until_entry) = (rotation.old.to_string(), Some(rotation.index));
        keys.push(Key { key, from_entry, until_entry });
        from_entry = rotation.index;
    }
    keys.push(Key { key: in_force.to_string(), from_entry, until_entry: None });
    print_json(&serde_json::json!({ "keys": keys }))
}

fn rotate(home: &Home, json: bool) -> Outcome {
    let dir = home.existing()?;
    let mut journal = dir.journal_keeping(Keep::Open)?;
    let members = journal.log().storage().members()?;
    if let Some(other) = members.iter().find(|member| !member.me) {
        // Each replica has the key in a file of its own, and none of them can see this one.
        return Err(Failure::BadInput(format!(
            "the replica {} works on the log with the present key; stop every replica, rotate, \
             copy log.key and log.pub to each of them, and start them again",
            other.name
        )));
    }
    let Rotated { entry, old, new, resumed, checkpoint } = dir.rotate_key(&mut journal)?;
    if json {
        return print_json(&serde_json::json!({
            "entry": entry,
            "old": old.to_string(),
            "new": new.to_string(),
            "resumed": resumed,
            "checkpoint": checkpoint.to_string(),
        }));
    }
    let done = if resumed { "Finished the rotation of" } else { "Rotated" };
    anstream::println!("{done} the log's key in entry {entry}. It is signed by\n    {new}");
    anstream::println!("and no longer by\n    {old}");
    anstream::println!(
        "Next: back up {} in the place of the old key; hand out {} to those who verify \
         proofs; keep this checkpoint elsewhere, for it is what the old key cannot go behind:\n",
        dir.key_file().display(),
        dir.public_key_file().display()
    );
    anstream::print!("{checkpoint}");
    Ok(())
}
