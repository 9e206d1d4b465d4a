//! `tagout oversight`: is the human review real?

use tagout_core::oversight::{Figures, Helped, Oversight, OversightReport, Rate, Verdict};

use crate::terminal::{ASK, GO, QUIET, STOP, STRONG, paint, printable};

use super::client::Server;
use super::{Failure, Home, Outcome, print_json};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    server: Server,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(home: &Home, args: &Args) -> Outcome {
    let report = match args.server.client(home.chosen.is_some())? {
        Some(client) => client.get(&["v1", "oversight"], &[])?,
        None => report(home)?,
    };
    if args.json {
        return print_json(&report);
    }
    print("All reviews", &report.overall);
    for (runbook, figures) in &report.by_runbook {
        print(&format!("Runbook {}", printable(runbook)), figures);
    }
    for (reviewer, figures) in &report.by_reviewer {
        print(&format!("Reviewer {}", printable(reviewer)), figures);
    }
    for (runbook, helped) in &report.effectiveness {
        anstream::println!(
            "{}  {}",
            paint(STRONG, format_args!("Live plans of {}", printable(runbook))),
            helped_words(helped)
        );
    }
    Ok(())
}

fn report(home: &Home) -> Result<OversightReport, Failure> {
    let journal = home.existing()?.journal()?;
    let mut oversight = Oversight::default();
    for recorded in journal.history(None)? {
        oversight = oversight.after(recorded.event(), recorded.incident(), recorded.at());
    }
    Ok(oversight.report())
}

/// How often a runbook has helped.
pub(crate) fn helped_words(Helped { resolved, still_firing, not_known }: &Helped) -> String {
    format!("{resolved} ended the alert, {still_firing} did not; of {not_known} nobody can say")
}

fn print(whose: &str, figures: &Figures) {
    anstream::println!("{}  {}", paint(STRONG, whose), verdict(&figures.verdict));
    anstream::println!(
        "  {} answers: {} approved, {} rejected, {} modified; {} requests lapsed unanswered",
        figures.answers,
        figures.approvals,
        figures.rejections,
        figures.modifications,
        figures.timeouts
    );
    if let Some(latency) = &figures.latency {
        let interval = match &latency.interval {
            Some((low, high)) => format!("(95 %: {low} to {high})"),
            None => "(too few answers for an interval)".into(),
        };
        anstream::println!("  median time to answer {} {}", latency.median, paint(QUIET, interval));
    }
    for (what, rate) in
        [("rejected", &figures.rejection_rate), ("modified", &figures.modification_rate)]
    {
        if let Some(rate) = rate {
            anstream::println!("  {what} {}", share(rate));
        }
    }
}

fn share(rate: &Rate) -> String {
    let percent = |points: u64| format!("{}.{:02} %", points / 100, points % 100);
    let interval = format!("(95 %: {} to {})", percent(rate.low), percent(rate.high));
    format!("{} {}", percent(rate.basis_points), paint(QUIET, interval))
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::TooLittleData { have, need } => paint(
            ASK,
            format_args!("too little data: {have} of {need} answers that a verdict needs"),
        ),
        Verdict::Ceremonial { why } => paint(STOP, format_args!("CEREMONIAL: {}", why.join("; "))),
        Verdict::Sound => paint(GO, "no sign of theater"),
    }
}
