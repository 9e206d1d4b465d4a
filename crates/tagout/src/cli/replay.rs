//! `tagout replay`: past incidents decided again under another policy. Nothing is searched
//! and nothing is recorded: what each decision rested on is in the log.

use std::path::PathBuf;

use serde::Serialize;
use tagout_core::event::Event;
use tagout_core::verdict::Verdict;

use crate::config::read_policy;
use crate::terminal::{QUIET, decision, paint, printable};

use super::{Failure, Home, Outcome, print_json};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The policy to decide under.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Difference {
    entry: u64,
    incident: String,
    recorded: Verdict,
    under_this_policy: Verdict,
}

#[derive(Serialize)]
struct Report {
    decisions: usize,
    /// Decisions that the recorded policy itself does not repeat: damage or a fault of ours.
    not_repeated: Vec<u64>,
    differences: Vec<Difference>,
}

pub(super) fn run(home: &Home, args: &Args) -> Outcome {
    // As the service decides: with the least tiers of the programs and methods that it lets run.
    let policy = home.config()?.bind(read_policy(&args.policy)?);
    let journal = home.existing()?.journal()?;
    let mut report = Report { decisions: 0, not_repeated: Vec::new(), differences: Vec::new() };
    for recorded in journal.history(None)? {
        if let Event::PolicyDecided { input, verdict, .. } = recorded.event() {
            report.decisions += 1;
            if !journal.repeats(input, verdict) {
                report.not_repeated.push(recorded.index());
            }
            let again = policy.decide(input);
            if again.decision != verdict.decision || again.tier != verdict.tier {
                report.differences.push(Difference {
                    entry: recorded.index(),
                    incident: recorded.incident().to_owned(),
                    recorded: verdict.clone(),
                    under_this_policy: again,
                });
            }
        }
    }
    if args.json {
        print_json(&report)?;
    } else {
        for one in &report.differences {
            let (old, new) = (&one.recorded, &one.under_this_policy);
            anstream::println!(
                "{:>5}  {}  {} {} tier -> {} {} tier",
                one.entry,
                one.incident,
                decision(old.decision),
                old.tier,
                decision(new.decision),
                new.tier
            );
            for reason in &new.reasons {
                anstream::println!("       {}", paint(QUIET, printable(&reason.detail)));
            }
        }
        anstream::println!(
            "{} decisions, {} would differ. Severity, match, spent budgets and targets reached are as \
             they were recorded.",
            report.decisions,
            report.differences.len()
        );
        for entry in &report.not_repeated {
            anstream::println!("entry {entry}: the policy that decided does not repeat it");
        }
    }
    if report.not_repeated.is_empty() { Ok(()) } else { Err(Failure::DoesNotHold) }
}
