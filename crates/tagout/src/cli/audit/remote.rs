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
    put(None, &evidence(proof.ok_or_else(unknown)?)?)
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
    put(output, &evidence(receipt.ok_or_else(unknown)?)?)
}

/// What is kept as evidence is lines of text. Whether they prove anything is for `audit verify`;
/// whatever else answers in the place of the service must not reach a terminal or a file as such.
fn evidence(bytes: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let text = str::from_utf8(&bytes).unwrap_or("\0");
    match text.chars().any(|c| c.is_control() && c != '\n') {
        true => Err(Failure::Fault("the service answers what is no proof and no receipt".into())),
        false => Ok(bytes),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_text_are_taken_for_evidence() {
        assert!(evidence("c2sp.org/tlog-proof@v1\nindex 1\nä\n".into()).is_ok());
        for bad in [&b"\x1b[31mproof"[..], b"a\rb", b"\xff", "\u{9b}31m".as_bytes()] {
            assert!(evidence(bad.to_vec()).is_err(), "{bad:?}");
        }
    }
}
