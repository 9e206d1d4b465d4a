//! `tagout run`: the pipeline once.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::Catalogue;

use crate::config::{BadInput, read_policy};
use crate::engine::{Engine, Taken};
use crate::matching::{Matcher, embedder};
use crate::runbooks;
use crate::signals::{self, Delivery};
use crate::summary::Summary;
use crate::terminal::telling::Telling;
use crate::terminal::{QUIET, paint, printable};

use super::place::bring_into_force;
use super::{Failure, Home, Outcome, print_json};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The directory of runbooks [default: the configuration's].
    #[arg(long, value_name = "DIR")]
    runbooks: Option<PathBuf>,
    /// The policy file [default: the configuration's, else the shipped policy].
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The alerts: JSON, JSON Lines or a webhook body; `-` is standard input.
    #[arg(long, value_name = "FILE", default_value = "-")]
    alerts: PathBuf,
    /// Print one JSON document instead of the story.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    incidents: Vec<Summary>,
    flawed: Vec<Flawed>,
    /// How many alerts the sender left out of the body.
    truncated: u64,
    log: LogState,
}

#[derive(Serialize)]
struct Flawed {
    index: u64,
    flaw: String,
}

#[derive(Serialize)]
struct LogState {
    entries: u64,
    checkpoint: String,
}

pub(super) fn run(home: &Home, args: &Args) -> Outcome {
    // Everything from outside is read and checked before anything is written.
    let config = home.config()?;
    let runbooks_dir = args.runbooks.as_ref().or(config.runbooks.as_ref()).ok_or_else(|| {
        Failure::BadInput("no runbooks: give --runbooks DIR, or set it in tagout.toml".into())
    })?;
    let catalogue = load_runbooks(runbooks_dir)?;
    let policy = load_policy(args.policy.as_deref().or(config.policy.as_deref()))?;
    let policy = config.bind(policy);
    let delivery = read_alerts(&args.alerts)?;

    let dir = home.dir()?;
    if dir.prepare()? {
        anstream::eprintln!("tagout: made {} with a new signing key", dir.path().display());
    }
    // A key that cannot sign is found out before anything is recorded.
    let (signer, journal) = (dir.signer()?, dir.journal()?);
    let matcher = Matcher::new(embedder()?, &catalogue, &mut dir.vectors())?;
    let mut engine = Engine::new(journal, policy, catalogue, matcher);
    let telling = Telling::default();
    if !args.json {
        let telling = telling.clone();
        engine = engine.observed_by(move |recorded| telling.hear(recorded));
    }
    bring_into_force(&dir, &mut engine)?;
    for (id, error) in engine.recover()? {
        anstream::eprintln!("tagout: {id} could not be brought further: {error}");
    }
    let taken = engine.receive(&delivery);
    telling.tell();
    let taken = taken?;
    let checkpoint = dir.sign(engine.journal_mut(), &signer)?.to_string();

    let mut report = Report {
        incidents: Vec::new(),
        flawed: Vec::new(),
        truncated: delivery.truncated,
        log: LogState { entries: engine.journal().log().size(), checkpoint },
    };
    let mut seen = std::collections::BTreeSet::new();
    for one in taken {
        match one {
            Taken::Incident(id) => {
                if seen.insert(id.clone()) {
                    report.incidents.extend(Summary::of(&id, engine.journal().incident(&id)));
                }
            }
            Taken::Flawed(flawed) => {
                report.flawed.push(Flawed { index: flawed.index, flaw: flawed.flaw.to_string() });
            }
        }
    }
    if args.json {
        print_json(&report)?
    } else {
        print_end(&report)
    }
    if report.flawed.is_empty() {
        return Ok(());
    }
    Err(Failure::BadInput(format!(
        "{} alerts could not be read and have no decision",
        report.flawed.len()
    )))
}

fn print_end(report: &Report) {
    anstream::println!();
    for flawed in &report.flawed {
        anstream::println!("  alert {} was not read: {}", flawed.index, printable(&flawed.flaw));
    }
    if report.truncated > 0 {
        anstream::println!("  the sender left out {} further alerts", report.truncated);
    }
    let pending = report.incidents.iter().filter(|i| i.state == "pending_review").count();
    anstream::println!(
        "{} {}, {pending} pending review, {} log entries, signed. {}",
        report.incidents.len(),
        if report.incidents.len() == 1 { "incident" } else { "incidents" },
        report.log.entries,
        paint(QUIET, "`tagout approvals list` shows what waits; `tagout audit show` the trail.")
    );
}

/// The runbooks of a directory; every error of every page otherwise.
pub(super) fn load_runbooks(dir: &Path) -> Result<Catalogue, Failure> {
    match runbooks::load(dir) {
        Ok(loaded) => Ok(loaded.catalogue),
        Err(errors) => {
            let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
            Err(Failure::BadInput(format!(
                "{} cannot be used as it is:\n{}",
                dir.display(),
                lines.join("\n")
            )))
        }
    }
}

/// The policy in `file`, or the shipped one.
pub(super) fn load_policy(file: Option<&Path>) -> Result<EscalationPolicy, Failure> {
    match file {
        Some(file) => Ok(read_policy(file)?),
        None => EscalationPolicy::shipped().map_err(|e| Failure::Fault(e.to_string())),
    }
}

/// The alerts in `file`; `-` is standard input.
pub(super) fn read_alerts(file: &Path) -> Result<Delivery, Failure> {
    let stdin = file == Path::new("-");
    let name = if stdin { "standard input".to_owned() } else { file.display().to_string() };
    let named = |what: String| BadInput(format!("{name}: {what}"));
    let body = if stdin {
        if io::stdin().is_terminal() {
            anstream::eprintln!("tagout: reading alerts from the terminal; end with Ctrl-D");
        }
        signals::read_bounded(io::stdin().lock())
    } else {
        signals::read_bounded(File::open(file).map_err(|e| named(e.to_string()))?)
    };
    let body = body.map_err(|e| named(e.to_string()))?;
    Ok(signals::read(&body).map_err(|e| named(e.to_string()))?)
}
