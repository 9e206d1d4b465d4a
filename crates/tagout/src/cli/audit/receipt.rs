//! `tagout audit receipt`, and what `tagout audit verify` says of one.

use std::io::BufRead;
use std::path::Path;

use tagout_log::VerifierKey;

use crate::cli::{Failure, Home, Outcome};
use crate::journal::NoReceipt;
use crate::receipt::{Account, ReceiptRefused, verify};
use crate::terminal::{QUIET, paint, print_lines, printable};

use super::{Verified, names, open, put};

pub(super) fn write(
    home: &Home,
    incident: &str,
    plan: Option<&str>,
    output: Option<&Path>,
) -> Outcome {
    let (dir, mut journal, signer) = open(home)?;
    let checkpoint = dir.sign(&mut journal, &signer)?;
    let mut bytes = Vec::new();
    let written = journal.write_receipt(&mut bytes, (incident, plan), &checkpoint);
    let account = written.map_err(|e| match e {
        NoReceipt::Unknown(what) => Failure::BadInput(what),
        NoReceipt::NotSigned => Failure::Fault("it is not signed yet; try again".into()),
        NoReceipt::Fault(fault) => fault.into(),
    })?;
    put(output, &bytes)?;
    if let Some(path) = output {
        let (plan, path) = (account.plan.short(), path.display());
        anstream::eprintln!("{} entries about plan {plan} in {path}", account.entries);
        if let Some(words) = &account.takes_back {
            let words = printable(words);
            anstream::eprintln!("It {words}; that one has a receipt of its own (`--plan`)");
        }
    }
    Ok(())
}

/// Verifies a receipt and says what it shows.
pub(super) fn verified(input: impl BufRead, keys: &[VerifierKey]) -> Result<Verified, Failure> {
    match verify(input, keys) {
        Ok((account, receipt)) => {
            let verified = Verified::holds(&receipt.contents, names(&receipt.signed_by));
            Ok(Verified { receipt: Some(account), ..verified })
        }
        Err(ReceiptRefused::File(tagout_log::receipt::ReceiptError::Read(error))) => {
            Err(error.into())
        }
        Err(error) => Ok(Verified::broken(error.to_string())),
    }
}

/// What a receipt shows, and what it cannot.
pub(super) fn print(account: &Account) {
    let told = |text: &str| print_lines(&[format!("       {}", printable(text))]);
    told(&format!(
        "incident {}, plan {} ({}, {} tier): {} on {}",
        account.incident, account.plan, account.mode, account.tier, account.runbook, account.target
    ));
    if let Some(words) = &account.takes_back {
        told(&format!("it {words}; that one has a receipt of its own (`--plan`)"));
    }
    told(&format!("made under policy {}", account.policy));
    told(&format!("on the evidence {}", account.evidence));
    for decided in &account.decisions {
        let place = format!("{:>6}  {}", decided.entry, decided.at);
        print_lines(&[format!(
            "       {}  {}: {}",
            paint(QUIET, place),
            printable(&decided.by),
            printable(&decided.what)
        )]);
    }
    for taken in &account.steps {
        let place = format!("{:>6}  {}", taken.entry, taken.at);
        let attempt = match taken.attempt {
            0 => String::new(),
            n => format!(" (attempt {n})"),
        };
        print_lines(&[format!(
            "       {}  step {}{attempt}: {}",
            paint(QUIET, place),
            printable(&taken.step),
            taken.what
        )]);
    }
    told(&format!("outcome: {}", account.outcome));
    told(&format!(
        "It holds every entry of the incident from the first to entry {}, without a gap. What came \
         after that entry, only the log shows.",
        account.last_entry
    ));
}
