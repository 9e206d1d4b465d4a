//! `tagout eval`: decisions on scenarios, or the search on queries.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use tagout_core::limits;
use tagout_search::{
    MemoryCache, Mode, SearchOptions, evaluate as evaluate_retrieval, parse_corpus, parse_queries,
};

use crate::bundled;
use crate::config::{BadInput, read_text};
use crate::evaluation::{Agent, EvaluationReport, Scenario, Thresholds, evaluate, parse_scenarios};
use crate::matching::{Matcher, embedder};
use crate::terminal::{GO, QUIET, STOP, STRONG, paint, printable, shortened};

use super::demo::{bundled_runbooks, evaluation_policy};
use super::run::{load_policy, load_runbooks};
use super::{Failure, Outcome, print_json};

/// The largest file of scenarios, queries or pages that is read.
const FILE_BYTES: usize = limits::BODY_BYTES;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<EvalCommand>,
    /// The directory of runbooks [default: the bundled ones].
    #[arg(long, value_name = "DIR")]
    runbooks: Option<PathBuf>,
    /// The scenarios, as JSON Lines [default: the bundled ones].
    #[arg(long, value_name = "FILE")]
    scenarios: Option<PathBuf>,
    /// The policy [default: with bundled scenarios the evaluation's own, else the shipped one].
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Write the result as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// The least share of scenarios whose runbook is right.
    #[arg(long, value_name = "SHARE", default_value_t = Thresholds::default().triage)]
    min_triage: f64,
    /// The greatest share of scenarios that bother a person without need.
    #[arg(long, value_name = "SHARE", default_value_t = Thresholds::default().over_escalation)]
    max_over: f64,
    /// Score simpler agents on the same scenarios too; each must fall short.
    #[arg(long)]
    agents: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum EvalCommand {
    /// Evaluate the search alone: recall, no-match, calibration.
    Retrieval(RetrievalArgs),
}

