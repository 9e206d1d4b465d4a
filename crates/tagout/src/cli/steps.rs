//! `tagout steps`: the steps of live plans that are not over, and what people say of them.

use tagout_core::digest::PlanDigest;
use tagout_core::event::StepFinding;

use crate::asks::IncidentAsk;
use crate::steps::{OpenStep, Standing};
use crate::terminal::{ASK, GO, STOP, is_read, paint, print_lines, printable};

use super::approvals::{Who, print_state};
use super::client::Server;
use super::place::{Needs, Place};
use super::{Failure, Home, Outcome, next, print_json};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the steps that run, of which nobody knows what they did, or that are for a person.
    List {
        #[command(flatten)]
        who: Who,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say what a step did of which nobody knows, or that one which is for a person is done. With
    /// that the plan goes on or ends. Nothing is ever run again by itself.
    Resolve(ResolveArgs),
}

#[derive(Debug, clap::Args)]
struct ResolveArgs {
    /// The incident.
    incident: String,
    /// The digest of the plan, or its first 12 digits or more.
    #[arg(long, value_name = "DIGEST")]
    plan: String,
    /// The step.
    #[arg(long)]
    step: String,
    /// Which attempt.
    #[arg(long, default_value_t = 1)]
    attempt: u32,
    #[command(flatten)]
    finding: Finding,
    /// How you know.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    who: Who,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Finding {
    /// It ran, and did what it should.
    #[arg(long)]
    ran: bool,
    /// It did not run, or did not do what it should.
    #[arg(long)]
    did_not_run: bool,
    /// Nobody can say yet: you look into it, and it stays unknown.
    #[arg(long)]
    investigate: bool,
}

impl Finding {
    const fn finding(&self) -> StepFinding {
        match self {
            Self { ran: true, .. } => StepFinding::Ran,
            Self { did_not_run: true, .. } => StepFinding::DidNotRun,
            Self { .. } => StepFinding::Investigating,
        }
    }
}

pub(super) fn run(home: &Home, args: &Args) -> Outcome {
    match &args.command {
        Command::List { who, json } => {
            let mut place = Place::open(home, &args.server, who, Needs::Answers)?;
            let steps = place.steps()?;
            if *json {
                return print_json(&serde_json::json!({ "steps": steps }));
            }
            if steps.is_empty() {
                anstream::println!("No step is under way, unknown or for a person.");
            }
            let by = place.by();
            for (n, step) in steps.iter().enumerate() {
                if !is_read() {
                    anstream::println!("{}", line(step));
                    continue;
                }
                if n > 0 {
                    anstream::println!();
                }
                print_lines(&told(step, by));
            }
            Ok(())
        }
        Command::Resolve(args_) => resolve(home, &args.server, args_),
    }
}

fn resolve(home: &Home, server: &Server, args: &ResolveArgs) -> Outcome {
    let mut place = Place::open(home, server, &args.who, Needs::Answers)?;
    let named = args.plan.to_ascii_lowercase();
    let ours = |one: &OpenStep| {
        one.incident == args.incident && one.step == args.step && one.attempt == args.attempt
    };
    let open: Vec<_> = place.steps()?.into_iter().filter(ours).collect();
    let digest = match open.iter().find(|one| one.plan.starts_with(&named) && named.len() >= 12) {
        Some(one) => one.plan.clone(),
        None => named,
    };
    let plan: PlanDigest = digest.parse().map_err(|_| {
        Failure::BadInput(match open.first() {
            Some(one) => format!("--plan: give 12 digits or more of {}", one.plan),
            None => format!(
                "no step {} (attempt {}) of {} is open; `tagout steps list` shows those that are",
                args.step, args.attempt, args.incident
            ),
        })
    })?;
    let ask = IncidentAsk::ResolveStep {
        plan,
        step: args.step.clone(),
        attempt: args.attempt,
        finding: args.finding.finding(),
        reason: args.reason.as_str().into(),
    };
    print_state(&place.ask(&args.incident, &ask)?, place.by(), args.json)
}

/// A step as a person reads it, with the command to type.
fn told(step: &OpenStep, by: &str) -> Vec<String> {
    let state = match step.state {
        Standing::Running => paint(GO, "running"),
        Standing::Unknown => paint(STOP, "unknown"),
        Standing::ForAPerson => paint(ASK, "for a person"),
    };
    let title = step.title.as_deref().map(|title| format!(": {}", printable(title)));
    let target = step.target.as_deref().map(|target| format!(" on {}", printable(target)));
    let (incident, name) = (printable(&step.incident), printable(&step.step));
    let (title, target) = (title.unwrap_or_default(), target.unwrap_or_default());
    let mut lines =
        vec![format!("{incident}  {state}  step {name}{target}, attempt {}{title}", step.attempt)];
    if step.state != Standing::Running {
        lines.extend(next::word(step, by).map(|line| format!("  {line}")));
    }
    lines
}

/// A step in one line, for programs.
fn line(step: &OpenStep) -> String {
    let stands = match step.state {
        Standing::Running => "runs",
        Standing::Unknown => "unknown: say what it did with `tagout steps resolve`",
        Standing::ForAPerson => "for a person: say when it is done with `tagout steps resolve`",
    };
    let OpenStep { incident, plan, attempt, .. } = step;
    let title = step.title.as_deref().map(|title| format!(", {}", printable(title)));
    let target = step.target.as_deref().map(|target| format!(" on {}", printable(target)));
    format!(
        "{incident}  plan {}  step {} (attempt {attempt}){}{}: {stands}",
        plan.get(..12).unwrap_or(plan),
        printable(&step.step),
        title.unwrap_or_default(),
        target.unwrap_or_default()
    )
}
