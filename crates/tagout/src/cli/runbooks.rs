//! `tagout runbooks`: check, list and search.

use std::path::PathBuf;

use serde::Serialize;
use tagout_core::alert::{Alert, AlertStatus};
use tagout_core::policy::EscalationPolicy;

use crate::matching::{Matcher, Search as _, embedder};
use crate::runbooks::{self, Level};
use crate::terminal::{QUIET, STRONG, paint, printable, shortened};

use super::run::load_runbooks;
use super::{Failure, Home, Outcome, print_json};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Check a directory of runbooks: file, line, field, and what to do.
    Lint {
        #[command(flatten)]
        dir: Directory,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the runbooks of a directory.
    List {
        #[command(flatten)]
        dir: Directory,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say what a text would find, with the reasons.
    Search {
        /// What an alert would say.
        text: String,
        #[command(flatten)]
        dir: Directory,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of the front matter, for editors.
    Schema,
}

#[derive(Debug, clap::Args)]
pub(super) struct Directory {
    /// The directory of runbooks [default: the configuration's].
    #[arg(value_name = "DIR")]
    path: Option<PathBuf>,
}

impl Directory {
    fn resolve(&self, home: &Home) -> Result<PathBuf, Failure> {
        match &self.path {
            Some(path) => Ok(path.clone()),
            None => home
                .config()?
                .runbooks
                .ok_or_else(|| Failure::BadInput("which runbooks? Give the directory".into())),
        }
    }
}

#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    title: &'a str,
    risk: &'static str,
    steps: usize,
    executable: bool,
    alert_names: &'a [String],
    digest: String,
}

pub(super) fn run(home: &Home, command: &Command) -> Outcome {
    match command {
        Command::Lint { dir, json } => lint(&dir.resolve(home)?, *json),
        Command::List { dir, json } => list(&dir.resolve(home)?, *json),
        Command::Search { text, dir, json } => search(home, &dir.resolve(home)?, text, *json),
        Command::Schema => print_json(&runbooks::schema()),
    }
}

fn lint(dir: &std::path::Path, json: bool) -> Outcome {
    let findings = runbooks::lint(dir);
    let errors = findings.iter().filter(|f| f.level == Level::Error).count();
    if json {
        print_json(&findings)?;
    } else {
        for finding in &findings {
            anstream::println!("{}", printable(&finding.to_string()));
        }
        anstream::println!("{errors} errors, {} warnings", findings.len() - errors);
    }
    if errors == 0 { Ok(()) } else { Err(Failure::DoesNotHold) }
}

fn list(dir: &std::path::Path, json: bool) -> Outcome {
    let catalogue = load_runbooks(dir)?;
    if json {
        let listed: Vec<_> = catalogue
            .iter()
            .map(|r| Listed {
                id: &r.id,
                title: &r.title,
                risk: r.risk.name(),
                steps: r.steps.len(),
                executable: r.is_executable(),
                alert_names: &r.keys.alert_names,
                digest: r.digest.to_string(),
            })
            .collect();
        return print_json(&listed);
    }
    for r in catalogue.iter() {
        let steps = if r.is_executable() { "steps" } else { "steps, all for people" };
        anstream::println!(
            "{}  {:<8}  {}  {}",
            paint(STRONG, format_args!("{:<24}", printable(&r.id))),
            r.risk,
            shortened(&r.title, 44),
            paint(QUIET, format_args!("{} {steps}", r.steps.len()))
        );
    }
    Ok(())
}

fn search(home: &Home, dir: &std::path::Path, text: &str, json: bool) -> Outcome {
    let catalogue = load_runbooks(dir)?;
    let mut matcher = Matcher::new(embedder()?, &catalogue, &mut home.dir()?.vectors())?;
    let alert = Alert {
        id: String::new(),
        source: "search".into(),
        status: AlertStatus::Firing,
        severity: None,
        title: text.into(),
        message: Default::default(),
        labels: Default::default(),
        annotations: Default::default(),
        metrics: Default::default(),
        starts_at: None,
        ends_at: None,
        runbook_url: None,
    };
    alert.check().map_err(|e| Failure::BadInput(e.to_string()))?;
    let findings = matcher.find(&alert)?;
    if json {
        return print_json(&findings);
    }
    let least = EscalationPolicy::shipped().map_err(|e| Failure::Fault(e.to_string()))?.min_match;
    for candidate in findings.candidates.iter().take(5) {
        let terms: Vec<_> = candidate.matched_terms.iter().map(|t| printable(t)).collect();
        anstream::println!(
            "{}  {}  {}",
            candidate.confidence,
            paint(STRONG, format_args!("{:<24}", printable(&candidate.runbook))),
            paint(QUIET, terms.join(", "))
        );
    }
    if findings.candidates.first().is_none_or(|best| best.confidence < least) {
        anstream::println!("No match: nothing reaches {least}. A person would be called.");
    }
    Ok(())
}
