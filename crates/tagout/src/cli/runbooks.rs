//! `tagout runbooks`: check, list, search and admit.

use std::path::PathBuf;

use serde::Serialize;
use tagout_core::alert::{Alert, AlertStatus};
use tagout_core::policy::EscalationPolicy;

use crate::matching::{Matcher, Search as _, embedder};
use crate::runbooks::{self, Level};
use crate::terminal::{QUIET, STRONG, paint, printable, shortened};

use super::approvals::Who;
use super::client::Server;
use super::place::{Needs, Place};
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
    /// Admit a page to live mode, in exactly the version that is shown: any change of it returns
    /// it to dry-run. Without --digest it is shown only.
    Admit(AdmitArgs),
    /// Print the JSON Schema of the front matter, for editors.
    Schema,
}

#[derive(Debug, clap::Args)]
pub(super) struct AdmitArgs {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    who: Who,
    /// The id of the runbook.
    runbook: String,
    /// The digest of the page that you read, or its first 12 digits or more.
    #[arg(long)]
    digest: Option<String>,
    /// The directory of runbooks [default: the configuration's].
    #[arg(long, value_name = "DIR")]
    runbooks: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
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
        Command::Admit(args) => admit(home, args),
        Command::Lint { dir, json } => lint(&dir.resolve(home)?, *json),
        Command::List { dir, json } => list(&dir.resolve(home)?, *json),
        Command::Search { text, dir, json } => search(home, &dir.resolve(home)?, text, *json),
        Command::Schema => print_json(&runbooks::schema()),
    }
}

fn lint(dir: &std::path::Path, json: bool) -> Outcome {
    // A directory that is not there is a slip of the call and no finding about a page.
    std::fs::read_dir(dir).map_err(|e| {
        Failure::BadInput(format!("{}: {e}; name a directory of pages", dir.display()))
    })?;
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
            r.risk.name(),
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
            "{:<6}  {}  {}",
            candidate.confidence.to_string(),
            paint(STRONG, format_args!("{:<24}", printable(&candidate.runbook))),
            paint(QUIET, terms.join(", "))
        );
    }
    if findings.candidates.first().is_none_or(|best| best.confidence < least) {
        anstream::println!("No match: nothing reaches {least}. A person would be called.");
    }
    Ok(())
}

/// Shows what would be admitted, and admits it if the digest of exactly that is given.
fn admit(home: &Home, args: &AdmitArgs) -> Outcome {
    let needs = Needs::Plans(args.runbooks.as_ref());
    let mut place = Place::open(home, &args.server, &args.who, needs)?;
    let shown = place.admission(&args.runbook)?.ok_or_else(|| {
        Failure::BadInput(format!("there is no runbook {:?} among those in force", args.runbook))
    })?;
    let shown = match &place {
        Place::Here(..) => shown.in_mode(home.config()?.mode.mode()),
        // A service says it itself.
        Place::There(_) => shown,
    };
    let digest = args.digest.as_ref().map(|digest| digest.to_ascii_lowercase());
    let admitted = match &digest {
        None => false,
        Some(digest) if digest.len() < 12 => {
            return Err(Failure::BadInput("--digest: give 12 digits of it or more".into()));
        }
        Some(digest) if !shown.digest.starts_with(digest) => {
            return Err(Failure::BadInput(format!(
                "--digest: the page is {} now; read it again",
                shown.digest
            )));
        }
        Some(_) => {
            place.admit(&shown)?;
            true
        }
    };
    if args.json {
        let mut value = serde_json::json!(shown);
        value["admitted_now"] = admitted.into();
        return print_json(&value);
    }
    anstream::println!("{} {}", paint(STRONG, "Runbook"), printable(&shown.runbook));
    anstream::println!("  page     {}", shown.digest);
    if let Some(before) = &shown.admitted {
        let by = shown.admitted_by.as_deref().unwrap_or_default();
        anstream::println!("  before   {before}, admitted by {}", printable(by));
    }
    if let Some(author) = &shown.author {
        anstream::println!("  author   {}, who may not admit it", printable(author));
    }
    for line in &shown.in_the_way {
        anstream::println!("  note     {}", printable(line));
    }
    for line in shown.difference.iter().flatten() {
        anstream::println!("  {}", printable(line));
    }
    match admitted {
        true => anstream::println!("Admitted to live mode."),
        false => anstream::println!(
            "{}. To admit it, give --digest {}",
            shown.standing,
            shown.digest.get(..12).unwrap_or(&shown.digest)
        ),
    }
    Ok(())
}
