//! Proofs, receipts and checkpoints as a running service hands them out.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tagout_log::checkpoint::SignedCheckpoint;

use crate::cli::client::Client;
use crate::cli::{Failure, Outcome, print_json};

use super::put;

/// The checkpoint that was signed last.
#[derive(Serialize, Deserialize)]
struct Checkpoint {
    entries: u64,
    note: String,
}

pub(super) fn prove(client: &Client, entry: u64) -> Outcome {
    let number = entry.to_string();
    let proof = client.file(&["v1", "audit", "entries", &number, "proof"], &[])?;
    let unknown = || Failure::BadInput(format!("the log of the service has no entry {entry}"));
    put(None, &proof.ok_or_else(unknown)?)
}

pub(super) fn receipt(
    client: &Client,
    incident: &str,
    plan: Option<&str>,
    output: Option<&Path>,
) -> Outcome {
    let query: Vec<_> = plan.iter().map(|plan| ("plan", (*plan).to_owned())).collect();
    let receipt = client.file(&["v1", "incidents", incident, "receipt"], &query)?;
    let unknown = || Failure::BadInput("there is no such incident, or no such plan of it".into());
    put(output, &receipt.ok_or_else(unknown)?)
}

pub(super) fn checkpoint(client: &Client, json: bool) -> Outcome {
    let signed: Option<Checkpoint> = client.find(&["v1", "log", "checkpoint"], &[])?;
    let signed = signed.ok_or_else(|| Failure::Fault("the log was not signed yet".into()))?;
    // What is kept as evidence is read before it is printed.
    let note = SignedCheckpoint::parse(&signed.note)
        .map_err(|e| Failure::Fault(format!("the service answers what is no checkpoint: {e}")))?;
    if json {
        return print_json(&signed);
    }
    anstream::print!("{note}");
    Ok(())
}