#[derive(Debug, clap::Args)]
struct RetrievalArgs {
    /// The runbooks, as JSON Lines.
    #[arg(long, value_name = "FILE")]
    corpus: PathBuf,
    /// The alerts and their right runbooks, as JSON Lines; several files count as one set.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    queries: Vec<PathBuf>,
    /// Which parts of an alert the search may see.
    #[arg(long, value_enum, default_value_t = QueryMode::Full)]
    mode: QueryMode,
    /// Switch exact keys off, to see what the text alone achieves.
    #[arg(long)]
    no_keys: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum QueryMode {
    /// Name, labels, summary and description.
    Full,
    /// Name as words, summary and description.
    Text,
    /// Summary and description only.
    Prose,
}

pub(super) fn run(args: &Args) -> Outcome {
    match &args.command {
        Some(EvalCommand::Retrieval(args)) => retrieval(args),
        None => scenarios(args),
    }
}

fn scenarios(args: &Args) -> Outcome {
    for (name, share) in [("--min-triage", args.min_triage), ("--max-over", args.max_over)] {
        if !(0.0..=1.0).contains(&share) {
            return Err(Failure::BadInput(format!("{name}: {share} is not a share from 0 to 1")));
        }
    }
    let runbooks = match &args.runbooks {
        Some(dir) => load_runbooks(dir)?,
        None => bundled_runbooks()?,
    };
    let policy = match (&args.policy, &args.scenarios) {
        (Some(file), _) => load_policy(Some(file))?,
        (None, None) => evaluation_policy()?,
        (None, Some(_)) => load_policy(None)?,
    };
    let scenarios = match &args.scenarios {
        Some(file) => parse_scenarios(&file.display().to_string(), &read_text(file, FILE_BYTES)?)?,
        None => bundled_scenarios()?,
    };
    let thresholds = Thresholds { triage: args.min_triage, over_escalation: args.max_over };
    let matcher = Matcher::new(embedder()?, &runbooks, &mut MemoryCache::default())?;
    let score = |agent| evaluate(agent, &scenarios, &runbooks, &policy, &matcher);
    let report = score(Agent::Tagout)?;
    if let Some(file) = &args.junit {
        fs::write(file, report.junit())
            .map_err(|e| Failure::Fault(format!("{}: {e}", file.display())))?;
    }
    let mut others = Vec::new();
    if args.agents {
        for agent in Agent::ALL.into_iter().filter(|agent| *agent != Agent::Tagout) {
            others.push(score(agent)?);
        }
    }
    let short = report.shortfalls(thresholds);
    let toothless: Vec<&EvaluationReport> =
        others.iter().filter(|r| r.shortfalls(thresholds).is_empty()).collect();
    if args.json {
        let mut value = serde_json::to_value(&report)
            .map_err(|e| Failure::Fault(format!("the result cannot be written: {e}")))?;
        if args.agents
            && let Some(members) = value.as_object_mut()
        {
            let others = serde_json::to_value(&others).unwrap_or_default();
            members.insert("agents".into(), others);
        }
        print_json(&value)?;
    } else {
        print_report(&report, &short);
        if args.agents {
            print_agents(&report, &others, thresholds);
        }
    }
    for report in &toothless {
        anstream::eprintln!(
            "tagout: {} reaches the thresholds; the scenarios are too easy",
            report.agent
        );
    }
    if short.is_empty() && toothless.is_empty() { Ok(()) } else { Err(Failure::DoesNotHold) }
}

/// The bundled scenarios.
fn bundled_scenarios() -> Result<Vec<Scenario>, BadInput> {
    let mut all = Vec::new();
    for (file, text) in bundled::SCENARIOS {
        all.extend(parse_scenarios(file, text)?);
    }
    Ok(all)
}

fn print_report(report: &EvaluationReport, short: &[String]) {
    let head =
        format!("{:<6} {:<22} {:>6}  {:<9} {:<6}", "id", "runbook", "conf", "decision", "person");
    anstream::println!("{}", paint(STRONG, head));
    for case in &report.cases {
        let verdict = if case.passed { paint(GO, "ok") } else { paint(STOP, "WRONG") };
        let confidence = case.confidence.map_or_else(|| "-".into(), |c| format!("{c:.4}"));
        anstream::println!(
            "{:<6} {:<22} {confidence:>6}  {:<9} {:<6} {verdict}",
            shortened(&case.id, 6),
            shortened(case.runbook.as_deref().unwrap_or("-"), 22),
            case.decision,
            if case.human_review { "yes" } else { "no" },
        );
        for wrong in &case.wrong {
            anstream::println!("       {}", printable(wrong));
        }
    }
    anstream::println!("\n{}", paint(STRONG, "By category"));
    for (category, figures) in &report.by_category {
        anstream::println!("  {category:<18} {:>3} of {:>3}", figures.passed, figures.total);
    }
    let (triage, escalation) = (report.triage, report.escalation);
    anstream::println!("\n{}", paint(STRONG, "In all"));
    anstream::println!("  passed             {} of {}", report.passed, report.total);
    anstream::println!(
        "  triage             {:.3}  (wrong {}, missed {}, false {})",
        triage.accuracy,
        triage.wrong_match,
        triage.missed_match,
        triage.false_match
    );
    anstream::println!(
        "  escalation         {:.3}  (over {}, under {})",
        escalation.appropriate,
        escalation.over,
        escalation.under
    );
    let complete = if report.audit_complete { "complete" } else { "INCOMPLETE" };
    anstream::println!("  audit trail        {complete}");
    anstream::println!(
        "  alert to decision  p50 {} µs, p99 {} µs",
        report.latency_us.p50,
        report.latency_us.p99
    );
    if short.is_empty() {
        anstream::println!("\n{}", paint(GO, "HOLDS"));
    }
    for line in short {
        anstream::println!("\n{}  {line}", paint(STOP, "FALLS SHORT"));
    }
}

fn print_agents(own: &EvaluationReport, others: &[EvaluationReport], thresholds: Thresholds) {
    let head =
        format!("\n{:<16} {:>7} {:>6} {:>5} {:>6}", "agent", "triage", "over", "under", "passed");
    anstream::println!("{}", paint(STRONG, head));
    for report in std::iter::once(own).chain(others) {
        let short = report.shortfalls(thresholds);
        let verdict = if short.is_empty() { "holds".to_owned() } else { short.join("; ") };
        anstream::println!(
            "{:<16} {:>7.3} {:>6} {:>5} {:>6}  {}",
            report.agent,
            report.triage.accuracy,
            report.escalation.over,
            report.escalation.under,
            report.passed,
            paint(QUIET, verdict)
        );
    }
}

fn retrieval(args: &RetrievalArgs) -> Outcome {
    let read = |path: &Path| read_text(path, FILE_BYTES);
    let bad = |error: tagout_search::SearchError| Failure::BadInput(error.to_string());
    let corpus =
        parse_corpus(&args.corpus.display().to_string(), &read(&args.corpus)?).map_err(bad)?;
    let mut queries = Vec::new();
    for path in &args.queries {
        queries.extend(parse_queries(&path.display().to_string(), &read(path)?).map_err(bad)?);
    }
    let options = SearchOptions {
        mode: match args.mode {
            QueryMode::Full => Mode::Full,
            QueryMode::Text => Mode::Text,
            QueryMode::Prose => Mode::Prose,
        },
        keys: !args.no_keys,
        ..SearchOptions::default()
    };
    let embedder = embedder()?;
    let mut cache = MemoryCache::default();
    let report =
        evaluate_retrieval(&embedder, &corpus, &queries, &options, &mut cache).map_err(bad)?;
    if args.json {
        return print_json(&report);
    }
    let number = |value: Option<f64>| value.map_or_else(|| "-".into(), |v| format!("{v:.4}"));
    anstream::println!("documents            {}", report.documents);
    anstream::println!(
        "queries              {} ({} with a runbook, {} without)",
        report.queries,
        report.with_runbook,
        report.without_runbook
    );
    anstream::println!("recall at 1          {:.4}", report.recall_at_1);
    anstream::println!("recall at 3          {:.4}", report.recall_at_3);
    anstream::println!("mean reciprocal rank {:.4}", report.mrr);
    anstream::println!("no match, AUROC      {}", number(report.no_match.auroc));
    anstream::println!("coverage at 95 %     {:.4}", report.no_match.coverage_at_95_precision);
    anstream::println!("ECE                  {:.4}", report.calibration.ece);
    anstream::println!("ECE, cross-validated {}", number(report.calibration.ece_cross_validated));
    anstream::println!("Brier                {:.4}", report.calibration.brier);
    anstream::println!(
        "search               p50 {} µs, p99 {} µs",
        report.latency_us.p50,
        report.latency_us.p99
    );
    Ok(())
}
